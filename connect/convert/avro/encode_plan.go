// SPDX-License-Identifier: Apache-2.0

package avro

import (
	"strings"

	"github.com/connectd/connectd/connect"
	schema "github.com/connectd/connectd/connect/avro"
)

// encodePlanner compiles an encode plan: values of a Connect schema as data of an Avro
// schema, which may be the one that is made of it or a version that was registered
// before. Fields go by name; fields that the Avro schema does not have are left out,
// and those that it has in addition get their default.
type encodePlanner struct {
	options DataOptions
	records map[encodeKey]encoder
}

type encodeKey struct {
	from *connect.Schema
	to   *schema.Schema
}

// compileEncoder makes a plan; from is nil for values without a schema. The error is a
// *ResolutionError.
func compileEncoder(o DataOptions, from *connect.Schema, to *schema.Schema) (encoder, error) {
	if from == nil {
		if to.FullName() != anythingName {
			return nil, cannot("", "a value without a schema cannot be written as %s; the transform ApplySchema gives values a schema", typeName(to))
		}
		return anythingEncoder{}, nil
	}
	p := encodePlanner{options: o, records: map[encodeKey]encoder{}}
	step, err := p.step(from, to, "")
	if err != nil || to.Type != schema.Bytes {
		return step, err
	}
	s := bareEncoder{kind: connect.KindOf(from), of: from}
	if d, ok := step.(decimalEncoder); ok {
		s.scale = d.scale
	}
	return s, nil
}

func (p *encodePlanner) step(from *connect.Schema, to *schema.Schema, path string) (encoder, error) {
	switch {
	case to.Type == schema.Union && isUnion(from):
		return p.union(from, to, path)
	case to.Type == schema.Union:
		return p.branch(from, to, path)
	}
	return p.plain(from, to, path)
}

// field is step for a field of a struct, where null may stand for the default.
func (p *encodePlanner) field(from *connect.Schema, to *schema.Schema, path string) (encoder, error) {
	inner, err := p.step(from, to, path)
	if err != nil {
		return nil, err
	}
	v, ok := from.Default()
	if !ok || from.Optional() && p.options.IgnoreDefaultForNullables {
		return inner, nil
	}
	return &defaultEncoder{inner, v}, nil
}

func (p *encodePlanner) branch(from *connect.Schema, to *schema.Schema, path string) (encoder, error) {
	best, at := 0, -1
	for i, b := range to.Union {
		if n := p.fit(from, b); n > best {
			best, at = n, i
		}
	}
	if at < 0 {
		return nil, cannot(path, "the union %s has no branch for %s", to, from)
	}
	inner, err := p.plain(from, to.Union[at], path)
	if err != nil {
		return nil, err
	}
	null := to.Nullable()
	if null < 0 {
		return &branchEncoder{int64(at), inner}, nil
	}
	return &optionalEncoder{none: int64(null), some: int64(at), inner: inner, of: from}, nil
}

func (p *encodePlanner) union(from *connect.Schema, to *schema.Schema, path string) (encoder, error) {
	s := &unionEncoder{schema: from, none: int64(to.Nullable())}
	taken := make([]bool, len(to.Union))
	for _, f := range from.Fields() {
		best, at := 0, -1
		for i, b := range to.Union {
			if n := p.fit(f.Schema, b); n > best && !taken[i] {
				best, at = n, i
			}
		}
		if at < 0 {
			return nil, cannot(path+"."+f.Name, "the union %s has no branch for %s", to, f.Schema)
		}
		taken[at] = true
		inner, err := p.plain(f.Schema, to.Union[at], path+"."+f.Name)
		if err != nil {
			return nil, err
		}
		s.inner = append(s.inner, &branchEncoder{int64(at), inner})
	}
	return s, nil
}

