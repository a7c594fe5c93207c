// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/backoff"
)

// task is the only task of a connector. Poll, with what it calls, is for one goroutine;
// Position and Commit may run beside it. The goroutine of reader owns the replication
// connection, and the connection for the catalog belongs to Poll.
type task struct {
	s       *settings
	log     *slog.Logger
	emitter *emitter
	decoder *decoder
	queue   *queue
	stream  *stream
	figures figures
	// snapshot is nil if none is wanted, or if it is done.
	snapshot *snapshotReader

	cancel  context.CancelFunc
	wg      sync.WaitGroup
	catalog *pgx.Conn
	// chunks reads incremental snapshots for what is asked for; chunkReady wakes Poll when
	// it has.
	chunks     chunkReader
	chunkAsked chan *chunkWindow
	chunkReady chan struct{}
	chunkPause time.Time
	repeated   repeatedChunk
	blocking   blockingLine
	desk       signalDesk
	// worker are the client properties of the worker's own cluster.
	worker map[string]string
	// snapshotAgain is when a snapshot that broke off goes on.
	snapshotAgain time.Time
	// catalogPauses grow while the catalog cannot be asked.
	catalogPauses pauses

	// chunk is being worked off, up to its item next.
	chunk *chunk
	next  int
	// refused is the error of the message that cannot be worked off: nothing comes behind it.
	refused error
	// reported is the place of the newest position that went out; progressAt is when one
	// without a record last went out.
	reported   lsn
	progressAt time.Time
	heartbeat  time.Time
	// committed is what incremental snapshots have to read by the newest committed offset;
	// owes says that the place has something that must get there soon.
	committed atomic.Pointer[incremental]
	owes      bool
	// abortTold is the snapshot of which a notification has said that it broke off.
	abortTold *snapshotReader
	// lookedAt is when new tables were last looked for, and lookEvery how often they are.
	lookedAt  time.Time
	lookEvery time.Duration
	// watchEvery is how often the slot is looked at; 0 for the usual.
	watchEvery time.Duration
	// triedAnew says that the tables could not be read again at once behind a gap.
	triedAnew bool
	// unwatched says that the user may not have the connection that this takes.
	unwatched bool
}

// Start checks that the server has what the committed offset needs, and begins to read
// behind it.
func (t *task) Start(ctx context.Context, c connect.SourceTaskContext) error {
	s, errs := parseSettings(c.Config)
	if err := errs.OrNil(); err != nil {
		return err
	}
	t.s, t.log, t.worker = s, c.Log, c.Kafka
	t.catalogPauses = pauses{least: 100 * time.Millisecond, most: s.Slot.RetryDelay}
	t.queue = newQueue(int(s.Runtime.QueueBytes))
	stored, err := storedPlace(ctx, c, s.Topics.Prefix)
	if err != nil {
		return err
	}
	if err := t.prepare(ctx, c, stored); err != nil {
		if passes(err) {
			return connect.Retriable(err)
		}
		return err
	}
	return nil
}

// storedPlace is the committed offset, nil if there is none.
func storedPlace(ctx context.Context, c connect.SourceTaskContext, prefix string) (*place, error) {
	found, err := c.Offsets(ctx, []connect.Value{sourcePartition(prefix)})
	if err != nil {
		return nil, fmt.Errorf("read committed offset: %w", err)
	}
	if len(found) == 0 || found[0].IsNull() {
		return nil, nil
	}
	p, err := parseOffset(found[0])
	if err != nil {
		return nil, err
	}
	return &p, nil
}

