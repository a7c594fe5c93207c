// SPDX-License-Identifier: Apache-2.0

package applyschema

import (
	"fmt"
	"strings"

	"github.com/connectd/connectd/connect"
	schema "github.com/connectd/connectd/connect/avro"
)

// node converts the values of one part of the schema.
type node struct {
	avro   *schema.Schema // without the null of a union
	s      *connect.Schema
	kind   connect.Kind
	expect string // the type, as errors name it

	fields   []field // of a record
	elem     *node   // of an array or map
	branches []node  // of a union of more than null and one type

	precision, scale int32  // of a decimal
	unit             string // logical type of a plain integer or string
}

type field struct {
	name   string
	node   node
	deflt  connect.Value
	filled bool // there is a default, or null is allowed
}

// compile makes the node of an Avro schema and the Connect schema that stands for it.
func compile(a *schema.Schema, s *connect.Schema) (node, error) {
	if a.Type == schema.Union {
		return compileUnion(a, s)
	}
	n := node{avro: a, s: s, kind: connect.KindOf(s), expect: expectation(a, s)}
	n.unit, _ = a.Logical()
	if n.unit == "decimal" {
		p, sc, _ := a.Decimal()
		n.precision, n.scale = int32(p), int32(sc)
	}
	var err error
	switch {
	case a.Type == schema.Record:
		err = n.compileFields()
	case a.Type == schema.Map, a.Type == schema.Array && s.Type() == connect.TypeArray:
		var elem node
		elem, err = compile(a.Elem, s.Elem())
		n.elem = &elem
	case a.Type == schema.Array:
		return n, fmt.Errorf("a map with keys that are no strings cannot be made of values without a schema")
	}
	return n, err
}

func (n *node) compileFields() error {
	for i := range n.avro.Fields {
		f := &n.avro.Fields[i]
		s := n.s.Fields()[i].Schema
		child, err := compile(f.Schema, s)
		if err != nil {
			return fmt.Errorf("field %s: %w", f.Name, err)
		}
		out := field{name: f.Name, node: child, filled: s.Optional()}
		if v, ok := s.Default(); ok {
			out.deflt, out.filled = v, true
		}
		n.fields = append(n.fields, out)
	}
	return nil
}

// compileUnion leaves null to the schema's optionality. The struct that stands for a
// union of several types has a field for each of them.
func compileUnion(a *schema.Schema, s *connect.Schema) (node, error) {
	var rest []*schema.Schema
	var names []string
	for _, b := range a.Union {
		if b.Type != schema.Null {
			rest = append(rest, b)
		}
		names = append(names, b.FullName())
	}
	if len(rest) == 1 && s.Name() != "io.confluent.connect.avro.Union" {
		n, err := compile(rest[0], s)
		n.expect = strings.Join(names, " or ")
		return n, err
	}
	n := node{avro: a, s: s, kind: connect.KindStruct, expect: strings.Join(names, " or ")}
	for i, b := range rest {
		branch, err := compile(b, s.Fields()[i].Schema)
		if err != nil {
			return n, err
		}
		n.branches = append(n.branches, branch)
	}
	return n, nil
}

// expectation is how errors name a type.
func expectation(a *schema.Schema, s *connect.Schema) string {
	text := a.Type.String()
	if a.Type.Named() {
		text += " " + a.FullName()
	}
	if logical, ok := a.Logical(); ok {
		text += " (" + logical + ")"
	}
	switch s.Type() {
	case connect.TypeInt8, connect.TypeInt16:
		text += " (" + s.Type().String() + ")"
	}
	return text
}

// converter walks a value along the plan. It belongs to one task.
type converter struct {
	arena *connect.Arena
	drop  bool
	path  []segment
}

// segment is one step of the way to a value: a field, or an index.
type segment struct {
	name  string
	index int
}

func (c *converter) convert(n *node, v connect.Value) (connect.Value, error) {
	if v.IsNull() {
		if n.s.Optional() {
			return v, nil
		}
		return v, c.wrong(n, v, "")
	}
	switch {
	case n.branches != nil:
		return c.union(n, v)
	case n.kind == connect.KindStruct:
		return c.record(n, v)
	case n.kind == connect.KindArray:
		return c.array(n, v)
	case n.kind == connect.KindMap:
		return c.mapping(n, v)
	}
	out, ok := c.scalar(n, v)
	if !ok {
		return v, c.wrong(n, v, "")
	}
	return out, nil
}

