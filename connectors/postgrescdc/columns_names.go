// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
)

// adjustment is a value of schema.name.adjustment.mode or field.name.adjustment.mode.
type adjustment string

const (
	adjustNone    adjustment = "none"
	adjustAvro    adjustment = "avro"
	adjustUnicode adjustment = "avro_unicode"
)

// schemaName makes a schema name valid for Avro as Debezium 3.7 does: dots are kept.
// Different names may become the same under avro, not under avro_unicode.
func (m adjustment) schemaName(name string) string { return m.adjust(name, true) }

// fieldName is schemaName for the name of a field: a dot is replaced too.
func (m adjustment) fieldName(name string) string { return m.adjust(name, false) }

// adjust works on UTF-16 code units, as the original: a character beyond the basic
// plane counts as two.
func (m adjustment) adjust(name string, dots bool) string {
	if m == adjustNone || m == "" || name == "" {
		return name
	}
	var b strings.Builder
	for i, u := range utf16.Encode([]rune(name)) {
		switch {
		case m.valid(u, i == 0, dots):
			b.WriteByte(byte(u))
		case m == adjustUnicode:
			b.WriteString(escapeUnit(u))
		case i == 0 && unicode.IsDigit(rune(u)):
			// Keeps 1st and 2nd apart.
			b.WriteByte('_')
			b.WriteRune(rune(u))
		default:
			b.WriteByte('_')
		}
	}
	return b.String()
}

func (m adjustment) valid(u uint16, first, dots bool) bool {
	switch {
	case u >= 'a' && u <= 'z', u >= 'A' && u <= 'Z':
		return true
	case u == '_':
		return m == adjustAvro // under avro_unicode it begins an escape
	case first:
		return false
	}
	return u >= '0' && u <= '9' || u == '.' && dots
}

// escapeUnit pads to four digits only what has at most two, as the original does.
func escapeUnit(u uint16) string {
	digits := strconv.FormatUint(uint64(u), 16)
	if len(digits) <= 2 {
		digits = "00" + digits
	}
	return "_u" + digits
}
