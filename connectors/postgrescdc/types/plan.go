// SPDX-License-Identifier: Apache-2.0

package types

import (
	"fmt"

	"github.com/connectd/connectd/connect"
)

// Column is what the server says about one column.
type Column struct {
	Name string
	// Type is the OID of the type, and TypMod its modifier, -1 for none.
	Type   uint32
	TypMod int32
	// NotNull makes the schema required, but for line, circle, box, lseg, path, polygon and
	// geometry, as in the original, and unless the original has no such column at all: a new
	// field that is required would be refused by registries that know the original's schema.
	NotNull bool
	// Dimensions is the declared number of dimensions of an array; the server does not
	// enforce it, and only Modes.NestedArrays looks at it.
	Dimensions int
	// Default is the default expression as pg_get_expr shows it, "" for none.
	Default string
	// Generated and Identity say where the value comes from; they change nothing here.
	Generated, Identity bool
	// SourceType adds the parameters of column.propagate.source.type.
	SourceType bool
}

// ColumnPlan says how the values of one column look and how they are decoded. It is
// immutable and safe for concurrent use.
type ColumnPlan struct {
	Name string
	// Schema is the schema of the field, with optional, default, name, version and
	// parameters; nil if the column is dropped.
	Schema *connect.Schema
	// Dropped says that the type has no mapping and the column is left out.
	Dropped bool
	// HasBinary says that Binary reads the binary form of the type.
	HasBinary bool

	typeName    string
	form        form
	unavailable connect.Value
	absent      connect.Value
	fits        bool
}

// decoder reads values of one type. The bytes are not kept: what the value needs of them is
// copied to the arena.
type decoder interface {
	text(a *connect.Arena, data []byte) (connect.Value, error)
	binary(a *connect.Arena, data []byte) (connect.Value, error)
}

// form is what a type becomes.
type form struct {
	// begin starts a schema: required, without a default.
	begin   func() *connect.Builder
	decoder decoder
	// bind makes the decoder of types whose values carry their schema, once it is built.
	bind func(*connect.Schema) decoder
	// hasBinary says that the decoder's binary method does more than fail.
	hasBinary bool
	// literals says that defaults are put into the schema, and zero is the text of the value
	// that stands there for a default that a function makes.
	literals bool
	zero     string
	// codes marks arrays that show the codes of the placeholder's characters.
	codes bool
	// extra says that the original leaves such columns out, without a word; here they are
	// optional whatever the column says, so that readers of older schemas accept them.
	extra bool
	// nullable says that the schema of the original is optional for every column.
	nullable bool
	// drop says that there is no mapping.
	drop bool
}

// bound is the decoder for values of this schema.
func (f form) bound(s *connect.Schema) decoder {
	if f.bind == nil {
		return f.decoder
	}
	return f.bind(s)
}

// Plan decides how a column looks. Errors: a mode that does not exist (connect.ConfigError), a
// type that the catalog does not know.
func Plan(col Column, cat *Catalog, m Modes) (*ColumnPlan, error) {
	m, placeholder, err := m.check()
	if err != nil {
		return nil, fmt.Errorf("plan column %s: %w", col.Name, err)
	}
	t := cat.Type(col.Type)
	if t == nil {
		return nil, fmt.Errorf("plan column %s: the catalog has no type with OID %d; it is older than the column", col.Name, col.Type)
	}
	r := resolver{cat: cat, modes: m}
	f, err := r.resolve(col.Type, col.TypMod, col.Dimensions, 0)
	if err != nil {
		return nil, fmt.Errorf("plan column %s: %w", col.Name, err)
	}
	p := &ColumnPlan{Name: col.Name, typeName: t.Name, form: f, HasBinary: f.hasBinary, Dropped: f.drop}
	if f.drop {
		return p, nil
	}
	return p, p.finish(col, r, placeholder)
}

// finish makes the schema and the placeholder.
func (p *ColumnPlan) finish(col Column, r resolver, placeholder []byte) error {
	b := p.form.begin()
	if !col.NotNull || p.form.extra || p.form.nullable {
		b.Optional()
	}
	if col.SourceType {
		r.sourceType(b, col)
	}
	if v, ok := p.Default(col.Default); ok {
		b.Default(v)
	}
	s, err := b.Build()
	if err != nil {
		return fmt.Errorf("plan column %s of type %s: %w", col.Name, p.typeName, err)
	}
	p.Schema = s
	p.form.decoder = p.form.bound(s)
	p.unavailable, p.fits = unavailable(s, p.form, placeholder)
	p.absent = p.absentValue(col, r)
	return nil
}

// Text decodes the text form of a value. An error is a *ValueError.
func (p *ColumnPlan) Text(a *connect.Arena, data []byte) (connect.Value, error) {
	v, err := p.form.decoder.text(a, data)
	if err != nil {
		return connect.Null(), p.fail(data, false, err)
	}
	return v, nil
}

// Binary decodes the binary form of a value; types without HasBinary fail. An error is a
// *ValueError.
func (p *ColumnPlan) Binary(a *connect.Arena, data []byte) (connect.Value, error) {
	v, err := p.form.decoder.binary(a, data)
	if err != nil {
		return connect.Null(), p.fail(data, true, err)
	}
	return v, nil
}

// Unavailable is what stands for a value that the server has not sent because it has not
// changed: the placeholder in the form of the type, as in the original; null, or the
// zero value if the column forbids null, for types that cannot show it. Nothing in the
// value itself tells it from a value that looks alike.
func (p *ColumnPlan) Unavailable() connect.Value { return p.unavailable }

// ShowsUnavailable reports whether Unavailable is made of the placeholder.
func (p *ColumnPlan) ShowsUnavailable() bool { return p.fits }
