// SPDX-License-Identifier: Apache-2.0

package avro

import (
	"errors"
	"math/big"
	"strings"
	"testing"

	"github.com/connectd/connectd/connect"
	schema "github.com/connectd/connectd/connect/avro"
)

func parse(t testing.TB, text string) *schema.Schema {
	t.Helper()
	s, err := schema.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// read decodes data of w as r sees it.
func read(w, r *schema.Schema, data []byte) (*connect.Schema, connect.Value, error) {
	o := DefaultDataOptions()
	to, err := o.ToConnect(r, 0)
	if err != nil {
		return nil, connect.Null(), err
	}
	plan, err := compileDecoder(o, w, r, to)
	if err != nil {
		return nil, connect.Null(), err
	}
	limits := Limits{}.withDefaults()
	var c cursor
	c.reset(new(connect.Arena), data, &limits)
	var v connect.Value
	if err := plan.root.decode(&c, &v); err != nil {
		return to, v, err
	}
	if c.left() != 0 {
		return to, v, c.fail("%d bytes are left over", c.left())
	}
	return to, v, nil
}

func mustDecimal(t testing.TB, s string) connect.Value {
	t.Helper()
	d, err := connect.ParseDecimal(s)
	if err != nil {
		t.Fatal(err)
	}
	return connect.DecimalValue(d)
}

func strct(s *connect.Schema, values ...connect.Value) connect.Value {
	return connect.StructValue(&connect.Struct{Schema: s, Values: values})
}

func TestValuesReturnAsTheyWere(t *testing.T) {
	inner := connect.NewStruct("shop.Item").Field("sku", connect.StringSchema).Field("price", connect.DecimalSchema(2).MustBuild()).MustBuild()
	optionalInner := connect.Like(inner, false).Optional().MustBuild()
	intKeys := connect.NewMap(connect.Int32Schema, connect.OptionalStringSchema).MustBuild()
	wide := connect.NewStruct("shop.Order").
		Field("id", connect.Int64Schema).Field("small", connect.Int8Schema).Field("short", connect.Int16Schema).
		Field("day", connect.DateSchema).Field("at", connect.TimeSchema).Field("ts", connect.TimestampSchema).
		Field("ratio", connect.Float64Schema).Field("f", connect.Float32Schema).Field("ok", connect.BooleanSchema).
		Field("raw", connect.OptionalBytesSchema).Field("note", connect.OptionalStringSchema).
		Field("items", connect.NewArray(inner).MustBuild()).Field("first", optionalInner).
		Field("tags", connect.NewMap(connect.StringSchema, connect.Int32Schema).MustBuild()).Field("byNumber", intKeys).MustBuild()
	item := strct(inner, connect.String("a-1"), mustDecimal(t, "-12.50"))
	cases := []struct {
		name   string
		schema *connect.Schema
		value  connect.Value
	}{
		{"bool", connect.BooleanSchema, connect.Bool(true)},
		{"int8", connect.Int8Schema, connect.Int8(-128)},
		{"int16", connect.Int16Schema, connect.Int16(-300)},
		{"int32", connect.Int32Schema, connect.Int32(-1 << 31)},
		{"int64", connect.Int64Schema, connect.Int64(1<<63 - 1)},
		{"float32", connect.Float32Schema, connect.Float32(1.5)},
		{"float64", connect.Float64Schema, connect.Float64(-0.1)},
		{"string", connect.StringSchema, connect.String("grün")},
		{"bytes at the top", connect.BytesSchema, connect.Bytes([]byte{0, 1, 255})},
		{"optional bytes at the top", connect.OptionalBytesSchema, connect.Bytes([]byte{0, 1, 255})},
		{"decimal at the top", connect.DecimalSchema(3).MustBuild(), mustDecimal(t, "-0.001")},
		{"empty array", connect.NewArray(connect.StringSchema).MustBuild(), connect.Array([]connect.Value{})},
		{"map without keys that are strings", intKeys, connect.Map([]connect.MapEntry{{Key: connect.Int32(7), Value: connect.Null()}, {Key: connect.Int32(-7), Value: connect.String("x")}})},
		{"wide", wide, strct(wide, connect.Int64(1), connect.Int8(-1), connect.Int16(2), connect.Date(19000), connect.Time(1), connect.Timestamp(-5),
			connect.Float64(0.5), connect.Float32(2), connect.Bool(false), connect.Null(), connect.String(""),
			connect.Array([]connect.Value{item, item}), strct(optionalInner, item.Struct().Values...),
			connect.Map([]connect.MapEntry{{Key: connect.String("b"), Value: connect.Int32(1)}, {Key: connect.String("a"), Value: connect.Int32(2)}}),
			connect.Map([]connect.MapEntry{}))},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			o := DefaultDataOptions()
			a, err := o.FromConnect(c.schema)
			if err != nil {
				t.Fatal(err)
			}
			plan, err := compileEncoder(o, c.schema, a)
			if err != nil {
				t.Fatal(err)
			}
			data, err := plan.encode([]byte("kept"), c.value)
			if err != nil {
				t.Fatal(err)
			}
			s, v, err := read(a, a, data[len("kept"):])
			if err != nil {
				t.Fatal(err)
			}
			if !s.Equal(c.schema) {
				t.Errorf("schema came back as %v", s)
			}
			if !connect.Equal(unlike(v), unlike(c.value)) {
				t.Errorf("value changed")
			}
			if err := connect.Check(s, v); err != nil {
				t.Error(err)
			}
		})
	}
}

