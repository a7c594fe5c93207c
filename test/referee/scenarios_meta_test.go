// SPDX-License-Identifier: Apache-2.0

//go:build referee

package referee

import (
	"maps"
	"testing"
)

// TestMetadata is about what is written beside rows: transactions, messages,
// heartbeats.
func TestMetadata(t *testing.T) {
	t.Parallel()
	const two = orders + `CREATE TABLE lines (id int PRIMARY KEY, sku text); INSERT INTO lines VALUES (1, 'a');`
	meta := map[string]string{"provide.transaction.metadata": "true"}
	with := func(pairs ...string) map[string]string {
		c := maps.Clone(meta)
		for i := 0; i < len(pairs); i += 2 {
			c[pairs[i]] = pairs[i+1]
		}
		return c
	}
	const mixed = `BEGIN; INSERT INTO lines VALUES (2, 'b'); INSERT INTO orders (customer) VALUES ('x'); UPDATE lines SET sku = 'c' WHERE id = 2; DELETE FROM lines WHERE id = 1; COMMIT`
	runAll(t, []scenario{
		{name: "transactions of several tables", before: two, during: mixed, config: meta},
		{name: "transactions across a restart", before: two, during: mixed + `; \wait; \stop; INSERT INTO lines VALUES (9, 'z'); \start; INSERT INTO lines VALUES (10, 'zz')`, config: meta},
		{name: "transactions beside a message", before: two, during: `INSERT INTO lines VALUES (2, 'b'); SELECT pg_logical_emit_message(false, 'app', 'outside'); INSERT INTO lines VALUES (3, 'd')`, config: meta},
		{name: "transactions of tables that are left out", before: two, during: mixed + `; INSERT INTO orders (customer) VALUES ('alone')`, config: with("table.include.list", "public.lines")},
		{name: "transactions with skipped operations", before: two, during: mixed, config: with("skipped.operations", "d")},
		{name: "transactions with tombstones left out", before: two, during: mixed, config: with("tombstones.on.delete", "false")},
		{name: "transactions with a change of keys", before: two, during: `BEGIN; UPDATE lines SET id = 5; UPDATE lines SET id = 6; COMMIT`, config: meta},
		{name: "transactions and a truncate", before: two, during: `BEGIN; INSERT INTO lines VALUES (2, 'b'); TRUNCATE lines, orders; INSERT INTO lines VALUES (2, 'c'); COMMIT`, config: with("skipped.operations", "none")},
		{name: "transaction topic of another name", before: two, during: mixed, config: with("topic.transaction", "tx")},
		{name: "transactions that are rolled back", before: two, during: `BEGIN; INSERT INTO lines VALUES (2, 'b'); ROLLBACK; BEGIN; INSERT INTO lines VALUES (3, 'c'); SAVEPOINT s; INSERT INTO lines VALUES (4, 'd'); ROLLBACK TO s; COMMIT`, config: meta},
		{name: "a prepared transaction with metadata", before: two, during: `BEGIN; INSERT INTO lines VALUES (2, 'b'); PREPARE TRANSACTION 'metadata_two'; INSERT INTO lines VALUES (3, 'before'); COMMIT PREPARED 'metadata_two'`, config: meta},
		{name: "messages left out by prefix", before: two, during: `SELECT pg_logical_emit_message(true, 'app', 'a'); SELECT pg_logical_emit_message(true, 'application', 'b'); SELECT pg_logical_emit_message(false, 'App', 'c')`, config: map[string]string{"message.prefix.exclude.list": "app"}},
		{name: "messages of bytes", before: two, during: `SELECT pg_logical_emit_message(true, 'bin', '\x00ff80'::bytea); SELECT pg_logical_emit_message(false, 'é', ''); SELECT pg_logical_emit_message(true, '', 'no prefix')`},
		{name: "messages in hexadecimal", before: two, during: `SELECT pg_logical_emit_message(true, 'bin', '\x00ff80'::bytea)`, config: map[string]string{"binary.handling.mode": "hex"}},
		{name: "messages in base64", before: two, during: `SELECT pg_logical_emit_message(true, 'bin', '\x00ff80'::bytea)`, config: map[string]string{"binary.handling.mode": "base64"}},
		{name: "messages as JSON", before: two, during: `SELECT pg_logical_emit_message(true, 'app', '{"a": 1, "b": [true, null]}')`, config: map[string]string{"transforms": "d", "transforms.d.type": "io.debezium.connector.postgresql.transforms.DecodeLogicalDecodingMessageContent"}},
		{name: "heartbeats", before: two, during: `INSERT INTO lines VALUES (2, 'b')`, config: map[string]string{"heartbeat.interval.ms": "200", "topic.heartbeat.name": "PREFIX.beat"}},
		{name: "columns unchanged by an update", before: `CREATE TABLE t (id int PRIMARY KEY, n int, big text, bytes bytea, list text[]); ALTER TABLE t ALTER big SET STORAGE EXTERNAL, ALTER bytes SET STORAGE EXTERNAL, ALTER list SET STORAGE EXTERNAL;`,
			during: `INSERT INTO t SELECT 1, 1, repeat('0123456789', 1000), decode(repeat('00ff', 4000), 'hex'), ARRAY[repeat('x', 9000)]; UPDATE t SET n = 2`, config: map[string]string{"unavailable.value.placeholder": "hex:ABCD"}},
	})
}

