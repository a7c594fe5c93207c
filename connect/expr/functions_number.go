// SPDX-License-Identifier: Apache-2.0

package expr

import (
	"errors"
	"fmt"
	"math"
	"math/big"

	"github.com/connectd/connectd/connect"
)

var numberFunctions = map[string]function{
	"abs":     {1, 1, numberType, abs},
	"ceil":    {1, 1, numberType, rounder(math.Ceil, 1)},
	"floor":   {1, 1, numberType, rounder(math.Floor, -1)},
	"round":   {1, 1, numberType, rounder(math.Round, 0)},
	"div":     {2, 2, numberType, div},
	"max":     {1, -1, anyType, extreme(1)},
	"min":     {1, -1, anyType, extreme(-1)},
	"mean":    {1, -1, numberType, mean},
	"median":  {1, -1, numberType, median},
	"sum":     {1, 1, numberType, sum},
	"count":   {1, 1, numberType, count},
	"bitand":  {2, 2, numberType, bitwise(func(a, b int64) int64 { return a & b })},
	"bitor":   {2, 2, numberType, bitwise(func(a, b int64) int64 { return a | b })},
	"bitxor":  {2, 2, numberType, bitwise(func(a, b int64) int64 { return a ^ b })},
	"bitnand": {2, 2, numberType, bitwise(func(a, b int64) int64 { return a &^ b })},
	"bitnot":  {1, 1, numberType, bitnot},
	"bitshl":  {2, 2, numberType, shifted(func(a int64, n uint64) int64 { return a << n })},
	"bitshr":  {2, 2, numberType, shifted(func(a int64, n uint64) int64 { return a >> n })},
	"bitushr": {2, 2, numberType, shifted(func(a int64, n uint64) int64 { return int64(uint64(a) >> n) })},
}

func abs(_ *Env, args []connect.Value) (connect.Value, error) {
	v := args[0]
	switch {
	case isFloat(v):
		return connect.Float64(math.Abs(v.Float())), nil
	case v.IsInt() && v.Int() >= 0, v.Kind() == connect.KindDecimal && v.Decimal().Unscaled.Sign() >= 0:
		return v, nil
	}
	return negate(v)
}

// rounder leaves integers as they are; floats stay floats and decimals decimals.
func rounder(float func(float64) float64, mode int) func(*Env, []connect.Value) (connect.Value, error) {
	return func(_ *Env, args []connect.Value) (connect.Value, error) {
		v := args[0]
		switch {
		case v.IsInt():
			return v, nil
		case isFloat(v):
			return connect.Float64(float(v.Float())), nil
		case v.Kind() == connect.KindDecimal:
			return connect.DecimalValue(roundDecimal(v.Decimal(), mode)), nil
		}
		return v, fmt.Errorf("a number is needed, this is %s", v.Kind())
	}
}

// div is the quotient of two integers without its fraction.
func div(_ *Env, args []connect.Value) (connect.Value, error) {
	a, b := args[0], args[1]
	switch {
	case !a.IsInt() || !b.IsInt():
		return a, fmt.Errorf("two integers are needed, these are %s and %s", a.Kind(), b.Kind())
	case b.Int() == 0:
		return a, errZero
	case b.Int() == -1:
		return negate(a)
	}
	return connect.Int64(a.Int() / b.Int()), nil
}

