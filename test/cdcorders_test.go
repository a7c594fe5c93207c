// SPDX-License-Identifier: Apache-2.0

package test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pglogrepl"
	"github.com/jackc/pgx/v5"

	"github.com/connectd/connectd/test/harness"
)

const ordersDDL = `CREATE TABLE orders (id int PRIMARY KEY, item text NOT NULL, quantity int NOT NULL);
INSERT INTO orders SELECT i, 'before', i FROM generate_series(1, 20) i`

// ordersWriter is the only session that changes the orders. It writes down each change
// that it has committed, in order, as the database returned it.
type ordersWriter struct {
	conn *pgx.Conn
	rnd  *rand.Rand
	next int
	live []int
	// initial are the rows of the beginning, changes what came after them, and ends
	// how many changes there were after each transaction.
	initial []order
	changes []string
	ends    []int
}

func writeOrders(t *testing.T, pg *harness.Postgres, rnd *rand.Rand) *ordersWriter {
	pg.Do(ordersDDL)
	w := &ordersWriter{conn: pg.Connect(), rnd: rnd, next: 21, ends: []int{0}}
	for i := 1; i <= 20; i++ {
		w.live = append(w.live, i)
		w.initial = append(w.initial, order{ID: i, Item: "before", Quantity: i})
	}
	return w
}

// transaction commits, or sometimes rolls back, up to five statements.
func (w *ordersWriter) transaction(ctx context.Context) error {
	tx, err := w.conn.Begin(ctx)
	if err != nil {
		return err
	}
	live, next, changes := slices.Clone(w.live), w.next, []string(nil)
	for range 1 + w.rnd.IntN(5) {
		change, err := w.statement(ctx, tx)
		if err != nil {
			return fmt.Errorf("write orders: %w", err)
		}
		changes = append(changes, change)
	}
	if w.rnd.IntN(8) == 0 {
		w.live, w.next = live, next
		return tx.Rollback(ctx)
	}
	if err := tx.Commit(ctx); err != nil {
		return err
	}
	w.changes = append(w.changes, changes...)
	w.ends = append(w.ends, len(w.changes))
	return nil
}

func (w *ordersWriter) statement(ctx context.Context, tx pgx.Tx) (string, error) {
	op, sql := "c", fmt.Sprintf("INSERT INTO orders VALUES (%d, 'item %d', %d)", w.next, w.rnd.IntN(100), w.rnd.IntN(9))
	if n := len(w.live); n > 0 {
		at := w.rnd.IntN(n)
		switch id := w.live[at]; w.rnd.IntN(4) {
		case 0:
			op, sql = "u", fmt.Sprintf("UPDATE orders SET quantity = quantity + 1 WHERE id = %d", id)
		case 1:
			op, sql = "d", fmt.Sprintf("DELETE FROM orders WHERE id = %d", id)
			w.live = slices.Delete(w.live, at, at+1)
		}
	}
	if op == "c" {
		w.live = append(w.live, w.next)
		w.next++
	}
	var row string
	if err := tx.QueryRow(ctx, sql+" RETURNING to_jsonb(orders)::text").Scan(&row); err != nil {
		return "", fmt.Errorf("%s: %w", sql, err)
	}
	var o order
	if err := json.Unmarshal([]byte(row), &o); err != nil {
		return "", err
	}
	e := orderEvent{Op: op, Before: &o, After: &o}
	return e.change(), nil
}

