// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/connectd/connectd/connectors/postgrescdc/types"
)

// snapshotReader reads tables in one exported snapshot. The goroutine of run reads them
// by COPY, in parts and by several connections if that is wanted; Poll turns what was
// read into records, in the order of tables and parts.
type snapshotReader struct {
	s        *settings
	log      *slog.Logger
	schemas  *schemas
	exported string
	tables   []capturedTable
	figures  *figures
	// point is where the snapshot lies in the stream.
	point lsn
	// request is nil unless a signal has asked for the snapshot.
	request *blockingRequest
	ready   chan struct{}

	// jobs and planner are written by run before planned is closed, and then read only.
	jobs    []*snapshotJob
	planner *planner
	planned chan struct{}
	// window holds one token for each job that is begun and not yet worked off.
	window chan struct{}

	// What follows belongs to Poll.
	rows snapshotRows
	told scanTold
}

// snapshotJob is a table, or a part of one.
type snapshotJob struct {
	plan *tablePlan
	sql  string
	// blocks has what was read, in runs of whole rows; it is closed at the end.
	blocks chan []byte
}

const (
	// blockSize is the size from which on a run of rows is handed over.
	blockSize = 256 << 10
	// blocksAhead is how many runs of one job may wait.
	blocksAhead = 4
	// partPages is the least size of a part of a table.
	partPages = 512
)

func newSnapshotReader(s *settings, log *slog.Logger, sc *schemas, at created, tables []capturedTable, f *figures) *snapshotReader {
	return &snapshotReader{
		s: s, log: log, schemas: sc, exported: at.snapshot, point: at.point, tables: tables, figures: f,
		ready: make(chan struct{}, 1), planned: make(chan struct{}), window: make(chan struct{}, 2*max(1, s.Snapshot.Threads)),
	}
}

// run reads all tables. repl holds the exported snapshot; it is closed as soon as all
// connections have taken it over.
func (r *snapshotReader) run(ctx context.Context, repl *pgconn.PgConn) error {
	conns, err := r.importSnapshot(ctx)
	hangUp(repl)
	defer func() {
		for _, c := range conns {
			hangUp(c.PgConn())
		}
	}()
	if err != nil {
		return err
	}
	if r.jobs, err = r.plan(ctx, conns[0]); err != nil {
		return err
	}
	close(r.planned)
	signal(r.ready)
	r.log.Info("the snapshot begins", "tables", len(r.tables), "parts", len(r.jobs), "connections", len(conns), "lsn", r.point.String())
	return r.work(ctx, conns)
}

// importSnapshot opens the connections and puts each into the exported snapshot.
func (r *snapshotReader) importSnapshot(ctx context.Context) ([]*pgx.Conn, error) {
	var conns []*pgx.Conn
	for range max(1, r.s.Snapshot.Threads) {
		c, err := r.s.openSQL(ctx, roleSnapshot)
		if err != nil {
			return conns, err
		}
		conns = append(conns, c)
		for _, sql := range []string{"SET statement_timeout = 0", "SET idle_in_transaction_session_timeout = 0",
			"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", "SET TRANSACTION SNAPSHOT " + quoteLiteral(r.exported)} {
			if err := run(ctx, c.PgConn(), sql); err != nil {
				return conns, fmt.Errorf("take over exported snapshot: %s: %w", sql, err)
			}
		}
	}
	return conns, r.lock(ctx, conns[0].PgConn())
}

// lock keeps the tables from being changed in form, if that is wanted; COPY locks each
// table by itself when it comes to it.
func (r *snapshotReader) lock(ctx context.Context, conn *pgconn.PgConn) error {
	if !r.s.Snapshot.Lock || len(r.tables) == 0 {
		return nil
	}
	sql := fmt.Sprintf("SET LOCAL lock_timeout = %d; LOCK TABLE %s IN ACCESS SHARE MODE", r.s.Snapshot.LockTimeout.Milliseconds(), tableList(r.tables))
	return wrap("lock tables for the snapshot", run(ctx, conn, sql))
}

// plan looks up the tables and divides them into jobs. COPY goes by the newest form of
// a table, also in an older snapshot: so a table is held in its form, and then looked up
// by a connection that sees the newest.
func (r *snapshotReader) plan(ctx context.Context, conn *pgx.Conn) ([]*snapshotJob, error) {
	newest, err := r.s.openSQL(ctx, roleCatalog)
	if err != nil {
		return nil, err
	}
	defer hangUp(newest.PgConn())
	catalog, err := loadTypes(ctx, newest)
	if err != nil {
		return nil, err
	}
	r.planner = newPlanner(r.s, r.schemas, catalog)
	var jobs []*snapshotJob
	for _, t := range r.inOrder() {
		gone, err := r.hold(ctx, conn.PgConn(), t)
		if err != nil {
			return nil, err
		}
		if gone {
			r.log.Warn("a table was dropped before its snapshot", "table", t.name.String())
			continue
		}
		known, err := loadTable(ctx, newest, t.id)
		if err != nil {
			return nil, fmt.Errorf("look up table %s: %w", t.name, err)
		}
		restrict, err := r.s.restriction(ctx, conn.PgConn(), t)
		if err != nil {
			return nil, err
		}
		plan, err := r.planner.plan(describeTable(t, known, restrict), known)
		if err != nil {
			return nil, err
		}
		for _, condition := range r.parts(t, serverMajor(conn.PgConn())) {
			jobs = append(jobs, &snapshotJob{plan: plan, sql: r.copyStatement(t, plan, append(restrict.conditions(), condition...)), blocks: make(chan []byte, blocksAhead)})
		}
	}
	return jobs, nil
}

