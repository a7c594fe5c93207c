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

const signalDDL = "CREATE TABLE signals (id varchar(42) PRIMARY KEY, type varchar(32), data varchar(2048))"

func (w *world) signal(id, kind, data string) {
	w.t.Helper()
	w.exec(fmt.Sprintf("INSERT INTO signals VALUES ('%s', '%s', '%s')", id, kind, data))
}

// incrementalDone polls until nothing is left to be read and the stream is at end.
func (r *taskRun) incrementalDone(end lsn) {
	r.w.t.Helper()
	r.w.eventually("the incremental snapshot is done", func() bool {
		b := r.poll(50*time.Millisecond, 1000)
		r.commit(b, len(b.Records))
		e := r.task.emitter
		return e.place.end >= end && e.place.incremental == nil && e.window == nil
	})
}

func TestIncrementalSnapshot(t *testing.T) {
	t.Parallel()
	w := newWorld(t, signalDDL+`; CREATE TABLE a (id int PRIMARY KEY, v text); INSERT INTO a SELECT i, 'a' FROM generate_series(1, 25) i;
		CREATE TABLE b (x text, y int, PRIMARY KEY (y, x)); INSERT INTO b VALUES ('it''s', 1), (E'tab\t', 1), ('z', 0); CREATE TABLE nokey (id int, v text); INSERT INTO nokey VALUES (1, 'x')`,
		map[string]string{"snapshot.mode": "no_data", "signal.data.collection": "public.signals", "incremental.snapshot.chunk.size": "10"})
	r := w.start()
	defer r.stop()
	w.signal("1", signalExecute, `{"data-collections": ["public.a", "public.b", "public.nokey", "public.none"], "type": "incremental"}`)
	w.exec("INSERT INTO a VALUES (100, 'new')")
	r.incrementalDone(w.position())
	var got []string
	for i := range w.written {
		got = append(got, line(&w.written[i]))
	}
	if !strings.HasPrefix(got[0], `srv.public.signals {"id":"1"} c null {"id":"1","type":"execute-snapshot",`) {
		t.Errorf("the row of the signal is %s", got[0])
	}
	got = got[1:]
	if got[0] != `srv.public.a {"id":100} c null {"id":100,"v":"new"} false` || got[1] != `srv.public.a {"id":1} r null {"id":1,"v":"a"} incremental` {
		t.Errorf("the records begin with %s, %s", got[0], got[1])
	}
	if n := len(got); n != 1+26+3 && n != 1+25+3 {
		t.Fatalf("%d records: %v", n, got)
	}
	for i, want := range []string{`srv.public.b {"y":0,"x":"z"} r null {"x":"z","y":0} incremental`} {
		if got := got[len(got)-3+i]; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	source, _ := w.written[2].Value.Get("source")
	for _, member := range []string{"txId", "lsn", "xmin"} {
		if v, ok := source.Get(member); !ok || !v.IsNull() {
			t.Errorf("source.%s is %s, want null", member, jsonText(v))
		}
	}
	w.checkState("a")
}

func TestIncrementalSnapshotWithFilter(t *testing.T) {
	t.Parallel()
	w := newWorld(t, signalDDL+`; CREATE TABLE a (id int PRIMARY KEY, v text); INSERT INTO a SELECT i, 'v' || i % 2 FROM generate_series(1, 25) i`,
		map[string]string{"snapshot.mode": "no_data", "signal.data.collection": "public.signals", "incremental.snapshot.chunk.size": "3"})
	r := w.start()
	defer r.stop()
	w.signal("1", signalExecute, `{"data-collections": ["public.a"], "additional-conditions": [{"data-collection": "public.a", "filter": "v = ''v0''"}]}`)
	r.incrementalDone(w.position())
	if n := len(w.written) - 1; n != 12 {
		t.Errorf("%d records of the table, want 12", n)
	}
}

// TestInterruptedIncrementalSnapshot changes rows all the time, and stops at random
// places: in the end the records make the tables.
func TestInterruptedIncrementalSnapshot(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 3))
	w := newWorld(t, signalDDL+`; CREATE TABLE a (id int PRIMARY KEY, v text); INSERT INTO a SELECT i, 'a' FROM generate_series(1, 200) i;
		CREATE TABLE b (id int PRIMARY KEY, v text); ALTER TABLE b REPLICA IDENTITY FULL; INSERT INTO b SELECT i, 'b' FROM generate_series(1, 200) i`,
		map[string]string{"snapshot.mode": "no_data", "signal.data.collection": "public.signals", "incremental.snapshot.chunk.size": "20"})
	w.start().stop()
	w.signal("1", signalExecute, `{"data-collections": ["public.[ab]"]}`)
	for range 15 {
		r := w.start()
		for range 1 + rnd.IntN(8) {
			for _, table := range []string{"a", "b"} {
				w.exec(fmt.Sprintf("UPDATE %s SET v = v || '+' WHERE id %% 10 = %d; DELETE FROM %s WHERE id = %d; UPDATE %s SET id = 1000 + %d + (SELECT max(id) FROM %s) WHERE id = %d",
					table, rnd.IntN(10), table, rnd.IntN(200), table, rnd.IntN(1000), table, rnd.IntN(200)))
			}
			b := r.poll(50*time.Millisecond, 1+rnd.IntN(50))
			n := len(b.Records)
			if n > 0 && rnd.IntN(3) == 0 {
				r.commit(b, rnd.IntN(n+1))
				break
			}
			r.commit(b, n)
		}
		r.stop()
	}
	r := w.start()
	defer r.stop()
	r.incrementalDone(w.position())
	w.checkState("a")
	w.checkState("b")
}

