// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connectors/postgrescdc/pgtest"
)

const streamedDDL = `CREATE TABLE a (id int PRIMARY KEY, v text);
CREATE TABLE b (id int PRIMARY KEY, v text, n int DEFAULT 7);
CREATE TABLE moving (id int PRIMARY KEY, v text);
CREATE TABLE full_ident (id int PRIMARY KEY, v text); ALTER TABLE full_ident REPLICA IDENTITY FULL;
CREATE TABLE hidden (id int, v text);
CREATE TABLE unpublished (id int, v text);
CREATE PUBLICATION dbz_publication FOR TABLE a, b, moving, full_ident, hidden`

// streamedWorld is a database whose transactions are streamed from 64 kB on.
func streamedWorld(t testing.TB, srv *pgtest.Server, props map[string]string) *world {
	t.Helper()
	all := map[string]string{
		"snapshot.mode": "no_data", "publication.autocreate.mode": "disabled", "skipped.operations": "none",
		"status.update.interval.ms": "50", "table.exclude.list": "public.hidden", keyStreamingDir: t.TempDir(),
	}
	for k, v := range props {
		all[k] = v
	}
	w := worldOn(t, srv, streamedDDL, all)
	w.exec("ALTER DATABASE " + quoteIdent(w.db) + " SET logical_decoding_work_mem = '64kB'")
	return w
}

// sqlSession is a connection that keeps its transaction open.
type sqlSession struct {
	t    testing.TB
	conn *pgx.Conn
}

func (w *world) session() *sqlSession {
	w.t.Helper()
	conn, err := pgx.Connect(context.Background(), w.srv.URL(w.db))
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return &sqlSession{w.t, conn}
}

func (s *sqlSession) do(sql string) {
	s.t.Helper()
	if _, err := s.conn.PgConn().Exec(context.Background(), sql).ReadAll(); err != nil {
		s.t.Fatalf("%s: %v", sql, err)
	}
}

// rows inserts rows with these ids, about 20 kB for each hundred.
func rows(table string, from, to int) string {
	return fmt.Sprintf("INSERT INTO %s (id, v) SELECT i, repeat(md5(i::text), 4) FROM generate_series(%d, %d) i; ", table, from, to)
}

// nestedWork is three transactions side by side with subtransactions.
func nestedWork(w *world) {
	one, two, three := w.session(), w.session(), w.session()
	one.do("BEGIN; " + rows("a", 1, 1000))
	two.do("BEGIN; " + rows("b", 1, 700) + "SELECT pg_logical_emit_message(true, 'app', 'in two')")
	three.do("BEGIN; " + rows("a", 100_001, 101_000))
	w.exec("INSERT INTO a VALUES (50001, 'small, between'); SELECT pg_logical_emit_message(false, 'app', 'outside')")
	// Subtransactions within each other: of the outer, the part behind the rollback stays.
	one.do("SAVEPOINT s; " + rows("a", 1001, 1800) + "SAVEPOINT t; " + rows("b", 2001, 2800) + "ROLLBACK TO t; " + rows("a", 2001, 2500) + "RELEASE s")
	one.do("SAVEPOINT u; " + rows("full_ident", 1, 800) + "UPDATE full_ident SET v = v || '.'; ROLLBACK TO u; " + rows("full_ident", 1, 600))
	two.do("SAVEPOINT x; " + rows("b", 3001, 3800) + "SAVEPOINT y; " + rows("b", 4001, 4700) + "RELEASE y; ROLLBACK TO x; UPDATE b SET n = n + id; DELETE FROM b WHERE id % 3 = 0")
	three.do(rows("a", 110_001, 111_000) + "ROLLBACK")
	two.do("COMMIT")
	w.exec("UPDATE b SET n = 0 WHERE id = 1")
	one.do("TRUNCATE moving, full_ident; " + rows("full_ident", 1, 20) + "COMMIT")
}

