// SPDX-License-Identifier: Apache-2.0

package types

import (
	"crypto/md5"
	"unicode/utf8"

	"github.com/connectd/connectd/connect"
)

// unavailable makes the placeholder of a schema, and reports whether it shows the placeholder's
// bytes. The value is shared by all records and must not be changed.
func unavailable(s *connect.Schema, f form, placeholder []byte) (connect.Value, bool) {
	switch {
	case s.Type() == connect.TypeMap:
		text := placeholderText(placeholder)
		return connect.Map([]connect.MapEntry{{Key: text, Value: text}}), true
	case isHstoreJSON(f):
		var a connect.Arena
		text := placeholderText(placeholder)
		return connect.Clone(hstoreJSON(&a, []connect.MapEntry{{Key: text, Value: text}})), true
	case s.Type() == connect.TypeArray && s.Name() == "":
		if v, ok := unavailableArray(s.Elem(), f, placeholder); ok {
			return v, true
		}
	default:
		if v, ok := unavailableScalar(s, placeholder); ok {
			return v, true
		}
	}
	if s.Optional() {
		return connect.Null(), false
	}
	return zeroOf(s), false
}

func isHstoreJSON(f form) bool {
	h, ok := f.decoder.(hstore)
	return ok && !h.asMap
}

func unavailableScalar(s *connect.Schema, placeholder []byte) (connect.Value, bool) {
	switch {
	case s.Type() == connect.TypeString:
		return placeholderText(placeholder), true
	case s.Type() == connect.TypeBytes && s.Name() == "":
		return connect.Bytes(placeholder), true
	}
	return connect.Null(), false
}

// unavailableArray is one element of text, bytes or UUID, or an element for each byte of the
// placeholder where elements are numbers.
func unavailableArray(elem *connect.Schema, f form, placeholder []byte) (connect.Value, bool) {
	if elem.Name() == "io.debezium.data.Uuid" {
		return connect.Array([]connect.Value{connect.String(nameUUID(placeholder))}), true
	}
	if v, ok := unavailableScalar(elem, placeholder); ok {
		return connect.Array([]connect.Value{v}), true
	}
	if !f.codes || elem.Type() == connect.TypeArray || elem.Type() == connect.TypeStruct {
		return connect.Null(), false
	}
	codes := make([]connect.Value, len(placeholder))
	for i, b := range placeholder {
		switch code := int8(b); connect.KindOf(elem) {
		case connect.KindInt64:
			codes[i] = connect.Int64(int64(code))
		case connect.KindDate:
			codes[i] = connect.Date(int32(code))
		default:
			codes[i] = connect.Int32(int32(code))
		}
	}
	return connect.Array(codes), true
}

// placeholderText is the placeholder as text; bytes that are not UTF-8 are replaced, as Java
// does.
func placeholderText(placeholder []byte) connect.Value {
	if utf8.Valid(placeholder) {
		return connect.String(string(placeholder))
	}
	return connect.String(string([]rune(string(placeholder))))
}

// nameUUID is Java's UUID.nameUUIDFromBytes: version 3 of the bytes without a namespace.
func nameUUID(name []byte) string {
	sum := md5.Sum(name)
	sum[6] = sum[6]&0x0f | 0x30
	sum[8] = sum[8]&0x3f | 0x80
	return string(appendUUID(nil, sum[:]))
}

// zeroOf is a value that a required schema takes where there is nothing to show.
func zeroOf(s *connect.Schema) connect.Value {
	switch connect.KindOf(s) {
	case connect.KindBool:
		return connect.Bool(false)
	case connect.KindInt8:
		return connect.Int8(0)
	case connect.KindInt16:
		return connect.Int16(0)
	case connect.KindInt32:
		return connect.Int32(0)
	case connect.KindInt64:
		return connect.Int64(0)
	case connect.KindFloat32:
		return connect.Float32(0)
	case connect.KindFloat64:
		return connect.Float64(0)
	case connect.KindString:
		return connect.String("")
	case connect.KindArray:
		return connect.Array(nil)
	case connect.KindMap:
		return connect.Map(nil)
	case connect.KindDate:
		return connect.Date(0)
	case connect.KindTime:
		return connect.Time(0)
	case connect.KindTimestamp:
		return connect.Timestamp(0)
	case connect.KindDecimal:
		return connect.DecimalValue(newDecimal(scaleOf(s)).source.make(number{}, scaleOf(s)))
	case connect.KindStruct:
		return zeroStruct(s)
	}
	return connect.Bytes(nil)
}

func zeroStruct(s *connect.Schema) connect.Value {
	st := &connect.Struct{Schema: s, Values: make([]connect.Value, len(s.Fields()))}
	for i, f := range s.Fields() {
		if !f.Schema.Optional() {
			st.Values[i] = zeroOf(f.Schema)
		}
	}
	return connect.StructValue(st)
}
