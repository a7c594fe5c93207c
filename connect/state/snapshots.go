// SPDX-License-Identifier: Apache-2.0

package state

import (
	"context"
	"errors"
	"log/slog"
)

// snapshots writes the local copies of memory stores: in the background when enough
// has changed, and at the end. At most one goroutine is at work.
type snapshots struct {
	cancel context.CancelFunc
	done   chan struct{} // closed when the goroutine has ended; nil if there is none
}

// consider starts to write snapshots that are due. The tables' lock is held for writing.
func (s *snapshots) consider(t *Tables) {
	if t.o.Kind != Memory || t.o.Dir == "" || s.busy() {
		return
	}
	var due []*Table
	now := t.now()
	for _, table := range t.tables {
		m := table.store.(*memoryStore)
		if !t.due(m, now) {
			continue
		}
		m.changed, m.begun = 0, now
		due = append(due, table)
	}
	if len(due) > 0 {
		s.start(due)
	}
}

// due says whether a snapshot pays. Its cost is that of the table's size, and what has
// changed since the last one is what a restart reads from the changelog.
func (t *Tables) due(m *memoryStore, now int64) bool {
	switch {
	case m.changed == 0:
		return false
	case m.changed >= max(t.o.SnapshotBytes, m.size):
		return true
	}
	return now-m.begun >= t.o.SnapshotEvery.Milliseconds() && m.changed >= m.size/8
}

func (s *snapshots) busy() bool {
	if s.done == nil {
		return false
	}
	select {
	case <-s.done:
		s.wait()
		return false
	default:
		return true
	}
}

func (s *snapshots) start(due []*Table) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	s.cancel, s.done = cancel, done
	go func() {
		defer close(done)
		for _, table := range due {
			err := table.snapshot(ctx)
			if err != nil && ctx.Err() == nil {
				table.tables.o.Log.Warn("a snapshot of state was not written; the next start reads more of the changelog",
					slog.String("connector", table.tables.o.Connector), slog.String("topic", table.topic),
					slog.Int("partition", int(table.partition)), slog.Any("error", err))
			}
		}
	}()
}

// wait ends the goroutine and waits for it.
func (s *snapshots) wait() {
	if s.done == nil {
		return
	}
	s.cancel()
	<-s.done
	s.cancel, s.done = nil, nil
}

// last writes what the files do not hold yet.
func (s *snapshots) last(ctx context.Context, t *Tables) error {
	if t.o.Kind != Memory || t.o.Dir == "" {
		return nil
	}
	var errs []error
	for _, table := range t.tables {
		m := table.store.(*memoryStore)
		if m.pos.commits != m.written {
			errs = append(errs, table.snapshot(ctx))
		}
	}
	return errors.Join(errs...)
}

// snapshot writes the table's snapshot.
func (t *Table) snapshot(ctx context.Context) error {
	m := t.store.(*memoryStore)
	commits, err := t.writeSnapshot(ctx, m)
	if err != nil {
		return t.wrap("write a snapshot of the", err)
	}
	m.written = commits
	return nil
}
