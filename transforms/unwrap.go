// SPDX-License-Identifier: Apache-2.0

package transforms

import (
	"fmt"
	"strings"

	"github.com/connectd/connectd/connect"
)

// envelopeSuffix ends the name of the schema of every change event of a table.
const envelopeSuffix = ".Envelope"

// isEnvelope reports whether a schema is that of a change event.
func isEnvelope(s *connect.Schema) bool {
	return s != nil && s.Type() == connect.TypeStruct && strings.HasSuffix(s.Name(), envelopeSuffix)
}

// deleteMode is what becomes of deletes and of the tombstones that follow them.
type deleteMode string

const (
	deleteDrop                 deleteMode = "drop"
	deleteTombstone            deleteMode = "tombstone"
	deleteRewrite              deleteMode = "rewrite"
	deleteRewriteWithTombstone deleteMode = "rewrite-with-tombstone"
	deleteToTombstone          deleteMode = "delete-to-tombstone"
)

// deletedField says in the rewrite modes whether the row is gone.
const deletedField = "__deleted"

// unwrap is ExtractNewRecordState as of Debezium 3.7. What it does to the records of
// one schema is worked out once.
type unwrap struct {
	mode            deleteMode
	rewrite         bool // mode is one of the two that rewrite
	replaceNull     bool
	routeBy         string
	fields, headers []eventField
	drop            fieldDropper
	plans           schemaCache[*unwrapPlan]
}

// unwrapPlan is what becomes of the change events of one schema.
type unwrapPlan struct {
	before, after *connect.Field
	// row and old are what becomes of after and of before.
	row, old unwrapRow
	fields   []eventFieldAt
	headers  []eventFieldAt
}

// unwrapRow is a new schema of a row: its columns, __deleted in the rewrite modes,
// and the fields that are added.
type unwrapRow struct {
	schema *connect.Schema
	// kept counts the columns and __deleted.
	kept int
}

func newUnwrap(t connect.TransformContext) (connect.Transform, error) {
	c := t.Config
	u := &unwrap{
		mode: deleteMode(strings.ToLower(c.String("delete.tombstone.handling.mode"))), replaceNull: c.Bool("replace.null.with.default"),
		routeBy: c.String("route.by.field"),
		drop: fieldDropper{
			header: strings.TrimSpace(c.String("drop.fields.header.name")), fromKey: c.Bool("drop.fields.from.key"),
			optionalOnly: c.Bool("drop.fields.keep.schema.compatible"),
		},
	}
	u.rewrite = u.mode == deleteRewrite || u.mode == deleteRewriteWithTombstone
	var err error
	if u.fields, err = parseEventFields(c.String("add.fields.prefix"), c.List("add.fields")); err != nil {
		return nil, err
	}
	if u.headers, err = parseEventFields(c.String("add.headers.prefix"), c.List("add.headers")); err != nil {
		return nil, err
	}
	return u, nil
}

// Apply emits the row of a change event; what is neither a change event nor a
// tombstone passes as it is. Truncations are dropped.
func (u *unwrap) Apply(c *connect.Context, r *connect.Record, emit connect.Emit) error {
	if r.Value.IsNull() {
		u.tombstone(c, r, emit)
		return nil
	}
	if !isEnvelope(r.ValueSchema) {
		emit(r)
		return nil
	}
	event, err := requireStruct(r.Value, "extract new record state")
	if err != nil {
		return err
	}
	plan, ok := u.plans.get(event.Schema)
	if !ok {
		if plan, err = u.plan(event.Schema); err != nil {
			return err
		}
		u.plans.put(event.Schema, plan)
	}
	before, after := fieldOf(event, plan.before), fieldOf(event, plan.after)
	if before.IsNull() && after.IsNull() || after.IsNull() && u.mode == deleteDrop {
		return nil
	}
	if len(plan.headers) > 0 {
		u.addHeaders(c, r, event, plan)
	}
	if after.IsNull() {
		return u.deleted(c, r, event, plan, emit)
	}
	return u.changed(c, r, event, plan, emit)
}

// tombstone handles the record that follows a delete.
func (u *unwrap) tombstone(c *connect.Context, r *connect.Record, emit connect.Emit) {
	if u.mode != deleteRewriteWithTombstone {
		return
	}
	if len(u.headers) > 0 {
		headers := appendHeaders(c.Arena, r.Headers, len(u.headers))
		for i := range u.headers {
			if u.headers[i].field == "op" {
				headers = append(headers, connect.Header{Key: u.headers[i].name, Schema: connect.StringSchema, Value: connect.String("d")})
			}
		}
		r.Headers = headers
	}
	emit(r)
}

func (u *unwrap) addHeaders(c *connect.Context, r *connect.Record, event *connect.Struct, plan *unwrapPlan) {
	headers := appendHeaders(c.Arena, r.Headers, len(plan.headers))
	for i := range plan.headers {
		h := &plan.headers[i]
		headers = append(headers, connect.Header{Key: h.name, Schema: h.schema, Value: h.of(event)})
	}
	r.Headers = headers
}

