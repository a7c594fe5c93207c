// SPDX-License-Identifier: Apache-2.0

package types

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connectors/postgrescdc/pgtest"
)

// difference is a row of the second table of testdata/differences.md.
type difference struct {
	typ  string
	here string
	// bytes says that the type is the bytes of its text if unknown types are included.
	bytes bool
}

// readDifferences reads the rows whose first cell begins with a type.
func readDifferences(t *testing.T) []difference {
	t.Helper()
	text, err := os.ReadFile("testdata/differences.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, ok := strings.Cut(string(text), "# Where the schemas differ")
	var all []difference
	for line := range strings.Lines(table) {
		cells := strings.Split(line, "|")
		if len(cells) != 6 || !strings.HasPrefix(cells[1], " `") {
			continue
		}
		_, typ, _ := strings.Cut(cells[1], "`")
		typ, mark, _ := strings.Cut(typ, "`")
		all = append(all, difference{typ: typ, here: strings.Trim(cells[3], " `"), bytes: strings.Contains(mark, "*")})
	}
	if !ok || len(all) < 13 {
		t.Fatalf("%d rows in the table of schemas", len(all))
	}
	return all
}

// describe shows what a registry would see of a schema.
func describe(s *connect.Schema) string {
	var b strings.Builder
	if s.Optional() {
		b.WriteString("optional ")
	}
	b.WriteString(strings.ToLower(s.Type().String()))
	if s.Name() != "" {
		b.WriteString(" " + s.Name())
	}
	if s.Type() == connect.TypeArray {
		return b.String() + " of " + describe(s.Elem())
	}
	var params []string
	for _, p := range s.Params() {
		params = append(params, p.Key+"="+p.Value)
	}
	slices.Sort(params)
	if len(params) > 0 {
		fmt.Fprintf(&b, "{%s}", strings.Join(params, ","))
	}
	return b.String()
}

// TestDifferences holds the page of differences against the schemas of a server's columns.
func TestDifferences(t *testing.T) {
	srv := pgtest.Shared(t)
	major := srv.Major(t)
	conn := session(t, srv, srv.Database(t))
	exec(t, conn, `create extension isn; create domain price as numeric(10,2); create type timerange as range (subtype = time)`)
	for _, d := range append(readDifferences(t), difference{typ: "numeric(3,5)", here: "bytes org.apache.kafka.connect.data.Decimal{connect.decimal.precision=3,scale=5}"}) {
		switch {
		case major < 14 && strings.Contains(d.typ, "multirange"):
			continue
		case major < 15 && strings.HasPrefix(d.typ, "numeric("):
			continue
		}
		exec(t, conn, `drop table if exists d; create table d (c `+d.typ+` not null)`)
		cat, err := Load(t.Context(), queryOf(conn))
		if err != nil {
			t.Fatal(err)
		}
		columns, err := LoadColumns(t.Context(), queryOf(conn), tableOID(t, conn, "d"))
		if err != nil {
			t.Fatal(err)
		}
		checkDifference(t, cat, columns[0], d)
	}
}

func checkDifference(t *testing.T, cat *Catalog, c Column, d difference) {
	t.Helper()
	p, err := Plan(c, cat, Modes{MoneyDigits: 2})
	if err != nil {
		t.Fatal(err)
	}
	checkSame(t, d.typ, describe(p.Schema), d.here)
	p, err = Plan(c, cat, Modes{MoneyDigits: 2, UnknownTypes: true})
	if err != nil {
		t.Fatal(err)
	}
	want := d.here
	if d.bytes {
		want = "bytes"
	}
	if d.bytes && strings.HasSuffix(d.typ, "[]") {
		want = "array of optional bytes"
	}
	checkSame(t, d.typ+" with unknown types", describe(p.Schema), want)
}
