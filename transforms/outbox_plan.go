// SPDX-License-Identifier: Apache-2.0

package transforms

import (
	"fmt"
	"math"
	"strings"

	"github.com/connectd/connectd/connect"
)

// outboxExtra is one element of table.fields.additional.placement.
type outboxExtra struct {
	field, placement, alias string
}

// outboxPlan is where things are in the change events of one schema.
type outboxPlan struct {
	rowName                     string
	after, op, processed        int
	id, key, payload, route     column
	timestamp, version          column // without a schema if not configured
	headers, fields, partitions []column
}

// column is a field of the row; a null stands for its default.
type column struct {
	name, alias string
	index       int
	schema      *connect.Schema
	def         connect.Value
}

func (c *column) of(row *connect.Struct) connect.Value {
	if v := row.Values[c.index]; !v.IsNull() {
		return v
	}
	return c.def
}

func (o *outbox) plan(s *connect.Schema) (*outboxPlan, error) {
	after, op, processed := s.Field("after"), s.Field("op"), s.Field("ts_ms")
	if after == nil || after.Schema.Type() != connect.TypeStruct || op == nil || processed == nil {
		return nil, connect.DataErrorf("route outbox event: %s is not the schema of a change event", s)
	}
	p := &outboxPlan{rowName: after.Schema.Name(), after: after.Index, op: op.Index, processed: processed.Index}
	for _, want := range []struct {
		name, what string
		to         *column
	}{
		{o.columns.payload, "payload", &p.payload}, {o.columns.id, "event-id", &p.id}, {o.columns.key, "event key", &p.key},
		{o.columns.route, "route", &p.route}, {o.columns.timestamp, "timestamp", &p.timestamp}, {o.columns.version, "schema version", &p.version},
	} {
		if want.name == "" {
			continue
		}
		found, ok := columnOf(after.Schema, want.name)
		if !ok {
			return nil, absentColumn(want.what, want.name)
		}
		*want.to = found
	}
	return p, o.place(p, after.Schema)
}

// place finds the additional fields.
func (o *outbox) place(p *outboxPlan, row *connect.Schema) error {
	for _, e := range o.extra {
		found, ok := columnOf(row, e.field)
		if !ok && o.skipAbsent {
			continue
		}
		if !ok {
			return absentColumn("additional", e.field)
		}
		found.alias = e.alias
		switch e.placement {
		case placeHeader:
			p.headers = append(p.headers, found)
		case placeEnvelope:
			p.fields = append(p.fields, found)
		default:
			p.partitions = append(p.partitions, found)
		}
	}
	return nil
}

func columnOf(row *connect.Schema, name string) (column, bool) {
	f := row.Field(name)
	if f == nil {
		return column{}, false
	}
	def, _ := f.Schema.Default()
	return column{name: name, index: f.Index, schema: f.Schema, def: def}, true
}

func absentColumn(what, name string) error {
	err := &connect.DataError{Field: name, Err: fmt.Errorf("route outbox event: unable to find %s field %s in event", what, name)}
	if what == "payload" || what == "timestamp" {
		err.Class = connectException
	}
	return err
}

// timestampOf is the time of the column, if one is configured and set, or that at
// which the connector processed the row.
func (p *outboxPlan) timestampOf(event, row *connect.Struct) (int64, error) {
	if p.timestamp.schema == nil || p.timestamp.of(row).IsNull() {
		if at := event.Values[p.processed]; !at.IsNull() {
			return at.Int(), nil
		}
		return connect.NoTimestamp, nil
	}
	if at := p.timestamp.of(row); !at.IsInt() && at.Kind() != connect.KindTimestamp {
		return 0, connect.DataErrorf("route outbox event: field %s is not an int64, but %s", p.timestamp.name, at.Kind())
	}
	at := p.timestamp.of(row).Int()
	switch p.timestamp.schema.Name() {
	case "io.debezium.time.Timestamp", connect.TimestampName:
		return at, nil
	case "io.debezium.time.MicroTimestamp":
		return at / 1_000, nil
	case "io.debezium.time.NanoTimestamp":
		return at / 1_000_000, nil
	}
	return 0, &connect.DataError{Class: connectException, Field: p.timestamp.name,
		Err: fmt.Errorf("route outbox event: unsupported field type %s for event timestamp %s", p.timestamp.schema, p.timestamp.name)}
}

// noVersion stands for a value schema without a version.
const noVersion int64 = math.MinInt64

// outboxValues keeps the schemas of values that wrap their payload. Unlike the
// original, it tells the topics apart also where their payloads have one schema, and
// payload schemas where they have one version: the name of a schema does not depend
// on which message came first.
type outboxValues struct {
	last outboxValue
	all  map[outboxValueKey]outboxValue
}

type outboxValue struct {
	key    outboxValueKey
	schema *connect.Schema
}

type outboxValueKey struct {
	plan    *outboxPlan
	payload *connect.Schema
	routed  string
	version int64
}

func (v *outboxValues) get(plan *outboxPlan, payload *connect.Schema, routed string, version int64) (*connect.Schema, error) {
	key := outboxValueKey{plan, payload, routed, version}
	if v.last.schema != nil && key == v.last.key {
		return v.last.schema, nil
	}
	known, ok := v.all[key]
	if !ok {
		s, err := plan.valueSchema(payload, routed, version)
		if err != nil {
			return nil, err
		}
		if v.all == nil || len(v.all) >= maxSchemas {
			v.all = map[outboxValueKey]outboxValue{}
		}
		key.routed = strings.Clone(routed)
		known = outboxValue{key, s}
		v.all[key] = known
	}
	v.last = known
	return known.schema, nil
}

func (p *outboxPlan) valueSchema(payload *connect.Schema, routed string, version int64) (*connect.Schema, error) {
	b := connect.NewStruct(p.valueName(routed)).Field("payload", payload)
	if version != noVersion {
		b.Version(int32(version))
	}
	for i := range p.fields {
		b.Field(p.fields[i].alias, p.fields[i].schema)
	}
	return buildSchema(b, "route outbox event")
}

// valueName puts the routed name before the last part of the name of the row.
func (p *outboxPlan) valueName(routed string) string {
	if p.rowName == "" {
		return strings.Clone(routed)
	}
	cut := strings.LastIndexByte(p.rowName, '.') + 1
	return p.rowName[:cut] + routed + "." + p.rowName[cut:]
}
