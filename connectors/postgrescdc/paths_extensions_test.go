// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"fmt"
	"strings"
	"testing"

	"github.com/connectd/connectd/connectors/postgrescdc/pgtest"
)

// extensionCase is a column of a type of an extension, with the schema and the values, the
// same on all paths, that the original documents for it.
type extensionCase struct {
	typ, sql     string
	schema, want string
}

var postgisCases = []extensionCase{
	{"geometry(Point,4326)", "'SRID=4326;POINT(1 2)'", "io.debezium.data.geometry.Geometry", `{"wkb":0x0101000020e6100000000000000000f03f0000000000000040,"srid":4326,"extensions":null}`},
	{"geometry", "'POINT(1 2)'", "io.debezium.data.geometry.Geometry", `{"wkb":0x0101000000000000000000f03f0000000000000040,"srid":null,"extensions":null}`},
	{"geometry(PointZM)", "'POINT ZM (1 2 3 4)'", "io.debezium.data.geometry.Geometry", `{"wkb":0x01010000c0000000000000f03f000000000000004000000000000008400000000000001040,"srid":null,"extensions":null}`},
	{"geometry", "'GEOMETRYCOLLECTION EMPTY'", "io.debezium.data.geometry.Geometry", `{"wkb":0x010700000000000000,"srid":null,"extensions":null}`},
	{"geography", "'POINT(1 2)'", "io.debezium.data.geometry.Geography", `{"wkb":0x0101000020e6100000000000000000f03f0000000000000040,"srid":4326}`},
	{"geometry[]", "ARRAY['POINT(1 2)'::geometry, NULL]", "", `[{"wkb":0x0101000000000000000000f03f0000000000000040,"srid":null,"extensions":null},null]`},
	{"geography[]", "ARRAY['POINT(1 2)'::geography]", "", `[{"wkb":0x0101000020e6100000000000000000f03f0000000000000040,"srid":4326}]`},
}

var pgvectorCases = []extensionCase{
	{"vector(3)", "'[1,-2.5,3e-5]'", "io.debezium.data.DoubleVector", `[1,-2.5,3e-05]`},
	{"halfvec(2)", "'[1.5,-2]'", "io.debezium.data.FloatVector", `[1.5,-2]`},
	{"sparsevec(5)", "'{1:1.5,3:2}/5'", "io.debezium.data.SparseDoubleVector", `{"dimensions":5,"vector":{1:1.5,3:2}}`},
	{"sparsevec", "'{}/5'", "io.debezium.data.SparseDoubleVector", `{"dimensions":5,"vector":{}}`},
}

func TestPostGIS(t *testing.T) {
	t.Parallel()
	checkExtension(t, "postgis", postgisCases)
}

func TestPgvector(t *testing.T) {
	t.Parallel()
	checkExtension(t, "vector", pgvectorCases)
}

// checkExtension writes the values where the server has the extension. The tables that the
// extension itself makes are not captured.
func checkExtension(t *testing.T, extension string, cases []extensionCase) {
	if !pgtest.Shared(t).HasExtension(t, extension) {
		t.Logf("the server has no extension %s", extension)
		return
	}
	columns, values := "", ""
	for i, c := range cases {
		columns += fmt.Sprintf(", c%d %s", i, c.typ)
		values += ", " + c.sql
	}
	w := newWorld(t, signalDDL+"; CREATE EXTENSION "+extension+"; CREATE TABLE v (id int PRIMARY KEY"+columns+"); INSERT INTO v VALUES (1"+values+")", nil)
	w.props["signal.data.collection"] = "public.signals"
	r := w.start()
	defer r.stop()
	r.until(1)
	w.exec("INSERT INTO v VALUES (2" + values + ")")
	r.until(2)
	w.signal("1", signalExecute, `{"data-collections": ["public.v"]}`)
	r.incrementalDone(w.position())
	records := 0
	for i := range w.written {
		rec := &w.written[i]
		if strings.HasSuffix(rec.Topic, ".signals") {
			continue
		}
		if records++; !strings.HasSuffix(rec.Topic, ".v") {
			t.Errorf("a record of %s", rec.Topic)
			continue
		}
		path, _ := pathOf(t, rec)
		for j, c := range cases {
			field := fmt.Sprintf("c%d", j)
			if got := jsonText(after(t, rec, field)); got != c.want {
				t.Errorf("%s %s (%s) is %s, want %s", c.typ, c.sql, path, got, c.want)
			}
			if s := rec.ValueSchema.Field("after").Schema.Field(field).Schema; s.Name() != c.schema || !s.Optional() {
				t.Errorf("schema of %s is %s, want %s", c.typ, s, c.schema)
			}
		}
	}
	if records != 4 {
		t.Errorf("%d records, want 4", records)
	}
}
