// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/connectd/connectd/connect"
)

// ordersDone polls until no signal has anything left to be done and the stream is at end.
func (r *taskRun) ordersDone(end lsn) {
	r.w.t.Helper()
	r.w.eventually("everything is done that signals have asked for", func() bool {
		b := r.poll(50*time.Millisecond, 1000)
		r.commit(b, len(b.Records))
		e := r.task.emitter
		return e.place.end >= end && e.place.orders == orders{} && e.window == nil && r.task.blocking.run == nil
	})
}

// ofTopic are the records of a topic in short.
func (w *world) ofTopic(topic string) []string {
	var out []string
	for i := range w.written {
		if w.written[i].Topic == topic {
			out = append(out, line(&w.written[i]))
		}
	}
	return out
}

func TestBlockingSnapshot(t *testing.T) {
	t.Parallel()
	w := newWorld(t, signalDDL+`; CREATE TABLE a (id int PRIMARY KEY, v text); INSERT INTO a SELECT i, 'a' FROM generate_series(1, 3) i;
		CREATE TABLE b (id int, v text); INSERT INTO b SELECT i, 'b' || i FROM generate_series(1, 4) i;
		CREATE TABLE c (id int PRIMARY KEY, v text); INSERT INTO c SELECT i, 'c' || i FROM generate_series(1, 4) i; CREATE TABLE d (id int PRIMARY KEY)`,
		map[string]string{"snapshot.mode": "no_data", "signal.data.collection": "public.signals"})
	r := w.start()
	defer r.stop()
	w.signal("1", signalExecute, `{"data-collections": ["public[.][abc]", "public.none"], "type": "BLOCKING", "additional-conditions": [`+
		`{"data-collection": "public.b", "filter": "SELECT id, upper(v) AS v FROM public.b WHERE id > 2 ORDER BY id"}, {"data-collection": "public.c", "filter": "id = 3"}]}`)
	w.exec("INSERT INTO d VALUES (1)")
	r.ordersDone(w.position())
	w.exec("INSERT INTO d VALUES (2)")
	r.ordersDone(w.position())
	var got []string
	for i := range w.written {
		if l := line(&w.written[i]); !strings.Contains(l, ".d {") {
			got = append(got, l)
		}
	}
	want := []string{
		`srv.public.a {"id":1} r null {"id":1,"v":"a"} first`,
		`srv.public.a {"id":2} r null {"id":2,"v":"a"} true`,
		`srv.public.a {"id":3} r null {"id":3,"v":"a"} last_in_data_collection`,
		`srv.public.b null r null {"id":3,"v":"B3"} first_in_data_collection`,
		`srv.public.b null r null {"id":4,"v":"B4"} last_in_data_collection`,
		`srv.public.c {"id":3} r null {"id":3,"v":"c3"} last`,
	}
	if !slices.Equal(got[1:], want) {
		t.Errorf("got:\n%s\nwant:\n%s", strings.Join(got[1:], "\n"), strings.Join(want, "\n"))
	}
	if got := w.ofTopic("srv.public.d"); len(got) != 2 {
		t.Errorf("of the other table there is %v", got)
	}
}

