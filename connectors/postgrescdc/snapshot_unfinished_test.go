// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/connecttest"
)

// readSome reads the first n rows of the snapshot and stops in the middle of it.
func (w *world) readSome(n int) {
	w.t.Helper()
	r := w.start()
	defer r.stop()
	for len(w.written) < n {
		b := r.poll(patience, n-len(w.written))
		r.commit(b, len(b.Records))
	}
	if !w.unfinished() {
		w.t.Fatal("the snapshot is complete")
	}
}

// snapshotRows counts the rows of a topic by their source.snapshot.
func snapshotRowsOf(records []connect.Record, topic string) map[string]int {
	n := map[string]int{}
	for i := range records {
		op, _ := records[i].Value.Get("op")
		if records[i].Topic != topic || op.IsNull() || op.Str() != "r" {
			continue
		}
		source, _ := records[i].Value.Get("source")
		marker, _ := source.Get("snapshot")
		n[marker.Str()]++
	}
	return n
}

const thousandRows = `CREATE TABLE a (id int PRIMARY KEY, v text); INSERT INTO a SELECT i, 'a' FROM generate_series(1, 10) i;
CREATE TABLE b (id int PRIMARY KEY, v text); INSERT INTO b SELECT i, 'b' FROM generate_series(1, 1000) i;
CREATE TABLE c (id int PRIMARY KEY, v text); INSERT INTO c SELECT i, 'c' FROM generate_series(1, 10) i`

// TestABegunTableGoesOnByKey breaks off in the middle of a table, and then in the middle
// of its chunks: nothing is read from the beginning again, and what was changed, deleted
// and moved meanwhile is right in the end.
func TestABegunTableGoesOnByKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t, thousandRows, map[string]string{"incremental.snapshot.chunk.size": "50"})
	w.readSome(310)
	w.exec("UPDATE b SET v = 'u' WHERE id IN (5, 900); DELETE FROM b WHERE id IN (6, 901); UPDATE b SET id = 2007 WHERE id = 7; UPDATE b SET id = 2902 WHERE id = 902; INSERT INTO c VALUES (11, 'new')")

	r := w.start()
	if r.task.snapshot == nil {
		t.Fatal("the table that was not begun is not read")
	}
	w.eventually("some chunks are read", func() bool {
		b := r.poll(50*time.Millisecond, 40)
		r.commit(b, len(b.Records))
		n := r.task.emitter.place.incremental
		return n != nil && n.Rows >= 300
	})
	r.stop()
	if got := snapshotRowsOf(w.written, "srv.public.c"); got["last_in_data_collection"] != 1 || got["last"] != 0 {
		t.Errorf("before the rest of the snapshot its rows are marked %v", got)
	}
	if !w.unfinished() {
		t.Error("by the offset the snapshot is complete while a table is being read")
	}
	w.exec("UPDATE b SET v = 'u2' WHERE id IN (8, 903, 2007); DELETE FROM b WHERE id IN (9, 904, 2902)")
	before := len(w.written)
	r = w.start()
	defer r.stop()
	if r.task.snapshot != nil {
		t.Error("an exported snapshot is read, of which nothing is left")
	}
	r.incrementalDone(w.position())
	if w.unfinished() {
		t.Error("the snapshot is not complete")
	}
	if got := snapshotRowsOf(w.written[before:], "srv.public.b")["incremental"]; got == 0 || got > 700 {
		t.Errorf("%d rows were read after the second stop, want at most 700", got)
	}
	if got := snapshotRowsOf(w.written, "srv.public.b"); got["incremental"] > 1050 {
		t.Errorf("the rows of the table are %v", got)
	}
	for _, table := range []string{"a", "b", "c"} {
		w.checkState(table)
	}
	for key, want := range map[string]int{`{"id":6}`: 1, `{"id":901}`: 1, `{"id":7}`: 1, `{"id":9}`: 1, `{"id":2902}`: 1} {
		if n := w.deletes("srv.public.b", key); n != want {
			t.Errorf("there are %d deletes of %s, want %d", n, key, want)
		}
	}
}

// deletes counts the deletes of a key.
func (w *world) deletes(topic, key string) int {
	n := 0
	for _, l := range w.lines() {
		if strings.HasPrefix(l, topic+" "+key+" d ") {
			n++
		}
	}
	return n
}