// changed emits the row as it is after an insert, an update or a read.
func (u *unwrap) changed(c *connect.Context, r *connect.Record, event *connect.Struct, plan *unwrapPlan, emit connect.Emit) error {
	after, err := requireStruct(event.Values[plan.after.Index], "extract new record state")
	if err != nil {
		return err
	}
	if err := u.route(r, after); err != nil {
		return err
	}
	row := u.rewritten(c, after, &plan.row, "false")
	u.addFields(row, event, plan, &plan.row)
	r.Value, r.ValueSchema = connect.StructValue(row), row.Schema
	if err := u.drop.apply(c.Arena, r, len(row.Values)); err != nil {
		return err
	}
	emit(r)
	return nil
}

// deleted emits what stands for a deleted row.
func (u *unwrap) deleted(c *connect.Context, r *connect.Record, event *connect.Struct, plan *unwrapPlan, emit connect.Emit) error {
	before, err := requireStruct(event.Values[plan.before.Index], "extract new record state")
	if err != nil {
		return err
	}
	if err := u.route(r, before); err != nil {
		return err
	}
	switch {
	case u.rewrite:
		row := u.rewritten(c, before, &plan.old, "true")
		u.addFields(row, event, plan, &plan.old)
		r.Value, r.ValueSchema = connect.StructValue(row), row.Schema
	case u.mode == deleteToTombstone:
		r.Value, r.ValueSchema = connect.Null(), nil
	default:
		// A null under the schema of the row: not a tombstone for a converter that
		// writes schemas, and still the end of the row for sinks.
		r.Value, r.ValueSchema = connect.Null(), plan.after.Schema
	}
	if err := u.drop.apply(c.Arena, r, plan.old.kept); err != nil {
		return err
	}
	emit(r)
	return nil
}

// rewritten copies a row into its new schema.
func (u *unwrap) rewritten(c *connect.Context, row *connect.Struct, to *unwrapRow, deleted string) *connect.Struct {
	out := c.Arena.Struct(to.schema)
	n := copy(out.Values, row.Values)
	if !u.rewrite {
		return out
	}
	if u.replaceNull {
		fields := row.Schema.Fields()
		for i := range fields {
			out.Values[i] = orDefault(&fields[i], out.Values[i], true)
		}
	}
	out.Values[n] = connect.String(deleted)
	return out
}

func (u *unwrap) addFields(row, event *connect.Struct, plan *unwrapPlan, to *unwrapRow) {
	for i := range plan.fields {
		row.Values[to.kept+i] = plan.fields[i].of(event)
	}
}

// route sends the record to the topic that a column names, if there is a text in it.
func (u *unwrap) route(r *connect.Record, row *connect.Struct) error {
	if u.routeBy == "" {
		return nil
	}
	f := row.Schema.Field(u.routeBy)
	if f == nil {
		return &connect.DataError{Rule: "route.by.field", Field: u.routeBy,
			Err: fmt.Errorf("route by field: %s is not a valid field name", u.routeBy)}
	}
	v := orDefault(f, row.Values[f.Index], true)
	if v.Kind() != connect.KindString && !v.IsNull() {
		return &connect.DataError{Rule: "route.by.field", Field: u.routeBy,
			Err: fmt.Errorf("route by field: field %s is not a string, but %s", u.routeBy, v.Kind())}
	}
	if topic := v.Str(); strings.TrimSpace(topic) != "" {
		r.Topic = topic
	}
	return nil
}

// plan works out what becomes of the change events of a schema.
func (u *unwrap) plan(s *connect.Schema) (*unwrapPlan, error) {
	p := &unwrapPlan{before: s.Field("before"), after: s.Field("after"), fields: fieldsAt(s, u.fields), headers: fieldsAt(s, u.headers)}
	if p.after == nil || p.after.Schema.Type() != connect.TypeStruct {
		return nil, connect.DataErrorf("extract new record state: unknown field: after, in %s", s)
	}
	var err error
	if p.row, err = u.rowSchema(p.after.Schema, p.fields); err != nil {
		return nil, err
	}
	p.old = p.row
	if p.before == nil || p.before.Schema == p.after.Schema || p.before.Schema.Type() != connect.TypeStruct {
		return p, nil
	}
	p.old, err = u.rowSchema(p.before.Schema, p.fields)
	return p, err
}

func (u *unwrap) rowSchema(s *connect.Schema, added []eventFieldAt) (unwrapRow, error) {
	b := basics(s)
	for _, f := range s.Fields() {
		b.Field(f.Name, f.Schema)
	}
	out := unwrapRow{kept: len(s.Fields())}
	if u.rewrite {
		b.Field(deletedField, connect.OptionalStringSchema)
		out.kept++
	}
	for i := range added {
		b.Field(added[i].name, added[i].schema)
	}
	var err error
	out.schema, err = buildSchema(b, "extract new record state")
	return out, err
}

// fieldOf returns a field of a struct; null if its schema has none.
func fieldOf(st *connect.Struct, f *connect.Field) connect.Value {
	if f == nil {
		return connect.Null()
	}
	return st.Values[f.Index]
}
