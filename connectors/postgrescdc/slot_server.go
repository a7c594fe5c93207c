// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/jackc/pglogrepl"
	"github.com/jackc/pgx/v5/pgconn"
)

// server is what a replication connection leads to.
type server struct {
	system   string
	timeline int64
	end      lsn
	// standby says that the server is in recovery, where versions from 16 on decode too. It
	// can be promoted, or follow another primary, and then the same session goes on on
	// another timeline; and after a restart it is behind where it was.
	standby bool
}

// identify asks for recovery first: who is out of it then stays on the timeline that is
// said afterwards.
func identify(ctx context.Context, conn *pgconn.PgConn) (server, error) {
	standby, err := scalar(ctx, conn, "SELECT pg_catalog.pg_is_in_recovery()")
	if err != nil {
		return server{}, fmt.Errorf("identify server: %w", err)
	}
	r, err := pglogrepl.IdentifySystem(ctx, conn)
	if err != nil {
		return server{}, fmt.Errorf("identify server: %w", err)
	}
	return server{system: r.SystemID, timeline: int64(r.Timeline), end: r.XLogPos, standby: standby == "t"}, nil
}

// placeTimeline is the timeline of what a session on the server reads; 0 if that cannot be
// said, as it may change meanwhile.
func (v server) placeTimeline() int64 {
	if v.standby {
		return 0
	}
	return v.timeline
}

// behindError says that a standby has not yet got to where the stored offset is. It passes.
type behindError struct{ reason string }

func (e *behindError) Error() string { return e.reason }

// errPromoted ends the session that began on a standby: the next one says on which
// timeline the server is.
var errPromoted = errors.New("the server is not a standby any more")

// holds checks that a place is part of the server's history.
func (v server) holds(ctx context.Context, conn *pgconn.PgConn, p *place) error {
	if p.system != "" && p.system != v.system {
		return gap("check offset: it was stored for the server with the system identifier %s, and this one is %s", p.system, v.system)
	}
	if v.standby && (p.timeline > v.timeline || v.end != 0 && p.end > v.end) {
		return &behindError{fmt.Sprintf("check offset: it is %s, and the standby has got to %s on timeline %d", p.end, v.end, v.timeline)}
	}
	if p.timeline != 0 && p.timeline != v.timeline {
		if err := onTimeline(ctx, conn, v, p); err != nil {
			return err
		}
	}
	if v.end != 0 && p.end > v.end {
		return gap("check offset: %s lies behind the end of the server's log, %s: the server was restored or replaced by one that did not have everything", p.end, v.end)
	}
	return nil
}

// onTimeline checks that a place on an older timeline lies before the point at which
// the server's timeline branched off: what was read is then part of its history too.
func onTimeline(ctx context.Context, conn *pgconn.PgConn, srv server, p *place) error {
	if p.timeline > srv.timeline {
		return gap("check offset: it was stored on timeline %d, and the server is on the older timeline %d", p.timeline, srv.timeline)
	}
	h, err := pglogrepl.TimelineHistory(ctx, conn, int32(srv.timeline))
	if err != nil {
		return fmt.Errorf("read history of timeline %d: %w", srv.timeline, err)
	}
	branch, ok := branchPoint(string(h.Content), p.timeline)
	if !ok || p.end > branch {
		return gap("check offset: %s on timeline %d is not part of the history of the server's timeline %d", p.end, p.timeline, srv.timeline)
	}
	return nil
}

// branchPoint finds where a timeline was left in a history file.
func branchPoint(history string, timeline int64) (lsn, bool) {
	for line := range strings.Lines(history) {
		f := strings.Fields(line)
		if len(f) < 2 || f[0] != strconv.FormatInt(timeline, 10) {
			continue
		}
		at, err := pglogrepl.ParseLSN(f[1])
		return at, err == nil
	}
	return 0, false
}
