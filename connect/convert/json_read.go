// SPDX-License-Identifier: Apache-2.0

package convert

import (
	"encoding/base64"
	"math"
	"strconv"

	"github.com/connectd/connectd/connect"
)

// payloadReader makes values of a schema from what a Decoder with rawNumbers has
// read: numbers are int64, or bytes with their text.
type payloadReader struct {
	defaults bool // null is read as the default
}

func (r *payloadReader) value(a *connect.Arena, s *connect.Schema, v connect.Value) (connect.Value, error) {
	if v.IsNull() {
		if def, ok := s.Default(); ok && r.defaults {
			return def, nil
		}
		if s.Optional() {
			return v, nil
		}
		return v, payloadErrorf("Invalid null value for required %s field", s.Type())
	}
	kind := connect.KindOf(s)
	switch kind {
	case connect.KindBool, connect.KindString:
		if v.Kind() != kind {
			return v, unfit(s, v)
		}
		return v, nil
	case connect.KindFloat32, connect.KindFloat64:
		return readFloat(s, v, kind)
	case connect.KindBytes:
		return readBytes(a, s, v)
	case connect.KindDecimal:
		return readDecimal(a, s, v)
	case connect.KindArray:
		return r.array(a, s, v)
	case connect.KindMap:
		return r.mapping(a, s, v)
	case connect.KindStruct:
		return r.structure(a, s, v)
	default:
		return readInteger(s, v, kind)
	}
}

// unfit is the error for a JSON value of another type than its schema's.
func unfit(s *connect.Schema, v connect.Value) error {
	return payloadErrorf("Invalid type for %s, found %s", s, nodeType(v))
}

// nodeType is the original's name for the type of a JSON value.
func nodeType(v connect.Value) string {
	switch v.Kind() {
	case connect.KindNull:
		return "NULL"
	case connect.KindBool:
		return "BOOLEAN"
	case connect.KindString:
		return "STRING"
	case connect.KindArray:
		return "ARRAY"
	case connect.KindMap:
		return "OBJECT"
	default:
		return "NUMBER"
	}
}

func isNumber(v connect.Value) bool {
	return v.Kind() == connect.KindInt64 || v.Kind() == connect.KindBytes
}

var intRange = map[connect.Kind][2]int64{
	connect.KindInt8: {math.MinInt8, math.MaxInt8}, connect.KindInt16: {math.MinInt16, math.MaxInt16},
	connect.KindInt32: {math.MinInt32, math.MaxInt32}, connect.KindInt64: {math.MinInt64, math.MaxInt64},
	connect.KindDate: {math.MinInt32, math.MaxInt32}, connect.KindTime: {0, millisPerDay},
	connect.KindTimestamp: {math.MinInt64, math.MaxInt64},
}

func readInteger(s *connect.Schema, v connect.Value, kind connect.Kind) (connect.Value, error) {
	n, ok := integral(v)
	limit := intRange[kind]
	fits := ok && n >= limit[0] && n <= limit[1]
	switch {
	case fits:
		return Integer(kind, n), nil
	case kind == connect.KindTimestamp:
		return v, payloadErrorf("Invalid type for Timestamp, underlying representation should be integral but was %s", nodeType(v))
	case kind == connect.KindTime && ok && n == int64(int32(n)):
		return v, payloadErrorf("Time values must use number of milliseconds greater than 0 and less than 86400000")
	case kind == connect.KindDate || kind == connect.KindTime:
		return v, payloadErrorf("Invalid type for %s, underlying representation should be integer but was %s", connect.SimpleName(s.Name()), nodeType(v))
	case isNumber(v):
		return v, payloadErrorf("Invalid value for %s: %s is not an integer of its range", s, numberText(v))
	default:
		return v, unfit(s, v)
	}
}

// Integer makes the value of an integer of this kind, which may be a date or a time; of all
// other kinds it is an int64. A number beyond the range of the kind is cut off.
func Integer(kind connect.Kind, n int64) connect.Value {
	switch kind {
	case connect.KindInt8:
		return connect.Int8(int8(n))
	case connect.KindInt16:
		return connect.Int16(int16(n))
	case connect.KindInt32:
		return connect.Int32(int32(n))
	case connect.KindDate:
		return connect.Date(int32(n))
	case connect.KindTime:
		return connect.Time(int32(n))
	case connect.KindTimestamp:
		return connect.Timestamp(n)
	default:
		return connect.Int64(n)
	}
}

