// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
)

// serverFacts are of the server as a whole and of the connector's user.
type serverFacts struct {
	Version     int // server_version_num
	Release     string
	WALLevel    string
	Standby     bool
	MaxSlots    int
	Slots       int
	MaxSenders  int
	Senders     int
	User        string
	Superuser   bool
	Replication bool // by attribute, or by the role of a managed service
	BypassRLS   bool
	MayCreate   bool  // CREATE on the database
	Timeout     int64 // wal_sender_timeout in milliseconds, 0 for none
	Managed     bool  // whether the role rds_replication exists
	PID         int64
	Feedback    bool   // hot_standby_feedback
	StandbyWait string // synchronized_standby_slots, of version 17 on
	IdleLimit   int64  // idle_replication_slot_timeout in seconds, of version 18 on; 0 for none
	ConnLimit   int    // connections that the user may have, -1 for any number
}

const serverSQL = `SELECT current_setting('server_version_num')::int AS version, current_setting('server_version') AS release,
 current_setting('wal_level') AS wal_level, pg_catalog.pg_is_in_recovery() AS standby,
 current_setting('max_replication_slots')::int AS max_slots, (SELECT count(*) FROM pg_catalog.pg_replication_slots)::int AS slots,
 current_setting('max_wal_senders')::int AS max_senders,
 (SELECT count(*) FROM pg_catalog.pg_stat_activity WHERE backend_type = 'walsender')::int AS senders,
 current_user::text AS "user", r.rolsuper AS superuser,
 r.rolsuper OR r.rolreplication OR coalesce((SELECT pg_catalog.pg_has_role(m.oid, 'MEMBER') FROM pg_catalog.pg_roles m WHERE m.rolname = 'rds_replication'), false) AS replication,
 r.rolsuper OR r.rolbypassrls AS bypass_rls, pg_catalog.has_database_privilege(current_database(), 'CREATE') AS may_create,
 (SELECT setting::bigint FROM pg_catalog.pg_settings WHERE name = 'wal_sender_timeout') AS timeout,
 EXISTS (SELECT FROM pg_catalog.pg_roles m WHERE m.rolname = 'rds_replication') AS managed, pg_catalog.pg_backend_pid()::bigint AS pid,
 current_setting('hot_standby_feedback')::bool AS feedback, coalesce(current_setting('synchronized_standby_slots', true), '') AS standby_wait,
 coalesce((SELECT setting::bigint FROM pg_catalog.pg_settings WHERE name = 'idle_replication_slot_timeout'), 0) AS idle_limit, r.rolconnlimit AS conn_limit
 FROM pg_catalog.pg_roles r WHERE r.rolname = current_user`

// publicationFacts are of the publication that the settings name.
type publicationFacts struct {
	AllTables                        bool
	Insert, Update, Delete, Truncate bool
	ViaRoot                          bool
	Owned                            bool // whether the user may change it
	Generated                        bool // whether it has stored generated columns, of version 18 on
}

// blocker is a transaction that holds up the creation of a slot.
type blocker struct {
	What string // who it is
	SQL  string // what ends it
}

const blockersSQL = `SELECT format('session %%s of user %%s on database %%s', pid, usename, datname) AS what, format('SELECT pg_terminate_backend(%%s);', pid) AS sql
 FROM pg_catalog.pg_stat_activity WHERE backend_xid IS NOT NULL AND pid <> pg_catalog.pg_backend_pid() AND xact_start <= now() - interval '%[1]d seconds'
 UNION ALL SELECT format('prepared transaction %%s on database %%s', gid, database), format('ROLLBACK PREPARED %%L;', gid) FROM pg_catalog.pg_prepared_xacts
 WHERE prepared <= now() - interval '%[1]d seconds'`

// blockerAge is how long a transaction must have been open to be worth a word, in seconds.
const blockerAge = 10

// look asks the server for all facts. It takes a fixed number of queries.
func look(ctx context.Context, conn *pgx.Conn, s *settings) (*flight, error) {
	p := &flight{s: s}
	var err error
	if p.server, err = one[serverFacts](ctx, conn, serverSQL); err != nil {
		return nil, wrap("look at the server", err)
	}
	if p.server.Version < oldestServer {
		return p, nil // the queries that follow need its catalogs
	}
	if p.slot, err = findSlot(ctx, conn.PgConn(), s.Slot.Name); err != nil {
		return nil, err
	}
	if p.blockers, err = many[blocker](ctx, conn, fmt.Sprintf(blockersSQL, blockerAge)); err != nil {
		return nil, wrap("look at running transactions", err)
	}
	if err := p.lookPublication(ctx, conn); err != nil {
		return nil, wrap("look at the publication", err)
	}
	if p.pooled(conn) {
		p.warn("between the connector and the server is a connection pooler",
			"the process id that the server gave at the start is not that of the session: exported snapshots and replication need a connection of their own; let database.hostname and database.port name the server itself", "")
	}
	return p, wrap("look at the tables", p.lookTables(ctx, conn))
}

