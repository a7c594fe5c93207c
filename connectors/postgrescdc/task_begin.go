// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/backoff"
	"github.com/connectd/connectd/connectors/postgrescdc/types"
)

// Values of snapshot.mode that are asked for by name.
const (
	snapshotAlways      = "always"
	snapshotInitialOnly = "initial_only"
	snapshotConfigured  = "configuration_based"
	snapshotWhenNeeded  = "when_needed"
	snapshotNoData      = "no_data"
	policyResnapshot    = "resnapshot"
	trustGreater        = "trust_greater_lsn"
)

// beginning is where and how a task begins.
type beginning struct {
	place place
	// snapshot is nil if no tables are to be read; exported is then empty.
	snapshot *snapshotReader
	exported string
}

// begin decides how to begin, by the stored place, the slot and snapshot.mode.
func (t *task) begin(ctx context.Context, repl *pgconn.PgConn, tables []capturedTable, stored *place) (*beginning, error) {
	srv, err := identify(ctx, repl)
	if err != nil {
		return nil, err
	}
	conn, err := t.openCatalog(ctx)
	if err != nil {
		return nil, err
	}
	if t.emitter.relations.settled, err = settledNow(ctx, conn.PgConn()); err != nil {
		return nil, err
	}
	if err := t.s.keepOnFailover(ctx, repl, t.log); err != nil {
		return nil, err
	}
	if stored == nil {
		if t.wantsData(false) {
			return t.beginSnapshot(ctx, repl, srv, t.toRead(tables, nil), nil)
		}
		start, err := t.beginStream(ctx, repl, srv)
		if err != nil {
			return nil, err
		}
		return t.skipped(start), nil
	}
	was := stored.timeline
	if err := t.s.mend(ctx, repl, stored); err != nil {
		if !isGap(err) || !t.wantsData(true) {
			return nil, err
		}
		t.log.Warn("the stream cannot go on from the stored offset; the tables are read again", "reason", err)
		return t.beginSnapshot(ctx, repl, srv, t.toRead(tables, nil), nil)
	}
	t.tellTimeline(was, stored)
	unfinished := stored.snapshot != nil && !stored.snapshot.completed
	switch {
	case unfinished && t.wantsData(false):
		return t.beginUnfinished(ctx, repl, srv, tables, stored)
	case t.s.Snapshot.Mode == snapshotAlways:
		return t.beginSnapshot(ctx, repl, srv, t.toRead(tables, nil), nil)
	}
	stored.incremental = stored.incremental.goOn(nil)
	return t.skipped(&beginning{place: *stored}), nil
}

// wantsData says whether the tables are read when there is no offset, or, with lost, when
// the offset cannot be gone on from.
func (t *task) wantsData(lost bool) bool {
	sn := &t.s.Snapshot
	if lost && t.s.Slot.LostPolicy == policyResnapshot {
		return true
	}
	switch sn.Mode {
	case snapshotNoData:
		return false
	case snapshotWhenNeeded:
		return true
	case snapshotConfigured:
		return lost && sn.DataOnLost || !lost && sn.Data
	}
	return !lost
}

// mend checks a stored place, and moves it to the slot if offset.mismatch.strategy says so.
func (s *settings) mend(ctx context.Context, repl *pgconn.PgConn, p *place) error {
	err := s.fits(ctx, repl, p)
	if err == nil || s.Slot.Mismatch != trustGreater {
		return err
	}
	slot, look := findSlot(ctx, repl, s.Slot.Name)
	if look != nil || slot == nil || slot.lost() || p.end >= lsn(slot.Confirmed) {
		return err
	}
	*p = p.finished(lsn(slot.Confirmed))
	return s.fits(ctx, repl, p)
}

