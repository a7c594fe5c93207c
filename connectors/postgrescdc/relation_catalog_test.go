// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"slices"
	"strconv"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/connectd/connectd/connectors/postgrescdc/types"
)

func TestCatalogIsReadBehindTheTransaction(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "CREATE TABLE orders (id int PRIMARY KEY)", nil)
	connect := func() *pgx.Conn {
		conn, err := pgx.Connect(t.Context(), w.srv.URL(w.db))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close(t.Context()) })
		return conn
	}
	number := func(text string) uint32 {
		n, err := strconv.ParseUint(text, 10, 32)
		if err != nil {
			t.Fatal(err)
		}
		return uint32(n)
	}
	id := number(w.scalar("SELECT 'orders'::regclass::oid"))
	writer, reader := connect(), connect()
	var xid string
	for _, sql := range []string{"BEGIN", "ALTER TABLE orders ADD COLUMN v text NOT NULL"} {
		if _, err := writer.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	if err := writer.QueryRow(t.Context(), "SELECT pg_current_xact_id()::text").Scan(&xid); err != nil {
		t.Fatal(err)
	}
	r := relation{id: id, columns: []relationColumn{{name: "id", typ: 23}, {name: "v", typ: 25}}}
	known, err := loadTable(t.Context(), reader, id)
	if err != nil {
		t.Fatal(err)
	}
	if !known.lacks(&r) {
		t.Fatal("the column of a transaction that is open is there already")
	}
	type answer struct {
		table *catalogTable
		err   error
	}
	done := make(chan answer, 1)
	go func() {
		table, err := loadTableBehind(t.Context(), reader, id, number(xid))
		done <- answer{table, err}
	}()
	w.eventually("the reader asks whether the transaction is over", func() bool {
		return w.scalar("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE '%pg_locks%transactionid::text%' AND pid <> pg_backend_pid()") != "0"
	})
	if _, err := writer.Exec(t.Context(), "COMMIT"); err != nil {
		t.Fatal(err)
	}
	got := <-done
	if got.err != nil {
		t.Fatal(got.err)
	}
	i := slices.IndexFunc(got.table.columns, func(c types.Column) bool { return c.Name == "v" })
	if i < 0 || !got.table.columns[i].NotNull {
		t.Errorf("the columns are %+v, want v, which is not null", got.table.columns)
	}
	if got.table.lacks(&r) {
		t.Error("a column is missing")
	}
}
