// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/jackc/pglogrepl"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/connectd/connectd/connect/backoff"
)

// slotState is a row of pg_replication_slots. Members that the server's version does
// not have are empty.
type slotState struct {
	Plugin       string  `json:"plugin"`
	Type         string  `json:"slot_type"`
	Database     string  `json:"database"`
	Active       bool    `json:"active"`
	PID          int64   `json:"active_pid"`
	Restart      slotLSN `json:"restart_lsn"`
	Confirmed    slotLSN `json:"confirmed_flush_lsn"`
	Status       string  `json:"wal_status"`
	Invalidation string  `json:"invalidation_reason"`
	Failover     bool    `json:"failover"`
	// Safe is how much the server may still write until the slot can be lost; nil where
	// nothing limits that.
	Safe *int64 `json:"safe_wal_size"`

	// Conflicting is of version 16, which gives no reason: the slot of a standby is lost.
	Conflicting bool `json:"conflicting"`

	// End is the end of the server's log.
	End slotLSN `json:"-"`
	// Standby is whether the server is one.
	Standby bool `json:"-"`
	// Application and Client are of the connection that has the slot.
	Application string `json:"-"`
	Client      string `json:"-"`
}

// slotLSN reads an LSN of JSON; null is zero.
type slotLSN lsn

func (l *slotLSN) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		return nil
	}
	text, err := strconv.Unquote(string(b))
	if err != nil {
		return err
	}
	at, err := pglogrepl.ParseLSN(text)
	*l = slotLSN(at)
	return err
}

// findSlot returns nil if there is no slot of that name.
func findSlot(ctx context.Context, conn *pgconn.PgConn, name string) (*slotState, error) {
	rows, err := rowsOf(ctx, conn, slotSQL+quoteLiteral(name))
	if err != nil || len(rows) == 0 {
		return nil, wrap("look up replication slot", err)
	}
	s := &slotState{}
	if err := json.Unmarshal(rows[0][0], s); err != nil {
		return nil, fmt.Errorf("look up replication slot: %w", err)
	}
	return s, wrap("look up replication slot", s.fill(rows[0]))
}

func wrap(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}

// gapError says that the server no longer has what follows the stored offset. Under
// slot.lost.policy=resnapshot the tables are read again instead.
type gapError struct{ reason string }

func (e *gapError) Error() string {
	return e.reason + "; changes may be missing. Set slot.lost.policy=resnapshot, or delete the connector's offsets, to read the tables again"
}

func gap(format string, args ...any) error { return &gapError{reason: fmt.Sprintf(format, args...)} }

func isGap(err error) bool {
	var g *gapError
	return errors.As(err, &g)
}

// fits checks that a place can be gone on from: this is the server and the slot that
// it was stored for, and the slot has not moved beyond it. The place is then on the
// server's timeline, or, on a standby, on none that is known.
func (s *settings) fits(ctx context.Context, conn *pgconn.PgConn, p *place) error {
	srv, err := identify(ctx, conn)
	if err != nil {
		return err
	}
	if err := srv.holds(ctx, conn, p); err != nil {
		return err
	}
	slot, err := findSlot(ctx, conn, s.Slot.Name)
	if err != nil {
		return err
	}
	if slot == nil && p.timeline != 0 && p.timeline != srv.timeline {
		return gap("check offset: the server is on timeline %d, and the offset was stored on timeline %d: a standby was promoted, or the server was restored, and the replication slot %q did not come with it; from version 17 on slot.failover=true keeps it",
			srv.timeline, p.timeline, s.Slot.Name)
	}
	if err := s.slotFits(slot, p.end); err != nil {
		return err
	}
	p.system, p.timeline = srv.system, srv.placeTimeline()
	return nil
}

func (s *settings) slotFits(slot *slotState, start lsn) error {
	name := s.Slot.Name
	switch {
	case slot == nil:
		return gap("check offset: the replication slot %q does not exist any more", name)
	case slot.beingMade():
		return &busyError{holder: s.holder(slot), err: errBeingMade}
	case slot.lost():
		return gap("check offset: the replication slot %q is lost (%s): %s", name, slot.state(), slot.reason())
	case start < lsn(slot.Confirmed):
		return gap("check offset: the replication slot %q stands at %s, beyond the stored offset %s: it was moved or created anew", name, lsn(slot.Confirmed), start)
	}
	return s.usable(slot)
}

// usable checks that a slot is one that this connector can read.
func (s *settings) usable(slot *slotState) error {
	if slot.Type != "logical" || slot.Plugin != "pgoutput" {
		return fmt.Errorf("use replication slot %q: it is a %s slot of plugin %q, and a logical one of pgoutput is needed; choose another slot.name", s.Slot.Name, slot.Type, slot.Plugin)
	}
	if slot.Database != s.Server.Database {
		return fmt.Errorf("use replication slot %q: it belongs to database %q, not to %q; choose another slot.name", s.Slot.Name, slot.Database, s.Server.Database)
	}
	return nil
}

