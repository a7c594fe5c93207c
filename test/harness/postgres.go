// SPDX-License-Identifier: Apache-2.0

package harness

import (
	"context"
	"fmt"
	"strconv"
	"testing"

	"github.com/jackc/pglogrepl"
	"github.com/jackc/pgx/v5"

	"github.com/connectd/connectd/connectors/postgrescdc/pgtest"
)

// Postgres is a database that changes are captured from. Its methods are for the
// goroutine of the test, but for Try, which any may call.
type Postgres struct {
	*pgtest.Server
	t testing.TB
	// DB is the name of the database, which no other test uses.
	DB string
	// Slot and Publication are names for one connector.
	Slot, Publication string
}

// SharedPostgres is a new database on the server of the test process. A daemon that
// reads it has to be made afterwards, so that it ends before the database is dropped.
func SharedPostgres(t testing.TB) *Postgres {
	t.Helper()
	return database(t, pgtest.Shared(t))
}

// OwnPostgres is a database on a server of its own, which may be stopped.
func OwnPostgres(t testing.TB, o pgtest.Options) *Postgres {
	t.Helper()
	srv, err := pgtest.Start(context.Background(), "", o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := srv.Close(); err != nil {
			t.Error(err)
		}
	})
	return database(t, srv)
}

func database(t testing.TB, srv *pgtest.Server) *Postgres {
	t.Helper()
	return &Postgres{Server: srv, t: t, DB: srv.Database(t), Slot: pgtest.Name(t, "slot"), Publication: pgtest.Name(t, "pub")}
}

// Source is the configuration of a connector that captures the database as JSON without
// schemas, into topics that begin with prefix.
func (p *Postgres) Source(prefix string) Config {
	return Config{
		"connector.class":   "io.debezium.connector.postgresql.PostgresConnector",
		"database.hostname": p.Host(), "database.port": strconv.Itoa(p.Port()), "database.user": p.User(), "database.dbname": p.DB,
		"topic.prefix": prefix, "slot.name": p.Slot, "publication.name": p.Publication,
		"status.update.interval.ms": "200", "retriable.restart.connector.wait.ms": "500",
		"key.converter": "org.apache.kafka.connect.json.JsonConverter", "key.converter.schemas.enable": "false",
		"value.converter": "org.apache.kafka.connect.json.JsonConverter", "value.converter.schemas.enable": "false",
		// A null stays a null where the column has a default.
		"value.converter.replace.null.with.default": "false",
	}
}

// Do runs SQL; several statements are one transaction.
func (p *Postgres) Do(sql string) {
	p.t.Helper()
	p.MustExec(p.t, p.DB, sql)
}

// Rows returns the rows of a query as text.
func (p *Postgres) Rows(sql string) [][]string {
	p.t.Helper()
	return p.MustQuery(p.t, p.DB, sql)
}

// One returns the only value of a query.
func (p *Postgres) One(sql string) string {
	p.t.Helper()
	rows := p.Rows(sql)
	if len(rows) != 1 || len(rows[0]) != 1 {
		p.t.Fatalf("%s: %d rows, want one value", sql, len(rows))
	}
	return rows[0][0]
}

// LSN returns the end of what the server has flushed to its log.
func (p *Postgres) LSN() pglogrepl.LSN {
	p.t.Helper()
	return p.lsn("SELECT pg_current_wal_flush_lsn()")
}

// Confirmed returns how far the slot was confirmed.
func (p *Postgres) Confirmed() pglogrepl.LSN {
	p.t.Helper()
	return p.lsn("SELECT confirmed_flush_lsn FROM pg_replication_slots WHERE slot_name = '" + p.Slot + "'")
}

func (p *Postgres) lsn(sql string) pglogrepl.LSN {
	p.t.Helper()
	at, err := pglogrepl.ParseLSN(p.One(sql))
	if err != nil {
		p.t.Fatalf("%s: %v", sql, err)
	}
	return at
}

// WaitConfirmed waits until the slot was confirmed up to at.
func (p *Postgres) WaitConfirmed(at pglogrepl.LSN) {
	p.t.Helper()
	Eventually(p.t, fmt.Sprintf("slot %s is confirmed up to %s", p.Slot, at), func() error {
		if now := p.Confirmed(); now < at {
			return fmt.Errorf("it stands at %s", now)
		}
		return nil
	})
}

// Walsender returns the process id of the connection that reads the slot, 0 for none.
func (p *Postgres) Walsender() int {
	p.t.Helper()
	rows := p.Rows("SELECT coalesce(active_pid, 0) FROM pg_replication_slots WHERE slot_name = '" + p.Slot + "'")
	if len(rows) == 0 {
		return 0
	}
	pid, err := strconv.Atoi(rows[0][0])
	if err != nil {
		p.t.Fatal(err)
	}
	return pid
}

// WaitWalsender waits until the slot is being read by a connection other than old, and
// returns its process id.
func (p *Postgres) WaitWalsender(old int) (pid int) {
	p.t.Helper()
	Eventually(p.t, "slot "+p.Slot+" is read", func() error {
		if pid = p.Walsender(); pid == 0 || pid == old {
			return fmt.Errorf("active_pid is %d", pid)
		}
		return nil
	})
	return pid
}

// CutWalsender ends the connection that reads the slot, if there is one.
func (p *Postgres) CutWalsender() {
	p.t.Helper()
	p.Rows("SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = '" + p.Slot + "' AND active")
}

// Connect opens a connection to the database that lives as long as the test.
func (p *Postgres) Connect() *pgx.Conn {
	p.t.Helper()
	conn, err := p.Try(p.t.Context())
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() {
		// The server may be gone, which is no news here.
		_ = conn.Close(context.Background())
	})
	return conn
}

// Try opens a connection to a server that may be away. The caller closes it.
func (p *Postgres) Try(ctx context.Context) (*pgx.Conn, error) {
	config, err := pgx.ParseConfig(p.URL(p.DB))
	if err != nil {
		return nil, err
	}
	// Tables change while statements run; a plan that is kept would fail.
	config.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol
	return pgx.ConnectConfig(ctx, config)
}
