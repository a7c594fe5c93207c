// SPDX-License-Identifier: Apache-2.0

package avro

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/connectd/connectd/connect"
)

// Limits bound what decoding one message may cost, whatever its bytes say. The zero
// value of a member stands for its default.
type Limits struct {
	// Depth is how deep records, arrays, maps and unions may be nested; 64 by default.
	Depth int
	// Bytes is the memory that the values of one message may take, in bytes; 256 MiB by
	// default. Texts and bytes alias the message and do not count.
	Bytes int
	// Empty is how many array elements that have no bytes of their own (nulls, records
	// without fields) one message may hold; 65,536 by default. All other elements are
	// bounded by the length of the message.
	Empty int
}

func (l Limits) withDefaults() Limits {
	if l.Depth <= 0 {
		l.Depth = 64
	}
	if l.Bytes <= 0 {
		l.Bytes = 256 << 20
	}
	if l.Empty <= 0 {
		l.Empty = 1 << 16
	}
	return l
}

// cursor reads the body of one message. Every length and count is compared with the
// bytes that are left before anything is done with it.
type cursor struct {
	data  []byte
	pos   int
	arena *connect.Arena
	// What is left of the limits.
	depth, memory, empty int
	numbers              decimals
}

func (c *cursor) reset(a *connect.Arena, data []byte, l *Limits) {
	c.data, c.pos, c.arena = data, 0, a
	c.depth, c.memory, c.empty = l.Depth, l.Bytes, l.Empty
}

func (c *cursor) left() int { return len(c.data) - c.pos }

func (c *cursor) fail(format string, args ...any) error {
	return &bodyError{offset: c.pos, text: fmt.Sprintf(format, args...)}
}

func (c *cursor) short(what string) error {
	return c.fail("the message ends inside %s", what)
}

// long reads an int or a long: both are zig-zag numbers of variable length.
func (c *cursor) long() (int64, error) {
	if c.pos < len(c.data) {
		if b := c.data[c.pos]; b < 0x80 {
			c.pos++
			return int64(b>>1) ^ -int64(b&1), nil
		}
	}
	return c.longer()
}

func (c *cursor) longer() (int64, error) {
	u, n := binary.Uvarint(c.data[c.pos:])
	switch {
	case n == 0:
		return 0, c.short("a number")
	case n < 0:
		return 0, c.fail("a number is longer than 64 bits")
	}
	c.pos += n
	return int64(u>>1) ^ -int64(u&1), nil
}

// int reads an int, which must fit 32 bits.
func (c *cursor) int() (int32, error) {
	n, err := c.long()
	if err == nil && n != int64(int32(n)) {
		err = c.fail("%d is beyond the range of an int", n)
	}
	return int32(n), err
}

func (c *cursor) bool() (bool, error) {
	if c.pos >= len(c.data) {
		return false, c.short("a boolean")
	}
	b := c.data[c.pos]
	if b > 1 {
		return false, c.fail("a boolean is 0 or 1, not %d", b)
	}
	c.pos++
	return b == 1, nil
}

func (c *cursor) float() (float32, error) {
	b, err := c.fixed(4, "a float")
	if err != nil {
		return 0, err
	}
	return math.Float32frombits(binary.LittleEndian.Uint32(b)), nil
}

func (c *cursor) double() (float64, error) {
	b, err := c.fixed(8, "a double")
	if err != nil {
		return 0, err
	}
	return math.Float64frombits(binary.LittleEndian.Uint64(b)), nil
}

// fixed returns the next n bytes of the message without copying them.
func (c *cursor) fixed(n int, what string) ([]byte, error) {
	if n > c.left() {
		return nil, c.short(what)
	}
	b := c.data[c.pos : c.pos+n : c.pos+n]
	c.pos += n
	return b, nil
}

// bytes reads a length and returns as many bytes of the message.
func (c *cursor) bytes(what string) ([]byte, error) {
	n, err := c.long()
	if err != nil {
		return nil, err
	}
	if n < 0 || n > int64(c.left()) {
		return nil, c.fail("%s of %d bytes, and %d bytes are left", what, n, c.left())
	}
	return c.fixed(int(n), what)
}

// block reads the head of a block of an array or map: how many elements follow, 0 at
// the end, and how many bytes they take, -1 if the writer did not say. least is the
// number of bytes that an element has at least.
func (c *cursor) block(least int) (count, size int, err error) {
	n, err := c.long()
	if err != nil || n == 0 {
		return 0, -1, err
	}
	size = -1
	if n < 0 {
		if n == math.MinInt64 {
			return 0, 0, c.fail("a block of 2^63 elements")
		}
		n = -n
		s, err := c.long()
		if err != nil {
			return 0, 0, err
		}
		if s < 0 || s > int64(c.left()) {
			return 0, 0, c.fail("a block of %d bytes, and %d bytes are left", s, c.left())
		}
		size = int(s)
	}
	room := int64(c.left())
	if size >= 0 {
		room = int64(size)
	}
	if least > 0 {
		if n > room/int64(least) {
			return 0, 0, c.fail("a block of %d elements does not fit %d bytes", n, room)
		}
		return int(n), size, nil
	}
	if n > int64(c.empty) {
		return 0, 0, c.fail("more than the %d elements without bytes that are left of the limit", c.empty)
	}
	c.empty -= int(n)
	return int(n), size, nil
}

// enter goes one level down; leave comes back.
func (c *cursor) enter() error {
	if c.depth == 0 {
		return c.fail("nested too deep")
	}
	c.depth--
	return nil
}

func (c *cursor) leave() { c.depth++ }

// charge counts memory before it is taken.
func (c *cursor) charge(n, size int) error {
	if n > c.memory/size {
		return c.fail("the values take more memory than one message may")
	}
	c.memory -= n * size
	return nil
}
