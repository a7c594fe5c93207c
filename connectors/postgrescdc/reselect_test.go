// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/connectd/connectd/connect"
)

// large is SQL for a value that does not fit into a row, and stored elsewhere.
func large(letter string) string { return "repeat('" + letter + "', 20000)" }

const largeTable = `CREATE TABLE t (id int PRIMARY KEY, n int, big text, other text);
	ALTER TABLE t ALTER big SET STORAGE EXTERNAL, ALTER other SET STORAGE EXTERNAL;
	INSERT INTO t SELECT i, 0, repeat('b', 20000), repeat('o', 20000) FROM generate_series(1, 9) i`

// reselectWorld is one whose stream begins behind ddl.
func reselectWorld(t *testing.T, ddl string, pairs ...string) *world {
	props := map[string]string{"snapshot.mode": "no_data", "post.processors": "reselector", "reselector.type": reselectorType}
	for i := 0; i < len(pairs); i += 2 {
		props[pairs[i]] = pairs[i+1]
	}
	w := newWorld(t, ddl, props)
	w.log = testLog()
	return w
}

// short writes the rows of a record with large values as their first letter.
func short(r *connect.Record) string {
	text := line(r)
	for _, letter := range []string{"b", "o", "x", "y"} {
		text = strings.ReplaceAll(text, strings.Repeat(letter, 20000), strings.ToUpper(letter))
	}
	text = strings.ReplaceAll(text, "__debezium_unavailable_value", "?")
	for _, h := range r.Headers {
		if h.Key == headerUnavailable {
			text += " " + jsonText(h.Value)
		}
	}
	return strings.TrimPrefix(text, "srv.public.")
}