// changingWork is transactions in which a table changes, and those that leave nothing.
func changingWork(w *world) {
	one := w.session()
	// The first to describe a table is rolled back; then the table is changed, without and
	// with a rollback of that.
	one.do("BEGIN; SAVEPOINT s; " + rows("moving", 1, 800) + "ROLLBACK TO s; " + rows("moving", 2001, 2800))
	one.do("ALTER TABLE moving ADD COLUMN c int; INSERT INTO moving SELECT i, repeat('y', 100), i FROM generate_series(3001, 3800) i")
	one.do("SAVEPOINT s; ALTER TABLE moving ADD COLUMN d int; INSERT INTO moving SELECT i, repeat('z', 100), i, i FROM generate_series(4001, 4800) i; ROLLBACK TO s")
	one.do("INSERT INTO moving SELECT i, repeat('u', 100), i FROM generate_series(5001, 5800) i; SELECT pg_logical_emit_message(true, 'app', 'large ' || repeat('m', 300000)); COMMIT")
	w.exec("INSERT INTO moving VALUES (6001, 'small', 1)")

	// Nothing is left, nothing is captured, nothing is published.
	one.do("BEGIN; SAVEPOINT s; " + rows("a", 5001, 5800) + "ROLLBACK TO s; COMMIT")
	one.do("BEGIN; " + rows("hidden", 1, 1500) + "COMMIT")
	one.do("BEGIN; " + rows("unpublished", 1, 1500) + "COMMIT")
	// One statement has more rows than fit, from one log record.
	one.do("BEGIN; UPDATE a SET v = v || '!' WHERE id < 1500; DELETE FROM a WHERE id < 700; UPDATE a SET id = -id WHERE id < 900; COMMIT")
	w.exec("INSERT INTO a VALUES (60000, 'the end')")
}

// streamingModes are those that the server knows, off first.
func streamingModes(w *world) []string {
	modes := []string{streamingOff}
	major := w.srv.Major(w.t)
	if major >= 14 {
		modes = append(modes, streamingOn)
	}
	if major >= 16 {
		modes = append(modes, streamingParallel)
	}
	return modes
}

// reads returns copies of a world, each with a slot of its own, that read by these modes.
func (w *world) reads(modes ...string) []*world {
	w.t.Helper()
	out := make([]*world, len(modes))
	for i, mode := range modes {
		out[i] = w.copyOf(pgtest.Name(w.t, mode[:2]))
		out[i].props[slotStreaming.key] = mode
		w.exec("SELECT pg_create_logical_replication_slot('" + out[i].props["slot.name"] + "', 'pgoutput')")
	}
	return out
}

// toTheEnd reads up to end, and returns the offset of each record without what depends on
// when keepalives come.
func (w *world) toTheEnd(end lsn) []string {
	w.t.Helper()
	r := w.start()
	defer r.stop()
	var offsets []string
	w.eventually("the stream is read", func() bool {
		b := r.poll(50*time.Millisecond, 1000)
		for i := range b.Records {
			offsets = append(offsets, placeText(r.task.Position(b, i).Offset))
		}
		r.commit(b, len(b.Records))
		p := r.task.emitter.place
		return p.end >= end && p.commit == 0
	})
	return offsets
}

// placeText is what an offset says of a place. How far the server was said to be, and what
// is left for Debezium to look for instead, depends on when keepalives come.
func placeText(offset connect.Value) string {
	var b strings.Builder
	for _, name := range []string{memberCommit, memberOrdinal, memberPart, memberMessage, memberTxID, memberMicros, memberSystem, memberTimeline} {
		v, _ := offset.Get(name)
		fmt.Fprintf(&b, " %s=%s", name, jsonText(v))
	}
	return b.String()
}

// samePlace compares texts of placeText. The last record of a transaction stands for all of
// it if the commit comes in the same batch.
func samePlace(a, b string) bool {
	const finished = " " + memberCommit + "=null " + memberOrdinal + "=null " + memberPart + "=null"
	restA, endA := strings.CutPrefix(a, finished)
	restB, endB := strings.CutPrefix(b, finished)
	return a == b || endA != endB && (strings.HasSuffix(a, restB) && endB || strings.HasSuffix(b, restA) && endA)
}

// streamedTransactions is what the server says of a slot; one before version 14 streams
// none, and does not say so.
func (w *world) streamedTransactions() int {
	w.t.Helper()
	if w.srv.Major(w.t) < 14 {
		return 0
	}
	n, err := strconv.Atoi(w.scalar("SELECT coalesce(max(stream_txns), 0) FROM pg_stat_replication_slots WHERE slot_name = '" + w.props["slot.name"] + "'"))
	if err != nil {
		w.t.Fatal(err)
	}
	return n
}

