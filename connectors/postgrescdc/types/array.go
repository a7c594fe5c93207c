// SPDX-License-Identifier: Apache-2.0

package types

import (
	"encoding/binary"
	"fmt"

	"github.com/connectd/connectd/connect"
)

// array is the form of an array type. Elements may be null, but for those of enums: the
// original declares them required.
func (r resolver) array(t *Type, typmod int32, dims, depth int) (form, error) {
	elem, err := r.resolve(t.Elem, typmod, 0, depth+1)
	if err != nil || elem.drop {
		return elem, err
	}
	b := elem.begin()
	if et := r.cat.Type(t.Elem); et.Kind != 'e' {
		b.Optional()
	}
	s, err := b.Build()
	if err != nil {
		return form{}, fmt.Errorf("element of %s: %w", t.Name, err)
	}
	d := array{elem: elem.bound(s), required: !s.Optional(), delimiter: t.Delimiter, binaryElem: elem.hasBinary}
	if d.delimiter == 0 {
		d.delimiter = ','
	}
	if r.modes.NestedArrays {
		for d.levels = 1; d.levels < dims; d.levels++ {
			s = connect.NewArray(s).Optional().MustBuild()
		}
	}
	return form{
		begin:   func() *connect.Builder { return connect.NewArray(s) },
		decoder: d, hasBinary: elem.hasBinary,
		extra: elem.extra || extraElement(r.cat.Type(t.Elem)),
		codes: t.Elem == oidInt4 || t.Elem == oidInt8 || t.Elem == oidDate,
	}, nil
}

// extraElement reports whether the original leaves arrays of a type out though it writes the
// type itself.
func extraElement(t *Type) bool {
	switch t.OID {
	case oidMoney, oidName, oidInterval, oidVarbit, oidXML, oidPoint:
		return true
	}
	return t.Kind == 'd'
}

// array reads arrays. With levels it reads that many dimensions as arrays of arrays; without,
// elements that are arrays are null.
type array struct {
	elem       decoder
	required   bool
	binaryElem bool
	delimiter  byte
	levels     int
}

const (
	errArray      = malformed("must be an array as {a,b}")
	errDimensions = unfit("has another number of dimensions than the column was declared with")
)

func (d array) text(a *connect.Arena, data []byte) (connect.Value, error) {
	if len(data) > 0 && data[0] == '[' { // bounds: [2:3]={…}
		for len(data) > 0 && data[0] != '=' {
			data = data[1:]
		}
		if len(data) == 0 {
			return connect.Null(), errArray
		}
		data = data[1:]
	}
	v, rest, err := d.level(a, data, 1)
	if err == nil && len(rest) != 0 {
		err = errTrailing
	}
	return v, err
}

// level reads one pair of braces and returns what is behind it.
func (d array) level(a *connect.Arena, data []byte, depth int) (connect.Value, []byte, error) {
	if len(data) == 0 || data[0] != '{' {
		return connect.Null(), nil, errArray
	}
	_, n, ok := d.measure(data)
	if !ok {
		return connect.Null(), nil, errArray
	}
	values := a.Values(n)
	rest := data[1:]
	for i := range values {
		v, after, err := d.item(a, rest, depth)
		if err != nil {
			return connect.Null(), nil, err
		}
		if i < n-1 {
			if len(after) == 0 || after[0] != d.delimiter {
				return connect.Null(), nil, errArray
			}
			after = after[1:]
		}
		values[i], rest = v, after
	}
	if len(rest) == 0 || rest[0] != '}' {
		return connect.Null(), nil, errArray
	}
	return connect.Array(values), rest[1:], nil
}

// measure returns the length of a pair of braces with all between, and the number of items
// in it; there is no length if the braces are not closed.
func (d array) measure(data []byte) (length, items int, ok bool) {
	depth, n, quoted := 0, 1, false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{':
			depth++
		case c == '}':
			if depth--; depth == 0 {
				if i == 1 {
					n = 0
				}
				return i + 1, n, true
			}
		case c == d.delimiter && depth == 1:
			n++
		}
	}
	return 0, 0, false
}

// item reads one item and returns what is behind it: a delimiter or a brace.
func (d array) item(a *connect.Arena, data []byte, depth int) (connect.Value, []byte, error) {
	if len(data) > 0 && data[0] == '{' {
		return d.nested(a, data, depth)
	}
	raw, rest, quoted, err := d.word(a, data)
	if err != nil {
		return connect.Null(), nil, err
	}
	if !quoted && isNull(raw) {
		if d.required {
			return connect.Null(), nil, errNullElement
		}
		return connect.Null(), rest, nil
	}
	if d.levels > depth {
		return connect.Null(), nil, errDimensions
	}
	v, err := d.elem.text(a, raw)
	return v, rest, err
}

