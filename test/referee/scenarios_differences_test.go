// SPDX-License-Identifier: Apache-2.0

//go:build referee

package referee

import (
	"crypto/sha256"
	"fmt"
	"testing"
)

func digest(text string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(text))) }

// differing are scenarios in which connectd differs on purpose.
func differing() []scenario {
	const people = `CREATE TABLE people (id int PRIMARY KEY, name text, age int, token uuid, doc jsonb); INSERT INTO people VALUES (1, 'ann', 30, 'c0ffee00-0000-4000-8000-000000000001', '{"a": 1}');`
	const changes = `INSERT INTO people VALUES (2, 'bob', 40, 'c0ffee00-0000-4000-8000-000000000002', '{"b": 2}')`
	const list = `CREATE TABLE t (id int PRIMARY KEY, a int, b text); INSERT INTO t VALUES (1, 1, 'x'), (2, 20, 'y');`
	return []scenario{
		{name: "a mask beside propagated types", before: people, during: changes, config: map[string]string{"column.mask.hash.v2.SHA-256.with.salt.abc": "public.people.name", "column.propagate.source.type": "public.people.name"},
			differs: &difference{row: "Masks beside other rules", why: "propagation switches the hash off in Debezium",
				replace: []string{`"parameters":\{"__debezium[^}]*\}`, `"parameters":{"masked":"true"}`, `"name":"ann"`, `"name":"` + digest("abcann") + `"`, `"name":"bob"`, `"name":"` + digest("abcbob") + `"`}}},
		{name: "masks of JSON and UUID", before: people, during: changes, config: map[string]string{"column.mask.with.4.chars": "public.people.(token|doc)"},
			differs: &difference{row: "Masks of JSON, enums, UUIDs and other text", why: "Debezium writes the value as it is",
				replace: []string{`"token":"[^"]*"`, `"token":"****"`, `"doc":"(\\.|[^"\\])*"`, `"doc":"****"`}}},
		{name: "masks of numbers", before: people, during: changes, config: map[string]string{"column.mask.with.4.chars": "public.people.age"},
			differs: &difference{row: "Masks of numbers and times", why: "the schema says masked in Debezium, though the value is not",
				replace: []string{`"parameters":\{"masked":"true"\},"field":"age"`, `"field":"age"`}}},
		{name: "truncation in a surrogate pair", before: `CREATE TABLE people (id int PRIMARY KEY, name text); INSERT INTO people VALUES (1, 'a🎉b');`, during: `INSERT INTO people VALUES (2, '🎉🎉'), (3, 'ab')`, config: map[string]string{"column.truncate.to.2.chars": "public.people.name"},
			differs: &difference{row: "Truncation in the middle of a surrogate pair", why: "Debezium leaves half of a character",
				replace: []string{`"name":"a[^"b]+"\}`, `"name":"a"}`}}},
		{name: "type name in the stream", before: `CREATE TABLE t (id int PRIMARY KEY, n name); INSERT INTO t VALUES (1, 'x');`, during: `INSERT INTO t VALUES (2, 'y')`,
			differs: &difference{why: "Debezium's stream loses the column, its snapshot has it",
				replace: []string{`"id":2,"n":null`, `"id":2,"n":"y"`}}},
		{name: "column list and snapshot", before: list + `CREATE PUBLICATION own FOR TABLE t (id, b), zz_marker;`, during: `INSERT INTO t VALUES (3, 30, 'z')`, config: published(),
			differs: &difference{why: "Debezium's snapshot has columns that the publication leaves out", replace: []string{`\{"type":"int32","optional":true,"field":"a"\},`, ``, `"a":\d+,`, ``}}},
		{name: "row filter and snapshot", before: list + `CREATE PUBLICATION own FOR TABLE t WHERE (id < 2), zz_marker;`, during: `UPDATE t SET b = 'w'`, config: published(),
			differs: &difference{why: "Debezium's snapshot has rows that the publication leaves out", replace: []string{`(?s)^.*"payload":\{"id":2\}\}\n.*"op":"r".*$`, ``}}},
		{name: "inheritance", before: `CREATE TABLE a (id int PRIMARY KEY, a text); CREATE TABLE child (b int, PRIMARY KEY (id)) INHERITS (a); INSERT INTO a VALUES (1, 'x'), (2, 'y'); INSERT INTO child VALUES (7, 'w', 8);`, during: `INSERT INTO a VALUES (3, 'y'); INSERT INTO child VALUES (4, 'z', 4); UPDATE a SET a = 'w' WHERE id = 4; DELETE FROM child`,
			differs: &difference{why: "Debezium's snapshot of a table has the rows of its children too, which come under their own names as well",
				replace: []string{`(?s)^.*"payload":\{"id":7\}\}\n.*"table":"a".*"op":"r".*$`, ``, `("id":2,"a":"y"\}.*"snapshot":")true"`, `${1}last_in_data_collection"`}}},
		{name: "messages counted in a transaction", before: people, during: `BEGIN; SELECT pg_logical_emit_message(true, 'app', 'a'); ` + changes + `; COMMIT`, config: map[string]string{"provide.transaction.metadata": "true"},
			differs: &difference{why: "Debezium writes the address of an object instead of a name, in an order by chance, and counts each message by itself",
				replace: []string{`(\{"data_collection":")[^"]*LogicalDecodingMessageId@[0-9a-f]+(","event_count":\d+\}),([^\]]*)\]`, `$3,${1}LOGICAL_DECODING_MESSAGE$2]`, `[^"]*LogicalDecodingMessageId@[0-9a-f]+`, `LOGICAL_DECODING_MESSAGE`}}},
		{name: "microseconds in arrays of times", before: `CREATE TABLE t (id int PRIMARY KEY, v time[]); INSERT INTO t VALUES (1, '{23:59:59.999999}');`, during: `INSERT INTO t VALUES (2, '{00:00:00.000001}')`, config: map[string]string{"time.precision.mode": "isostring"},
			differs: &difference{why: "Debezium cuts them to milliseconds", replace: []string{`23:59:59\.999Z`, `23:59:59.999999Z`, `"00:00:00Z"`, `"00:00:00.000001Z"`}}},
		{name: "the smallest normal real", before: `CREATE TABLE t (id int PRIMARY KEY, v real); INSERT INTO t VALUES (1, 1.17549435e-38);`, during: `INSERT INTO t VALUES (2, 1.17549435e-38)`,
			differs: &difference{why: "one number in two notations",
				replace: []string{`1\.17549435E-38`, `1.1754944E-38`}}},
	}
}

// TestDeliberate is about what connectd does otherwise.
func TestDeliberate(t *testing.T) {
	t.Parallel()
	runAll(t, differing())
}
