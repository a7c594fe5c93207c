// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// role is what a session is for. It is part of application_name.
type role string

const (
	// roleStream has the replication connection: it streams, and makes slots.
	roleStream role = "stream"
	// roleCatalog asks the catalog and changes publications, in single statements.
	roleCatalog role = "catalog"
	// roleSnapshot holds a transaction for as long as tables are read.
	roleSnapshot role = "snapshot"
	// roleChunk reads chunks of incremental snapshots, in short transactions.
	roleChunk role = "chunk"
	// roleHeartbeat runs heartbeat.action.query.
	roleHeartbeat role = "heartbeat"
	// roleReselect asks for values that the stream did not send.
	roleReselect role = "reselect"
	// roleWatch looks at the slot now and then.
	roleWatch role = "watch"
)

// idleInTransaction ends a session whose transaction waits for a client that is stuck.
const idleInTransaction = time.Minute

// applicationName is what stands in pg_stat_activity: who, for which connector, what for.
func (s *settings) applicationName(r role) string {
	const most = 63 // the server cuts longer names
	tail := " " + string(r)
	name := "connectd " + s.Topics.Prefix
	return name[:min(len(name), most-len(tail))] + tail
}

// guards are startup options that hold whatever the defaults of the role and the database
// are: rows that a policy hides are an error, a session of a client that is gone ends by
// TCP's own probes, and none keeps a transaction open that nobody works in. A snapshot's
// transaction may have to wait for as long as Kafka does, so that it has no limit.
func (s *settings) guards(r role) string {
	statement, idle := s.Server.QueryTimeout, idleInTransaction
	switch r {
	case roleSnapshot, roleStream:
		statement, idle = 0, 0
	case roleChunk:
		statement = 0
	}
	return fmt.Sprintf(" -c row_security=off -c statement_timeout=%d -c idle_in_transaction_session_timeout=%d"+
		" -c tcp_keepalives_idle=60 -c tcp_keepalives_interval=10 -c tcp_keepalives_count=6", statement.Milliseconds(), idle.Milliseconds())
}

// searchPathSQL puts the server's own functions and operators before those of others with
// the same name. What was in the path stays: statements of the settings may need it, and
// keys of extension types their operators.
const searchPathSQL = `SELECT pg_catalog.set_config('search_path', pg_catalog.concat_ws(', ', 'pg_catalog', nullif(pg_catalog.current_setting('search_path'), '')), false)`

// openSQL opens a session for SQL with its guards, in which database.initial.statements
// have run.
func (s *settings) openSQL(ctx context.Context, r role) (*pgx.Conn, error) {
	config, err := s.sqlConfig(r)
	if err != nil {
		return nil, err
	}
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	if err := s.settle(ctx, conn.PgConn()); err != nil {
		hangUp(conn.PgConn())
		return nil, err
	}
	return conn, nil
}

// lookForClientSQL makes the server look now and then, while a statement runs or waits for
// a lock, whether its client is still there: a killed one cannot tell.
const lookForClientSQL = `, pg_catalog.set_config('client_connection_check_interval', '5000', false)`

// invalidParameterValue is the code of the server for a setting that it cannot have.
const invalidParameterValue = "22023"

// code is that of the server's error, "" for any other.
func code(err error) string {
	var answer *pgconn.PgError
	if errors.As(err, &answer) {
		return answer.Code
	}
	return ""
}

// settle does what startup options cannot.
func (s *settings) settle(ctx context.Context, conn *pgconn.PgConn) error {
	sql := searchPathSQL
	looks := ""
	if serverMajor(conn) >= 14 {
		sql += ", pg_catalog.set_config('idle_session_timeout', '0', false)"
		looks = lookForClientSQL
	}
	err := run(ctx, conn, sql+looks)
	if code(err) == invalidParameterValue {
		err = run(ctx, conn, sql) // its system cannot look
	}
	if err != nil {
		return fmt.Errorf("set up session: %w", err)
	}
	for _, statement := range s.Server.InitialStatements {
		if err := run(ctx, conn, statement); err != nil {
			return fmt.Errorf("run %q of database.initial.statements: %w", statement, err)
		}
	}
	return nil
}

// insufficientPrivilege is the code of the server for what the user may not do, and for
// rows that a policy hides where row_security is off.
const insufficientPrivilege = "42501"

// explainHidden names the policies of a table that cannot be read, if that is why. The
// connection that has failed cannot be asked: another one is opened.
func (s *settings) explainHidden(ctx context.Context, table tableName, err error) error {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) || pg.Code != insufficientPrivilege {
		return err
	}
	conn, failed := s.openSQL(ctx, roleCatalog)
	if failed != nil {
		return err
	}
	defer hangUp(conn.PgConn())
	rows, failed := rowsOf(ctx, conn.PgConn(), `SELECT current_user, string_agg(p.polname::text, ', ' ORDER BY p.polname) FROM pg_catalog.pg_class c
 LEFT JOIN pg_catalog.pg_policy p ON p.polrelid = c.oid WHERE c.oid = `+quoteLiteral(table.sql())+`::pg_catalog.regclass AND pg_catalog.row_security_active(c.oid) GROUP BY 1`)
	if failed != nil || len(rows) == 0 {
		return err
	}
	policies := "no policy lets any row through"
	if rows[0][1] != nil {
		policies = "policies that hide rows: " + rows[0].text(1)
	}
	user := rows[0].text(0)
	return fmt.Errorf("%w (%s). Let the user %s see all rows: %s", err, policies, user, bypassSQL(quoteIdent(user)))
}

func bypassSQL(user string) string { return "ALTER ROLE " + user + " BYPASSRLS;" }

// sessionOf reports whether a session of pg_stat_activity is one of this connector's.
func (s *settings) sessionOf(application string) bool {
	return strings.HasPrefix(application, strings.TrimSuffix(s.applicationName(""), " "))
}
