// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"bytes"
	"context"
	"fmt"

	"github.com/connectd/connectd/connect"
)

// snapshotRows walks over the rows of all jobs in order. It holds one row back, since a
// row is marked by whether another follows.
type snapshotRows struct {
	job   int // the job that is being read
	block []byte

	held    []byte // the row that is held back; nil for none
	heldJob int
	first   bool // no row has been written yet
	firstOf bool // the held row is the first of its table
	begun   bool
	// plans are those of the jobs, or looser ones.
	plans     []*tablePlan
	tuple     []tupleColumn
	unescaped []byte
}

// fill writes rows that have been read into the batch, until it is full or there are no
// more at hand. It reports that the snapshot is done.
func (r *snapshotReader) fill(ctx context.Context, e *emitter, b *connect.Batch) bool {
	select {
	case <-r.planned:
	default:
		return false
	}
	w := &r.rows
	if !w.begun {
		w.begun, w.first = true, true
		for _, j := range r.jobs {
			w.plans = append(w.plans, j.plan)
		}
	}
	before, bytes := len(b.Records)-e.told, b.Bytes()
	defer func() {
		r.figures.rows.Add(int64(len(b.Records) - e.told - before))
		r.figures.bytes.Add(int64(b.Bytes() - bytes))
	}()
	for !b.Full() && ctx.Err() == nil {
		row, job, more := r.next()
		if row == nil && more || !r.enter(e, b, row, job) {
			return false
		}
		if w.held != nil {
			r.emit(e, row == nil, row == nil || r.jobs[job].plan != r.jobs[w.heldJob].plan)
		}
		if row == nil {
			r.finish(e, b)
			r.figures.copied(e.place.incremental)
			return true
		}
		w.firstOf = w.held == nil || r.jobs[job].plan != r.jobs[w.heldJob].plan
		w.held, w.heldJob = row, job
		r.told.rows++
	}
	return false
}

// pull returns the next row, which stays valid. more is false at the very end.
func (r *snapshotReader) pull() (row []byte, job int, more bool) {
	w := &r.rows
	for {
		if i := bytes.IndexByte(w.block, '\n'); i >= 0 {
			row, w.block = w.block[:i:i], w.block[i+1:]
			return row, w.job, true
		}
		if w.job >= len(r.jobs) {
			return nil, w.job, false
		}
		select {
		case block, open := <-r.jobs[w.job].blocks:
			if !open {
				w.job++
				<-r.window
				continue
			}
			w.block = block
		default:
			return nil, w.job, true
		}
	}
}

// emit writes the row that is held back.
func (r *snapshotReader) emit(e *emitter, last, lastOf bool) {
	w := &r.rows
	plan := r.jobs[w.heldJob].plan
	marker := snapshotYes
	// As in the original, first belongs to the first table, even if that is empty.
	switch {
	case last && (r.request != nil || !e.place.incremental.begun()):
		marker = snapshotLast
	case w.first && plan == r.jobs[0].plan:
		marker = snapshotFirst
	case lastOf:
		marker = snapshotLastOf
	case w.firstOf:
		marker = snapshotFirstOf
	}
	w.first = false
	if lastOf {
		r.figures.tablesAhead.Add(-1)
	}
	if lastOf || w.firstOf {
		r.mark(e, plan.name, lastOf)
	}
	if last {
		r.complete(e)
	}
	w.split()
	plan, d := r.decode(e, plan)
	rec := e.fixed(rowSize+len(w.held), e.place)
	if d.err != nil {
		rec.Topic, rec.Err = plan.topic, fmt.Errorf("read snapshot of %s: %w", plan.name, d.err)
		rec.RawValue = e.b.Arena.Copy(w.held)
		return
	}
	o := r.origin(e, marker)
	e.fillAs(rec, plan, &o, opRead, connect.Null(), d.row, d.key)
}

// origin is what the source block says of a row.
func (r *snapshotReader) origin(e *emitter, marker connect.Value) origin {
	o := origin{snapshot: marker, micros: e.place.micros, txID: e.place.txID, lsn: r.point}
	if r.request != nil {
		o.micros, o.lastCommit = e.now().UnixMicro(), e.place.lastCommit
	}
	return o
}

// decode decodes the row that is held back. The form of a table is newer than its rows in
// the snapshot, and may forbid a null that one of them has: then it is loosened for all.
func (r *snapshotReader) decode(e *emitter, plan *tablePlan) (*tablePlan, decoded) {
	w := &r.rows
	fits, err := r.planner.fitting(w.plans[w.heldJob], w.tuple)
	if err != nil {
		return plan, decoded{err: err}
	}
	if fits != w.plans[w.heldJob] {
		for i, j := range r.jobs {
			if j.plan == plan {
				w.plans[i] = fits
			}
		}
	}
	return fits, e.decode(fits, w.tuple, nil)
}

// complete makes the place one behind the snapshot, unless tables of it are still read in
// chunks.
func (r *snapshotReader) complete(e *emitter) {
	if r.request != nil {
		e.place.blocking = e.place.blocking.finished()
		e.owe(&e.place, initial(noticeCompleted))
		return
	}
	e.completeSnapshot()
}

// finish ends a snapshot; if its last row is not in this batch, a position says so.
func (r *snapshotReader) finish(e *emitter, b *connect.Batch) {
	if r.rows.held == nil {
		r.complete(e)
		if e.place.owed == nil { // else records that take the place further follow
			b.Progress = append(b.Progress, e.position())
		}
	}
	r.rows.held = nil
	if r.request != nil || e.place.snapshot.completed {
		r.log.Info("the snapshot is complete", "lsn", r.point.String())
	}
}

// split takes the row apart: columns are separated by tabs, and \N is null.
func (w *snapshotRows) split() {
	w.tuple, w.unescaped = w.tuple[:0], w.unescaped[:0]
	if cap(w.unescaped) < len(w.held) {
		w.unescaped = make([]byte, 0, len(w.held))
	}
	rest := w.held
	for {
		i := bytes.IndexByte(rest, '\t')
		field := rest
		if i >= 0 {
			field = rest[:i]
		}
		col := tupleColumn{Kind: columnText, Data: field}
		if string(field) == `\N` {
			col = tupleColumn{Kind: columnNull}
		} else if bytes.IndexByte(field, '\\') >= 0 {
			from := len(w.unescaped)
			w.unescaped = appendUnescaped(w.unescaped, field)
			col.Data = w.unescaped[from:]
		}
		w.tuple = append(w.tuple, col)
		if i < 0 {
			return
		}
		rest = rest[i+1:]
	}
}

// appendUnescaped undoes the escapes that COPY TO writes in its text format.
func appendUnescaped(dst, field []byte) []byte {
	for i := 0; i < len(field); i++ {
		ch := field[i]
		if ch != '\\' || i+1 == len(field) {
			dst = append(dst, ch)
			continue
		}
		i++
		switch field[i] {
		case 'b':
			ch = '\b'
		case 'f':
			ch = '\f'
		case 'n':
			ch = '\n'
		case 'r':
			ch = '\r'
		case 't':
			ch = '\t'
		case 'v':
			ch = '\v'
		default:
			ch = field[i]
		}
		dst = append(dst, ch)
	}
	return dst
}