// union takes the first branch that has a value's own type, else the first that it
// can be converted to.
func (c *converter) union(n *node, v connect.Value) (connect.Value, error) {
	depth := len(c.path)
	for _, same := range []bool{true, false} {
		for i := range n.branches {
			b := &n.branches[i]
			if same != (alike(b.kind, v.Kind())) {
				continue
			}
			out, err := c.convert(b, v)
			c.path = c.path[:depth]
			if err == nil {
				st := c.arena.Struct(n.s)
				st.Values[i] = out
				return connect.StructValue(st), nil
			}
		}
	}
	return v, c.wrong(n, v, "")
}

// alike reports whether a value without schema is by itself of a kind.
func alike(want, have connect.Kind) bool {
	switch have {
	case connect.KindInt8, connect.KindInt16, connect.KindInt32, connect.KindInt64:
		return want == connect.KindInt32 || want == connect.KindInt64
	case connect.KindFloat32, connect.KindFloat64:
		return want == connect.KindFloat32 || want == connect.KindFloat64
	case connect.KindMap:
		return want == connect.KindStruct || want == connect.KindMap
	}
	return want == have
}

func (c *converter) array(n *node, v connect.Value) (connect.Value, error) {
	if v.Kind() != connect.KindArray {
		return v, c.wrong(n, v, "")
	}
	in := v.Array()
	out := c.arena.Values(len(in))
	for i := range in {
		c.path = append(c.path, segment{index: i})
		e, err := c.convert(n.elem, in[i])
		if err != nil {
			return v, err
		}
		out[i] = e
		c.path = c.path[:len(c.path)-1]
	}
	return connect.Array(out), nil
}

func (c *converter) mapping(n *node, v connect.Value) (connect.Value, error) {
	if v.Kind() != connect.KindMap {
		return v, c.wrong(n, v, "")
	}
	in := v.Map()
	out := c.arena.Entries(len(in))
	for i := range in {
		if in[i].Key.Kind() != connect.KindString {
			return v, c.wrong(n, in[i].Key, "keys of the map are strings")
		}
		c.path = append(c.path, segment{name: in[i].Key.Str()})
		e, err := c.convert(n.elem, in[i].Value)
		if err != nil {
			return v, err
		}
		out[i] = connect.MapEntry{Key: in[i].Key, Value: e}
		c.path = c.path[:len(c.path)-1]
	}
	return connect.Map(out), nil
}

func (c *converter) record(n *node, v connect.Value) (connect.Value, error) {
	var in members
	switch v.Kind() {
	case connect.KindMap:
		in.entries = v.Map()
	case connect.KindStruct:
		in.st = v.Struct()
	default:
		return v, c.wrong(n, v, "")
	}
	out := c.arena.Struct(n.s)
	taken := 0
	for i := range n.fields {
		f := &n.fields[i]
		have, ok := in.get(f.name, i)
		c.path = append(c.path, segment{name: f.name})
		switch {
		case ok:
			taken++
			e, err := c.convert(&f.node, have)
			if err != nil {
				return v, err
			}
			out.Values[i] = e
		case f.filled:
			out.Values[i] = f.deflt
		default:
			return v, c.wrong(&f.node, connect.Null(), "missing, and the schema has no default for it")
		}
		c.path = c.path[:len(c.path)-1]
	}
	if taken < in.len() && !c.drop {
		return v, c.unknown(n, &in)
	}
	return connect.StructValue(out), nil
}

// members are the fields of a map or a struct.
type members struct {
	entries []connect.MapEntry
	st      *connect.Struct
}

func (m *members) len() int {
	if m.st != nil {
		return len(m.st.Values)
	}
	return len(m.entries)
}

func (m *members) name(i int) string {
	if m.st != nil {
		return m.st.Schema.Fields()[i].Name
	}
	if k := m.entries[i].Key; k.Kind() == connect.KindString {
		return k.Str()
	}
	return ""
}

func (m *members) value(i int) connect.Value {
	if m.st != nil {
		return m.st.Values[i]
	}
	return m.entries[i].Value
}

// get finds a member by name; near is where it most likely stands.
func (m *members) get(name string, near int) (connect.Value, bool) {
	n := m.len()
	if near < n && m.name(near) == name {
		return m.value(near), true
	}
	for i := range n {
		if m.name(i) == name {
			return m.value(i), true
		}
	}
	return connect.Null(), false
}
