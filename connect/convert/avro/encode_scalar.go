// SPDX-License-Identifier: Apache-2.0

package avro

import (
	"encoding/hex"
	"math"
	"slices"
	"strings"

	"github.com/connectd/connectd/connect"
)

// encoder is one step of a plan: it appends one value as data of the schema that it
// was compiled for. Steps are immutable and shared. After an error the bytes that were
// appended are of no use.
type encoder interface {
	encode(dst []byte, v connect.Value) ([]byte, error)
}

// misfit says why v is no value of s.
func misfit(s *connect.Schema, v connect.Value) error {
	if want := connect.KindOf(s); want != v.Kind() && !v.IsNull() {
		return valueErrorf("%s holds %s, and the value is %s", s, want, v.Kind())
	}
	if err := connect.Check(s, v); err != nil {
		return valueErrorf("%s", err)
	}
	return valueErrorf("%s cannot be written as %s", v.Kind(), s)
}

type boolEncoder struct{ of *connect.Schema }

func (s boolEncoder) encode(dst []byte, v connect.Value) ([]byte, error) {
	if v.Kind() != connect.KindBool {
		return dst, misfit(s.of, v)
	}
	return appendBool(dst, v.Bool()), nil
}

// wholeEncoder writes the integers and what is counted by one, as int or long.
type wholeEncoder struct {
	kind connect.Kind
	of   *connect.Schema
}

func (s wholeEncoder) encode(dst []byte, v connect.Value) ([]byte, error) {
	if v.Kind() != s.kind {
		return dst, misfit(s.of, v)
	}
	return appendLong(dst, v.Int()), nil
}

// scaledEncoder writes times and timestamps in a smaller unit than milliseconds.
type scaledEncoder struct {
	wholeEncoder
	units int64 // of a millisecond
}

func (s scaledEncoder) encode(dst []byte, v connect.Value) ([]byte, error) {
	n := v.Int()
	if v.Kind() != s.kind {
		return dst, misfit(s.of, v)
	}
	if n > math.MaxInt64/s.units || n < math.MinInt64/s.units {
		return dst, valueErrorf("%d milliseconds are beyond the range of the Avro type", n)
	}
	return appendLong(dst, n*s.units), nil
}

// floatEncoder writes floats, and integers that the Avro type promotes.
type floatEncoder struct {
	kind   connect.Kind
	double bool
	of     *connect.Schema
}

func (s floatEncoder) encode(dst []byte, v connect.Value) ([]byte, error) {
	if v.Kind() != s.kind {
		return dst, misfit(s.of, v)
	}
	switch {
	case s.kind == connect.KindFloat32 && !s.double:
		return appendFloat(dst, v.Float32()), nil
	case s.kind == connect.KindFloat32 || s.kind == connect.KindFloat64:
		return appendDouble(dst, v.Float()), nil
	case s.double:
		return appendDouble(dst, float64(v.Int())), nil
	}
	return appendFloat(dst, float32(v.Int())), nil
}

// textEncoder writes strings and bytes, which have one form.
type textEncoder struct {
	kind connect.Kind
	of   *connect.Schema
}

func (s textEncoder) encode(dst []byte, v connect.Value) ([]byte, error) {
	if v.Kind() != s.kind {
		return dst, misfit(s.of, v)
	}
	b := v.Bytes()
	return append(appendLong(dst, int64(len(b))), b...), nil
}

// bareEncoder writes bytes without their length, as the original does at the top of a
// message.
type bareEncoder struct {
	kind  connect.Kind
	scale int32
	of    *connect.Schema
}

func (s bareEncoder) encode(dst []byte, v connect.Value) ([]byte, error) {
	if v.Kind() != s.kind {
		return dst, misfit(s.of, v)
	}
	if s.kind != connect.KindDecimal {
		return append(dst, v.Bytes()...), nil
	}
	d := v.Decimal()
	if d.Scale != s.scale {
		return dst, otherScale(s.scale, d.Scale)
	}
	return appendUnscaled(dst, d.Unscaled, unscaledLen(d.Unscaled)), nil
}

func otherScale(schema, value int32) error {
	return valueErrorf("Decimal value has mismatching scale for given Decimal schema. Schema has scale %d, value has scale %d.", schema, value)
}

type fixedEncoder struct {
	size int
	of   *connect.Schema
}

func (s fixedEncoder) encode(dst []byte, v connect.Value) ([]byte, error) {
	if v.Kind() != connect.KindBytes {
		return dst, misfit(s.of, v)
	}
	if b := v.Bytes(); len(b) != s.size {
		return dst, valueErrorf("%d bytes for a fixed of %d", len(b), s.size)
	}
	return append(dst, v.Bytes()...), nil
}

// decimalEncoder writes the unscaled number in as few bytes as it needs, or in those of
// a fixed.
type decimalEncoder struct {
	scale int32
	size  int // -1 for bytes
	of    *connect.Schema
}

func (s decimalEncoder) encode(dst []byte, v connect.Value) ([]byte, error) {
	d := v.Decimal()
	if d == nil {
		return dst, misfit(s.of, v)
	}
	if d.Scale != s.scale {
		return dst, otherScale(s.scale, d.Scale)
	}
	n := unscaledLen(d.Unscaled)
	if s.size < 0 {
		return appendUnscaled(appendLong(dst, int64(n)), d.Unscaled, n), nil
	}
	if n > s.size {
		return dst, valueErrorf("a decimal of %d bytes does not fit a fixed of %d", n, s.size)
	}
	return appendUnscaled(dst, d.Unscaled, s.size), nil
}

// uuidEncoder writes the text of a UUID as a fixed of 16 bytes.
type uuidEncoder struct{ of *connect.Schema }

func (s uuidEncoder) encode(dst []byte, v connect.Value) ([]byte, error) {
	if v.Kind() != connect.KindString {
		return dst, misfit(s.of, v)
	}
	text := v.Bytes()
	if len(text) != 36 || text[8] != '-' || text[13] != '-' || text[18] != '-' || text[23] != '-' {
		return dst, valueErrorf("%q is no UUID", text)
	}
	for _, part := range [...][]byte{text[:8], text[9:13], text[14:18], text[19:23], text[24:]} {
		var err error
		if dst, err = hex.AppendDecode(dst, part); err != nil {
			return dst, valueErrorf("%q is no UUID", text)
		}
	}
	return dst, nil
}

// enumEncoder writes the number of a symbol.
type enumEncoder struct {
	name   string
	sorted []enumSymbol // by name
	of     *connect.Schema
}

type enumSymbol struct {
	name   string
	number int64
}

func newEnumEncoder(name string, symbols []string, of *connect.Schema) *enumEncoder {
	s := &enumEncoder{name: name, of: of}
	for i, symbol := range symbols {
		s.sorted = append(s.sorted, enumSymbol{symbol, int64(i)})
	}
	slices.SortFunc(s.sorted, func(a, b enumSymbol) int { return strings.Compare(a.name, b.name) })
	return s
}

func (s *enumEncoder) encode(dst []byte, v connect.Value) ([]byte, error) {
	if v.Kind() != connect.KindString {
		return dst, misfit(s.of, v)
	}
	at, ok := slices.BinarySearchFunc(s.sorted, v.Str(), func(e enumSymbol, name string) int { return strings.Compare(e.name, name) })
	if !ok {
		return dst, valueErrorf("%q is no symbol of enum %s", v.Str(), s.name)
	}
	return appendLong(dst, s.sorted[at].number), nil
}
