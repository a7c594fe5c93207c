// SPDX-License-Identifier: Apache-2.0

package convert

import (
	"github.com/connectd/connectd/connect"
)

// typesByName is jsonTypes the other way round.
var typesByName = func() map[string]connect.Type {
	m := make(map[string]connect.Type, len(jsonTypes))
	for t, name := range jsonTypes {
		m[name] = t
	}
	return m
}()

// schema builds the schema that v, an object from an envelope, describes.
func (r *payloadReader) schema(v connect.Value) (*connect.Schema, error) {
	name, _ := v.Get("type")
	if name.Kind() != connect.KindString {
		return nil, payloadErrorf("Schema must contain 'type' field")
	}
	t, ok := typesByName[name.Str()]
	if !ok {
		return nil, payloadErrorf("Unknown schema type: %s", name.Str())
	}
	b, err := r.builder(t, v)
	if err != nil {
		return nil, err
	}
	if err := describe(b, v); err != nil {
		return nil, err
	}
	s, err := b.Build()
	if err != nil {
		return nil, payloadErrorf("%v", err)
	}
	def, ok := v.Get("default")
	if !ok {
		return s, nil
	}
	return r.withDefault(s, def)
}

// withDefault reads the default by the rules of a payload.
func (r *payloadReader) withDefault(s *connect.Schema, def connect.Value) (*connect.Schema, error) {
	var a connect.Arena
	v, err := r.value(&a, s, def)
	if err != nil || v.IsNull() {
		return s, err
	}
	if s, err = connect.Like(s, false).Default(v).Build(); err != nil {
		return nil, payloadErrorf("%v", err)
	}
	return s, nil
}

// builder begins a schema with the schemas that it is made of.
func (r *payloadReader) builder(t connect.Type, v connect.Value) (*connect.Builder, error) {
	switch t {
	case connect.TypeArray:
		items, _ := v.Get("items")
		if items.IsNull() {
			return nil, payloadErrorf("Array schema did not specify the element type")
		}
		elem, err := r.schema(items)
		return connect.NewArray(elem), err
	case connect.TypeMap:
		return r.mapBuilder(v)
	case connect.TypeStruct:
		return r.structBuilder(v)
	default:
		return connect.NewSchema(t), nil
	}
}

func (r *payloadReader) mapBuilder(v connect.Value) (*connect.Builder, error) {
	keys, _ := v.Get("keys")
	if keys.IsNull() {
		return nil, payloadErrorf("Map schema did not specify the key type")
	}
	values, _ := v.Get("values")
	if values.IsNull() {
		return nil, payloadErrorf("Map schema did not specify the value type")
	}
	key, err := r.schema(keys)
	if err != nil {
		return nil, err
	}
	elem, err := r.schema(values)
	return connect.NewMap(key, elem), err
}

func (r *payloadReader) structBuilder(v connect.Value) (*connect.Builder, error) {
	fields, _ := v.Get("fields")
	if fields.Kind() != connect.KindArray {
		return nil, payloadErrorf(`Struct schema's "fields" argument is not an array.`)
	}
	b := connect.NewSchema(connect.TypeStruct)
	seen := make(map[string]bool, fields.Len())
	for _, f := range fields.Array() {
		name, _ := f.Get("field")
		if name.Kind() != connect.KindString {
			return nil, payloadErrorf("Struct schema's field name not specified properly")
		}
		if seen[name.Str()] {
			return nil, payloadErrorf("Cannot create field because of field name duplication %s", name.Str())
		}
		seen[name.Str()] = true
		s, err := r.schema(f)
		if err != nil {
			return nil, inField(err, name.Str())
		}
		b.Field(cloneText(name), s)
	}
	return b, nil
}

// describe sets the attributes; those of a wrong type are ignored, as in the
// original, except for parameters.
func describe(b *connect.Builder, v connect.Value) error {
	if optional, _ := v.Get("optional"); optional.Bool() {
		b.Optional()
	}
	if name, _ := v.Get("name"); name.Kind() == connect.KindString {
		b.Name(cloneText(name))
	}
	if version, _ := v.Get("version"); version.Kind() == connect.KindInt64 && version.Int() == int64(int32(version.Int())) {
		b.Version(int32(version.Int()))
	}
	if doc, _ := v.Get("doc"); doc.Kind() == connect.KindString {
		b.Doc(cloneText(doc))
	}
	params, _ := v.Get("parameters")
	for _, p := range params.Map() {
		if p.Value.Kind() != connect.KindString {
			return payloadErrorf("Schema parameters must have string values.")
		}
		b.Param(cloneText(p.Key), cloneText(p.Value))
	}
	return nil
}

// cloneText copies a string out of the message: the schema outlives it.
func cloneText(v connect.Value) string { return connect.Clone(v).Str() }
