// SPDX-License-Identifier: Apache-2.0

package types

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connectors/postgrescdc/pgtest"
)

const liveTypes = `
create extension hstore; create extension citext; create extension ltree; create extension cube;
create type mood as enum ('sad', 'ok', 'happy');
create domain amount as numeric(12,4); create domain price as amount; create domain moods as mood[];
create type timerange as range (subtype = time);
create type addr as (street text, zip int, at timestamptz, tags text[], m mood);`

// liveValues are expressions that are asked for many times, so that random() differs.
var liveValues = []string{
	"(random() > 0.5)", "(random() * 65535 - 32768)::int2", "(random() * 4294967295 - 2147483648)::int4",
	"((random() - 0.5) * 1.8e19)::numeric::int8", "(random() * 4294967295)::int8::oid", "(random() - 0.5)::float4", "exp((random() - 0.5) * 1400)::float8",
	"((random() - 0.5) * 1e8)::numeric(10,2)", "((random() - 0.5) * 1e7)::numeric(38,10)", "((random() - 0.5) * 10 ^ (random() * 60)::int)::numeric",
	"round((random() * 1e10)::numeric, -(random() * 8)::int)", "'0'::numeric(40,20)", "(random() * 1e8)::numeric(5,-4)", "(random() * 1e-4)::numeric(3,6)",
	"((random() - 0.5) * 1e9)::numeric::money", "('-92233720368547758.08')::money", "'12.3400'::amount", "'-0.0001'::price",
	"repeat(chr(1 + (random() * 1000)::int), (random() * 20)::int)", "'ab'::char(5)", "'ab'::varchar(5)", "'ab'::name", "'CaSe'::citext", `'x'::"char"`,
	"decode(md5(random()::text), 'hex')", "''::bytea", "((random() * 255)::int)::bit(8)", "((random() * 1048575)::int)::bit(20)", "'1'::bit", "''::varbit", "'0001'::varbit(9)",
	"('4714-11-24 BC'::date + (random() * 3000000)::int)", "'infinity'::date", "'-infinity'::date", "'5874897-12-31'::date",
	"('00:00'::time + random() * '24 hours'::interval)", "('00:00'::time(3) + random() * '24 hours'::interval)::time(3)", "'24:00'::time",
	"('2000-01-01'::timestamp + (random() - 0.5) * '8000 years'::interval)", "('2000-01-01'::timestamp + (random() - 0.5) * '500 years'::interval)::timestamp(2)",
	"'infinity'::timestamp", "'-infinity'::timestamp", "'294276-12-31 23:59:59.999999'::timestamp",
	"('2000-01-01+00'::timestamptz + (random() - 0.5) * '8000 years'::interval)", "now()::timestamptz(0)", "'infinity'::timestamptz", "'-infinity'::timestamptz(3)",
	"('12:34:56.789+05:30')::timetz", "'00:00:00-15:59:59'::timetz", "'24:00+01'::timetz",
	"make_interval(years := (random() * 10 - 5)::int, months := (random() * 30 - 15)::int, days := (random() * 100 - 50)::int, secs := (random() - 0.5) * 1e6)",
	"'178000000 years'::interval", "'-178000000 years -2147483647 days -00:00:00.000001'::interval", "'0'::interval",
	"gen_random_uuid()", `'{"b": 1,  "a": [1]}'::json`, `'{"b": 1,  "a": [1]}'::jsonb`, "'<a>x</a>'::xml", "'ok'::mood",
	"'192.168.1.5/24'::inet", "'10.0.0.0/8'::cidr", "'08:00:2b:01:02:03'::macaddr", "'08:00:2b:01:02:03:04:05'::macaddr8",
	"'(1.5,-2)'::point", "'(1,1),(0,0)'::box", "'[(0,0),(1,1)]'::lseg", "'((0,0),(1,1),(2,0))'::path", "'[(0,0),(1,1)]'::path", "'((0,0),(1,1),(2,0))'::polygon", "'<(1,2),3>'::circle", "'{1,-1,0}'::line",
	"'[1,10)'::int4range", "'empty'::daterange", "'[10:00,12:00)'::timerange", `'{[1,3),[5,8)}'::int4multirange`, "'(,2020-01-01]'::tstzrange",
	`'"a"=>"1", "b c"=>NULL'::hstore`, "'a.b.c'::ltree", "'a fat cat'::tsvector", "row('1 Main \"St\", \\', 5, null, '{a,\"b,c\"}', 'ok')::addr",
	"array[(random() * 100)::int, null, 3]", "array[[1,2],[3,null]]", "'[3:4]={5,6}'::int[]", "'{}'::text[]", `array['a"b', 'c\d', '', 'NULL', null, '{,}']`,
	"array[1.10, -2]::numeric(10,2)[]", "array[1.10, null]::numeric[]", "array[now(), null, '-infinity']", "array['ok', 'sad']::mood[]", "'{ok}'::moods",
	"array[true, null]", "array[gen_random_uuid()]", "array[decode('dead', 'hex'), null]", "array['1 day'::interval]", "array['(1,2)'::point]", "array['(1,1),(0,0)'::box, '(2,2),(1,1)'::box]",
	"array['1.5'::money]", "array['101'::varbit, '']", "array['<a/>'::xml]", "array['ab'::name]", "array['1.5'::amount, null]", "array['[1,2)'::int4range]", "array['{[1,2)}'::int4multirange]",
	`array['"a"=>"1"'::hstore]`, "array['a.b'::ltree]", "array['2020-01-01'::date, 'infinity']", "array['12:00+01'::timetz]", "array['{\"a\": 1}'::jsonb, null]", "array[row('a', 1, now(), null, null)::addr]",
}

