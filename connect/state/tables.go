// SPDX-License-Identifier: Apache-2.0

package state

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
)

// Tables is the state of one task: a Table for each of its steps and state
// partitions. Two goroutines use it. The road's goroutine reads and writes through
// the Tables' handles, sets savepoints and freezes. The committer's goroutine
// serialises a frozen unit and says that it is committed: Unit's methods may run
// beside those of the road. Committed may be called from any goroutine. No other
// method may run beside another.
type Tables struct {
	hasher
	o      Options
	tables []*Table   // by step, then partition, as in the options
	cache  *diskCache // of disk stores; else nil

	undo    []undo
	pending int64
	scratch blocks // what disk stores read for the unit of a record
	unit    *Unit  // frozen and not yet applied; nil if none
	err     error

	// mu is held for writing while layers change hands, once for each commit, and for
	// reading by those who look in from outside: the readers of committed values and
	// the writer of snapshots.
	mu     sync.RWMutex
	closed bool

	snapshots snapshots
}

// undo is one write that can be rolled back: the value that a key had in the filling
// overlay, or under a key that is no place, one of the table's times.
type undo struct {
	table *Table
	key   ref
	old   ref
}

const (
	undoStream = none
	undoClosed = tombstone
)

// Table returns the handle of a step, numbered as in Options.Steps, in a state
// partition; nil if the task does not own the partition. The handle lives as long
// as the Tables: ask once, not for each record.
func (t *Tables) Table(step int, partition int32) *Table {
	for _, table := range t.tables {
		if table.step == step && table.partition == partition {
			return table
		}
	}
	return nil
}

// Mark is a savepoint.
type Mark int

// Begin starts the unit of one input record: what was written before it can no
// longer be rolled back. It returns the savepoint at its beginning. Bytes that Get
// returned before are no longer valid. It must not be called within another unit.
func (t *Tables) Begin() Mark {
	if t.unit != nil && t.unit.committed.Load() {
		t.apply()
	}
	t.forget()
	return 0
}

// forget ends all savepoints; values that were overwritten give back their room.
func (t *Tables) forget() {
	for _, u := range t.undo {
		if u.key > tombstone {
			u.table.filling.freeValue(u.old)
		}
	}
	t.undo = t.undo[:0]
	t.scratch.reset()
}

// Mark sets a savepoint within the unit that Begin started; marks nest.
func (t *Tables) Mark() Mark { return Mark(len(t.undo)) }

// Rollback undoes all that was written in any table since the mark: values,
// timers, stream time. The mark stays valid, later ones do not. Bytes that Get
// returned since the mark are no longer valid.
func (t *Tables) Rollback(m Mark) {
	for i := len(t.undo) - 1; i >= int(m); i-- {
		t.undo[i].roll()
	}
	t.undo = t.undo[:m]
}

func (u undo) roll() {
	t := u.table
	switch u.key {
	case undoStream:
		t.now.stream = int64(u.old)
		return
	case undoClosed:
		t.now.closed = int64(u.old)
		return
	}
	o := t.filling
	before := o.size
	v := o.value(u.key)
	o.replace(u.key, v, u.old)
	o.freeValue(v)
	t.tables.pending += o.size - before
	if key := o.keyAt(u.key); key[0] == tagTimer {
		at, _ := decodeTimer(key[1:])
		t.low.lower(at, key) // it may be set again
	}
}

// Err returns the first failure of a store, after which nothing that was read can
// be relied on: the task must fail without committing.
func (t *Tables) Err() error {
	if t.err == nil && t.unit != nil {
		if failed := t.unit.failed.Load(); failed != nil {
			t.err = *failed
		}
	}
	return t.err
}

// Pending is about the size, in bytes, of what a Freeze now would give to the
// changelogs.
func (t *Tables) Pending() int64 { return t.pending }

