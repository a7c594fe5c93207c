// SPDX-License-Identifier: Apache-2.0

package avro

import "github.com/connectd/connectd/connect"

// recordField writes one field of the Avro record: a value of the struct, or, without
// an encoder, the constant bytes of a default.
type recordField struct {
	encoder  encoder
	slot     int
	constant []byte
	name     string
}

type recordEncoder struct {
	schema *connect.Schema
	fields []recordField
}

func (s *recordEncoder) encode(dst []byte, v connect.Value) ([]byte, error) {
	st := v.Struct()
	if st == nil || len(st.Values) != len(s.schema.Fields()) || st.Schema != s.schema && !st.Schema.Equal(s.schema) {
		return dst, misfit(s.schema, v)
	}
	var err error
	for i := range s.fields {
		f := &s.fields[i]
		if f.encoder == nil {
			dst = append(dst, f.constant...)
			continue
		}
		if dst, err = f.encoder.encode(dst, st.Values[f.slot]); err != nil {
			return dst, inField(err, f.name)
		}
	}
	return dst, nil
}

// arrayEncoder writes an array as one block.
type arrayEncoder struct {
	elem encoder
	of   *connect.Schema
}

func (s *arrayEncoder) encode(dst []byte, v connect.Value) ([]byte, error) {
	if v.Kind() != connect.KindArray {
		return dst, misfit(s.of, v)
	}
	list := v.Array()
	if len(list) > 0 {
		dst = appendLong(dst, int64(len(list)))
	}
	var err error
	for i := range list {
		if dst, err = s.elem.encode(dst, list[i]); err != nil {
			return dst, inElement(err, i)
		}
	}
	return append(dst, 0), nil
}

// mapEncoder writes a map with string keys as one block, in the order of its entries.
type mapEncoder struct {
	elem encoder
	of   *connect.Schema
}

func (s *mapEncoder) encode(dst []byte, v connect.Value) ([]byte, error) {
	if v.Kind() != connect.KindMap {
		return dst, misfit(s.of, v)
	}
	list := v.Map()
	if len(list) > 0 {
		dst = appendLong(dst, int64(len(list)))
	}
	var err error
	for i := range list {
		if list[i].Key.Kind() != connect.KindString {
			return dst, inElement(misfit(s.of.Key(), list[i].Key), i)
		}
		key := list[i].Key.Bytes()
		dst = append(appendLong(dst, int64(len(key))), key...)
		if dst, err = s.elem.encode(dst, list[i].Value); err != nil {
			return dst, inField(err, "["+string(key)+"]")
		}
	}
	return append(dst, 0), nil
}

// entriesEncoder writes a map as an array of records of a key and a value.
type entriesEncoder struct {
	key, value encoder
	valueFirst bool
	of         *connect.Schema
}

func (s *entriesEncoder) encode(dst []byte, v connect.Value) ([]byte, error) {
	if v.Kind() != connect.KindMap {
		return dst, misfit(s.of, v)
	}
	list := v.Map()
	if len(list) > 0 {
		dst = appendLong(dst, int64(len(list)))
	}
	var err error
	for i := range list {
		if dst, err = s.entry(dst, &list[i]); err != nil {
			return dst, inElement(err, i)
		}
	}
	return append(dst, 0), nil
}

func (s *entriesEncoder) entry(dst []byte, e *connect.MapEntry) ([]byte, error) {
	var err error
	if s.valueFirst {
		if dst, err = s.value.encode(dst, e.Value); err != nil {
			return dst, inField(err, "value")
		}
	}
	if dst, err = s.key.encode(dst, e.Key); err != nil {
		return dst, inField(err, "key")
	}
	if !s.valueFirst {
		if dst, err = s.value.encode(dst, e.Value); err != nil {
			return dst, inField(err, "value")
		}
	}
	return dst, nil
}

// branchEncoder writes a value into its branch of a union without null.
type branchEncoder struct {
	branch int64
	inner  encoder
}

func (s *branchEncoder) encode(dst []byte, v connect.Value) ([]byte, error) {
	return s.inner.encode(appendLong(dst, s.branch), v)
}

// optionalEncoder writes null or a value into their branches of a union.
type optionalEncoder struct {
	none, some int64
	inner      encoder
	of         *connect.Schema
}

func (s *optionalEncoder) encode(dst []byte, v connect.Value) ([]byte, error) {
	if !v.IsNull() {
		return s.inner.encode(appendLong(dst, s.some), v)
	}
	if !s.of.Optional() {
		return dst, misfit(s.of, v)
	}
	return appendLong(dst, s.none), nil
}

// defaultEncoder writes the default of the schema for null, as Struct.get of the
// original returns it.
type defaultEncoder struct {
	inner encoder
	value connect.Value
}

func (s *defaultEncoder) encode(dst []byte, v connect.Value) ([]byte, error) {
	if v.IsNull() {
		v = s.value
	}
	return s.inner.encode(dst, v)
}

// unionEncoder writes the first field that is not null of the struct that stands for
// a union.
type unionEncoder struct {
	schema *connect.Schema
	inner  []encoder // by field, with the number of the branch
	none   int64     // the branch of null; -1 for none
}

func (s *unionEncoder) encode(dst []byte, v connect.Value) ([]byte, error) {
	st := v.Struct()
	if st == nil && !v.IsNull() {
		return dst, misfit(s.schema, v)
	}
	if st != nil {
		if len(st.Values) != len(s.inner) || st.Schema != s.schema && !st.Schema.Equal(s.schema) {
			return dst, misfit(s.schema, v)
		}
		for i := range st.Values {
			if st.Values[i].IsNull() {
				continue
			}
			out, err := s.inner[i].encode(dst, st.Values[i])
			if err != nil {
				err = inField(err, s.schema.Fields()[i].Name)
			}
			return out, err
		}
	}
	if s.none < 0 {
		return dst, valueErrorf("a union without null has no value")
	}
	return appendLong(dst, s.none), nil
}
