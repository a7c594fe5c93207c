// SPDX-License-Identifier: Apache-2.0

package connect

import "unsafe"

// Arena hands out memory that lives as long as its batch, so that decoding and
// transforming a record allocate nothing that a batch could share. The zero Arena
// is ready. An Arena is for one goroutine at a time.
type Arena struct {
	bytes   slab[byte]
	values  slab[Value]
	entries slab[MapEntry]
	structs slab[Struct]
	headers slab[Header]
}

// Bytes returns n zero bytes.
func (a *Arena) Bytes(n int) []byte { return a.bytes.take(n) }

// Copy returns a copy of b.
func (a *Arena) Copy(b []byte) []byte {
	out := a.bytes.take(len(b))
	copy(out, b)
	return out
}

// CopyString returns a string value with a copy of b.
func (a *Arena) CopyString(b []byte) Value { return StringOf(a.Copy(b)) }

// Values returns n null values.
func (a *Arena) Values(n int) []Value { return a.values.take(n) }

// Entries returns n zero map entries.
func (a *Arena) Entries(n int) []MapEntry { return a.entries.take(n) }

// Headers returns n zero headers.
func (a *Arena) Headers(n int) []Header { return a.headers.take(n) }

// Struct returns a struct of this schema with all values null.
func (a *Arena) Struct(s *Schema) *Struct {
	st := &a.structs.take(1)[0]
	st.Schema, st.Values = s, a.values.take(len(s.fields))
	return st
}

// Reset takes everything back: whatever was handed out must not be used again.
// Memory is kept for the next batch up to a bound, so that one large batch does
// not hold memory for ever.
func (a *Arena) Reset() {
	a.bytes.reset()
	a.values.reset()
	a.entries.reset()
	a.structs.reset()
	a.headers.reset()
}

// The bounds of a slab, in bytes: they hold alike for bytes and for structs. What is
// kept over a Reset is enough for a usual batch, so that a busy task does not
// allocate its batches again and again.
const (
	slabFirst = 4 << 10   // the first chunk
	slabMost  = 256 << 10 // a usual chunk at most
	slabKeep  = 4 << 20   // what a slab keeps over a Reset
)

// slab hands out runs of its chunks, one chunk after the other.
type slab[T any] struct {
	chunks [][]T
	cur    int // the chunk that is being handed out
	used   int // elements of it that are out
}

// elements is how many elements these bytes hold.
func (s *slab[T]) elements(bytes int) int {
	var one T
	return max(bytes/int(unsafe.Sizeof(one)), 1)
}

func (s *slab[T]) take(n int) []T {
	for s.cur < len(s.chunks) {
		c := s.chunks[s.cur]
		if n <= len(c)-s.used {
			s.used += n
			return c[s.used-n : s.used : s.used]
		}
		s.cur, s.used = s.cur+1, 0
	}
	size := s.elements(slabFirst)
	if len(s.chunks) > 0 {
		size = min(2*len(s.chunks[len(s.chunks)-1]), s.elements(slabMost))
	}
	c := make([]T, max(size, n))
	s.chunks = append(s.chunks, c)
	s.cur, s.used = len(s.chunks)-1, n
	return c[:n:n]
}

// reset clears what was handed out, so that it is zero for the next batch and
// holds nothing alive, and drops the chunks beyond slabKeep.
func (s *slab[T]) reset() {
	kept, most := 0, s.elements(slabKeep)
	for i, c := range s.chunks {
		if kept += len(c); kept > most {
			clear(s.chunks[i:])
			s.chunks = s.chunks[:i]
			break
		}
		if i < s.cur {
			clear(c)
		} else if i == s.cur {
			clear(c[:s.used])
		}
	}
	s.cur, s.used = 0, 0
}