// hold keeps a table in its form until the snapshot's transaction ends, as COPY will. The
// savepoint keeps the transaction usable if the table is gone.
func (r *snapshotReader) hold(ctx context.Context, conn *pgconn.PgConn, t capturedTable) (gone bool, err error) {
	sql := "LOCK TABLE " + tableList([]capturedTable{t}) + " IN ACCESS SHARE MODE"
	err = run(ctx, conn, "SAVEPOINT hold")
	if err == nil {
		err = run(ctx, conn, sql)
	}
	var pg *pgconn.PgError
	if errors.As(err, &pg) && (pg.Code == "42P01" || pg.Code == "3F000") {
		return true, wrap("hold table "+t.name.String(), run(ctx, conn, "ROLLBACK TO SAVEPOINT hold"))
	}
	if err == nil {
		err = r.rewritten(ctx, conn, t)
	}
	return false, wrap("hold table "+t.name.String(), err)
}

// rewritten refuses a table that was rewritten or truncated since the snapshot was made:
// to the older snapshot its new file is empty. The task fails, and reads all tables that
// are not finished in a new snapshot.
func (r *snapshotReader) rewritten(ctx context.Context, conn *pgconn.PgConn, t capturedTable) error {
	changed, err := scalar(ctx, conn, fmt.Sprintf(`SELECT coalesce(bool_or(c.relfilenode <> pg_catalog.pg_relation_filenode(c.oid)), false) FROM pg_catalog.pg_class c
 WHERE c.oid = %d OR c.oid IN (SELECT relid FROM pg_catalog.pg_partition_tree(%d))`, t.id, t.id))
	if err == nil && changed != "f" {
		err = errRewritten
	}
	return err
}

var errRewritten = errors.New("it was rewritten or truncated after the snapshot was made, and would be read as empty; the snapshot is made anew")

// inOrder returns the tables in the order in which they are read: by the expressions of
// table.include.list, then by name, unless their size counts.
func (r *snapshotReader) inOrder() []capturedTable {
	out := slices.Clone(r.tables)
	slices.SortStableFunc(out, func(a, b capturedTable) int { return r.s.filter.rank(a.name) - r.s.filter.rank(b.name) })
	by := 0
	switch r.s.Snapshot.Order {
	case "ascending":
		by = 1
	case "descending":
		by = -1
	}
	slices.SortStableFunc(out, func(a, b capturedTable) int { return by * int(a.rows-b.rows) })
	return out
}

// rank is the place of the first expression of table.include.list that a table matches.
func (f *filter) rank(n tableName) int {
	return slices.IndexFunc(f.tableIn, func(re *regexp.Regexp) bool { return re.MatchString(n.String()) })
}

// describeTable makes of a table of the catalog what the stream would say of it.
func describeTable(t capturedTable, known *catalogTable, x restriction) relation {
	r := relation{id: t.id, name: t.name, identity: t.identity}
	for _, c := range known.columns {
		if x.columns != nil && !slices.Contains(x.columns, c.Name) {
			continue
		}
		r.columns = append(r.columns, relationColumn{
			name: c.Name, typ: c.Type, typmod: c.TypMod,
			identity: t.identity == 'f' || t.identity == 'd' && known.primary && slices.Contains(known.key, c.Name),
		})
	}
	return r
}

// restriction is what the publication leaves out of a table.
type restriction struct {
	// columns are those that are published; nil means all.
	columns []string
	filter  string
}

func (x restriction) conditions() []string {
	if x.filter == "" {
		return nil
	}
	return []string{"(" + x.filter + ")"}
}

// restriction looks up the column list and the row filter of a table, which servers have
// from 15 on.
func (s *settings) restriction(ctx context.Context, conn *pgconn.PgConn, t capturedTable) (restriction, error) {
	if serverMajor(conn) < 15 {
		return restriction{}, nil
	}
	rows, err := rowsOf(ctx, conn, fmt.Sprintf(`SELECT pg_catalog.pg_get_expr(r.prqual, r.prrelid), a.attname
 FROM pg_catalog.pg_publication_rel r JOIN pg_catalog.pg_publication p ON p.oid = r.prpubid
 LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = r.prrelid AND a.attnum = ANY (r.prattrs)
 WHERE p.pubname = %s AND r.prrelid = %d`, quoteLiteral(s.Publication.Name), t.id))
	if err != nil {
		return restriction{}, fmt.Errorf("look up publication of %s: %w", t.name, err)
	}
	x := restriction{}
	for _, row := range rows {
		x.filter = row.text(0)
		if row[1] != nil {
			x.columns = append(x.columns, row.text(1))
		}
	}
	return x, nil
}

