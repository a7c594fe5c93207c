// SPDX-License-Identifier: Apache-2.0

package store

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
)

// Open opens or creates the log in o.Dir, repairs what a kill left behind and
// starts the background work. ctx bounds opening only. Errors: InUseError,
// DamageError, a directory of a newer version, and those of the file system.
func Open(ctx context.Context, o Options) (s *Store, err error) {
	o, err = o.withDefaults()
	if err != nil {
		return nil, err
	}
	if err := o.FS.MkdirAll(o.Dir); err != nil {
		return nil, fmt.Errorf("create broker directory: %w", err)
	}
	lock, err := lockDir(o.Dir)
	if err != nil {
		return nil, err
	}
	made := newStore(o, lock)
	defer func() {
		if s == nil {
			err = errors.Join(err, made.release())
		}
	}()
	if err := made.recover(ctx); err != nil {
		return nil, fmt.Errorf("open broker log in %s: %w", o.Dir, err)
	}
	if o.TickEvery > 0 {
		run, stop := context.WithCancel(context.WithoutCancel(ctx))
		made.stop = stop
		made.tasks.Go(func() { made.background(run) })
		made.tasks.Go(func() { made.follow(run) })
	}
	return made, nil
}

func newStore(o Options, lock io.Closer) *Store {
	s := &Store{
		o: o, configKeys: configKeys(o), lock: lock, failed: make(chan struct{}), behind: make(chan struct{}, 1), stop: func() {},
		topics: map[string]*topic{}, topicIDs: map[TopicID]*topic{}, logs: map[uint32]*Log{},
		txns: map[string]*txn{}, txnPIDs: map[int64]*txn{}, groups: map[string]*group{},
	}
	s.wal.fs, s.wal.dir, s.wal.limit = o.FS, o.Dir, o.SegmentBytes
	return s
}

// release closes the files and frees the directory.
func (s *Store) release() error {
	var err error
	for _, g := range s.wal.list() {
		err = errors.Join(err, g.close())
	}
	return errors.Join(err, s.lock.Close())
}

// recover brings the state to that of the log on disk. It runs before anyone
// else knows the store.
func (s *Store) recover(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	names, err := s.o.FS.List(s.o.Dir)
	if err != nil {
		return fmt.Errorf("list broker directory: %w", err)
	}
	var bases []int64
	for _, name := range names {
		if base, ok := parseSegmentName(name); ok {
			bases = append(bases, base)
		}
	}
	slices.Sort(bases)
	if err := checkFormat(s.o.FS, s.o.Dir, len(bases) > 0); err != nil {
		return err
	}
	r := recovery{s: s}
	found, err := r.newest(bases)
	if err != nil {
		return err
	}
	if !found {
		return s.create()
	}
	if err := r.older(ctx, bases); err != nil {
		return err
	}
	return r.finish()
}

// create begins an empty log.
func (s *Store) create() error {
	var id [16]byte
	if _, err := rand.Read(id[:]); err != nil {
		return err
	}
	s.clusterID = base64.RawURLEncoding.EncodeToString(id[:])
	return s.wal.begin(s.snapshot(), s.o.Crash)
}

// recovery is the state of opening a log that exists.
type recovery struct {
	s      *Store
	head   int64        // base of the newest segment
	sealed []sealedSize // older segments that must be there
	closed bool         // the last entry read is that of a clean stop
	cut    bool         // an unfinished write was cut off
}

// newest loads the newest segment that has a whole snapshot; a newer one without
// is what an interrupted roll left behind, and is removed. It returns false if
// there is no segment with anything in it.
func (r *recovery) newest(bases []int64) (bool, error) {
	for i, tries := len(bases)-1, 0; i >= 0; i, tries = i-1, tries+1 {
		g, err := openSegment(r.s.o.FS, r.s.o.Dir, bases[i], false)
		if err != nil {
			return false, err
		}
		r.s.wal.setSegments([]*segment{g})
		end, err := r.replay(g)
		if err != nil {
			return false, err
		}
		if end > g.base {
			r.head = g.base
			return true, r.cutTail(g, end)
		}
		if err := g.checkTail(g.base); err != nil {
			return false, err
		}
		if tries > 0 {
			return false, &DamageError{File: g.path, Offset: 0, Reason: "the segment does not begin with a snapshot"}
		}
		r.s.wal.setSegments(nil)
		if err := errors.Join(g.close(), r.s.o.FS.Remove(g.path)); err != nil {
			return false, fmt.Errorf("remove unfinished segment: %w", err)
		}
	}
	if len(bases) > 0 && bases[0] != 0 {
		return false, &DamageError{File: filepath.Join(r.s.o.Dir, segmentName(bases[0])), Offset: 0, Reason: "the only segment does not begin with a snapshot"}
	}
	return false, nil
}

