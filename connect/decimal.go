// SPDX-License-Identifier: Apache-2.0

package connect

import (
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
)

// Decimal is an exact number: Unscaled / 10^Scale, as java.math.BigDecimal. A
// Decimal is not changed after it was made. Scale may be negative.
type Decimal struct {
	Unscaled *big.Int
	Scale    int32
}

// maxDecimalDigits bounds what ParseDecimal accepts, so that a hostile exponent
// cannot make a number of gigabytes.
const maxDecimalDigits = 100_000

// ParseDecimal reads plain or scientific notation ("-12.50", "1e3"). The scale
// is the number of digits after the point less the exponent, as in Java.
func ParseDecimal(s string) (*Decimal, error) {
	if len(s) > maxDecimalDigits {
		return nil, fmt.Errorf("parse decimal: %d digits, at most %d", len(s), maxDecimalDigits)
	}
	mantissa, exp := s, int64(0)
	if i := strings.IndexAny(s, "eE"); i >= 0 {
		e, err := strconv.ParseInt(s[i+1:], 10, 64)
		if err != nil || e > maxDecimalDigits || e < -maxDecimalDigits {
			return nil, fmt.Errorf("parse decimal %q: bad exponent", s)
		}
		mantissa, exp = s[:i], e
	}
	sign := ""
	if strings.HasPrefix(mantissa, "+") || strings.HasPrefix(mantissa, "-") {
		sign, mantissa = mantissa[:1], mantissa[1:]
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	if !isDigits(whole) || !isDigits(fraction) || whole+fraction == "" {
		return nil, fmt.Errorf("parse decimal %q: not a number", s)
	}
	u, ok := new(big.Int).SetString(sign+whole+fraction, 10)
	if !ok {
		return nil, fmt.Errorf("parse decimal %q: not a number", s)
	}
	return &Decimal{Unscaled: u, Scale: int32(int64(len(fraction)) - exp)}, nil
}

func isDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// String writes the number in plain notation, as BigDecimal.toPlainString. A scale
// that would make more zeros than ParseDecimal accepts is written as an exponent.
func (d *Decimal) String() string {
	if d.Scale > maxDecimalDigits || d.Scale < -maxDecimalDigits {
		return d.scientific()
	}
	if d.Scale <= 0 {
		if d.Unscaled.Sign() == 0 {
			return "0"
		}
		return d.Unscaled.String() + strings.Repeat("0", int(-d.Scale))
	}
	s := new(big.Int).Abs(d.Unscaled).String()
	if pad := int(d.Scale) + 1 - len(s); pad > 0 {
		s = strings.Repeat("0", pad) + s
	}
	point := len(s) - int(d.Scale)
	s = s[:point] + "." + s[point:]
	if d.Unscaled.Sign() < 0 {
		s = "-" + s
	}
	return s
}

// scientific is the unscaled number with an exponent.
func (d *Decimal) scientific() string {
	return d.Unscaled.String() + "E" + strconv.FormatInt(-int64(d.Scale), 10)
}

// Equal reports whether number and scale are the same, as BigDecimal.equals.
func (d *Decimal) Equal(o *Decimal) bool {
	return d.Scale == o.Scale && d.Unscaled.Cmp(o.Unscaled) == 0
}

// Float returns the nearest float64; infinity beyond its range.
func (d *Decimal) Float() float64 {
	f, err := strconv.ParseFloat(d.scientific(), 64)
	if err != nil && !math.IsInf(f, 0) {
		return math.NaN() // the text of a number is always one
	}
	return f
}

// UnscaledBytes returns the unscaled number as two's complement, big endian, in
// the fewest bytes, as BigInteger.toByteArray.
func (d *Decimal) UnscaledBytes() []byte {
	u := d.Unscaled
	if u.Sign() >= 0 {
		b := u.Bytes()
		if len(b) == 0 || b[0]&0x80 != 0 {
			b = append([]byte{0}, b...)
		}
		return b
	}
	n := len(new(big.Int).Not(u).Bytes())
	mod := new(big.Int).Lsh(big.NewInt(1), uint(n*8))
	b := new(big.Int).Add(mod, u).Bytes()
	if len(b) < n {
		b = append(make([]byte, n-len(b)), b...)
	}
	if n == 0 || b[0]&0x80 == 0 {
		b = append([]byte{0xff}, b...)
	}
	return b
}

// DecimalFromBytes reads what UnscaledBytes wrote.
func DecimalFromBytes(b []byte, scale int32) *Decimal {
	u := new(big.Int).SetBytes(b)
	if len(b) > 0 && b[0]&0x80 != 0 {
		u.Sub(u, new(big.Int).Lsh(big.NewInt(1), uint(len(b)*8)))
	}
	return &Decimal{Unscaled: u, Scale: scale}
}
