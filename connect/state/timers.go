// SPDX-License-Identifier: Apache-2.0

package state

import "bytes"

// Timers are keys with a tag of their own, whose byte order is that of time, then
// key. So they are undone, frozen, committed and restored as all keys are, and the
// next one is found by a seek through the layers. In order not to seek for each
// record, nor over timers that are gone, a table keeps a lower bound of those set.

// timerBound is a place that no timer of a table stands before.
type timerBound struct {
	none bool // no timer is set at all
	at   int64
	key  []byte // with the tag; empty is before all
}

// lower moves the bound before a timer.
func (b *timerBound) lower(at int64, key []byte) {
	if b.none || bytes.Compare(key, b.key) < 0 {
		b.set(at, key)
	}
}

func (b *timerBound) set(at int64, key []byte) {
	b.none, b.at, b.key = false, at, append(b.key[:0], key...)
}

// OnTimer sets what is called for a due timer: by Advance and FireDue, in the order
// of time, then key. The timer is done before the call, outside of any savepoint
// that the callee sets. The key is valid during the call. A timer that the callee
// sets fires within the same Advance if it is due and comes later in that order;
// otherwise, if it is due, at the next. Without a callee due timers are done silently.
func (t *Table) OnTimer(fire func(at int64, key []byte)) { t.fire = fire }

// StreamTime implements connect.State.
func (t *Table) StreamTime() int64 { return t.now.stream }

// Advance implements connect.State. It panics within OnTimer.
func (t *Table) Advance(ts int64) {
	if t.firing {
		panic("state: Advance within OnTimer")
	}
	if ts > t.now.stream {
		t.tables.undo = append(t.tables.undo, undo{t, undoStream, ref(uint64(t.now.stream))})
		t.now.stream = ts
	}
	t.FireDue()
}

// FireDue fires the timers that stream time has reached already: those that were
// overdue when the task stopped. It is called once before the first input.
func (t *Table) FireDue() {
	if t.firing {
		panic("state: timers fired within OnTimer")
	}
	if t.low.none || len(t.low.key) > 0 && t.low.at > t.now.stream {
		return
	}
	t.firing = true
	// While timers fire, the bound collects what is set or restored meanwhile.
	next := t.low
	t.low = timerBound{none: true, key: t.boundKey[:0]}
	defer func() {
		t.firing = false
		if !next.none {
			t.low.lower(next.at, next.key)
		}
		t.boundKey = next.key
	}()
	for t.seekTimer(&next) && next.at <= t.now.stream {
		t.remove(tagTimer, next.key[1:])
		t.fired = append(t.fired[:0], next.key[9:]...)
		at := next.at
		next.key = append(next.key, 0) // the place after it
		if t.fire != nil {
			t.fire(at, t.fired)
		}
	}
}

// seekTimer moves the bound to the first timer at or after it.
func (t *Table) seekTimer(b *timerBound) bool {
	c, err := t.store.cursor()
	if err != nil {
		t.fail("scan timers", err)
		b.none = true
		return false
	}
	m := t.walk.over(t, c)
	if len(b.key) == 0 {
		b.key = append(b.key, tagTimer)
	}
	m.seek(b.key)
	key := m.key()
	if key == nil || key[0] != tagTimer {
		b.none = true
	} else {
		at, _ := decodeTimer(key[1:])
		b.set(at, key)
	}
	if err := c.close(); err != nil {
		t.fail("scan timers", err)
	}
	return !b.none
}

// SetTimer implements connect.State.
func (t *Table) SetTimer(at int64, key []byte) {
	t.timerKey(at, key)
	if _, ok := t.read(tagTimer, t.timer[1:]); !ok {
		t.put(tagTimer, t.timer[1:], nil)
	}
	t.low.lower(at, t.timer)
}

// DeleteTimer implements connect.State.
func (t *Table) DeleteTimer(at int64, key []byte) {
	t.timerKey(at, key)
	t.remove(tagTimer, t.timer[1:])
}

func (t *Table) timerKey(at int64, key []byte) {
	t.timer = appendTimer(append(t.timer[:0], tagTimer), at, key)
}
