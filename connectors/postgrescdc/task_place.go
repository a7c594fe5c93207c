// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import "github.com/connectd/connectd/connect"

// batchTag is what the positions of a batch's records are made of. It belongs to the
// batch: Position reads nothing else.
type batchTag struct {
	partition connect.Value
	stretches []stretch
	// ahead is the LSN of what follows the batch, zero if that is not known.
	ahead lsn
}

// stretch is a run of records with a common base for their places: those of one
// transaction, as far as they are in the batch.
type stretch struct {
	base place
	// fixed says that the base is the place of each of its records.
	fixed bool
	// end is where the transaction ends, if it ends in this batch; last is then the
	// index of its last record, whose place is behind the transaction.
	end  lsn
	last int
}

// Record.Pos of this connector: which stretch, what and how many of the same LSN; the
// ordinal and part of the change; the LSN.
const (
	posStretchShift = 40
	posEventsShift  = 8
	posEventsMask   = 1<<(posStretchShift-posEventsShift) - 1
	posPartShift    = 8
	posPartMask     = 1<<posPartShift - 1
)

// pack fills in Record.Pos.
func pack(stretch int, what change, events, ordinal, part int64, at lsn) [3]int64 {
	return [3]int64{
		int64(stretch)<<posStretchShift | (events&posEventsMask)<<posEventsShift | int64(what),
		ordinal<<posPartShift | part&posPartMask,
		int64(at),
	}
}

// placeOf is the place behind record i of a batch.
func placeOf(b *connect.Batch, i int) place {
	tag := b.Tag.(*batchTag) // Poll sets it
	pos := b.Records[i].Pos
	st := &tag.stretches[pos[0]>>posStretchShift]
	p := st.base
	if st.fixed {
		return p
	}
	if st.end != 0 && st.last == i {
		return p.finished(st.end)
	}
	p.change = change(pos[0])
	p.events = pos[0] >> posEventsShift & posEventsMask
	p.ordinal, p.part = pos[1]>>posPartShift, pos[1]&posPartMask
	p.lsn, p.alone = lsn(pos[2]), tag.alone(b, i)
	return p
}
