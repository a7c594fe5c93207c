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
package postgrescdc
