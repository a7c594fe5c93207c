// SPDX-License-Identifier: Apache-2.0

//go:build referee

package referee

import "testing"

const orders = `
CREATE TABLE orders (id bigserial PRIMARY KEY, customer text NOT NULL, quantity int DEFAULT 1, price numeric(10,2), note text, created_at timestamptz DEFAULT '2026-01-02T03:04:05Z');
INSERT INTO orders (customer, quantity, price) VALUES ('ann', 1, 9.99), ('bob', 2, NULL);`

const orderChanges = `
INSERT INTO orders (customer, price) VALUES ('cid', 12.5);
UPDATE orders SET quantity = 7 WHERE customer = 'ann';
UPDATE orders SET id = 100 WHERE customer = 'bob';
DELETE FROM orders WHERE customer = 'cid';`

// TestRows is about what becomes of changed rows.
func TestRows(t *testing.T) {
	t.Parallel()
	runAll(t, []scenario{
		{name: "insert update delete", before: orders, during: orderChanges},
		{name: "no snapshot", before: orders, during: orderChanges, config: map[string]string{"snapshot.mode": "no_data"}},
		{name: "no tombstones", before: orders, during: orderChanges, config: map[string]string{"tombstones.on.delete": "false"}},
		{name: "without schemas", before: orders, during: orderChanges, config: map[string]string{"key.converter.schemas.enable": "false", "value.converter.schemas.enable": "false"}},
		{name: "replica identity full", before: orders + `ALTER TABLE orders REPLICA IDENTITY FULL;`, during: orderChanges},
		{name: "replica identity nothing", before: orders + `ALTER TABLE orders REPLICA IDENTITY NOTHING;`, during: `INSERT INTO orders (customer) VALUES ('x')`},
		{name: "replica identity index", before: `CREATE TABLE t (a int NOT NULL, b text NOT NULL, c text); CREATE UNIQUE INDEX t_b ON t (b); ALTER TABLE t REPLICA IDENTITY USING INDEX t_b; INSERT INTO t VALUES (1, 'x', 'y');`,
			during: `UPDATE t SET c = 'z'; UPDATE t SET b = 'w'; DELETE FROM t;`},
		{name: "no primary key", before: `CREATE TABLE t (a int, b text); INSERT INTO t VALUES (1, 'x');`, during: `INSERT INTO t VALUES (2, NULL)`},
		{name: "no primary key, full identity", before: `CREATE TABLE t (a int, b text); ALTER TABLE t REPLICA IDENTITY FULL;`, during: `INSERT INTO t VALUES (2, NULL); UPDATE t SET b = 'x'; DELETE FROM t;`},
		{name: "key in another order than the columns", before: `CREATE TABLE t (a int, b text, c int, PRIMARY KEY (c, a));`, during: `INSERT INTO t VALUES (1, 'x', 2); UPDATE t SET b = 'y'; UPDATE t SET a = 3; DELETE FROM t;`},
		{name: "a key of several types", before: `CREATE TABLE t (a uuid, b date, c text, d boolean, PRIMARY KEY (a, b, c, d));`, during: `INSERT INTO t VALUES ('c0ffee00-0000-4000-8000-000000000001', '2026-02-03', 'é', true); DELETE FROM t;`},
		{name: "truncate", before: orders + `CREATE TABLE lines (id int PRIMARY KEY);`, during: `INSERT INTO lines VALUES (1); TRUNCATE orders, lines;`, config: map[string]string{"skipped.operations": "none"}},
		{name: "truncate is skipped by default", before: orders, during: `TRUNCATE orders; INSERT INTO orders (customer) VALUES ('x');`},
		{name: "skipped operations", before: orders, during: orderChanges, config: map[string]string{"skipped.operations": "u,d"}},
		{name: "one transaction over two tables", before: orders + `CREATE TABLE lines (id int, n int, PRIMARY KEY (id, n));`,
			during: `BEGIN; INSERT INTO orders (customer) VALUES ('x'); INSERT INTO lines VALUES (1, 1), (1, 2); UPDATE orders SET note = 'n' WHERE customer = 'x'; COMMIT;`},
		{name: "rollback and savepoint", before: orders, during: `BEGIN; INSERT INTO orders (customer) VALUES ('ghost'); ROLLBACK; BEGIN; INSERT INTO orders (customer) VALUES ('a'); SAVEPOINT s; INSERT INTO orders (customer) VALUES ('b'); ROLLBACK TO s; INSERT INTO orders (customer) VALUES ('c'); COMMIT;`},
		{name: "one row many times", before: orders, during: `BEGIN; INSERT INTO orders (id, customer) VALUES (50, 'm'); UPDATE orders SET quantity = 2 WHERE id = 50; DELETE FROM orders WHERE id = 50; INSERT INTO orders (id, customer) VALUES (50, 'n'); COMMIT;`},
		{name: "upsert", before: orders, during: `INSERT INTO orders (id, customer) VALUES (1, 'up') ON CONFLICT (id) DO UPDATE SET customer = excluded.customer; INSERT INTO orders (id, customer) VALUES (1, 'no') ON CONFLICT DO NOTHING;`},
		{name: "copy", before: `CREATE TABLE t (a int PRIMARY KEY, b text);`, during: `INSERT INTO t SELECT i, 'row ' || i FROM generate_series(1, 300) i;`},
		{name: "prepared transaction", before: orders, during: `BEGIN; INSERT INTO orders (customer) VALUES ('two'); PREPARE TRANSACTION 'p1'; COMMIT PREPARED 'p1';`},
		{name: "transaction metadata", before: orders, during: orderChanges + `BEGIN; INSERT INTO orders (customer) VALUES ('x'), ('y'); COMMIT;`, config: map[string]string{"provide.transaction.metadata": "true"}},
		{name: "messages", before: orders, during: `SELECT pg_logical_emit_message(true, 'app', 'in a transaction'); BEGIN; INSERT INTO orders (customer) VALUES ('x'); SELECT pg_logical_emit_message(true, 'app', 'with a row'); COMMIT; SELECT pg_logical_emit_message(false, 'other', 'at once');`},
		{name: "messages by prefix", before: orders, during: `SELECT pg_logical_emit_message(true, 'app', 'a'); SELECT pg_logical_emit_message(true, 'skip', 'b');`, config: map[string]string{"message.prefix.include.list": "app"}},
		{name: "unchanged toast", before: `CREATE TABLE t (id int PRIMARY KEY, n int, big text, j jsonb, b bytea); ALTER TABLE t ALTER big SET STORAGE EXTERNAL, ALTER b SET STORAGE EXTERNAL, ALTER j SET STORAGE EXTERNAL;`,
			during: `INSERT INTO t SELECT 1, 1, repeat('0123456789', 1000), jsonb_build_object('k', repeat('x', 9000)), decode(repeat('00ff', 4000), 'hex'); UPDATE t SET n = 2; UPDATE t SET big = 'small';`},
		{name: "unchanged toast, full identity", before: `CREATE TABLE t (id int PRIMARY KEY, n int, big text); ALTER TABLE t ALTER big SET STORAGE EXTERNAL; ALTER TABLE t REPLICA IDENTITY FULL;`,
			during: `INSERT INTO t SELECT 1, 1, repeat('0123456789', 1000); UPDATE t SET n = 2; DELETE FROM t;`},
		{name: "partitions", before: `CREATE TABLE p (id int, at date, v text, PRIMARY KEY (id, at)) PARTITION BY RANGE (at); CREATE TABLE p25 PARTITION OF p FOR VALUES FROM ('2025-01-01') TO ('2026-01-01'); CREATE TABLE p26 PARTITION OF p FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');`,
			during: `INSERT INTO p VALUES (1, '2025-05-05', 'a'), (2, '2026-05-05', 'b'); UPDATE p SET v = 'c'; UPDATE p SET at = '2026-01-01' WHERE id = 1; DELETE FROM p WHERE id = 2;`},
		{name: "names with odd characters", before: `CREATE TABLE "Mixed Case" ("Id" int PRIMARY KEY, "dash-col" int, "$dollar" text, "ä" text);`, during: `INSERT INTO "Mixed Case" VALUES (1, 2, 'x', 'y'); UPDATE "Mixed Case" SET "dash-col" = 3; DELETE FROM "Mixed Case";`},
		{name: "several schemas", before: orders + `CREATE SCHEMA other; CREATE TABLE other.orders (id int PRIMARY KEY, v text); INSERT INTO other.orders VALUES (1, 'x');`, during: `UPDATE other.orders SET v = 'y';`},
		{name: "generated column", before: `CREATE TABLE t (id int PRIMARY KEY, a int, twice int GENERATED ALWAYS AS (a * 2) STORED);`, during: `INSERT INTO t (id, a) VALUES (1, 5); UPDATE t SET a = 6;`},
		{name: "foreign key cascade", before: `CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int PRIMARY KEY, a int REFERENCES a ON DELETE CASCADE); INSERT INTO a VALUES (1); INSERT INTO b VALUES (1, 1), (2, 1);`, during: `DELETE FROM a;`},
		{name: "empty table", before: `CREATE TABLE t (id int PRIMARY KEY, v text);`, during: ``},
	})
}
