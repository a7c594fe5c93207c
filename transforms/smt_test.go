// SPDX-License-Identifier: Apache-2.0

package transforms

import (
	"strings"
	"testing"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/connecttest"
)

// TestSchemaless are the transforms of Kafka Connect on records without schemas: the
// key is {"k":1}.
func TestSchemaless(t *testing.T) {
	cases := []struct {
		name, class string
		p           props
		value, want string
	}{
		{"cast fields", "Cast$Value", props{"spec": "a:int8, b:string,c:boolean,d:float64,gone:int32"}, `{"a":300,"b":1.0,"c":"TRUE","d":"1e2","z":[1]}`,
			`in {"k":1} {"a":44,"b":"1.0","c":true,"d":100,"z":[1],"gone":null}`},
		{"cast the whole", "Cast$Value", props{"spec": "string"}, `12`, `in {"k":1} "12"`},
		{"cast null", "Cast$Value", props{"spec": "string"}, `null`, `in {"k":1} null`},
		{"cast out of range", "Cast$Value", props{"spec": "a:int8"}, `{"a":"300"}`, `error: cast field a: value (300) was out of range for requested data type`},
		{"cast a list", "Cast$Value", props{"spec": "a:int8"}, `{"a":[]}`, `error: cast field a: casting from array is not supported`},
		{"cast what is no map", "Cast$Value", props{"spec": "a:int8"}, `[]`, `error: only Map objects supported in absence of schema for [cast types], found: array`},
		{"cast the key", "Cast$Key", props{"spec": "k:string"}, `1`, `in {"k":"1"} 1`},
		{"extract", "ExtractField$Value", props{"field": "a"}, `{"a":{"b":1}}`, `in {"k":1} {"b":1}`},
		{"extract what is not there", "ExtractField$Value", props{"field": "x"}, `{"a":1}`, `in {"k":1} null`},
		{"extract of null", "ExtractField$Value", props{"field": "x"}, `null`, `in {"k":1} null`},
		{"extract nested", "ExtractField$Value", props{"field": "a.b", "field.syntax.version": "V2"}, `{"a":{"b":1}}`, `in {"k":1} 1`},
		{"extract below null", "ExtractField$Value", props{"field": "a.b", "field.syntax.version": "V2"}, `{"a":null}`, `in {"k":1} null`},
		{"extract below a number", "ExtractField$Value", props{"field": "a.b", "field.syntax.version": "V2"}, `{"a":1}`,
			`error: only Map objects supported in absence of schema for [nested field access], found: int64`},
		{"extract the dotted name", "ExtractField$Value", props{"field": "a.b"}, `{"a.b":2,"a":{"b":1}}`, `in {"k":1} 2`},
		{"extract of the key", "ExtractField$Key", props{"field": "k"}, `0`, `in 1 0`},
		{"flatten", "Flatten$Value", props{}, `{"a":1,"b":{"c":{"d":2},"e":[{"f":1}]},"g":{},"h":null}`, `in {"k":1} {"a":1,"b.c.d":2,"b.e":[{"f":1}],"h":null}`},
		{"flatten with another delimiter", "Flatten$Value", props{"delimiter": "_"}, `{"a":{"b":1}}`, `in {"k":1} {"a_b":1}`},
		{"flatten onto a flat name", "Flatten$Value", props{}, `{"a.b":1,"a":{"b":2}}`, `in {"k":1} {"a.b":2}`},
		{"flatten null", "Flatten$Value", props{}, `null`, `in {"k":1} null`},
		{"flatten a text", "Flatten$Value", props{}, `"x"`, `error: only Map objects supported in absence of schema for [flattening], found: string`},
		{"hoist", "HoistField$Value", props{"field": "x"}, `[1]`, `in {"k":1} {"x":[1]}`},
		{"hoist null", "HoistField$Value", props{"field": "x"}, `null`, `in {"k":1} {"x":null}`},
		{"insert", "InsertField$Value", props{"topic.field": "t!", "partition.field": "p", "offset.field": "o?", "timestamp.field": "ts", "static.field": "a", "static.value": "v"},
			`{"a":1}`, `in {"k":1} {"a":"v","t":"in","p":1,"o":7,"ts":1000}`},
		{"insert into null", "InsertField$Value", props{"topic.field": "t"}, `null`, `in {"k":1} null`},
		{"insert into a list", "InsertField$Value", props{"topic.field": "t"}, `[]`, `error: only Map objects supported in absence of schema for [field insertion], found: array`},
		{"mask", "MaskField$Value", props{"fields": "a,b,c,d,e,f,gone"}, `{"a":1,"b":"x","c":true,"d":[1],"e":{"x":1},"f":null,"g":1.5}`,
			`in {"k":1} {"a":0,"b":"","c":false,"d":[],"e":{},"f":null,"g":1.5,"gone":null}`},
		{"mask with a number", "MaskField$Value", props{"fields": "a,b,c", "replacement": "-7.9"}, `{"a":1,"b":"x","c":1.5}`, `in {"k":1} {"a":-7,"b":"-7.9","c":-7.9}`},
		{"mask a number with a text", "MaskField$Value", props{"fields": "a", "replacement": "x"}, `{"a":1}`, `error: cannot mask field a: a value of type int64 cannot be "x"`},
		{"mask a list with a text", "MaskField$Value", props{"fields": "a", "replacement": "1"}, `{"a":[]}`, `error: cannot mask field a: a value of type array cannot be "1"`},
		{"mask null", "MaskField$Value", props{"fields": "a"}, `null`, `error: only Map objects supported in absence of schema for [mask fields], found: null`},
		{"replace", "ReplaceField$Value", props{"exclude": "a", "renames": "b:x,c:y"}, `{"a":1,"b":2,"c":3,"d":4}`, `in {"k":1} {"x":2,"y":3,"d":4}`},
		{"include", "ReplaceField$Value", props{"include": "a,b", "exclude": "b"}, `{"a":1,"b":2,"c":3}`, `in {"k":1} {"a":1}`},
		{"rename onto another", "ReplaceField$Value", props{"renames": "a:b"}, `{"a":1,"b":2}`, `in {"k":1} {"b":2}`},
		{"replace in null", "ReplaceField$Value", props{"exclude": "a"}, `null`, `in {"k":1} null`},
		{"schema of what has none", "SetSchemaMetadata$Value", props{"schema.name": "x"}, `1`, `error: schema required for [updating schema metadata]`},
		{"schema of null", "SetSchemaMetadata$Value", props{"schema.name": "x"}, `null`, `in {"k":1} null`},
		{"key of value", "ValueToKey", props{"fields": "b,gone"}, `{"a":1,"b":2}`, `in {"b":2,"gone":null} {"a":1,"b":2}`},
		{"key of null", "ValueToKey", props{"fields": "b"}, `null`, `error: only Map objects supported in absence of schema for [copying fields from value to key], found: null`},
		{"time of a number", "TimestampConverter$Value", props{"field": "a", "target.type": "string", "format": "yyyy-MM-dd HH:mm:ss.SSS"}, `{"a":1700000000123}`, `in {"k":1} {"a":"2023-11-14 22:13:20.123"}`},
		{"number of a time", "TimestampConverter$Value", props{"field": "a", "target.type": "unix", "unix.precision": "seconds", "format": "yyyy-MM-dd"}, `{"a":"2023-11-14"}`, `in {"k":1} {"a":1699920000}`},
		{"the whole", "TimestampConverter$Value", props{"target.type": "unix", "format": "yyyy-MM"}, `"1970-02"`, `in {"k":1} 2678400000`},
		{"time not there", "TimestampConverter$Value", props{"field": "a", "target.type": "unix"}, `{}`, `in {"k":1} {"a":null}`},
		{"time of null", "TimestampConverter$Value", props{"field": "a", "target.type": "unix"}, `null`, `in {"k":1} null`},
		{"time of a boolean", "TimestampConverter$Value", props{"field": "a", "target.type": "unix"}, `{"a":true}`, `error: convert timestamp: boolean is not supported as a timestamp`},
		{"text without a format", "TimestampConverter$Value", props{"field": "a", "target.type": "unix"}, `{"a":"x"}`, `error: convert timestamp: a text needs the setting format`},
		{"text of another format", "TimestampConverter$Value", props{"field": "a", "target.type": "unix", "format": "yyyy"}, `{"a":"x"}`,
			`error: convert timestamp: could not parse timestamp: value (x) does not match pattern (yyyy): want a number for yyyy at "x"`},
		{"topic of the time", "TimestampRouter", props{"topic.format": "${topic}/${timestamp}", "timestamp.format": "yyyy.MM"}, `1`, `in/1970.01 {"k":1} 1`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			step := connecttest.NewStep(mustBuild(t, c.class, c.p))
			for range 2 {
				r := rec(t, `{"k":1}`, c.value)
				r.Offset = 7
				if got := apply(step, r); got != c.want {
					t.Fatalf("got  %s\nwant %s", got, c.want)
				}
			}
		})
	}
}

