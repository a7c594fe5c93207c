// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/connectd/connectd/connect/backoff"
	"github.com/connectd/connectd/connectors/postgrescdc/types"
)

// catalogTable is what the catalog says of a table now. The zero value is that of a table
// that does not exist any more.
type catalogTable struct {
	columns []types.Column
	// key are the columns of the primary key in the order of its declaration, or those
	// of a unique index; primary says which.
	key     []string
	primary bool
}

// describe returns what is known of a column. The catalog may be of another time: a
// column of another type is another column.
func (t *catalogTable) describe(c relationColumn) types.Column {
	i := slices.IndexFunc(t.columns, func(k types.Column) bool { return k.Name == c.name && k.Type == c.typ && k.TypMod == c.typmod })
	if i < 0 {
		return types.Column{Name: c.name, Type: c.typ, TypMod: c.typmod}
	}
	return t.columns[i]
}

// chunkKey is the places of the primary key's columns in a relation.
func (t *catalogTable) chunkKey(r *relation) []int {
	if !t.primary {
		return nil
	}
	var out []int
	for _, k := range t.key {
		i := slices.IndexFunc(r.columns, func(c relationColumn) bool { return c.name == k })
		if i < 0 {
			return nil
		}
		out = append(out, i)
	}
	return out
}

// keySQL finds the primary key, or else the first unique index that is on columns alone
// and on all rows. The columns are in the order of the index.
const keySQL = `SELECT i.indisprimary, array_agg(a.attname::text ORDER BY k.n)
 FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
 CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY k(attnum, n)
 JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
 WHERE i.indrelid = $1 AND i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL AND k.n <= i.indnkeyatts
 GROUP BY i.indexrelid, i.indisprimary, c.relname ORDER BY i.indisprimary DESC, c.relname LIMIT 1`

// loadTable reads what the catalog says of a table.
func loadTable(ctx context.Context, conn *pgx.Conn, id uint32) (*catalogTable, error) {
	t := &catalogTable{}
	var err error
	if t.columns, err = types.LoadColumns(ctx, query(conn), id); err != nil {
		return nil, err
	}
	err = conn.QueryRow(ctx, keySQL, id).Scan(&t.primary, &t.key)
	if err == pgx.ErrNoRows {
		err = nil
	}
	return t, wrap("read key", err)
}

// query is how package types asks.
func query(conn *pgx.Conn) types.Query {
	return func(ctx context.Context, sql string, args ...any) (types.Rows, error) {
		return conn.Query(ctx, sql, args...)
	}
}

// loadTypes reads the types of the database.
func loadTypes(ctx context.Context, conn *pgx.Conn) (*types.Catalog, error) {
	c, err := types.Load(ctx, query(conn))
	if err != nil {
		return nil, fmt.Errorf("read catalog: %w", err)
	}
	return c, nil
}

// relations keeps the plans of the tables that the stream has named, by their OID.
type relations struct {
	planner *planner
	// open returns the connection for questions to the catalog.
	open  func(ctx context.Context) (*pgx.Conn, error)
	plans map[uint32]*tablePlan
	// settled is when the task began; none since the server was replaced by another.
	settled settled
}

// see takes note of a relation. The catalog is asked each time, as the server tells a
// relation again after changes that do not show in it, such as of nullability; a plan
// is replaced only if something differs.
//
// The server sends a transaction a moment before others can see it. If the catalog lacks a
// column, and xid, the transaction at hand, is not over to others, it is asked once more
// when that is. commit is where that transaction is committed, 0 if the relation is older.
func (rs *relations) see(ctx context.Context, r relation, xid uint32, commit lsn) error {
	if !rs.planner.s.filter.table(r.name.schema, r.name.table) {
		rs.plans[r.id] = &tablePlan{relation: r}
		return nil
	}
	ctx, done := graced(ctx)
	defer done()
	conn, err := rs.open(ctx)
	if err != nil {
		return err
	}
	if err := rs.believe(ctx, conn, &r, commit); err != nil {
		return err
	}
	known, err := loadTable(ctx, conn, r.id)
	if err == nil && known.lacks(&r) {
		known, err = loadTableBehind(ctx, conn, r.id, xid)
	}
	if err == nil {
		err = rs.knowTypes(ctx, conn, &r)
	}
	if err != nil {
		return fmt.Errorf("look up table %s: %w", r.name, err)
	}
	next, err := rs.planner.plan(r, known)
	if err != nil {
		return fmt.Errorf("%w; the stream describes the table as %s", err, r.text())
	}
	old := rs.plans[r.id]
	if old == nil || !old.same(next) {
		rs.plans[r.id] = next
	}
	rs.plans[r.id].early = commit < rs.settled.at && (commit != 0 || old != nil && old.early)
	return nil
}

// errUnasked says that a row was given up before it had any effect, because the catalog
// could not be asked about its table: it is to be handled again.
var errUnasked = errors.New("the description of a table cannot be compared with the catalog")

