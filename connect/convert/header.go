// SPDX-License-Identifier: Apache-2.0

package convert

import (
	"bytes"
	"encoding/base64"
	"errors"
	"log/slog"

	"github.com/connectd/connectd/connect"
)

// SimpleHeader is the SimpleHeaderConverter: headers are text without a schema,
// and the type is guessed from the text on reading. It is safe for concurrent use.
type SimpleHeader struct {
	// Log receives a warning for a header that is kept as bytes; nil for none.
	Log *slog.Logger
}

// FromConnectHeader appends the text of v; null has no bytes. Strings stand as they
// are, strings inside of lists and maps in quotes; structs are written as maps.
func (SimpleHeader) FromConnectHeader(dst []byte, _, _ string, _ *connect.Schema, v connect.Value) ([]byte, bool, error) {
	if v.IsNull() {
		return dst, true, nil
	}
	return appendHeader(dst, v, false), false, nil
}

// ToConnectHeader guesses: null, true, false, numbers in the smallest type, dates,
// times and timestamps of ISO 8601, lists, maps, and strings else.
func (h SimpleHeader) ToConnectHeader(a *connect.Arena, topic, key string, data []byte) (*connect.Schema, connect.Value, error) {
	if data == nil {
		return nil, connect.Value{}, nil
	}
	s, v, err := parseHeader(string(validText(a, data)))
	if errors.Is(err, errTooDeep) {
		if h.Log != nil {
			h.Log.Warn("header is kept as bytes: it nests too deeply", "topic", topic, "header", key)
		}
		return connect.BytesSchema, connect.Bytes(data), nil
	}
	return s, v, err
}

func appendHeader(dst []byte, v connect.Value, inner bool) []byte {
	switch v.Kind() {
	case connect.KindString:
		if !inner {
			return append(dst, v.Bytes()...)
		}
		return appendQuoted(dst, v.Bytes())
	case connect.KindBytes:
		if inner {
			return appendBase64(dst, v.Bytes())
		}
		return base64.StdEncoding.AppendEncode(dst, v.Bytes())
	case connect.KindArray:
		dst = append(dst, '[')
		for i, e := range v.Array() {
			dst = appendHeader(comma(dst, i), e, true)
		}
		return append(dst, ']')
	case connect.KindMap:
		dst = append(dst, '{')
		for i, e := range v.Map() {
			dst = append(appendHeader(comma(dst, i), e.Key, true), ':')
			dst = appendHeader(dst, e.Value, true)
		}
		return append(dst, '}')
	case connect.KindStruct:
		return appendHeaderStruct(dst, v.Struct())
	case connect.KindDate, connect.KindTime, connect.KindTimestamp:
		return appendISO(dst, v)
	default:
		return appendScalar(dst, v)
	}
}

func comma(dst []byte, i int) []byte {
	if i > 0 {
		dst = append(dst, ',')
	}
	return dst
}

// appendHeaderStruct writes all fields; a null field with a default as its default.
func appendHeaderStruct(dst []byte, st *connect.Struct) []byte {
	dst = append(dst, '{')
	for i, f := range st.Schema.Fields() {
		v := st.Values[i]
		if def, ok := f.Schema.Default(); ok && v.IsNull() {
			v = def
		}
		dst = append(appendQuoted(comma(dst, i), []byte(f.Name)), ':')
		dst = appendHeader(dst, v, true)
	}
	return append(dst, '}')
}

func appendQuoted(dst, text []byte) []byte {
	dst = append(dst, '"')
	for {
		i := bytes.IndexAny(text, `"\`)
		if i < 0 {
			return append(append(dst, text...), '"')
		}
		dst = append(append(dst, text[:i]...), '\\', text[i])
		text = text[i+1:]
	}
}

// appendISO chooses the form as the original: by the instant, not by the type.
func appendISO(dst []byte, v connect.Value) []byte {
	t := v.GoTime()
	switch ms := t.UnixMilli(); {
	case ms < millisPerDay:
		return t.AppendFormat(dst, "15:04:05.000Z")
	case ms%millisPerDay == 0:
		return t.AppendFormat(dst, "2006-01-02")
	default:
		return t.AppendFormat(dst, "2006-01-02T15:04:05.000Z")
	}
}
