// SPDX-License-Identifier: Apache-2.0

package broker

import (
	"encoding/binary"
	"math"
)

// decoder reads the encodings of the Kafka protocol. After the first read beyond
// the end bad is set and everything reads as zero. Slices alias the input.
type decoder struct {
	p   []byte
	bad bool
}

func (d *decoder) take(n int) []byte {
	if n < 0 || n > len(d.p) {
		d.p, d.bad = nil, true
		return nil
	}
	v := d.p[:n:n]
	d.p = d.p[n:]
	return v
}

func (d *decoder) int16() int16 {
	if p := d.take(2); p != nil {
		return int16(binary.BigEndian.Uint16(p))
	}
	return 0
}

func (d *decoder) int32() int32 {
	if p := d.take(4); p != nil {
		return int32(binary.BigEndian.Uint32(p))
	}
	return 0
}

func (d *decoder) uvarint() int {
	v, n := binary.Uvarint(d.p)
	if n <= 0 || v > math.MaxInt32 {
		d.p, d.bad = nil, true
		return 0
	}
	d.p = d.p[n:]
	return int(v)
}

// nullableString reads a string; nil stands for null.
func (d *decoder) nullableString(compact bool) []byte {
	n := 0
	if compact {
		n = d.uvarint() - 1
	} else {
		n = int(d.int16())
	}
	if n == -1 {
		return nil
	}
	return d.take(n)
}

// nullableBytes reads bytes; nil stands for null.
func (d *decoder) nullableBytes(compact bool) []byte {
	n := 0
	if compact {
		n = d.uvarint() - 1
	} else {
		n = int(d.int32())
	}
	if n == -1 {
		return nil
	}
	return d.take(n)
}

// count reads the length of an array. It is not larger than the bytes that
// follow, but still not to be trusted as a size to allocate.
func (d *decoder) count(compact bool) int {
	n := 0
	if compact {
		n = d.uvarint() - 1
	} else {
		n = int(d.int32())
	}
	if n > len(d.p) {
		d.p, d.bad = nil, true
	}
	if d.bad || n < 0 {
		return 0
	}
	return n
}

// tags skips tagged fields.
func (d *decoder) tags() {
	for range d.uvarint() {
		if d.bad {
			return
		}
		d.uvarint()
		d.take(d.uvarint())
	}
}

// encoder appends the encodings of the Kafka protocol.
type encoder struct {
	p       []byte
	compact bool
}

func (e *encoder) int16(v int16) { e.p = binary.BigEndian.AppendUint16(e.p, uint16(v)) }
func (e *encoder) int32(v int32) { e.p = binary.BigEndian.AppendUint32(e.p, uint32(v)) }
func (e *encoder) int64(v int64) { e.p = binary.BigEndian.AppendUint64(e.p, uint64(v)) }

func (e *encoder) uvarint(n int) { e.p = binary.AppendUvarint(e.p, uint64(n)) }

// count writes the length of an array; -1 stands for null.
func (e *encoder) count(n int) {
	if e.compact {
		e.uvarint(n + 1)
		return
	}
	e.int32(int32(n))
}

// size writes the length of bytes that the caller appends.
func (e *encoder) size(n int) { e.count(n) }

func (e *encoder) string(s []byte) {
	if e.compact {
		e.uvarint(len(s) + 1)
	} else {
		e.int16(int16(len(s)))
	}
	e.p = append(e.p, s...)
}

func (e *encoder) nullableString(s *string) {
	switch {
	case s == nil && e.compact:
		e.uvarint(0)
	case s == nil:
		e.int16(-1)
	default:
		e.string([]byte(*s))
	}
}

// tags writes that there are no tagged fields, in the versions that have them.
func (e *encoder) tags() {
	if e.compact {
		e.p = append(e.p, 0)
	}
}
