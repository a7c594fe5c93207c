// SPDX-License-Identifier: Apache-2.0

package avro

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"unicode/utf8"
)

// JSONKind is the kind of a JSON value.
type JSONKind uint8

// The kinds of JSON values.
const (
	JSONNull JSONKind = iota
	JSONBool
	JSONNumber
	JSONString
	JSONArray
	JSONObject
)

// JSON is a JSON value whose objects keep the order of their members: schema texts
// are compared and hashed by it. It is immutable once made.
type JSON struct {
	Kind JSONKind
	Bool bool
	// Text is a string's content, or a number as it was written.
	Text    string
	Items   []*JSON
	Members []Member
}

// Member is one member of a JSON object.
type Member struct {
	Name  string
	Value *JSON
}

// Bounds for texts from outside.
const (
	maxText  = 16 << 20
	maxDepth = 200
)

// ParseJSON reads one JSON value and nothing behind it.
func ParseJSON(text []byte) (*JSON, error) {
	if len(text) > maxText {
		return nil, fmt.Errorf("parse JSON: %d bytes, at most %d", len(text), maxText)
	}
	if !utf8.Valid(text) {
		return nil, errors.New("parse JSON: not UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	v, err := readJSON(d, 0)
	if err != nil {
		return nil, fmt.Errorf("parse JSON: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("parse JSON: more text behind the value, at byte %d", d.InputOffset())
	}
	return v, nil
}

func readJSON(d *json.Decoder, depth int) (*JSON, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("nested deeper than %d", maxDepth)
	}
	t, err := d.Token()
	if err != nil {
		if errors.Is(err, io.EOF) {
			return nil, io.ErrUnexpectedEOF
		}
		return nil, err
	}
	switch t := t.(type) {
	case json.Delim:
		if t == '[' {
			return readArray(d, depth)
		}
		return readObject(d, depth)
	case bool:
		return &JSON{Kind: JSONBool, Bool: t}, nil
	case json.Number:
		return readNumber(t.String()), nil
	case string:
		return &JSON{Kind: JSONString, Text: t}, nil
	}
	return &JSON{Kind: JSONNull}, nil
}

func readArray(d *json.Decoder, depth int) (*JSON, error) {
	v := &JSON{Kind: JSONArray}
	for d.More() {
		e, err := readJSON(d, depth+1)
		if err != nil {
			return nil, err
		}
		v.Items = append(v.Items, e)
	}
	_, err := d.Token()
	return v, err
}

func readObject(d *json.Decoder, depth int) (*JSON, error) {
	v := &JSON{Kind: JSONObject}
	places := map[string]int{}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return nil, err
		}
		name, _ := t.(string)
		e, err := readJSON(d, depth+1)
		if err != nil {
			return nil, err
		}
		// A member that comes twice keeps its place and takes the later value, as in Jackson.
		if at, twice := places[name]; twice {
			v.Members[at].Value = e
			continue
		}
		places[name] = len(v.Members)
		v.Members = append(v.Members, Member{name, e})
	}
	_, err := d.Token()
	return v, err
}

// Get returns a member of an object, and nil if there is none; nil-safe.
func (v *JSON) Get(name string) *JSON {
	if v == nil {
		return nil
	}
	for i := range v.Members {
		if v.Members[i].Name == name {
			return v.Members[i].Value
		}
	}
	return nil
}

// Int returns a number without fraction that fits 64 bits; nil-safe.
func (v *JSON) Int() (int64, bool) {
	if v == nil || v.Kind != JSONNumber {
		return 0, false
	}
	n, err := strconv.ParseInt(v.Text, 10, 64)
	return n, err == nil
}

// Equal reports whether both are the same value; members of objects in any order.
func (v *JSON) Equal(o *JSON) bool {
	if v == nil || o == nil {
		return v == o
	}
	if v.Kind != o.Kind || v.Bool != o.Bool || !v.sameText(o) ||
		len(v.Items) != len(o.Items) || len(v.Members) != len(o.Members) {
		return false
	}
	for i := range v.Items {
		if !v.Items[i].Equal(o.Items[i]) {
			return false
		}
	}
	return equalMembers(v.Members, o.Members)
}

// equalMembers compares members in any order; both lists are of one length.
func equalMembers(a, b []Member) bool {
	places := make(map[string]*JSON, len(b))
	for i := range a {
		if a[i].Name != b[i].Name {
			places[b[i].Name] = b[i].Value
		} else if !a[i].Value.Equal(b[i].Value) {
			return false
		}
	}
	for i := range a {
		if other := places[a[i].Name]; a[i].Name != b[i].Name && (other == nil || !a[i].Value.Equal(other)) {
			return false
		}
	}
	return true
}

// sameText compares numbers as they are written, not as they were read.
func (v *JSON) sameText(o *JSON) bool {
	if v.Text == o.Text || v.Kind != JSONNumber {
		return v.Text == o.Text
	}
	return v.String() == o.String()
}

// StringJSON makes a JSON string.
func StringJSON(s string) *JSON { return &JSON{Kind: JSONString, Text: s} }

// IntJSON makes a JSON number.
func IntJSON(n int64) *JSON { return &JSON{Kind: JSONNumber, Text: strconv.FormatInt(n, 10)} }

// BoolJSON makes a JSON boolean.
func BoolJSON(b bool) *JSON { return &JSON{Kind: JSONBool, Bool: b} }

// NullJSON makes a JSON null.
func NullJSON() *JSON { return &JSON{Kind: JSONNull} }

// NumberJSON makes a JSON number of its text, which must be one.
func NumberJSON(text string) *JSON { return &JSON{Kind: JSONNumber, Text: text} }

// String returns the value as text without white space.
func (v *JSON) String() string { return string(v.Append(nil)) }

// Append appends the value as text without white space, as Jackson does: strings with
// only quotes, backslashes and control characters escaped, numbers that are not whole
// in Java's form.
func (v *JSON) Append(b []byte) []byte {
	switch v.Kind {
	case JSONBool:
		return strconv.AppendBool(b, v.Bool)
	case JSONNumber:
		return appendNumber(b, v.Text)
	case JSONString:
		return appendQuoted(b, v.Text)
	case JSONArray:
		b = append(b, '[')
		for i, e := range v.Items {
			if i > 0 {
				b = append(b, ',')
			}
			b = e.Append(b)
		}
		return append(b, ']')
	case JSONObject:
		b = append(b, '{')
		for i, m := range v.Members {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendQuoted(b, m.Name)
			b = append(b, ':')
			b = m.Value.Append(b)
		}
		return append(b, '}')
	}
	return append(b, "null"...)
}

const hex = "0123456789ABCDEF"

func appendQuoted(b []byte, s string) []byte {
	b = append(b, '"')
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c >= 0x20:
			b = append(b, c)
		case c == '\n':
			b = append(b, '\\', 'n')
		case c == '\r':
			b = append(b, '\\', 'r')
		case c == '\t':
			b = append(b, '\\', 't')
		case c == '\b':
			b = append(b, '\\', 'b')
		case c == '\f':
			b = append(b, '\\', 'f')
		default:
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
	}
	return append(b, '"')
}
