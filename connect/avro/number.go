// SPDX-License-Identifier: Apache-2.0

package avro

import (
	"math/big"
	"strconv"
	"strings"
)

// readNumber makes infinity a string: Jackson, too, writes a number that is too large for
// a double so.
func readNumber(text string) *JSON {
	if !strings.ContainsAny(text, ".eE") {
		return NumberJSON(text)
	}
	if _, err := strconv.ParseFloat(text, 64); err == nil {
		return NumberJSON(text)
	}
	if strings.HasPrefix(text, "-") {
		return StringJSON("-Infinity")
	}
	return StringJSON("Infinity")
}

// appendNumber writes a JSON number as Jackson writes it again after it has read it:
// whole numbers without a sign for zero, all others as Java's Double.toString.
func appendNumber(b []byte, text string) []byte {
	if !strings.ContainsAny(text, ".eE") {
		if n, ok := new(big.Int).SetString(text, 10); ok {
			return n.Append(b, 10)
		}
		return append(b, text...)
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return append(b, text...)
	}
	return appendReal(b, f, 64)
}

// appendReal writes a number of so many bits as Java does: digits with a point between a thousandth and ten
// millions, else one digit before the point and an exponent.
func appendReal(b []byte, f float64, bits int) []byte {
	size := f
	if size < 0 {
		size = -size
	}
	if size == 0 || size >= 1e-3 && size < 1e7 {
		from := len(b)
		b = strconv.AppendFloat(b, f, 'f', -1, bits)
		if !strings.Contains(string(b[from:]), ".") {
			b = append(b, ".0"...)
		}
		return b
	}
	mantissa, exponent, _ := strings.Cut(strconv.FormatFloat(f, 'E', -1, bits), "E")
	b = append(b, mantissa...)
	if !strings.Contains(mantissa, ".") {
		b = append(b, ".0"...)
	}
	n, _ := strconv.Atoi(exponent)
	return strconv.AppendInt(append(b, 'E'), int64(n), 10)
}
