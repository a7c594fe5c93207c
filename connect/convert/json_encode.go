// SPDX-License-Identifier: Apache-2.0

package convert

import (
	"encoding/base64"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/connectd/connectd/connect"
)

// AppendJSON appends a value as JSON without a schema, as JsonConverter writes it:
// no white space, members in order, bytes in base64, floats as Java prints them
// (NaN and infinities as strings), maps with other keys than strings as arrays of
// pairs. Decimals are numbers, dates days, times and timestamps milliseconds. It
// cannot fail: bytes of a string that are not UTF-8 become U+FFFD.
func AppendJSON(dst []byte, v connect.Value) []byte {
	switch v.Kind() {
	case connect.KindNull:
		return append(dst, "null"...)
	case connect.KindBool:
		return strconv.AppendBool(dst, v.Bool())
	case connect.KindFloat32, connect.KindFloat64:
		return appendJSONFloat(dst, v)
	case connect.KindString:
		return appendJSONString(dst, v.Bytes())
	case connect.KindBytes:
		return appendBase64(dst, v.Bytes())
	case connect.KindArray:
		return appendJSONArray(dst, v.Array())
	case connect.KindMap:
		return appendJSONMap(dst, v.Map())
	case connect.KindStruct:
		return appendJSONStruct(dst, v.Struct())
	case connect.KindDecimal:
		return AppendDecimal(dst, v.Decimal())
	default:
		return strconv.AppendInt(dst, v.Int(), 10)
	}
}

func appendJSONFloat(dst []byte, v connect.Value) []byte {
	f := v.Float()
	if f-f != 0 { // NaN and infinities
		return append(appendFloat(append(dst, '"'), f, 64), '"')
	}
	if v.Kind() == connect.KindFloat32 {
		return appendFloat(dst, f, 32)
	}
	return appendFloat(dst, f, 64)
}

func appendBase64(dst, b []byte) []byte {
	dst = base64.StdEncoding.AppendEncode(append(dst, '"'), b)
	return append(dst, '"')
}

func appendJSONArray(dst []byte, list []connect.Value) []byte {
	dst = append(dst, '[')
	for i, e := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = AppendJSON(dst, e)
	}
	return append(dst, ']')
}

func appendJSONStruct(dst []byte, st *connect.Struct) []byte {
	dst = append(dst, '{')
	for i, f := range st.Schema.Fields() {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(appendJSONText(dst, f.Name), ':')
		dst = AppendJSON(dst, st.Values[i])
	}
	return append(dst, '}')
}

func appendJSONMap(dst []byte, m []connect.MapEntry) []byte {
	if !stringKeys(m) {
		return appendJSONPairs(dst, m)
	}
	dst = append(dst, '{')
	for i := range m {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(appendJSONString(dst, m[i].Key.Bytes()), ':')
		dst = AppendJSON(dst, m[i].Value)
	}
	return append(dst, '}')
}

func stringKeys(m []connect.MapEntry) bool {
	for i := range m {
		if m[i].Key.Kind() != connect.KindString {
			return false
		}
	}
	return true
}

func appendJSONPairs(dst []byte, m []connect.MapEntry) []byte {
	dst = append(dst, '[')
	for i, e := range m {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(AppendJSON(append(dst, '['), e.Key), ',')
		dst = append(AppendJSON(dst, e.Value), ']')
	}
	return append(dst, ']')
}

func appendJSONText(dst []byte, s string) []byte {
	return appendJSONString(dst, connect.String(s).Bytes())
}

// appendJSONString quotes and escapes as the original's generator does: quotes,
// backslashes, controls, and characters beyond U+FFFF as surrogate pairs.
func appendJSONString(dst, s []byte) []byte {
	dst = append(dst, '"')
	for i := 0; ; {
		end := plainRun(s, i)
		dst = append(dst, s[i:end]...)
		if end == len(s) {
			return append(dst, '"')
		}
		var size int
		dst, size = appendEscaped(dst, s[end:])
		i = end + size
	}
}

const hexDigits = "0123456789ABCDEF"

// appendEscaped appends the character that s begins with, which plainRun
// stopped at, and returns its length.
func appendEscaped(dst, s []byte) ([]byte, int) {
	c := s[0]
	switch c {
	case '"', '\\':
		return append(dst, '\\', c), 1
	case '\b':
		return append(dst, '\\', 'b'), 1
	case '\t':
		return append(dst, '\\', 't'), 1
	case '\n':
		return append(dst, '\\', 'n'), 1
	case '\f':
		return append(dst, '\\', 'f'), 1
	case '\r':
		return append(dst, '\\', 'r'), 1
	}
	if c < 0x20 {
		return appendHex(dst, rune(c)), 1
	}
	r, size := utf8.DecodeRune(s)
	if r <= 0xFFFF {
		return utf8.AppendRune(dst, r), size
	}
	high, low := utf16.EncodeRune(r)
	return appendHex(appendHex(dst, high), low), size
}

func appendHex(dst []byte, r rune) []byte {
	return append(dst, '\\', 'u', hexDigits[r>>12&15], hexDigits[r>>8&15], hexDigits[r>>4&15], hexDigits[r&15])
}
