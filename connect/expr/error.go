// SPDX-License-Identifier: Apache-2.0

package expr

import (
	"errors"
	"fmt"
	"strings"

	"github.com/connectd/connectd/connect"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"
)

// Error is what is wrong with an expression: at Compile with its text, at Eval with
// the record that it met.
type Error struct {
	// Source is the text of the expression.
	Source string
	// Column counts characters of Source from 1; 0 if the place is not known.
	Column int
	// Field is the field of the record that was met with, such as customer.name or
	// key.id; "" if there is none.
	Field string
	// Reason says what is wrong, and what would be right.
	Reason string
}

// Error is one line: the expression, the column, the reason, the field.
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "expression %q", e.Source)
	if e.Column > 0 {
		fmt.Fprintf(&b, ", column %d", e.Column)
	}
	b.WriteString(": ")
	b.WriteString(e.Reason)
	if e.Field != "" {
		fmt.Fprintf(&b, " (field %s)", e.Field)
	}
	return b.String()
}

// place is where a node stands, for its errors.
type place struct {
	source string
	column int
	field  string
}

// fail turns the reason of an operation into an Error with a place; what has a
// place already keeps it.
func (p *place) fail(err error) error {
	var placed *Error
	if errors.As(err, &placed) {
		return err
	}
	return &Error{Source: p.source, Column: p.column, Field: p.field, Reason: err.Error()}
}

// failOn is fail for an operation on two values: the field is that of the one that
// is null, if one is.
func (p *place) failOn(err error, left, right connect.Value, leftField, rightField string) error {
	q := *p
	switch {
	case left.IsNull() && leftField != "":
		q.field = leftField
	case right.IsNull() && rightField != "":
		q.field = rightField
	}
	return q.fail(err)
}

// dataError is what Eval returns: a record error that names the field.
func dataError(err error) error {
	var e *Error
	if !errors.As(err, &e) {
		return &connect.DataError{Err: err}
	}
	return &connect.DataError{Rule: e.Source, Field: e.Field, Err: e}
}

func (c *compiler) place(n ast.Node) *place {
	return &place{source: c.source, column: n.Location().From + 1, field: c.firstField(n)}
}

func (c *compiler) errorf(n ast.Node, format string, args ...any) error {
	return &Error{Source: c.source, Column: n.Location().From + 1, Reason: fmt.Sprintf(format, args...)}
}

// parseError gives the parser's error the form of ours.
func parseError(source string, err error) error {
	var f *file.Error
	if !errors.As(err, &f) {
		return &Error{Source: source, Reason: err.Error()}
	}
	reason := f.Message
	if strings.HasPrefix(reason, "unexpected token EOF") {
		reason = "the expression ends too early"
	}
	return &Error{Source: source, Column: f.From + 1, Reason: reason}
}
