// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"github.com/connectd/connectd/connect"
)

// Each write gives the row a number that is larger than all before. A row is written before
// it is deleted or moved, and a table before it is emptied, so that the stream tells a
// number of each end, too.
const versionedDDL = `CREATE SEQUENCE version;
CREATE TABLE a (id int PRIMARY KEY, v text DEFAULT nextval('version'));
CREATE TABLE b (id int PRIMARY KEY, v text DEFAULT nextval('version')); ALTER TABLE b REPLICA IDENTITY FULL;
CREATE TABLE c (id int PRIMARY KEY, v text DEFAULT nextval('version'));
CREATE TABLE n (id int, v text DEFAULT nextval('version')); ALTER TABLE n REPLICA IDENTITY FULL;
INSERT INTO a SELECT generate_series(1, 200); INSERT INTO b SELECT generate_series(1, 200); INSERT INTO c SELECT generate_series(1, 100); INSERT INTO n SELECT generate_series(1, 60)`

var versionedTables = []string{"a", "b", "c", "n"}

// changeVersioned is one transaction of changes. With empty it may empty a table, which a
// snapshot that is being taken does not bear.
func (w *world) changeVersioned(rnd *rand.Rand, empty bool) {
	w.t.Helper()
	table := versionedTables[rnd.IntN(len(versionedTables))]
	id := func() int { return 1 + rnd.IntN(220) }
	sql := "BEGIN;"
	for range 1 + rnd.IntN(3) {
		one := id()
		write := fmt.Sprintf("UPDATE %s SET v = nextval('version') WHERE id = %d;", table, one)
		switch rnd.IntN(4) {
		case 0:
			sql += write
		case 1:
			sql += write + fmt.Sprintf("DELETE FROM %s WHERE id = %d;", table, one)
		case 2:
			to := id()
			sql += write + fmt.Sprintf("UPDATE %s SET id = %d, v = nextval('version') WHERE id = %d AND NOT EXISTS (SELECT FROM %s WHERE id = %d);", table, to, one, table, to)
		case 3:
			sql += fmt.Sprintf("INSERT INTO %s SELECT %d WHERE NOT EXISTS (SELECT FROM %s WHERE id = %d);", table, one, table, one)
		}
	}
	if empty && rnd.IntN(10) == 0 {
		sql += fmt.Sprintf("INSERT INTO %s SELECT 1000; TRUNCATE %s; INSERT INTO %s SELECT generate_series(1, 120);", table, table, table)
	}
	end := "COMMIT"
	if rnd.IntN(10) == 0 {
		end = "ROLLBACK"
	}
	w.exec(sql + end)
}

// streamed is what the stream has said last of a key, or of all keys of a table.
type streamed struct {
	version int64
	gone    bool
}

// checkVersions checks that no row that was read undoes what the stream has said before.
func checkVersions(t *testing.T, records []connect.Record) {
	t.Helper()
	told, emptied := map[string]streamed{}, map[string]int64{}
	newest := map[string]int64{} // by topic
	for i := range records {
		r := &records[i]
		op, _ := r.Value.Get("op")
		if op.IsNull() {
			continue
		}
		key := r.Topic + jsonText(r.Key)
		version := versionOf(t, r)
		switch op.Str() {
		case "t":
			emptied[r.Topic] = newest[r.Topic]
		case "d":
			told[key] = streamed{max(version, told[key].version), true}
		case "r":
			was := told[key]
			if version < was.version || was.gone && version == was.version || version <= emptied[r.Topic] {
				t.Fatalf("record %d, %s, undoes %+v and a truncate behind %d", i, line(r), was, emptied[r.Topic])
			}
		default:
			told[key] = streamed{version, false}
			newest[r.Topic] = max(newest[r.Topic], version)
		}
	}
}

// versionOf is the number of a row, 0 for none.
func versionOf(t *testing.T, r *connect.Record) int64 {
	t.Helper()
	for _, member := range []string{"after", "before"} {
		row, _ := r.Value.Get(member)
		if row.IsNull() {
			continue
		}
		v, _ := row.Get("v")
		if v.IsNull() || v.Str() == "" {
			continue
		}
		n, err := strconv.ParseInt(v.Str(), 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	return 0
}

// withoutTruncated leaves out what came before a truncate of the same topic, and that.
func (w *world) withoutTruncated() {
	w.t.Helper()
	kept := w.written[:0:0]
	for i := range w.written {
		op, _ := w.written[i].Value.Get("op")
		if op.IsNull() || op.Str() != "t" {
			kept = append(kept, w.written[i])
			continue
		}
		topic, all := w.written[i].Topic, kept
		kept = nil
		for j := range all {
			if all[j].Topic != topic {
				kept = append(kept, all[j])
			}
		}
	}
	w.written = kept
}

// TestSnapshotIsStoppedAtEachBatch stops at borders of batches and within them, and changes
// rows all the time: the records make the tables, and no row that is read undoes what the
// stream has said.
func TestSnapshotIsStoppedAtEachBatch(t *testing.T) {
	t.Parallel()
	for _, threads := range []string{"1", "3"} {
		t.Run("threads "+threads, func(t *testing.T) {
			t.Parallel()
			seed := uint64(time.Now().UnixNano())
			t.Logf("seed %d", seed)
			rnd := rand.New(rand.NewPCG(seed, 6))
			w := newWorld(t, versionedDDL, map[string]string{
				"incremental.snapshot.chunk.size": strconv.Itoa(10 + rnd.IntN(40)), "snapshot.max.threads": threads,
				"message.key.columns": "public.n:id", "skipped.operations": "none",
			})
			w.readSome(1 + rnd.IntN(190))
			stops := 0
			for ; w.unfinished() && stops < 20; stops++ {
				w.changeVersioned(rnd, true)
				w.someOfSnapshot(rnd)
			}
			w.changeVersioned(rnd, true)
			r := w.start()
			defer r.stop()
			snapshotted(r)
			r.incrementalDone(w.position())
			chunks := 0
			for _, table := range versionedTables {
				chunks += snapshotRowsOf(w.written, "srv.public."+table)["incremental"]
			}
			t.Logf("%d stops, %d records, %d rows by key", stops, len(w.written), chunks)
			if chunks == 0 {
				t.Error("no row was read by key")
			}
			if w.unfinished() {
				t.Error("the snapshot is not complete")
			}
			checkVersions(t, w.written)
			w.withoutTruncated()
			for _, table := range versionedTables {
				w.checkState(table)
			}
		})
	}
}

// someOfSnapshot runs a task for a few batches, of which the last may be done in part.
func (w *world) someOfSnapshot(rnd *rand.Rand) {
	w.t.Helper()
	r := w.start()
	defer r.stop()
	for range 1 + rnd.IntN(5) {
		b := r.poll(100*time.Millisecond, 1+rnd.IntN(60))
		if rnd.IntN(4) == 0 {
			r.commit(b, rnd.IntN(len(b.Records)+1))
			return
		}
		r.commit(b, len(b.Records))
		w.changeVersioned(rnd, false)
		w.changeVersioned(rnd, false)
	}
}
