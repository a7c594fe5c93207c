// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"hash/maphash"
	"math"
	"slices"
)

// cleanPass says that a cleaning covered the offsets below upTo, and that
// tombstones it left there may go delete.retention.ms after the clock at.
type cleanPass struct{ upTo, at int64 }

// cleanedRecord is the body of a cleaned entry: what a finished cleaning covered.
type cleanedRecord struct {
	Log uint32
	// UpTo is the offset below which everything is clean.
	UpTo int64
	// At is the clock that the tombstones left behind wait from, -1 if none was
	// left.
	At int64
	// Swept is the offset below which no tombstone remains of earlier cleanings.
	Swept int64
}

func (r cleanedRecord) encode(e *encoder) {
	e.u32(r.Log)
	e.i64(r.UpTo)
	e.i64(r.At)
	e.i64(r.Swept)
}

func decodeCleaned(d *decoder) cleanedRecord {
	return cleanedRecord{d.u32(), d.i64(), d.i64(), d.i64()}
}

// applyCleaned enters a finished cleaning. The caller holds mu.
func (s *Store) applyCleaned(r cleanedRecord) {
	l := s.logs[r.Log]
	if l == nil {
		return
	}
	l.cleaned = max(l.cleaned, r.UpTo)
	l.passes = slices.DeleteFunc(l.passes, func(p cleanPass) bool { return p.upTo <= r.Swept })
	if r.At < 0 {
		return
	}
	if n := len(l.passes); n > 0 && l.passes[n-1].at == r.At {
		l.passes[n-1].upTo = r.UpTo
		return
	}
	l.passes = append(l.passes, cleanPass{r.UpTo, r.At})
}

// tombstoneSteps is the number of steps into which delete.retention.ms is
// divided for remembering when tombstones were first cleaned; they stay up to
// one step longer.
const tombstoneSteps = 16

// cleaning is one pass over one compacted partition: first the newest offset of
// each key in the part that is not clean yet is found, then everything is
// rewritten that holds older records of these keys. Only committed records
// count, and nothing at or above the last stable offset is touched.
type cleaning struct {
	s       *Store
	l       *Log
	policy  *policy
	now     int64
	cleaned int64 // offset up to which it was clean before
	bound   int64 // offset up to which it will be
	last    int64 // last offset of the last batch below the last stable offset, which is kept
	spans   []span
	aborted map[int64][]AbortedTxn // by producer
	passes  []cleanPass
	swept   int64
	copy    copier

	seeds      [2]maphash.Seed
	newest     map[[2]uint64]int64
	remains    map[int64]bool // producers with kept records since their last control batch
	tombstones bool           // some were kept
	removed    int64
}

// cleanLog cleans a partition if its topic is compacted and enough of it is
// dirty; with all, if anything is.
func (s *Store) cleanLog(ctx context.Context, l *Log, all bool, p *pace) error {
	c := &cleaning{s: s, l: l, newest: map[[2]uint64]int64{}, remains: map[int64]bool{}}
	c.copy = copier{s: s, l: l, p: p}
	if !c.begin(all) {
		return nil
	}
	c.seeds = [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}
	if err := c.findNewest(ctx); err != nil {
		return err
	}
	s.o.Crash(crashCleanBeforeCopy)
	if err := c.rewrite(ctx); err != nil {
		return err
	}
	s.cleaned.Add(c.removed)
	s.o.Crash(crashCleanBeforeSync)
	return s.update(func() error {
		r := cleanedRecord{Log: l.id, UpTo: c.bound, At: -1, Swept: c.swept}
		if c.tombstones {
			step := max(c.policy.deleteRetention/tombstoneSteps, 1)
			r.At = (c.now + step - 1) / step * step
		}
		var e encoder
		r.encode(&e)
		if _, err := s.put(entryCleaned, e.b); err != nil {
			return err
		}
		s.applyCleaned(r)
		return nil
	})
}

// begin takes a view of the partition and decides whether to clean it.
func (c *cleaning) begin(all bool) bool {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	l := c.l
	c.policy = l.topic.policy.Load()
	if c.s.usable() != nil || l.deleted || !c.policy.compact {
		return false
	}
	c.now = c.s.nowMs()
	c.cleaned = max(l.cleaned, l.start)
	c.passes = slices.Clone(l.passes)
	for _, p := range c.passes {
		if p.at+c.policy.deleteRetention <= c.now {
			c.swept = p.upTo
		}
	}
	c.takeSpans()
	dirty, total := int64(0), int64(0)
	for _, sp := range c.spans {
		total += int64(sp.bytes)
		if sp.last() >= c.cleaned {
			dirty += int64(sp.bytes)
		}
	}
	c.aborted = map[int64][]AbortedTxn{}
	for _, a := range l.aborted {
		c.aborted[a.ProducerID] = append(c.aborted[a.ProducerID], a)
	}
	if dirty == 0 || !all && float64(dirty) < c.policy.dirtyRatio*float64(total) {
		return c.swept > 0
	}
	return true
}

