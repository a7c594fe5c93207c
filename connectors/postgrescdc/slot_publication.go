// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// capturedTable is a table that the filters let through, as the catalog has it.
type capturedTable struct {
	id   uint32
	name tableName
	// kind is r for a table and p for the root of partitions; leaf says that it is a
	// partition.
	kind byte
	leaf bool
	// unlogged says that its rows can be read, and that changes of it are not in the log.
	unlogged bool
	// pages and rows are what the server estimates.
	pages, rows int64
	// identity is the replica identity: d, n, f or i.
	identity byte
}

func (t capturedTable) is(o capturedTable) bool { return t.id == o.id }

// source is what the rows of the table are read from: those that the stream tells of under
// its name, and not those of tables that inherit from it.
func (t capturedTable) source() string {
	if t.kind == 'p' {
		return t.name.sql()
	}
	return "ONLY " + t.name.sql()
}

const tablesSQL = `SELECT c.oid, n.nspname, c.relname, c.relkind, c.relispartition, c.relreplident,
 pg_catalog.pg_relation_size(c.oid) / pg_catalog.current_setting('block_size')::int, c.reltuples::bigint, c.relpersistence = 'u'
 FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'p') AND (c.relpersistence = 'p' OR c.relpersistence = 'u' AND NOT pg_catalog.pg_is_in_recovery()) ORDER BY n.nspname COLLATE "C", c.relname COLLATE "C"`

// capturedTables lists them by name. Standbys cannot read unlogged tables.
func (s *settings) capturedTables(ctx context.Context, conn *pgconn.PgConn) ([]capturedTable, error) {
	rows, err := rowsOf(ctx, conn, tablesSQL)
	if err != nil {
		return nil, fmt.Errorf("list tables: %w", err)
	}
	var out []capturedTable
	for _, r := range rows {
		t := capturedTable{
			id: uint32(r.number(0)), name: tableName{r.text(1), r.text(2)}, kind: r[3][0], leaf: r.flag(4),
			identity: r[5][0], pages: r.number(6), rows: r.number(7), unlogged: r.flag(8),
		}
		if s.filter.table(t.name.schema, t.name.table) {
			out = append(out, t)
		}
	}
	return out, nil
}

// logged returns the tables that can be in a publication.
func logged(tables []capturedTable) []capturedTable {
	return slices.DeleteFunc(slices.Clone(tables), func(t capturedTable) bool { return t.unlogged })
}

// preparePublication creates or changes the publication as publication.autocreate.mode
// says. One that publishes all tables is left as it is. With later, tables that are missing
// in one that is there are not added but returned.
func (s *settings) preparePublication(ctx context.Context, conn *pgconn.PgConn, log *slog.Logger, tables []capturedTable, later bool) ([]capturedTable, error) {
	name, tables := s.Publication.Name, logged(tables)
	rows, err := rowsOf(ctx, conn, "SELECT puballtables FROM pg_catalog.pg_publication WHERE pubname = "+quoteLiteral(name))
	if err != nil {
		return nil, fmt.Errorf("look up publication %q: %w", name, err)
	}
	if len(rows) == 0 {
		return nil, s.createPublication(ctx, conn, log, tables)
	}
	if s.Publication.Autocreate != "filtered" || rows[0].flag(0) {
		return nil, nil
	}
	return s.alterPublication(ctx, conn, log, tables, later)
}

func (s *settings) createPublication(ctx context.Context, conn *pgconn.PgConn, log *slog.Logger, tables []capturedTable) error {
	name := s.Publication.Name
	sql := "CREATE PUBLICATION " + quoteIdent(name)
	switch s.Publication.Autocreate {
	case "disabled":
		return fmt.Errorf("use publication %q: it does not exist, and publication.autocreate.mode is disabled; create it, or set another mode", name)
	case "all_tables":
		sql += " FOR ALL TABLES"
	case "filtered":
		if len(tables) == 0 {
			return fmt.Errorf("create publication %q: the filters let no table through whose changes are in the server's log; see table.include.list", name)
		}
		sql += " FOR TABLE " + tableList(tables)
	}
	sql += s.publicationOptions(serverMajor(conn))
	if err := run(ctx, conn, sql); err != nil {
		return fmt.Errorf("create publication with %q: %w", sql, err)
	}
	log.Info("the publication was created", "publication", name, "mode", s.Publication.Autocreate)
	return nil
}