// parts divides a table by physical place, so that several connections can read it.
// Within one snapshot rows do not move. The last part has no end, since the table may
// have grown meanwhile.
func (r *snapshotReader) parts(t capturedTable, major int) [][]string {
	threads := r.s.Snapshot.Threads
	statement, _ := r.custom(t)
	if threads <= 1 || major < 14 || t.kind != 'r' || statement != "" || r.s.Snapshot.WholeTables {
		return [][]string{nil}
	}
	size := max(partPages, t.pages/int64(threads*max(1, r.s.Snapshot.ThreadParts))+1)
	var out [][]string
	for from := int64(0); ; from += size {
		var c []string
		if from > 0 {
			c = append(c, fmt.Sprintf("ctid >= '(%d,0)'::tid", from))
		}
		if from+size >= t.pages {
			return append(out, c)
		}
		out = append(out, append(c, fmt.Sprintf("ctid < '(%d,0)'::tid", from+size)))
	}
}

// copyStatement reads the columns of the plan in its order; null stands for those that
// the record does not need.
func (r *snapshotReader) copyStatement(t capturedTable, plan *tablePlan, conditions []string) string {
	columns := make([]string, len(plan.columns))
	for i := range plan.columns {
		c := &plan.columns[i]
		columns[i] = "NULL"
		if c.field >= 0 || c.key >= 0 {
			columns[i] = quoteIdent(plan.described[i].Name)
		}
	}
	return "COPY (SELECT " + strings.Join(columns, ", ") + " FROM " + r.from(t, conditions) + ") TO STDOUT"
}

// work gives the jobs to the connections in their order.
func (r *snapshotReader) work(ctx context.Context, conns []*pgx.Conn) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	next := make(chan *snapshotJob)
	errs := make([]error, len(conns))
	var wg sync.WaitGroup
	for i, c := range conns {
		wg.Add(1)
		go func() {
			defer wg.Done()
			if errs[i] = r.copyJobs(ctx, c.PgConn(), next); errs[i] != nil {
				cancel()
			}
		}()
	}
	r.hand(ctx, next)
	close(next)
	wg.Wait()
	for _, err := range errs {
		if err != nil && !errors.Is(err, context.Canceled) {
			return err
		}
	}
	return errors.Join(errs...)
}

func (r *snapshotReader) hand(ctx context.Context, next chan<- *snapshotJob) {
	for _, j := range r.jobs {
		select {
		case r.window <- struct{}{}:
		case <-ctx.Done():
			return
		}
		select {
		case next <- j:
		case <-ctx.Done():
			return
		}
	}
}

// copyJobs is what one connection does.
func (r *snapshotReader) copyJobs(ctx context.Context, conn *pgconn.PgConn, next <-chan *snapshotJob) error {
	for j := range next {
		started := time.Now()
		w := &blockWriter{ctx: ctx, job: j, ready: r.ready}
		if _, err := conn.CopyTo(ctx, w, j.sql); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return fmt.Errorf("copy table %s: %w", j.plan.name, r.s.explainHidden(ctx, j.plan.relation.name, err))
		}
		if err := w.flush(); err != nil {
			return err
		}
		close(j.blocks)
		signal(r.ready)
		r.log.Debug("a part of a table has been read", "table", j.plan.name, "bytes", w.total, "duration", time.Since(started))
	}
	return nil
}

// blockWriter collects rows, of which the server sends one at a time.
type blockWriter struct {
	ctx   context.Context
	job   *snapshotJob
	ready chan struct{}
	block []byte
	total int64
}

func (w *blockWriter) Write(b []byte) (int, error) {
	if w.block == nil {
		w.block = make([]byte, 0, max(blockSize+blockSize/4, len(b)))
	}
	w.block = append(w.block, b...)
	w.total += int64(len(b))
	if len(w.block) < blockSize {
		return len(b), nil
	}
	return len(b), w.flush()
}

func (w *blockWriter) flush() error {
	if len(w.block) == 0 {
		return nil
	}
	select {
	case w.job.blocks <- w.block:
	case <-w.ctx.Done():
		return w.ctx.Err()
	}
	w.block = nil
	signal(w.ready)
	return nil
}

// newPlanner makes a planner with the modes of the settings.
func newPlanner(s *settings, sc *schemas, catalog *types.Catalog) *planner {
	f := &s.Format
	return &planner{s: s, schemas: sc, types: catalog, modes: types.Modes{
		Decimal: f.Decimal, Time: f.Time, Interval: f.Interval, Hstore: f.Hstore, Binary: f.Binary,
		MoneyDigits: f.MoneyDigits, UnknownTypes: f.UnknownTypes, Unavailable: f.Unavailable,
	}}
}
