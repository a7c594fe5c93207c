// SPDX-License-Identifier: Apache-2.0

package store

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sort"
	"sync"
)

// readSpans bounds the spans that one Read looks at, and so the time it holds
// the partition's lock; with small batches it returns less than asked for.
const readSpans = 256

// readTries bounds how often one Read may find its segments removed under it.
const readTries = 1000

// scratch is the memory that one reading needs beside the caller's.
type scratch struct {
	spans []span
	buf   []byte
}

var scratches = sync.Pool{New: func() any {
	return &scratch{spans: make([]span, 0, readSpans), buf: make([]byte, spanWindow)}
}}

// window is what a reader wants of a partition: batches that reach into
// [from, to), up to limit bytes.
type window struct {
	log      uint32
	from, to int64
	limit    int
	// first says that nothing was found yet: the first batch may exceed limit.
	first bool
	// full says that the next batch did not fit.
	full bool
	last int64 // last offset taken
}

// take reports whether the batch [base, last] of size bytes is wanted.
func (w *window) take(base, last int64, size, have int) bool {
	if w.full || last < w.from || base >= w.to {
		return false
	}
	if !w.first && have+size > w.limit {
		w.full = true
		return false
	}
	w.first, w.last = false, last
	return true
}

// Read appends to dst whole batches from the one that holds offset, at most
// maxBytes unless the first batch alone is larger; maxBytes ≤ 0 reads none.
// ReadCommitted ends at the last stable offset and lists the aborted
// transactions in what it returns. Errors: OffsetOutOfRange (Fetched's offsets
// are set), UnknownTopicOrPart, Storage.
func (l *Log) Read(offset int64, maxBytes int, iso Isolation, dst []byte) (Fetched, error) {
	sc := scratches.Get().(*scratch)
	defer scratches.Put(sc)
	for try := 0; ; try++ {
		f, err := l.plan(offset, maxBytes, iso, sc)
		if err != nil || len(sc.spans) == 0 {
			f.Bytes = dst
			return f, err
		}
		w := window{log: l.id, from: offset, to: f.HighWatermark, limit: maxBytes, first: true, last: -1}
		if iso == ReadCommitted {
			w.to = f.LastStable
		}
		f.Bytes, err = l.s.collect(&w, sc, dst)
		if errors.Is(err, errRemoved) && try < readTries {
			continue
		}
		if err != nil {
			f.Bytes, f.Aborted = dst, nil
			return f, err
		}
		f.Aborted = slices.DeleteFunc(f.Aborted, func(a AbortedTxn) bool { return a.FirstOffset > w.last })
		return f, nil
	}
}

// plan copies what Read needs under the lock, all from one moment: the spans,
// the offsets and the aborted transactions.
func (l *Log) plan(offset int64, maxBytes int, iso Isolation, sc *scratch) (Fetched, error) {
	sc.spans = sc.spans[:0]
	if err := l.s.Err(); err != nil {
		return Fetched{HighWatermark: -1, LastStable: -1, LogStart: -1}, err
	}
	l.mu.RLock()
	defer l.mu.RUnlock()
	f := Fetched{HighWatermark: l.end, LastStable: l.stable, LogStart: l.start}
	if l.deleted {
		return Fetched{HighWatermark: -1, LastStable: -1, LogStart: -1}, l.gone()
	}
	if offset < l.start || offset > l.end {
		return f, errorf(CodeOffsetOutOfRange, "offset %d is not within %d and %d of %s-%d", offset, l.start, l.end, l.topic.name, l.part)
	}
	limit := f.HighWatermark
	if iso == ReadCommitted {
		limit = f.LastStable
	}
	have := 0
	for i := l.find(offset); i < len(l.spans) && have < maxBytes && len(sc.spans) < readSpans; i++ {
		sp := l.spans[i]
		if sp.base >= limit {
			break
		}
		sc.spans = append(sc.spans, sp)
		have += int(sp.bytes)
	}
	if iso == ReadCommitted && len(sc.spans) > 0 {
		f.Aborted = l.abortedIn(offset, min(limit, sc.spans[len(sc.spans)-1].last()+1))
	}
	return f, nil
}

// find returns the index of the first span that ends at offset or behind it.
// The caller holds mu.
func (l *Log) find(offset int64) int {
	return sort.Search(len(l.spans), func(i int) bool { return l.spans[i].last() >= offset })
}

