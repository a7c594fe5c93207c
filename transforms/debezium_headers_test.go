// SPDX-License-Identifier: Apache-2.0

package transforms

import (
	"strings"
	"testing"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/connecttest"
)

// TestHeaderToValueTellsHeadersApart: one schema of values, several sets of headers.
func TestHeaderToValueTellsHeadersApart(t *testing.T) {
	s := connect.NewStruct("V").Field("id", connect.Int32Schema).Field("in", innerSchema).MustBuild()
	step := connecttest.NewStep(mustBuild(t, "HeaderToValue", props{"headers": "a,b,a.x", "fields": "one,in.two,new.three", "operation": "move"}))
	a := connect.Header{Key: "a", Schema: connect.StringSchema, Value: connect.String("v")}
	number := connect.Header{Key: "a", Schema: connect.Int32Schema, Value: connect.Int32(4)}
	b := connect.Header{Key: "b", Schema: connect.OptionalInt64Schema, Value: connect.Int64(5)}
	x := connect.Header{Key: "a.x", Schema: connect.StringSchema, Value: connect.String("z")}
	other := connect.Header{Key: "other", Value: connect.Bool(true)}
	inner := structOfValues(innerSchema, connect.Int64(1), connect.Null())
	for range 2 {
		for _, c := range []struct {
			in      connect.Value
			headers []connect.Header
			want    string
		}{
			{inner, []connect.Header{a, other}, `{"id":1,"in":{"x":1,"y":null},"one":"v"} V{id:int32!,in:Inner{x:int64!,y:string},one:string!}! other=true`},
			{inner, []connect.Header{number}, `{"id":1,"in":{"x":1,"y":null},"one":4} V{id:int32!,in:Inner{x:int64!,y:string},one:int32!}!`},
			{inner, []connect.Header{b, x}, `{"id":1,"in":{"x":1,"y":null,"two":5},"new":{"three":"z"}} V{id:int32!,in:Inner{x:int64!,y:string,two:int64},new:{three:string!}}!`},
			{connect.Null(), []connect.Header{b}, `{"id":1,"in":null} V{id:int32!,in:Inner{x:int64!,y:string,two:int64}}!`},
			{inner, []connect.Header{other}, `{"id":1,"in":{"x":1,"y":null}} V{id:int32!,in:Inner{x:int64!,y:string}}! other=true`},
			{inner, []connect.Header{{Key: "a", Value: connect.String("v")}}, `error: insert header: header a has no schema`},
		} {
			r := rec(t, `null`, `null`)
			r.ValueSchema, r.Value, r.Headers = s, structOfValues(s, connect.Int32(1), c.in), c.headers
			out, err := step.Apply(r)
			got := ""
			if err != nil {
				got = "error: " + err.Error()
			} else {
				got = connecttest.Text(out[0].Value) + " " + shapeOf(out[0].ValueSchema)
				for _, h := range out[0].Headers {
					got += " " + h.Key + "=" + connecttest.Text(h.Value)
				}
			}
			if got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		}
	}
}

// TestChangedFieldsLeadToDroppedFields is what the headers are for.
func TestChangedFieldsLeadToDroppedFields(t *testing.T) {
	changed := connecttest.NewStep(mustBuild(t, "ExtractChangedRecordState", props{"header.changed.name": "changed", "header.unchanged.name": "same"}))
	unwrap := connecttest.NewStep(mustBuild(t, "ExtractNewRecordState", props{"drop.fields.header.name": "same", "drop.fields.keep.schema.compatible": "false"}))
	out, err := changed.Apply(change("u", userRow(1, "a"), userRow(1, "b")))
	if err != nil || len(out) != 1 {
		t.Fatal(err)
	}
	if got := headerTexts(&out[0]); got != `changed=["name"]:ARRAY changed same=["id","note","n"]:ARRAY same ` {
		t.Error(got)
	}
	if got := apply(unwrap, out[0]); got != `srv.public.users {"id":1,"note":"k"} {"name":"b"}` {
		t.Error(got)
	}
}

