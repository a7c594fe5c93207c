// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/connectd/connectd/connect"
)

const (
	// chunkTick is how often an idle server is asked how far it is, while rows wait for it.
	chunkTick = 20 * time.Millisecond
	// chunkRetry is how long a chunk that could not be read waits.
	chunkRetry = time.Second
)

// signal obeys a row of the table of signals: id, type, data.
func (e *emitter) signal(what change, ev *rowEvent) {
	if what != changeInsert || !e.s.Signals.Source || e.tx.ordinal <= e.tx.done {
		return
	}
	if len(ev.after) < 3 {
		e.log.Warn("a signal is left out: the table of signals must have the columns id, type and data")
		return
	}
	e.obey("source", connect.Signal{ID: string(ev.after[0].Data), Type: string(ev.after[1].Data), Data: string(ev.after[2].Data)})
}

// obey does what a signal says, or logs why not.
func (e *emitter) obey(channel string, s connect.Signal) {
	next, message, err := e.place.obey(s)
	if err != nil {
		e.log.Warn("a signal is left out", "id", s.ID, "channel", channel, "error", err)
		return
	}
	if message != "" {
		e.log.Info(message, "signal", s.ID)
		return
	}
	e.log.Info("a signal has come", "id", s.ID, "channel", channel, "type", s.Type, "data", s.Data)
	was := e.place.incremental
	e.place.orders = next
	e.obeyed(s, was)
	e.tx.stretch = -1 // places from here on have what is left
}

// advance does the next step of an incremental snapshot between two transactions: it asks
// for a chunk, or writes one when the stream has passed everything that the chunk shows.
// it is the item that comes next, nil if that is not known. It reports that the batch
// should end here.
func (t *task) advance(b *connect.Batch, it *item) bool {
	e := t.emitter
	if e.tx.open || e.place.commit != 0 || e.place.foreign {
		return false
	}
	w := e.window
	if w == nil {
		t.openWindow()
		return false
	}
	if w.got == nil {
		select {
		case w.got = <-w.result:
		default:
			return false
		}
		if !t.usable(w) {
			e.window = nil
			return false
		}
	}
	if w.left != e.place.incremental || w.stale {
		e.window = nil
		return false
	}
	if e.place.end < w.got.horizon && !t.begins(it, w.got.horizon) {
		if it == nil {
			t.stream.poke()
		}
		return false
	}
	if w.next == 0 && w.lacks() && t.repeats(w) {
		e.window = nil
		return false
	}
	return t.write(w, b)
}

// mostRepeats is how often a chunk is read again at most because rows of it change all the
// time without their large values.
const mostRepeats = 100

// repeats reports whether a chunk is read again for the values that the stream did not send.
func (t *task) repeats(w *chunkWindow) bool {
	if t.repeated.left != w.left {
		t.repeated = repeatedChunk{left: w.left}
	}
	if t.repeated.times++; t.repeated.times <= mostRepeats {
		return true
	}
	t.log.Warn("rows of an incremental snapshot change all the time without their large values; the placeholder stays in their place", "table", w.left.Tables[0].Name, "tries", mostRepeats)
	return false
}

// repeatedChunk is the chunk that begins what is left, and how often it was read again.
type repeatedChunk struct {
	left  *incremental
	times int
}

// begins reports whether an item is the beginning of a transaction that the horizon does
// not cover: all that it covers have come.
func (t *task) begins(it *item, horizon lsn) bool {
	if it == nil || it.kind != itemData || it.len < 9 {
		return false
	}
	data := t.chunk.bytes(it)
	return data[0] == 'B' && lsn(binary.BigEndian.Uint64(data[1:])) >= horizon
}

// openWindow asks for the next chunk, if there is one to be read.
func (t *task) openWindow() {
	e := t.emitter
	if e.place.incremental == nil {
		t.figures.endChunks()
	}
	if n := e.place.incremental; !n.active() || t.now().Before(t.chunkPause) || !t.promised(n) {
		return
	}
	w := &chunkWindow{left: e.place.incremental, result: make(chan *chunkRows, 1), touched: map[string]bool{}}
	e.window = w
	t.chunkAsked <- w // there is room: one window is open at a time
}

