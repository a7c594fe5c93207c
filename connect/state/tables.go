// SPDX-License-Identifier: Apache-2.0

package state

import "context"

// Tables is the state of one task: a Table for each of its steps and state
// partitions. Two goroutines use it. The road's goroutine reads and writes through
// the Tables' handles, sets savepoints and freezes. The committer's goroutine
// serialises a frozen unit and says that it is committed. Committed may be called
// from any goroutine. No other method may run beside another.
type Tables struct{}

// Open restores the state of a task: from the local copies as far as they can be
// trusted, and from the changelogs. It returns a RefusedError if a changelog cannot
// be the state that belongs to the connector's offsets. It is called after the
// task's transactional id has been initialised.
func Open(ctx context.Context, o Options) (*Tables, error) { panic("declared") }

// Table returns the handle of a step, numbered as in Options.Steps, in a state
// partition; nil if the task does not own the partition. The handle lives as long
// as the Tables: ask once, not for each record.
func (t *Tables) Table(step int, partition int32) *Table { panic("declared") }

// Mark is a savepoint.
type Mark int

// Begin starts the unit of one input record: what was written before it can no
// longer be rolled back. It returns the savepoint at its beginning. Bytes that Get
// returned before are no longer valid. It must not be called within another unit.
func (t *Tables) Begin() Mark { panic("declared") }

// Mark sets a savepoint within the unit that Begin started; marks nest.
func (t *Tables) Mark() Mark { panic("declared") }

// Rollback undoes all that was written in any table since the mark: values,
// timers, stream time. The mark stays valid, later ones do not.
func (t *Tables) Rollback(m Mark) { panic("declared") }

// Err returns the first failure of a store, after which nothing that was read can
// be relied on: the task must fail without committing.
func (t *Tables) Err() error { panic("declared") }

// Freeze ends the filling unit and begins the next. Savepoints end. The frozen unit
// stays readable through the tables. The unit before must be committed. Freeze
// returns the failure of a store, if there was one.
func (t *Tables) Freeze() (*Unit, error) { panic("declared") }

// Pending is the size, in bytes, of what a Freeze now would give to the changelog,
// about: what was written since the last one, values that were overwritten included
// once.
func (t *Tables) Pending() int64 { panic("declared") }

// Apply moves a unit that is committed into the store. Begin and Freeze do so too;
// a road that waits for input may call it in order not to hold the unit's memory.
func (t *Tables) Apply() error { panic("declared") }

// Abort drops all that is not committed. The road and the committer have stopped.
// The tables can be used again, from the last commit on.
func (t *Tables) Abort() { panic("declared") }

// Committed returns a copy of the committed value of a key, for the step with this
// alias or state name. It is safe from any goroutine. ok is false if there is no
// such step or partition, or no such key. After Close it returns an error.
func (t *Tables) Committed(step string, partition int32, key []byte) (value []byte, ok bool, err error) {
	panic("declared")
}

// Position says how far one table is.
type Position struct {
	Step      string // the alias
	Topic     string
	Partition int32
	// Next is the offset after the last changelog record in the store.
	Next int64
	// Commits counts the units that changed the table, since the beginning of the
	// changelog.
	Commits uint64
}

// Positions returns the positions of all tables, ordered by step, then partition.
func (t *Tables) Positions() []Position { panic("declared") }

// Empty reports whether no changelog of the task held anything and nothing was
// committed since: the connector begins.
func (t *Tables) Empty() bool { panic("declared") }

// Close drops what is not committed, writes the local copies and releases them. It
// may be called more than once. ctx bounds the writing of snapshots; without them
// the next Open reads more of the changelog.
func (t *Tables) Close(ctx context.Context) error { panic("declared") }
