// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pglogrepl"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/connectd/connectd/connectors/postgrescdc/pgtest"
)

func TestPreflightHasNothingToSayOfASoundServer(t *testing.T) {
	t.Parallel()
	srv := pgtest.Shared(t)
	g := newGround(t, srv, srv.Database(t), "REPLICATION")
	srv.MustExec(t, g.db, g.fill(owned+`CREATE TABLE a (id int PRIMARY KEY, v text); CREATE TABLE parted (id int PRIMARY KEY) PARTITION BY RANGE (id);
 CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (10)`))
	if findings := fly(t, g.settings(t)); len(findings) > 0 {
		t.Errorf("unexpected findings %+v", findings)
	}
	publication := "SET ROLE @role; CREATE PUBLICATION pub FOR TABLE a (id, v) WHERE (id > 0), parted"
	if srv.Major(t) < 15 {
		publication = "SET ROLE @role; CREATE PUBLICATION pub FOR TABLE a, parted"
	}
	srv.MustExec(t, g.db, g.fill(publication))
	srv.MustExec(t, g.db, g.fill("SELECT pg_create_logical_replication_slot('@slot', 'pgoutput')"))
	if findings := fly(t, g.settings(t, "publication.autocreate.mode", "disabled")); len(findings) > 0 {
		t.Errorf("unexpected findings with a publication %+v", findings)
	}
}

func TestPreflightFindsTheReaderOfASlot(t *testing.T) {
	t.Parallel()
	srv := pgtest.Shared(t)
	g := newGround(t, srv, srv.Database(t), "REPLICATION")
	srv.MustExec(t, g.db, "CREATE PUBLICATION pub")
	srv.MustExec(t, g.db, g.fill("SELECT pg_create_logical_replication_slot('@slot', 'pgoutput')"))
	s := g.settings(t, "publication.autocreate.mode", "no_tables")
	config, err := s.replicationConfig()
	if err != nil {
		t.Fatal(err)
	}
	conn, err := pgconn.ConnectConfig(t.Context(), &config.Config)
	if err != nil {
		t.Fatal(err)
	}
	defer hangUp(conn)
	options := pglogrepl.StartReplicationOptions{PluginArgs: []string{"proto_version '1'", "publication_names 'pub'"}}
	if err := pglogrepl.StartReplication(t.Context(), conn, g.slot, 0, options); err != nil {
		t.Fatal(err)
	}
	f := matching(fly(t, s), "is in use by process "+strconv.Itoa(int(conn.PID())))
	if f == nil || f.Fatal {
		t.Fatalf("unexpected finding %+v", f)
	}
	srv.MustExec(t, g.db, f.SQL)
	until(t, func() bool { return matching(fly(t, s), "is in use") == nil })
}

// until waits for a condition.
func until(t *testing.T, done func() bool) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !done() {
		if time.Now().After(deadline) {
			t.Fatal("the condition did not come true")
		}
	}
}

func TestPreflightFindsWhatSlotsWaitFor(t *testing.T) {
	t.Parallel()
	srv := pgtest.Shared(t)
	g := newGround(t, srv, srv.Database(t), "REPLICATION")
	gid := pgtest.Name(t, "gid")
	srv.MustExec(t, g.db, "CREATE TABLE a (id int PRIMARY KEY)")
	srv.MustExec(t, g.db, "BEGIN; INSERT INTO a VALUES (1); PREPARE TRANSACTION '"+gid+"'")
	open := connectTo(t, srv.URL(g.db))
	if _, err := open.Exec(t.Context(), "BEGIN; INSERT INTO a VALUES (2)"); err != nil {
		t.Fatal(err)
	}
	conn := connectTo(t, srv.URL(g.db))
	look := func() []finding {
		blockers, err := many[blocker](t.Context(), conn, fmt.Sprintf(blockersSQL, 0))
		if err != nil {
			t.Fatal(err)
		}
		p := &flight{blockers: blockers}
		p.checkBlockers()
		return p.findings
	}
	session := fmt.Sprintf("session %d ", open.PgConn().PID())
	for _, text := range []string{session, "prepared transaction " + gid} {
		f := matching(look(), text)
		if f == nil || f.Fatal {
			t.Fatalf("unexpected finding with %q: %+v", text, f)
		}
		srv.MustExec(t, g.db, f.SQL)
		until(t, func() bool { return matching(look(), text) == nil })
	}
}

