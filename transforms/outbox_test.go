// SPDX-License-Identifier: Apache-2.0

package transforms

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/connecttest"
)

var (
	microTimestamp = connect.NewSchema(connect.TypeInt64).Optional().Name("io.debezium.time.MicroTimestamp").Version(1).MustBuild()
	jsonSchema     = connect.NewSchema(connect.TypeString).Optional().Name("io.debezium.data.Json").Version(1).MustBuild()
	outboxRow      = connect.NewStruct("srv.public.outbox.Value").Optional().
			Field("id", connect.NewSchema(connect.TypeString).Name("io.debezium.data.Uuid").Version(1).MustBuild()).
			Field("aggregatetype", connect.OptionalStringSchema).Field("aggregateid", connect.StringSchema).Field("type", connect.StringSchema).
			Field("payload", jsonSchema).Field("at", microTimestamp).Field("shard", connect.OptionalInt32Schema).
			Field("tenant", connect.NewSchema(connect.TypeString).Optional().Default(connect.String("none")).MustBuild()).
			Field("flag", connect.OptionalBooleanSchema).MustBuild()
	outboxEnvelope = connect.NewStruct("srv.public.outbox.Envelope").
			Field("before", outboxRow).Field("after", outboxRow).Field("op", connect.StringSchema).Field("ts_ms", connect.OptionalInt64Schema).MustBuild()
)

// outboxEvent inserts an order with this payload.
func outboxEvent(payload connect.Value) connect.Record {
	return outboxChange("c", "order", payload, connect.Int64(1_700_000_000_123_456), connect.Int32(3))
}

func outboxChange(op, aggregate string, payload, at, shard connect.Value) connect.Record {
	row := structOfValues(outboxRow, connect.String("u-1"), connect.String(aggregate), connect.String("42"), connect.String("OrderCreated"),
		payload, at, shard, connect.Null(), connect.Null())
	if op == "t" {
		row = connect.Null()
	}
	return connect.Record{
		Topic: "srv.public.outbox", Partition: connect.NoPartition, Timestamp: 1, KeySchema: connect.StringSchema, Key: connect.String("u-1"),
		ValueSchema: outboxEnvelope, Value: structOfValues(outboxEnvelope, connect.Null(), row, connect.String(op), connect.Int64(99)),
		Headers: []connect.Header{{Key: "h", Schema: connect.StringSchema, Value: connect.String("x")}},
	}
}

func TestOutboxMessages(t *testing.T) {
	const order = `outbox.event.order "42" `
	cases := []struct {
		name string
		p    props
		want string
	}{
		{"plain", props{}, order + `"{\"a\":1}" STRING io.debezium.data.Json h="x" id="u-1"`},
		{"headers", props{"table.fields.additional.placement": "type:header:eventType, tenant:header"},
			order + `"{\"a\":1}" STRING io.debezium.data.Json h="x" id="u-1" eventType="OrderCreated" tenant="none"`},
		{"envelope", props{"table.fields.additional.placement": "type:envelope,tenant:envelope:who"},
			order + `{"payload":"{\"a\":1}","type":"OrderCreated","who":"none"} STRUCT srv.public.outbox.order.Value h="x" id="u-1"`},
		{"other columns", props{"table.field.event.id": "type", "table.field.event.key": "shard", "route.by.field": "tenant"},
			`outbox.event.none 3 "{\"a\":1}" STRING io.debezium.data.Json h="x" id="OrderCreated"`},
		{"replacement", props{"route.topic.regex": "(.)(.*)", "route.topic.replacement": "$2.$1"},
			`rder.o "42" "{\"a\":1}" STRING io.debezium.data.Json h="x" id="u-1"`},
		{"no match", props{"route.topic.regex": "x", "route.topic.replacement": "y"}, `order "42" "{\"a\":1}" STRING io.debezium.data.Json h="x" id="u-1"`},
		{"expanded", props{"table.expand.json.payload": "true"}, order + `{"a":1} STRUCT payload h="x" id="u-1"`},
		{"absent column skipped", props{"table.fields.additional.placement": "nope:header,type:header", "table.fields.additional.error.on.missing": "false"},
			order + `"{\"a\":1}" STRING io.debezium.data.Json h="x" id="u-1" type="OrderCreated"`},
		{"absent column ignored", props{"table.fields.additional.placement": "nope:envelope,type:envelope", "table.field.additional.missing": "ignore"},
			order + `{"payload":"{\"a\":1}","type":"OrderCreated"} STRUCT srv.public.outbox.order.Value h="x" id="u-1"`},
		{"timestamp without a meaning", props{"table.field.event.timestamp": "shard"}, `error: route outbox event: unsupported field type INT32 for event timestamp shard`},
		{"absent column", props{"table.fields.additional.placement": "nope:header"}, `error: route outbox event: unable to find additional field nope in event`},
		{"absent payload", props{"table.field.event.payload": "body"}, `error: route outbox event: unable to find payload field body in event`},
		{"absent id", props{"table.field.event.id": "uuid"}, `error: route outbox event: unable to find event-id field uuid in event`},
		{"route by no text", props{"route.by.field": "shard"}, `error: route outbox event: field shard is not a string, but int32`},
		{"empty topic", props{"route.topic.replacement": ""}, `error: route outbox event: the replacement makes an empty topic of "order"`},
		{"partition of a text", props{"table.fields.additional.placement": "type:partition"}, `error: route outbox event: field type is not an int32, but string`},
		{"timestamp of a text", props{"table.field.event.timestamp": "type"}, `error: route outbox event: field type is not an int64, but string`},
		{"version of a text", props{"table.field.event.schema.version": "type", "table.fields.additional.placement": "type:envelope"},
			`error: route outbox event: field type is not an int32, but string`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			step := connecttest.NewStep(mustBuild(t, "EventRouter", c.p))
			for range 2 {
				if got := applyFull(step, outboxEvent(connect.String(`{"a":1}`))); got != c.want {
					t.Fatalf("got  %s\nwant %s", got, c.want)
				}
			}
		})
	}
}