func TestSignals(t *testing.T) {
	t.Parallel()
	ab := `{"data-collections":["public.a","public.b"]}`
	for _, c := range []struct{ name, before, kind, data, want, err string }{
		{"execute", "", signalExecute, ab, `{"tables":[{"name":"public.a","pattern":true},{"name":"public.b","pattern":true}]}`, ""},
		{"execute more", `{"tables":[{"name":"public.x"}],"after":["1"]}`, signalExecute, `{"data-collections":["public.a"]}`, `{"tables":[{"name":"public.x"},{"name":"public.a","pattern":true}],"after":["1"]}`, ""},
		{"a condition", "", signalExecute, `{"data-collections":["public.a"],"additional-condition":"x > 1"}`, `{"tables":[{"name":"public.a","filter":"x \u003e 1","pattern":true}]}`, ""},
		{"no tables", "", signalExecute, `{}`, ``, "read data of signal execute-snapshot: data-collections is empty"},
		{"no JSON", "", signalExecute, `x`, ``, "read data of signal execute-snapshot: invalid character 'x' looking for beginning of value"},
		{"stop all", `{"tables":[{"name":"public.x"}]}`, signalStop, ``, ``, ""},
		{"stop all but those of the snapshot", `{"tables":[{"name":"public.x","begun":true},{"name":"public.y"}],"after":["1"],"rows":3}`, signalStop, ``, `{"tables":[{"name":"public.x","begun":true}],"after":["1"],"rows":3}`, ""},
		{"stop one of the snapshot", `{"tables":[{"name":"public.x","begun":true}]}`, signalStop, `{"data-collections":["public.x"]}`, `{"tables":[{"name":"public.x","begun":true}]}`, ""},
		{"stop one", `{"tables":[{"name":"public.x"},{"name":"public.y"}],"after":["1"]}`, signalStop, `{"data-collections":["public.x"]}`, `{"tables":[{"name":"public.y"}]}`, ""},
		{"pause", `{"tables":[{"name":"public.x"}],"after":["1"]}`, signalPause, ``, `{"tables":[{"name":"public.x"}],"after":["1"],"paused":true}`, ""},
		{"resume", `{"tables":[{"name":"public.x"}],"paused":true}`, signalResume, ``, `{"tables":[{"name":"public.x"}]}`, ""},
		{"pause nothing", ``, signalPause, ``, ``, ""},
		{"conditions of some tables", "", signalExecute, `{"data-collections":["public[.].*"],"additional-conditions":[{"data-collection":"public.a","filter":"x = 1"}]}`,
			`{"tables":[{"name":"public[.].*","pattern":true,"conditions":[{"data-collection":"public.a","filter":"x = 1"}]}]}`, ""},
		{"a snapshot of an unknown type", "", signalExecute, `{"data-collections":["public.a"],"type":"full"}`, ``, `read data of signal execute-snapshot: the type "full" of a snapshot is not known; it is incremental or blocking`},
		{"a surrogate key", "", signalExecute, `{"data-collections":["public.a"],"surrogate-key":"x"}`, ``, `read data of signal execute-snapshot: surrogate-key is not available here: tables are read by their primary key`},
		{"no expression", "", signalStop, `{"data-collections":["(a"]}`, ``, "read data of signal stop-snapshot: '(a' is not a valid regular expression: missing closing ): `(?i)^(?:(a)$`; look-around, back-references, possessive quantifiers and operations on classes are not available"},
		{"long data", "", signalLog, `{"message":"` + strings.Repeat("x", signalBytes) + `"}`, ``, "read data of signal log: it has 65550 bytes, and may have 65536"},
		{"unknown", ``, "dance", ``, ``, `read signal: the type "dance" is not known; it is one of execute-snapshot, stop-snapshot, pause-snapshot, resume-snapshot, log`},
		{"nearly known", ``, "execute-snapshots", ``, ``, `read signal: the type "execute-snapshots" is not known; it is one of execute-snapshot, stop-snapshot, pause-snapshot, resume-snapshot, log; did you mean execute-snapshot?`},
		{"of another connector", ``, "set-binlog-position", ``, ``, `read signal: the type "set-binlog-position" is not available here: there is no binary log; alter the connector's offset while it is stopped`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var n *incremental
			if c.before != "" {
				var err error
				if n, err = parseIncremental(c.before); err != nil {
					t.Fatal(err)
				}
			}
			all, _, err := orders{incremental: n}.obey(connect.Signal{Type: c.kind, Data: c.data})
			next := all.incremental
			if (err != nil || c.err != "") && (err == nil || err.Error() != c.err) {
				t.Fatalf("error %v, want %s", err, c.err)
			}
			got := ""
			if next != nil {
				got = next.text()
			}
			if got != c.want {
				t.Errorf("left is %s, want %s", got, c.want)
			}
		})
	}
}
