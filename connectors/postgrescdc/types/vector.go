// SPDX-License-Identifier: Apache-2.0

package types

import (
	"bytes"
	"math"

	"github.com/connectd/connectd/connect"
)

// vectorForm is the form of vector and halfvec of pgvector: an array of required floats.
func vectorForm(name string, bits uint8) form {
	elem := connect.Float64Schema
	if bits == 32 {
		elem = connect.Float32Schema
	}
	return form{
		begin:   func() *connect.Builder { return connect.NewArray(elem).Name(name).Version(1) },
		decoder: vector{elem: float{bits: bits}},
	}
}

// sparseVectorForm is the form of sparsevec.
func sparseVectorForm() form {
	f := structForm(connect.NewStruct("io.debezium.data.SparseDoubleVector").Version(1).Doc("Sparse double vector").
		Field("dimensions", connect.Int16Schema).
		Field("vector", connect.NewMap(connect.Int16Schema, connect.Float64Schema).MustBuild()),
		func(s *connect.Schema) decoder { return sparseVector{schema: s} })
	f.hasBinary = false
	return f
}

const (
	errVector       = malformed("must be a vector as [1,2,3]")
	errSparseVector = malformed("must be a sparse vector as {1:1.5,3:2}/5")
	errSparseIndex  = unfit("has an index or a dimension beyond 16 bits")
)

// vector reads [1,2,3].
type vector struct {
	noBinary
	elem float
}

func (d vector) text(a *connect.Arena, data []byte) (connect.Value, error) {
	if len(data) < 3 || data[0] != '[' || data[len(data)-1] != ']' {
		return connect.Null(), errVector
	}
	rest := data[1 : len(data)-1]
	values := a.Values(bytes.Count(rest, []byte(",")) + 1)
	for i := range values {
		word, after, _ := bytes.Cut(rest, []byte(","))
		f, err := parseFloat(word, int(d.elem.bits))
		if err != nil {
			return connect.Null(), err
		}
		values[i], rest = d.elem.value(f), after
	}
	return connect.Array(values), nil
}

// sparseVector reads {index:value,…}/dimensions.
type sparseVector struct {
	noBinary
	schema *connect.Schema
}

func (d sparseVector) text(a *connect.Arena, data []byte) (connect.Value, error) {
	body, size, ok := bytes.Cut(data, []byte("/"))
	if !ok || len(body) < 2 || body[0] != '{' || body[len(body)-1] != '}' {
		return connect.Null(), errSparseVector
	}
	dimensions, err := shortIndex(size)
	if err != nil {
		return connect.Null(), err
	}
	entries, err := sparseEntries(a, body[1:len(body)-1])
	if err != nil {
		return connect.Null(), err
	}
	st := a.Struct(d.schema)
	st.Values[0], st.Values[1] = dimensions, connect.Map(entries)
	return connect.StructValue(st), nil
}

func sparseEntries(a *connect.Arena, data []byte) ([]connect.MapEntry, error) {
	if len(data) == 0 {
		return nil, nil
	}
	entries := a.Entries(bytes.Count(data, []byte(",")) + 1)
	for i := range entries {
		word, after, _ := bytes.Cut(data, []byte(","))
		index, value, ok := bytes.Cut(word, []byte(":"))
		if !ok {
			return nil, errSparseVector
		}
		key, err := shortIndex(index)
		if err != nil {
			return nil, err
		}
		f, err := parseFloat(value, 64)
		if err != nil {
			return nil, err
		}
		entries[i], data = connect.MapEntry{Key: key, Value: connect.Float64(f)}, after
	}
	return entries, nil
}

func shortIndex(data []byte) (connect.Value, error) {
	n, err := parseInt(data)
	if err != nil {
		return connect.Null(), err
	}
	if n < 0 || n > math.MaxInt16 {
		return connect.Null(), errSparseIndex
	}
	return connect.Int16(int16(n)), nil
}