// nested reads an item that is an array.
func (d array) nested(a *connect.Arena, data []byte, depth int) (connect.Value, []byte, error) {
	switch {
	case d.levels > depth:
		return d.level(a, data, depth+1)
	case d.levels > 0:
		return connect.Null(), nil, errDimensions
	case d.required:
		return connect.Null(), nil, errNullElement
	}
	n, _, ok := d.measure(data)
	if !ok {
		return connect.Null(), nil, errArray
	}
	return connect.Null(), data[n:], nil
}

// word returns the bytes of a scalar item without quotes and escapes.
func (d array) word(a *connect.Arena, data []byte) (raw, rest []byte, quoted bool, err error) {
	if len(data) > 0 && data[0] == '"' {
		raw, rest, err = unquote(a, data)
		if err == nil && (len(rest) == 0 || rest[0] != d.delimiter && rest[0] != '}') {
			err = errArray
		}
		return raw, rest, true, err
	}
	for i, c := range data {
		if c == d.delimiter || c == '}' {
			if i == 0 {
				return nil, nil, false, errArray
			}
			return data[:i], data[i:], false, nil
		}
		if c == '"' || c == '{' || c == '\\' {
			break
		}
	}
	return nil, nil, false, errArray
}

// unquote returns what stands between double quotes, and what is behind them. Without
// escapes it aliases data.
func unquote(a *connect.Arena, data []byte) (raw, rest []byte, err error) {
	escaped := false
	for i := 1; i < len(data); i++ {
		switch data[i] {
		case '\\':
			escaped = true
			i++
		case '"':
			raw, rest = data[1:i], data[i+1:]
			if escaped {
				raw = unescape(a, raw)
			}
			return raw, rest, nil
		}
	}
	return nil, nil, malformed("must end its quotes")
}

// unescape drops the backslash before each escaped byte.
func unescape(a *connect.Arena, data []byte) []byte {
	out := a.Bytes(len(data))[:0]
	for i := 0; i < len(data); i++ {
		if data[i] == '\\' {
			i++
		}
		out = append(out, data[i])
	}
	return out
}

func isNull(word []byte) bool {
	return len(word) == 4 && word[0]|0x20 == 'n' && word[1]|0x20 == 'u' && word[2]|0x20 == 'l' && word[3]|0x20 == 'l'
}

// maxDimensions is the server's bound.
const maxDimensions = 6

func (d array) binary(a *connect.Arena, data []byte) (connect.Value, error) {
	if !d.binaryElem {
		return connect.Null(), errNoBinary
	}
	if len(data) < 12 {
		return connect.Null(), errBinary
	}
	dims, rest := int(binary.BigEndian.Uint32(data)), data[12:]
	if dims < 0 || dims > maxDimensions || len(rest) < 8*dims {
		return connect.Null(), errBinary
	}
	if dims == 0 {
		return connect.Array(nil), nil
	}
	var sizes [maxDimensions]int
	total := int64(1)
	for i := range dims {
		sizes[i] = int(int32(binary.BigEndian.Uint32(rest[8*i:])))
		if total *= int64(sizes[i]); total > int64(len(rest)/4) || sizes[i] <= 0 {
			return connect.Null(), errBinary
		}
	}
	if d.levels > 0 && d.levels != dims {
		return connect.Null(), errDimensions
	}
	v, rest, err := d.binaryLevel(a, rest[8*dims:], sizes[:dims], 1)
	if err == nil && len(rest) != 0 {
		err = errTrailing
	}
	return v, err
}

func (d array) binaryLevel(a *connect.Arena, data []byte, sizes []int, depth int) (connect.Value, []byte, error) {
	values := a.Values(sizes[0])
	for i := range values {
		var v connect.Value
		var err error
		if len(sizes) > 1 {
			v, data, err = d.binaryLevel(a, data, sizes[1:], depth+1)
		} else {
			v, data, err = d.binaryItem(a, data)
		}
		if err != nil {
			return connect.Null(), nil, err
		}
		if len(sizes) > 1 && d.levels == 0 {
			v = connect.Null()
		}
		if v.IsNull() && d.required {
			return connect.Null(), nil, errNullElement
		}
		values[i] = v
	}
	return connect.Array(values), data, nil
}

func (d array) binaryItem(a *connect.Arena, data []byte) (connect.Value, []byte, error) {
	if len(data) < 4 {
		return connect.Null(), nil, errBinary
	}
	n, data := int(int32(binary.BigEndian.Uint32(data))), data[4:]
	if n == -1 {
		return connect.Null(), data, nil
	}
	if n < 0 || n > len(data) {
		return connect.Null(), nil, errBinary
	}
	v, err := d.elem.binary(a, data[:n])
	return v, data[n:], err
}