func connectTo(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { hangUp(conn.PgConn()) })
	return conn
}

// TestPreflightOfAServerThatIsNotSetUp mends a server step by step by what it finds.
func TestPreflightOfAServerThatIsNotSetUp(t *testing.T) {
	t.Parallel()
	srv, err := pgtest.Start(t.Context(), "", pgtest.Options{Settings: map[string]string{"wal_level": "replica", "max_replication_slots": "1", "max_wal_senders": "1"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = srv.Close() })
	g := newGround(t, srv, srv.Database(t), "REPLICATION")
	srv.MustExec(t, g.db, "SELECT pg_create_physical_replication_slot('other')")
	s := g.settings(t, "publication.autocreate.mode", "no_tables")
	config, err := s.replicationConfig()
	if err != nil {
		t.Fatal(err)
	}
	sender, err := pgconn.ConnectConfig(t.Context(), &config.Config)
	if err != nil {
		t.Fatal(err)
	}
	defer hangUp(sender)
	findings := fly(t, g.settings(t, "publication.autocreate.mode", "no_tables", "database.user", "superuser"))
	for _, text := range []string{"wal_level is replica", "all 1 replication slots are taken", "all 1 connections for replication are taken"} {
		f := matching(findings, text)
		if f == nil || !f.Fatal {
			t.Fatalf("unexpected finding with %q: %+v", text, f)
		}
		srv.MustExec(t, "postgres", f.SQL)
	}
	if err := srv.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if f := matching(fly(t, s), "taken"); f != nil {
		t.Errorf("still there: %+v", f)
	}
	if f := matching(fly(t, s), "wal_level"); f != nil {
		t.Errorf("still there: %+v", f)
	}
	checkLostSlot(t, g)
}

// checkLostSlot lets the server remove the log that a slot needs.
func checkLostSlot(t *testing.T, g *ground) {
	g.srv.MustExec(t, "postgres", "ALTER SYSTEM SET max_slot_wal_keep_size = '1MB'")
	g.srv.MustExec(t, "postgres", "SELECT pg_reload_conf()")
	g.srv.MustExec(t, g.db, g.fill("SELECT pg_create_logical_replication_slot('@slot', 'pgoutput')"))
	g.srv.MustExec(t, g.db, "CREATE TABLE filler (v text)")
	s := g.settings(t, "publication.autocreate.mode", "no_tables")
	until(t, func() bool {
		g.srv.MustExec(t, g.db, "INSERT INTO filler SELECT repeat('x', 1000) FROM generate_series(1, 1000); SELECT pg_switch_wal()")
		g.srv.MustExec(t, g.db, "CHECKPOINT")
		return matching(fly(t, s), "is lost") != nil
	})
	f := matching(fly(t, s), "is lost")
	if !f.Fatal {
		t.Errorf("a lost slot is not fatal under slot.lost.policy=fail: %+v", f)
	}
	if f := matching(fly(t, g.settings(t, "slot.lost.policy", "resnapshot")), "is lost"); f == nil || f.Fatal {
		t.Errorf("unexpected finding under slot.lost.policy=resnapshot: %+v", f)
	}
	g.srv.MustExec(t, g.db, f.SQL)
	if f := matching(fly(t, s), "is lost"); f != nil {
		t.Errorf("still there: %+v", f)
	}
}

func TestPreflightWithoutTheSystemIdentifier(t *testing.T) {
	t.Parallel()
	srv := pgtest.Shared(t)
	g := newGround(t, srv, srv.Database(t), "REPLICATION")
	srv.MustExec(t, g.db, g.fill(owned+"CREATE TABLE a (id int PRIMARY KEY)"))
	srv.MustExec(t, g.db, "REVOKE EXECUTE ON FUNCTION pg_control_system FROM PUBLIC")
	if findings := fly(t, g.settings(t)); len(findings) > 0 {
		t.Errorf("unexpected findings %+v", findings)
	}
}

func TestPreflightFindsAPooler(t *testing.T) {
	t.Parallel()
	srv := pgtest.Shared(t)
	g := newGround(t, srv, srv.Database(t), "REPLICATION")
	direct := g.settings(t, "database.sslmode", "disable")
	if findings := fly(t, direct); matching(findings, "pooler") != nil || matching(findings, "a connection for replication") != nil {
		t.Errorf("a direct connection is taken for a pooler: %+v", findings)
	}
	host, port, err := net.SplitHostPort(startPooler(t, direct.address()))
	if err != nil {
		t.Fatal(err)
	}
	findings := fly(t, g.settings(t, "database.sslmode", "disable", "database.hostname", host, "database.port", port))
	if f := matching(findings, "is a connection pooler"); f == nil || f.Fatal {
		t.Errorf("unexpected finding %+v", f)
	}
	f := matching(findings, "a connection for replication cannot be opened")
	if f == nil || !f.Fatal || !strings.HasPrefix(f.Why, "FATAL: unsupported startup parameter: replication. ") {
		t.Errorf("unexpected finding %+v", f)
	}
}

// pooler hands connections on, announces other process ids than the server's, and knows
// no replication.
type pooler struct {
	target string
	wait   sync.WaitGroup
}

// startPooler returns the address of a pooler before the server at target.
func startPooler(t *testing.T, target string) string {
	t.Helper()
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &pooler{target: target}
	t.Cleanup(func() {
		_ = l.Close()
		p.wait.Wait()
	})
	p.wait.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			p.wait.Go(func() { p.serve(client) })
		}
	})
	return l.Addr().String()
}

