// SPDX-License-Identifier: Apache-2.0

package convert

import (
	"math"
	"math/big"
	"strconv"

	"github.com/connectd/connectd/connect"
)

// AppendDouble appends a float64 as Java's Double.toString: the shortest digits
// that name it, with at least one behind the point, and an exponent outside of
// 10^-3 to 10^7.
func AppendDouble(dst []byte, f float64) []byte { return appendFloat(dst, f, 64) }

// AppendFloat appends a float32 as Java's Float.toString.
func AppendFloat(dst []byte, f float32) []byte { return appendFloat(dst, float64(f), 32) }

func appendFloat(dst []byte, f float64, bits int) []byte {
	abs := math.Abs(f)
	switch {
	case math.IsNaN(f):
		return append(dst, "NaN"...)
	case math.IsInf(f, 1):
		return append(dst, "Infinity"...)
	case math.IsInf(f, -1):
		return append(dst, "-Infinity"...)
	case abs == 0 || abs >= 1e-3 && abs < 1e7:
		start := len(dst)
		dst = strconv.AppendFloat(dst, f, 'f', -1, bits)
		for _, c := range dst[start:] {
			if c == '.' {
				return dst
			}
		}
		return append(dst, '.', '0')
	default:
		return appendScientific(dst, f, bits)
	}
}

// appendScientific writes d.dE-n: no plus sign, no zeros before the exponent. Of
// one digit Java makes the nearest two.
func appendScientific(dst []byte, f float64, bits int) []byte {
	var buf [32]byte
	b := strconv.AppendFloat(buf[:0], f, 'e', -1, bits)
	mark := exponentAt(b)
	if mark <= 2 && b[mark-1] != '.' {
		b = strconv.AppendFloat(buf[:0], f, 'e', 1, bits)
		mark = exponentAt(b)
	}
	dst = append(dst, b[:mark]...)
	dst = append(dst, 'E')
	exp := b[mark+1:]
	if exp[0] == '-' {
		dst = append(dst, '-')
	}
	exp = exp[1:]
	for len(exp) > 1 && exp[0] == '0' {
		exp = exp[1:]
	}
	return append(dst, exp...)
}

func exponentAt(b []byte) int {
	for i, c := range b {
		if c == 'e' {
			return i
		}
	}
	return len(b)
}

// AppendDecimal appends a decimal as Java's BigDecimal.toString: plain where the
// scale is not negative and the number not smaller than 10^-6, else with an
// exponent.
func AppendDecimal(dst []byte, d *connect.Decimal) []byte {
	if d.Scale == 0 {
		return d.Unscaled.Append(dst, 10)
	}
	if d.Unscaled.Sign() < 0 {
		dst = append(dst, '-')
	}
	var buf [64]byte
	digits := new(big.Int).Abs(d.Unscaled).Append(buf[:0], 10)
	adjusted := int64(len(digits)-1) - int64(d.Scale)
	if d.Scale > 0 && adjusted >= -6 {
		return appendPlain(dst, digits, int(d.Scale))
	}
	dst = append(dst, digits[0])
	if len(digits) > 1 {
		dst = append(append(dst, '.'), digits[1:]...)
	}
	if adjusted == 0 {
		return dst
	}
	dst = append(dst, 'E')
	if adjusted > 0 {
		dst = append(dst, '+')
	}
	return strconv.AppendInt(dst, adjusted, 10)
}

func appendPlain(dst, digits []byte, scale int) []byte {
	point := len(digits) - scale
	if point > 0 {
		dst = append(append(dst, digits[:point]...), '.')
		return append(dst, digits[point:]...)
	}
	dst = append(dst, '0', '.')
	for ; point < 0; point++ {
		dst = append(dst, '0')
	}
	return append(dst, digits...)
}
