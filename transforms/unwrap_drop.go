// SPDX-License-Identifier: Apache-2.0

package transforms

import (
	"slices"

	"github.com/connectd/connectd/connect"
)

// fieldDropper removes the fields that a header of the record names.
type fieldDropper struct {
	header       string // "" drops nothing
	fromKey      bool
	optionalOnly bool // only what the schema allows to be absent

	key, value schemaCache[*droppedFields]
	scratch    []byte
}

// droppedFields are the new schemas of one schema, by the list that was dropped. It
// is bounded: the lists come from the records.
type droppedFields struct {
	by map[string]*keptFields
}

const maxDropLists = 256

// apply drops fields from value and key. Of the value, only the first limit fields
// may go.
func (d *fieldDropper) apply(a *connect.Arena, r *connect.Record, limit int) error {
	if d.header == "" {
		return nil
	}
	i := slices.IndexFunc(r.Headers, func(h connect.Header) bool { return h.Key == d.header })
	if i < 0 || r.Headers[i].Value.IsNull() {
		return nil
	}
	list := r.Headers[i].Value
	if list.Kind() != connect.KindArray {
		return connect.DataErrorf("drop fields: header %s is not a list of names, but %s", d.header, list.Kind())
	}
	if list.Len() == 0 {
		return nil
	}
	if st := r.Key.Struct(); d.fromKey && st != nil {
		out, err := d.without(a, st, list.Array(), len(st.Values), &d.key)
		if err != nil {
			return err
		}
		r.Key, r.KeySchema = connect.StructValue(out), out.Schema
	}
	if st := r.Value.Struct(); st != nil {
		out, err := d.without(a, st, list.Array(), limit, &d.value)
		if err != nil {
			return err
		}
		r.Value, r.ValueSchema = connect.StructValue(out), out.Schema
	}
	return nil
}

// without returns a struct without the named fields; the same one if none goes.
func (d *fieldDropper) without(a *connect.Arena, st *connect.Struct, names []connect.Value, limit int, cache *schemaCache[*droppedFields]) (*connect.Struct, error) {
	kept, err := d.kept(st.Schema, names, limit, cache)
	if err != nil || len(kept.from) == len(st.Values) {
		return st, err
	}
	return kept.of(a, st, true), nil
}

func (d *fieldDropper) kept(s *connect.Schema, names []connect.Value, limit int, cache *schemaCache[*droppedFields]) (*keptFields, error) {
	of, ok := cache.get(s)
	if !ok {
		of = &droppedFields{by: map[string]*keptFields{}}
		cache.put(s, of)
	}
	d.scratch = append(d.scratch[:0], byte(limit), byte(limit>>8))
	for _, n := range names {
		d.scratch = append(append(d.scratch, 0), n.Bytes()...)
	}
	if kept := of.by[string(d.scratch)]; kept != nil {
		return kept, nil
	}
	kept, err := d.build(s, names, limit)
	if err != nil {
		return nil, err
	}
	if len(of.by) >= maxDropLists {
		clear(of.by)
	}
	of.by[string(d.scratch)] = kept
	return kept, nil
}

func (d *fieldDropper) build(s *connect.Schema, names []connect.Value, limit int) (*keptFields, error) {
	return keepFields(s, func(name string) (string, bool) {
		f := s.Field(name)
		named := slices.ContainsFunc(names, func(n connect.Value) bool { return n.Str() == name })
		return name, !named || f.Index >= limit || d.optionalOnly && !f.Schema.Optional()
	})
}
