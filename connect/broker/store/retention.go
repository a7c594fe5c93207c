// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/connectd/connectd/connect/backoff"
)

// pace slows background work down to a number of bytes per second; nil does not.
type pace struct{ bytesPerSecond int64 }

// spend waits as long as n bytes may take.
func (p *pace) spend(ctx context.Context, n int) error {
	if p == nil || p.bytesPerSecond <= 0 || n == 0 {
		return ctx.Err()
	}
	if backoff.Wait(ctx, time.Duration(float64(n)/float64(p.bytesPerSecond)*float64(time.Second))) {
		return nil
	}
	return ctx.Err()
}

// Clean runs one unthrottled round of retention, cleaning and reclaiming now,
// over everything that is committed.
func (s *Store) Clean(ctx context.Context) error { return s.maintain(ctx, true) }

// maintain runs one round. With all it also cleans what is not worth it yet, and
// what lies in the active segment.
func (s *Store) maintain(ctx context.Context, all bool) error {
	s.cleanMu.Lock()
	defer s.cleanMu.Unlock()
	var p *pace
	if !all {
		p = &pace{s.o.CleanBytesPerSecond}
	}
	logs, err := s.retain()
	if err != nil {
		return err
	}
	if all {
		if err := s.rollForCleaning(logs); err != nil {
			return err
		}
	}
	for _, l := range logs {
		if err := s.cleanLog(ctx, l, all, p); err != nil {
			return err
		}
	}
	return s.reclaim(ctx, p)
}

// retain moves the log starts that retention asks for and returns all logs.
func (s *Store) retain() ([]*Log, error) {
	var logs []*Log
	err := s.update(func() error {
		now := s.nowMs()
		for _, l := range s.logs {
			logs = append(logs, l)
		}
		slices.SortFunc(logs, func(a, b *Log) int { return int(int64(a.id) - int64(b.id)) })
		for _, l := range logs {
			if err := l.moveStart(l.expired(now)); err != nil {
				return err
			}
			l.trim()
		}
		return nil
	})
	return logs, err
}

// expired returns the log start that retention by time and size asks for.
// Topics that are only compacted keep theirs; nothing at or above the last
// stable offset goes. A span whose batches have no timestamps goes by size only.
func (l *Log) expired(now int64) int64 {
	pol := l.topic.policy.Load()
	l.mu.RLock()
	defer l.mu.RUnlock()
	start := l.start
	if !pol.del {
		return start
	}
	first := l.find(start)
	excess := -pol.retentionBytes
	for _, sp := range l.spans[first:] {
		excess += int64(sp.bytes)
	}
	for _, sp := range l.spans[first:] {
		old := pol.retentionMs >= 0 && sp.maxTs >= 0 && sp.maxTs < now-pol.retentionMs
		big := pol.retentionBytes >= 0 && excess >= int64(sp.bytes)
		if sp.last() >= l.stable || !old && !big {
			break
		}
		excess -= int64(sp.bytes)
		start = sp.last() + 1
	}
	return start
}

// reclaim copies the living batches out of segments in which little is alive,
// and removes the segments that are empty then.
func (s *Store) reclaim(ctx context.Context, p *pace) error {
	for _, g := range s.wal.list() {
		if !s.sparse(g) {
			continue
		}
		if err := s.evacuate(ctx, g, p); err != nil {
			return err
		}
	}
	return s.removeEmpty()
}

// sparse reports whether a segment is worth emptying: less than half of it is
// alive, or it is so small that copying it costs little.
func (s *Store) sparse(g *segment) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	live := g.live.Load()
	if g == s.wal.active || live == 0 {
		return false
	}
	return live < (g.size-g.head)/2 || g.size < s.wal.limit/8
}

// evacuate copies all living batches of a segment to the end of the log.
func (s *Store) evacuate(ctx context.Context, g *segment, p *pace) error {
	s.mu.Lock()
	var logs []*Log
	for _, l := range s.logs {
		logs = append(logs, l)
	}
	s.mu.Unlock()
	s.o.Crash(crashCleanBeforeCopy)
	for _, l := range logs {
		c := copier{s: s, l: l, p: p}
		for _, sp := range l.spansIn(g) {
			batches, err := s.readBatches(l, sp)
			if err != nil {
				return err
			}
			if err := c.add(ctx, sp, batches); err != nil {
				return err
			}
		}
		if err := c.flush(ctx); err != nil {
			return err
		}
	}
	return nil
}

