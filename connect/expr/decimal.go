// SPDX-License-Identifier: Apache-2.0

package expr

import (
	"cmp"
	"errors"
	"math"
	"math/big"
	"strconv"

	"github.com/connectd/connectd/connect"
)

// maxDigits bounds decimals that an operation makes or aligns.
const maxDigits = 10_000

// quotientScale is how many digits after the point a quotient has at least.
const quotientScale = 10

var errDigits = errors.New("the number has more than 10000 digits")

// toDecimal makes a decimal of an integer or decimal.
func toDecimal(v connect.Value) *connect.Decimal {
	if d := v.Decimal(); d != nil {
		return d
	}
	return &connect.Decimal{Unscaled: big.NewInt(v.Int())}
}

// floatDecimal is the exact value of a finite float.
func floatDecimal(f float64) (*connect.Decimal, error) {
	mantissa, exp := math.Frexp(f)
	u, shift := big.NewInt(int64(mantissa*(1<<53))), exp-53
	if shift >= 0 {
		return &connect.Decimal{Unscaled: u.Lsh(u, uint(shift))}, nil
	}
	u.Mul(u, new(big.Int).Exp(big.NewInt(5), big.NewInt(int64(-shift)), nil))
	return &connect.Decimal{Unscaled: u, Scale: int32(-shift)}, nil
}

// parseFloatDecimal is the shortest decimal that gives the float back.
func parseFloatDecimal(f float64) (*connect.Decimal, error) {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return nil, errors.New("the float is not a number")
	}
	return connect.ParseDecimal(strconv.FormatFloat(f, 'g', -1, 64))
}

func pow10(n int64) *big.Int { return new(big.Int).Exp(big.NewInt(10), big.NewInt(n), nil) }

// digits is an upper bound of the digits of a number.
func digits(u *big.Int) int64 { return int64(float64(u.BitLen())*0.30103) + 1 }

// rescaled returns the unscaled number at a larger scale.
func rescaled(d *connect.Decimal, scale int64) (*big.Int, error) {
	by := scale - int64(d.Scale)
	if by == 0 || d.Unscaled.Sign() == 0 {
		return d.Unscaled, nil
	}
	if by+digits(d.Unscaled) > maxDigits {
		return nil, errDigits
	}
	return new(big.Int).Mul(d.Unscaled, pow10(by)), nil
}

// decimals applies an operation to two numbers at their common scale.
func (e *Env) decimals(a, b connect.Value, do func(x, y *big.Int, scale int32) (*big.Int, int32)) (connect.Value, error) {
	x, y := toDecimal(a), toDecimal(b)
	scale := max(x.Scale, y.Scale)
	u, err := rescaled(x, int64(scale))
	if err != nil {
		return a, err
	}
	w, err := rescaled(y, int64(scale))
	if err != nil {
		return a, err
	}
	r, s := do(u, w, scale)
	return e.decimal(r, int64(s))
}

func (e *Env) decimal(u *big.Int, scale int64) (connect.Value, error) {
	if digits(u) > maxDigits || scale > maxDigits || scale < -maxDigits {
		return connect.Value{}, errDigits
	}
	if err := e.grow(64 + len(u.Bits())*8); err != nil {
		return connect.Value{}, err
	}
	return connect.DecimalValue(&connect.Decimal{Unscaled: u, Scale: int32(scale)}), nil
}

// divideDecimals rounds half to even at the larger scale of both, but at least at
// quotientScale, and takes zeros away from the end down to the larger scale.
func (e *Env) divideDecimals(a, b *connect.Decimal) (connect.Value, error) {
	least := int64(max(a.Scale, b.Scale))
	scale := max(least, quotientScale)
	up := scale + int64(b.Scale) - int64(a.Scale)
	if up+digits(a.Unscaled) > maxDigits || -up+digits(b.Unscaled) > maxDigits {
		return connect.Value{}, errDigits
	}
	x, y := a.Unscaled, b.Unscaled
	if up >= 0 {
		x = new(big.Int).Mul(x, pow10(up))
	} else {
		y = new(big.Int).Mul(y, pow10(-up))
	}
	q := roundedQuotient(x, y)
	ten, zero := big.NewInt(10), new(big.Int)
	for scale > least {
		d, r := new(big.Int).QuoRem(q, ten, new(big.Int))
		if r.Cmp(zero) != 0 {
			break
		}
		q, scale = d, scale-1
	}
	return e.decimal(q, scale)
}

// roundedQuotient is x / y, half to even.
func roundedQuotient(x, y *big.Int) *big.Int {
	q, r := new(big.Int).QuoRem(x, y, new(big.Int))
	twice := new(big.Int).Abs(r)
	twice.Lsh(twice, 1)
	c := twice.CmpAbs(y)
	if c > 0 || c == 0 && q.Bit(0) == 1 {
		step := big.NewInt(1)
		if (x.Sign() < 0) != (y.Sign() < 0) {
			step.SetInt64(-1)
		}
		q.Add(q, step)
	}
	return q
}

// compareDecimals compares by value: 1.0 equals 1.00. Numbers of very different size
// are told apart without aligning them.
func compareDecimals(a, b *connect.Decimal) int {
	if s, t := a.Unscaled.Sign(), b.Unscaled.Sign(); s != t || s == 0 {
		return cmp.Compare(s, t)
	}
	// tops differ by more than one where the digits before the point do.
	top, other := digits(a.Unscaled)-int64(a.Scale), digits(b.Unscaled)-int64(b.Scale)
	if top > other+2 {
		return a.Unscaled.Sign()
	}
	if other > top+2 {
		return -a.Unscaled.Sign()
	}
	scale := max(a.Scale, b.Scale)
	u := new(big.Int).Mul(a.Unscaled, pow10(int64(scale)-int64(a.Scale)))
	w := new(big.Int).Mul(b.Unscaled, pow10(int64(scale)-int64(b.Scale)))
	return u.Cmp(w)
}

// roundDecimal rounds to whole numbers: away from zero at a half for mode 0, down for
// -1, up for 1.
func roundDecimal(d *connect.Decimal, mode int) *connect.Decimal {
	if d.Scale <= 0 {
		return d
	}
	one := pow10(min(int64(d.Scale), digits(d.Unscaled)+1)) // beyond its digits all is a fraction
	q, r := new(big.Int).QuoRem(d.Unscaled, one, new(big.Int))
	twice := new(big.Int).Lsh(new(big.Int).Abs(r), 1)
	step := int64(0)
	switch sign := r.Sign(); {
	case sign == 0:
	case mode == 0 && twice.Cmp(one) >= 0 || mode == sign:
		step = int64(sign)
	}
	return &connect.Decimal{Unscaled: q.Add(q, big.NewInt(step))}
}
