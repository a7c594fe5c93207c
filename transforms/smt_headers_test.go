// SPDX-License-Identifier: Apache-2.0

package transforms

import (
	"testing"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/connecttest"
)

func headerTexts(r *connect.Record) string {
	text := ""
	for _, h := range r.Headers {
		text += h.Key + "=" + connecttest.Text(h.Value) + ":" + h.Schema.String() + " "
	}
	return text
}

func TestHeaderTransforms(t *testing.T) {
	old := []connect.Header{{Key: "a", Value: connect.Int32(1)}, {Key: "b"}, {Key: "a", Value: connect.Int32(2)}}
	cases := []struct {
		name, class   string
		p             props
		value, header string
	}{
		{"drop", "DropHeaders", props{"headers": "a,x"}, ``, `b=null:no schema `},
		{"drop nothing", "DropHeaders", props{"headers": "x"}, ``, `a=1:no schema b=null:no schema a=2:no schema `},
		{"insert a number", "InsertHeader", props{"header": "h", "value.literal": "42"}, ``, `a=1:no schema b=null:no schema a=2:no schema h=42:INT8 `},
		{"insert a text", "InsertHeader", props{"header": "a", "value.literal": "x y"}, ``, `a=1:no schema b=null:no schema a=2:no schema a="x y":STRING `},
		{"insert a boolean", "InsertHeader", props{"header": "h", "value.literal": "true"}, ``, `a=1:no schema b=null:no schema a=2:no schema h=true:BOOLEAN `},
		{"insert a list", "InsertHeader", props{"header": "h", "value.literal": "[1,300]"}, ``, `a=1:no schema b=null:no schema a=2:no schema h=[1,300]:ARRAY `},
		{"copy", "HeaderFrom$Value", props{"fields": "x,gone,x", "headers": "h,i,j", "operation": "copy"}, `{"x":1,"y":2}`,
			`a=1:no schema b=null:no schema a=2:no schema h=1:no schema i=null:no schema j=1:no schema `},
		{"move", "HeaderFrom$Value", props{"fields": "x", "headers": "a", "operation": "move"}, `{"y":2}`,
			`a=1:no schema b=null:no schema a=2:no schema a=1:no schema `},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := rec(t, `null`, `{"x":1,"y":2}`)
			r.Headers = old
			out, err := connecttest.NewStep(mustBuild(t, c.class, c.p)).Apply(r)
			if err != nil || len(out) != 1 {
				t.Fatal(err)
			}
			want := c.value
			if want == "" {
				want = `{"x":1,"y":2}`
			}
			if got := connecttest.Text(out[0].Value); got != want {
				t.Errorf("value %s, want %s", got, want)
			}
			if got := headerTexts(&out[0]); got != c.header {
				t.Errorf("headers %s\nwant    %s", got, c.header)
			}
		})
	}
}

func TestHeaderFromWithSchema(t *testing.T) {
	for operation, want := range map[string]string{
		"copy": `{"id":300,"name":"a","n":null,"inner":{"x":1,"y":null},"price":12.50,"at":1700000000123,"bytes":0x6869}`,
		"move": `{"name":"a","inner":{"x":1,"y":null},"price":12.50,"at":1700000000123,"bytes":0x6869}`,
	} {
		step := connecttest.NewStep(mustBuild(t, "HeaderFrom$Value", props{"fields": "id,n", "headers": "h,i", "operation": operation}))
		out, err := step.Apply(item(t))
		if err != nil || len(out) != 1 {
			t.Fatal(err)
		}
		if got := connecttest.Text(out[0].Value); got != want {
			t.Errorf("%s: %s, want %s", operation, got, want)
		}
		if got := headerTexts(&out[0]); got != "h=300:INT32 i=5:INT32 " {
			t.Errorf("%s: headers %s", operation, got)
		}
	}
	step := connecttest.NewStep(mustBuild(t, "HeaderFrom$Value", props{"fields": "nope", "headers": "h", "operation": "copy"}))
	if _, err := step.Apply(item(t)); err == nil || err.Error() != "unknown field: nope" {
		t.Error(err)
	}
	step = connecttest.NewStep(mustBuild(t, "HeaderFrom$Key", props{"fields": "k", "headers": "h", "operation": "copy"}))
	if _, err := step.Apply(rec(t, `null`, `{}`)); err == nil || err.Error() != "only Map objects supported in absence of schema for [header from field], found: null" {
		t.Error(err)
	}
}

