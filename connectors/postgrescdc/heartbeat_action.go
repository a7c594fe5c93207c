// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// actHeartbeats runs heartbeat.action.query at each heartbeat.interval.ms, as Debezium
// does, but on a session and a goroutine of its own: a statement that hangs does not
// hold up the stream. One that has not ended when the next is due is waited for. A
// failure is logged without the statement, which may hold secrets, and the next is
// tried when it is due. It returns at the end of ctx.
func (t *task) actHeartbeats(ctx context.Context) {
	every, statement := t.s.Topics.HeartbeatInterval, t.s.Topics.HeartbeatSQL
	if every <= 0 || statement == "" {
		return
	}
	own := session{s: t.s, role: roleHeartbeat}
	defer own.close()
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	failed := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		err := own.do(ctx, func(ctx context.Context, conn *pgconn.PgConn) error { return run(ctx, conn, statement) })
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			t.log.Warn("heartbeat.action.query failed; it is run again at the next heartbeat", "error", discreet(err))
		case failed:
			t.log.Info("heartbeat.action.query works again")
		}
		failed = err != nil
	}
}
