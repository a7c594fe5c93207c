// SPDX-License-Identifier: Apache-2.0

package store

import "context"

const (
	// writeOutBytes is the amount of log in the file from which on the disk is told
	// to begin with it: a sync then finds little left to write.
	writeOutBytes = 1 << 20
	// behindBytes is the amount of log that is not yet durable from which the
	// background work syncs: sealing a segment, which holds everyone up, then
	// finds little left to sync. Transactions of usual size sync before that, and
	// would wait for a sync that is under way.
	behindBytes = 32 << 20
	// pageBytes is what a page of a file is a multiple of. One that is still being
	// filled is not written out, since it would be written twice.
	pageBytes = 4 << 10
)

// hurry wakes the work behind the writers when much of the log is only in the
// memory of the operating system. The caller holds mu.
func (s *Store) hurry() {
	w := &s.wal
	durable := w.durable.Load()
	if w.written.Load()-max(w.begun, durable) < writeOutBytes && w.end-durable < behindBytes {
		return
	}
	select {
	case s.behind <- struct{}{}:
	default:
	}
}

// follow brings the log to the disk behind those who write it, until ctx ends.
func (s *Store) follow(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.failed:
			return
		case <-s.behind:
		}
		if err := s.catchUp(ctx); err != nil && ctx.Err() == nil && s.Err() == nil {
			s.o.Log.Warn("broker log was not synced in time", "error", err)
		}
	}
}

// catchUp begins to write out what is in the file, and syncs if much is not durable.
func (s *Store) catchUp(ctx context.Context) error {
	var g *segment
	var from, to int64
	var late bool
	err := s.update(func() error {
		w := &s.wal
		g = w.active
		from, to = w.toBegin()
		w.begun = max(w.begun, to)
		late = w.end-w.durable.Load() >= behindBytes
		return nil
	})
	if err != nil {
		return err
	}
	if to > from {
		g.writeOut(from, to)
	}
	if late {
		return s.Sync(ctx)
	}
	return nil
}

// toBegin returns the positions of the active segment that are in the file in whole
// pages and neither durable nor begun.
func (w *wal) toBegin() (from, to int64) {
	base := w.active.base
	from = max(w.begun, w.durable.Load(), base)
	to = w.written.Load()
	return from, to - (to-base)%pageBytes
}

// writeOut tells the disk to begin with the log from from to to.
func (g *segment) writeOut(from, to int64) {
	g.mu.RLock()
	defer g.mu.RUnlock()
	if !g.removed {
		g.file.WriteOut(from-g.base, to-from)
	}
}