// readChunks is the goroutine that reads what is asked for.
func (t *task) readChunks(ctx context.Context) {
	defer t.chunks.close()
	for {
		select {
		case w := <-t.chunkAsked:
			w.result <- t.chunks.read(ctx, w.left)
			signal(t.chunkReady)
		case <-ctx.Done():
			return
		}
	}
}

// usable looks at what was read: only rows that are complete and not too old are written.
func (t *task) usable(w *chunkWindow) bool {
	e, c := t.emitter, w.got
	switch {
	case errors.Is(c.err, context.Canceled):
		return false
	case c.err != nil && (passes(c.err) || changedMeanwhile(c.err) || errors.Is(c.err, errReplaced)):
		t.log.Warn("a part of an incremental snapshot cannot be read; it is tried again", "error", c.err)
		t.chunkPause = t.now().Add(chunkRetry)
		return false
	case c.err != nil && w.left.unresolved() >= 0:
		t.log.Error("a pattern of an incremental snapshot is left out", "table", w.left.Tables[w.left.unresolved()].Name, "error", c.err)
		if t.leave(w, w.left.resolved(nil)) {
			e.leftOut(w.left, w.left.unresolved(), c.err)
		}
		return false
	case c.err != nil && w.left.Tables[0].Begun:
		t.queue.fail(fmt.Errorf("go on with the snapshot: %w; a restart reads the table from its beginning", c.err))
		t.chunkPause = t.now().Add(chunkRetry)
		return false
	case c.err != nil:
		t.log.Error("a table of an incremental snapshot is left out", "table", w.left.Tables[0].Name, "error", c.err)
		if t.leave(w, w.left.read(nil, 0, true)) {
			e.leftOut(w.left, 0, c.err)
		}
		return false
	case c.resolved != nil:
		if t.leave(w, w.left.resolved(c.resolved)) {
			e.found(w.left, c.resolved)
		}
		return false
	}
	early := slices.ContainsFunc(c.running, func(x uint32) bool { return slices.Contains(e.recent[:], x) })
	if early { // the stream was ahead of what others can see
		t.chunkPause = t.now().Add(chunkTick)
		return false
	}
	t.figures.beginChunk(w.left, c.estimate, t.now())
	return true
}

// changedMeanwhile reports that a table was changed between the look at it and the copy,
// which goes by its newest form.
func changedMeanwhile(err error) bool {
	var server *pgconn.PgError
	return errors.As(err, &server) && (server.Code == "42703" || server.Code == "42P01" || server.Code == "3F000")
}

// leave replaces what is left, unless a signal has done so meanwhile, and reports whether it
// did.
func (t *task) leave(w *chunkWindow, left *incremental) bool {
	e := t.emitter
	if e.place.incremental != w.left {
		return false
	}
	e.place.incremental = left
	return true
}

// write writes the rows of a window. If the last of them was left out, a position says
// that the chunk is done, and the batch ends with it.
func (t *task) write(w *chunkWindow, b *connect.Batch) bool {
	e := t.emitter
	if w.got.plan == nil {
		e.log.Warn("a table of an incremental snapshot does not exist", "table", w.left.Tables[0].Name)
	}
	before, bytes := w.next, b.Bytes()
	whole := e.writeChunk(w)
	t.figures.wroteChunk(w.next-before, b.Bytes()-bytes, whole && w.got.end)
	if !whole {
		return true
	}
	e.window = nil
	if e.place.incremental == nil {
		e.log.Info("the incremental snapshot is complete", "table", w.left.Tables[0].Name)
	}
	n := len(b.Records)
	if n > 0 && placeOf(b, n-1).incremental == e.place.incremental {
		return false
	}
	if e.place.owed != nil { // records that take the place further follow
		return true
	}
	b.Progress = append(b.Progress, e.position())
	t.reported, t.progressAt = e.place.end, t.now()
	return true
}
