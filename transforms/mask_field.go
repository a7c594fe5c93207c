// SPDX-License-Identifier: Apache-2.0

package transforms

import (
	"fmt"
	"math/big"
	"slices"

	"github.com/connectd/connectd/connect"
)

// maskFieldPlugins introduces MaskField.
func maskFieldPlugins() []connect.TransformPlugin {
	return keyAndValue(connect.PluginInfo{
		Class: smtPackage + "MaskField",
		Doc:   "Replaces fields by the zero of their type, or by a fixed number or text.",
		Config: connect.Define(
			connect.ConfigKey{Name: "fields", Type: connect.TypeConfigList, Required: true, Check: connect.NonEmpty, Importance: connect.ImportanceHigh,
				Doc: "The fields to mask."},
			connect.ConfigKey{Name: "replacement", Type: connect.TypeConfigString, Null: true, Check: connect.NonEmpty, Importance: connect.ImportanceLow,
				Doc: "What fields that are numbers or texts become. Not set, each becomes the zero of its type: 0, an empty text, false, 1970-01-01, an empty list or map."},
			replaceNullKey(),
		),
	}, newMaskField)
}

// maskField is MaskField of Kafka Connect 4.
type maskField struct {
	part        part
	fields      []string
	replaceNull bool
	// fixed is the replacement as each kind that it can be; nil masks with zeros.
	fixed map[connect.Kind]connect.Value
	text  string
	known schemaCache[[]bool]
}

func newMaskField(t connect.TransformContext, p part) (connect.Transform, error) {
	m := &maskField{part: p, fields: t.Config.List("fields"), replaceNull: t.Config.Bool("replace.null.with.default")}
	if !t.Config.IsNull("replacement") {
		m.text = t.Config.String("replacement")
		m.fixed = replacements(m.text)
	}
	return m, nil
}

// replacements makes a value of each kind of a text, by the rules of the original:
// integers are cut to their size.
func replacements(text string) map[connect.Kind]connect.Value {
	out := map[connect.Kind]connect.Value{connect.KindString: connect.String(text)}
	d, err := connect.ParseDecimal(text)
	if err != nil {
		return out
	}
	n := lowBits(d)
	out[connect.KindInt8], out[connect.KindInt16] = connect.Int8(int8(n)), connect.Int16(int16(n))
	out[connect.KindInt32], out[connect.KindInt64] = connect.Int32(int32(n)), connect.Int64(n)
	out[connect.KindFloat32], out[connect.KindFloat64] = connect.Float32(float32(d.Float())), connect.Float64(d.Float())
	out[connect.KindDecimal] = connect.DecimalValue(d)
	return out
}

// lowBits is Java's BigDecimal.longValue: the lowest 64 bits of the whole part.
func lowBits(d *connect.Decimal) int64 {
	// Of very large scales nothing is left, whichever way they go: 10^64 has 64 zero
	// bits at its end.
	if d.Scale <= -64 || int64(d.Scale) > int64(d.Unscaled.BitLen()) {
		return 0
	}
	whole := new(big.Int).Set(d.Unscaled)
	scale := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(max(d.Scale, -d.Scale))), nil)
	if d.Scale >= 0 {
		whole.Quo(whole, scale)
	} else {
		whole.Mul(whole, scale)
	}
	low := new(big.Int).And(whole, new(big.Int).SetUint64(1<<64-1))
	return int64(low.Uint64())
}

const maskPurpose = "mask fields"

// Apply masks the fields. Nulls stay; a null part is an error, as in the original.
func (m *maskField) Apply(c *connect.Context, r *connect.Record, emit connect.Emit) error {
	s, v := m.part.of(r)
	apply := m.schemaless
	if s != nil {
		apply = m.withSchema
	}
	out, err := apply(c.Arena, v)
	if err != nil {
		return err
	}
	m.part.set(r, s, out)
	emit(r)
	return nil
}

