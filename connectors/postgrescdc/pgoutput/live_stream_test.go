// SPDX-License-Identifier: Apache-2.0

package pgoutput_test

import (
	"strconv"
	"testing"

	"github.com/connectd/connectd/connectors/postgrescdc/pgoutput"
)

// streamModes are the versions that stream which the server knows.
func streamModes(t *testing.T, w *world) map[string][]string {
	t.Helper()
	modes := map[string][]string{"on": {"proto_version '2'", "streaming 'on'"}}
	if w.srv.Major(t) >= 16 {
		modes["parallel"] = []string{"proto_version '4'", "streaming 'parallel'"}
	}
	return modes
}

// TestLiveStreaming reads a large transaction while it is open. A subtransaction in
// it is rolled back after it was sent.
func TestLiveStreaming(t *testing.T) {
	w := newWorld(t, "", "CREATE TABLE t (id int, v text)")
	if !w.since(14, "proto_version '2'", "streaming 'on'") {
		return
	}
	for name, options := range streamModes(t, w) {
		t.Run(name, func(t *testing.T) { testStreaming(t, w, name, options) })
	}
}

func testStreaming(t *testing.T, w *world, mode string, options []string) {
	const rows = 3000
	s := w.open(options...)
	s.t = t
	writer := w.connect("")
	run := func(sql string) {
		t.Helper()
		if _, err := writer.Exec(t.Context(), sql).ReadAll(); err != nil {
			t.Fatal(err)
		}
	}
	fill := "INSERT INTO t SELECT g, repeat('x', 100) FROM generate_series(1, " + strconv.Itoa(rows) + ") g"
	run("BEGIN; " + fill)
	events := s.until(pgoutput.KindStreamStop, 1) // the transaction is still open
	run("SAVEPOINT s; " + fill)
	events = append(events, s.until(pgoutput.KindStreamStop, 2)...)
	run("ROLLBACK TO s; " + fill + "; COMMIT")
	w.exec("INSERT INTO t VALUES (0, 'small')")
	events = append(events, s.until(pgoutput.KindCommit, 1)...)

	xid, kept := replay(t, events, mode == "parallel")
	if kept != 2*rows {
		t.Errorf("%d rows of the streamed transaction are kept, want %d", kept, 2*rows)
	}
	expect(t, events[len(events)-3:], "Begin", "Insert (0)(small)", "Commit")
	commits := of(events, pgoutput.KindStreamCommit)
	if len(commits) != 1 || commits[0].d.Commit.XID != xid || commits[0].start != commits[0].d.Commit.EndLSN {
		t.Errorf("Stream Commits %+v of transaction %d", commits, xid)
	}
	if last := events[len(events)-1].d.Commit; last.CommitLSN <= commits[0].d.Commit.CommitLSN || last.XID != 0 {
		t.Errorf("Commit %+v after Stream Commit %+v", last, commits[0].d.Commit)
	}
	end := events[len(events)-1].d.Commit.EndLSN
	s.send(end, end)
	w.awaitConfirmed(end)
	s.end(w)
}

// replay checks the blocks and returns the streamed transaction and the number of
// its rows that were not aborted.
func replay(t *testing.T, events []event, detailed bool) (xid uint32, kept int) {
	t.Helper()
	rows := map[uint32]int{}
	blocks := 0
	for _, e := range events {
		switch e.kind {
		case pgoutput.KindStreamStart:
			if start := e.d.StreamStart; start.First != (blocks == 0) || (blocks > 0 && start.XID != xid) {
				t.Errorf("block %d starts with %+v", blocks, start)
			}
			xid = e.d.StreamStart.XID
			blocks++
		case pgoutput.KindRelation, pgoutput.KindInsert:
			if e.kind == pgoutput.KindInsert && e.xid != 0 {
				rows[e.xid]++
			}
			if e.xid == 0 && e.text != "(0)(small)" && len(of(events, pgoutput.KindStreamCommit)) == 0 {
				t.Errorf("%s %s without transaction id", e.kind, e.text)
			}
		case pgoutput.KindStreamAbort:
			abort := e.d.StreamAbort
			if abort.XID != xid || abort.SubXID == xid || rows[abort.SubXID] == 0 || abort.Detailed != detailed {
				t.Errorf("abort %+v of transaction %d with rows %v", abort, xid, rows)
			}
			delete(rows, abort.SubXID)
		}
	}
	if aborts := of(events, pgoutput.KindStreamAbort); blocks < 3 || len(aborts) == 0 {
		t.Errorf("%d blocks and %d aborts", blocks, len(aborts))
	}
	for _, n := range rows {
		kept += n
	}
	return xid, kept
}

func TestLiveTwoPhase(t *testing.T) {
	if plain := newWorld(t, "", ""); !plain.since(15, "proto_version '3'", "two_phase 'on'") {
		return
	}
	w := newWorld(t, "TWO_PHASE", "CREATE TABLE t (id int, v text)")
	s := w.open("proto_version '3'", "two_phase 'on'", "streaming 'on'")
	small, large := w.slot+" it''s", w.slot+" large"
	w.exec("BEGIN; INSERT INTO t VALUES (1); PREPARE TRANSACTION '" + small + "'")
	events := s.until(pgoutput.KindPrepare, 1) // before it is decided
	expect(t, events, "Begin Prepare", "Relation public.t d id,v", "Insert (1)(null)", "Prepare")
	begin, prepare := events[0].d.Prepare, events[3].d.Prepare
	if begin != prepare || prepare.GID != w.slot+" it's" || prepare.PrepareLSN >= prepare.EndLSN {
		t.Errorf("Begin Prepare %+v, Prepare %+v", begin, prepare)
	}

	w.exec("COMMIT PREPARED '" + small + "'")
	commit := s.until(pgoutput.KindCommitPrepared, 1)[0].d.CommitPrepared
	if commit.GID != prepare.GID || commit.XID != prepare.XID || commit.CommitLSN < prepare.EndLSN || commit.EndLSN <= commit.CommitLSN {
		t.Errorf("Commit Prepared %+v of %+v", commit, prepare)
	}

	w.exec("BEGIN; INSERT INTO t SELECT g, repeat('x', 100) FROM generate_series(1, 3000) g; PREPARE TRANSACTION '" + large + "'")
	streamed := s.until(pgoutput.KindStreamPrepare, 1)
	large3 := streamed[len(streamed)-1].d.Prepare
	if n := len(of(streamed, pgoutput.KindInsert)); n != 3000 || large3.GID != large || large3.XID != streamed[0].d.StreamStart.XID {
		t.Errorf("%d rows, Stream Prepare %+v", n, large3)
	}

	w.exec("ROLLBACK PREPARED '" + large + "'")
	rollback := s.until(pgoutput.KindRollbackPrepared, 1)[0].d.RollbackPrepared
	if rollback.GID != large || rollback.XID != large3.XID || rollback.PrepareEndLSN != large3.EndLSN ||
		rollback.PrepareTime != large3.Time || rollback.EndLSN <= rollback.PrepareEndLSN || rollback.Time < rollback.PrepareTime {
		t.Errorf("Rollback Prepared %+v of %+v", rollback, large3)
	}
}
