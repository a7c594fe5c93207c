// SPDX-License-Identifier: Apache-2.0

package file

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/connectd/connectd/connect"
)

// keptOfLong is how much of a line that is too long its error record carries.
const keptOfLong = 64 << 10

// longLine is a line beyond max.line.bytes of which the end is still searched. Its
// bytes are not kept.
type longLine struct {
	prefix []byte
	pos    int64 // the search goes on here
	chars  int64 // characters before pos
	buf    []byte
}

// newLongLine begins the search behind chunk, or at a \r that ends it.
func newLongLine(chunk []byte, end int, at place, most int) *longLine {
	return &longLine{
		prefix: bytes.Clone(chunk[:min(most, keptOfLong)]),
		pos:    at.bytes + int64(end),
		chars:  unitsOfPart(chunk[:end]),
		buf:    make([]byte, 64<<10),
	}
}

// unitsOfPart counts characters in a piece of text that may begin or end within one.
func unitsOfPart(b []byte) int64 {
	n := int64(0)
	for _, c := range b {
		if c&0xC0 != 0x80 {
			n++
		}
		if c >= 0xF0 {
			n++
		}
	}
	return n
}

// readLong goes on with the search; at the line's end it makes an error record.
func (t *tail) readLong(b *connect.Batch, last bool) (bool, error) {
	l := t.long
	n, err := t.f.ReadAt(l.buf, l.pos)
	if err != nil && !errors.Is(err, io.EOF) {
		return false, fmt.Errorf("read %s: %w", t.path, err)
	}
	piece := l.buf[:n]
	final := last && l.pos+int64(n) >= t.size
	at := bytes.IndexAny(piece, "\r\n")
	if at < 0 {
		l.pos += int64(n)
		l.chars += unitsOfPart(piece)
		t.seen = l.pos - t.at.bytes
		if final {
			t.emitLong(b, 0)
		}
		return n > 0 || final, nil
	}
	l.pos += int64(at)
	l.chars += unitsOfPart(piece[:at])
	switch {
	case piece[at] == '\n', at+1 < n && piece[at+1] != '\n', at+1 == n && final:
		t.emitLong(b, 1)
	case at+1 < n:
		t.emitLong(b, 2)
	case at == 0: // a \r at the end of what is there
		t.seen = l.pos + 1 - t.at.bytes
		return false, nil
	}
	return true, nil
}

// emitLong makes the error record; the line's end has this many bytes.
func (t *tail) emitLong(b *connect.Batch, end int64) {
	l, before := t.long, t.at
	length := l.pos - t.at.bytes
	t.step(length+end, l.chars+end)
	r := t.addRecord(b, b.Arena.Copy(l.prefix), t.task.now().UnixMilli())
	r.Err = lineError(t.path, before, l.prefix, tooLong(length, t.task.set.maxLine))
	t.long, t.seen, t.need = nil, 0, 0
}
