// SPDX-License-Identifier: Apache-2.0

//go:build referee

package referee

import (
	"maps"
	"testing"
)

// published is the configuration for a publication of the scenario's own.
func published(more ...string) map[string]string {
	c := map[string]string{"publication.name": "own"}
	for i := 0; i < len(more); i += 2 {
		c[more[i]] = more[i+1]
	}
	return c
}

// TestPublications is about what the server sends: publications, partitions and kinds
// of tables.
func TestPublications(t *testing.T) {
	t.Parallel()
	const tree = `CREATE TABLE p (id int, at date, v text, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
CREATE TABLE p25 PARTITION OF p FOR VALUES FROM ('2025-01-01') TO ('2026-01-01'); CREATE TABLE p26 PARTITION OF p FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
INSERT INTO p VALUES (1, '2025-05-05', 'old'), (2, '2026-05-05', 'old');`
	const moves = `INSERT INTO p VALUES (3, '2025-05-05', 'a'), (4, '2026-05-05', 'b'); UPDATE p SET v = 'c' WHERE id > 2; UPDATE p SET at = '2026-01-01' WHERE id = 3; DELETE FROM p WHERE id = 4`
	const list = `CREATE TABLE t (id int PRIMARY KEY, a int, b text); INSERT INTO t VALUES (1, 1, 'x'), (2, 20, 'y');`
	const changes = `INSERT INTO t VALUES (3, 30, 'z'); UPDATE t SET b = 'w'; UPDATE t SET id = 9 WHERE id = 2; DELETE FROM t WHERE id = 9`
	runAll(t, []scenario{
		{name: "partitions by their root", before: tree + `CREATE PUBLICATION own FOR TABLE p, zz_marker WITH (publish_via_partition_root = true);`, during: moves, config: published("publish.via.partition.root", "true", "table.include.list", "public.p")},
		{name: "partitions by their root, all tables", before: tree + `CREATE PUBLICATION own FOR ALL TABLES WITH (publish_via_partition_root = true);`, during: moves, config: published("publish.via.partition.root", "true", "table.include.list", "public.p")},
		{name: "partitions by a list of leaves", before: tree, during: moves, config: map[string]string{"table.include.list": "public.p25"}},
		{name: "partitions of two levels", before: `CREATE TABLE p (a int, b int, PRIMARY KEY (a, b)) PARTITION BY LIST (a); CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1) PARTITION BY LIST (b); CREATE TABLE p11 PARTITION OF p1 FOR VALUES IN (1); CREATE TABLE p12 PARTITION OF p1 DEFAULT; INSERT INTO p VALUES (1, 1), (1, 2);`, during: `INSERT INTO p VALUES (1, 3); UPDATE p SET b = 1 WHERE b = 3 AND NOT EXISTS (SELECT 1 FROM p x WHERE x.b = 9); DELETE FROM p WHERE b = 2`, config: map[string]string{"snapshot.mode": "no_data"}},
		{name: "column list", before: list + `CREATE PUBLICATION own FOR TABLE t (id, b), zz_marker;`, during: changes, config: published("snapshot.mode", "no_data")},
		{name: "row filter", before: list + `CREATE PUBLICATION own FOR TABLE t WHERE (id < 5), zz_marker;`, during: changes, config: published("snapshot.mode", "no_data")},
		{name: "row filter over the other columns", before: list + `ALTER TABLE t REPLICA IDENTITY FULL; CREATE PUBLICATION own FOR TABLE t WHERE (a > 10), zz_marker;`, during: `UPDATE t SET a = 100 WHERE id = 1; UPDATE t SET a = 1 WHERE id = 2; UPDATE t SET b = 'still' WHERE id = 1; INSERT INTO t VALUES (3, 3, 'no'), (4, 40, 'yes')`, config: published("snapshot.mode", "no_data")},
		{name: "publication of inserts only", before: list + `CREATE PUBLICATION own FOR TABLE t, zz_marker WITH (publish = 'insert');`, during: changes, config: published()},
		{name: "publication of a schema", before: list + `CREATE SCHEMA s; CREATE TABLE s.t (id int PRIMARY KEY); INSERT INTO s.t VALUES (1); CREATE PUBLICATION own FOR TABLES IN SCHEMA s, TABLE zz_marker;`, during: changes + `; INSERT INTO s.t VALUES (2)`, config: published("table.include.list", "s.t")},
		{name: "publication made, filtered", before: list + `CREATE TABLE u (id int PRIMARY KEY); INSERT INTO u VALUES (1);`, during: changes + `; INSERT INTO u VALUES (2)`, config: map[string]string{"publication.name": "own_SIDE", "publication.autocreate.mode": "filtered", "table.include.list": "public.t"}},
		{name: "publication made of all tables", before: list, during: changes, config: map[string]string{"publication.name": "own_SIDE", "publication.autocreate.mode": "all_tables"}},
		{name: "unlogged table", before: list + `CREATE UNLOGGED TABLE u (id int PRIMARY KEY); INSERT INTO u VALUES (1);`, during: changes + `; INSERT INTO u VALUES (2)`},
		{name: "views", before: list + `CREATE VIEW v AS SELECT * FROM t; CREATE MATERIALIZED VIEW m AS SELECT * FROM t;`, during: changes + `; REFRESH MATERIALIZED VIEW m; INSERT INTO v VALUES (50, 1, 'through the view')`},
		{name: "inheritance", before: `CREATE TABLE t (id int PRIMARY KEY, a text); CREATE TABLE child (b int, PRIMARY KEY (id)) INHERITS (t); INSERT INTO t VALUES (1, 'x');`, during: `INSERT INTO t VALUES (2, 'y'); INSERT INTO child VALUES (3, 'z', 4); UPDATE t SET a = 'w' WHERE id = 3; DELETE FROM child`},
		{name: "temporary table", before: list, during: `CREATE TEMPORARY TABLE tmp (id int PRIMARY KEY); INSERT INTO tmp VALUES (1); ` + changes},
		{name: "identity columns", before: `CREATE TABLE t (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, n int GENERATED BY DEFAULT AS IDENTITY, v text); INSERT INTO t (v) VALUES ('x');`, during: `INSERT INTO t (v) VALUES ('y'); UPDATE t SET v = 'z'`},
		{name: "unique index without a key", before: `CREATE TABLE t (a int NOT NULL, b text NOT NULL, c text); CREATE UNIQUE INDEX ON t (b, a); INSERT INTO t VALUES (1, 'x', 'y'); ALTER TABLE t REPLICA IDENTITY FULL;`, during: `INSERT INTO t VALUES (2, 'y', NULL); UPDATE t SET c = 'z'; DELETE FROM t WHERE a = 1`},
		{name: "unique index with nulls", before: `CREATE TABLE t (a int, b text, c text); CREATE UNIQUE INDEX ON t (b, a); INSERT INTO t VALUES (1, NULL, 'y'); ALTER TABLE t REPLICA IDENTITY FULL;`, during: `INSERT INTO t VALUES (NULL, NULL, 'n'); UPDATE t SET c = 'z'; DELETE FROM t WHERE a = 1`},
		{name: "key with an included column", before: `CREATE TABLE t (a int, b int, c text, PRIMARY KEY (a) INCLUDE (b)); INSERT INTO t VALUES (1, 2, 'y');`, during: `INSERT INTO t VALUES (2, 2, NULL); UPDATE t SET c = 'z'; DELETE FROM t WHERE a = 1`},
		{name: "a large transaction", before: list, during: `INSERT INTO t SELECT i, i, repeat('x', 200) FROM generate_series(100, 5099) i; UPDATE t SET a = a + 1; DELETE FROM t WHERE id > 3000`},
		{name: "a transaction that spills to disk", before: list, during: `SET logical_decoding_work_mem = '64kB'; BEGIN; INSERT INTO t SELECT i, i, repeat('x', 200) FROM generate_series(100, 1099) i; SAVEPOINT s; DELETE FROM t; ROLLBACK TO s; UPDATE t SET b = 'kept' WHERE id < 105; COMMIT`},
		{name: "many columns", before: `CREATE TABLE t (id int PRIMARY KEY` + manyColumns(200) + `); INSERT INTO t (id) VALUES (1);`, during: `UPDATE t SET c007 = 'x'; INSERT INTO t (id, c199) VALUES (2, 'last')`},
		{name: "a large value", before: list, during: `INSERT INTO t VALUES (7, 7, repeat('0123456789', 60000)); UPDATE t SET a = 8 WHERE id = 7; DELETE FROM t WHERE id = 7`},
		{name: "truncate with cascade", before: `CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int PRIMARY KEY, a int REFERENCES a); INSERT INTO a VALUES (1); INSERT INTO b VALUES (1, 1);`, during: `TRUNCATE a RESTART IDENTITY CASCADE; INSERT INTO a VALUES (2)`, config: map[string]string{"skipped.operations": "none"}},
		{name: "merge", before: list, during: `MERGE INTO t USING (VALUES (1, 5), (8, 80)) v (id, a) ON t.id = v.id WHEN MATCHED THEN UPDATE SET a = v.a WHEN NOT MATCHED THEN INSERT VALUES (v.id, v.a, 'merged')`},
		{name: "updates of nothing", before: list, during: `UPDATE t SET a = a; UPDATE t SET a = a WHERE false; INSERT INTO t VALUES (1, 1, 'x') ON CONFLICT DO NOTHING`},
	})
}

