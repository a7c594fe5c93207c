// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"strconv"
	"strings"

	"github.com/connectd/connectd/connect"
)

// toldMost is how many notifications may be owed while a snapshot goes over tables without
// rows.
const toldMost = 16

// scanTold is how far notifications about the tables of an exported snapshot are.
type scanTold struct {
	// entered is how many jobs have been begun, rows how many rows the table of the newest
	// has had up to now.
	entered int
	rows    int64
	tables  string

	// row, of job, was pulled and waits for room in the batch, if pending.
	pending bool
	row     []byte
	job     int
}

// initial is a notification about the initial snapshot, or a blocking one.
func initial(kind string, data ...[2]string) notice {
	return notice{Aggregate: aggregateInitial, Type: kind, Data: data}
}

// namesOf joins the names of tables.
func namesOf(tables []capturedTable) string {
	names := make([]string, len(tables))
	for i, t := range tables {
		names[i] = t.name.String()
	}
	return strings.Join(names, ",")
}

// next is pull, but first gives again what waited for room.
func (r *snapshotReader) next() (row []byte, job int, more bool) {
	if t := &r.told; t.pending {
		t.pending = false
		return t.row, t.job, t.row != nil
	}
	return r.pull()
}

// enter owes the notifications for all jobs that end, and begin, before the next row, which
// is of job; that is the number of jobs if there is none. It reports whether there was room;
// if not the row is kept for next.
func (r *snapshotReader) enter(e *emitter, b *connect.Batch, row []byte, job int) bool {
	t := &r.told
	if !r.s.Notices.on() {
		return true
	}
	if t.tables == "" {
		if t.tables = namesOf(r.tables); t.tables != "" {
			e.owe(&e.place, initial(noticeResolved, [2]string{dataCollections, t.tables}))
		}
	}
	for ; t.entered <= job; t.entered++ {
		if e.place.owed.waiting() >= toldMost {
			e.sendOwed()
		}
		if b.Full() {
			t.pending, t.row, t.job = true, row, job
			return false
		}
		if t.entered > 0 {
			r.leave(e, t.entered-1)
		}
		if t.entered < len(r.jobs) {
			r.begin(e, t.entered)
		}
	}
	return true
}

// begin owes what is to be sent when a job begins.
func (r *snapshotReader) begin(e *emitter, job int) {
	table := [2]string{dataCurrent, r.jobs[job].plan.name}
	index, parts := r.part(job)
	if index == 0 {
		r.told.rows = 0
		e.owe(&e.place, initial(noticeInProgress, table, [2]string{dataCollections, r.told.tables}))
	}
	if r.divided() {
		e.owe(&e.place, initial(noticePartInProgress, table, [2]string{dataPart, strconv.Itoa(index)}, [2]string{dataParts, strconv.Itoa(parts)}, r.rowsTold()))
	}
}

// leave owes what is to be sent when a job ends.
func (r *snapshotReader) leave(e *emitter, job int) {
	table, tables := [2]string{dataScanned, r.jobs[job].plan.name}, [2]string{dataCollections, r.told.tables}
	status := [2]string{dataStatus, statusSucceeded}
	index, parts := r.part(job)
	if r.divided() {
		e.owe(&e.place, initial(noticePartCompleted, table, tables, [2]string{dataPart, strconv.Itoa(index)}, [2]string{dataParts, strconv.Itoa(parts)}, status))
	}
	if index+1 == parts {
		e.owe(&e.place, initial(noticeTableCompleted, table, tables, r.rowsTold(), status))
	}
}

func (r *snapshotReader) rowsTold() [2]string {
	return [2]string{dataRows, strconv.FormatInt(r.told.rows, 10)}
}

// divided reports whether tables are read in parts, as far as settings say.
func (r *snapshotReader) divided() bool { return r.s.Snapshot.Threads > 1 && !r.s.Snapshot.WholeTables }

// part returns which part of its table a job is, from 0, and how many there are.
func (r *snapshotReader) part(job int) (index, parts int) {
	plan := r.jobs[job].plan
	first := job
	for first > 0 && r.jobs[first-1].plan == plan {
		first--
	}
	last := job
	for last+1 < len(r.jobs) && r.jobs[last+1].plan == plan {
		last++
	}
	return job - first, last - first + 1
}

// completed owes the end of the initial snapshot if a place has just come behind it; before
// is what it said of the snapshot.
func (e *emitter) completed(p *place, before *snapshotProgress) {
	if before != nil && !before.completed && (p.snapshot == nil || p.snapshot.completed) {
		e.owe(p, initial(noticeCompleted))
	}
}

// completeSnapshot makes the place one behind the snapshot, as place.completeSnapshot does.
func (e *emitter) completeSnapshot() {
	before := e.place.snapshot
	e.place.completeSnapshot()
	e.completed(&e.place, before)
}

// skipped owes that there is no snapshot at this start.
func (t *task) skipped(b *beginning) *beginning {
	t.emitter.owe(&b.place, initial(noticeSkipped))
	return b
}

// broken owes that the initial snapshot broke off, once for each try. It reports that a batch
// should take that before the task fails.
func (t *task) broken() bool {
	e := t.emitter
	if !e.s.Notices.on() || t.abortTold == t.snapshot {
		return false
	}
	t.abortTold = t.snapshot
	e.owe(&e.place, initial(noticeAborted))
	if e.s.Notices.Topic == "" {
		e.sendOwed()
		return false
	}
	return true
}

// abandoned logs that a stop ends a snapshot before its time. A topic does not hear of it:
// no batch follows.
func (t *task) abandoned() {
	e := t.emitter
	if e == nil || !e.s.Notices.Log || t.snapshot == nil && (t.blocking.run == nil || !t.blocking.run.there) || t.snapshot != nil && t.abortTold == t.snapshot {
		return
	}
	n := initial(noticeAborted)
	n.ID, n.Data = e.uuid(), e.noticeData(&n)
	e.logNotice(&n, e.now().UnixMilli())
}
