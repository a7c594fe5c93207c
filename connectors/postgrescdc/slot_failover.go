// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/jackc/pgx/v5/pgconn"
)

// failoverSince is the first version whose slots can be copied to standbys.
const failoverSince = 17

// failsOver reports whether a slot that is made on conn is to survive a failover. Slots
// that are made on a standby cannot.
func (s *settings) failsOver(ctx context.Context, conn *pgconn.PgConn) (bool, error) {
	if !s.Slot.Failover || serverMajor(conn) < failoverSince {
		return false, nil
	}
	standby, err := scalar(ctx, conn, "SELECT pg_catalog.pg_is_in_recovery()")
	return standby == "f", err
}

// keepOnFailover lets the slot survive a failover that was made without slot.failover. One
// that is in use cannot be changed.
func (s *settings) keepOnFailover(ctx context.Context, conn *pgconn.PgConn, log *slog.Logger) error {
	wanted, err := s.failsOver(ctx, conn)
	if err != nil || !wanted {
		return wrap("look at the server", err)
	}
	slot, err := findSlot(ctx, conn, s.Slot.Name)
	if err != nil || slot == nil || slot.Failover || slot.lost() || s.usable(slot) != nil {
		return err
	}
	if slot.Active {
		log.Warn("slot.failover is set, and the replication slot was made without it; it is in use, so that only a later start can change it", "slot", s.Slot.Name, "holder", s.holder(slot))
		return nil
	}
	if err := run(ctx, conn, "ALTER_REPLICATION_SLOT "+quoteIdent(s.Slot.Name)+" (FAILOVER)"); err != nil {
		return fmt.Errorf("let replication slot %q survive a failover: %w", s.Slot.Name, err)
	}
	log.Info("the replication slot now survives a failover, as slot.failover says", "slot", s.Slot.Name)
	return nil
}
