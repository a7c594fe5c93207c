// SPDX-License-Identifier: Apache-2.0

package test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/connectd/connectd/connectors/postgrescdc/pgtest"
	"github.com/connectd/connectd/test/harness"
)

// workloadKeys are the tables of the workload that are captured, with their keys.
var workloadKeys = map[string][]string{
	"orders": {"id"}, "whole": {"id"}, "pairs": {"b", "a"}, "bare": nil, "docs": {"id"},
}

const workloadDDL = `CREATE TABLE orders (id int PRIMARY KEY, v text, n int NOT NULL DEFAULT 0);
CREATE TABLE whole (id int PRIMARY KEY, v text, n int); ALTER TABLE whole REPLICA IDENTITY FULL;
CREATE TABLE pairs (a int, v text, b text, PRIMARY KEY (b, a));
CREATE TABLE bare (a int NOT NULL, b text NOT NULL); ALTER TABLE bare REPLICA IDENTITY FULL;
CREATE TABLE docs (id int PRIMARY KEY, body text, n int NOT NULL DEFAULT 0); ALTER TABLE docs ALTER COLUMN body SET STORAGE EXTERNAL;
CREATE TABLE hidden (a int);
CREATE SEQUENCE fresh START 1000`

const workloadRows = `INSERT INTO orders SELECT i, 'before', i FROM generate_series(1, 300) i;
INSERT INTO whole SELECT i, 'before', i FROM generate_series(1, 30) i;
INSERT INTO bare SELECT i % 3, 'before' FROM generate_series(1, 30) i`

// workload is several sessions that change tables. Each does one transaction for each
// turn that it is given, and survives the server.
type workload struct {
	pg    *harness.Postgres
	turns chan struct{}
	wg    sync.WaitGroup
	// truncates says that tables are truncated at times.
	truncates bool

	committed atomic.Int64
	mu        sync.Mutex
	err       error
}

// startWorkload starts sessions, the first of which changes the tables themselves.
func startWorkload(t *testing.T, pg *harness.Postgres, rnd *rand.Rand, sessions int, truncates bool) *workload {
	t.Helper()
	w := &workload{pg: pg, turns: make(chan struct{}), truncates: truncates}
	for i := range sessions {
		s := &session{w: w, rnd: rand.New(rand.NewPCG(rnd.Uint64(), uint64(i))), gid: pgtest.Name(t, "gid")}
		w.wg.Add(1)
		go func() {
			defer w.wg.Done()
			s.run(i == 0)
		}()
	}
	t.Cleanup(w.stop)
	return w
}

// turn lets n transactions happen.
func (w *workload) turn(n int) {
	for range n {
		w.turns <- struct{}{}
	}
}

// stop ends the sessions. Nothing is left prepared.
func (w *workload) stop() {
	if w.turns != nil {
		close(w.turns)
		w.turns = nil
	}
	w.wg.Wait()
}

// finish stops the sessions and fails the test if one met an unexpected error.
func (w *workload) finish(t *testing.T) {
	t.Helper()
	w.stop()
	if w.err != nil {
		t.Fatal(w.err)
	}
	t.Logf("%d transactions were committed", w.committed.Load())
}

func (w *workload) fail(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err == nil {
		w.err = err
	}
}

// session is one of them.
type session struct {
	w    *workload
	rnd  *rand.Rand
	conn *pgx.Conn
	// gid is the name of its prepared transaction; prepared says that there may be one.
	gid      string
	prepared bool
	columns  []string // that the session has added
	added    int
}

func (s *session) run(ddl bool) {
	turns := s.w.turns
	for s.await(turns) {
		if err := s.do(ddl); err != nil {
			s.w.fail(err)
		}
	}
	for s.prepared {
		s.resolve()
	}
	if s.conn != nil {
		// The server may be gone, which is no news here.
		_ = s.conn.Close(context.Background())
	}
}

// await waits for a turn, and reports false at the end. What is prepared is not left so
// for long: no slot can be created meanwhile.
func (s *session) await(turns <-chan struct{}) bool {
	for s.prepared {
		select {
		case _, more := <-turns:
			return more
		case <-time.After(100 * time.Millisecond):
			s.resolve()
		}
	}
	_, more := <-turns
	return more
}

