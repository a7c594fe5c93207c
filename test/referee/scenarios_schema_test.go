// SPDX-License-Identifier: Apache-2.0

//go:build referee

package referee

import "testing"

// TestSchemaChanges is about tables that change while they are captured.
func TestSchemaChanges(t *testing.T) {
	t.Parallel()
	const plain = `CREATE TABLE t (id int PRIMARY KEY, a int, b text); INSERT INTO t VALUES (1, 1, 'x');`
	full := plain + `ALTER TABLE t REPLICA IDENTITY FULL;`
	runAll(t, []scenario{
		{name: "column added", before: full, during: `INSERT INTO t VALUES (2, 2, 'y'); \wait; ALTER TABLE t ADD c int; INSERT INTO t VALUES (3, 3, 'z', 4); UPDATE t SET c = 5 WHERE id = 1; DELETE FROM t WHERE id = 2`},
		{name: "column with a default added", before: full, during: `\wait; ALTER TABLE t ADD c int NOT NULL DEFAULT 7, ADD d text DEFAULT 'dd'; UPDATE t SET a = 2; INSERT INTO t (id) VALUES (2)`},
		{name: "column dropped", before: full, during: `\wait; ALTER TABLE t DROP a; INSERT INTO t VALUES (2, 'y'); UPDATE t SET b = 'w'; DELETE FROM t WHERE id = 1`},
		{name: "column dropped and added again", before: full, during: `\wait; ALTER TABLE t DROP a; ALTER TABLE t ADD a bigint; INSERT INTO t VALUES (2, 'y', 9); UPDATE t SET b = 'w'`},
		{name: "column renamed", before: full, during: `\wait; ALTER TABLE t RENAME b TO "B c"; INSERT INTO t VALUES (2, 2, 'y'); UPDATE t SET a = 3`},
		{name: "columns swapped by name", before: full, during: `\wait; ALTER TABLE t RENAME a TO x; ALTER TABLE t RENAME b TO a; ALTER TABLE t RENAME x TO b; INSERT INTO t VALUES (2, 2, 'y')`},
		{name: "type widened", before: full, during: `\wait; ALTER TABLE t ALTER a TYPE bigint; INSERT INTO t VALUES (2, 5000000000, 'y'); UPDATE t SET b = 'w' WHERE id = 1`},
		{name: "type changed to text", before: full, during: `\wait; ALTER TABLE t ALTER a TYPE text; INSERT INTO t VALUES (2, 'two', 'y'); DELETE FROM t WHERE id = 1`},
		{name: "length and scale changed", before: `CREATE TABLE t (id int PRIMARY KEY, n numeric(5,1), v varchar(3)); INSERT INTO t VALUES (1, 1.5, 'abc');`, during: `\wait; ALTER TABLE t ALTER n TYPE numeric(10,3), ALTER v TYPE varchar(10); INSERT INTO t VALUES (2, 2.125, 'longer')`},
		{name: "not null set and dropped", before: plain, during: `\wait; ALTER TABLE t ALTER a SET NOT NULL; INSERT INTO t VALUES (2, 2, 'y'); \wait; ALTER TABLE t ALTER a DROP NOT NULL; INSERT INTO t VALUES (3, NULL, 'z')`},
		{name: "key changed", before: full, during: `\wait; ALTER TABLE t DROP CONSTRAINT t_pkey, ALTER b SET NOT NULL, ADD PRIMARY KEY (b, id); INSERT INTO t VALUES (2, 2, 'y'); UPDATE t SET a = 9; DELETE FROM t WHERE id = 1`},
		{name: "key dropped", before: full, during: `\wait; ALTER TABLE t DROP CONSTRAINT t_pkey; INSERT INTO t VALUES (2, 2, 'y'); UPDATE t SET a = 9 WHERE id = 1`},
		{name: "key added", before: `CREATE TABLE t (id int NOT NULL, a int); ALTER TABLE t REPLICA IDENTITY FULL; INSERT INTO t VALUES (1, 1);`, during: `INSERT INTO t VALUES (2, 2); \wait; ALTER TABLE t ADD PRIMARY KEY (id); INSERT INTO t VALUES (3, 3); DELETE FROM t WHERE id = 3`},
		{name: "key column renamed", before: plain, during: `\wait; ALTER TABLE t RENAME id TO key; INSERT INTO t VALUES (2, 2, 'y'); DELETE FROM t WHERE key = 1`},
		{name: "key column changes its type", before: plain, during: `\wait; ALTER TABLE t ALTER id TYPE bigint; INSERT INTO t VALUES (5000000000, 2, 'y'); UPDATE t SET a = 7`},
		{name: "replica identity changed", before: plain, during: `UPDATE t SET a = 2; \wait; ALTER TABLE t REPLICA IDENTITY FULL; UPDATE t SET a = 3; \wait; ALTER TABLE t REPLICA IDENTITY DEFAULT; UPDATE t SET a = 4; DELETE FROM t`},
		{name: "table dropped and made again", before: plain, during: `UPDATE t SET a = 2; \wait; DROP TABLE t; CREATE TABLE t (id text PRIMARY KEY, z boolean); INSERT INTO t VALUES ('one', true); DELETE FROM t`},
		{name: "table made while streaming", before: orders, during: `CREATE TABLE late (id int PRIMARY KEY, v text); INSERT INTO late VALUES (1, 'x'); UPDATE late SET v = 'y'; DELETE FROM late`},
		{name: "table made, not in the list", before: orders, during: `CREATE TABLE late (id int PRIMARY KEY); INSERT INTO late VALUES (1); INSERT INTO orders (customer) VALUES ('x')`, config: map[string]string{"table.include.list": "public.orders"}},
		{name: "table renamed", before: full, during: `UPDATE t SET a = 2; \wait; ALTER TABLE t RENAME TO u; INSERT INTO u VALUES (2, 2, 'y'); UPDATE u SET a = 3`},
		{name: "table moved to another schema", before: full + `CREATE SCHEMA attic;`, during: `\wait; ALTER TABLE t SET SCHEMA attic; INSERT INTO attic.t VALUES (2, 2, 'y')`},
		{name: "enum gets a label", before: `CREATE TYPE mood AS ENUM ('sad', 'happy'); CREATE TABLE t (id int PRIMARY KEY, m mood); INSERT INTO t VALUES (1, 'sad');`, during: `INSERT INTO t VALUES (2, 'happy'); \wait; ALTER TYPE mood ADD VALUE 'so so'; ALTER TABLE t ADD x int; INSERT INTO t VALUES (3, 'so so')`},
		{name: "changes within one transaction", before: full, during: `\wait; BEGIN; INSERT INTO t VALUES (2, 2, 'y'); COMMIT; \wait; BEGIN; ALTER TABLE t ADD c text; UPDATE t SET c = 'new' WHERE id = 2; COMMIT`},
		{name: "partition attached and detached", before: `CREATE TABLE p (id int, at date, PRIMARY KEY (id, at)) PARTITION BY RANGE (at); CREATE TABLE p25 PARTITION OF p FOR VALUES FROM ('2025-01-01') TO ('2026-01-01'); INSERT INTO p VALUES (1, '2025-05-05');`,
			during: `CREATE TABLE p26 PARTITION OF p FOR VALUES FROM ('2026-01-01') TO ('2027-01-01'); INSERT INTO p VALUES (2, '2026-05-05'); \wait; ALTER TABLE p DETACH PARTITION p25; INSERT INTO p25 VALUES (3, '2025-06-06'); \wait; ALTER TABLE p ATTACH PARTITION p25 FOR VALUES FROM ('2025-01-01') TO ('2026-01-01'); UPDATE p SET at = '2026-01-01' WHERE id = 1`},
		{name: "changes while stopped", before: full, during: `INSERT INTO t VALUES (2, 2, 'y'); \wait; \stop; ALTER TABLE t ADD c int DEFAULT 3; INSERT INTO t VALUES (3, 3, 'z', 4); UPDATE t SET a = 0; \start; DELETE FROM t WHERE id = 1`},
		{name: "comments", before: plain + `COMMENT ON TABLE t IS 'about t'; COMMENT ON COLUMN t.a IS 'about a';`, during: `UPDATE t SET a = 2`, config: map[string]string{"include.schema.comments": "true"}},
	})
}
