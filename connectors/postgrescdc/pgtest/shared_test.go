// SPDX-License-Identifier: Apache-2.0

package pgtest

import (
	"regexp"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
)

func TestDatabaseIsDroppedWithTheTest(t *testing.T) {
	srv := Shared(t)
	var name string
	t.Run("Uses/A Database", func(t *testing.T) {
		name = srv.Database(t)
		srv.MustExec(t, name, "CREATE TABLE t (id int); INSERT INTO t VALUES (1)")
		srv.MustExec(t, name, "SELECT pg_create_logical_replication_slot('"+Name(t, "Idle")+"', 'pgoutput')")
		streamFromSlot(t, srv, name)
		// Last, as the creation of a slot waits for all transactions to end.
		srv.MustExec(t, name, "BEGIN; INSERT INTO t VALUES (2); PREPARE TRANSACTION 'it''s "+Name(t, "gid")+"'")
	})
	if !regexp.MustCompile(`^testdatabaseisdroppedwiththetest_uses_a_database_[a-z0-9]{12}$`).MatchString(name) && len(name) != 63 {
		t.Errorf("name of the database is %s", name)
	}
	left := srv.MustQuery(t, "postgres", "SELECT datname FROM pg_database WHERE datname = '"+name+"'")
	if len(left) != 0 {
		t.Errorf("database %v is still there", left)
	}
}

// streamFromSlot leaves an active walsender behind.
func streamFromSlot(t *testing.T, srv *Server, db string) {
	t.Helper()
	conn, err := pgconn.Connect(t.Context(), srv.URL(db)+"&replication=database")
	if err != nil {
		t.Fatal(err)
	}
	slot, pub := Name(t, "active"), Name(t, "pub")
	for _, sql := range []string{
		"CREATE PUBLICATION " + pub + " FOR ALL TABLES",
		"CREATE_REPLICATION_SLOT " + slot + " LOGICAL pgoutput NOEXPORT_SNAPSHOT",
	} {
		if _, err := conn.Exec(t.Context(), sql).ReadAll(); err != nil {
			t.Fatal(err)
		}
	}
	conn.Frontend().SendQuery(&pgproto3.Query{String: "START_REPLICATION SLOT " + slot + " LOGICAL 0/0 (proto_version '1', publication_names '" + pub + "')"})
	if err := conn.Frontend().Flush(); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.ReceiveMessage(t.Context()); err != nil {
		t.Fatal(err)
	}
	// Nothing is left to say goodbye to: the server ends the session first.
	t.Cleanup(func() { _ = conn.Conn().Close() })
}

func TestName(t *testing.T) {
	for prefix, start := range map[string]string{
		"slot":                    "slot_",
		"Ärger/mit Namen":         "_rger_mit_namen_",
		strings.Repeat("x", 1000): strings.Repeat("x", 50) + "_",
	} {
		a, b := Name(t, prefix), Name(t, prefix)
		if a == b || !strings.HasPrefix(a, start) || len(a) > 63 {
			t.Errorf("names %s and %s of prefix %.20s", a, b, prefix)
		}
	}
}

func TestExternalServer(t *testing.T) {
	srv := Shared(t)
	same, err := Connect(srv.URL("ignored"))
	if err != nil {
		t.Fatal(err)
	}
	if got := one(t, same, "SELECT current_database()"); got != "postgres" {
		t.Errorf("query ran in %s", got)
	}
	if same.URL("x") != srv.URL("x") || same.Addr() != srv.Addr() || same.User() != srv.User() {
		t.Errorf("URL %s, want %s", same.URL("x"), srv.URL("x"))
	}
	if err := same.Stop(t.Context(), Fast); err == nil {
		t.Error("a server that was not started here can be stopped")
	}
	if err := same.Restart(t.Context()); err == nil {
		t.Error("a server that was not started here can be restarted")
	}
	if _, err := same.Bin("psql"); err == nil {
		t.Error("a server that was not started here has programs")
	}
	if err := same.Close(); err != nil || same.Pid() != 0 || same.SocketDir() != "" {
		t.Errorf("close: %v, pid %d, socket %q", err, same.Pid(), same.SocketDir())
	}
	if got := one(t, srv, "SELECT 1"); got != "1" {
		t.Errorf("server says %s after Close", got)
	}
}

func TestConnectRefuses(t *testing.T) {
	for url, want := range map[string]string{
		"host=localhost":            `scheme "" must be postgres`,
		"mysql://root@localhost":    `scheme "mysql" must be postgres`,
		"postgres://localhost/x":    "must name host and user",
		"postgres://me@:5432/x":     "must name host and user",
		"postgres://me@h:notaport/": "read URL",
	} {
		if _, err := Connect(url); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", url, err, want)
		}
	}
	srv, err := Connect("postgresql://me:secret@db.example/shop?sslmode=require")
	if err != nil {
		t.Fatal(err)
	}
	if got := srv.URL("other"); got != "postgresql://me:secret@db.example:5432/other?sslmode=require" {
		t.Errorf("URL %s", got)
	}
}

func TestQuery(t *testing.T) {
	srv := Shared(t)
	rows := srv.MustQuery(t, "postgres", "SELECT 1; SELECT v, NULL FROM (VALUES ('a'), ('b')) AS t (v)")
	if len(rows) != 2 || rows[1][0] != "b" || rows[1][1] != "" {
		t.Errorf("rows %v", rows)
	}
	err := srv.Exec(t.Context(), "postgres", "SELECT nonsense")
	if err == nil || !strings.Contains(err.Error(), "42703") {
		t.Errorf("error %v", err)
	}
}
