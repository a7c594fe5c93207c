// SPDX-License-Identifier: Apache-2.0

package runtime

import (
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