func TestReselect(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, ddl, sql string
		pairs          []string
		want           []string
	}{
		{"large values", largeTable, "UPDATE t SET n = 1 WHERE id = 1", nil, []string{`t {"id":1} u null {"id":1,"n":1,"big":"B","other":"O"} false`}},
		{"some columns", largeTable, "UPDATE t SET n = 1 WHERE id = 1", []string{"reselector.reselect.columns.include.list", "PUBLIC.t:b.*"},
			[]string{`t {"id":1} u null {"id":1,"n":1,"big":"B","other":"?"} false ["other"]`}},
		{"all but some columns", largeTable, "UPDATE t SET n = 1 WHERE id = 1", []string{"reselector.reselect.columns.exclude.list", "public.t:big"},
			[]string{`t {"id":1} u null {"id":1,"n":1,"big":"?","other":"O"} false ["big"]`}},
		{"not wanted", largeTable, "UPDATE t SET n = 1 WHERE id = 1", []string{"reselector.reselect.unavailable.values", "false"},
			[]string{`t {"id":1} u null {"id":1,"n":1,"big":"?","other":"?"} false ["big","other"]`}},
		{"the row is gone", largeTable, "BEGIN; UPDATE t SET n = 1 WHERE id < 3; DELETE FROM t WHERE id = 1; COMMIT", nil, []string{
			`t {"id":1} u null {"id":1,"n":1,"big":"?","other":"?"} false ["big","other"]`,
			`t {"id":2} u null {"id":2,"n":1,"big":"B","other":"O"} false`,
			`t {"id":1} d {"id":1,"n":null,"big":null,"other":null} null false`, `t {"id":1} tombstone`}},
		{"the value is newer than the change", largeTable, "BEGIN; UPDATE t SET n = 1 WHERE id = 1; UPDATE t SET big = " + large("x") + " WHERE id = 1; COMMIT", nil, []string{
			`t {"id":1} u null {"id":1,"n":1,"big":"X","other":"O"} false`, `t {"id":1} u null {"id":1,"n":1,"big":"X","other":"O"} false`}},
		{"a change of the key", largeTable, "UPDATE t SET id = 100 WHERE id = 1", nil, []string{
			`t {"id":1} d {"id":1,"n":null,"big":null,"other":null} null false`, `t {"id":1} tombstone`,
			`t {"id":100} c null {"id":100,"n":0,"big":"B","other":"O"} false`}},
		{"the key changes later", largeTable, "UPDATE t SET n = 1 WHERE id = 1; UPDATE t SET id = 100 WHERE id = 1", []string{"tombstones.on.delete", "false"}, []string{
			`t {"id":1} u null {"id":1,"n":1,"big":"?","other":"?"} false ["big","other"]`,
			`t {"id":1} d {"id":1,"n":null,"big":null,"other":null} null false`,
			`t {"id":100} c null {"id":100,"n":1,"big":"B","other":"O"} false`}},
		{"nulls", "CREATE TABLE t (id int PRIMARY KEY, a text, d text DEFAULT 'd')", "INSERT INTO t VALUES (1, NULL, NULL), (2, NULL, 'x'); UPDATE t SET a = 'a', d = 'e' WHERE id = 1", nil, []string{
			`t {"id":1} c null {"id":1,"a":"a","d":null} false`, `t {"id":2} c null {"id":2,"a":null,"d":"x"} false`, `t {"id":1} u null {"id":1,"a":"a","d":"e"} false`}},
		{"no nulls", "CREATE TABLE t (id int PRIMARY KEY, a text)", "INSERT INTO t VALUES (1, NULL); UPDATE t SET a = 'a' WHERE id = 1", []string{"reselector.reselect.null.values", "false"}, []string{
			`t {"id":1} c null {"id":1,"a":null} false`, `t {"id":1} u null {"id":1,"a":"a"} false`}},
		{"the column is gone", largeTable, "UPDATE t SET n = 1 WHERE id = 1; ALTER TABLE t DROP COLUMN other", nil,
			[]string{`t {"id":1} u null {"id":1,"n":1,"big":"?","other":"?"} false ["big","other"]`}},
		{"another table of the same name", largeTable, "UPDATE t SET n = 1 WHERE id = 1; ALTER TABLE t RENAME TO old; CREATE TABLE t (LIKE old); INSERT INTO t SELECT id, 5, 'not', 'not' FROM old WHERE false", nil,
			[]string{`t {"id":1} u null {"id":1,"n":1,"big":"?","other":"?"} false ["big","other"]`}},
		{"masked", largeTable, "UPDATE t SET n = 1 WHERE id = 1", []string{"column.mask.with.3.chars", "public.t.big", "column.truncate.to.2.chars", "public.t.other"},
			[]string{`t {"id":1} u null {"id":1,"n":1,"big":"***","other":"oo"} false`}},
		{"no key", "CREATE TABLE t (id int, a text)", "INSERT INTO t VALUES (1, NULL)", nil, []string{`t null c null {"id":1,"a":null} false`}},
		{"the server has sent it", largeTable + "; ALTER TABLE t REPLICA IDENTITY FULL", "UPDATE t SET n = 1 WHERE id = 1; ALTER TABLE t RENAME TO gone", nil,
			[]string{`t {"id":1} u {"id":1,"n":0,"big":"B","other":"O"} {"id":1,"n":1,"big":"B","other":"O"} false`}},
		{"the key of the record", "CREATE TABLE t (id int PRIMARY KEY, name text UNIQUE, big text); ALTER TABLE t ALTER big SET STORAGE EXTERNAL; INSERT INTO t VALUES (1, 'a', " + large("b") + ")", "UPDATE t SET id = 2",
			[]string{"message.key.columns", "public.t:name", "reselector.reselect.use.event.key", "true"}, []string{`t {"name":"a"} u {"id":1,"name":null,"big":null} {"id":2,"name":"a","big":"B"} false`}},
		{"the primary key, not that of the record", "CREATE TABLE t (id int PRIMARY KEY, name text, big text); ALTER TABLE t ALTER big SET STORAGE EXTERNAL; INSERT INTO t VALUES (1, 'a', " + large("b") + ")", "UPDATE t SET name = 'z'",
			[]string{"message.key.columns", "public.t:name"}, []string{`t {"name":"z"} u null {"id":1,"name":"z","big":"B"} false`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := reselectWorld(t, c.ddl, c.pairs...)
			r := w.start()
			defer r.stop()
			w.exec(c.sql)
			r.until(len(c.want))
			var got []string
			for i := range w.written {
				got = append(got, short(&w.written[i]))
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("got:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(c.want, "\n"))
			}
		})
	}
}

