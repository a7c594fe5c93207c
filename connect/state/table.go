// SPDX-License-Identifier: Apache-2.0

package state

import (
	"bytes"

	"github.com/connectd/connectd/connect"
)

// Table is the state of one step in one state partition, for the road's goroutine.
type Table struct {
	tables    *Tables
	step      int
	partition int32
	topic     string
	ordered   bool

	filling *overlay
	frozen  *overlay // nil when no unit is committing, or the unit does not change it
	spare   *overlay
	store   store

	now  head // as the road sees it
	base head // as the last unit that was frozen ends

	fire     func(at int64, key []byte)
	firing   bool
	low      timerBound
	boundKey []byte // room for the key of the next bound
	timer    []byte // the key of the timer that is set or deleted
	fired    []byte // the key of the timer that fires
	walk     walk   // for timers
}

var _ connect.State = (*Table)(nil)

// Get implements connect.State. The bytes are valid until the next Begin.
func (t *Table) Get(key []byte) ([]byte, bool) { return t.read(tagValue, key) }

func (t *Table) read(tag byte, key []byte) ([]byte, bool) {
	h := t.tables.hash(tag, key)
	if v, found := t.filling.get(h, tag, key); found {
		return v, v != nil
	}
	if t.frozen != nil {
		if v, found := t.frozen.get(h, tag, key); found {
			return v, v != nil
		}
	}
	v, found, err := t.store.get(h, tag, key, &t.tables.scratch)
	if err != nil {
		t.fail("read", err)
		return nil, false
	}
	return v, found
}

// Put implements connect.State.
func (t *Table) Put(key, value []byte) { t.put(tagValue, key, value) }

func (t *Table) put(tag byte, key, value []byte) {
	t.write(tag, key, t.filling.newValue(value))
}

// Delete implements connect.State.
func (t *Table) Delete(key []byte) { t.remove(tagValue, key) }

// remove writes a tombstone, but none for a key that is absent.
func (t *Table) remove(tag byte, key []byte) {
	if _, ok := t.read(tag, key); ok {
		t.write(tag, key, tombstone)
	}
}

func (t *Table) write(tag byte, key []byte, v ref) {
	before := t.filling.size
	k, old := t.filling.write(t.tables.hash(tag, key), tag, key, v)
	t.tables.pending += t.filling.size - before
	t.tables.undo = append(t.tables.undo, undo{t, k, old})
}

// Scan implements connect.State. The bytes are valid during the call of fn. It panics
// if the step did not declare Ordered.
func (t *Table) Scan(from, to []byte, fn func(key, value []byte) bool) {
	if !t.ordered {
		panic("state: Scan of a step that did not declare Ordered")
	}
	c, err := t.store.cursor()
	if err != nil {
		t.fail("scan", err)
		return
	}
	m := new(walk).over(t, c)
	for m.seek(append([]byte{tagValue}, from...)); ; m.next() {
		key := m.key()
		if key == nil || key[0] != tagValue || to != nil && bytes.Compare(key[1:], to) >= 0 {
			break
		}
		if !fn(key[1:], m.value()) {
			break
		}
	}
	if err := c.close(); err != nil {
		t.fail("scan", err)
	}
}

// walk is what it takes to walk the layers of a table.
type walk struct {
	merged
	room            [3]cursor
	filling, frozen entriesCursor
}

// over begins a walk over the overlays of a table and its store.
func (w *walk) over(t *Table, c storeCursor) *merged {
	w.filling.e = &t.filling.entries
	w.layers = append(w.room[:0], &w.filling)
	if t.frozen != nil {
		w.frozen.e = &t.frozen.entries
		w.layers = append(w.layers, &w.frozen)
	}
	w.layers = append(w.layers, c)
	return &w.merged
}

// CloseTime is the last time set by SetCloseTime, in milliseconds; math.MinInt64
// before the first. It is state, as stream time is.
func (t *Table) CloseTime() int64 { return t.now.closed }

// SetCloseTime remembers up to which time the road has closed windows.
func (t *Table) SetCloseTime(at int64) {
	t.tables.undo = append(t.tables.undo, undo{t, undoClosed, ref(uint64(t.now.closed))})
	t.now.closed = at
}

// fail remembers that the store of the table does not work.
func (t *Table) fail(what string, err error) {
	if t.tables.err == nil {
		t.tables.err = t.wrap(what, err)
	}
}
