// SPDX-License-Identifier: Apache-2.0

package types

import (
	"regexp"
	"strings"

	"github.com/connectd/connectd/connect"
)

// Default returns the default that a default expression puts into the schema, and whether
// there is one. The expression is as pg_get_expr shows it in a session with Settings.
//
// As in Debezium's PostgresDefaultValueConverter: a literal is its value; an expression that
// begins with a call of a function is the zero of the type (0, false, "", 1970, {}, the
// nil UUID), because the schema cannot call it; everything else, NULL, and types other than
// booleans, numbers, characters, bit strings, JSON, XML, UUIDs, enums, dates and times have
// none. Unlike there, quotes within a literal do not end it, and an expression that
// contains a literal is not taken for one.
func (p *ColumnPlan) Default(expr string) (connect.Value, bool) {
	if expr == "" || !p.form.literals {
		return connect.Null(), false
	}
	text, ok := literal(expr)
	if !ok && functionDefault.MatchString(expr) {
		text, ok = p.form.zero, p.form.zero != "" || p.isText()
	}
	if !ok {
		return connect.Null(), false
	}
	if _, boolean := p.form.decoder.(boolean); boolean && len(text) > 1 {
		text = text[:1] // true and false
	}
	var a connect.Arena
	v, err := p.form.decoder.text(&a, []byte(text))
	if err != nil {
		return connect.Null(), false
	}
	return connect.Clone(v), true
}

// isText reports whether the empty text is a zero and not a missing one: enums have none.
func (p *ColumnPlan) isText() bool {
	s, err := p.form.begin().Build()
	return err == nil && s.Type() == connect.TypeString && s.Name() != "io.debezium.data.Enum"
}

// functionDefault is the original's pattern.
var functionDefault = regexp.MustCompile(`^[(]?[A-Za-z0-9_]+\((?:.+(?:, ?.+)*)?\)`)

// castTail is what may follow a literal: casts and closing brackets.
var castTail = regexp.MustCompile(`^(?:\)|::(?:"[^"]+"|[A-Za-z_][A-Za-z0-9_. ]*|\.)+(?:\([0-9, ]+\))?[A-Za-z ]*(?:\[\])*)*$`)

var plainLiteral = regexp.MustCompile(`^(?:-?[0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?|true|false)`)

// literal returns the text of a literal with its casts.
func literal(expr string) (string, bool) {
	rest := strings.TrimLeft(expr, "(")
	open := len(expr) - len(rest)
	text, rest, ok := quotedLiteral(rest)
	if !ok {
		if text = plainLiteral.FindString(rest); text == "" {
			return "", false
		}
		rest = rest[len(text):]
	}
	if !castTail.MatchString(rest) || strings.Count(rest, ")")-strings.Count(rest, "(") != open {
		return "", false
	}
	return text, true
}

// quotedLiteral reads 'it”s', E'a\\b' and B'101'.
func quotedLiteral(expr string) (text, rest string, ok bool) {
	body, escaped := expr, false
	switch {
	case strings.HasPrefix(expr, "E'"):
		body, escaped = expr[1:], true
	case strings.HasPrefix(expr, "B'"):
		body = expr[1:]
	}
	if !strings.HasPrefix(body, "'") {
		return "", expr, false
	}
	var b strings.Builder
	for i := 1; i < len(body); i++ {
		c := body[i]
		if c == '\'' {
			if i+1 == len(body) || body[i+1] != '\'' {
				return b.String(), body[i+1:], true
			}
			i++
		}
		if c == '\\' && escaped && i+1 < len(body) {
			i++
			c = body[i]
		}
		b.WriteByte(c)
	}
	return "", expr, false
}
