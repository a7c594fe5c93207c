// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"context"
	"errors"
)

// errBehind says that a new beginning lies before what was read of another server.
var errBehind = errors.New("the server's log ends before the position that was read")

// beginAnew is called with the error that has ended the stream. If it is a gap, and the
// settings say that the tables are read again then, that begins at once, as it would at the
// next start. Otherwise, and if it does not succeed at the first try, the error stays: the
// task fails, and the next start does it.
func (t *task) beginAnew(ctx context.Context, ended error) error {
	e := t.emitter
	if !isGap(ended) || !t.wantsData(true) || t.triedAnew || e.window != nil || e.place.blocking != nil || e.place.incremental.active() {
		return ended
	}
	t.triedAnew = true
	t.cancel()
	t.wg.Wait()
	t.queue.mend()
	if err := t.resumeSnapshot(ctx); err != nil {
		t.log.Warn("the tables cannot be read again at once", "error", err)
		t.queue.fail(ended)
		return ended
	}
	// What was under way of a transaction is in the tables now, or never was.
	e.restart(e.place.timeline)
	t.triedAnew = false
	return nil
}

// gone looks again whether the slot can be gone on from, if the server has refused that: it
// may have been lost since the connection was checked.
func (st *stream) gone(ctx context.Context, refused error) error {
	if c := code(refused); c != undefinedObject && c != notInState {
		return refused
	}
	if awaitReady(ctx, st.conn) != nil {
		return refused
	}
	if err := st.check(ctx, st.conn); isGap(err) {
		return err
	}
	return refused
}

// Codes of the server for a slot that is not there, and for one that cannot be read.
const (
	undefinedObject = "42704"
	notInState      = "55000"
)
