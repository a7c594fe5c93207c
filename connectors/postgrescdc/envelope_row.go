// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connectors/postgrescdc/pgoutput"
	"github.com/connectd/connectd/connectors/postgrescdc/types"
)

// Kinds of a column in a tuple.
const (
	columnNull      = pgoutput.ColumnNull
	columnUnchanged = pgoutput.ColumnUnchanged
	columnText      = pgoutput.ColumnText
	columnBinary    = pgoutput.ColumnBinary
)

// rowEvent is one row change, with the tuples that the server sent of it.
type rowEvent struct {
	relation uint32
	// before has all columns if full is set, else those of the replica identity; nil
	// if the server sent none.
	before, after []tupleColumn
	full          bool
	raw           []byte
}

// Headers of rows.
const (
	headerNewKey      = "__debezium.newkey"
	headerOldKey      = "__debezium.oldkey"
	headerUnavailable = "__connectd.unavailable.columns"
)

var namesSchema = connect.NewArray(connect.StringSchema).MustBuild()

// errRelationUnknown is a fault of the stream, not of a row.
var errRelationUnknown = errors.New("the stream has not described the table")

// rowSize is what a record counts besides the bytes that it was made of.
const rowSize = 200

// errInterrupted says that a message was given up at the end of ctx, before it had any
// effect: it is to be handled again.
var errInterrupted = errors.New("interrupted")

// row handles an insert, update or delete.
func (e *emitter) row(ctx context.Context, what change, at lsn, ev *rowEvent) error {
	t := e.relations.plans[ev.relation]
	if t != nil && t.captured {
		if t.early && e.tx.commit >= e.relations.settled.at {
			if err := e.relations.confirm(ctx, t, e.tx.commit); err != nil {
				return err
			}
		}
		var err error
		if t, err = e.current(ctx, t, ev.after); err != nil {
			return err
		}
	}
	if !e.change(what, at) {
		return nil
	}
	defer e.changed()
	if t == nil {
		return fmt.Errorf("read %s at %s: relation %d: %w", changeNames[what], at, ev.relation, errRelationUnknown)
	}
	if !t.captured || e.tx.commit < e.frontier(t) {
		return nil
	}
	if n := max(len(ev.before), len(ev.after)); n > len(t.columns) && !t.signals {
		return fmt.Errorf("read %s at %s: a row of %s has %d columns, and the table %d", changeNames[what], at, t.name, n, len(t.columns))
	}
	if t.signals {
		e.signal(what, ev)
	}
	if e.window != nil {
		e.window.seen(t, ev)
	}
	e.tell(t)
	switch what {
	case changeInsert:
		return e.insert(t, ev)
	case changeUpdate:
		return e.update(t, ev)
	}
	return e.delete(t, ev)
}

// frontier is the consistent point at which a table was read, if that is later than
// where the stream begins.
func (e *emitter) frontier(t *tablePlan) lsn {
	if e.place.snapshot == nil {
		return 0
	}
	return e.place.snapshot.tables[t.name].at
}

// current returns a plan that the tuple fits to: one that was made with a newer catalog
// may forbid a null that the tuple has, and an enum may have grown.
func (e *emitter) current(ctx context.Context, t *tablePlan, tuple []tupleColumn) (*tablePlan, error) {
	var err error
	for i := range min(len(tuple), len(t.columns)) {
		c := &t.columns[i]
		switch {
		case tuple[i].Kind == columnNull && c.forbidsNull():
			t, err = e.relations.loosen(t, i)
		case c.labels != nil && tuple[i].Kind == columnText && !slices.Contains(c.labels, string(tuple[i].Data)):
			t, err = e.relations.refresh(ctx, t, e.log)
		}
		if err != nil {
			return nil, err
		}
	}
	return t, nil
}

func (e *emitter) insert(t *tablePlan, ev *rowEvent) error {
	if e.s.filter.skips('c') {
		return nil
	}
	d := e.decode(t, ev.after, nil)
	r := e.record(rowSize+len(ev.raw), true)
	e.fill(r, t, opCreate, connect.Null(), d.row, d.key, nil, d)
	if d.err == nil {
		e.incomplete(r, t, ev.after, nil, d.row)
	}
	return e.settle(r, t, ev, d.err)
}

func (e *emitter) update(t *tablePlan, ev *rowEvent) error {
	// A change of the key is a delete and a creation, and skipped as these are.
	moved := ev.before != nil && keyChanged(t, ev)
	if !moved && e.s.filter.skips('u') || e.s.Format.SkipUnchangedUpdate && ev.full && unchanged(t, ev) {
		return nil
	}
	old := fullBefore(ev)
	d := e.decode(t, ev.after, old)
	before := decoded{row: connect.Null()}
	if ev.before != nil {
		before = e.decode(t, ev.before, nil)
	}
	err := errors.Join(d.err, before.err)
	if err == nil && moved {
		return e.keyChange(t, ev, before, d)
	}
	r := e.record(rowSize+len(ev.raw), true)
	e.fill(r, t, opUpdate, before.row, d.row, d.key, nil, d)
	if err == nil {
		e.incomplete(r, t, ev.after, old, d.row)
	}
	return e.settle(r, t, ev, err)
}

