// SPDX-License-Identifier: Apache-2.0

package convert

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf16"
	"unicode/utf8"
)

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// special has the high bit set in each byte of w that a plain run of a JSON
// string must stop at: quotes, backslashes, controls, and what is not ASCII. Bytes
// above the first such one may be marked wrongly.
func special(w uint64) uint64 {
	quote, slash := w^(ones*'"'), w^(ones*'\\')
	return ((w - ones*0x20) | (quote - ones) | (slash - ones) | w) & highs
}

// plainRun returns the index of the first special byte of b at or after i.
func plainRun(b []byte, i int) int {
	for i+8 <= len(b) {
		if m := special(binary.LittleEndian.Uint64(b[i:])); m != 0 {
			return i + bits.TrailingZeros64(m)/8
		}
		i += 8
	}
	for i < len(b) && b[i] >= 0x20 && b[i] < 0x80 && b[i] != '"' && b[i] != '\\' {
		i++
	}
	return i
}

// str reads a string; pos is behind its opening quote. Without escapes the
// result aliases the input.
func (d *Decoder) str() ([]byte, error) {
	start := d.pos
	i := plainRun(d.data, start)
	if i < len(d.data) && d.data[i] == '"' {
		d.pos = i + 1
		return d.data[start:i:i], nil
	}
	return d.slowStr(start, i)
}

// slowStr finds the end of a string that is not plain ASCII from i on, checks it,
// and resolves its escapes.
func (d *Decoder) slowStr(start, i int) ([]byte, error) {
	escaped, wide := false, false
	for ; ; i = plainRun(d.data, i) {
		if i >= len(d.data) {
			d.pos = len(d.data)
			return nil, d.fail("unexpected end in a string")
		}
		c := d.data[i]
		if c == '"' {
			break
		}
		switch {
		case c == '\\':
			escaped = true
			i += 2
		case c >= 0x80:
			wide = true
			i++
		default:
			d.pos = i
			return nil, d.fail("control character " + quoteByte(d.data, i) + " in a string must be escaped")
		}
	}
	raw := d.data[start:i:i]
	if wide && !utf8.Valid(raw) {
		d.pos = start + invalidAt(raw)
		return nil, d.fail(quoteByte(d.data, d.pos) + " in a string is not UTF-8")
	}
	d.pos = i + 1
	if !escaped {
		return raw, nil
	}
	return d.unescape(raw, start)
}

// invalidAt is the place of the first byte that is not UTF-8; len(b) if there is none.
func invalidAt(b []byte) int {
	for i := 0; i < len(b); {
		r, size := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && size <= 1 {
			return i
		}
		i += size
	}
	return len(b)
}

// unescape resolves the escapes of raw, which stands at offset start of the
// input, into the arena. The result is never longer than raw.
func (d *Decoder) unescape(raw []byte, start int) ([]byte, error) {
	out := d.arena.Bytes(len(raw))[:0]
	for i := 0; i < len(raw); {
		if c := raw[i]; c != '\\' {
			out = append(out, c)
			i++
			continue
		}
		r, size, reason := escape(raw[i:])
		if reason != "" {
			end := d.pos
			d.pos = start + i
			err := d.fail(reason)
			d.pos = end
			return nil, err
		}
		out = utf8.AppendRune(out, r)
		i += size
	}
	return out[:len(out):len(out)], nil
}

var shortEscapes = [256]byte{
	'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t',
}

// escape reads the escape that b begins with: its character and length, or what
// is wrong with it.
func escape(b []byte) (rune, int, string) {
	if len(b) < 2 {
		return 0, 0, "incomplete escape"
	}
	if c := shortEscapes[b[1]]; c != 0 {
		return rune(c), 2, ""
	}
	if b[1] != 'u' {
		return 0, 0, "unrecognized escape " + quoteByte(b, 1)
	}
	r, ok := hex4(b[2:])
	if !ok {
		return 0, 0, "expected four hex digits after \\u"
	}
	if !utf16.IsSurrogate(r) {
		return r, 6, ""
	}
	if len(b) >= 12 && b[6] == '\\' && b[7] == 'u' {
		if low, ok := hex4(b[8:]); ok {
			if pair := utf16.DecodeRune(r, low); pair != utf8.RuneError {
				return pair, 12, ""
			}
		}
	}
	return 0, 0, "half of a surrogate pair is not a character"
}

func hex4(b []byte) (rune, bool) {
	if len(b) < 4 {
		return 0, false
	}
	var r rune
	for _, c := range b[:4] {
		switch {
		case c >= '0' && c <= '9':
			r = r<<4 | rune(c-'0')
		case c >= 'a' && c <= 'f':
			r = r<<4 | rune(c-'a'+10)
		case c >= 'A' && c <= 'F':
			r = r<<4 | rune(c-'A'+10)
		default:
			return 0, false
		}
	}
	return r, true
}
