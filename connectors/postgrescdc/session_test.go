// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connectors/postgrescdc/pgtest"
)

// sessions lists the connector's sessions in its database.
func (w *world) sessions() string {
	w.t.Helper()
	var out []string
	for _, r := range w.srv.MustQuery(w.t, w.db, "SELECT application_name || ' ' || coalesce(state, 'starts') FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'connectd srv %' ORDER BY 1") {
		out = append(out, r[0])
	}
	return strings.Join(out, ", ")
}

// pollUntilError polls until the task fails.
func (r *taskRun) pollUntilError() error {
	r.w.t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		ctx, cancel := context.WithTimeout(r.ctx, time.Second)
		err := r.task.Poll(ctx, &connect.Batch{MaxRecords: 1000, MaxBytes: 1 << 20})
		cancel()
		if err != nil {
			return err
		}
	}
	r.w.t.Fatal("the task does not fail")
	return nil
}

const wideRows = "CREATE TABLE wide (id int PRIMARY KEY, v text); INSERT INTO wide SELECT i, repeat('x', 5000) FROM generate_series(1, 20000) i"

// TestNoSessionIsLeft: whatever ends a task, its sessions end with it, and with them
// their transactions, which would hold up vacuum.
func TestNoSessionIsLeft(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		ddl   string
		props map[string]string
		run   func(w *world)
	}{
		{"a stop while tables are read", wideRows, map[string]string{"snapshot.max.threads": "2"}, func(w *world) {
			r := w.start()
			r.records()
			if got := w.sessions(); !strings.Contains(got, "snapshot") {
				w.t.Errorf("no session reads tables: %s", got)
			}
			r.stop()
		}},
		{"a table that cannot be read", wideRows, map[string]string{
			"snapshot.select.statement.overrides": "public.wide", "snapshot.max.threads": "2",
			"snapshot.select.statement.overrides.public.wide": "SELECT id / (id - 700) AS id, v FROM public.wide",
		}, func(w *world) {
			r := w.start()
			if err := r.pollUntilError(); !strings.Contains(err.Error(), "division by zero") {
				w.t.Errorf("Poll ends with %v", err)
			}
			w.eventually("no transaction is open before the stop", func() bool { return !strings.Contains(w.sessions(), "in transaction") })
			r.stop()
		}},
		{"sessions that are cut", wideRows, nil, func(w *world) {
			r := w.start()
			r.records()
			w.exec("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'connectd srv %'")
			r.records()
			r.stop()
		}},
		{"a start that fails", oneTable, map[string]string{"publication.autocreate.mode": "disabled"}, func(w *world) {
			r, err := w.tryStart()
			if err == nil {
				w.t.Error("a start without publication succeeds")
			}
			r.stop()
		}},
		{"a start that is given up while the slot is made", oneTable, nil, func(w *world) {
			open := connectTo(w.t.(*testing.T), w.srv.URL(w.db))
			if _, err := open.Exec(w.t.Context(), "BEGIN; INSERT INTO a VALUES (100)"); err != nil {
				w.t.Fatal(err)
			}
			r := &taskRun{w: w, task: &task{}}
			ctx, cancel := context.WithCancel(context.Background())
			done := make(chan error, 1)
			go func() { done <- r.task.Start(ctx, w.taskContext()) }()
			w.eventually("the slot is being made", func() bool { return strings.Contains(w.sessions(), "stream active") })
			cancel()
			if err := <-done; err == nil {
				w.t.Error("a start that was given up succeeds")
			}
			r.cancel = func() {}
			r.stop()
			w.eventually("no slot is left", func() bool {
				return w.scalar("SELECT count(*) FROM pg_replication_slots WHERE database = current_database()") == "0"
			})
		}},
		{"a stop while chunks are read", wideRows + "; CREATE TABLE signals (id text, type text, data text)", map[string]string{
			"snapshot.mode": "no_data", "signal.data.collection": "public.signals", "incremental.snapshot.chunk.size": "50",
		}, func(w *world) {
			r := w.start()
			w.exec(`INSERT INTO signals VALUES ('1', 'execute-snapshot', '{"data-collections": ["public[.]wide"]}')`)
			w.eventually("a session reads chunks", func() bool {
				r.poll(time.Second, 10)
				return strings.Contains(w.sessions(), "chunk")
			})
			r.stop()
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, c.ddl, c.props)
			c.run(w)
			w.eventually("no session is left", func() bool { return w.sessions() == "" })
		})
	}
}

// TestSessionsAreGuarded: whatever the defaults of a role are, they do not reach the
// connector's sessions.
func TestSessionsAreGuarded(t *testing.T) {
	t.Parallel()
	srv := pgtest.Shared(t)
	g := newGround(t, srv, srv.Database(t), "REPLICATION")
	srv.MustExec(t, g.db, g.fill(`CREATE SCHEMA app AUTHORIZATION @role; ALTER ROLE @role SET search_path = app, public, pg_catalog;
 ALTER ROLE @role SET statement_timeout = 7; ALTER ROLE @role SET idle_in_transaction_session_timeout = 8; ALTER ROLE @role SET row_security = on`))
	s := g.settings(t, "database.query.timeout.ms", "5000", "topic.prefix", "srv")
	for role, want := range map[role]string{
		roleCatalog:  "off 5s 1min pg_catalog, app, public, pg_catalog",
		roleChunk:    "off 0 1min pg_catalog, app, public, pg_catalog",
		roleSnapshot: "off 0 0 pg_catalog, app, public, pg_catalog",
	} {
		conn, err := s.openSQL(t.Context(), role)
		if err != nil {
			t.Fatal(err)
		}
		got, err := scalar(t.Context(), conn.PgConn(), `SELECT concat_ws(' ', current_setting('row_security'), current_setting('statement_timeout'),
 current_setting('idle_in_transaction_session_timeout'), current_setting('search_path'), current_setting('application_name'))`)
		hangUp(conn.PgConn())
		if want += " connectd srv " + string(role); err != nil || got != want {
			t.Errorf("%s: %q, %v, want %q", role, got, err, want)
		}
	}
	s.Topics.Prefix = strings.Repeat("long", 30)
	if name := s.applicationName(roleSnapshot); len(name) != 63 || !strings.HasSuffix(name, " snapshot") {
		t.Errorf("the name of a session is %q", name)
	}
}

// TestHiddenRowsAreAnError: the snapshot of a table whose rows a policy hides fails, and
// says by which policy.
func TestHiddenRowsAreAnError(t *testing.T) {
	t.Parallel()
	srv := pgtest.Shared(t)
	g := newGround(t, srv, srv.Database(t), "REPLICATION")
	srv.MustExec(t, g.db, g.fill(`CREATE TABLE a (id int PRIMARY KEY); CREATE POLICY odd ON a USING (id % 2 = 1);
 ALTER TABLE a ENABLE ROW LEVEL SECURITY; GRANT SELECT ON a TO @role`))
	s := g.settings(t)
	conn, err := s.openSQL(t.Context(), roleSnapshot)
	if err != nil {
		t.Fatal(err)
	}
	defer hangUp(conn.PgConn())
	table := tableName{"public", "a"}
	err = s.explainHidden(t.Context(), table, run(t.Context(), conn.PgConn(), "SELECT * FROM a"))
	want := fmt.Sprintf(`(policies that hide rows: odd). Let the user %[1]s see all rows: ALTER ROLE "%[1]s" BYPASSRLS;`, g.role)
	if err == nil || !strings.HasSuffix(err.Error(), want) {
		t.Errorf("the error is %v, want %s", err, want)
	}
}