// prepare does everything that must be done before the first row can be read, and
// starts the reader.
func (t *task) prepare(ctx context.Context, c connect.SourceTaskContext, stored *place) error {
	conn, err := t.openCatalog(ctx)
	if err != nil {
		return err
	}
	types, err := loadTypes(ctx, conn)
	if err != nil {
		return err
	}
	t.emitter = newEmitter(t.s, c, types, t.openCatalog)
	t.decoder = &decoder{e: t.emitter}
	tables, err := t.s.capturedTables(ctx, conn.PgConn())
	if err == nil {
		err = t.guard(tables)
	}
	if err == nil {
		err = t.preflight(ctx, conn, tables, stored)
	}
	if err == nil {
		err = t.s.setIdentities(ctx, conn.PgConn(), t.log, tables)
	}
	var found []capturedTable
	if err == nil {
		found, err = t.s.preparePublication(ctx, conn.PgConn(), t.log, tables, stored != nil && t.readsNew())
	}
	if err != nil {
		return err
	}
	repl, err := t.s.dialReplication(ctx)
	if err != nil {
		return err
	}
	tables = slices.DeleteFunc(tables, func(c capturedTable) bool { return slices.ContainsFunc(found, c.is) })
	start, err := t.beginAt(ctx, conn, repl, tables, stored)
	if err != nil || start.exported == "" {
		hangUp(repl)
	}
	if err != nil {
		return err
	}
	if stored != nil { // also if the tables are read again: no signal comes twice
		start.place.channels = stored.channels
	}
	t.launch(ctx, repl, start)
	t.committed.Store(t.emitter.place.incremental)
	t.takeIn(found)
	return nil
}

// beginAt begins if repl leads to the server of conn.
func (t *task) beginAt(ctx context.Context, conn *pgx.Conn, repl *pgconn.PgConn, tables []capturedTable, stored *place) (*beginning, error) {
	other, err := sameServer(ctx, conn.PgConn(), repl)
	if err != nil {
		return &beginning{}, err
	}
	if other != nil {
		return &beginning{}, &startError{findings: []finding{*other}}
	}
	return t.begin(ctx, repl, tables, stored)
}

// openCatalog returns the connection for questions to the catalog, and opens it anew if
// it is gone.
func (t *task) openCatalog(ctx context.Context) (*pgx.Conn, error) {
	if t.catalog != nil && !t.catalog.IsClosed() {
		return t.catalog, nil
	}
	conn, err := t.s.openSQL(ctx, roleCatalog)
	if err != nil {
		return nil, err
	}
	t.catalog = conn
	return t.catalog, nil
}

// launch starts the goroutine that reads: first the snapshot, if there is one, then the
// stream. It owns repl if a snapshot is exported there.
func (t *task) launch(ctx context.Context, repl *pgconn.PgConn, start *beginning) {
	e := t.emitter
	if start.place.channels == nil {
		start.place.channels = e.place.channels
	}
	if !t.s.Notices.on() {
		start.place.owed = nil
	}
	start.place.refit(t.s.Topics.SchemaChanges != "", t.s.Format.Transactions)
	e.place, e.micros = start.place, start.place.micros
	t.reported = start.place.end
	if t.stream == nil { // others look at it: it stays the same
		t.stream = &stream{s: t.s, log: t.log, queue: t.queue, figures: &t.figures}
	}
	t.stream.next, t.stream.check, t.stream.held = start.place.end, t.checkSession(start.place), t.checkHeld
	t.stream.acknowledge(start.place.end)
	t.snapshot = start.snapshot
	// The reader lives until Stop, not until the end of Start.
	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	t.cancel = cancel
	t.chunks = chunkReader{s: t.s, log: t.log, schemas: e.schemas}
	t.chunkAsked, t.chunkReady = make(chan *chunkWindow, 1), make(chan struct{}, 1)
	t.heartbeat, t.lookedAt = e.now(), e.now()
	if t.lookEvery == 0 {
		t.lookEvery = lookForTables
	}
	t.blocking = blockingLine{asked: make(chan *blockingRun, 1), ready: make(chan struct{}, 1)}
	t.wg.Go(func() { t.blocking.read(running) })
	t.wg.Go(func() { t.watch(running) })
	t.wg.Go(func() { t.readChunks(running) })
	t.wg.Go(func() { t.read(running, repl, start) })
	t.watchChannels(running)
}