func TestOutboxPlaces(t *testing.T) {
	step := connecttest.NewStep(mustBuild(t, "EventRouter", props{
		"table.field.event.timestamp": "at", "table.fields.additional.placement": "shard:partition,flag:envelope", "table.field.event.schema.version": "shard"}))
	out, err := step.Apply(outboxEvent(connect.String("x")))
	if err != nil || len(out) != 1 {
		t.Fatal(err)
	}
	r := out[0]
	if v, _ := r.ValueSchema.Version(); r.Timestamp != 1_700_000_000_123 || r.Partition != 3 || v != 3 || r.ValueSchema.Name() != "srv.public.outbox.order.Value" {
		t.Errorf("timestamp %d, partition %d, schema %s version %d", r.Timestamp, r.Partition, r.ValueSchema, v)
	}
	if r.KeySchema != connect.StringSchema || r.ValueSchema.Field("payload").Schema != jsonSchema {
		t.Errorf("key schema %s, payload schema %s", r.KeySchema, r.ValueSchema.Field("payload").Schema)
	}
	second, err := step.Apply(outboxChange("r", "invoice", connect.String("x"), connect.Null(), connect.Int32(4)))
	if err != nil || len(second) != 1 {
		t.Fatal(err)
	}
	if got := second[0]; got.ValueSchema.Name() != "srv.public.outbox.invoice.Value" || got.Timestamp != 99 || got.Topic != "outbox.event.invoice" {
		t.Errorf("the second topic: %s at %d to %s", got.ValueSchema, got.Timestamp, got.Topic)
	}
}

func TestOutboxDropsAndPasses(t *testing.T) {
	step := connecttest.NewStep(mustBuild(t, "EventRouter", props{}))
	for _, op := range []string{"d", "u", "t"} {
		if got := applyFull(step, outboxChange(op, "order", connect.Null(), connect.Null(), connect.Null())); got != "" {
			t.Errorf("%s became %s", op, got)
		}
	}
	if got := apply(step, rec(t, `1`, `null`)); got != "" {
		t.Errorf("a tombstone became %s", got)
	}
	if got := apply(step, rec(t, `1`, `{"ts_ms":1}`)); got != `in 1 {"ts_ms":1}` {
		t.Errorf("a heartbeat became %s", got)
	}
	fatal := connecttest.NewStep(mustBuild(t, "EventRouter", props{"table.op.invalid.behavior": "fatal"}))
	if got := applyFull(fatal, outboxChange("u", "order", connect.Null(), connect.Null(), connect.Null())); got != `error: route outbox event: unexpected operation "u" on srv.public.outbox` {
		t.Error(got)
	}
}

func TestOutboxEmptyPayload(t *testing.T) {
	for _, payload := range []connect.Value{connect.Null(), connect.String(" \n")} {
		step := connecttest.NewStep(mustBuild(t, "EventRouter", props{"route.tombstone.on.empty.payload": "true", "table.fields.additional.placement": "type:envelope"}))
		if got := applyFull(step, outboxEvent(payload)); got != `outbox.event.order "42" null no schema h="x" id="u-1"` {
			t.Error(got)
		}
	}
	step := connecttest.NewStep(mustBuild(t, "EventRouter", props{}))
	if got := applyFull(step, outboxEvent(connect.Null())); got != `outbox.event.order "42" null STRING io.debezium.data.Json h="x" id="u-1"` {
		t.Error(got)
	}
}