// fit says how well a branch holds values of a schema: 0 not at all, 1 as what it
// promotes, 2 by its type, 3 and 4 by its name too.
func (p *encodePlanner) fit(from *connect.Schema, b *schema.Schema) int {
	if isEnum(from) && b.Type == schema.Enum {
		full, _ := from.Param(enumParam)
		if general, ok := from.Param(generalEnumParam); ok {
			full = general
		}
		return p.named(full, b)
	}
	switch from.Type() {
	case connect.TypeStruct:
		if b.Type != schema.Record || isMapEntry(b) {
			return 0
		}
		return p.named(from.Name(), b)
	case connect.TypeArray:
		return when(b.Type == schema.Array && !isMapEntry(b.Elem), 2)
	case connect.TypeMap:
		if p.options.stringKeys(from) && b.Type == schema.Map {
			return 2
		}
		return when(b.Type == schema.Array && isMapEntry(b.Elem), 1)
	case connect.TypeBytes:
		if b.Type == schema.Fixed && isFixed(from) {
			name, ok := from.Param(fixedNameParam)
			if !ok {
				name = from.Name()
			}
			return max(p.named(name, b), 3)
		}
	}
	if plainStep(from, b) == nil {
		return 0
	}
	if primitives[from.Type()] == b.Type && b.Type != schema.Null || from.Type() == connect.TypeString && b.Type == schema.String ||
		from.Type() == connect.TypeBytes && b.Type == schema.Bytes {
		return 2
	}
	return 1
}

func when(ok bool, n int) int {
	if ok {
		return n
	}
	return 0
}

func (p *encodePlanner) named(full string, b *schema.Schema) int {
	name, namespace := p.options.splitName(full)
	switch {
	case name != b.Name:
		return 2
	case namespace != b.Namespace:
		return 3
	}
	return 4
}

func (p *encodePlanner) plain(from *connect.Schema, to *schema.Schema, path string) (encoder, error) {
	switch from.Type() {
	case connect.TypeStruct:
		if to.Type == schema.Record {
			return p.record(from, to, path)
		}
	case connect.TypeArray:
		if to.Type == schema.Array {
			elem, err := p.step(from.Elem(), to.Elem, path+"[]")
			return &arrayEncoder{elem, from}, err
		}
	case connect.TypeMap:
		if to.Type == schema.Map && from.Key().Type() == connect.TypeString {
			elem, err := p.step(from.Elem(), to.Elem, path+"{}")
			return &mapEncoder{elem, from}, err
		}
		if to.Type == schema.Array && isMapEntry(to.Elem) {
			return p.entries(from, to.Elem, path+"{}")
		}
	default:
		if step := plainStep(from, to); step != nil {
			return step, nil
		}
	}
	return nil, cannot(path, "%s cannot be written as %s", from, typeName(to))
}

func (p *encodePlanner) entries(from *connect.Schema, to *schema.Schema, path string) (encoder, error) {
	k, v, ok := entryFields(to)
	if !ok {
		return nil, cannot(path, "the entries of a map are records of key and value, not %s", to)
	}
	key, err := p.step(from.Key(), to.Fields[k].Schema, path+".key")
	if err != nil {
		return nil, err
	}
	value, err := p.step(from.Elem(), to.Fields[v].Schema, path+".value")
	return &entriesEncoder{key: key, value: value, valueFirst: v < k, of: from}, err
}

func (p *encodePlanner) record(from *connect.Schema, to *schema.Schema, path string) (encoder, error) {
	key := encodeKey{from, to}
	if s, ok := p.records[key]; ok {
		return s, nil
	}
	s := &recordEncoder{schema: from, fields: make([]recordField, 0, len(to.Fields))}
	for i := range to.Fields {
		f, err := p.recordField(from, &to.Fields[i], path)
		if err != nil {
			return nil, err
		}
		s.fields = append(s.fields, f)
	}
	p.records[key] = s
	return s, nil
}

