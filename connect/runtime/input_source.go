// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/convert"
	"github.com/connectd/connectd/connect/kafka"
	"github.com/connectd/connectd/connect/metrics"
)

// sourceRoad is one life of a source task: from the committed offsets to the first
// failure or the stop.
//
// The road polls, transforms and converts on the goroutine of Run. A unit that is
// due goes to the committer, on a goroutine of its own that ends with the unit;
// meanwhile the road fills the next. There is never more than one of each.
type sourceRoad struct {
	*stages
	t    *Task
	hard context.Context
	task connect.SourceTask // nil until it has been started
	c    *committer
	w    *topicWriter
	keep *keeper

	results   chan committed
	busy      bool // a unit is being committed
	free      units
	boundary  string
	interval  time.Duration
	cut       time.Duration // how old a transaction on the brokers may become
	ends      bool          // the connector's own transaction ends with what has been polled
	lastFlush time.Time
	lastClose time.Time // when the newest commit began
	first     bool      // no record has come yet
	idle      bool      // the memory of the batch for the next poll has been given up
}

// committed is the outcome of one commit.
type committed struct {
	u   *unit
	err error
}

// runSource runs lives of the task: a second one only after a transaction that
// timed out, or to find a record that a broker refused.
func (t *Task) runSource(ctx, hard context.Context) error {
	client, err := t.openProducer(ctx)
	if err != nil {
		return stopOr(ctx, err)
	}
	defer client.close()
	poison, timedOut := map[refusal]error(nil), false
	for {
		err := t.live(ctx, hard, client, poison)
		var refused *refusedError
		switch {
		case errors.As(err, &refused):
			if poison == nil {
				poison = map[refusal]error{}
			}
			if poison[refused.refusal] != nil {
				return err
			}
			poison[refused.refusal] = refused.err
		case errors.Is(err, errTimedOut) && !timedOut && ctx.Err() == nil:
			timedOut = true
			t.o.Log.Warn("the transaction timed out; going on from the committed offset", "error", err)
		default:
			return err
		}
	}
}

// live starts the plugin at the committed offsets and runs it.
func (t *Task) live(ctx, hard context.Context, client *client, poison map[refusal]error) error {
	loaded, err := t.o.Offsets.Load(ctx, t.o.Connector)
	if err != nil {
		return stopOr(ctx, fmt.Errorf("load offsets: %w", err))
	}
	r, err := t.newSourceRoad(ctx, hard, client, newOffsets(loaded), poison)
	if err != nil {
		return stopOr(ctx, err)
	}
	defer r.close(hard)
	if err = r.start(ctx); err == nil {
		err = r.openState(ctx)
	}
	if err == nil {
		err = r.repair(ctx)
	}
	if err != nil {
		return stopOr(ctx, err)
	}
	return r.finish(ctx, r.run(ctx))
}

