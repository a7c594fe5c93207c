// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/connectd/connectd/connectors/postgrescdc/pgtest"
)

// ground is a database, a role, and names of a slot and a publication for one test.
type ground struct {
	srv                  *pgtest.Server
	db, role, slot, name string
}

// newGround makes a role with these attributes in a database that may be shared by tests
// that run one after the other: it is emptied at the end.
func newGround(t *testing.T, srv *pgtest.Server, db, attributes string) *ground {
	t.Helper()
	g := &ground{srv: srv, db: db, role: pgtest.Name(t, "role"), slot: pgtest.Name(t, "slot"), name: "pub"}
	srv.MustExec(t, db, "CREATE ROLE "+g.role+" LOGIN PASSWORD 'role' "+attributes)
	t.Cleanup(func() {
		srv.MustExec(t, db, `DROP PUBLICATION IF EXISTS pub; DROP SCHEMA IF EXISTS app CASCADE; DROP SCHEMA public CASCADE; CREATE SCHEMA public; GRANT USAGE ON SCHEMA public TO PUBLIC;
 SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = '`+g.slot+`'; DROP OWNED BY `+g.role+` CASCADE; DROP ROLE `+g.role)
	})
	return g
}

// fill puts the names into a text.
func (g *ground) fill(text string) string {
	return strings.NewReplacer("@role", g.role, "@db", g.db, "@slot", g.slot).Replace(text)
}

// props are the properties of a connector on this ground; the role is the user unless
// the pairs name another.
func (g *ground) props(t *testing.T, pairs ...string) map[string]string {
	t.Helper()
	at, err := pgx.ParseConfig(g.srv.URL(g.db))
	if err != nil {
		t.Fatal(err)
	}
	props := with("database.hostname", at.Host, "database.port", strconv.Itoa(int(at.Port)), "database.user", g.role, "database.password", "role",
		"database.dbname", g.db, "slot.name", g.slot, "publication.name", g.name)
	for i := 0; i < len(pairs); i += 2 {
		props[pairs[i]] = g.fill(pairs[i+1])
	}
	if props["database.user"] == "superuser" {
		props["database.user"], props["database.password"] = at.User, at.Password
	}
	return props
}

func (g *ground) settings(t *testing.T, pairs ...string) *settings {
	t.Helper()
	c, errs := declaration.Parse(g.props(t, pairs...))
	s, more := parseSettings(c)
	if errs = append(errs, more...); len(errs) > 0 {
		t.Fatal(errs)
	}
	return s
}

