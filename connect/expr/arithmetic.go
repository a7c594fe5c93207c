// SPDX-License-Identifier: Apache-2.0

package expr

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"math/big"
	"math/bits"

	"github.com/connectd/connectd/connect"
)

// Numbers are integers, floats or decimals. An operation on two integers gives an
// integer, or an error when it does not fit 64 bits; a decimal and an integer give
// a decimal; whatever meets a float gives a float.

var (
	errOverflow = errors.New("the result does not fit a 64-bit integer; decimal() makes exact numbers of any size")
	errZero     = errors.New("division by zero")
)

func isFloat(v connect.Value) bool {
	return v.Kind() == connect.KindFloat64 || v.Kind() == connect.KindFloat32
}

func isNumber(v connect.Value) bool {
	return v.IsInt() || isFloat(v) || v.Kind() == connect.KindDecimal
}

// Float is the float64 nearest to a number of any kind.
func Float(v connect.Value) float64 {
	switch {
	case v.IsInt():
		return float64(v.Int())
	case v.Kind() == connect.KindDecimal:
		return v.Decimal().Float()
	default:
		return v.Float()
	}
}

// needNumbers explains why an operation does not work.
func needNumbers(op string, a, b connect.Value) error {
	if a.IsNull() || b.IsNull() {
		return fmt.Errorf("%s %s %s: the field is null or missing; ?? gives it a value", a.Kind(), op, b.Kind())
	}
	if op == "+" && (a.Kind() == connect.KindString || b.Kind() == connect.KindString) {
		return fmt.Errorf("%s + %s: string() makes a text of a value", a.Kind(), b.Kind())
	}
	return fmt.Errorf("%s %s %s is not defined", a.Kind(), op, b.Kind())
}

func add(e *Env, a, b connect.Value) (connect.Value, error) {
	switch {
	case a.IsInt() && b.IsInt():
		return addInts(a.Int(), b.Int())
	case a.Kind() == connect.KindString && b.Kind() == connect.KindString:
		return joinTexts(e, a, b)
	case a.Kind() == connect.KindTimestamp && b.IsInt():
		return shift(a, b)
	case b.Kind() == connect.KindTimestamp && a.IsInt():
		return shift(b, a)
	case !isNumber(a) || !isNumber(b):
		return a, needNumbers("+", a, b)
	case isFloat(a) || isFloat(b):
		return connect.Float64(Float(a) + Float(b)), nil
	}
	return e.decimals(a, b, func(x, y *big.Int, scale int32) (*big.Int, int32) { return new(big.Int).Add(x, y), scale })
}

func shift(t, millis connect.Value) (connect.Value, error) {
	v, err := addInts(t.Int(), millis.Int())
	return connect.Timestamp(v.Int()), err
}

func addInts(a, b int64) (connect.Value, error) {
	c := a + b
	if (c > a) != (b > 0) && b != 0 {
		return connect.Value{}, errOverflow
	}
	return connect.Int64(c), nil
}

func joinTexts(e *Env, a, b connect.Value) (connect.Value, error) {
	if err := e.grow(a.Len() + b.Len()); err != nil {
		return a, err
	}
	out := e.Arena.Bytes(a.Len() + b.Len())
	copy(out[copy(out, a.Bytes()):], b.Bytes())
	return connect.StringOf(out), nil
}

func subtract(e *Env, a, b connect.Value) (connect.Value, error) {
	switch {
	case a.IsInt() && b.IsInt(), a.Kind() == connect.KindTimestamp && b.Kind() == connect.KindTimestamp:
		return subtractInts(a.Int(), b.Int())
	case a.Kind() == connect.KindTimestamp && b.IsInt():
		v, err := subtractInts(a.Int(), b.Int())
		return connect.Timestamp(v.Int()), err
	case !isNumber(a) || !isNumber(b):
		return a, needNumbers("-", a, b)
	case isFloat(a) || isFloat(b):
		return connect.Float64(Float(a) - Float(b)), nil
	}
	return e.decimals(a, b, func(x, y *big.Int, scale int32) (*big.Int, int32) { return new(big.Int).Sub(x, y), scale })
}

func subtractInts(a, b int64) (connect.Value, error) {
	c := a - b
	if (c < a) != (b > 0) && b != 0 {
		return connect.Value{}, errOverflow
	}
	return connect.Int64(c), nil
}