// TestNullsWithSchema are records whose value is null under a schema.
func TestNullsWithSchema(t *testing.T) {
	cases := []struct {
		class  string
		p      props
		want   string
		schema string
	}{
		{"Cast$Value", props{"spec": "id:int8"}, "null", "STRUCT Item"}, {"Flatten$Value", props{}, "null", "STRUCT Item"},
		{"ExtractField$Value", props{"field": "inner"}, "null", "STRUCT Inner"}, {"InsertField$Value", props{"topic.field": "t"}, "null", "STRUCT Item"},
		{"ReplaceField$Value", props{"exclude": "id"}, "null", "STRUCT Item"}, {"SetSchemaMetadata$Value", props{"schema.name": "X"}, "null", "STRUCT X"},
		{"TimestampConverter$Value", props{"field": "at", "target.type": "unix"}, "null", "STRUCT Item"},
		{"HoistField$Value", props{"field": "x"}, `{"x":null}`, "STRUCT"},
		{"MaskField$Value", props{"fields": "id"}, "error: only Struct objects supported for [mask fields], found: null", ""},
		{"ValueToKey", props{"fields": "id"}, "error: only Struct objects supported for [copying fields from value to key], found: null", ""},
		{"HeaderFrom$Value", props{"fields": "id", "headers": "h", "operation": "copy"}, "error: only Struct objects supported for [header from field], found: null", ""},
	}
	for _, c := range cases {
		r := item(t)
		r.Value = connect.Null()
		out, err := connecttest.NewStep(mustBuild(t, c.class, c.p)).Apply(r)
		if err != nil {
			if got := "error: " + err.Error(); got != c.want {
				t.Errorf("%s: %s, want %s", c.class, got, c.want)
			}
			continue
		}
		if got := connecttest.Text(out[0].Value); got != c.want || out[0].ValueSchema.String() != c.schema {
			t.Errorf("%s: %s under %s, want %s under %s", c.class, got, out[0].ValueSchema, c.want, c.schema)
		}
	}
	r := rec(t, `null`, `null`)
	r.ValueSchema = connect.StringSchema
	if _, err := connecttest.NewStep(mustBuild(t, "HoistField$Value", props{"field": "x"})).Apply(r); err == nil ||
		err.Error() != `hoist field: null used for required field: "x", schema type: STRING` {
		t.Error(err)
	}
}

func TestValueToKeyWithSchema(t *testing.T) {
	step := connecttest.NewStep(mustBuild(t, "ValueToKey", props{"fields": "n,id"}))
	for range 2 {
		out, err := step.Apply(item(t))
		if err != nil || len(out) != 1 {
			t.Fatal(err)
		}
		if got := connecttest.Text(out[0].Key) + " " + shapeOf(out[0].KeySchema); got != `{"n":5,"id":300} {n:int32,id:int32!}!` || out[0].Partition != 1 {
			t.Errorf("%s in partition %d", got, out[0].Partition)
		}
	}
	step = connecttest.NewStep(mustBuild(t, "ValueToKey", props{"fields": "nope"}))
	if _, err := step.Apply(item(t)); err == nil || err.Error() != "field does not exist: nope" {
		t.Error(err)
	}
}

func TestInsertFieldNeedsATopic(t *testing.T) {
	step := connecttest.NewStep(mustBuild(t, "InsertField$Value", props{"offset.field": "o", "partition.field": "p", "timestamp.field": "t"}))
	r := rec(t, `null`, `{}`)
	r.Partition = connect.NoPartition
	if got := apply(step, r); got != "error: insert field: offset.field is for records that come from a topic" {
		t.Error(got)
	}
	step = connecttest.NewStep(mustBuild(t, "InsertField$Value", props{"partition.field": "p", "timestamp.field": "t"}))
	r.Timestamp = connect.NoTimestamp
	if got := apply(step, r); got != "in null {}" {
		t.Error(got)
	}
}