// serve ends when one of the two sides does.
func (p *pooler) serve(client net.Conn) {
	defer func() { _ = client.Close() }()
	startup, err := readMessage(client, 4)
	if err != nil {
		return
	}
	if bytes.Contains(startup, []byte("\x00replication\x00")) {
		refusal := []byte("E\x00\x00\x00\x00SFATAL\x00C08P01\x00Munsupported startup parameter: replication\x00\x00")
		binary.BigEndian.PutUint32(refusal[1:], uint32(len(refusal)-1))
		_, _ = client.Write(refusal)
		return
	}
	server, err := net.Dial("tcp", p.target)
	if err != nil {
		return
	}
	defer func() { _ = server.Close() }()
	if _, err := server.Write(startup); err != nil {
		return
	}
	p.wait.Go(func() {
		otherPID(client, server)
		_ = client.Close()
	})
	_, _ = io.Copy(server, client)
}

// readMessage reads a message whose length ends at byte head.
func readMessage(r io.Reader, head int) ([]byte, error) {
	m := make([]byte, head)
	if _, err := io.ReadFull(r, m); err != nil {
		return nil, err
	}
	m = append(m, make([]byte, binary.BigEndian.Uint32(m[head-4:])-4)...)
	_, err := io.ReadFull(r, m[head:])
	return m, err
}

// otherPID copies messages of the server and changes BackendKeyData.
func otherPID(client io.Writer, server io.Reader) {
	for {
		m, err := readMessage(server, 5)
		if err != nil {
			return
		}
		if m[0] == 'K' {
			binary.BigEndian.PutUint32(m[5:], binary.BigEndian.Uint32(m[5:])+1)
		}
		if _, err := client.Write(m); err != nil {
			return
		}
	}
}

