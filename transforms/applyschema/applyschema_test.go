// SPDX-License-Identifier: Apache-2.0

package applyschema

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/connectd/connectd/connect"
	schema "github.com/connectd/connectd/connect/avro"
	"github.com/connectd/connectd/connect/connecttest"
	"github.com/connectd/connectd/connect/convert"
)

const salesSchema = `{"type":"record","name":"Sale","namespace":"shop","fields":[
	{"name":"location","type":"string"},
	{"name":"product","type":["null","string"],"default":null},
	{"name":"quantity","type":"int"},
	{"name":"price","type":{"type":"bytes","logicalType":"decimal","precision":6,"scale":2},"default":"\u0000"},
	{"name":"sold_at","type":["null",{"type":"long","logicalType":"timestamp-millis"}],"default":null},
	{"name":"delivery_id","type":"int","default":0}]}`

func build(t *testing.T, props map[string]string) connect.Transform {
	t.Helper()
	step, err := tryBuild(props, nil)
	if err != nil {
		t.Fatal(err)
	}
	return step
}

func tryBuild(props map[string]string, find Subjects) (connect.Transform, error) {
	p := Plugins(find)[0]
	c, bad := p.Config.Parse(props)
	if err := append(bad, p.Validate(c)...).OrNil(); err != nil {
		return nil, err
	}
	return p.New(connect.TransformContext{Alias: "schema", Config: c})
}

func apply(t *testing.T, step connect.Transform, value string) (connect.Record, error) {
	t.Helper()
	r := connect.Record{Topic: "t", Value: connecttest.Parse(t, value)}
	out, err := connecttest.NewStep(step).Apply(r)
	if err != nil {
		return r, err
	}
	if len(out) != 1 {
		t.Fatalf("%d records", len(out))
	}
	return out[0], nil
}

func TestASaleGetsItsSchema(t *testing.T) {
	step := build(t, map[string]string{"schema": salesSchema})
	out, err := apply(t, step, `{"quantity":"3","location":"Rome","price":12.5,"sold_at":"2026-03-01T10:00:00.5Z"}`)
	if err != nil {
		t.Fatal(err)
	}
	if out.ValueSchema.Name() != "shop.Sale" {
		t.Errorf("the schema is %s", out.ValueSchema)
	}
	if err := connect.Check(out.ValueSchema, out.Value); err != nil {
		t.Error(err)
	}
	for name, want := range map[string]connect.Value{
		"location": connect.String("Rome"), "product": connect.Null(), "quantity": connect.Int32(3), "delivery_id": connect.Int32(0),
		"sold_at": connect.Timestamp(1772359200500),
	} {
		if got, _ := out.Value.Get(name); !connect.Equal(got, want) {
			t.Errorf("%s is %s", name, connecttest.Text(got))
		}
	}
	if price, _ := out.Value.Get("price"); price.Decimal().String() != "12.50" {
		t.Errorf("the price is %s", price.Decimal())
	}
}

func TestTombstonesPass(t *testing.T) {
	out, err := apply(t, build(t, map[string]string{"schema": salesSchema}), `null`)
	if err != nil || !out.Value.IsNull() || out.ValueSchema != nil {
		t.Errorf("%+v, %v", out, err)
	}
}

// TestWhatDoesNotFit has the errors: field, value and expected type.
func TestWhatDoesNotFit(t *testing.T) {
	step := build(t, map[string]string{"schema": `{"type":"record","name":"Order","fields":[
		{"name":"id","type":"int"},
		{"name":"lines","type":{"type":"array","items":{"type":"record","name":"Line","fields":[{"name":"price","type":{"type":"bytes","logicalType":"decimal","precision":4,"scale":1}}]}},"default":[]},
		{"name":"colour","type":{"type":"enum","name":"Colour","symbols":["RED","BLUE"]},"default":"RED"},
		{"name":"tags","type":{"type":"map","values":"long"},"default":{}}]}`})
	for _, c := range []struct{ name, value, field, want string }{
		{"text for a number", `{"id":"five"}`, "id", `field id has the string "five", expected int`},
		{"a fraction", `{"id":1.5}`, "id", "field id has the float64 1.5, expected int"},
		{"out of range", `{"id":3000000000}`, "id", "field id has the int64 3000000000, expected int"},
		{"null", `{"id":null}`, "id", "field id is null, expected int"},
		{"missing", `{"tags":{}}`, "id", "field id is missing, and the schema has no default for it, expected int"},
		{"unknown field", `{"id":1,"colur":"RED"}`, "colur", "did you mean colour?"},
		{"deep inside", `{"id":1,"lines":[{"price":1},{"price":1.25}]}`, "lines[1].price", "field lines[1].price has the float64 1.25, expected bytes (decimal)"},
		{"more digits than the precision", `{"id":1,"lines":[{"price":1234}]}`, "lines[0].price", "expected bytes (decimal)"},
		{"no symbol", `{"id":1,"colour":"GREEN"}`, "colour", `"GREEN", expected enum Colour`},
		{"a map's member", `{"id":1,"tags":{"a":1,"b":"x"}}`, "tags.b", `field tags.b has the string "x", expected long`},
		{"an object for an array", `{"id":1,"lines":{}}`, "lines", "expected array"},
		{"no object", `[1]`, "", "the value has the array [1], expected record Order"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := apply(t, step, c.value)
			var data *connect.DataError
			if !errors.As(err, &data) || data.Field != c.field || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, field %q", err, data.Field)
			}
			if len(data.Headers) != 2 || data.Headers[0].Value.Str() != c.field {
				t.Errorf("headers %v", data.Headers)
			}
		})
	}
	if _, err := apply(t, step, `{"id":7}`); err != nil {
		t.Errorf("after errors a good record fails: %v", err)
	}
}

