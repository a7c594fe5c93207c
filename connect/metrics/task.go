// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"sync/atomic"

	"github.com/connectd/connectd/connect"
)

// State of a connector or task, as status answers name it.
type State string

// The states.
const (
	Unassigned State = "unassigned"
	Running    State = "running"
	Paused     State = "paused"
	Stopped    State = "stopped"
	Failed     State = "failed"
	Restarting State = "restarting"
)

// Task holds the counters of one task. All fields may be added to from any
// goroutine; a nil *Task must not be used.
type Task struct {
	// Polled counts records that a source returned or a sink read, Written records
	// that were committed to topics or put into the sink, Dropped what the chain let go.
	Polled, Written, Dropped atomic.Int64
	// Late counts records, or parts of them, that came after their window closed.
	Late atomic.Int64
	// Commits and CommitFailures count units; CommitNanos and CommitMaxNanos their time.
	Commits, CommitFailures, CommitNanos, CommitMaxNanos atomic.Int64
	// Active is the number of records that were polled and are not committed yet.
	Active atomic.Int64
	// Polls counts non-empty polls, PollNanos and PollMaxNanos their time.
	Polls, PollNanos, PollMaxNanos atomic.Int64
	// Puts counts calls of a sink's Put, PutNanos and PutMaxNanos their time.
	Puts, PutNanos, PutMaxNanos atomic.Int64
	// Errors counts errors of records, Failures those that were not undone by a retry,
	// Skipped records that tolerance let go, Retries repeated operations, Logged log
	// lines about records, ErrorRecords records written to the error topic.
	Errors, Failures, Skipped, Retries, Logged, ErrorRecords atomic.Int64
	// ErrorRecordFailures counts records that the error topic did not take.
	ErrorRecordFailures atomic.Int64
	// LastError is when the last error happened, in milliseconds since the epoch.
	LastError atomic.Int64
	// Lag is the largest number of records that a partition of a topics input is
	// behind; Partitions how many partitions it reads.
	Lag, Partitions atomic.Int64
	// UnitRecordsMin, UnitRecordsMax bound the records of a committed unit; 0 before
	// the first.
	UnitRecordsMin, UnitRecordsMax atomic.Int64

	state atomic.Value
	kind  atomic.Int32
	own   atomic.Pointer[func() []connect.Figure]
}

// SetFigures says where the task's own figures come from; nil ends that.
func (t *Task) SetFigures(f func() []connect.Figure) {
	if f == nil {
		t.own.Store(nil)
		return
	}
	t.own.Store(&f)
}

// Figures returns the task's own figures; nil if it has none or does not run.
func (t *Task) Figures() []connect.Figure {
	if f := t.own.Load(); f != nil {
		return (*f)()
	}
	return nil
}

// SetKind says whether the task is of a source or of a sink.
func (t *Task) SetKind(k Kind) { t.kind.Store(int32(k)) }

// Kind returns what SetKind recorded.
func (t *Task) Kind() Kind { return Kind(t.kind.Load()) }

// SetState records the task's state for the next scrape.
func (t *Task) SetState(s State) {
	if t.State() != s {
		t.state.Store(s)
	}
}

// State returns what SetState recorded last; Unassigned before.
func (t *Task) State() State {
	if s, ok := t.state.Load().(State); ok {
		return s
	}
	return Unassigned
}

// Observe adds one event of this duration to a count, a sum and a maximum.
func Observe(count, sum, most *atomic.Int64, nanos int64) {
	count.Add(1)
	sum.Add(nanos)
	for {
		old := most.Load()
		if nanos <= old || most.CompareAndSwap(old, nanos) {
			return
		}
	}
}
