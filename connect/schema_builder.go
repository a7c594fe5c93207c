// SPDX-License-Identifier: Apache-2.0

package connect

import (
	"fmt"
	"hash/maphash"
	"strconv"
)

// Builder assembles a schema. Its methods return the builder, so that calls can
// be chained; Build ends it. A Builder is for one goroutine.
type Builder struct {
	s   Schema
	err error
}

// Ready-made schemas of the types without attributes.
var (
	Int8Schema    = NewSchema(TypeInt8).MustBuild()
	Int16Schema   = NewSchema(TypeInt16).MustBuild()
	Int32Schema   = NewSchema(TypeInt32).MustBuild()
	Int64Schema   = NewSchema(TypeInt64).MustBuild()
	Float32Schema = NewSchema(TypeFloat32).MustBuild()
	Float64Schema = NewSchema(TypeFloat64).MustBuild()
	BooleanSchema = NewSchema(TypeBoolean).MustBuild()
	StringSchema  = NewSchema(TypeString).MustBuild()
	BytesSchema   = NewSchema(TypeBytes).MustBuild()

	OptionalInt8Schema    = NewSchema(TypeInt8).Optional().MustBuild()
	OptionalInt16Schema   = NewSchema(TypeInt16).Optional().MustBuild()
	OptionalInt32Schema   = NewSchema(TypeInt32).Optional().MustBuild()
	OptionalInt64Schema   = NewSchema(TypeInt64).Optional().MustBuild()
	OptionalFloat32Schema = NewSchema(TypeFloat32).Optional().MustBuild()
	OptionalFloat64Schema = NewSchema(TypeFloat64).Optional().MustBuild()
	OptionalBooleanSchema = NewSchema(TypeBoolean).Optional().MustBuild()
	OptionalStringSchema  = NewSchema(TypeString).Optional().MustBuild()
	OptionalBytesSchema   = NewSchema(TypeBytes).Optional().MustBuild()

	// DateSchema, TimeSchema and TimestampSchema are version 1 as in the original.
	DateSchema      = NewSchema(TypeInt32).Name(DateName).Version(1).MustBuild()
	TimeSchema      = NewSchema(TypeInt32).Name(TimeName).Version(1).MustBuild()
	TimestampSchema = NewSchema(TypeInt64).Name(TimestampName).Version(1).MustBuild()
)

// DecimalSchema returns the schema of decimals with this scale.
func DecimalSchema(scale int32) *Builder {
	return NewSchema(TypeBytes).Name(DecimalName).Version(1).Param(DecimalScale, strconv.Itoa(int(scale)))
}

// NewSchema begins a schema of a type; arrays and maps have constructors of their own.
func NewSchema(t Type) *Builder { return &Builder{s: Schema{typ: t}} }

// NewStruct begins a struct schema; fields follow with Field.
func NewStruct(name string) *Builder { return NewSchema(TypeStruct).Name(name) }

// NewArray begins an array schema.
func NewArray(elem *Schema) *Builder {
	b := NewSchema(TypeArray)
	b.s.elem = elem
	return b
}

// NewMap begins a map schema.
func NewMap(key, elem *Schema) *Builder {
	b := NewSchema(TypeMap)
	b.s.key, b.s.elem = key, elem
	return b
}

// Like begins a schema with every attribute of s, to change some of them. Fields
// are copied too unless withoutFields is true.
func Like(s *Schema, withoutFields bool) *Builder {
	b := &Builder{s: *s}
	b.s.params = append([]Param(nil), s.params...)
	b.s.fields, b.s.byName, b.s.hash = nil, nil, 0
	if !withoutFields {
		for _, f := range s.fields {
			b.Field(f.Name, f.Schema)
		}
	}
	return b
}

// Optional allows null.
func (b *Builder) Optional() *Builder { b.s.optional = true; return b }

// Required forbids null.
func (b *Builder) Required() *Builder { b.s.optional = false; return b }

// Name sets the name; "" removes it.
func (b *Builder) Name(n string) *Builder { b.s.name = n; return b }

// Version sets the version.
func (b *Builder) Version(v int32) *Builder { b.s.version, b.s.hasVer = v, true; return b }

// NoVersion removes the version.
func (b *Builder) NoVersion() *Builder { b.s.version, b.s.hasVer = 0, false; return b }

// Doc sets the documentation.
func (b *Builder) Doc(d string) *Builder { b.s.doc = d; return b }

// Param sets one parameter; a key that is set already keeps its place.
func (b *Builder) Param(key, value string) *Builder {
	for i := range b.s.params {
		if b.s.params[i].Key == key {
			b.s.params[i].Value = value
			return b
		}
	}
	b.s.params = append(b.s.params, Param{key, value})
	return b
}

// Default sets the default value, which must fit the schema as it is when Build
// is called; null removes the default. The value is cloned.
func (b *Builder) Default(v Value) *Builder {
	b.s.def, b.s.hasDef = Clone(v), !v.IsNull()
	return b
}

// Field appends a field to a struct.
func (b *Builder) Field(name string, s *Schema) *Builder {
	switch {
	case b.s.typ != TypeStruct:
		b.fail(fmt.Errorf("build schema: %s has no fields, cannot add %q", b.s.typ, name))
	case s == nil:
		b.fail(fmt.Errorf("build schema: field %q has no schema", name))
	default:
		if b.s.byName == nil {
			b.s.byName = make(map[string]int, 8)
		}
		if _, dup := b.s.byName[name]; dup {
			b.fail(fmt.Errorf("build schema: field %q is there twice", name))
			return b
		}
		b.s.byName[name] = len(b.s.fields)
		b.s.fields = append(b.s.fields, Field{Name: name, Index: len(b.s.fields), Schema: s})
	}
	return b
}

func (b *Builder) fail(err error) {
	if b.err == nil {
		b.err = err
	}
}

// Build returns the schema, or the first mistake: a field twice, an array
// without elements, a default that does not fit.
func (b *Builder) Build() (*Schema, error) {
	if b.err != nil {
		return nil, b.err
	}
	s := b.s
	switch {
	case s.typ == TypeArray && s.elem == nil:
		return nil, fmt.Errorf("build schema: an array needs the schema of its elements")
	case s.typ == TypeMap && (s.key == nil || s.elem == nil):
		return nil, fmt.Errorf("build schema: a map needs the schemas of its keys and values")
	}
	if s.hasDef {
		if err := Check(&s, s.def); err != nil {
			return nil, fmt.Errorf("build schema: default: %w", err)
		}
	}
	s.hash = hashSchema(&s)
	return &s, nil
}

// MustBuild is Build for schemas that are written in code; it panics on a mistake.
func (b *Builder) MustBuild() *Schema {
	s, err := b.Build()
	if err != nil {
		panic(err)
	}
	return s
}

var schemaSeed = maphash.MakeSeed()

// hashSchema covers what is cheap and tells schemas apart; Equal decides.
func hashSchema(s *Schema) uint64 {
	var h maphash.Hash
	h.SetSeed(schemaSeed)
	h.WriteByte(byte(s.typ))
	if s.optional {
		h.WriteByte(1)
	}
	h.WriteString(s.name)
	h.WriteByte(byte(len(s.params)))
	h.WriteString(strconv.Itoa(int(s.version)))
	sum := func(c *Schema) {
		if c != nil {
			h.WriteString(strconv.FormatUint(c.hash, 16))
		}
	}
	for _, f := range s.fields {
		h.WriteString(f.Name)
		h.WriteByte(0)
		sum(f.Schema)
	}
	sum(s.key)
	sum(s.elem)
	return h.Sum64()
}