// spansIn returns the spans of the log that lie in a segment, by offset.
func (l *Log) spansIn(g *segment) []span {
	l.mu.RLock()
	defer l.mu.RUnlock()
	var list []span
	for _, sp := range l.spans {
		if sp.pos >= g.base && sp.pos < g.base+g.size {
			list = append(list, sp)
		}
	}
	return list
}

// readBatches returns the batches of a span, control batches built. They have
// been verified when they were appended; damage since then is an error, so that
// it is never copied.
func (s *Store) readBatches(l *Log, sp span) ([]byte, error) {
	sc := scratches.Get().(*scratch)
	defer scratches.Put(sc)
	w := window{log: l.id, from: sp.base, to: sp.last() + 1, limit: int(sp.bytes), first: true, last: -1}
	b, err := s.readSpan(&w, sp, sc, make([]byte, 0, sp.bytes), 0)
	if err != nil {
		return nil, err
	}
	if len(b) != int(sp.bytes) {
		return nil, s.fail(fmt.Errorf("read %s-%d at offset %d: %d bytes where the index has %d", l.topic.name, l.part, sp.base, len(b), sp.bytes))
	}
	for rest := b; len(rest) > 0; {
		n := batchSize(rest)
		if n == 0 || !validBatch(rest[:n]) {
			return nil, s.fail(fmt.Errorf("read %s-%d at offset %d: a batch is damaged", l.topic.name, l.part, sp.base))
		}
		rest = rest[n:]
	}
	return b, nil
}

// removeEmpty drops the sealed segments that no span lies in. The drop, and with
// it all that was copied before, is durable before the files go.
func (s *Store) removeEmpty() error {
	s.o.Crash(crashCleanBeforeDrop)
	var gone []*segment
	var end int64
	err := s.update(func() error {
		gone = s.emptySegments()
		for _, g := range gone {
			var e encoder
			e.i64(g.base)
			if _, err := s.put(entryDrop, e.b); err != nil {
				return err
			}
			s.wal.setSegments(slices.DeleteFunc(slices.Clone(s.wal.list()), func(o *segment) bool { return o == g }))
		}
		end = s.wal.end
		return nil
	})
	if err != nil || len(gone) == 0 {
		return err
	}
	if err := s.syncTo(end); err != nil {
		return err
	}
	s.o.Crash(crashCleanBeforeRemove)
	for _, g := range gone {
		if err := errors.Join(g.close(), removeSegment(s.o.FS, g.path)); err != nil {
			return s.fail(err)
		}
		s.dropped.Add(g.size)
		s.o.Crash(crashCleanAfterRemove)
	}
	return nil
}

// emptySegments returns the sealed segments without spans. The count of live bytes names the candidates, the index itself
// decides. The caller holds mu.
func (s *Store) emptySegments() []*segment {
	var empty []*segment
	for _, g := range s.wal.list() {
		if g != s.wal.active && g.live.Load() <= 0 {
			empty = append(empty, g)
		}
	}
	if len(empty) == 0 {
		return nil
	}
	used := map[*segment]bool{}
	for _, l := range s.logs {
		l.mu.RLock()
		for _, sp := range l.spans {
			if i := segmentAt(empty, sp.pos); i != nil && sp.pos < i.base+i.size {
				used[i] = true
			}
		}
		l.mu.RUnlock()
	}
	return slices.DeleteFunc(empty, func(g *segment) bool { return used[g] })
}

// removeSegment removes a segment file and its sidecar, if it has one.
func removeSegment(fs FS, path string) error {
	if err := fs.Remove(path); err != nil {
		return fmt.Errorf("remove segment: %w", err)
	}
	sidecar := strings.TrimSuffix(path, segmentSuffix) + sidecarSuffix
	names, err := fs.List(filepath.Dir(path))
	if err != nil {
		return fmt.Errorf("remove segment: %w", err)
	}
	if !slices.Contains(names, filepath.Base(sidecar)) {
		return nil
	}
	if err := fs.Remove(sidecar); err != nil {
		return fmt.Errorf("remove segment: %w", err)
	}
	return nil
}
