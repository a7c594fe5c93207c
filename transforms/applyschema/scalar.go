// SPDX-License-Identifier: Apache-2.0

package applyschema

import (
	"encoding/base64"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/connectd/connectd/connect"
	schema "github.com/connectd/connectd/connect/avro"
	"github.com/connectd/connectd/connect/convert"
)

// scalar converts one value; ok is false if something would be lost.
func (c *converter) scalar(n *node, v connect.Value) (out connect.Value, ok bool) {
	switch n.kind {
	case connect.KindBool:
		return toBool(v)
	case connect.KindInt8, connect.KindInt16, connect.KindInt32, connect.KindInt64:
		return toInteger(n, v)
	case connect.KindDate, connect.KindTime, connect.KindTimestamp:
		return toMoment(n, v)
	case connect.KindFloat32, connect.KindFloat64:
		return toFloat(n.kind, v)
	case connect.KindDecimal:
		return toDecimal(n, v)
	case connect.KindBytes:
		return c.toBytes(n, v)
	case connect.KindString:
		return c.toText(n, v)
	}
	return v, false
}

func toBool(v connect.Value) (connect.Value, bool) {
	switch v.Kind() {
	case connect.KindBool:
		return v, true
	case connect.KindString:
		return connect.Bool(v.Str() == "true"), v.Str() == "true" || v.Str() == "false"
	}
	return v, false
}

// integer reads a whole number of 64 bits out of a number or its text.
func integer(v connect.Value) (int64, bool) {
	switch {
	case v.IsInt():
		return v.Int(), true
	case v.Kind() == connect.KindFloat32, v.Kind() == connect.KindFloat64:
		f := v.Float()
		// 2^63 is the first float that does not fit.
		return int64(f), f == math.Trunc(f) && f >= -1<<63 && f < 1<<63
	case v.Kind() == connect.KindDecimal:
		d, ok := rescale(v.Decimal(), 0)
		if !ok || !d.Unscaled.IsInt64() {
			return 0, false
		}
		return d.Unscaled.Int64(), true
	case v.Kind() == connect.KindString:
		n, err := strconv.ParseInt(v.Str(), 10, 64)
		return n, err == nil
	}
	return 0, false
}

func toInteger(n *node, v connect.Value) (connect.Value, bool) {
	if n.unit != "" && v.Kind() == connect.KindString {
		if i, ok := momentOf(n.unit, v.Str()); ok {
			return connect.Int64(i), true
		}
	}
	i, ok := integer(v)
	if !ok {
		return v, false
	}
	switch n.kind {
	case connect.KindInt8:
		return connect.Int8(int8(i)), i == int64(int8(i))
	case connect.KindInt16:
		return connect.Int16(int16(i)), i == int64(int16(i))
	case connect.KindInt32:
		return connect.Int32(int32(i)), i == int64(int32(i))
	}
	return connect.Int64(i), true
}

func toFloat(kind connect.Kind, v connect.Value) (connect.Value, bool) {
	var f float64
	exact := true
	switch {
	case v.IsInt():
		f = float64(v.Int())
		exact = f < 1<<63 && int64(f) == v.Int()
	case v.Kind() == connect.KindFloat32, v.Kind() == connect.KindFloat64:
		f = v.Float()
	case v.Kind() == connect.KindString:
		var err error
		if f, err = strconv.ParseFloat(v.Str(), 64); err != nil || strings.ContainsAny(v.Str(), "xX_") {
			return v, false
		}
	default:
		return v, false
	}
	if kind == connect.KindFloat64 {
		return connect.Float64(f), exact
	}
	return connect.Float32(float32(f)), exact && fitsFloat32(f, v)
}

// fitsFloat32 accepts a double that is the shortest text of a float: 0.1 in a text
// means the float 0.1, although the double of that name is another number.
func fitsFloat32(f float64, v connect.Value) bool {
	if math.IsNaN(f) || math.IsInf(f, 0) || float64(float32(f)) == f {
		return true
	}
	if v.IsInt() || math.IsInf(float64(float32(f)), 0) {
		return false
	}
	return strconv.FormatFloat(f, 'g', -1, 64) == strconv.FormatFloat(float64(float32(f)), 'g', -1, 32)
}