var (
	withDefault = connect.NewSchema(connect.TypeInt32).Optional().Default(connect.Int32(5)).MustBuild()
	innerSchema = connect.NewStruct("Inner").Optional().Field("x", connect.Int64Schema).Field("y", connect.OptionalStringSchema).MustBuild()
	price       = connect.DecimalSchema(2).MustBuild()
	itemSchema  = connect.NewStruct("Item").Version(3).Doc("an item").Param("p", "q").Optional().
			Field("id", connect.Int32Schema).Field("name", connect.OptionalStringSchema).Field("n", withDefault).
			Field("inner", innerSchema).Field("price", price).Field("at", connect.TimestampSchema).Field("bytes", connect.BytesSchema).MustBuild()
)

// item is a record of the topic in with the schema Item.
func item(t *testing.T) connect.Record {
	t.Helper()
	amount, err := connect.ParseDecimal("12.50")
	if err != nil {
		t.Fatal(err)
	}
	r := rec(t, `null`, `null`)
	r.Offset, r.KeySchema, r.Key = 7, connect.StringSchema, connect.String("k")
	r.ValueSchema = itemSchema
	r.Value = structOfValues(itemSchema, connect.Int32(300), connect.String("a"), connect.Null(),
		structOfValues(innerSchema, connect.Int64(1), connect.Null()), connect.DecimalValue(amount), connect.Timestamp(1_700_000_000_123), connect.Bytes([]byte("hi")))
	return r
}

