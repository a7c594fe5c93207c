// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/metrics"
)

// withTransform is a world whose chain is one transform.
func withTransform(t *testing.T, config map[string]string, make func() connect.Transform) *world {
	t.Helper()
	w := newWorld(t, map[string]string{"transforms": "x", "transforms.x.type": "X"})
	for k, v := range config {
		w.config[k] = v
	}
	w.transforms = map[string]func() connect.Transform{"X": make}
	return w
}

func transform(f function) func() connect.Transform {
	return func() connect.Transform { return f }
}

func TestRetriableTransformIsRepeated(t *testing.T) {
	var tries atomic.Int32
	w := withTransform(t, map[string]string{"errors.retry.timeout": "10000", "errors.retry.delay.max.ms": "1"}, transform(
		func(_ *connect.Context, r *connect.Record, emit connect.Emit) error {
			emit(r)
			if r.Value.Str() == "1" && tries.Add(1) < 4 {
				return connect.Retriable(errors.New("away"))
			}
			return nil
		}))
	out := w.topic("out")
	w.source.add(texts(out, 0, 3)...)
	w.run()
	if got := values(w.await(out, 3)); !slices.Equal(got, []string{"0", "1", "2"}) || tries.Load() != 4 {
		t.Errorf("after %d tries the output is %q", tries.Load(), got)
	}
	if n := w.metrics.Retries.Load(); n != 3 {
		t.Errorf("%d retries are counted, want 3", n)
	}
}

func TestWhatIsBeforeARetryIsVisibleMeanwhile(t *testing.T) {
	var open atomic.Bool
	w := withTransform(t, map[string]string{"errors.retry.timeout": "-1", "errors.retry.delay.max.ms": "1"}, transform(
		func(_ *connect.Context, r *connect.Record, emit connect.Emit) error {
			if r.Value.Str() == "2" && !open.Load() {
				return connect.Retriable(errors.New("away"))
			}
			emit(r)
			return nil
		}))
	out := w.topic("out")
	w.source.add(texts(out, 0, 4)...)
	r := w.run()
	w.await(out, 2)
	open.Store(true)
	if got := values(w.await(out, 4)); !slices.Equal(got, []string{"0", "1", "2", "3"}) {
		t.Errorf("the output is %q", got)
	}
	r.stop()
	if w.offset() != 4 {
		t.Errorf("the offset is %d, want 4", w.offset())
	}
}

func TestStopDuringARetry(t *testing.T) {
	w := withTransform(t, map[string]string{"errors.retry.timeout": "-1"}, transform(
		func(_ *connect.Context, r *connect.Record, emit connect.Emit) error {
			if r.Value.Str() == "1" {
				return connect.Retriable(errors.New("away"))
			}
			emit(r)
			return nil
		}))
	out := w.topic("out")
	w.source.add(texts(out, 0, 2)...)
	r := w.run()
	w.await(out, 1)
	r.stop()
	if w.offset() != 1 {
		t.Errorf("the offset is %d, want 1: the record that is not done comes again", w.offset())
	}
}

func TestPermanentErrorIsNotRepeated(t *testing.T) {
	tries := 0
	w := withTransform(t, map[string]string{"errors.retry.timeout": "10000", "errors.tolerance": "all"}, transform(
		func(*connect.Context, *connect.Record, connect.Emit) error { tries++; return errors.New("no") }))
	w.source.add(text(w.topic("out"), "a"))
	r := w.run()
	w.until("the record is skipped", func() bool { return w.metrics.Skipped.Load() == 1 })
	r.stop()
	if tries != 1 || w.offset() != 1 {
		t.Errorf("%d tries, offset %d", tries, w.offset())
	}
}

func TestPanicInATransformIsARecordError(t *testing.T) {
	w := withTransform(t, nil, transform(func(*connect.Context, *connect.Record, connect.Emit) error { panic("broken") }))
	w.source.add(text(w.topic("out"), "a"))
	if re := w.run().recordError(); re.Stage != connect.StageTransformation || !strings.Contains(re.Err.Error(), "broken") {
		t.Errorf("the error is %+v", re)
	}
}

