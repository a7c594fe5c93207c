// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/connectd/connectd/connect"
)

// told writes a record of the topic of schema changes in short, and others as line does.
func told(r *connect.Record) string {
	if r.Topic != "forms" {
		return strings.TrimPrefix(line(r), "srv.public.")
	}
	changes, _ := r.Value.Get("tableChanges")
	change := changes.Array()[0]
	kind, _ := change.Get("type")
	id, _ := change.Get("id")
	table, _ := change.Get("table")
	keys, _ := table.Get("primaryKeyColumnNames")
	columns, _ := table.Get("columns")
	text := kind.Str() + " " + id.Str() + " " + jsonText(keys)
	for _, c := range columns.Array() {
		name, _ := c.Get("name")
		typ, _ := c.Get("typeName")
		text += " " + name.Str() + ":" + typ.Str()
	}
	return text
}

func (w *world) toldLines() []string {
	out := make([]string, len(w.written))
	for i := range w.written {
		out[i] = told(&w.written[i])
	}
	return out
}

func formsWorld(t *testing.T, ddl string, pairs ...string) *world {
	props := map[string]string{"snapshot.mode": "no_data", schemaChangesTopic: "forms"}
	for i := 0; i < len(pairs); i += 2 {
		props[pairs[i]] = pairs[i+1]
	}
	return newWorld(t, ddl, props)
}

const formsDDL = "CREATE TABLE t (id int PRIMARY KEY, v text); CREATE TABLE u (id int PRIMARY KEY)"

var formsSQL = []string{
	"INSERT INTO t VALUES (1, 'a'), (2, 'b')", "INSERT INTO u VALUES (1)",
	"ALTER TABLE t ADD COLUMN n numeric(5,2) NOT NULL DEFAULT 7", "INSERT INTO t VALUES (3, 'c', 3)", "UPDATE t SET id = 30 WHERE id = 3",
	"BEGIN; ALTER TABLE t DROP COLUMN v; INSERT INTO t VALUES (4, 4); ALTER TABLE t RENAME n TO m; DELETE FROM t WHERE id = 4; COMMIT",
	"ALTER TABLE t DROP CONSTRAINT t_pkey, ADD PRIMARY KEY (m, id)", "INSERT INTO t VALUES (6, 6)",
	"ALTER TABLE t REPLICA IDENTITY FULL", "UPDATE t SET m = 6 WHERE id = 6",
	"ALTER TABLE t ALTER id TYPE bigint", "INSERT INTO t VALUES (7, 7)", "INSERT INTO u VALUES (2)",
}

// formsWant is what comes of them. The values of numeric are bytes.
var formsWant = []string{
	`CREATE "public"."t" ["id"] id:int4 v:text`, `t {"id":1} c`, `t {"id":2} c`, `CREATE "public"."u" ["id"] id:int4`, `u {"id":1} c`,
	`ALTER "public"."t" ["id"] id:int4 v:text n:numeric`, `t {"id":3} c`, `t {"id":3} d`, `t {"id":3} tombstone`, `t {"id":30} c`,
	`ALTER "public"."t" ["id"] id:int4 n:numeric`, `t {"id":4} c`, `ALTER "public"."t" ["id"] id:int4 m:numeric`, `t {"id":4} d`, `t {"id":4} tombstone`,
	`ALTER "public"."t" ["m","id"] id:int4 m:numeric`, `t {"m":6.00,"id":6} c`,
	`ALTER "public"."t" ["m","id"] id:int4 m:numeric`, `t {"m":6.00,"id":6} u`,
	`ALTER "public"."t" ["m","id"] id:int8 m:numeric`, `t {"m":7.00,"id":7} c`, `u {"id":2} c`,
}

func sameBeginnings(got, want []string) bool {
	return slices.EqualFunc(got, want, func(g, w string) bool { return strings.HasPrefix(g, w) })
}

