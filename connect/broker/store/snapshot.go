// SPDX-License-Identifier: Apache-2.0

package store

import (
	"cmp"
	"maps"
	"slices"
)

// snapshot encodes all state that is not batches: what a segment begins with, so
// that nothing before it has to be read to know the state. The caller holds mu,
// and everything appended so far is durable.
func (s *Store) snapshot() []byte {
	var e encoder
	e.u16(formatVersion)
	e.str(s.clusterID)
	e.u32(s.nextLog)
	e.i64(s.pidLimit)
	segments := s.wal.list()
	e.count(len(segments))
	for _, g := range segments {
		e.i64(g.base)
		e.i64(g.size)
	}
	names := slices.Sorted(maps.Keys(s.topics))
	e.count(len(names))
	for _, name := range names {
		t := s.topics[name]
		topicRecord{ID: t.id, Name: t.name, Configs: t.configs}.encode(&e)
		e.count(len(t.logs))
		for _, l := range t.logs {
			l.encode(&e, segments)
		}
	}
	txns := s.sortedTxns()
	e.count(len(txns))
	for _, t := range txns {
		t.producerRecord.encode(&e)
		e.str(string(t.state))
	}
	groups := slices.Sorted(maps.Keys(s.groups))
	e.count(len(groups))
	for _, name := range groups {
		r := groupRecord{Group: name, Set: slices.Collect(maps.Values(s.groups[name].offsets))}
		slices.SortFunc(r.Set, func(a, b GroupOffset) int { return comparePartitions(a.key(), b.key()) })
		r.encode(&e)
	}
	return e.b
}

// encode writes what a snapshot keeps of a partition. Rules about segments that
// are gone are dropped here.
func (l *Log) encode(e *encoder, segments []*segment) {
	if len(segments) > 0 {
		oldest := segments[0].base
		l.rules = slices.DeleteFunc(l.rules, func(r deadRule) bool { return r.pos <= oldest })
	}
	e.u32(l.id)
	e.i64(l.start)
	e.i64(l.end)
	e.i64(l.cleaned)
	e.count(len(l.passes))
	for _, p := range l.passes {
		e.i64(p.upTo)
		e.i64(p.at)
	}
	e.count(len(l.rules))
	for _, r := range l.rules {
		e.i64(r.from)
		e.i64(r.to)
		e.i64(r.pos)
	}
	e.count(len(l.aborted))
	for _, a := range l.aborted {
		e.i64(a.ProducerID)
		e.i64(a.FirstOffset)
		e.i64(a.LastOffset)
	}
	e.count(len(l.open))
	for _, id := range slices.Sorted(maps.Keys(l.open)) {
		e.i64(id)
		e.i64(l.open[id])
	}
	e.count(len(l.sessions))
	for _, id := range slices.Sorted(maps.Keys(l.sessions)) {
		e.i64(id)
		l.sessions[id].encode(e)
	}
}

func (x *session) encode(e *encoder) {
	e.i16(x.epoch)
	e.i64(x.touched)
	e.count(int(x.n))
	for _, r := range x.recent[:x.n] {
		e.i32(r.first)
		e.i32(r.last)
		e.i64(r.base)
	}
}

// sealedSize is what a snapshot says about an older segment.
type sealedSize struct{ base, size int64 }

// loadSnapshot enters a snapshot into an empty store, and returns the segments
// that must be there besides its own.
func (s *Store) loadSnapshot(body []byte) ([]sealedSize, error) {
	d := decoder{b: body}
	if v := d.u16(); v != formatVersion {
		return nil, errShort
	}
	s.clusterID = d.str()
	s.nextLog = d.u32()
	s.pidLimit = d.i64()
	s.nextPID = s.pidLimit
	segments := make([]sealedSize, d.count(16))
	for i := range segments {
		segments[i] = sealedSize{d.i64(), d.i64()}
	}
	for range d.count(16) {
		record := decodeTopic(&d)
		if d.bad || record.Added != 0 {
			return nil, errShort
		}
		t := s.applyTopic(record)
		for range d.count(4) {
			s.loadLog(t, &d)
		}
	}
	for range d.count(8) {
		t := s.applyProducer(decodeProducer(&d))
		state := TxnState(d.str())
		if t != nil && (state == TxnCompleteAbort || state == TxnCompleteCommit) {
			t.state = state
		}
	}
	for range d.count(3) {
		s.applyGroup(decodeGroup(&d), 0)
	}
	return segments, d.done()
}

func (s *Store) loadLog(t *topic, d *decoder) {
	l := newLog(s, t, d.u32(), int32(len(t.logs)))
	t.logs = append(t.logs, l)
	s.logs[l.id] = l
	l.start, l.end, l.cleaned = d.i64(), d.i64(), d.i64()
	l.passes = make([]cleanPass, d.count(16))
	for i := range l.passes {
		l.passes[i] = cleanPass{d.i64(), d.i64()}
	}
	l.rules = make([]deadRule, d.count(24))
	for i := range l.rules {
		l.rules[i] = deadRule{d.i64(), d.i64(), d.i64()}
	}
	l.aborted = make([]AbortedTxn, d.count(24))
	for i := range l.aborted {
		l.aborted[i] = AbortedTxn{d.i64(), d.i64(), d.i64()}
	}
	for range d.count(16) {
		id := d.i64()
		l.open[id] = d.i64()
	}
	for range d.count(19) {
		id := d.i64()
		l.sessions[id] = decodeSession(d)
		s.sessions++
	}
	l.settle()
}

func decodeSession(d *decoder) *session {
	x := &session{epoch: d.i16(), touched: d.i64()}
	n := d.count(16)
	if n > remembered {
		d.bad = true
		return x
	}
	x.n = uint8(n)
	for i := range n {
		x.recent[i] = sentBatch{d.i32(), d.i32(), d.i64()}
	}
	return x
}

// sortSpans brings spans into offset order; they are in it unless batches were
// rewritten.
func sortSpans(spans []span) {
	byBase := func(a, b span) int { return cmp.Compare(a.base, b.base) }
	if !slices.IsSortedFunc(spans, byBase) {
		slices.SortFunc(spans, byBase)
	}
}