func TestOneRecordManyOutputs(t *testing.T) {
	w := withTransform(t, nil, transform(func(_ *connect.Context, r *connect.Record, emit connect.Emit) error {
		for i := range 3 {
			out := *r
			out.Topic = fmt.Sprint(r.Topic, i)
			emit(&out)
		}
		return nil
	}))
	out := w.topic("out")
	w.source.add(text(out, "a"), text(out, "b"))
	w.run()
	for i := range 3 {
		if got := values(w.await(fmt.Sprint(out, i), 2)); !slices.Equal(got, []string{"a", "b"}) {
			t.Errorf("topic %d holds %q", i, got)
		}
	}
}

func TestPredicateGuardsAStep(t *testing.T) {
	for _, negate := range []bool{false, true} {
		t.Run(fmt.Sprintf("negate %t", negate), func(t *testing.T) {
			w := withTransform(t, map[string]string{"predicates": "p", "predicates.p.type": "IsOne", "transforms.x.predicate": "p", "transforms.x.negate": fmt.Sprint(negate)},
				transform(func(*connect.Context, *connect.Record, connect.Emit) error { return nil }))
			w.predicates = map[string]func() connect.Predicate{"IsOne": func() connect.Predicate { return isOne{} }}
			out := w.topic("out")
			w.source.add(texts(out, 0, 3)...)
			want := []string{"0", "2"}
			if negate {
				want = []string{"1"}
			}
			w.run()
			if got := values(w.await(out, len(want))); !slices.Equal(got, want) {
				t.Errorf("the output is %q", got)
			}
		})
	}
}

type isOne struct{}

func (isOne) Test(_ *connect.Context, r *connect.Record) (bool, error) {
	return r.Value.Str() == "1", nil
}

func TestDroppedRecordsAreDone(t *testing.T) {
	w := withTransform(t, nil, transform(func(*connect.Context, *connect.Record, connect.Emit) error { return nil }))
	w.worker.FlushInterval = time.Hour
	w.batch = 2
	w.source.add(texts(w.topic("out"), 0, 9)...)
	r := w.run()
	w.until("all are dropped", func() bool { return w.metrics.Dropped.Load() == 9 })
	if n := w.metrics.Commits.Load(); n != 0 {
		t.Errorf("%d commits within the flush interval", n)
	}
	r.stop()
	if w.offset() != 9 {
		t.Errorf("the offset is %d, want 9", w.offset())
	}
}

func TestDroppedRecordsAreCommittedByInterval(t *testing.T) {
	w := withTransform(t, nil, transform(func(*connect.Context, *connect.Record, connect.Emit) error { return nil }))
	w.worker.FlushInterval = 30 * time.Millisecond
	w.source.add(texts(w.topic("out"), 0, 4)...)
	w.run()
	w.until("the offset is committed", func() bool { return w.offset() == 4 })
	w.source.add(texts(w.topic("out"), 4, 5)...)
	w.until("the next offset is committed", func() bool { return w.offset() == 5 })
	w.until("the connector is told", func() bool { return slices.Equal(w.source.committed(), []int64{4, 5}) })
}

func TestPauseCommitsAndStopsPolling(t *testing.T) {
	w := newWorld(t, map[string]string{"transaction.boundary": "interval", "transaction.boundary.interval.ms": "3600000"})
	out := w.topic("out")
	w.source.add(texts(out, 0, 3)...)
	r := w.run()
	w.until("the records are polled", func() bool { return w.metrics.Polled.Load() == 3 })
	r.Pause()
	w.await(out, 3)
	w.until("the task says that it is paused", func() bool { return w.metrics.State() == metrics.Paused })
	w.source.add(texts(out, 3, 5)...)
	polled := w.metrics.Polled.Load()
	r.Resume()
	w.until("the rest is polled", func() bool { return w.metrics.Polled.Load() == 5 })
	if polled != 3 {
		t.Errorf("%d records were polled under pause", polled)
	}
	r.stop()
	w.await(out, 5)
}

