// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/connectd/connectd/connect"
)

// emitter turns what the stream says into records of a batch. It knows at each moment
// how far everything is done: its place. It is for one goroutine.
type emitter struct {
	s         *settings
	log       *slog.Logger
	schemas   *schemas
	relations *relations
	partition connect.Value
	// sourceTemplate is a source block with what is the same in all.
	sourceTemplate []connect.Value
	// headers are those that every row has; shared, and never appended to in place.
	headers []connect.Header
	now     func() time.Time
	// uuid makes an identifier that is used once.
	uuid func() string
	// told counts records of notifications.
	told int
	// stamp is the time of the rows that are at hand: the clock is read once a chunk.
	stamp time.Time

	place place
	tx    transaction
	// micros is the time of the newest commit.
	micros int64

	// reselect completes rows; nil if that is not asked for.
	reselect *reselector
	// window is open while a chunk of an incremental snapshot is read.
	window *chunkWindow
	// recent are the newest transactions of the stream, in a ring.
	recent     [1024]uint32
	recentNext int

	b   *connect.Batch
	tag *batchTag
	// scratch takes records that are done already.
	scratch connect.Record
}

// transaction is the state between BEGIN and COMMIT.
type transaction struct {
	open bool
	// skip says that all of it is done.
	skip   bool
	commit lsn
	txID   int64
	micros int64
	// origin is the node that the transaction was replicated from.
	origin    connect.Value
	originLSN connect.Value

	// done changes, and parts of the next one, were done by an earlier run.
	done, donePart int64
	// ordinal is the change at hand, part its newest record.
	ordinal, part int64
	at            lsn
	events        int64
	what          change
	// foreign says that what is done ends at the change at lsn foreignAt, the one of
	// that LSN whose number is foreignEvents.
	foreign       bool
	foreignAt     lsn
	foreignEvents int64

	// stretch is the transaction's in the batch, -1 for none yet; last its newest record.
	stretch, last int
	// emitted says that there have been records, in whatever batch.
	emitted bool
	counts  counts
}

// use makes b the batch to fill.
func (e *emitter) use(b *connect.Batch) {
	e.b, e.stamp = b, e.now()
	e.tag = &batchTag{partition: e.partition, stretches: make([]stretch, 0, 2)}
	b.Tag = e.tag
	e.reselect.reset()
	e.tx.stretch = -1
}

// restart forgets a transaction that was under way: it comes again. From here on places
// are on the timeline.
func (e *emitter) restart(timeline int64) {
	e.tx = transaction{stretch: -1}
	if e.place.timeline != timeline { // the new server may lack transactions of the old
		e.relations.settled = settled{}
	}
	e.place.timeline = timeline
}

// keepalive takes note that the server has sent everything before an LSN. A transaction
// that was done in part comes again before that, unless it is not published any more.
func (e *emitter) keepalive(at lsn) {
	if e.tx.open || e.place.foreign || at <= max(e.place.end, e.place.commit) {
		return
	}
	e.place = e.place.finished(at)
}

// begin opens a transaction. One that was committed before the place is done, and so are
// the first changes of the one that the place is in.
func (e *emitter) begin(commit lsn, micros int64, xid uint32) {
	e.tx = transaction{
		open: true, skip: commit < e.place.end, commit: commit, txID: int64(xid), micros: micros, stretch: -1, what: changeBegin,
	}
	e.recent[e.recentNext%len(e.recent)] = xid
	e.recentNext++
	if e.tx.skip {
		return
	}
	if e.place.commit == commit {
		e.tx.done, e.tx.donePart = e.place.ordinal, e.place.part
	} else {
		e.place.commit, e.place.ordinal, e.place.part = 0, 0, 0
	}
	if e.place.foreign && uint32(e.place.txID) == xid {
		e.tx.foreign, e.tx.foreignAt, e.tx.foreignEvents = true, e.place.lsn, e.place.events
	}
	e.place.foreign = false
	if e.s.Format.Transactions {
		e.tx.counts.reset()
	}
}

