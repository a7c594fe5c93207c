// SPDX-License-Identifier: Apache-2.0

package pgoutput_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/connectd/connectd/connectors/postgrescdc/pgoutput"
)

const proto1 = "proto_version '1'"

func TestLiveRows(t *testing.T) {
	w := newWorld(t, "", `CREATE TYPE mood AS ENUM ('sad', 'ok');
		CREATE TABLE orders (id int PRIMARY KEY, note text, m mood);
		CREATE TABLE items (id int PRIMARY KEY)`)
	s := w.open(proto1)
	w.exec("INSERT INTO orders VALUES (1, 'Ä', 'ok'), (2, NULL, NULL)")
	w.exec("UPDATE orders SET note = '' WHERE id = 1")
	w.exec("UPDATE orders SET id = 3 WHERE id = 1")
	w.exec("DELETE FROM orders WHERE id = 2")
	w.exec("TRUNCATE orders, items RESTART IDENTITY CASCADE")
	expect(t, withoutRepeats(s.until(pgoutput.KindCommit, 5)),
		"Begin",
		"Type public.mood",
		"Relation public.orders d id*,note,m",
		"Insert (1)(Ä)(ok)",
		"Insert (2)(null)(null)",
		"Commit",
		"Begin", "Update (1)()(ok)", "Commit",
		// An old key has NULL for what is not part of it.
		"Begin", "Update K(1)(null)(null)(3)()(ok)", "Commit",
		"Begin", "Delete K(2)(null)(null)", "Commit",
		"Begin", "Relation public.items d id*", "Truncate 2 tables cascade=true restart=true", "Commit",
	)
}

func TestLiveRelationsAndIdentity(t *testing.T) {
	w := newWorld(t, "", "CREATE TABLE t (id int PRIMARY KEY, v text, big text); ALTER TABLE t ALTER big SET STORAGE EXTERNAL")
	big := strings.Repeat("x", 9000)
	s := w.open(proto1)
	w.exec("INSERT INTO t VALUES (1, 'a', '" + big + "')")
	w.exec("UPDATE t SET v = 'b'")
	w.exec("ALTER TABLE t REPLICA IDENTITY FULL") // alone it sends nothing
	w.exec("UPDATE t SET v = 'c'")
	w.exec("BEGIN; UPDATE t SET v = 'd'; ALTER TABLE t ADD COLUMN n int NOT NULL DEFAULT 7; UPDATE t SET v = 'e'; COMMIT")
	w.exec("ALTER TABLE t RENAME TO u; DELETE FROM u")
	events := withoutRepeats(s.until(pgoutput.KindCommit, 5))
	for i := range events {
		events[i].text = strings.ReplaceAll(events[i].text, big, "big")
	}
	expect(t, events,
		"Begin", "Relation public.t d id*,v,big", "Insert (1)(a)(big)", "Commit",
		"Begin", "Update (1)(b)(unchanged)", "Commit",
		// Full identity marks all columns, and has the value that the new row lacks.
		"Begin", "Relation public.t f id*,v*,big*", "Update O(1)(b)(big)(1)(c)(unchanged)", "Commit",
		"Begin", "Update O(1)(c)(big)(1)(d)(unchanged)",
		"Relation public.t f id*,v*,big*,n*", "Update O(1)(d)(big)(7)(1)(e)(unchanged)(7)", "Commit",
		"Begin", "Relation public.u f id*,v*,big*,n*", "Delete O(1)(e)(big)(7)", "Commit",
	)
	relations := of(events, pgoutput.KindRelation)
	for _, e := range relations {
		if e.start != 0 {
			t.Errorf("relation message has LSN %s, want 0", e.start)
		}
		if e.d.Relation.ID != relations[0].d.Relation.ID {
			t.Errorf("relation id changed from %d to %d", relations[0].d.Relation.ID, e.d.Relation.ID)
		}
	}
	if relations[0].d.Relation.Equal(relations[1].d.Relation) {
		t.Error("relations of different identity are equal")
	}
}