func multiply(e *Env, a, b connect.Value) (connect.Value, error) {
	switch {
	case a.IsInt() && b.IsInt():
		return multiplyInts(a.Int(), b.Int())
	case !isNumber(a) || !isNumber(b):
		return a, needNumbers("*", a, b)
	case isFloat(a) || isFloat(b):
		return connect.Float64(Float(a) * Float(b)), nil
	}
	x, y := toDecimal(a), toDecimal(b)
	return e.decimal(new(big.Int).Mul(x.Unscaled, y.Unscaled), int64(x.Scale)+int64(y.Scale))
}

func multiplyInts(a, b int64) (connect.Value, error) {
	hi, lo := bits.Mul64(magnitude(a), magnitude(b))
	negative := (a < 0) != (b < 0)
	switch {
	case hi != 0 || lo > 1<<63 || lo == 1<<63 && !negative:
		return connect.Value{}, errOverflow
	case negative:
		return connect.Int64(-int64(lo)), nil
	}
	return connect.Int64(int64(lo)), nil
}

func magnitude(n int64) uint64 {
	if n < 0 {
		return -uint64(n)
	}
	return uint64(n)
}

// divide gives a float for integers, as 7 / 2 is 3.5; div gives integers.
func divide(e *Env, a, b connect.Value) (connect.Value, error) {
	switch {
	case !isNumber(a) || !isNumber(b):
		return a, needNumbers("/", a, b)
	case isZero(b):
		return a, errZero
	case isFloat(a) || isFloat(b) || a.IsInt() && b.IsInt():
		return connect.Float64(Float(a) / Float(b)), nil
	}
	return e.divideDecimals(toDecimal(a), toDecimal(b))
}

func isZero(v connect.Value) bool {
	if d := v.Decimal(); d != nil {
		return d.Unscaled.Sign() == 0
	}
	return Float(v) == 0
}

func remainder(e *Env, a, b connect.Value) (connect.Value, error) {
	switch {
	case !isNumber(a) || !isNumber(b) || isFloat(a) || isFloat(b):
		return a, needNumbers("%", a, b)
	case isZero(b):
		return a, errZero
	case a.IsInt() && b.IsInt():
		if b.Int() == -1 {
			return connect.Int64(0), nil
		}
		return connect.Int64(a.Int() % b.Int()), nil
	}
	return e.decimals(a, b, func(x, y *big.Int, scale int32) (*big.Int, int32) { return new(big.Int).Rem(x, y), scale })
}

// power gives a float, as in expr-lang.
func power(_ *Env, a, b connect.Value) (connect.Value, error) {
	if !isNumber(a) || !isNumber(b) {
		return a, needNumbers("**", a, b)
	}
	return connect.Float64(math.Pow(Float(a), Float(b))), nil
}

func negate(v connect.Value) (connect.Value, error) {
	switch {
	case v.IsInt() && v.Int() == math.MinInt64:
		return v, errOverflow
	case v.IsInt():
		return connect.Int64(-v.Int()), nil
	case isFloat(v):
		return connect.Float64(-v.Float()), nil
	case v.Kind() == connect.KindDecimal:
		d := v.Decimal()
		return connect.DecimalValue(&connect.Decimal{Unscaled: new(big.Int).Neg(d.Unscaled), Scale: d.Scale}), nil
	}
	return v, fmt.Errorf("- needs a number, this is %s", v.Kind())
}

// compareNumbers is exact: no integer is rounded to a float. ok is false for NaN.
func compareNumbers(a, b connect.Value) (c int, ok bool) {
	switch {
	case a.IsInt() && b.IsInt():
		return cmp.Compare(a.Int(), b.Int()), true
	case isFloat(a) && isFloat(b):
		return cmp.Compare(a.Float(), b.Float()), !math.IsNaN(a.Float()) && !math.IsNaN(b.Float())
	case isFloat(b):
		return compareFloat(a, b.Float())
	case isFloat(a):
		c, ok = compareFloat(b, a.Float())
		return -c, ok
	}
	return compareDecimals(toDecimal(a), toDecimal(b)), true
}

func compareFloat(a connect.Value, f float64) (int, bool) {
	switch {
	case math.IsNaN(f):
		return 0, false
	case math.IsInf(f, 0):
		return -int(math.Copysign(1, f)), true
	case a.IsInt() && a.Int() >= -1<<53 && a.Int() <= 1<<53:
		return cmp.Compare(float64(a.Int()), f), true
	}
	d, _ := floatDecimal(f)
	return compareDecimals(toDecimal(a), d), true
}