// created is a new slot.
type created struct {
	point    lsn
	snapshot string
}

// createSlot creates a slot and exports the snapshot of its consistent point; the
// snapshot can be imported until the connection is used again. It waits for all
// running transactions, however long they take, and logs which they are.
func (s *settings) createSlot(ctx context.Context, conn *pgconn.PgConn, log *slog.Logger, name string, temporary bool) (created, error) {
	if err := run(ctx, conn, "SET statement_timeout = 0"); err != nil {
		return created{}, fmt.Errorf("create replication slot: %w", err)
	}
	failover, err := s.failsOver(ctx, conn)
	if err != nil {
		return created{}, fmt.Errorf("create replication slot: %w", err)
	}
	waiting, cancel := context.WithCancel(ctx)
	told := make(chan struct{})
	go func() {
		defer close(told)
		s.tellBlockers(waiting, log)
	}()
	r, err := pglogrepl.ParseCreateReplicationSlot(conn.Exec(ctx, createStatement(name, temporary, failover)))
	cancel()
	<-told
	if err != nil {
		return created{}, fmt.Errorf("create replication slot %q: %w", name, err)
	}
	point, err := pglogrepl.ParseLSN(r.ConsistentPoint)
	if err != nil {
		return created{}, fmt.Errorf("create replication slot %q: %w", name, err)
	}
	return created{point: point, snapshot: r.SnapshotName}, nil
}

func createStatement(name string, temporary, failover bool) string {
	sql := "CREATE_REPLICATION_SLOT " + quoteIdent(name)
	if temporary {
		sql += " TEMPORARY"
	}
	sql += " LOGICAL pgoutput"
	if failover && !temporary {
		return sql + " (SNAPSHOT 'export', FAILOVER)"
	}
	return sql + " EXPORT_SNAPSHOT"
}

// blockersAfter is how long the creation of a slot may take until somebody asks why.
const blockersAfter = 5 * time.Second

// tellBlockers logs the oldest transaction while ctx lives.
func (s *settings) tellBlockers(ctx context.Context, log *slog.Logger) {
	for backoff.Wait(ctx, blockersAfter) {
		text, err := s.blockers(ctx)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			log.Warn("the creation of the replication slot takes long, and why cannot be found out", "error", err)
			continue
		}
		log.Warn("the creation of the replication slot waits for transactions that were running before", "transactions", text)
	}
}

func (s *settings) blockers(ctx context.Context) (string, error) {
	conn, err := s.openSQL(ctx, roleCatalog)
	if err != nil {
		return "", err
	}
	defer hangUp(conn.PgConn())
	return scalar(ctx, conn.PgConn(), `SELECT coalesce(string_agg(format('pid %s since %s (%s): %s', pid, xact_start, state, left(query, 80)), '; '), CASE WHEN pg_catalog.pg_is_in_recovery() THEN 'those of the primary, which it tells now and then; SELECT pg_log_standby_snapshot() there makes it do so' ELSE 'none that are visible' END)
 FROM (SELECT pid::text, xact_start, state, query FROM pg_catalog.pg_stat_activity WHERE backend_xid IS NOT NULL AND pid <> pg_backend_pid()
 UNION ALL SELECT 'none', prepared, 'prepared', format('COMMIT PREPARED %L or ROLLBACK PREPARED %L ends it, in database %s', gid, gid, database) FROM pg_catalog.pg_prepared_xacts
 ORDER BY xact_start LIMIT 5) a`)
}

// dialReplication opens a replication connection, which knows SQL too.
func (s *settings) dialReplication(ctx context.Context) (*pgconn.PgConn, error) {
	config, err := s.replicationConfig()
	if err != nil {
		return nil, err
	}
	conn, err := pgconn.ConnectConfig(ctx, &config.Config)
	if err != nil {
		return nil, fmt.Errorf("connect for replication: %w", err)
	}
	return conn, nil
}

// hangUp closes a connection without waiting long.
func hangUp(conn *pgconn.PgConn) {
	ctx, cancel := context.WithTimeout(context.Background(), leavePatience)
	_ = conn.Close(ctx)
	cancel()
}

// dropSlot removes a slot that nobody reads.
func dropSlot(ctx context.Context, conn *pgconn.PgConn, name string) error {
	return wrap("drop replication slot "+quoteIdent(name), run(ctx, conn, "DROP_REPLICATION_SLOT "+quoteIdent(name)+" WAIT"))
}