// pooled compares the process that answers with the one that was announced.
func (p *flight) pooled(conn *pgx.Conn) bool { return int64(conn.PgConn().PID()) != p.server.PID }

func (p *flight) lookPublication(ctx context.Context, conn *pgx.Conn) error {
	viaRoot := "pubviaroot"
	if p.server.Version < 130000 {
		viaRoot = "false"
	}
	truncate := "pubtruncate"
	if p.server.Version < 110000 {
		truncate = "false"
	}
	found, err := many[publicationFacts](ctx, conn, `SELECT puballtables AS all_tables, pubinsert AS insert, pubupdate AS update, pubdelete AS delete, `+
		truncate+` AS truncate, `+viaRoot+` AS via_root, pg_catalog.pg_has_role(pubowner, 'USAGE') AS owned,
 coalesce(pg_catalog.to_jsonb(p) ->> 'pubgencols', 'n') = 's' AS generated
 FROM pg_catalog.pg_publication p WHERE pubname = `+quoteLiteral(p.s.Publication.Name))
	if err == nil && len(found) > 0 {
		p.publication = &found[0]
	}
	return err
}

// tableFacts are of one table, or root of partitions.
type tableFacts struct {
	OID               uint32
	Schema, Name      string
	Kind, Persistence string // relkind, relpersistence
	Leaf              bool   // whether it is a partition
	Root              uint32 // the topmost table it is a partition of, 0 for none
	Identity          string // relreplident: d, n, f, i
	Owned             bool   // whether the user counts as owner
	MayUse, MayRead   bool   // USAGE on the schema, SELECT on the table
	Hidden            bool   // whether row security would hide rows from the user
	Policies          []string
	Toasted           bool // whether there are values that are stored out of line
	Primary           []string
	IdentityIndex     []string // columns of the index that is the identity
	Candidate         string   // a unique index that could be one, "" for none
	CandidateColumns  []string
	Published         bool // whether the publication has it
	ColumnList        []string
	FilterColumns     []string // that the row filter needs
	Columns           []columnFacts

	Captured bool         // what the filters say
	wanted   identityRule // what replica.identity.autoset.values says
}

type columnFacts struct {
	Name, Type string
	Readable   bool   // SELECT on the column
	Generated  string // attgenerated of version 12 on: s is stored, v virtual, "" neither
}

func (t *tableFacts) name() tableName { return tableName{t.Schema, t.Name} }

// hidden names the table and what hides rows of it.
func (t *tableFacts) hidden() string {
	if len(t.Policies) == 0 {
		return t.name().String() + " (no policy lets any through)"
	}
	return t.name().String() + " (by " + listed(t.Policies) + ")"
}

func (t *tableFacts) columnNames() []string {
	names := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		names[i] = c.Name
	}
	return names
}

// indexColumns are the columns of an index in its order.
const indexColumns = `(SELECT array_agg(a.attname::text ORDER BY k.place) FROM unnest(i.indkey::int2[]) WITH ORDINALITY k(attnum, place)
 JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum WHERE k.place <= i.indnkeyatts)`

const catalogSQL = `SELECT c.oid AS oid, n.nspname::text AS schema, c.relname::text AS name, c.relkind::text AS kind, c.relpersistence::text AS persistence,
 c.relispartition AS leaf, %[2]s AS root, c.relreplident::text AS identity, pg_catalog.pg_has_role(c.relowner, 'USAGE') AS owned,
 pg_catalog.has_schema_privilege(n.oid, 'USAGE') AS may_use, pg_catalog.has_table_privilege(c.oid, 'SELECT') AS may_read,
 pg_catalog.row_security_active(c.oid) AS hidden,
 (SELECT array_agg(y.polname::text ORDER BY y.polname) FROM pg_catalog.pg_policy y WHERE y.polrelid = c.oid) AS policies,
 c.reltoastrelid <> 0 AND pg_catalog.pg_relation_size(c.reltoastrelid) > 0 AS toasted,
 (SELECT ` + indexColumns + ` FROM pg_catalog.pg_index i WHERE i.indrelid = c.oid AND i.indisprimary) AS primary,
 (SELECT ` + indexColumns + ` FROM pg_catalog.pg_index i WHERE i.indrelid = c.oid AND i.indisreplident) AS identity_index,
 coalesce(u.name, '') AS candidate, u.columns AS candidate_columns, coalesce(r.there, false) AS published, r.list AS column_list, r.filter AS filter_columns
 FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 LEFT JOIN LATERAL (SELECT x.relname::text AS name, ` + indexColumns + ` AS columns
  FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid
  WHERE i.indrelid = c.oid AND i.indisunique AND i.indimmediate AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL
  AND NOT EXISTS (SELECT FROM unnest(i.indkey::int2[]) k JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k WHERE NOT a.attnotnull)
  ORDER BY i.indisprimary DESC, x.relname LIMIT 1) u ON true
 LEFT JOIN LATERAL (%[1]s) r ON true
 WHERE c.relkind IN ('r', 'p') AND c.relpersistence IN ('p', 'u') AND n.nspname <> ALL ('{pg_catalog,information_schema,pg_toast}')
 ORDER BY n.nspname COLLATE "C", c.relname COLLATE "C"`