// TestBlockingSnapshotFitsTheStream holds Poll back while rows change and are deleted: what
// the snapshot shows stands behind the changes that made it, and before all others.
func TestBlockingSnapshotFitsTheStream(t *testing.T) {
	t.Parallel()
	w := newWorld(t, signalDDL+`; CREATE TABLE a (id int PRIMARY KEY, v int); INSERT INTO a SELECT i, 0 FROM generate_series(1, 3) i`,
		map[string]string{"snapshot.mode": "no_data", "signal.data.collection": "public.signals"})
	r := w.start()
	defer r.stop()
	w.signal("1", signalExecute, `{"data-collections": ["public.a"], "type": "blocking"}`)
	w.eventually("the signal is read", func() bool {
		b := r.poll(50*time.Millisecond, 1)
		r.commit(b, len(b.Records))
		return r.task.emitter.place.blocking != nil
	})
	w.exec("UPDATE a SET v = 1 WHERE id = 1; DELETE FROM a WHERE id = 2")
	w.eventually("a snapshot is exported", func() bool {
		b := r.poll(time.Millisecond, 1)
		r.commit(b, len(b.Records))
		return r.task.blocking.run != nil && r.task.blocking.run.reader != nil
	})
	w.exec("UPDATE a SET v = 2 WHERE id = 1")
	r.ordersDone(w.position())
	want := []string{
		`srv.public.a {"id":1} u null {"id":1,"v":1} false`,
		`srv.public.a {"id":2} d {"id":2,"v":null} null false`,
		`srv.public.a {"id":2} tombstone`,
		`srv.public.a {"id":3} r null {"id":3,"v":0} first`,
		`srv.public.a {"id":1} r null {"id":1,"v":1} last`,
		`srv.public.a {"id":1} u null {"id":1,"v":2} false`,
	}
	if got := w.ofTopic("srv.public.a"); !slices.Equal(got, want) {
		t.Errorf("got:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestInterruptedBlockingSnapshot changes rows all the time, and stops at random places: in
// the end the records make the tables, and no record of a row is older than one before it.
func TestInterruptedBlockingSnapshot(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 4))
	w := newWorld(t, signalDDL+`; CREATE SEQUENCE versions; CREATE TABLE a (id int PRIMARY KEY, v text DEFAULT nextval('versions')); INSERT INTO a SELECT generate_series(1, 300);
		CREATE TABLE b (id int PRIMARY KEY, v text DEFAULT nextval('versions')); ALTER TABLE b REPLICA IDENTITY FULL; INSERT INTO b SELECT generate_series(1, 300)`,
		map[string]string{"snapshot.mode": "no_data", "signal.data.collection": "public.signals"})
	w.start().stop()
	w.signal("0", signalExecute, `{"data-collections": ["public.[ab]"], "type": "blocking"}`)
	for i := range 15 {
		r := w.start()
		for range 1 + rnd.IntN(8) {
			for _, table := range []string{"a", "b"} {
				w.exec(fmt.Sprintf("UPDATE %s SET v = nextval('versions') WHERE id %% 10 = %d; DELETE FROM %s WHERE id = %d; INSERT INTO %s VALUES (%d) ON CONFLICT DO NOTHING",
					table, rnd.IntN(10), table, rnd.IntN(300), table, rnd.IntN(300)))
			}
			b := r.poll(100*time.Millisecond, 1+rnd.IntN(100))
			n := len(b.Records)
			if n > 0 && rnd.IntN(3) == 0 {
				r.commit(b, rnd.IntN(n+1))
				break
			}
			r.commit(b, n)
		}
		r.stop()
		if i == 7 {
			w.signal("1", signalExecute, `{"data-collections": ["public.b"], "type": "blocking"}`)
		}
	}
	r := w.start()
	defer r.stop()
	r.ordersDone(w.position())
	w.checkState("a")
	w.checkState("b")
	w.checkVersions()
}

// checkVersions checks that column v of a row never goes back.
func (w *world) checkVersions() {
	w.t.Helper()
	newest, read := map[string]int64{}, 0
	for i := range w.written {
		rec := &w.written[i]
		after, _ := rec.Value.Get("after")
		v, ok := after.Get("v")
		if !ok || after.IsNull() {
			continue
		}
		if op, _ := rec.Value.Get("op"); op.Str() == "r" {
			read++
		}
		key := rec.Topic + jsonText(rec.Key)
		version, err := strconv.ParseInt(v.Str(), 10, 64)
		if err != nil {
			w.t.Fatal(err)
		}
		if version < newest[key] {
			w.t.Errorf("record %d takes %s from %d back to %d", i, key, newest[key], version)
		}
		newest[key] = version
	}
	if read == 0 {
		w.t.Error("nothing was read")
	}
}

// TestBlockingSnapshotBesideWriters reads again and again while others write: the stream must
// not be ahead of the snapshot when its rows are written.
func TestBlockingSnapshotBesideWriters(t *testing.T) {
	t.Parallel()
	w := newWorld(t, `CREATE SEQUENCE versions; CREATE TABLE a (id int PRIMARY KEY, v text DEFAULT nextval('versions')); INSERT INTO a SELECT generate_series(1, 20)`,
		map[string]string{"snapshot.mode": "no_data"})
	r := w.start()
	defer r.stop()
	ctx, cancel := context.WithCancel(t.Context())
	var writers sync.WaitGroup
	defer writers.Wait()
	defer cancel()
	writers.Go(func() {
		conn, err := w.settings().openSQL(ctx, roleCatalog)
		if err != nil {
			t.Error(err)
			return
		}
		defer hangUp(conn.PgConn())
		for i := 0; ctx.Err() == nil; i++ {
			if err := run(ctx, conn.PgConn(), fmt.Sprintf("UPDATE a SET v = nextval('versions') WHERE id = %d", 1+i%20)); err != nil && ctx.Err() == nil {
				t.Error(err)
				return
			}
		}
	})
	for range 15 {
		r.task.emitter.obey("test", connect.Signal{Type: signalExecute, Data: `{"data-collections": ["public.a"], "type": "blocking"}`})
		r.ordersDone(0)
	}
	w.checkVersions()
}

func TestBlockingSnapshotThatCannotBeRead(t *testing.T) {
	t.Parallel()
	w := newWorld(t, signalDDL+`; CREATE TABLE a (id int PRIMARY KEY); INSERT INTO a VALUES (1)`,
		map[string]string{"snapshot.mode": "no_data", "signal.data.collection": "public.signals"})
	r := w.start()
	defer r.stop()
	w.signal("1", signalExecute, `{"data-collections": ["public.a"], "type": "blocking", "additional-conditions": [{"data-collection": "public.a", "filter": "nonsense ="}]}`)
	w.signal("2", signalExecute, `{"data-collections": ["public.none"], "type": "blocking"}`)
	w.signal("3", signalExecute, `{"data-collections": ["public.a"], "type": "blocking"}`)
	r.ordersDone(w.position())
	if got := w.ofTopic("srv.public.a"); !slices.Equal(got, []string{`srv.public.a {"id":1} r null {"id":1} last`}) {
		t.Errorf("got %v", got)
	}
}

// TestBlockingSnapshotIsStopped ends one whose rows nobody takes.
func TestBlockingSnapshotIsStopped(t *testing.T) {
	t.Parallel()
	w := newWorld(t, signalDDL+`; CREATE TABLE a (id int PRIMARY KEY, v text); INSERT INTO a SELECT i, repeat('x', 1000) FROM generate_series(1, 5000) i`,
		map[string]string{"snapshot.mode": "no_data", "signal.data.collection": "public.signals"})
	r := w.start()
	defer r.stop()
	w.signal("1", signalExecute, `{"data-collections": ["public.a"], "type": "blocking"}`)
	w.eventually("the first rows are written", func() bool {
		b := r.poll(50*time.Millisecond, 10)
		r.commit(b, len(b.Records))
		return len(w.ofTopic("srv.public.a")) > 0
	})
	r.task.emitter.obey("test", connect.Signal{Type: signalStop, Data: `{"data-collections": ["public.a"], "type": "blocking"}`})
	r.ordersDone(w.position())
	if n := len(w.ofTopic("srv.public.a")); n >= 5000 {
		t.Errorf("%d rows were written", n)
	}
}