func TestLosslessConversions(t *testing.T) {
	type in = connect.Value
	dec := func(s string) in {
		d, err := connect.ParseDecimal(s)
		if err != nil {
			t.Fatal(err)
		}
		return connect.DecimalValue(d)
	}
	for _, c := range []struct {
		avro string
		in   in
		want string // "" for an error
	}{
		{`"boolean"`, connect.String("true"), "true"},
		{`"boolean"`, connect.String("yes"), ""},
		{`"boolean"`, connect.Int64(1), ""},
		{`"int"`, connect.Float64(3), "3"},
		{`"int"`, dec("3.0"), "3"},
		{`"int"`, dec("1e-90000"), ""},
		{`"long"`, connect.Float64(9.3e18), ""},
		{`"long"`, connect.String("-9223372036854775808"), "-9223372036854775808"},
		{`{"type":"int","connect.type":"int8"}`, connect.Int64(200), ""},
		{`"double"`, connect.Int64(1<<53 + 1), ""},
		{`"double"`, connect.Int64(1 << 53), "9.007199254740992E15"},
		{`"double"`, connect.String("0x10"), ""},
		{`"float"`, connect.Float64(0.1), "0.1"},
		{`"float"`, connect.Float64(0.12345678901), ""},
		{`"float"`, connect.Float64(1e300), ""},
		{`"string"`, connect.Int64(5), `"5"`},
		{`"string"`, connect.Bool(true), `"true"`},
		{`"string"`, connect.Bytes([]byte{0xff}), ""},
		{`"bytes"`, connect.String("AQI="), `"AQI="`},
		{`"bytes"`, connect.String("not base64!"), ""},
		{`{"type":"fixed","name":"F","size":2}`, connect.String("AQI="), `"AQI="`},
		{`{"type":"fixed","name":"F","size":3}`, connect.String("AQI="), ""},
		{`{"type":"string","logicalType":"uuid"}`, connect.String("c0ffee00-0000-4000-8000-000000000001"), `"c0ffee00-0000-4000-8000-000000000001"`},
		{`{"type":"string","logicalType":"uuid"}`, connect.String("c0ffee"), ""},
		{`{"type":"int","logicalType":"date"}`, connect.String("1970-01-11"), "10"},
		{`{"type":"int","logicalType":"date"}`, connect.String("1969-12-31"), "-1"},
		{`{"type":"int","logicalType":"date"}`, connect.String("1970-02-30"), ""},
		{`{"type":"int","logicalType":"time-millis"}`, connect.String("00:00:01.5"), "1500"},
		{`{"type":"int","logicalType":"time-millis"}`, connect.String("00:00:01.0005"), ""},
		{`{"type":"int","logicalType":"time-millis"}`, connect.Int64(86400000), ""},
		{`{"type":"long","logicalType":"time-micros"}`, connect.String("00:00:01.000005"), "1000005"},
		{`{"type":"long","logicalType":"timestamp-millis"}`, connect.Int64(42), "42"},
		{`{"type":"long","logicalType":"timestamp-micros"}`, connect.String("1970-01-01T00:00:01.000001+00:00"), "1000001"},
		{`{"type":"long","logicalType":"timestamp-nanos"}`, connect.String("1960-01-01T00:00:00Z"), "-315619200000000000"},
		{`{"type":"long","logicalType":"timestamp-nanos"}`, connect.String("9999-01-01T00:00:00Z"), ""},
		{`{"type":"long","logicalType":"local-timestamp-millis"}`, connect.String("1970-01-01T00:00:01"), "1000"},
		{`["null","string","long"]`, connect.Int64(5), `{"string":null,"long":5}`},
		{`["null","string","long"]`, connect.String("5"), `{"string":"5","long":null}`},
		{`["null","string","long"]`, connect.Null(), `null`},
		{`["int","boolean"]`, connect.Array(nil), ""},
	} {
		t.Run(c.avro+" of "+connecttest.Text(c.in), func(t *testing.T) {
			step := build(t, map[string]string{"schema": `{"type":"record","name":"R","fields":[{"name":"f","type":` + c.avro + `}]}`})
			r := connect.Record{Value: connect.Map([]connect.MapEntry{{Key: connect.String("f"), Value: c.in}})}
			out, err := connecttest.NewStep(step).Apply(r)
			if c.want == "" {
				if err == nil {
					t.Fatalf("accepted as %s", connecttest.Text(out[0].Value))
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			f, _ := out[0].Value.Get("f")
			if got := plain(f); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
			if err := connect.Check(out[0].ValueSchema, out[0].Value); err != nil {
				t.Error(err)
			}
		})
	}
}

// plain is a value as the JSON converter writes it without its schema.
func plain(v connect.Value) string { return string(convert.AppendJSON(nil, v)) }

func TestUnknownFieldsCanBeDropped(t *testing.T) {
	step := build(t, map[string]string{"schema": `{"type":"record","name":"R","fields":[{"name":"a","type":"int"}]}`, "unknown.fields": "drop"})
	out, err := apply(t, step, `{"x":1,"a":2,"y":3}`)
	if err != nil || plain(out.Value) != `{"a":2}` {
		t.Errorf("%s, %v", plain(out.Value), err)
	}
}

func TestWhereTheSchemaComesFrom(t *testing.T) {
	file := filepath.Join(t.TempDir(), "sale.avsc")
	if err := os.WriteFile(file, []byte(salesSchema), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := apply(t, build(t, map[string]string{"schema.file": file}), `{"location":"Rome","quantity":1}`); err != nil {
		t.Error(err)
	}
	asked := ""
	find := func(_ context.Context, settings map[string]string, subject string, version int) (*schema.Schema, error) {
		asked = settings["schema.registry.url"] + " " + subject
		if version != 2 {
			t.Errorf("asked for version %d", version)
		}
		return schema.Parse(salesSchema)
	}
	step, err := tryBuild(map[string]string{"schema.subject": "sales-value", "schema.version": "2", "schema.registry.url": "http://r"}, find)
	if err != nil || asked != "http://r sales-value" {
		t.Fatalf("%v, asked %q", err, asked)
	}
	if _, err := apply(t, step, `{"location":"Rome","quantity":1}`); err != nil {
		t.Error(err)
	}
}

func TestMistakes(t *testing.T) {
	for _, c := range []struct {
		props map[string]string
		want  string
	}{
		{map[string]string{}, "one of schema, schema.file and schema.subject"},
		{map[string]string{"schema": `"int"`, "schema.file": "x"}, "one of schema, schema.file and schema.subject"},
		{map[string]string{"schema": `{"type":"record"}`}, "record has no name"},
		{map[string]string{"schema.file": "/does/not/exist.avsc"}, "no such file"},
		{map[string]string{"schema.subject": "s", "schema.version": "newest"}, "must be latest or a number"},
		{map[string]string{"schema": `"int"`, "unknown.fields": "dorp"}, "drop"},
		{map[string]string{"schema.subject": "s"}, "no schema registry"},
	} {
		if _, err := tryBuild(c.props, nil); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: %v, want %s", c.props, err, c.want)
		}
	}
}

func TestAcceptance(t *testing.T) {
	var input []connect.Record
	for _, v := range []string{`{"location":"Rome","quantity":1}`, `{"location":"Oslo","quantity":"x"}`, `null`, `{"location":"Rome","quantity":2,"price":1.5}`} {
		input = append(input, connect.Record{Topic: "sales", Value: connecttest.Parse(t, v)})
	}
	connecttest.Transform(t, connecttest.TransformCase{
		New: func() connect.Transform { return build(t, map[string]string{"schema": salesSchema}) }, Input: input,
	})
}

func BenchmarkApply(b *testing.B) {
	p := Plugins(nil)[0]
	c, _ := p.Config.Parse(map[string]string{"schema": salesSchema})
	step, err := p.New(connect.TransformContext{Config: c})
	if err != nil {
		b.Fatal(err)
	}
	in := connecttest.Parse(b, `{"location":"Rome","product":"Pizza","quantity":3,"delivery_id":7}`)
	var arena connect.Arena
	ctx := &connect.Context{Arena: &arena}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if i%1000 == 0 {
			arena.Reset()
		}
		r := connect.Record{Value: in}
		if err := step.Apply(ctx, &r, func(*connect.Record) {}); err != nil {
			b.Fatal(err)
		}
	}
}