// do is one transaction. Errors that come of the other sessions or of the server's end
// are part of the game.
func (s *session) do(ddl bool) error {
	if s.prepared && s.rnd.IntN(2) == 0 {
		s.resolve()
	}
	var sql []string
	if ddl {
		sql = s.alter()
	} else {
		for range 1 + s.rnd.IntN(8) {
			sql = append(sql, s.statement())
		}
	}
	err := s.transaction(sql)
	if err == nil || expected(err) {
		return nil
	}
	return fmt.Errorf("%s: %w", strings.Join(sql, "; "), err)
}

func (s *session) transaction(sql []string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := s.connect(ctx); err != nil {
		return err
	}
	if !strings.HasPrefix(sql[0], "ALTER") && s.rnd.IntN(12) == 0 {
		return s.copy(ctx)
	}
	script := "BEGIN; " + strings.Join(sql, "; ") + "; "
	switch {
	case s.rnd.IntN(8) == 0:
		script += "ROLLBACK"
	case !s.prepared && s.rnd.IntN(8) == 0:
		s.prepared = true
		script += "PREPARE TRANSACTION '" + s.gid + "'"
	default:
		script += "COMMIT"
	}
	_, err := s.conn.PgConn().Exec(ctx, script).ReadAll()
	if err == nil {
		s.w.committed.Add(1)
		return nil
	}
	if !s.conn.IsClosed() {
		_, _ = s.conn.PgConn().Exec(ctx, "ROLLBACK").ReadAll()
	}
	return err
}

func (s *session) connect(ctx context.Context) (err error) {
	if s.conn != nil && !s.conn.IsClosed() {
		return nil
	}
	if s.conn, err = s.w.pg.Try(ctx); err != nil {
		s.conn = nil
		return err
	}
	_, err = s.conn.PgConn().Exec(ctx, "SET lock_timeout = 300; SET synchronous_commit = "+[]string{"on", "off"}[s.rnd.IntN(2)]).ReadAll()
	return err
}

// copy is a transaction whose rows share an LSN.
func (s *session) copy(ctx context.Context) error {
	first := 1_000_000 + s.rnd.IntN(1<<30)
	var b strings.Builder
	for i := range 1 + s.rnd.IntN(60) {
		fmt.Fprintf(&b, "%d\tcopied\n", first+i)
	}
	_, err := s.conn.PgConn().CopyFrom(ctx, strings.NewReader(b.String()), "COPY orders (id, v) FROM STDIN")
	return err
}

// resolve ends the prepared transaction, if it is there.
func (s *session) resolve() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if s.connect(ctx) != nil {
		return
	}
	end := []string{"COMMIT", "COMMIT", "ROLLBACK"}[s.rnd.IntN(3)]
	_, err := s.conn.PgConn().Exec(ctx, end+" PREPARED '"+s.gid+"'").ReadAll()
	var pg *pgconn.PgError
	s.prepared = err != nil && (!errors.As(err, &pg) || pg.Code != "42704") // undefined_object: it never came to be
}

// expected reports whether an error comes of concurrency, or of the end of the server.
func expected(err error) bool {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		return true
	}
	switch pg.Code {
	case "23502", "23505", "40001", "40P01", "55P03", "42703", "57014":
		return true
	}
	return strings.HasPrefix(pg.Code, "57P") || strings.HasPrefix(pg.Code, "08")
}

