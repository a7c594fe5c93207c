// SPDX-License-Identifier: Apache-2.0

package expr

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"

	"github.com/connectd/connectd/connect"
	"github.com/expr-lang/expr/ast"
)

// operation is a binary operator on two values.
type operation func(e *Env, a, b connect.Value) (connect.Value, error)

var operations = map[string]struct {
	do  operation
	typ static
}{
	"==": {func(_ *Env, a, b connect.Value) (connect.Value, error) { return connect.Bool(equal(a, b)), nil }, boolType},
	"!=": {func(_ *Env, a, b connect.Value) (connect.Value, error) { return connect.Bool(!equal(a, b)), nil }, boolType},
	"<":  {ordered(func(c int) bool { return c < 0 }), boolType},
	"<=": {ordered(func(c int) bool { return c <= 0 }), boolType},
	">":  {ordered(func(c int) bool { return c > 0 }), boolType},
	">=": {ordered(func(c int) bool { return c >= 0 }), boolType},
	"in": {contained, boolType},

	"contains":   {texts("contains", bytes.Contains), boolType},
	"startsWith": {texts("startsWith", bytes.HasPrefix), boolType},
	"endsWith":   {texts("endsWith", bytes.HasSuffix), boolType},

	"..": {span, listType},
	"+":  {add, anyType},
	"-":  {subtract, anyType},
	"*":  {multiply, numberType},
	"/":  {divide, numberType},
	"%":  {remainder, numberType},
	"**": {power, numberType},
	"^":  {power, numberType},
}

func (c *compiler) binary(n *ast.BinaryNode) (compiled, error) {
	parts, isConstant, err := c.all([]ast.Node{n.Left, n.Right})
	if err != nil {
		return compiled{}, err
	}
	left, right := parts[0], parts[1]
	switch n.Operator {
	case "&&", "and", "||", "or":
		return c.logic(n, left, right)
	case "??":
		return c.fold(compiled{typ: common(left.typ, right.typ), eval: func(e *Env) (connect.Value, error) {
			v, err := left.eval(e)
			if err != nil || !v.IsNull() {
				return v, err
			}
			return right.eval(e)
		}}, isConstant)
	case "matches":
		return c.matches(n, left, right)
	}
	op, known := operations[n.Operator]
	if !known {
		return compiled{}, c.errorf(n, "the operator %s is not part of this language", n.Operator)
	}
	at, do := c.place(n), op.do
	if n.Operator == "==" && right.constant && right.value.Kind() == connect.KindString {
		return equalsText(left, right.value.Str()), nil
	}
	return c.fold(compiled{typ: op.typ, eval: func(e *Env) (connect.Value, error) {
		a, err := left.eval(e)
		if err != nil {
			return a, err
		}
		b, err := right.eval(e)
		if err != nil {
			return b, err
		}
		v, err := do(e, a, b)
		if err != nil {
			return v, at.failOn(err, a, b, left.field, right.field)
		}
		return v, nil
	}}, isConstant)
}

func common(a, b static) static {
	if a == b {
		return a
	}
	return anyType
}

// equalsText is the most frequent condition.
func equalsText(of compiled, want string) compiled {
	return compiled{typ: boolType, eval: func(e *Env) (connect.Value, error) {
		v, err := of.eval(e)
		if err != nil {
			return v, err
		}
		return connect.Bool(v.Kind() == connect.KindString && v.Str() == want), nil
	}}
}

func (c *compiler) logic(n *ast.BinaryNode, left, right compiled) (compiled, error) {
	if err := c.wantBool(n.Left, left); err != nil {
		return left, err
	}
	if err := c.wantBool(n.Right, right); err != nil {
		return right, err
	}
	decides := n.Operator == "||" || n.Operator == "or"
	atLeft, atRight := c.place(n.Left), c.place(n.Right)
	return c.fold(compiled{typ: boolType, eval: func(e *Env) (connect.Value, error) {
		v, err := left.eval(e)
		switch {
		case err != nil:
			return v, err
		case v.Kind() != connect.KindBool:
			return v, atLeft.fail(notBool(v))
		case v.Bool() == decides:
			return v, nil
		}
		if v, err = right.eval(e); err == nil && v.Kind() != connect.KindBool {
			err = atRight.fail(notBool(v))
		}
		return v, err
	}}, left.constant && right.constant)
}