// watch is the goroutine that looks at the slot.
func (t *task) watch(ctx context.Context) {
	if t.unwatched {
		return
	}
	every := t.watchEvery
	if every == 0 {
		every = watchEvery
	}
	w := slotWatch{s: t.s, log: t.log, figures: &t.figures, every: every, promoted: t.stream.promoted}
	w.run(ctx)
}

// read is the goroutine of the reader.
func (t *task) read(ctx context.Context, repl *pgconn.PgConn, start *beginning) {
	if start.snapshot != nil {
		err := start.snapshot.run(ctx, repl)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			t.queue.fail(fmt.Errorf("read snapshot: %w", err))
			return
		}
		if !backoff.Wait(ctx, t.s.Snapshot.StreamDelay) {
			return
		}
	}
	if t.s.streams() {
		t.wg.Go(func() { t.actHeartbeats(ctx) })
		t.stream.run(ctx)
	}
}

// streams reports whether changes are read at all.
func (s *settings) streams() bool {
	sn := &s.Snapshot
	return sn.Mode != snapshotInitialOnly && (sn.Mode != snapshotConfigured || sn.Stream)
}

// checkSession is asked on each new replication connection. The slot must not have moved
// beyond what is acknowledged, and the server must be the one of the first session.
func (t *task) checkSession(first place) func(ctx context.Context, conn *pgconn.PgConn) error {
	known := first.timeline // the newest that could be said
	return func(ctx context.Context, conn *pgconn.PgConn) error {
		p := first
		p.end = max(p.end, t.stream.next)
		if err := t.s.fits(ctx, conn, &p); err != nil {
			return err
		}
		t.tellTimeline(known, &p)
		if p.timeline != 0 {
			known = p.timeline
		}
		first.timeline, t.stream.timeline = p.timeline, p.timeline
		t.stream.standby.Store(p.timeline == 0)
		return nil
	}
}

// tellTimeline logs that a place is on another timeline than it was on before.
func (t *task) tellTimeline(was int64, p *place) {
	if was != 0 && p.timeline != 0 && was != p.timeline {
		t.log.Warn("the server was promoted or restored: it is on another timeline, which has everything up to the position", "was", was, "is", p.timeline, "position", p.end.String())
	}
}

// Position is the offset of a record.
func (t *task) Position(b *connect.Batch, i int) connect.Position {
	p := placeOf(b, i)
	return connect.Position{Partition: b.Tag.(*batchTag).partition, Offset: p.offset()}
}

// Commit moves the position that the server hears of: behind the newest transaction that
// is complete in a committed offset. Under lsn.flush.mode=manual nothing is moved.
func (t *task) Commit(_ context.Context, ps []connect.Position) error {
	for _, pos := range ps {
		p, err := parseOffset(pos.Offset)
		if err != nil {
			return err
		}
		t.committed.Store(p.incremental)
		t.desk.safe(p.channels.direct())
		t.desk.topicSafe(p.channels)
		if t.s.Slot.Flush {
			t.stream.acknowledge(p.end)
		}
	}
	return nil
}

// Stop ends the reader and closes all connections.
func (t *task) Stop(ctx context.Context) error {
	t.desk.close()
	if t.cancel != nil {
		t.cancel()
	}
	t.wg.Wait()
	t.abandoned()
	if t.catalog != nil {
		hangUp(t.catalog.PgConn())
		t.catalog = nil
	}
	if t.emitter != nil {
		t.emitter.reselect.close()
	}
	if t.s == nil || !t.s.Slot.DropOnStop || t.stream == nil {
		return nil
	}
	return t.dropOwnSlot(ctx)
}

func (t *task) dropOwnSlot(ctx context.Context) error {
	conn, err := t.s.dialReplication(ctx)
	if err != nil {
		return err
	}
	defer hangUp(conn)
	return dropSlot(ctx, conn, t.s.Slot.Name)
}
