// SPDX-License-Identifier: Apache-2.0

package convert

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"

	"github.com/connectd/connectd/connect"
)

var schemaless = map[string]string{schemasEnable: "false"}

func TestNullAndTombstone(t *testing.T) {
	cases := []struct {
		name   string
		props  map[string]string
		schema *connect.Schema
		want   string // "" for no bytes
	}{
		{"schemaless null has no bytes", schemaless, nil, ""},
		{"null without a schema has no bytes", nil, nil, ""},
		{"optional null, schemaless", schemaless, connect.OptionalStringSchema, "null"},
		{"optional null in an envelope", nil, connect.OptionalStringSchema, `{"schema":{"type":"string","optional":true},"payload":null}`},
		{"default", schemaless, connect.NewSchema(connect.TypeInt32).Default(connect.Int32(7)).MustBuild(), "7"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			out, null, err := newJSON(t, c.props).FromConnect([]byte("kept:"), "t", c.schema, connect.Null())
			if err != nil || null != (c.want == "") || string(out) != "kept:"+c.want {
				t.Errorf("got %s, null %t, %v", out, null, err)
			}
		})
	}
	s, v, err := newJSON(t, nil).ToConnect(new(connect.Arena), "t", nil)
	if s != nil || !v.IsNull() || err != nil {
		t.Errorf("nil bytes: got %v %v %v", s, v.Kind(), err)
	}
}

func TestWritingNamesTheField(t *testing.T) {
	inner := connect.NewStruct("").Field("id", connect.Int32Schema).MustBuild()
	outer := connect.NewStruct("").Field("after", inner).MustBuild()
	decimalSchema := connect.DecimalSchema(2).MustBuild()
	st := func(s *connect.Schema, v connect.Value) connect.Value {
		return connect.StructValue(&connect.Struct{Schema: s, Values: []connect.Value{v}})
	}
	cases := []struct {
		name   string
		schema *connect.Schema
		value  connect.Value
		want   string
	}{
		{"required null", connect.Int32Schema, connect.Null(), "Conversion error: null value for field that is required and has no default value"},
		{"in a field", outer, st(outer, st(inner, connect.Null())), "Conversion error: null value for field that is required and has no default value (field after.id)"},
		{"wrong kind", connect.Int32Schema, connect.String("x"), "Invalid type for INT32: class java.lang.String"},
		{"date", connect.DateSchema, connect.Int32(1), "Invalid type for Date, expected Date but was class java.lang.Integer"},
		{"decimal", decimalSchema, connect.Float64(1), "Invalid type for Decimal, expected BigDecimal but was class java.lang.Double"},
		{"scale", decimalSchema, decimal(t, "1.5"), "Decimal value has mismatching scale for given Decimal schema. Schema has scale 2, value has scale 1."},
		{"other struct", outer, st(inner, connect.Int32(1)), "Mismatching schema."},
		{"time", connect.TimeSchema, connect.Time(-1), "Kafka Connect Time type should not have any date fields set to non-zero values."},
		{"array", connect.NewArray(connect.Int8Schema).MustBuild(), connect.Array([]connect.Value{connect.Bool(true)}), "Invalid type for INT8: class java.lang.Boolean"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			out, null, err := newJSON(t, nil).FromConnect([]byte("kept"), "t", c.schema, c.value)
			var data *connect.DataError
			if !errors.As(err, &data) || err.Error() != c.want {
				t.Errorf("got %v, want %s", err, c.want)
			}
			if null || string(out) != "kept" {
				t.Errorf("an error left %q", out)
			}
		})
	}
}

func TestReadingNamesTheField(t *testing.T) {
	doc := `{"schema":{"type":"struct","fields":[{"type":"struct","fields":[{"type":"int32","field":"id"}],"field":"after"}]},"payload":{"after":{"id":"x"}}}`
	_, _, err := newJSON(t, nil).ToConnect(new(connect.Arena), "t", []byte(doc))
	var data *connect.DataError
	if !errors.As(err, &data) || data.Field != "after.id" || err.Error() != "Invalid type for INT32, found STRING (field after.id)" {
		t.Errorf("got %v", err)
	}
}