// abortedIn lists, by first offset, the aborted transactions that overlap
// [from, to). The caller holds mu.
func (l *Log) abortedIn(from, to int64) []AbortedTxn {
	i := sort.Search(len(l.aborted), func(i int) bool { return l.aborted[i].LastOffset >= from })
	var list []AbortedTxn
	for _, a := range l.aborted[i:] {
		if a.FirstOffset < to {
			list = append(list, a)
		}
	}
	slices.SortFunc(list, func(a, b AbortedTxn) int { return cmp.Compare(a.FirstOffset, b.FirstOffset) })
	return list
}

// collect appends the wanted batches of the spans to dst.
func (s *Store) collect(w *window, sc *scratch, dst []byte) ([]byte, error) {
	start := len(dst)
	for _, sp := range sc.spans {
		var err error
		if dst, err = s.readSpan(w, sp, sc, dst, start); err != nil {
			return dst[:start], err
		}
		if w.full {
			break
		}
	}
	return dst, nil
}

// readSpan appends the wanted batches of one span to dst, of which the bytes
// from start on count.
func (s *Store) readSpan(w *window, sp span, sc *scratch, dst []byte, start int) ([]byte, error) {
	if sp.kind == spanFramed {
		if cap(sc.buf) < int(sp.size) {
			sc.buf = make([]byte, sp.size)
		}
		region := sc.buf[:sp.size]
		if err := s.readLog(region, sp.pos); err != nil {
			return dst, err
		}
		dst, err := pickFramed(w, region, dst, start)
		if err != nil {
			return dst, s.fail(fmt.Errorf("read log at %d: %w", sp.pos, err))
		}
		return dst, nil
	}
	n := len(dst)
	if sp.kind == spanAppend && !w.take(sp.base, sp.last(), int(sp.size), n-start) {
		return dst, nil
	}
	dst = slices.Grow(dst, int(sp.size))[:n+int(sp.size)]
	if err := s.readLog(dst[n:], sp.pos); err != nil {
		return dst[:n], err
	}
	if sp.kind == spanAppend {
		return dst, nil
	}
	return pickRaw(w, dst, n, start), nil
}

var errNoEntry = errors.New("no entry where the index has one")

// pickFramed appends the wanted batches among the entries of region.
func pickFramed(w *window, region, dst []byte, start int) ([]byte, error) {
	for len(region) > 0 && !w.full {
		e, ok := frame(region)
		if !ok {
			return dst, errNoEntry
		}
		region = region[headerSize+len(e.body):]
		switch e.typ {
		case entryAppend:
			if binary.LittleEndian.Uint32(e.body) != w.log {
				continue
			}
			p := e.body[4:]
			if b := parseBatch(p); w.take(b.base, b.last(), len(p), len(dst)-start) {
				dst = append(dst, p...)
			}
		case entryEnd:
			grown, marker, found := markerIn(dst, e.body, w.log, w.from)
			if found && w.take(marker, marker, markerSize, len(dst)-start) {
				dst = grown
			}
		}
	}
	return dst, nil
}

// pickRaw keeps of the batches in dst[n:] those that are wanted.
func pickRaw(w *window, dst []byte, n, start int) []byte {
	rest := dst[n:]
	dst = dst[:n]
	for len(rest) > 0 {
		b := parseBatch(rest)
		if w.take(b.base, b.last(), b.size, len(dst)-start) {
			// Moves towards the front of the same memory.
			dst = append(dst, rest[:b.size]...)
		}
		rest = rest[b.size:]
	}
	return dst
}

// readLog fills p with the log from pos. Entries that wait in the write buffer
// are written out first. A failed read other than of a removed segment ends the
// store's life: the disk does not give back what was written.
func (s *Store) readLog(p []byte, pos int64) error {
	if s.wal.written.Load() < pos+int64(len(p)) {
		if err := s.Flush(); err != nil {
			return err
		}
	}
	g := s.wal.at(pos)
	if g == nil {
		return errRemoved
	}
	err := g.readAt(p, pos)
	if err == nil || errors.Is(err, errRemoved) && !s.isClosed() {
		return err
	}
	if s.isClosed() {
		return &Error{Code: CodeStorage, Err: ErrClosed}
	}
	return s.fail(err)
}

func (s *Store) isClosed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}
