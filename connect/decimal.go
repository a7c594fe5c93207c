// SPDX-License-Identifier: Apache-2.0

package connect

import (
	"fmt"
	"math/big"
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
		e, ok := new(big.Int).SetString(strings.TrimPrefix(s[i+1:], "+"), 10)
		if !ok || !e.IsInt64() || e.Int64() > maxDecimalDigits || e.Int64() < -maxDecimalDigits {
			return nil, fmt.Errorf("parse decimal %q: bad exponent", s)
		}
		mantissa, exp = s[:i], e.Int64()
	}
	digits, scale := mantissa, int64(0)
	if i := strings.IndexByte(mantissa, '.'); i >= 0 {
		digits, scale = mantissa[:i]+mantissa[i+1:], int64(len(mantissa)-i-1)
	}
	u, ok := new(big.Int).SetString(digits, 10)
	if !ok || strings.Contains(digits, "_") {
		return nil, fmt.Errorf("parse decimal %q: not a number", s)
	}
	return &Decimal{Unscaled: u, Scale: int32(scale - exp)}, nil
}

// String writes the number in plain notation, as BigDecimal.toPlainString.
func (d *Decimal) String() string {
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

// Equal reports whether number and scale are the same, as BigDecimal.equals.
func (d *Decimal) Equal(o *Decimal) bool {
	return d.Scale == o.Scale && d.Unscaled.Cmp(o.Unscaled) == 0
}

// Float returns the nearest float64.
func (d *Decimal) Float() float64 {
	r := new(big.Rat).SetInt(d.Unscaled)
	p := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(max(d.Scale, -d.Scale))), nil)
	if d.Scale >= 0 {
		r.Quo(r, new(big.Rat).SetInt(p))
	} else {
		r.Mul(r, new(big.Rat).SetInt(p))
	}
	f, _ := r.Float64()
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
