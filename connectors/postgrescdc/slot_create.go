// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"
)

// slotTries is how often the slot is created at most, until no table was altered meanwhile.
const slotTries = 4

// makeSlot creates the slot of the connector. A slot for which tables or publications were
// altered while it was created is given up for another, as nothing was read from it: the
// server does not follow all transactions that end meanwhile, and what it misses shows in
// the descriptions of tables, in columns that are not there or have no name.
func (t *task) makeSlot(ctx context.Context, repl *pgconn.PgConn) (created, error) {
	for try := 1; ; try++ {
		conn, err := t.openCatalog(ctx)
		if err != nil {
			return created{}, err
		}
		before, err := scalar(ctx, conn.PgConn(), "SELECT pg_catalog.txid_snapshot_xmax(pg_catalog.txid_current_snapshot()) & 4294967295")
		if err != nil {
			return created{}, fmt.Errorf("read the next transaction: %w", err)
		}
		made, err := t.s.createSlot(ctx, repl, t.log, t.s.Slot.Name, false)
		if err != nil {
			return created{}, err
		}
		altered, err := t.alteredSince(ctx, before)
		switch {
		case err != nil:
			return created{}, errors.Join(err, dropSlot(ctx, repl, t.s.Slot.Name))
		case altered == "":
			return made, nil
		case try == slotTries:
			t.log.Warn("tables were altered each time that the replication slot was created; a server that missed it describes them wrongly, and the task ends then with an error", "slot", t.s.Slot.Name, "altered", altered, "tries", try)
			return made, nil
		}
		t.log.Info("tables were altered while the replication slot was created; another is made in its place", "slot", t.s.Slot.Name, "altered", altered)
		if err := dropSlot(ctx, repl, t.s.Slot.Name); err != nil {
			return created{}, err
		}
	}
}

// makeTemporary creates a slot whose snapshot alone is of use: nothing is read from it.
func (t *task) makeTemporary(ctx context.Context, repl *pgconn.PgConn) (created, error) {
	return t.s.createSlot(ctx, repl, t.log, temporaryName(t.s.Slot.Name), true)
}

// alteredSQL names the tables, and the publications, that a transaction from $1 on has
// changed. Tables of sessions are not among them.
const alteredSQL = `WITH changed AS (
 SELECT oid FROM pg_catalog.pg_class WHERE pg_catalog.age(xmin) <= pg_catalog.age($1::text::xid)
 UNION SELECT attrelid FROM pg_catalog.pg_attribute WHERE attnum > 0 AND pg_catalog.age(xmin) <= pg_catalog.age($1::text::xid)
 UNION SELECT indrelid FROM pg_catalog.pg_index WHERE pg_catalog.age(xmin) <= pg_catalog.age($1::text::xid)),
 published AS (SELECT oid FROM pg_catalog.pg_publication WHERE pg_catalog.age(xmin) <= pg_catalog.age($1::text::xid)
 UNION SELECT prpubid FROM pg_catalog.pg_publication_rel WHERE pg_catalog.age(xmin) <= pg_catalog.age($1::text::xid))
 SELECT coalesce(string_agg(name, ', '), '') FROM (
 SELECT c.oid::regclass::text AS name FROM pg_catalog.pg_class c WHERE c.oid IN (SELECT oid FROM changed) AND c.relkind IN ('r', 'p') AND c.relpersistence <> 't'
 UNION ALL SELECT 'publication ' || pubname FROM pg_catalog.pg_publication p WHERE p.oid IN (SELECT oid FROM published)
 LIMIT 10) n`

// alteredSince returns "" if nothing was.
func (t *task) alteredSince(ctx context.Context, xid string) (string, error) {
	conn, err := t.openCatalog(ctx)
	if err != nil {
		return "", err
	}
	var names string
	err = conn.QueryRow(ctx, alteredSQL, xid).Scan(&names)
	return names, wrap("ask whether tables were altered", err)
}