// publicationOptions leave out of the stream what the connector would throw away.
func (s *settings) publicationOptions(major int) string {
	ops := []struct {
		op   byte
		name string
	}{{'c', "insert"}, {'u', "update"}, {'d', "delete"}, {'t', "truncate"}}
	var publish []string
	for _, o := range ops {
		if !s.filter.skips(o.op) && (o.op != 't' || major >= 11) {
			publish = append(publish, o.name)
		}
	}
	sql := " WITH (publish = " + quoteLiteral(strings.Join(publish, ", "))
	if s.Publication.ViaRoot && major >= 13 {
		sql += ", publish_via_partition_root = true"
	}
	return sql + ")"
}

func tableList(tables []capturedTable) string {
	names := make([]string, len(tables))
	for i, t := range tables {
		names[i] = t.name.sql()
	}
	return strings.Join(names, ", ")
}

// alterPublication adds tables that are missing and drops those that are not captured.
// What stays keeps its column list and row filter.
func (s *settings) alterPublication(ctx context.Context, conn *pgconn.PgConn, log *slog.Logger, tables []capturedTable, later bool) ([]capturedTable, error) {
	name := s.Publication.Name
	rows, err := rowsOf(ctx, conn, `SELECT r.prrelid, n.nspname, c.relname FROM pg_catalog.pg_publication_rel r
 JOIN pg_catalog.pg_publication p ON p.oid = r.prpubid JOIN pg_catalog.pg_class c ON c.oid = r.prrelid
 JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE p.pubname = `+quoteLiteral(name))
	if err != nil {
		return nil, fmt.Errorf("look up tables of publication %q: %w", name, err)
	}
	var extra, missing []capturedTable
	there := map[uint32]bool{}
	for _, r := range rows {
		t := capturedTable{id: uint32(r.number(0)), name: tableName{r.text(1), r.text(2)}}
		there[t.id] = true
		if !slices.ContainsFunc(tables, func(c capturedTable) bool { return c.id == t.id }) {
			extra = append(extra, t)
		}
	}
	for _, t := range tables {
		if !there[t.id] {
			missing = append(missing, t)
		}
	}
	if err := s.changePublication(ctx, conn, log, "DROP", extra); err != nil {
		return nil, err
	}
	if later {
		return missing, nil
	}
	return nil, s.changePublication(ctx, conn, log, "ADD", missing)
}

func (s *settings) changePublication(ctx context.Context, conn *pgconn.PgConn, log *slog.Logger, verb string, tables []capturedTable) error {
	if len(tables) == 0 {
		return nil
	}
	sql := "ALTER PUBLICATION " + quoteIdent(s.Publication.Name) + " " + verb + " TABLE " + tableList(tables)
	if err := run(ctx, conn, sql); err != nil {
		return fmt.Errorf("change publication with %q: %w", sql, err)
	}
	log.Info("the publication was changed", "publication", s.Publication.Name, "verb", verb, "tables", tableList(tables))
	return nil
}

// setIdentities brings replica identities to what replica.identity.autoset.values says.
func (s *settings) setIdentities(ctx context.Context, conn *pgconn.PgConn, log *slog.Logger, tables []capturedTable) error {
	for _, t := range logged(tables) {
		rule, err := s.Publication.identity(t.name.schema, t.name.table)
		if err != nil {
			return err
		}
		if rule == nil || rule.Identity != "INDEX" && identityLetters[rule.Identity] == t.identity {
			continue
		}
		sql := "ALTER TABLE " + t.name.sql() + " REPLICA IDENTITY " + rule.Identity
		if rule.Identity == "INDEX" {
			sql = "ALTER TABLE " + t.name.sql() + " REPLICA IDENTITY USING INDEX " + quoteIdent(rule.Index)
		}
		if err := run(ctx, conn, sql); err != nil {
			return fmt.Errorf("set replica identity with %q: %w", sql, err)
		}
		log.Info("the replica identity was set", "table", t.name.String(), "identity", rule.Identity)
	}
	return nil
}

var identityLetters = map[string]byte{"DEFAULT": 'd', "NOTHING": 'n', "FULL": 'f'}
