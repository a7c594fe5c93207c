// SPDX-License-Identifier: Apache-2.0

package convert

import (
	"sync"

	"github.com/connectd/connectd/connect"
)

// maxDepth is how deep objects and arrays may nest, as in the original's parser.
const maxDepth = 1000

// maxScratch is the number of members that a decoder's scratch memory keeps, so
// that one huge document does not hold memory for ever.
const maxScratch = 1 << 14

// Decoder reads JSON documents straight into values, in one pass. Its scratch
// memory is used again, so that a document costs no allocation besides its share
// of the arena. The zero Decoder is ready; it is for one goroutine at a time.
type Decoder struct {
	data  []byte
	pos   int
	depth int
	arena *connect.Arena

	entries []connect.MapEntry // members of the objects that are open
	values  []connect.Value    // elements of the arrays that are open
	index   []int32            // hash table of the keys of one large object

	// rawNumbers leaves what is not an int64 as bytes with the text of the number,
	// for a schema to decide.
	rawNumbers bool
}

var decoders = sync.Pool{New: func() any { return new(Decoder) }}

// ParseJSON reads one JSON document; only white space may follow it. Objects
// become maps with string keys in the order of the text, of a key that is there
// twice the last value at the place of the first. Integers become int64, other
// numbers float64; what neither can hold becomes an exact decimal. Strings without
// escapes alias data; everything else lives in the arena. An empty text is null.
// Errors are *SyntaxError. It may be called from any goroutine.
func ParseJSON(a *connect.Arena, data []byte) (connect.Value, error) {
	d := decoders.Get().(*Decoder)
	v, err := d.Decode(a, data)
	decoders.Put(d)
	return v, err
}

// Decode is ParseJSON with the decoder's own scratch memory.
func (d *Decoder) Decode(a *connect.Arena, data []byte) (connect.Value, error) {
	v, end, err := d.first(a, data)
	if err == nil && end < len(data) {
		err = &SyntaxError{Offset: end, Reason: "unexpected " + quoteByte(data, end) + " after the document"}
	}
	if err != nil {
		return connect.Value{}, err
	}
	return v, nil
}

// first reads the first document of data and returns where the next would begin.
func (d *Decoder) first(a *connect.Arena, data []byte) (connect.Value, int, error) {
	d.data, d.arena, d.pos, d.depth = data, a, 0, 0
	if len(data) >= 3 && data[0] == 0xEF && data[1] == 0xBB && data[2] == 0xBF {
		d.pos = 3
	}
	var v connect.Value
	var err error
	if d.space(); d.pos < len(data) {
		v, err = d.value()
		d.space()
	}
	end := d.pos
	d.release()
	return v, end, err
}

// release lets go of the document, and of scratch memory beyond its bound.
func (d *Decoder) release() {
	d.data, d.arena = nil, nil
	d.entries, d.values = d.entries[:0], d.values[:0]
	if cap(d.entries) > maxScratch {
		d.entries = nil
	}
	if cap(d.values) > maxScratch {
		d.values = nil
	}
	if cap(d.index) > 4*maxScratch {
		d.index = nil
	}
}

// space skips white space.
func (d *Decoder) space() {
	for d.pos < len(d.data) {
		switch d.data[d.pos] {
		case ' ', '\n', '\t', '\r':
			d.pos++
		default:
			return
		}
	}
}

// value reads one value; pos is at its first byte.
func (d *Decoder) value() (connect.Value, error) {
	if d.pos >= len(d.data) {
		return connect.Value{}, d.unexpected("a value")
	}
	switch c := d.data[d.pos]; c {
	case '"':
		d.pos++
		b, err := d.str()
		if err != nil {
			return connect.Value{}, err
		}
		return connect.StringOf(b), nil
	case '{':
		return d.object()
	case '[':
		return d.array()
	case '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
		return d.number()
	case 't':
		return connect.Bool(true), d.literal("true")
	case 'f':
		return connect.Bool(false), d.literal("false")
	case 'n':
		return connect.Null(), d.literal("null")
	default:
		return connect.Value{}, d.unexpected("a value")
	}
}

func (d *Decoder) literal(word string) error {
	end := d.pos + len(word)
	if end > len(d.data) || string(d.data[d.pos:end]) != word || (end < len(d.data) && isWord(d.data[end])) {
		return d.fail("unrecognized word, expected " + word)
	}
	d.pos = end
	return nil
}

// isWord reports whether c would continue a word or a number.
func isWord(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c == '_' || c == '$' || c >= 0x80
}

// enter counts a level of nesting and skips the opening bracket.
func (d *Decoder) enter() error {
	if d.depth++; d.depth > maxDepth {
		return d.fail("nesting is deeper than 1000 levels")
	}
	d.pos++
	d.space()
	return nil
}

func (d *Decoder) object() (connect.Value, error) {
	if err := d.enter(); err != nil {
		return connect.Value{}, err
	}
	base := len(d.entries)
	if d.pos < len(d.data) && d.data[d.pos] == '}' {
		return d.closeObject(base), nil
	}
	for {
		if err := d.member(); err != nil {
			return connect.Value{}, err
		}
		d.space()
		switch {
		case d.pos < len(d.data) && d.data[d.pos] == ',':
			d.pos++
			d.space()
		case d.pos < len(d.data) && d.data[d.pos] == '}':
			return d.closeObject(base), nil
		default:
			return connect.Value{}, d.unexpected("',' or '}' after an object's member")
		}
	}
}

// member reads one "key": value onto the stack of entries.
func (d *Decoder) member() error {
	if d.pos >= len(d.data) || d.data[d.pos] != '"' {
		return d.unexpected("a key in double quotes")
	}
	d.pos++
	key, err := d.str()
	if err != nil {
		return err
	}
	if d.pos < len(d.data) && d.data[d.pos] != ':' {
		d.space()
	}
	if d.pos >= len(d.data) || d.data[d.pos] != ':' {
		return d.unexpected("':' after a key")
	}
	d.pos++
	if d.pos < len(d.data) && d.data[d.pos] <= ' ' {
		d.space()
	}
	v, err := d.value()
	if err != nil {
		return err
	}
	d.entries = append(d.entries, connect.MapEntry{Key: connect.StringOf(key), Value: v})
	return nil
}

// closeObject moves the entries above base from the stack into the arena.
func (d *Decoder) closeObject(base int) connect.Value {
	d.pos++
	d.depth--
	members := d.dedup(d.entries[base:])
	out := d.arena.Entries(len(members))
	copy(out, members)
	d.entries = d.entries[:base]
	return connect.Map(out)
}

func (d *Decoder) array() (connect.Value, error) {
	if err := d.enter(); err != nil {
		return connect.Value{}, err
	}
	base := len(d.values)
	if d.pos < len(d.data) && d.data[d.pos] == ']' {
		return d.closeArray(base), nil
	}
	for {
		v, err := d.value()
		if err != nil {
			return connect.Value{}, err
		}
		d.values = append(d.values, v)
		d.space()
		switch {
		case d.pos < len(d.data) && d.data[d.pos] == ',':
			d.pos++
			d.space()
		case d.pos < len(d.data) && d.data[d.pos] == ']':
			return d.closeArray(base), nil
		default:
			return connect.Value{}, d.unexpected("',' or ']' after an array's element")
		}
	}
}

func (d *Decoder) closeArray(base int) connect.Value {
	d.pos++
	d.depth--
	out := d.arena.Values(len(d.values) - base)
	copy(out, d.values[base:])
	d.values = d.values[:base]
	return connect.Array(out)
}
