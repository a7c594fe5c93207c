// SPDX-License-Identifier: Apache-2.0

// Package runtime runs one task: input, stages, output, with one commit.
//
// The life of a record of a source. The connector's Poll appends it to a batch
// (input_source.go). If the connector supplied raw bytes, converters decode them. Then
// it goes through the steps of the chain (chain.go), on a copy, so that it can be tried
// again. What leaves the chain is encoded, checked against what is known of its topic
// (output_topics.go) and appended to the open unit (unit.go), together with whatever
// the steps have written to state. One input record is the unit of failure: before it
// there is a savepoint, and if anything fails, all its outputs and writes are taken
// back, and it is repeated or goes to the error road (stages.go, retry.go,
// error_road.go): into the error topic, in the same unit, or to the end of the task.
//
// A unit is what one transaction commits. As soon as the committer is free the open
// unit is closed and handed over (source_close.go), and the road fills the next: with a
// backlog units grow, without one a record is visible after one commit. The committer
// (commit.go) sends outputs, error records and the changelog, waits for them, sends the
// offsets, ends the transaction, and only when that is known to have committed lets the
// local state take the unit over and tells the connector. After any other outcome both
// units are dropped, and the task begins again at the committed offset.
//
// A record that the chain drops is done as well: its position moves with the next
// unit, or in a transaction of offsets alone once per flush interval.
//
// The life of a record of a sink. The task is a member of the group connect-<name>
// (subscription.go, range.go). What it fetches (input_topics.go) takes the same stages,
// but ends in a batch for the sink's Put (output_sink.go). By interval, when partitions
// move, and at the end, the sink flushes, and then the offsets are committed: behind
// acknowledged error records, or, if the chain keeps state, in one transaction with the
// changelog (sink_commit.go).
//
// A start takes over the transactional id first, which ends whatever an earlier
// instance has left open; then it reads offsets and changelogs to their ends
// (keeper.go); then it starts the connector.
package runtime
