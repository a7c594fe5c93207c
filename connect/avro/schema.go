// SPDX-License-Identifier: Apache-2.0

package avro

import "strings"

// Type is the type of an Avro schema.
type Type uint8

// The types of Avro schemas.
const (
	Null Type = iota
	Boolean
	Int
	Long
	Float
	Double
	Bytes
	String
	Record
	Enum
	Array
	Map
	Union
	Fixed
)

var typeNames = [...]string{"null", "boolean", "int", "long", "float", "double", "bytes", "string",
	"record", "enum", "array", "map", "union", "fixed"}

// String returns the name of the type as schema texts write it.
func (t Type) String() string { return typeNames[t] }

// Named reports whether schemas of the type have names and can be referred to.
func (t Type) Named() bool { return t == Record || t == Enum || t == Fixed }

// primitives are the types that a text may write as their name alone.
func primitive(name string) (Type, bool) {
	for t := Null; t <= String; t++ {
		if typeNames[t] == name {
			return t, true
		}
	}
	return 0, false
}

// Schema is a node of a schema's tree. Named schemas occur once in a tree, and
// recursive ones make it a graph: who walks it remembers where it has been. A Schema
// that Parse returned must not be changed and is safe for concurrent use; one that is
// built by hand is its builder's until it is shared.
type Schema struct {
	Type Type

	// Name and Namespace are those of records, enums and fixed; Namespace may be "".
	Name, Namespace string
	// Aliases are full names, in the order of the text.
	Aliases []string
	// Doc is nil if there is none, which is not the same as an empty one.
	Doc *string

	Fields  []Field   // of a record
	Error   bool      // of a record: its text calls it an error
	Symbols []string  // of an enum
	Default *JSON     // of an enum: the symbol for symbols that are not known; nil for none
	Elem    *Schema   // items of an array, values of a map
	Union   []*Schema // branches
	Size    int       // of a fixed, in bytes

	// Props are all other attributes in the order of the text, logicalType included.
	Props []Prop
}

// Field is one field of a record.
type Field struct {
	Name    string
	Schema  *Schema
	Doc     *string
	Default *JSON  // nil for none; a JSON null is a default
	Order   string // "", "ascending", "descending", "ignore"
	Aliases []string
	Props   []Prop
}

// Prop is an attribute that Avro itself does not define.
type Prop struct {
	Name  string
	Value *JSON
}

// FullName is the name with its namespace; for types without names that of the type.
func (s *Schema) FullName() string {
	if !s.Type.Named() {
		return s.Type.String()
	}
	return qualify(s.Name, s.Namespace)
}

// Prop returns an attribute of the schema, and nil if it has none of that name.
func (s *Schema) Prop(name string) *JSON { return findProp(s.Props, name) }

// Prop returns an attribute of the field, and nil if it has none of that name.
func (f *Field) Prop(name string) *JSON { return findProp(f.Props, name) }

func findProp(props []Prop, name string) *JSON {
	for i := range props {
		if props[i].Name == name {
			return props[i].Value
		}
	}
	return nil
}

// SetProp adds an attribute; one of that name keeps its place and gets the new value.
// A nil value is not set.
func (s *Schema) SetProp(name string, v *JSON) {
	if v == nil {
		return
	}
	for i := range s.Props {
		if s.Props[i].Name == name {
			s.Props[i].Value = v
			return
		}
	}
	s.Props = append(s.Props, Prop{name, v})
}

// Field returns the field of a record by name, and nil if there is none.
func (s *Schema) Field(name string) *Field {
	for i := range s.Fields {
		if s.Fields[i].Name == name {
			return &s.Fields[i]
		}
	}
	return nil
}

// Logical returns the logical type and whether it is one that Avro defines for this
// schema: an unknown or ill-formed logical type is to be ignored, by the
// specification.
func (s *Schema) Logical() (string, bool) {
	p := s.Prop("logicalType")
	if p == nil || p.Kind != JSONString {
		return "", false
	}
	name := p.Text
	switch name {
	case "decimal":
		precision, _, ok := s.Decimal()
		return name, ok && precision > 0
	case "uuid":
		return name, s.Type == String || s.Type == Fixed && s.Size == 16
	case "date", "time-millis":
		return name, s.Type == Int
	case "time-micros", "timestamp-millis", "timestamp-micros", "timestamp-nanos",
		"local-timestamp-millis", "local-timestamp-micros", "local-timestamp-nanos":
		return name, s.Type == Long
	case "duration":
		return name, s.Type == Fixed && s.Size == 12
	}
	return name, false
}

// Decimal returns precision and scale of a decimal; ok is false if the attributes do
// not make one.
func (s *Schema) Decimal() (precision, scale int, ok bool) {
	if s.Type != Bytes && s.Type != Fixed {
		return 0, 0, false
	}
	p, okP := s.Prop("precision").Int()
	if !okP || p < 1 {
		return 0, 0, false
	}
	if v := s.Prop("scale"); v != nil {
		n, okS := v.Int()
		if !okS || n < 0 || n > p {
			return 0, 0, false
		}
		scale = int(n)
	}
	return int(p), scale, true
}

// Nullable returns the place of null among the branches of a union, and -1 if s is no
// union or has none.
func (s *Schema) Nullable() int {
	for i, b := range s.Union {
		if b.Type == Null {
			return i
		}
	}
	return -1
}

func qualify(name, namespace string) string {
	if namespace == "" || strings.IndexByte(name, '.') >= 0 {
		return name
	}
	return namespace + "." + name
}

// split takes a full name apart.
func split(full string) (name, namespace string) {
	i := strings.LastIndexByte(full, '.')
	if i < 0 {
		return full, ""
	}
	return full[i+1:], full[:i]
}
