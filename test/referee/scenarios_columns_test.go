// SPDX-License-Identifier: Apache-2.0

//go:build referee

package referee

import (
	"fmt"
	"strings"
	"testing"
)

// one makes a table with a column of a type and the same value on both paths.
func one(typ, sql string) scenario {
	return scenario{
		name:   typ,
		before: `CREATE DOMAIN price AS numeric(6,2); CREATE TYPE clocks AS RANGE (subtype = time); CREATE TABLE t (k int PRIMARY KEY, v ` + typ + ` NOT NULL); INSERT INTO t VALUES (1, ` + sql + `);`,
		during: `INSERT INTO t VALUES (2, ` + sql + `); DELETE FROM t WHERE k = 1`,
	}
}

// kept is a column that Debezium leaves out: schema is that of the field but for its
// name, and value what stands there, both as the JsonConverter writes them.
func kept(typ, sql, schema, value string) scenario {
	return one(typ, sql).but("Debezium has no such column: its data is lost",
		`"field":"k"\}\],"optional":true`, `"field":"k"},{`+schema+`,"field":"v"}],"optional":true`,
		`"after":\{"k":(\d+)\}`, `"after":{"k":$1,"v":`+value+`}`,
		`"before":\{"k":(\d+)\}`, `"before":{"k":$1,"v":null}`)
}

func (s scenario) but(why string, replace ...string) scenario {
	s.differs = &difference{why: why, replace: replace}
	return s
}

// nullable lets Debezium go on where it has no value.
func (s scenario) nullable() scenario {
	s.before = strings.Replace(s.before, " NOT NULL)", ")", 1)
	return s
}

// TestColumns is about columns whose schemas differ, as the second table of
// connectors/postgrescdc/types/testdata/differences.md has them.
func TestColumns(t *testing.T) {
	t.Parallel()
	const cents = `{"type":"bytes","optional":true,"name":"org.apache.kafka.connect.data.Decimal","version":1,"parameters":{"scale":"2"}}`
	const price = `{"type":"bytes","optional":true,"name":"org.apache.kafka.connect.data.Decimal","version":1,"parameters":{"scale":"2","connect.decimal.precision":"6"}}`
	runAll(t, []scenario{
		kept("money[]", "'{1.25}'", `"type":"array","items":`+cents+`,"optional":true`, `["fQ=="]`),
		kept("price[]", "'{1.25}'", `"type":"array","items":`+price+`,"optional":true`, `["fQ=="]`),
		kept("int4multirange", "'{[1,3),[5,8)}'", `"type":"string","optional":true`, `"{[1,3),[5,8)}"`),
		kept("int4multirange[]", `'{"{[1,3)}"}'`, `"type":"array","items":{"type":"string","optional":true},"optional":true`, `["{[1,3)}"]`),
		kept("clocks", "'[01:00,02:00)'", `"type":"string","optional":true`, `"[01:00:00,02:00:00)"`),
		kept("name[]", "'{a}'", `"type":"array","items":{"type":"string","optional":true},"optional":true`, `["a"]`),
		kept("interval[]", "'{1 day}'", `"type":"array","items":{"type":"int64","optional":true,"name":"io.debezium.time.MicroDuration","version":1},"optional":true`, `[86400000000]`),
		kept("xml[]", "'{<a/>}'", `"type":"array","items":{"type":"string","optional":true,"name":"io.debezium.data.Xml","version":1},"optional":true`, `["<a/>"]`),
		column("numeric with more scale than precision", "numeric(3,5)", "0.00123", "-0.00999"),
		column("multirange", "int4multirange", "'{[1,3)}'").with("include.unknown.datatypes", "true"),
		one("circle[]", `'{"<(1,2),3>"}'`).nullable().but("Debezium has the schema, and loses the values",
			`("after":\{"k":\d+,"v":)null`, `$1[{"center":{"x":1.0,"y":2.0,"wkb":"AQEAAAAAAAAAAADwPwAAAAAAAABA","srid":null},"radius":3.0}]`),
		one("bit(3)[]", "'{101}'").nullable().but("Debezium has a schema for one bit string, and loses the values",
			`\{("type":"bytes","optional":true,"name":"io.debezium.data.Bits","version":1,"parameters":\{"length":"3"\})`, `{"type":"array","items":{${1}},"optional":true`,
			`("after":\{"k":\d+,"v":)null`, `$1["BQ=="]`),
		one("numeric(5,-2)", "1200").but("Debezium reads the sign of the scale as a number: 2046 zeros behind each point",
			`"scale":"2046","connect.decimal.precision":"5"`, `"scale":"0","connect.decimal.precision":"7"`,
			`("after":\{"k":\d+,"v":)"[^"]*"`, `$1"BLA="`),
	})
}

// TestRequired is about what stands for the columns that the server does not tell in the
// old row of a delete, where the schema forbids null.
func TestRequired(t *testing.T) {
	t.Parallel()
	const table = `CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE DOMAIN price AS numeric(6,2); CREATE TABLE t (k int PRIMARY KEY`
	columns := []string{
		"boolean", "smallint", "bigint", "oid", "real", "double precision", "numeric", "numeric(10,2)", "money", "text", "varchar(3)", "char(3)", "bytea", "bit(1)", "bit(12)", "varbit",
		"uuid", "json", "jsonb", "xml", "mood", "price", "date", "time", "time(3)", "timetz", "timestamp", "timestamp(3)", "timestamptz", "interval", "inet", "macaddr",
		"int4range", "tstzrange", "point", "line", "lseg", "box", "path", "polygon", "circle", "tsvector", "int[]", "text[]", "timestamptz[]",
	}
	values := []string{
		"true", "1", "1", "1", "1", "1", "1", "1", "1", "'a'", "'a'", "'a'", "'a'", "B'1'", "B'000000000001'", "B'1'",
		"'C0FFEE00-0000-4000-8000-000000000001'", "'1'", "'1'", "'<a/>'", "'ok'", "1", "'2026-01-02'", "'01:02'", "'01:02'", "'01:02+00'", "'2026-01-02'", "'2026-01-02'", "'2026-01-02 00:00+00'", "'1 day'", "'::1'", "'08:00:2b:01:02:03'",
		"'[1,2)'", "'[2026-01-01 00:00+00,)'", "'(1,2)'", "'{1,-1,0}'", "'[(0,0),(1,1)]'", "'(1,1),(0,0)'", "'[(0,0),(1,1)]'", "'((0,0),(1,1),(2,0))'", "'<(1,2),3>'", "'a'", "'{1}'", "'{a}'", "'{}'",
	}
	ddl, row := table, "INSERT INTO t VALUES (1"
	for i, c := range columns {
		ddl += fmt.Sprintf(", c%d %s NOT NULL", i, c)
		row += ", " + values[i]
	}
	var all []scenario
	for _, mode := range []string{"adaptive", "connect", "isostring", "structured"} {
		all = append(all, scenario{name: "old rows " + mode, before: ddl + "); " + row + ");", during: "DELETE FROM t", config: map[string]string{"time.precision.mode": mode}})
	}
	all = append(all, scenario{name: "old rows of texts", before: ddl + "); " + row + ");", during: "DELETE FROM t",
		config: map[string]string{"decimal.handling.mode": "string", "interval.handling.mode": "string", "binary.handling.mode": "base64", "time.precision.mode": "microseconds"}})
	runAll(t, all)
}
