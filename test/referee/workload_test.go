// SPDX-License-Identifier: Apache-2.0

//go:build referee

package referee

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/connectd/connectd/connectors/postgrescdc/pgtest"
)

// ledger is the table that the workload writes to; aside is in the publication as
// well, and not captured: its rows count in the stream and are in no topic.
const ledger = `CREATE TABLE ledger (id bigint PRIMARY KEY, seq bigint NOT NULL, pad text); ALTER TABLE ledger REPLICA IDENTITY FULL; CREATE TABLE aside (id bigserial PRIMARY KEY, v text);
INSERT INTO ledger SELECT i, i, 'old' FROM generate_series(1, 50) i;`

// old is how many rows the ledger has before the workload.
const old = 50

// bulk is how many rows a large transaction has: so many that either side is likely to be
// stopped in the middle of one.
const bulk = 20_000

// ahead is how many changes may be written that have not come out.
const ahead = 3 * bulk

// workload writes transactions of all kinds from one session, and knows every change
// in the order of commits.
type workload struct {
	conn   *pgx.Conn
	cancel context.CancelFunc
	ended  chan error

	// changes are the operations with their number; begins tells which of them are the
	// first of a transaction. They are read when the workload has ended.
	changes []string
	begins  map[int]bool
	next    int64
	// seen is how many records have come out: the workload is not far ahead of them.
	seen atomic.Int64
}

// kind writes one transaction, and notes its changes.
type kind func(ctx context.Context, tx pgx.Tx, changes *[]string) error

// startWorkload writes until end is called.
func startWorkload(t *testing.T, srv *pgtest.Server, db string, copies bool) *workload {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), srv.URL(db))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	w := &workload{conn: conn, cancel: cancel, ended: make(chan error, 1), begins: map[int]bool{0: true}, next: old}
	for n := range old {
		w.changes = append(w.changes, fmt.Sprint("r ", n+1))
	}
	kinds := []kind{w.single, w.several, w.copied, w.selected, w.single, w.mixed}
	if copies {
		kinds = []kind{w.copied}
	}
	go func() { w.ended <- w.write(ctx, kinds) }()
	t.Cleanup(func() { w.end(t) })
	return w
}

// end stops the workload behind a whole transaction.
func (w *workload) end(t *testing.T) {
	if w.cancel == nil {
		return
	}
	w.cancel()
	w.cancel = nil
	if err := <-w.ended; err != nil {
		t.Errorf("workload: %v", err)
	}
	if err := w.conn.Close(context.Background()); err != nil {
		t.Error(err)
	}
}

func (w *workload) write(ctx context.Context, kinds []kind) error {
	pace := time.NewTicker(80 * time.Millisecond)
	defer pace.Stop()
	for i := 0; ; {
		select {
		case <-ctx.Done():
			return nil
		case <-pace.C:
		}
		if int64(len(w.changes)) > w.seen.Load()+ahead {
			continue
		}
		var changes []string
		err := pgx.BeginFunc(context.Background(), w.conn, func(tx pgx.Tx) error {
			return kinds[i%len(kinds)](context.Background(), tx, &changes)
		})
		if err != nil {
			return err
		}
		i++
		w.begins[len(w.changes)] = true
		w.changes = append(w.changes, changes...)
	}
}

// number is the next number of a change.
func (w *workload) number() int64 { w.next++; return w.next }

func (w *workload) single(ctx context.Context, tx pgx.Tx, changes *[]string) error {
	n := w.number()
	*changes = append(*changes, fmt.Sprint("c ", n))
	_, err := tx.Exec(ctx, "INSERT INTO ledger VALUES ($1, $1, 'single')", n)
	return err
}

// several is one statement of several rows, beside rows of the other table.
func (w *workload) several(ctx context.Context, tx pgx.Tx, changes *[]string) error {
	if _, err := tx.Exec(ctx, "INSERT INTO aside (v) VALUES ('a'), ('b')"); err != nil {
		return err
	}
	a, b, c := w.number(), w.number(), w.number()
	*changes = append(*changes, fmt.Sprint("c ", a), fmt.Sprint("c ", b), fmt.Sprint("c ", c))
	_, err := tx.Exec(ctx, "INSERT INTO ledger VALUES ($1, $1), ($2, $2), ($3, $3)", a, b, c)
	return err
}

// copied writes rows that share LSNs, as one log record holds a page of them.
func (w *workload) copied(ctx context.Context, tx pgx.Tx, changes *[]string) error {
	_, err := tx.CopyFrom(ctx, pgx.Identifier{"ledger"}, []string{"id", "seq", "pad"}, pgx.CopyFromSlice(bulk, func(int) ([]any, error) {
		n := w.number()
		*changes = append(*changes, fmt.Sprint("c ", n))
		return []any{n, n, "copied"}, nil
	}))
	return err
}

func (w *workload) selected(ctx context.Context, tx pgx.Tx, changes *[]string) error {
	from := w.next + 1
	for range bulk {
		*changes = append(*changes, fmt.Sprint("c ", w.number()))
	}
	_, err := tx.Exec(ctx, "INSERT INTO ledger SELECT i, i, 'selected' FROM generate_series($1::bigint, $2::bigint) i", from, w.next)
	return err
}

// mixed inserts, updates and deletes one row after the other, with others between them.
func (w *workload) mixed(ctx context.Context, tx pgx.Tx, changes *[]string) error {
	var batch pgx.Batch
	for range 300 {
		id, n := w.number(), w.number()
		batch.Queue("INSERT INTO ledger VALUES ($1, $1)", id)
		batch.Queue("INSERT INTO aside (v) VALUES ('between')")
		batch.Queue("UPDATE ledger SET seq = $2 WHERE id = $1", id, n)
		batch.Queue("DELETE FROM ledger WHERE id = $1", id)
		*changes = append(*changes, fmt.Sprint("c ", id), fmt.Sprint("u ", n), fmt.Sprint("d ", n))
	}
	return tx.SendBatch(ctx, &batch).Close()
}
