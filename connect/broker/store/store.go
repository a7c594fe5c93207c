// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"
)

// Store is an open log directory. All methods may be called concurrently.
//
// Locks are taken in this order: cleanMu, wal.syncMu, mu, topicMu, Log.mu.
type Store struct {
	o          Options
	configKeys []ConfigKey
	clusterID  string
	lock       io.Closer

	failOnce sync.Once
	failed   chan struct{}
	err      atomic.Pointer[Error]

	// mu orders the entries of the log and guards all state that follows from
	// them, unless a field says otherwise.
	mu     sync.Mutex
	closed bool
	wal    wal

	topicMu  sync.RWMutex // to change the maps, mu is held too
	topics   map[string]*topic
	topicIDs map[TopicID]*topic

	logs     map[uint32]*Log
	nextLog  uint32
	nextPID  int64
	pidLimit int64 // producer ids below are reserved in the log
	txns     map[string]*txn
	txnPIDs  map[int64]*txn
	groups   map[string]*group
	offsets  int // in all groups
	sessions int // in all logs

	// ending are the ends of transactions that are in the log but not yet known
	// to be durable, in log order.
	ending []*endOp

	unfolder unfolder

	cleanMu sync.Mutex // one round of cleaning at a time
	cleaned atomic.Int64
	dropped atomic.Int64

	behind   chan struct{} // wakes follow
	stop     context.CancelFunc
	tasks    sync.WaitGroup
	nextIdle int64 // clock, in ms, of the next look for idle producers
}

// Failed is closed when the store entered its failed state; Err then tells why.
func (s *Store) Failed() <-chan struct{} { return s.failed }

// Err is the reason of the failed state, nil while the store works.
func (s *Store) Err() error {
	if e := s.err.Load(); e != nil {
		return e
	}
	return nil
}

// fail enters the failed state for good and returns its error.
func (s *Store) fail(cause error) error {
	s.failOnce.Do(func() {
		s.err.Store(&Error{Code: CodeStorage, Err: fmt.Errorf("broker store failed: %w", cause)})
		close(s.failed)
	})
	return s.Err()
}

// ClusterID is the id given to the log when it was created, 22 characters.
func (s *Store) ClusterID() string { return s.clusterID }

// usable returns why nothing can be done. The caller holds mu.
func (s *Store) usable() error {
	if err := s.Err(); err != nil {
		return err
	}
	if s.closed {
		return &Error{Code: CodeStorage, Err: ErrClosed}
	}
	return nil
}

func (s *Store) nowMs() int64 { return s.o.Now().UnixMilli() }

// update runs fn under the lock of a working store.
func (s *Store) update(fn func() error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.usable(); err != nil {
		return err
	}
	return fn()
}

// commit runs fn under the lock and returns when what it appended is durable.
func (s *Store) commit(fn func() error) error {
	var pos int64
	err := s.update(func() error {
		err := fn()
		pos = s.wal.end
		return err
	})
	if err != nil {
		return err
	}
	return s.syncTo(pos)
}

// put appends an entry and returns its position. It may seal the segment first,
// whose successor begins with a snapshot: callers change the state that the
// entry stands for after put. The caller holds mu.
func (s *Store) put(t entryType, body []byte) (int64, error) {
	if err := s.makeRoom(headerSize + len(body)); err != nil {
		return 0, err
	}
	pos, err := s.wal.put(t, body)
	if err != nil {
		return 0, s.fail(err)
	}
	return pos, nil
}

// makeRoom seals the active segment if size more bytes are too many for it. The
// caller holds mu.
func (s *Store) makeRoom(size int) error {
	if !s.wal.full(size) {
		return nil
	}
	return s.roll()
}

// roll seals the active segment and begins the next. The caller holds mu.
func (s *Store) roll() error {
	if err := s.wal.seal(); err != nil {
		return s.fail(err)
	}
	// The snapshot must know all that the sealed segment decided.
	s.finishDurable()
	if err := writeSidecar(s.o.FS, s.wal.active, s.wal.index.spans); err != nil {
		return s.fail(err)
	}
	if err := s.wal.begin(s.snapshot(), s.o.Crash); err != nil {
		return s.fail(err)
	}
	return nil
}