// replay applies the entries of the newest segment and returns where they end.
func (r *recovery) replay(g *segment) (int64, error) {
	w := &r.s.wal
	w.active, w.index = g, newSegmentIndex()
	return g.scan(g.base, func(e entry) error {
		if (e.pos == g.base) != (e.typ == entrySnapshot) {
			return &DamageError{File: g.path, Offset: e.pos - g.base, Reason: "a snapshot is not where it belongs"}
		}
		w.end = e.end()
		r.closed = e.typ == entryClosed
		if err := r.apply(g, e); err != nil {
			return &DamageError{File: g.path, Offset: e.pos - g.base, Reason: err.Error()}
		}
		return nil
	})
}

// apply applies one entry as it was applied when it was written.
func (r *recovery) apply(g *segment, e entry) (err error) {
	s, d := r.s, decoder{b: e.body}
	switch e.typ {
	case entrySnapshot:
		g.head = headerSize + int64(len(e.body))
		r.sealed, err = s.loadSnapshot(e.body)
		return err
	case entryAppend:
		r.applyAppend(e)
		return nil
	case entryEnd:
		end, err := decodeEnd(e.body)
		if err != nil {
			return err
		}
		s.placeMarkers(end, e.pos, headerSize+len(e.body))
		s.applyEnd(end)
		return nil
	case entryRewrite:
		rewrite, err := decodeRewrite(e.body)
		if err != nil {
			return err
		}
		s.applyRewrite(rewrite, e.pos)
		return nil
	case entryProducer:
		s.applyProducer(decodeProducer(&d))
	case entryProducerIDs:
		s.pidLimit = d.i64()
		s.nextPID = s.pidLimit
	case entryOffsets:
		s.applyGroup(decodeGroup(&d), 0)
	case entryTopic:
		if topic := decodeTopic(&d); !d.bad {
			s.applyTopic(topic)
		}
	case entryTopicDeleted:
		var id TopicID
		copy(id[:], d.take(len(id)))
		s.applyTopicDeleted(id)
	case entryLogStart:
		id, offset := d.u32(), d.i64()
		if l := s.logs[id]; l != nil {
			l.applyStart(offset)
		}
	case entryCleaned:
		s.applyCleaned(decodeCleaned(&d))
	case entryDrop:
		base := d.i64()
		r.sealed = slices.DeleteFunc(r.sealed, func(z sealedSize) bool { return z.base == base })
	case entryFence:
		s.applyFence()
	}
	return d.done()
}

func (r *recovery) applyAppend(e entry) {
	l := r.s.logs[binary.LittleEndian.Uint32(e.body)]
	if l == nil {
		return
	}
	b := parseBatch(e.body[4:])
	l.appended(b, e.pos, headerSize+len(e.body), spanAppend)
	l.track(b, r.s.nowMs())
	l.settle()
}

// cutTail removes an unfinished write from the end of the newest segment.
func (r *recovery) cutTail(g *segment, end int64) error {
	r.s.wal.written.Store(end)
	size := end - g.base
	if size == g.size {
		return nil
	}
	if err := g.checkTail(end); err != nil {
		return err
	}
	r.s.o.Log.Warn("broker log: cut an unfinished write from its end", "segment", g.path, "offset", size, "bytes", g.size-size)
	r.s.o.Crash(crashRecoverBeforeCut)
	if err := g.file.Truncate(size); err != nil {
		return fmt.Errorf("cut unfinished write from %s: %w", g.path, err)
	}
	g.size, r.closed, r.cut = size, false, true
	return nil
}

