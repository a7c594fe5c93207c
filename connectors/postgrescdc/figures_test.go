// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"testing"
	"time"
)

// figure returns a figure of the task by name.
func figure(r *taskRun, name string) (float64, bool) {
	for _, f := range r.task.Figures() {
		if f.Name == name {
			return f.Value, f.Help != ""
		}
	}
	return 0, false
}

func TestFiguresTellHowFarATaskIs(t *testing.T) {
	w := newWorld(t, `CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE empty (id int PRIMARY KEY); INSERT INTO a SELECT generate_series(1, 50);`, nil)
	r := w.start()
	defer r.stop()
	snapshotted(r)
	for name, want := range map[string]float64{"snapshot_running": 0, "snapshot_rows": 50, "snapshot_tables": 2, "snapshot_tables_remaining": 0} {
		if got, ok := figure(r, name); !ok || got != want {
			t.Errorf("%s is %v, %v", name, got, ok)
		}
	}
	if bytes, _ := figure(r, "snapshot_bytes"); bytes < 50 {
		t.Errorf("%v bytes were read", bytes)
	}
	before := time.Now().Add(-time.Second)
	w.exec("INSERT INTO a VALUES (100)")
	w.eventually("the change is read", func() bool {
		b := r.poll(100*time.Millisecond, 10)
		r.commit(b, len(b.Records))
		at, ok := figure(r, "last_event_seconds")
		return ok && at >= float64(before.UnixMicro())/1e6
	})
	if lag, ok := figure(r, "slot_lag_bytes"); !ok || lag < 0 {
		t.Errorf("the lag is %v, %v", lag, ok)
	}
}

func TestTheRestOfASnapshotIsEstimated(t *testing.T) {
	var f figures
	began := time.UnixMicro(1_000_000)
	f.beginSnapshot([]capturedTable{{rows: 300}, {rows: -1}, {rows: 100}}, began)
	f.rows.Store(100)
	for _, got := range f.snapshot(began.Add(10 * time.Second)) {
		if got.Name == "snapshot_remaining_seconds" {
			if got.Value != 30 {
				t.Errorf("%v seconds remain", got.Value)
			}
			return
		}
	}
	t.Error("no estimate")
}
