// SPDX-License-Identifier: Apache-2.0

package avro

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/connectd/connectd/connect"
	schema "github.com/connectd/connectd/connect/avro"
)

// writeUnder writes a value under an Avro schema that was registered before.
func writeUnder(o DataOptions, s *connect.Schema, text string, v connect.Value) (string, error) {
	a, err := schema.Parse(text)
	if err != nil {
		return "", err
	}
	step, err := compileEncoder(o, s, a)
	if err != nil {
		return "", err
	}
	out, err := step.encode(nil, v)
	return fmt.Sprintf("%x", out), err
}

func TestWritingValues(t *testing.T) {
	color := connect.NewSchema(connect.TypeString).Name("Color").Param(enumParam, "Color").Param(enumParam+".RED", "RED").Param(enumParam+".BLUE", "BLUE").MustBuild()
	inner := connect.NewStruct("In").Field("n", connect.Int32Schema).MustBuild()
	outer := connect.NewStruct("Out").Field("list", connect.NewArray(inner).MustBuild()).Field("m", connect.NewMap(connect.StringSchema, connect.Int8Schema).MustBuild()).MustBuild()
	union := connect.NewStruct(unionName).Field("int", connect.OptionalInt32Schema).Field("string", connect.OptionalStringSchema).MustBuild()
	optional := connect.Like(union, false).Optional().MustBuild()
	withDefault := connect.NewStruct("D").Field("r", connect.NewSchema(connect.TypeInt32).Default(connect.Int32(7)).MustBuild()).
		Field("o", connect.NewSchema(connect.TypeInt32).Optional().Default(connect.Int32(8)).MustBuild()).MustBuild()
	defaults := recordOf(`{"name":"r","type":"int"},{"name":"o","type":["int","null"]}`)
	ignoring := DefaultDataOptions()
	ignoring.IgnoreDefaultForNullables = true
	scrubbing := DefaultDataOptions()
	scrubbing.ScrubInvalidNames = true
	odd := connect.NewStruct("x").Field("a-b", connect.Int32Schema).MustBuild()
	fixedUUID := `{"type":"fixed","name":"U","size":16,"logicalType":"uuid"}`
	uuid := connect.String("00112233-4455-6677-8899-aabbccddeeff")
	entries := func(a, aType, b, bType string) string {
		return fmt.Sprintf(`{"type":"array","items":{"type":"record","name":"MapEntry","namespace":"io.confluent.connect.avro","fields":[{"name":%q,"type":%q},{"name":%q,"type":%q}]}}`, a, aType, b, bType)
	}
	entry := connect.Map([]connect.MapEntry{{Key: connect.Int32(1), Value: connect.String("a")}})
	cases := []struct {
		name    string
		options DataOptions
		schema  *connect.Schema
		avro    string
		value   connect.Value
		want    string // hex, or ! and the error's text
	}{
		{"int as long", DataOptions{}, connect.Int8Schema, `"long"`, connect.Int8(-3), "05"},
		{"long as int", DataOptions{}, connect.Int64Schema, `"int"`, connect.Int64(3), "!INT64 cannot be written as int"},
		{"int as double", DataOptions{}, connect.Int32Schema, `"double"`, connect.Int32(1), "000000000000f03f"},
		{"long as float", DataOptions{}, connect.Int64Schema, `"float"`, connect.Int64(1), "0000803f"},
		{"float as double", DataOptions{}, connect.Float32Schema, `"double"`, connect.Float32(1), "000000000000f03f"},
		{"timestamp as micros", DataOptions{}, connect.TimestampSchema, `{"type":"long","logicalType":"timestamp-micros"}`, connect.Timestamp(1), "d00f"},
		{"timestamp as nanos", DataOptions{}, connect.TimestampSchema, `{"type":"long","logicalType":"timestamp-nanos"}`, connect.Timestamp(-1), "ff887a"},
		{"timestamp beyond nanos", DataOptions{}, connect.TimestampSchema, `{"type":"long","logicalType":"timestamp-nanos"}`, connect.Timestamp(math.MaxInt64 / 1000), "!beyond the range"},
		{"time as micros", DataOptions{}, connect.TimeSchema, `{"type":"long","logicalType":"time-micros"}`, connect.Time(1), "d00f"},
		{"uuid", DataOptions{}, connect.StringSchema, fixedUUID, uuid, "00112233445566778899aabbccddeeff"},
		{"no uuid", DataOptions{}, connect.StringSchema, fixedUUID, connect.String("00112233-4455-6677-8899-aabbccddeefg"), "!is no UUID"},
		{"fixed of another length", DataOptions{}, connect.BytesSchema, `{"type":"fixed","name":"F","size":2}`, connect.Bytes([]byte("abc")), "!3 bytes for a fixed of 2"},
		{"decimal in a fixed", DataOptions{}, connect.DecimalSchema(2).MustBuild(), `{"type":"fixed","name":"F","size":4,"logicalType":"decimal","precision":9,"scale":2}`, mustDecimal(t, "-1.00"), "ffffff9c"},
		{"decimal beyond a fixed", DataOptions{}, connect.DecimalSchema(0).MustBuild(), `{"type":"fixed","name":"F","size":1,"logicalType":"decimal","precision":2}`, mustDecimal(t, "128"), "!a decimal of 2 bytes does not fit a fixed of 1"},
		{"decimal of another scale", DataOptions{}, connect.DecimalSchema(2).MustBuild(), `["null",{"type":"bytes","logicalType":"decimal","precision":9,"scale":2}]`, mustDecimal(t, "1.0"), "!Schema has scale 2, value has scale 1."},
		{"decimal of another scale at the top", DataOptions{}, connect.DecimalSchema(2).MustBuild(), `{"type":"bytes","logicalType":"decimal","precision":9,"scale":2}`, mustDecimal(t, "1.0"), "!Schema has scale 2, value has scale 1."},
		{"string as enum", DataOptions{}, connect.StringSchema, `{"type":"enum","name":"E","symbols":["B","A"]}`, connect.String("A"), "02"},
		{"unknown symbol", DataOptions{}, connect.StringSchema, `{"type":"enum","name":"E","symbols":["B","A"]}`, connect.String("C"), `!"C" is no symbol of enum E`},
		{"enum goes to its branch", DataOptions{}, color, `["string",{"type":"enum","name":"Hue","symbols":["RED"]},{"type":"enum","name":"Color","symbols":["RED","BLUE"]}]`, connect.String("BLUE"), "0402"},
		{"enum as string", DataOptions{}, color, `"string"`, connect.String("BLUE"), "08424c5545"},
		{"struct goes to its branch", DataOptions{}, inner, `["null",{"type":"record","name":"Other","fields":[{"name":"n","type":"int"}]},{"type":"record","name":"In","fields":[{"name":"n","type":"int"}]}]`, strct(inner, connect.Int32(1)), "0402"},
		{"union", DataOptions{}, union, `["string","int"]`, strct(union, connect.Int32(1), connect.Null()), "0202"},
		{"union, the other", DataOptions{}, union, `["string","int"]`, strct(union, connect.Null(), connect.String("a")), "000261"},
		{"union of nothing", DataOptions{}, union, `["string","int"]`, strct(union, connect.Null(), connect.Null()), "!a union without null has no value"},
		{"union of null", DataOptions{}, optional, `["string","null","int"]`, connect.Null(), "02"},
		{"union without the branch", DataOptions{}, union, `["boolean","int"]`, strct(union, connect.Null(), connect.String("a")), "!at .string: the union"},
		{"null into a schema without", DataOptions{}, connect.OptionalStringSchema, `"string"`, connect.Null(), "!null cannot be written as STRING"},
		{"required null", DataOptions{}, connect.StringSchema, `["null","string"]`, connect.Null(), "!null used for required field of STRING"},
		{"defaults of null fields", DataOptions{}, withDefault, defaults, strct(withDefault, connect.Null(), connect.Null()), "0e0010"},
		{"defaults of null fields, ignored", ignoring, withDefault, defaults, strct(withDefault, connect.Null(), connect.Null()), "0e02"},
		{"scrubbed", scrubbing, odd, recordOf(`{"name":"a_b","type":"int"}`), strct(odd, connect.Int32(1)), "02"},
		{"alias", DataOptions{}, inner, recordOf(`{"name":"number","aliases":["n"],"type":"int"}`), strct(inner, connect.Int32(1)), "02"},
		{"path of a mistake", DataOptions{}, outer, recordOf(`{"name":"list","type":{"type":"array","items":{"type":"record","name":"In","fields":[{"name":"n","type":"int"}]}}},{"name":"m","type":{"type":"map","values":"int"}}`),
			strct(outer, connect.Array([]connect.Value{strct(inner, connect.Int32(1)), strct(inner, connect.String("x"))}), connect.Null()), "!(field list[1].n)"},
		{"path of a mistake in a map", DataOptions{}, outer, recordOf(`{"name":"m","type":{"type":"map","values":"int"}}`),
			strct(outer, connect.Null(), connect.Map([]connect.MapEntry{{Key: connect.String("k"), Value: connect.Int32(1)}})), "!INT8 holds int8, and the value is int32 (field m[k])"},
		{"another struct", DataOptions{}, inner, recordOf(`{"name":"n","type":"int"}`), strct(odd, connect.Int32(1)), "!struct schemas do not match"},
		{"schemaless", DataOptions{}, nil, recordOf(`{"name":"n","type":"int"}`), connect.Int32(1), "!the transform ApplySchema gives values a schema"},
		{"entries, value first", DataOptions{}, connect.NewMap(connect.Int32Schema, connect.StringSchema).MustBuild(), entries("value", "string", "key", "int"), entry, "0202610200"},
		{"entries", DataOptions{}, connect.NewMap(connect.Int32Schema, connect.StringSchema).MustBuild(), entries("key", "int", "value", "string"), entry, "0202026100"},
		{"entries of something else", DataOptions{}, connect.NewMap(connect.Int32Schema, connect.StringSchema).MustBuild(), entries("key", "int", "values", "string"), entry, "!records of key and value"},
		{"map as record", DataOptions{}, connect.NewMap(connect.StringSchema, connect.Int32Schema).MustBuild(), recordOf(`{"name":"n","type":"int"}`), connect.Map(nil), "!MAP cannot be written as record R"},
		{"list as scalar", DataOptions{}, connect.NewArray(connect.Int32Schema).MustBuild(), `"int"`, connect.Array(nil), "!ARRAY cannot be written as int"},
		{"one block", DataOptions{}, connect.NewArray(connect.Int32Schema).MustBuild(), `{"type":"array","items":"int"}`, connect.Array([]connect.Value{connect.Int32(1), connect.Int32(2)}), "04020400"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got, err := writeUnder(c.options, c.schema, c.avro, c.value)
			if rule, ok := strings.CutPrefix(c.want, "!"); ok {
				if err == nil || !strings.Contains(err.Error(), rule) {
					t.Errorf("got %s %v, want %s", got, err, rule)
				}
				return
			}
			if err != nil || got != c.want {
				t.Errorf("got %s %v, want %s", got, err, c.want)
			}
		})
	}
}

