// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/connectd/connectd/connect/backoff"
)

// makeSlot creates the slot of the connector. A slot for which tables or publications were
// altered while it was created is given up for another, as nothing was read from it: the
// server does not follow all transactions that end meanwhile, and what it misses shows in
// the descriptions of tables, in columns that are not there or have no name. It stays with
// the slot, and where the newest columns are not told nothing shows it: so a slot is made
// as often as it takes. Locks do not help, as the creation waits for those who wait for them.
func (t *task) makeSlot(ctx context.Context, repl *pgconn.PgConn) (created, error) {
	between := pauses{least: 50 * time.Millisecond, most: 2 * time.Second}
	told := time.Now()
	for {
		made, altered, err := t.trySlot(ctx, repl)
		if err != nil || altered == "" {
			return made, err
		}
		level := slog.LevelInfo
		if time.Since(told) >= tellBusyEvery {
			level, told = slog.LevelWarn, time.Now()
		}
		pause := between.next()
		t.log.Log(ctx, level, "tables were altered while the replication slot was created; another is made in its place", "slot", t.s.Slot.Name, "altered", altered, "tries", between.tries, "pause", pause)
		if err := dropSlot(ctx, repl, t.s.Slot.Name); err != nil {
			return created{}, err
		}
		if !backoff.Wait(ctx, pause) {
			return created{}, ctx.Err()
		}
	}
}

// trySlot creates the slot, and names what was altered meanwhile.
func (t *task) trySlot(ctx context.Context, repl *pgconn.PgConn) (made created, altered string, err error) {
	conn, err := t.openCatalog(ctx)
	if err != nil {
		return created{}, "", err
	}
	before, err := scalar(ctx, conn.PgConn(), "SELECT pg_catalog.txid_snapshot_xmax(pg_catalog.txid_current_snapshot()) & 4294967295")
	if err != nil {
		return created{}, "", fmt.Errorf("read the next transaction: %w", err)
	}
	if made, err = t.s.createSlot(ctx, repl, t.log, t.s.Slot.Name, false); err != nil {
		return created{}, "", err
	}
	if altered, err = t.alteredSince(ctx, before); err != nil {
		return created{}, "", errors.Join(err, dropSlot(ctx, repl, t.s.Slot.Name))
	}
	return made, altered, nil
}

// makeTemporary creates a slot whose snapshot alone is of use: nothing is read from it.
func (t *task) makeTemporary(ctx context.Context, repl *pgconn.PgConn) (created, error) {
	return t.s.createSlot(ctx, repl, t.log, temporaryName(t.s.Slot.Name), true)
}

// alteredSQL lists the tables, and the publications, that a transaction from $1 on has
// changed, with whether a table is a partition. Tables of sessions are not among them.
const alteredSQL = `WITH changed AS (
 SELECT oid FROM pg_catalog.pg_class WHERE pg_catalog.age(xmin) <= pg_catalog.age($1::text::xid)
 UNION SELECT attrelid FROM pg_catalog.pg_attribute WHERE attnum > 0 AND pg_catalog.age(xmin) <= pg_catalog.age($1::text::xid)
 UNION SELECT indrelid FROM pg_catalog.pg_index WHERE pg_catalog.age(xmin) <= pg_catalog.age($1::text::xid)),
 published AS (SELECT oid FROM pg_catalog.pg_publication WHERE pg_catalog.age(xmin) <= pg_catalog.age($1::text::xid)
 UNION SELECT prpubid FROM pg_catalog.pg_publication_rel WHERE pg_catalog.age(xmin) <= pg_catalog.age($1::text::xid))
 SELECT n.nspname::text, c.relname::text, c.relispartition FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE c.oid IN (SELECT oid FROM changed) AND c.relkind IN ('r', 'p') AND c.relpersistence <> 't'
 UNION ALL SELECT '', pubname::text, false FROM pg_catalog.pg_publication p WHERE p.oid IN (SELECT oid FROM published)`

// alteredSince returns "" if nothing was that counts: the publication, captured tables, and
// partitions, as a captured table may stand for them.
func (t *task) alteredSince(ctx context.Context, xid string) (string, error) {
	conn, err := t.openCatalog(ctx)
	if err != nil {
		return "", err
	}
	rows, err := conn.Query(ctx, alteredSQL, xid)
	if err != nil {
		return "", wrap("ask whether tables were altered", err)
	}
	var names []string
	var schema, name string
	var partition bool
	_, err = pgx.ForEachRow(rows, []any{&schema, &name, &partition}, func() error {
		switch {
		case schema == "" && name == t.s.Publication.Name:
			names = append(names, "publication "+name)
		case schema != "" && (partition || t.s.filter.table(schema, name)):
			names = append(names, schema+"."+name)
		}
		return nil
	})
	return strings.Join(names[:min(len(names), 10)], ", "), wrap("ask whether tables were altered", err)
}