// toDecimal keeps every digit: a number with more of them behind the point than the
// scale has, or with more in all than the precision has, does not fit.
func toDecimal(n *node, v connect.Value) (connect.Value, bool) {
	var d *connect.Decimal
	var err error
	switch {
	case v.IsInt():
		d = &connect.Decimal{Unscaled: big.NewInt(v.Int())}
	case v.Kind() == connect.KindFloat32:
		d, err = connect.ParseDecimal(strconv.FormatFloat(v.Float(), 'e', -1, 32))
	case v.Kind() == connect.KindFloat64:
		d, err = connect.ParseDecimal(strconv.FormatFloat(v.Float(), 'e', -1, 64))
	case v.Kind() == connect.KindDecimal:
		d = v.Decimal()
	case v.Kind() == connect.KindString:
		d, err = connect.ParseDecimal(v.Str())
	default:
		return v, false
	}
	if err != nil {
		return v, false
	}
	d, ok := rescale(d, n.scale)
	if !ok || digits(d.Unscaled) > int(n.precision) {
		return v, false
	}
	if n.avro.Type == schema.Fixed && len(d.UnscaledBytes()) > n.avro.Size {
		return v, false
	}
	return connect.DecimalValue(d), true
}

// maxShift bounds what a hostile exponent can cost.
const maxShift = 10_000

// rescale writes a decimal with another scale, if that loses no digit.
func rescale(d *connect.Decimal, scale int32) (*connect.Decimal, bool) {
	shift := int64(scale) - int64(d.Scale)
	if shift > maxShift || shift < -maxShift {
		return d, d.Unscaled.Sign() == 0
	}
	if shift == 0 {
		return d, true
	}
	if shift > 0 {
		power := new(big.Int).Exp(big.NewInt(10), big.NewInt(shift), nil)
		return &connect.Decimal{Unscaled: power.Mul(power, d.Unscaled), Scale: scale}, true
	}
	power := new(big.Int).Exp(big.NewInt(10), big.NewInt(-shift), nil)
	quotient, rest := power.QuoRem(d.Unscaled, power, new(big.Int))
	return &connect.Decimal{Unscaled: quotient, Scale: scale}, rest.Sign() == 0
}

func digits(n *big.Int) int { return len(new(big.Int).Abs(n).String()) }

// toBytes reads texts as base64, as the JSON converter writes bytes.
func (c *converter) toBytes(n *node, v connect.Value) (connect.Value, bool) {
	var b []byte
	switch v.Kind() {
	case connect.KindBytes:
		b = v.Bytes()
	case connect.KindString:
		b = c.arena.Bytes(base64.StdEncoding.DecodedLen(len(v.Str())))
		size, err := base64.StdEncoding.Strict().Decode(b, []byte(v.Str()))
		if err != nil {
			return v, false
		}
		b = b[:size]
	default:
		return v, false
	}
	return connect.Bytes(b), n.avro.Type != schema.Fixed || len(b) == n.avro.Size
}

func (c *converter) toText(n *node, v connect.Value) (connect.Value, bool) {
	out := v
	switch {
	case v.Kind() == connect.KindString:
	case v.Kind() == connect.KindBytes:
		if !utf8.Valid(v.Bytes()) {
			return v, false
		}
		out = connect.StringOf(v.Bytes())
	case v.Kind() == connect.KindBool, v.Kind() == connect.KindDecimal, v.IsInt(), v.Kind() == connect.KindFloat32, v.Kind() == connect.KindFloat64:
		var b [64]byte
		out = c.arena.CopyString(convert.AppendText(b[:0], v))
	default:
		return v, false
	}
	switch {
	case n.avro.Type == schema.Enum:
		return out, slices.Contains(n.avro.Symbols, out.Str())
	case n.unit == "uuid":
		return out, isUUID(out.Str())
	}
	return out, true
}

func isUUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		dash := i == 8 || i == 13 || i == 18 || i == 23
		digit := '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
		if dash != (c == '-') || !dash && !digit {
			return false
		}
	}
	return true
}