func (m *maskField) schemaless(a *connect.Arena, v connect.Value) (connect.Value, error) {
	entries, err := requireMap(v, maskPurpose)
	if err != nil {
		return v, err
	}
	out := copyEntries(a, entries, len(m.fields))
	for _, f := range m.fields {
		masked, err := m.mask(f, nil, member(entries, f))
		if err != nil {
			return v, err
		}
		out = putMember(out, f, masked)
	}
	return connect.Map(out), nil
}

func (m *maskField) withSchema(a *connect.Arena, v connect.Value) (connect.Value, error) {
	st, err := requireStruct(v, maskPurpose)
	if err != nil {
		return v, err
	}
	fields := st.Schema.Fields()
	masked, ok := m.known.get(st.Schema)
	if !ok {
		for i := range fields {
			masked = append(masked, slices.Contains(m.fields, fields[i].Name))
		}
		m.known.put(st.Schema, masked)
	}
	out := a.Struct(st.Schema)
	for i := range fields {
		out.Values[i] = orDefault(&fields[i], st.Values[i], m.replaceNull)
		if !masked[i] {
			continue
		}
		if out.Values[i], err = m.mask(fields[i].Name, fields[i].Schema, out.Values[i]); err != nil {
			return v, err
		}
	}
	return connect.StructValue(out), nil
}

// mask returns what a value becomes. Unlike the original, decimals get the scale of
// their schema, without which no converter takes them.
func (m *maskField) mask(field string, s *connect.Schema, v connect.Value) (connect.Value, error) {
	if v.IsNull() {
		return v, nil
	}
	out, ok := zeroOf(v.Kind())
	if m.fixed != nil {
		out, ok = m.fixed[v.Kind()]
	}
	if !ok {
		return v, m.refuse(field, v.Kind())
	}
	if d := out.Decimal(); d != nil && s != nil {
		rescaled, exact := rescale(d, v.Decimal().Scale)
		if !exact {
			return v, m.refuse(field, v.Kind())
		}
		out = connect.DecimalValue(rescaled)
	}
	return out, nil
}

func (m *maskField) refuse(field string, k connect.Kind) error {
	err := fmt.Errorf("cannot mask field %s: a value of type %s has no zero", field, k)
	if m.fixed != nil {
		err = fmt.Errorf("cannot mask field %s: a value of type %s cannot be %q", field, k, m.text)
	}
	return &connect.DataError{Field: field, Err: err}
}

// maxRescale is how many digits a replacement may get behind its own.
const maxRescale = 1000

// rescale gives a decimal another scale, if that loses nothing.
func rescale(d *connect.Decimal, scale int32) (*connect.Decimal, bool) {
	if d.Unscaled.Sign() == 0 {
		return &connect.Decimal{Unscaled: d.Unscaled, Scale: scale}, true
	}
	if d.Scale > scale || scale-d.Scale > maxRescale {
		return nil, false
	}
	factor := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(scale-d.Scale)), nil)
	return &connect.Decimal{Unscaled: factor.Mul(factor, d.Unscaled), Scale: scale}, true
}

// zeroOf is the value that stands for nothing of a kind.
func zeroOf(k connect.Kind) (connect.Value, bool) {
	switch k {
	case connect.KindBool:
		return connect.Bool(false), true
	case connect.KindInt8:
		return connect.Int8(0), true
	case connect.KindInt16:
		return connect.Int16(0), true
	case connect.KindInt32:
		return connect.Int32(0), true
	case connect.KindInt64:
		return connect.Int64(0), true
	case connect.KindFloat32:
		return connect.Float32(0), true
	case connect.KindFloat64:
		return connect.Float64(0), true
	case connect.KindString:
		return connect.String(""), true
	case connect.KindArray:
		return connect.Array(nil), true
	case connect.KindMap:
		return connect.Map(nil), true
	case connect.KindDecimal:
		return connect.DecimalValue(&connect.Decimal{Unscaled: new(big.Int)}), true
	case connect.KindDate:
		return connect.Date(0), true
	case connect.KindTime:
		return connect.Time(0), true
	case connect.KindTimestamp:
		return connect.Timestamp(0), true
	}
	return connect.Null(), false
}