func TestLiveLSNs(t *testing.T) {
	w := newWorld(t, "", "CREATE TABLE t (id int, v text)")
	s := w.open(proto1)
	copier := w.connect("")
	if _, err := copier.CopyFrom(t.Context(), strings.NewReader("1\ta\n2\tb\n3\tc\n"), "COPY t FROM STDIN"); err != nil {
		t.Fatal(err)
	}
	w.exec("INSERT INTO t VALUES (4); INSERT INTO t VALUES (5)")
	events := s.until(pgoutput.KindCommit, 2)
	expect(t, events,
		"Begin", "Relation public.t d id,v", "Insert (1)(a)", "Insert (2)(b)", "Insert (3)(c)", "Commit",
		"Begin", "Insert (4)(null)", "Insert (5)(null)", "Commit")

	copied, single := of(events, pgoutput.KindInsert)[:3], of(events, pgoutput.KindInsert)[3:]
	if copied[0].start != copied[1].start || copied[0].start != copied[2].start {
		t.Errorf("rows of one COPY have LSNs %s, %s, %s", copied[0].start, copied[1].start, copied[2].start)
	}
	if single[0].start >= single[1].start {
		t.Errorf("rows of two statements have LSNs %s and %s", single[0].start, single[1].start)
	}
	begins, commits := of(events, pgoutput.KindBegin), of(events, pgoutput.KindCommit)
	for i, first := range []event{copied[0], single[0]} {
		begin, commit := begins[i], commits[i]
		if begin.start != first.start {
			t.Errorf("transaction %d: Begin at %s, its first change at %s", i, begin.start, first.start)
		}
		if begin.d.Begin.FinalLSN != commit.d.Commit.CommitLSN {
			t.Errorf("transaction %d: Begin announces %s, Commit is at %s", i, begin.d.Begin.FinalLSN, commit.d.Commit.CommitLSN)
		}
		if commit.start != commit.d.Commit.EndLSN || commit.d.Commit.CommitLSN >= commit.d.Commit.EndLSN {
			t.Errorf("transaction %d: frame of Commit at %s, commit %s, end %s", i, commit.start, commit.d.Commit.CommitLSN, commit.d.Commit.EndLSN)
		}
		if begin.d.Begin.Time != commit.d.Commit.Time || time.Since(commit.d.Commit.Time.Time()).Abs() > time.Hour {
			t.Errorf("transaction %d: times %s and %s", i, begin.d.Begin.Time.Time(), commit.d.Commit.Time.Time())
		}
	}
	if commits[0].d.Commit.CommitLSN >= commits[1].d.Commit.CommitLSN {
		t.Errorf("commits at %s and %s", commits[0].d.Commit.CommitLSN, commits[1].d.Commit.CommitLSN)
	}
}

// TestLiveInterleaved: changes come in the order of commits, so their LSNs go back.
func TestLiveInterleaved(t *testing.T) {
	w := newWorld(t, "", "CREATE TABLE t (id int)")
	s := w.open(proto1)
	slow := w.connect("")
	run := func(sql string) {
		if _, err := slow.Exec(t.Context(), sql).ReadAll(); err != nil {
			t.Fatal(err)
		}
	}
	run("BEGIN; INSERT INTO t VALUES (1); SAVEPOINT s; INSERT INTO t VALUES (-1); ROLLBACK TO s; INSERT INTO t VALUES (2)")
	w.exec("INSERT INTO t VALUES (3)")
	run("COMMIT")
	w.exec("BEGIN; INSERT INTO t VALUES (-2); ROLLBACK")
	w.exec("CREATE TABLE nothing_published ()")
	w.exec("INSERT INTO t VALUES (4)")
	events := s.until(pgoutput.KindCommit, 3)
	expect(t, events,
		"Begin", "Relation public.t d id", "Insert (3)", "Commit",
		"Begin", "Insert (1)", "Insert (2)", "Commit",
		"Begin", "Insert (4)", "Commit")
	inserts := of(events, pgoutput.KindInsert)
	if inserts[1].start >= inserts[0].start {
		t.Errorf("the earlier change has LSN %s, the one that was sent first %s", inserts[1].start, inserts[0].start)
	}
}