// TestFormsOfTables stops and starts the task at random places, also between the form
// and its change: each form is told once, before the first row that has it.
func TestFormsOfTables(t *testing.T) {
	t.Parallel()
	for _, transactions := range []string{"false", "true"} {
		t.Run("transactions "+transactions, func(t *testing.T) {
			t.Parallel()
			w := formsWorld(t, formsDDL, "provide.transaction.metadata", transactions, "decimal.handling.mode", "double")
			r := w.start()
			r.stop()
			for _, sql := range formsSQL {
				w.exec(sql)
			}
			for i, rnd := 0, rand.New(rand.NewPCG(1, 2)); ; i++ {
				r := w.start()
				for range 3 {
					b := r.poll(r.w.settings().Slot.StatusInterval/50, 1+rnd.IntN(4))
					n := len(b.Records)
					if n > 0 && rnd.IntN(2) == 0 {
						n = rnd.IntN(n)
						r.commit(b, n)
						break
					}
					r.commit(b, n)
				}
				r.stop()
				if rows := withoutTransactions(w.toldLines()); len(rows) >= len(formsWant) || i > 200 {
					break
				}
			}
			got, want := withoutTransactions(w.toldLines()), slices.Clone(formsWant)
			for i := range want {
				want[i] = strings.ReplaceAll(want[i], ".00", "")
			}
			if !sameBeginnings(got, want) {
				t.Errorf("got:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
		})
	}
}

func withoutTransactions(lines []string) []string {
	return slices.DeleteFunc(lines, func(l string) bool { return strings.HasPrefix(l, "srv.transaction") })
}

func TestFormRecord(t *testing.T) {
	t.Parallel()
	w := formsWorld(t, `CREATE TYPE mood AS ENUM ('so', 'fine'); CREATE TABLE t (id serial PRIMARY KEY, v varchar(9), n numeric(5,2) NOT NULL DEFAULT 1, m mood, l int[])`)
	r := w.start()
	defer r.stop()
	w.exec("INSERT INTO t DEFAULT VALUES")
	r.until(2)
	got := &w.written[0]
	if text := jsonText(got.Key); text != `{"databaseName":"`+w.db+`"}` || got.KeySchema.Name() != "io.debezium.connector.postgresql.SchemaChangeKey" || got.ValueSchema.Name() != "io.debezium.connector.postgresql.SchemaChangeValue" {
		t.Errorf("the key is %s of %s, the value of %s", text, got.KeySchema.Name(), got.ValueSchema.Name())
	}
	if err := connect.Check(got.ValueSchema, got.Value); err != nil {
		t.Error(err)
	}
	changes, _ := got.Value.Get("tableChanges")
	column := func(rest string) string {
		return rest + `,"comment":null,`
	}
	want := `[{"type":"CREATE","id":"\"public\".\"t\"","table":{"defaultCharsetName":null,"primaryKeyColumnNames":["id"],"columns":[` +
		column(`{"name":"id","jdbcType":4,"nativeType":23,"typeName":"int4","typeExpression":"int4","charsetName":null,"length":null,"scale":null,"position":1,"optional":false,"autoIncremented":true,"generated":false`) +
		`"defaultValueExpression":"nextval('t_id_seq'::regclass)","enumValues":null},` +
		column(`{"name":"v","jdbcType":12,"nativeType":1043,"typeName":"varchar","typeExpression":"varchar","charsetName":null,"length":9,"scale":null,"position":2,"optional":true,"autoIncremented":false,"generated":false`) +
		`"defaultValueExpression":null,"enumValues":null},` +
		column(`{"name":"n","jdbcType":2,"nativeType":1700,"typeName":"numeric","typeExpression":"numeric","charsetName":null,"length":5,"scale":2,"position":3,"optional":false,"autoIncremented":false,"generated":false`) +
		`"defaultValueExpression":"1","enumValues":null},`
	if text := jsonText(changes); !strings.HasPrefix(text, want) || !strings.Contains(text, `"enumValues":["so","fine"]`) {
		t.Errorf("got  %s\nwant %s…", text, want)
	}
	source, _ := got.Value.Get("source")
	row, _ := w.written[1].Value.Get("source")
	if jsonText(source) != jsonText(row) {
		t.Errorf("the source is %s, and that of the row %s", jsonText(source), jsonText(row))
	}
}

func TestFormsAreBounded(t *testing.T) {
	t.Parallel()
	var f *tableForms
	for i := range formsMost + 5 {
		f = f.with(strings.Repeat("t", i+1), uint64(i+1))
	}
	f = f.with(strings.Repeat("t", 6), 99)
	if _, there := f.of("ttttt"); there || len(f.told) != formsMost || len(f.order) != formsMost {
		t.Errorf("%d forms in an order of %d", len(f.told), len(f.order))
	}
	again, err := parseForms(f.text())
	if err != nil || !reflect.DeepEqual(again, f) {
		t.Errorf("they are read as %d forms, %v", len(again.told), err)
	}
	for _, text := range []string{"1", "x123456789abcdef.t\n"} {
		if _, err := parseForms(text); err == nil {
			t.Errorf("%q is read", text)
		}
	}
}

// TestFormsAreSwitched: a place in the middle of a change fits to the parts that a
// change has with and without the topic.
func TestFormsAreSwitched(t *testing.T) {
	t.Parallel()
	some := &tableForms{told: map[string]uint64{}}
	for _, c := range []struct {
		name               string
		told, transactions bool
		in                 place
		part               int64
	}{
		{"on, between changes", true, false, place{ordinal: 2}, 0},
		{"on, in a change", true, false, place{ordinal: 2, part: 1}, 2},
		{"on, behind a begin", true, true, place{part: 1}, 1},
		{"on, in the first change", true, true, place{part: 2}, 3},
		{"off, behind the form", false, false, place{ordinal: 2, part: 1, forms: some}, 0},
		{"off, in a change", false, false, place{ordinal: 2, part: 2, forms: some}, 1},
		{"off, behind a begin", false, true, place{part: 1, forms: some}, 1},
		{"as before", true, true, place{part: 2, forms: some}, 2},
	} {
		if c.in.refit(c.told, c.transactions); c.in.part != c.part || (c.in.forms != nil) != c.told {
			t.Errorf("%s: part %d, want %d", c.name, c.in.part, c.part)
		}
	}
}
