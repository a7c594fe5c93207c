// SPDX-License-Identifier: Apache-2.0

//go:build referee

package referee

import (
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
