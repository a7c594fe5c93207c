// SPDX-License-Identifier: Apache-2.0

//go:build referee

package referee

import (
	"strings"
	"testing"
)

// column makes a table with one column of a type, whose values come once through the
// snapshot and once through the stream.
func column(name, typ string, values ...string) scenario {
	s := scenario{name: name, before: "CREATE TABLE t (id serial PRIMARY KEY, v " + typ + ");"}
	for _, v := range append(values, "NULL") {
		s.before += "INSERT INTO t (v) VALUES (" + v + ");"
		s.during += "INSERT INTO t (v) VALUES (" + v + ");"
	}
	return s
}

func (s scenario) with(pairs ...string) scenario {
	config := map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		config[pairs[i]] = pairs[i+1]
	}
	s.config, s.name = config, s.name+" "+strings.Join(pairs[1:], " ")
	return s
}

// TestTypes is about the mapping of types, on both paths.
func TestTypes(t *testing.T) {
	t.Parallel()
	stamps := []string{"'2026-02-03 04:05:06.789012'", "'1969-12-31 23:59:59.999999'", "'0001-01-01 00:00:00'", "'infinity'"}
	numerics := []string{"0", "-12.34", "99999999.99", "0.10"}
	runAll(t, []scenario{
		column("integers", "smallint", "-32768", "32767", "0"),
		column("bigint", "bigint", "-9223372036854775808", "9223372036854775807"),
		column("oid", "oid", "4294967295", "0"),
		column("real", "real", "1.5", "-0", "'NaN'", "'Infinity'", "3.4028235e38", "1e-45"),
		column("double", "double precision", "0.1", "-1e308", "'-Infinity'", "5e-324", "123456789012345680"),
		column("boolean", "boolean", "true", "false"),
		column("numeric", "numeric(10,2)", numerics...),
		column("numeric without scale", "numeric", "1", "1.10", "-0.000001", "12345678901234567890.123456789"),
		column("numeric", "numeric(10,2)", numerics...).with("decimal.handling.mode", "double"),
		column("numeric", "numeric(10,2)", numerics...).with("decimal.handling.mode", "string"),
		column("money", "money", "12.34", "-0.01", "92233720368547758.07"),
		column("text", "text", "''", "'é ✓ 🎉'", "E'line\\nend'", "'null'"),
		column("char", "char(5)", "'ab'", "''"),
		column("varchar", "varchar(3)", "'abc'"),
		column("bytea", "bytea", "'\\x'", "'\\x00ff10'"),
		column("bytea", "bytea", "'\\x00ff10'").with("binary.handling.mode", "base64"),
		column("bytea", "bytea", "'\\x00ff10'").with("binary.handling.mode", "hex"),
		column("bit", "bit(1)", "B'1'", "B'0'"),
		column("bits", "bit(12)", "B'000000000001'", "B'100000000000'"),
		column("varbit", "varbit", "B''", "B'1'", "B'1010101010101'"),
		column("uuid", "uuid", "'C0FFEE00-0000-4000-8000-000000000001'"),
		column("json", "json", `'{"a": 1,  "a": [null]}'`, "'3'"),
		column("jsonb", "jsonb", `'{"b": 1.50, "a": {"c": "é"}}'`),
		column("xml", "xml", "'<a b=\"c\">d</a>'"),
		column("date", "date", "'2026-02-03'", "'1970-01-01'", "'9999-12-31'"),
		column("time", "time", "'00:00:00'", "'23:59:59.999999'", "'24:00:00'"),
		column("time of seconds", "time(0)", "'12:34:56'"),
		column("timetz", "timetz", "'12:34:56.5+02'", "'00:00:00-11'"),
		column("timestamp", "timestamp", stamps...),
		column("timestamp of millis", "timestamp(3)", stamps[:3]...),
		column("timestamptz", "timestamptz", "'2026-02-03 04:05:06.7+02'", "'infinity'", "'-infinity'", "'0044-03-15 00:00:00+00 BC'"),
		column("timestamp", "timestamp", stamps[:2]...).with("time.precision.mode", "connect"),
		column("timestamp", "timestamp", stamps[:2]...).with("time.precision.mode", "isostring"),
		column("timestamp", "timestamp", stamps[:2]...).with("time.precision.mode", "nanoseconds"),
		column("timestamp", "timestamp", stamps[:2]...).with("time.precision.mode", "microseconds"),
		column("interval", "interval", "'1 year 2 mons 3 days 04:05:06.789'", "'-1 day'", "'0'"),
		column("interval", "interval", "'1 year 2 mons 3 days 04:05:06.789'", "'-1 day'", "'0'").with("interval.handling.mode", "string"),
		column("inet", "inet", "'10.0.0.1'", "'10.0.0.0/8'", "'::1'"),
		column("cidr", "cidr", "'10.0.0.0/8'"),
		column("macaddr", "macaddr", "'08:00:2b:01:02:03'"),
		column("int range", "int4range", "'[1,5]'", "'empty'", "'(,)'"),
		column("timestamptz range", "tstzrange", "'[2026-01-01 00:00:00+00,2026-01-02 00:00:00+00)'"),
		column("point", "point", "'(1.5,-2)'"),
		column("integer array", "int[]", "'{1,NULL,3}'", "'{}'"),
		column("text array", "text[]", `'{"a,b","c\"d",NULL}'`),
		column("numeric array", "numeric(5,1)[]", "'{1.5,2}'"),
		column("timestamp array", "timestamp[]", "'{2026-01-01 00:00:00}'"),
		column("tsvector", "tsvector", "'a fat cat'::tsvector"),
		{name: "enum", before: `CREATE TYPE mood AS ENUM ('sad', 'o,k', 'happy'); CREATE TABLE t (id int PRIMARY KEY, m mood, ms mood[]); INSERT INTO t VALUES (1, 'sad', '{happy}');`, during: `INSERT INTO t VALUES (2, 'happy', NULL)`},
		{name: "domain", before: `CREATE DOMAIN price AS numeric(10,2) CHECK (value > 0); CREATE DOMAIN deep AS price; CREATE TABLE t (id int PRIMARY KEY, p price, d deep); INSERT INTO t VALUES (1, 1.5, 2.5);`, during: `INSERT INTO t VALUES (2, 3.25, NULL)`},
		{name: "hstore", before: `CREATE EXTENSION hstore; CREATE TABLE t (id int PRIMARY KEY, h hstore); INSERT INTO t VALUES (1, 'a=>1, b=>NULL');`, during: `INSERT INTO t VALUES (2, '"k é"=>"v"')`},
		{name: "hstore as map", before: `CREATE EXTENSION hstore; CREATE TABLE t (id int PRIMARY KEY, h hstore); INSERT INTO t VALUES (1, 'a=>1');`, during: `INSERT INTO t VALUES (2, 'b=>NULL')`, config: map[string]string{"hstore.handling.mode": "map"}},
		{name: "citext and ltree", before: `CREATE EXTENSION citext; CREATE EXTENSION ltree; CREATE TABLE t (id int PRIMARY KEY, c citext, l ltree); INSERT INTO t VALUES (1, 'Ab', 'a.b.c');`, during: `INSERT INTO t VALUES (2, 'cD', 'x')`},
		{name: "defaults", before: `CREATE TABLE t (id serial PRIMARY KEY, a int NOT NULL DEFAULT 5, b text DEFAULT 'x''y', c numeric(6,2) NOT NULL DEFAULT 1.5, d boolean DEFAULT true, e timestamp DEFAULT '2026-01-02 03:04:05', f uuid NOT NULL DEFAULT gen_random_uuid(), g jsonb DEFAULT '{}', h text NOT NULL DEFAULT now()::text, i date DEFAULT '2026-05-06', j int[] DEFAULT '{1}'); INSERT INTO t (id, f, h) VALUES (1, 'c0ffee00-0000-4000-8000-000000000001', 'h');`,
			during: `INSERT INTO t (id, f, h) VALUES (2, 'c0ffee00-0000-4000-8000-000000000001', 'h')`},
	})
}