// TestStreamingGivesTheSameRecords compares records and offsets of all versions.
func TestStreamingGivesTheSameRecords(t *testing.T) {
	t.Parallel()
	for _, metadata := range []string{"false", "true"} {
		t.Run("metadata "+metadata, func(t *testing.T) {
			t.Parallel()
			w := streamedWorld(t, pgtest.Shared(t), map[string]string{"provide.transaction.metadata": metadata})
			ways := w.reads(streamingModes(w)...)
			nestedWork(w)
			changingWork(w)
			end := w.position()
			want := ways[0].toTheEnd(end)
			if len(want) < 8000 {
				t.Fatalf("there are %d records", len(want))
			}
			for _, way := range ways[1:] {
				got := way.toTheEnd(end)
				if w.srv.Major(t) >= 15 {
					sameRecords(t, way.written, ways[0].written)
				} else {
					sameButForBegins(t, way.written, ways[0].written)
				}
				for i := range want {
					if !samePlace(got[i], want[i]) {
						t.Fatalf("record %d under %s:\ngot  %s\nwant %s", i, way.props[slotStreaming.key], got[i], want[i])
					}
				}
				way.eventually("the server has streamed", func() bool { return way.streamedTransactions() >= 5 })
			}
			if n := ways[0].streamedTransactions(); n != 0 {
				t.Errorf("the server has streamed %d transactions that it should not", n)
			}
		})
	}
}

// beginOf is the LSN in the id of a transaction. Before version 15 the server begins one
// with the LSN of its very first record, which does not come where it is streamed.
var beginOf = regexp.MustCompile(`"([0-9]+):[0-9]+"`)

func sameButForBegins(t *testing.T, got, want []connect.Record) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d records, want %d", len(got), len(want))
	}
	for i := range got {
		g, w := beginOf.ReplaceAllString(essence(&got[i]), `"$1"`), beginOf.ReplaceAllString(essence(&want[i]), `"$1"`)
		if g != w {
			t.Fatalf("record %d:\ngot  %s\nwant %s", i, g, w)
		}
	}
}

// TestStreamingIsInterrupted stops, cuts and goes on at random places.
func TestStreamingIsInterrupted(t *testing.T) {
	t.Parallel()
	w := streamedWorld(t, pgtest.Shared(t), map[string]string{"provide.transaction.metadata": "true"})
	modes := streamingModes(w)
	ways := w.reads(streamingOff, modes[len(modes)-1])
	nestedWork(w)
	end := w.position()
	ways[0].toTheEnd(end)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 1))
	stops, done := 0, false
	for deadline := time.Now().Add(2 * patience); !done; stops++ {
		if time.Now().After(deadline) {
			t.Fatal("the end of the stream is not reached")
		}
		r := ways[1].start()
		done = r.batches(rnd, end, batchSizes{polls: 8, wait: 200 * time.Millisecond, records: 700})
		r.stop()
	}
	t.Logf("%d stops", stops)
	sameRecords(t, ways[1].written, ways[0].written)
}

// streamsNothing reports that the server sends a transaction when it has committed, as those
// before version 14 do, and checks that the log says so where more is asked for.
func (w *world) streamsNothing() bool {
	w.t.Helper()
	if w.srv.Major(w.t) >= 14 {
		return false
	}
	way := w.reads(streamingOn)[0]
	log := way.logged()
	r := way.start()
	defer r.stop()
	w.exec("INSERT INTO b VALUES (1, 'one', 1)")
	r.until(1)
	if want := "the server does not know this way of streaming; another is used"; !strings.Contains(log.text(), want) {
		w.t.Errorf("the log lacks %q:\n%s", want, log.text())
	}
	return true
}

// refusesColumnLists reports that the server knows no publications of some columns of a
// table, as those before version 15, and checks that.
func (w *world) refusesColumnLists(table, column string) bool {
	w.t.Helper()
	err := w.srv.Exec(context.Background(), w.db, "CREATE PUBLICATION of_columns FOR TABLE "+table+" ("+column+")")
	if older := w.srv.Major(w.t) < 15; older != (err != nil) || older && !strings.Contains(err.Error(), "syntax error") {
		w.t.Fatalf("a publication of a column ends with %v", err)
	}
	return err != nil
}