// stopOr turns an error into nil when the task was told to stop.
func stopOr(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

func (t *Task) newSourceRoad(ctx, hard context.Context, client *client, known *offsets, poison map[refusal]error) (*sourceRoad, error) {
	o, c := &t.o, t.p.framework
	r := &sourceRoad{t: t, hard: hard, results: make(chan committed, 1), first: true, lastFlush: o.Now()}
	r.boundary, r.interval = c.String(keyBoundary), o.Worker.FlushInterval
	if !c.IsNull(keyBoundaryInterval) {
		r.interval = c.Millis(keyBoundaryInterval)
	}
	timeout, err := t.transactionTimeout()
	if err != nil {
		return nil, err
	}
	r.cut = timeout / 2
	if r.w, err = t.newWriter(client, poison); err != nil {
		return nil, err
	}
	if r.stages, err = t.newStages(ctx, client, r.w); err != nil {
		return nil, err
	}
	r.c = &committer{o: o, producer: client.producer, transactional: client.transactional, known: known, crash: t.crash}
	r.output, r.origin, r.waiting = r.w.write, r.originOf, r.whileWaiting
	if t.p.source.Decodes {
		r.decode = r.decodeRaw
		r.w.passKey, r.w.passVal = t.p.inKey.print == t.p.key.print, t.p.inValue.print == t.p.value.print
	}
	r.keep = &keeper{t: t, s: r.stages, cluster: client.cluster, hasOffsets: known.hasState}
	return r, nil
}

// start starts the plugin. A task is never started twice: each try has a new one.
func (r *sourceRoad) start(ctx context.Context) error {
	return r.retry.do(ctx, r.logRetry("start"), func() error {
		task := r.t.p.source.NewTask()
		if err := r.startTask(ctx, task); err != nil {
			logStop(r.log, task.Stop(r.hard))
			return fmt.Errorf("start the connector's task: %w", err)
		}
		r.task, r.c.task, r.c.position = task, task, task.Position
		showFigures(r.m, task)
		r.t.signals.to.Store(&task)
		return nil
	})
}

func (r *sourceRoad) startTask(ctx context.Context, task connect.SourceTask) error {
	o := &r.t.o
	return task.Start(ctx, connect.SourceTaskContext{
		Connector: o.Connector, Task: o.Task, Config: r.t.p.plugin, Log: o.Log, Kafka: o.Worker.Common,
		Offsets: r.c.known.get, AllOffsets: r.c.known.all,
	})
}

// repair writes committed offsets again whose newest record was aborted with an
// earlier life of the task: a reader that looks at uncommitted records, as workers of
// the original may, would take that for the truth. Only partitions that the task has
// asked for are its own.
func (r *sourceRoad) repair(ctx context.Context) error {
	store, able := r.t.o.Offsets.(OffsetRepair)
	asked := r.c.known.askedFor()
	if !able || len(asked) == 0 {
		return nil
	}
	ps, err := store.Aborted(ctx, r.t.o.Connector, asked)
	if err != nil {
		return fmt.Errorf("look for aborted offsets: %w", err)
	}
	for _, p := range ps {
		r.unit.moved = append(r.unit.moved, movedPosition{-2, p})
	}
	if len(ps) > 0 {
		r.lastFlush = time.Time{} // due now
	}
	return nil
}

func (r *sourceRoad) logRetry(what string) func(error, time.Duration) {
	return func(err error, d time.Duration) {
		r.m.Retries.Add(1)
		r.log.Warn("will be tried again", "operation", what, "after", d, "error", err)
	}
}

// run is the loop of the road. It returns nil at the end of ctx.
func (r *sourceRoad) run(ctx context.Context) error {
	r.t.running()
	for ctx.Err() == nil {
		if err := r.collect(); err != nil {
			return err
		}
		if err := r.closeIfDue(); err != nil {
			return err
		}
		if wait, d := r.mustWait(); wait {
			r.t.waker.wait(ctx, d)
			continue
		}
		b, err := r.poll(ctx)
		if err != nil {
			return err
		}
		if err := r.fill(ctx, b); err != nil {
			return err
		}
	}
	return nil
}

// collect takes in the outcome of a commit, if there is one.
func (r *sourceRoad) collect() error {
	select {
	case done := <-r.results:
		return r.settled(done)
	default:
		return nil
	}
}

func (r *sourceRoad) settled(done committed) error {
	r.busy = false
	if done.err != nil {
		return done.err
	}
	if r.c.parts == 0 {
		r.lastFlush = r.t.o.Now()
	}
	final := done.u.final
	r.free.unit(done.u)
	if r.tables != nil {
		if err := r.tables.Apply(); err != nil {
			return fmt.Errorf("apply committed state: %w", err)
		}
	}
	if final != nil {
		return final
	}
	return nil
}

// mustWait reports that nothing may be polled now, and how long to wait at most.
func (r *sourceRoad) mustWait() (bool, time.Duration) {
	switch {
	case r.t.paused.Load():
		r.m.SetState(metrics.Paused)
		return true, r.patience()
	case r.busy && (r.boundary == boundaryConnector && r.ends || r.unit.size() >= r.t.o.Worker.UnitBytes):
		return true, -1
	}
	r.m.SetState(metrics.Running)
	return false, 0
}

// poll asks the connector for a batch. It is interrupted when a commit has ended,
// and when the open unit is due.
func (r *sourceRoad) poll(ctx context.Context) (*held, error) {
	b := r.free.batch(&r.t.o.Worker)
	for n := 1; ; n++ {
		wait, end := r.t.waker.begin(ctx, r.pollTime())
		start := r.t.o.Now()
		err := r.task.Poll(wait, &b.Batch)
		interrupted := wait.Err() != nil
		end()
		if err == nil || interrupted && errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) && interrupted {
			return r.polled(b, start), nil
		}
		b.Reset()
		if ctx.Err() != nil {
			return b, nil
		}
		if !connect.IsRetriable(err) {
			return nil, fmt.Errorf("poll: %w", err)
		}
		// As the original, a poll that may work later is repeated for ever.
		d := min(firstRetryDelay<<min(n-1, 10), max(r.retry.most, firstRetryDelay))
		r.logRetry("poll")(err, d)
		r.whileWaiting()
		if !r.retry.sleep(ctx, d) {
			return b, nil
		}
		if err := r.collect(); err != nil {
			return nil, err
		}
	}
}

func (r *sourceRoad) polled(b *held, start time.Time) *held {
	if n := len(b.Records); n > 0 {
		r.idle = false
		r.m.Polled.Add(int64(n))
		r.m.Active.Add(int64(n))
		metrics.Observe(&r.m.Polls, &r.m.PollNanos, &r.m.PollMaxNanos, int64(r.t.o.Now().Sub(start)))
		r.t.crash("after-read")
	}
	return b
}

// idleAfter is how long a poll may wait with memory in hand.
const idleAfter = time.Second

