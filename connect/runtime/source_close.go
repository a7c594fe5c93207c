// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/metrics"
)

// commitPace is the least time between two commits, unless the unit is full: under load a
// commit of a few records would follow the other as fast as the broker answers, and cost
// more than the records. What comes after a pause is committed at once.
const commitPace = 5 * time.Millisecond

// closeIfDue hands the open unit to the committer, if it is due and the committer
// is free.
func (r *sourceRoad) closeIfDue() error {
	if r.busy || r.untilDue() != 0 {
		return nil
	}
	return r.closeUnit()
}

// untilDue returns how long the open unit may stay open: 0 if it is due, negative if
// only what comes later decides.
func (r *sourceRoad) untilDue() time.Duration {
	u := r.unit
	if u.empty() {
		return -1
	}
	full := u.size() >= r.t.o.Worker.UnitBytes
	switch {
	case u.final != nil || r.hurries():
		return 0
	case r.boundary == boundaryConnector:
		if r.ends || full {
			return 0
		}
		return r.untilCut()
	case r.onlyOffsets():
		return r.remaining(r.lastFlush, r.t.o.Worker.FlushInterval)
	case full || r.t.paused.Load():
		return 0
	case r.boundary == boundaryPoll:
		return r.remaining(r.lastClose, commitPace)
	default:
		return r.remaining(u.opened, r.interval)
	}
}

// untilCut returns how long the transaction on the brokers may stay open although the
// connector's own has not ended: half of its time-out, then what there is of it is
// committed, and the rest goes on behind its positions. It is negative if no part has
// been sent. It is not asked during a commit.
func (r *sourceRoad) untilCut() time.Duration {
	if r.c.parts == 0 || !r.c.transactional {
		return -1
	}
	return r.remaining(r.unit.opened, r.cut)
}

func (r *sourceRoad) remaining(since time.Time, d time.Duration) time.Duration {
	return max(0, d-r.t.o.Now().Sub(since))
}

// onlyOffsets reports that the unit holds neither records nor changes of state.
func (r *sourceRoad) onlyOffsets() bool {
	return len(r.unit.journal) == 0 && (r.tables == nil || r.tables.Pending() == 0)
}

// closeUnit takes the open unit to the committer and opens the next. Of a transaction
// of the connector that is larger than a unit, only the outputs are brought to the
// brokers: it is still open, and so are its state and its positions, unless the
// brokers would soon give up on it.
func (r *sourceRoad) closeUnit() error {
	u := r.unit
	part := r.boundary == boundaryConnector && !r.ends && u.final == nil
	if part && r.untilCut() == 0 {
		part = false
		r.log.Info("the connector's transaction lasts too long for one of Kafka: what has come of it is committed", "transaction.timeout", 2*r.cut)
	}
	commit := r.c.commit
	next := r.free.takeUnit()
	switch {
	case part:
		commit = r.c.sendPart
		u.ask(r.task.Position)
		u.carryTo(next)
	case r.tables != nil:
		frozen, err := r.tables.Freeze()
		if err != nil {
			return err
		}
		u.state = frozen
	}
	u.targets = r.w.dir.targets[:len(r.w.dir.targets):len(r.w.dir.targets)]
	r.w.dir.turn(r.t.o.Now(), r.w.maxAge)
	r.unit, r.ends, r.busy, r.lastClose = next, false, true, r.t.o.Now()
	go func() {
		err := guarded(func() error { return commit(r.hard, u) })
		if err != nil {
			err = r.c.failed(r.hard, u, err)
		}
		u.release(r.free.release)
		r.results <- committed{u, err}
		r.t.waker.wake()
	}()
	return nil
}

// overflow closes the open unit within a batch whose outputs have become much more
// than its inputs, after the unit before has been committed.
func (r *sourceRoad) overflow() error {
	if r.busy {
		if err := r.settled(<-r.results); err != nil {
			return err
		}
	}
	if err := r.closeUnit(); err != nil {
		return err
	}
	if r.unit.opened.IsZero() {
		r.unit.opened = r.t.o.Now()
	}
	return nil
}

// whileWaiting lets what is in the unit be committed during a pause.
func (r *sourceRoad) whileWaiting() {
	if r.unit.empty() {
		return
	}
	if err := r.collect(); err != nil {
		r.fatal = err
		return
	}
	if r.busy || r.boundary == boundaryConnector && r.untilCut() != 0 {
		return
	}
	if err := r.closeUnit(); err != nil {
		r.fatal = err
	}
}

// finish ends a life: what is open is committed when the task stops in order, or
// ends at a record; after any other failure it is thrown away.
func (r *sourceRoad) finish(ctx context.Context, err error) error {
	if errors.Is(err, errStopped) {
		err = nil
	}
	var bad *RecordError
	isRecord := errors.As(err, &bad)
	if err == nil || isRecord {
		if late := r.drain(bad); late != nil {
			return late
		}
		return err
	}
	if r.busy {
		done := <-r.results
		r.busy = false
		if done.err != nil && !errors.Is(err, errTimedOut) && !errors.Is(err, ErrFenced) {
			r.log.Warn("the last commit failed", "error", done.err)
		}
	}
	if r.tables != nil {
		r.tables.Abort()
	}
	return err
}

// drain commits what is open, and returns when nothing is under way. Under the
// connector's own boundaries an unfinished transaction is thrown away; the error
// record of the record that ended the task is written all the same.
func (r *sourceRoad) drain(bad *RecordError) error {
	if r.busy {
		if err := r.settled(<-r.results); err != nil {
			return err
		}
	}
	if r.boundary == boundaryConnector && !r.ends {
		if err := r.dropOpen(bad != nil); err != nil {
			return err
		}
	}
	if r.unit.empty() {
		return nil
	}
	if err := r.closeUnit(); err != nil {
		return err
	}
	return r.settled(<-r.results)
}

// dropOpen empties the open unit, but for the last error record if asked to keep it,
// and aborts what parts of it the brokers have.
func (r *sourceRoad) dropOpen(keepError bool) error {
	if r.tables != nil {
		r.tables.Abort()
	}
	u := r.unit
	r.unit = r.free.takeUnit()
	if keepError && u.errors > 0 {
		target := u.journal[len(u.journal)-1]
		rs := u.records[target]
		r.unit.add(target, rs[len(rs)-1])
		r.unit.errors = 1
		r.ends = true
	}
	return r.c.abortParts(r.hard)
}

// close releases what the life holds. It is called when nothing is under way.
func (r *sourceRoad) close(hard context.Context) {
	if r.busy { // start or restore failed halfway; nothing else can be under way
		<-r.results
	}
	if r.task != nil {
		r.m.SetFigures(nil)
		r.t.signals.to.Store(nil)
		logStop(r.log, r.task.Stop(hard))
	}
	r.keep.close(hard)
}

// showFigures makes the figures of a started task part of its metrics.
func showFigures(m *metrics.Task, task any) {
	if o, ok := task.(connect.Observer); ok {
		m.SetFigures(o.Figures)
	}
}

func logStop(log *slog.Logger, err error) {
	if err != nil {
		log.Warn("the connector's task did not stop cleanly", "error", err)
	}
}