// flat goes through arguments and the elements of arrays among them; it leaves out
// nulls, as aggregates do.
func flat(e *Env, args []connect.Value, depth int, fn func(connect.Value) error) error {
	if depth > 100 {
		return errors.New("arrays nest too deep")
	}
	for _, v := range args {
		if err := e.visit(1); err != nil {
			return err
		}
		var err error
		switch v.Kind() {
		case connect.KindNull:
		case connect.KindArray:
			err = flat(e, v.Array(), depth+1, fn)
		default:
			err = fn(v)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// extreme is the largest or smallest of all; null if there is none.
func extreme(sign int) func(*Env, []connect.Value) (connect.Value, error) {
	return func(e *Env, args []connect.Value) (connect.Value, error) {
		best, found := connect.Null(), false
		err := flat(e, args, 0, func(v connect.Value) error {
			if !found {
				best, found = v, true
				_, _, err := compare(v, v)
				return err
			}
			c, ok, err := compare(v, best)
			if ok && c*sign > 0 {
				best = v
			}
			return err
		})
		return best, err
	}
}

func mean(e *Env, args []connect.Value) (connect.Value, error) {
	total, n := connect.Int64(0), int64(0)
	err := flat(e, args, 0, func(v connect.Value) error {
		n++
		var err error
		total, err = addWide(e, total, v)
		return err
	})
	if err != nil || n == 0 {
		return connect.Null(), err
	}
	if total.Kind() == connect.KindDecimal {
		return connect.Float64(Float(total) / float64(n)), nil
	}
	return divide(e, total, connect.Int64(n))
}

// addWide is add with a decimal where integers would overflow.
func addWide(e *Env, a, b connect.Value) (connect.Value, error) {
	v, err := add(e, a, b)
	if errors.Is(err, errOverflow) {
		return add(e, connect.DecimalValue(toDecimal(a)), b)
	}
	return v, err
}

func median(e *Env, args []connect.Value) (connect.Value, error) {
	var pairs [][2]connect.Value
	err := flat(e, args, 0, func(v connect.Value) error {
		if !isNumber(v) {
			return fmt.Errorf("a number is needed, this is %s", v.Kind())
		}
		pairs = append(pairs, [2]connect.Value{v})
		return nil
	})
	if err != nil || len(pairs) == 0 {
		return connect.Null(), err
	}
	if err := sortPairs(pairs, false); err != nil {
		return connect.Null(), err
	}
	mid := len(pairs) / 2
	if len(pairs)%2 == 1 {
		return connect.Float64(Float(pairs[mid][0])), nil
	}
	return mean(e, []connect.Value{pairs[mid-1][0], pairs[mid][0]})
}

func sum(e *Env, args []connect.Value) (connect.Value, error) {
	if args[0].Kind() != connect.KindArray {
		return args[0], fmt.Errorf("an array is needed, this is %s", args[0].Kind())
	}
	total := connect.Int64(0)
	for _, v := range args[0].Array() {
		var err error
		if total, err = add(e, total, v); err != nil {
			return v, err
		}
	}
	return total, e.visit(args[0].Len())
}

func count(e *Env, args []connect.Value) (connect.Value, error) {
	if args[0].Kind() != connect.KindArray {
		return args[0], fmt.Errorf("an array is needed, this is %s", args[0].Kind())
	}
	n := int64(0)
	for _, v := range args[0].Array() {
		if v.Bool() {
			n++
		}
	}
	return connect.Int64(n), e.visit(args[0].Len())
}

func bitwise(do func(a, b int64) int64) func(*Env, []connect.Value) (connect.Value, error) {
	return func(_ *Env, args []connect.Value) (connect.Value, error) {
		if !args[0].IsInt() || !args[1].IsInt() {
			return args[0], fmt.Errorf("two integers are needed, these are %s and %s", args[0].Kind(), args[1].Kind())
		}
		return connect.Int64(do(args[0].Int(), args[1].Int())), nil
	}
}

func shifted(do func(a int64, n uint64) int64) func(*Env, []connect.Value) (connect.Value, error) {
	return func(_ *Env, args []connect.Value) (connect.Value, error) {
		if !args[0].IsInt() || !args[1].IsInt() || args[1].Int() < 0 {
			return args[0], errors.New("two integers are needed, the second at least 0")
		}
		return connect.Int64(do(args[0].Int(), uint64(args[1].Int()))), nil
	}
}

func bitnot(_ *Env, args []connect.Value) (connect.Value, error) {
	if !args[0].IsInt() {
		return args[0], fmt.Errorf("an integer is needed, this is %s", args[0].Kind())
	}
	return connect.Int64(^args[0].Int()), nil
}

// wholeOf makes an int64 of a decimal, without its fraction.
func wholeOf(d *connect.Decimal) (connect.Value, error) {
	if digits(d.Unscaled)-int64(d.Scale) > 21 {
		return connect.Value{}, errOverflow
	}
	u := d.Unscaled
	switch {
	case d.Scale > 0:
		u = new(big.Int).Quo(u, pow10(min(int64(d.Scale), digits(u)+1)))
	case d.Scale < 0 && u.Sign() != 0:
		u = new(big.Int).Mul(u, pow10(-int64(d.Scale)))
	}
	if !u.IsInt64() {
		return connect.Value{}, errOverflow
	}
	return connect.Int64(u.Int64()), nil
}
