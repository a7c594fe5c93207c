// SPDX-License-Identifier: Apache-2.0

package convert

import (
	"strconv"

	"github.com/connectd/connectd/connect"
)

// numberText is the text of a number as it stood in the document.
func numberText(v connect.Value) string {
	if v.Kind() == connect.KindInt64 {
		return strconv.FormatInt(v.Int(), 10)
	}
	return string(v.Bytes())
}

// mapping reads an object if the keys are strings, else an array of pairs, of
// which a key that is there twice has the last value at the place of the first.
func (r *payloadReader) mapping(a *connect.Arena, s *connect.Schema, v connect.Value) (connect.Value, error) {
	if s.Key().Type() != connect.TypeString {
		return r.pairs(a, s, v)
	}
	if v.Kind() != connect.KindMap {
		return v, payloadErrorf("Maps with string fields should be encoded as JSON objects, but found %s", nodeType(v))
	}
	in := v.Map()
	out := a.Entries(len(in))
	for i := range in {
		e, err := r.value(a, s.Elem(), in[i].Value)
		if err != nil {
			return v, err
		}
		out[i] = connect.MapEntry{Key: in[i].Key, Value: e}
	}
	return connect.Map(out), nil
}

func (r *payloadReader) pairs(a *connect.Arena, s *connect.Schema, v connect.Value) (connect.Value, error) {
	if v.Kind() != connect.KindArray {
		return v, payloadErrorf("Maps with non-string fields should be encoded as JSON array of tuples, but found %s", nodeType(v))
	}
	in := v.Array()
	out := a.Entries(len(in))[:0]
	seen := make(map[string]int, len(in)) // keys by their JSON text
	for i := range in {
		e, err := r.pair(a, s, in[i])
		if err != nil {
			return v, err
		}
		text := string(AppendJSON(nil, e.Key))
		if at, dup := seen[text]; dup {
			out[at].Value = e.Value
			continue
		}
		seen[text] = len(out)
		out = append(out, e)
	}
	return connect.Map(out), nil
}

func (r *payloadReader) pair(a *connect.Arena, s *connect.Schema, v connect.Value) (connect.MapEntry, error) {
	var e connect.MapEntry
	if v.Kind() != connect.KindArray {
		return e, payloadErrorf("Found invalid map entry instead of array tuple: %s", nodeType(v))
	}
	in := v.Array()
	if len(in) != 2 {
		return e, payloadErrorf("Found invalid map entry, expected length 2 but found :%d", len(in))
	}
	var err error
	if e.Key, err = r.value(a, s.Key(), in[0]); err != nil {
		return e, err
	}
	e.Value, err = r.value(a, s.Elem(), in[1])
	return e, err
}