// commit closes a transaction.
func (e *emitter) commit(end lsn, at lsn) error {
	if !e.tx.open {
		return fmt.Errorf("read stream: COMMIT at %s without BEGIN", at)
	}
	e.tx.open = false
	if e.tx.skip {
		return nil
	}
	if e.tx.foreign {
		return fmt.Errorf("find stored offset: the transaction %d has no change at %s", e.tx.txID, e.tx.foreignAt)
	}
	if e.s.Format.Transactions {
		e.tx.at = at
		e.transactionEnd()
	}
	e.micros = e.tx.micros
	e.place.txID, e.place.micros = e.tx.txID, e.tx.micros
	e.place = e.place.finished(end)
	if e.tx.stretch >= 0 {
		st := &e.tag.stretches[e.tx.stretch]
		st.end, st.last = end, e.tx.last
	}
	return nil
}

// change begins a change and reports whether it has to be handled: one that is done is
// not, unless the records of the transaction are counted.
func (e *emitter) change(what change, at lsn) bool {
	t := &e.tx
	t.ordinal++
	if t.ordinal > 1 || !e.s.Format.Transactions {
		t.part = 0
	}
	if t.at == at && t.events > 0 {
		t.events++
	} else {
		t.at, t.events = at, 1
	}
	t.what = what
	if t.foreign {
		t.done = t.ordinal
		if at == t.foreignAt && t.events == t.foreignEvents {
			t.foreign = false
		}
	}
	return t.ordinal > t.done || e.s.Format.Transactions
}

// changed ends a change: it is done, with or without records.
func (e *emitter) changed() {
	t := &e.tx
	t.part = 0
	if t.ordinal <= t.done {
		return
	}
	p := &e.place
	p.commit, p.ordinal, p.part = t.commit, t.ordinal, 0
	p.lsn, p.events, p.change, p.txID, p.micros = t.at, t.events, t.what, t.txID, t.micros
}

// record adds a record of the change at hand. last says that the change has no more:
// behind it the change is done. A record that is done already goes nowhere.
func (e *emitter) record(size int, last bool) *connect.Record {
	t := &e.tx
	t.part++
	if t.ordinal <= t.done || t.ordinal == t.done+1 && t.part <= t.donePart {
		e.scratch = connect.Record{}
		return &e.scratch
	}
	if t.stretch < 0 {
		t.stretch = len(e.tag.stretches)
		e.tag.stretches = append(e.tag.stretches, stretch{base: e.transactionBase()})
	}
	t.emitted, t.last = true, len(e.b.Records)
	r := e.b.Add(size)
	ordinal, part := t.ordinal, int64(0)
	if !last {
		ordinal, part = t.ordinal-1, t.part
	}
	r.Pos = pack(t.stretch, t.what, t.events, ordinal, part, t.at)
	return r
}

// transactionBase is what the places within the transaction have in common.
func (e *emitter) transactionBase() place {
	p := e.place
	p.commit, p.txID, p.micros = e.tx.commit, e.tx.txID, e.tx.micros
	return p
}

// fixed adds a record whose place is p, whatever else is going on.
func (e *emitter) fixed(size int, p place) *connect.Record {
	n := len(e.tag.stretches) - 1
	if n < 0 || !e.tag.stretches[n].fixed || e.tag.stretches[n].base != p {
		n++
		e.tag.stretches = append(e.tag.stretches, stretch{base: p, fixed: true})
	}
	r := e.b.Add(size)
	r.Pos = pack(n, changeNone, 0, 0, 0, 0)
	return r
}

// origin is what the source block says of the change at hand.
func (e *emitter) origin() origin {
	return origin{
		snapshot: snapshotNo, micros: e.tx.micros, txID: e.tx.txID, lsn: e.tx.at, lastCommit: e.place.lastCommit,
		name: e.tx.origin, lsnThere: e.tx.originLSN,
	}
}

// position is the newest place as a position without a record.
func (e *emitter) position() connect.Position {
	return connect.Position{Partition: e.partition, Offset: e.place.offset()}
}