func TestWithSchema(t *testing.T) {
	const rest = `"inner":{"x":1,"y":null},"price":12.50,"at":1700000000123,"bytes":0x6869`
	cases := []struct {
		name, class  string
		p            props
		want, schema string
	}{
		{"cast", "Cast$Value", props{"spec": "id:int8,n:string,price:int16,at:string,bytes:string,name:string"},
			`{"id":44,"name":"a","n":"5","inner":{"x":1,"y":null},"price":12,"at":"2023-11-14T22:13:20.123Z","bytes":"aGk="}`,
			`Item{id:int8!,name:string,n:string,inner:Inner{x:int64!,y:string},price:int16!,at:string!,bytes:string!}`},
		{"cast keeps null", "Cast$Value", props{"spec": "n:int64", "replace.null.with.default": "false"}, `{"id":300,"name":"a","n":null,` + rest + `}`,
			`Item{id:int32!,name:string,n:int64,inner:Inner{x:int64!,y:string},price:bytes!,at:int64!,bytes:bytes!}`},
		{"cast a text that is none", "Cast$Value", props{"spec": "name:float32"}, `error: cast field name: value (a) was out of range for requested data type`, ``},
		{"cast bytes", "Cast$Value", props{"spec": "bytes:int32"}, `error: cast field bytes: bytes can only be cast to a string, not to INT32`, ``},
		{"extract", "ExtractField$Value", props{"field": "inner"}, `{"x":1,"y":null}`, `Inner{x:int64!,y:string}`},
		{"extract a default", "ExtractField$Value", props{"field": "n"}, `5`, `int32`},
		{"extract a null", "ExtractField$Value", props{"field": "n", "replace.null.with.default": "false"}, `null`, `int32`},
		{"extract nested", "ExtractField$Value", props{"field": "inner.`x`", "field.syntax.version": "V2"}, `1`, `int64!`},
		{"extract what is not there", "ExtractField$Value", props{"field": "nope"}, `error: unknown field: nope`, ``},
		{"extract below a number", "ExtractField$Value", props{"field": "id.x", "field.syntax.version": "v2"}, `error: cannot look up fields on non-struct type: x of INT32`, ``},
		{"flatten", "Flatten$Value", props{"delimiter": "_"}, `{"id":300,"name":"a","n":5,"inner_x":1,"inner_y":null,"price":12.50,"at":1700000000123,"bytes":0x6869}`,
			`Item{id:int32,name:string,n:int32,inner_x:int64,inner_y:string,price:bytes,at:int64,bytes:bytes}!`},
		{"hoist", "HoistField$Value", props{"field": "h"}, `{"h":{"id":300,"name":"a","n":null,` + rest + `}}`,
			`{h:Item{id:int32!,name:string,n:int32,inner:Inner{x:int64!,y:string},price:bytes!,at:int64!,bytes:bytes!}}!`},
		{"insert", "InsertField$Value", props{"topic.field": "t!", "partition.field": "p", "offset.field": "o", "timestamp.field": "ts", "static.field": "s", "static.value": "v"},
			`{"id":300,"name":"a","n":5,` + rest + `,"t":"in","p":1,"o":7,"ts":1000,"s":"v"}`,
			`Item{id:int32!,name:string,n:int32,inner:Inner{x:int64!,y:string},price:bytes!,at:int64!,bytes:bytes!,t:string!,p:int32,o:int64,ts:int64,s:string}!`},
		{"insert what is there", "InsertField$Value", props{"topic.field": "id"}, `error: insert field: build schema: field "id" is there twice`, ``},
		{"mask", "MaskField$Value", props{"fields": "id,name,n,price,at"}, `{"id":0,"name":"","n":0,"inner":{"x":1,"y":null},"price":0.00,"at":0,"bytes":0x6869}`,
			`Item{id:int32!,name:string,n:int32,inner:Inner{x:int64!,y:string},price:bytes!,at:int64!,bytes:bytes!}`},
		{"mask with a number", "MaskField$Value", props{"fields": "id,price", "replacement": "1.5"}, `{"id":1,"name":"a","n":5,"inner":{"x":1,"y":null},"price":1.50,"at":1700000000123,"bytes":0x6869}`,
			`Item{id:int32!,name:string,n:int32,inner:Inner{x:int64!,y:string},price:bytes!,at:int64!,bytes:bytes!}`},
		{"mask beyond the scale", "MaskField$Value", props{"fields": "price", "replacement": "1.555"}, `error: cannot mask field price: a value of type decimal cannot be "1.555"`, ``},
		{"mask bytes", "MaskField$Value", props{"fields": "bytes"}, `error: cannot mask field bytes: a value of type bytes has no zero`, ``},
		{"replace", "ReplaceField$Value", props{"include": "id,n,name", "exclude": "name", "renames": "n:count"}, `{"id":300,"count":5}`, `Item{id:int32!,count:int32}!`},
		{"replace twice", "ReplaceField$Value", props{"renames": "n:id"}, `error: choose fields: build schema: field "id" is there twice`, ``},
		{"rename the schema", "SetSchemaMetadata$Value", props{"schema.name": "New", "schema.version": "9"}, `{"id":300,"name":"a","n":5,` + rest + `}`,
			`New{id:int32!,name:string,n:int32,inner:Inner{x:int64!,y:string},price:bytes!,at:int64!,bytes:bytes!}`},
		{"time", "TimestampConverter$Value", props{"field": "at", "target.type": "Date"}, `{"id":300,"name":"a","n":5,"inner":{"x":1,"y":null},"price":12.50,"at":19675,"bytes":0x6869}`,
			`Item{id:int32!,name:string,n:int32,inner:Inner{x:int64!,y:string},price:bytes!,at:int32!,bytes:bytes!}`},
		{"time of a number", "TimestampConverter$Value", props{"field": "id", "target.type": "Date"}, `error: schema INT32 does not correspond to a known timestamp type format`, ``},
		{"time not there", "TimestampConverter$Value", props{"field": "nope", "target.type": "Date"}, `{"id":300,"name":"a","n":5,` + rest + `}`,
			`Item{id:int32!,name:string,n:int32,inner:Inner{x:int64!,y:string},price:bytes!,at:int64!,bytes:bytes!}`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			step := connecttest.NewStep(mustBuild(t, smtPackage+c.class, c.p))
			for range 2 {
				out, err := step.Apply(item(t))
				if err != nil {
					if got := "error: " + err.Error(); got != c.want {
						t.Fatalf("got  %s\nwant %s", got, c.want)
					}
					continue
				}
				r := out[0]
				if got := connecttest.Text(r.Value); got != c.want {
					t.Fatalf("got  %s\nwant %s", got, c.want)
				}
				if got := shapeOf(r.ValueSchema); got != c.schema {
					t.Fatalf("schema %s\nwant   %s", got, c.schema)
				}
				if err := connect.Check(r.ValueSchema, r.Value); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// TestSchemaBasics: name, version, doc and parameters stay on a new schema.
func TestSchemaBasics(t *testing.T) {
	for _, c := range []struct {
		class string
		p     props
	}{
		{"Cast$Value", props{"spec": "id:int8"}}, {"Flatten$Value", props{}}, {"InsertField$Value", props{"topic.field": "t"}},
		{"ReplaceField$Value", props{"exclude": "id"}}, {"TimestampConverter$Value", props{"field": "at", "target.type": "unix"}},
		{"HeaderFrom$Value", props{"fields": "id", "headers": "h", "operation": "move"}},
	} {
		out, err := connecttest.NewStep(mustBuild(t, c.class, c.p)).Apply(item(t))
		if err != nil {
			t.Fatal(err)
		}
		s := out[0].ValueSchema
		version, _ := s.Version()
		if p, _ := s.Param("p"); s.Name() != "Item" || version != 3 || s.Doc() != "an item" || p != "q" {
			t.Errorf("%s: %s version %d, %q, p=%s", c.class, s, version, s.Doc(), p)
		}
	}
}

func TestSMTMistakes(t *testing.T) {
	cases := []struct {
		class string
		p     props
		want  string
	}{
		{"Cast$Value", props{}, `Missing required configuration "spec"`},
		{"Cast$Value", props{"spec": ""}, `must specify at least one field to cast`},
		{"Cast$Value", props{"spec": "a:int8,string"}, `a type for the whole value stands alone`},
		{"Cast$Value", props{"spec": "a:b:int8"}, `invalid cast: a:b:int8`},
		{"Cast$Value", props{"spec": "a:bytes"}, `invalid type found in casting spec: bytes`},
		{"ExtractField$Key", props{"field": "`a.b", "field.syntax.version": "V2"}, "incomplete backtick pair in path: [`a.b]"},
		{"ExtractField$Key", props{"field": "a", "field.syntax.version": "V3"}, "must be one of: V1, V2"},
		{"HeaderFrom$Value", props{"fields": "a,b", "headers": "x", "operation": "copy"}, `must have the same number of elements`},
		{"HeaderFrom$Value", props{"fields": "a", "headers": "x", "operation": "mov"}, `did you mean move?`},
		{"InsertField$Value", props{}, `No field insertion configured`},
		{"InsertField$Value", props{"static.field": "a"}, `No value specified for static field: a`},
		{"MaskField$Value", props{"fields": ""}, `for configuration fields`},
		{"ReplaceField$Value", props{"renames": "a"}, `invalid rename mapping: a`},
		{"ReplaceField$Value", props{"blacklist": "a"}, `use exclude`},
		{"SetSchemaMetadata$Key", props{}, `Neither schema name nor version configured`},
		{"TimestampConverter$Value", props{"target.type": "string"}, `requires format option to be specified`},
		{"TimestampConverter$Value", props{"target.type": "unix", "format": "yyyy-QQ"}, `the letter Q is not supported`},
		{"TimestampConverter$Value", props{"target.type": "date2"}, `must be one of: string, unix, Date, Time, Timestamp`},
		{"TimestampRouter", props{"timestamp.format": "yyyy 'x"}, `a quote is not closed`},
		{"DropHeaders", props{"headers": ""}, `for configuration headers`},
		{"ValueToKey", props{}, `Missing required configuration "fields"`},
		{"InsertHeader", props{"header": "h"}, `Missing required configuration "value.literal"`},
	}
	for _, c := range cases {
		if got := mistakes(c.class, c.p); !strings.Contains(got, c.want) {
			t.Errorf("%s %v: %q, want %q", c.class, c.p, got, c.want)
		}
	}
}