// fullBefore is the whole row before, nil if the server did not send it.
func fullBefore(ev *rowEvent) []tupleColumn {
	if ev.full {
		return ev.before
	}
	return nil
}

// keyChange writes an update that changes the key: a delete of the old key and a
// creation of the new one, each with a header that names the other.
func (e *emitter) keyChange(t *tablePlan, ev *rowEvent, before, after decoded) error {
	if !e.s.filter.skips('d') {
		newKey := &connect.Header{Key: headerNewKey, Schema: t.keySchema, Value: after.key}
		r := e.record(rowSize+len(ev.raw), false)
		e.fill(r, t, opDelete, before.row, connect.Null(), before.key, newKey, before)
		if e.s.Format.Tombstones {
			tombstone(e.record(rowSize, false), r, t, before.key)
		}
	}
	if e.s.filter.skips('c') {
		return nil
	}
	oldKey := &connect.Header{Key: headerOldKey, Schema: t.keySchema, Value: before.key}
	r := e.record(rowSize+len(ev.raw), true)
	e.fill(r, t, opCreate, connect.Null(), after.row, after.key, oldKey, after)
	e.incomplete(r, t, ev.after, fullBefore(ev), after.row)
	return nil
}

func (e *emitter) delete(t *tablePlan, ev *rowEvent) error {
	if e.s.filter.skips('d') {
		return nil
	}
	d := e.decode(t, ev.before, nil)
	r := e.record(rowSize+len(ev.raw), !e.s.Format.Tombstones || d.err != nil)
	e.fill(r, t, opDelete, d.row, connect.Null(), d.key, nil, d)
	if e.s.Format.Tombstones && d.err == nil {
		headers := r.Headers
		tomb := e.record(rowSize, true)
		tombstone(tomb, &connect.Record{Headers: headers}, t, d.key)
	}
	return e.settle(r, t, ev, d.err)
}

// tombstone makes a record that ends what compacted topics keep of a key. of is the
// record of the deletion, whose headers it shares.
func tombstone(r, of *connect.Record, t *tablePlan, key connect.Value) {
	r.Topic, r.Headers = t.topic, of.Headers
	if t.keySchema != nil {
		r.KeySchema, r.Key = t.keySchema, key
	}
}

// truncate handles one table of a TRUNCATE; each counts as a change.
func (e *emitter) truncate(relation uint32, at lsn) error {
	if !e.change(changeTruncate, at) {
		return nil
	}
	defer e.changed()
	t := e.relations.plans[relation]
	if t == nil {
		return fmt.Errorf("read TRUNCATE at %s: relation %d: %w", at, relation, errRelationUnknown)
	}
	if e.window != nil {
		e.window.stale = true
	}
	if !t.captured || e.tx.commit < e.frontier(t) || e.s.filter.skips('t') {
		return nil
	}
	r := e.record(rowSize, true)
	e.fill(r, t, opTruncate, connect.Null(), connect.Null(), connect.Null(), nil, decoded{})
	return nil
}

// fill makes the envelope.
func (e *emitter) fill(r *connect.Record, t *tablePlan, op, before, after, key connect.Value, first *connect.Header, d decoded) {
	o := e.origin()
	e.fillAs(r, t, &o, op, before, after, key)
	r.Headers = e.rowHeaders(first, d)
}

func (e *emitter) fillAs(r *connect.Record, t *tablePlan, o *origin, op, before, after, key connect.Value) {
	a := &e.b.Arena
	now := e.stamp
	st := a.Struct(t.envelope)
	v := st.Values
	v[envelopeBefore], v[envelopeAfter] = before, after
	v[envelopeSource] = e.sourceBlock(a, o, t.schema, t.table)
	if e.s.Format.Transactions {
		v[envelopeTransaction] = e.block(a, t.name)
	}
	v[envelopeOp] = op
	v[envelopeMillis] = connect.Int64(now.UnixMilli())
	v[envelopeMicros] = connect.Int64(now.UnixMicro())
	v[envelopeNanos] = connect.Int64(now.UnixNano())
	r.Topic = t.topic
	r.ValueSchema, r.Value = t.envelope, connect.StructValue(st)
	if t.keySchema != nil && !key.IsNull() {
		r.KeySchema, r.Key = t.keySchema, key
	}
	r.Headers = e.headers
}

