// SPDX-License-Identifier: Apache-2.0

package store

import "math"

// A span is a stretch of the log that holds batches of one partition, in offset
// order. It never crosses a segment.
//
// A framed span is a run of whole entries, of which those of other partitions
// are skipped when reading; a raw span is nothing but batches of the partition:
// the one batch of an append entry, or neighbours in a rewrite entry.
type span struct {
	base      int64 // first offset
	pos       int64 // position of the first entry (framed) or batch (raw)
	maxTs     int64 // greatest timestamp in it, control batches included
	lastDelta uint32
	size      uint32 // bytes from pos
	bytes     uint32 // bytes of the partition's batches in it
	kind      spanKind
}

type spanKind uint8

const (
	spanFramed spanKind = iota
	// spanAppend is raw, the batch of an append entry.
	spanAppend
	// spanRewrite is raw, within a rewrite entry.
	spanRewrite
)

func (s span) last() int64 { return s.base + int64(s.lastDelta) }

// entryPos is the position of the first entry that the span came from; for a
// rewritten one it is not known and not needed.
func (s span) entryPos() int64 {
	if s.kind == spanAppend {
		return s.pos - headerSize - 4
	}
	return s.pos
}

const (
	// spanWindow is the length of log up to which neighbouring batches of a
	// partition share a span. Readers read a span whole, so it is small; a
	// one-record transaction takes about 400 bytes of log.
	spanWindow = 8 << 10
	// rewriteSpan is the length up to which rewritten batches share a span.
	rewriteSpan = 64 << 10
)

// logSpan is a span of a named partition.
type logSpan struct {
	log uint32
	span
}

// segmentIndex collects the spans of one segment in the order of its entries.
// How batches are grouped into spans depends on the entries only, so that the
// index built while writing and the one built by reading are the same; rewrite
// entries and the rules made from them rely on that.
type segmentIndex struct {
	spans  []logSpan
	latest map[uint32]int // the growing span of each partition
}

func newSegmentIndex() *segmentIndex { return &segmentIndex{latest: map[uint32]int{}} }

// appended enters the batch [base, last] of an append or end entry at pos with
// the given size. It returns the span that now holds it, and whether that is
// the partition's previous span grown.
func (x *segmentIndex) appended(log uint32, pos int64, size int, base, last, maxTs int64, bytes int, kind spanKind) (span, bool) {
	if i, ok := x.latest[log]; ok {
		s := &x.spans[i].span
		start := s.entryPos()
		if pos+int64(size)-start <= spanWindow && last-s.base <= math.MaxUint32 {
			s.pos, s.kind = start, spanFramed
			s.size = uint32(pos + int64(size) - start)
			s.lastDelta = uint32(last - s.base)
			s.maxTs = max(s.maxTs, maxTs)
			s.bytes += uint32(bytes)
			return *s, true
		}
	}
	s := span{base: base, pos: pos, maxTs: maxTs, lastDelta: uint32(last - base), size: uint32(size), bytes: uint32(bytes), kind: kind}
	if kind == spanAppend {
		s.pos, s.size = pos+headerSize+4, uint32(bytes)
	}
	x.latest[log] = len(x.spans)
	x.spans = append(x.spans, logSpan{log, s})
	return s, false
}

// rewritten enters the batches of a rewrite entry, which lie one after another
// from pos, and returns their spans.
func (x *segmentIndex) rewritten(log uint32, pos int64, batches []byte) []span {
	var made []span
	for len(batches) > 0 {
		b := parseBatch(batches)
		batches = batches[b.size:]
		n := len(made)
		if n > 0 && int(made[n-1].size)+b.size <= rewriteSpan && b.last()-made[n-1].base <= math.MaxUint32 {
			s := &made[n-1]
			s.size += uint32(b.size)
			s.bytes = s.size
			s.lastDelta = uint32(b.last() - s.base)
			s.maxTs = max(s.maxTs, b.maxTs)
		} else {
			made = append(made, span{
				base: b.base, pos: pos, maxTs: b.maxTs, lastDelta: uint32(b.lastDelta),
				size: uint32(b.size), bytes: uint32(b.size), kind: spanRewrite,
			})
		}
		pos += int64(b.size)
	}
	for _, s := range made {
		x.spans = append(x.spans, logSpan{log, s})
	}
	return made
}

// deadRule says that of one partition the batches with offsets in [from, to)
// that lie before pos in the log were replaced by the rewrite entry at pos.
type deadRule struct{ from, to, pos int64 }

// addRule enters a rule newer than all in rules, which are sorted and disjoint,
// and stay so.
func addRule(rules []deadRule, r deadRule) []deadRule {
	out := make([]deadRule, 0, len(rules)+2)
	placed := false
	for _, o := range rules {
		if o.from < r.from {
			out = append(out, deadRule{o.from, min(o.to, r.from), o.pos})
		}
		if o.to > r.from && !placed {
			out, placed = append(out, r), true
		}
		if o.to > r.to {
			out = append(out, deadRule{max(o.from, r.to), o.to, o.pos})
		}
	}
	if !placed {
		out = append(out, r)
	}
	return out
}

// dead reports whether a span is replaced by one of the rules.
func dead(rules []deadRule, s span) bool {
	low, high := 0, len(rules)
	for low < high {
		mid := (low + high) / 2
		if rules[mid].to <= s.base {
			low = mid + 1
		} else {
			high = mid
		}
	}
	return low < len(rules) && rules[low].from <= s.base && s.pos < rules[low].pos
}
