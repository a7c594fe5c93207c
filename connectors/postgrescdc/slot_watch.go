// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"context"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/backoff"
)

const (
	// watchEvery is how often the slot is looked at.
	watchEvery = 10 * time.Second
	// lagSamples is how many ends of the log are remembered for the lag in seconds.
	lagSamples = 512
)

// slotLook is what one look at the slot has found.
type slotLook struct {
	// slot is nil if it does not exist.
	slot *slotState
	at   time.Time
	// lag is for how long the server has had what the slot has not been confirmed for.
	lag time.Duration
}

// slotWatch looks at the slot by a session of its own, whatever the task is doing: also
// while it is paused, reads tables, or waits for the slot.
type slotWatch struct {
	s       *settings
	log     *slog.Logger
	figures *figures
	every   time.Duration
	// promoted is called when the server is found not to be a standby.
	promoted func()

	conn   *pgx.Conn
	status string // of the newest look
	blind  bool   // the newest look has failed
	// ends are ends of the log with the times at which they were seen, from the oldest
	// that is not confirmed.
	ends []logEnd
}

type logEnd struct {
	lsn lsn
	at  time.Time
}

// run looks until ctx ends.
func (w *slotWatch) run(ctx context.Context) {
	defer w.close()
	for {
		err := w.look(ctx)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			w.close()
			if !w.blind {
				w.log.Warn("the replication slot cannot be looked at; it is tried again", "slot", w.s.Slot.Name, "error", err)
			}
		}
		w.blind = err != nil
		if !backoff.Wait(ctx, w.every) {
			return
		}
	}
}

func (w *slotWatch) close() {
	if w.conn != nil {
		hangUp(w.conn.PgConn())
		w.conn = nil
	}
}

func (w *slotWatch) look(ctx context.Context) error {
	if w.conn == nil {
		conn, err := w.s.openSQL(ctx, roleWatch)
		if err != nil {
			return err
		}
		w.conn = conn
	}
	slot, err := findSlot(ctx, w.conn.PgConn(), w.s.Slot.Name)
	if err != nil {
		return err
	}
	now := time.Now()
	w.figures.slot.Store(&slotLook{slot: slot, at: now, lag: w.lag(slot, now)})
	w.tell(slot)
	if slot != nil && !slot.Standby {
		w.promoted()
	}
	return nil
}

// lag is how long ago the oldest end of the log was seen that is not confirmed.
func (w *slotWatch) lag(slot *slotState, now time.Time) time.Duration {
	if slot == nil {
		w.ends = w.ends[:0]
		return 0
	}
	n := 0
	for n < len(w.ends) && w.ends[n].lsn <= lsn(slot.Confirmed) {
		n++
	}
	w.ends = w.ends[:copy(w.ends, w.ends[n:])]
	if lsn(slot.End) > lsn(slot.Confirmed) {
		if len(w.ends) == lagSamples { // every second one is enough
			for i := range lagSamples / 2 {
				w.ends[i] = w.ends[2*i]
			}
			w.ends = w.ends[:lagSamples/2]
		}
		w.ends = append(w.ends, logEnd{lsn: lsn(slot.End), at: now})
	}
	if len(w.ends) == 0 {
		return 0
	}
	return now.Sub(w.ends[0].at)
}

// tell logs that the state of the slot has become another, once.
func (w *slotWatch) tell(slot *slotState) {
	status := slot.status()
	was := w.status
	w.status = status
	if status == was {
		return
	}
	log := w.log.With("slot", w.s.Slot.Name, "wal_status", status)
	if slot != nil {
		log = log.With("retained_bytes", slot.retained())
		if slot.Safe != nil {
			log = log.With("safe_wal_size", *slot.Safe)
		}
	}
	switch status {
	case slotExtended:
		log.Warn("the replication slot holds back more of the server's log than max_wal_size; look whether the connector is behind")
	case slotUnreserved:
		log.Error("the replication slot will be lost at the next checkpoint: it needs more of the server's log than max_slot_wal_keep_size allows",
			"sql", keepAllSQL)
	case slotLost:
		log.Error("the replication slot is lost; slot.lost.policy says what the next start does", "state", slot.state(), "reason", slot.reason())
	case slotMissing:
		log.Error("the replication slot does not exist any more; slot.lost.policy says what the next start does")
	default:
		if was != "" {
			log.Info("the replication slot holds back no more of the server's log than it may")
		}
	}
}

// keepAllSQL takes the limit of what slots may hold back away.
const keepAllSQL = "ALTER SYSTEM SET max_slot_wal_keep_size = -1;\nSELECT pg_reload_conf();"

// Values of wal_status, and one for a slot that is not there.
const (
	slotReserved   = "reserved"
	slotExtended   = "extended"
	slotUnreserved = "unreserved"
	slotLost       = "lost"
	slotMissing    = "missing"
)

var slotStatusNumbers = map[string]float64{slotReserved: 0, slotExtended: 1, slotUnreserved: 2, slotLost: 3, slotMissing: 4}

// shown are the figures of the newest look.
func (l *slotLook) shown() []connect.Figure {
	status := l.slot.status()
	out := []connect.Figure{{Name: "slot_seen_seconds", Help: "Time at which the replication slot was last looked at, in seconds since the epoch.", Value: float64(l.at.UnixMicro()) / 1e6}}
	if n, ok := slotStatusNumbers[status]; ok {
		out = append(out, connect.Figure{Name: "slot_wal_status", Help: "State of the replication slot: 0 reserved, 1 extended, 2 unreserved, 3 lost, 4 missing.", Value: n})
	}
	if l.slot == nil {
		return out
	}
	out = append(out,
		connect.Figure{Name: "slot_retained_bytes", Help: "Bytes of WAL that the server keeps for the replication slot.", Value: float64(l.slot.retained())},
		connect.Figure{Name: "slot_lag_seconds", Help: "How long the server has had WAL that is not acknowledged.", Value: l.lag.Seconds()})
	if l.slot.Safe != nil {
		out = append(out, connect.Figure{Name: "slot_safe_bytes", Help: "Bytes of WAL that can still be written until the replication slot may be lost.", Value: float64(*l.slot.Safe)})
	}
	return out
}
