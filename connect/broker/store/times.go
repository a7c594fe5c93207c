// SPDX-License-Identifier: Apache-2.0

package store

import (
	"errors"
	"math"
)

// OffsetForTime finds the first record with a timestamp (ms) of at least ts, and
// returns its offset and timestamp; -1, -1 when there is none. Control batches
// do not count.
func (l *Log) OffsetForTime(ts int64) (offset, timestamp int64, err error) {
	offset, timestamp = -1, -1
	err = l.searchTimes(ts, func(r record) bool {
		offset, timestamp = r.offset, r.timestamp
		return false
	})
	return offset, timestamp, err
}

// OffsetOfMaxTime finds the first record with the greatest timestamp; -1, -1
// when the partition is empty.
func (l *Log) OffsetOfMaxTime() (offset, timestamp int64, err error) {
	offset, timestamp = -1, -1
	greatest := int64(math.MinInt64)
	for _, sp := range l.readable() {
		greatest = max(greatest, sp.maxTs)
	}
	// The greatest time of a span may be a control batch's: then look at all.
	for _, least := range []int64{greatest, math.MinInt64} {
		err = l.searchTimes(least, func(r record) bool {
			if offset < 0 || r.timestamp > timestamp {
				offset, timestamp = r.offset, r.timestamp
			}
			return true
		})
		if err != nil || offset >= 0 {
			break
		}
	}
	return offset, timestamp, err
}

// readable copies the spans from the log start on.
func (l *Log) readable() []span {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return append([]span(nil), l.spans[l.find(l.start):]...)
}

// searchTimes calls fn for the records with timestamps of at least ts, in offset
// order, until it returns false.
func (l *Log) searchTimes(ts int64, fn func(record) bool) error {
	if err := l.s.Err(); err != nil {
		return err
	}
	start, _, _ := l.Offsets()
	for _, sp := range l.readable() {
		if sp.maxTs < ts {
			continue
		}
		more, err := l.searchSpan(sp, start, ts, fn)
		if errors.Is(err, errRemoved) {
			// It was copied elsewhere meanwhile: search what follows anew.
			return l.searchTimes(ts, fn)
		}
		if err != nil || !more {
			return err
		}
	}
	return nil
}

func (l *Log) searchSpan(sp span, start, ts int64, fn func(record) bool) (more bool, err error) {
	batches, err := l.s.readBatches(l, sp)
	if err != nil {
		return false, err
	}
	more = true
	for len(batches) > 0 && more {
		b := parseBatch(batches)
		p := batches[:b.size]
		batches = batches[b.size:]
		if b.control() || b.maxTs < ts {
			continue
		}
		err := eachRecord(b, p, func(r record) bool {
			if r.timestamp >= ts && r.offset >= start {
				more = fn(r)
			}
			return more
		})
		if err != nil {
			return false, errorf(CodeCorruptMessage, "read batch at offset %d of %s-%d: %w", b.base, l.topic.name, l.part, err)
		}
	}
	return more, nil
}
