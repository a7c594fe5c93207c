// SPDX-License-Identifier: Apache-2.0

package connect

import "fmt"

// Type is the type of a schema. There are twelve, as in Kafka Connect; logical
// types are one of these with a Name.
type Type uint8

// The types of schemas.
const (
	TypeInt8 Type = iota + 1
	TypeInt16
	TypeInt32
	TypeInt64
	TypeFloat32
	TypeFloat64
	TypeBoolean
	TypeString
	TypeBytes
	TypeArray
	TypeMap
	TypeStruct
)

var typeNames = [...]string{
	"", "INT8", "INT16", "INT32", "INT64", "FLOAT32", "FLOAT64", "BOOLEAN", "STRING", "BYTES", "ARRAY", "MAP", "STRUCT",
}

// String returns the name of the type as the original prints it: INT8, STRUCT, …
func (t Type) String() string {
	if int(t) < len(typeNames) && t != 0 {
		return typeNames[t]
	}
	return fmt.Sprintf("TYPE(%d)", t)
}

// Names of the logical types that have a kind of their own.
const (
	DecimalName   = "org.apache.kafka.connect.data.Decimal"
	DateName      = "org.apache.kafka.connect.data.Date"
	TimeName      = "org.apache.kafka.connect.data.Time"
	TimestampName = "org.apache.kafka.connect.data.Timestamp"
	// DecimalScale is the parameter that holds a decimal's scale.
	DecimalScale = "scale"
)

// Param is one parameter of a schema. The order of parameters is kept.
type Param struct{ Key, Value string }

// Field is one field of a struct schema; Index is its place in Struct.Values.
type Field struct {
	Name   string
	Index  int
	Schema *Schema
}

// Schema describes a value. A Schema is immutable once it has been built: it is
// shared between records, goroutines and caches, and compared by pointer first.
// A nil *Schema means "schemaless".
type Schema struct {
	typ      Type
	optional bool
	name     string
	version  int32
	hasVer   bool
	doc      string
	params   []Param
	def      Value
	hasDef   bool
	fields   []Field
	byName   map[string]int
	key      *Schema
	elem     *Schema
	hash     uint64
}

// Type returns the type.
func (s *Schema) Type() Type { return s.typ }

// Optional reports whether null is allowed.
func (s *Schema) Optional() bool { return s.optional }

// Name returns the name, of a record or of a logical type; "" if there is none.
func (s *Schema) Name() string { return s.name }

// Version returns the version and whether there is one.
func (s *Schema) Version() (int32, bool) { return s.version, s.hasVer }

// Doc returns the documentation; "" if there is none.
func (s *Schema) Doc() string { return s.doc }

// Params returns the parameters in order; the caller must not change them.
func (s *Schema) Params() []Param { return s.params }

// Param returns one parameter and whether it is set.
func (s *Schema) Param(key string) (string, bool) {
	for _, p := range s.params {
		if p.Key == key {
			return p.Value, true
		}
	}
	return "", false
}

// Default returns the default value and whether there is one. A default of null
// counts as none, as in Kafka Connect.
func (s *Schema) Default() (Value, bool) { return s.def, s.hasDef }

// Fields returns the fields of a struct in order; the caller must not change them.
func (s *Schema) Fields() []Field { return s.fields }

// Field returns the field of a struct by name, and nil if there is none.
func (s *Schema) Field(name string) *Field {
	if i, ok := s.byName[name]; ok {
		return &s.fields[i]
	}
	return nil
}

// Key returns the schema of a map's keys; nil for other types.
func (s *Schema) Key() *Schema { return s.key }

// Elem returns the schema of an array's elements or a map's values; nil for
// other types.
func (s *Schema) Elem() *Schema { return s.elem }

// Hash is equal for equal schemas; it is computed once, when the schema is built.
func (s *Schema) Hash() uint64 { return s.hash }

// Equal reports whether both describe the same: all attributes, parameters in
// any order. Equal pointers are equal without a look inside; nil equals nil only.
func (s *Schema) Equal(o *Schema) bool {
	if s == o {
		return true
	}
	if s == nil || o == nil || s.hash != o.hash {
		return false
	}
	if s.typ != o.typ || s.optional != o.optional || s.name != o.name || s.version != o.version ||
		s.hasVer != o.hasVer || s.doc != o.doc || s.hasDef != o.hasDef ||
		len(s.params) != len(o.params) || len(s.fields) != len(o.fields) {
		return false
	}
	if s.hasDef && !Equal(s.def, o.def) {
		return false
	}
	for _, p := range s.params {
		if v, ok := o.Param(p.Key); !ok || v != p.Value {
			return false
		}
	}
	for i := range s.fields {
		if s.fields[i].Name != o.fields[i].Name || !s.fields[i].Schema.Equal(o.fields[i].Schema) {
			return false
		}
	}
	return s.key.Equal(o.key) && s.elem.Equal(o.elem)
}

// String is a short description for error texts: the name, or the type.
func (s *Schema) String() string {
	switch {
	case s == nil:
		return "no schema"
	case s.name != "":
		return s.typ.String() + " " + s.name
	default:
		return s.typ.String()
	}
}