func (p *encodePlanner) recordField(from *connect.Schema, to *schema.Field, path string) (recordField, error) {
	path += "." + to.Name
	if own := p.fieldOf(from, to); own != nil {
		step, err := p.field(own.Schema, to.Schema, path)
		return recordField{encoder: step, slot: own.Index, name: own.Name}, err
	}
	if to.Default == nil {
		return recordField{}, cannot(path, "%s has no such field, and the Avro schema has no default for it", from)
	}
	data, err := appendDefault(nil, to.Schema, to.Default)
	if err != nil {
		return recordField{}, cannot(path, "default %s: %v", to.Default, err)
	}
	return recordField{constant: data, name: to.Name}, nil
}

// fieldOf is the field of the struct that a field of the Avro record is made of.
func (p *encodePlanner) fieldOf(from *connect.Schema, to *schema.Field) *connect.Field {
	for _, name := range append([]string{to.Name}, to.Aliases...) {
		if f := from.Field(name); f != nil {
			return f
		}
		for i := range from.Fields() {
			if f := &from.Fields()[i]; p.options.scrub(f.Name) == name {
				return f
			}
		}
	}
	return nil
}

// plainStep is the step of a scalar; nil if the Avro type does not hold its values.
func plainStep(from *connect.Schema, to *schema.Schema) encoder {
	kind := connect.KindOf(from)
	switch kind {
	case connect.KindBool:
		if to.Type == schema.Boolean {
			return boolEncoder{from}
		}
	case connect.KindInt8, connect.KindInt16, connect.KindInt32, connect.KindInt64, connect.KindDate, connect.KindTime, connect.KindTimestamp:
		return wholeEncoderFor(kind, from, to)
	case connect.KindFloat32, connect.KindFloat64:
		if to.Type == schema.Double || to.Type == schema.Float && kind == connect.KindFloat32 {
			return floatEncoder{kind, to.Type == schema.Double, from}
		}
	case connect.KindString, connect.KindBytes, connect.KindDecimal:
		return textEncoderFor(kind, from, to)
	}
	return nil
}

func wholeEncoderFor(kind connect.Kind, from *connect.Schema, to *schema.Schema) encoder {
	wide := kind == connect.KindInt64 || kind == connect.KindTimestamp
	logical, _ := to.Logical()
	switch {
	case to.Type == schema.Int && !wide:
		return wholeEncoder{kind, from}
	case to.Type == schema.Long && (kind == connect.KindTime || kind == connect.KindTimestamp) && strings.HasSuffix(logical, "-micros"):
		return scaledEncoder{wholeEncoder{kind, from}, 1000}
	case to.Type == schema.Long && kind == connect.KindTimestamp && strings.HasSuffix(logical, "-nanos"):
		return scaledEncoder{wholeEncoder{kind, from}, 1_000_000}
	case to.Type == schema.Long:
		return wholeEncoder{kind, from}
	case to.Type == schema.Float || to.Type == schema.Double:
		return floatEncoder{kind, to.Type == schema.Double, from}
	}
	return nil
}

func textEncoderFor(kind connect.Kind, from *connect.Schema, to *schema.Schema) encoder {
	logical, _ := to.Logical()
	if kind == connect.KindDecimal {
		_, scale, err := decimalParams(from)
		if _, other, ok := to.Decimal(); err != nil || ok && other != scale {
			return nil
		}
		switch to.Type {
		case schema.Bytes:
			return decimalEncoder{int32(scale), -1, from}
		case schema.Fixed:
			return decimalEncoder{int32(scale), to.Size, from}
		}
		return nil
	}
	switch {
	case to.Type == schema.String || to.Type == schema.Bytes:
		return textEncoder{kind, from}
	case to.Type == schema.Fixed && kind == connect.KindBytes:
		return fixedEncoder{to.Size, from}
	case to.Type == schema.Fixed && logical == "uuid":
		return uuidEncoder{from}
	case to.Type == schema.Enum && kind == connect.KindString:
		return newEnumEncoder(to.FullName(), to.Symbols, from)
	}
	return nil
}
