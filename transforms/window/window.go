// SPDX-License-Identifier: Apache-2.0

package window

import (
	"fmt"
	"strings"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/expr"
	"github.com/connectd/connectd/transforms/stored"
)

// The headers of a late record on the error topic.
const (
	lateStartHeader  = "__connectd.late.window.start"
	lateEndHeader    = "__connectd.late.window.end"
	lateStreamHeader = "__connectd.late.stream.time"
)

// window is the transform. All that it keeps across records is in state; its
// fields are settings and scratch memory.
type window struct {
	assigner
	clock      *clock
	aggregates []aggregate
	rows       rows
	global     bool
	nullKeyErr bool
	lateErr    bool
	updates    bool
	finals     bool

	env   expr.Env
	maths *maths
	group []byte
	spans []span
	items []item
	todo  []change
	entry entry

	// OnTimer runs within Apply, so it has memory of its own.
	closing entry
	topic   string
}

var _ connect.Timed = (*window)(nil)

// item is what a record adds to one aggregate.
type item struct {
	value connect.Value
	ok    bool
}

// change is what a record does to one window, before it is done.
type change struct {
	span   span
	key    []byte
	stored []byte
	row    connect.Record
	isNew  bool
}

func newWindow(t connect.TransformContext) (connect.Transform, error) {
	c := t.Config
	w := &window{
		assigner: tumbling{size: c.Int64("size.ms"), offset: c.Int64("offset.ms"), grace: c.Int64("grace.ms")},
		rows:     newRows(c), global: strings.EqualFold(c.String("by"), byGlobal),
		nullKeyErr: strings.EqualFold(c.String("null.key"), refuse), lateErr: strings.EqualFold(c.String("late"), refuse),
		updates: !strings.EqualFold(c.String("emit"), emitFinal), finals: !strings.EqualFold(c.String("emit"), emitUpdate),
	}
	var err error
	if w.aggregates, err = parseAggregates(c.String("aggregates")); err != nil {
		return nil, fmt.Errorf("configure aggregates: %w", err)
	}
	if w.clock, err = newClock(c.String("timestamp.field"), c.String("timestamp.format"), c.String("timestamp.zone")); err != nil {
		return nil, fmt.Errorf("configure timestamp.format: %w", err)
	}
	if w.maths, err = newMaths(); err != nil {
		return nil, err
	}
	w.items = make([]item, len(w.aggregates))
	w.entry.accs, w.closing.accs = make([]accumulator, len(w.aggregates)), make([]accumulator, len(w.aggregates))
	for i := range w.aggregates {
		w.rows.names = append(w.rows.names, connect.String(w.aggregates[i].name))
	}
	return w, nil
}

// StateSpec names what the stored windows depend on: their kind and size, the group,
// and the aggregates.
func (w *window) StateSpec() connect.StateSpec {
	by := byKey
	if w.global {
		by = byGlobal
	}
	var columns []string
	for _, a := range w.aggregates {
		columns = append(columns, a.fn+"("+a.source+")")
	}
	return connect.StateSpec{
		Version:     fmt.Sprintf("window/%d %s by=%s aggregates=%s", version, w.version(), by, strings.Join(columns, ",")),
		ByRecordKey: !w.global,
	}
}

// Apply adds the record to its windows.
func (w *window) Apply(c *connect.Context, r *connect.Record, emit connect.Emit) error {
	w.group = w.group[:0]
	if !w.global {
		if r.Key.IsNull() {
			return w.nullKey()
		}
		w.group = stored.Append(w.group, r.Key)
	}
	ts, err := w.clock.read(r)
	if err != nil {
		return err
	}
	late, err := w.prepare(c, r, ts)
	if err != nil {
		return err
	}
	c.State.Advance(ts)
	if late > 0 && c.Late != nil {
		c.Late(late)
	}
	for i := range w.todo {
		d := &w.todo[i]
		c.State.Put(d.key, d.stored)
		if d.isNew {
			c.State.SetTimer(w.closes(d.span), d.key)
		}
		if w.updates {
			emit(&d.row)
		}
	}
	return nil
}

func (w *window) nullKey() error {
	if !w.nullKeyErr {
		return nil
	}
	return &connect.DataError{Rule: "null.key", Err: fmt.Errorf("window: the record has no key to group by")}
}

