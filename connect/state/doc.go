// SPDX-License-Identifier: Apache-2.0

// Package state keeps what the steps of one task remember.
//
// # The life of a value
//
// A step puts a value for a key. It goes into the filling overlay of its table, the
// state of one step in one state partition, and the write is noted for undoing. If
// the input record fails further on, it is rolled back to the savepoint before it; at
// the next record the note is forgotten. Reads see the filling overlay, the frozen
// one below it, and the store below that.
//
// When the transaction of the task closes, Freeze makes the overlays a Unit, and new
// ones begin to fill. The committer's goroutine writes each changed key of the unit
// once to the changelog, in the transaction that also holds the output and the
// offsets, while the road goes on above. Nothing in a frozen overlay changes, so both
// read it without a lock.
//
// When the transaction is known to have committed, and only then, the overlay is
// applied to the store, together with the offset of its last record. The store is
// therefore never ahead of the changelog. If the transaction fails, Abort drops both
// overlays.
//
// Timers are keys in a range of their own, which order by time, then key. Stream time
// and the last close time stand in a record that ends each unit of a table. So all of
// them are rolled back, committed and restored as values are.
//
// # Stores and local copies
//
// The memory store keeps keys and values in large chunks that the garbage collector
// does not look into. A goroutine writes a snapshot of it to a file now and then,
// while the store goes on changing: the file may hold later values than its position
// says, and reading the changelog from that position makes them right again. The disk
// store is a database whose own log is switched off, since the changelog is one: after
// a crash it is at the position that was last flushed.
//
// Open takes a local copy if it is the same owner's, whole, not too old, and if the
// first head in the changelog at or after its position continues it. Otherwise the
// changelog is read from its start. Offsets without their state are refused.
//
// # Format of a changelog
//
// The topic is named by TopicName. Its partition n belongs to state partition n. The
// first byte of a key says what the record is; integers are big-endian.
//
//	key                        value
//	00                         owner: JSON {"format","group","connector","step","version","incarnation"}
//	01                         head: 01 (format), incarnation (8), commits (8), stream time (8), close time (8)
//	02 time' (8) key           a timer that is set: no bytes
//	03 key                     a value
//
// A value that is null deletes the key. time' is the time in milliseconds with its
// sign bit turned, so that bytes order as times do. The times of the head are signed;
// the smallest number stands for none. The incarnation is drawn when a changelog
// begins, and tells it from one that is made under the same name later. Commits counts
// the units. The owner is written by the first unit, for all partitions of the task,
// in the transaction of the first offsets: where a connector has offsets, it has an
// owner. The head is the last record of each unit in a partition.
package state
