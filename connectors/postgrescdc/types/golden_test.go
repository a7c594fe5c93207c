// SPDX-License-Identifier: Apache-2.0

package types

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/convert"
	"github.com/connectd/connectd/connectors/postgrescdc/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// recordings are what the original wrote for the SQL in testdata, a case for each mode.
var recordings = []struct {
	name  string
	modes Modes
	sql   string
}{
	{"types", Modes{}, "types.sql"},
	{"decimal-double", Modes{Decimal: "double"}, "types.sql"},
	{"decimal-string", Modes{Decimal: "string"}, "types.sql"},
	{"time-connect", Modes{Time: "connect"}, "types.sql"},
	{"time-isostring", Modes{Time: "isostring"}, "types.sql"},
	{"time-microseconds", Modes{Time: "adaptive_time_microseconds"}, "types.sql"},
	{"time-microseconds-mode", Modes{Time: "microseconds"}, "types.sql"},
	{"time-nanoseconds-mode", Modes{Time: "nanoseconds"}, "types.sql"},
	{"binary-base64", Modes{Binary: "base64"}, "types.sql"},
	{"binary-base64-url-safe", Modes{Binary: "base64-url-safe"}, "types.sql"},
	{"binary-hex", Modes{Binary: "hex"}, "types.sql"},
	{"hstore-map", Modes{Hstore: "map"}, "types.sql"},
	{"interval-string", Modes{Interval: "string"}, "types.sql"},
	{"unknown-datatypes", Modes{UnknownTypes: true}, "types.sql"},
	{"types-edge", Modes{}, "types-edge.sql"},
	{"types-edge-connect", Modes{Time: "connect"}, "types-edge.sql"},
	{"types-nan", Modes{}, "types-nan.sql"},
	{"types-nan-double", Modes{Decimal: "double"}, "types-nan.sql"},
	{"types-nan-string", Modes{Decimal: "string"}, "types-nan.sql"},
}

// TestRecordings sends the SQL through a server's logical decoding, as text and as binary, and
// compares schema and payload of every row with the bytes that the original's JsonConverter
// wrote. Differences that are meant are in testdata/differences.md, and in replaced.
func TestRecordings(t *testing.T) {
	srv := pgtest.Shared(t)
	streams := make(map[string]*stream)
	for _, file := range []string{"types.sql", "types-edge.sql", "types-nan.sql"} {
		streams[file] = record(t, srv, file)
	}
	for _, c := range recordings {
		c.modes.MoneyDigits = 2
		for form, binary := range map[string]bool{"text": false, "binary": true} {
			t.Run(c.name+"/"+form, func(t *testing.T) {
				compare(t, streams[c.sql], c.modes, c.name, binary)
			})
		}
	}
}

// row is one inserted or updated row as the server sent it, in both forms.
type row struct {
	table        uint32
	text, binary []cell
}

// cell is one column: kind n, u, t or b as in the protocol.
type cell struct {
	kind byte
	data []byte
}

// stream is what logical decoding made of a SQL file.
type stream struct {
	catalog *Catalog
	tables  map[uint32]string
	columns map[string][]Column
	rows    []row
}

func record(t *testing.T, srv *pgtest.Server, file string) *stream {
	t.Helper()
	db := srv.Database(t)
	conn := session(t, srv, db)
	run(t, conn, "testdata/types.ddl.sql")
	slot := pgtest.Name(t, "types")
	exec(t, conn, "create publication p for all tables")
	exec(t, conn, "select pg_create_logical_replication_slot('"+slot+"', 'pgoutput')")
	run(t, conn, "testdata/"+file)
	s := &stream{tables: make(map[uint32]string), columns: make(map[string][]Column)}
	s.load(t, conn)
	texts := s.decode(t, conn, "pg_logical_slot_peek_binary_changes", slot)
	binaries := texts
	if srv.Major(t) >= 14 {
		binaries = s.decode(t, conn, "pg_logical_slot_get_binary_changes", slot, "binary", "true")
	}
	if len(texts) != len(binaries) || len(texts) == 0 {
		t.Fatalf("%d rows as text, %d as binary", len(texts), len(binaries))
	}
	for i := range texts {
		s.rows = append(s.rows, row{table: texts[i].table, text: texts[i].text, binary: binaries[i].text})
	}
	exec(t, conn, "select pg_drop_replication_slot('"+slot+"')")
	return s
}

