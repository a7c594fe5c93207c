// SPDX-License-Identifier: Apache-2.0

package connect

import (
	"fmt"
	"math"
	"time"
	"unsafe"
)

// Kind says which member of the union a Value holds.
type Kind uint8

// The kinds of values. Date, Time, Timestamp and Decimal are the logical types
// that Kafka Connect gives a Java class of their own; all other logical types
// are plain kinds under a named schema.
const (
	KindNull Kind = iota
	KindBool
	KindInt8
	KindInt16
	KindInt32
	KindInt64
	KindFloat32
	KindFloat64
	KindString
	KindBytes
	KindArray
	KindMap
	KindStruct
	KindDecimal
	KindDate
	KindTime
	KindTimestamp
)

var kindNames = [...]string{
	"null", "boolean", "int8", "int16", "int32", "int64", "float32", "float64", "string", "bytes",
	"array", "map", "struct", "decimal", "date", "time", "timestamp",
}

// String returns the name of the kind as errors print it.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return fmt.Sprintf("kind(%d)", k)
}

// Value is one Connect value: null, a scalar, or a composite. The zero Value is
// null. It is 24 bytes, and making a scalar allocates nothing.
//
// Strings, bytes and composites alias memory that usually belongs to a batch's
// Arena: they are valid until the batch has been committed. Use Clone to keep one.
// Values must not be compared with ==; use Equal.
type Value struct {
	_    [0]func()
	num  uint64         // scalars; the length of strings, bytes, arrays, maps
	ptr  unsafe.Pointer // first byte or element; *Struct; *Decimal
	kind Kind
}

// MapEntry is one member of a map. Maps keep the order of their entries; a
// schemaless JSON object is a map whose keys are strings.
type MapEntry struct{ Key, Value Value }

// Struct is a record with a schema: Values stand in the order of Schema.Fields.
type Struct struct {
	Schema *Schema
	Values []Value
}

// Null is the null value.
func Null() Value { return Value{} }

// Bool makes a boolean.
func Bool(v bool) Value {
	if v {
		return Value{num: 1, kind: KindBool}
	}
	return Value{kind: KindBool}
}

// Int8 makes an int8.
func Int8(v int8) Value { return Value{num: uint64(v), kind: KindInt8} }

// Int16 makes an int16.
func Int16(v int16) Value { return Value{num: uint64(v), kind: KindInt16} }

// Int32 makes an int32.
func Int32(v int32) Value { return Value{num: uint64(v), kind: KindInt32} }

// Int64 makes an int64.
func Int64(v int64) Value { return Value{num: uint64(v), kind: KindInt64} }

// Float32 makes a float32.
func Float32(v float32) Value {
	return Value{num: uint64(math.Float32bits(v)), kind: KindFloat32}
}

// Float64 makes a float64.
func Float64(v float64) Value { return Value{num: math.Float64bits(v), kind: KindFloat64} }

// String makes a string that aliases v.
func String(v string) Value {
	return Value{num: uint64(len(v)), ptr: unsafe.Pointer(unsafe.StringData(v)), kind: KindString}
}

// StringOf makes a string that aliases b: b must not change while the value lives.
func StringOf(b []byte) Value {
	return Value{num: uint64(len(b)), ptr: unsafe.Pointer(unsafe.SliceData(b)), kind: KindString}
}

// Bytes makes bytes that alias v; nil gives empty bytes, not null.
func Bytes(v []byte) Value {
	return Value{num: uint64(len(v)), ptr: unsafe.Pointer(unsafe.SliceData(v)), kind: KindBytes}
}

// Array makes an array that aliases v.
func Array(v []Value) Value {
	return Value{num: uint64(len(v)), ptr: unsafe.Pointer(unsafe.SliceData(v)), kind: KindArray}
}

// Map makes a map that aliases v and keeps its order.
func Map(v []MapEntry) Value {
	return Value{num: uint64(len(v)), ptr: unsafe.Pointer(unsafe.SliceData(v)), kind: KindMap}
}

// StructValue makes a struct value; nil gives null.
func StructValue(v *Struct) Value {
	if v == nil {
		return Value{}
	}
	return Value{ptr: unsafe.Pointer(v), kind: KindStruct}
}

