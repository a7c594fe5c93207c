// SPDX-License-Identifier: Apache-2.0

package types

import (
	"math"
	"strconv"

	"github.com/connectd/connectd/connect"
)

const variableScaleName = "io.debezium.data.VariableScaleDecimal"

// numeric is the form of numeric by decimal.handling.mode. The modifier holds precision and
// scale; the scale has eleven bits with a sign since PostgreSQL 15.
func (r resolver) numeric(typmod int32) form {
	switch r.modes.Decimal {
	case "double":
		return scalarForm(connect.TypeFloat64, numericDouble{}, "0.0")
	case "string":
		scale := -1
		if typmod >= 4 {
			_, scale = precisionScale(typmod)
		}
		return scalarForm(connect.TypeString, numericString{scale: scale}, "0.0")
	}
	if typmod < 4 {
		return structForm(connect.NewStruct(variableScaleName).Version(1).Doc("Variable scaled decimal").
			Field("scale", connect.Int32Schema).Field("value", connect.BytesSchema),
			func(s *connect.Schema) decoder { return variableScale{schema: s} })
	}
	precision, scale := precisionScale(typmod)
	f := scalarForm(connect.TypeBytes, newDecimal(scale), "0.0")
	f.begin = func() *connect.Builder {
		return connect.DecimalSchema(int32(scale)).Param("connect.decimal.precision", strconv.Itoa(precision))
	}
	return f
}

// precisionScale are precision and scale of a modifier. A negative scale becomes zero, with as
// many digits more: Avro and most readers know none. A scale above the precision stays, as in
// the original.
func precisionScale(typmod int32) (precision, scale int) {
	precision = int((typmod-4)>>16) & 0xffff
	scale = int((typmod-4)&0x7ff^1024) - 1024
	if scale < 0 {
		return precision - scale, 0
	}
	return precision, scale
}

// number is the text of a numeric, taken apart.
type number struct {
	negative        bool
	whole, fraction []byte
}

// parseNumber takes "-12.50" apart. NaN and infinities are errNoDecimal.
func parseNumber(data []byte) (number, error) {
	n := number{whole: data}
	if len(data) > 0 && data[0] == '-' {
		n.negative, n.whole = true, data[1:]
	}
	for i, c := range n.whole {
		if c == '.' {
			n.whole, n.fraction = n.whole[:i], n.whole[i+1:]
			break
		}
		if c < '0' || c > '9' {
			return n, notDigits(data)
		}
	}
	for _, c := range n.fraction {
		if c < '0' || c > '9' {
			return n, errNotANumber
		}
	}
	if len(n.whole)+len(n.fraction) == 0 {
		return n, errNotANumber
	}
	return n, nil
}

func notDigits(data []byte) error {
	switch string(data) {
	case "NaN", "Infinity", "-Infinity":
		return errNoDecimal
	}
	return errNotANumber
}

// decimal reads numeric with a scale.
type decimal struct {
	scale  int
	source *decimals
}

func newDecimal(scale int) decimal { return decimal{scale: scale, source: new(decimals)} }

func (d decimal) text(_ *connect.Arena, data []byte) (connect.Value, error) {
	n, err := parseNumber(data)
	if err != nil {
		return connect.Null(), err
	}
	return connect.DecimalValue(d.source.make(n, d.scale)), nil
}

func (d decimal) binary(a *connect.Arena, data []byte) (connect.Value, error) {
	text, err := numericText(a, data)
	if err != nil {
		return connect.Null(), err
	}
	return d.text(a, text)
}

// variableScale reads numeric without a scale into a struct that carries it.
type variableScale struct{ schema *connect.Schema }

func (d variableScale) text(a *connect.Arena, data []byte) (connect.Value, error) {
	n, err := parseNumber(data)
	if err != nil {
		return connect.Null(), err
	}
	for len(n.fraction) > 0 && n.fraction[len(n.fraction)-1] == '0' {
		n.fraction = n.fraction[:len(n.fraction)-1]
	}
	st := a.Struct(d.schema)
	st.Values[0] = connect.Int32(int32(len(n.fraction)))
	st.Values[1] = connect.Bytes(n.unscaledBytes(a))
	return connect.StructValue(st), nil
}

func (d variableScale) binary(a *connect.Arena, data []byte) (connect.Value, error) {
	text, err := numericText(a, data)
	if err != nil {
		return connect.Null(), err
	}
	return d.text(a, text)
}

// numericDouble reads numeric into the nearest float64.
type numericDouble struct{}

func (numericDouble) text(_ *connect.Arena, data []byte) (connect.Value, error) {
	f, err := parseFloat(data, 64)
	if err != nil {
		if _, err := parseNumber(data); err == nil {
			return connect.Float64(math.Inf(sign(data))), nil // beyond the range, as in Java
		}
		return connect.Null(), err
	}
	return connect.Float64(f), nil
}

func (d numericDouble) binary(a *connect.Arena, data []byte) (connect.Value, error) {
	text, err := numericText(a, data)
	if err != nil {
		return connect.Null(), err
	}
	return d.text(a, text)
}

func sign(data []byte) int {
	if len(data) > 0 && data[0] == '-' {
		return -1
	}
	return 1
}

// numericString shows numeric in plain notation, with the column's scale if it has one.
type numericString struct{ scale int }

func (d numericString) text(a *connect.Arena, data []byte) (connect.Value, error) {
	n, err := parseNumber(data)
	if err == errNoDecimal {
		return specialName(data), nil
	}
	if err != nil {
		return connect.Null(), err
	}
	if d.scale < 0 || len(n.fraction) == d.scale {
		return a.CopyString(data), nil
	}
	return connect.String(newDecimal(d.scale).source.make(n, d.scale).String()), nil
}

func (d numericString) binary(a *connect.Arena, data []byte) (connect.Value, error) {
	text, err := numericText(a, data)
	if err != nil {
		return connect.Null(), err
	}
	return d.text(a, text)
}

// specialName is how the original's enum of special values prints.
func specialName(data []byte) connect.Value {
	switch string(data) {
	case "Infinity":
		return connect.String("POSITIVE_INFINITY")
	case "-Infinity":
		return connect.String("NEGATIVE_INFINITY")
	}
	return connect.String("NAN")
}
