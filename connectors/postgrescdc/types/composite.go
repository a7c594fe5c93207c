// SPDX-License-Identifier: Apache-2.0

package types

import (
	"fmt"

	"github.com/connectd/connectd/connect"
)

// composite is the form of a composite type: unknown, as in the original, or a struct named
// after the type, whose fields are optional. Fields without a mapping are left out.
func (r resolver) composite(t *Type, depth int) (form, error) {
	if !r.modes.CompositeStructs {
		return r.unknown(), nil
	}
	b := connect.NewStruct(t.Namespace + "." + t.Name)
	d := composite{fields: make([]decoder, len(t.Fields))}
	for i, field := range t.Fields {
		f, err := r.resolve(field.OID, field.TypMod, 0, depth+1)
		if err != nil {
			return form{}, fmt.Errorf("field %s of %s: %w", field.Name, t.Name, err)
		}
		if f.drop {
			continue
		}
		s, err := f.begin().Optional().Build()
		if err != nil {
			return form{}, fmt.Errorf("field %s of %s: %w", field.Name, t.Name, err)
		}
		b.Field(field.Name, s)
		d.fields[i] = f.bound(s)
	}
	if _, err := b.Build(); err != nil {
		return form{}, fmt.Errorf("type %s: %w", t.Name, err)
	}
	f := structForm(b, func(s *connect.Schema) decoder {
		d.schema = s
		return d
	})
	f.hasBinary = false
	return f, nil
}

// composite reads ("1 Main, St",12345). A field without a decoder is read over.
type composite struct {
	noBinary
	schema *connect.Schema
	fields []decoder
}

const errComposite = malformed("must be a row as (a,b) with as many fields as the type")

func (d composite) text(a *connect.Arena, data []byte) (connect.Value, error) {
	if len(data) < 2 || data[0] != '(' {
		return connect.Null(), errComposite
	}
	st := a.Struct(d.schema)
	rest, place := data[1:], 0
	for i, field := range d.fields {
		raw, after, null, err := rowField(a, rest)
		if err != nil {
			return connect.Null(), err
		}
		if end := i == len(d.fields)-1; len(after) == 0 || (after[0] == ')') != end {
			return connect.Null(), errComposite
		}
		rest = after[1:]
		if field == nil {
			continue
		}
		if !null {
			if st.Values[place], err = field.text(a, raw); err != nil {
				return connect.Null(), err
			}
		}
		place++
	}
	if len(rest) != 0 && len(d.fields) != 0 {
		return connect.Null(), errTrailing
	}
	return connect.StructValue(st), nil
}

// rowField reads one field up to its comma or bracket. An empty one without quotes is null.
func rowField(a *connect.Arena, data []byte) (raw, rest []byte, null bool, err error) {
	if len(data) > 0 && data[0] == '"' {
		raw, rest, err = unquoteRow(a, data)
		return raw, rest, false, err
	}
	for i, c := range data {
		if c == ',' || c == ')' {
			return data[:i], data[i:], i == 0, nil
		}
		if c == '"' || c == '(' || c == '\\' {
			break
		}
	}
	return nil, nil, false, errComposite
}

// unquoteRow reads double quotes, in which a quote is doubled or escaped. Without either
// raw aliases data.
func unquoteRow(a *connect.Arena, data []byte) (raw, rest []byte, err error) {
	end, plain := rowQuoteEnd(data)
	if end < 0 {
		return nil, nil, errComposite
	}
	raw, rest = data[1:end], data[end+1:]
	if plain {
		return raw, rest, nil
	}
	out := a.Bytes(len(raw))[:0]
	for i := 0; i < len(raw); i++ {
		if raw[i] == '"' || raw[i] == '\\' {
			i++
		}
		out = append(out, raw[i])
	}
	return out, rest, nil
}

// rowQuoteEnd returns the place of the quote that closes the one at the beginning, -1 if
// there is none, and whether there is nothing doubled or escaped between them.
func rowQuoteEnd(data []byte) (end int, plain bool) {
	plain = true
	for i := 1; i < len(data); i++ {
		switch {
		case data[i] == '\\':
			i++
		case data[i] != '"':
			continue
		case i+1 == len(data) || data[i+1] != '"':
			return i, plain
		default:
			i++
		}
		plain = false
	}
	return -1, false
}