// TestPreflightOfOtherVersions has facts of servers that are not at hand.
func TestPreflightOfOtherVersions(t *testing.T) {
	for _, tc := range []struct {
		name  string
		facts serverFacts
		pairs []string
		find  string
		fatal bool
	}{
		{"version 9.6", serverFacts{ConnLimit: -1, Version: 90600, Release: "9.6.24"}, nil, "the server is version 9.6.24", true},
		{"standby 15", serverFacts{ConnLimit: -1, Version: 150000, Release: "15.1", WALLevel: "logical", Standby: true}, nil, "the server is a standby of version 15.1", true},
		{"standby 16", serverFacts{ConnLimit: -1, Version: 160000, Release: "16.1", WALLevel: "logical", Standby: true}, nil, "the server is a standby, and the publication dbz_publication does not exist", true},
		{"standby without feedback", serverFacts{ConnLimit: -1, Version: 160000, WALLevel: "logical", Standby: true}, nil, "a standby with hot_standby_feedback off", false},
		{"failover 17", serverFacts{ConnLimit: -1, Version: 170000, WALLevel: "logical", MaxSlots: 1, MaxSenders: 1}, []string{"slot.failover", "true"}, "synchronized_standby_slots is empty", false},
		{"failover 16", serverFacts{ConnLimit: -1, Version: 160000, Release: "16.1", WALLevel: "logical", MaxSlots: 1, MaxSenders: 1}, []string{"slot.failover", "true"}, "slot.failover is set, and the server is version 16.1", false},
		{"failover on a standby", serverFacts{ConnLimit: -1, Version: 170000, WALLevel: "logical", Standby: true, Feedback: true}, []string{"slot.failover", "true"}, "slot.failover is set, and the server is a standby", false},
		{"idle 18", serverFacts{ConnLimit: -1, Version: 180000, WALLevel: "logical", MaxSlots: 1, MaxSenders: 1, IdleLimit: 7200}, nil, "idle_replication_slot_timeout is 2h0m0s", false},
		{"managed", serverFacts{ConnLimit: -1, Version: 170000, WALLevel: "logical", MaxSlots: 1, MaxSenders: 1, User: "u", Managed: true}, nil, "the user u may not replicate", true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := &flight{s: mustParse(t, tc.pairs...), server: tc.facts}
			p.checkServer()
			p.checkSlot()
			p.checkPrivileges()
			f := matching(p.findings, tc.find)
			if f == nil || f.Fatal != tc.fatal {
				t.Errorf("unexpected findings %+v", p.findings)
			}
			if tc.facts.Managed && f != nil && f.SQL != `GRANT rds_replication TO "u";` {
				t.Errorf("unexpected SQL %s", f.SQL)
			}
		})
	}
	p := &flight{s: mustParse(t, "slot.failover", "true"), server: serverFacts{ConnLimit: -1, Version: 170000, WALLevel: "logical", MaxSlots: 1, MaxSenders: 1, Replication: true, StandbyWait: "a"}}
	p.checkServer()
	p.checkSlot()
	if len(p.findings) > 0 {
		t.Errorf("version 17: unexpected findings %+v", p.findings)
	}
}

func TestPreflightFindsASlotThatWillBeLost(t *testing.T) {
	s := mustParse(t)
	p := &flight{s: s, slot: &slotState{Type: "logical", Plugin: "pgoutput", Database: s.Server.Database, Status: "unreserved"}}
	p.checkSlot()
	if f := matching(p.findings, "will be lost at the next checkpoint"); f == nil || f.Fatal || f.SQL == "" {
		t.Errorf("unexpected findings %+v", p.findings)
	}
}

