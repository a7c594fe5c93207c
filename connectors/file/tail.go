// SPDX-License-Identifier: Apache-2.0

package file

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/connectd/connectd/connect"
)

// Line numbers and the number of an identity share one number of a position.
const (
	linesBits = 40
	linesMask = 1<<linesBits - 1
)

// tail follows one path: the file that has this name, or the one that had it and is
// not read to its end yet.
type tail struct {
	task   *sourceTask
	path   string
	source int32

	f      *os.File
	id     identity
	mark   int64 // the number of id
	at     place // the next line begins here
	size   int64 // of the file, as last seen
	seen   int64 // bytes from at on that are known not to be a whole line
	need   int   // bytes that a read must have, for a line longer than usual
	width  int   // bytes of a usual line
	long   *longLine
	header []string // of CSV; nil before it was read

	opened  bool      // the offsets at the start were used
	moved   bool      // f has another name by now: found at the start, or renamed since
	missing bool      // a warning says so
	quiet   bool      // at is to be committed without a record
	grew    time.Time // when f was last seen to grow
	rotated time.Time // when path was first seen to be another file; zero if it is not
}

// read reads one chunk, or turns to the next file; false means that there is
// nothing to do now.
func (t *tail) read(b *connect.Batch, limit int) (bool, error) {
	if t.f == nil {
		if found, err := t.open(); !found || err != nil {
			return false, err
		}
	}
	if t.size <= t.at.bytes+t.seen {
		if more, err := t.lookAgain(); err != nil || !more {
			return t.turnOver(b, limit, err)
		}
	}
	return t.readChunk(b, limit, false)
}

// lookAgain asks for the file's size. A file that is shorter than what was read, or
// begins with something else, was truncated and begins anew.
func (t *tail) lookAgain() (bool, error) {
	info, err := t.f.Stat()
	if err != nil {
		return false, fmt.Errorf("look at %s: %w", t.path, err)
	}
	size := info.Size()
	if size == t.size {
		return false, nil
	}
	if size < t.at.bytes || !t.id.startsWith(t.f) {
		t.task.log.Warn("file was truncated, it is read from its beginning", "file", t.path, "read", t.at.bytes, "size", size)
		t.at, t.seen, t.long, t.header = place{}, 0, nil, nil
	}
	t.size, t.grew = size, t.task.now()
	t.seen = min(t.seen, max(size-t.at.bytes, 0))
	if t.id.head < headBytes && size > int64(t.id.head) || t.at == (place{}) {
		if err := t.identify(); err != nil {
			return false, err
		}
	}
	return t.size > t.at.bytes+t.seen, nil
}

// identify reads the identity of f again.
func (t *tail) identify() error {
	id, size, err := identify(t.f)
	if err != nil {
		return fmt.Errorf("identify %s: %w", t.path, err)
	}
	t.size = size
	if id != t.id || t.mark == 0 {
		t.id, t.mark = id, t.task.number(id)
	}
	return nil
}

// turnOver goes on with the new file of the path, when f has been renamed and is
// quiet. What is left in f is its last line.
func (t *tail) turnOver(b *connect.Batch, limit int, err error) (bool, error) {
	if err != nil || !t.replaced() {
		return false, err
	}
	if t.size > t.at.bytes {
		if did, err := t.readChunk(b, limit, true); did || err != nil {
			return did, err
		}
	}
	t.task.done[t.id.inode()] = finished{t.id, t.at}
	if err := t.close(); err != nil {
		return false, err
	}
	return t.open()
}

// replaced reports whether f has lost its name, and is quiet. A name that is only
// missing may come back: f was renamed, and is still written to.
func (t *tail) replaced() bool {
	info, err := os.Stat(t.path)
	switch {
	case t.moved, err == nil && inodeOf(info) != t.id.inode(), errors.Is(err, fs.ErrNotExist) && deleted(t.f):
	default:
		t.rotated = time.Time{}
		return false
	}
	if t.rotated.IsZero() {
		t.rotated = t.task.now()
	}
	return t.quietFor() <= 0
}

// quietFor is how long f must still be quiet before it counts as finished.
func (t *tail) quietFor() time.Duration {
	since := t.rotated
	if t.grew.After(since) {
		since = t.grew
	}
	return t.task.set.rotateWait - t.task.now().Sub(since)
}

// open opens the file of the path, or at the start of the task one that had the
// name before. false means that there is none yet.
func (t *tail) open() (bool, error) {
	f, err := os.Open(t.path)
	if errors.Is(err, fs.ErrNotExist) {
		if !t.missing {
			t.missing = true
			t.task.log.Warn("file is not there, waiting for it", "file", t.path)
		}
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("open file: %w", err)
	}
	t.f, t.mark, t.missing, t.moved, t.rotated = f, 0, false, false, time.Time{}
	t.at, t.seen, t.need, t.long, t.header = place{}, 0, 0, nil, nil
	if err := t.identify(); err != nil {
		return false, errors.Join(err, t.close())
	}
	if t.task.claimed(t.id.inode(), t) {
		return false, t.close() // renamed to this path, and not read to its end yet
	}
	t.grew = t.task.now()
	if err := t.begin(); err != nil {
		return false, errors.Join(err, t.close())
	}
	t.opened = true
	t.task.watch.addFile(t.f.Name())
	return true, t.loadHeader()
}

// begin finds the place to begin at in a file that was opened: where another tail
// left it before it was renamed, where the offsets say, or at its beginning.
func (t *tail) begin() error {
	old, ok := t.task.done[t.id.inode()]
	switch {
	case ok && old.at.bytes <= t.size && old.id.startsWith(t.f):
		delete(t.task.done, t.id.inode())
		t.at = old.at
	case !t.opened:
		return t.resume()
	}
	t.reached()
	return nil
}

// reached asks for the place to be committed, if no record does it.
func (t *tail) reached() { t.quiet = true }

func (t *tail) close() error {
	if t.f == nil {
		return nil
	}
	err := t.f.Close()
	t.f = nil
	if err != nil {
		return fmt.Errorf("close %s: %w", t.path, err)
	}
	return nil
}
