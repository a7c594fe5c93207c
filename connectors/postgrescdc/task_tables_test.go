// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/connectd/connectd/connect"
)

func (w *world) lines() []string {
	out := make([]string, len(w.written))
	for i := range w.written {
		out[i] = line(&w.written[i])
	}
	return out
}

// TestNewTables creates tables while the connector runs, and while it does not.
func TestNewTables(t *testing.T) {
	t.Parallel()
	w := newWorld(t, oneTable, map[string]string{"table.include.list": "public.[a-c]"})
	r := &taskRun{w: w, task: &task{lookEvery: 50 * time.Millisecond}}
	r.begin(t)
	snapshotted(r)
	w.exec("CREATE TABLE b (id int PRIMARY KEY, v text); INSERT INTO b VALUES (1, 'before')")
	w.exec("CREATE TABLE x (id int PRIMARY KEY)")
	r.until(2)
	w.exec("INSERT INTO b VALUES (2, 'behind')")
	r.until(3)
	r.stop()
	w.exec("CREATE TABLE c (id int PRIMARY KEY, v text); INSERT INTO c VALUES (1, 'meanwhile')")
	r = w.start()
	defer r.stop()
	r.until(4)
	want := []string{
		`srv.public.a {"id":1} r null {"id":1,"v":"one"} last`,
		`srv.public.b {"id":1} r null {"id":1,"v":"before"} incremental`,
		`srv.public.b {"id":2} c null {"id":2,"v":"behind"} false`,
		`srv.public.c {"id":1} r null {"id":1,"v":"meanwhile"} incremental`,
	}
	if got := w.lines(); !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestTooManyTables(t *testing.T) {
	t.Parallel()
	w := newWorld(t, oneTable+"; CREATE TABLE b (id int)", map[string]string{"guardrail.collections.max": "1", "guardrail.collections.limit.action": "fail"})
	r, err := w.tryStart()
	r.stop()
	if err == nil || !strings.Contains(err.Error(), "there are 2, and guardrail.collections.max is 1") {
		t.Errorf("the start ends with %v", err)
	}
}

// TestValuesWithoutPlace has values that the schema of their column cannot hold.
func TestValuesWithoutPlace(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ mode, want string }{
		{"warn", `srv.public.n {"id":1} c null {"id":1,"v":null} false`},
		{"skip", `srv.public.n {"id":1} c null {"id":1,"v":null} false`},
		{"fail", `srv.public.n error read change at `},
	} {
		t.Run(c.mode, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, "CREATE TABLE n (id int PRIMARY KEY, v numeric(5,2))", map[string]string{"snapshot.mode": "no_data", "event.converting.failure.handling.mode": c.mode})
			r := w.start()
			defer r.stop()
			w.exec("INSERT INTO n VALUES (1, 'NaN')")
			w.exec("INSERT INTO n VALUES (2, 1)")
			r.until(2)
			if got := w.lines(); !strings.HasPrefix(got[0], c.want) || !strings.HasPrefix(got[1], `srv.public.n {"id":2} c`) {
				t.Errorf("got %v, want %s", got, c.want)
			}
			if err := w.written[0].Err; err != nil && len(w.written[0].RawValue) == 0 {
				t.Error("the error has no bytes")
			}
		})
	}
}

// TestUnavailableColumns is told which values the server has not sent.
func TestUnavailableColumns(t *testing.T) {
	t.Parallel()
	w := newWorld(t, `CREATE TABLE d (id int PRIMARY KEY, n int, big text, more text); ALTER TABLE d ALTER big SET STORAGE EXTERNAL, ALTER more SET STORAGE EXTERNAL;
		CREATE TABLE f (id int PRIMARY KEY, n int, big text); ALTER TABLE f ALTER big SET STORAGE EXTERNAL, REPLICA IDENTITY FULL`,
		map[string]string{"snapshot.mode": "no_data"})
	r := w.start()
	defer r.stop()
	w.exec("INSERT INTO d VALUES (1, 1, repeat('x', 10000), repeat('y', 10000)); INSERT INTO f VALUES (1, 1, repeat('x', 10000))")
	w.exec("UPDATE d SET n = 2; UPDATE f SET n = 2")
	r.until(4)
	header := func(rec *connect.Record) string {
		for _, h := range rec.Headers {
			if h.Key == headerUnavailable {
				return jsonText(h.Value)
			}
		}
		return ""
	}
	if got := header(&w.written[2]); got != `["big","more"]` {
		t.Errorf("the header is %s", got)
	}
	after, _ := w.written[3].Value.Get("after")
	if big, _ := after.Get("big"); header(&w.written[3]) != "" || big.Len() != 10000 {
		t.Errorf("with the whole row in the log the value has %d bytes, and the header is %s", big.Len(), header(&w.written[3]))
	}
}

// TestNewTableWithOpenTransaction writes to a new table in a transaction that begins
// before the table is published, and ends behind that: the row is in no message.
func TestNewTableWithOpenTransaction(t *testing.T) {
	t.Parallel()
	w := newWorld(t, oneTable, map[string]string{"table.include.list": "public.[ab]"})
	r := &taskRun{w: w, task: &task{lookEvery: 50 * time.Millisecond}}
	r.begin(t)
	defer r.stop()
	snapshotted(r)
	session, err := w.settings().openSQL(t.Context(), roleSnapshot)
	if err != nil {
		t.Fatal(err)
	}
	conn := session.PgConn()
	defer hangUp(conn)
	w.exec("CREATE TABLE b (id int PRIMARY KEY, v text); INSERT INTO b VALUES (1, 'before')")
	if err := run(t.Context(), conn, "BEGIN; INSERT INTO b VALUES (2, 'late')"); err != nil {
		t.Fatal(err)
	}
	w.eventually("the table is published", func() bool {
		b := r.poll(20*time.Millisecond, 100)
		r.commit(b, len(b.Records))
		return w.scalar("SELECT count(*) FROM pg_publication_tables WHERE tablename = 'b'") == "1"
	})
	if err := run(t.Context(), conn, "COMMIT"); err != nil {
		t.Fatal(err)
	}
	r.until(3)
	w.checkState("b")
}