// prepare works out in w.todo what the record changes, without changing anything,
// and returns for how many windows it is late.
func (w *window) prepare(c *connect.Context, r *connect.Record, ts int64) (late int, err error) {
	w.env.Record, w.env.Arena, w.maths.env.Arena = r, c.Arena, c.Arena
	for i := range w.aggregates {
		a := &w.aggregates[i]
		if w.items[i].value, w.items[i].ok, err = a.of(&w.env); err != nil {
			return 0, fmt.Errorf("window: %s: %w", a.name, err)
		}
	}
	stream := max(c.State.StreamTime(), ts)
	w.spans = w.assign(w.spans[:0], ts)
	w.todo = w.todo[:0]
	for _, s := range w.spans {
		if w.closes(s) <= stream {
			late++
			continue
		}
		if err := w.change(c, r, ts, s); err != nil {
			return 0, err
		}
	}
	if late > 0 && len(w.todo) == 0 && w.lateErr {
		return 0, w.tooLate(w.spans[len(w.spans)-1], ts, stream)
	}
	return late, nil
}

// change works out one window with the record in it.
func (w *window) change(c *connect.Context, r *connect.Record, ts int64, s span) error {
	if len(w.todo) < cap(w.todo) {
		w.todo = w.todo[:len(w.todo)+1] // with its buffers
	} else {
		w.todo = append(w.todo, change{})
	}
	d := &w.todo[len(w.todo)-1]
	d.span = s
	d.key = appendKey(d.key[:0], w.group, s.start)
	e := &w.entry
	b, ok := c.State.Get(d.key)
	if d.isNew = !ok; ok {
		if _, err := e.parse(c.Arena, b); err != nil {
			return err
		}
	} else {
		e.end, e.latest = s.end, ts
		clear(e.accs)
	}
	e.latest = max(e.latest, ts)
	for i := range w.aggregates {
		if !w.items[i].ok {
			continue
		}
		if err := w.aggregates[i].add(w.maths, &e.accs[i], w.items[i].value); err != nil {
			return w.refuseItem(&w.aggregates[i], err)
		}
	}
	d.stored = e.appendTo(d.stored[:0], r.Topic)
	if w.updates {
		d.row = *r
		d.row.Headers = nil // those of one record, not of the window
		key, err := w.keyOf(c.Arena, w.group)
		if err != nil {
			return err
		}
		w.rows.fill(c.Arena, &d.row, key, s, e, w.aggregates, false)
	}
	return nil
}

// keyOf reads the group key from its stored form, in which update and final rows have
// the same: structs are maps.
func (w *window) keyOf(a *connect.Arena, group []byte) (connect.Value, error) {
	if w.global {
		return connect.Null(), nil
	}
	k, rest, err := stored.Read(a, group)
	if err != nil || len(rest) != 0 {
		return k, errDamaged
	}
	return k, nil
}

func (w *window) refuseItem(a *aggregate, err error) error {
	field := ""
	if fields := a.item.Fields(); len(fields) > 0 {
		field = fields[0]
	}
	return &connect.DataError{Rule: a.fn + "(" + a.source + ")", Field: field, Err: fmt.Errorf("window: %s=%s(%s): %w", a.name, a.fn, a.source, err)}
}

func (w *window) tooLate(s span, ts, stream int64) error {
	header := func(key string, n int64) connect.Header {
		return connect.Header{Key: key, Schema: connect.StringSchema, Value: connect.String(itoa(n))}
	}
	return &connect.DataError{
		Rule: "late", Field: w.clock.field,
		Err: fmt.Errorf("window: the record of %d is late: its window [%d, %d) was over at %d, and stream time is %d", ts, s.start, s.end, w.closes(s), stream),
		Headers: []connect.Header{
			header(lateStartHeader, s.start), header(lateEndHeader, s.end), header(lateStreamHeader, stream),
		},
	}
}

// OnTimer ends a window: its final row goes out, if wanted, and it leaves the state.
func (w *window) OnTimer(c *connect.Context, _ int64, key []byte, emit connect.Emit) error {
	b, ok := c.State.Get(key)
	if !ok {
		return nil
	}
	group, start, err := splitKey(key)
	if err != nil {
		return err
	}
	if !w.finals {
		c.State.Delete(key)
		return nil
	}
	e := &w.closing
	topic, err := e.parse(c.Arena, b)
	if err != nil {
		return err
	}
	k, err := w.keyOf(c.Arena, group)
	if err != nil {
		return err
	}
	if w.topic != string(topic) {
		w.topic = string(topic)
	}
	c.State.Delete(key)
	row := connect.Record{Topic: w.topic}
	w.rows.fill(c.Arena, &row, k, span{start, e.end}, e, w.aggregates, true)
	emit(&row)
	return nil
}
