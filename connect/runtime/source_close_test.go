// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/connectd/connectd/connect/kafka"
)

func TestCommitsArePacedUnderLoad(t *testing.T) {
	t.Parallel()
	now := time.Unix(1000, 0)
	for _, c := range []struct {
		name   string
		before time.Duration // since the newest commit began
		bytes  int
		paused bool
		want   time.Duration
	}{
		{name: "after a pause", before: time.Second},
		{name: "just after the one before", before: time.Millisecond, want: commitPace - time.Millisecond},
		{name: "a full unit", before: time.Millisecond, bytes: 2000},
		{name: "a paused task", before: time.Millisecond, paused: true},
	} {
		task := &Task{o: TaskOptions{Now: func() time.Time { return now }, Worker: WorkerSettings{UnitBytes: 1000}}}
		task.paused.Store(c.paused)
		r := &sourceRoad{t: task, stages: &stages{unit: &unit{bytes: c.bytes}}, boundary: boundaryPoll, lastClose: now.Add(-c.before)}
		r.unit.add(0, kafka.Record{})
		if got := r.untilDue(); got != c.want {
			t.Errorf("%s: due in %v, want %v", c.name, got, c.want)
		}
	}
}

// Unless units end where the connector's transactions do, the end of one holds nothing up.
func TestUnitsFillDuringACommit(t *testing.T) {
	w := newWorld(t, nil)
	w.batch = 1
	for i := range 10 {
		w.source.ends[i] = true
	}
	release := make(chan struct{})
	var held atomic.Bool
	w.crash = func(point string) {
		if point == "before-endtxn" && held.CompareAndSwap(false, true) {
			<-release
		}
	}
	w.atEnd = sync.OnceFunc(func() { close(release) })
	out := w.topic("out")
	w.source.add(text(out, "first"))
	w.run()
	w.until("a commit is under way", held.Load)
	w.source.add(texts(out, 0, 5)...)
	w.until("the others are polled", func() bool { return w.metrics.Polled.Load() == 6 })
	w.atEnd()
	w.await(out, 6)
	w.until("both commits are counted", func() bool { return w.metrics.Commits.Load() == 2 })
	if most := w.metrics.UnitRecordsMax.Load(); most != 5 {
		t.Errorf("the largest transaction had %d records, want the 5 of the backlog", most)
	}
}
