// SPDX-License-Identifier: Apache-2.0

package file

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// resume finds the place to go on at, for a path that the task opens for the first
// time. It may exchange the file for the one that had the name when the task stopped.
func (t *tail) resume() error {
	if s := t.storedForFile(); s != nil {
		t.at = s.at
		if s.path != t.path {
			t.reached() // renamed, and both names belong to the connector
		}
		return nil
	}
	s := t.storedForPath()
	switch {
	case s == nil:
		return t.fresh()
	case !s.known:
		return t.takeOver(s.at.chars)
	}
	moved, covered := t.findMoved(s)
	if moved != nil {
		return t.exchange(moved, s)
	}
	if s.id.head > 0 && s.id.startsWith(t.f) && s.at.bytes <= t.size {
		t.at = s.at // the same text in another file: written anew, or restored
		return nil
	}
	if s.at.bytes > 0 && !covered {
		t.task.log.Warn("the file that was read before is gone, the new one is read from its beginning", "file", t.path, "read", s.at.bytes)
	}
	t.reached()
	return nil
}

// storedForFile is the furthest offset of this very file, under any name.
func (t *tail) storedForFile() *stored {
	var best *stored
	for i := range t.task.stored {
		s := &t.task.stored[i]
		if s.known && s.id.inode() == t.id.inode() && s.at.bytes <= t.size && s.id.startsWith(t.f) &&
			(best == nil || s.at.bytes > best.at.bytes) {
			best = s
		}
	}
	return best
}

func (t *tail) storedForPath() *stored {
	for i := range t.task.stored {
		if t.task.stored[i].path == t.path {
			return &t.task.stored[i]
		}
	}
	return nil
}

// fresh begins in a file without an offset. At the end means: behind the last line
// that is complete. The place is committed, so that a restart does not move it, and
// finds the file if it is renamed until then.
func (t *tail) fresh() error {
	t.reached()
	if !t.task.set.fromEnd || !t.task.first {
		return nil
	}
	end := t.size
	buf := make([]byte, 64<<10)
	for end > 0 {
		from := max(end-int64(len(buf)), 0)
		n, err := t.f.ReadAt(buf[:end-from], from)
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("read %s: %w", t.path, err)
		}
		if at := lastLineEnd(buf[:n], end == t.size); at > 0 {
			end = from + int64(at)
			break
		}
		end = from
	}
	t.at = place{bytes: end, chars: end, lines: -1}
	if end == 0 {
		t.at.lines = 0
	}
	return nil
}

// lastLineEnd is the place behind the last line end of b; 0 if there is none. At
// the end of a file a \r is none yet: a \n may follow.
func lastLineEnd(b []byte, last bool) int {
	for i := len(b); i > 0; i-- {
		if b[i-1] == '\n' || b[i-1] == '\r' && (i < len(b) || !last) {
			return i
		}
	}
	return 0
}

// takeOver finds the byte behind the first n characters, by reading them again: the
// original, and operators, give characters only.
func (t *tail) takeOver(n int64) error {
	buf := make([]byte, mostChunk)
	at, left, before := place{}, n, byte(0)
	for left > 0 {
		k, err := t.f.ReadAt(buf, at.bytes)
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("read %s: %w", t.path, err)
		}
		end := errors.Is(err, io.EOF)
		size, missing := skipUnits(buf[:k], left, end)
		at.lines += countLines(buf[:size], before)
		if size > 0 {
			before = buf[size-1]
		}
		at.bytes += int64(size)
		left = missing
		if end && left > 0 {
			t.task.log.Warn("file is shorter than its offset, it is read from its beginning", "file", t.path, "position", n, "size", t.size)
			return nil
		}
	}
	at.chars = n
	t.at = at
	return nil
}

// countLines counts line ends in b; before is the byte in front of it.
func countLines(b []byte, before byte) int64 {
	n := int64(0)
	for _, c := range b {
		if c == '\r' || c == '\n' && before != '\r' {
			n++
		}
		before = c
	}
	return n
}

// findMoved opens the file that had the path when the offset was stored, from the
// same directory: renamed, or copied before it was truncated. nil if there is none;
// covered says that another tail of the connector reads it.
func (t *tail) findMoved(s *stored) (moved *os.File, covered bool) {
	dir := filepath.Dir(t.path)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, false
	}
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		if path == filepath.Clean(t.path) || !e.Type().IsRegular() {
			continue
		}
		f, same := matchStored(path, s)
		switch {
		case f == nil:
			continue
		case t.task.glob && t.task.hasTail(path):
			covered = true
		case same:
			if moved != nil {
				moved.Close()
			}
			return f, false
		case moved == nil && s.id.head == headBytes: // a copy: only a long beginning tells
			moved = f
			continue
		}
		f.Close()
	}
	return moved, covered
}

// matchStored opens path if it begins as the stored file did and is at least as
// long; same says that it is the same inode.
func matchStored(path string, s *stored) (f *os.File, same bool) {
	f, err := os.Open(path)
	if err != nil {
		return nil, false
	}
	info, err := f.Stat()
	if err != nil || info.Size() < s.at.bytes || !s.id.startsWith(f) {
		f.Close()
		return nil, false
	}
	return f, inodeOf(info) == s.id.inode()
}

// exchange goes on in the file that had the path before; then comes the new one.
func (t *tail) exchange(moved *os.File, s *stored) error {
	t.task.log.Info("file was renamed, its rest is read first", "file", t.path, "renamed", moved.Name())
	err := t.f.Close()
	t.f, t.moved, t.mark, t.at = moved, true, 0, s.at
	return errors.Join(err, t.identify())
}
