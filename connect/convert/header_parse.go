// SPDX-License-Identifier: Apache-2.0

package convert

import (
	"errors"
	"math"
	"strings"

	"github.com/connectd/connectd/connect"
)

// typed is a value with its guessed schema; both are empty for null.
type typed struct {
	schema *connect.Schema
	value  connect.Value
}

var (
	errNotComposite = errors.New("not a list or a map")
	errTooDeep      = errors.New("nests too deeply")
)

// headerParser guesses the type of a text by the rules of the original's
// Values.parseString.
type headerParser struct {
	tokens
	depth int
}

// parseHeader returns the guessed schema and value. Lists and maps whose elements
// have no common type have no schema. The only error is errTooDeep.
func parseHeader(text string) (*connect.Schema, connect.Value, error) {
	if text == "" {
		return connect.StringSchema, connect.String(""), nil
	}
	p := headerParser{tokens: tokens{text: text}}
	t, err := p.parse(false)
	return t.schema, t.value, err
}

// parse reads one value. Not embedded means that it is the whole text: what is
// nothing else is then a string.
func (p *headerParser) parse(embedded bool) (typed, error) {
	if !p.more() {
		return typed{}, nil
	}
	if embedded && p.accept(`"`) {
		return p.quoted(), nil
	}
	switch {
	case p.literal("null", embedded):
		return typed{}, nil
	case p.literal("true", embedded):
		return typed{connect.BooleanSchema, connect.Bool(true)}, nil
	case p.literal("false", embedded):
		return typed{connect.BooleanSchema, connect.Bool(false)}, nil
	}
	start := p.mark()
	t, err := p.composite()
	if !errors.Is(err, errNotComposite) {
		return t, err
	}
	p.rewind(start)
	token := p.take()
	if blank(token) {
		return typed{connect.StringSchema, connect.String(token)}, nil
	}
	return p.scalar(trim(token), embedded)
}

// literal takes a word that is the whole text, or the whole of an element.
func (p *headerParser) literal(word string, embedded bool) bool {
	start := p.mark()
	if p.accept(word) && (embedded || !p.more()) {
		return true
	}
	p.rewind(start)
	return false
}

// composite reads a list or a map; errNotComposite means that it is neither.
func (p *headerParser) composite() (typed, error) {
	if p.depth++; p.depth > maxDepth {
		return typed{}, errTooDeep
	}
	defer func() { p.depth-- }()
	if p.accept("[") {
		return p.list()
	}
	if p.accept("{") {
		return p.mapping()
	}
	return typed{}, errNotComposite
}

// quoted reads up to the closing quote. The text may be a date or a time; else it
// is a string.
func (p *headerParser) quoted() typed {
	var b strings.Builder
	for p.more() && !p.accept(`"`) {
		b.WriteString(p.take())
	}
	if t, ok := parseISO(b.String()); ok {
		return t
	}
	return typed{connect.StringSchema, connect.String(b.String())}
}

func (p *headerParser) scalar(token string, embedded bool) (typed, error) {
	digit := token[0] >= '0' && token[0] <= '9'
	if digit {
		if t, ok := p.temporal(token); ok {
			return t, nil
		}
	}
	if digit || token[0] == '+' || token[0] == '-' {
		if t, ok := parseNumber(token); ok {
			return t, nil
		}
	}
	if embedded {
		return typed{}, errNotComposite
	}
	return typed{connect.StringSchema, connect.String(p.text)}, nil
}

// temporal tries a date or a time; a time is five tokens, since colons delimit.
func (p *headerParser) temporal(token string) (typed, bool) {
	start := p.mark()
	if rest, ok := p.takeN(4); ok {
		if t, ok := parseISO(token + rest); ok {
			return t, true
		}
	}
	p.rewind(start)
	return parseISO(token)
}

// parseNumber chooses the smallest integer type, then float32, float64, decimal.
func parseNumber(token string) (typed, bool) {
	d, err := connect.ParseDecimal(token)
	if err != nil {
		return typed{}, false
	}
	if n, ok := exactInt(d); ok {
		switch {
		case n == int64(int8(n)):
			return typed{connect.Int8Schema, connect.Int8(int8(n))}, true
		case n == int64(int16(n)):
			return typed{connect.Int16Schema, connect.Int16(int16(n))}, true
		case n == int64(int32(n)):
			return typed{connect.Int32Schema, connect.Int32(int32(n))}, true
		}
		return typed{connect.Int64Schema, connect.Int64(n)}, true
	}
	if f := toFloat32(d); d.Scale != 0 && !math.IsInf(float64(f), 0) {
		return typed{connect.Float32Schema, connect.Float32(f)}, true
	}
	if f := d.Float(); d.Scale != 0 && !math.IsInf(f, 0) {
		return typed{connect.Float64Schema, connect.Float64(f)}, true
	}
	return typed{connect.DecimalSchema(d.Scale).MustBuild(), connect.DecimalValue(d)}, true
}
