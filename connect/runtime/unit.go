// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"slices"
	"sync/atomic"
	"time"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/kafka"
	"github.com/connectd/connectd/connect/state"
)

// held is a batch with the number of units that its records are part of.
type held struct {
	connect.Batch
	refs atomic.Int32
}

// unit is what one transaction commits: outputs and error records, where they came
// from, and the changes of state. The road fills it, then the committer owns it.
type unit struct {
	records [][]kafka.Record // by number of the target
	journal []int32          // the target of each record, in order, for rollbacks
	targets []kafka.TopicPartition
	scratch scratch

	batches []*held
	count   int32    // of batches, released ones included
	refs    []posRef // newest record of each source partition, by its number
	sources []int32  // the numbers that refs holds
	moved   []movedPosition

	state     *state.Unit // frozen; nil for a chain without state
	opened    time.Time   // when the first record came
	inputs    int         // records taken in, dropped ones included
	written   int         // outputs without error records
	errors    int         // error records
	bytes     int         // input bytes that the batches hold
	positions []connect.Position
	final     *RecordError // the task ends with this after the commit
}

// posRef is one record of a batch of the unit.
type posRef struct {
	batch  *held
	number int32 // of the batch in the unit, as hold gave it
	index  int32
}

// movedPosition is a position that was reached without a record that could be asked.
type movedPosition struct {
	after int32 // twice the number of its batch, less one for records
	connect.Position
}

// hold makes a batch part of the unit and returns its number in it.
func (u *unit) hold(b *held) int32 {
	b.refs.Add(1)
	u.batches = append(u.batches, b)
	u.bytes += b.Bytes()
	u.count++
	return u.count - 1
}

// progress notes positions that batch number reached behind its records.
func (u *unit) progress(number int32, ps []connect.Position) {
	for _, p := range ps {
		p.Partition, p.Offset = connect.Clone(p.Partition), connect.Clone(p.Offset)
		u.moved = append(u.moved, movedPosition{2 * number, p})
	}
}

// compact asks for the positions now, so that the unit can do without its batches.
func (u *unit) compact(position func(b *connect.Batch, i int) connect.Position, free func(*held)) {
	u.ask(position)
	u.release(free)
	u.bytes = 0
}

// ask turns the newest records of the source partitions into positions.
func (u *unit) ask(position func(b *connect.Batch, i int) connect.Position) {
	for _, src := range u.sources {
		ref := u.refs[src]
		p := position(&ref.batch.Batch, int(ref.index))
		p.Partition, p.Offset = connect.Clone(p.Partition), connect.Clone(p.Offset)
		u.moved = append(u.moved, movedPosition{2*ref.number - 1, p})
		u.refs[src] = posRef{}
	}
	u.sources = u.sources[:0]
	slices.SortStableFunc(u.moved, func(a, b movedPosition) int { return int(a.after - b.after) })
	u.moved = newest(u.moved)
}

// carryTo makes the positions of the unit older ones of the next.
func (u *unit) carryTo(next *unit) {
	for _, m := range u.moved {
		next.moved = append(next.moved, movedPosition{-2, m.Position})
	}
	next.opened, next.inputs, next.written = u.opened, u.inputs, u.written
	u.moved = u.moved[:0]
}

// done notes that record i of a held batch is finished: written, dropped or on the
// error topic.
func (u *unit) done(number int32, b *held, i int) {
	src := int(b.Records[i].Source)
	if src >= len(u.refs) {
		u.refs = append(u.refs, make([]posRef, src+1-len(u.refs))...)
	}
	if u.refs[src].batch == nil {
		u.sources = append(u.sources, int32(src))
	}
	u.refs[src] = posRef{b, number, int32(i)}
	u.inputs++
}

// add appends an output record for a target.
func (u *unit) add(target int32, r kafka.Record) {
	for int(target) >= len(u.records) {
		u.records = append(u.records, nil)
	}
	u.records[target] = append(u.records[target], r)
	u.journal = append(u.journal, target)
}

// truncate takes back the outputs behind a place in the journal.
func (u *unit) truncate(journal int) {
	for _, target := range u.journal[journal:] {
		rs := u.records[target]
		rs[len(rs)-1] = kafka.Record{}
		u.records[target] = rs[:len(rs)-1]
	}
	u.journal = u.journal[:journal]
}

// empty reports whether there is nothing to commit, not even an offset.
func (u *unit) empty() bool {
	return len(u.journal) == 0 && len(u.sources) == 0 && len(u.moved) == 0 && u.final == nil
}

// size is about what the unit holds in memory.
func (u *unit) size() int { return u.bytes + u.scratch.total + 96*len(u.journal) }

// settle asks the connector for the positions that the unit reaches, newest last
// for each source partition, without older ones of the same.
func (u *unit) settle(position func(b *connect.Batch, i int) connect.Position) {
	all := u.moved
	for _, src := range u.sources {
		ref := u.refs[src]
		// A batch's progress was made behind its records, and is in the list already.
		all = append(all, movedPosition{2*ref.number - 1, position(&ref.batch.Batch, int(ref.index))})
	}
	if len(u.moved) > 0 {
		slices.SortStableFunc(all, func(a, b movedPosition) int { return int(a.after - b.after) })
		all = newest(all)
	}
	for i := range all {
		u.positions = append(u.positions, all[i].Position)
	}
}

// newest keeps the last entry of each source partition.
func newest(all []movedPosition) []movedPosition {
	at := make(map[string]int, len(all))
	out := all[:0]
	for _, m := range all {
		key := canonical(m.Partition)
		if i, seen := at[key]; seen {
			out[i] = m
			continue
		}
		at[key] = len(out)
		out = append(out, m)
	}
	return out
}

// release gives up the unit's hold of its batches.
func (u *unit) release(free func(*held)) {
	for _, b := range u.batches {
		free(b)
	}
	clear(u.batches)
	u.batches = u.batches[:0]
}

// unitKeep bounds the records of one target that a unit keeps memory for.
const unitKeep = 1 << 17

// reset makes the unit ready for its next use.
func (u *unit) reset() {
	for i, rs := range u.records {
		if cap(rs) > unitKeep {
			u.records[i] = nil
			continue
		}
		clear(rs)
		u.records[i] = rs[:0]
	}
	for _, src := range u.sources {
		u.refs[src] = posRef{}
	}
	clear(u.moved)
	u.scratch.reset()
	*u = unit{
		records: u.records, journal: u.journal[:0], scratch: u.scratch, batches: u.batches[:0], refs: u.refs, sources: u.sources[:0], moved: u.moved[:0],
	}
}
