// SPDX-License-Identifier: Apache-2.0

package state

import "github.com/connectd/connectd/connect"

// Table is the state of one step in one state partition, for the road's goroutine.
type Table struct{}

var _ connect.State = (*Table)(nil)

// OnTimer sets what is called for a due timer: by Advance and FireDue, in the order
// of time, then key. The timer is done before the call, outside of any savepoint
// that the callee sets. The key is valid during the call. A timer that the callee
// sets fires within the same Advance if it is due and comes later in that order;
// otherwise, if it is due, at the next.
func (t *Table) OnTimer(fire func(at int64, key []byte)) { panic("declared") }

// FireDue fires the timers that stream time has reached already: those that were
// overdue when the task stopped. It is called once before the first input.
func (t *Table) FireDue() { panic("declared") }

// Get implements connect.State. The bytes are valid until the next Begin.
func (t *Table) Get(key []byte) ([]byte, bool) { panic("declared") }

// Put implements connect.State.
func (t *Table) Put(key, value []byte) { panic("declared") }

// Delete implements connect.State.
func (t *Table) Delete(key []byte) { panic("declared") }

// Scan implements connect.State. It panics if the step did not declare Ordered.
func (t *Table) Scan(from, to []byte, fn func(key, value []byte) bool) { panic("declared") }

// StreamTime implements connect.State.
func (t *Table) StreamTime() int64 { panic("declared") }

// Advance implements connect.State. It panics within OnTimer.
func (t *Table) Advance(ts int64) { panic("declared") }

// SetTimer implements connect.State.
func (t *Table) SetTimer(at int64, key []byte) { panic("declared") }

// DeleteTimer implements connect.State.
func (t *Table) DeleteTimer(at int64, key []byte) { panic("declared") }

// CloseTime is the last time set by SetCloseTime, in milliseconds; math.MinInt64
// before the first. It is state, as stream time is.
func (t *Table) CloseTime() int64 { panic("declared") }

// SetCloseTime remembers up to which time the road has closed windows.
func (t *Table) SetCloseTime(at int64) { panic("declared") }