// rowHeaders are the context headers, with one before them and the list of columns
// whose values the server did not send behind them.
func (e *emitter) rowHeaders(first *connect.Header, d decoded) []connect.Header {
	if first == nil && len(d.unavailable) == 0 {
		return e.headers
	}
	a := &e.b.Arena
	h := a.Headers(len(e.headers) + 2)[:0]
	if first != nil {
		h = append(h, *first)
	}
	h = append(h, e.headers...)
	if len(d.unavailable) > 0 {
		h = append(h, connect.Header{Key: headerUnavailable, Schema: namesSchema, Value: connect.Array(d.unavailable)})
	}
	return h
}

// decoded is a tuple as values.
type decoded struct {
	row, key    connect.Value
	unavailable []connect.Value
	err         error
}

// decode makes the row and the key of a tuple. Values that the server did not send are
// taken from old, if that is given and has them.
func (e *emitter) decode(t *tablePlan, tuple, old []tupleColumn) decoded {
	a := &e.b.Arena
	d := decoded{}
	if len(tuple) < len(t.columns) {
		d.err = fmt.Errorf("decode row of %s: it has %d columns, and the table %d", t.relation.name, len(tuple), len(t.columns))
		return d
	}
	row := a.Struct(t.row)
	var key *connect.Struct
	if t.keySchema != nil {
		key = a.Struct(t.keySchema)
	}
	for i := range t.columns {
		c := &t.columns[i]
		if c.field < 0 && c.key < 0 {
			continue
		}
		col := tuple[i]
		if col.Kind == columnUnchanged && len(old) > i && old[i].Kind != columnUnchanged {
			col = old[i]
		}
		v, err := e.value(a, c, col)
		if err != nil {
			d.err = errors.Join(d.err, err)
			continue
		}
		if col.Kind == columnUnchanged {
			d.unavailable = append(d.unavailable, connect.String(c.plan.Name))
		}
		if c.key >= 0 {
			key.Values[c.key] = v
		}
		if c.field >= 0 {
			if c.mask != nil {
				v = c.mask(a, v)
			}
			row.Values[c.field] = v
		}
	}
	d.row = connect.StructValue(row)
	if key != nil {
		d.key = connect.StructValue(key)
	}
	return d
}

// value decodes one column. A good value that has no place in the schema is null, with a
// warning, unless event.converting.failure.handling.mode says that it is an error.
func (e *emitter) value(a *connect.Arena, c *columnPlan, col tupleColumn) (connect.Value, error) {
	var v connect.Value
	var err error
	switch col.Kind {
	case columnText:
		v, err = c.plan.Text(a, col.Data)
	case columnBinary:
		v, err = c.plan.Binary(a, col.Data)
	case columnUnchanged:
		return c.plan.Unavailable(), nil
	default:
		return c.null, nil
	}
	if err == nil {
		return v, nil
	}
	var bad *types.ValueError
	if e.s.Format.ConvertFailure == "fail" || !errors.As(err, &bad) || !bad.Unfit {
		return v, err
	}
	if e.s.Format.ConvertFailure == "warn" {
		e.log.Warn("a value has no place in its schema and is null", "error", err)
	}
	return c.null, nil
}

// settle deals with a row that could not be decoded: by
// event.processing.failure.handling.mode the record goes to the error road or is left out.
func (e *emitter) settle(r *connect.Record, t *tablePlan, ev *rowEvent, err error) error {
	if err == nil || r == &e.scratch {
		return nil
	}
	err = fmt.Errorf("read change at %s: table %s: %w", e.tx.at, t.relation.name, err)
	if e.s.Runtime.EventFailure != "fail" {
		e.log.Warn("a change is left out", "error", err)
		e.b.Records = e.b.Records[:len(e.b.Records)-1]
		e.tx.last = len(e.b.Records) - 1
		return nil
	}
	r.Err, r.RawValue = err, e.b.Arena.Copy(ev.raw)
	r.Key, r.Value, r.KeySchema, r.ValueSchema = connect.Null(), connect.Null(), nil, nil
	return nil
}

// keyChanged compares the key columns of both tuples. Old tuples that do not have all
// key columns cannot tell.
func keyChanged(t *tablePlan, ev *rowEvent) bool {
	if len(t.key) == 0 || !ev.full && !t.keyIsIdentity {
		return false
	}
	return slices.ContainsFunc(t.key, func(i int) bool { return differs(ev, i) })
}

func differs(ev *rowEvent, i int) bool {
	if i >= len(ev.before) || i >= len(ev.after) || ev.after[i].Kind == columnUnchanged {
		return false
	}
	a, b := ev.before[i], ev.after[i]
	return a.Kind != b.Kind || !bytes.Equal(a.Data, b.Data)
}

// unchanged reports whether no column of the row differs.
func unchanged(t *tablePlan, ev *rowEvent) bool {
	for i := range t.columns {
		if t.columns[i].field >= 0 && differs(ev, i) {
			return false
		}
	}
	return true
}
