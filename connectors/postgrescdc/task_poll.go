// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"context"
	"encoding/binary"
	"errors"
	"time"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/backoff"
)

// Poll fills a batch with what has been read, and waits only if that is nothing.
func (t *task) Poll(ctx context.Context, b *connect.Batch) error {
	e := t.emitter
	e.use(b)
	for {
		if err := t.fill(ctx, b); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		t.beat()
		t.lookForNew(ctx)
		t.sendOwed()
		t.progress(b)
		if err := e.complete(ctx); err != nil {
			return err
		}
		e.tag.ahead = t.ahead()
		if !b.Empty() || ctx.Err() != nil {
			return nil
		}
		if err := t.wait(ctx); err != nil {
			return err
		}
	}
}

// fill works off what is at hand, until the batch is full.
func (t *task) fill(ctx context.Context, b *connect.Batch) error {
	if t.refused != nil {
		return t.refused
	}
	if t.snapshot != nil {
		if !t.snapshot.fill(ctx, t.emitter, b) {
			return t.snapshotFailed(ctx, t.queue.failure())
		}
		t.snapshot = nil
	}
	t.takeSignals()
	for !b.Full() && ctx.Err() == nil {
		if t.between(ctx, b, nil) {
			return nil
		}
		if t.chunk == nil {
			c, err := t.queue.tryTake()
			if c == nil {
				if len(b.Records) > 0 {
					return nil // the error comes with the next call
				}
				if err != nil {
					err = t.beginAnew(ctx, err)
				}
				return err
			}
			t.chunk, t.next = c, 0
			t.emitter.stamp = t.now()
		}
		ended, err := t.work(ctx, b)
		if err != nil || ended {
			return err
		}
	}
	return nil
}

// work handles items of the chunk. It reports that the batch should end here: a
// transaction ends, and the next may not fit as a whole.
func (t *task) work(ctx context.Context, b *connect.Batch) (bool, error) {
	e := t.emitter
	for t.next < len(t.chunk.items) {
		it := &t.chunk.items[t.next]
		if (e.window != nil || e.place.blocking != nil) && t.between(ctx, b, it) {
			return true, nil
		}
		t.next++
		switch it.kind {
		case itemKeepalive:
			e.keepalive(it.at)
		case itemRestart:
			e.restart(int64(binary.BigEndian.Uint64(t.chunk.bytes(it))))
		default:
			data := t.chunk.bytes(it)
			if err := t.decoder.message(ctx, it.at, data); err != nil {
				if !t.again(ctx, data, err) {
					t.refused = err // also if ctx has ended meanwhile, and Poll with it
					return false, err
				}
				t.next--
				return true, nil
			}
			t.catalogPauses.reset()
		}
		if b.Full() || e.reselect.full() || !e.tx.open && crowded(b) {
			return true, nil
		}
	}
	t.queue.giveBack(t.chunk)
	t.chunk = nil
	return false, nil
}

// again reports whether a message should be tried once more: the description of a table,
// and the first row that has it, lead to a question to the catalog, which fails at the end
// of ctx, and also while the server is away.
func (t *task) again(ctx context.Context, data []byte, err error) bool {
	if errors.Is(err, errInterrupted) {
		return true
	}
	if len(data) == 0 || data[0] != 'R' && !errors.Is(err, errUnasked) {
		return false
	}
	if ctx.Err() != nil {
		return true
	}
	if !passes(err) || t.catalogPauses.exhausted(t.s.Runtime.MaxRetries) {
		return false
	}
	if t.catalog != nil {
		hangUp(t.catalog.PgConn())
		t.catalog = nil
	}
	pause := t.catalogPauses.next()
	t.log.Warn("a table cannot be looked up; it is tried again", "error", err, "pause", pause)
	backoff.Wait(ctx, pause)
	return true
}

// crowded reports that a batch is more than half full.
func crowded(b *connect.Batch) bool {
	return len(b.Records) > b.MaxRecords/2 || b.Bytes() > b.MaxBytes/2
}

// progress adds the place if it is behind that of the last record. Without records it
// does so at most once per status interval, unless a transaction has just ended of
// which there were records.
func (t *task) progress(b *connect.Batch) {
	e := t.emitter
	n := len(b.Records)
	if !e.tx.open {
		b.EndsTransaction = n > 0 || e.tx.emitted
	}
	if e.tx.open || e.place.commit != 0 || e.place.foreign || t.snapshot != nil {
		return
	}
	behind := t.reported
	if n > 0 {
		behind = placeOf(b, n-1).end
	}
	if t.owes || e.place.end > behind && (n > 0 || e.tx.emitted || t.now().Sub(t.progressAt) >= t.s.Slot.StatusInterval) {
		b.Progress = append(b.Progress, e.position())
		t.progressAt, t.owes = t.now(), false
		behind = e.place.end
	}
	e.tx.emitted = false
	t.reported = behind
}

func (t *task) now() time.Time { return t.emitter.now() }

// beat writes a heartbeat if one is due.
func (t *task) beat() {
	every := t.s.Topics.HeartbeatInterval
	if every <= 0 || t.snapshot != nil || t.now().Sub(t.heartbeat) < every {
		return
	}
	t.heartbeat = t.now()
	t.emitter.heartbeat()
}

// wait returns when there may be something to do.
func (t *task) wait(ctx context.Context) error {
	until := t.s.Slot.StatusInterval
	if every := t.s.Topics.HeartbeatInterval; every > 0 && t.snapshot == nil {
		until = min(until, time.Until(t.heartbeat.Add(every)))
	}
	if t.s.Publication.Autocreate == "filtered" {
		until = min(until, t.lookEvery)
	}
	if !t.snapshotAgain.IsZero() {
		until = min(until, time.Until(t.snapshotAgain))
	}
	if t.emitter.window != nil || t.emitter.place.incremental.active() {
		until = min(until, chunkTick)
	}
	until = t.blocking.waits(t.emitter.place.blocking, t.now(), until)
	timer := time.NewTimer(max(until, time.Millisecond))
	defer timer.Stop()
	var rows <-chan struct{}
	if t.snapshot != nil {
		rows = t.snapshot.ready
	}
	select {
	case <-t.queue.ready:
	case <-t.chunkReady:
	case <-t.blocking.ready:
	case <-t.desk.ready:
	case <-t.blocking.rows():
	case <-rows:
	case <-timer.C:
	case <-ctx.Done():
	}
	return nil
}
