// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"context"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connectors/postgrescdc/pgtest"
)

// patience is how long a condition may take before a test fails.
const patience = 30 * time.Second

// world is a database with a connector on it, and what an engine would have stored.
type world struct {
	t      testing.TB
	srv    *pgtest.Server
	db     string
	props  map[string]string
	stored connect.Value
	// written are the records of all runs, as the engine would have produced them.
	written []connect.Record
	// log is what tasks log to, if a test reads it.
	log *slog.Logger
}

// newWorld makes a database with these statements run, and settings with the names of
// the test.
func newWorld(t testing.TB, ddl string, props map[string]string) *world {
	t.Helper()
	return worldOn(t, pgtest.Shared(t), ddl, props)
}

func worldOn(t testing.TB, srv *pgtest.Server, ddl string, props map[string]string) *world {
	t.Helper()
	w := &world{t: t, srv: srv, db: srv.Database(t)}
	srv.MustExec(t, w.db, ddl)
	host, port, _ := strings.Cut(srv.Addr(), ":")
	w.props = map[string]string{
		"connector.class": "PostgresConnector", "topic.prefix": "srv",
		"database.hostname": host, "database.port": port, "database.user": "postgres", "database.password": "postgres", "database.dbname": w.db,
		"slot.name": pgtest.Name(t, "s"), "plugin.name": "pgoutput",
	}
	for k, v := range props {
		if k != "slot.name" {
			w.props[k] = v
		}
	}
	return w
}

func (w *world) exec(sql string) {
	w.t.Helper()
	w.srv.MustExec(w.t, w.db, sql)
}

func (w *world) scalar(sql string) string {
	w.t.Helper()
	rows := w.srv.MustQuery(w.t, w.db, sql)
	if len(rows) != 1 || len(rows[0]) != 1 {
		w.t.Fatalf("%s gives %v", sql, rows)
	}
	return rows[0][0]
}

func (w *world) config() connect.Config {
	info := pluginInfo()
	c, errs := info.Config.Parse(w.props)
	if len(errs) > 0 {
		w.t.Fatal(errs)
	}
	return c
}

func (w *world) settings() *settings {
	s, errs := parseSettings(w.config())
	if len(errs) > 0 {
		w.t.Fatal(errs)
	}
	return s
}

func (w *world) eventually(what string, ok func() bool) {
	w.t.Helper()
	deadline := time.Now().Add(patience)
	for !ok() {
		if time.Now().After(deadline) {
			w.t.Fatalf("it does not come true that %s", what)
		}
		pause := time.NewTimer(10 * time.Millisecond)
		<-pause.C
	}
}

// run is one started task.
type taskRun struct {
	w      *world
	task   *task
	ctx    context.Context
	cancel context.CancelFunc
}

func testLog() *slog.Logger {
	if testing.Verbose() {
		return slog.New(slog.NewTextHandler(os.Stderr, nil))
	}
	return slog.New(slog.DiscardHandler)
}

func (w *world) tryStart() (*taskRun, error) {
	r := &taskRun{w: w, task: &task{}}
	return r, r.tryBegin()
}

func (r *taskRun) tryBegin() error {
	r.ctx, r.cancel = context.WithTimeout(context.Background(), 2*patience)
	return r.task.Start(r.ctx, r.w.taskContext())
}

// taskContext is what the engine gives to a task.
func (w *world) taskContext() connect.SourceTaskContext {
	log := w.log
	if log == nil {
		log = testLog()
	}
	return connect.SourceTaskContext{
		Connector: "test", Config: w.config(), Log: log,
		Offsets: func(context.Context, []connect.Value) ([]connect.Value, error) {
			return []connect.Value{w.stored}, nil
		},
	}
}

func (r *taskRun) begin(t testing.TB) {
	t.Helper()
	if err := r.tryBegin(); err != nil {
		r.stop()
		t.Fatal(err)
	}
}

func (w *world) start() *taskRun {
	w.t.Helper()
	r, err := w.tryStart()
	if err != nil {
		r.stop()
		w.t.Fatal(err)
	}
	return r
}

func (r *taskRun) stop() {
	r.w.t.Helper()
	r.cancel()
	if err := r.task.Stop(context.Background()); err != nil {
		r.w.t.Error(err)
	}
}

// poll polls once, at most for d.
func (r *taskRun) poll(d time.Duration, maxRecords int) *connect.Batch {
	r.w.t.Helper()
	ctx, cancel := context.WithTimeout(r.ctx, d)
	defer cancel()
	b := &connect.Batch{MaxRecords: maxRecords, MaxBytes: 1 << 20}
	if err := r.task.Poll(ctx, b); err != nil {
		r.w.t.Fatal(err)
	}
	return b
}

// records polls until there are records.
func (r *taskRun) records() *connect.Batch {
	r.w.t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		if b := r.poll(patience, 100); len(b.Records) > 0 {
			return b
		}
	}
	r.w.t.Fatal("no records come")
	return nil
}

// commit stores the position behind the first n records of a batch, or behind all of it
// and its progress, as the engine does.
func (r *taskRun) commit(b *connect.Batch, n int) {
	r.w.t.Helper()
	var p connect.Position
	switch {
	case n == len(b.Records) && len(b.Progress) > 0:
		p = b.Progress[len(b.Progress)-1]
	case n == 0:
		return
	default:
		p = r.task.Position(b, n-1)
	}
	for i := range n {
		r.w.written = append(r.w.written, cloneRecord(&b.Records[i]))
	}
	r.store(p)
}

// commitOnly stores the position of a whole batch, and keeps no records.
func (r *taskRun) commitOnly(b *connect.Batch) {
	if n := len(b.Records); n > 0 {
		r.store(r.task.Position(b, n-1))
	}
}