// TestWhatCannotBeReadByKey breaks off in the middle of tables that are read from their
// beginning.
func TestWhatCannotBeReadByKey(t *testing.T) {
	t.Parallel()
	const rows = "INSERT INTO b SELECT i, 'b' FROM generate_series(1, 500) i"
	for _, c := range []struct {
		name, ddl string
		props     map[string]string
	}{
		{"no key", "CREATE TABLE b (id int, v text);" + rows, map[string]string{"message.key.columns": "public.b:id"}},
		{"a statement of its own", "CREATE TABLE b (id int PRIMARY KEY, v text);" + rows, map[string]string{
			"snapshot.select.statement.overrides": "public.b", "snapshot.select.statement.overrides.public.b": "SELECT * FROM b"}},
		{"a key that is not published", "CREATE TABLE b (id int, v text, k serial PRIMARY KEY);" + rows + "; ALTER TABLE b REPLICA IDENTITY NOTHING", map[string]string{
			"publication.autocreate.mode": "disabled", "message.key.columns": "public.b:id"}},
		{"no stream", "CREATE TABLE b (id int PRIMARY KEY, v text);" + rows, map[string]string{"snapshot.mode": "initial_only"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, c.ddl, c.props)
			if c.props["publication.autocreate.mode"] == "disabled" {
				if w.refusesColumnLists("b", "id") {
					return
				}
				w.exec("CREATE PUBLICATION dbz_publication FOR TABLE b (id, v)")
			}
			w.readSome(200)
			r := w.start()
			defer r.stop()
			snapshotted(r)
			if got := snapshotRowsOf(w.written[200:], "srv.public.b"); got["incremental"] != 0 || got["last"] != 1 || got["true"] != 498 {
				t.Errorf("after the stop the rows are %v", got)
			}
			if w.unfinished() {
				t.Error("the snapshot is not complete")
			}
			if c.name != "a key that is not published" {
				w.checkState("b")
			}
		})
	}
}

// TestATableLosesItsKey takes the primary key away while the table is read by it: the
// task fails, and the next start reads the table from its beginning.
func TestATableLosesItsKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t, thousandRows, map[string]string{"incremental.snapshot.chunk.size": "50", "message.key.columns": "public.b:id"})
	w.readSome(310)
	w.exec("ALTER TABLE b REPLICA IDENTITY FULL")
	r := w.start()
	snapshotted(r)
	w.exec("ALTER TABLE b DROP CONSTRAINT b_pkey")
	w.eventually("the task fails", func() bool {
		b := &connect.Batch{MaxRecords: 100, MaxBytes: 1 << 20}
		err := r.task.Poll(r.ctx, b)
		if err == nil {
			r.commit(b, len(b.Records))
			return false
		}
		return strings.Contains(err.Error(), "go on with the snapshot: read table public.b: it has no primary key that is published")
	})
	r.stop()
	w.exec("DELETE FROM b WHERE id = 2; UPDATE b SET v = 'u' WHERE id = 3")
	r = w.start()
	defer r.stop()
	snapshotted(r)
	r.incrementalDone(w.position())
	if w.unfinished() {
		t.Error("the snapshot is not complete")
	}
	w.checkState("b")
}

// TestAnUnfinishedSnapshotAndNoData: with no_data the rest is not read.
func TestAnUnfinishedSnapshotAndNoData(t *testing.T) {
	t.Parallel()
	w := newWorld(t, thousandRows, map[string]string{"incremental.snapshot.chunk.size": "50"})
	w.readSome(310)
	w.start().stop()
	w.props["snapshot.mode"] = snapshotNoData
	w.exec("UPDATE b SET v = 'u' WHERE id = 1")
	r := w.start()
	r.until(311)
	if got := w.lines()[310]; got != `srv.public.b {"id":1} u null {"id":1,"v":"u"} false` {
		t.Errorf("without data there is %s", got)
	}
	r.stop()
	delete(w.props, "snapshot.mode")
	r = w.start()
	defer r.stop()
	snapshotted(r)
	r.incrementalDone(w.position())
	for _, table := range []string{"a", "b", "c"} {
		w.checkState(table)
	}
}

// foreignSnapshot is what Debezium stores in the middle of a snapshot that began at a
// point of the stream.
func foreignSnapshot(t *testing.T, at string) connect.Value {
	t.Helper()
	return connecttest.Parse(t, fmt.Sprintf(`{"snapshot":"INITIAL","snapshot_completed":false,"lsn":%s,"txId":4,"ts_usec":1}`, at))
}

// TestTakeOverFromAnUnfinishedSnapshot: rows that Debezium had written, and that were
// deleted before our snapshot, get their delete.
func TestTakeOverFromAnUnfinishedSnapshot(t *testing.T) {
	t.Parallel()
	w := newWorld(t, thousandRows+"; CREATE TABLE n (id int, v text); ALTER TABLE n REPLICA IDENTITY FULL; INSERT INTO n VALUES (1, 'n'), (2, 'n')", map[string]string{
		"incremental.snapshot.chunk.size": "50", "message.key.columns": "public.n:id"})
	at := w.scalar("SELECT lsn - '0/0' FROM pg_create_logical_replication_slot('" + w.props["slot.name"] + "', 'pgoutput')")
	w.exec("CREATE PUBLICATION dbz_publication FOR TABLE a, b, c, n")
	w.stored = foreignSnapshot(t, at)
	w.exec("DELETE FROM b WHERE id = 8; UPDATE b SET v = 'u' WHERE id = 7; DELETE FROM n WHERE id = 1; INSERT INTO c VALUES (11, 'new')")
	w.readSome(310)
	r := w.start()
	defer r.stop()
	snapshotted(r)
	r.incrementalDone(w.position())
	if n, m := w.deletes("srv.public.b", `{"id":8}`), w.deletes("srv.public.n", `{"id":1}`); n != 1 || m != 1 {
		t.Errorf("there are %d and %d deletes of what Debezium may have written", n, m)
	}
	for _, table := range []string{"a", "b", "c", "n"} {
		w.checkState(table)
	}
	if w.unfinished() {
		t.Error("the snapshot is not complete")
	}
}

