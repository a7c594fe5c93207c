// SPDX-License-Identifier: Apache-2.0

package expr

import (
	"fmt"
	"slices"
	"strings"

	"github.com/connectd/connectd/connect"
	"github.com/expr-lang/expr/ast"
)

// names are those of every expression.
var names = []string{"value", "key", "topic", "partition", "offset", "timestamp", "headers"}

func (c *compiler) isDeclared(name string) bool {
	return slices.Contains(names, name) || slices.Contains(c.extra, name)
}

func (c *compiler) variable(name string) *variable {
	for i := len(c.vars) - 1; i >= 0; i-- {
		if c.vars[i].name == name {
			return &c.vars[i]
		}
	}
	return nil
}

func (c *compiler) identifier(n *ast.IdentifierNode) (compiled, error) {
	if v := c.variable(n.Value); v != nil {
		slot := v.slot
		return compiled{typ: v.typ, eval: func(e *Env) (connect.Value, error) { return e.vars[slot], nil }}, nil
	}
	if i := slices.Index(c.extra, n.Value); i >= 0 {
		return compiled{eval: func(e *Env) (connect.Value, error) { return e.Extra[i], nil }}, nil
	}
	switch n.Value {
	case "value":
		return compiled{eval: func(e *Env) (connect.Value, error) { return e.Record.Value, nil }}, nil
	case "key":
		return compiled{field: "key", eval: func(e *Env) (connect.Value, error) { return e.Record.Key, nil }}, nil
	case "topic":
		return compiled{typ: textType, eval: func(e *Env) (connect.Value, error) { return connect.String(e.Record.Topic), nil }}, nil
	case "partition":
		return compiled{eval: partition}, nil
	case "offset":
		return compiled{typ: numberType, eval: func(e *Env) (connect.Value, error) { return connect.Int64(e.Record.Offset), nil }}, nil
	case "timestamp":
		return compiled{eval: timestamp}, nil
	case "headers":
		at := c.place(n)
		return compiled{typ: mapType, eval: func(e *Env) (connect.Value, error) {
			v, err := headers(e)
			if err != nil {
				return v, at.fail(err)
			}
			return v, nil
		}}, nil
	}
	return c.bareField(n)
}

func partition(e *Env) (connect.Value, error) {
	if e.Record.Partition == connect.NoPartition {
		return connect.Null(), nil
	}
	return connect.Int32(e.Record.Partition), nil
}

func timestamp(e *Env) (connect.Value, error) {
	if e.Record.Timestamp == connect.NoTimestamp {
		return connect.Null(), nil
	}
	return connect.Int64(e.Record.Timestamp), nil
}

// bareField is a field of the value without "value." before it. A name that could be
// a slip of a declared one is refused: it would read as null for ever.
func (c *compiler) bareField(n *ast.IdentifierNode) (compiled, error) {
	if n.Value == "$env" {
		return compiled{}, c.errorf(n, "$env is not available: name what is needed")
	}
	declared := slices.Concat(names, c.extra)
	for _, v := range c.vars {
		declared = append(declared, v.name)
	}
	for _, d := range declared {
		if oneSlip(n.Value, d) {
			return compiled{}, c.errorf(n, "unknown name %s: did you mean %s? A field of that name is value.%s", n.Value, d, n.Value)
		}
	}
	return memberOf(compiled{eval: func(e *Env) (connect.Value, error) { return e.Record.Value, nil }}, n.Value, n.Value, c.place(n)), nil
}

// oneSlip reports whether a is b with one character more, less or other, or with two
// neighbours exchanged. Names of one or two characters are too short to tell.
func oneSlip(a, b string) bool {
	if len(a) > len(b) {
		a, b = b, a
	}
	if len(b)-len(a) > 1 || len(a) < 3 || a == b {
		return false
	}
	i := 0
	for i < len(a) && a[i] == b[i] {
		i++
	}
	if len(a) < len(b) {
		return a[i:] == b[i+1:]
	}
	return a[i+1:] == b[i+1:] || i+1 < len(a) && a[i] == b[i+1] && a[i+1] == b[i] && a[i+2:] == b[i+2:]
}

