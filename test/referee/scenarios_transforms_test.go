// SPDX-License-Identifier: Apache-2.0

//go:build referee

package referee

import "testing"

// TestTransforms is about Debezium's transforms, with their options.
func TestTransforms(t *testing.T) {
	t.Parallel()
	full := orders + `ALTER TABLE orders REPLICA IDENTITY FULL;`
	transform := func(class string, pairs ...string) map[string]string {
		c := map[string]string{"transforms": "x", "transforms.x.type": "io.debezium.transforms." + class}
		for i := 0; i < len(pairs); i += 2 {
			c["transforms.x."+pairs[i]] = pairs[i+1]
		}
		return c
	}
	unwrap := func(pairs ...string) map[string]string { return transform("ExtractNewRecordState", pairs...) }
	// The LSN of a snapshot is another on each side.
	streamed := func(c map[string]string) map[string]string {
		c["snapshot.mode"] = "no_data"
		return c
	}
	only := func(topic string, c map[string]string) map[string]string {
		c["predicates"], c["transforms.x.predicate"] = "only", "only"
		c["predicates.only.type"], c["predicates.only.pattern"] = "org.apache.kafka.connect.transforms.predicates.TopicNameMatches", ".*"+topic
		return c
	}
	outbox := func(pairs ...string) map[string]string {
		return only("outbox", transform("outbox.EventRouter", append([]string{"route.topic.replacement", "PREFIX.event.${routedByValue}"}, pairs...)...))
	}
	const box = `CREATE TABLE outbox (id uuid PRIMARY KEY, aggregatetype varchar(255) NOT NULL, aggregateid varchar(255) NOT NULL, type varchar(255) NOT NULL, payload jsonb, tenant text, at timestamp(3));
INSERT INTO outbox VALUES ('c0ffee00-0000-4000-8000-000000000000', 'old', '0', 'Old', '{}', 'a', '2026-01-02 03:04:05.678');`
	const posts = `INSERT INTO outbox VALUES ('c0ffee00-0000-4000-8000-000000000001', 'Order', '7', 'OrderCreated', '{"id": 7, "lines": [{"sku": "a", "n": 1.5}], "note": null}', 'acme', '2026-01-02 03:04:05');
INSERT INTO outbox VALUES ('c0ffee00-0000-4000-8000-000000000002', 'Customer', 'x y', 'Gone', NULL, NULL, '2026-01-03'); DELETE FROM outbox WHERE tenant = 'acme'`
	const shards = `CREATE TABLE shard_1 (id int PRIMARY KEY, v text); CREATE TABLE shard_2 (id int PRIMARY KEY, v text); INSERT INTO shard_1 VALUES (1, 'x'); INSERT INTO shard_2 VALUES (1, 'y');`
	const sharded = `INSERT INTO shard_1 VALUES (2, 'z'); UPDATE shard_2 SET v = 'w'; UPDATE shard_2 SET id = 3; DELETE FROM shard_1 WHERE id = 1`
	merge := func(pairs ...string) map[string]string {
		return transform("ByLogicalTableRouter", append([]string{"topic.regex", `(.*)shard_(\d+)`, "topic.replacement", "$1all"}, pairs...)...)
	}
	runAll(t, []scenario{
		{name: "unwrap, deletes dropped", before: orders, during: orderChanges, config: unwrap("delete.tombstone.handling.mode", "drop")},
		{name: "unwrap, tombstones", before: orders, during: orderChanges, config: unwrap("delete.tombstone.handling.mode", "tombstone")},
		{name: "unwrap, rewritten with tombstones", before: full, during: orderChanges, config: unwrap("delete.tombstone.handling.mode", "rewrite-with-tombstone")},
		{name: "unwrap, deletes become tombstones", before: full, during: orderChanges, config: unwrap("delete.tombstone.handling.mode", "delete-to-tombstone")},
		{name: "unwrap, fields added", before: orders, during: orderChanges, config: streamed(unwrap("add.fields", "op,lsn,source.table,source.txId:tx,before.note:was", "add.fields.prefix", "$"))},
		{name: "unwrap, headers added", before: full, during: orderChanges, config: streamed(unwrap("add.headers", "op,source.schema,source.lsn:at,after.quantity", "add.headers.prefix", "x-"))},
		{name: "unwrap, routed by a field", before: orders, during: orderChanges, config: only("orders", unwrap("route.by.field", "customer"))},
		{name: "unwrap, key fields dropped", before: orders, during: orderChanges, config: unwrap("drop.fields.header.name", "gone", "drop.fields.from.key", "false")},
		{name: "unwrap with transaction metadata", before: orders, during: orderChanges, config: func() map[string]string {
			c := unwrap("add.fields", "transaction.id,transaction.total_order")
			c["provide.transaction.metadata"] = "true"
			return c
		}()},
		{name: "unwrap beside a truncate", before: orders, during: `TRUNCATE orders; INSERT INTO orders (customer) VALUES ('x')`, config: func() map[string]string {
			c := unwrap()
			c["skipped.operations"] = "none"
			return c
		}()},
		{name: "unwrap beside messages", before: orders, during: `SELECT pg_logical_emit_message(true, 'app', 'x'); INSERT INTO orders (customer) VALUES ('x')`, config: unwrap()},
		{name: "changed fields in headers", before: full, during: `INSERT INTO orders (customer, price) VALUES ('cid', 12.5); UPDATE orders SET quantity = 7, note = 'n' WHERE customer = 'ann'; UPDATE orders SET note = note`, config: transform("ExtractChangedRecordState", "header.changed.name", "Changed", "header.unchanged.name", "Unchanged")},
		{name: "outbox", before: box, during: posts, config: outbox()},
		{name: "outbox, payload expanded", before: box, during: posts, config: outbox("table.expand.json.payload", "true")},
		{name: "outbox, fields placed", before: box + `DELETE FROM outbox;`, during: `INSERT INTO outbox VALUES ('c0ffee00-0000-4000-8000-000000000001', 'Order', '7', 'OrderCreated', '{"id": 7}', 'acme', '2026-01-02'), ('c0ffee00-0000-4000-8000-000000000002', 'Order', '8', 'Gone', NULL, NULL, NULL)`, config: outbox("table.fields.additional.placement", "tenant:header,type:envelope:eventType,at:header:when")},
		{name: "outbox, key and time", before: box, during: posts, config: outbox("table.field.event.key", "type", "table.field.event.timestamp", "at", "table.field.event.id", "id")},
		{name: "outbox, empty payload is a tombstone", before: box, during: posts, config: outbox("route.tombstone.on.empty.payload", "true")},
		{name: "outbox, routed by another field", before: box, during: `INSERT INTO outbox VALUES ('c0ffee00-0000-4000-8000-000000000001', 'Order', '7', 'OrderCreated', '{"id": 7}', 'acme', '2026-01-02')`, config: outbox("route.by.field", "type", "route.topic.regex", "(Order)(.*)", "route.topic.replacement", "PREFIX.$1-$2")},
		{name: "outbox, own column names", before: `CREATE TABLE outbox (event_id int PRIMARY KEY, kind text, entity int, what text, body bytea); INSERT INTO outbox VALUES (0, 'k', 0, 'w', '\x00');`, during: `INSERT INTO outbox VALUES (1, 'k', 5, 'w', '\x00ff')`,
			config: outbox("table.field.event.id", "event_id", "table.field.event.key", "entity", "table.field.event.payload", "body", "route.by.field", "kind", "table.fields.additional.placement", "what:header")},
		{name: "tables merged", before: shards, during: sharded, config: merge()},
		{name: "tables merged, key named", before: shards, during: sharded, config: merge("key.field.name", "shard")},
		{name: "tables merged, key by pattern", before: shards, during: sharded, config: merge("key.field.name", "n", "key.field.regex", `(.*)shard_(\d+)`, "key.field.replacement", "number $2")},
		{name: "tables merged, keys unique already", before: shards, during: sharded, config: merge("key.enforce.uniqueness", "false")},
		{name: "tables merged, then unwrapped", before: shards, during: sharded, config: func() map[string]string {
			c := merge()
			c["transforms"] = "x,y"
			c["transforms.y.type"], c["transforms.y.add.fields"] = "io.debezium.transforms.ExtractNewRecordState", "table"
			return c
		}()},
		{name: "header into value", before: orders, during: orderChanges, config: func() map[string]string {
			c := transform("HeaderToValue", "headers", "__debezium.context.connectorName", "fields", "connector", "operation", "move")
			return c
		}()},
	})
}
