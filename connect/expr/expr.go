// SPDX-License-Identifier: Apache-2.0

package expr

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/connectd/connectd/connect"
	"github.com/expr-lang/expr/conf"
	"github.com/expr-lang/expr/parser"
)

// Limits of one expression and of one evaluation.
const (
	MaxSource = 16 << 10 // bytes of text
	MaxNodes  = 2000     // of the parsed tree
	MaxSteps  = 1 << 20  // elements that loops and lists may visit
	MaxMemory = 16 << 20 // bytes that may be made
)

// Program is a compiled expression. It keeps caches, so it is for one goroutine at a
// time; each step compiles its own.
type Program struct {
	source string
	eval   evaluator
	extra  []string
	slots  int
	name   string
	fields []string
}

// Env is what an evaluation sees. It is made once by a step and filled for each
// record; it is for one goroutine at a time.
type Env struct {
	Record *connect.Record
	// Arena is where results live.
	Arena *connect.Arena
	// Extra are the values of the extra names, in the order given to Compile.
	Extra []connect.Value

	vars   []connect.Value // variables and the elements of loops
	args   []connect.Value // arguments of the calls that are open
	zones  map[string]*time.Location
	steps  int
	memory int
}

// evaluator works out one node.
type evaluator func(e *Env) (connect.Value, error)

// Compile makes a program of an expression. extra are names that the step declares
// besides those of every expression. The error is an *Error.
func Compile(source string, extra ...string) (*Program, error) {
	p, _, err := compileTyped(source, extra)
	return p, err
}

// CompileCondition is Compile for expressions that must give true or false; those
// that never do are refused.
func CompileCondition(source string, extra ...string) (*Program, error) {
	p, typ, err := compileTyped(source, extra)
	if err == nil && typ != anyType && typ != boolType {
		return nil, &Error{Source: source, Reason: fmt.Sprintf("a condition gives true or false, this gives %s", typ)}
	}
	return p, err
}

func compileTyped(source string, extra []string) (*Program, static, error) {
	switch {
	case strings.TrimSpace(source) == "":
		return nil, anyType, &Error{Source: source, Reason: "the expression is empty"}
	case len(source) > MaxSource:
		return nil, anyType, &Error{Source: source[:40] + "…", Reason: fmt.Sprintf("%d bytes, at most %d", len(source), MaxSource)}
	}
	config := conf.CreateNew()
	config.MaxNodes = MaxNodes
	tree, err := parser.ParseWithConfig(source, config)
	if err != nil {
		return nil, anyType, parseError(source, err)
	}
	c := &compiler{source: source, extra: extra}
	root, err := c.compile(tree.Node)
	if err != nil {
		return nil, anyType, err
	}
	return &Program{
		source: source, eval: root.eval, extra: extra, slots: c.slots,
		name: c.plainName(tree.Node), fields: c.fieldsOf(tree.Node),
	}, root.typ, nil
}

// Source returns the text of the expression.
func (p *Program) Source() string { return p.source }

// Name returns the name that the whole expression consists of, such as key, and ""
// if it is anything else.
func (p *Program) Name() string { return p.name }

// Fields returns the fields of the record that the expression reads, in the order of
// the text: those of the value by their path (customer.name), others with their root
// before it (key.id). The caller must not change them.
func (p *Program) Fields() []string { return p.fields }

// Eval works out the expression. Composites and text of the result live in the
// arena or in the record. The error is a *connect.DataError that names the field and
// wraps an *Error.
func (p *Program) Eval(e *Env) (connect.Value, error) {
	e.steps, e.memory, e.args = MaxSteps, MaxMemory, e.args[:0]
	if cap(e.vars) < p.slots {
		e.vars = make([]connect.Value, p.slots)
	}
	e.vars = e.vars[:p.slots]
	v, err := p.eval(e)
	if err != nil {
		return connect.Value{}, dataError(err)
	}
	return v, nil
}

// Test is Eval for conditions: anything but true and false is an error.
func (p *Program) Test(e *Env) (bool, error) {
	v, err := p.Eval(e)
	if err != nil {
		return false, err
	}
	if v.Kind() != connect.KindBool {
		err := &Error{Source: p.source, Reason: fmt.Sprintf("a condition gives true or false, this gave %s", v.Kind())}
		if v.IsNull() && len(p.fields) > 0 {
			err.Field = p.fields[0]
		}
		return false, dataError(err)
	}
	return v.Bool(), nil
}

// Check is Compile as the check of a configuration key.
func Check(extra ...string) func(any) (rule, hint string) {
	return func(v any) (string, string) {
		_, err := Compile(fmt.Sprint(v), extra...)
		return ruleOf(err), ""
	}
}

// CheckCondition is CompileCondition as the check of a configuration key.
func CheckCondition(extra ...string) func(any) (rule, hint string) {
	return func(v any) (string, string) {
		_, err := CompileCondition(fmt.Sprint(v), extra...)
		return ruleOf(err), ""
	}
}

// ruleOf leaves out the expression: the error of the key shows it as its value.
func ruleOf(err error) string {
	var e *Error
	switch {
	case err == nil:
		return ""
	case !errors.As(err, &e):
		return err.Error()
	case e.Column > 0:
		return fmt.Sprintf("column %d: %s", e.Column, e.Reason)
	default:
		return e.Reason
	}
}

var (
	errSteps  = fmt.Errorf("the expression visits more than %d elements", MaxSteps)
	errMemory = fmt.Errorf("the expression makes more than %d MiB of values", MaxMemory>>20)
)

// visit takes n steps from the budget.
func (e *Env) visit(n int) error {
	if e.steps -= n; e.steps < 0 {
		return errSteps
	}
	return nil
}

// grow takes n bytes from the budget.
func (e *Env) grow(n int) error {
	if n < 0 || n > e.memory {
		return errMemory
	}
	e.memory -= n
	return nil
}

// Sizes for the budget, and about those in memory.
const (
	valueSize = 24
	entrySize = 48
)

func (e *Env) values(n int) ([]connect.Value, error) {
	if n > MaxSteps {
		return nil, errSteps
	}
	if err := e.grow(n * valueSize); err != nil {
		return nil, err
	}
	return e.Arena.Values(n), nil
}

func (e *Env) entries(n int) ([]connect.MapEntry, error) {
	if n > MaxSteps {
		return nil, errSteps
	}
	if err := e.grow(n * entrySize); err != nil {
		return nil, err
	}
	return e.Arena.Entries(n), nil
}

func (e *Env) text(s string) (connect.Value, error) {
	if err := e.grow(len(s)); err != nil {
		return connect.Value{}, err
	}
	return connect.String(s), nil
}