// TestFlattenNulls: what is below an optional struct is optional, and null where the
// struct is.
func TestFlattenNulls(t *testing.T) {
	in := connect.NewStruct("In").Optional().Field("x", connect.Int32Schema).Field("y", withDefault).MustBuild()
	outer := connect.NewStruct("Out").Field("a", in).Field("b", in).Field("c", withDefault).MustBuild()
	step := connecttest.NewStep(mustBuild(t, "Flatten$Value", props{}))
	r := rec(t, `null`, `null`)
	r.ValueSchema, r.Value = outer, structOfValues(outer, connect.Null(), structOfValues(in, connect.Int32(1), connect.Null()), connect.Null())
	out, err := step.Apply(r)
	if err != nil || len(out) != 1 {
		t.Fatal(err)
	}
	if got := connecttest.Text(out[0].Value) + " " + shapeOf(out[0].ValueSchema); got != `{"a.x":null,"a.y":null,"b.x":1,"b.y":5,"c":5} Out{a.x:int32,a.y:int32,b.x:int32,b.y:int32,c:int32}!` {
		t.Error(got)
	}
	withMap := connect.NewStruct("M").Field("m", connect.NewMap(connect.StringSchema, connect.StringSchema).MustBuild()).MustBuild()
	r.ValueSchema, r.Value = withMap, structOfValues(withMap, connect.Map(nil))
	if _, err := step.Apply(r); err == nil || err.Error() != "flatten: a map is not supported for a record with schema (for field m)" {
		t.Error(err)
	}
}

func TestTimestampRouterNeedsATime(t *testing.T) {
	step := connecttest.NewStep(mustBuild(t, "TimestampRouter", props{}))
	r := rec(t, `null`, `1`)
	r.Timestamp = 1_700_000_000_123
	if got := apply(step, r); got != "in-20231114 null 1" {
		t.Error(got)
	}
	r.Timestamp += 86_400_000
	if got := apply(step, r); got != "in-20231115 null 1" {
		t.Error(got)
	}
	r.Timestamp = connect.NoTimestamp
	if got := apply(step, r); got != "error: route by timestamp: timestamp missing on record of in" {
		t.Error(got)
	}
}

// TestSMTSuite takes every transform of Kafka Connect through the acceptance suite.
func TestSMTSuite(t *testing.T) {
	for class, p := range map[string]props{
		"Cast$Value": {"spec": "id:int8,bytes:string"}, "ExtractField$Value": {"field": "inner"}, "Flatten$Value": {}, "HoistField$Key": {"field": "k"},
		"HeaderFrom$Value": {"fields": "id", "headers": "h", "operation": "move"}, "InsertField$Value": {"topic.field": "t"}, "InsertHeader": {"header": "h", "value.literal": "[1]"},
		"MaskField$Value": {"fields": "id,name"}, "ReplaceField$Value": {"renames": "id:x"}, "SetSchemaMetadata$Value": {"schema.version": "2"}, "DropHeaders": {"headers": "a"},
		"TimestampConverter$Value": {"field": "at", "target.type": "string", "format": "yyyy"}, "TimestampRouter": {}, "ValueToKey": {"fields": "id,at"},
	} {
		t.Run(class, func(t *testing.T) {
			plain := rec(t, `{"k":1}`, `{"id":1,"name":"x","inner":{"x":[1]},"at":5,"bytes":"b"}`)
			plain.Headers = []connect.Header{{Key: "a"}, {Key: "b", Value: connect.String("c")}}
			connecttest.Transform(t, connecttest.TransformCase{
				New:   func() connect.Transform { return mustBuild(t, class, p) },
				Input: []connect.Record{item(t), plain, item(t), rec(t, `null`, `null`)},
			})
		})
	}
}

func BenchmarkSMT(b *testing.B) {
	values := structOfValues(rowSchema, connect.Int64(1), connect.String("a"), connect.String("b"), connect.Null())
	for class, p := range map[string]props{
		"Cast$Value": {"spec": "id:int32"}, "ReplaceField$Value": {"exclude": "note"}, "InsertField$Value": {"topic.field": "t", "timestamp.field": "ts"},
		"MaskField$Value": {"fields": "name"}, "ValueToKey": {"fields": "id"}, "ExtractField$Value": {"field": "id"}, "Flatten$Value": {}, "TimestampRouter": {},
	} {
		b.Run(class, func(b *testing.B) {
			tr := mustBuild(b, class, p)
			var arena connect.Arena
			var r connect.Record
			c, n := &connect.Context{Arena: &arena}, 0
			emit := func(*connect.Record) { n++ }
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if i%1000 == 0 {
					arena.Reset()
				}
				r = connect.Record{Topic: "t", Timestamp: 1_700_000_000_000, ValueSchema: rowSchema, Value: values}
				if err := tr.Apply(c, &r, emit); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