// TestBothForms asks a server for values in text and in binary: both must decode, be the same, and
// fit their schema.
func TestBothForms(t *testing.T) {
	srv := pgtest.Shared(t)
	conn := session(t, srv, srv.Database(t))
	exec(t, conn, liveTypes)
	major := srv.Major(t)
	cat, err := Load(t.Context(), queryOf(conn))
	if err != nil {
		t.Fatal(err)
	}
	for name, m := range map[string]Modes{
		"default":    {MoneyDigits: 2, UnknownTypes: true},
		"text":       {Decimal: "string", Time: "isostring", Interval: "string", Binary: "base64", Hstore: "map", NestedArrays: true, CompositeStructs: true},
		"structured": {Decimal: "double", Time: "structured", Binary: "hex", CompositeStructs: true},
		"nanos":      {Time: "nanoseconds", UnknownTypes: true, Binary: "hex"},
		"connect":    {Time: "connect"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, expr := range liveValues {
				if sinceMajor(expr) > major {
					continue
				}
				bothForms(t, conn, cat, m, expr)
			}
		})
	}
}

// sinceMajor is the first major version that knows an expression, 0 for all.
func sinceMajor(expr string) int {
	switch {
	case strings.Contains(expr, "multirange"):
		return 14
	case strings.Contains(expr, "numeric(5,-4)"), strings.Contains(expr, "numeric(3,6)"):
		return 15
	}
	return 0
}

func bothForms(t *testing.T, conn *pgx.Conn, cat *Catalog, m Modes, expr string) {
	t.Helper()
	sql := "with v as materialized (select " + expr + " as v from generate_series(1, 20)) select v, v from v"
	result := conn.PgConn().ExecParams(t.Context(), sql, nil, nil, nil, []int16{pgx.TextFormatCode, pgx.BinaryFormatCode}).Read()
	if result.Err != nil {
		t.Fatalf("%s: %v", expr, result.Err)
	}
	c := Column{Name: expr, Type: result.FieldDescriptions[0].DataTypeOID, TypMod: result.FieldDescriptions[0].TypeModifier, Dimensions: strings.Count(expr, "[[") + 1}
	p, err := Plan(c, cat, m)
	if err != nil {
		t.Fatal(err)
	}
	if p.Dropped {
		return
	}
	for _, row := range result.Rows {
		var a connect.Arena
		text, err := p.Text(&a, row[0])
		if got := shown(text, err); strings.HasPrefix(got, "malformed") {
			t.Fatalf("%s: %s is %s", expr, row[0], got)
		}
		if checked := connect.Check(p.Schema, text); checked != nil {
			t.Fatalf("%s: %s: %v", expr, row[0], checked)
		}
		if !p.HasBinary {
			continue
		}
		binary, errBinary := p.Binary(&a, row[1])
		if (err == nil) != (errBinary == nil) || !connect.Equal(text, binary) {
			t.Fatalf("%s: text %s is %s, binary %x is %s", expr, row[0], shown(text, err), row[1], shown(binary, errBinary))
		}
	}
}

