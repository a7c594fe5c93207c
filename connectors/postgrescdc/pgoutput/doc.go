// SPDX-License-Identifier: Apache-2.0

// Package pgoutput decodes the logical replication stream of PostgreSQL: the frames
// of the replication connection and the messages of the plugin pgoutput, of protocol
// versions 1, 2 (streaming of transactions in progress), 3 (two-phase commit) and 4
// (parallel streaming), with columns in text or binary.
//
// A Decoder is a set of message structs that Decode fills again and again. Rows cost
// no allocation: their columns alias the input, so what has to outlive the buffer of
// the connection must be copied. Relation and type messages are rare and are
// allocated, so that they can be kept.
//
//	var frame pgoutput.Frame
//	var d pgoutput.Decoder
//	if err := frame.Decode(copyData.Data); err != nil { … }
//	if frame.Kind == pgoutput.XLogData {
//		kind, err := d.Decode(frame.Data, inStream)
//		switch kind {
//		case pgoutput.KindInsert:
//			use(d.Change.RelationID, d.Change.New)
//
// Input is not trusted: each length is checked before it is used, and what is not a
// whole message of the protocol, to the last byte, is an Error that names the
// message, the offset and the rule.
//
// # What the stream promises
//
// As observed on PostgreSQL 15, and tested here:
//
//   - Only the LSNs of commits are ordered over the whole stream. Changes of
//     transactions that ran at the same time are sent one transaction after the
//     other and go back in LSN; rows of one COPY share one LSN; relation and type
//     messages have LSN 0.
//   - The end LSN of a commit is the start LSN of its frame. The one of the frame of
//     the next transaction's Begin may be the same.
//   - A relation is described before its first change on a connection, and again
//     after DDL and other invalidations, often with the same content.
//   - An old tuple of kind 'K' has the columns of the replica identity; its other
//     columns are null, which means unknown.
//   - Between Stream Start and Stream Stop each message carries a transaction id, and
//     nothing of the transaction is known to be committed before Stream Commit.
package pgoutput