func TestLiveMessagesAndOrigin(t *testing.T) {
	w := newWorld(t, "", "CREATE TABLE t (id int)")
	origin := "from_" + w.slot
	if !w.since(14, proto1, "messages 'true'") {
		return
	}
	s := w.open(proto1, "messages 'true'")
	w.exec("BEGIN; SELECT pg_logical_emit_message(true, 'in', 'x'); INSERT INTO t VALUES (1); COMMIT")
	w.exec("BEGIN; INSERT INTO t VALUES (2); SELECT pg_logical_emit_message(false, 'at once', 'y'); COMMIT")
	w.exec("SELECT pg_replication_origin_create('" + origin + "')")
	t.Cleanup(func() {
		// The session that used it may take a moment to end.
		w.await("the origin is dropped", func() bool {
			return w.srv.Exec(context.Background(), w.db, "SELECT pg_replication_origin_drop('"+origin+"')") == nil
		})
	})
	w.exec("SELECT pg_replication_origin_session_setup('" + origin + "'); COMMIT; BEGIN;" +
		"SELECT pg_replication_origin_xact_setup('1/AB', now()); INSERT INTO t VALUES (3); COMMIT")
	events := s.until(pgoutput.KindCommit, 3)
	expect(t, events,
		"Begin", "Message in=x transactional=true", "Relation public.t d id", "Insert (1)", "Commit",
		// A message without transaction overtakes the one it was written in.
		"Message at once=y transactional=false",
		"Begin", "Insert (2)", "Commit",
		"Begin", "Origin "+origin+"@1/AB", "Insert (3)", "Commit")
	for _, e := range of(events, pgoutput.KindMessage) {
		if e.d.Message.LSN == 0 || e.d.Message.LSN != e.start {
			t.Errorf("message at %s in a frame at %s", e.d.Message.LSN, e.start)
		}
	}
}

func TestLiveBinary(t *testing.T) {
	w := newWorld(t, "", "CREATE TABLE t (id int, v text, a aclitem)")
	if !w.since(14, proto1, "binary 'true'") {
		return
	}
	s := w.open(proto1, "binary 'true'")
	w.exec("INSERT INTO t VALUES (258, 'ab', '" + w.srv.User() + "=r/" + w.srv.User() + "')")
	insert := of(s.until(pgoutput.KindCommit, 1), pgoutput.KindInsert)
	// aclitem has no send function, so it is text.
	expect(t, insert, "Insert (00000102)(6162)("+w.srv.User()+"=r/"+w.srv.User()+")")
}

// TestLiveStatus: what is confirmed is what is not sent again, and nothing else is.
func TestLiveStatus(t *testing.T) {
	w := newWorld(t, "", "CREATE TABLE t (id int)")
	w.exec("INSERT INTO t VALUES (1)")
	w.exec("INSERT INTO t VALUES (2)")

	s := w.open(proto1)
	commits := of(s.until(pgoutput.KindCommit, 2), pgoutput.KindCommit)
	first, last := commits[0].d.Commit.EndLSN, commits[1].d.Commit.EndLSN
	s.send(last, 0) // were it taken for last, the slot could not go back to first
	s.send(last, first)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if e, ok := s.next(ctx); ok || s.keep.End < last {
		t.Errorf("asked for a keepalive after %s, the server sent %s and a keepalive of %s", last, e.kind, s.keep.End)
	}
	w.awaitConfirmed(first)
	s.end(w)

	again := w.open(proto1)
	expect(t, again.until(pgoutput.KindCommit, 1), "Begin", "Relation public.t d id", "Insert (2)", "Commit")
}

// send sends a status that asks for a keepalive.
func (s *stream) send(write, flush pgoutput.LSN) {
	s.t.Helper()
	status := pgoutput.AppendStatus(nil, write, flush, flush, time.Now(), true)
	s.conn.Frontend().Send(&pgproto3.CopyData{Data: status})
	if err := s.conn.Frontend().Flush(); err != nil {
		s.t.Fatal(err)
	}
}

// awaitConfirmed waits until the slot has moved, and fails if that is elsewhere.
func (w *world) awaitConfirmed(want pgoutput.LSN) {
	w.t.Helper()
	var got pgoutput.LSN
	w.await("the slot confirms "+want.String(), func() bool {
		text := w.srv.MustQuery(w.t, w.db, "SELECT confirmed_flush_lsn FROM pg_replication_slots WHERE slot_name = '"+w.slot+"'")[0][0]
		if err := got.Scan(text); err != nil {
			w.t.Fatal(err)
		}
		return got >= want
	})
	if got != want {
		w.t.Errorf("the slot is at %s, confirmed was %s", got, want)
	}
}
