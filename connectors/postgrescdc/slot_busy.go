// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
)

// objectInUse is the code of the server for a slot that another connection has.
const objectInUse = "55006"

// busyError says that another connection has the slot, and which one.
type busyError struct {
	holder string
	err    error
}

func (e *busyError) Error() string { return e.err.Error() + " (" + e.holder + ")" }

func (e *busyError) Unwrap() error { return e.err }

// busy finds out who has the slot, if that is why the stream did not start. A refused
// command leaves the connection usable.
func (s *settings) busy(ctx context.Context, conn *pgconn.PgConn, err error) error {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) || pg.Code != objectInUse {
		return err
	}
	if failed := awaitReady(ctx, conn); failed != nil {
		return err
	}
	slot, failed := findSlot(ctx, conn, s.Slot.Name)
	if failed != nil || slot == nil {
		return err
	}
	return &busyError{holder: s.holder(slot), err: err}
}

// awaitReady reads on until the server takes the next command.
func awaitReady(ctx context.Context, conn *pgconn.PgConn) error {
	for {
		msg, err := conn.ReceiveMessage(ctx)
		if err != nil {
			return err
		}
		if _, ok := msg.(*pgproto3.ReadyForQuery); ok {
			return nil
		}
	}
}

// holder names the connection that has a slot, as far as the user may see it.
func (s *settings) holder(slot *slotState) string {
	if !slot.Active {
		return "it is free now"
	}
	text := fmt.Sprintf("process %d", slot.PID)
	if slot.Application != "" {
		text += ", application " + quoteLiteral(slot.Application)
	}
	if slot.Client != "" {
		text += ", from " + slot.Client
	}
	if s.sessionOf(slot.Application) {
		text += ": a task for the same topic.prefix, or an earlier connection of this one that the server still waits for"
	}
	return text
}

// tellBusyEvery is how often the log says that the same connection has the slot.
const tellBusyEvery = time.Minute

// slotWait remembers that a task waits for its slot.
type slotWait struct {
	since  time.Time // zero if it does not wait
	holder string
	told   time.Time
}

// waits notes and logs that the slot is in use, and for how long it is waited next.
func (w *slotWait) waits(log *slog.Logger, f *figures, busy *busyError, pause time.Duration, now time.Time) {
	if w.since.IsZero() {
		w.since = now
		f.waiting.Store(now.UnixMicro())
	}
	if w.holder == busy.holder && now.Sub(w.told) < tellBusyEvery {
		return
	}
	w.holder, w.told = busy.holder, now
	log.Warn("another connection has the replication slot; the task waits for it", "error", busy.err, "holder", busy.holder, "waited", now.Sub(w.since).Round(time.Millisecond), "pause", pause)
}

// over notes that the task does not wait any more.
func (w *slotWait) over(f *figures) (waited time.Duration) {
	if !w.since.IsZero() {
		waited = time.Since(w.since)
	}
	*w = slotWait{}
	f.waiting.Store(0)
	return waited
}

// slotSQL is the row of a slot, the end of the server's log, and who has the slot.
const slotSQL = `SELECT to_json(s), CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn() ELSE pg_catalog.pg_current_wal_lsn() END,
 a.application_name, host(a.client_addr) || ':' || a.client_port, a.client_port = -1, pg_catalog.pg_is_in_recovery()
 FROM pg_catalog.pg_replication_slots s LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = s.active_pid WHERE s.slot_name = `

// fill takes the columns of slotSQL behind the first.
func (s *slotState) fill(r row) error {
	if r[1] != nil {
		var end lsn
		if err := end.Scan(r.text(1)); err != nil {
			return err
		}
		s.End = slotLSN(end)
	}
	s.Standby = r.flag(5)
	s.Application = r.text(2)
	s.Client = strings.TrimSpace(r.text(3))
	if r.flag(4) {
		s.Client = "the server's own machine"
	}
	return nil
}

// retained is how many bytes of the log the server keeps for the slot; 0 if it is lost.
func (s *slotState) retained() uint64 {
	if s.Restart == 0 || s.End < s.Restart {
		return 0
	}
	return uint64(s.End - s.Restart)
}
