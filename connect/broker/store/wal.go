// SPDX-License-Identifier: Apache-2.0

package store

import (
	"encoding/binary"
	"fmt"
	"slices"
	"sort"
	"sync"
	"sync/atomic"
)

const (
	// flushBytes is the size from which buffered entries are written out.
	flushBytes = 256 << 10
	// directBytes is the size from which a batch is written from the caller's
	// memory instead of through the buffer.
	directBytes = 64 << 10
)

// wal is the write-ahead log: the active segment, the bytes that wait to be
// written to it, and the list of all segments. Fields without note are guarded
// by the store's lock; a failing method leaves the log unusable.
type wal struct {
	fs     FS
	dir    string
	limit  int64 // length at which the active segment is sealed
	active *segment
	index  *segmentIndex // spans of the active segment
	buf    []byte        // entries from position written on
	end    int64         // position after the last entry
	begun  int64         // the disk was told to begin with everything before

	written  atomic.Int64               // everything before is in the file
	durable  atomic.Int64               // everything before is on stable storage
	segments atomic.Pointer[[]*segment] // sorted by base, the active one last
	syncMu   sync.Mutex                 // held while syncing; taken before the store's lock
	syncs    atomic.Int64
}

// put appends an entry and returns its position.
func (w *wal) put(t entryType, body []byte) (int64, error) {
	pos := w.end
	n := len(w.buf)
	w.buf = slices.Grow(w.buf, headerSize+len(body))[:n+headerSize]
	putHeader(w.buf[n:], t, pos, w.durable.Load(), len(body), body)
	w.buf = append(w.buf, body...)
	w.end += int64(headerSize + len(body))
	if len(w.buf) >= flushBytes {
		return pos, w.flush()
	}
	return pos, nil
}

// putBatch appends an append entry for a batch whose base offset is set, and
// returns its position.
func (w *wal) putBatch(log uint32, batch []byte) (int64, error) {
	pos := w.end
	n := len(w.buf)
	head, rest := batch[:batchCRCEnd], batch[batchCRCEnd:]
	direct := len(rest) >= directBytes
	room := headerSize + 4 + len(batch)
	if direct {
		room -= len(rest)
	}
	w.buf = slices.Grow(w.buf, room)[:n+headerSize]
	w.buf = binary.LittleEndian.AppendUint32(w.buf, log)
	w.buf = append(w.buf, head...)
	putHeader(w.buf[n:], entryAppend, pos, w.durable.Load(), 4+len(batch), w.buf[n+headerSize:])
	w.end += int64(headerSize + 4 + len(batch))
	if direct {
		if err := w.flush(); err != nil {
			return pos, err
		}
		return pos, w.write(rest)
	}
	w.buf = append(w.buf, rest...)
	if len(w.buf) >= flushBytes {
		return pos, w.flush()
	}
	return pos, nil
}

// flush hands the buffered entries to the file.
func (w *wal) flush() error {
	if len(w.buf) == 0 {
		return nil
	}
	err := w.write(w.buf)
	w.buf = w.buf[:0]
	if cap(w.buf) > 2*flushBytes {
		w.buf = nil
	}
	return err
}

func (w *wal) write(p []byte) error {
	at := w.written.Load()
	if _, err := w.active.file.WriteAt(p, at-w.active.base); err != nil {
		return fmt.Errorf("write segment %s: %w", w.active.path, err)
	}
	w.active.size = at - w.active.base + int64(len(p))
	w.written.Store(at + int64(len(p)))
	return nil
}

// full reports whether the active segment is to be sealed before size more
// bytes are appended. The snapshot at its head does not count, so that a large
// one cannot make every segment full at once.
func (w *wal) full(size int) bool {
	used := w.end - w.active.base - w.active.head
	return used > 0 && used+int64(size) > w.limit
}

// markDurable records that everything before pos is on stable storage.
func (w *wal) markDurable(pos int64) {
	for {
		old := w.durable.Load()
		if pos <= old || w.durable.CompareAndSwap(old, pos) {
			return
		}
	}
}

// seal makes the active segment final: everything in it is on stable storage
// when it returns.
func (w *wal) seal() error {
	if err := w.flush(); err != nil {
		return err
	}
	if err := w.active.file.Sync(); err != nil {
		return fmt.Errorf("sync segment %s: %w", w.active.path, err)
	}
	w.syncs.Add(1)
	w.markDurable(w.end)
	return nil
}

// begin creates the next segment with the given snapshot and makes it the
// active one. The previous segment must be sealed.
func (w *wal) begin(snapshot []byte, crash func(string)) error {
	crash(crashRollBeforeCreate)
	g, err := openSegment(w.fs, w.dir, w.end, true)
	if err != nil {
		return err
	}
	// A start that was interrupted may have left a piece of this file behind.
	if err := g.file.Truncate(0); err != nil {
		return fmt.Errorf("begin segment %s: %w", g.path, err)
	}
	g.size = 0
	w.active, w.index = g, newSegmentIndex()
	if _, err := w.put(entrySnapshot, snapshot); err != nil {
		return err
	}
	g.head = headerSize + int64(len(snapshot))
	if err := w.flush(); err != nil {
		return err
	}
	crash(crashRollBeforeSync)
	if err := g.file.Sync(); err != nil {
		return fmt.Errorf("sync segment %s: %w", g.path, err)
	}
	if err := w.fs.SyncDir(w.dir); err != nil {
		return fmt.Errorf("sync directory %s: %w", w.dir, err)
	}
	crash(crashRollAfterSync)
	w.syncs.Add(2)
	w.markDurable(w.end)
	w.setSegments(append(slices.Clone(w.list()), g))
	return nil
}

// list returns the segments; the slice must not be changed.
func (w *wal) list() []*segment {
	if p := w.segments.Load(); p != nil {
		return *p
	}
	return nil
}

func (w *wal) setSegments(list []*segment) { w.segments.Store(&list) }

// at returns the segment that holds pos, nil if it was removed.
func (w *wal) at(pos int64) *segment { return segmentAt(w.list(), pos) }

func segmentAt(list []*segment, pos int64) *segment {
	i := sort.Search(len(list), func(i int) bool { return list[i].base > pos }) - 1
	if i < 0 {
		return nil
	}
	// A removed segment leaves a gap; the last segment is open at its end.
	if i < len(list)-1 && pos >= list[i].base+list[i].size {
		return nil
	}
	return list[i]
}

// account adds bytes of spans at pos to the live bytes of their segment.
func (w *wal) account(pos int64, bytes int64) {
	if g := w.at(pos); g != nil {
		g.live.Add(bytes)
	}
}
