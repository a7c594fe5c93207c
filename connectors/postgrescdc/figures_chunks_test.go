// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"testing"
	"time"
)

// shown returns the figures of a snapshot by name.
func shown(f *figures, now time.Time) map[string]float64 {
	out := map[string]float64{}
	for _, g := range f.snapshot(now) {
		out[g.Name] = g.Value
	}
	return out
}

func TestTheRestOfChunksIsEstimated(t *testing.T) {
	t.Parallel()
	tables := []capturedTable{{name: tableName{"s", "a"}, rows: 300}, {name: tableName{"s", "b"}, rows: 100}, {name: tableName{"s", "new"}, rows: -1}}
	left := &incremental{Tables: []incrementalTable{{Name: "s.a"}, {Name: "s.b"}, {Name: "s.new"}, {Name: "s.[x]", Pattern: true}}, Rows: 100}
	if n := left.estimate(tables); n != 300 {
		t.Errorf("%d rows are left, want 300", n)
	}
	left.Rows = 1000 // more than the statistics know
	if n := left.estimate(tables); n != 100 {
		t.Errorf("%d rows are left, want 100", n)
	}

	var f figures
	began := time.UnixMicro(1_000_000)
	f.beginChunk(left, 300, began)
	f.wroteChunk(100, 5000, false)
	got := shown(&f, began.Add(10*time.Second))
	for name, want := range map[string]float64{"snapshot_running": 1, "snapshot_rows": 100, "snapshot_bytes": 5000, "snapshot_tables": 4, "snapshot_tables_remaining": 4, "snapshot_remaining_seconds": 20} {
		if got[name] != want {
			t.Errorf("%s is %v, want %v", name, got[name], want)
		}
	}
	f.beginChunk(left, 200, began)
	f.wroteChunk(200, 5000, true)
	f.endChunks()
	got = shown(&f, began.Add(20*time.Second))
	if _, still := got["snapshot_remaining_seconds"]; still || got["snapshot_running"] != 0 || got["snapshot_rows"] != 300 || got["snapshot_tables_remaining"] != 0 {
		t.Errorf("at the end the figures are %v", got)
	}
	f.beginChunk(left, 50, began)
	if got = shown(&f, began); got["snapshot_running"] != 1 || got["snapshot_rows"] != 0 {
		t.Errorf("the next snapshot begins with %v", got)
	}
}

// TestFiguresOfARestOfASnapshot: a snapshot that goes on by key runs on, until that is
// done.
func TestFiguresOfARestOfASnapshot(t *testing.T) {
	t.Parallel()
	w := newWorld(t, thousandRows+"; ANALYZE", map[string]string{"incremental.snapshot.chunk.size": "50"})
	w.readSome(310)
	r := w.start()
	defer r.stop()
	w.eventually("the rest is read in part", func() bool {
		b := r.poll(20*time.Millisecond, 50)
		r.commit(b, len(b.Records))
		return r.task.snapshot == nil && r.task.emitter.place.incremental.Rows >= 200
	})
	got := shown(&r.task.figures, time.Now())
	if got["snapshot_running"] != 1 || got["snapshot_tables"] != 2 || got["snapshot_tables_remaining"] != 1 || got["snapshot_rows"] < 210 || got["snapshot_rows"] > 400 {
		t.Errorf("in the middle of a table the figures are %v", got)
	}
	if left := got["snapshot_remaining_seconds"]; left <= 0 {
		t.Errorf("%v seconds remain", left)
	}
	r.incrementalDone(w.position())
	w.eventually("the snapshot does not run any more", func() bool {
		r.poll(20*time.Millisecond, 50)
		running, _ := figure(r, "snapshot_running")
		return running == 0
	})
	if rows, _ := figure(r, "snapshot_rows"); rows != 1010 {
		t.Errorf("%v rows were read, want 1010", rows)
	}
}
