// SPDX-License-Identifier: Apache-2.0

package expr

import (
	"fmt"

	"github.com/connectd/connectd/connect"
	"github.com/expr-lang/expr/ast"
)

// static is what is known of a node's result before it is worked out.
type static uint8

const (
	anyType static = iota
	nullType
	boolType
	numberType
	textType
	listType
	mapType
	timeType
)

// String completes the sentence "this gives …".
func (s static) String() string {
	return [...]string{"anything", "null", "true or false", "a number", "a text", "an array", "a map", "a timestamp"}[s]
}

// compiled is a node after Compile.
type compiled struct {
	eval     evaluator
	typ      static
	constant bool
	value    connect.Value // if constant
	field    string        // the path in the record, if the node is one
}

// compiler holds what is known while one expression is compiled.
type compiler struct {
	source string
	extra  []string
	vars   []variable
	lets   []string // the names of all variables of the expression, in scope or not
	loops  []loop
	slots  int
}

type variable struct {
	name string
	slot int
	typ  static
}

// loop is where an enclosing predicate finds its element, the index of it, and the
// accumulator of reduce.
type loop struct{ elem, index, acc int }

func (c *compiler) slot() int {
	c.slots++
	return c.slots - 1
}

func constant(v connect.Value, typ static) compiled {
	return compiled{eval: func(*Env) (connect.Value, error) { return v, nil }, typ: typ, constant: true, value: v}
}

func (c *compiler) compile(n ast.Node) (compiled, error) {
	switch n := n.(type) {
	case *ast.NilNode:
		return constant(connect.Null(), nullType), nil
	case *ast.BoolNode:
		return constant(connect.Bool(n.Value), boolType), nil
	case *ast.IntegerNode:
		return constant(connect.Int64(int64(n.Value)), numberType), nil
	case *ast.FloatNode:
		return constant(connect.Float64(n.Value), numberType), nil
	case *ast.StringNode:
		return constant(connect.String(n.Value), textType), nil
	case *ast.BytesNode:
		return constant(connect.Bytes(n.Value), anyType), nil
	case *ast.IdentifierNode:
		return c.identifier(n)
	case *ast.PointerNode:
		return c.pointer(n)
	case *ast.MemberNode:
		return c.member(n)
	case *ast.ChainNode:
		return c.compile(n.Node) // a member of null is null anyway
	case *ast.SliceNode:
		return c.slice(n)
	case *ast.UnaryNode:
		return c.unary(n)
	case *ast.BinaryNode:
		return c.binary(n)
	case *ast.ConditionalNode:
		return c.conditional(n)
	case *ast.VariableDeclaratorNode:
		return c.declare(n)
	case *ast.SequenceNode:
		return c.sequence(n)
	case *ast.ArrayNode:
		return c.array(n)
	case *ast.MapNode:
		return c.mapping(n)
	case *ast.BuiltinNode:
		return c.call(n, n.Name, n.Arguments)
	case *ast.CallNode:
		return c.callNode(n)
	}
	return compiled{}, c.errorf(n, "%T is not part of this language", n)
}

func (c *compiler) all(nodes []ast.Node) ([]compiled, bool, error) {
	out, constant := make([]compiled, len(nodes)), true
	for i, n := range nodes {
		var err error
		if out[i], err = c.compile(n); err != nil {
			return nil, false, err
		}
		constant = constant && out[i].constant
	}
	return out, constant, nil
}

// fold works out a node whose parts are all constant. Its value outlives the arena.
func (c *compiler) fold(in compiled, isConstant bool) (compiled, error) {
	if !isConstant {
		return in, nil
	}
	e := &Env{Record: &connect.Record{}, Arena: new(connect.Arena), vars: make([]connect.Value, c.slots), steps: MaxSteps, memory: MaxMemory}
	v, err := in.eval(e)
	if err != nil {
		return in, err
	}
	return constant(connect.Clone(v), typeOf(v)), nil
}

func typeOf(v connect.Value) static {
	switch v.Kind() {
	case connect.KindNull:
		return nullType
	case connect.KindBool:
		return boolType
	case connect.KindString:
		return textType
	case connect.KindArray:
		return listType
	case connect.KindMap, connect.KindStruct:
		return mapType
	case connect.KindTimestamp:
		return timeType
	}
	if isNumber(v) {
		return numberType
	}
	return anyType
}

func (c *compiler) conditional(n *ast.ConditionalNode) (compiled, error) {
	parts, isConstant, err := c.all([]ast.Node{n.Cond, n.Exp1, n.Exp2})
	if err != nil {
		return compiled{}, err
	}
	if err := c.wantBool(n.Cond, parts[0]); err != nil {
		return compiled{}, err
	}
	cond, yes, no, at := parts[0].eval, parts[1].eval, parts[2].eval, c.place(n.Cond)
	return c.fold(compiled{typ: common(parts[1].typ, parts[2].typ), eval: func(e *Env) (connect.Value, error) {
		v, err := cond(e)
		if err != nil {
			return v, err
		}
		if v.Kind() != connect.KindBool {
			return v, at.fail(notBool(v))
		}
		if v.Bool() {
			return yes(e)
		}
		return no(e)
	}}, isConstant)
}

