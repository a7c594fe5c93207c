// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"context"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/connectd/connectd/connect/backoff"
)

// beingMade reports whether a slot is not there yet: the server still looks for the point
// at which it begins. If the connection that makes it is gone, as that of a process that
// was killed, the server notices only then, and takes the slot away.
func (s *slotState) beingMade() bool {
	return s.Type == "logical" && s.Active && s.Confirmed == 0 && !s.lost()
}

// madeTick is how often it is asked whether a slot is there.
const madeTick = 200 * time.Millisecond

// findMadeSlot is findSlot for a slot that is to be used: one that is being made is waited
// for. It costs no time, as another slot would wait for the same transactions.
func (s *settings) findMadeSlot(ctx context.Context, conn *pgconn.PgConn, log *slog.Logger) (*slotState, error) {
	for told := (time.Time{}); ; {
		slot, err := findSlot(ctx, conn, s.Slot.Name)
		if err != nil || slot == nil || !slot.beingMade() {
			return slot, err
		}
		if time.Since(told) >= tellBusyEvery {
			told = time.Now()
			log.Warn("the replication slot is still being made by another connection; the task waits for it", "slot", s.Slot.Name, "holder", s.holder(slot))
		}
		if !backoff.Wait(ctx, madeTick) {
			return nil, ctx.Err()
		}
	}
}
