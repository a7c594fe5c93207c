// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5/pgconn"
)

// beginUnfinished goes on with a snapshot that was interrupted. The stream begins where
// the place is. Tables that are finished are not read again. Of those that were begun the
// rows that went out are not known by key, as they were read by physical place: they are
// read by key, in chunks beside the stream, so that another interruption costs one chunk
// at most. All others, and those that cannot be divided by key, are read first, in a new
// exported snapshot.
func (t *task) beginUnfinished(ctx context.Context, repl *pgconn.PgConn, srv server, tables []capturedTable, stored *place) (*beginning, error) {
	p := *stored
	wanted := t.toRead(tables, p.snapshot)
	begun, anew := []capturedTable(nil), wanted
	if p.snapshot.foreign {
		p.snapshot = p.snapshot.suspect(wanted, p.end)
	} else {
		var err error
		if begun, anew, err = t.divide(ctx, wanted, p.snapshot); err != nil {
			return nil, err
		}
	}
	p.incremental = p.incremental.goOn(begun)
	if len(begun) > 0 {
		t.log.Info("tables of the snapshot that was interrupted are read by key, beside the stream", "tables", tableList(begun))
	}
	if len(anew) > 0 {
		return t.beginSnapshot(ctx, repl, srv, anew, &p)
	}
	before := p.snapshot
	p.completeSnapshot()
	t.emitter.owe(&p, initial(noticeStarted))
	t.emitter.completed(&p, before)
	return &beginning{place: p}, nil
}

// divide tells the tables that were begun and can be read by key from those that are read
// from their beginning. Without a stream nothing can be read beside it.
func (t *task) divide(ctx context.Context, wanted []capturedTable, progress *snapshotProgress) (begun, anew []capturedTable, err error) {
	for _, c := range wanted {
		_, was := progress.tables[c.name.String()]
		if was && t.s.streams() {
			if was, err = t.hasChunkKey(ctx, c); err != nil {
				return nil, nil, err
			}
		}
		if was && t.s.streams() {
			begun = append(begun, c)
			continue
		}
		anew = append(anew, c)
	}
	return begun, anew, nil
}

// hasChunkKey reports whether a table can be read by key: it has a primary key that is
// published, and no statement of its own.
func (t *task) hasChunkKey(ctx context.Context, c capturedTable) (bool, error) {
	if _, custom := t.s.statement(c.name.schema, c.name.table); custom {
		return false, nil
	}
	conn, err := t.openCatalog(ctx)
	if err != nil {
		return false, err
	}
	known, err := loadTable(ctx, conn, c.id)
	if err != nil {
		return false, fmt.Errorf("look up table %s: %w", c.name, err)
	}
	published, err := t.s.restriction(ctx, conn.PgConn(), c)
	if err != nil {
		return false, err
	}
	r := describeTable(c, known, published)
	return known.chunkKey(&r) != nil, nil
}

// suspect returns the progress of a snapshot of which each table may have been begun at a
// point of the stream.
func (p *snapshotProgress) suspect(tables []capturedTable, at lsn) *snapshotProgress {
	next := &snapshotProgress{tables: maps.Clone(p.tables)}
	if next.tables == nil {
		next.tables = make(map[string]tableMark, len(tables))
	}
	for _, c := range tables {
		next.tables[c.name.String()] = tableMark{at: at}
	}
	return next
}

// goOn returns what is left with exactly these tables of the snapshot that broke off.
// They come before what signals have asked for, but behind a table that is read in part.
func (n *incremental) goOn(begun []capturedTable) *incremental {
	next := &incremental{}
	if n != nil {
		*next = *n
		unwanted := func(o incrementalTable) bool { return o.Begun && !slices.ContainsFunc(begun, o.is) }
		next.Tables = slices.DeleteFunc(slices.Clone(n.Tables), unwanted)
		if unwanted(n.Tables[0]) {
			next.fromBeginning()
		}
	}
	at := 0
	for i, o := range next.Tables {
		if o.Begun || i == 0 && next.After != nil {
			at = i + 1
		}
	}
	for _, c := range begun {
		if !slices.ContainsFunc(next.Tables, func(o incrementalTable) bool { return o.Begun && o.is(c) }) {
			next.Tables = slices.Insert(next.Tables, at, incrementalTable{Name: c.name.String(), Begun: true})
			at++
		}
	}
	if len(next.Tables) == 0 {
		return nil
	}
	return next
}

func (t incrementalTable) is(c capturedTable) bool { return t.Name == c.name.String() }

// begun reports whether tables of the snapshot that broke off are left.
func (n *incremental) begun() bool {
	return n != nil && slices.ContainsFunc(n.Tables, func(t incrementalTable) bool { return t.Begun })
}

// completeSnapshot makes the place one behind the snapshot, unless tables of it are still
// read in chunks. Tables that were read at another point than the one at which the stream
// begins keep that as long as the stream has not passed the newest.
func (p *place) completeSnapshot() {
	if p.snapshot == nil || p.snapshot.completed || p.incremental.begun() {
		return
	}
	done := &snapshotProgress{completed: true}
	if p.snapshot.horizon() > p.end {
		done.tables = p.snapshot.tables
	}
	p.snapshot = done
}

// chunkRead makes the place one behind a chunk of what is left, as incremental.read does.
func (p *place) chunkRead(left *incremental, last []string, rows int, end bool) {
	p.incremental = left.read(last, rows, end)
	if table := left.Tables[0]; end && table.Begun {
		p.snapshot = p.snapshot.with(table.Name, p.end, true)
		p.completeSnapshot()
	}
}
