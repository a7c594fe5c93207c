// SPDX-License-Identifier: Apache-2.0

// Package store keeps the topics, transactions and group offsets of the
// embedded broker in one write-ahead log.
//
// # The life of a batch
//
// A producer's record batch arrives at [Log.Append] as the bytes a client sent.
// Its header and checksum are verified, the sequence rules of its producer are
// applied, it receives the next offset of its partition and is appended to the
// one log that all partitions share. Nothing else is written for it: a
// partition is not a file but a list of spans, 40 bytes each, that point into
// the shared log. Neighbouring small batches share a span.
//
// A transaction's batches lie in the log like any others. What makes them
// visible is a single entry, the end of the transaction: the decision, the
// control batches of all partitions and the group offsets that become valid
// with it. That entry is either in the log or it is not, so a transaction can
// never be half committed, whatever kills the process. [Store.EndTxn] answers
// when the entry is on stable storage, and only then do read-committed readers
// see what it made valid.
//
// [Log.Read] hands the batches back exactly as they were appended, with their
// offsets filled in; control batches are built from the end entries.
//
// # The life of the log
//
// The log is cut into segments. Each segment begins with a snapshot of all
// state that is not batches (topics, producers, group offsets, log starts), so
// that only the newest segment is read at start; a sealed segment has a sidecar
// file with its spans, which is rebuilt when it is missing.
//
// A batch dies by retention (the log start of its partition moves over it), by
// cleaning (a newer committed record has the same key, or its transaction was
// aborted) or with its topic. Segments in which little is alive are emptied by
// copying the living batches to the end of the log, in rewrite entries that
// take effect atomically; a segment without living batches is named in a drop
// entry, and removed once that entry is on stable storage.
//
// # Starting after a kill
//
// An unfinished write at the end of the newest segment is cut off; any other
// damage is a [DamageError]. Transactions that were open are ended by abort,
// and after an unclean stop every transactional producer is fenced: what its
// client believed to be in the log may not have reached it. The client
// continues by initialising with its old id and epoch, which is accepted as
// long as no other producer took the transactional id over.
//
// # Failing
//
// A write, sync or removal that fails puts the store into its failed state for
// good: every later call returns the error, and [Store.Failed] is closed. The
// log on disk stays what it was at the last successful sync, or more.
package store
