// SPDX-License-Identifier: Apache-2.0

package pgtest

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// ping connects and asks something; a server that still starts refuses.
func (s *Server) ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	return s.Exec(ctx, "postgres", "SELECT 1")
}

// Exec runs SQL in a database, on a connection of its own. sql may hold several
// statements; unless it says otherwise they are one transaction, as the simple query
// protocol makes them.
func (s *Server) Exec(ctx context.Context, database, sql string) error {
	_, err := s.results(ctx, database, sql)
	return err
}

// Query is Exec that returns the rows of the last statement as the text of their
// columns; NULL is the empty string.
func (s *Server) Query(ctx context.Context, database, sql string) ([][]string, error) {
	results, err := s.results(ctx, database, sql)
	if err != nil || len(results) == 0 {
		return nil, err
	}
	var rows [][]string
	for _, values := range results[len(results)-1].Rows {
		row := make([]string, len(values))
		for i, v := range values {
			row[i] = string(v)
		}
		rows = append(rows, row)
	}
	return rows, nil
}

func (s *Server) results(ctx context.Context, database, sql string) ([]*pgconn.Result, error) {
	conn, err := pgconn.Connect(ctx, s.URL(database))
	if err != nil {
		return nil, fmt.Errorf("connect to database %s: %w", database, err)
	}
	results, err := conn.Exec(ctx, sql).ReadAll()
	closeCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if err := errors.Join(err, conn.Close(closeCtx)); err != nil {
		return nil, fmt.Errorf("run SQL in database %s: %w", database, err)
	}
	return results, nil
}

// MustExec is Exec that fails the test.
func (s *Server) MustExec(t testing.TB, database, sql string) {
	t.Helper()
	if err := s.Exec(context.Background(), database, sql); err != nil {
		t.Fatal(err)
	}
}

// MustQuery is Query that fails the test.
func (s *Server) MustQuery(t testing.TB, database, sql string) [][]string {
	t.Helper()
	rows, err := s.Query(context.Background(), database, sql)
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// Major returns the major version of the server, 15 for 15.18. Tests of what older
// versions lack expect there what the connector then promises.
func (s *Server) Major(t testing.TB) int {
	t.Helper()
	rows := s.MustQuery(t, "postgres", "SELECT current_setting('server_version_num')::int / 10000")
	major, err := strconv.Atoi(rows[0][0])
	if err != nil {
		t.Fatal(err)
	}
	return major
}
