// SPDX-License-Identifier: Apache-2.0

package convert

import (
	"fmt"
	"unicode/utf8"
)

// SyntaxError says where and why a text is not JSON.
type SyntaxError struct {
	// Offset is the place of the first wrong byte, from 0; the length of the text
	// if the text ends too early.
	Offset int
	Reason string
}

// Error names the offset and the reason.
func (e *SyntaxError) Error() string {
	return fmt.Sprintf("invalid JSON at byte %d: %s", e.Offset, e.Reason)
}

func (d *Decoder) fail(reason string) error { return &SyntaxError{Offset: d.pos, Reason: reason} }

// unexpected complains about the byte at pos.
func (d *Decoder) unexpected(want string) error {
	if d.pos >= len(d.data) {
		return d.fail("unexpected end, expected " + want)
	}
	return d.fail("unexpected " + quoteByte(d.data, d.pos) + ", expected " + want)
}

// quoteByte shows the character at i for an error text.
func quoteByte(data []byte, i int) string {
	r, size := utf8.DecodeRune(data[i:])
	if r == utf8.RuneError && size <= 1 {
		return fmt.Sprintf("byte 0x%02x", data[i])
	}
	return fmt.Sprintf("%q", r)
}
