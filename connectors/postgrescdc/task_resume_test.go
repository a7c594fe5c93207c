// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connectors/postgrescdc/pgtest"
)

const resumeDDL = `CREATE TABLE orders (id int PRIMARY KEY, v text, n int);
CREATE TABLE whole (id int PRIMARY KEY, v text); ALTER TABLE whole REPLICA IDENTITY FULL;
CREATE TABLE bare (a int, b text);
CREATE TABLE hidden (a int);
CREATE PUBLICATION dbz_publication FOR ALL TABLES;
INSERT INTO orders SELECT i, 'before', i FROM generate_series(1, 20) i`

// statements makes the statements of one transaction.
func statements(rnd *rand.Rand) []string {
	out := make([]string, 1+rnd.IntN(12))
	for i := range out {
		id := 1 + rnd.IntN(40)
		out[i] = []string{
			fmt.Sprintf("INSERT INTO orders VALUES (%d, 'x%d', 0) ON CONFLICT (id) DO UPDATE SET n = orders.n + 1", id, rnd.IntN(1000)),
			fmt.Sprintf("UPDATE orders SET n = n + 1 WHERE id %% 7 = %d", id%7),
			fmt.Sprintf("UPDATE orders SET id = id + 1000 * %d WHERE id = %d", 1+rnd.IntN(1000000)/7, id),
			fmt.Sprintf("DELETE FROM orders WHERE id = %d", id),
			fmt.Sprintf("INSERT INTO whole SELECT i, 'w' FROM generate_series(%d, %d) i ON CONFLICT DO NOTHING", id, id+5),
			fmt.Sprintf("UPDATE whole SET v = v || '.' WHERE id < %d", id),
			fmt.Sprintf("DELETE FROM whole WHERE id = %d", id),
			"INSERT INTO bare SELECT i, 'b' FROM generate_series(1, 3) i",
			"INSERT INTO hidden VALUES (1)",
			"TRUNCATE bare",
			fmt.Sprintf("SELECT pg_logical_emit_message(true, 'app', 'in %d')", id),
			fmt.Sprintf("SELECT pg_logical_emit_message(false, 'app', 'out %d')", rnd.IntN(1000)),
			fmt.Sprintf("SAVEPOINT a; INSERT INTO bare VALUES (%d, 'gone'); ROLLBACK TO a", id),
		}[rnd.IntN(13)]
	}
	return out
}

func (w *world) work(rnd *rand.Rand, transactions int) {
	for range transactions {
		end := "COMMIT"
		if rnd.IntN(8) == 0 {
			end = "ROLLBACK"
		}
		w.exec("BEGIN; " + strings.Join(statements(rnd), "; ") + "; " + end)
	}
	w.exec("INSERT INTO hidden VALUES (0)") // flushes messages of what was rolled back
}

// essence is a record without what differs from run to run.
func essence(r *connect.Record) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s", r.Topic, jsonText(r.Key))
	if r.Err != nil {
		return b.String() + r.Err.Error()
	}
	for _, h := range r.Headers {
		if !strings.HasPrefix(h.Key, "__debezium.context") {
			fmt.Fprintf(&b, " %s=%s", h.Key, jsonText(h.Value))
		}
	}
	st := r.Value.Struct()
	if st == nil {
		return b.String() + " " + jsonText(r.Value)
	}
	for i, f := range st.Schema.Fields() {
		if !strings.HasPrefix(f.Name, "ts_") {
			fmt.Fprintf(&b, " %s=%s", f.Name, jsonText(st.Values[i]))
		}
	}
	if strings.HasSuffix(r.Topic, ".message") { // outside of transactions they have the time of what came before
		return messageTime.ReplaceAllString(b.String(), "")
	}
	return b.String()
}

var messageTime = regexp.MustCompile(`"ts_..":[0-9]+`)

// copyOf is another connector on the same database.
func (w *world) copyOf(slot string) *world {
	c := *w
	c.props = maps.Clone(w.props)
	c.props["slot.name"] = slot
	c.stored, c.written = connect.Null(), nil
	return &c
}

// interrupted reads until the end with stops at random places: in the middle of a batch
// and of a transaction, with what was polled and not committed thrown away, and with the
// connection cut.
func (w *world) interrupted(rnd *rand.Rand, end lsn) {
	w.t.Helper()
	deadline := time.Now().Add(4 * patience)
	stops, inside := 0, 0
	defer func() {
		w.t.Logf("%d records, %d stops, %d of them inside of a transaction", len(w.written), stops, inside)
		if inside == 0 {
			w.t.Error("no stop was inside of a transaction")
		}
	}()
	for ; ; stops++ {
		if time.Now().After(deadline) {
			w.t.Fatal("the end of the stream is not reached")
		}
		r := w.start()
		done := r.batches(rnd, end, batchSizes{polls: 6, wait: 100 * time.Millisecond, records: 60})
		r.stop()
		if done {
			return
		}
		if w.stored.IsNull() {
			continue
		}
		if v, ok := w.stored.Get(memberCommit); ok && v.Int() != 0 {
			inside++
		}
	}
}