func manyColumns(n int) string {
	s := ""
	for i := range n {
		s += ", c" + string(rune('0'+i/100)) + string(rune('0'+i/10%10)) + string(rune('0'+i%10)) + " text"
	}
	return s
}

// TestSnapshots is about snapshot.mode and what a restart does under each.
func TestSnapshots(t *testing.T) {
	t.Parallel()
	const again = `INSERT INTO orders (customer) VALUES ('cid'); \wait; \stop; INSERT INTO orders (customer) VALUES ('while stopped'); UPDATE orders SET note = 'n' WHERE id = 1; \start; INSERT INTO orders (customer) VALUES ('after')`
	mode := func(mode string, more map[string]string) map[string]string {
		c := map[string]string{"snapshot.mode": mode}
		maps.Copy(c, more)
		return c
	}
	configured := func(keys ...string) map[string]string {
		c := mode("configuration_based", nil)
		for _, k := range keys {
			c["snapshot.mode.configuration.based."+k] = "true"
		}
		return c
	}
	empty := `CREATE TABLE aa (id int PRIMARY KEY);`
	runAll(t, []scenario{
		{name: "initial", before: orders, during: again},
		{name: "always", before: orders, during: again, config: mode("always", nil)},
		{name: "when needed", before: orders, during: again, config: mode("when_needed", nil)},
		{name: "no data", before: orders, during: again, config: mode("no_data", nil)},
		{name: "initial only", before: orders, config: mode("initial_only", nil)},
		{name: "configured to read and stream", before: orders, during: again, config: configured("snapshot.data", "snapshot.schema", "start.stream")},
		{name: "configured to stream", before: orders, during: again, config: configured("snapshot.schema", "start.stream")},
		{name: "configured to read", before: orders, config: configured("snapshot.data", "snapshot.schema")},
		{name: "an empty table in the middle", before: orders + `CREATE TABLE p (id int PRIMARY KEY); CREATE TABLE q (id int PRIMARY KEY); INSERT INTO q VALUES (1), (2);`, during: orderChanges},
		{name: "an empty table at the end", before: orders + `DELETE FROM zz_marker;`, during: orderChanges},
		{name: "an empty table first", before: empty + orders, during: orderChanges},
		{name: "all tables empty", before: empty + `DELETE FROM zz_marker;`, during: `INSERT INTO aa VALUES (1)`},
		{name: "several thousand rows", before: `CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t SELECT i, 'row ' || i FROM generate_series(1, 6000) i;`, during: `DELETE FROM t WHERE id = 3000`},
		{name: "select overrides with an order", before: orders, during: orderChanges, config: map[string]string{"snapshot.select.statement.overrides": "public.orders", "snapshot.select.statement.overrides.public.orders": "SELECT * FROM public.orders ORDER BY id DESC"}},
		{name: "no tables to read", before: orders, during: orderChanges, config: map[string]string{"snapshot.include.collection.list": "public.zz_marker"}},
		{name: "shared locks", before: orders, during: orderChanges, config: map[string]string{"snapshot.locking.mode": "shared"}},
	})
}
