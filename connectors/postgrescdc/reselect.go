// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/connectd/connectd/connect"
)

// reselector completes rows with values that the stream did not send: large ones that an
// update has not touched and, if that is wanted, nulls. It does what Debezium 3.7's
// ReselectColumnsPostProcessor does, with one statement for each table of a batch. What
// it reads is the newest committed state of the row, not that of the change. It belongs
// to Poll.
type reselector struct {
	rules   *reselectRules
	log     *slog.Logger
	session session
	pauses  pauses

	rows []incompleteRow
	// columns and keys are those of all rows, one after the other.
	columns []int
	keys    [][]byte
	// asked counts the statements.
	asked int
}

// incompleteRow is a record of the batch that lacks values.
type incompleteRow struct {
	record int
	plan   *tablePlan
	row    *connect.Struct
	// columns to columnsEnd are its columns; keys is where the values of its key begin.
	columns, columnsEnd, keys int
	found                     bool
}

const (
	// reselectMost is how many rows of a batch can be incomplete: their values come on
	// top of what the batch was bounded to.
	reselectMost = 512
	// reselectGrace is how long a statement may go on when Poll should return.
	reselectGrace = 4 * time.Second
)

func newReselector(s *settings, log *slog.Logger) *reselector {
	if s.reselect == nil {
		return nil
	}
	return &reselector{
		rules: s.reselect, log: log, session: session{s: s, role: roleReselect},
		pauses: pauses{least: 50 * time.Millisecond, most: time.Second},
	}
}

// full reports whether the batch should end. A nil reselector never is.
func (q *reselector) full() bool { return q != nil && len(q.rows) >= reselectMost }

// reset forgets the rows of the batch before.
func (q *reselector) reset() {
	if q != nil {
		q.rows, q.columns, q.keys = q.rows[:0], q.columns[:0], q.keys[:0]
	}
}

func (q *reselector) close() {
	if q != nil {
		q.session.close()
	}
}

// reselects marks the columns of a table that are asked for, and the key that its rows
// are found by. Records without a key have no row that could be found, as in the
// original.
func (p *planner) reselects(t *tablePlan) {
	rules, name := p.s.reselect, t.relation.name
	if rules == nil || len(t.key) == 0 {
		return
	}
	names := make([]string, len(t.described))
	for i := range t.described {
		names[i] = t.described[i].Name
	}
	switch {
	case rules.eventKey:
		t.reselectKey = t.key
	case t.chunkKey != nil:
		t.reselectKey = t.chunkKey
	case len(p.s.filter.keyColumns(name.schema, name.table, names)) == 0:
		t.reselectKey = t.key // of a unique index
	}
	for i := range t.columns {
		c := &t.columns[i]
		c.reselect = len(t.reselectKey) > 0 && c.field >= 0 && c.key < 0 && !slices.Contains(t.reselectKey, i) && rules.column(name, names[i])
	}
}

// incomplete takes note of a record, if values of its row are to be asked for. old has
// what the server sent of the row before, if that is all of it.
func (e *emitter) incomplete(r *connect.Record, t *tablePlan, after, old []tupleColumn, row connect.Value) {
	q := e.reselect
	if q == nil || len(t.reselectKey) == 0 || r == &e.scratch || r.Err != nil {
		return
	}
	from := len(q.columns)
	for i := range t.columns {
		if t.columns[i].reselect && q.wants(&t.columns[i], at(after, i), at(old, i)) {
			q.columns = append(q.columns, i)
		}
	}
	if len(q.columns) == from {
		return
	}
	in := incompleteRow{record: len(e.b.Records) - 1, plan: t, row: row.Struct(), columns: from, columnsEnd: len(q.columns), keys: len(q.keys)}
	for _, k := range t.reselectKey {
		col := at(after, k)
		if col.Kind == columnUnchanged {
			col = at(old, k)
		}
		var key []byte // stays nil for what cannot be found
		if col.Kind == columnText {
			key = e.b.Arena.Copy(col.Data)
		}
		q.keys = append(q.keys, key)
	}
	q.rows = append(q.rows, in)
}

// at is a column of a tuple; one that it does not have was not sent.
func at(tuple []tupleColumn, i int) tupleColumn {
	if i >= len(tuple) {
		return tupleColumn{Kind: columnUnchanged}
	}
	return tuple[i]
}

func (q *reselector) wants(c *columnPlan, now, old tupleColumn) bool {
	switch now.Kind {
	case columnUnchanged:
		return q.rules.unavailable && old.Kind == columnUnchanged
	case columnNull:
		_, hasDefault := c.plan.Schema.Default()
		return q.rules.nulls && c.null.IsNull() && !hasDefault
	}
	return false
}

// complete asks for the values of all rows of the batch that lack some. What cannot be
// had stays as it is, with a log line, or is an error under
// reselect.error.handling.mode=fail. The records are in the batch: the error is final.
func (e *emitter) complete(ctx context.Context) error {
	q := e.reselect
	if q == nil || len(q.rows) == 0 {
		return nil
	}
	ctx, done := gracedFor(ctx, reselectGrace)
	defer done()
	for from := range q.rows {
		t := q.rows[from].plan
		if slices.ContainsFunc(q.rows[:from], func(in incompleteRow) bool { return in.plan == t }) {
			continue
		}
		if err := e.completeTable(ctx, t); err != nil {
			return err
		}
	}
	q.reset()
	return nil
}

func (e *emitter) completeTable(ctx context.Context, t *tablePlan) error {
	q := e.reselect
	err := q.ask(ctx, e, t)
	lost, first := 0, ""
	for i := range q.rows {
		in := &q.rows[i]
		if in.plan != t || in.found {
			continue
		}
		if lost++; lost == 1 {
			first = q.keyText(in)
		}
	}
	switch {
	case err != nil && q.rules.fail: // not wrapped: the end of a context would pass for an interruption
		return fmt.Errorf("re-select columns of %s: %v", t.name, discreet(err))
	case err != nil:
		q.log.Warn("columns cannot be re-selected", "table", t.name, "rows", lost, "error", discreet(err))
	case lost > 0 && q.rules.fail:
		return fmt.Errorf("re-select columns of %s: there is no row with the key %s any more; "+
			"set reselect.error.handling.mode=warn to keep what the server has sent", t.name, first)
	case lost > 0:
		q.log.Warn("rows are gone before their columns could be re-selected", "table", t.name, "rows", lost)
	}
	return nil
}

// available takes names out of the header that lists what is not available.
func available(a *connect.Arena, r *connect.Record, resolved func(name string) bool) {
	last := len(r.Headers) - 1
	if last < 0 || r.Headers[last].Key != headerUnavailable {
		return
	}
	names := r.Headers[last].Value.Array()
	left := a.Values(len(names))[:0]
	for _, n := range names {
		if !resolved(n.Str()) {
			left = append(left, n)
		}
	}
	h := a.Headers(last + 1)[:last]
	copy(h, r.Headers)
	if len(left) > 0 {
		h = append(h, connect.Header{Key: headerUnavailable, Schema: namesSchema, Value: connect.Array(left)})
	}
	r.Headers = h
}
