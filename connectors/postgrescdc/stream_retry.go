// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"errors"
	"io"
	"net"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// passes reports whether an error may pass by itself: the connection is gone, the
// server is starting, stopping or out of resources, or somebody else has the slot.
func passes(err error) bool {
	var start *startError
	if errors.As(err, &start) {
		return start.passes()
	}
	var behind *behindError
	if errors.As(err, &behind) || errors.Is(err, errPromoted) || errors.Is(err, errBeingMade) {
		return true
	}
	var local *spoolError
	if errors.As(err, &local) {
		return false
	}
	var server *pgconn.PgError
	if errors.As(err, &server) {
		code := server.Code
		return strings.HasPrefix(code, "08") || strings.HasPrefix(code, "57P0") || strings.HasPrefix(code, "53") ||
			code == objectInUse || (code == "58000" || code == "0A000") && strings.Contains(server.Message, "recovery")
	}
	var silent *silentError
	var n net.Error
	return errors.As(err, &n) || errors.As(err, &silent) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, errServerLeaves) || errors.Is(err, net.ErrClosed) || pgconn.Timeout(err) || pgconn.SafeToRetry(err)
}

// pauses grow from try to try.
type pauses struct {
	least, most time.Duration
	now         time.Duration
	tries       int
}

func (p *pauses) next() time.Duration {
	p.now = min(max(p.least, 2*p.now), max(p.most, p.least))
	p.tries++
	return p.now
}

func (p *pauses) reset() { p.now, p.tries = 0, 0 }

// exhausted reports whether there have been as many tries as allowed; a negative
// limit allows any number.
func (p *pauses) exhausted(limit int) bool { return limit >= 0 && p.tries >= limit }