// TestChangedFieldsOfDeletes: the tombstone behind a delete has the delete's headers.
func TestChangedFieldsOfDeletes(t *testing.T) {
	read := tombstone()
	read.Partition, read.Offset = 3, 7
	message := change("u", connect.Null(), connect.Null())
	message.ValueSchema, message.Value = connect.StringSchema, connect.String("x")
	both := `changed=[]:ARRAY changed same=[]:ARRAY same `
	for _, c := range []struct {
		name string
		in   connect.Record
		want string
	}{
		{"a delete", change("d", userRow(1, "a"), connect.Null()), both},
		{"its tombstone", tombstone(), both},
		{"a tombstone of a topic", read, ""},
		{"no change event", message, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			step := connecttest.NewStep(mustBuild(t, "ExtractChangedRecordState", props{"header.changed.name": "changed", "header.unchanged.name": "same"}))
			out, err := step.Apply(c.in)
			if err != nil || len(out) != 1 {
				t.Fatal(out, err)
			}
			if got := headerTexts(&out[0]); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestDebeziumHeaderSuites(t *testing.T) {
	withHeader := change("u", userRow(1, "a"), userRow(1, "b"))
	withHeader.Headers = []connect.Header{{Key: "h", Schema: connect.StringSchema, Value: connect.String("v")}}
	for class, p := range map[string]props{
		"ExtractChangedRecordState": {"header.changed.name": "changed"}, "HeaderToValue": {"headers": "h", "fields": "source.h", "operation": "move"},
		"DecodeLogicalDecodingMessageContent": {},
	} {
		t.Run(class, func(t *testing.T) {
			connecttest.Transform(t, connecttest.TransformCase{
				New:   func() connect.Transform { return mustBuild(t, class, p) },
				Input: []connect.Record{withHeader, change("c", connect.Null(), userRow(1, "a")), tombstone(), withHeader, logicalMessage(`{"a":{"b":1}}`), logicalMessage(`x`)},
			})
		})
	}
}

// logicalMessage is an event of pg_logical_emit_message.
func logicalMessage(content string) connect.Record {
	message := connect.NewStruct("io.debezium.connector.postgresql.Message").Field("prefix", connect.OptionalStringSchema).Field("content", connect.OptionalBytesSchema).MustBuild()
	s := connect.NewStruct(messageValue).Field("op", connect.StringSchema).Field("ts_ms", connect.OptionalInt64Schema).Field("message", message).MustBuild()
	return connect.Record{
		Topic: "srv.message", Partition: connect.NoPartition, KeySchema: connect.StringSchema, Key: connect.String("outbox"), ValueSchema: s,
		Value: structOfValues(s, connect.String("m"), connect.Int64(3), structOfValues(message, connect.String("outbox"), connect.Bytes([]byte(content)))),
	}
}

// TestDecodedMessageGoesThroughTheOutbox: a message becomes an event of EventRouter.
func TestDecodedMessageGoesThroughTheOutbox(t *testing.T) {
	decode := connecttest.NewStep(mustBuild(t, "DecodeLogicalDecodingMessageContent", props{}))
	route := connecttest.NewStep(mustBuild(t, "EventRouter", props{}))
	out, err := decode.Apply(logicalMessage(`{"id":"1","aggregatetype":"order","aggregateid":"7","payload":{"total":5}}`))
	if err != nil || len(out) != 1 {
		t.Fatal(err)
	}
	if got := applyFull(route, out[0]); got != `outbox.event.order "7" {"total":5} STRUCT payload id="1"` {
		t.Error(got)
	}
	if _, err := decode.Apply(logicalMessage(`nope`)); err == nil || !strings.Contains(err.Error(), "it is not the text of a JSON object or array") {
		t.Error(err)
	}
}