// Freeze ends the filling unit and begins the next. Savepoints end. The frozen unit
// stays readable through the tables. The unit before must be committed, if it
// was not empty; Freeze panics if it is not. It returns the failure of a store, if
// there was one.
func (t *Tables) Freeze() (*Unit, error) {
	if err := t.Apply(); err != nil {
		return nil, err
	}
	if t.unit != nil {
		panic("state: Freeze while the unit before is not committed")
	}
	t.forget()
	u := &Unit{tables: t}
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, table := range t.tables {
		if p, changed := table.freeze(); changed {
			u.parts = append(u.parts, p)
		}
	}
	t.pending = 0
	if len(u.parts) > 0 {
		t.unit = u
	}
	return u, nil
}

// Apply moves a unit that is committed into the store. Begin and Freeze do so too;
// a road that waits for input may call it in order not to hold the unit's memory. It
// returns what Err does.
func (t *Tables) Apply() error {
	if t.unit != nil && t.unit.committed.Load() {
		t.apply()
	}
	return t.Err()
}

func (t *Tables) apply() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range t.unit.parts {
		p := &t.unit.parts[i]
		if !p.table.store.shared() {
			t.keep(p.table.apply(p))
			t.crash(CrashInApply)
		}
		p.table.frozen = nil
		p.overlay.reset()
		p.table.spare = p.overlay
	}
	t.unit = nil
	t.snapshots.consider(t)
}

// keep remembers the first error.
func (t *Tables) keep(err error) {
	if t.err == nil {
		t.err = err
	}
}

// Abort drops all that is not committed. The road and the committer have stopped.
// The tables can be used again, from the last commit on.
func (t *Tables) Abort() {
	if t.unit != nil && t.unit.committed.Load() {
		t.apply()
	}
	t.undo = t.undo[:0]
	t.scratch.reset()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.unit = nil
	for _, table := range t.tables {
		table.abort()
	}
	t.pending = 0
}

// Committed returns a copy of the committed value of a key, for the step with this
// alias or state name. It may be called from any goroutine. ok is false if there is no such
// step or partition, or no such key. After Close it returns ErrClosed.
func (t *Tables) Committed(step string, partition int32, key []byte) (value []byte, ok bool, err error) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if t.closed {
		return nil, false, ErrClosed
	}
	i := slices.IndexFunc(t.tables, func(table *Table) bool {
		s := t.o.Steps[table.step]
		return table.partition == partition && (s.Alias == step || s.stateName() == step)
	})
	if i < 0 {
		return nil, false, nil
	}
	return t.tables[i].readCommitted(key)
}

// Partitions returns the state partitions that the task owns. It may be called from
// any goroutine; the caller must not change them.
func (t *Tables) Partitions() []int32 { return t.o.Partitions }

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
// It may be called from the road's goroutine only.
func (t *Tables) Positions() []Position {
	list := make([]Position, 0, len(t.tables))
	for _, table := range t.tables {
		p := table.store.position()
		list = append(list, Position{
			Step: t.o.Steps[table.step].Alias, Topic: table.topic, Partition: table.partition,
			Next: p.last + 1, Commits: p.commits,
		})
	}
	return list
}

// Empty reports whether no changelog of the task held anything and nothing was
// committed since: the connector begins.
func (t *Tables) Empty() bool {
	return !slices.ContainsFunc(t.tables, func(table *Table) bool {
		return table.store.position().commits > 0
	})
}

// Close drops what is not committed, writes the local copies and releases them. It
// may be called more than once. ctx bounds the writing of snapshots; without them
// the next Open reads more of the changelog.
func (t *Tables) Close(ctx context.Context) error {
	if t.closed {
		return nil
	}
	t.Abort()
	t.snapshots.wait()
	var errs []error
	if t.err == nil {
		errs = append(errs, t.snapshots.last(ctx, t))
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = true
	return errors.Join(append(errs, t.release())...)
}

func (t *Tables) crash(point string) {
	if t.o.Crash != nil {
		t.o.Crash(point)
	}
}

func (t *Tables) now() int64 { return t.o.Now().UnixMilli() }

// wrap says whose store failed.
func (t *Table) wrap(what string, err error) error {
	return fmt.Errorf("%s state of step %q, partition %d: %w", what, t.tables.o.Steps[t.step].Alias, t.partition, err)
}
