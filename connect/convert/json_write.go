// SPDX-License-Identifier: Apache-2.0

package convert

import (
	"strconv"

	"github.com/connectd/connectd/connect"
)

const millisPerDay = 86_400_000

// payloadWriter writes values by their schemas.
type payloadWriter struct {
	numeric  bool // decimals as numbers
	defaults bool // null is written as the default

	plans map[*connect.Schema]*structPlan
	last  *structPlan // records of one schema usually come in a row
}

// value appends v; dst is returned also with an error.
func (w *payloadWriter) value(dst []byte, s *connect.Schema, v connect.Value) ([]byte, error) {
	if v.IsNull() {
		return w.null(dst, s)
	}
	if s == nil {
		return AppendJSON(dst, v), nil
	}
	if connect.KindOf(s) != v.Kind() {
		return dst, wrongKind(s, v)
	}
	switch v.Kind() {
	case connect.KindStruct:
		return w.structure(dst, s, v.Struct())
	case connect.KindArray:
		return w.array(dst, s, v.Array())
	case connect.KindMap:
		return w.mapping(dst, s, v.Map())
	case connect.KindDecimal:
		return w.decimal(dst, s, v.Decimal())
	case connect.KindTime:
		if v.Int() < 0 || v.Int() > millisPerDay {
			return dst, payloadErrorf("Kafka Connect Time type should not have any date fields set to non-zero values.")
		}
	}
	return AppendJSON(dst, v), nil
}

func (w *payloadWriter) null(dst []byte, s *connect.Schema) ([]byte, error) {
	if s == nil {
		return append(dst, "null"...), nil
	}
	if def, ok := s.Default(); ok && w.defaults {
		return w.value(dst, s, def)
	}
	if s.Optional() {
		return append(dst, "null"...), nil
	}
	return dst, payloadErrorf("Conversion error: null value for field that is required and has no default value")
}

func wrongKind(s *connect.Schema, v connect.Value) error {
	was := javaClasses[v.Kind()]
	switch connect.KindOf(s) {
	case connect.KindDecimal:
		return payloadErrorf("Invalid type for Decimal, expected BigDecimal but was class %s", was)
	case connect.KindDate, connect.KindTime, connect.KindTimestamp:
		return payloadErrorf("Invalid type for %s, expected Date but was class %s", connect.SimpleName(s.Name()), was)
	default:
		return payloadErrorf("Invalid type for %s: class %s", s.Type(), was)
	}
}

func (w *payloadWriter) array(dst []byte, s *connect.Schema, list []connect.Value) ([]byte, error) {
	dst = append(dst, '[')
	for i := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		var err error
		if dst, err = w.value(dst, s.Elem(), list[i]); err != nil {
			return dst, err
		}
	}
	return append(dst, ']'), nil
}

// mapping writes an object if the keys are strings, else an array of pairs.
func (w *payloadWriter) mapping(dst []byte, s *connect.Schema, m []connect.MapEntry) ([]byte, error) {
	object := s.Key().Type() == connect.TypeString
	opening, closing := byte('['), byte(']')
	if object {
		opening, closing = '{', '}'
	}
	dst = append(dst, opening)
	for i := range m {
		if i > 0 {
			dst = append(dst, ',')
		}
		var err error
		if dst, err = w.entry(dst, s, m[i], object); err != nil {
			return dst, err
		}
	}
	return append(dst, closing), nil
}

func (w *payloadWriter) entry(dst []byte, s *connect.Schema, e connect.MapEntry, object bool) ([]byte, error) {
	var err error
	if object {
		if e.Key.IsNull() {
			e.Key = connect.String("null")
		}
		if dst, err = w.value(dst, s.Key(), e.Key); err != nil {
			return dst, err
		}
		return w.value(append(dst, ':'), s.Elem(), e.Value)
	}
	if dst, err = w.value(append(dst, '['), s.Key(), e.Key); err != nil {
		return dst, err
	}
	if dst, err = w.value(append(dst, ','), s.Elem(), e.Value); err != nil {
		return dst, err
	}
	return append(dst, ']'), nil
}

func (w *payloadWriter) decimal(dst []byte, s *connect.Schema, d *connect.Decimal) ([]byte, error) {
	if w.numeric {
		return AppendDecimal(dst, d), nil
	}
	scale, err := decimalScale(s)
	if err != nil {
		return dst, err
	}
	if scale != d.Scale {
		return dst, payloadErrorf("Decimal value has mismatching scale for given Decimal schema. Schema has scale %d, value has scale %d.", scale, d.Scale)
	}
	return appendBase64(dst, d.UnscaledBytes()), nil
}

func decimalScale(s *connect.Schema) (int32, error) {
	text, ok := s.Param(connect.DecimalScale)
	if !ok {
		return 0, payloadErrorf("Invalid Decimal schema: scale parameter not found.")
	}
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil {
		return 0, payloadErrorf("Invalid scale parameter found in Decimal schema: %s", text)
	}
	return int32(n), nil
}

var javaClasses = map[connect.Kind]string{
	connect.KindBool: "java.lang.Boolean", connect.KindInt8: "java.lang.Byte", connect.KindInt16: "java.lang.Short",
	connect.KindInt32: "java.lang.Integer", connect.KindInt64: "java.lang.Long", connect.KindFloat32: "java.lang.Float",
	connect.KindFloat64: "java.lang.Double", connect.KindString: "java.lang.String", connect.KindBytes: "[B",
	connect.KindArray: "java.util.ArrayList", connect.KindMap: "java.util.HashMap",
	connect.KindStruct:  "org.apache.kafka.connect.data.Struct",
	connect.KindDecimal: "java.math.BigDecimal", connect.KindDate: "java.util.Date",
	connect.KindTime: "java.util.Date", connect.KindTimestamp: "java.util.Date",
}
