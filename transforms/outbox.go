// SPDX-License-Identifier: Apache-2.0

package transforms

import (
	"fmt"
	"log/slog"
	"strings"

	"github.com/connectd/connectd/connect"
)

// outbox is EventRouter as of Debezium 3.7, without its tracing. What it does to the
// records of one schema is worked out once.
type outbox struct {
	invalid    string // warn, error, fatal
	columns    outboxColumns
	extra      []outboxExtra
	envelope   bool // the value is a struct around the payload
	skipAbsent bool
	emptyIsEnd bool
	json       *outboxJSON // nil leaves the payload as it is
	route      *regexRouter
	log        *slog.Logger

	plans  schemaCache[*outboxPlan]
	values outboxValues
}

// outboxColumns are the names of the columns of the outbox table; the last two may
// be "".
type outboxColumns struct {
	id, key, payload, route, timestamp, version string
}

// Apply emits the message of a row that was inserted into the outbox table. Deletes
// and tombstones are dropped; what is no change event passes as it is.
func (o *outbox) Apply(c *connect.Context, r *connect.Record, emit connect.Emit) error {
	if r.Value.IsNull() {
		return nil
	}
	if !isEnvelope(r.ValueSchema) {
		emit(r)
		return nil
	}
	event, err := requireStruct(r.Value, "detect Debezium operation")
	if err != nil {
		return err
	}
	plan, ok := o.plans.get(event.Schema)
	if !ok {
		if plan, err = o.plan(event.Schema); err != nil {
			return err
		}
		o.plans.put(event.Schema, plan)
	}
	switch event.Values[plan.op].Str() {
	case "d":
		return nil
	case "u", "t":
		return o.unexpected(r, event.Values[plan.op].Str())
	}
	row, err := requireStruct(event.Values[plan.after], "read outbox event")
	if err != nil {
		return err
	}
	return o.message(c, r, event, row, plan, emit)
}

// unexpected handles what does not happen to an outbox. Debezium fails at a
// truncation; here it is treated as an update is.
func (o *outbox) unexpected(r *connect.Record, op string) error {
	switch o.invalid {
	case "fatal":
		return &connect.DataError{Class: illegalState, Rule: "table.op.invalid.behavior", Field: "op",
			Err: fmt.Errorf("route outbox event: unexpected operation %q on %s", op, r.Topic)}
	case "error":
		o.log.Error("unexpected operation on the outbox is ignored", "topic", r.Topic, "op", op)
	default:
		o.log.Warn("unexpected operation on the outbox is ignored", "topic", r.Topic, "op", op)
	}
	return nil
}

func (o *outbox) message(c *connect.Context, r *connect.Record, event, row *connect.Struct, plan *outboxPlan, emit connect.Emit) error {
	timestamp, err := plan.timestampOf(event, row)
	if err != nil {
		return err
	}
	routed := plan.route.of(row)
	if routed.Kind() != connect.KindString {
		return connect.DataErrorf("route outbox event: field %s is not a string, but %s", o.columns.route, routed.Kind())
	}
	topic := o.route.topic(routed.Str())
	if topic == "" {
		return connect.DataErrorf("route outbox event: the replacement makes an empty topic of %q", routed.Str())
	}
	payload, payloadSchema := plan.payload.of(row), plan.payload.schema
	if o.json != nil {
		payload, payloadSchema = o.json.expand(c.Arena, payload, payloadSchema)
	}
	value, schema := payload, payloadSchema
	switch {
	case o.emptyIsEnd && isBlank(payload):
		value, schema = connect.Null(), nil
	case o.envelope:
		st, err := o.wrapped(c, row, plan, payload, payloadSchema, routed.Str())
		if err != nil {
			return err
		}
		value, schema = connect.StructValue(st), st.Schema
	}
	partition, err := o.partition(row, plan)
	if err != nil {
		return err
	}
	r.Headers = o.headers(c, r, row, plan)
	r.Topic, r.Partition, r.Timestamp = topic, partition, timestamp
	r.KeySchema, r.Key = plan.key.schema, plan.key.of(row)
	r.ValueSchema, r.Value = schema, value
	emit(r)
	return nil
}

// isBlank reports whether a payload says nothing: null, or a text of white space.
func isBlank(v connect.Value) bool {
	return v.IsNull() || v.Kind() == connect.KindString && strings.TrimFunc(v.Str(), func(r rune) bool { return r <= ' ' }) == ""
}

// headers are those of the record, id, and the additional ones.
func (o *outbox) headers(c *connect.Context, r *connect.Record, row *connect.Struct, plan *outboxPlan) []connect.Header {
	headers := appendHeaders(c.Arena, r.Headers, 1+len(plan.headers))
	headers = append(headers, connect.Header{Key: "id", Schema: plan.id.schema, Value: plan.id.of(row)})
	for i := range plan.headers {
		h := &plan.headers[i]
		headers = append(headers, connect.Header{Key: h.alias, Schema: h.schema, Value: h.of(row)})
	}
	return headers
}

// partition is that of the last additional field with this placement.
func (o *outbox) partition(row *connect.Struct, plan *outboxPlan) (int32, error) {
	partition := connect.NoPartition
	for i := range plan.partitions {
		switch v := plan.partitions[i].of(row); v.Kind() {
		case connect.KindNull:
			partition = connect.NoPartition
		case connect.KindInt32:
			partition = int32(v.Int())
		default:
			return 0, connect.DataErrorf("route outbox event: field %s is not an int32, but %s", plan.partitions[i].name, v.Kind())
		}
	}
	return partition, nil
}

// wrapped makes the struct of the payload and the fields beside it.
func (o *outbox) wrapped(c *connect.Context, row *connect.Struct, plan *outboxPlan, payload connect.Value, payloadSchema *connect.Schema, routed string) (*connect.Struct, error) {
	version := noVersion
	if plan.version.schema != nil {
		v := plan.version.of(row)
		if v.Kind() != connect.KindInt32 {
			return nil, connect.DataErrorf("route outbox event: field %s is not an int32, but %s", o.columns.version, v.Kind())
		}
		version = v.Int()
	}
	schema, err := o.values.get(plan, payloadSchema, routed, version)
	if err != nil {
		return nil, err
	}
	st := c.Arena.Struct(schema)
	st.Values[0] = payload
	for i := range plan.fields {
		st.Values[1+i] = plan.fields[i].of(row)
	}
	return st, nil
}
