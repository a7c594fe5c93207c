// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"context"
	"fmt"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connectors/postgrescdc/pgoutput"
)

// tupleColumn is one column of a tuple; its data alias the message.
type tupleColumn = pgoutput.Column

// decoder reads messages of the output plugin and hands them to an emitter.
type decoder struct {
	e *emitter
	m pgoutput.Decoder
}

// message handles one message of the stream.
func (d *decoder) message(ctx context.Context, at lsn, data []byte) error {
	kind, err := d.m.Decode(data, false)
	if err != nil {
		return fmt.Errorf("read stream at %s: %w", at, err)
	}
	if rule := d.broken(kind); rule != "" {
		return fmt.Errorf("read stream at %s: %s", at, rule)
	}
	e := d.e
	switch kind {
	case pgoutput.KindBegin:
		d.begin(at)
	case pgoutput.KindCommit:
		return e.commit(d.m.Commit.EndLSN, at)
	case pgoutput.KindOrigin:
		e.tx.origin, e.tx.originLSN = connect.String(d.m.Origin.Name), connect.Int64(int64(d.m.Origin.CommitLSN))
	case pgoutput.KindRelation:
		return e.relations.see(ctx, relationOf(d.m.Relation), uint32(e.tx.txID), e.tx.commit)
	case pgoutput.KindType: // what it says is in the catalog too
	case pgoutput.KindInsert, pgoutput.KindUpdate, pgoutput.KindDelete:
		if !e.tx.skip {
			return d.row(ctx, kind, at, data)
		}
	case pgoutput.KindTruncate:
		return d.truncate(at)
	case pgoutput.KindMessage:
		m := &d.m.Message
		if !m.Transactional || !e.tx.skip {
			e.message(m.Transactional, m.LSN, m.Prefix, m.Content)
		}
	default:
		return fmt.Errorf("read stream at %s: a %s message was not asked for", at, kind)
	}
	return nil
}

// mostColumns is how many columns a table can have.
const mostColumns = 1600

// broken says which rule of the protocol a message breaks, "" for none. Places in a
// transaction are counted: outside of one they mean nothing.
func (d *decoder) broken(kind pgoutput.Kind) string {
	tx := &d.e.tx
	switch kind {
	case pgoutput.KindBegin:
		if tx.open {
			return fmt.Sprintf("BEGIN inside of transaction %d", tx.txID)
		}
	case pgoutput.KindInsert, pgoutput.KindUpdate, pgoutput.KindDelete, pgoutput.KindTruncate, pgoutput.KindOrigin:
		if !tx.open {
			return fmt.Sprintf("%s outside of a transaction", kind)
		}
	case pgoutput.KindMessage:
		if !tx.open && d.m.Message.Transactional {
			return "a message of a transaction outside of one"
		}
	case pgoutput.KindRelation:
		if n := len(d.m.Relation.Columns); n > mostColumns {
			return fmt.Sprintf("relation %s.%s has %d columns, and a table can have %d", d.m.Relation.Namespace, d.m.Relation.Name, n, mostColumns)
		}
	}
	return ""
}

func (d *decoder) begin(at lsn) {
	b := &d.m.Begin
	d.e.begin(b.FinalLSN, b.Time.UnixMicro(), b.XID)
	if d.e.s.Format.Transactions && !d.e.tx.skip {
		d.e.transactionBegin(at)
	}
}

func relationOf(m *pgoutput.Relation) relation {
	r := relation{id: m.ID, name: tableName{m.Namespace, m.Name}, identity: m.ReplicaIdentity, columns: make([]relationColumn, len(m.Columns))}
	for i, c := range m.Columns {
		r.columns[i] = relationColumn{name: c.Name, typ: c.TypeOID, typmod: c.TypeModifier, identity: c.Key}
	}
	return r
}

func (d *decoder) row(ctx context.Context, kind pgoutput.Kind, at lsn, data []byte) error {
	c := &d.m.Change
	ev := rowEvent{relation: c.RelationID, before: c.Old, after: c.New, full: c.OldKind == 'O', raw: data}
	what := changeInsert
	switch kind {
	case pgoutput.KindUpdate:
		what = changeUpdate
	case pgoutput.KindDelete:
		what = changeDelete
	}
	return d.e.row(ctx, what, at, &ev)
}

func (d *decoder) truncate(at lsn) error {
	if d.e.tx.skip {
		return nil
	}
	for _, id := range d.m.Truncate.RelationIDs {
		if err := d.e.truncate(id, at); err != nil {
			return err
		}
	}
	return nil
}
