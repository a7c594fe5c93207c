// SPDX-License-Identifier: Apache-2.0

package file

import (
	"bytes"
	"unicode/utf8"
)

// lineScanner cuts a chunk into lines. As in the original, \n, \r and \r\n end one.
type lineScanner struct {
	chunk []byte
	pos   int // the next line begins here
	nl    int // the next \n at or behind pos; len(chunk) if there is none
	cr    int // the next \r likewise
	final bool
}

// newLineScanner begins at the start of chunk. final says that nothing follows it,
// so that its end ends a line too.
func newLineScanner(chunk []byte, final bool) lineScanner {
	s := lineScanner{chunk: chunk, final: final}
	s.nl, s.cr = s.find('\n', 0), s.find('\r', 0)
	return s
}

func (s *lineScanner) find(c byte, from int) int {
	if i := bytes.IndexByte(s.chunk[from:], c); i >= 0 {
		return from + i
	}
	return len(s.chunk)
}

// next returns the next line and the length of its end; false if it is not complete.
// A \r at the very end may be half of a \r\n: it waits for what follows.
func (s *lineScanner) next() (line []byte, end int, ok bool) {
	start, at := s.pos, min(s.nl, s.cr)
	switch {
	case at == len(s.chunk):
		if !s.final || start == at {
			return nil, 0, false
		}
		s.pos = at
		return s.chunk[start:at:at], 0, true
	case at == s.nl:
		end = 1
	case at+1 < len(s.chunk):
		end = 1
		if s.chunk[at+1] == '\n' {
			end = 2
		}
	case s.final:
		end = 1
	default:
		return nil, 0, false
	}
	s.pos = at + end
	if s.nl < s.pos {
		s.nl = s.find('\n', s.pos)
	}
	if s.cr < s.pos {
		s.cr = s.find('\r', s.pos)
	}
	return s.chunk[start:at:at], end, true
}

// isASCII reports whether all bytes are below 0x80.
func isASCII(b []byte) bool {
	for len(b) >= 8 {
		if (uint64(b[0])|uint64(b[1])|uint64(b[2])|uint64(b[3])|uint64(b[4])|uint64(b[5])|uint64(b[6])|uint64(b[7]))&0x80 != 0 {
			return false
		}
		b = b[8:]
	}
	for _, c := range b {
		if c >= 0x80 {
			return false
		}
	}
	return true
}

// units counts characters as Java does: UTF-16 units, one for each wrong byte.
func units(b []byte) int64 {
	n := int64(0)
	for len(b) > 0 {
		if b[0] < 0x80 {
			n++
			b = b[1:]
			continue
		}
		r, size := utf8.DecodeRune(b)
		if n++; r > 0xFFFF {
			n++
		}
		b = b[size:]
	}
	return n
}

// skipUnits returns how many bytes the first n units of b are, and how many units
// are missing. A character that is cut off at the end of b is left to the next call
// unless final is true.
func skipUnits(b []byte, n int64, final bool) (size int, missing int64) {
	for size < len(b) && n > 0 {
		if b[size] < 0x80 {
			size++
			n--
			continue
		}
		if !final && !utf8.FullRune(b[size:]) {
			break
		}
		r, width := utf8.DecodeRune(b[size:])
		if n--; r > 0xFFFF {
			n--
		}
		size += width
	}
	return size, max(n, 0)
}
