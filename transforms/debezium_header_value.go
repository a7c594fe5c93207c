// SPDX-License-Identifier: Apache-2.0

package transforms

import (
	"fmt"
	"slices"
	"strings"

	"github.com/connectd/connectd/connect"
)

// headerToValuePlugin introduces HeaderToValue.
func headerToValuePlugin() connect.TransformPlugin {
	return connect.TransformPlugin{
		PluginInfo: connect.PluginInfo{
			Class: "io.debezium.transforms.HeaderToValue",
			Doc:   "Copies or moves headers into fields of the value.",
			Config: connect.Define(
				connect.ConfigKey{Name: "headers", Type: connect.TypeConfigList, Required: true, Check: connect.NonEmpty, Importance: connect.ImportanceHigh,
					Doc: "The names of the headers."},
				connect.ConfigKey{Name: "fields", Type: connect.TypeConfigList, Required: true, Check: connect.NonEmpty, Importance: connect.ImportanceHigh,
					Doc: "The names of the fields, in the order of the headers. Dots lead to nested structs, which are made where they are missing."},
				connect.ConfigKey{Name: "operation", Type: connect.TypeConfigString, Required: true, Check: connect.OneOf("move", "copy"), Importance: connect.ImportanceHigh,
					Doc: "move removes the headers, copy leaves them."},
			),
			Validate: func(c connect.Config) connect.ConfigErrors {
				if len(c.List("fields")) != len(c.List("headers")) {
					return connect.ConfigErrors{{Key: "fields", Text: "'fields' config must have the same number of elements as 'headers' config."}}
				}
				return nil
			},
		},
		New: func(t connect.TransformContext) (connect.Transform, error) {
			h := &headerToValue{headers: t.Config.List("headers"), move: strings.EqualFold(t.Config.String("operation"), "move")}
			for _, f := range t.Config.List("fields") {
				h.paths = append(h.paths, strings.Split(f, "."))
			}
			return h, nil
		},
	}
}

// headerToValue is HeaderToValue as of Debezium 3.7. Unlike the original, it makes a
// new schema also for other headers on a schema that it knows, and leaves optional
// what it adds fields to.
type headerToValue struct {
	headers []string
	paths   [][]string
	move    bool

	known schemaCache[*[]headerInsertion]
	found []foundHeader
}

// foundHeader is a header of the record that is configured.
type foundHeader struct {
	which  int // of headers and paths
	schema *connect.Schema
}

// headerInsertion is what becomes of values of one schema with such headers.
type headerInsertion struct {
	found []foundHeader
	root  *insertNode
}

// Apply adds the fields. Tombstones, and records without any of the headers, pass.
func (h *headerToValue) Apply(c *connect.Context, r *connect.Record, emit connect.Emit) error {
	if r.Value.IsNull() {
		emit(r)
		return nil
	}
	st, err := requireStruct(r.Value, "header field insertion")
	if err != nil {
		return err
	}
	values := c.Arena.Values(len(r.Headers))[:0]
	h.found = h.found[:0]
	for i := range r.Headers {
		if which := slices.Index(h.headers, r.Headers[i].Key); which >= 0 {
			h.found = append(h.found, foundHeader{which, r.Headers[i].Schema})
			values = append(values, r.Headers[i].Value)
		}
	}
	if len(values) == 0 {
		emit(r)
		return nil
	}
	root, err := h.plan(st.Schema)
	if err != nil {
		return err
	}
	out := root.fill(c.Arena, st, values)
	r.Value, r.ValueSchema = connect.StructValue(out), out.Schema
	if h.move {
		kept := c.Arena.Headers(len(r.Headers))[:0]
		for _, header := range r.Headers {
			if !slices.Contains(h.headers, header.Key) {
				kept = append(kept, header)
			}
		}
		r.Headers = kept
	}
	emit(r)
	return nil
}

