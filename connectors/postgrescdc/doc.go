// SPDX-License-Identifier: Apache-2.0

// Package postgrescdc reads changes of PostgreSQL tables by logical replication and
// emits them in the event format of Debezium's connector for PostgreSQL 3.7.
//
// The settings are Debezium's: parseSettings turns a configuration into one typed
// struct, once, and refuses by name what this connector does not have. Everything
// that depends on names of tables and columns is decided when a table's plan is built
// and never while a row is handled: filter says what is captured and what the key is,
// columnRules says what happens to a column's values. preflight looks at a server and
// names what would go wrong, with the SQL that mends it; Doctor prints that.
//
// Files go by what they begin with:
//
//	task*       the connector's task: start (task_begin), the road from what was read to records (task_poll), positions
//	stream*     the goroutine that reads the replication connection; queue, decoder, transactions in progress (spool)
//	snapshot*   reading tables: by COPY (snapshot), by key beside the stream (chunk, incremental), at a signal (blocking),
//	            and what a crash has left (unfinished)
//	envelope*   the emitter: from changes to records and places
//	offset*     the place as the map that is stored, for this connector and for Debezium
//	relation*   plans of tables, from what the stream and the catalog say
//	slot*       the replication slot and the publication: made, checked, watched, waited for
//	preflight*  what is checked before a start, by validate and by doctor, with the SQL that mends it
//	signals*    orders from outside: rows of a table, a topic, a file, REST
//	config*     keys, defaults, refusals; filters*, columns* what they choose and mask
//	session*    SQL sessions and their guards; reselect*, heartbeat_action, schema_topic: what the names say
package postgrescdc