// TestSignals is about signals in a table, of which each side has its own.
func TestSignals(t *testing.T) {
	t.Parallel()
	const rows = `CREATE TABLE signal_theirs (id varchar(42) PRIMARY KEY, type varchar(32) NOT NULL, data varchar(2048)); CREATE TABLE signal_ours (id varchar(42) PRIMARY KEY, type varchar(32) NOT NULL, data varchar(2048));
CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t SELECT i, 'row ' || i FROM generate_series(1, 25) i; CREATE TABLE u (a int, b text, PRIMARY KEY (b, a)); INSERT INTO u VALUES (1, 'x'), (2, 'x'), (1, 'y');`
	config := func(more ...string) map[string]string {
		c := map[string]string{"signal.data.collection": "public.signal_SIDE", "table.include.list": "public.t,public.u", "incremental.snapshot.chunk.size": "10", "snapshot.mode": "no_data"}
		for i := 0; i < len(more); i += 2 {
			c[more[i]] = more[i+1]
		}
		return c
	}
	send := func(kind, data string) string {
		return `INSERT INTO signal_theirs VALUES ('` + kind + `', '` + kind + `', '` + data + `'); INSERT INTO signal_ours VALUES ('` + kind + `', '` + kind + `', '` + data + `')`
	}
	runAll(t, []scenario{
		{name: "log", before: rows, during: send("log", `{"message": "offset {}"}`) + `; INSERT INTO t VALUES (100, 'x')`, config: config()},
		{name: "a signal nobody knows", before: rows, during: send("dance", `{}`) + `; INSERT INTO t VALUES (100, 'x')`, config: config()},
		{name: "incremental snapshot", before: rows, during: send("execute-snapshot", `{"data-collections": ["public.t"], "type": "incremental"}`) + `; \count t 25; UPDATE t SET v = 'after' WHERE id = 25`, config: config()},
		{name: "incremental snapshot of two tables", before: rows, during: send("execute-snapshot", `{"data-collections": ["public.t", "public.u"], "type": "incremental"}`) + `; \count t 25; \count u 3`, config: config()},
		{name: "incremental snapshot by a pattern", before: rows, during: send("execute-snapshot", `{"data-collections": ["public[.](t|u)"], "type": "incremental"}`) + `; \count t 25; \count u 3`, config: config()},
		{name: "incremental snapshot with a condition", before: rows, during: send("execute-snapshot", `{"data-collections": ["public.t"], "type": "incremental", "additional-conditions": [{"data-collection": "public.t", "filter": "id > 12"}]}`) + `; \count t 13`, config: config()},
		{name: "incremental snapshot of a composite key", before: rows + `INSERT INTO u SELECT i, 'k' || i % 3 FROM generate_series(10, 40) i;`, during: send("execute-snapshot", `{"data-collections": ["public.u"]}`) + `; \count u 34`, config: config()},
		{name: "incremental snapshot with deletes of watermarks", before: rows, during: send("execute-snapshot", `{"data-collections": ["public.t"], "type": "incremental"}`) + `; \count t 25`, config: config("incremental.snapshot.watermarking.strategy", "insert_delete")},
		{name: "incremental snapshot behind an initial one", before: rows, during: send("execute-snapshot", `{"data-collections": ["public.t"], "type": "incremental"}`) + `; \count t 50`, config: config("snapshot.mode", "initial")},
		{name: "blocking snapshot", before: rows, during: `UPDATE t SET v = 'before' WHERE id = 1; ` + send("execute-snapshot", `{"data-collections": ["public.t", "public.u"], "type": "BLOCKING"}`) + `; \count t 26; \count u 3; UPDATE t SET v = 'after' WHERE id = 25`, config: config()},
		{name: "blocking snapshot by a pattern", before: rows, during: send("execute-snapshot", `{"data-collections": ["public[.](t|u)"], "type": "blocking"}`) + `; \count t 25; \count u 3`, config: config()},
		{name: "blocking snapshot by a statement", before: rows, during: send("execute-snapshot", `{"data-collections": ["public.t"], "type": "blocking", "additional-conditions": [{"data-collection": "public.t", "filter": "SELECT * FROM public.t WHERE id > 12 ORDER BY id"}]}`) + `; \count t 13; DELETE FROM t WHERE id = 3`, config: config()},
		{name: "incremental snapshot of an empty table", before: rows + `DELETE FROM u;`, during: send("execute-snapshot", `{"data-collections": ["public.u", "public.t"], "type": "incremental"}`) + `; \count t 25`, config: config()},
	})
}
