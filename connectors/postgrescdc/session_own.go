// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"
)

// session is a connection for statements of the user's choice, beside the stream: opened
// when it is needed, and anew when it is gone. It is for one goroutine.
type session struct {
	s    *settings
	role role
	conn *pgconn.PgConn
}

// cancelPatience is how long a statement may take to end when it is told to.
const cancelPatience = time.Second

// do calls f with a connection. A statement that takes longer than
// database.query.timeout.ms, or until the end of ctx, is ended on the server as well.
func (q *session) do(ctx context.Context, f func(ctx context.Context, conn *pgconn.PgConn) error) error {
	if q.conn == nil || q.conn.IsClosed() {
		if err := q.open(ctx); err != nil {
			return err
		}
	}
	err := f(ctx, q.conn)
	var answer *pgconn.PgError
	if err != nil && !errors.As(err, &answer) {
		q.close()
	}
	return err
}

func (q *session) open(ctx context.Context) error {
	config, err := q.s.sqlConfig(q.role)
	if err != nil {
		return err
	}
	config.Config.BuildContextWatcherHandler = func(conn *pgconn.PgConn) ctxwatch.Handler {
		return &pgconn.CancelRequestContextWatcherHandler{Conn: conn, DeadlineDelay: cancelPatience}
	}
	if q.conn, err = pgconn.ConnectConfig(ctx, &config.Config); err != nil {
		q.conn = nil
		return fmt.Errorf("connect: %w", err)
	}
	if err := q.s.settle(ctx, q.conn); err != nil {
		q.close()
		return err
	}
	return nil
}

func (q *session) close() {
	if q.conn != nil {
		hangUp(q.conn)
		q.conn = nil
	}
}

// quoted is what a message of the server quotes.
var quoted = regexp.MustCompile(`"[^"]*"`)

// namesOnly are the errors whose messages quote names alone, by their SQLSTATE.
var namesOnly = map[string]bool{"42P01": true, "42703": true, "42883": true, "42501": true, "3F000": true, "23505": true, "23502": true, "23503": true}

// discreet makes an error fit for the log: messages of the server may quote the values
// of a statement, which may be secrets.
func discreet(err error) error {
	var answer *pgconn.PgError
	if !errors.As(err, &answer) {
		return err
	}
	text := answer.Message
	switch {
	case answer.Code == "P0001":
		text = "an exception was raised"
	case !namesOnly[answer.Code]:
		text = quoted.ReplaceAllString(text, `"…"`)
	}
	return fmt.Errorf("%s (SQLSTATE %s)", text, answer.Code)
}