func (c *compiler) pointer(n *ast.PointerNode) (compiled, error) {
	if len(c.loops) == 0 {
		return compiled{}, c.errorf(n, "# stands for an element of a loop, and there is none here")
	}
	l := c.loops[len(c.loops)-1]
	slot := l.elem
	switch n.Name {
	case "":
	case "index":
		slot = l.index
	case "acc":
		if l.acc < 0 {
			return compiled{}, c.errorf(n, "#acc is there in reduce only")
		}
		slot = l.acc
	default:
		return compiled{}, c.errorf(n, "unknown name #%s: there are #, #index and, in reduce, #acc", n.Name)
	}
	return compiled{eval: func(e *Env) (connect.Value, error) { return e.vars[slot], nil }}, nil
}

func (c *compiler) member(n *ast.MemberNode) (compiled, error) {
	if id, ok := n.Node.(*ast.IdentifierNode); ok && id.Value == "headers" {
		return c.header(n)
	}
	of, err := c.compile(n.Node)
	if err != nil {
		return of, err
	}
	at := c.place(n)
	if name, ok := n.Property.(*ast.StringNode); ok {
		out := memberOf(of, name.Value, c.pathOf(n), at)
		return c.fold(out, of.constant)
	}
	index, err := c.compile(n.Property)
	if err != nil {
		return index, err
	}
	return c.fold(compiled{eval: func(e *Env) (connect.Value, error) {
		v, err := of.eval(e)
		if err != nil {
			return v, err
		}
		i, err := index.eval(e)
		if err != nil {
			return i, err
		}
		if v, err = itemOf(v, i); err != nil {
			return v, at.fail(err)
		}
		return v, nil
	}}, of.constant && index.constant)
}

// memberOf reads a member by a name that is known. The place of the field in the
// last schema is kept: records of one topic mostly have one schema.
func memberOf(of compiled, name, path string, at *place) compiled {
	var schema *connect.Schema
	var field int
	return compiled{field: path, eval: func(e *Env) (connect.Value, error) {
		v, err := of.eval(e)
		if err != nil {
			return v, err
		}
		switch v.Kind() {
		case connect.KindStruct:
			st := v.Struct()
			if st.Schema != schema {
				schema, field = st.Schema, -1
				if f := schema.Field(name); f != nil {
					field = f.Index
				}
			}
			if field < 0 {
				return connect.Null(), nil
			}
			return st.Values[field], nil
		case connect.KindMap:
			v, _ = v.Get(name)
			return v, nil
		case connect.KindNull:
			return v, nil
		}
		return v, at.fail(fmt.Errorf("%s has no member %s", v.Kind(), name))
	}}
}

// itemOf reads a member or element by a value.
func itemOf(v, i connect.Value) (connect.Value, error) {
	switch v.Kind() {
	case connect.KindNull:
		return v, nil
	case connect.KindArray, connect.KindString:
		at, err := indexOf(i, itemCount(v))
		if err != nil {
			return v, err
		}
		if v.Kind() == connect.KindArray {
			return v.Array()[at], nil
		}
		return sliceText(v, at, at+1), nil
	case connect.KindMap:
		for _, e := range v.Map() {
			if equal(e.Key, i) {
				return e.Value, nil
			}
		}
		return connect.Null(), nil
	case connect.KindStruct:
		if i.Kind() != connect.KindString {
			return v, fmt.Errorf("a struct has no member %s", i.Kind())
		}
		v, _ = v.Get(i.Str())
		return v, nil
	}
	return v, fmt.Errorf("%s has no members", v.Kind())
}

// indexOf checks an index into n items; negative ones count from the end.
func indexOf(i connect.Value, n int) (int, error) {
	if !i.IsInt() {
		return 0, fmt.Errorf("an index is an integer, this is %s", i.Kind())
	}
	at := i.Int()
	if at < 0 {
		at += int64(n)
	}
	if at < 0 || at >= int64(n) {
		return 0, fmt.Errorf("index %d is out of range: there are %d", i.Int(), n)
	}
	return int(at), nil
}

