// SPDX-License-Identifier: Apache-2.0

package state

import (
	"context"
	"flag"
	"os"
	"testing"

	"go.uber.org/goleak"
)

var update = flag.Bool("update", false, "write the golden files")

// kinds are the kinds of store; what both promise is tested for both.
var kinds = []Kind{Memory, Disk}

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		child(dir)
		return
	}
	goleak.VerifyTestMain(m)
}

// open opens tables that the test closes.
func open(t *testing.T, o Options) *Tables {
	t.Helper()
	tables, err := Open(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeTables(t, tables) })
	return tables
}

func closeTables(t *testing.T, tables *Tables) {
	t.Helper()
	if err := tables.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
}

// commit takes what is filling through a transaction.
func commit(t testing.TB, tables *Tables, log *memoryLog) {
	t.Helper()
	u, err := tables.Freeze()
	if err != nil {
		t.Fatal(err)
	}
	if err := u.Committed(log.commit(u)); err != nil {
		t.Fatal(err)
	}
	if err := tables.Apply(); err != nil {
		t.Fatal(err)
	}
}

func wantValue(t *testing.T, table *Table, key, want string) {
	t.Helper()
	if got, ok := table.Get([]byte(key)); !ok || string(got) != want {
		t.Fatalf("Get(%q) = %q, %v, want %q", key, got, ok, want)
	}
}

func wantAbsent(t *testing.T, table *Table, key string) {
	t.Helper()
	if got, ok := table.Get([]byte(key)); ok {
		t.Fatalf("Get(%q) = %q, want none", key, got)
	}
}