// beginStream starts at the slot, which is created if there is none.
func (t *task) beginStream(ctx context.Context, repl *pgconn.PgConn, srv server) (*beginning, error) {
	p := place{system: srv.system, timeline: srv.placeTimeline()}
	slot, err := t.s.findMadeSlot(ctx, repl, t.log)
	if err != nil {
		return nil, err
	}
	if slot == nil {
		made, err := t.makeSlot(ctx, repl)
		if err != nil {
			return nil, err
		}
		p.end, p.lsn = made.point, made.point
		return &beginning{place: p}, nil
	}
	if err := t.s.slotFits(slot, lsn(slot.Confirmed)); err != nil {
		return nil, err
	}
	p.end, p.lsn = lsn(slot.Confirmed), lsn(slot.Confirmed)
	return &beginning{place: p}, nil
}

// beginSnapshot exports a snapshot and starts the stream at it. If the slot is there
// already, a temporary one gives the snapshot: its consistent point lies behind that of
// the slot, and the stream begins at it. unfinished is the place of a snapshot that was
// interrupted: then the stream begins there.
func (t *task) beginSnapshot(ctx context.Context, repl *pgconn.PgConn, srv server, wanted []capturedTable, unfinished *place) (*beginning, error) {
	if !backoff.Wait(ctx, t.s.Snapshot.Delay) {
		return nil, ctx.Err()
	}
	slot, err := t.freshSlot(ctx, repl)
	if err != nil {
		return nil, err
	}
	makeSlot := t.makeSlot
	if slot != nil {
		makeSlot = t.makeTemporary
	}
	made, err := makeSlot(ctx, repl)
	if err != nil {
		return nil, err
	}
	p := place{end: made.point, lsn: made.point, system: srv.system, timeline: srv.placeTimeline(), snapshot: &snapshotProgress{}}
	if unfinished != nil {
		p = *unfinished
	}
	if p.micros, p.txID, err = t.instant(ctx); err != nil {
		return nil, err
	}
	t.emitter.owe(&p, initial(noticeStarted))
	t.figures.beginSnapshot(wanted, t.now())
	reader := newSnapshotReader(t.s, t.log, t.emitter.schemas, made, wanted, &t.figures)
	return &beginning{place: p, snapshot: reader, exported: made.snapshot}, nil
}

// snapshotFailed deals with a snapshot that broke off: if the reason passes by itself it
// goes on in a new one, with the tables that are not finished.
func (t *task) snapshotFailed(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	told := t.broken()
	if !passes(err) || t.catalogPauses.exhausted(t.s.Runtime.MaxRetries) {
		if told {
			return nil // the failure stays in the queue, and comes with the next batch
		}
		return err
	}
	if t.snapshotAgain.IsZero() {
		pause := t.catalogPauses.next()
		t.snapshotAgain = t.now().Add(pause)
		t.log.Warn("the snapshot broke off; it goes on in a new one", "error", err, "pause", pause)
	}
	if t.now().Before(t.snapshotAgain) {
		return nil // the failure stays in the queue
	}
	t.snapshotAgain = time.Time{}
	t.cancel()
	t.wg.Wait()
	t.queue.mend()
	if err := t.resumeSnapshot(ctx); err != nil {
		t.queue.fail(err) // and is looked at again
		return nil
	}
	t.catalogPauses.reset()
	return nil
}

func (t *task) resumeSnapshot(ctx context.Context) error {
	ctx, done := graced(ctx)
	defer done()
	conn, err := t.openCatalog(ctx)
	if err != nil {
		return err
	}
	tables, err := t.s.capturedTables(ctx, conn.PgConn())
	if err != nil {
		return err
	}
	repl, err := t.s.dialReplication(ctx)
	if err != nil {
		return err
	}
	unfinished := t.emitter.place
	end := unfinished.end
	start, err := t.begin(ctx, repl, tables, &unfinished)
	if err == nil && start.place.end < end {
		hangUp(repl)
		return errBehind // what is still to be acknowledged would move the new slot too far
	}
	if err != nil || start.exported == "" {
		hangUp(repl)
	}
	if err == nil {
		t.launch(ctx, repl, start)
	}
	return err
}

