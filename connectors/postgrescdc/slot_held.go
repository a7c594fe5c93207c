// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// errBeingMade says that somebody is making the slot. It passes: then the slot is there, or
// is gone again.
var errBeingMade = errors.New("the replication slot is still being made by another connection")

// heldPatience is how long the look at a slot may take that a connection has just got.
const heldPatience = 5 * time.Second

// checkHeld looks once more at the slot when a connection has got it, and nobody else can
// move it any more: whoever had it, or was making it, may have done that since the check
// before. The server says nothing of it, but begins where the slot is. It is called before
// the first position is reported, by which servers move the slot back as well. A look that
// fails is no reason to do without the stream.
func (t *task) checkHeld(ctx context.Context, conn *pgconn.PgConn, from lsn) error {
	if t.unwatched {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, heldPatience)
	defer cancel()
	slot, err := t.heldSlot(ctx)
	switch {
	case err != nil:
		t.log.Warn("it cannot be seen whether the replication slot was moved just before the stream began", "slot", t.s.Slot.Name, "error", err)
		return nil
	case slot == nil || slot.PID != int64(conn.PID()): // that of another server, or one that was taken away again
		return nil
	}
	return t.s.slotFits(slot, from)
}

func (t *task) heldSlot(ctx context.Context) (*slotState, error) {
	conn, err := t.s.openSQL(ctx, roleWatch)
	if err != nil {
		return nil, err
	}
	defer hangUp(conn.PgConn())
	return findSlot(ctx, conn.PgConn(), t.s.Slot.Name)
}