// Every kind of value is refused under the schemas of all others.
func TestWrongKindsAreRefused(t *testing.T) {
	cases := []struct {
		schema *connect.Schema
		value  connect.Value
	}{
		{connect.BooleanSchema, connect.Bool(true)}, {connect.Int8Schema, connect.Int8(1)}, {connect.Int16Schema, connect.Int16(1)},
		{connect.Int32Schema, connect.Int32(1)}, {connect.Int64Schema, connect.Int64(1)}, {connect.Float32Schema, connect.Float32(1)},
		{connect.Float64Schema, connect.Float64(1)}, {connect.StringSchema, connect.String("x")}, {connect.BytesSchema, connect.Bytes(nil)},
		{connect.DateSchema, connect.Date(1)}, {connect.TimeSchema, connect.Time(1)}, {connect.TimestampSchema, connect.Timestamp(1)},
		{connect.DecimalSchema(0).MustBuild(), mustDecimal(t, "1")}, {connect.NewArray(connect.StringSchema).MustBuild(), connect.Array(nil)},
		{connect.NewMap(connect.StringSchema, connect.StringSchema).MustBuild(), connect.Map(nil)},
		{connect.NewMap(connect.Int8Schema, connect.StringSchema).MustBuild(), connect.Map(nil)}, {user, aUser(1, "x")},
	}
	for _, s := range cases {
		o := DefaultDataOptions()
		a, err := o.FromConnect(s.schema)
		if err != nil {
			t.Fatal(err)
		}
		step, err := compileEncoder(o, s.schema, a)
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range cases {
			if _, err := step.encode(nil, v.value); (err == nil) != (connect.KindOf(s.schema) == v.value.Kind()) {
				t.Errorf("%s under %s: %v", v.value.Kind(), s.schema, err)
			}
		}
	}
}
