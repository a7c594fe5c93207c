// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"slices"
	"sync"
)

// Log is the handle of a partition. All methods may be called concurrently.
type Log struct {
	s     *Store
	topic *topic
	id    uint32
	part  int32

	// Guarded by the store's lock.
	sessions map[int64]*session
	open     map[int64]int64 // producer id → first offset of its open transaction
	rules    []deadRule
	passes   []cleanPass // cleanings whose tombstones wait
	cleaned  int64       // offset up to which the log has been cleaned

	// mu guards what readers need; it is changed with the store's lock held too.
	mu       sync.RWMutex
	deleted  bool
	spans    []span
	start    int64
	stable   int64
	end      int64
	size     int64        // sum of the spans' bytes
	aborted  []AbortedTxn // by last offset
	watchers map[chan<- struct{}]int
}

func newLog(s *Store, t *topic, id uint32, part int32) *Log {
	return &Log{
		s: s, topic: t, id: id, part: part,
		sessions: map[int64]*session{}, open: map[int64]int64{}, watchers: map[chan<- struct{}]int{},
	}
}

// Topic is the topic's name.
func (l *Log) Topic() string { return l.topic.name }

// Partition is the partition's number.
func (l *Log) Partition() int32 { return l.part }

func (l *Log) gone() error {
	return errorf(CodeUnknownTopicOrPart, "topic %s was deleted", l.topic.name)
}

// Append verifies one record batch (magic 2; see [Options.CheckRecords]) and appends it.
// A topic that is compacted takes no record without key. It patches base
// offset and leader epoch into batch, which it does not keep. The batch is
// visible to readers at once (transactional ones to read-committed readers
// after EndTxn), on stable storage after the next Sync. A repeated batch of an
// idempotent producer gives the offset of the first time.
//
// Errors: CorruptMessage, InvalidRecord, UnsupportedForFormat, MessageTooLarge,
// InvalidProducerEpoch, InvalidProducerID, InvalidTxnState, OutOfOrderSequence,
// PolicyViolation (too many producers), UnknownTopicOrPart.
func (l *Log) Append(batch []byte) (base int64, err error) {
	b, err := checkBatch(batch)
	if err != nil {
		return -1, err
	}
	if limit := l.topic.policy.Load().maxBatch; len(batch) > limit {
		return -1, errorf(CodeMessageTooLarge, "record batch of %d bytes is larger than max.message.bytes %d of topic %s", len(batch), limit, l.topic.name)
	}
	if err := l.checkRecords(b, batch); err != nil {
		return -1, err
	}
	base, err = l.append(b, batch)
	if err != nil {
		return -1, err
	}
	l.notify()
	return base, nil
}

func (l *Log) append(b batch, p []byte) (int64, error) {
	s := l.s
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.usable(); err != nil {
		return 0, err
	}
	if l.deleted {
		return 0, l.gone()
	}
	if base, repeated, err := l.admit(b); repeated || err != nil {
		return base, err
	}
	if err := s.makeRoom(headerSize + 4 + len(p)); err != nil {
		return 0, err
	}
	b.base = l.end
	setBase(p, b.base)
	pos, err := s.wal.putBatch(l.id, p)
	if err != nil {
		return 0, s.fail(err)
	}
	l.appended(b, pos, headerSize+4+len(p), spanAppend)
	l.track(b, s.nowMs())
	if b.transactional() {
		s.txnPIDs[b.producer.ID].wrote(l, b.base)
	}
	l.settle()
	s.hurry()
	return b.base, nil
}

// appended enters a batch of the entry at pos into the index and moves the end.
// The caller holds the store's lock, and calls settle after it.
func (l *Log) appended(b batch, pos int64, size int, kind spanKind) {
	w := &l.s.wal
	sp, grew := w.index.appended(l.id, pos, size, b.base, b.last(), b.maxTs, b.size, kind)
	w.active.live.Add(int64(b.size))
	l.mu.Lock()
	defer l.mu.Unlock()
	if grew {
		l.spans[len(l.spans)-1] = sp
	} else {
		l.spans = append(l.spans, sp)
	}
	l.end = b.last() + 1
	l.size += int64(b.size)
}

// settle computes the last stable offset. The caller holds the store's lock.
func (l *Log) settle() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.settleLocked()
}

