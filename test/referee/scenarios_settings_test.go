// SPDX-License-Identifier: Apache-2.0

//go:build referee

package referee

import "testing"

// TestSettings is about keys of the configuration.
func TestSettings(t *testing.T) {
	t.Parallel()
	both := orders + `CREATE TABLE lines (id int PRIMARY KEY, sku text); INSERT INTO lines VALUES (1, 'abcdef');`
	changes := orderChanges + `INSERT INTO lines VALUES (2, 'ghijkl'); DELETE FROM lines WHERE id = 1;`
	unwrap := func(more map[string]string) map[string]string {
		c := map[string]string{"transforms": "unwrap", "transforms.unwrap.type": "io.debezium.transforms.ExtractNewRecordState"}
		for k, v := range more {
			c["transforms.unwrap."+k] = v
		}
		return c
	}
	runAll(t, []scenario{
		{name: "table include list", before: both, during: changes, config: map[string]string{"table.include.list": "public.lines"}},
		{name: "table exclude list", before: both, during: changes, config: map[string]string{"table.exclude.list": "public.o.*"}},
		{name: "column exclude list", before: both, during: changes, config: map[string]string{"column.exclude.list": "public.orders.(note|price)"}},
		{name: "column include list", before: both, during: changes, config: map[string]string{"column.include.list": "public.orders.(id|customer),public.lines.*,public.zz_marker.*"}},
		{name: "message key columns", before: both + `ALTER TABLE orders REPLICA IDENTITY FULL;`, during: changes, config: map[string]string{"message.key.columns": "public.orders:customer,quantity"}},
		{name: "masked and truncated columns", before: both, during: changes, config: map[string]string{"column.mask.with.4.chars": "public.orders.customer", "column.truncate.to.3.chars": "public.lines.sku"}},
		{name: "hashed column", before: both, during: changes, config: map[string]string{"column.mask.hash.SHA-256.with.salt.abc": "public.orders.customer", "column.mask.hash.v2.SHA-256.with.salt.abc": "public.lines.sku"}},
		{name: "propagated source types", before: both, during: changes, config: map[string]string{"column.propagate.source.type": ".*"}},
		{name: "topic delimiter", before: both, during: changes, config: map[string]string{"topic.delimiter": "_"}, marker: "PREFIX_public_zz_marker"},
		{name: "names adjusted", before: `CREATE TABLE "a-b" (id int PRIMARY KEY, "c-d" int);`, during: `INSERT INTO "a-b" VALUES (1, 2);`, config: map[string]string{"schema.name.adjustment.mode": "avro", "field.name.adjustment.mode": "avro"}},
		{name: "names adjusted to unicode", before: `CREATE TABLE "a-b" (id int PRIMARY KEY, "1c" int);`, during: `INSERT INTO "a-b" VALUES (1, 2);`, config: map[string]string{"schema.name.adjustment.mode": "avro_unicode", "field.name.adjustment.mode": "avro_unicode"}},
		{name: "placeholder", before: `CREATE TABLE t (id int PRIMARY KEY, n int, big text); ALTER TABLE t ALTER big SET STORAGE EXTERNAL;`, during: `INSERT INTO t SELECT 1, 1, repeat('0123456789', 1000); UPDATE t SET n = 2;`, config: map[string]string{"unavailable.value.placeholder": "__gone__"}},
		{name: "snapshot of some tables", before: both, during: changes, config: map[string]string{"snapshot.include.collection.list": "public.lines"}},
		{name: "snapshot select override", before: both, during: changes, config: map[string]string{"snapshot.select.statement.overrides": "public.orders", "snapshot.select.statement.overrides.public.orders": "SELECT * FROM public.orders WHERE customer = 'ann'"}},
		{name: "skip messages without change", before: orders + `ALTER TABLE orders REPLICA IDENTITY FULL;`, during: `UPDATE orders SET note = 'x'; UPDATE orders SET quantity = 3;`, config: map[string]string{"skip.messages.without.change": "true", "column.exclude.list": "public.orders.note"}},
		{name: "no context headers", before: orders, during: orderChanges, config: map[string]string{"extended.headers.enabled": "false"}},
		{name: "unwrap", before: orders, during: orderChanges, config: unwrap(nil)},
		{name: "unwrap rewrite", before: orders, during: orderChanges, config: unwrap(map[string]string{"delete.tombstone.handling.mode": "rewrite", "add.fields": "op,table,source.db", "add.headers": "op"})},
		{name: "schema change", before: orders, during: orderChanges + `ALTER TABLE orders ADD COLUMN delivery_id int; SELECT pg_sleep(2);INSERT INTO orders (customer, delivery_id) VALUES ('new', 4);`},
	})
}
