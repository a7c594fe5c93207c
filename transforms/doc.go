// SPDX-License-Identifier: Apache-2.0

// Package transforms holds the steps that a chain is made of.
//
// A record comes to a step as it left the one before. The step emits it, changed or
// not, emits several, or none; it sends it elsewhere by changing its topic; it refuses
// it with an error that names rule and field. Steps that look into records by
// expression compile it once, when they are made. Steps that keep something across
// records keep it in their state and nowhere else, so that a restart, a batch undone
// and a batch of another size lead to the same output.
//
// One file holds one transform or predicate. Those that need several files share the
// beginning of their names (cast, unwrap, outbox, bytable, debezium_script) or have a
// folder: cartjoin, window. Package stored is the form of values in state, javatime
// reads and writes times by Java's patterns.
package transforms