// older opens the sealed segments, loads their spans and removes what was
// dropped.
func (r *recovery) older(ctx context.Context, bases []int64) error {
	s := r.s
	list := []*segment{s.wal.active}
	for _, z := range r.sealed {
		if err := ctx.Err(); err != nil {
			return err
		}
		name := segmentName(z.base)
		if !slices.Contains(bases, z.base) {
			return &DamageError{File: filepath.Join(s.o.Dir, name), Offset: -1, Reason: "the segment is missing"}
		}
		g, err := openSegment(s.o.FS, s.o.Dir, z.base, false)
		if err != nil {
			return err
		}
		list = append(list, g)
		slices.SortFunc(list, func(a, b *segment) int { return cmp.Compare(a.base, b.base) })
		s.wal.setSegments(slices.Clone(list))
		if g.size != z.size {
			return &DamageError{File: g.path, Offset: -1, Reason: fmt.Sprintf("the segment has %d bytes, it was sealed with %d", g.size, z.size)}
		}
	}
	if err := r.loadSpans(); err != nil {
		return err
	}
	for _, base := range bases {
		if base >= r.head || slices.ContainsFunc(r.sealed, func(z sealedSize) bool { return z.base == base }) {
			continue
		}
		if err := removeSegment(s.o.FS, filepath.Join(s.o.Dir, segmentName(base))); err != nil {
			return err
		}
	}
	return nil
}

// loadSpans puts the living spans of the sealed segments before those of the
// active one.
func (r *recovery) loadSpans() error {
	s := r.s
	older := map[*Log][]span{}
	for _, g := range s.wal.list() {
		if g == s.wal.active {
			continue
		}
		spans, err := sealedSpans(s.o.FS, g)
		if err != nil {
			return err
		}
		for _, sp := range spans {
			l := s.logs[sp.log]
			if l == nil || sp.last() < l.start || dead(l.rules, sp.span) {
				continue
			}
			older[l] = append(older[l], sp.span)
			l.size += int64(sp.bytes)
			g.live.Add(int64(sp.bytes))
		}
	}
	for l, spans := range older {
		l.spans = append(spans, l.spans...)
		sortSpans(l.spans)
	}
	return nil
}

// finish ends open transactions by abort and, after an unclean stop, fences all
// transactional producers: what they wrote last may not have reached the disk,
// and a client that goes on as if it had would commit half of its transaction.
func (r *recovery) finish() error {
	s := r.s
	s.o.Crash(crashRecoverBeforeAbort)
	if !r.closed && slices.ContainsFunc(s.sortedTxns(), func(t *txn) bool { return !t.Fenced }) {
		if _, err := s.put(entryFence, nil); err != nil {
			return err
		}
		s.applyFence()
	}
	open := s.openProducers()
	for _, id := range slices.Sorted(maps.Keys(open)) {
		if _, err := s.putEnd(open[id]); err != nil {
			return err
		}
	}
	if err := s.wal.flush(); err != nil {
		return s.fail(err)
	}
	s.o.Crash(crashRecoverBeforeSync)
	// What was read may still be only in the operating system's memory: it must
	// be durable before anyone is told of it.
	if err := s.wal.active.file.Sync(); err != nil {
		return s.fail(fmt.Errorf("sync segment %s: %w", s.wal.active.path, err))
	}
	s.wal.markDurable(s.wal.end)
	s.finishDurable()
	if n := len(open); n > 0 {
		s.o.Log.Info("broker log: aborted open transactions", "count", n)
	}
	return nil
}

// openProducers makes the abort records of all open transactions, by producer.
// The caller holds mu.
func (s *Store) openProducers() map[int64]endRecord {
	ends := map[int64]endRecord{}
	for _, id := range slices.Sorted(maps.Keys(s.logs)) {
		l := s.logs[id]
		for pid, first := range l.open {
			r, ok := ends[pid]
			if !ok {
				r = endRecord{Producer: Producer{pid, 0}, Timestamp: s.nowMs()}
				if t := s.txnPIDs[pid]; t != nil {
					r.ID, r.Producer = t.producerRecord, t.Producer
				} else if x := l.sessions[pid]; x != nil {
					r.Producer.Epoch = x.epoch
				}
			}
			r.Parts = append(r.Parts, endPart{l.id, first, l.end + int64(s.opensBefore(l, pid))})
			ends[pid] = r
		}
	}
	return ends
}

// opensBefore counts the open transactions of l with producer ids below pid:
// they are ended before it, each with a control batch.
func (s *Store) opensBefore(l *Log, pid int64) int {
	n := 0
	for other := range l.open {
		if other < pid {
			n++
		}
	}
	return n
}

// applyFence fences all transactional ids. The caller holds mu.
func (s *Store) applyFence() {
	for _, t := range s.txns {
		t.fence()
	}
}
