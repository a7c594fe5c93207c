// SPDX-License-Identifier: Apache-2.0

package expr

import (
	"fmt"
	"slices"

	"github.com/connectd/connectd/connect"
	"github.com/expr-lang/expr/ast"
)

// loopTypes are the functions that take a predicate. bare names the function that
// stands for one without its predicate, if it may be left out.
var loopTypes = map[string]struct {
	typ  static
	bare string
	run  func(e *Env, l *looping) (connect.Value, error)
	// cond says that the predicate gives true or false.
	cond bool
}{
	"all":           {boolType, "", runQuantifier, true},
	"none":          {boolType, "", runQuantifier, true},
	"any":           {boolType, "", runQuantifier, true},
	"one":           {boolType, "", runQuantifier, true},
	"count":         {numberType, "count", runCount, true},
	"filter":        {listType, "", runFilter, true},
	"find":          {anyType, "", runFind, true},
	"findIndex":     {numberType, "", runFind, true},
	"findLast":      {anyType, "", runFind, true},
	"findLastIndex": {numberType, "", runFind, true},
	"map":           {listType, "", runMap, false},
	"sum":           {numberType, "sum", runSum, false},
	"groupBy":       {mapType, "", runGroupBy, false},
	"sortBy":        {listType, "", runSortBy, false},
	"reduce":        {anyType, "", runReduce, false},
}

// looping is one call of a loop at work.
type looping struct {
	name  string
	items []connect.Value
	body  evaluator
	slots loop
	extra connect.Value // the third argument; null if there is none
	has   bool
	cond  bool
	at    *place
}

// each works out the predicate for item i.
func (l *looping) each(e *Env, i int) (connect.Value, error) {
	if err := e.visit(1); err != nil {
		return connect.Value{}, l.at.fail(err)
	}
	e.vars[l.slots.elem], e.vars[l.slots.index] = l.items[i], connect.Int64(int64(i))
	v, err := l.body(e)
	if err == nil && l.cond && v.Kind() != connect.KindBool {
		err = l.at.fail(fmt.Errorf("%s(): the predicate gives true or false, this gave %s", l.name, v.Kind()))
	}
	return v, err
}

func (c *compiler) loop(n ast.Node, name string, nodes []ast.Node) (compiled, error) {
	kind := loopTypes[name]
	over, err := c.compile(nodes[0])
	if err != nil {
		return over, err
	}
	if over.typ != anyType && over.typ != listType {
		return over, c.errorf(nodes[0], "%s() goes over an array, this gives %s", name, over.typ)
	}
	predicate, ok := nodes[1].(*ast.PredicateNode)
	if !ok {
		return over, c.errorf(nodes[1], "%s() needs a predicate", name)
	}
	slots := loop{c.slot(), c.slot(), -1}
	if name == "reduce" {
		slots.acc = c.slot()
	}
	c.loops = append(c.loops, slots)
	body, err := c.compile(predicate.Node)
	c.loops = c.loops[:len(c.loops)-1]
	if err != nil {
		return over, err
	}
	if kind.cond {
		if err := c.wantBool(predicate.Node, body); err != nil {
			return over, err
		}
	}
	var extra compiled
	if len(nodes) > 2 {
		if extra, err = c.compile(nodes[2]); err != nil {
			return over, err
		}
	}
	at := c.place(n)
	return compiled{typ: kind.typ, eval: func(e *Env) (connect.Value, error) {
		l := looping{name: name, body: body.eval, slots: slots, cond: kind.cond, at: at}
		if err := l.begin(e, over, extra); err != nil {
			return connect.Value{}, err
		}
		v, err := kind.run(e, &l)
		if err != nil {
			return v, at.fail(err)
		}
		return v, nil
	}}, nil
}

func (l *looping) begin(e *Env, over, extra compiled) error {
	v, err := over.eval(e)
	if err != nil {
		return err
	}
	if v.Kind() != connect.KindArray {
		return l.at.failOn(fmt.Errorf("%s() goes over an array, this is %s", l.name, v.Kind()), v, v, over.field, "")
	}
	l.items = v.Array()
	if extra.eval != nil {
		l.has = true
		l.extra, err = extra.eval(e)
	}
	return err
}

func runQuantifier(e *Env, l *looping) (connect.Value, error) {
	n := 0
	for i := range l.items {
		v, err := l.each(e, i)
		if err != nil {
			return v, err
		}
		if v.Bool() {
			n++
		}
		switch {
		case l.name == "all" && !v.Bool(), l.name == "none" && v.Bool(), l.name == "one" && n > 1:
			return connect.Bool(false), nil
		case l.name == "any" && v.Bool():
			return connect.Bool(true), nil
		}
	}
	return connect.Bool(l.name == "all" || l.name == "none" || l.name == "one" && n == 1), nil
}