// TestPreflightQueriesOfOlderServers runs the queries for older servers, which newer ones
// understand as well.
func TestPreflightQueriesOfOlderServers(t *testing.T) {
	t.Parallel()
	srv := pgtest.Shared(t)
	g := newGround(t, srv, srv.Database(t), "REPLICATION")
	srv.MustExec(t, g.db, g.fill(owned+"CREATE TABLE a (id int, v text, PRIMARY KEY (id) INCLUDE (v)); CREATE PUBLICATION pub FOR TABLE a"))
	conn := connectTo(t, srv.URL(g.db))
	for _, version := range []int{100000, 110000, 120000, 130000, 140000, 150000} {
		if version > srv.Major(t)*10000 {
			break
		}
		p := &flight{s: g.settings(t), server: serverFacts{ConnLimit: -1, Version: version}}
		if err := p.lookPublication(t.Context(), conn); err != nil {
			t.Fatalf("version %d: %v", version, err)
		}
		if err := p.lookTables(t.Context(), conn); err != nil {
			t.Fatalf("version %d: %v", version, err)
		}
		if p.publication == nil || len(p.tables) != 1 || !p.tables[0].Published || p.tables[0].Primary[0] != "id" || len(p.tables[0].Columns) != 2 {
			t.Errorf("version %d: %+v %+v", version, p.publication, p.tables)
		}
		if keys := len(p.tables[0].Primary); version >= 110000 && keys != 1 {
			t.Errorf("version %d: %d key columns", version, keys)
		}
	}
}

func TestPreflightOfPartitions(t *testing.T) {
	t.Parallel()
	srv := pgtest.Shared(t)
	g := newGround(t, srv, srv.Database(t), "REPLICATION")
	srv.MustExec(t, g.db, g.fill(owned+`CREATE TABLE a (id int PRIMARY KEY) PARTITION BY RANGE (id);
 CREATE TABLE a_1 PARTITION OF a FOR VALUES FROM (0) TO (10) PARTITION BY RANGE (id); CREATE TABLE a_1_1 PARTITION OF a_1 FOR VALUES FROM (0) TO (5)`))
	for _, tc := range []struct {
		name, publication string
		since             int
	}{
		{"root", "FOR TABLE a", 0},
		{"root as root", "FOR TABLE a WITH (publish_via_partition_root = true)", 0},
		{"leaf", "FOR TABLE a_1_1", 0},
		{"all", "FOR ALL TABLES", 0},
		{"schema", "FOR TABLES IN SCHEMA public", 15},
	} {
		if tc.since > srv.Major(t) {
			continue
		}
		t.Run(tc.name, func(t *testing.T) {
			srv.MustExec(t, g.db, "DROP PUBLICATION IF EXISTS pub")
			srv.MustExec(t, g.db, "CREATE PUBLICATION pub "+tc.publication)
			if f := matching(fly(t, g.settings(t, "publication.autocreate.mode", "disabled", "table.exclude.list", "public.a_1")), "lacks"); f != nil {
				t.Errorf("unexpected finding %+v", f)
			}
		})
	}
}

func TestPreflightAsksForNoRightsThatNoSnapshotNeeds(t *testing.T) {
	for _, tc := range []struct {
		pairs []string
		want  bool
	}{
		{nil, true},
		{[]string{"snapshot.mode", "no_data"}, false},
		{[]string{"snapshot.mode", "no_data", "slot.lost.policy", "resnapshot"}, true},
		{[]string{"snapshot.mode", "configuration_based"}, false},
		{[]string{"snapshot.mode", "configuration_based", "snapshot.mode.configuration.based.snapshot.data", "true"}, true},
	} {
		p := &flight{s: mustParse(t, tc.pairs...), server: serverFacts{Replication: true}, tables: []*tableFacts{
			{Schema: "public", Name: "a", Captured: true, Columns: []columnFacts{{Name: "id"}}},
		}}
		p.checkPrivileges()
		if got := len(p.findings) > 0; got != tc.want {
			t.Errorf("%v: findings %+v", tc.pairs, p.findings)
		}
	}
}
