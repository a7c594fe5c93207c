// SPDX-License-Identifier: Apache-2.0

package types

import (
	"bytes"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/javamap"
)

// hstore is the form of hstore by hstore.handling.mode.
func (r resolver) hstore() form {
	f := form{begin: func() *connect.Builder { return named(connect.TypeString, "io.debezium.data.Json") }, decoder: hstore{}}
	if r.modes.Hstore == "map" {
		f.begin = func() *connect.Builder { return connect.NewMap(connect.StringSchema, connect.OptionalStringSchema) }
		f.decoder = hstore{asMap: true}
	}
	return f
}

// hstore reads "a"=>"1", "b"=>NULL.
type hstore struct{ asMap bool }

const errHstore = malformed(`must be an hstore as "key"=>"value"`)

func (d hstore) text(a *connect.Arena, data []byte) (connect.Value, error) {
	entries, err := parseHstore(a, data)
	if err != nil {
		return connect.Null(), err
	}
	// The order of the original, so that the same hstore has the same text.
	javamap.Sort(entries, javamap.DefaultBuckets, func(e connect.MapEntry) string { return e.Key.Str() })
	if d.asMap {
		return connect.Map(entries), nil
	}
	return hstoreJSON(a, entries), nil
}

func (hstore) binary(*connect.Arena, []byte) (connect.Value, error) {
	return connect.Null(), errNoBinary
}

func parseHstore(a *connect.Arena, data []byte) ([]connect.MapEntry, error) {
	if len(data) == 0 {
		return nil, nil
	}
	entries := a.Entries(bytes.Count(data, []byte("=>")))[:0]
	for {
		key, rest, err := hstoreWord(a, data)
		if err != nil || !bytes.HasPrefix(rest, []byte("=>")) {
			return nil, errHstore
		}
		value, rest, err := hstoreWord(a, rest[2:])
		if err != nil || key.IsNull() {
			return nil, errHstore
		}
		entries = append(entries, connect.MapEntry{Key: key, Value: value})
		if len(rest) == 0 {
			return entries, nil
		}
		if !bytes.HasPrefix(rest, []byte(", ")) {
			return nil, errHstore
		}
		data = rest[2:]
	}
}

// hstoreWord reads a quoted text or NULL.
func hstoreWord(a *connect.Arena, data []byte) (connect.Value, []byte, error) {
	if rest, ok := bytes.CutPrefix(data, []byte("NULL")); ok {
		return connect.Null(), rest, nil
	}
	if len(data) == 0 || data[0] != '"' {
		return connect.Null(), nil, errHstore
	}
	raw, rest, err := unquote(a, data)
	if err != nil {
		return connect.Null(), nil, err
	}
	return a.CopyString(raw), rest, nil
}

func hstoreJSON(a *connect.Arena, entries []connect.MapEntry) connect.Value {
	size := 2
	for _, e := range entries {
		size += jsonLength(e.Key) + jsonLength(e.Value) + 2
	}
	out := append(a.Bytes(size)[:0], '{')
	for i, e := range entries {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(appendJSONString(out, e.Key.Bytes()), ':')
		if e.Value.IsNull() {
			out = append(out, "null"...)
		} else {
			out = appendJSONString(out, e.Value.Bytes())
		}
	}
	return connect.StringOf(append(out, '}'))
}

// jsonLength is at least the length of a value as JSON.
func jsonLength(v connect.Value) int {
	n := v.Len() + 4
	for _, c := range v.Bytes() {
		switch {
		case c < ' ':
			n += 5
		case c == '"', c == '\\':
			n++
		}
	}
	return n
}

// appendJSONString quotes as Jackson does by default: only what JSON demands.
func appendJSONString(dst, text []byte) []byte {
	const upperHex = "0123456789ABCDEF"
	dst = append(dst, '"')
	for _, c := range text {
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\b':
			dst = append(dst, '\\', 'b')
		case '\t':
			dst = append(dst, '\\', 't')
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\f':
			dst = append(dst, '\\', 'f')
		case '\r':
			dst = append(dst, '\\', 'r')
		default:
			if c < ' ' {
				dst = append(dst, '\\', 'u', '0', '0', upperHex[c>>4], upperHex[c&15])
				continue
			}
			dst = append(dst, c)
		}
	}
	return append(dst, '"')
}
