// SPDX-License-Identifier: Apache-2.0

package transforms

import (
	"fmt"

	"github.com/connectd/connectd/connect"
)

// debeziumException is what most of Debezium's transforms throw.
const debeziumException = "io.debezium.DebeziumException"

// messageValue is the name of the schema of logical decoding messages.
const messageValue = "io.debezium.connector.postgresql.MessageValue"

// decodeMessagePlugin introduces DecodeLogicalDecodingMessageContent.
func decodeMessagePlugin() connect.TransformPlugin {
	return connect.TransformPlugin{
		PluginInfo: connect.PluginInfo{
			Class: "io.debezium.connector.postgresql.transforms.DecodeLogicalDecodingMessageContent",
			Doc:   "Makes insert events of logical decoding messages whose content is a JSON object, for EventRouter and others that expect change events.",
			Config: connect.Define(connect.ConfigKey{
				Name: "fields.null.include", Type: connect.TypeConfigBoolean, Default: "false",
				Doc: "Whether a member that is null is kept, as optional bytes.",
			}),
		},
		New: func(t connect.TransformContext) (connect.Transform, error) {
			return &decodeMessage{json: outboxJSON{log: t.Log, nulls: t.Config.Bool("fields.null.include"), shapes: map[string]*connect.Schema{}}}, nil
		},
	}
}

// decodeMessage is DecodeLogicalDecodingMessageContent as of Debezium 3.7.
type decodeMessage struct {
	json    outboxJSON
	content schemaCache[decodedMessage]
}

// decodedMessage is the schema of events with one schema of content.
type decodedMessage struct {
	of     *connect.Schema
	schema *connect.Schema
}

// Apply makes an insert event without a key of a message; other records pass. A
// content that is no JSON object is refused.
func (d *decodeMessage) Apply(c *connect.Context, r *connect.Record, emit connect.Emit) error {
	if r.Value.IsNull() || r.ValueSchema == nil || r.ValueSchema.Name() != messageValue {
		emit(r)
		return nil
	}
	value, err := requireStruct(r.Value, "retrieve a record value")
	if err != nil {
		return err
	}
	message, _ := value.Get("message")
	content, _ := message.Get("content")
	if content.Kind() != connect.KindBytes {
		return refuseMessage(fmt.Errorf("the content is not bytes, but %s", content.Kind()))
	}
	after, schema, err := d.json.parse(c.Arena, connect.StringOf(content.Bytes()))
	if err != nil {
		return refuseMessage(err)
	}
	if after.Kind() != connect.KindStruct {
		return connect.DataErrorf("decode message: the content is a JSON %s, not an object", after.Kind())
	}
	plan, ok := d.content.get(schema)
	if !ok || plan.of != value.Schema {
		if plan, err = d.plan(value.Schema, schema); err != nil {
			return err
		}
		d.content.put(schema, plan)
	}
	r.Value, r.ValueSchema = connect.StructValue(fillEvent(c.Arena, plan.schema, value, after)), plan.schema
	r.Key, r.KeySchema = connect.Null(), nil
	emit(r)
	return nil
}

func refuseMessage(err error) error {
	return &connect.DataError{Class: debeziumException, Field: "message", Err: fmt.Errorf("decode message: %w", err)}
}

// plan makes the schema: the fields of the message's event without the message, then
// the content as after. Its name makes it a change event.
func (d *decodeMessage) plan(event, content *connect.Schema) (decodedMessage, error) {
	b := connect.NewStruct(event.Name() + envelopeSuffix)
	for _, f := range event.Fields() {
		if f.Name != "message" {
			b.Field(f.Name, f.Schema)
		}
	}
	s, err := buildSchema(b.Field("after", content), "decode message")
	return decodedMessage{event, s}, err
}

func fillEvent(a *connect.Arena, s *connect.Schema, value *connect.Struct, after connect.Value) *connect.Struct {
	out, n := a.Struct(s), 0
	fields := value.Schema.Fields()
	for i := range fields {
		switch fields[i].Name {
		case "message":
			continue
		case "op":
			out.Values[n] = connect.String("c")
		default:
			out.Values[n] = orDefault(&fields[i], value.Values[i], true)
		}
		n++
	}
	out.Values[n] = after
	return out
}
