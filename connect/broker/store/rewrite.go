// SPDX-License-Identifier: Apache-2.0

package store

import "slices"

// rewriteRecord is the body of a rewrite entry: it replaces the batches of one
// partition with offsets in [From, To) by Batches, which may be none. Offsets do
// not change. The entry takes effect wholly or not at all.
type rewriteRecord struct {
	Log      uint32
	From, To int64
	Batches  []byte
}

// rewriteHead is the length of the body before the batches.
const rewriteHead = 4 + 8 + 8

func (r rewriteRecord) encode(e *encoder) {
	e.u32(r.Log)
	e.i64(r.From)
	e.i64(r.To)
	e.b = append(e.b, r.Batches...)
}

func decodeRewrite(body []byte) (rewriteRecord, error) {
	d := decoder{b: body}
	r := rewriteRecord{Log: d.u32(), From: d.i64(), To: d.i64()}
	if d.bad {
		return r, errShort
	}
	r.Batches = d.b
	for rest := d.b; len(rest) > 0; {
		n := batchSize(rest)
		if n == 0 {
			return r, errShort
		}
		b := parseBatch(rest)
		if b.lastDelta < 0 || b.base < r.From || b.last() >= r.To {
			return r, errShort
		}
		rest = rest[n:]
	}
	return r, nil
}

// applyRewrite enters the rewrite entry at pos into the index: the old spans go,
// the new ones take their place. The caller holds mu.
func (s *Store) applyRewrite(r rewriteRecord, pos int64) {
	made := s.wal.index.rewritten(r.Log, pos+headerSize+rewriteHead, r.Batches)
	l := s.logs[r.Log]
	if l == nil {
		return
	}
	for _, sp := range made {
		s.wal.active.live.Add(int64(sp.bytes))
	}
	l.rules = addRule(l.rules, deadRule{r.From, r.To, pos})
	l.mu.Lock()
	defer l.mu.Unlock()
	from, to := l.between(r.From, r.To)
	for _, sp := range l.spans[from:to] {
		s.wal.account(sp.pos, -int64(sp.bytes))
		l.size -= int64(sp.bytes)
	}
	for _, sp := range made {
		l.size += int64(sp.bytes)
	}
	l.spans = slices.Replace(l.spans, from, to, made...)
	l.forgetAborted(r)
}

// forgetAborted forgets the aborted transactions whose control batch the rewrite
// removed: their records went before it. A list that named them longer than the
// control batch stays would make readers ignore what the producer wrote next.
// The caller holds the log's mu.
func (l *Log) forgetAborted(r rewriteRecord) {
	if len(l.aborted) == 0 {
		return
	}
	markers := map[int64]bool{}
	for rest := r.Batches; len(rest) > 0; {
		b := parseBatch(rest)
		if b.control() {
			markers[b.base] = true
		}
		rest = rest[b.size:]
	}
	l.aborted = slices.DeleteFunc(l.aborted, func(a AbortedTxn) bool {
		return a.LastOffset >= r.From && a.LastOffset < r.To && !markers[a.LastOffset]
	})
}

// putRewrite appends and applies a rewrite entry. The caller holds mu.
func (s *Store) putRewrite(r rewriteRecord) error {
	e := encoder{b: make([]byte, 0, rewriteHead+len(r.Batches))}
	r.encode(&e)
	pos, err := s.put(entryRewrite, e.b)
	if err != nil {
		return err
	}
	s.applyRewrite(r, pos)
	return nil
}
