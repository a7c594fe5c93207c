// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// misdescribed says what is wrong with how the stream describes a table.
//
// A server that decodes its log reads its own catalogs as they were. While a slot is
// created it can miss a transaction that changes them: of an altered table it then sees
// two versions of one column, and the last column has no place any more. That has no name
// and the type 0, or is not told at all, and rows lack its values. It stays with the slot.
type misdescribed struct {
	relation *relation
	slot     string
	rule     string
}

func (e *misdescribed) Error() string {
	return fmt.Sprintf("read description of table %s: %s; the stream describes it as %s. %s", e.relation.name, e.rule, e.relation.text(), misreadAdvice(e.slot))
}

func misreadAdvice(slot string) string {
	return fmt.Sprintf("The server has read its catalogs wrongly, which can happen to a slot that was created while tables were altered, and stays with the slot. Nothing behind this place was written. "+
		"To go on, stop the connector, drop the replication slot %q, and have the tables read again: set slot.lost.policy=%s, or delete the connector's offsets", slot, policyResnapshot)
}

// misreadings begin what a server says that finds its catalogs to contradict each other.
var misreadings = []string{
	"invalid attribute number", "pg_attribute catalog is missing", "cache lookup failed for", "could not find pg_class entry",
	"could not open relation with OID", "could not map filenumber", "could not map filenode",
	"invalid attalign value", // of version 18
}

// explained adds to an error of the stream what can be done where the server has read its
// catalogs wrongly.
func explained(err error, slot string) error {
	var server *pgconn.PgError
	if !errors.As(err, &server) || !slices.ContainsFunc(misreadings, func(m string) bool { return strings.HasPrefix(server.Message, m) }) {
		return err
	}
	return fmt.Errorf("%w. %s", err, misreadAdvice(slot))
}

// impossible says what no table can be; "" if there is nothing.
func (r *relation) impossible() string {
	for i, c := range r.columns {
		switch {
		case c.name == "":
			return fmt.Sprintf("column %d has no name", i+1)
		case c.typ == 0:
			return fmt.Sprintf("column %q has the type 0", c.name)
		case slices.ContainsFunc(r.columns[:i], func(o relationColumn) bool { return o.name == c.name }):
			return fmt.Sprintf("there are two columns %q", c.name)
		}
	}
	return ""
}

// settled is a moment in the life of a server: every transaction below the number oldest,
// if it was committed, was so in its log before the place at. The zero value is none.
type settled struct {
	oldest string
	at     lsn
}

// settledSQL has no place on a standby. The snapshot is older than the place.
const settledSQL = `SELECT pg_catalog.txid_snapshot_xmin(pg_catalog.txid_current_snapshot()) & 4294967295,
 CASE WHEN pg_catalog.pg_is_in_recovery() THEN '0/0' ELSE pg_catalog.pg_current_wal_insert_lsn() END`

// settledNow is none on a standby.
func settledNow(ctx context.Context, conn *pgconn.PgConn) (now settled, err error) {
	rows, err := rowsOf(ctx, conn, settledSQL)
	if err != nil {
		return settled{}, fmt.Errorf("read the oldest transaction: %w", err)
	}
	now.oldest = rows[0].text(0)
	return now, wrap("read the end of the log", now.at.Scan(rows[0].text(1)))
}

// before is the number below which every transaction is seen by one that is committed at a
// place and writes to a table; nil if that is not known. What adds a column, or changes its
// name or type, and what writes rows, exclude each other until they are over.
func (s settled) before(commit lsn) *string {
	if s.at == 0 || commit < s.at {
		return nil
	}
	return &s.oldest
}

// certainSQL selects the columns of the table $1 that a description in the stream of slot
// $2 must have as they are now: the slot's transactions see all that was done by those
// before its catalog_xmin, and before $4, so that a column which none has touched since is
// known to them. Left out are tables whose publication $3 is younger, or names columns.
const certainSQL = `SELECT a.attname::text, a.atttypid::bigint, a.atttypmod
 FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_replication_slots s ON s.slot_name = $2
 JOIN pg_catalog.pg_publication p ON p.pubname = $3
 WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
 AND (pg_catalog.age(a.xmin) > pg_catalog.age(s.catalog_xmin) OR pg_catalog.age(a.xmin) > pg_catalog.age($4::text::xid))
 AND CASE WHEN p.puballtables THEN pg_catalog.age(p.xmin) > pg_catalog.age(s.catalog_xmin)
 ELSE EXISTS (SELECT FROM pg_catalog.pg_publication_rel r WHERE r.prpubid = p.oid AND r.prrelid = $1
 AND pg_catalog.age(r.xmin) > pg_catalog.age(s.catalog_xmin) AND pg_catalog.to_jsonb(r) ->> 'prattrs' IS NULL) END
 ORDER BY a.attnum`

// certain reads the columns that a description of a table must have.
func certain(ctx context.Context, conn *pgx.Conn, s *settings, id uint32, before *string) ([]relationColumn, error) {
	rows, err := conn.Query(ctx, certainSQL, id, s.Slot.Name, s.Publication.Name, before)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (relationColumn, error) {
		var c relationColumn
		var oid int64
		err := row.Scan(&c.name, &oid, &c.typmod)
		c.typ = uint32(oid)
		return c, err
	})
}

// believe returns an error if the description in a transaction, committed at a place, cannot
// be true.
func (rs *relations) believe(ctx context.Context, conn *pgx.Conn, r *relation, commit lsn) error {
	s := rs.planner.s
	if rule := r.impossible(); rule != "" {
		return &misdescribed{r, s.Slot.Name, rule}
	}
	must, err := certain(ctx, conn, s, r.id, rs.settled.before(commit))
	if err != nil {
		return err
	}
	for _, c := range must {
		if !slices.ContainsFunc(r.columns, func(o relationColumn) bool { return o.name == c.name && o.typ == c.typ && o.typmod == c.typmod }) {
			return &misdescribed{r, s.Slot.Name, fmt.Sprintf("the column %q of type %d, which has been there since before, is missing", c.name, c.typ)}
		}
	}
	return nil
}
