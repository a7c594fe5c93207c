// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"context"
	"encoding/json"
	"log/slog"
	"regexp"
	"slices"
	"strings"
)

// blocking is what is left of blocking snapshots, the first of which is being read. It is
// part of the place, and not changed after it was made; nil means nothing.
type blocking struct {
	Requests []blockingRequest `json:"requests"`
}

// blockingRequest is what one signal asks for.
type blockingRequest struct {
	ID string `json:"id,omitempty"`
	// Tables are expressions for the tables to be read.
	Tables     []string          `json:"tables"`
	Conditions []signalCondition `json:"conditions,omitempty"`
	// Done are names of tables that have been read.
	Done []string `json:"done,omitempty"`
}

// text is the member of the offset.
func (n *blocking) text() string {
	b, _ := json.Marshal(n) // strings always have a JSON form
	return string(b)
}

func parseBlocking(text string) (*blocking, error) {
	n := &blocking{}
	if err := json.Unmarshal([]byte(text), n); err != nil {
		return nil, err
	}
	if len(n.Requests) == 0 {
		return nil, nil
	}
	return n, nil
}

// add appends what a signal asks for.
func (n *blocking) add(id string, d *signalData) *blocking {
	next := &blocking{}
	if n != nil {
		next.Requests = slices.Clone(n.Requests)
	}
	conditions := d.Conditions
	if d.Condition != "" {
		conditions = append(slices.Clone(conditions), signalCondition{Collection: ".*", Filter: d.Condition})
	}
	next.Requests = append(next.Requests, blockingRequest{ID: id, Tables: d.Collections, Conditions: conditions})
	return next
}

// stop takes out the requests that name one of the tables; no names mean all.
func (n *blocking) stop(d *signalData) *blocking {
	if n == nil || len(d.Collections) == 0 {
		return nil
	}
	next := &blocking{Requests: slices.DeleteFunc(slices.Clone(n.Requests), func(r blockingRequest) bool {
		return slices.ContainsFunc(r.Tables, func(t string) bool {
			return slices.ContainsFunc(d.Collections, func(c string) bool { return c == t || meansTable(c, t) })
		})
	})}
	if len(next.Requests) == 0 {
		return nil
	}
	return next
}

// read returns what is left when a table of the first request has been read.
func (n *blocking) read(table string) *blocking {
	next := &blocking{Requests: slices.Clone(n.Requests)}
	first := &next.Requests[0]
	first.Done = append(slices.Clone(first.Done), table)
	return next
}

// finished returns what is left behind the first request.
func (n *blocking) finished() *blocking {
	if len(n.Requests) < 2 {
		return nil
	}
	return &blocking{Requests: n.Requests[1:]}
}

// same reports whether two requests are one, however far it is.
func (q *blockingRequest) same(o *blockingRequest) bool {
	return q.ID == o.ID && slices.Equal(q.Tables, o.Tables) && slices.Equal(q.Conditions, o.Conditions)
}

// choose returns the captured tables that are to be read, and the expressions that mean
// none.
func (q *blockingRequest) choose(tables []capturedTable) (chosen []capturedTable, without []string) {
	for _, t := range tables {
		name := t.name.String()
		if !slices.Contains(q.Done, name) && slices.ContainsFunc(q.Tables, func(e string) bool { return meansTable(e, name) }) {
			chosen = append(chosen, t)
		}
	}
	for _, e := range q.Tables {
		if !slices.ContainsFunc(tables, func(t capturedTable) bool { return meansTable(e, t.name.String()) }) {
			without = append(without, e)
		}
	}
	return chosen, without
}

var wholeStatement = regexp.MustCompile(`(?is)^\s*(select|with|table)\s`)

// custom returns the statement or the condition that the request has for a table. In the
// original a filter of a blocking snapshot is always the statement.
func (q *blockingRequest) custom(table string) (statement, condition string) {
	f := filterOf(q.Conditions, table, "")
	if wholeStatement.MatchString(f) {
		return f, ""
	}
	return "", f
}

// blockingRun is one try to read what a request asks for. Its goroutine exports a snapshot
// and reads the tables in it; Poll goes on with the stream up to the point of that snapshot
// and writes the rows then. So nothing of the stream is left out, and what it says behind
// the rows is newer than these.
type blockingRun struct {
	s       *settings
	log     *slog.Logger
	schemas *schemas
	figures *figures
	request blockingRequest
	// begun has the reader once the snapshot is exported, and ended the error, or nil, once
	// the goroutine is done with the run.
	begun chan *snapshotReader
	ended chan error
	// ready is told of both.
	ready chan struct{}
	// stopped is closed when Poll gives the run up.
	stopped chan struct{}

	// What follows belongs to Poll: the reader once it was taken, and whether the stream has
	// come to the point of the snapshot.
	reader *snapshotReader
	there  bool
}

// read is what the goroutine does.
func (r *blockingRun) read(ctx context.Context) error {
	tables, err := r.look(ctx)
	if err != nil {
		return err
	}
	repl, err := r.s.dialReplication(ctx)
	if err != nil {
		return err
	}
	made, err := r.s.createSlot(ctx, repl, r.log, temporaryName(r.s.Slot.Name), true)
	if err != nil {
		hangUp(repl)
		return err
	}
	reader := newSnapshotReader(r.s, r.log, r.schemas, made, tables, r.figures)
	reader.request = &r.request
	r.begun <- reader
	signal(r.ready)
	return reader.run(ctx, repl)
}

// look finds the tables that are meant.
func (r *blockingRun) look(ctx context.Context) ([]capturedTable, error) {
	conn, err := r.s.openSQL(ctx, roleCatalog)
	if err != nil {
		return nil, err
	}
	defer hangUp(conn.PgConn())
	tables, err := r.s.capturedTables(ctx, conn.PgConn())
	if err != nil {
		return nil, err
	}
	tables = slices.DeleteFunc(tables, func(t capturedTable) bool {
		return r.s.filter.signals(t.name.schema, t.name.table) || r.s.Publication.ViaRoot && t.leaf
	})
	chosen, without := r.request.choose(tables)
	for _, e := range without {
		r.log.Warn("a signal names a table that does not exist or is not captured", "id", r.request.ID, "table", e, "nearest", nearestTable(e, tables))
	}
	return chosen, nil
}

// mark takes down in the place how far the snapshot is: that a table begins, or that it is
// done.
func (r *snapshotReader) mark(e *emitter, table string, done bool) {
	switch {
	case r.request == nil:
		e.place.snapshot = e.place.snapshot.with(table, r.point, done)
	case done:
		e.place.blocking = e.place.blocking.read(table)
	}
}

// custom is the statement or the condition by which a table is read, "" for none.
func (r *snapshotReader) custom(t capturedTable) (statement, condition string) {
	if r.request != nil {
		return r.request.custom(t.name.String())
	}
	statement, _ = r.s.statement(t.name.schema, t.name.table)
	return statement, ""
}

// from is what a table is read from, and under which conditions.
func (r *snapshotReader) from(t capturedTable, conditions []string) string {
	statement, condition := r.custom(t)
	from := t.source()
	if statement != "" {
		from = "(" + strings.TrimRight(strings.TrimSpace(statement), ";") + ") custom"
	}
	if condition != "" {
		conditions = append(slices.Clone(conditions), "("+condition+")")
	}
	if len(conditions) == 0 {
		return from
	}
	return from + " WHERE " + strings.Join(conditions, " AND ")
}
