// SPDX-License-Identifier: Apache-2.0

package store

import (
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
)

const (
	segmentSuffix = ".log"
	sidecarSuffix = ".idx"
)

// errRemoved tells a reader that the segment is gone: what lived in it was
// copied elsewhere or is dead, so the reader looks its offset up again.
var errRemoved = errors.New("segment was removed")

// segment is a file that holds the positions from base to base+size of the log.
type segment struct {
	base int64
	head int64 // length of the snapshot entry it begins with
	path string
	file File
	// size is final once the segment is sealed; of the active segment it is
	// guarded by the store's lock and counts what was handed to the file.
	size int64
	// live is the sum of the bytes of the spans that lie in it.
	live atomic.Int64

	mu      sync.RWMutex
	removed bool
}

func segmentName(base int64) string { return fmt.Sprintf("%020d%s", base, segmentSuffix) }

// parseSegmentName returns the base position, false for other files.
func parseSegmentName(name string) (int64, bool) {
	digits, ok := strings.CutSuffix(name, segmentSuffix)
	if !ok || len(digits) != 20 {
		return 0, false
	}
	base, err := strconv.ParseInt(digits, 10, 64)
	return base, err == nil && base >= 0
}

func openSegment(fs FS, dir string, base int64, create bool) (*segment, error) {
	path := filepath.Join(dir, segmentName(base))
	f, err := fs.Open(path, create)
	if err != nil {
		return nil, fmt.Errorf("open segment: %w", err)
	}
	size, err := f.Size()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open segment %s: %w", path, err), f.Close())
	}
	return &segment{base: base, path: path, file: f, size: size}, nil
}

func (g *segment) sidecarPath() string {
	return strings.TrimSuffix(g.path, segmentSuffix) + sidecarSuffix
}

// readAt fills p from the log position pos. It returns errRemoved once the
// segment was removed.
func (g *segment) readAt(p []byte, pos int64) error {
	g.mu.RLock()
	defer g.mu.RUnlock()
	if g.removed {
		return errRemoved
	}
	if _, err := g.file.ReadAt(p, pos-g.base); err != nil {
		return fmt.Errorf("read segment %s at %d: %w", g.path, pos-g.base, err)
	}
	return nil
}

// close closes the file; later reads get errRemoved.
func (g *segment) close() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.removed {
		return nil
	}
	g.removed = true
	return g.file.Close()
}

// scan calls fn for each entry from the position from on, until the end of the
// file or the first bytes that are not a valid entry, and returns the position
// it reached. Entries alias a buffer that is used again.
func (g *segment) scan(from int64, fn func(entry) error) (int64, error) {
	const chunk = 4 << 20
	var buf []byte
	pos, end := from, g.base+g.size
	filled := 0 // bytes of buf that hold the log from pos on
	for {
		e, ok := parseEntry(buf[:filled], pos)
		if ok {
			if err := fn(e); err != nil {
				return pos, err
			}
			n := headerSize + len(e.body)
			buf, filled = buf[n:], filled-n
			pos += int64(n)
			continue
		}
		if pos+int64(filled) == end {
			return pos, nil
		}
		// Not whole yet: read on, twice as much as was in vain.
		want := int(min(int64(max(chunk, 2*filled)), end-pos))
		grown := make([]byte, want)
		copy(grown, buf[:filled])
		if err := g.readAt(grown[filled:], pos+int64(filled)); err != nil {
			return pos, err
		}
		buf, filled = grown, want
	}
}

// tail reads everything from pos to the end of the file.
func (g *segment) tail(pos int64) ([]byte, error) {
	b := make([]byte, g.base+g.size-pos)
	return b, g.readAt(b, pos)
}

// checkTail decides about the bytes from pos on, which do not begin with a valid
// entry. It returns nil if they are writes that were not finished, and a
// DamageError if they were once whole.
func (g *segment) checkTail(pos int64) error {
	b, err := g.tail(pos)
	if err != nil {
		return err
	}
	if err := judgeTail(b, pos, pos-g.base); err != nil {
		return &DamageError{File: g.path, Offset: pos - g.base, Reason: err.Error()}
	}
	return nil
}
