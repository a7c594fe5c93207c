// SPDX-License-Identifier: Apache-2.0

//go:build referee

package referee

import "testing"

// kept is a column that Debezium leaves out: schema is that of the field but for its
// name, and value what stands there, both as the JsonConverter writes them.
func kept(typ, sql, schema, value string) scenario {
	return scenario{
		name:   typ + " is left out",
		before: `CREATE DOMAIN price AS numeric(6,2); CREATE TYPE clocks AS RANGE (subtype = time); CREATE TABLE t (id int PRIMARY KEY, v ` + typ + ` NOT NULL); INSERT INTO t VALUES (1, ` + sql + `);`,
		during: `INSERT INTO t VALUES (2, ` + sql + `); DELETE FROM t WHERE id = 1`,
		differs: &difference{why: "Debezium has no such column: its data is lost", replace: []string{
			`"field":"id"\}\],"optional":true`, `"field":"id"},{` + schema + `,"field":"v"}],"optional":true`,
			`"after":\{"id":(\d+)\}`, `"after":{"id":$1,"v":` + value + `}`,
			`"before":\{"id":(\d+)\}`, `"before":{"id":$1,"v":null}`,
		}},
	}
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
		column("multirange array", "int4multirange[]", `'{"{[1,3)}"}'`).with("include.unknown.datatypes", "true"),
		column("box array", "box[]", `'{(1,1),(0,0);(2,2),(1,1)}'`),
		column("circle array", "circle[]", `'{"<(1,2),3>"}'`),
		column("bit(3) array", "bit(3)[]", `'{101}'`),
		column("negative scale", "numeric(5,-2)", "1200"),
	})
}
