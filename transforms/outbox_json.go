// SPDX-License-Identifier: Apache-2.0

package transforms

import (
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"math"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/convert"
)

// outboxJSON makes values with a schema of payloads that are JSON texts. Texts of
// one shape, that is of the same names and types, share their schema.
type outboxJSON struct {
	log   *slog.Logger
	name  string // of the schema
	nulls bool   // a null member is kept, as optional bytes
	empty bool   // an empty array is kept, of optional strings

	decoder convert.Decoder
	shapes  map[string]*connect.Schema
	shape   []byte
}

// maxShape is how long the description of a shape may be that is kept.
const maxShape = 16 << 10

// expand returns the payload as a value with its schema. What is no JSON object or
// array, or has no schema, stays a text; the log says so.
func (j *outboxJSON) expand(a *connect.Arena, payload connect.Value, s *connect.Schema) (connect.Value, *connect.Schema) {
	if payload.IsNull() {
		return payload, s
	}
	v, schema, err := j.parse(a, payload)
	if err != nil {
		j.log.Warn("outbox payload is not expanded", "error", err)
		return payload, s
	}
	return v, schema
}

func (j *outboxJSON) parse(a *connect.Arena, payload connect.Value) (connect.Value, *connect.Schema, error) {
	text := payload.Bytes()
	if payload.Kind() != connect.KindString || len(text) == 0 || text[0] != '{' && text[0] != '[' {
		return connect.Null(), nil, errors.New("it is not the text of a JSON object or array")
	}
	doc, err := j.decoder.Decode(a, text)
	if err != nil {
		return connect.Null(), nil, fmt.Errorf("parse JSON: %w", err)
	}
	schema, err := j.schema(doc)
	if err != nil {
		return connect.Null(), nil, err
	}
	v, err := typedValue(a, schema, doc)
	return v, schema, err
}

func (j *outboxJSON) schema(doc connect.Value) (*connect.Schema, error) {
	j.shape = appendShape(j.shape[:0], doc)
	if s := j.shapes[string(j.shape)]; s != nil {
		return s, nil
	}
	s, err := j.infer(j.name, doc)
	if err != nil {
		return nil, err
	}
	if s == nil {
		return nil, errors.New("an array without elements has no schema")
	}
	if len(j.shape) > maxShape {
		j.shape = nil
		return s, nil
	}
	if len(j.shapes) >= maxSchemas {
		clear(j.shapes)
	}
	j.shapes[string(j.shape)] = s
	return s, nil
}

// appendShape describes all of a document that its schema depends on.
func appendShape(dst []byte, v connect.Value) []byte {
	switch v.Kind() {
	case connect.KindMap:
		dst = append(dst, '{')
		for _, e := range v.Map() {
			dst = binary.AppendUvarint(dst, uint64(e.Key.Len()))
			dst = appendShape(append(dst, e.Key.Bytes()...), e.Value)
		}
		return append(dst, '}')
	case connect.KindArray:
		dst = append(dst, '[')
		last := len(dst)
		for i, e := range v.Array() {
			at := len(dst)
			dst = appendShape(dst, e)
			if i > 0 && string(dst[last:at]) == string(dst[at:]) {
				dst = dst[:at] // another one of the same shape says nothing new
				continue
			}
			last = at
		}
		return append(dst, ']')
	case connect.KindInt64:
		if isInt32(v) {
			return append(dst, 'i')
		}
		return append(dst, 'l')
	default:
		return append(dst, byte(v.Kind()))
	}
}

func isInt32(v connect.Value) bool { return v.Int() >= math.MinInt32 && v.Int() <= math.MaxInt32 }

// infer makes the schema of a JSON value; nil for what is left out.
func (j *outboxJSON) infer(name string, v connect.Value) (*connect.Schema, error) {
	switch v.Kind() {
	case connect.KindString:
		return connect.OptionalStringSchema, nil
	case connect.KindBool:
		return connect.OptionalBooleanSchema, nil
	case connect.KindInt64:
		if isInt32(v) {
			return connect.OptionalInt32Schema, nil
		}
		return connect.OptionalInt64Schema, nil
	case connect.KindFloat64:
		return connect.OptionalFloat64Schema, nil
	case connect.KindMap:
		return j.inferStruct(name, v.Map())
	case connect.KindArray:
		return j.inferArray(name, v.Array())
	case connect.KindNull:
		if j.nulls {
			return connect.OptionalBytesSchema, nil
		}
		return nil, nil
	}
	return nil, fmt.Errorf("%s: a number is too large", name)
}