// TestLoad reads the types and columns of a database.
func TestLoad(t *testing.T) {
	srv := pgtest.Shared(t)
	db := srv.Database(t)
	conn := session(t, srv, db)
	exec(t, conn, liveTypes)
	exec(t, conn, `create table orders (id bigserial primary key, price price not null default 1.5, moods mood[][], whole addr,
		at timestamptz default '2020-01-02 03:04:05+00', twice int generated always as (2) stored, ident int generated by default as identity);
		create table uses (o orders, os orders[]); create table other (x int); alter table orders add gone int; alter table orders drop gone`)
	cat, err := Load(t.Context(), queryOf(conn))
	if err != nil {
		t.Fatal(err)
	}
	oid := func(name string) uint32 {
		t.Helper()
		var n int64
		if err := conn.QueryRow(t.Context(), "select $1::text::regtype::oid::bigint", name).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return uint32(n)
	}
	mood := cat.Type(oid("mood"))
	if got := strings.Join(mood.Labels, " "); got != "sad ok happy" || mood.Kind != 'e' || mood.Namespace != "public" {
		t.Errorf("mood is %+v", mood)
	}
	if a := cat.Type(oid("addr")); a.Kind != 'c' || len(a.Fields) != 5 || a.Fields[4] != (Field{Name: "m", OID: mood.OID, TypMod: -1}) {
		t.Errorf("addr is %+v", a)
	}
	if a := cat.Type(oid("amount")); a.Kind != 'd' || a.Base != oidNumeric || a.TypMod != decimalMod(12, 4) {
		t.Errorf("amount is %+v", a)
	}
	if a := cat.Type(oid("box[]")); a.Elem != oidBox || a.Delimiter != ';' || a.Category != 'A' {
		t.Errorf("box[] is %+v", a)
	}
	if a := cat.Type(oid("orders")); a == nil || len(a.Fields) != 7 || cat.Type(oid("orders[]")) == nil {
		t.Errorf("the row type that a column is made of is %+v", a)
	}
	if cat.Type(oid("other")) != nil {
		t.Error("the row type of a table is in the catalog")
	}
	columns, err := LoadColumns(t.Context(), queryOf(conn), tableOID(t, conn, "orders"))
	if err != nil {
		t.Fatal(err)
	}
	want := []Column{
		{Name: "id", Type: oidInt8, TypMod: -1, NotNull: true, Default: "nextval('orders_id_seq'::regclass)"},
		{Name: "price", Type: oid("price"), TypMod: -1, NotNull: true, Default: "1.5"},
		{Name: "moods", Type: oid("mood[]"), TypMod: -1, Dimensions: 2},
		{Name: "whole", Type: oid("addr"), TypMod: -1},
		{Name: "at", Type: oidTimestamptz, TypMod: -1, Default: "'2020-01-02 03:04:05+00'::timestamp with time zone"},
		{Name: "twice", Type: oidInt4, TypMod: -1, Generated: true},
		{Name: "ident", Type: oidInt4, TypMod: -1, NotNull: true, Identity: true},
	}
	for i, c := range columns {
		if c != want[i] {
			t.Errorf("column %d is %+v, want %+v", i, c, want[i])
		}
	}
	if len(columns) != len(want) {
		t.Errorf("%d columns, want %d", len(columns), len(want))
	}
}

func tableOID(t *testing.T, conn *pgx.Conn, name string) uint32 {
	t.Helper()
	var n int64
	if err := conn.QueryRow(t.Context(), "select $1::text::regclass::oid::bigint", name).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return uint32(n)
}

// TestDefaultsOfAServer plans the defaults as the server shows them: a serial, literals of all types,
// functions.
func TestDefaultsOfAServer(t *testing.T) {
	srv := pgtest.Shared(t)
	conn := session(t, srv, srv.Database(t))
	exec(t, conn, `create type mood as enum ('sad'); create table d (a smallserial, b int2 default 5, c numeric(6,2) default 0, d text default 'it''s', e varchar(9) default 'x',
		f char(3) default 'y', g float8 default -1.5, h bit(4) default b'101', i timestamp(3) default '2020-01-02 03:04:05.6', j interval default '1 mon', k mood default 'sad',
		l date default current_date, m uuid default gen_random_uuid(), n bool default (not true), o int8 default 9223372036854775807, p text default null, q json default '[]', r time default '01:02')`)
	cat, err := Load(t.Context(), queryOf(conn))
	if err != nil {
		t.Fatal(err)
	}
	columns, err := LoadColumns(t.Context(), queryOf(conn), tableOID(t, conn, "d"))
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Fields(`0 5 0.00 "it's" "x" "y" -1.5 "BQ==" 1577934245600 2629800000000 "sad" none "00000000-0000-0000-0000-000000000000" none 9223372036854775807 none "[]" 3720000000`)
	for i, c := range columns {
		p, err := Plan(c, cat, Modes{})
		if err != nil {
			t.Fatal(err)
		}
		got := "none"
		if v, ok := p.Schema.Default(); ok {
			got = shown(v, nil)
		}
		if got != want[i] {
			t.Errorf("default %s of %s is %s, want %s", c.Default, c.Name, got, want[i])
		}
	}
}

var _ Rows = pgx.Rows(nil)
