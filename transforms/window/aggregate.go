// SPDX-License-Identifier: Apache-2.0

package window

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/expr"
	"github.com/connectd/connectd/transforms/syntax"
)

// accumulator is what is kept of one aggregate in one window. It is enough for all
// of them: a number of items, and a value.
type accumulator struct {
	count int64
	value connect.Value
}

// kind is one of the functions.
type kind struct {
	// needsItem says that there is an expression between the brackets; optional, that
	// it may be left out.
	needsItem, optional bool
	// ofNull is what a record without a value counts as; ok is false if it does not
	// count.
	ofNull func() (item connect.Value, ok bool)
	// add puts in an item that is not null.
	add func(m *maths, acc *accumulator, item connect.Value) error
	// result is what is emitted.
	result func(acc *accumulator) connect.Value
}

func zero() (connect.Value, bool)    { return connect.Int64(0), true }
func nothing() (connect.Value, bool) { return connect.Null(), false }

var kinds = map[string]kind{
	"count": {optional: true, ofNull: nothing, add: addCount, result: func(a *accumulator) connect.Value { return connect.Int64(a.count) }},
	"sum":   {needsItem: true, ofNull: zero, add: (*maths).addSum, result: resultSum},
	"avg":   {needsItem: true, ofNull: zero, add: (*maths).addAverage, result: resultAverage},
	"min":   {needsItem: true, ofNull: nothing, add: addExtreme(-1), result: resultValue},
	"max":   {needsItem: true, ofNull: nothing, add: addExtreme(1), result: resultValue},
}

func kindNames() []string {
	var names []string
	for name := range kinds {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// aggregate is one column of the output.
type aggregate struct {
	name, fn, source string
	kind
	item *expr.Program // nil counts records
}

var aggregateForm = regexp.MustCompile(`^([^=\s"'(){}\[\]]+)\s*=\s*([A-Za-z_]+)\s*\((?s:(.*))\)$`)

// parseAggregates reads total=sum(amount), n=count().
func parseAggregates(text string) ([]aggregate, error) {
	var all []aggregate
	for _, part := range syntax.Split(text, ",;\n") {
		m := aggregateForm.FindStringSubmatch(part)
		if m == nil {
			return nil, fmt.Errorf("want name=function(expression), such as total=sum(amount), have %q", part)
		}
		a := aggregate{name: m[1], fn: m[2], source: m[3]}
		if slices.ContainsFunc(all, func(b aggregate) bool { return b.name == a.name }) {
			return nil, fmt.Errorf("%s is there twice", a.name)
		}
		if err := a.compile(); err != nil {
			return nil, fmt.Errorf("%s: %w", a.name, err)
		}
		all = append(all, a)
	}
	if len(all) == 0 {
		return nil, errors.New("at least one aggregate is needed, such as n=count()")
	}
	return all, nil
}

func (a *aggregate) compile() error {
	k, known := kinds[a.fn]
	if !known {
		if near := connect.Nearest(a.fn, kindNames()); near != "" {
			return fmt.Errorf("unknown aggregate %s(): did you mean %s()?", a.fn, near)
		}
		return fmt.Errorf("unknown aggregate %s(): there are %v", a.fn, kindNames())
	}
	a.kind = k
	if a.source == "" && k.optional {
		return nil
	}
	if a.source == "" {
		return fmt.Errorf("%s() needs a field or expression, such as %s(amount)", a.fn, a.fn)
	}
	var err error
	a.item, err = expr.Compile(a.source)
	return err
}

// of returns what a record adds; ok is false if it adds nothing. Nulls add nothing,
// except that count() counts records, and that a record without a value adds 0 to
// sums and averages.
func (a *aggregate) of(e *expr.Env) (item connect.Value, ok bool, err error) {
	if a.item == nil {
		return connect.Null(), true, nil
	}
	if e.Record.Value.IsNull() {
		item, ok = a.ofNull()
		return item, ok, nil
	}
	item, err = a.item.Eval(e)
	return item, !item.IsNull(), err
}

func addCount(_ *maths, acc *accumulator, _ connect.Value) error {
	acc.count++
	return nil
}

func resultSum(acc *accumulator) connect.Value {
	if acc.value.IsNull() {
		return connect.Int64(0)
	}
	return acc.value
}

func resultValue(acc *accumulator) connect.Value { return acc.value }

func resultAverage(acc *accumulator) connect.Value {
	if acc.count == 0 {
		return connect.Null()
	}
	return connect.Float64(expr.Float(acc.value) / float64(acc.count))
}

// maths does the sums and comparisons that are not those of two int64, by the rules
// of expressions.
type maths struct {
	sum, wide, less *expr.Program
	env             expr.Env
}

func newMaths() (*maths, error) {
	m := &maths{}
	for _, p := range []struct {
		to     **expr.Program
		source string
	}{{&m.sum, "a + b"}, {&m.wide, "decimal(a) + b"}, {&m.less, "a < b"}} {
		var err error
		if *p.to, err = expr.Compile(p.source, "a", "b"); err != nil {
			return nil, fmt.Errorf("compile %s: %w", p.source, err)
		}
	}
	m.env.Extra = make([]connect.Value, 2)
	return m, nil
}

func (m *maths) eval(p *expr.Program, a, b connect.Value) (connect.Value, error) {
	m.env.Extra[0], m.env.Extra[1] = a, b
	return p.Eval(&m.env)
}

var errNotNumber = errors.New("it is not a number")

func isNumber(v connect.Value) bool {
	return v.IsInt() || v.Kind() == connect.KindDecimal || v.Kind() == connect.KindFloat64 || v.Kind() == connect.KindFloat32
}

var errOverflow = errors.New("the sum does not fit a 64-bit integer; sum(decimal(…)) is exact at any size")

// addSum keeps int64 as long as all items are integers, and refuses an overflow.
func (m *maths) addSum(acc *accumulator, item connect.Value) error {
	if !isNumber(item) {
		return errNotNumber
	}
	if acc.value.IsNull() {
		acc.value = connect.Int64(0)
	}
	if acc.value.IsInt() && item.IsInt() {
		total, ok := addInts(acc.value.Int(), item.Int())
		if !ok {
			return errOverflow
		}
		acc.value = connect.Int64(total)
		return nil
	}
	var err error
	acc.value, err = m.eval(m.sum, acc.value, item)
	return err
}

// addAverage never overflows: beyond 64 bits the sum goes on as a decimal.
func (m *maths) addAverage(acc *accumulator, item connect.Value) error {
	err := m.addSum(acc, item)
	if errors.Is(err, errOverflow) {
		acc.value, err = m.eval(m.wide, acc.value, item)
	}
	if err == nil {
		acc.count++
	}
	return err
}

func addInts(a, b int64) (int64, bool) {
	if b > 0 && a > math.MaxInt64-b || b < 0 && a < math.MinInt64-b {
		return 0, false
	}
	return a + b, true
}

// addExtreme keeps the first of equal items.
func addExtreme(sign int) func(m *maths, acc *accumulator, item connect.Value) error {
	return func(m *maths, acc *accumulator, item connect.Value) error {
		a, b := item, acc.value
		if sign > 0 {
			a, b = b, a
		}
		if acc.value.IsNull() {
			a, b = item, item // asks whether it can be ordered at all
		}
		better, err := m.eval(m.less, a, b)
		if err != nil {
			return fmt.Errorf("%s and %s have no order", item.Kind(), b.Kind())
		}
		if acc.value.IsNull() || better.Bool() {
			acc.value = item
		}
		return nil
	}
}
