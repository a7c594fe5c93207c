// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/connectd/connectd/connect"
)

// pathColumn is one column of the table that all values are in.
type pathColumn struct {
	typ    string
	values []string
}

// pathColumns are a column of each type and one of its arrays.
func pathColumns(major int) []pathColumn {
	var columns []pathColumn
	add := func(typ string, values []string) {
		i := slices.IndexFunc(columns, func(c pathColumn) bool { return c.typ == typ })
		if i < 0 {
			i, columns = len(columns), append(columns, pathColumn{typ: typ})
		}
		columns[i].values = append(columns[i].values, values...)
	}
	for _, t := range pathTypes {
		if t.since > major {
			continue
		}
		add(t.typ, t.values)
		if strings.HasSuffix(t.typ, "]") || t.typ == "moods" {
			continue
		}
		var elements []string
		for _, v := range t.values {
			elements = append(elements, "("+v+")::"+t.typ)
		}
		first, null := elements[0], "NULL::"+t.typ
		add(t.typ+"[]", []string{
			"'{}'", "ARRAY[" + null + "]", "ARRAY[" + strings.Join(elements, ",") + "," + null + "]", "ARRAY[" + first + "]",
			"ARRAY[[" + first + "," + null + "],[" + null + "," + first + "]]",
		})
	}
	return columns
}

// pathsSQL makes the table v, the values in rows from 1 on and a row of nulls.
func pathsSQL(columns []pathColumn) (sql string, rows int) {
	var b strings.Builder
	b.WriteString(pathsDDL + "CREATE TABLE v (id int PRIMARY KEY")
	for i, c := range columns {
		fmt.Fprintf(&b, ", c%d %s", i, c.typ)
		rows = max(rows, len(c.values)+1)
	}
	b.WriteString(");\n")
	for row := range rows {
		fmt.Fprintf(&b, "INSERT INTO v VALUES (%d", row+1)
		for _, c := range columns {
			if row < len(c.values) {
				fmt.Fprintf(&b, ", (%s)::%s", c.values[row], c.typ)
				continue
			}
			b.WriteString(", NULL")
		}
		b.WriteString(");\n")
	}
	return b.String(), rows
}

// pathModes are settings in which each value of one key meets most values of the others.
func pathModes() []map[string]string {
	var all []map[string]string
	decimals, times := []string{"precise", "double", "string"}, []string{"adaptive", "adaptive_time_microseconds", "connect", "isostring", "microseconds", "nanoseconds", "structured"}
	binaries, flags := []string{"bytes", "base64", "base64-url-safe", "hex"}, []string{"false", "true"}
	for i := range 12 {
		all = append(all, map[string]string{
			"decimal.handling.mode": decimals[i%3], "time.precision.mode": times[i%7], "binary.handling.mode": binaries[i%4],
			"interval.handling.mode": []string{"numeric", "string"}[i/2%2], "hstore.handling.mode": []string{"json", "map"}[i/3%2],
			"include.unknown.datatypes": flags[i%2],
		})
	}
	return all
}

// TestPaths: the snapshot, the stream and the incremental snapshot make the same of the
// same value, of each type, in all modes.
func TestPaths(t *testing.T) {
	t.Parallel()
	for i, modes := range pathModes() {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			checkPaths(t, modes)
		})
	}
}