// TestStreamedDescriptionIsOvertaken describes a table anew while an older description is
// in the spool. What was sent before keeps its columns; what comes after the commit must
// not be read by them, though the server does not describe the table again.
func TestStreamedDescriptionIsOvertaken(t *testing.T) {
	t.Parallel()
	w := streamedWorld(t, pgtest.Shared(t), nil)
	if w.refusesColumnLists("b", "id") { // of version 15 on
		return
	}
	modes := streamingModes(w)
	way := w.reads(modes[len(modes)-1])[0]
	r := way.start()
	defer r.stop()
	large := w.session()
	large.do("BEGIN; " + rows("b", 1, 800))
	way.eventually("the beginning is in the spool", func() bool { return r.task.figures.spooled.Load() > 100_000 })
	w.exec("ALTER PUBLICATION dbz_publication SET TABLE a, b (id, n), moving, full_ident, hidden")
	w.exec("INSERT INTO b VALUES (1001, 'hidden', 1)")
	r.until(1)
	large.do("COMMIT")
	w.exec("INSERT INTO b VALUES (1002, 'hidden', 2)")
	r.until(802)
	for i, want := range map[int]string{
		0:   `srv.public.b {"id":1001} c null {"id":1001,"n":1} false`,
		801: `srv.public.b {"id":1002} c null {"id":1002,"n":2} false`,
	} {
		if got := line(&way.written[i]); got != want {
			t.Errorf("record %d is %s, want %s", i, got, want)
		}
	}
	if v, _ := way.written[1].Value.Get("after"); len(v.Struct().Values) != 3 {
		t.Errorf("the streamed row is %s", line(&way.written[1]))
	}
}

// TestOffsetsPassTheSpool commits small transactions while a large one is in progress, so
// that offset and slot pass its first changes, and goes on in a new task: all of it comes.
func TestOffsetsPassTheSpool(t *testing.T) {
	t.Parallel()
	w := streamedWorld(t, pgtest.Shared(t), nil)
	if w.streamsNothing() {
		return
	}
	modes := streamingModes(w)
	way := w.reads(modes[len(modes)-1])[0]
	confirmed := func() lsn {
		var at lsn
		if err := at.Scan(w.scalar("SELECT confirmed_flush_lsn FROM pg_replication_slots WHERE slot_name = '" + way.props["slot.name"] + "'")); err != nil {
			t.Fatal(err)
		}
		return at
	}
	large := w.session()
	r := way.start()
	large.do("BEGIN; " + rows("a", 1, 800))
	way.eventually("the beginning is in the spool", func() bool { return r.task.figures.spooled.Load() > 100_000 })
	begun := w.position()
	for i := range 3 {
		w.exec(fmt.Sprintf("INSERT INTO b VALUES (%d, 'small', 0)", i))
	}
	passed := w.position()
	way.eventually("the slot passes the changes in the spool", func() bool {
		b := r.poll(50*time.Millisecond, 1000)
		r.commit(b, len(b.Records))
		return confirmed() >= passed
	})
	if p := r.task.emitter.place; p.end <= begun || len(way.written) != 3 {
		t.Errorf("the place is %s with %d records", p.end, len(way.written))
	}
	r.stop()
	large.do(rows("a", 801, 1600) + "COMMIT")
	r = way.start()
	defer r.stop()
	r.until(3 + 1600)
	for i := range 1600 {
		if key := fmt.Sprintf(`{"id":%d}`, i+1); jsonText(way.written[3+i].Key) != key {
			t.Fatalf("record %d is %s", i, line(&way.written[3+i]))
		}
	}
}

// TestSpoolHasNoRoom makes the spool fail: the task ends with the reason, the slot stays,
// and with room again everything comes.
func TestSpoolHasNoRoom(t *testing.T) {
	t.Parallel()
	w := streamedWorld(t, pgtest.Shared(t), nil)
	way := w.reads(streamingOn)[0]
	dir := way.props[keyStreamingDir]
	way.props[keyStreamingDir] = filepath.Join(dir, "file")
	if err := os.WriteFile(way.props[keyStreamingDir], nil, 0o600); err != nil {
		t.Fatal(err)
	}
	w.exec("BEGIN; " + rows("a", 1, 800) + "COMMIT")
	r := way.start()
	var err error
	way.eventually("the task fails", func() bool {
		ctx, cancel := context.WithTimeout(r.ctx, 50*time.Millisecond)
		defer cancel()
		err = r.task.Poll(ctx, &connect.Batch{MaxRecords: 100, MaxBytes: 1 << 20})
		return err != nil
	})
	for _, text := range []string{way.props[keyStreamingDir], "nothing is lost", keyStreamingDir, slotStreaming.key} {
		if !strings.Contains(err.Error(), text) {
			t.Errorf("%v does not name %s", err, text)
		}
	}
	r.stop()
	way.props[keyStreamingDir] = dir
	r = way.start()
	defer r.stop()
	r.until(800)
	r.stop()
	if entries, err := filepath.Glob(filepath.Join(dir, "connectd-spool-*")); err != nil || len(entries) > 0 {
		t.Errorf("the task leaves %v behind", entries)
	}
}