// integral returns a number without a fraction that an int64 holds, however it
// is written: 1, 1.0, 1e0.
func integral(v connect.Value) (int64, bool) {
	if v.Kind() == connect.KindInt64 {
		return v.Int(), true
	}
	if v.Kind() != connect.KindBytes {
		return 0, false
	}
	f, err := strconv.ParseFloat(alias(v.Bytes()), 64)
	if err != nil || f != math.Trunc(f) || math.Abs(f) > 1<<53 {
		return 0, false
	}
	return int64(f), true
}

// readFloat accepts also the texts that floats without a number are written as.
func readFloat(s *connect.Schema, v connect.Value, kind connect.Kind) (connect.Value, error) {
	bits := 64
	if kind == connect.KindFloat32 {
		bits = 32
	}
	var f float64
	switch v.Kind() {
	case connect.KindInt64:
		f = float64(v.Int())
		if bits == 32 {
			return connect.Float32(float32(v.Int())), nil
		}
	case connect.KindBytes:
		f, _ = strconv.ParseFloat(alias(v.Bytes()), bits) // beyond the range: infinite, as in the original
	case connect.KindString:
		switch v.Str() {
		case "NaN":
			f = math.NaN()
		case "Infinity":
			f = math.Inf(1)
		case "-Infinity":
			f = math.Inf(-1)
		default:
			return v, unfit(s, v)
		}
	default:
		return v, unfit(s, v)
	}
	if bits == 32 {
		return connect.Float32(float32(f)), nil
	}
	return connect.Float64(f), nil
}

func readBytes(a *connect.Arena, s *connect.Schema, v connect.Value) (connect.Value, error) {
	if v.Kind() != connect.KindString {
		return v, unfit(s, v)
	}
	b, ok := decodeBase64(a, v)
	if !ok {
		return v, payloadErrorf("Invalid bytes field")
	}
	return connect.Bytes(b), nil
}

func decodeBase64(a *connect.Arena, v connect.Value) ([]byte, bool) {
	out := a.Bytes(base64.StdEncoding.DecodedLen(v.Len()))
	n, err := base64.StdEncoding.Decode(out, v.Bytes())
	return out[:n:n], err == nil
}

// readDecimal accepts both formats, whatever decimal.format says.
func readDecimal(a *connect.Arena, s *connect.Schema, v connect.Value) (connect.Value, error) {
	switch v.Kind() {
	case connect.KindInt64, connect.KindBytes:
		d, err := connect.ParseDecimal(numberText(v))
		if err != nil {
			return v, payloadErrorf("Invalid number for Decimal field: %v", err)
		}
		return connect.DecimalValue(d), nil
	case connect.KindString:
		scale, err := decimalScale(s)
		if err != nil {
			return v, payloadErrorf("Invalid bytes for Decimal field: %v", err)
		}
		b, ok := decodeBase64(a, v)
		if !ok || len(b) == 0 {
			return v, payloadErrorf("Invalid bytes for Decimal field")
		}
		return connect.DecimalValue(connect.DecimalFromBytes(b, scale)), nil
	}
	return v, payloadErrorf("Invalid type for Decimal, underlying representation should be numeric or bytes but was %s", nodeType(v))
}

func (r *payloadReader) array(a *connect.Arena, s *connect.Schema, v connect.Value) (connect.Value, error) {
	if v.Kind() != connect.KindArray {
		return v, unfit(s, v)
	}
	in := v.Array()
	out := a.Values(len(in))
	for i := range in {
		var err error
		if out[i], err = r.value(a, s.Elem(), in[i]); err != nil {
			return v, err
		}
	}
	return connect.Array(out), nil
}

// structure looks for each field at its own place first: members usually stand in
// the order of the schema. Other members are ignored, as in the original.
func (r *payloadReader) structure(a *connect.Arena, s *connect.Schema, v connect.Value) (connect.Value, error) {
	if v.Kind() != connect.KindMap {
		return v, payloadErrorf("Structs should be encoded as JSON objects, but found %s", nodeType(v))
	}
	members := v.Map()
	st := a.Struct(s)
	fields := s.Fields()
	for i := range fields {
		at := i
		if i >= len(members) || members[i].Key.Str() != fields[i].Name {
			at = indexOf(members, fields[i].Name)
		}
		var member connect.Value
		if at >= 0 {
			member = members[at].Value
		}
		var err error
		if st.Values[i], err = r.value(a, fields[i].Schema, member); err != nil {
			return v, inField(err, fields[i].Name)
		}
	}
	return connect.StructValue(st), nil
}
