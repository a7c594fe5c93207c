// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"bytes"
	"context"
	"errors"
	"net"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/connectd/connectd/connectors/postgrescdc/pgtest"
)

// TestProbe has the words of Debezium 3.7.0.Final, as recorded, for the first two.
func TestProbe(t *testing.T) {
	t.Parallel()
	srv := pgtest.Shared(t)
	g := newGround(t, srv, srv.Database(t), "NOREPLICATION")
	srv.MustExec(t, g.db, g.fill("SELECT pg_create_logical_replication_slot('@slot', 'test_decoding')"))
	srv.MustExec(t, g.db, "CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int PRIMARY KEY)")
	port := closedPort(t)
	for _, tc := range []struct {
		name  string
		pairs []string
		want  []string
	}{
		{"cannot connect", []string{"database.hostname", "127.0.0.1", "database.port", port}, []string{
			"database.hostname: Error while validating connector config: Connection to 127.0.0.1:" + port + " refused. Check that the hostname and port are correct and that the postmaster is accepting TCP/IP connections."}},
		{"no such database", []string{"database.dbname", "nosuch"}, []string{
			`database.hostname: Error while validating connector config: FATAL: database "nosuch" does not exist`}},
		{"no such user", []string{"database.user", "no such user"}, []string{
			`database.hostname: Error while validating connector config: FATAL: role "no such user" does not exist`}},
		{"replication and slot", nil, []string{
			"database.user: The 'database.user' value is invalid: the user has not the attribute REPLICATION (a superuser can run ALTER ROLE",
			"slot.name: The 'slot.name' value is invalid: use replication slot"}},
		{"sound", []string{"database.user", "superuser", "slot.name", "free"}, nil},
		{"too many tables", []string{"database.user", "superuser", "slot.name", "free", "guardrail.collections.max", "1", "guardrail.collections.limit.action", "fail"}, []string{
			"guardrail.collections.max: The 'guardrail.collections.max' value is invalid: 2 tables are captured (narrow"}},
		{"left to Validate", []string{"snapshot.mode", "bogus", "database.port", port}, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c, errs := declaration.Parse(g.props(t, tc.pairs...))
			if len(errs) > 0 {
				t.Fatal(errs)
			}
			checkErrors(t, Probe(t.Context(), c), tc.want)
		})
	}
}

// closedPort is a port that nobody listens on.
func closedPort(t *testing.T) string {
	t.Helper()
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	_, port, _ := strings.Cut(l.Addr().String(), ":")
	return port
}

func TestDoctor(t *testing.T) {
	t.Parallel()
	srv := pgtest.Shared(t)
	g := newGround(t, srv, srv.Database(t), "REPLICATION")
	srv.MustExec(t, g.db, g.fill(owned+"CREATE TABLE a (id int); CREATE PUBLICATION pub FOR TABLE a"))
	for _, tc := range []struct {
		name  string
		pairs []string
		fatal bool
		want  []string
	}{
		{"warnings", nil, false, []string{
			"warning: tables have no replica identity: public.a\n  while they are published, every UPDATE", "\n    ALTER TABLE \"public\".\"a\" REPLICA IDENTITY FULL;\n",
			"warning: tables have no key: public.a\n", ": 0 errors, 2 warnings\n", "database " + g.db + ", user " + g.role}},
		{"fatal", []string{"publication.name", "other", "publication.autocreate.mode", "disabled"}, true, []string{
			"error: the publication other does not exist\n", "\n    CREATE PUBLICATION \"other\" FOR TABLE \"public\".\"a\" WITH (publish = 'insert, update, delete');\n", ": 1 errors, 2 warnings\n"}},
		{"configuration", []string{"snapshot.mode", "bogus", "database.port", "x"}, true, []string{
			"error: database.port\n", "error: snapshot.mode\n  The 'snapshot.mode' value is invalid", "the configuration: 2 errors, 0 warnings\n"}},
		{"no server", []string{"database.hostname", "127.0.0.1", "database.port", closedPort(t)}, true, []string{"error: cannot connect to database " + g.db + " at 127.0.0.1:", "refused"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var out bytes.Buffer
			fatal, err := Doctor(t.Context(), g.props(t, tc.pairs...), &out)
			if err != nil || fatal != tc.fatal {
				t.Errorf("fatal %t, error %v", fatal, err)
			}
			for _, want := range tc.want {
				if !strings.Contains(out.String(), want) {
					t.Errorf("the report lacks %q:\n%s", want, out.String())
				}
			}
		})
	}
	if _, err := Doctor(t.Context(), g.props(t), brokenWriter{}); !errors.Is(err, errBroken) {
		t.Errorf("a report that cannot be written: %v", err)
	}
}

var errBroken = errors.New("broken")

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errBroken }

func TestConnectText(t *testing.T) {
	s := mustParse(t, "database.hostname", "db.example", "connection.validation.timeout.ms", "1000", "database.sslmode", "verify-full",
		"database.sslrootcert", "/nonexistent/ca.pem", "database.password", "hunter2")
	_, _, parse := open(t.Context(), s)
	for _, tc := range []struct {
		err  error
		want string
	}{
		{context.DeadlineExceeded, "no answer from db.example:5432 within 1s"},
		{&net.DNSError{Err: "no such host", Name: "db.example"}, "The connection attempt failed: lookup db.example: no such host"},
		{&pgconn.PgError{Severity: "FATAL", Message: "no"}, "FATAL: no"},
		{parse, "the connection settings are wrong: unable to read CA file: open /nonexistent/ca.pem: no such file or directory"},
		{errBroken, "broken"},
	} {
		if got := connectText(s, tc.err); got != tc.want {
			t.Errorf("%v is told as %q, want %q", tc.err, got, tc.want)
		}
	}
}

func TestListedIsBounded(t *testing.T) {
	var names []string
	for i := range 12 {
		names = append(names, strconv.Itoa(i))
	}
	if got := listed(names); got != "0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 2 more" {
		t.Errorf("unexpected %q", got)
	}
}
