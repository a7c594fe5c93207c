// SPDX-License-Identifier: Apache-2.0

//go:build referee

package referee

import "testing"

// differing are scenarios in which connectd differs on purpose.
func differing() []scenario {
	const people = `CREATE TABLE people (id int PRIMARY KEY, name text, age int, token uuid, doc jsonb); INSERT INTO people VALUES (1, 'ann', 30, 'c0ffee00-0000-4000-8000-000000000001', '{"a": 1}');`
	const changes = `INSERT INTO people VALUES (2, 'bob', 40, 'c0ffee00-0000-4000-8000-000000000002', '{"b": 2}')`
	return []scenario{
		{name: "a mask beside propagated types", before: people, during: changes, config: map[string]string{"column.mask.hash.v2.SHA-256.with.salt.abc": "public.people.name", "column.propagate.source.type": "public.people.name"},
			differs: &difference{row: "Masks beside other rules", why: "propagation switches the hash off in Debezium"}},
		{name: "masks of JSON and UUID", before: people, during: changes, config: map[string]string{"column.mask.with.4.chars": "public.people.(token|doc)"},
			differs: &difference{row: "Masks of JSON, enums, UUIDs and other text", why: "Debezium writes the value as it is"}},
		{name: "masks of numbers", before: people, during: changes, config: map[string]string{"column.mask.with.4.chars": "public.people.age"},
			differs: &difference{row: "Masks of numbers and times", why: "the schema says masked in Debezium, though the value is not"}},
		{name: "truncation in a surrogate pair", before: `CREATE TABLE people (id int PRIMARY KEY, name text); INSERT INTO people VALUES (1, 'a🎉b');`, during: `INSERT INTO people VALUES (2, '🎉🎉'), (3, 'ab')`, config: map[string]string{"column.truncate.to.2.chars": "public.people.name"},
			differs: &difference{row: "Truncation in the middle of a surrogate pair", why: "Debezium leaves half of a character"}},
		{name: "type name in the stream", before: `CREATE TABLE t (id int PRIMARY KEY, n name); INSERT INTO t VALUES (1, 'x');`, during: `INSERT INTO t VALUES (2, 'y')`,
			differs: &difference{why: "Debezium's stream loses the column, its snapshot has it"}},
		{name: "the smallest normal real", before: `CREATE TABLE t (id int PRIMARY KEY, v real); INSERT INTO t VALUES (1, 1.17549435e-38);`, during: `INSERT INTO t VALUES (2, 1.17549435e-38)`,
			differs: &difference{why: "one number in two notations"}},
	}
}

// TestDeliberate is about what connectd does otherwise.
func TestDeliberate(t *testing.T) {
	t.Parallel()
	runAll(t, differing())
}
