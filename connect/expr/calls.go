// SPDX-License-Identifier: Apache-2.0

package expr

import (
	"fmt"
	"slices"

	"github.com/connectd/connectd/connect"
	"github.com/expr-lang/expr/ast"
)

// function is a function of the language. least and most are the numbers of its
// arguments; most -1 is any number.
type function struct {
	least, most int
	typ         static
	call        func(e *Env, args []connect.Value) (connect.Value, error)
}

// refused are functions of expr-lang whose answer is not the same twice, or that
// have no meaning here.
var refused = map[string]string{
	"now":      "its answer differs each time, so a replay would differ: use timestamp, the time of the record",
	"timezone": "name the time zone in date(text, layout, zone) instead",
}

// lookFunction finds a function by name in the tables.
func lookFunction(name string) (function, bool) {
	for _, table := range tables {
		if f, ok := table[name]; ok {
			return f, true
		}
	}
	return function{}, false
}

var tables = []map[string]function{textFunctions, numberFunctions, listFunctions, mapFunctions, conversions, timeFunctions}

func functionNames() []string {
	var all []string
	for _, table := range tables {
		for name := range table {
			all = append(all, name)
		}
	}
	for name := range loopTypes {
		all = append(all, name)
	}
	slices.Sort(all)
	return all
}

func (c *compiler) callNode(n *ast.CallNode) (compiled, error) {
	switch callee := n.Callee.(type) {
	case *ast.IdentifierNode:
		return c.call(n, callee.Value, n.Arguments)
	case *ast.MemberNode:
		return c.method(n, callee)
	}
	return compiled{}, c.errorf(n, "only functions can be called")
}

func (c *compiler) call(n ast.Node, name string, nodes []ast.Node) (compiled, error) {
	if why, ok := refused[name]; ok {
		return compiled{}, c.errorf(n, "%s() is refused: %s", name, why)
	}
	if typ, ok := loopTypes[name]; ok && (len(nodes) > 1 || typ.bare == "") {
		return c.loop(n, name, nodes)
	}
	f, ok := lookFunction(name)
	if !ok {
		return compiled{}, c.unknownFunction(n, name)
	}
	if len(nodes) < f.least || f.most >= 0 && len(nodes) > f.most {
		return compiled{}, c.errorf(n, "%s() takes %s, this has %d", name, f.arity(), len(nodes))
	}
	parts, isConstant, err := c.all(nodes)
	if err != nil {
		return compiled{}, err
	}
	at := c.place(n)
	return c.fold(compiled{typ: f.typ, eval: func(e *Env) (connect.Value, error) {
		return invoke(e, f.call, parts, name, at)
	}}, isConstant)
}

// invoke works out the arguments on the stack of the Env and calls the function.
func invoke(e *Env, call func(*Env, []connect.Value) (connect.Value, error), parts []compiled, name string, at *place) (connect.Value, error) {
	base := len(e.args)
	for i := range parts {
		v, err := parts[i].eval(e)
		if err != nil {
			return v, err
		}
		e.args = append(e.args, v)
	}
	v, err := call(e, e.args[base:])
	e.args = e.args[:base]
	if err != nil {
		return v, at.fail(fmt.Errorf("%s(): %w", name, err))
	}
	return v, nil
}

func (f *function) arity() string {
	switch {
	case f.most < 0:
		return fmt.Sprintf("%d arguments or more", f.least)
	case f.least == f.most && f.least == 1:
		return "1 argument"
	case f.least == f.most:
		return fmt.Sprintf("%d arguments", f.least)
	}
	return fmt.Sprintf("%d to %d arguments", f.least, f.most)
}

func (c *compiler) unknownFunction(n ast.Node, name string) error {
	if near := connect.Nearest(name, functionNames()); near != "" {
		return c.errorf(n, "unknown function %s(): did you mean %s()?", name, near)
	}
	return c.errorf(n, "unknown function %s()", name)
}

// method is a call behind a point: there are some on timestamps.
func (c *compiler) method(n *ast.CallNode, callee *ast.MemberNode) (compiled, error) {
	name, ok := callee.Property.(*ast.StringNode)
	if !ok {
		return compiled{}, c.errorf(n, "only functions can be called")
	}
	m, ok := methods[name.Value]
	if !ok {
		if _, isFunction := lookFunction(name.Value); isFunction {
			return compiled{}, c.errorf(n, "unknown method %s: write %s(x), or x | %s()", name.Value, name.Value, name.Value)
		}
		if near := connect.Nearest(name.Value, methodNames()); near != "" {
			return compiled{}, c.errorf(n, "unknown method %s: did you mean %s?", name.Value, near)
		}
		return compiled{}, c.errorf(n, "unknown method %s", name.Value)
	}
	if len(n.Arguments) != m.least {
		return compiled{}, c.errorf(n, "%s() takes %d arguments, this has %d", name.Value, m.least, len(n.Arguments))
	}
	parts, isConstant, err := c.all(append([]ast.Node{callee.Node}, n.Arguments...))
	if err != nil {
		return compiled{}, err
	}
	at := c.place(n)
	return c.fold(compiled{typ: m.typ, eval: func(e *Env) (connect.Value, error) {
		return invoke(e, m.call, parts, name.Value, at)
	}}, isConstant)
}
