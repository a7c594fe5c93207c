// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/backoff"
	"github.com/connectd/connectd/connectors/postgrescdc/pattern"
	"github.com/connectd/connectd/connectors/postgrescdc/types"
)

// chunkWindow is one chunk of an incremental snapshot, from the moment at which it is
// asked for until its rows are written. Rows whose keys the stream touches in between
// are left out: what the stream says of them is newer, or the same.
//
// The chunk is read in a snapshot of its own. Everything that this sees was committed
// before horizon, and has come by the stream when the stream passes that. What the stream
// had delivered before the window must be visible: that is checked, since the server sends
// a transaction a moment before others can see it.
type chunkWindow struct {
	left   *incremental
	result chan *chunkRows
	// touched has the keys, and whether the newest row of one came without all of its values.
	touched map[string]bool
	// stale says that the table has changed, or was emptied: the chunk is read again.
	stale bool

	got  *chunkRows
	next int // the row to be written
	n    int // rows that were left out
	// finished says that the place is behind the chunk.
	finished bool
}

// chunkRows is what was read.
type chunkRows struct {
	table uint32
	plan  *tablePlan
	// published is what the publication has of the table.
	published restriction
	rows      []byte
	keys      []string // of the rows, in their order
	last      []string
	end       bool
	horizon   lsn
	running   []uint32
	// estimate is how many rows are left with these, by the server's statistics.
	estimate int64
	// resolved are the tables that the first pattern means; nil if there is none.
	resolved []incrementalTable
	// maximum is the largest key of the table, total how many rows it has, 0 if that is not
	// known, and hidden which columns of keys are not shown; all only for notifications.
	maximum []string
	total   int64
	hidden  []bool
	err     error
}

// chunkReader reads chunks with a connection of its own, which is open as long as there
// is something to read. One chunk is read at a time.
type chunkReader struct {
	s       *settings
	log     *slog.Logger
	schemas *schemas
	conn    *pgx.Conn
	// types are those of the database when they were last needed, nil before.
	types *types.Catalog
	width chunkWidth
}

// knowTypes reads the types, again if the table has some that users have created: those
// may be new, or have changed.
func (r *chunkReader) knowTypes(ctx context.Context, t *catalogTable) error {
	if r.types != nil && !slices.ContainsFunc(t.columns, func(c types.Column) bool { return c.Type >= firstUserType }) {
		return nil
	}
	catalog, err := loadTypes(ctx, r.conn)
	if err == nil {
		r.types = catalog
	}
	return err
}

func (r *chunkReader) close() {
	if r.conn != nil {
		hangUp(r.conn.PgConn())
		r.conn = nil
	}
}

// read looks up what the first pattern means, or, if there is none, reads the next chunk of
// the first table.
func (r *chunkReader) read(ctx context.Context, n *incremental) *chunkRows {
	c := &chunkRows{}
	if c.err = r.open(ctx); c.err != nil {
		return c
	}
	if at := n.unresolved(); at >= 0 {
		c.resolved, c.err = r.resolve(ctx, n.Tables[at])
	} else {
		t := n.Tables[0]
		if t.New && n.After == nil {
			c.err = r.publish(ctx, t)
		}
		if c.err == nil {
			c.err = r.copyChunk(ctx, c, n)
		}
	}
	if c.err != nil {
		r.close()
	}
	return c
}

func (r *chunkReader) open(ctx context.Context) error {
	if r.conn != nil {
		return nil
	}
	var err error
	r.conn, err = r.s.openSQL(ctx, roleChunk)
	return err
}

// resolve lists the captured tables that a pattern means.
func (r *chunkReader) resolve(ctx context.Context, t incrementalTable) ([]incrementalTable, error) {
	re, err := pattern.Compile(t.Name)
	if err != nil {
		return nil, err
	}
	tables, err := r.s.capturedTables(ctx, r.conn.PgConn())
	if err != nil {
		return nil, err
	}
	out := []incrementalTable{}
	for _, c := range tables {
		name := c.name.String()
		if (re.MatchString(name) || name == t.Name) && !r.s.filter.signals(c.name.schema, c.name.table) {
			out = append(out, incrementalTable{Name: name, Filter: filterOf(t.Conditions, name, t.Filter)})
		}
	}
	if len(out) == 0 {
		r.log.Warn("a signal names a table that does not exist or is not captured", "table", t.Name, "nearest", nearestTable(t.Name, tables))
	}
	return out, nil
}

// publish adds a new table to the publication, unless it is there already or is gone.
func (r *chunkReader) publish(ctx context.Context, t incrementalTable) error {
	tables, err := r.s.capturedTables(ctx, r.conn.PgConn())
	if err != nil {
		return err
	}
	tables = slices.DeleteFunc(tables, func(o capturedTable) bool { return o.name.String() != t.Name })
	err = r.s.changePublication(ctx, r.conn.PgConn(), r.log, "ADD", tables)
	var known *pgconn.PgError
	if err != nil && !(errors.As(err, &known) && known.Code == duplicateObject) {
		return err
	}
	return r.outlive(ctx)
}