func TestWhatIsLeftOfABrokenSnapshot(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, before, want string
		begun              []string
	}{
		{"nothing", ``, ``, nil},
		{"the first", ``, `{"tables":[{"name":"s.a","begun":true},{"name":"s.b","begun":true}]}`, []string{"a", "b"}},
		{"more", `{"tables":[{"name":"s.a","begun":true}],"after":["1"],"rows":1}`, `{"tables":[{"name":"s.a","begun":true},{"name":"s.b","begun":true}],"after":["1"],"rows":1}`, []string{"a", "b"}},
		{"none is wanted", `{"tables":[{"name":"s.a","begun":true}],"after":["1"],"rows":1}`, ``, nil},
		{"the first is not wanted", `{"tables":[{"name":"s.a","begun":true},{"name":"s.x"}],"after":["1"],"rows":1,"paused":true}`, `{"tables":[{"name":"s.x"}],"paused":true}`, nil},
		{"before a signal", `{"tables":[{"name":"s.x","pattern":true}]}`, `{"tables":[{"name":"s.a","begun":true},{"name":"s.x","pattern":true}]}`, []string{"a"}},
		{"beside the same table of a signal", `{"tables":[{"name":"s.x"},{"name":"s.a"}],"after":["1"]}`, `{"tables":[{"name":"s.x"},{"name":"s.a","begun":true},{"name":"s.a"}],"after":["1"]}`, []string{"a"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var n *incremental
			if c.before != "" {
				var err error
				if n, err = parseIncremental(c.before); err != nil {
					t.Fatal(err)
				}
			}
			var begun []capturedTable
			for _, name := range c.begun {
				begun = append(begun, capturedTable{name: tableName{"s", name}})
			}
			got := ""
			if next := n.goOn(begun); next != nil {
				got = next.text()
			}
			if got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

// TestPlaceBehindTheLastChunk: the snapshot is complete with the last table of it, and
// tables whose point the stream has not passed keep it.
func TestPlaceBehindTheLastChunk(t *testing.T) {
	t.Parallel()
	left := &incremental{Tables: []incrementalTable{{Name: "s.a", Begun: true}, {Name: "s.b", Begun: true}, {Name: "s.x"}}}
	marks := map[string]tableMark{"s.a": {at: 10}, "s.b": {at: 10}, "s.c": {at: 30, done: true}}
	for _, end := range []lsn{20, 40} {
		p := place{end: end, orders: orders{incremental: left}, snapshot: &snapshotProgress{tables: maps.Clone(marks)}}
		p.chunkRead(p.incremental, []string{"7"}, 7, false)
		if p.snapshot.tables["s.a"].done || p.snapshot.completed || p.incremental.After[0] != "7" {
			t.Errorf("in the middle of a table: %+v", p.snapshot)
		}
		p.chunkRead(p.incremental, nil, 3, true)
		if m := p.snapshot.tables["s.a"]; !m.done || m.at != 10 || p.snapshot.completed {
			t.Errorf("behind the first table: %+v", p.snapshot)
		}
		p.chunkRead(p.incremental, nil, 0, true)
		if !p.snapshot.completed || (len(p.snapshot.tables) > 0) != (end < 30) || p.incremental.Tables[0].Name != "s.x" {
			t.Errorf("at %d behind the last table: %+v", end, p.snapshot)
		}
	}
}

// TestChunksOfATableWithHeirs reads a table from which others inherit: their rows have
// records of their own.
func TestChunksOfATableWithHeirs(t *testing.T) {
	t.Parallel()
	w := newWorld(t, thousandRows+"; CREATE TABLE heir (PRIMARY KEY (id)) INHERITS (b); INSERT INTO heir VALUES (2000, 'heir')", map[string]string{"incremental.snapshot.chunk.size": "500"})
	w.readSome(310)
	r := w.start()
	defer r.stop()
	snapshotted(r)
	r.incrementalDone(w.position())
	for i := range w.written {
		if w.written[i].Topic == "srv.public.b" && jsonText(w.written[i].Key) == `{"id":2000}` {
			t.Fatal("a row of the heir comes as one of the table")
		}
	}
	if got := snapshotRowsOf(w.written, "srv.public.b")["incremental"]; got != 1000 {
		t.Errorf("%d rows were read by key, want 1000", got)
	}
	w.checkState("heir")
}
