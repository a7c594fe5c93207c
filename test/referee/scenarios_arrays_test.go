// SPDX-License-Identifier: Apache-2.0

//go:build referee

package referee

import "testing"

// TestComposed is about arrays, ranges, domains and composite types, under the modes
// that change the form of what is in them.
func TestComposed(t *testing.T) {
	t.Parallel()
	const moment = `'{"2026-02-03 04:05:06.789012",NULL,"1969-12-31 23:59:59.999999"}'`
	numbers := []string{"'{1.5,NULL,-2}'", "'{}'"}
	clocks := []string{`'{00:00:00,NULL,23:59:59.999}'`}
	days := []string{`'{2026-02-03,NULL,1970-01-01}'`}
	scenarios := []scenario{
		column("smallint array", "smallint[]", "'{1,NULL,-3}'", "'{}'"),
		column("bigint array", "bigint[]", "'{9223372036854775807,NULL}'"),
		column("real array", "real[]", "'{1.5,NaN,NULL}'"),
		column("double array", "double precision[]", "'{0.1,-Infinity,NULL}'"),
		column("boolean array", "boolean[]", "'{t,f,NULL}'"),
		column("oid array", "oid[]", "'{4294967295}'"),
		column("char array", "char(3)[]", "'{a,NULL,abc}'"),
		column("varchar array", "varchar(5)[]", `'{a,NULL,"x y"}'`),
		column("bytea array", "bytea[]", `ARRAY['\x00ff'::bytea, NULL, '\x']`),
		column("uuid array", "uuid[]", "'{C0FFEE00-0000-4000-8000-000000000001,NULL}'"),
		column("json array", "json[]", `ARRAY['{"a": 1}'::json, NULL]`),
		column("jsonb array", "jsonb[]", `ARRAY['{"a": 1}'::jsonb, NULL]`),
		column("inet array", "inet[]", "'{10.0.0.1,::1,NULL}'"),
		column("array of two dimensions", "int[][]", "'{{1,2},{3,4}}'"),
		column("array with other bounds", "int[]", "'[2:3]={7,8}'"),
		column("int range array", "int4range[]", `'{"[1,5)",empty}'`),
		column("bigint range", "int8range", "'(1,9223372036854775806]'"),
		column("numeric range", "numrange", "'[1.10,2.5)'", "'(,3]'"),
		column("date range", "daterange", "'[2026-01-01,2026-02-01]'", "'[2026-01-01,)'"),
		column("timestamp range", "tsrange", "'[2026-01-01 00:00:00.123456,2026-01-02)'"),
		column("numeric array", "numeric(8,3)[]", numbers...).with("decimal.handling.mode", "string"),
		column("numeric array", "numeric(8,3)[]", numbers...).with("decimal.handling.mode", "double"),
		column("numeric array without scale", "numeric[]", "'{1.5,1.25}'"),
		column("timestamptz array", "timestamptz[]", moment),
		column("timetz array", "timetz[]", `'{12:34:56.5+02,NULL}'`),
		column("decimal", "decimal(38,10)", "1234567890123456789012345678.0123456789", "-0.5"),
		column("macaddr8", "macaddr8", "'08:00:2b:ff:fe:01:02:03'"),
		column("box", "box", "'((1,2),(3,4))'"),
		column("line and path", "path", "'[(1,2),(3,4)]'"),
		column("circle", "circle", "'<(1,2),3>'"),
		column("tsquery", "tsquery", "'fat & (rat | cat)'"),
		column("pg_lsn", "pg_lsn", "'16/B374D848'"),
		column("xid", "xid", "'42'"),
		column("regclass", "regclass", "'pg_class'"),
		{name: "composite type", before: `CREATE TYPE pair AS (a int, b text); CREATE TABLE t (id int PRIMARY KEY, p pair, ps pair[]); INSERT INTO t VALUES (1, '(1,x)', '{"(2,y)"}');`, during: `INSERT INTO t VALUES (2, NULL, NULL), (3, '(,"a ""b"", c")', '{}')`},
		{name: "composite type as bytes", before: `CREATE TYPE pair AS (a int, b text); CREATE TABLE t (id int PRIMARY KEY, p pair); INSERT INTO t VALUES (1, '(1,x)');`, during: `INSERT INTO t VALUES (2, NULL), (3, '(,"a b")')`, config: map[string]string{"include.unknown.datatypes": "true"}},
		{name: "domain of arrays", before: `CREATE DOMAIN tags AS text[]; CREATE DOMAIN stamp AS timestamp(3); CREATE TABLE t (id int PRIMARY KEY, a tags, b stamp);  INSERT INTO t VALUES (1, '{a,b}', '2026-01-02 03:04:05.678');`, during: `INSERT INTO t VALUES (2, NULL, NULL), (3, '{}', '1969-01-01')`},
		{name: "enum in a key and an array", before: `CREATE TYPE mood AS ENUM ('sad', 'happy'); CREATE TABLE t (m mood PRIMARY KEY, ms mood[] DEFAULT '{happy}'); INSERT INTO t VALUES ('sad');`, during: `INSERT INTO t VALUES ('happy', '{sad,happy}'); UPDATE t SET ms = '{}' WHERE m = 'sad'; DELETE FROM t WHERE m = 'happy'`},
		{name: "times in keys", before: `CREATE TABLE t (a timestamp, b timestamptz, c time, d date, e numeric(6,2), PRIMARY KEY (a, b, c, d, e)); INSERT INTO t VALUES ('2026-01-02 03:04:05', '2026-01-02 03:04:05+02', '03:04', '2026-01-02', 1.5);`, during: `UPDATE t SET e = 2; DELETE FROM t`},
	}
	for _, mode := range []string{"connect", "isostring", "microseconds", "nanoseconds", "adaptive_time_microseconds"} {
		scenarios = append(scenarios,
			column("timestamp array", "timestamp[]", moment).with("time.precision.mode", mode),
			column("time array", "time[]", clocks...).with("time.precision.mode", mode),
			column("date array", "date[]", days...).with("time.precision.mode", mode))
	}
	runAll(t, scenarios)
}
