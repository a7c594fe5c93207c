// SPDX-License-Identifier: Apache-2.0

package pgoutput

import (
	"bytes"
	"encoding/binary"
	"strconv"
)

// reader takes a message apart. The first rule that is broken is kept, and from then
// on everything reads as zero; finish returns it.
type reader struct {
	data []byte
	off  int
	at   int    // offset of the broken rule
	rule string // "" while all is well
}

func (r *reader) remaining() int { return len(r.data) - r.off }

// fail keeps the first broken rule and leaves nothing to read.
func (r *reader) fail(at int, rule string) {
	if r.rule == "" {
		r.at, r.rule = at, rule
	}
	r.off = len(r.data)
}

// finish returns what went wrong, if only that bytes are left.
func (r *reader) finish(kind Kind) error {
	if r.rule != "" {
		return &Error{What: kind.String() + " message", Offset: r.at, Rule: r.rule}
	}
	if r.remaining() > 0 {
		return trailing(kind.String()+" message", r.off, len(r.data))
	}
	return nil
}

// has reports whether n more bytes are there, which part needs.
func (r *reader) has(n int, part string) bool {
	if r.remaining() >= n {
		return true
	}
	if r.rule == "" {
		r.fail(r.off, "ends within "+part)
	}
	return false
}

func (r *reader) byte(part string) byte {
	if !r.has(1, part) {
		return 0
	}
	r.off++
	return r.data[r.off-1]
}

func (r *reader) uint32(part string) uint32 {
	if !r.has(4, part) {
		return 0
	}
	r.off += 4
	return binary.BigEndian.Uint32(r.data[r.off-4:])
}

func (r *reader) uint64(part string) uint64 {
	if !r.has(8, part) {
		return 0
	}
	r.off += 8
	return binary.BigEndian.Uint64(r.data[r.off-8:])
}

func (r *reader) lsn(part string) LSN { return LSN(r.uint64(part)) }

func (r *reader) time(part string) Timestamp { return Timestamp(r.uint64(part)) }

// cstring returns the bytes before the next zero byte.
func (r *reader) cstring(part string) []byte {
	rest := r.data[r.off:]
	n := bytes.IndexByte(rest, 0)
	if n < 0 {
		r.fail(r.off, part+" has no terminating zero byte")
		return nil
	}
	r.off += n + 1
	return rest[:n:n]
}

// bytes returns what a length of four bytes announces.
func (r *reader) bytes(part string) []byte {
	at := r.off
	n := int(int32(r.uint32("length of " + part)))
	if n < 0 || n > r.remaining() {
		r.fail(at, badLength(n, r.remaining()))
		return nil
	}
	r.off += n
	return r.data[r.off-n : r.off : r.off]
}

// count16 reads a number of columns of at least size bytes each.
func (r *reader) count16(size int) int {
	if !r.has(2, "column count") {
		return 0
	}
	at := r.off
	n := int(int16(binary.BigEndian.Uint16(r.data[at:])))
	r.off += 2
	return r.fits(at, n, size, "columns")
}

// count32 reads the number of relations of a truncate; one byte of options comes
// before them.
func (r *reader) count32(size int) int {
	at := r.off
	n := int(int32(r.uint32("relation count")))
	return r.fits(at, n, size, "relations")
}

// fits returns n if so many things can follow, else 0.
func (r *reader) fits(at, n, size int, things string) int {
	if n >= 0 && n <= r.remaining()/size {
		return n
	}
	r.fail(at, "announces "+strconv.Itoa(n)+" "+things+", "+strconv.Itoa(r.remaining())+" bytes follow")
	return 0
}

func badLength(n, remaining int) string {
	if n < 0 {
		return "length " + strconv.Itoa(n) + " is negative"
	}
	return "length " + strconv.Itoa(n) + " is more than the " + strconv.Itoa(remaining) + " bytes that follow"
}

// tuple appends the columns of a row to dst.
func (r *reader) tuple(dst []Column) []Column {
	n := r.count16(1)
	data, off := r.data, r.off
	for range n {
		if off >= len(data) {
			r.fail(off, "ends within column kind")
			return dst
		}
		kind := data[off]
		off++
		switch kind {
		case ColumnText, ColumnBinary:
			if len(data)-off < 4 {
				r.fail(off, "ends within column length")
				return dst
			}
			size := int(int32(binary.BigEndian.Uint32(data[off:])))
			off += 4
			if uint(size) > uint(len(data)-off) {
				r.fail(off-4, "column "+badLength(size, len(data)-off))
				return dst
			}
			dst = append(dst, Column{Kind: kind, Data: data[off : off+size : off+size]})
			off += size
		case ColumnNull, ColumnUnchanged:
			dst = append(dst, Column{Kind: kind})
		default:
			r.fail(off-1, "has unknown column kind "+quote(kind))
			return dst
		}
	}
	r.off = off
	return dst
}
