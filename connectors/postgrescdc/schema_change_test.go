// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"slices"
	"strings"
	"testing"

	"github.com/connectd/connectd/connect"
)

// shape writes the columns of a record's rows: name, type, ! for required, = for a default.
func shape(r *connect.Record) string {
	if r.ValueSchema == nil {
		return ""
	}
	var out []string
	for _, f := range r.ValueSchema.Fields()[envelopeAfter].Schema.Fields() {
		text := f.Name + ":" + connect.KindOf(f.Schema).String()
		if !f.Schema.Optional() {
			text += "!"
		}
		if v, ok := f.Schema.Default(); ok {
			text += "=" + jsonText(v)
		}
		out = append(out, text)
	}
	return strings.Join(out, " ")
}

// TestSchemaChanges runs changes of tables with rows before and behind them, all at once:
// the reader sees the first when the last is done.
func TestSchemaChanges(t *testing.T) {
	t.Parallel()
	const items = "CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t VALUES (1, 'a')"
	for _, c := range []struct {
		name, ddl string
		sql       []string
		pairs     []string
		want      []string
	}{
		{"a column with a default is added", items, []string{"INSERT INTO t VALUES (2, 'b')", "ALTER TABLE t ADD COLUMN n int NOT NULL DEFAULT 7", "INSERT INTO t VALUES (3, 'c')", "UPDATE t SET v = 'x' WHERE id = 1"}, nil, []string{
			`t {"id":2} c null {"id":2,"v":"b"} false`, `t {"id":3} c null {"id":3,"v":"c","n":7} false`, `t {"id":1} u null {"id":1,"v":"x","n":7} false`,
			`id:int32! v:string n:int32!=7`}},
		{"a column without a default is added", items, []string{"DELETE FROM t", "ALTER TABLE t ADD COLUMN n text NOT NULL", "INSERT INTO t VALUES (3, 'c', 'x')"}, []string{"tombstones.on.delete", "false"}, []string{
			`t {"id":1} d {"id":1,"v":null} null false`, `t {"id":3} c null {"id":3,"v":"c","n":"x"} false`, `id:int32! v:string n:string!`}},
		{"a column without a default, in one transaction", items, []string{"BEGIN; DELETE FROM t; ALTER TABLE t ADD COLUMN n text NOT NULL; INSERT INTO t VALUES (3, 'c', 'x'); COMMIT"}, []string{"tombstones.on.delete", "false"}, []string{
			`t {"id":1} d {"id":1,"v":null} null false`, `t {"id":3} c null {"id":3,"v":"c","n":"x"} false`, `id:int32! v:string n:string!`}},
		{"a column is dropped", items, []string{"INSERT INTO t VALUES (2, 'b')", "ALTER TABLE t DROP COLUMN v", "INSERT INTO t VALUES (3)", "ALTER TABLE t ADD COLUMN v int", "INSERT INTO t VALUES (4, 4)"}, nil, []string{
			`t {"id":2} c null {"id":2,"v":"b"} false`, `t {"id":3} c null {"id":3} false`, `t {"id":4} c null {"id":4,"v":4} false`, `id:int32! v:int32`}},
		{"a column is renamed", items, []string{"ALTER TABLE t RENAME v TO w", "INSERT INTO t VALUES (2, 'b')", "ALTER TABLE t RENAME id TO key", "INSERT INTO t VALUES (3, 'c')"}, nil, []string{
			`t {"id":2} c null {"id":2,"w":"b"} false`, `t {"key":3} c null {"key":3,"w":"c"} false`, `key:int32! w:string`}},
		{"two columns exchange their names", "CREATE TABLE t (id int PRIMARY KEY, a int, b int)", []string{"INSERT INTO t VALUES (1, 1, 2)", "BEGIN; ALTER TABLE t RENAME a TO c; ALTER TABLE t RENAME b TO a; ALTER TABLE t RENAME c TO b; COMMIT", "INSERT INTO t VALUES (2, 1, 2)"}, nil, []string{
			`t {"id":1} c null {"id":1,"a":1,"b":2} false`, `t {"id":2} c null {"id":2,"b":1,"a":2} false`, `id:int32! b:int32 a:int32`}},
		{"a type is changed", "CREATE TABLE t (id int PRIMARY KEY, n int)", []string{"INSERT INTO t VALUES (1, 1)", "ALTER TABLE t ALTER n TYPE bigint", "INSERT INTO t VALUES (2, 3000000000)", "ALTER TABLE t ALTER n TYPE text", "INSERT INTO t VALUES (3, 'x')"}, nil, []string{
			`t {"id":1} c null {"id":1,"n":1} false`, `t {"id":2} c null {"id":2,"n":3000000000} false`, `t {"id":3} c null {"id":3,"n":"x"} false`, `id:int32! n:string`}},
		{"the key is changed", items, []string{"INSERT INTO t VALUES (2, 'b')", "ALTER TABLE t DROP CONSTRAINT t_pkey, ADD PRIMARY KEY (v, id)", "INSERT INTO t VALUES (3, 'c')", "DELETE FROM t WHERE id = 2"}, []string{"tombstones.on.delete", "false"}, []string{
			`t {"id":2} c null {"id":2,"v":"b"} false`, `t {"v":"c","id":3} c null {"id":3,"v":"c"} false`, `t {"v":"b","id":2} d {"id":2,"v":"b"} null false`, `id:int32! v:string!`}},
		{"the replica identity is changed", items, []string{"UPDATE t SET v = 'b'", "ALTER TABLE t REPLICA IDENTITY FULL", "UPDATE t SET v = 'c'", "ALTER TABLE t REPLICA IDENTITY DEFAULT", "UPDATE t SET v = 'd'"}, nil, []string{
			`t {"id":1} u null {"id":1,"v":"b"} false`, `t {"id":1} u {"id":1,"v":"b"} {"id":1,"v":"c"} false`, `t {"id":1} u null {"id":1,"v":"d"} false`, `id:int32! v:string`}},
		{"the table is dropped and created again", items, []string{"INSERT INTO t VALUES (2, 'b')", "DROP TABLE t", "CREATE TABLE t (k text PRIMARY KEY)", "INSERT INTO t VALUES ('x')"}, []string{"publication.autocreate.mode", "all_tables"}, []string{
			`t {"id":2} c null {"id":2,"v":"b"} false`, `t {"k":"x"} c null {"k":"x"} false`, `k:string!`}},
		{"the table is renamed", items, []string{"INSERT INTO t VALUES (2, 'b')", "ALTER TABLE t RENAME TO s", "INSERT INTO s VALUES (3, 'c')"}, []string{"publication.autocreate.mode", "all_tables"}, []string{
			`t {"id":2} c null {"id":2,"v":"b"} false`, `s {"id":3} c null {"id":3,"v":"c"} false`, `id:int32! v:string`}},
		{"a change and its rows in one transaction", items, []string{"BEGIN; INSERT INTO t VALUES (2, 'b'); ALTER TABLE t ADD COLUMN n int; INSERT INTO t VALUES (3, 'c', 3); ALTER TABLE t DROP COLUMN v; INSERT INTO t VALUES (4, 4); COMMIT"}, nil, []string{
			`t {"id":2} c null {"id":2,"v":"b"} false`, `t {"id":3} c null {"id":3,"v":"c","n":3} false`, `t {"id":4} c null {"id":4,"n":4} false`, `id:int32! n:int32`}},
		{"a change that is undone", items, []string{"BEGIN; INSERT INTO t VALUES (2, 'b'); SAVEPOINT s; ALTER TABLE t ADD COLUMN n int; INSERT INTO t VALUES (3, 'c', 3); ROLLBACK TO s; INSERT INTO t VALUES (4, 'd'); COMMIT"}, nil, []string{
			`t {"id":2} c null {"id":2,"v":"b"} false`, `t {"id":4} c null {"id":4,"v":"d"} false`, `id:int32! v:string`}},
		{"partitions are attached and detached", "CREATE TABLE t (id int PRIMARY KEY, v text) PARTITION BY RANGE (id); CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10)",
			[]string{"INSERT INTO t VALUES (1, 'a')", "CREATE TABLE t2 (id int PRIMARY KEY, v text); ALTER TABLE t ATTACH PARTITION t2 FOR VALUES FROM (10) TO (20)", "INSERT INTO t VALUES (11, 'b')",
				"ALTER TABLE t ADD COLUMN n int", "INSERT INTO t VALUES (12, 'c', 1)", "ALTER TABLE t DETACH PARTITION t1", "INSERT INTO t1 VALUES (2, 'd', 2)"}, []string{"publication.autocreate.mode", "all_tables"}, []string{
				`t1 {"id":1} c null {"id":1,"v":"a"} false`, `t2 {"id":11} c null {"id":11,"v":"b"} false`, `t2 {"id":12} c null {"id":12,"v":"c","n":1} false`, `t1 {"id":2} c null {"id":2,"v":"d","n":2} false`, `id:int32! v:string n:int32`}},
		{"partitions under their root", "CREATE TABLE t (id int PRIMARY KEY, v text) PARTITION BY RANGE (id); CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10)",
			[]string{"INSERT INTO t VALUES (1, 'a')", "CREATE TABLE t2 (v text, id int PRIMARY KEY); ALTER TABLE t ATTACH PARTITION t2 FOR VALUES FROM (10) TO (20)", "INSERT INTO t VALUES (11, 'b')",
				"ALTER TABLE t ADD COLUMN n int", "UPDATE t SET id = 12, n = 1 WHERE id = 1"}, []string{"publish.via.partition.root", "true", "table.include.list", "public.t", "tombstones.on.delete", "false"}, []string{
				`t {"id":1} c null {"id":1,"v":"a"} false`, `t {"id":11} c null {"id":11,"v":"b"} false`, `t {"id":1} d {"id":1,"v":null,"n":null} null false`, `t {"id":12} c null {"id":12,"v":"a","n":1} false`, `id:int32! v:string n:int32`}},
	} {
		for _, lagging := range []bool{true, false} {
			t.Run(c.name+map[bool]string{true: ", at full speed", false: ""}[lagging], func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, c.ddl, map[string]string{"snapshot.mode": "no_data"})
				for i := 0; i < len(c.pairs); i += 2 {
					w.props[c.pairs[i]] = c.pairs[i+1]
				}
				r := w.start()
				defer r.stop()
				for _, sql := range c.sql {
					w.exec(sql)
					if !lagging { // the end of the log is seen before the next change
						r.seen(w.scalar("SELECT pg_current_wal_lsn() - '0/0'"))
					}
				}
				r.until(len(c.want) - 1)
				got := append(w.lines(), shape(&w.written[len(w.written)-1]))
				for i := range got {
					got[i] = strings.TrimPrefix(got[i], "srv.public.")
				}
				if !slices.Equal(got, c.want) {
					t.Errorf("got:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(c.want, "\n"))
				}
			})
		}
	}
}

// seen polls until everything before a place in the log has been worked off.
func (r *taskRun) seen(end string) {
	r.w.t.Helper()
	r.w.eventually("the log is read up to "+end, func() bool {
		b := r.poll(r.w.settings().Slot.StatusInterval/100, 100)
		r.commit(b, len(b.Records))
		p := r.task.emitter.place
		return p.commit == 0 && jsonText(connect.Int64(int64(p.end))) >= end
	})
}