// Flush hands everything appended before the call to the operating system: it
// survives the end of the process, not of the machine. It is what acks=1 waits for.
func (s *Store) Flush() error {
	return s.update(func() error {
		if err := s.wal.flush(); err != nil {
			return s.fail(err)
		}
		return nil
	})
}

// Sync returns when everything appended before the call is on stable storage.
// Concurrent calls share the work.
func (s *Store) Sync(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return s.commit(func() error { return nil })
}

// syncTo returns when the log is durable up to pos. Who waits for the lock finds
// its entries synced by the one before, if they were appended in time.
func (s *Store) syncTo(pos int64) error {
	if s.wal.durable.Load() >= pos {
		return s.Err()
	}
	s.wal.syncMu.Lock()
	defer s.wal.syncMu.Unlock()
	if s.wal.durable.Load() >= pos {
		return s.Err()
	}
	var reached int64
	var active *segment
	err := s.update(func() error {
		if err := s.wal.flush(); err != nil {
			return s.fail(err)
		}
		reached, active = s.wal.end, s.wal.active
		return nil
	})
	if err != nil {
		return err
	}
	if err := active.file.Sync(); err != nil {
		return s.fail(fmt.Errorf("sync segment %s: %w", active.path, err))
	}
	s.wal.syncs.Add(1)
	s.wal.markDurable(reached)
	return nil
}

// Close ends open transactions by abort, syncs and releases the directory. It
// is idempotent and returns the error of a failed store.
func (s *Store) Close() error {
	s.stop()
	s.tasks.Wait()
	s.cleanMu.Lock()
	defer s.cleanMu.Unlock()
	err := s.commit(s.closeLog)
	if errors.Is(err, ErrClosed) {
		return s.Err()
	}
	s.wal.syncMu.Lock()
	defer s.wal.syncMu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return s.Err()
	}
	s.closed = true
	for _, l := range s.logs {
		l.notify()
	}
	return errors.Join(err, s.release())
}

// closeLog appends what makes the stop a clean one. The caller holds mu.
func (s *Store) closeLog() error {
	for _, t := range s.sortedTxns() {
		if t.state != TxnOngoing {
			continue
		}
		if _, err := s.appendEnd(t, false, true); err != nil {
			return err
		}
	}
	_, err := s.put(entryClosed, nil)
	return err
}

// background runs the maintenance until ctx ends.
func (s *Store) background(ctx context.Context) {
	tick := time.NewTicker(s.o.TickEvery)
	defer tick.Stop()
	clean := time.NewTicker(s.o.CleanEvery)
	defer clean.Stop()
	for {
		var err error
		select {
		case <-ctx.Done():
			return
		case <-s.failed:
			return
		case <-tick.C:
			err = errors.Join(s.Tick(ctx), s.Sync(ctx))
		case <-clean.C:
			err = s.maintain(ctx, false)
		}
		if err != nil && ctx.Err() == nil && s.Err() == nil {
			s.o.Log.Warn("broker maintenance did not finish", "error", err)
		}
	}
}

// Stats counts.
func (s *Store) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := Stats{
		Topics: len(s.topics), Partitions: len(s.logs), Producers: s.sessions, Groups: len(s.groups),
		Syncs: s.wal.syncs.Load(), CleanedRecords: s.cleaned.Load(), RemovedBytes: s.dropped.Load(),
	}
	for _, g := range s.wal.list() {
		st.Segments++
		st.DiskBytes += g.size
		st.LiveBytes += g.live.Load()
	}
	for _, t := range s.txns {
		if t.open() {
			st.OpenTxns++
		}
	}
	for _, l := range s.logs {
		l.mu.RLock()
		st.Spans += len(l.spans)
		l.mu.RUnlock()
	}
	return st
}