// batchSizes bounds what a run reads before it is stopped.
type batchSizes struct {
	polls, records int
	wait           time.Duration
}

// batches reads for a while, with the connection cut now and then, and throws away what
// was not committed. It reports the end.
func (r *taskRun) batches(rnd *rand.Rand, end lsn, most batchSizes) bool {
	for range 1 + rnd.IntN(most.polls) {
		if rnd.IntN(5) == 0 {
			r.w.exec("SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = '" + r.w.props["slot.name"] + "' AND active")
		}
		b := r.poll(most.wait, 1+rnd.IntN(most.records))
		n := len(b.Records)
		if n > 0 && rnd.IntN(3) == 0 {
			r.commit(b, rnd.IntN(n+1))
			return false
		}
		r.commit(b, n)
		if p := r.task.emitter.place; p.end >= end && p.commit == 0 {
			return true
		}
	}
	return false
}

func TestResumeRepeatsAndLosesNothing(t *testing.T) {
	t.Parallel()
	for _, metadata := range []string{"false", "true"} {
		t.Run("metadata "+metadata, func(t *testing.T) {
			t.Parallel()
			seed := uint64(time.Now().UnixNano())
			t.Logf("seed %d", seed)
			rnd := rand.New(rand.NewPCG(seed, 1))
			w := newWorld(t, resumeDDL, map[string]string{
				"snapshot.mode": "no_data", "publication.autocreate.mode": "disabled", "skipped.operations": "none",
				"table.exclude.list": "public.hidden", "provide.transaction.metadata": metadata, "status.update.interval.ms": "50",
			})
			other := w.copyOf(pgtest.Name(t, "o"))
			for _, c := range []*world{w, other} {
				w.exec("SELECT pg_create_logical_replication_slot('" + c.props["slot.name"] + "', 'pgoutput')")
			}
			w.work(rnd, 40)
			end := w.position()

			r := w.start()
			w.eventually("the stream is read", func() bool {
				b := r.poll(50*time.Millisecond, 1000)
				r.commit(b, len(b.Records))
				return r.task.emitter.place.end >= end
			})
			r.stop()
			other.interrupted(rnd, end)
			sameRecords(t, other.written, w.written)
			sameTable(t, w)
		})
	}
}

func (w *world) position() lsn {
	var at lsn
	if err := at.Scan(w.scalar("SELECT pg_current_wal_lsn()")); err != nil {
		w.t.Fatal(err)
	}
	return at
}

func sameRecords(t *testing.T, got, want []connect.Record) {
	t.Helper()
	for i := range min(len(got), len(want)) {
		if g, w := essence(&got[i]), essence(&want[i]); g != w {
			t.Fatalf("record %d:\ngot  %s\nwant %s", i, g, w)
		}
	}
	if len(got) != len(want) {
		t.Fatalf("%d records, want %d", len(got), len(want))
	}
}

// sameTable compares the table with what its records make of it.
func sameTable(t *testing.T, w *world) {
	t.Helper()
	state := map[string]string{}
	for i := 1; i <= 20; i++ {
		state[fmt.Sprint(i)] = fmt.Sprintf("before/%d", i)
	}
	for i := range w.written {
		r := &w.written[i]
		if r.Topic != "srv.public.orders" {
			continue
		}
		id, _ := r.Key.Get("id")
		after, ok := r.Value.Get("after")
		if !ok || after.IsNull() {
			delete(state, fmt.Sprint(id.Int()))
			continue
		}
		v, _ := after.Get("v")
		n, _ := after.Get("n")
		state[fmt.Sprint(id.Int())] = fmt.Sprintf("%s/%d", v.Str(), n.Int())
	}
	for _, row := range w.srv.MustQuery(t, w.db, "SELECT id, v || '/' || n FROM orders") {
		if state[row[0]] != row[1] {
			t.Errorf("row %s is %s, and by its records %q", row[0], row[1], state[row[0]])
		}
		delete(state, row[0])
	}
	for id, v := range state {
		t.Errorf("row %s (%s) is by its records, and not in the table", id, v)
	}
}
