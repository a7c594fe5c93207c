// SPDX-License-Identifier: Apache-2.0

package transforms

import (
	"math"
	"strconv"
	"strings"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/convert"
)

// castValue converts a value as Java does: integers are cut to their size, floats to
// integers stop at the ends of int32 or int64, texts are read strictly.
func castValue(a *connect.Arena, v connect.Value, to connect.Type) (connect.Value, error) {
	if v.IsNull() {
		return v, nil
	}
	switch v.Kind() {
	case connect.KindArray, connect.KindMap, connect.KindStruct:
		return v, connect.DataErrorf("casting from %s is not supported", v.Kind())
	case connect.KindBytes:
		if to != connect.TypeString {
			return v, connect.DataErrorf("bytes can only be cast to a string, not to %s", to)
		}
	}
	switch to {
	case connect.TypeString:
		return castToText(a, v)
	case connect.TypeBoolean:
		return castToBool(v), nil
	case connect.TypeFloat32, connect.TypeFloat64:
		return castToFloat(v, to)
	}
	return castToInt(v, to)
}

// castToText writes a value as Java's toString, times as their ISO texts, bytes in
// base64.
func castToText(a *connect.Arena, v connect.Value) (connect.Value, error) {
	if v.Kind() == connect.KindString {
		return v, nil
	}
	var room [64]byte
	text := room[:0]
	switch v.Kind() {
	case connect.KindDate, connect.KindTime, connect.KindTimestamp, connect.KindBytes:
		var err error
		if text, _, err = (convert.SimpleHeader{}).FromConnectHeader(text, "", "", nil, v); err != nil {
			return v, err
		}
	default:
		text = convert.AppendText(text, v)
	}
	return a.CopyString(text), nil
}

func castToBool(v connect.Value) connect.Value {
	switch v.Kind() {
	case connect.KindBool:
		return v
	case connect.KindString:
		return connect.Bool(strings.EqualFold(v.Str(), "true"))
	}
	return connect.Bool(longOf(v) != 0)
}

// longOf is Java's longValue.
func longOf(v connect.Value) int64 {
	switch v.Kind() {
	case connect.KindBool:
		if v.Bool() {
			return 1
		}
		return 0
	case connect.KindFloat32, connect.KindFloat64:
		return saturate(v.Float(), math.MinInt64, math.MaxInt64)
	case connect.KindDecimal:
		return lowBits(v.Decimal())
	}
	return v.Int()
}

// saturate is how Java makes an integer of a float: NaN is 0, and what is too large is
// the largest.
func saturate(f float64, least, most int64) int64 {
	switch {
	case f != f:
		return 0
	case f <= float64(least):
		return least
	case f >= float64(most):
		return most
	}
	return int64(f)
}

func castToInt(v connect.Value, to connect.Type) (connect.Value, error) {
	n := longOf(v)
	switch v.Kind() {
	case connect.KindString:
		var err error
		if n, err = strconv.ParseInt(v.Str(), 10, sizeOf[to]); err != nil {
			return v, outOfRange(v)
		}
	case connect.KindFloat32, connect.KindFloat64:
		if to != connect.TypeInt64 {
			n = saturate(v.Float(), math.MinInt32, math.MaxInt32)
		}
	}
	switch to {
	case connect.TypeInt8:
		return connect.Int8(int8(n)), nil
	case connect.TypeInt16:
		return connect.Int16(int16(n)), nil
	case connect.TypeInt32:
		return connect.Int32(int32(n)), nil
	}
	return connect.Int64(n), nil
}

var sizeOf = map[connect.Type]int{connect.TypeInt8: 8, connect.TypeInt16: 16, connect.TypeInt32: 32, connect.TypeInt64: 64}

func outOfRange(v connect.Value) error {
	return connect.DataErrorf("value (%s) was out of range for requested data type", v.Str())
}

func castToFloat(v connect.Value, to connect.Type) (connect.Value, error) {
	var f float64
	switch v.Kind() {
	case connect.KindFloat32, connect.KindFloat64:
		f = v.Float()
	case connect.KindDecimal:
		f = v.Decimal().Float()
	case connect.KindString:
		var ok bool
		if f, ok = parseJavaFloat(v.Str(), to); !ok {
			return v, outOfRange(v)
		}
	default:
		n := longOf(v)
		if f = float64(n); to == connect.TypeFloat32 {
			return connect.Float32(float32(n)), nil // once rounded, not twice
		}
	}
	if to == connect.TypeFloat32 {
		return connect.Float32(float32(f)), nil
	}
	return connect.Float64(f), nil
}

// parseJavaFloat reads what Java's parseDouble reads: digits with a point and an
// exponent, a hexadecimal number with a binary exponent, NaN and Infinity, with space
// around them and a type suffix behind. What is too large is infinite.
func parseJavaFloat(text string, to connect.Type) (float64, bool) {
	s := strings.TrimFunc(text, func(r rune) bool { return r <= ' ' })
	bare := strings.TrimLeft(s, "+-")
	if len(s)-len(bare) > 1 {
		return 0, false
	}
	switch {
	case bare == "NaN":
		return math.NaN(), true
	case bare == "Infinity":
		return math.Inf(1 - 2*strings.Count(s, "-")), true
	case bare == "" || bare[0] != '.' && !isDigit(bare[0]) || strings.Contains(bare, "_"):
		return 0, false
	}
	s = strings.TrimRight(s, "fFdD")
	if len(bare)-len(strings.TrimRight(bare, "fFdD")) > 1 {
		return 0, false
	}
	bits := 64
	if to == connect.TypeFloat32 {
		bits = 32
	}
	f, err := strconv.ParseFloat(s, bits)
	if err != nil && !math.IsInf(f, 0) {
		return 0, false
	}
	return f, true
}