func notBool(v connect.Value) error {
	return fmt.Errorf("%s is neither true nor false", v.Kind())
}

// wantBool refuses what is known never to be true or false.
func (c *compiler) wantBool(n ast.Node, got compiled) error {
	if got.typ != anyType && got.typ != boolType {
		return c.errorf(n, "true or false is needed, this gives %s", got.typ)
	}
	return nil
}

func (c *compiler) declare(n *ast.VariableDeclaratorNode) (compiled, error) {
	if c.isDeclared(n.Name) {
		return compiled{}, c.errorf(n, "%s is there already: a variable needs another name", n.Name)
	}
	value, err := c.compile(n.Value)
	if err != nil {
		return compiled{}, err
	}
	slot := c.slot()
	c.vars, c.lets = append(c.vars, variable{n.Name, slot, value.typ}), append(c.lets, n.Name)
	rest, err := c.compile(n.Expr)
	c.vars = c.vars[:len(c.vars)-1]
	if err != nil {
		return compiled{}, err
	}
	return compiled{typ: rest.typ, eval: func(e *Env) (connect.Value, error) {
		v, err := value.eval(e)
		if err != nil {
			return v, err
		}
		e.vars[slot] = v
		return rest.eval(e)
	}}, nil
}

func (c *compiler) sequence(n *ast.SequenceNode) (compiled, error) {
	parts, isConstant, err := c.all(n.Nodes)
	if err != nil {
		return compiled{}, err
	}
	last := parts[len(parts)-1]
	return c.fold(compiled{typ: last.typ, eval: func(e *Env) (connect.Value, error) {
		for _, p := range parts[:len(parts)-1] {
			if v, err := p.eval(e); err != nil {
				return v, err
			}
		}
		return last.eval(e)
	}}, isConstant)
}

func (c *compiler) array(n *ast.ArrayNode) (compiled, error) {
	parts, isConstant, err := c.all(n.Nodes)
	if err != nil {
		return compiled{}, err
	}
	at := c.place(n)
	return c.fold(compiled{typ: listType, eval: func(e *Env) (connect.Value, error) {
		out, err := e.values(len(parts))
		if err != nil {
			return connect.Value{}, at.fail(err)
		}
		for i := range parts {
			if out[i], err = parts[i].eval(e); err != nil {
				return connect.Value{}, err
			}
		}
		return connect.Array(out), nil
	}}, isConstant)
}

// mapping makes a map in the order that was written. A key that is there twice keeps
// its first place and its last value.
func (c *compiler) mapping(n *ast.MapNode) (compiled, error) {
	var nodes []ast.Node
	for _, p := range n.Pairs {
		pair, ok := p.(*ast.PairNode)
		if !ok {
			return compiled{}, c.errorf(p, "a map is made of pairs")
		}
		nodes = append(nodes, pair.Key, pair.Value)
	}
	parts, isConstant, err := c.all(nodes)
	if err != nil {
		return compiled{}, err
	}
	for i := 0; i < len(parts); i += 2 {
		if parts[i].typ != anyType && parts[i].typ != textType {
			return compiled{}, c.errorf(nodes[i], "a key of a map is a text, this gives %s", parts[i].typ)
		}
	}
	at := c.place(n)
	return c.fold(compiled{typ: mapType, eval: func(e *Env) (connect.Value, error) {
		v, err := makeMap(e, parts)
		if err != nil {
			return v, at.fail(err)
		}
		return v, nil
	}}, isConstant)
}

func makeMap(e *Env, parts []compiled) (connect.Value, error) {
	out, err := e.entries(len(parts) / 2)
	if err != nil {
		return connect.Value{}, err
	}
	n := 0
	for i := 0; i < len(parts); i += 2 {
		k, err := parts[i].eval(e)
		if err != nil {
			return k, err
		}
		if k.Kind() != connect.KindString {
			return k, fmt.Errorf("a key of a map is a text, this is %s", k.Kind())
		}
		v, err := parts[i+1].eval(e)
		if err != nil {
			return v, err
		}
		n = put(out, n, k, v)
	}
	return connect.Map(out[:n]), nil
}

// put sets a key among the first n entries, or appends it, and returns the new n.
func put(entries []connect.MapEntry, n int, k, v connect.Value) int {
	for i := range entries[:n] {
		if entries[i].Key.Str() == k.Str() && entries[i].Key.Kind() == k.Kind() {
			entries[i].Value = v
			return n
		}
	}
	entries[n] = connect.MapEntry{Key: k, Value: v}
	return n + 1
}
