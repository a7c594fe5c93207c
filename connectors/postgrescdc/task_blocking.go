// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"context"
	"errors"
	"time"

	"github.com/connectd/connectd/connect"
)

// blockingLine is what Poll and the goroutine that reads blocking snapshots share.
type blockingLine struct {
	// asked has what is to be read next, and ready wakes Poll.
	asked chan *blockingRun
	ready chan struct{}
	// run is under way; nil for none. No other begins before again.
	run   *blockingRun
	again time.Time
}

// between does what has to be done between two transactions, before the item that comes
// next; it is nil if that is not known. It reports that the batch should end here.
func (t *task) between(ctx context.Context, b *connect.Batch, it *item) bool {
	if t.block(ctx, b, it) {
		return true
	}
	return (it == nil || t.emitter.window != nil) && t.advance(b, it)
}

// block does the next step of a blocking snapshot. Until the point of the snapshot is known
// the stream stands still: it must not get ahead of that.
func (t *task) block(ctx context.Context, b *connect.Batch, it *item) bool {
	if t.blocking.run == nil && !t.beginBlocking() {
		return false
	}
	r := t.blocking.run
	n := t.emitter.place.blocking
	if n == nil || !n.Requests[0].same(&r.request) {
		t.log.Info("a blocking snapshot is given up", "id", r.request.ID)
		close(r.stopped)
		t.blocking.run = nil
		if r.there {
			t.emitter.owe(&t.emitter.place, initial(noticeAborted))
		}
		return false
	}
	if r.reader == nil && !t.takeReader(r) {
		return t.blocking.run != nil
	}
	if !t.ripe(r, it) {
		return false
	}
	if r.reader.fill(ctx, t.emitter, b) {
		t.blocking.run = nil
		return true
	}
	select {
	case err := <-r.ended:
		if err != nil {
			t.blockingFailed(r, err)
		}
	default:
	}
	return true
}

// beginBlocking asks for the first request that waits, and reports whether it did. It does so
// between two transactions only: what the server has sent of one was committed before the
// snapshot.
func (t *task) beginBlocking() bool {
	e := t.emitter
	n := e.place.blocking
	if n == nil || t.now().Before(t.blocking.again) || !e.between() {
		return false
	}
	r := &blockingRun{
		s: t.s, log: t.log, schemas: e.schemas, figures: &t.figures, request: n.Requests[0],
		begun: make(chan *snapshotReader, 1), ended: make(chan error, 1), stopped: make(chan struct{}), ready: t.blocking.ready,
	}
	select {
	case t.blocking.asked <- r:
		t.blocking.run = r
		return true
	default: // one that was given up has not ended yet
		return false
	}
}

// between reports whether the place is between two transactions.
func (e *emitter) between() bool { return !e.tx.open && e.place.commit == 0 && !e.place.foreign }

// ripe reports whether the rows of a run can be written: the stream has delivered everything
// that the snapshot shows, and nothing else.
func (t *task) ripe(r *blockingRun, it *item) bool {
	if r.there {
		return true
	}
	e, point := t.emitter, r.reader.point
	if !e.between() {
		return false
	}
	if e.place.end < point && !t.begins(it, point) {
		if it == nil {
			t.stream.poke()
		}
		return false
	}
	r.there = true
	e.owe(&e.place, initial(noticeStarted))
	t.log.Info("the stream has come to the blocking snapshot", "id", r.request.ID, "lsn", point.String())
	return true
}

// takeReader takes the reader over once there is one.
func (t *task) takeReader(r *blockingRun) bool {
	select {
	case r.reader = <-r.begun:
		t.figures.beginSnapshot(r.reader.tables, t.now())
		t.figures.done.Store(false)
		return true
	default:
	}
	select {
	case err := <-r.ended:
		if err != nil {
			t.blockingFailed(r, err)
		}
	default:
	}
	return false
}

// blockingFailed deals with a snapshot that broke off. If the reason passes by itself the
// tables that are not finished are read in a new one; else the request is left out, as in
// the original.
func (t *task) blockingFailed(r *blockingRun, err error) {
	e := t.emitter
	t.blocking.run = nil
	if r.there {
		e.owe(&e.place, initial(noticeAborted))
	}
	if passes(err) || changedMeanwhile(err) || errors.Is(err, errRewritten) {
		t.log.Warn("a blocking snapshot broke off; it is tried again", "id", r.request.ID, "error", err)
		t.blocking.again = t.now().Add(chunkRetry)
		return
	}
	t.log.Error("a blocking snapshot is left out", "id", r.request.ID, "tables", r.request.Tables, "error", err)
	if !r.there {
		e.owe(&e.place, initial(noticeStarted), initial(noticeAborted))
	}
	e.place.blocking = e.place.blocking.finished()
	t.owes = true
}

// read is the goroutine that reads what is asked for.
func (l *blockingLine) read(ctx context.Context) {
	for {
		select {
		case r := <-l.asked:
			r.ended <- r.readUnlessStopped(ctx)
			signal(l.ready)
		case <-ctx.Done():
			return
		}
	}
}

// readUnlessStopped reads until Poll gives the run up.
func (r *blockingRun) readUnlessStopped(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		select {
		case <-r.stopped:
			cancel()
		case <-ctx.Done():
		}
	}()
	err := r.read(ctx)
	cancel()
	<-watched
	return err
}

// waits is how long Poll may wait for what blocking snapshots need.
func (l *blockingLine) waits(n *blocking, now time.Time, until time.Duration) time.Duration {
	switch {
	case l.run != nil && l.run.reader != nil && !l.run.there:
		return min(until, chunkTick) // for the stream, which has to be asked
	case l.run == nil && n != nil:
		return min(until, max(l.again.Sub(now), chunkTick))
	}
	return until
}

// rows wakes Poll when there are rows of a run; nil if there is none.
func (l *blockingLine) rows() <-chan struct{} {
	if l.run == nil || l.run.reader == nil {
		return nil
	}
	return l.run.reader.ready
}
