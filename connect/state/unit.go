// SPDX-License-Identifier: Apache-2.0

package state

// Unit is what one transaction changes in the state of a task. It is immutable: the
// committer reads it while the road fills the next.
type Unit struct{}

// Change is one record for a changelog. The bytes belong to the unit.
type Change struct {
	Key   []byte
	Value []byte // nil is a tombstone
}

// Offset is the offset that the last changelog record of a unit got in a partition.
type Offset struct {
	Topic     string
	Partition int32
	Last      int64
}

// Empty reports whether the unit changes nothing. An empty unit needs no
// transaction; Committed may be called all the same.
func (u *Unit) Empty() bool { panic("declared") }

// Each calls fn with the changes for each changelog partition, each changed key
// once, until fn returns an error, which is returned. A partition with many changes
// comes in several calls, one after the other. The slice is reused after the call,
// the bytes live until the unit is committed or aborted. All of it must be written
// in the order given, in the transaction that also holds the unit's offsets.
func (u *Unit) Each(fn func(topic string, partition int32, changes []Change) error) error {
	panic("declared")
}

// Committed says that the unit's transaction is known to have committed, and at
// which offsets its records are. A partition that is missing there keeps its old
// position, and reads the unit again at the next restore. The road takes the change
// over at its next Begin, Freeze or Apply. Committed writes to disk stores; if that
// fails the task must fail, and its next start restores what is missing.
func (u *Unit) Committed(offsets []Offset) error { panic("declared") }