func (c *compiler) unary(n *ast.UnaryNode) (compiled, error) {
	of, err := c.compile(n.Node)
	if err != nil {
		return of, err
	}
	at := c.place(n)
	do, typ := negate, numberType
	switch n.Operator {
	case "!", "not":
		if err := c.wantBool(n.Node, of); err != nil {
			return of, err
		}
		typ = boolType
		do = func(v connect.Value) (connect.Value, error) {
			if v.Kind() != connect.KindBool {
				return v, notBool(v)
			}
			return connect.Bool(!v.Bool()), nil
		}
	case "+":
		do = func(v connect.Value) (connect.Value, error) {
			if !isNumber(v) {
				return v, fmt.Errorf("+ needs a number, this is %s", v.Kind())
			}
			return v, nil
		}
	}
	return c.fold(compiled{typ: typ, eval: func(e *Env) (connect.Value, error) {
		v, err := of.eval(e)
		if err != nil {
			return v, err
		}
		if v, err = do(v); err != nil {
			return v, at.fail(err)
		}
		return v, nil
	}}, of.constant)
}

// maxPattern bounds the patterns of matches; Go's matcher is linear in the text.
const maxPattern = 1000

func (c *compiler) matches(n *ast.BinaryNode, left, right compiled) (compiled, error) {
	at := c.place(n)
	var last string
	var re *regexp.Regexp
	compileLast := func(v connect.Value) error {
		switch {
		case v.Kind() != connect.KindString:
			return fmt.Errorf("matches needs a text as its pattern, this is %s", v.Kind())
		case re != nil && v.Str() == last:
			return nil
		case v.Len() > maxPattern:
			return fmt.Errorf("the pattern has %d bytes, at most %d", v.Len(), maxPattern)
		}
		last = strings.Clone(v.Str())
		var err error
		if re, err = regexp.Compile(last); err != nil {
			return fmt.Errorf("the pattern is not valid: %s", strings.TrimPrefix(err.Error(), "error parsing regexp: "))
		}
		return nil
	}
	if right.constant {
		if err := compileLast(right.value); err != nil {
			return right, at.fail(err)
		}
	}
	return c.fold(compiled{typ: boolType, eval: func(e *Env) (connect.Value, error) {
		v, err := left.eval(e)
		if err != nil || v.IsNull() {
			return connect.Bool(false), err
		}
		pattern, err := right.eval(e)
		if err != nil {
			return pattern, err
		}
		if err := compileLast(pattern); err != nil {
			return v, at.fail(err)
		}
		if v.Kind() != connect.KindString {
			return v, at.fail(fmt.Errorf("matches needs a text, this is %s", v.Kind()))
		}
		return connect.Bool(re.Match(v.Bytes())), nil
	}}, left.constant && right.constant)
}

func (c *compiler) slice(n *ast.SliceNode) (compiled, error) {
	parts := [3]compiled{{}, constant(connect.Null(), nullType), constant(connect.Null(), nullType)}
	isConstant := true
	for i, node := range []ast.Node{n.Node, n.From, n.To} {
		if node == nil {
			continue
		}
		var err error
		if parts[i], err = c.compile(node); err != nil {
			return compiled{}, err
		}
		isConstant = isConstant && parts[i].constant
	}
	at := c.place(n)
	return c.fold(compiled{typ: parts[0].typ, eval: func(e *Env) (connect.Value, error) {
		var v [3]connect.Value
		for i := range v {
			var err error
			if v[i], err = parts[i].eval(e); err != nil {
				return v[i], err
			}
		}
		out, err := sliceOf(v[0], v[1], v[2])
		if err != nil {
			return out, at.fail(err)
		}
		return out, nil
	}}, isConstant)
}

// sliceOf takes items from one index to before another; indexes beyond the ends mean
// the ends.
func sliceOf(v, from, to connect.Value) (connect.Value, error) {
	if k := v.Kind(); k != connect.KindArray && k != connect.KindString && k != connect.KindBytes {
		if v.IsNull() {
			return v, nil
		}
		return v, fmt.Errorf("%s cannot be sliced", k)
	}
	n := itemCount(v)
	i, err := bound(from, n, 0)
	if err != nil {
		return v, err
	}
	j, err := bound(to, n, n)
	if err != nil {
		return v, err
	}
	i = min(i, j)
	switch v.Kind() {
	case connect.KindArray:
		return connect.Array(v.Array()[i:j]), nil
	case connect.KindBytes:
		return connect.Bytes(v.Bytes()[i:j]), nil
	default:
		return sliceText(v, i, j), nil
	}
}

func bound(v connect.Value, n, missing int) (int, error) {
	if v.IsNull() {
		return missing, nil
	}
	if !v.IsInt() {
		return 0, fmt.Errorf("an index is an integer, this is %s", v.Kind())
	}
	i := v.Int()
	if i < 0 {
		i += int64(n)
	}
	return int(max(0, min(i, int64(n)))), nil
}