// shapeOf writes a schema as a short text.
func shapeOf(s *connect.Schema) string {
	text := strings.ToLower(s.Type().String())
	if s.Type() == connect.TypeStruct {
		text = s.Name() + "{"
		for i, f := range s.Fields() {
			if i > 0 {
				text += ","
			}
			text += f.Name + ":" + shapeOf(f.Schema)
		}
		text += "}"
	}
	if s.Type() == connect.TypeArray {
		text = "[" + shapeOf(s.Elem()) + "]"
	}
	if !s.Optional() {
		text += "!"
	}
	return text
}

func TestOutboxJSON(t *testing.T) {
	cases := []struct{ name, in, value, schema string }{
		{"scalars", `{"s":"x","b":true,"i":1,"l":3000000000,"f":1.0}`, ``, `payload{s:string,b:boolean,i:int32,l:int64,f:float64}`},
		{"nested", `{"a":{"b":{"c":1}}}`, ``, `payload{a:payload.a{b:payload.a.b{c:int32}}}`},
		{"null is left out", `{"a":null,"b":1}`, `{"b":1}`, `payload{b:int32}`},
		{"empty array is left out", `{"a":[],"b":1}`, `{"b":1}`, `payload{b:int32}`},
		{"array", `{"a":[1,null,2]}`, ``, `payload{a:[int32]}`},
		{"at the top", `[{"a":1}]`, ``, `[payload{a:int32}]`},
		{"objects are merged", `{"a":[{"x":1},{"y":"b"}]}`, `{"a":[{"x":1,"y":null},{"x":null,"y":"b"}]}`, `payload{a:[payload.a{x:int32,y:string}!]}`},
		{"equal objects", `{"a":[{"x":1},null,{"x":2}]}`, ``, `payload{a:[payload.a{x:int32}]}`},
		{"arrays in arrays", `{"a":[[{"x":1}]]}`, ``, `payload{a:[[{x:int32}]]}`},
		{"member twice", `{"a":1,"a":"x"}`, `{"a":"x"}`, `payload{a:string}`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			step := connecttest.NewStep(mustBuild(t, "EventRouter", props{"table.expand.json.payload": "true"}))
			var first *connect.Schema
			for range 2 {
				out, err := step.Apply(outboxEvent(connect.String(c.in)))
				if err != nil || len(out) != 1 {
					t.Fatal(err)
				}
				want := c.value
				if want == "" {
					want = connecttest.Text(connecttest.Parse(t, c.in))
				}
				if got := connecttest.Text(out[0].Value); got != want {
					t.Errorf("value %s, want %s", got, want)
				}
				if got := shapeOf(out[0].ValueSchema); got != c.schema {
					t.Errorf("schema %s, want %s", got, c.schema)
				}
				if err := connect.Check(out[0].ValueSchema, out[0].Value); err != nil {
					t.Error(err)
				}
				if first == nil {
					first = out[0].ValueSchema
				}
				if out[0].ValueSchema != first {
					t.Error("the same shape has another schema the second time")
				}
			}
		})
	}
}

func TestOutboxJSONKept(t *testing.T) {
	step := connecttest.NewStep(mustBuild(t, "EventRouter", props{
		"table.expand.json.payload": "true", "table.json.payload.null.behavior": "optional_bytes", "table.json.payload.empty.array.behavior": "optional_string"}))
	for in, want := range map[string]string{
		`{"a":null,"b":[]}`:             `payload{a:bytes,b:[string]}`,
		`{"a":[{"x":null},{"x":"y"}]}`:  `payload{a:[payload.a{x:string}!]}`,
		`{"a":[{"x":"y"},{"x":null}]}`:  `payload{a:[payload.a{x:string}!]}`,
		`{"a":[null]}`:                  `payload{a:[bytes]}`,
		`{"a":{"b":[{"x":1},{"x":2}]}}`: `payload{a:payload.a{b:[payload.a.b{x:int32}]}}`,
	} {
		out, err := step.Apply(outboxEvent(connect.String(in)))
		if err != nil || len(out) != 1 {
			t.Fatal(err)
		}
		if got := shapeOf(out[0].ValueSchema); got != want {
			t.Errorf("%s: schema %s, want %s", in, got, want)
		}
	}
}