// TestReselectFindsAwkwardKeys: keys of several columns, with characters that arrays and
// texts quote.
func TestReselectFindsAwkwardKeys(t *testing.T) {
	t.Parallel()
	w := reselectWorld(t, `CREATE TYPE "Mood" AS ENUM ('so, so', 'fine'); CREATE DOMAIN code AS varchar(9);
		CREATE TABLE "T t" ("a ""b" text, m "Mood", c code, x char(5), u uuid, n numeric, at timestamptz, v int, big text, PRIMARY KEY (u, "a ""b", m, c, x, n, at));
		ALTER TABLE "T t" ALTER big SET STORAGE EXTERNAL;
		INSERT INTO "T t" SELECT k, 'so, so', '{x}', 'ab', 'c0ffee00-0000-4000-8000-000000000001', 1.50, '2026-01-02 03:04:05.678+02', 0, repeat(k, 20000)
		FROM unnest(ARRAY['x', '{"a\b",''c''}', '', 'NULL', 'ä b']) k`)
	r := w.start()
	defer r.stop()
	w.exec(`UPDATE "T t" SET v = 1`)
	r.until(5)
	for i := range w.written {
		after, _ := w.written[i].Value.Get("after")
		key, _ := after.Get(`a "b`)
		big, _ := after.Get("big")
		if big.Str() != strings.Repeat(key.Str(), 20000) {
			t.Errorf("the row %q has not its value: %.40s", key.Str(), big.Str())
		}
	}
}

func TestReselectAsksOncePerTableOfABatch(t *testing.T) {
	t.Parallel()
	w := reselectWorld(t, largeTable)
	r := w.start()
	defer r.stop()
	w.exec("BEGIN; UPDATE t SET n = 1; UPDATE t SET n = 2; UPDATE t SET n = 3; COMMIT")
	batches := 0
	for len(w.written) < 27 {
		b := r.records()
		batches++
		r.commit(b, len(b.Records))
	}
	if asked := r.task.emitter.reselect.asked; asked != batches {
		t.Errorf("%d statements for %d batches", asked, batches)
	}
	for i := range w.written {
		if got := short(&w.written[i]); !strings.Contains(got, `"big":"B","other":"O"`) {
			t.Error(got)
		}
	}
}

func TestReselectThatFails(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ sql, want string }{
		"the row is gone": {"BEGIN; UPDATE t SET n = 1 WHERE id = 1; DELETE FROM t WHERE id = 1; COMMIT",
			"re-select columns of public.t: there is no row with the key id=1 any more; set reselect.error.handling.mode=warn to keep what the server has sent"},
		"the column is gone": {"UPDATE t SET n = 1 WHERE id = 1; ALTER TABLE t DROP COLUMN other", "re-select columns of public.t: column t.other does not exist (SQLSTATE 42703)"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := reselectWorld(t, largeTable, "reselector.reselect.error.handling.mode", "Fail")
			r := w.start()
			defer r.stop()
			w.exec(c.sql)
			var err error
			w.eventually("the task fails", func() bool {
				ctx, cancel := context.WithTimeout(r.ctx, time.Second)
				defer cancel()
				err = r.task.Poll(ctx, &connect.Batch{MaxRecords: 100, MaxBytes: 1 << 20})
				return err != nil
			})
			if err.Error() != c.want {
				t.Errorf("the error is %v", err)
			}
		})
	}
}

// TestReselectOutlivesItsSession: a session that is ended is opened again.
func TestReselectOutlivesItsSession(t *testing.T) {
	t.Parallel()
	w := reselectWorld(t, largeTable)
	r := w.start()
	defer r.stop()
	for i := range 3 {
		w.exec("UPDATE t SET n = n + 1 WHERE id = 1")
		r.until(i + 1)
		if got := short(&w.written[i]); !strings.Contains(got, `"big":"B","other":"O"`) {
			t.Error(got)
		}
		w.exec("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE '% reselect'")
	}
}

// TestReselectInARootOfPartitions: the stream names the root, the rows are elsewhere.
func TestReselectInARootOfPartitions(t *testing.T) {
	t.Parallel()
	w := reselectWorld(t, `CREATE TABLE t (id int, n int, big text, PRIMARY KEY (id)) PARTITION BY RANGE (id); CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (100);
		ALTER TABLE t1 ALTER big SET STORAGE EXTERNAL; INSERT INTO t VALUES (1, 0, `+large("b")+`)`, "publish.via.partition.root", "true")
	r := w.start()
	defer r.stop()
	w.exec("UPDATE t SET n = 1")
	r.until(1)
	if got := short(&w.written[0]); got != `t {"id":1} u null {"id":1,"n":1,"big":"B"} false` {
		t.Error(got)
	}
}