func (j *outboxJSON) inferStruct(name string, members []connect.MapEntry) (*connect.Schema, error) {
	b := connect.NewStruct(name).Optional()
	for _, e := range members {
		inner := string(e.Key.Bytes())
		if inner == "" {
			return nil, fmt.Errorf("%s: a member without a name", name)
		}
		if name != "" {
			inner = name + "." + inner
		}
		s, err := j.infer(inner, e.Value)
		if err != nil {
			return nil, err
		}
		if s != nil {
			b.Field(string(e.Key.Bytes()), s)
		}
	}
	return b.Build()
}

func (j *outboxJSON) inferArray(name string, elements []connect.Value) (*connect.Schema, error) {
	if len(elements) == 0 {
		if j.empty {
			return connect.NewArray(connect.OptionalStringSchema).Optional().Build()
		}
		return nil, nil
	}
	sample, err := j.sample(name, elements)
	if err != nil {
		return nil, err
	}
	var elem *connect.Schema
	if sample.Kind() == connect.KindMap {
		elem, err = j.inferObjects(name, elements)
	} else {
		elem, err = j.infer("", sample)
	}
	if err != nil {
		return nil, err
	}
	if elem == nil {
		return nil, fmt.Errorf("%s: the array has no element with a schema", name)
	}
	return connect.NewArray(elem).Optional().Build()
}

// sample is the first element that is not null; the others must be like it.
func (j *outboxJSON) sample(name string, elements []connect.Value) (connect.Value, error) {
	var first connect.Value
	for _, e := range elements {
		switch {
		case e.IsNull():
		case first.IsNull():
			first = e
		case e.Kind() != first.Kind(), e.Kind() == connect.KindInt64 && isInt32(e) != isInt32(first):
			return first, fmt.Errorf("%s: the array holds %s and %s", name, first.Kind(), e.Kind())
		}
	}
	return first, nil
}

// inferObjects makes one schema of all objects of an array: with the fields of all,
// each of the type that it has first.
func (j *outboxJSON) inferObjects(name string, elements []connect.Value) (*connect.Schema, error) {
	var merged *connect.Schema
	for _, e := range elements {
		if e.IsNull() {
			continue
		}
		s, err := j.inferStruct(name, e.Map())
		if err != nil {
			return nil, err
		}
		if merged == nil || merged.Equal(s) {
			merged = s
			continue
		}
		if merged, err = mergeStructs(merged, s); err != nil {
			return nil, err
		}
	}
	return merged, nil
}

// mergeStructs adds the fields of one struct to another; what is known as null only,
// that is as bytes, takes the type that it has elsewhere.
func mergeStructs(left, right *connect.Schema) (*connect.Schema, error) {
	b := basics(left)
	for _, f := range left.Fields() {
		s := f.Schema
		if other := right.Field(f.Name); other != nil && s.Type() == connect.TypeBytes {
			s = other.Schema
		}
		b.Field(f.Name, s)
	}
	for _, f := range right.Fields() {
		if left.Field(f.Name) == nil {
			b.Field(f.Name, f.Schema)
		}
	}
	return b.Build()
}

// typedValue makes structs of maps, and integers as small as their schemas. What does
// not fit its schema is an error: elements of an array may differ.
func typedValue(a *connect.Arena, s *connect.Schema, v connect.Value) (connect.Value, error) {
	if v.IsNull() && s.Optional() {
		return v, nil
	}
	if v.Kind() == connect.KindInt64 && isInt32(v) {
		v = connect.Int32(int32(v.Int()))
	}
	switch {
	case v.Kind() == connect.KindMap && s.Type() == connect.TypeStruct:
		return typedStruct(a, s, v)
	case v.Kind() == connect.KindArray && s.Type() == connect.TypeArray:
		return typedArray(a, s, v)
	case v.Kind() != connect.KindOf(s):
		return v, fmt.Errorf("%s where there is %s elsewhere", v.Kind(), s)
	}
	return v, nil
}

func typedArray(a *connect.Arena, s *connect.Schema, v connect.Value) (connect.Value, error) {
	out := a.Values(v.Len())
	for i, e := range v.Array() {
		var err error
		if out[i], err = typedValue(a, s.Elem(), e); err != nil {
			return v, err
		}
	}
	return connect.Array(out), nil
}

func typedStruct(a *connect.Arena, s *connect.Schema, v connect.Value) (connect.Value, error) {
	st := a.Struct(s)
	for _, e := range v.Map() {
		f := s.Field(e.Key.Str())
		if f == nil {
			continue
		}
		var err error
		if st.Values[f.Index], err = typedValue(a, f.Schema, e.Value); err != nil {
			return v, err
		}
	}
	return connect.StructValue(st), nil
}