// A road whose committer is busy waits for it, and does not ask again and again.
func TestNoPollsWithoutNeedDuringACommit(t *testing.T) {
	w := newWorld(t, nil)
	release := make(chan struct{})
	var held atomic.Bool
	w.crash = func(point string) {
		if point == "before-endtxn" && held.CompareAndSwap(false, true) {
			<-release
		}
	}
	out := w.topic("out")
	w.source.add(text(out, "a"))
	w.run()
	w.until("a commit is under way", held.Load)
	w.source.add(text(out, "b"))
	w.until("the second record is polled", func() bool { return w.metrics.Polled.Load() == 2 })
	w.source.add(text(out, "c"))
	w.until("the third record is polled", func() bool { return w.metrics.Polled.Load() == 3 })
	w.source.mu.Lock()
	polls := w.source.polls
	w.source.mu.Unlock()
	close(release)
	w.await(out, 3)
	if polls > 10 {
		t.Errorf("%d polls for three records", polls)
	}
}

func TestIntervalBoundary(t *testing.T) {
	w := newWorld(t, map[string]string{"transaction.boundary": "interval", "transaction.boundary.interval.ms": "400"})
	w.batch = 1
	out := w.topic("out")
	w.source.add(texts(out, 0, 20)...)
	w.run()
	w.await(out, 20)
	w.until("the commit is counted", func() bool { return w.metrics.Commits.Load() > 0 })
	if n := w.metrics.UnitRecordsMax.Load(); n != 20 {
		t.Errorf("the largest transaction had %d records, want all 20 of the interval", n)
	}
}

func TestConnectorBoundary(t *testing.T) {
	w := newWorld(t, map[string]string{"transaction.boundary": "connector"})
	w.batch = 2
	w.source.ends = map[int]bool{5: true, 8: true}
	out := w.topic("out")
	w.source.add(texts(out, 0, 10)...)
	r := w.run()
	w.until("all are polled", func() bool { return w.metrics.Polled.Load() == 10 })
	w.await(out, 8)
	r.stop()
	if got := w.read(out); len(got) != 8 || w.offset() != 8 {
		t.Errorf("%d records, offset %d: the unfinished transaction must not show", len(got), w.offset())
	}
	if c := w.source.committed(); !slices.Equal(c, []int64{5, 8}) {
		t.Errorf("the connector was told %v", c)
	}
}

func TestConnectorBoundaryLargerThanAUnit(t *testing.T) {
	w := newWorld(t, map[string]string{"transaction.boundary": "connector", "transforms": "sum", "transforms.sum.type": "Sum"})
	w.transforms = map[string]func() connect.Transform{"Sum": sum}
	w.batch = 7
	w.worker.UnitBytes = 1000
	w.source.ends = map[int]bool{150: true}
	out := w.topic("out")
	var inputs []string
	for i := range 200 {
		inputs = append(inputs, fmt.Sprintf("a=%d", i))
	}
	w.source.add(lines(out, inputs[:150]...)...)
	r := w.run()
	w.await(out, 150) // before parts of the next transaction are there: it would wait for its end
	w.source.add(lines(out, inputs[150:]...)...)
	w.until("all are polled", func() bool { return w.metrics.Polled.Load() == 200 })
	r.stop()
	if w.offset() != 150 {
		t.Errorf("the offset is %d, want 150", w.offset())
	}
	w.source.mu.Lock()
	w.source.ends[200] = true
	w.source.mu.Unlock()
	w.run()
	want, _ := sums(inputs)
	if got := values(w.await(out, 200)); !slices.Equal(got, want) {
		t.Errorf("the output is %q", got)
	}
	w.until("200 records are counted as written", func() bool { return w.metrics.Written.Load() == 200 })
}

