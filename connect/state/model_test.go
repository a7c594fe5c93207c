// SPDX-License-Identifier: Apache-2.0

package state

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"sync"
)

// memoryLog is a Changelog in memory, with offsets as a broker gives them: a commit
// marker takes one after each unit.
type memoryLog struct {
	mu    sync.Mutex
	logs  map[string]*partitionLog
	reads int // records given to Replay's callers
}

type partitionLog struct {
	start, end int64
	records    []logRecord
}

type logRecord struct {
	offset     int64
	key, value []byte
}

func newMemoryLog() *memoryLog { return &memoryLog{logs: map[string]*partitionLog{}} }

func (l *memoryLog) partition(topic string, partition int32) *partitionLog {
	id := fmt.Sprintf("%s/%d", topic, partition)
	if l.logs[id] == nil {
		l.logs[id] = &partitionLog{}
	}
	return l.logs[id]
}

// Bounds implements Changelog.
func (l *memoryLog) Bounds(_ context.Context, topic string, partition int32) (start, end int64, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	p := l.partition(topic, partition)
	return p.start, p.end, nil
}

// Replay implements Changelog.
func (l *memoryLog) Replay(ctx context.Context, topic string, partition int32, from int64,
	fn func(offset int64, key, value []byte) error,
) (int64, error) {
	l.mu.Lock()
	p := l.partition(topic, partition)
	records, end := slices.Clone(p.records), p.end
	l.mu.Unlock()
	for _, r := range records {
		if r.offset < from {
			continue
		}
		l.reads++
		if err := fn(r.offset, r.key, r.value); err != nil {
			return 0, err
		}
		if err := ctx.Err(); err != nil {
			return 0, err
		}
	}
	return end, nil
}

// commit writes a unit as a transaction and returns the offsets of its last records.
func (l *memoryLog) commit(u *Unit) []Offset {
	l.mu.Lock()
	defer l.mu.Unlock()
	var offsets []Offset
	err := u.Each(func(topic string, partition int32, changes []Change) error {
		p := l.partition(topic, partition)
		for _, c := range changes {
			p.records = append(p.records, logRecord{p.end, bytes.Clone(c.Key), bytes.Clone(c.Value)})
			p.end++
		}
		last := Offset{topic, partition, p.end - 1}
		if n := len(offsets); n > 0 && offsets[n-1].Topic == topic && offsets[n-1].Partition == partition {
			offsets[n-1] = last
			return nil
		}
		offsets = append(offsets, last)
		return nil
	})
	if err != nil {
		panic(err)
	}
	for _, o := range offsets {
		l.partition(o.Topic, o.Partition).end++ // the marker
	}
	return offsets
}

// compact keeps the newest record of each key, and no tombstones if they are old.
func (l *memoryLog) compact(dropTombstones bool) {
	for _, p := range l.logs {
		newest := map[string]int64{}
		for _, r := range p.records {
			newest[string(r.key)] = r.offset
		}
		p.records = slices.DeleteFunc(p.records, func(r logRecord) bool {
			return newest[string(r.key)] != r.offset || dropTombstones && r.value == nil
		})
	}
}