func TestSchemaIsReadOnce(t *testing.T) {
	j := newJSON(t, nil)
	a, b := `{"type":"int32","optional":false}`, `{"type":"string","optional":false}`
	read := func(schema, payload string) *connect.Schema {
		t.Helper()
		s, _, err := j.ToConnect(new(connect.Arena), "t", []byte(`{"schema":`+schema+`,"payload":`+payload+`}`))
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	first := read(a, "1")
	other := read(b, `"x"`)
	if first == other || read(a, "2") != first || read(b, `"y"`) != other {
		t.Error("a schema of the same text was built again")
	}
}

func TestSchemaCacheIsBounded(t *testing.T) {
	j := newJSON(t, map[string]string{schemasCache: "2"})
	for i := range 10 {
		doc := fmt.Sprintf(`{"schema":{"type":"int32","version":%d},"payload":1}`, i)
		s, v, err := j.ToConnect(new(connect.Arena), "t", []byte(doc))
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := j.FromConnect(nil, "t", s, v); err != nil {
			t.Fatal(err)
		}
	}
	if n, m := len(j.schemas.byKey), len(j.texts.byKey); n != 2 || m != 2 {
		t.Errorf("%d and %d schemas are kept, want 2", n, m)
	}
}

func TestSchemaOutlivesItsMessage(t *testing.T) {
	j := newJSON(t, nil)
	doc := []byte(`{"schema":{"type":"struct","name":"n","doc":"d","parameters":{"p":"q"},"fields":[{"type":"string","default":"x","field":"f"}]},"payload":{}}`)
	var a connect.Arena
	s, _, err := j.ToConnect(&a, "t", doc)
	if err != nil {
		t.Fatal(err)
	}
	clear(doc)
	a.Reset()
	def, _ := s.Field("f").Schema.Default()
	if p, _ := s.Param("p"); s.Name() != "n" || s.Doc() != "d" || p != "q" || def.Str() != "x" {
		t.Errorf("the schema changed with its message: %s %s %s %s", s.Name(), s.Doc(), p, def.Str())
	}
}

func TestBadSchemaContentIsRefused(t *testing.T) {
	c, errs := jsonKeys.Parse(map[string]string{schemaContent: `{"type":"int99"}`})
	if errs != nil {
		t.Fatal(errs)
	}
	if _, err := NewJSON(c); err == nil || !strings.Contains(err.Error(), "schema.content") || !strings.Contains(err.Error(), "int99") {
		t.Errorf("got %v", err)
	}
}

func TestLogicalTypesRoundTrip(t *testing.T) {
	mapOfInts := connect.NewMap(connect.Int32Schema, connect.OptionalStringSchema).MustBuild()
	cases := []struct {
		schema *connect.Schema
		value  connect.Value
		want   string
	}{
		{connect.DateSchema, connect.Date(19000), "19000"},
		{connect.TimeSchema, connect.Time(86_399_999), "86399999"},
		{connect.TimestampSchema, connect.Timestamp(-1), "-1"},
		{connect.DecimalSchema(2).MustBuild(), decimal(t, "123.45"), `"MDk="`},
		{connect.Float32Schema, connect.Float32(float32(math.Inf(-1))), `"-Infinity"`},
		{connect.Float64Schema, connect.Float64(math.NaN()), `"NaN"`},
		{connect.BytesSchema, connect.Bytes(nil), `""`},
		{mapOfInts, connect.Map([]connect.MapEntry{{Key: connect.Int32(1), Value: connect.Null()}}), `[[1,null]]`},
	}
	for _, c := range cases {
		t.Run(c.want, func(t *testing.T) {
			j := newJSON(t, nil)
			out, _, err := j.FromConnect(nil, "t", c.schema, c.value)
			if err != nil || !strings.HasSuffix(string(out), `,"payload":`+c.want+`}`) {
				t.Fatalf("got %s, %v", out, err)
			}
			s, v, err := j.ToConnect(new(connect.Arena), "t", out)
			if err != nil || !s.Equal(c.schema) || !connect.Equal(v, c.value) {
				t.Errorf("read again: %s %s %v", s, AppendJSON(nil, v), err)
			}
		})
	}
}

func TestAppendJSONOfSchemalessValues(t *testing.T) {
	st := connect.NewStruct("s").Field("a", connect.Int8Schema).Field("é\"", connect.OptionalStringSchema).MustBuild()
	cases := []struct {
		value connect.Value
		want  string
	}{
		{connect.Bytes([]byte{1, 2, 3}), `"AQID"`},
		{connect.String("\x00\x1f\x7f\u2028😀</script>"), "\"\\u0000\\u001F\x7f\u2028\\uD83D\\uDE00</script>\""},
		{connect.String("broken \xff text"), "\"broken \ufffd text\""},
		{connect.StructValue(&connect.Struct{Schema: st, Values: []connect.Value{connect.Int8(1), connect.Null()}}), `{"a":1,"é\"":null}`},
		{connect.Map([]connect.MapEntry{{Key: connect.Int64(1), Value: connect.Bool(true)}, {Key: connect.String("x"), Value: connect.Null()}}), `[[1,true],["x",null]]`},
		{connect.Array(nil), `[]`},
		{connect.Map(nil), `{}`},
		{decimal(t, "12.50"), `12.50`},
		{connect.Timestamp(5), `5`},
		{connect.Float32(0.1), `0.1`},
	}
	for _, c := range cases {
		t.Run(c.want, func(t *testing.T) {
			if got := AppendJSON(nil, c.value); string(got) != c.want {
				t.Errorf("got %s", got)
			}
		})
	}
}

func TestAppendInt(t *testing.T) {
	t.Parallel()
	for _, n := range []int64{0, 1, -1, 9, 10, -10, 99, 100, 101, 999, 1000, 9999, 10_000, 12_345, -99_999, 100_000, 1767323045123456789, math.MaxInt64, math.MinInt64, math.MinInt32} {
		if got, want := string(appendInt([]byte("x"), n)), "x"+strconv.FormatInt(n, 10); got != want {
			t.Errorf("%d: %s", n, got)
		}
	}
	for n := int64(1); n > 0; n *= 10 {
		for _, m := range []int64{n - 1, n, n + 1, -n} {
			if got, want := string(appendInt(nil, m)), strconv.FormatInt(m, 10); got != want {
				t.Errorf("%d: %s", m, got)
			}
		}
	}
}