// outlive waits for the end of all transactions that are under way: what they wrote to
// the table before it was published does not come by the stream, so it must be seen.
func (r *chunkReader) outlive(ctx context.Context) error {
	rows, err := rowsOf(ctx, r.conn.PgConn(), "SELECT txid_current()")
	if err != nil {
		return err
	}
	for last := rows[0].number(0); ; {
		rows, err := rowsOf(ctx, r.conn.PgConn(), "SELECT txid_snapshot_xmin(txid_current_snapshot())")
		if err != nil || rows[0].number(0) > last {
			return err
		}
		if !backoff.Wait(ctx, chunkTick) {
			return ctx.Err()
		}
	}
}

// duplicateObject is the code of the server for what is there already.
const duplicateObject = "42710"

var (
	errNoKey    = errors.New("it has no primary key that is published, by which it could be read in parts")
	errReplaced = errors.New("it was replaced meanwhile")
)

// copyChunk reads a chunk of the first table in a transaction of its own. The table is held
// in its form before the snapshot of that is taken: to an older one it would be empty once
// it was rewritten.
func (r *chunkReader) copyChunk(ctx context.Context, c *chunkRows, n *incremental) error {
	conn, t := r.conn.PgConn(), n.Tables[0]
	tables, err := r.s.capturedTables(ctx, conn)
	if err != nil {
		return err
	}
	c.estimate = n.estimate(tables)
	at := slices.IndexFunc(tables, t.is)
	if at < 0 {
		c.end = true
		return nil
	}
	err = run(ctx, conn, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; LOCK TABLE "+tables[at].name.sql()+" IN ACCESS SHARE MODE")
	if err != nil {
		return err
	}
	if err := r.look(ctx, c); err != nil {
		return err
	}
	if err := r.describe(ctx, c, tables[at]); err != nil {
		return err
	}
	if err := r.measure(ctx, c, tables[at], n); err != nil {
		return err
	}
	var rows bytes.Buffer
	size := r.width.next(r.s.Snapshot, n)
	if _, err := conn.CopyTo(ctx, &rows, r.statement(c.plan, tables[at], n, size, c.published.conditions())); err != nil {
		return fmt.Errorf("copy from table %s: %w", t.Name, r.s.explainHidden(ctx, c.plan.relation.name, err))
	}
	c.rows = rows.Bytes()
	c.index(size)
	r.width = chunkWidth{table: t.Name, rows: len(c.keys), bytes: len(c.rows)}
	return run(ctx, conn, "COMMIT")
}

// look notes where the snapshot of the transaction lies in the stream.
func (r *chunkReader) look(ctx context.Context, c *chunkRows) error {
	conn := r.conn.PgConn()
	rows, err := rowsOf(ctx, conn, "SELECT txid_current_snapshot(), pg_current_wal_insert_lsn()")
	if err != nil {
		return fmt.Errorf("look up the place of the snapshot: %w", err)
	}
	if c.running, err = runningIn(rows[0].text(0)); err != nil {
		return err
	}
	return c.horizon.Scan(rows[0].text(1))
}

// runningIn reads the transactions that were under way at a snapshot.
func runningIn(snapshot string) ([]uint32, error) {
	parts := strings.Split(snapshot, ":")
	if len(parts) != 3 {
		return nil, fmt.Errorf("read snapshot %q: it must have three parts", snapshot)
	}
	var out []uint32
	for _, x := range strings.Split(parts[2], ",") {
		if x == "" {
			continue
		}
		n, err := strconv.ParseUint(x, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("read snapshot %q: %w", snapshot, err)
		}
		out = append(out, uint32(n))
	}
	return out, nil
}

// describe plans the table as it is in the snapshot.
func (r *chunkReader) describe(ctx context.Context, c *chunkRows, t capturedTable) error {
	known, err := loadTable(ctx, r.conn, t.id)
	if err != nil {
		return fmt.Errorf("look up table %s: %w", t.name, err)
	}
	if len(known.columns) == 0 {
		return fmt.Errorf("look up table %s: %w", t.name, errReplaced)
	}
	if !known.primary {
		return fmt.Errorf("read table %s: %w", t.name, errNoKey)
	}
	if err := r.knowTypes(ctx, known); err != nil {
		return err
	}
	if c.published, err = r.s.restriction(ctx, r.conn.PgConn(), t); err != nil {
		return err
	}
	p := newPlanner(r.s, r.schemas, r.types)
	c.table = t.id
	if c.plan, err = p.plan(describeTable(t, known, c.published), known); err != nil {
		return err
	}
	if c.plan.chunkKey == nil {
		return fmt.Errorf("read table %s: %w", t.name, errNoKey)
	}
	return nil
}

// statement selects the rows behind a key, in the order of the primary key.
func (r *chunkReader) statement(plan *tablePlan, t capturedTable, n *incremental, size int, conditions []string) string {
	columns := make([]string, len(plan.columns))
	for i := range plan.columns {
		columns[i] = quoteIdent(plan.described[i].Name)
	}
	keys := make([]string, len(plan.chunkKey))
	for i, k := range plan.chunkKey {
		keys[i] = columns[k]
	}
	if len(n.After) == len(keys) {
		values := make([]string, len(keys))
		for i, v := range n.After {
			values[i] = quoteLiteral(v)
		}
		conditions = append(conditions, "("+strings.Join(keys, ", ")+") > ("+strings.Join(values, ", ")+")")
	}
	if filter := n.Tables[0].Filter; filter != "" {
		conditions = append(conditions, "("+filter+")")
	}
	sql := "COPY (SELECT " + strings.Join(columns, ", ") + " FROM " + t.source()
	if len(conditions) > 0 {
		sql += " WHERE " + strings.Join(conditions, " AND ")
	}
	return sql + " ORDER BY " + strings.Join(keys, ", ") + " LIMIT " + strconv.Itoa(size) + ") TO STDOUT"
}

// index finds the keys of the rows. Fewer rows than were asked for are the last.
func (c *chunkRows) index(size int) {
	var w snapshotRows
	rest := c.rows
	for {
		i := bytes.IndexByte(rest, '\n')
		if i < 0 {
			break
		}
		w.held, rest = rest[:i], rest[i+1:]
		w.split()
		c.keys = append(c.keys, string(keyBytes(nil, c.plan.chunkKey, w.tuple)))
		if bytes.IndexByte(rest, '\n') < 0 {
			for _, k := range c.plan.chunkKey {
				c.last = append(c.last, string(w.tuple[k].Data))
			}
		}
	}
	c.end = len(c.keys) < size
}

// keyBytes joins the texts of the key columns so that different keys differ.
func keyBytes(dst []byte, key []int, tuple []tupleColumn) []byte {
	for _, k := range key {
		if k >= len(tuple) {
			continue
		}
		dst = binary.BigEndian.AppendUint32(dst, uint32(len(tuple[k].Data)))
		dst = append(dst, tuple[k].Data...)
	}
	return dst
}

// seen takes note of a change of the stream in the window.
func (w *chunkWindow) seen(t *tablePlan, ev *rowEvent) {
	if len(w.left.Tables) == 0 || t.name != w.left.Tables[0].Name {
		return
	}
	key := t.chunkKey
	if key == nil {
		w.stale = true
		return
	}
	if ev.before != nil {
		w.stale = w.stale || !ev.full && !t.chunkKeyIsIdentity()
		w.touched[string(keyBytes(nil, key, ev.before))] = false
	}
	if ev.after != nil {
		w.touched[string(keyBytes(nil, key, ev.after))] = t.lacks(ev)
	}
}

// lacks reports whether a change has values of the row that the server did not send.
func (t *tablePlan) lacks(ev *rowEvent) bool {
	old := fullBefore(ev)
	for i := range min(len(ev.after), len(t.columns)) {
		if t.columns[i].field >= 0 && ev.after[i].Kind == columnUnchanged && at(old, i).Kind == columnUnchanged {
			return true
		}
	}
	return false
}

// lacks reports whether a row would be left out for one that came without all of its
// values: then no record would have them.
func (w *chunkWindow) lacks() bool {
	return slices.ContainsFunc(w.got.keys, func(key string) bool { return w.touched[key] })
}

// chunkKeyIsIdentity reports whether old tuples have the primary key.
func (t *tablePlan) chunkKeyIsIdentity() bool {
	return !slices.ContainsFunc(t.chunkKey, func(i int) bool { return !t.relation.columns[i].identity })
}

// writeChunk writes rows of the chunk until the batch is full, and reports that all are
// written.
func (e *emitter) writeChunk(w *chunkWindow) bool {
	c := w.got
	var rows snapshotRows
	for ; w.next < len(c.keys); w.next++ {
		if e.b.Full() {
			return false
		}
		i := bytes.IndexByte(c.rows, '\n')
		rows.held, c.rows = c.rows[:i], c.rows[i+1:]
		if _, newer := w.touched[c.keys[w.next]]; newer {
			w.n++
			continue
		}
		if w.next == len(c.keys)-1 {
			e.pass(w)
		}
		rows.split()
		d := decoded{}
		if c.plan, d.err = e.relations.planner.fitting(c.plan, rows.tuple); d.err == nil {
			d = e.decode(c.plan, rows.tuple, nil)
		}
		rec := e.fixed(rowSize+len(rows.held), e.place)
		if d.err != nil {
			rec.Topic, rec.Err = c.plan.topic, fmt.Errorf("read incremental snapshot of %s: %w", c.plan.name, d.err)
			rec.RawValue = e.b.Arena.Copy(rows.held)
			continue
		}
		o := origin{snapshot: snapshotIncremental, micros: e.now().UnixMicro(), lastCommit: e.place.lastCommit}
		e.fillAs(rec, c.plan, &o, opRead, connect.Null(), d.row, d.key)
	}
	e.pass(w)
	return true
}

// finish makes the place one behind the chunk, once.
func (w *chunkWindow) finish(p *place) {
	if w.finished {
		return
	}
	w.finished = true
	p.chunkRead(w.left, w.got.last, len(w.got.keys), w.got.end)
}
