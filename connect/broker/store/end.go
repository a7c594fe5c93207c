// SPDX-License-Identifier: Apache-2.0

package store

import (
	"cmp"
	"encoding/binary"
	"errors"
	"slices"
)

// endRecord is the body of an end entry: the decision over a transaction, the
// control batches it puts into its partitions, and the group offsets that
// become valid.
//
// Partitions come first and are of fixed size, so that readers can find a
// control batch without decoding the rest.
type endRecord struct {
	Producer  Producer // the session that the control batches name
	Commit    bool
	Timestamp int64
	Parts     []endPart
	// ID is the state of the transactional id after the end. Its name is empty
	// if the id had been forgotten.
	ID     producerRecord
	Groups []groupRecord
}

type endPart struct {
	Log    uint32
	First  int64 // first offset of the transaction's records, -1 if it has none
	Marker int64 // offset of the control batch
}

const (
	endFixed    = 8 + 2 + 1 + 8 + 4
	endPartSize = 4 + 8 + 8
)

func (r endRecord) encode(e *encoder) {
	e.i64(r.Producer.ID)
	e.i16(r.Producer.Epoch)
	e.bool(r.Commit)
	e.i64(r.Timestamp)
	e.u32(uint32(len(r.Parts)))
	for _, p := range r.Parts {
		e.u32(p.Log)
		e.i64(p.First)
		e.i64(p.Marker)
	}
	r.ID.encode(e)
	e.count(len(r.Groups))
	for _, g := range r.Groups {
		g.encode(e)
	}
}

// errOrder refuses an end entry that names a partition twice: one lock cannot be taken twice.
var errOrder = errors.New("the partitions of a transaction are not in order")

func decodeEnd(body []byte) (endRecord, error) {
	d := decoder{b: body}
	r := endRecord{Producer: Producer{d.i64(), d.i16()}, Commit: d.bool(), Timestamp: d.i64()}
	n := d.u32()
	if uint64(n)*endPartSize > uint64(len(d.b)) {
		return r, errShort
	}
	r.Parts = make([]endPart, n)
	for i := range r.Parts {
		r.Parts[i] = endPart{d.u32(), d.i64(), d.i64()}
		if i > 0 && r.Parts[i].Log <= r.Parts[i-1].Log {
			return r, errOrder
		}
	}
	r.ID = decodeProducer(&d)
	r.Groups = make([]groupRecord, d.count(1))
	for i := range r.Groups {
		r.Groups[i] = decodeGroup(&d)
	}
	return r, d.done()
}

// markerIn finds the control batch of the partition in the body of an end entry
// and appends it to dst; false if there is none at or above the offset from.
func markerIn(dst, body []byte, log uint32, from int64) ([]byte, int64, bool) {
	le := binary.LittleEndian
	if len(body) < endFixed {
		return dst, 0, false
	}
	n := int(le.Uint32(body[endFixed-4:]))
	parts := body[endFixed:]
	for i := 0; i < n && len(parts) >= endPartSize; i++ {
		marker := int64(le.Uint64(parts[12:]))
		if le.Uint32(parts) != log || marker < from {
			parts = parts[endPartSize:]
			continue
		}
		p := Producer{int64(le.Uint64(body)), int16(le.Uint16(body[8:]))}
		return appendMarker(dst, marker, int64(le.Uint64(body[11:])), p, body[10] != 0), marker, true
	}
	return dst, 0, false
}

// endOp is the end of a transaction that is in the log and waits to be durable.
type endOp struct {
	rec endRecord
	end int64 // position after its entry
}

// appendEnd decides an open transaction: it appends the end entry and puts the
// control batches at the end of the partitions. The decision takes effect by
// finishDurable. With fence the producer's epoch is raised. The caller holds mu.
func (s *Store) appendEnd(t *txn, commit, fence bool) (*endOp, error) {
	now := s.nowMs()
	r := endRecord{Commit: commit, Timestamp: now, ID: t.producerRecord}
	r.ID.Updated = now
	if fence {
		r.ID.fence()
	}
	r.Producer = r.ID.Producer
	for l, first := range t.parts {
		r.Parts = append(r.Parts, endPart{l.id, first, l.end})
	}
	slices.SortFunc(r.Parts, func(a, b endPart) int { return cmp.Compare(a.Log, b.Log) })
	if commit {
		for group, offsets := range t.groups {
			r.Groups = append(r.Groups, groupRecord{Group: group, Set: offsets})
		}
		slices.SortFunc(r.Groups, func(a, b groupRecord) int { return cmp.Compare(a.Group, b.Group) })
	}
	op, err := s.putEnd(r)
	if err != nil {
		return nil, err
	}
	t.state = TxnPrepareAbort
	if commit {
		t.state = TxnPrepareCommit
	}
	return op, nil
}

// putEnd appends an end entry and enters its control batches. The caller holds
// mu.
func (s *Store) putEnd(r endRecord) (*endOp, error) {
	s.o.Crash(crashEndBeforeWrite)
	var e encoder
	r.encode(&e)
	pos, err := s.put(entryEnd, e.b)
	if err != nil {
		return nil, err
	}
	s.placeMarkers(r, pos, headerSize+len(e.b))
	op := &endOp{rec: r, end: s.wal.end}
	s.ending = append(s.ending, op)
	return op, nil
}

// placeMarkers enters the control batches of the end entry at pos into the
// partitions. The caller holds mu.
func (s *Store) placeMarkers(r endRecord, pos int64, size int) {
	for _, p := range r.Parts {
		l := s.logs[p.Log]
		if l == nil {
			continue
		}
		l.appended(batch{base: p.Marker, size: markerSize, maxTs: r.Timestamp}, pos, size, spanFramed)
		l.settle()
	}
}

// finishDurable gives effect to the ends that are durable. The caller holds mu.
func (s *Store) finishDurable() {
	durable := s.wal.durable.Load()
	n := 0
	for n < len(s.ending) && s.ending[n].end <= durable {
		s.applyEnd(s.ending[n].rec)
		n++
	}
	s.ending = slices.Delete(s.ending, 0, n)
}

// applyEnd gives effect to the end of a transaction. The caller holds mu.
func (s *Store) applyEnd(r endRecord) {
	s.show(r)
	for _, g := range r.Groups {
		s.applyGroup(g, 0)
	}
	if r.ID.Name == "" {
		return
	}
	t := s.applyProducer(r.ID)
	t.parts, t.groups = nil, nil
	t.state = TxnCompleteAbort
	if r.Commit {
		t.state = TxnCompleteCommit
	}
}

// show makes the end of a transaction visible in all its partitions at once: who has seen
// it in one of them sees it in every other. Nobody else holds the locks of two partitions.
// The caller holds mu.
func (s *Store) show(r endRecord) {
	ended := make([]*Log, 0, len(r.Parts))
	for _, p := range r.Parts {
		l := s.logs[p.Log]
		if l == nil {
			continue
		}
		delete(l.open, r.Producer.ID)
		if x := l.sessions[r.Producer.ID]; x != nil {
			x.raise(r.Producer.Epoch)
		}
		l.mu.Lock()
		ended = append(ended, l)
		if !r.Commit && p.First >= 0 {
			l.aborted = append(l.aborted, AbortedTxn{r.Producer.ID, p.First, p.Marker})
		}
		l.settleLocked()
	}
	for _, l := range ended {
		l.mu.Unlock()
	}
	for _, l := range ended {
		l.notify()
	}
}