func TestConnectorBoundaryWithABadRecord(t *testing.T) {
	w := withTransform(t, map[string]string{"transaction.boundary": "connector", "errors.deadletterqueue.topic.name": "{}errors"}, transform(
		func(_ *connect.Context, r *connect.Record, emit connect.Emit) error {
			if r.Value.Str() == "4" {
				return errors.New("no")
			}
			emit(r)
			return nil
		}))
	w.source.ends = map[int]bool{3: true, 6: true}
	out := w.topic("out")
	w.source.add(texts(out, 0, 6)...)
	w.run().recordError()
	if got := values(w.read(out)); !slices.Equal(got, []string{"0", "1", "2"}) || w.offset() != 3 {
		t.Errorf("the output is %q, the offset %d", got, w.offset())
	}
	if got := values(w.await(w.topic("errors"), 1)); got[0] != "4" {
		t.Errorf("the error topic holds %q", got)
	}
}

func TestAtLeastOnce(t *testing.T) {
	w := newWorld(t, map[string]string{"delivery": "at-least-once"})
	out := w.topic("out")
	w.source.add(texts(out, 0, 5)...)
	r := w.run()
	w.await(out, 5)
	r.stop()
	if w.offset() != 5 {
		t.Errorf("the offset is %d, want 5", w.offset())
	}
}

func TestPollErrors(t *testing.T) {
	cases := []struct {
		name  string
		err   error
		fails bool
	}{
		{"retriable", &connect.RetriableError{Err: errors.New("away")}, false},
		{"permanent", errors.New("gone"), true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, map[string]string{"errors.retry.delay.max.ms": "1"})
			w.source.poll = func(n int) error {
				if n == 1 {
					return c.err
				}
				return nil
			}
			w.source.add(text(w.topic("out"), "a"))
			r := w.run()
			if c.fails {
				if err := r.wait(); !errors.Is(err, c.err) {
					t.Errorf("Run returned %v", err)
				}
				return
			}
			w.await(w.topic("out"), 1)
		})
	}
}

func TestStartIsRepeatedOrFails(t *testing.T) {
	starts := 0
	w := newWorld(t, map[string]string{"errors.retry.timeout": "60000", "errors.retry.delay.max.ms": "1"})
	w.source.start = func() error {
		if starts++; starts < 3 {
			return connect.Retriable(errors.New("away"))
		}
		return nil
	}
	w.source.add(text(w.topic("out"), "a"))
	r := w.run()
	w.await(w.topic("out"), 1)
	r.stop()
	if starts != 3 || w.source.stops != 3 || len(w.source.twice) > 0 {
		t.Errorf("%d starts, %d stops, called twice on one task: %q", starts, w.source.stops, w.source.twice)
	}
	w.source.start = func() error { return errors.New("wrong password") }
	if err := w.run().wait(); err == nil || !strings.Contains(err.Error(), "wrong password") || w.source.stops != 4 {
		t.Errorf("Run returned %v after %d stops", err, w.source.stops)
	}
}

func TestUndecodableRecord(t *testing.T) {
	w := newWorld(t, map[string]string{"errors.tolerance": "all", "errors.deadletterqueue.topic.name": "{}errors"})
	bad := text(w.topic("out"), "")
	bad.Value, bad.RawValue, bad.Err = connect.Null(), []byte("FAIL HERE"), connect.DataErrorf("line 6 is not JSON")
	w.source.add(text(w.topic("out"), "a"), bad, text(w.topic("out"), "b"))
	w.run()
	w.await(w.topic("out"), 2)
	e := w.await(w.topic("errors"), 1)[0]
	if string(e.Value) != "FAIL HERE" || header(e, "__connect.errors.stage") != "TASK_POLL" || header(e, "__connect.errors.class.name") != "MemorySource" {
		t.Errorf("the error topic holds %q with %v", e.Value, e.Headers)
	}
}

func TestStopWhileABrokerIsAway(t *testing.T) {
	w := newWorld(t, nil)
	o := w.options()
	o.Worker.Common = map[string]string{"bootstrap.servers": "127.0.0.1:1"}
	task, err := NewTask(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := task.Run(ctx); err != nil {
		t.Errorf("Run returned %v", err)
	}
}