// confirm asks once more whether a description can be true, now that a transaction has it
// that is younger than the task: of those before, nobody knows what the catalog was.
func (rs *relations) confirm(ctx context.Context, t *tablePlan, commit lsn) error {
	ctx, done := graced(ctx)
	defer done()
	conn, err := rs.open(ctx)
	if err == nil {
		err = rs.believe(ctx, conn, &t.relation, commit)
	}
	var wrong *misdescribed
	switch {
	case err == nil:
		t.early = false
		return nil
	case errors.As(err, &wrong):
		return err
	}
	return fmt.Errorf("%w: %w", errUnasked, err)
}

// lacks reports whether the stream names a column that the catalog does not know.
func (t *catalogTable) lacks(r *relation) bool {
	return slices.ContainsFunc(r.columns, func(c relationColumn) bool {
		return !slices.ContainsFunc(t.columns, func(k types.Column) bool { return k.Name == c.name && k.Type == c.typ })
	})
}

// visibleTick is how often it is asked whether a transaction is over, and visibleWithin how
// long. One that waits for this very slot by synchronous replication stays open meanwhile.
const (
	visibleTick   = 2 * time.Millisecond
	visibleWithin = 5 * time.Second
)

// loadTableBehind reads what the catalog says of a table once a transaction is over to
// others: until then it holds a lock on its own number.
func loadTableBehind(ctx context.Context, conn *pgx.Conn, id, xid uint32) (*catalogTable, error) {
	for waited := time.Duration(0); ; waited += visibleTick {
		var open bool
		err := conn.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_catalog.pg_locks WHERE locktype = 'transactionid' AND transactionid::text = $1)", fmt.Sprint(xid)).Scan(&open)
		if err != nil {
			return nil, wrap("ask whether a transaction is over", err)
		}
		if !open || waited >= visibleWithin {
			return loadTable(ctx, conn, id)
		}
		if !backoff.Wait(ctx, visibleTick) {
			return nil, ctx.Err()
		}
	}
}

// grace is how long a question to the catalog may go on after the end of ctx. One that is
// cut off costs its connection, and has to be asked again from the beginning.
const grace = 2 * time.Second

// graced returns a context that ends that much later than ctx.
func graced(ctx context.Context) (context.Context, context.CancelFunc) { return gracedFor(ctx, grace) }

// gracedFor returns a context that ends as much later than ctx as is said.
func gracedFor(ctx context.Context, grace time.Duration) (context.Context, context.CancelFunc) {
	later, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		timer := time.NewTimer(grace)
		defer timer.Stop()
		select {
		case <-timer.C:
			cancel()
		case <-later.Done():
		}
	})
	return later, func() {
		stop()
		cancel()
	}
}

// firstUserType is the first OID that a server gives to what users create.
const firstUserType = 16384

// knowTypes reads the types again if the table has some that users have created: those
// may be new, or have changed.
func (rs *relations) knowTypes(ctx context.Context, conn *pgx.Conn, r *relation) error {
	if !slices.ContainsFunc(r.columns, func(c relationColumn) bool { return c.typ >= firstUserType }) {
		return nil
	}
	c, err := loadTypes(ctx, conn)
	if err == nil {
		rs.planner.types = c
	}
	return err
}

// same reports whether two plans make the same of every row.
func (t *tablePlan) same(o *tablePlan) bool {
	if t.captured != o.captured || !t.relation.equal(&o.relation) || !slices.Equal(t.key, o.key) || !slices.Equal(t.chunkKey, o.chunkKey) || t.topic != o.topic {
		return false
	}
	return !t.captured || t.envelope.Equal(o.envelope) && (t.keySchema == o.keySchema || t.keySchema.Equal(o.keySchema)) &&
		slices.EqualFunc(t.columns, o.columns, func(a, b columnPlan) bool { return slices.Equal(a.labels, b.labels) })
}

// loosen allows null in a column of a table's plan.
func (rs *relations) loosen(t *tablePlan, column int) (*tablePlan, error) {
	next, err := rs.planner.loosen(t, column)
	if err == nil {
		next.early = t.early
		rs.plans[t.relation.id] = next
	}
	return next, err
}

// refresh plans a table again with the newest catalog, because a value does not fit. If
// the server does not answer, the plan stays: the value is good as it is. At the end of
// ctx the error is errInterrupted.
func (rs *relations) refresh(ctx context.Context, t *tablePlan, log *slog.Logger) (*tablePlan, error) {
	err := rs.see(ctx, t.relation, 0, 0)
	switch {
	case err == nil:
		return rs.plans[t.relation.id], nil
	case ctx.Err() != nil:
		return nil, fmt.Errorf("%w: %w", errInterrupted, err)
	}
	log.Warn("a table cannot be looked up again", "error", err)
	return t, nil
}
