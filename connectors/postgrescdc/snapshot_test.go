// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/connectd/connectd/connect"
)

// state applies records to an empty database: by topic and key, the values of the row.
func state(t testing.TB, records []connect.Record) map[string]string {
	t.Helper()
	out := map[string]string{}
	for i := range records {
		r := &records[i]
		if r.Err != nil {
			t.Fatal(r.Err)
		}
		key := r.Topic + " " + jsonText(r.Key)
		if after, ok := r.Value.Get("after"); ok && !after.IsNull() {
			out[key] = jsonText(after)
		} else {
			delete(out, key)
		}
	}
	return out
}

// checkState compares what the records make of a table with the table.
func (w *world) checkState(table string) {
	w.t.Helper()
	got := state(w.t, w.written)
	prefix := "srv.public." + table + " "
	n := 0
	for _, row := range w.srv.MustQuery(w.t, w.db, "SELECT id, v FROM "+table) {
		n++
		want := fmt.Sprintf(`{"id":%s,"v":"%s"}`, row[0], row[1])
		if g := got[prefix+`{"id":`+row[0]+`}`]; g != want {
			w.t.Fatalf("%s: row %s is %q by its records, want %s", table, row[0], g, want)
		}
	}
	for key := range got {
		if strings.HasPrefix(key, prefix) {
			n--
		}
	}
	if n != 0 {
		w.t.Fatalf("%s: there are %d rows more in the table than by the records", table, n)
	}
}

// unfinished reports whether the stored offset is in a snapshot.
func (w *world) unfinished() bool {
	w.t.Helper()
	p, err := parseOffset(w.stored)
	if err != nil {
		w.t.Fatal(err)
	}
	return p.snapshot != nil && !p.snapshot.completed
}

// TestInterruptedSnapshot stops in the middle of snapshots, changes rows meanwhile, and
// goes on: tables that were finished are not read again, and the stream fits to all.
func TestInterruptedSnapshot(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 2))
	w := newWorld(t, `CREATE TABLE a (id int PRIMARY KEY, v text); CREATE TABLE b (id int PRIMARY KEY, v text); CREATE TABLE c (id int PRIMARY KEY, v text); CREATE TABLE d (id int PRIMARY KEY, v text);
		INSERT INTO a SELECT i, 'a' FROM generate_series(1, 300) i; INSERT INTO b SELECT i, 'b' FROM generate_series(1, 300) i; INSERT INTO d SELECT i, 'd' FROM generate_series(1, 300) i`,
		map[string]string{"snapshot.max.threads": "2", "incremental.snapshot.chunk.size": "40"})
	change := func() {
		for _, table := range []string{"a", "b", "c", "d"} {
			w.exec(fmt.Sprintf("UPDATE %s SET v = v || '+' WHERE id %% 10 = %d; DELETE FROM %s WHERE id = %d; INSERT INTO %s VALUES (%d, 'new') ON CONFLICT DO NOTHING", table, rnd.IntN(10), table, rnd.IntN(300), table, rnd.IntN(1000)))
		}
	}
	stops := 0
	for w.stored.IsNull() || w.unfinished() && stops < 20 {
		stops++
		r := w.start()
		for range 1 + rnd.IntN(5) {
			b := r.poll(200*time.Millisecond, 100)
			if rnd.IntN(3) == 0 {
				r.commit(b, rnd.IntN(len(b.Records)+1))
				break
			}
			r.commit(b, len(b.Records))
		}
		change()
		r.stop()
	}
	t.Logf("%d stops", stops)
	r := w.start()
	defer r.stop()
	r.incrementalDone(w.position())
	for _, table := range []string{"a", "b", "c", "d"} {
		w.checkState(table)
	}
}

func TestFinishedTablesAreNotReadAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, `CREATE TABLE a (id int PRIMARY KEY, v text); CREATE TABLE b (id int PRIMARY KEY, v text);
		INSERT INTO a SELECT i, 'a' FROM generate_series(1, 10) i; INSERT INTO b SELECT i, 'b' FROM generate_series(1, 10) i`, nil)
	r := w.start()
	for len(w.written) < 10 {
		b := r.poll(patience, 10-len(w.written))
		r.commit(b, len(b.Records))
	}
	r.stop()
	w.exec("UPDATE a SET v = 'a2' WHERE id = 1; UPDATE b SET v = 'b2' WHERE id = 1")
	r = w.start()
	defer r.stop()
	r.until(21)
	var got []string
	for i := range w.written[10:] {
		got = append(got, line(&w.written[10+i]))
	}
	if got[0] != `srv.public.b {"id":2} r null {"id":2,"v":"b"} first` {
		t.Errorf("the second run begins with %s", got[0])
	}
	if last := got[len(got)-1]; last != `srv.public.a {"id":1} u null {"id":1,"v":"a2"} false` {
		t.Errorf("behind the snapshot comes %s", last)
	}
	w.checkState("a")
	w.checkState("b")
}