// statement is part of a transaction.
func (s *session) statement() string {
	id, x := 1+s.rnd.IntN(60), s.rnd.IntN(1000)
	all := []string{
		fmt.Sprintf("INSERT INTO orders VALUES (%d, 'x%d', 0) ON CONFLICT (id) DO UPDATE SET n = orders.n + 1", id, x),
		fmt.Sprintf("INSERT INTO orders SELECT nextval('fresh'), 'many', i FROM generate_series(1, %d) i", 1+x/20),
		fmt.Sprintf("UPDATE orders SET n = n + 1 WHERE id %% 17 = %d", id%17),
		fmt.Sprintf("UPDATE orders SET id = nextval('fresh'), v = 'it''s moved' WHERE id = %d", id),
		fmt.Sprintf("DELETE FROM orders WHERE id %% 41 = %d", id%41),
		fmt.Sprintf("INSERT INTO whole SELECT i, 'w', %d FROM generate_series(%d, %d) i ON CONFLICT DO NOTHING", x, id, id+5),
		fmt.Sprintf("UPDATE whole SET v = 'w%d' WHERE id < %d", x, id),
		fmt.Sprintf("UPDATE whole SET id = nextval('fresh') WHERE id = %d", id),
		fmt.Sprintf("DELETE FROM whole WHERE id %% 13 = %d", id%13),
		fmt.Sprintf("INSERT INTO pairs VALUES (%d, 'p', 'b%d') ON CONFLICT (b, a) DO UPDATE SET v = 'again %d'", id%9, id%5, x),
		fmt.Sprintf("UPDATE pairs SET a = nextval('fresh') WHERE a = %d", id%9),
		fmt.Sprintf("DELETE FROM pairs WHERE b = 'b%d'", id%5),
		fmt.Sprintf("INSERT INTO bare SELECT i, 'b%d' FROM generate_series(1, 4) i", x%4),
		fmt.Sprintf("UPDATE bare SET b = 'c%d' WHERE a = %d", x%4, id%5),
		fmt.Sprintf("DELETE FROM bare WHERE a = %d", id%5),
		fmt.Sprintf("INSERT INTO docs VALUES (%d, repeat('%d', 3000)) ON CONFLICT (id) DO UPDATE SET body = EXCLUDED.body", id%20, x),
		fmt.Sprintf("UPDATE docs SET n = n + 1 WHERE id %% 3 = %d", id%3), // the body stays where it is
		"INSERT INTO hidden SELECT generate_series(1, 10)",
		fmt.Sprintf("SELECT pg_logical_emit_message(true, 'app', 'in %d')", x),
		fmt.Sprintf("SELECT pg_logical_emit_message(false, 'app', 'out %d')", x),
		fmt.Sprintf("SAVEPOINT a; INSERT INTO bare VALUES (%d, 'gone'); DELETE FROM orders; ROLLBACK TO a", id),
		fmt.Sprintf("SAVEPOINT a; UPDATE whole SET n = %d WHERE id = %d; SAVEPOINT b; INSERT INTO bare VALUES (%d, 'kept'); RELEASE a", x, id, id%5),
	}
	if s.w.truncates && s.rnd.IntN(120) == 0 {
		return []string{"TRUNCATE bare", "TRUNCATE pairs, docs", "TRUNCATE hidden, bare", "TRUNCATE orders"}[s.rnd.IntN(4)]
	}
	return all[s.rnd.IntN(len(all))]
}

// alter is a transaction that changes the form of the orders, and rows before and behind
// that.
func (s *session) alter() []string {
	s.added++
	column := fmt.Sprintf("c%d", s.added)
	if n := len(s.columns); n > 3 || n > 0 && s.rnd.IntN(3) == 0 {
		return s.alterColumn(s.rnd.IntN(n))
	}
	if s.rnd.IntN(3) == 0 {
		return []string{"ALTER TABLE orders REPLICA IDENTITY " + []string{"FULL", "DEFAULT"}[s.rnd.IntN(2)], "UPDATE orders SET n = n + 1 WHERE id % 19 = 3"}
	}
	s.columns = append(s.columns, column)
	kind := []string{"int NOT NULL DEFAULT 7", "text", "bigint DEFAULT 5", "boolean NOT NULL DEFAULT true", "text NOT NULL DEFAULT 'none'"}[s.rnd.IntN(5)]
	return []string{
		"ALTER TABLE orders ADD COLUMN " + column + " " + kind,
		"UPDATE orders SET n = n + 1 WHERE id % 23 = 1",
		"INSERT INTO orders (id, v) VALUES (nextval('fresh'), 'wider')",
	}
}

// alterColumn changes a column that was added, or drops it. What of it cannot be done,
// because the column is of another type or never came to be, is rolled back.
func (s *session) alterColumn(at int) []string {
	column := s.columns[at]
	alter := "ALTER TABLE orders ALTER COLUMN " + column
	switch s.rnd.IntN(5) {
	case 0:
		return []string{alter + " TYPE text USING " + column + "::text", "UPDATE orders SET n = n + 1 WHERE id % 29 = 1"}
	case 1:
		return []string{alter + " DROP NOT NULL", "UPDATE orders SET " + column + " = NULL WHERE id % 7 = 1"}
	case 2:
		return []string{"DELETE FROM orders WHERE " + column + " IS NULL", alter + " SET DEFAULT '1', ALTER COLUMN " + column + " SET NOT NULL", "UPDATE orders SET n = n + 1 WHERE id % 11 = 1"}
	}
	s.columns = append(s.columns[:at:at], s.columns[at+1:]...)
	return []string{"UPDATE orders SET n = n + 1 WHERE id % 31 = 1", "ALTER TABLE orders DROP COLUMN " + column, "INSERT INTO orders (id, v) VALUES (nextval('fresh'), 'narrower')"}
}
