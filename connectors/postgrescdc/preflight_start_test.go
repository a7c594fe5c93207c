// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"errors"
	"strings"
	"testing"

	"github.com/connectd/connectd/connectors/postgrescdc/pgtest"
)

// nothingMade checks that a start that failed has made nothing on the server.
func (w *world) nothingMade() {
	w.t.Helper()
	if n := w.scalar("SELECT (SELECT count(*) FROM pg_replication_slots WHERE slot_name = '" + w.props["slot.name"] + "') + (SELECT count(*) FROM pg_publication WHERE pubname = 'dbz_publication')"); n != "0" {
		w.t.Errorf("the start has made %s things", n)
	}
}

// TestStartSaysWhatToMend: a start looks before it makes anything, and fails with the SQL
// that mends it; with that it starts.
func TestStartSaysWhatToMend(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, ddl string
		user      string // attributes of the user, who owns nothing; "" for the superuser
		props     map[string]string
		want, sql string // @user and @db stand for names
	}{
		{"the user may not replicate", oneTable, "NOREPLICATION", map[string]string{"publication.autocreate.mode": "disabled"},
			"the user @user may not replicate", `ALTER ROLE "@user" REPLICATION;`},
		{"the user may not read", oneTable + "; CREATE PUBLICATION dbz_publication FOR TABLE a", "REPLICATION", nil,
			"the user @user may not read public.a", `GRANT SELECT ON "public"."a" TO "@user";`},
		{"rows are hidden", oneTable + "; CREATE PUBLICATION dbz_publication FOR TABLE a; ALTER TABLE a ENABLE ROW LEVEL SECURITY; CREATE POLICY odd ON a USING (id > 5); GRANT SELECT ON a TO PUBLIC", "REPLICATION", nil,
			"row security hides rows of public.a (by odd) from the user @user", `ALTER ROLE "@user" BYPASSRLS;`},
		{"the publication is missing", oneTable, "", map[string]string{"publication.autocreate.mode": "disabled"},
			"the publication dbz_publication does not exist", `CREATE PUBLICATION "dbz_publication" FOR TABLE "public"."a" WITH (publish = 'insert, update, delete');`},
		{"the publication is not the user's", oneTable + "; CREATE TABLE b (id int PRIMARY KEY); CREATE PUBLICATION dbz_publication FOR TABLE a; GRANT SELECT ON a, b TO PUBLIC", "REPLICATION", nil,
			"the publication dbz_publication lacks public.b", `ALTER PUBLICATION "dbz_publication" ADD TABLE "public"."b";`},
		{"connections are too few", oneTable + "; CREATE PUBLICATION dbz_publication FOR TABLE a; GRANT SELECT ON a TO PUBLIC", "REPLICATION CONNECTION LIMIT 3", nil,
			"the user @user may have 3 connections", `ALTER ROLE "@user" CONNECTION LIMIT 4;`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, c.ddl, c.props)
			if c.user != "" {
				w.as(pgtest.Name(t, "u"), c.user)
			}
			names := strings.NewReplacer("@user", w.props["database.user"], "@db", w.db)
			r, err := w.tryStart()
			r.stop()
			var start *startError
			if !errors.As(err, &start) || passes(err) || !strings.Contains(err.Error(), names.Replace(c.want)) || !strings.Contains(err.Error(), "\n    "+names.Replace(c.sql)) {
				t.Fatalf("the start ends with %v, want %s and %s", err, names.Replace(c.want), names.Replace(c.sql))
			}
			if !strings.Contains(c.ddl, "PUBLICATION") {
				w.nothingMade()
			}
			for i := 0; err != nil && i < 3; i++ { // one may hide another
				for _, f := range start.findings {
					w.exec(f.SQL)
				}
				r, err = w.tryStart()
				errors.As(err, &start)
				if err != nil {
					r.stop()
				}
			}
			if err != nil {
				t.Fatalf("with what the SQL mends the start ends with %v", err)
			}
			defer r.stop()
			snapshotted(r)
		})
	}
}

// as lets a new user run the connector.
func (w *world) as(user, attributes string) {
	w.t.Helper()
	w.exec("CREATE ROLE " + user + " LOGIN " + attributes)
	w.t.Cleanup(func() { w.exec("DROP OWNED BY " + user + " CASCADE; DROP ROLE " + user) })
	w.props["database.user"] = user
}

// TestStartOfAServerThatIsNotSetUp: without logical decoding nothing is made.
func TestStartOfAServerThatIsNotSetUp(t *testing.T) {
	t.Parallel()
	w := ownWorld(t, oneTable, pgtest.Options{Settings: map[string]string{"wal_level": "replica"}}, nil)
	r, err := w.tryStart()
	r.stop()
	if err == nil || passes(err) || !strings.Contains(err.Error(), "wal_level is replica") || !strings.Contains(err.Error(), "\n    ALTER SYSTEM SET wal_level = logical;") {
		t.Errorf("the start ends with %v", err)
	}
	w.nothingMade()
}

// TestNoFreeSlot: a first start without room fails in a way that passes; one that goes on
// has its slot, and needs no other.
func TestNoFreeSlot(t *testing.T) {
	t.Parallel()
	w := ownWorld(t, oneTable, pgtest.Options{Settings: map[string]string{"max_replication_slots": "1"}}, nil)
	w.exec("SELECT pg_create_physical_replication_slot('other')")
	r, err := w.tryStart()
	r.stop()
	if err == nil || !passes(err) || !strings.Contains(err.Error(), "all 1 replication slots are taken") || !strings.Contains(err.Error(), "ALTER SYSTEM SET max_replication_slots = 5;") {
		t.Fatalf("the start ends with %v", err)
	}
	w.nothingMade()
	w.exec("SELECT pg_drop_replication_slot('other')")
	r = w.start()
	snapshotted(r)
	r.stop()
	w.exec("INSERT INTO a VALUES (2, 'two')")
	r = w.start()
	defer r.stop()
	r.until(2)
}

// TestARestartNeedsWhatItUses: rights that only a snapshot needs, and tables that came
// later and cannot be published, do not keep a task from going on.
func TestARestartNeedsWhatItUses(t *testing.T) {
	t.Parallel()
	w := newWorld(t, oneTable, nil)
	user := pgtest.Name(t, "u")
	w.as(user, "REPLICATION")
	w.exec("GRANT CREATE ON DATABASE " + w.db + " TO " + user + "; ALTER TABLE a OWNER TO " + user)
	r := w.start()
	snapshotted(r)
	r.stop()
	w.exec(`ALTER ROLE ` + user + ` CONNECTION LIMIT 3; ALTER TABLE a OWNER TO postgres; CREATE TABLE "b b" (id int PRIMARY KEY); CREATE TABLE b_b (id int PRIMARY KEY); INSERT INTO a VALUES (2, 'two')`)
	log := w.logged()
	r = w.start()
	defer r.stop()
	r.until(2)
	for _, want := range []string{"lacks public.b b, public.b_b", "share the topic srv.public.b_b", "is not looked at while the connector runs"} {
		if strings.Count(log.text(), want) != 1 {
			t.Errorf("the log does not tell once that %q:\n%s", want, log.text())
		}
	}
}
