// SPDX-License-Identifier: Apache-2.0

package connecttest

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/connectd/connectd/connect"
)

// Golden compares a text with the file at the path, which update writes anew.
func Golden(t testing.TB, path, got string, update bool) {
	t.Helper()
	if update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s is not what the test makes; its update flag writes it anew (-want +got):\n%s", path, diff)
	}
}

// Text lists the keys and values of a state in hexadecimal, a line each, in the order of
// the keys.
func (s *State) Text() string {
	var b strings.Builder
	for _, k := range s.Keys() {
		v, _ := s.Get([]byte(k))
		fmt.Fprintf(&b, "%s %s\n", hex.EncodeToString([]byte(k)), hex.EncodeToString(v))
	}
	return b.String()
}

// Lines decodes a file of one JSON document a line.
func Lines[T any](t testing.TB, path string) []T {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var all []T
	for line := range strings.Lines(string(text)) {
		var v T
		if err := json.Unmarshal([]byte(line), &v); err != nil {
			t.Fatal(err)
		}
		all = append(all, v)
	}
	return all
}

// ReadmeTables compares the tables of README.md, in the directory of the test, with what
// declares them: tables holds the text of each by its mark. A table stands between
// <!-- mark --> and <!-- end -->. With update they are written anew.
func ReadmeTables(t testing.TB, tables map[string]string, update bool) {
	t.Helper()
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	want := string(text)
	for mark, table := range tables {
		before, rest, ok := strings.Cut(want, "<!-- "+mark+" -->\n")
		_, after, found := strings.Cut(rest, "<!-- end -->\n")
		if !ok || !found {
			t.Fatalf("README.md has no place for the %s", mark)
		}
		want = before + "<!-- " + mark + " -->\n" + table + "<!-- end -->\n" + after
	}
	Golden(t, "README.md", want, update)
}

// OptionTable is the table of options of a README.
func OptionTable(keys *connect.ConfigDef) string {
	var b strings.Builder
	b.WriteString("| Option | Type | Default | |\n|---|---|---|---|\n")
	for _, k := range keys.Keys() {
		def := "`" + k.Default + "`"
		switch {
		case k.Required:
			def = "required"
		case k.Null || k.Default == "":
			def = "not set"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", k.Name, k.Type, def, k.Doc)
	}
	return b.String()
}