func TestParallelSnapshot(t *testing.T) {
	t.Parallel()
	w := newWorld(t, `CREATE TABLE big (id int PRIMARY KEY, v text); ALTER TABLE big ALTER v SET STORAGE PLAIN;
		INSERT INTO big SELECT i, repeat('x', 1000) || i FROM generate_series(1, 20000) i; CREATE TABLE small (id int PRIMARY KEY, v text); INSERT INTO small VALUES (1, E'tab\t nl\n back\\ \\N')`,
		map[string]string{"snapshot.max.threads": "3"})
	r := w.start()
	defer r.stop()
	snapshotted(r)
	if n := len(r.w.written); n != 20001 {
		t.Fatalf("%d records, want 20001", n)
	}
	for i, want := range map[int]string{0: "first", 1: "true", 19999: "last_in_data_collection", 20000: "last"} {
		source, _ := w.written[i].Value.Get("source")
		if got, _ := source.Get("snapshot"); got.Str() != want {
			t.Errorf("record %d is marked %s, want %s", i, got.Str(), want)
		}
	}
	after, _ := w.written[20000].Value.Get("after")
	if v, _ := after.Get("v"); v.Str() != "tab\t nl\n back\\ \\N" {
		t.Errorf("the text arrives as %q", v.Str())
	}
	w.checkState("big")
}

func TestSnapshotModes(t *testing.T) {
	t.Parallel()
	const ddl = "CREATE TABLE a (id int PRIMARY KEY, v text); INSERT INTO a VALUES (1, 'one')"
	read, changed := `srv.public.a {"id":1} r null {"id":1,"v":"one"} last`, `srv.public.a {"id":2} c null {"id":2,"v":"two"} false`
	again := `srv.public.a {"id":2} r null {"id":2,"v":"two"} last`
	first := `srv.public.a {"id":1} r null {"id":1,"v":"one"} first`
	third := `srv.public.a {"id":3} c null {"id":3,"v":"three"} false`
	for _, c := range []struct {
		mode string
		want []string
	}{
		{"initial", []string{read, changed, third}},
		{"when_needed", []string{read, changed, third}},
		{"no_data", []string{changed, third}},
		{"always", []string{read, changed, first, again, third}},
		{"initial_only", []string{read}},
	} {
		t.Run(c.mode, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, ddl, map[string]string{"snapshot.mode": c.mode})
			r := w.start()
			w.exec("INSERT INTO a VALUES (2, 'two')")
			for len(w.written) < min(2, len(c.want)) && (c.mode != "no_data" || len(w.written) < 1) {
				b := r.poll(patience, 100)
				r.commit(b, len(b.Records))
			}
			r.stop()
			r = w.start()
			defer r.stop()
			if r.task.snapshot != nil {
				snapshotted(r)
			}
			w.exec("INSERT INTO a VALUES (3, 'three')")
			r.until(len(c.want))
			if b := r.poll(200*time.Millisecond, 100); len(b.Records) > 0 {
				t.Errorf("there is a record too many: %s", line(&b.Records[0]))
			}
			for i, want := range c.want {
				if got := line(&w.written[i]); got != want {
					t.Errorf("record %d is %s, want %s", i, got, want)
				}
			}
		})
	}
}

// TestSnapshotBreaksOff ends the sessions that read, in the middle of a table.
func TestSnapshotBreaksOff(t *testing.T) {
	t.Parallel()
	w := newWorld(t, `CREATE TABLE a (id int PRIMARY KEY, v text); INSERT INTO a SELECT i, 'a' FROM generate_series(1, 10) i;
		CREATE TABLE b (id int PRIMARY KEY, v text); ALTER TABLE b ALTER v SET STORAGE PLAIN; INSERT INTO b SELECT i, repeat('b', 1000) FROM generate_series(1, 10000) i`, nil)
	r := w.start()
	defer r.stop()
	for len(w.written) < 100 {
		b := r.poll(patience, 100)
		r.commit(b, len(b.Records))
	}
	w.exec("UPDATE b SET v = 'c' WHERE id < 10; DELETE FROM b WHERE id = 20")
	w.exec("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
	snapshotted(r)
	w.exec("INSERT INTO a VALUES (11, 'end')")
	r.incrementalDone(w.position())
	w.checkState("a")
	w.checkState("b")
}
