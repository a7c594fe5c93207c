// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"bytes"
	"encoding/binary"
	"maps"
	"slices"

	"github.com/connectd/connectd/connectors/postgrescdc/pgoutput"
	"github.com/connectd/connectd/connectors/postgrescdc/spool"
)

// replay makes the messages of a committed transaction from the frames of the spool, as
// the server sends them under protocol version 1: BEGIN comes before the first change
// that was not rolled back, and not at all if there is none.
//
// A relation belongs to no subtransaction: the server sends it once for all of the
// transaction, and once more only if the table, or the rollback of its change, makes it
// differ. So what a subtransaction that was rolled back has described may be what the
// next change needs. It is handed on just before that change, so that a description
// that no change needs is not seen before the end.
type replay struct {
	st     *stream
	c      *chunk
	commit *pgoutput.Commit
	begun  bool
	origin []byte
	m      pgoutput.Decoder
	// held are descriptions that have not been handed on, by table.
	held map[uint32]description
	// overtaken are tables that were described anew outside of the transaction after the
	// description that was handed on last.
	overtaken map[uint32]bool
}

// frame takes the next frame.
func (r *replay) frame(f *spool.Frame) {
	switch kind := pgoutput.Kind(f.Data[0]); {
	case kind == pgoutput.KindOrigin:
		r.origin = append([]byte(nil), f.Data...)
	case kind == pgoutput.KindRelation && len(f.Data) >= relationMinimum:
		r.held[relationID(f.Data)] = description{f.LSN, append([]byte(nil), f.Data...)}
	case kind == pgoutput.KindType:
		r.c.add(itemData, 0, f.Data)
	case !f.Aborted:
		r.begin(lsn(f.LSN))
		if len(r.held) > 0 {
			r.describe(kind, f.Data)
		}
		r.c.add(itemData, lsn(f.LSN), f.Data)
	}
}

// begin writes BEGIN before the first change, and the origin behind it, which then has
// the LSN.
func (r *replay) begin(at lsn) {
	if r.begun {
		return
	}
	r.begun = true
	b := []byte{byte(pgoutput.KindBegin)}
	b = binary.BigEndian.AppendUint64(b, uint64(r.commit.CommitLSN))
	b = binary.BigEndian.AppendUint64(b, uint64(r.commit.Time))
	b = binary.BigEndian.AppendUint32(b, r.commit.XID)
	r.st.follow(b)
	if r.origin == nil {
		r.c.add(itemData, at, b)
		return
	}
	r.c.add(itemData, 0, b)
	r.c.add(itemData, at, r.origin)
}

// describe hands on what a change needs to be understood.
func (r *replay) describe(kind pgoutput.Kind, data []byte) {
	switch kind {
	case pgoutput.KindInsert, pgoutput.KindUpdate, pgoutput.KindDelete:
		if len(data) >= relationMinimum {
			r.handOn(relationID(data))
		}
	case pgoutput.KindTruncate:
		if _, err := r.m.Decode(data, false); err != nil {
			return // the decoder of the stream says so
		}
		for _, id := range r.m.Truncate.RelationIDs {
			r.handOn(id)
		}
	}
}

// handOn writes the description of a table if it has not been written.
func (r *replay) handOn(id uint32) {
	d, ok := r.held[id]
	if !ok {
		return
	}
	delete(r.held, id)
	r.c.add(itemData, 0, d.data)
	p := r.st.inProgress
	newer := p.newest[id]
	r.overtaken[id] = newer.at > d.at && !bytes.Equal(newer.data, d.data)
	if newer.at < d.at && p.spool.Len() > 1 {
		p.note(id, d)
	}
}

// end writes what the server takes for known from now on, and COMMIT.
func (r *replay) end(at lsn) {
	p := r.st.inProgress
	for _, id := range slices.Sorted(maps.Keys(r.held)) {
		if p.newest[id].at < r.held[id].at {
			r.handOn(id)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(r.overtaken)) {
		if r.overtaken[id] {
			r.c.add(itemData, 0, p.newest[id].data)
		}
	}
	if p.empties {
		r.begin(at)
	}
	if !r.begun {
		r.st.next = max(r.st.next, r.commit.EndLSN)
		return
	}
	b := []byte{byte(pgoutput.KindCommit), 0}
	b = binary.BigEndian.AppendUint64(b, uint64(r.commit.CommitLSN))
	b = binary.BigEndian.AppendUint64(b, uint64(r.commit.EndLSN))
	b = binary.BigEndian.AppendUint64(b, uint64(r.commit.Time))
	r.st.follow(b)
	r.c.add(itemData, at, b)
}
