// SPDX-License-Identifier: Apache-2.0

package state

import (
	"bytes"
	"errors"
	"slices"
	"sync/atomic"
)

// Unit is what one transaction changes in the state of a task. It is immutable: the
// committer reads it while the road fills the next.
type Unit struct {
	tables    *Tables
	parts     []part
	committed atomic.Bool
	failed    atomic.Pointer[error] // why a disk store could not take it over
}

// part is what a unit changes in one table.
type part struct {
	table   *Table
	overlay *overlay
	head    head  // after the unit
	last    int64 // the offset of its last record; -1 if not known
}

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

// changesAtOnce bounds the slice that Each hands out.
const changesAtOnce = 4096

// Empty reports whether the unit changes nothing. An empty unit needs no
// transaction; Committed may be called all the same.
func (u *Unit) Empty() bool { return len(u.parts) == 0 }

// Each calls fn with the changes for each changelog partition, each changed key
// once, until fn returns an error, which is returned. A partition with many changes
// comes in several calls, one after the other. The slice is reused after the call,
// the bytes live until the unit is committed or aborted. All of it must be written
// in the order given, in the transaction that also holds the unit's offsets.
func (u *Unit) Each(fn func(topic string, partition int32, changes []Change) error) error {
	var changes []Change
	for i := range u.parts {
		p := &u.parts[i]
		changes = slices.Grow(changes, min(p.overlay.changed, changesAtOnce))
		flush := func() error {
			err := fn(p.table.topic, p.table.partition, changes)
			changes = changes[:0]
			return err
		}
		err := p.overlay.each(func(key, value []byte) error {
			changes = append(changes, Change{key, value})
			if len(changes) < changesAtOnce {
				return nil
			}
			return flush()
		})
		if err == nil && len(changes) > 0 {
			err = flush()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Committed says that the unit's transaction is known to have committed, and at
// which offsets its records are. A partition that is missing there keeps its old
// position, and reads the unit again at the next restore. The road takes the change
// over at its next Begin, Freeze or Apply; values are readable from outside at once.
// Committed writes to disk stores; if that fails the task must fail, and its next
// start restores what is missing.
func (u *Unit) Committed(offsets []Offset) error {
	var errs []error
	for i := range u.parts {
		p := &u.parts[i]
		p.last = lastOffset(offsets, p.table.topic, p.table.partition)
		if !p.table.store.shared() {
			continue
		}
		errs = append(errs, p.table.apply(p))
		u.tables.crash(CrashInApply)
	}
	if err := errors.Join(errs...); err != nil {
		u.failed.Store(&err)
		return err
	}
	u.committed.Store(true)
	return nil
}

func lastOffset(offsets []Offset, topic string, partition int32) int64 {
	for _, o := range offsets {
		if o.Partition == partition && o.Topic == topic {
			return o.Last
		}
	}
	return -1
}

// freeze ends the filling overlay, if the table has changed. The first unit of a
// changelog says whose it is; each ends with the head.
func (t *Table) freeze() (part, bool) {
	first := t.base.commits == 0
	if !first && t.filling.changed == 0 && t.now == t.base {
		if len(t.filling.keys) > 0 {
			t.filling.reset() // written and rolled back
		}
		return part{}, false
	}
	if first {
		own := t.tables.o.owner(t.step)
		own.Incarnation = incarnationText(t.now.incarnation)
		t.reserve(tagOwner, own.encode())
	}
	t.now.commits++
	t.reserve(tagHead, t.now.encode())
	t.base = t.now
	p := part{table: t, overlay: t.filling, head: t.now, last: -1}
	t.frozen, t.filling, t.spare = t.filling, t.spare, nil
	if t.filling == nil {
		t.filling = newOverlay(t.ordered)
	}
	return p, true
}

// reserve writes a record of the package's own. It is not rolled back.
func (t *Table) reserve(tag byte, value []byte) {
	t.filling.write(t.tables.hash(tag, nil), tag, nil, t.filling.newValue(value))
}

// apply moves a part of a committed unit into the store.
func (t *Table) apply(p *part) error {
	pos := t.store.position()
	pos.head, pos.at = p.head, t.tables.now()
	if p.last >= 0 {
		pos.last = p.last
	}
	if err := t.store.apply(p.overlay, pos); err != nil {
		return t.wrap("apply", err)
	}
	return nil
}

// abort goes back to what the store holds.
func (t *Table) abort() {
	t.filling.reset()
	t.frozen = nil
	t.settle()
}

// settle takes the times of the table from its store. Where timers begin is not known.
func (t *Table) settle() {
	t.now = t.store.position().head
	t.base = t.now
	t.low = timerBound{}
	t.firing = false
}

// readCommitted copies a committed value, for a reader that holds the tables' lock.
func (t *Table) readCommitted(key []byte) ([]byte, bool, error) {
	h := t.tables.hash(tagValue, key)
	if u := t.tables.unit; u != nil && u.committed.Load() && t.frozen != nil {
		if v, found := t.frozen.get(h, tagValue, key); found {
			return bytes.Clone(v), v != nil, nil
		}
	}
	var scratch blocks
	v, found, err := t.store.get(h, tagValue, key, &scratch)
	if err != nil {
		return nil, false, t.wrap("read", err)
	}
	return bytes.Clone(v), found, nil
}

// close releases the table's store.
func (t *Table) close() error {
	if err := t.store.close(); err != nil {
		return t.wrap("close", err)
	}
	return nil
}