func checkPaths(t *testing.T, modes map[string]string) {
	w := newWorld(t, signalDDL, modes)
	columns := pathColumns(w.srv.Major(t))
	ddl, rows := pathsSQL(columns)
	w.exec(ddl)
	w.props["signal.data.collection"] = "public.signals"
	r := w.start()
	defer r.stop()
	r.until(rows)
	w.exec(copyRows(len(columns)))
	r.until(2 * rows)
	w.signal("1", signalExecute, `{"data-collections": ["public.v"]}`)
	r.incrementalDone(w.position())
	got := map[string]map[int64]*connect.Record{}
	for i := range w.written {
		if strings.HasSuffix(w.written[i].Topic, ".signals") {
			continue
		}
		path, id := pathOf(t, &w.written[i])
		if got[path] == nil {
			got[path] = map[int64]*connect.Record{}
		}
		got[path][id] = &w.written[i]
	}
	for id := int64(1); id <= int64(rows); id++ {
		want := got["r"][id]
		for what, other := range map[string]*connect.Record{"stream": got["c"][id+1000], "incremental": got["incremental"][id], "incremental of the copy": got["incremental"][id+1000]} {
			if other == nil || want == nil {
				t.Fatalf("row %d: there is no record of the snapshot or of %s", id, what)
			}
			compareRows(t, columns, want, other, int(id-1), what)
		}
	}
	checkFilled(t, columns, got["r"])
	t.Logf("%d columns, %d rows", len(columns), rows)
}

// copyRows inserts all rows of v once more, with other ids.
func copyRows(n int) string {
	sql := "INSERT INTO v SELECT id + 1000"
	for i := range n {
		sql += fmt.Sprintf(", c%d", i)
	}
	return sql + " FROM v ORDER BY id"
}

// pathOf says on which path a record has come, and the id of its row.
func pathOf(t *testing.T, r *connect.Record) (string, int64) {
	t.Helper()
	if r.Err != nil {
		t.Fatal(r.Err)
	}
	source, _ := r.Value.Get("source")
	if snapshot, _ := source.Get("snapshot"); snapshot.Str() == "incremental" {
		return "incremental", after(t, r, "id").Int()
	}
	op, _ := r.Value.Get("op")
	return op.Str(), after(t, r, "id").Int()
}

func after(t *testing.T, r *connect.Record, field string) connect.Value {
	t.Helper()
	row, _ := r.Value.Get("after")
	v, ok := row.Get(field)
	if !ok {
		t.Fatalf("the row has no field %s", field)
	}
	return v
}

// compareRows compares all columns of two records, and their schemas.
func compareRows(t *testing.T, columns []pathColumn, want, got *connect.Record, row int, what string) {
	t.Helper()
	if !want.ValueSchema.Equal(got.ValueSchema) || !want.KeySchema.Equal(got.KeySchema) {
		t.Fatalf("row %d: the schemas of the snapshot and of %s differ", row, what)
	}
	a, _ := want.Value.Get("after")
	b, _ := got.Value.Get("after")
	for _, f := range want.ValueSchema.Field("after").Schema.Fields() {
		if f.Name == "id" {
			continue
		}
		x, _ := a.Get(f.Name)
		y, _ := b.Get(f.Name)
		if connect.Equal(x, y) && jsonText(x) == jsonText(y) {
			continue
		}
		c := columnOf(t, columns, f.Name)
		value := "NULL"
		if row < len(c.values) {
			value = c.values[row]
		}
		t.Errorf("%s of %s: the snapshot has %s, %s %s", value, c.typ, jsonText(x), what, jsonText(y))
	}
}

func columnOf(t *testing.T, columns []pathColumn, field string) pathColumn {
	t.Helper()
	var i int
	if _, err := fmt.Sscanf(field, "c%d", &i); err != nil {
		t.Fatal(err)
	}
	return columns[i]
}

// checkFilled: equal nulls everywhere would prove nothing.
func checkFilled(t *testing.T, columns []pathColumn, records map[int64]*connect.Record) {
	t.Helper()
	fields := records[1].ValueSchema.Field("after").Schema.Fields()
	for _, f := range fields {
		filled := false
		for _, r := range records {
			filled = filled || !after(t, r, f.Name).IsNull()
		}
		if !filled {
			t.Errorf("column of type %s: all values are null", columnOf(t, columns, f.Name).typ)
		}
	}
	if len(fields) < len(columns)*3/4 {
		t.Errorf("%d of %d columns are there", len(fields), len(columns))
	}
}
