// SPDX-License-Identifier: Apache-2.0

package transforms

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
)

// nameAdjustment is a value of schema.name.adjustment.mode.
type nameAdjustment string

const (
	adjustNone    nameAdjustment = "none"
	adjustAvro    nameAdjustment = "avro"
	adjustUnicode nameAdjustment = "avro_unicode"
)

// schemaName makes a name valid for Avro as Debezium 3.7 does, by UTF-16 code units:
// under avro what is not allowed becomes an underscore, under avro_unicode _u and its
// code.
func (m nameAdjustment) schemaName(name string) string {
	if m == adjustNone {
		return name
	}
	var b strings.Builder
	for i, u := range utf16.Encode([]rune(name)) {
		switch {
		case m.valid(u, i == 0):
			b.WriteByte(byte(u))
		case m == adjustUnicode:
			// Only what has at most two digits is padded, as in the original.
			digits := strconv.FormatUint(uint64(u), 16)
			if len(digits) <= 2 {
				digits = "00" + digits
			}
			b.WriteString("_u" + digits)
		case i == 0 && unicode.IsDigit(rune(u)):
			b.WriteByte('_')
			b.WriteRune(rune(u))
		default:
			b.WriteByte('_')
		}
	}
	return b.String()
}

func (m nameAdjustment) valid(u uint16, first bool) bool {
	switch {
	case u >= 'a' && u <= 'z', u >= 'A' && u <= 'Z':
		return true
	case u == '_':
		return m == adjustAvro // under avro_unicode it begins an escape
	}
	return !first && (u >= '0' && u <= '9' || u == '.')
}
