// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"slices"
	"sort"
)

// copyBytes is the size that a rewrite entry grows to.
const copyBytes = 1 << 20

// copier gathers the batches that replace neighbouring spans of a partition and
// writes them as rewrite entries.
type copier struct {
	s     *Store
	l     *Log
	p     *pace
	spans []span // replaced by rec; neighbours in the index
	rec   rewriteRecord
}

// add replaces a span by batches. Spans come by offset; one that does not follow
// the last directly begins another entry.
func (c *copier) add(ctx context.Context, sp span, batches []byte) error {
	full := len(c.rec.Batches)+len(batches) > copyBytes
	if n := len(c.spans); n > 0 && (full || !c.l.adjacent(c.spans[n-1], sp)) {
		if err := c.flush(ctx); err != nil {
			return err
		}
	}
	if len(c.spans) == 0 {
		c.rec = rewriteRecord{Log: c.l.id, From: sp.base, Batches: c.rec.Batches[:0]}
	}
	c.spans = append(c.spans, sp)
	c.rec.To = sp.last() + 1
	c.rec.Batches = append(c.rec.Batches, batches...)
	return nil
}

// flush writes what was gathered.
func (c *copier) flush(ctx context.Context) error {
	if len(c.spans) == 0 {
		return nil
	}
	err := c.s.update(func() error {
		// The log start may have moved over the first spans meanwhile; anything
		// else in the index than what was read must not be replaced.
		if c.l.deleted || !c.l.holds(c.rec.From, c.rec.To, c.spans) {
			return nil
		}
		return c.s.putRewrite(c.rec)
	})
	c.spans = c.spans[:0]
	if err != nil {
		return err
	}
	return c.p.spend(ctx, len(c.rec.Batches))
}

// adjacent reports whether b follows a in the index.
func (l *Log) adjacent(a, b span) bool {
	l.mu.RLock()
	defer l.mu.RUnlock()
	i := l.find(a.base)
	return i+1 < len(l.spans) && l.spans[i] == a && l.spans[i+1] == b
}

// holds reports whether the spans of the index in [from, to) are the last ones
// of spans.
func (l *Log) holds(from, to int64, spans []span) bool {
	l.mu.RLock()
	defer l.mu.RUnlock()
	low, high := l.between(from, to)
	have := l.spans[low:high]
	return len(have) > 0 && len(have) <= len(spans) && slices.Equal(have, spans[len(spans)-len(have):])
}

// between returns the range of the spans with first offsets in [from, to). The
// caller holds mu.
func (l *Log) between(from, to int64) (int, int) {
	low := sort.Search(len(l.spans), func(i int) bool { return l.spans[i].base >= from })
	high := low + sort.Search(len(l.spans)-low, func(i int) bool { return l.spans[low+i].base >= to })
	return low, high
}
