// SPDX-License-Identifier: Apache-2.0

package expr

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/convert"
)

var conversions = map[string]function{
	"type":     {1, 1, textType, typeName},
	"int":      {1, 1, numberType, toInt},
	"float":    {1, 1, numberType, toFloatValue},
	"decimal":  {1, 1, numberType, toDecimalValue},
	"string":   {1, 1, textType, func(e *Env, args []connect.Value) (connect.Value, error) { return textOf(e, args[0]) }},
	"toJSON":   {1, 1, textType, toJSON},
	"fromJSON": {1, 1, anyType, fromJSON},
}

func typeName(_ *Env, args []connect.Value) (connect.Value, error) {
	v := args[0]
	switch {
	case v.IsNull():
		return connect.String("nil"), nil
	case v.Kind() == connect.KindBool:
		return connect.String("bool"), nil
	case v.IsInt():
		return connect.String("int"), nil
	case isFloat(v):
		return connect.String("float"), nil
	case isMap(v):
		return connect.String("map"), nil
	}
	return connect.String(v.Kind().String()), nil
}

// toInt leaves out the fraction of a number, and reads a text.
func toInt(_ *Env, args []connect.Value) (connect.Value, error) {
	v := args[0]
	switch {
	case v.IsInt(), isTime(v):
		return connect.Int64(v.Int()), nil
	case isFloat(v):
		f := math.Trunc(v.Float())
		if f >= -(1<<63) && f < 1<<63 {
			return connect.Int64(int64(f)), nil
		}
		return v, errOverflow
	case v.Kind() == connect.KindDecimal:
		return wholeOf(v.Decimal())
	case v.Kind() == connect.KindString:
		n, err := strconv.ParseInt(strings.TrimSpace(v.Str()), 10, 64)
		if err != nil {
			return v, fmt.Errorf("%q is not a 64-bit integer", v.Str())
		}
		return connect.Int64(n), nil
	}
	return v, fmt.Errorf("%s cannot become an integer", v.Kind())
}

func toFloatValue(_ *Env, args []connect.Value) (connect.Value, error) {
	v := args[0]
	switch {
	case isNumber(v):
		return connect.Float64(Float(v)), nil
	case v.Kind() == connect.KindString:
		f, err := strconv.ParseFloat(strings.TrimSpace(v.Str()), 64)
		if err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
			return v, fmt.Errorf("%q is not a number", v.Str())
		}
		return connect.Float64(f), nil
	}
	return v, fmt.Errorf("%s cannot become a float", v.Kind())
}

// toDecimalValue makes an exact number; of a float the shortest that gives it back.
func toDecimalValue(e *Env, args []connect.Value) (connect.Value, error) {
	v := args[0]
	switch {
	case v.Kind() == connect.KindDecimal:
		return v, nil
	case v.IsInt():
		return connect.DecimalValue(toDecimal(v)), nil
	case isFloat(v):
		d, err := parseFloatDecimal(v.Float())
		return connect.DecimalValue(d), err
	case v.Kind() == connect.KindString:
		d, err := connect.ParseDecimal(strings.TrimSpace(v.Str()))
		if err != nil {
			return v, fmt.Errorf("%q is not a number", v.Str())
		}
		return e.decimal(d.Unscaled, int64(d.Scale))
	}
	return v, fmt.Errorf("%s cannot become a decimal", v.Kind())
}

// textOf writes a value as text: a text as it is, numbers as JSON does, composites as
// JSON.
func textOf(e *Env, v connect.Value) (connect.Value, error) {
	if v.Kind() == connect.KindString {
		return v, nil
	}
	if d := v.Decimal(); d != nil {
		if int64(max(d.Scale, -d.Scale))+digits(d.Unscaled) > 2*maxDigits {
			return v, errDigits
		}
		return e.text(d.String())
	}
	return toJSON(e, []connect.Value{v})
}

func toJSON(e *Env, args []connect.Value) (connect.Value, error) {
	b := convert.AppendJSON(nil, args[0])
	if err := e.grow(len(b)); err != nil {
		return args[0], err
	}
	return connect.StringOf(b), nil
}

func fromJSON(e *Env, args []connect.Value) (connect.Value, error) {
	if err := wantTexts(args[0]); err != nil {
		return args[0], err
	}
	// A byte of JSON becomes one value of it at most.
	if err := e.grow(args[0].Len() * entrySize / 2); err != nil {
		return args[0], err
	}
	v, err := convert.ParseJSON(e.Arena, args[0].Bytes())
	var syntax *convert.SyntaxError
	if errors.As(err, &syntax) {
		return v, fmt.Errorf("the text is not JSON: %w", err)
	}
	return v, err
}
