// SPDX-License-Identifier: Apache-2.0

package applyschema

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/convert"
)

// The headers that a record which does not fit has on the error topic.
const (
	fieldHeader = "__connectd.schema.field"
	typeHeader  = "__connectd.schema.expected"
)

const maxShown = 200

// where is the way to the value that is being converted, as order.lines[2].price.
func (c *converter) where() string {
	var b strings.Builder
	for _, s := range c.path {
		if s.name == "" {
			b.WriteString("[" + strconv.Itoa(s.index) + "]")
			continue
		}
		if b.Len() > 0 {
			b.WriteByte('.')
		}
		b.WriteString(s.name)
	}
	return b.String()
}

// wrong says which field has which value where which type is expected.
func (c *converter) wrong(n *node, v connect.Value, rule string) error {
	at := c.where()
	place := "the value"
	if at != "" {
		place = "field " + at
	}
	if rule == "" {
		rule = fmt.Sprintf("has the %s %s", v.Kind(), shorten(string(convert.AppendJSON(nil, v))))
		if v.IsNull() {
			rule = "is null"
		}
	} else {
		rule = "is " + rule
	}
	return failure(at, n.expect, fmt.Sprintf("apply schema: %s %s, expected %s", place, rule, n.expect))
}

// unknown names the first member that the record's schema does not have.
func (c *converter) unknown(n *node, in *members) error {
	names := make([]string, len(n.fields))
	for i := range n.fields {
		names[i] = n.fields[i].name
	}
	for i := range in.len() {
		name := in.name(i)
		if n.s.Field(name) != nil {
			continue
		}
		c.path = append(c.path, segment{name: name})
		at := c.where()
		text := fmt.Sprintf("apply schema: field %s with the value %s is not in the schema %s", at, shorten(string(convert.AppendJSON(nil, in.value(i)))), n.avro.FullName())
		if near := connect.Nearest(name, names); near != "" {
			text += ": did you mean " + near + "?"
		}
		return failure(at, n.expect, text+" (unknown.fields=drop leaves it out)")
	}
	return failure(c.where(), n.expect, fmt.Sprintf("apply schema: a field of %s is there twice", n.avro.FullName()))
}

func failure(field, expect, text string) error {
	return &connect.DataError{
		Rule: "schema", Field: field, Err: fmt.Errorf("%s", text),
		Headers: []connect.Header{
			{Key: fieldHeader, Schema: connect.StringSchema, Value: connect.String(field)},
			{Key: typeHeader, Schema: connect.StringSchema, Value: connect.String(expect)},
		},
	}
}

func shorten(s string) string {
	if len(s) <= maxShown {
		return s
	}
	s = s[:maxShown]
	for len(s) > 0 && !utf8.ValidString(s) {
		s = s[:len(s)-1]
	}
	return s + "…"
}
