// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// quoteIdent writes a name as SQL.
func quoteIdent(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// quoteLiteral writes a text as SQL. It holds for standard_conforming_strings, which
// all our connections have.
func quoteLiteral(s string) string { return `'` + strings.ReplaceAll(s, `'`, `''`) + `'` }

// tableName is the name of a table with its schema, as it stands in filters, in events
// and in offsets.
type tableName struct{ schema, table string }

func (n tableName) String() string { return n.schema + "." + n.table }

func (n tableName) sql() string { return quoteIdent(n.schema) + "." + quoteIdent(n.table) }

// row is one row of a result in text form; nil is null.
type row [][]byte

func (r row) text(i int) string { return string(r[i]) }

func (r row) flag(i int) bool { return len(r[i]) == 1 && r[i][0] == 't' }

func (r row) number(i int) int64 {
	n, _ := strconv.ParseInt(string(r[i]), 10, 64) // the server writes its own numbers
	return n
}

// rowsOf runs one statement by the simple protocol, which replication connections
// know as well.
func rowsOf(ctx context.Context, conn *pgconn.PgConn, sql string) ([]row, error) {
	results, err := conn.Exec(ctx, sql).ReadAll()
	if err != nil {
		return nil, err
	}
	var out []row
	for _, r := range results {
		if r.Err != nil {
			return nil, r.Err
		}
		for _, values := range r.Rows {
			out = append(out, values)
		}
	}
	return out, nil
}

// run runs statements that return nothing of interest.
func run(ctx context.Context, conn *pgconn.PgConn, sql string) error {
	_, err := rowsOf(ctx, conn, sql)
	return err
}

// serverMajor is the major version of the server; 0 if it does not say.
func serverMajor(conn *pgconn.PgConn) int {
	v := conn.ParameterStatus("server_version")
	end := strings.IndexFunc(v, func(r rune) bool { return r < '0' || r > '9' })
	if end < 0 {
		end = len(v)
	}
	n, err := strconv.Atoi(v[:end])
	if err != nil {
		return 0
	}
	return n
}

// scalar returns the only value of the only row.
func scalar(ctx context.Context, conn *pgconn.PgConn, sql string) (string, error) {
	rows, err := rowsOf(ctx, conn, sql)
	if err != nil {
		return "", err
	}
	if len(rows) != 1 || len(rows[0]) != 1 {
		return "", fmt.Errorf("expected one value from %q", sql)
	}
	return rows[0].text(0), nil
}
