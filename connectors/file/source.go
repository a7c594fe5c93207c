// SPDX-License-Identifier: Apache-2.0

package file

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/connectd/connectd/connect"
)

// sourceTask follows the paths of one connector.
type sourceTask struct {
	now   func() time.Time
	set   settings
	log   *slog.Logger
	watch watcher
	stdin *stdinReader

	stored []stored // the offsets at the start
	first  bool     // there were none
	glob   bool
	done   map[inode]finished
	rescan time.Time // when to look for new paths again
	turn   int       // the tail that reads first in the next Poll

	// mu guards what Position reads beside Poll.
	mu    sync.RWMutex
	tails []*tail
	ids   []string // from 1
}

// finished is a file that was read to its end and may come back under another name.
type finished struct {
	id identity
	at place
}

func newSourceTask(now func() time.Time) *sourceTask {
	return &sourceTask{now: now, done: make(map[inode]finished), ids: []string{""}}
}

// Start loads the offsets; files are opened by the first Poll, and may be missing.
func (t *sourceTask) Start(ctx context.Context, c connect.SourceTaskContext) error {
	t.set, t.log = readSettings(c.Config), c.Log
	if t.set.pattern == "" {
		t.stdin = newStdinReader(&t.set, os.Stdin, t.now)
		return nil
	}
	positions, err := c.AllOffsets(ctx)
	if err != nil {
		return fmt.Errorf("load offsets: %w", err)
	}
	for _, p := range positions {
		if s, ok := readOffset(p); ok {
			t.stored = append(t.stored, s)
		}
	}
	t.first = len(t.stored) == 0
	t.glob = isGlob(t.set.pattern)
	t.watch = newWatcher(t.log)
	if t.glob {
		return nil
	}
	t.add(t.set.pattern)
	return nil
}

// add makes a tail for a path.
func (t *sourceTask) add(path string) {
	tl := &tail{task: t, path: path, source: int32(len(t.tails)), width: 128}
	t.mu.Lock()
	t.tails = append(t.tails, tl)
	t.mu.Unlock()
	t.watch.addDir(dirOf(path))
}

// number remembers the identity of a file that records refer to.
func (t *sourceTask) number(id identity) int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ids = append(t.ids, id.String())
	return int64(len(t.ids) - 1)
}

// longestIdle bounds the pause where the system does not report changes.
const longestIdle = 50 * time.Millisecond

// Poll reads what is there, in turn from each file.
func (t *sourceTask) Poll(ctx context.Context, b *connect.Batch) error {
	if t.stdin != nil {
		return t.stdin.poll(ctx, b)
	}
	limit := b.MaxRecords
	if t.set.batch > 0 {
		limit = min(limit, len(b.Records)+t.set.batch)
	}
	idle := time.Millisecond
	for ctx.Err() == nil {
		if err := t.look(b, limit); err != nil && b.Empty() {
			return err // after records it comes again in the next Poll
		}
		if !b.Empty() {
			return nil
		}
		pause := t.pause()
		if !t.watch.reports() {
			pause = min(pause, idle)
			idle = min(2*idle, longestIdle)
		}
		if t.watch.wait(ctx, pause) {
			t.rescan = time.Time{}
		}
	}
	return nil
}

// look finds new paths, then lets each tail read until none has anything, or the
// batch is full.
func (t *sourceTask) look(b *connect.Batch, limit int) error {
	defer t.report(b)
	if err := t.findPaths(); err != nil {
		return err
	}
	for {
		any := false
		for i := range t.tails {
			tl := t.tails[(t.turn+i)%len(t.tails)]
			if b.Full() || len(b.Records) >= limit {
				t.turn = (t.turn + i) % len(t.tails)
				return nil
			}
			did, err := tl.read(b, limit)
			if err != nil {
				return err
			}
			any = any || did
		}
		if !any {
			return nil
		}
	}
}

// report adds the places that were reached without a record. They are committed
// after the batch's records, so a place that has a record behind it is not among them.
func (t *sourceTask) report(b *connect.Batch) {
	for _, tl := range t.tails {
		if tl.quiet && tl.f != nil {
			b.Progress = append(b.Progress, t.position(tl.source, tl.mark, tl.at))
		}
		tl.quiet = false
	}
}

// pause is how long Poll may sleep: until a renamed file has been quiet for long
// enough, or until the next look at everything.
func (t *sourceTask) pause() time.Duration {
	d := t.set.interval
	for _, tl := range t.tails {
		if !tl.rotated.IsZero() {
			d = min(d, max(tl.quietFor(), time.Millisecond))
		}
	}
	return d
}

// claimed reports whether another tail is reading this file.
func (t *sourceTask) claimed(in inode, by *tail) bool {
	for _, tl := range t.tails {
		if tl != by && tl.f != nil && tl.id.inode() == in {
			return true
		}
	}
	return false
}

// Position makes the maps of record i; it needs the batch and the memory of paths
// and identities, which only grows.
func (t *sourceTask) Position(b *connect.Batch, i int) connect.Position {
	if t.stdin != nil {
		return stdinPosition()
	}
	r := &b.Records[i]
	at := place{bytes: r.Pos[0], chars: r.Pos[1], lines: r.Pos[2]&linesMask - 1}
	return t.position(r.Source, r.Pos[2]>>linesBits, at)
}

func (t *sourceTask) position(source int32, mark int64, at place) connect.Position {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return connect.Position{Partition: partitionOf(t.tails[source].path), Offset: offsetOf(at, t.ids[mark])}
}

// Commit has nothing to release.
func (t *sourceTask) Commit(context.Context, []connect.Position) error { return nil }

// Stop closes the files.
func (t *sourceTask) Stop(context.Context) error {
	var errs []error
	for _, tl := range t.tails {
		errs = append(errs, tl.close())
	}
	if t.watch != nil {
		errs = append(errs, t.watch.close())
		t.watch = nil
	}
	return errors.Join(errs...)
}

var _ connect.SourceTask = (*sourceTask)(nil)
