// SPDX-License-Identifier: Apache-2.0

package convert

import "github.com/connectd/connectd/connect"

// list reads the elements of a list; its opening bracket has been taken.
func (p *headerParser) list() (typed, error) {
	var values []connect.Value
	var common merger
	for p.more() {
		if p.accept("]") {
			return common.list(values)
		}
		if p.accept(",") {
			return typed{}, errNotComposite
		}
		e, err := p.parse(true)
		if err != nil {
			return typed{}, err
		}
		common.add(e)
		values = append(values, e.value)
		here := p.mark()
		if p.accept("]") {
			p.rewind(here)
		} else if !p.accept(",") {
			return typed{}, errNotComposite
		}
	}
	return typed{}, errNotComposite
}

// mapping reads the entries of a map; its opening brace has been taken.
func (p *headerParser) mapping() (typed, error) {
	var entries []connect.MapEntry
	var keys, values merger
	for p.more() {
		if p.accept("}") {
			return mapOf(&keys, &values, entries)
		}
		if p.accept(",") {
			return typed{}, errNotComposite
		}
		k, err := p.parse(true)
		if err != nil {
			return typed{}, err
		}
		if k.value.IsNull() || !p.accept(":") {
			return typed{}, errNotComposite
		}
		v, err := p.parse(true)
		if err != nil {
			return typed{}, err
		}
		entries = putEntry(entries, k.value, v.value)
		p.accept(",")
		keys.add(k)
		values.add(v)
	}
	return typed{}, errNotComposite
}

func putEntry(entries []connect.MapEntry, k, v connect.Value) []connect.MapEntry {
	for i := range entries {
		if connect.Equal(entries[i].Key, k) {
			entries[i].Value = v
			return entries
		}
	}
	return append(entries, connect.MapEntry{Key: k, Value: v})
}

// merger finds the type that a list's elements have in common: their own, or the
// widest of several types of numbers.
type merger struct {
	common *connect.Schema
	broken bool
}

func (m *merger) add(t typed) {
	if t.schema == nil || m.broken {
		return
	}
	if m.common == nil {
		m.common = t.schema
		return
	}
	m.common = widen(m.common, t.schema)
	m.broken = m.common == nil
}

// width orders the types of numbers; 0 for other types.
var width = map[connect.Type]int{
	connect.TypeInt8: 1, connect.TypeInt16: 2, connect.TypeInt32: 3, connect.TypeInt64: 4,
	connect.TypeFloat32: 5, connect.TypeFloat64: 6,
}

func widen(a, b *connect.Schema) *connect.Schema {
	x, y := width[a.Type()], width[b.Type()]
	switch {
	case a.Type() == b.Type():
		return b
	case x == 0 || y == 0:
		return nil
	case x > y:
		return a
	default:
		return b
	}
}

// list gives a list its schema, and its elements the common type. A null beside
// values of a type makes the text no list at all, as in the original.
func (m *merger) list(values []connect.Value) (typed, error) {
	if m.common == nil {
		return typed{value: connect.Array(values)}, nil
	}
	for i := range values {
		var err error
		if values[i], err = align(m.common, values[i]); err != nil {
			return typed{}, err
		}
	}
	s, err := connect.NewArray(m.common).Build()
	return typed{s, connect.Array(values)}, err
}

func mapOf(keys, values *merger, entries []connect.MapEntry) (typed, error) {
	if keys.common == nil {
		return typed{value: connect.Map(entries)}, nil
	}
	var out []connect.MapEntry
	for _, e := range entries {
		k, err := align(keys.common, e.Key)
		if err != nil {
			return typed{}, err
		}
		v := e.Value
		if values.common != nil {
			if v, err = align(values.common, v); err != nil {
				return typed{}, err
			}
		}
		out = putEntry(out, k, v)
	}
	if values.common == nil {
		return typed{value: connect.Map(out)}, nil
	}
	s, err := connect.NewMap(keys.common, values.common).Build()
	return typed{s, connect.Map(out)}, err
}

// align converts a number to the common type.
func align(s *connect.Schema, v connect.Value) (connect.Value, error) {
	if v.IsNull() {
		return v, errNotComposite
	}
	want := connect.KindOf(s)
	if want == v.Kind() || width[s.Type()] == 0 {
		return v, nil
	}
	if !v.IsInt() && v.Kind() != connect.KindFloat32 && v.Kind() != connect.KindFloat64 {
		return v, errNotComposite // a date beside plain numbers
	}
	f := v.Float()
	if v.IsInt() {
		f = float64(v.Int())
	}
	switch want {
	case connect.KindInt16:
		return connect.Int16(int16(v.Int())), nil
	case connect.KindInt32:
		return connect.Int32(int32(v.Int())), nil
	case connect.KindInt64:
		return connect.Int64(v.Int()), nil
	case connect.KindDate:
		return connect.Date(int32(v.Int())), nil
	case connect.KindTime:
		return connect.Time(int32(v.Int())), nil
	case connect.KindTimestamp:
		return connect.Timestamp(v.Int()), nil
	case connect.KindFloat32:
		return connect.Float32(float32(f)), nil
	default:
		return connect.Float64(f), nil
	}
}