// header reads the last header of a name, as the original's lastWithName.
func (c *compiler) header(n *ast.MemberNode) (compiled, error) {
	name, err := c.compile(n.Property)
	if err != nil {
		return name, err
	}
	return compiled{field: c.pathOf(n), eval: func(e *Env) (connect.Value, error) {
		k, err := name.eval(e)
		if err != nil {
			return k, err
		}
		for i := len(e.Record.Headers) - 1; i >= 0; i-- {
			if h := &e.Record.Headers[i]; k.Kind() == connect.KindString && h.Key == k.Str() {
				return h.Value, nil
			}
		}
		return connect.Null(), nil
	}}, nil
}

// headers makes a map of all headers; of several with one name the last counts.
func headers(e *Env) (connect.Value, error) {
	in := e.Record.Headers
	if err := e.visit(len(in) * len(in)); err != nil {
		return connect.Value{}, err
	}
	out, err := e.entries(len(in))
	if err != nil {
		return connect.Value{}, err
	}
	n := 0
	for _, h := range in {
		n = put(out, n, connect.String(h.Key), h.Value)
	}
	return connect.Map(out[:n]), nil
}

// pathOf returns the path of a node in the record, and "" if it is not one.
func (c *compiler) pathOf(n ast.Node) string {
	switch n := n.(type) {
	case *ast.ChainNode:
		return c.pathOf(n.Node)
	case *ast.IdentifierNode:
		switch {
		case slices.Contains(c.lets, n.Value) || slices.Contains(c.extra, n.Value) || n.Value == "value":
			return ""
		case n.Value == "key" || n.Value == "headers" || !slices.Contains(names, n.Value):
			return n.Value
		}
	case *ast.MemberNode:
		name, ok := n.Property.(*ast.StringNode)
		if !ok || n.Method {
			return ""
		}
		if id, ok := n.Node.(*ast.IdentifierNode); ok && id.Value == "value" {
			return name.Value
		}
		if of := c.pathOf(n.Node); of != "" {
			return of + "." + name.Value
		}
	}
	return ""
}

// firstField is the first path below a node.
func (c *compiler) firstField(n ast.Node) string {
	if all := c.fieldsOf(n); len(all) > 0 {
		return all[0]
	}
	return ""
}

// fieldsOf lists the paths below a node in the order of the text, each once. Only the
// longest path of a chain counts.
func (c *compiler) fieldsOf(n ast.Node) []string {
	var out []string
	walk(n, func(n ast.Node) bool {
		path := c.pathOf(n)
		if path == "" || path == "headers" {
			return true
		}
		if !slices.Contains(out, path) {
			out = append(out, path)
		}
		return false
	})
	return out
}

// walk visits nodes from the root in the order of the text; fn returns whether to
// go on below.
func walk(n ast.Node, fn func(ast.Node) bool) {
	if n == nil || !fn(n) {
		return
	}
	for _, child := range children(n) {
		walk(child, fn)
	}
}

func children(n ast.Node) []ast.Node {
	switch n := n.(type) {
	case *ast.UnaryNode:
		return []ast.Node{n.Node}
	case *ast.BinaryNode:
		return []ast.Node{n.Left, n.Right}
	case *ast.ChainNode:
		return []ast.Node{n.Node}
	case *ast.MemberNode:
		return []ast.Node{n.Node, n.Property}
	case *ast.SliceNode:
		return []ast.Node{n.Node, n.From, n.To}
	case *ast.CallNode:
		if method, ok := n.Callee.(*ast.MemberNode); ok {
			return append([]ast.Node{method.Node}, n.Arguments...)
		}
		return n.Arguments
	case *ast.BuiltinNode:
		return n.Arguments
	case *ast.PredicateNode:
		return []ast.Node{n.Node}
	case *ast.ConditionalNode:
		return []ast.Node{n.Cond, n.Exp1, n.Exp2}
	case *ast.VariableDeclaratorNode:
		return []ast.Node{n.Value, n.Expr}
	case *ast.SequenceNode:
		return n.Nodes
	case *ast.ArrayNode:
		return n.Nodes
	case *ast.MapNode:
		return n.Pairs
	case *ast.PairNode:
		return []ast.Node{n.Key, n.Value}
	}
	return nil
}

// plainName is the declared name that the whole expression consists of.
func (c *compiler) plainName(n ast.Node) string {
	if id, ok := n.(*ast.IdentifierNode); ok && c.isDeclared(id.Value) {
		return strings.Clone(id.Value)
	}
	return ""
}