// pollTime is how long a poll may take before the road has something else to do.
func (r *sourceRoad) pollTime() time.Duration {
	d := r.patience()
	if !r.idle && !r.busy && (d < 0 || d > idleAfter) {
		return idleAfter
	}
	return d
}

// patience is how long the road may wait for something to happen by itself: until
// the open unit is due, or, during a commit, for ever, since its end wakes the road.
func (r *sourceRoad) patience() time.Duration {
	if r.busy {
		return -1
	}
	return r.untilDue()
}

// fill takes a batch through the stages into the open unit.
func (r *sourceRoad) fill(ctx context.Context, b *held) error {
	if b.Empty() {
		r.rest(b)
		return nil
	}
	if r.unit.opened.IsZero() {
		r.unit.opened = r.t.o.Now()
	}
	if err := r.prepare(ctx, b); err != nil {
		return err
	}
	r.w.ctx, r.w.wall = ctx, wall(r.t.o.Now)
	r.chain.use(&b.Arena)
	n, err := r.records(ctx, b)
	if err == nil {
		r.unit.progress(n, b.Progress)
		r.ends = b.EndsTransaction
		if r.letsGo() {
			r.unit.compact(r.task.Position, r.free.release)
		}
		err = r.storeError()
	}
	r.free.release(b) // the hand that polled it
	return err
}

// manySources is from how many source partitions on it costs more to ask for their
// positions after each batch than to hold the batches.
const manySources = 16

// letsGo reports that the unit can do without its batches: nothing of their memory
// is part of the output, which is encoded already. They are used again while they
// are still in the processor's caches.
func (r *sourceRoad) letsGo() bool {
	return r.onlyOffsets() || !r.w.passKey && !r.w.passVal && len(r.unit.sources) <= manySources
}

// records runs the records of a batch and returns the batch's number in the unit
// that is open at the end.
func (r *sourceRoad) records(ctx context.Context, b *held) (int32, error) {
	u := r.unit
	n := u.hold(b)
	dropped, limit := 0, r.t.o.Worker.UnitBytes+b.Bytes()
	for i := range b.Records {
		journal, errs := len(u.journal), u.errors
		err := r.record(ctx, &b.Batch, i)
		if r.unit != u { // committed up to here during a retry
			u, journal, errs = r.unit, 0, 0
			n = u.hold(b)
		}
		if len(u.journal) == journal {
			dropped++
		}
		u.written += len(u.journal) - journal - (u.errors - errs)
		if err != nil {
			return n, err
		}
		u.done(n, b, i)
		if u.size() >= limit && i+1 < len(b.Records) {
			if err := r.overflow(); err != nil {
				return n, err
			}
			u = r.unit
			n = u.hold(b)
		}
	}
	r.m.Dropped.Add(int64(dropped))
	if late := r.chain.late; late > 0 {
		r.m.Late.Add(late)
		r.chain.late = 0
	}
	r.t.crash("after-transform")
	if r.first {
		r.first = false
		r.t.crash("first-record")
	}
	return n, nil
}

// rest gives up the memory of a batch that has waited in vain.
func (r *sourceRoad) rest(b *held) {
	if r.busy {
		r.free.release(b)
		return
	}
	r.idle = true
	r.free.drop()
}

// decodeRaw makes key and value of the bytes that the connector supplied.
func (r *sourceRoad) decodeRaw(a *connect.Arena, rec *connect.Record) *failure {
	var err error
	if rec.KeySchema, rec.Key, err = r.t.p.inKey.ToConnect(a, rec.Topic, rec.RawKey); err != nil {
		return &failure{stage: connect.StageKeyConverter, class: r.t.p.inKey.class, err: err}
	}
	if rec.ValueSchema, rec.Value, err = r.t.p.inValue.ToConnect(a, rec.Topic, rec.RawValue); err != nil {
		return &failure{stage: connect.StageValueConverter, class: r.t.p.inValue.class, err: err}
	}
	r.w.in = rec
	return nil
}

// originOf tells the position of a record as JSON.
func (r *sourceRoad) originOf(b *connect.Batch, i int) origin {
	if i < 0 {
		return origin{partition: connect.NoPartition, offset: -1, sourcePartition: []byte("{}"), sourceOffset: []byte("{}")}
	}
	rec := &b.Records[i]
	p := r.task.Position(b, i)
	return origin{
		topic: rec.Topic, partition: connect.NoPartition, rawKey: rec.RawKey, rawValue: rec.RawValue,
		sourcePartition: convert.AppendJSON(nil, p.Partition), sourceOffset: convert.AppendJSON(nil, p.Offset),
	}
}

// taskClass names the class of the task, as the original's headers do.
func (p *parts) taskClass() string {
	if p.source != nil {
		return p.source.Class
	}
	return p.sink.Class
}

var _ producer = (*kafka.Producer)(nil)