// takeSpans copies the spans that may be cleaned: those before the first that
// may still grow, that is too young, or that reaches the last stable offset.
func (c *cleaning) takeSpans() {
	l := c.l
	active := c.s.wal.active.base
	c.bound = l.stable
	for _, sp := range l.spans[l.find(l.start):] {
		grows := sp.kind != spanRewrite && sp.pos >= active
		young := c.policy.compactionLag > 0 && sp.maxTs > c.now-c.policy.compactionLag
		if grows || young || sp.last() >= l.stable {
			c.bound = min(l.stable, sp.base)
			break
		}
		c.spans = append(c.spans, sp)
	}
	c.last = math.MaxInt64
	if n := len(c.spans); n > 0 && c.bound == l.stable {
		c.last = c.spans[n-1].last()
	}
}

// isAborted reports whether a batch belongs to an aborted transaction.
func (c *cleaning) isAborted(b batch) bool {
	if !b.transactional() {
		return false
	}
	return slices.ContainsFunc(c.aborted[b.producer.ID], func(a AbortedTxn) bool {
		return a.FirstOffset <= b.base && b.base <= a.LastOffset
	})
}

func (c *cleaning) hash(key []byte) [2]uint64 {
	return [2]uint64{maphash.Bytes(c.seeds[0], key), maphash.Bytes(c.seeds[1], key)}
}

// findNewest fills newest from the part that is not clean yet, as far as the
// bound on keys allows.
func (c *cleaning) findNewest(ctx context.Context) error {
	for i, sp := range c.spans {
		if sp.last() < c.cleaned {
			continue
		}
		if len(c.newest) >= c.s.o.CleanKeys {
			c.bound, c.spans = sp.base, c.spans[:i]
			return nil
		}
		batches, err := c.s.readBatches(c.l, sp)
		if err != nil {
			return err
		}
		if err := c.copy.p.spend(ctx, len(batches)); err != nil {
			return err
		}
		for len(batches) > 0 {
			b := parseBatch(batches)
			c.enter(b, batches[:b.size])
			batches = batches[b.size:]
		}
	}
	return nil
}

// enter enters the keys of a committed batch. A batch whose records cannot be
// read supersedes nothing.
func (c *cleaning) enter(b batch, p []byte) {
	if b.control() || c.isAborted(b) {
		return
	}
	whole := eachRecord(b, p, func(record) bool { return true }) == nil
	if !whole {
		return
	}
	// The batch was just read to its end, so this reading cannot fail.
	_ = eachRecord(b, p, func(r record) bool {
		if r.key != nil && r.offset >= c.cleaned {
			h := c.hash(r.key)
			c.newest[h] = max(c.newest[h], r.offset)
		}
		return true
	})
}

// rewrite copies what is to stay of the spans in which something goes.
func (c *cleaning) rewrite(ctx context.Context) error {
	for _, sp := range c.spans {
		batches, err := c.s.readBatches(c.l, sp)
		if err != nil {
			return err
		}
		if err := c.copy.p.spend(ctx, len(batches)); err != nil {
			return err
		}
		kept, changed := c.filter(batches)
		if !changed {
			err = c.copy.flush(ctx)
		} else {
			err = c.copy.add(ctx, sp, kept)
		}
		if err != nil {
			return err
		}
	}
	return c.copy.flush(ctx)
}

// filter returns the batches that stay, and whether that is not all of them.
func (c *cleaning) filter(batches []byte) (kept []byte, changed bool) {
	for rest := batches; len(rest) > 0; {
		b := parseBatch(rest)
		p := rest[:b.size]
		rest = rest[b.size:]
		out := c.filterBatch(b, p)
		changed = changed || len(out) != len(p)
		kept = append(kept, out...)
	}
	return kept, changed
}

// filterBatch returns what stays of one batch. The last batch below the last
// stable offset stays as it is, so that readers reach the end of the log, and so
// does a batch whose records cannot be read.
func (c *cleaning) filterBatch(b batch, p []byte) []byte {
	id := b.producer.ID
	keepAll := b.last() >= c.last
	if keepAll {
		c.bound = min(c.bound, b.base) // it is cleaned when others follow
	}
	if b.control() {
		stays := keepAll || c.remains[id]
		delete(c.remains, id)
		if !stays {
			return nil
		}
		return p
	}
	if c.isAborted(b) {
		if keepAll {
			c.remains[id] = true
			return p
		}
		c.removed += int64(b.count)
		return nil
	}
	out, removed := p, 0
	if !keepAll {
		var err error
		if out, removed, err = filterBatch(b, p, c.keeps); err != nil {
			out = p
		}
	}
	c.removed += int64(removed)
	if len(out) > 0 && b.transactional() {
		c.remains[id] = true
	}
	return out
}

// keeps decides about one committed record.
func (c *cleaning) keeps(r record) bool {
	if r.key == nil {
		return true
	}
	if newest, ok := c.newest[c.hash(r.key)]; ok && r.offset < newest {
		return false
	}
	if !r.tombstone {
		return true
	}
	if r.offset < c.swept {
		return false
	}
	c.tombstones = c.tombstones || r.offset >= c.cleaned
	return true
}

// rollForCleaning seals the active segment if a compacted partition has
// something to clean in it.
func (s *Store) rollForCleaning(logs []*Log) error {
	return s.update(func() error {
		for _, l := range logs {
			if l.deleted || !l.topic.policy.Load().compact {
				continue
			}
			if n := len(l.spans); n > 0 && l.spans[n-1].kind != spanRewrite && l.spans[n-1].pos >= s.wal.active.base && l.cleaned < l.stable {
				return s.roll()
			}
		}
		return nil
	})
}