func (r *taskRun) store(p connect.Position) {
	r.w.t.Helper()
	r.w.stored = connect.Clone(p.Offset)
	if err := r.task.Commit(r.ctx, []connect.Position{{Partition: p.Partition, Offset: r.w.stored}}); err != nil {
		r.w.t.Error(err)
	}
}

// until polls and commits until n records have been written in all.
func (r *taskRun) until(n int) {
	r.w.t.Helper()
	deadline := time.Now().Add(patience)
	for len(r.w.written) < n {
		if time.Now().After(deadline) {
			r.w.t.Fatalf("%d records came, want %d", len(r.w.written), n)
		}
		b := r.poll(time.Second, 1000)
		r.commit(b, len(b.Records))
	}
}

// line writes a record in short.
func line(r *connect.Record) string {
	if r.Err != nil {
		return r.Topic + " error " + r.Err.Error()
	}
	v := r.Value
	if v.IsNull() {
		return r.Topic + " " + jsonText(r.Key) + " tombstone"
	}
	op, _ := v.Get("op")
	before, _ := v.Get("before")
	after, _ := v.Get("after")
	source, _ := v.Get("source")
	snapshot, _ := source.Get("snapshot")
	return r.Topic + " " + jsonText(r.Key) + " " + op.Str() + " " + jsonText(before) + " " + jsonText(after) + " " + snapshot.Str()
}

func TestOrdersFromSnapshotToStream(t *testing.T) {
	t.Parallel()
	w := newWorld(t, `CREATE TABLE orders (id bigserial PRIMARY KEY, customer text NOT NULL, quantity int DEFAULT 1);
		INSERT INTO orders (customer) VALUES ('a'), ('b'), ('c')`, map[string]string{"skipped.operations": "none"})
	r := w.start()
	defer r.stop()
	r.until(3)
	w.exec("INSERT INTO orders (customer) VALUES ('d')")
	w.exec("UPDATE orders SET quantity = 2 WHERE id = 1")
	w.exec("DELETE FROM orders WHERE id = 2")
	w.exec("UPDATE orders SET id = 30 WHERE id = 3")
	r.until(10)
	w.exec("ALTER TABLE orders ADD COLUMN delivery_id int NOT NULL DEFAULT 0")
	w.exec("INSERT INTO orders (customer, delivery_id) VALUES ('e', 7)")
	w.exec("TRUNCATE orders")
	r.until(12)
	var got []string
	for i := range w.written {
		got = append(got, line(&w.written[i]))
	}
	want := []string{
		`srv.public.orders {"id":1} r null {"id":1,"customer":"a","quantity":1} first`,
		`srv.public.orders {"id":2} r null {"id":2,"customer":"b","quantity":1} true`,
		`srv.public.orders {"id":3} r null {"id":3,"customer":"c","quantity":1} last`,
		`srv.public.orders {"id":4} c null {"id":4,"customer":"d","quantity":1} false`,
		`srv.public.orders {"id":1} u null {"id":1,"customer":"a","quantity":2} false`,
		`srv.public.orders {"id":2} d {"id":2,"customer":"","quantity":null} null false`,
		`srv.public.orders {"id":2} tombstone`,
		`srv.public.orders {"id":3} d {"id":3,"customer":"","quantity":null} null false`,
		`srv.public.orders {"id":3} tombstone`,
		`srv.public.orders {"id":30} c null {"id":30,"customer":"c","quantity":1} false`,
		`srv.public.orders {"id":5} c null {"id":5,"customer":"e","quantity":1,"delivery_id":7} false`,
		`srv.public.orders null t null null false`,
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Fatalf("got:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestSlotMovesOnlyWithCommits(t *testing.T) {
	t.Parallel()
	w := newWorld(t, `CREATE TABLE orders (id int PRIMARY KEY)`, map[string]string{"snapshot.mode": "no_data", "status.update.interval.ms": "100", "table.include.list": "public.orders", "publication.autocreate.mode": "filtered"})
	r := w.start()
	defer r.stop()
	confirmed := func() string {
		return w.scalar("SELECT confirmed_flush_lsn FROM pg_replication_slots WHERE slot_name = '" + w.props["slot.name"] + "'")
	}
	first := confirmed()
	w.exec("INSERT INTO orders VALUES (1)")
	b := r.records()
	if len(b.Records) != 1 {
		t.Fatalf("%d records, want 1", len(b.Records))
	}
	r.poll(500*time.Millisecond, 10)
	if now := confirmed(); now != first {
		t.Fatalf("the slot moved from %s to %s without a commit", first, now)
	}
	r.commit(b, 1)
	w.eventually("the slot moves", func() bool {
		b := r.poll(20*time.Millisecond, 10) // the end of the transaction may come by itself
		r.commit(b, len(b.Records))
		return confirmed() != first
	})
	w.exec("CREATE TABLE other (id int); INSERT INTO other SELECT generate_series(1, 1000)")
	end := w.scalar("SELECT pg_current_wal_lsn()")
	w.eventually("the slot follows what is not captured", func() bool {
		b := r.poll(50*time.Millisecond, 10)
		r.commit(b, len(b.Records))
		return w.scalar("SELECT confirmed_flush_lsn >= '"+end+"' FROM pg_replication_slots WHERE slot_name = '"+w.props["slot.name"]+"'") == "t"
	})
	p, err := parseOffset(w.stored)
	if err != nil {
		t.Fatal(err)
	}
	if at := w.scalar("SELECT '" + confirmed() + "'::pg_lsn - '0/0'"); at > strconv.FormatUint(uint64(p.end), 10) {
		t.Fatalf("the slot is at %s, and the committed offset at %d", at, p.end)
	}
}
