// SPDX-License-Identifier: Apache-2.0

// Package window aggregates records by windows of time.
//
// A record comes in with a key and a point in time (time.go reads it). The assigner
// says which windows it belongs to (assigner.go), the aggregates what becomes of the
// numbers (aggregate.go). Everything that the record changes is worked out first, over
// what is stored for its windows (entry.go). Then stream time moves to the record's
// time, which fires the timers of the windows that are over, and only then is the
// record's own change written and, if wanted, emitted. So a record that fails moves
// nothing, and a final row comes before the row of the record that released it.
//
// A window is over when stream time has reached its end and the grace behind it. Its
// timer emits the final row, if wanted, and takes the window out of the state. A
// record that belongs to a window which is over is late for it: it is counted, or
// refused, by the setting late. Stream time is state: it survives restarts, and a
// window that is over does not come back.
//
// Another kind of window is another assigner, another aggregate a line in a table.
package window