// TestOutboxJSONStaysText has payloads that cannot be expanded: the log says why.
func TestOutboxJSONStaysText(t *testing.T) {
	var log bytes.Buffer
	list := connect.Plugins{Transforms: Plugins()}
	plugin := list.Transform("EventRouter")
	c, _ := plugin.Config.Parse(props{"table.expand.json.payload": "true"})
	tr, err := plugin.New(connect.TransformContext{Config: c, Log: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	step := connecttest.NewStep(tr)
	for in, want := range map[string]string{
		`plain`: "it is not the text of a JSON object or array", ``: "it is not the text of a JSON object or array",
		`{"a":`: "parse JSON", `{"a":[1,"x"]}`: "the array holds int64 and string", `{"a":[1,3000000000]}`: "the array holds int64 and int64",
		`{"a":[null]}`: "no element with a schema", `[]`: "no schema", `{"":1}`: "a member without a name", `{"a":99999999999999999999}`: "a number is too large",
		`{"a":[{"x":1},{"x":"y"}]}`: "string where there is INT32 elsewhere", `{"a":[{"x":1},{"y":2},null]}`: "null",
	} {
		log.Reset()
		out, err := step.Apply(outboxEvent(connect.String(in)))
		if err != nil || len(out) != 1 {
			t.Fatal(err)
		}
		if out[0].ValueSchema != jsonSchema || out[0].Value.Str() != in || !strings.Contains(log.String(), want) {
			t.Errorf("%s: %s under %s; log: %s", in, connecttest.Text(out[0].Value), out[0].ValueSchema, log.String())
		}
	}
}

// FuzzOutboxJSON: whatever the text, the value fits its schema.
func FuzzOutboxJSON(f *testing.F) {
	for _, seed := range []string{`{"a":[{"x":1},{"x":null,"y":[[]]}]}`, `[[1],[2,null]]`, `{"":{"":null}}`, `{"a":[{"x":[1]},{"x":[1.5]}]}`, `[{}]`, `{"a":`} {
		f.Add(seed, true)
		f.Add(seed, false)
	}
	f.Fuzz(func(t *testing.T, text string, keep bool) {
		j := &outboxJSON{name: "payload", nulls: keep, empty: keep, shapes: map[string]*connect.Schema{}}
		var a connect.Arena
		for range 2 {
			v, s, err := j.parse(&a, connect.String(text))
			if err != nil {
				continue
			}
			if err := connect.Check(s, v); err != nil {
				t.Fatalf("%s: %v", text, err)
			}
		}
	})
}

func TestOutboxMistakes(t *testing.T) {
	for want, p := range map[string]props{
		`the placement is one of header, envelope, partition`: {"table.fields.additional.placement": "type:head"},
		`want column:placement or column:placement:alias`:     {"table.fields.additional.placement": "type"},
		`String must be one of: warn, error, fatal`:           {"table.op.invalid.behavior": "stop"},
		`the regex has no group named "x"`:                    {"route.topic.replacement": "${x}"},
		`for configuration route.topic.regex`:                 {"route.topic.regex": "("},
		`for configuration table.field.event.id`:              {"table.field.event.id": ""},
	} {
		if got := mistakes("io.debezium.transforms.outbox.EventRouter", p); !strings.Contains(got, want) {
			t.Errorf("%v: %q, want %q", p, got, want)
		}
	}
}

func TestOutboxSuite(t *testing.T) {
	connecttest.Transform(t, connecttest.TransformCase{
		New: func() connect.Transform {
			return mustBuild(t, "EventRouter", props{"table.expand.json.payload": "true", "table.fields.additional.placement": "type:envelope,tenant:header,shard:partition"})
		},
		Input: []connect.Record{
			outboxEvent(connect.String(`{"a":1,"b":[{"c":"x"}]}`)), outboxEvent(connect.String(`text`)), outboxEvent(connect.Null()),
			outboxChange("d", "order", connect.Null(), connect.Null(), connect.Null()),
			outboxChange("c", "invoice", connect.String(`{"a":1,"b":[{"c":"x"}]}`), connect.Null(), connect.Null()),
		},
	})
}

func BenchmarkOutbox(b *testing.B) {
	for name, p := range map[string]props{
		"headers":  {"table.fields.additional.placement": "type:header"},
		"envelope": {"table.fields.additional.placement": "type:envelope"},
		"expanded": {"table.expand.json.payload": "true"},
	} {
		b.Run(name, func(b *testing.B) {
			tr := mustBuild(b, "EventRouter", p)
			in := outboxEvent(connect.String(`{"id":1,"lines":[{"sku":"a","n":2},{"sku":"b","n":1}],"total":10.5}`))
			var arena connect.Arena
			var r connect.Record
			c, n := &connect.Context{Arena: &arena}, 0
			emit := func(*connect.Record) { n++ }
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if i%1000 == 0 {
					arena.Reset()
				}
				r = in
				if err := tr.Apply(c, &r, emit); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
