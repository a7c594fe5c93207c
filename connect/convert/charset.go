// SPDX-License-Identifier: Apache-2.0

package convert

import (
	"encoding/binary"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/connectd/connectd/connect"
)

// charsetNames are the character sets that every Java runtime has, and their
// usual short names.
var charsetNames = []string{
	"UTF-8", "UTF8", "US-ASCII", "ASCII", "ISO-8859-1", "LATIN1", "UTF-16", "UTF-16BE", "UTF-16LE",
}

// charset translates between UTF-8 and another character set. A nil charset is UTF-8.
type charset struct {
	encode func(dst, text []byte) []byte
	decode func(a *connect.Arena, data []byte) []byte
}

func charsetOf(name string) *charset {
	switch strings.ToUpper(name) {
	case "US-ASCII", "ASCII":
		return singleByte(0x80)
	case "ISO-8859-1", "LATIN1":
		return singleByte(0x100)
	case "UTF-16":
		return &charset{
			encode: func(dst, text []byte) []byte { return encode16(append(dst, 0xFE, 0xFF), text, binary.BigEndian) },
			decode: decodeMarked,
		}
	case "UTF-16BE":
		return wide(binary.BigEndian)
	case "UTF-16LE":
		return wide(binary.LittleEndian)
	default:
		return nil
	}
}

// singleByte is the set of the first size characters of Unicode, one byte each.
func singleByte(size rune) *charset {
	return &charset{
		encode: func(dst, text []byte) []byte {
			for _, r := range string(text) {
				if r >= size {
					r = '?'
				}
				dst = append(dst, byte(r))
			}
			return dst
		},
		decode: func(a *connect.Arena, data []byte) []byte {
			out := a.Bytes(3 * len(data))[:0]
			for _, b := range data {
				r := rune(b)
				if r >= size {
					r = utf8.RuneError
				}
				out = utf8.AppendRune(out, r)
			}
			return out
		},
	}
}

type byteOrder interface {
	binary.ByteOrder
	binary.AppendByteOrder
}

func wide(order byteOrder) *charset {
	return &charset{
		encode: func(dst, text []byte) []byte { return encode16(dst, text, order) },
		decode: func(a *connect.Arena, data []byte) []byte { return decode16(a, data, order) },
	}
}

func encode16(dst, text []byte, order byteOrder) []byte {
	for _, r := range string(text) {
		if r <= 0xFFFF {
			dst = order.AppendUint16(dst, uint16(r))
			continue
		}
		high, low := utf16.EncodeRune(r)
		dst = order.AppendUint16(order.AppendUint16(dst, uint16(high)), uint16(low))
	}
	return dst
}

// decodeMarked obeys a byte order mark; without one the order is big endian.
func decodeMarked(a *connect.Arena, data []byte) []byte {
	if len(data) >= 2 && data[0] == 0xFF && data[1] == 0xFE {
		return decode16(a, data[2:], binary.LittleEndian)
	}
	if len(data) >= 2 && data[0] == 0xFE && data[1] == 0xFF {
		data = data[2:]
	}
	return decode16(a, data, binary.BigEndian)
}

func decode16(a *connect.Arena, data []byte, order byteOrder) []byte {
	out := a.Bytes(2*len(data) + 3)[:0]
	for len(data) >= 2 {
		r := rune(order.Uint16(data))
		data = data[2:]
		if utf16.IsSurrogate(r) {
			low := rune(0)
			if len(data) >= 2 {
				low = rune(order.Uint16(data))
			}
			if r = utf16.DecodeRune(r, low); r != utf8.RuneError {
				data = data[2:]
			}
		}
		out = utf8.AppendRune(out, r)
	}
	if len(data) > 0 {
		out = utf8.AppendRune(out, utf8.RuneError)
	}
	return out
}

// validText returns data itself if it is UTF-8, else a copy in which each wrong
// byte is U+FFFD.
func validText(a *connect.Arena, data []byte) []byte {
	if utf8.Valid(data) {
		return data
	}
	out := a.Bytes(3 * len(data))[:0]
	for len(data) > 0 {
		r, size := utf8.DecodeRune(data)
		out = utf8.AppendRune(out, r)
		data = data[size:]
	}
	return out
}