// DecimalValue makes a decimal; nil gives null.
func DecimalValue(v *Decimal) Value {
	if v == nil {
		return Value{}
	}
	return Value{ptr: unsafe.Pointer(v), kind: KindDecimal}
}

// Date makes a date from days since 1970-01-01 (org.apache.kafka.connect.data.Date).
func Date(days int32) Value { return Value{num: uint64(days), kind: KindDate} }

// Time makes a time of day from milliseconds (org.apache.kafka.connect.data.Time).
func Time(millis int32) Value { return Value{num: uint64(millis), kind: KindTime} }

// Timestamp makes an instant from milliseconds since the epoch
// (org.apache.kafka.connect.data.Timestamp).
func Timestamp(millis int64) Value { return Value{num: uint64(millis), kind: KindTimestamp} }

// Kind returns which member of the union the value holds.
func (v Value) Kind() Kind { return v.kind }

// IsNull reports whether the value is null.
func (v Value) IsNull() bool { return v.kind == KindNull }

// Bool returns a boolean; false for any other kind.
func (v Value) Bool() bool { return v.kind == KindBool && v.num != 0 }

// Int returns the number of any integer kind, of a date, a time or a timestamp,
// and 0 for any other kind.
func (v Value) Int() int64 {
	switch v.kind {
	case KindInt8, KindInt16, KindInt32, KindInt64, KindDate, KindTime, KindTimestamp:
		return int64(v.num)
	default:
		return 0
	}
}

// IsInt reports whether the value is of one of the four integer kinds.
func (v Value) IsInt() bool { return v.kind >= KindInt8 && v.kind <= KindInt64 }

// Float returns the number of a float kind, and 0 for any other kind.
func (v Value) Float() float64 {
	switch v.kind {
	case KindFloat32:
		return float64(math.Float32frombits(uint32(v.num)))
	case KindFloat64:
		return math.Float64frombits(v.num)
	default:
		return 0
	}
}

// Float32 returns a float32; 0 for any other kind.
func (v Value) Float32() float32 {
	if v.kind != KindFloat32 {
		return 0
	}
	return math.Float32frombits(uint32(v.num))
}

// Str returns the string without copying it, and "" for any other kind.
func (v Value) Str() string {
	if v.kind != KindString {
		return ""
	}
	return unsafe.String((*byte)(v.ptr), int(v.num))
}

// Bytes returns the bytes of a string or bytes value without copying them, and
// nil for any other kind. The caller must not change them.
func (v Value) Bytes() []byte {
	if v.kind != KindBytes && v.kind != KindString {
		return nil
	}
	if v.ptr == nil {
		return []byte{}
	}
	return unsafe.Slice((*byte)(v.ptr), int(v.num))
}

// Array returns the elements without copying them, and nil for any other kind.
func (v Value) Array() []Value {
	if v.kind != KindArray || v.ptr == nil {
		return nil
	}
	return unsafe.Slice((*Value)(v.ptr), int(v.num))
}

// Map returns the entries in order without copying them, and nil for any other kind.
func (v Value) Map() []MapEntry {
	if v.kind != KindMap || v.ptr == nil {
		return nil
	}
	return unsafe.Slice((*MapEntry)(v.ptr), int(v.num))
}

// Struct returns the struct, and nil for any other kind.
func (v Value) Struct() *Struct {
	if v.kind != KindStruct {
		return nil
	}
	return (*Struct)(v.ptr)
}

// Decimal returns the decimal, and nil for any other kind.
func (v Value) Decimal() *Decimal {
	if v.kind != KindDecimal {
		return nil
	}
	return (*Decimal)(v.ptr)
}

// GoTime returns a date, time or timestamp as an instant in UTC, and the zero
// time for any other kind.
func (v Value) GoTime() time.Time {
	switch v.kind {
	case KindDate:
		return time.Unix(int64(v.num)*86400, 0).UTC()
	case KindTime, KindTimestamp:
		return time.UnixMilli(int64(v.num)).UTC()
	default:
		return time.Time{}
	}
}

// Len returns the number of bytes, elements or entries, and 0 for other kinds.
func (v Value) Len() int {
	switch v.kind {
	case KindString, KindBytes, KindArray, KindMap:
		return int(v.num)
	default:
		return 0
	}
}