// plan finds or makes the new schema for the headers that were found.
func (h *headerToValue) plan(s *connect.Schema) (*insertNode, error) {
	plans, ok := h.known.get(s)
	if !ok {
		plans = &[]headerInsertion{}
		h.known.put(s, plans)
	}
	for i := range *plans {
		if slices.Equal((*plans)[i].found, h.found) {
			return (*plans)[i].root, nil
		}
	}
	var all []insertedField
	for i, f := range h.found {
		if f.schema == nil {
			return nil, connect.DataErrorf("insert header: header %s has no schema", h.headers[f.which])
		}
		all = append(all, insertedField{h.paths[f.which], f.schema, i})
	}
	root, err := newInsertNode(s, basics(s), all)
	if err != nil {
		return nil, err
	}
	if len(*plans) >= maxSchemas {
		*plans = nil
	}
	*plans = append(*plans, headerInsertion{slices.Clone(h.found), root})
	return root, nil
}

// insertedField is a field to add: where, and which of the values.
type insertedField struct {
	path   []string
	schema *connect.Schema
	value  int
}

// insertNode is a struct that fields are added to.
type insertNode struct {
	schema *connect.Schema
	old    []connect.Field // none for a struct that is made
	sets   []insertedAt
	below  []insertedBelow
}

type insertedAt struct{ field, value int }

type insertedBelow struct {
	field int
	node  *insertNode
	made  bool // the struct was not there
}

// newInsertNode plans the additions to a struct, whose new schema is begun; s is nil
// for one that is made.
func newInsertNode(s *connect.Schema, b *connect.Builder, added []insertedField) (*insertNode, error) {
	n := &insertNode{}
	if s != nil {
		n.old = s.Fields()
	}
	below, order := map[string][]insertedField{}, []string(nil)
	for _, f := range added {
		if len(f.path) == 1 {
			continue
		}
		if below[f.path[0]] == nil {
			order = append(order, f.path[0])
		}
		below[f.path[0]] = append(below[f.path[0]], insertedField{f.path[1:], f.schema, f.value})
	}
	places := map[string]int{}
	add := func(name string, s *connect.Schema) {
		places[name] = len(places)
		b.Field(name, s)
	}
	for _, f := range n.old {
		if below[f.Name] == nil {
			add(f.Name, f.Schema)
			continue
		}
		if f.Schema.Type() != connect.TypeStruct {
			return nil, &connect.DataError{Class: debeziumException, Field: f.Name, Err: fmt.Errorf("insert header: field %s is a %s, not a struct", f.Name, f.Schema.Type())}
		}
		node, err := newInsertNode(f.Schema, connect.Like(f.Schema, true), below[f.Name])
		if err != nil {
			return nil, err
		}
		add(f.Name, node.schema)
		n.below = append(n.below, insertedBelow{places[f.Name], node, false})
	}
	if err := n.addNew(added, below, order, places, add); err != nil {
		return nil, err
	}
	var err error
	n.schema, err = buildSchema(b, "insert header")
	return n, err
}

// addNew adds the fields that are new, then the structs that are made.
func (n *insertNode) addNew(added []insertedField, below map[string][]insertedField, order []string, places map[string]int, add func(string, *connect.Schema)) error {
	for _, f := range added {
		if len(f.path) > 1 {
			continue
		}
		place, there := places[f.path[0]]
		if !there {
			add(f.path[0], f.schema)
		}
		if there && place < len(n.old) && connect.KindOf(n.old[place].Schema) != connect.KindOf(f.schema) {
			return connect.DataErrorf("insert header: field %s is a %s, the header a %s", f.path[0], n.old[place].Schema, f.schema)
		}
		n.sets = append(n.sets, insertedAt{places[f.path[0]], f.value})
	}
	for _, name := range order {
		if _, there := places[name]; there {
			continue
		}
		node, err := newInsertNode(nil, connect.NewStruct("").Optional(), below[name])
		if err != nil {
			return err
		}
		add(name, node.schema)
		n.below = append(n.below, insertedBelow{places[name], node, true})
	}
	return nil
}

// fill makes the new struct; st is nil for one that was not there.
func (n *insertNode) fill(a *connect.Arena, st *connect.Struct, values []connect.Value) *connect.Struct {
	out := a.Struct(n.schema)
	for i := range n.old {
		out.Values[i] = orDefault(&n.old[i], st.Values[i], true)
	}
	for _, b := range n.below {
		inner := out.Values[b.field].Struct()
		if b.made || inner != nil {
			out.Values[b.field] = connect.StructValue(b.node.fill(a, inner, values))
		}
	}
	for _, s := range n.sets {
		out.Values[s.field] = values[s.value]
	}
	return out
}