// session connects with Settings, as the connector must.
func session(t testing.TB, srv *pgtest.Server, db string) *pgx.Conn {
	t.Helper()
	c, err := pgx.ParseConfig(srv.URL(db))
	if err != nil {
		t.Fatal(err)
	}
	c.RuntimeParams["options"] = Settings
	conn, err := pgx.ConnectConfig(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := conn.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return conn
}

func run(t testing.TB, conn *pgx.Conn, file string) {
	t.Helper()
	sql, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	exec(t, conn, string(sql))
}

func exec(t testing.TB, conn *pgx.Conn, sql string) {
	t.Helper()
	if _, err := conn.PgConn().Exec(t.Context(), sql).ReadAll(); err != nil {
		t.Fatal(err)
	}
}

func queryOf(conn *pgx.Conn) Query {
	return func(ctx context.Context, sql string, args ...any) (Rows, error) { return conn.Query(ctx, sql, args...) }
}

func (s *stream) load(t *testing.T, conn *pgx.Conn) {
	t.Helper()
	var err error
	if s.catalog, err = Load(t.Context(), queryOf(conn)); err != nil {
		t.Fatal(err)
	}
	tables, err := conn.Query(t.Context(), "select oid::bigint, relname::text from pg_class where relkind = 'r' and relname like 't\\_%'")
	if err != nil {
		t.Fatal(err)
	}
	var oid int64
	var name string
	if _, err := pgx.ForEachRow(tables, []any{&oid, &name}, func() error {
		s.tables[uint32(oid)] = name
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for oid, name := range s.tables {
		if s.columns[name], err = LoadColumns(t.Context(), queryOf(conn), oid); err != nil {
			t.Fatal(err)
		}
	}
}

// decode reads the inserted and updated rows of a slot.
func (s *stream) decode(t *testing.T, conn *pgx.Conn, function, slot string, options ...string) []row {
	t.Helper()
	options = append([]string{"proto_version", "1", "publication_names", "p"}, options...)
	messages, err := conn.Query(t.Context(), "select data from "+function+"($1, null, null, variadic $2::text[])", slot, options)
	if err != nil {
		t.Fatal(err)
	}
	var rows []row
	var data []byte
	_, err = pgx.ForEachRow(messages, []any{&data}, func() error {
		if data[0] != 'I' && data[0] != 'U' {
			return nil
		}
		r := row{table: binary.BigEndian.Uint32(data[1:])}
		rest := data[5:]
		for len(rest) > 0 { // an update may have the old row before the new one
			_, r.text, rest = rest[0], nil, rest[1:]
			r.text, rest = cells(rest)
		}
		rows = append(rows, r)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

func cells(data []byte) ([]cell, []byte) {
	all := make([]cell, binary.BigEndian.Uint16(data))
	data = data[2:]
	for i := range all {
		all[i].kind, data = data[0], data[1:]
		if all[i].kind == 't' || all[i].kind == 'b' {
			n := binary.BigEndian.Uint32(data)
			all[i].data, data = append([]byte(nil), data[4:4+n]...), data[4+n:]
		}
	}
	return all, data
}

// recorded is a line of a recording: the fields of the block after if they changed, and its payload.
type recorded struct {
	Table  string          `json:"table"`
	Fields json.RawMessage `json:"fields"`
	After  json.RawMessage `json:"after"`
}

func readRecording(t *testing.T, name string) map[string][]recorded {
	t.Helper()
	f, err := os.Open("testdata/" + name + ".jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	all := make(map[string][]recorded)
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var r recorded
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			t.Fatal(err)
		}
		if before := all[r.Table]; len(r.Fields) == 0 {
			r.Fields = before[len(before)-1].Fields
		}
		all[r.Table] = append(all[r.Table], r)
	}
	if len(all) == 0 {
		t.Fatalf("%s is empty", name)
	}
	return all
}

// replaced makes of a recording what is wanted here; testdata/differences.md has the reasons.
func replaced(t *testing.T, table string, rows []recorded) []recorded {
	t.Helper()
	switch table {
	case "t_text": // its stream loses the column of type name, its snapshot does not
		return readRecording(t, "types-snapshot-text")["t_text"]
	case "t_float": // Java before 19 does not print the shortest digits
		for i := range rows {
			rows[i].After = bytes.Replace(rows[i].After, []byte("1.17549435E-38"), []byte("1.1754944E-38"), 1)
		}
	}
	return rows
}

func compare(t *testing.T, s *stream, modes Modes, name string, inBinary bool) {
	for table, want := range readRecording(t, name) {
		want = replaced(t, table, want)
		plan := planTable(t, s.catalog, s.columns[table], modes)
		n := 0
		for _, r := range s.rows {
			if s.tables[r.table] != table {
				continue
			}
			if n == len(want) {
				t.Fatalf("%s has more rows than the %d recorded ones", table, n)
			}
			fields, after := plan.render(t, r, inBinary)
			checkSame(t, fmt.Sprintf("%s fields", table), fields, string(want[n].Fields))
			checkSame(t, fmt.Sprintf("%s row %d", table, n), mask(after), mask(string(want[n].After)))
			n++
		}
		if n != len(want) {
			t.Errorf("%s has %d rows, recorded are %d", table, n, len(want))
		}
	}
}

// mask hides now() in t_default.
func mask(after string) string {
	before, rest, ok := strings.Cut(after, `"now_ts":"20`)
	if !ok {
		return after
	}
	_, rest, _ = strings.Cut(rest, `"`)
	return before + `"now_ts":"masked"` + rest
}

func checkSame(t *testing.T, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s\n got %s\nwant %s", what, got, want)
	}
}

// tablePlan is the plans of a table and the struct of those that are not dropped.
type tablePlan struct {
	schema *connect.Schema
	plans  []*ColumnPlan
	json   connect.Converter
	arena  connect.Arena
}

func planTable(t testing.TB, cat *Catalog, columns []Column, m Modes) *tablePlan {
	t.Helper()
	p := &tablePlan{json: newConverter(t)}
	b := connect.NewStruct("Value").Optional()
	for _, c := range columns {
		plan, err := Plan(c, cat, m)
		if err != nil {
			t.Fatal(err)
		}
		p.plans = append(p.plans, plan)
		if !plan.Dropped {
			b.Field(c.Name, plan.Schema)
		}
	}
	p.schema = b.MustBuild()
	return p
}

func newConverter(t testing.TB) connect.Converter {
	t.Helper()
	list := connect.Plugins{Converters: convert.Plugins()}
	plugin := list.Converter("JsonConverter")
	c, errs := plugin.Config.Parse(map[string]string{"schemas.enable": "true"})
	if errs != nil {
		t.Fatal(errs)
	}
	json, err := plugin.New(connect.ConverterContext{Config: c})
	if err != nil {
		t.Fatal(err)
	}
	return json
}

// render returns the fields of the schema and the payload as the JsonConverter writes them. What
// has no place in the schema is null, as event.converting.failure.handling.mode=warn has it.
func (p *tablePlan) render(t *testing.T, r row, inBinary bool) (fields, after string) {
	t.Helper()
	p.arena.Reset()
	st := p.arena.Struct(p.schema)
	at := 0
	for i, plan := range p.plans {
		if plan.Dropped {
			continue
		}
		v, err := plan.decodeCell(&p.arena, r.text[i], r.binary[i], inBinary)
		var lost *ValueError
		if err != nil && (!errors.As(err, &lost) || !lost.Unfit) {
			t.Fatal(err)
		}
		st.Values[at] = v
		at++
	}
	v := connect.StructValue(st)
	if err := connect.Check(p.schema, v); err != nil {
		t.Fatal(err)
	}
	out, _, err := p.json.FromConnect(nil, "t", p.schema, v)
	if err != nil {
		t.Fatal(err)
	}
	var parts struct {
		Schema  struct{ Fields json.RawMessage }
		Payload json.RawMessage
	}
	if err := json.Unmarshal(out, &parts); err != nil {
		t.Fatal(err)
	}
	return string(parts.Schema.Fields), string(parts.Payload)
}

func (p *ColumnPlan) decodeCell(a *connect.Arena, text, binary cell, inBinary bool) (connect.Value, error) {
	if text.kind == 'n' {
		return connect.Null(), nil
	}
	if inBinary && p.HasBinary && binary.kind == 'b' {
		return p.Binary(a, binary.data)
	}
	return p.Text(a, text.data)
}