// unlike takes structs and maps for arrays: a struct that comes back has the schema of its field,
// which may be optional where that of the value was not.
func unlike(v connect.Value) connect.Value {
	list := v.Array()
	if st := v.Struct(); st != nil {
		list = st.Values
	}
	for _, e := range v.Map() {
		list = append(list, e.Key, e.Value)
	}
	if v.Kind() != connect.KindArray && v.Kind() != connect.KindStruct && v.Kind() != connect.KindMap {
		return v
	}
	out := make([]connect.Value, len(list))
	for i := range list {
		out[i] = unlike(list[i])
	}
	return connect.Array(out)
}

func TestSchemalessValuesReturnAsTheyWere(t *testing.T) {
	value := connect.Map([]connect.MapEntry{
		{Key: connect.String("a"), Value: connect.Array([]connect.Value{connect.Null(), connect.Bool(true), connect.Int32(1), connect.Int64(2)})},
		{Key: connect.String("b"), Value: connect.Map([]connect.MapEntry{{Key: connect.Int64(1), Value: connect.Float32(1.5)}})},
		{Key: connect.String("c"), Value: connect.Bytes([]byte("x"))},
		{Key: connect.String("d"), Value: connect.Float64(2.5)},
		{Key: connect.String("e"), Value: connect.Array([]connect.Value{})},
	})
	data, err := anythingEncoder{}.encode(nil, value)
	if err != nil {
		t.Fatal(err)
	}
	s, v, err := read(AnythingSchema(), AnythingSchema(), data)
	if err != nil || s != nil || !connect.Equal(v, value) {
		t.Errorf("got %v %v, %v", s, v.Kind(), err)
	}
	_, err = anythingEncoder{}.encode(nil, connect.Array([]connect.Value{connect.Date(1)}))
	if err == nil || !strings.Contains(err.Error(), "ApplySchema") || fieldOf(err) != "[0]" {
		t.Errorf("a date without a schema: %v", err)
	}
}

func TestUnscaledBytes(t *testing.T) {
	var numbers decimals
	for _, text := range []string{"0", "1", "-1", "127", "128", "-128", "-129", "255", "256", "-256", "32767", "-32768", "-32769",
		"9223372036854775807", "-9223372036854775808", "9223372036854775808", "-170141183460469231731687303715884105728", "-170141183460469231731687303715884105729"} {
		u, _ := new(big.Int).SetString(text, 10)
		want := (&connect.Decimal{Unscaled: u}).UnscaledBytes()
		got := appendUnscaled(nil, u, unscaledLen(u))
		if string(got) != string(want) {
			t.Errorf("%s: got %x, want %x", text, got, want)
		}
		padded := appendUnscaled(nil, u, 20)
		for _, b := range [][]byte{got, padded} {
			if back := numbers.make(b, 3); back.Unscaled.Cmp(u) != 0 || back.Scale != 3 {
				t.Errorf("%s: %x reads as %s", text, b, back.Unscaled)
			}
		}
	}
	n := testing.AllocsPerRun(10*decimalRun, func() { numbers.make([]byte{0x80, 1, 2, 3, 4, 5, 6, 7}, 2) })
	if n > 0.1 {
		t.Errorf("%v allocations a decimal", n)
	}
	if d := numbers.make(nil, 0); d.Unscaled.Sign() != 0 {
		t.Errorf("no bytes read as %s", d.Unscaled)
	}
}

func TestResolutionErrorIsFound(t *testing.T) {
	_, _, err := read(parse(t, `"string"`), parse(t, `"int"`), nil)
	var resolution *ResolutionError
	if !errors.As(err, &resolution) || resolution.Rule != "string cannot be read as int" {
		t.Errorf("got %v", err)
	}
}