// The columns of a row filter are read from its tree: the server tells them in no other way.
const publishedSQL15 = `SELECT true AS there, (SELECT array_agg(a.attname::text ORDER BY a.attnum) FROM pg_catalog.pg_attribute a
 WHERE a.attrelid = c.oid AND a.attnum = ANY (pr.prattrs::int2[])) AS list,
 (SELECT array_agg(DISTINCT a.attname::text) FROM pg_catalog.regexp_matches(pr.prqual::text, ':varattno (\d+)', 'g') m
  JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum = m[1]::int2) AS filter
 FROM pg_catalog.pg_publication_rel pr JOIN pg_catalog.pg_publication p ON p.oid = pr.prpubid WHERE pr.prrelid = c.oid AND p.pubname = `

const publishedSQL = `SELECT true AS there, NULL::text[] AS list, NULL::text[] AS filter
 FROM pg_catalog.pg_publication_rel pr JOIN pg_catalog.pg_publication p ON p.oid = pr.prpubid WHERE pr.prrelid = c.oid AND p.pubname = `

const columnsSQL = `SELECT a.attrelid AS oid, a.attname::text AS name, t.typname::text AS type,
 pg_catalog.has_column_privilege(a.attrelid, a.attnum, 'SELECT') AS readable,
 coalesce(pg_catalog.to_jsonb(a) ->> 'attgenerated', '') AS generated FROM pg_catalog.pg_attribute a
 JOIN pg_catalog.pg_type t ON t.oid = a.atttypid WHERE a.attnum > 0 AND NOT a.attisdropped AND a.attrelid = ANY ($1) ORDER BY a.attrelid, a.attnum`

// allPublishedSQL adds FOR TABLES IN SCHEMA of version 15, and FOR ALL TABLES.
const allPublishedSQL = `SELECT c.oid FROM pg_catalog.pg_publication_tables pt JOIN pg_catalog.pg_namespace n ON n.nspname = pt.schemaname
 JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = pt.tablename WHERE pt.pubname = `

func (p *flight) lookTables(ctx context.Context, conn *pgx.Conn) error {
	published, root := publishedSQL, "0::oid"
	if p.server.Version >= 150000 {
		published = publishedSQL15
	}
	if p.server.Version >= 120000 {
		root = "CASE WHEN c.relispartition THEN pg_catalog.pg_partition_root(c.oid)::oid ELSE 0::oid END"
	}
	name := quoteLiteral(p.s.Publication.Name)
	sql := fmt.Sprintf(catalogSQL, published+name, root)
	if p.server.Version < 110000 {
		sql = strings.ReplaceAll(sql, "indnkeyatts", "indnatts")
	}
	tables, err := many[tableFacts](ctx, conn, sql)
	if err != nil {
		return err
	}
	all, err := many[struct{ OID uint32 }](ctx, conn, allPublishedSQL+name)
	if err != nil {
		return err
	}
	there := make(map[uint32]bool, len(all))
	for _, o := range all {
		there[o.OID] = true
	}
	for i := range tables {
		t := &tables[i]
		t.Published = t.Published || there[t.OID]
		t.Captured = p.s.filter.table(t.Schema, t.Name)
		if rule, err := p.s.Publication.identity(t.Schema, t.Name); err != nil {
			p.fatal(err.Error(), "the replica identity of the table cannot be decided", "")
		} else if rule != nil {
			t.wanted = *rule
		}
		p.tables = append(p.tables, t)
	}
	return p.lookColumns(ctx, conn)
}

func (p *flight) lookColumns(ctx context.Context, conn *pgx.Conn) error {
	byOID := map[uint32]*tableFacts{}
	list := "{"
	for _, t := range p.tables {
		if !t.Captured {
			continue
		}
		if len(byOID) > 0 {
			list += ","
		}
		byOID[t.OID] = t
		list += strconv.FormatUint(uint64(t.OID), 10)
	}
	type row struct {
		OID        uint32
		Name, Type string
		Readable   bool
		Generated  string
	}
	columns, err := many[row](ctx, conn, columnsSQL, list+"}")
	for _, c := range columns {
		t := byOID[c.OID]
		t.Columns = append(t.Columns, columnFacts{c.Name, c.Type, c.Readable, c.Generated})
	}
	return err
}

// many runs a query whose columns are named as the fields of T, in snake case.
func many[T any](ctx context.Context, conn *pgx.Conn, sql string, args ...any) ([]T, error) {
	rows, err := conn.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByNameLax[T])
}

func one[T any](ctx context.Context, conn *pgx.Conn, sql string) (T, error) {
	rows, err := conn.Query(ctx, sql)
	if err != nil {
		var none T
		return none, err
	}
	return pgx.CollectExactlyOneRow(rows, pgx.RowToStructByNameLax[T])
}