// feed commits n transactions.
func (w *ordersWriter) feed(t *testing.T, n int) {
	t.Helper()
	for range n {
		if err := w.transaction(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// check compares what was captured with what was written. Each reading of the table
// that was begun has to be part of one state of the table, the last reading the whole of
// it, unless the rest was read by key; the changes after the state of the first reading
// follow, each once. A row that is read by key is as the stream has left it.
func (w *ordersWriter) check(t *testing.T, events []orderEvent) {
	t.Helper()
	defer func() {
		if t.Failed() {
			w.tell(t, events)
		}
	}()
	var readings []map[string]bool
	var stream []string
	late := map[string]int{} // rows that were read by key, behind how many changes
	at := int64(-1)
	for i := range events {
		e := &events[i]
		if e.late() {
			late[e.After.String()] = len(stream)
			continue
		}
		if e.Op != "r" {
			stream = append(stream, e.change())
			continue
		}
		if len(stream) > 0 {
			t.Errorf("%s comes behind changes", e.change())
		}
		if e.Source.LSN == nil {
			t.Fatalf("%s has no LSN", e.change())
		}
		if *e.Source.LSN != at {
			readings, at = append(readings, map[string]bool{}), *e.Source.LSN
		}
		last := readings[len(readings)-1]
		if last[e.After.String()] {
			t.Errorf("%s is read twice", e.change())
		}
		last[e.After.String()] = true
	}
	skipped := len(w.changes) - len(stream)
	if skipped < 0 || !slices.Contains(w.ends, skipped) {
		for i, r := range readings {
			t.Errorf("reading %d has %d rows", i+1, len(r))
		}
		compareLists(t, "last changes of orders", reversed(w.changes), reversed(stream))
		compareLists(t, "changes of orders", w.changes, stream)
		return
	}
	compareLists(t, fmt.Sprintf("changes of orders behind %d", skipped), w.changes[skipped:], stream)
	w.checkReadings(t, skipped, readings, len(late) == 0)
	for row, n := range late {
		if !w.state(skipped + n)[row] {
			t.Errorf("the row %s is read by key behind %d changes, and is no part of that state", row, skipped+n)
		}
	}
	w.checkState(t, events)
}

// tell logs what was written and what came, to find out what is between them.
func (w *ordersWriter) tell(t *testing.T, events []orderEvent) {
	t.Helper()
	t.Logf("changes %q, transactions end at %v", w.changes, w.ends)
	for i := range events {
		e := &events[i]
		at := int64(0)
		if e.Source.LSN != nil {
			at = *e.Source.LSN
		}
		t.Logf("event %d at %s, by key: %v: %s", i, pglogrepl.LSN(at), e.late(), e.change())
	}
}

// checkState compares the table at the end with what the events make of it.
func (w *ordersWriter) checkState(t *testing.T, events []orderEvent) {
	t.Helper()
	rows, got := map[int]string{}, map[string]bool{}
	for i := range events {
		if e := &events[i]; e.Op == "d" {
			delete(rows, e.Before.ID)
		} else {
			rows[e.After.ID] = e.After.String()
		}
	}
	for _, row := range rows {
		got[row] = true
	}
	if diff := missing(w.state(len(w.changes)), got); diff != "" {
		t.Errorf("the events do not make the table: %s", diff)
	}
}

func reversed(list []string) []string {
	out := slices.Clone(list)
	slices.Reverse(out)
	return out
}

// checkReadings checks the readings by COPY, the last of which is complete if that is said.
func (w *ordersWriter) checkReadings(t *testing.T, skipped int, readings []map[string]bool, complete bool) {
	t.Helper()
	if len(readings) == 0 {
		t.Error("the table was never read")
		return
	}
	for i, reading := range readings {
		whole := complete && i == len(readings)-1
		fits := slices.ContainsFunc(w.ends, func(end int) bool {
			return end >= skipped && (i > 0 || end == skipped) && matches(reading, w.state(end), whole)
		})
		if !fits {
			t.Errorf("reading %d of %d, of %d rows, is no state of the table (behind %d changes): it misses %s", i+1, len(readings), len(reading), skipped, missing(w.state(skipped), reading))
		}
	}
}

// matches reports whether what was read is a state, or part of it.
func matches(reading, state map[string]bool, whole bool) bool {
	for row := range reading {
		if !state[row] {
			return false
		}
	}
	return !whole || len(reading) == len(state)
}

// missing lists the rows of a state that were not read, and those that were and are not in it.
func missing(state, reading map[string]bool) string {
	var out []string
	for row := range state {
		if !reading[row] {
			out = append(out, "+"+row)
		}
	}
	for row := range reading {
		if !state[row] {
			out = append(out, "-"+row)
		}
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}

// state is the table after some changes.
func (w *ordersWriter) state(changes int) map[string]bool {
	rows := map[string]string{}
	put := func(row string) { rows[strings.Fields(row)[0]] = row }
	for i := range w.initial {
		put(w.initial[i].String())
	}
	for _, c := range w.changes[:changes] {
		if id, deleted := strings.CutPrefix(c, "d "); deleted {
			delete(rows, id)
			continue
		}
		put(c[2:])
	}
	out := map[string]bool{}
	for _, row := range rows {
		out[row] = true
	}
	return out
}