// settleLocked is settle for a caller that holds the partition's lock too.
func (l *Log) settleLocked() {
	stable := l.end
	for _, first := range l.open {
		stable = min(stable, first)
	}
	l.stable = max(stable, l.start)
}

// notify wakes the watchers.
func (l *Log) notify() {
	l.mu.RLock()
	defer l.mu.RUnlock()
	for ch := range l.watchers {
		select {
		case ch <- struct{}{}:
		default:
		}
	}
}

// Watch sends to ch, without blocking, whenever the high watermark or the last
// stable offset has moved, or the topic was deleted or the store closed. ch
// should have room for one.
func (l *Log) Watch(ch chan<- struct{}) (cancel func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.watchers[ch]++
	var once sync.Once
	return func() {
		once.Do(func() {
			l.mu.Lock()
			defer l.mu.Unlock()
			if l.watchers[ch]--; l.watchers[ch] == 0 {
				delete(l.watchers, ch)
			}
		})
	}
}

// Offsets returns log start, last stable offset and high watermark.
func (l *Log) Offsets() (start, stable, end int64) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.start, l.stable, l.end
}

// Size is the sum of the batches that may be read, in bytes.
func (l *Log) Size() int64 {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.size
}

// abandon drops all data of a deleted topic's partition. The caller holds the
// store's lock.
func (l *Log) abandon() {
	l.mu.Lock()
	l.deleted = true
	for _, sp := range l.spans {
		l.s.wal.account(sp.pos, -int64(sp.bytes))
	}
	l.spans, l.aborted, l.size = nil, nil, 0
	l.mu.Unlock()
	l.notify()
}

// DeleteBefore moves the log start up to offset (-1: to the high watermark) and
// returns the new start when it is durable. An offset below the start changes
// nothing. Errors: OffsetOutOfRange, PolicyViolation for topics that are only
// compacted, UnknownTopicOrPart.
func (l *Log) DeleteBefore(ctx context.Context, offset int64) (start int64, err error) {
	if err := ctx.Err(); err != nil {
		return -1, err
	}
	err = l.s.commit(func() error {
		if l.deleted {
			return l.gone()
		}
		if !l.topic.policy.Load().del {
			return errorf(CodePolicyViolation, "records of topic %s cannot be deleted: its cleanup.policy is compact", l.topic.name)
		}
		if offset == -1 {
			offset = l.end
		}
		if offset < 0 || offset > l.end {
			return errorf(CodeOffsetOutOfRange, "offset %d of %s-%d is beyond the end %d", offset, l.topic.name, l.part, l.end)
		}
		return l.moveStart(offset)
	})
	start, _, _ = l.Offsets()
	return start, err
}

// moveStart appends the entry that moves the log start, and moves it. The
// caller holds the store's lock.
func (l *Log) moveStart(offset int64) error {
	if offset <= l.start {
		return nil
	}
	var e encoder
	e.u32(l.id)
	e.i64(offset)
	if _, err := l.s.put(entryLogStart, e.b); err != nil {
		return err
	}
	l.applyStart(offset)
	return nil
}

// applyStart moves the log start and forgets what lies before it. The caller
// holds the store's lock.
func (l *Log) applyStart(offset int64) {
	l.mu.Lock()
	l.start = max(l.start, offset)
	l.end = max(l.end, l.start)
	l.mu.Unlock()
	l.trim()
	l.settle()
}

// trim forgets spans and aborted transactions below the log start, except spans
// of the active segment, which may still grow: how batches are grouped into
// spans must not depend on when they are forgotten. The caller holds the
// store's lock.
func (l *Log) trim() {
	active := l.s.wal.active.base
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	for n < len(l.spans) && l.spans[n].last() < l.start && l.spans[n].pos < active {
		l.s.wal.account(l.spans[n].pos, -int64(l.spans[n].bytes))
		l.size -= int64(l.spans[n].bytes)
		n++
	}
	if n > 0 {
		l.spans = shrink(l.spans, n)
	}
	if n = slices.IndexFunc(l.aborted, func(a AbortedTxn) bool { return a.LastOffset >= l.start }); n < 0 {
		n = len(l.aborted)
	}
	if n > 0 {
		l.aborted = shrink(l.aborted, n)
	}
}

// shrink copies all but the first n elements, so that their memory is freed.
func shrink[T any](list []T, n int) []T {
	rest := list[n:]
	return append(make([]T, 0, len(rest)+len(rest)/8), rest...)
}