func fly(t *testing.T, s *settings) []finding {
	t.Helper()
	conn, leave, err := open(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	defer leave()
	findings, err := preflight(t.Context(), conn, s)
	if err != nil {
		t.Fatal(err)
	}
	return findings
}

// matching returns the finding whose What holds the text.
func matching(findings []finding, text string) *finding {
	for i := range findings {
		if strings.Contains(findings[i].What, text) {
			return &findings[i]
		}
	}
	return nil
}

// provoked is a state of a server that preflight must find, and whose SQL must end it.
type provoked struct {
	name       string
	since      int    // the first major version on which the setup can be
	attributes string // of the role; "" is REPLICATION
	setup      string // run by a superuser
	pairs      []string
	find       string // in What
	fatal      bool
	noSQL      bool     // SQL cannot mend it
	works      string   // a statement that fails before the SQL has run, and works after it
	after      []string // settings that mend it where SQL cannot
}

// owned makes the role own what it captures.
const owned = "GRANT CREATE ON DATABASE @db TO @role; GRANT CREATE ON SCHEMA public TO @role; SET ROLE @role; "

var provocations = []provoked{
	{name: "replication", attributes: "NOREPLICATION", find: "may not replicate", fatal: true},
	{name: "read", setup: "CREATE SCHEMA app; CREATE TABLE app.a (id int PRIMARY KEY); CREATE TABLE public.b (id int PRIMARY KEY)",
		find: "may not read app, app.a, public.b", fatal: true},
	{name: "row security", setup: "CREATE TABLE a (id int PRIMARY KEY); GRANT SELECT ON a TO @role; ALTER TABLE a ENABLE ROW LEVEL SECURITY",
		find: "row security hides rows of public.a", fatal: true},
	{name: "create", setup: "CREATE TABLE a (id int PRIMARY KEY)", find: "may not make a publication", fatal: true},
	{name: "ownership", setup: "CREATE TABLE a (id int PRIMARY KEY); GRANT CREATE ON DATABASE @db TO @role", find: "does not own public.a", fatal: true},
	{name: "publication missing", setup: "CREATE TABLE a (id int PRIMARY KEY)", pairs: []string{"publication.autocreate.mode", "disabled"}, find: "the publication pub does not exist", fatal: true},
	{name: "all tables without superuser", pairs: []string{"publication.autocreate.mode", "all_tables"}, find: "the user @role may not make it", fatal: true},
	{name: "publication lacks tables", setup: "CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int PRIMARY KEY); CREATE PUBLICATION pub FOR TABLE a",
		pairs: []string{"publication.autocreate.mode", "disabled"}, find: "lacks captured tables: public.b"},
	{name: "publication of another owner lacks tables", setup: "CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int PRIMARY KEY); CREATE PUBLICATION pub FOR TABLE a",
		find: "lacks public.b", fatal: true},
	{name: "publication leaves out operations", setup: owned + "CREATE TABLE a (id int PRIMARY KEY); CREATE PUBLICATION pub FOR TABLE a WITH (publish = 'insert, truncate')",
		find: "leaves out update, delete"},
	{name: "publication leaves out truncate", setup: owned + "CREATE TABLE a (id int PRIMARY KEY); CREATE PUBLICATION pub FOR TABLE a WITH (publish = 'insert, update, delete')",
		pairs: []string{"skipped.operations", "none"}, find: "leaves out truncate"},
	{name: "partitions that the filters miss", setup: owned + "CREATE TABLE a (id int PRIMARY KEY) PARTITION BY RANGE (id); CREATE TABLE a_1 PARTITION OF a FOR VALUES FROM (0) TO (10); CREATE PUBLICATION pub FOR TABLE a",
		pairs: []string{"table.include.list", "public.a"}, find: "partitions of captured tables are not captured: public.a"},
	{name: "unlogged", setup: owned + "CREATE UNLOGGED TABLE a (id int PRIMARY KEY)", find: "tables are unlogged: public.a"},
	{name: "no identity", setup: owned + "CREATE TABLE a (id int, v text); INSERT INTO a VALUES (1, 'x'); CREATE PUBLICATION pub FOR TABLE a",
		find: "tables have no replica identity: public.a", works: "UPDATE a SET v = 'y'"},
	{name: "no identity but an index", setup: owned + "CREATE TABLE a (id int NOT NULL UNIQUE, v text); INSERT INTO a VALUES (1, 'x'); CREATE PUBLICATION pub FOR TABLE a",
		find: "tables have no replica identity: public.a", works: "DELETE FROM a"},
	{name: "identity nothing", setup: owned + "CREATE TABLE a (id int PRIMARY KEY, v text); INSERT INTO a VALUES (1, 'x'); ALTER TABLE a REPLICA IDENTITY NOTHING; CREATE PUBLICATION pub FOR TABLE a",
		find: "tables have no replica identity: public.a", works: "UPDATE a SET v = 'y'"},
	{name: "all tables would break others", setup: "CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE other (v text)", pairs: []string{"database.user", "superuser", "publication.autocreate.mode", "all_tables", "table.include.list", "public.a"},
		find: "tables have no replica identity: public.other"},
	{name: "column list without identity", since: 15, setup: owned + "CREATE TABLE a (id int PRIMARY KEY, v text, w text); INSERT INTO a VALUES (1, 'x', 'x'); CREATE PUBLICATION pub FOR TABLE a (v)",
		find: "the column list of public.a in the publication pub lacks columns of the replica identity: id", works: "UPDATE a SET v = 'y'"},
	{name: "column list beside full", since: 15, setup: owned + "CREATE TABLE a (id int PRIMARY KEY, v text); INSERT INTO a VALUES (1, 'x'); ALTER TABLE a REPLICA IDENTITY FULL; CREATE PUBLICATION pub FOR TABLE a (id)",
		find: "the column list of public.a in the publication pub stands beside REPLICA IDENTITY FULL", works: "UPDATE a SET v = 'y'"},
	{name: "column list beside full without key", since: 15, setup: owned + "CREATE TABLE a (id int, v text); INSERT INTO a VALUES (1, 'x'); ALTER TABLE a REPLICA IDENTITY FULL; CREATE PUBLICATION pub FOR TABLE a (v)",
		find: "stands beside REPLICA IDENTITY FULL", works: "UPDATE a SET v = 'y'"},
	{name: "row filter", since: 15, setup: owned + "CREATE TABLE a (id int PRIMARY KEY, v text, n int); INSERT INTO a VALUES (1, 'x', 1); CREATE PUBLICATION pub FOR TABLE a WHERE (n > 0 AND id > 0)",
		find: "the row filter of public.a in the publication pub needs columns that are not part of the replica identity: n", works: "UPDATE a SET v = 'y'"},
	{name: "skip unchanged", setup: owned + "CREATE TABLE a (id int PRIMARY KEY)", pairs: []string{"skip.messages.without.change", "true"}, find: "skip.messages.without.change has no effect on public.a"},
	{name: "key outside of the identity", setup: owned + "CREATE TABLE a (id int PRIMARY KEY, v text)", pairs: []string{"message.key.columns", "public.a:v"}, find: "message.key.columns names columns that are not part of the replica identity of public.a"},
	{name: "large values", setup: owned + "CREATE TABLE a (id int PRIMARY KEY, v text); ALTER TABLE a ALTER v SET STORAGE EXTERNAL; INSERT INTO a VALUES (1, repeat('x', 10000))", find: "tables have large values: public.a"},
	{name: "read a column", setup: "CREATE TABLE a (id int PRIMARY KEY, v text, hidden text); GRANT SELECT (id) ON a TO @role", pairs: []string{"column.exclude.list", "public.a.hidden"}, find: "may not read public.a", fatal: true},
	{name: "no key", setup: owned + "CREATE TABLE a (id int, v text); ALTER TABLE a REPLICA IDENTITY FULL", find: "tables have no key: public.a"},
	{name: "sender timeout", setup: "ALTER ROLE @role SET wal_sender_timeout = '5s'", find: "wal_sender_timeout is 5s, and status.update.interval.ms 10s"},
	{name: "connection limit", attributes: "REPLICATION CONNECTION LIMIT 2", find: "may have 2 connections", fatal: true},
	{name: "one connection", attributes: "REPLICATION CONNECTION LIMIT 1", find: "may have 1 connections", fatal: true},
	{name: "slot of another plugin", setup: "SELECT pg_create_logical_replication_slot('@slot', 'test_decoding')", find: "is a logical slot of plugin test_decoding", fatal: true},
	{name: "physical slot", setup: "SELECT pg_create_physical_replication_slot('@slot')", find: "is a physical slot", fatal: true},

	{name: "nothing captured", pairs: []string{"table.include.list", "public.a"}, find: "no table is captured", noSQL: true},
	{name: "expression matches nothing", setup: owned + "CREATE TABLE a (id int PRIMARY KEY)", pairs: []string{"table.include.list", "public.a,public.bb"}, find: "an expression that matches no table: public.bb", noSQL: true, after: []string{"table.include.list", "public.a"}},
	{name: "too many", setup: owned + "CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int PRIMARY KEY)", pairs: []string{"guardrail.collections.max", "1", "guardrail.collections.limit.action", "fail"}, find: "2 tables are captured", fatal: true, noSQL: true, after: []string{"guardrail.collections.max", "2"}},
	{name: "case", setup: owned + `CREATE TABLE orders (id int PRIMARY KEY); CREATE TABLE "Orders" (id int PRIMARY KEY)`, find: "tables differ only in case: public.Orders, public.orders", noSQL: true},
	{name: "topic", setup: owned + `CREATE TABLE "a b" (id int PRIMARY KEY); CREATE TABLE "a:b" (id int PRIMARY KEY)`, find: "tables share the topic v.public.a_b", fatal: true, noSQL: true, after: []string{"table.exclude.list", "public.a:b"}},
	{name: "field", setup: owned + `CREATE TABLE a (id int PRIMARY KEY, "x-y" int, x_y int)`, pairs: []string{"field.name.adjustment.mode", "avro"}, find: "columns of public.a share the field x_y: x-y, x_y", fatal: true, noSQL: true, after: []string{"field.name.adjustment.mode", "avro_unicode"}},
	{name: "key rule", setup: owned + "CREATE TABLE a (id int PRIMARY KEY)", pairs: []string{"message.key.columns", "public.a:nosuch"}, find: "message.key.columns names a column that no captured table has: public.a.nosuch", noSQL: true, after: []string{"message.key.columns", "public.a:id"}},
	{name: "mask of nothing", setup: owned + "CREATE TABLE a (id int PRIMARY KEY)", pairs: []string{"column.mask.hash.MD5.with.salt.pepper", "public.a.nosuch"}, find: "column.mask.hash.MD5.with.salt.[hidden] matches no column", noSQL: true, after: []string{"column.mask.hash.MD5.with.salt.pepper", "public.a.id"}},
	{name: "mask of a key", setup: owned + "CREATE TABLE a (id text PRIMARY KEY)", pairs: []string{"column.mask.with.3.chars", "public.a.id"}, find: "column.mask.with.3.chars matches columns of keys: public.a.id", noSQL: true},
	{name: "mask of a number", setup: owned + "CREATE TABLE a (id text PRIMARY KEY, n numeric)", pairs: []string{"column.mask.with.3.chars", "public.a.n"}, find: "column.mask.with.3.chars matches columns of types that cannot be masked: public.a.n (numeric)", noSQL: true, after: []string{"column.mask.with.3.chars", "public.a.n", "column.exclude.list", "public.a.n"}},
	{name: "failover", pairs: []string{"slot.failover", "true"}, find: "slot.failover is set", noSQL: true, after: []string{"slot.failover", "false"}},
	{name: "no table of signals", pairs: []string{"signal.data.collection", "public.signals"}, find: "the table of signals public.signals does not exist"},
	{name: "no folder of signals", setup: owned + "CREATE TABLE a (id int PRIMARY KEY)", pairs: []string{"signal.enabled.channels", "file", "signal.file", "/nowhere/signals"}, find: "the file of signals /nowhere/signals has no folder /nowhere", noSQL: true, after: []string{"signal.enabled.channels", "source"}},
	{name: "a folder of signals", setup: owned + "CREATE TABLE a (id int PRIMARY KEY)", pairs: []string{"signal.enabled.channels", "file", "signal.file", "/"}, find: "the file of signals / is no file", noSQL: true, after: []string{"signal.enabled.channels", "source"}},
	{name: "columns of signals", setup: owned + "CREATE TABLE signals (id int PRIMARY KEY)", pairs: []string{"signal.data.collection", "public.signals"}, find: "the table of signals public.signals lacks the columns type, data"},
	{name: "heartbeat statement", pairs: []string{"heartbeat.action.query", "SELECT 1"}, find: "heartbeat.action.query is not run", noSQL: true, after: []string{"heartbeat.action.query", "SELECT 1", "heartbeat.interval.ms", "1000"}},
	{name: "two identity rules", setup: owned + "CREATE TABLE a (id int PRIMARY KEY)", pairs: []string{"replica.identity.autoset.values", "public.a:FULL,public.*:DEFAULT"}, find: "more than one rule matches the table public.a", fatal: true, noSQL: true},
}

func TestPreflightFindsAndItsSQLMends(t *testing.T) {
	t.Parallel()
	srv := pgtest.Shared(t)
	db := srv.Database(t)
	for _, tc := range provocations {
		t.Run(tc.name, func(t *testing.T) {
			attributes := tc.attributes
			if attributes == "" {
				attributes = "REPLICATION"
			}
			tc.check(t, newGround(t, srv, db, attributes))
		})
	}
}

func (tc *provoked) check(t *testing.T, g *ground) {
	if tc.since > g.srv.Major(t) {
		if err := g.srv.Exec(t.Context(), g.db, g.fill(tc.setup)); err == nil {
			t.Errorf("a server before version %d takes %s", tc.since, tc.setup)
		}
		return
	}
	if tc.setup != "" {
		g.srv.MustExec(t, g.db, g.fill(tc.setup))
	}
	find := g.fill(tc.find)
	findings := fly(t, g.settings(t, tc.pairs...))
	f := matching(findings, find)
	if f == nil {
		t.Fatalf("no finding with %q; there are %+v", find, findings)
	}
	if f.Fatal != tc.fatal || (f.SQL == "") != tc.noSQL || f.Why == "" {
		t.Errorf("unexpected finding %+v", *f)
	}
	if tc.works != "" {
		if err := g.srv.Exec(t.Context(), g.db, tc.works); err == nil {
			t.Errorf("%q works although preflight warns", tc.works)
		}
	}
	if f.SQL != "" {
		g.srv.MustExec(t, g.db, f.SQL)
	}
	if tc.noSQL && tc.after == nil {
		return
	}
	if tc.works != "" {
		g.srv.MustExec(t, g.db, tc.works)
	}
	if again := matching(fly(t, g.settings(t, append(append([]string{}, tc.pairs...), tc.after...)...)), find); again != nil {
		t.Errorf("the finding is still there: %+v", *again)
	}
}