// freshSlot returns the slot if it can be used; a lost one is dropped, as nothing can be
// read from it.
func (t *task) freshSlot(ctx context.Context, repl *pgconn.PgConn) (*slotState, error) {
	slot, err := t.s.findMadeSlot(ctx, repl, t.log)
	if err != nil || slot == nil {
		return nil, err
	}
	if err := t.s.usable(slot); err != nil {
		return nil, err
	}
	if !slot.lost() {
		return slot, nil
	}
	t.log.Warn("the replication slot is lost; it is dropped and created anew", "slot", t.s.Slot.Name)
	return nil, dropSlot(ctx, repl, t.s.Slot.Name)
}

// maxName is how long names can be.
const maxName = 63

// temporaryName is the name of the slot that exports a snapshot beside the slot.
func temporaryName(slot string) string {
	suffix := fmt.Sprintf("_snapshot_%x", time.Now().UnixNano()&0xffffff)
	return slot[:min(len(slot), maxName-len(suffix))] + suffix
}

// instant is the server's time in microseconds and the number of the next transaction.
func (t *task) instant(ctx context.Context) (micros, txID int64, err error) {
	conn, err := t.openCatalog(ctx)
	if err != nil {
		return 0, 0, err
	}
	rows, err := rowsOf(ctx, conn.PgConn(), "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint, txid_snapshot_xmax(txid_current_snapshot()) & 4294967295")
	if err != nil {
		return 0, 0, fmt.Errorf("read the server's time: %w", err)
	}
	return rows[0].number(0), rows[0].number(1), nil
}

// toRead are the tables of a snapshot. With publish.via.partition.root the stream names
// roots only, and rows of partitions are read there.
func (t *task) toRead(tables []capturedTable, progress *snapshotProgress) []capturedTable {
	return slices.DeleteFunc(slices.Clone(tables), func(c capturedTable) bool {
		return progress.finished(c.name.String()) || !t.s.filter.snapshot(c.name.schema, c.name.table) || t.s.Publication.ViaRoot && c.leaf ||
			t.s.filter.signals(c.name.schema, c.name.table)
	})
}

// newEmitter makes the emitter of a task.
func newEmitter(s *settings, c connect.SourceTaskContext, catalog *types.Catalog, open func(ctx context.Context) (*pgx.Conn, error)) *emitter {
	sc := newSchemas(contentSchema(s.Format.Binary))
	e := &emitter{s: s, log: c.Log, schemas: sc, partition: sourcePartition(s.Topics.Prefix), now: time.Now}
	e.reselect, e.uuid = newReselector(s, c.Log), randomUUID
	e.relations = &relations{planner: newPlanner(s, sc, catalog), open: open, plans: map[uint32]*tablePlan{}}
	e.sourceTemplate = make([]connect.Value, len(sc.source.Fields()))
	e.sourceTemplate[0] = connect.String(version)
	e.sourceTemplate[1] = connect.String(connectorName)
	e.sourceTemplate[2] = connect.String(s.Topics.Prefix)
	e.sourceTemplate[5] = connect.String(s.Server.Database)
	if s.Format.ContextHeaders {
		e.headers = contextHeaders(s, c)
	}
	e.tx.stretch = -1
	return e
}

// contextHeaders say where a record comes from.
func contextHeaders(s *settings, c connect.SourceTaskContext) []connect.Header {
	var out []connect.Header
	for _, h := range [][2]string{
		{"__debezium.context.connectorLogicalName", s.Topics.Prefix},
		{"__debezium.context.taskId", fmt.Sprint(c.Task)},
		{"__debezium.context.connectorName", connectorName},
		{"__debezium.context.runId", runID(time.Now())},
	} {
		out = append(out, connect.Header{Key: h[0], Schema: connect.StringSchema, Value: connect.String(h[1])})
	}
	return out
}
