// SPDX-License-Identifier: Apache-2.0

package pgtest

import (
	"strings"
	"testing"
	"time"
)

func soon(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !ok(); {
		if time.Now().After(end) {
			t.Fatalf("in vain: %s", what)
		}
		<-time.After(10 * time.Millisecond)
	}
}

func TestStandby(t *testing.T) {
	srv := start(t, Options{})
	srv.MustExec(t, "postgres", "CREATE TABLE t (id int); INSERT INTO t SELECT generate_series(1, 50000)")
	standby, err := srv.Standby(t.Context(), map[string]string{"application_name": "second"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := standby.Close(); err != nil {
			t.Error(err)
		}
	})
	if got := one(t, standby, "SELECT current_setting('application_name') || ' ' || pg_is_in_recovery()"); got != "second true" {
		t.Errorf("the standby says %s", got)
	}
	if got := one(t, srv, "SELECT count(*) FROM pg_replication_slots WHERE slot_name = '"+standby.StandbySlot()+"'"); got != "1" || srv.StandbySlot() != "" {
		t.Errorf("the primary has %s slots for it", got)
	}
	srv.MustExec(t, "postgres", "INSERT INTO t VALUES (50001)")
	soon(t, "the standby follows", func() bool { return one(t, standby, "SELECT count(*) FROM t") == "50001" })
	if err := standby.Exec(t.Context(), "postgres", "INSERT INTO t VALUES (0)"); err == nil || !strings.Contains(err.Error(), "read-only") {
		t.Errorf("a standby takes writes: %v", err)
	}
	if err := standby.Promote(t.Context()); err != nil {
		t.Fatal(err)
	}
	standby.MustExec(t, "postgres", "INSERT INTO t VALUES (50002)")
	if got := one(t, standby, "SELECT (SELECT count(*) FROM t) || ' ' || substr(pg_walfile_name(pg_current_wal_lsn()), 8, 1)"); got != "50002 2" {
		t.Errorf("behind the promotion there are %s", got)
	}
	if got := one(t, srv, "SELECT count(*) FROM t"); got != "50001" {
		t.Errorf("the server it is of has %s rows", got)
	}
}

func TestStandbyRefuses(t *testing.T) {
	other, err := Connect("postgres://me@127.0.0.1:1/postgres")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := other.Standby(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "programs of this machine") {
		t.Errorf("a standby of a server that was not started here: %v", err)
	}
}