func runCount(e *Env, l *looping) (connect.Value, error) {
	n := int64(0)
	for i := range l.items {
		v, err := l.each(e, i)
		if err != nil {
			return v, err
		}
		if v.Bool() {
			n++
		}
	}
	return connect.Int64(n), nil
}

func runFilter(e *Env, l *looping) (connect.Value, error) {
	out, err := e.values(len(l.items))
	if err != nil {
		return connect.Value{}, err
	}
	n := 0
	for i, item := range l.items {
		v, err := l.each(e, i)
		if err != nil {
			return v, err
		}
		if v.Bool() {
			out[n] = item
			n++
		}
	}
	return connect.Array(out[:n]), nil
}

func runFind(e *Env, l *looping) (connect.Value, error) {
	backwards := l.name == "findLast" || l.name == "findLastIndex"
	index := l.name == "findIndex" || l.name == "findLastIndex"
	for i := range l.items {
		if backwards {
			i = len(l.items) - 1 - i
		}
		v, err := l.each(e, i)
		if err != nil {
			return v, err
		}
		if v.Bool() && index {
			return connect.Int64(int64(i)), nil
		}
		if v.Bool() {
			return l.items[i], nil
		}
	}
	if index {
		return connect.Int64(-1), nil
	}
	return connect.Null(), nil
}

func runMap(e *Env, l *looping) (connect.Value, error) {
	out, err := e.values(len(l.items))
	if err != nil {
		return connect.Value{}, err
	}
	for i := range l.items {
		if out[i], err = l.each(e, i); err != nil {
			return connect.Value{}, err
		}
	}
	return connect.Array(out), nil
}

func runSum(e *Env, l *looping) (connect.Value, error) {
	total := connect.Int64(0)
	for i := range l.items {
		v, err := l.each(e, i)
		if err != nil {
			return v, err
		}
		if total, err = add(e, total, v); err != nil {
			return v, err
		}
	}
	return total, nil
}

// runGroupBy makes a map in the order in which the groups first appear. Its keys are
// texts, as everywhere in the language.
func runGroupBy(e *Env, l *looping) (connect.Value, error) {
	var order []connect.Value
	groups := map[string][]connect.Value{}
	for i, item := range l.items {
		k, err := l.each(e, i)
		if err != nil {
			return k, err
		}
		if k, err = textOf(e, k); err != nil {
			return k, err
		}
		if _, known := groups[k.Str()]; !known {
			order = append(order, k)
		}
		groups[k.Str()] = append(groups[k.Str()], item)
	}
	out, err := e.entries(len(order))
	if err != nil {
		return connect.Value{}, err
	}
	if err := e.grow(len(l.items) * valueSize); err != nil {
		return connect.Value{}, err
	}
	for i, k := range order {
		out[i] = connect.MapEntry{Key: k, Value: connect.Array(groups[k.Str()])}
	}
	return connect.Map(out), nil
}

func runSortBy(e *Env, l *looping) (connect.Value, error) {
	down, err := direction(l.extra)
	if err != nil {
		return connect.Value{}, err
	}
	if err := e.grow(len(l.items) * 2 * valueSize); err != nil {
		return connect.Value{}, err
	}
	pairs := make([][2]connect.Value, len(l.items))
	for i, item := range l.items {
		k, err := l.each(e, i)
		if err != nil {
			return k, err
		}
		pairs[i] = [2]connect.Value{k, item}
	}
	err = sortPairs(pairs, down)
	out := e.Arena.Values(len(pairs))
	for i, p := range pairs {
		out[i] = p[1]
	}
	return connect.Array(out), err
}

// sortPairs sorts by the first of each pair; equal ones keep their order.
func sortPairs(pairs [][2]connect.Value, down bool) error {
	var failed error
	slices.SortStableFunc(pairs, func(a, b [2]connect.Value) int {
		c, _, err := compare(a[0], b[0])
		if err != nil && failed == nil {
			failed = err
		}
		if down {
			return -c
		}
		return c
	})
	return failed
}

func direction(v connect.Value) (down bool, err error) {
	switch {
	case v.IsNull(), v.Str() == "asc":
		return false, nil
	case v.Str() == "desc":
		return true, nil
	}
	return false, fmt.Errorf(`the order is "asc" or "desc"`)
}

func runReduce(e *Env, l *looping) (connect.Value, error) {
	acc, from := l.extra, 0
	if !l.has {
		if len(l.items) == 0 {
			return connect.Value{}, fmt.Errorf("reduce() of an empty array needs an initial value")
		}
		acc, from = l.items[0], 1
	}
	for i := from; i < len(l.items); i++ {
		e.vars[l.slots.acc] = acc
		var err error
		if acc, err = l.each(e, i); err != nil {
			return acc, err
		}
	}
	return acc, nil
}
