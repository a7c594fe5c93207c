// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// lookForTables is how often a publication that follows the filters is compared with the
// tables there are.
const lookForTables = 30 * time.Second

// lookForNew compares the publication with the tables now and then. A failure is logged,
// and it is tried again next time: the stream does not depend on it.
func (t *task) lookForNew(ctx context.Context) {
	if t.s.Publication.Autocreate != "filtered" || t.snapshot != nil || t.emitter.tx.open || t.emitter.place.commit != 0 {
		return
	}
	now := t.now()
	if now.Sub(t.lookedAt) < t.lookEvery {
		return
	}
	t.lookedAt = now
	if err := t.findTables(ctx); err != nil && ctx.Err() == nil {
		t.log.Warn("new tables cannot be looked for; it is tried again later", "error", err)
	}
}

// findTables takes in tables that were created since.
func (t *task) findTables(ctx context.Context) error {
	conn, err := t.openCatalog(ctx)
	if err != nil {
		return err
	}
	tables, err := t.s.capturedTables(ctx, conn.PgConn())
	if err != nil {
		return err
	}
	found, err := t.s.preparePublication(ctx, conn.PgConn(), t.log, tables, t.readsNew())
	t.takeIn(found)
	return err
}

// readsNew reports whether tables that are created later are read. Without that they are
// published only, and what was written before is not seen.
func (t *task) readsNew() bool { return t.s.Snapshot.Mode != snapshotNoData && t.s.streams() }

// takeIn appends tables to what incremental snapshots have to read. They are added to the
// publication when that is in a committed offset: what was written before they were
// published is not in the stream, and must not be forgotten.
func (t *task) takeIn(found []capturedTable) {
	e := t.emitter
	next := &incremental{}
	if e.place.incremental != nil {
		*next = *e.place.incremental
		next.Tables = slices.Clone(next.Tables)
	}
	n := len(next.Tables)
	for _, c := range found {
		name := c.name.String()
		if !slices.ContainsFunc(next.Tables, func(o incrementalTable) bool { return o.New && o.Name == name }) {
			next.Tables = append(next.Tables, incrementalTable{Name: name, New: true})
		}
	}
	if len(next.Tables) > n {
		was := e.place.incremental
		e.place.incremental = next
		e.started(was)
		t.owes = true
	}
}

// promised reports whether the first table may be read: a new one only when a committed
// offset has it.
func (t *task) promised(n *incremental) bool {
	if !n.Tables[0].New {
		return true
	}
	c := t.committed.Load()
	return c != nil && slices.ContainsFunc(c.Tables, func(o incrementalTable) bool { return o.New && o.Name == n.Tables[0].Name })
}

// guard applies guardrail.collections.max.
func (t *task) guard(tables []capturedTable) error {
	most := t.s.Runtime.MaxTables
	if most <= 0 || len(tables) <= most {
		return nil
	}
	if t.s.Runtime.TooManyTables == "fail" {
		return fmt.Errorf("count captured tables: there are %d, and guardrail.collections.max is %d; see table.include.list", len(tables), most)
	}
	t.log.Warn("there are more captured tables than guardrail.collections.max", "tables", len(tables), "most", most)
	return nil
}
