// SPDX-License-Identifier: Apache-2.0

package runtime

import "github.com/connectd/connectd/connect/kafka"

const (
	scratchFirst = 16 << 10
	scratchMost  = 1 << 20
	// scratchDoublings is how often the first size is doubled to become the largest.
	scratchDoublings = 6
	// scratchKeep is how many bytes of chunks a scratch keeps over a reset.
	scratchKeep = 8 << 20
)

// scratch is memory that converters append to: encoded keys and values of one unit,
// which do not move and live until the unit has been committed.
type scratch struct {
	chunks  [][]byte
	cur     int
	used    int // of the current chunk
	total   int // bytes kept since the last reset
	headers []kafka.Header
}

// tail returns an empty slice to append one encoding to.
func (s *scratch) tail() []byte {
	if s.cur == len(s.chunks) {
		size := scratchMost
		if n := len(s.chunks); n < scratchDoublings {
			size = scratchFirst << n
		}
		s.chunks = append(s.chunks, make([]byte, size))
	}
	c := s.chunks[s.cur]
	return c[s.used:s.used]
}

// keep makes out, which append made of the last tail, part of the unit.
func (s *scratch) keep(out []byte) []byte {
	n := len(out)
	s.total += n
	if n <= len(s.chunks[s.cur])-s.used {
		s.used += n
		return out[:n:n]
	}
	// append has moved it into memory of its own.
	if n <= len(s.chunks[s.cur])/2 {
		s.cur, s.used = s.cur+1, 0 // little is left of the chunk
	}
	return out[:n:n]
}

// takeHeaders returns n headers to fill.
func (s *scratch) takeHeaders(n int) []kafka.Header {
	if n > cap(s.headers)-len(s.headers) {
		s.headers = make([]kafka.Header, 0, max(n, 2*cap(s.headers), 64))
	}
	from := len(s.headers)
	s.headers = s.headers[:from+n]
	return s.headers[from : from+n : from+n]
}

func (s *scratch) reset() {
	kept := 0
	for i := range s.chunks {
		if kept += len(s.chunks[i]); kept > scratchKeep {
			clear(s.chunks[i:])
			s.chunks = s.chunks[:i]
			break
		}
	}
	clear(s.headers)
	s.headers = s.headers[:0]
	s.cur, s.used, s.total = 0, 0, 0
}
