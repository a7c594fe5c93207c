// SPDX-License-Identifier: Apache-2.0

package postgrescdc

// pathsDDL are the types that no server has by itself.
const pathsDDL = `
CREATE EXTENSION hstore; CREATE EXTENSION citext; CREATE EXTENSION ltree; CREATE EXTENSION isn; CREATE EXTENSION cube;
CREATE TYPE mood AS ENUM ('sad', 'o,k', 'it''s', 'a "b"', 'c\d', '{}', 'NULL', ' ', 'ü');
CREATE DOMAIN amount AS numeric(12,4); CREATE DOMAIN price AS amount NOT NULL DEFAULT 0; CREATE DOMAIN email AS varchar(100); CREATE DOMAIN moods AS mood[];
CREATE TYPE clocks AS RANGE (subtype = time);
CREATE TYPE addr AS (street text, zip int, at timestamptz, tags text[], m mood);
CREATE TYPE person AS (name text, home addr, homes addr[], worth amount);
`

// typeValues is a type with values of it, as SQL expressions that are cast to it.
type typeValues struct {
	typ string
	// since is the first major version that has the type or these values; 0 for all.
	since  int
	values []string
}

// pathTypes are the types that a column can have, with values at their edges.
var pathTypes = []typeValues{
	{"boolean", 0, []string{"true", "false"}},
	{"smallint", 0, []string{"0", "-32768", "32767"}},
	{"integer", 0, []string{"0", "-2147483648", "2147483647"}},
	{"bigint", 0, []string{"0", "'-9223372036854775808'", "9223372036854775807"}},
	{"oid", 0, []string{"0", "4294967295"}},
	{"real", 0, []string{"'-0'", "'NaN'", "'Infinity'", "'-Infinity'", "'3.4028235e38'", "'1e-45'", "'1.17549435e-38'", "0.1"}},
	{"double precision", 0, []string{"'-0'", "'NaN'", "'Infinity'", "'-Infinity'", "'1.7976931348623157e308'", "'5e-324'", "0.1", "123456789012345680"}},
	{"numeric", 0, []string{"0", "'0.000'", "-1.10", "'NaN'", "'1e-16383'", "'-1e1000'", "10::numeric^40", "12345678901234567890.123456789", "1e5"}},
	{"numeric", 14, []string{"'Infinity'", "'-Infinity'"}},
	{"numeric(10,2)", 0, []string{"0", "-12.34", "99999999.99", "'NaN'", "0.1"}},
	{"numeric(38,10)", 0, []string{"'1234567890123456789012345678.0123456789'", "-0.5"}},
	{"numeric(5,0)", 0, []string{"99999", "-0.4"}},
	{"numeric(5,-2)", 15, []string{"1200", "-9999900", "49"}},
	{"numeric(3,5)", 15, []string{"0.00123", "-0.00999"}},
	{"numeric(1000,1000)", 0, []string{"'1e-1000'", "0.5"}},
	{"money", 0, []string{"0", "'-92233720368547758.08'", "'92233720368547758.07'", "'-0.01'", "1234.5"}},
	{"text", 0, []string{"''", `E'tab\tnew\nline\rback\\slash\b\f\v'`, `'\N'`, "'NULL'", "repeat('é🎉', 5000)", "E'\\x01'", "'\\.'"}},
	{"varchar", 0, []string{"''", "'x'"}},
	{"varchar(3)", 0, []string{"'abc'", "'äöü'"}},
	{"char", 0, []string{"'a'", "''"}},
	{"char(5)", 0, []string{"'ab'", "''", "'ä'"}},
	{`"char"`, 0, []string{"'x'", "''", `'\'`}},
	{"name", 0, []string{"'x'", "repeat('n', 63)", "''"}},
	{"citext", 0, []string{"'CaSe'", "''"}},
	{"xml", 0, []string{`'<a b="c">d &amp; e</a>'`, "'<?xml version=\"1.0\"?><x/>'"}},
	{"bytea", 0, []string{`'\x'`, `'\x00ff5c27'`, "decode(repeat('00ff', 3000), 'hex')"}},
	{"bit(1)", 0, []string{"B'1'", "B'0'"}},
	{"bit(12)", 0, []string{"B'000000000000'", "B'100000000001'"}},
	{"bit(24)", 0, []string{"B'000000110000001000000001'"}},
	{"varbit", 0, []string{"B''", "B'1'", "B'1010101010101'"}},
	{"varbit(9)", 0, []string{"B'0001'", "B'000000001'"}},
	{"uuid", 0, []string{"'C0FFEE00-0000-4000-8000-000000000001'", "'00000000-0000-0000-0000-000000000000'"}},
	{"json", 0, []string{`'{"a": 1,  "a": [null]}'`, "'null'", `'"\u00e9\n"'`, "'3e400'"}},
	{"jsonb", 0, []string{`'{"b": 1.50, "a": {"c": "é \\ \""}}'`, "'null'", "'[]'"}},
	{"hstore", 0, []string{"''", `'a=>1, b=>NULL'`, `'"k \"é\\"=>"v,=>"'`, `'""=>""'`, `'x=>"NULL"'`}},
	{"ltree", 0, []string{"'a.b.c'", "''"}},
	{"isbn", 0, []string{"'0-306-40615-2'"}},
	{"ean13", 0, []string{"'978-0-306-40615-7'"}},
	{"cube", 0, []string{"'(1,2),(3,4)'"}},
	{"mood", 0, []string{"'sad'", "'o,k'", "'it''s'", `'a "b"'`, `'c\d'`, "'{}'", "'NULL'", "' '", "'ü'"}},
	{"moods", 0, []string{"'{}'", `ARRAY['sad', 'NULL', 'c\d', 'a "b"']`}},
	{"amount", 0, []string{"0", "-12345678.9012"}},
	{"email", 0, []string{"'a@b'", "''"}},
	{"addr", 0, []string{`ROW('1 Main "St", \', 5, '2026-01-02 03:04:05.6+00', '{a,"b,c",NULL}', 'a "b"')`, "ROW(NULL, NULL, NULL, NULL, NULL)", "ROW('', 0, '-infinity', '{}', 'NULL')"}},
	{"person", 0, []string{`ROW('x "y"', ROW('a,b', 1, NULL, '{"q\"\\"}', 'it''s'), ARRAY[ROW('s', NULL, 'infinity', NULL, 'c\d')::addr, NULL], 1.5)`}},
	{"date", 0, []string{"'infinity'", "'-infinity'", "'4713-01-01 BC'", "'5874897-12-31'", "'1970-01-01'", "'0001-01-01'", "'2024-02-29'", "'0044-03-15 BC'"}},
	{"time", 0, []string{"'00:00'", "'24:00'", "'23:59:59.999999'", "'12:34:56.7'"}},
	{"time(0)", 0, []string{"'12:34:56'", "'23:59:59.9'"}},
	{"time(3)", 0, []string{"'12:34:56.789'", "'24:00'"}},
	{"timetz", 0, []string{"'24:00+00'", "'00:00-15:59:59'", "'12:34:56.5+02'", "'23:59:59.999999+15:59'", "'24:00-01'"}},
	{"timetz(2)", 0, []string{"'12:34:56.78+05:30'"}},
	{"timestamp", 0, []string{"'infinity'", "'-infinity'", "'4713-01-01 BC'", "'294276-12-31 23:59:59.999999'", "'1969-12-31 23:59:59.999999'", "'0001-01-01'", "'2262-04-11 23:47:16.854775'", "'2262-04-11 23:47:16.854776'", "'1677-09-21 00:12:43.145224'", "'294247-01-10 04:00:54.775807'", "'294247-01-10 04:00:54.775808'"}},
	{"timestamp(0)", 0, []string{"'2026-02-03 04:05:06'", "'infinity'"}},
	{"timestamp(3)", 0, []string{"'2026-02-03 04:05:06.789'", "'294276-12-31 23:59:59.999'", "'-infinity'", "'1969-12-31 23:59:59.999'"}},
	{"timestamptz", 0, []string{"'infinity'", "'-infinity'", "'4713-01-01 00:00+00 BC'", "'294276-12-31 23:59:59.999999+00'", "'2026-02-03 04:05:06.7+02'", "'0044-03-15 00:00:00+00 BC'", "'10000-01-01 00:00+00'"}},
	{"timestamptz(3)", 0, []string{"'2026-02-03 04:05:06.7+02'", "'infinity'"}},
	{"interval", 0, []string{"'0'", "'1 year 2 mons 3 days 04:05:06.789'", "'-1 day'", "'-1 year -2 mons +3 days -04:05:06.000001'", "'178000000 years'", "'-178000000 years -2147483647 days'"}},
	{"interval", 17, []string{"'infinity'", "'-infinity'"}},
	{"inet", 0, []string{"'10.0.0.1'", "'10.0.0.1/8'", "'::1'", "'2001:db8::1/64'"}},
	{"cidr", 0, []string{"'10.0.0.0/8'", "'::/0'"}},
	{"macaddr", 0, []string{"'08:00:2b:01:02:03'"}},
	{"macaddr8", 0, []string{"'08:00:2b:ff:fe:01:02:03'"}},
	{"int4range", 0, []string{"'[1,5]'", "'empty'", "'(,)'"}},
	{"int8range", 0, []string{"'(1,9223372036854775806]'"}},
	{"numrange", 0, []string{"'[1.10,2.5)'", "'(,3]'"}},
	{"tsrange", 0, []string{"'[2026-01-01 00:00:00.123456,infinity)'"}},
	{"tstzrange", 0, []string{"'(,2020-01-01 00:00+00]'"}},
	{"daterange", 0, []string{"'[2026-01-01,2026-02-01]'", "'[-infinity,)'"}},
	{"clocks", 0, []string{"'[10:00,12:00)'"}},
	{"int4multirange", 14, []string{"'{}'", "'{[1,3),[5,8)}'"}},
	{"tstzmultirange", 14, []string{"'{[2026-01-01 00:00+00,2026-01-02 00:00+00)}'"}},
	{"point", 0, []string{"'(1.5,-2)'", "'(NaN,Infinity)'", "'(-0,1e-300)'"}},
	{"line", 0, []string{"'{1,-1,0}'"}},
	{"lseg", 0, []string{"'[(0,0),(1,1)]'"}},
	{"box", 0, []string{"'(1,1),(0,0)'"}},
	{"path", 0, []string{"'((0,0),(1,1),(2,0))'", "'[(0,0),(1,1)]'"}},
	{"polygon", 0, []string{"'((0,0),(1,1),(2,0))'"}},
	{"circle", 0, []string{"'<(1,2),3>'"}},
	{"tsvector", 0, []string{"'a fat cat'", "$$'it''s':1A,2 'b\\c'$$", "''"}},
	{"tsquery", 0, []string{"'fat & (rat | cat)'"}},
	{"pg_lsn", 0, []string{"'16/B374D848'"}},
	{"xid", 0, []string{"'42'"}},
	{"regclass", 0, []string{"'pg_class'"}},
	{"jsonpath", 0, []string{"'$.a[*] ? (@ > 1)'"}},
	{"txid_snapshot", 0, []string{"'10:20:10,14'"}},
	// Arrays with what those of every type do not have.
	{"integer[]", 0, []string{"'[2:3]={7,8}'", "'[-1:0][5:6]={{1,2},{3,4}}'", "'{{{1}}}'"}},
	{"text[]", 0, []string{`ARRAY['a"b', 'c\d', '', 'NULL', NULL, '{,}', ' x ', E'\t\n']`, "ARRAY[['a','b'],['c',NULL]]"}},
	{"numeric(10,2)[]", 0, []string{"'{1.10,NaN,-2}'"}},
	{"amount[][]", 0, []string{"'{{1.5},{2}}'"}},
}
