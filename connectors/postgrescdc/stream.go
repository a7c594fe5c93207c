// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync/atomic"
	"time"

	"github.com/jackc/pglogrepl"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/connectd/connectd/connect/backoff"
)

const (
	// chunkTarget is the size at which a chunk is handed over though there is more.
	chunkTarget = 256 << 10
	// ackPause is how long a moved position may wait until the server hears of it.
	ackPause = time.Second
	// leavePatience is how long the end of a session may take.
	leavePatience = 2 * time.Second
)

// stream reads the replication connection. One goroutine, that of run, owns the
// connection: it reads, answers keepalives and reports positions, also while nobody
// takes what it has read. Acknowledge may be called from any goroutine.
type stream struct {
	s     *settings
	log   *slog.Logger
	queue *queue
	// figures is told how far the server and the stream are.
	figures *figures
	// check is asked on each new connection, before the stream starts: is this still
	// the server and the slot that the place belongs to?
	check func(ctx context.Context, conn *pgconn.PgConn) error
	// held, if set, is asked when the connection has the slot: has it moved beyond from
	// since then?
	held func(ctx context.Context, conn *pgconn.PgConn, from lsn) error

	// acknowledged is the newest position that is in a committed offset.
	acknowledged atomic.Uint64
	// next is where a new session asks the stream to start.
	next lsn

	// live is the connection while its stream runs, and reply asks that the server is
	// asked for a keepalive: for poke.
	live  atomic.Pointer[net.Conn]
	reply atomic.Bool

	conn *pgconn.PgConn
	wire *wire
	pace pace
	due  time.Time
	// pings are the answers that the server has asked for since pingStart.
	pings     int
	pingStart time.Time
	open      bool // between BEGIN and COMMIT

	// inProgress is nil if transactions are sent when they have committed.
	inProgress *inProgress
	// toldStreaming says that the log has what the server cannot do.
	toldStreaming bool
	// plain says that there was no room for transactions in progress: they are not asked
	// for until a connection without them, which plainRan tells of, has ended.
	plain, plainRan bool
	wait            slotWait
	// silence is how long nothing has come; began is when the connection did.
	silence silence
	began   time.Time
	// timeline is that of the session's server, 0 if it is a standby.
	timeline int64
	// standby says that the session began on a standby, and leaving that it is one no more.
	standby, leaving atomic.Bool
}

// acknowledge raises the position that is reported as flushed.
func (st *stream) acknowledge(to lsn) {
	for {
		old := st.acknowledged.Load()
		if uint64(to) <= old || st.acknowledged.CompareAndSwap(old, uint64(to)) {
			return
		}
	}
}

// poke asks the server how far it is. The answer comes as a keepalive, once everything
// before has been read. It may be called from any goroutine.
func (st *stream) poke() {
	st.reply.Store(true)
	if c := st.live.Load(); c != nil {
		_ = (*c).SetReadDeadline(time.Unix(1, 0))
	}
}

// promoted tells that the server is a primary. A session that began when it was a
// standby ends. It may be called from any goroutine.
func (st *stream) promoted() {
	if st.standby.CompareAndSwap(true, false) {
		st.leaving.Store(true)
		st.poke()
	}
}

// run reads until ctx ends, through as many connections as it takes. It puts every
// error that does not pass by itself into the queue.
func (st *stream) run(ctx context.Context) {
	p := pauses{least: 100 * time.Millisecond, most: st.s.Slot.RetryDelay}
	if err := st.openSpool(); err != nil {
		st.queue.fail(err)
		return
	}
	defer st.closeSpool()
	for ctx.Err() == nil {
		started := time.Now()
		err := st.session(ctx)
		if ctx.Err() != nil {
			return
		}
		if st.withoutRoom(err) {
			continue
		}
		if errors.Is(err, errRenewed) {
			st.log.Info("the replication connection has lived long enough; another is opened", "lived", time.Since(started).Round(time.Second))
			continue
		}
		if time.Since(started) > p.most {
			p.reset()
		}
		if !passes(err) || p.exhausted(st.s.Runtime.MaxRetries) {
			st.queue.fail(fmt.Errorf("read replication slot %q: %w", st.s.Slot.Name, explained(err, st.s.Slot.Name)))
			return
		}
		pause := p.next()
		var busy *busyError
		if errors.As(err, &busy) {
			st.wait.waits(st.log, st.figures, busy, pause, time.Now())
		} else {
			st.log.Warn("the replication connection ended; it is opened again", "error", err, "pause", pause)
		}
		if !backoff.Wait(ctx, pause) {
			return
		}
	}
}

// session is the life of one connection.
func (st *stream) session(ctx context.Context) error {
	st.due = time.Time{} // nothing is reported before the stream has begun
	if err := st.dial(ctx); err != nil {
		return err
	}
	defer st.leave()
	if err := st.check(ctx, st.conn); err != nil {
		return err
	}
	if err := st.begin(ctx); err != nil {
		return err
	}
	st.open = false
	if st.inProgress != nil {
		if err := st.inProgress.forget(serverMajor(st.conn)); err != nil {
			return err
		}
		st.figures.spooled.Store(0)
	}
	c := st.queue.fresh()
	c.add(itemRestart, st.next, binary.BigEndian.AppendUint64(nil, uint64(st.timeline)))
	st.queue.put(c)

	conn := st.conn.Conn()
	wake := context.AfterFunc(ctx, func() { _ = conn.SetReadDeadline(time.Unix(1, 0)) })
	defer wake()
	st.began = time.Now()
	st.silence.begin(st.s.Server.Silence, st.next, st.began)
	st.live.Store(&conn)
	defer st.live.Store(nil)
	return st.read(ctx)
}

// dial opens the connection with a read buffer of our own.
func (st *stream) dial(ctx context.Context) error {
	config, err := st.s.replicationConfig()
	if err != nil {
		return err
	}
	config.BuildFrontend = func(r io.Reader, w io.Writer) *pgproto3.Frontend {
		st.wire = newWire(r)
		return pgproto3.NewFrontend(st.wire, w)
	}
	if st.conn, err = pgconn.ConnectConfig(ctx, &config.Config); err != nil {
		return fmt.Errorf("connect for replication: %w", err)
	}
	return nil
}

// begin starts the stream.
func (st *stream) begin(ctx context.Context) error {
	o := pglogrepl.StartReplicationOptions{Mode: pglogrepl.LogicalReplication, PluginArgs: st.options()}
	err := pglogrepl.StartReplication(ctx, st.conn, st.s.Slot.Name, st.next, o)
	if err != nil {
		return fmt.Errorf("start replication at %s: %w", st.next, st.gone(ctx, st.s.busy(ctx, st.conn, err)))
	}
	if st.held != nil {
		if err := st.held(ctx, st.conn, st.next); err != nil {
			return err
		}
	}
	st.plainRan = st.plain
	if waited := st.wait.over(st.figures); waited > 0 {
		st.log.Info("the replication slot has become free; the task goes on", "waited", waited.Round(time.Millisecond))
	}
	return st.report()
}

func (st *stream) options() []string {
	major := serverMajor(st.conn)
	o := append(st.streamingOptions(major), "publication_names "+quoteLiteral(quoteIdent(st.s.Publication.Name)))
	if major >= 14 {
		o = append(o, "messages 'true'")
	}
	for _, p := range st.s.Slot.Params {
		o = append(o, quoteIdent(p.Name)+" "+quoteLiteral(p.Value))
	}
	return o
}

// read fills chunks and hands each over when the connection has no more at hand.
func (st *stream) read(ctx context.Context) error {
	c := st.queue.fresh()
	defer func() { st.queue.put(c) }()
	for {
		if c.size() >= chunkTarget || len(c.items) > 0 && st.wire.drained() {
			st.queue.put(c)
			c = st.queue.fresh()
			if err := st.hold(ctx); err != nil {
				return err
			}
			if st.wire.drained() {
				st.pace.linger()
			}
		}
		err := st.receive(ctx, c)
		if isTimeout(err) {
			if err = st.listen(time.Now()); err == nil {
				err = st.tick(ctx)
			}
		}
		if err != nil {
			return err
		}
	}
}

// receive takes the next message of the connection. Rows come straight from the read
// buffer, all else through the library.
func (st *stream) receive(ctx context.Context, c *chunk) error {
	b, err := st.wire.copyData()
	switch {
	case b != nil:
		st.pace.saw(len(b))
		return st.copyData(ctx, c, b)
	case isTimeout(err):
		return err
	}
	msg, err := st.conn.ReceiveMessage(context.Background()) // tells an error again
	if err != nil {
		return err
	}
	return st.message(ctx, c, msg)
}

// hold waits until the queue has room. Meanwhile nothing is read, but positions are
// reported, so that the server does not take the connection for dead.
func (st *stream) hold(ctx context.Context) error {
	for st.queue.full() {
		timer := time.NewTimer(time.Until(st.due))
		select {
		case <-st.queue.room:
		case <-timer.C:
		case <-ctx.Done():
		}
		timer.Stop()
		if ctx.Err() != nil || !time.Now().Before(st.due) {
			if err := st.tick(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// tick reports the position when it is time to, or when it has moved.
func (st *stream) tick(ctx context.Context) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if st.leaving.Swap(false) {
		return errPromoted
	}
	return st.report()
}

// message handles one message of the connection.
func (st *stream) message(ctx context.Context, c *chunk, msg pgproto3.BackendMessage) error {
	switch m := msg.(type) {
	case *pgproto3.CopyData:
		return st.copyData(ctx, c, m.Data)
	case *pgproto3.ErrorResponse:
		return pgconn.ErrorResponseToPgError(m)
	case *pgproto3.NoticeResponse, *pgproto3.ParameterStatus:
		return nil
	case *pgproto3.CopyDone, *pgproto3.CommandComplete, *pgproto3.ReadyForQuery:
		return errServerLeaves
	}
	return fmt.Errorf("read replication stream: unexpected message %T", msg)
}

var errServerLeaves = errors.New("the server ended the replication stream")

const (
	frameData      = 'w'
	frameKeepalive = 'k'
	dataHeader     = 1 + 8 + 8 + 8
	keepaliveSize  = 1 + 8 + 8 + 1
)

// copyData takes one frame of the stream: data, or a keepalive.
func (st *stream) copyData(ctx context.Context, c *chunk, b []byte) error {
	if len(b) == 0 {
		return errors.New("read replication stream: empty frame")
	}
	switch {
	case b[0] == frameData && len(b) > dataHeader:
		st.figures.sawFrame(b)
		return st.data(ctx, c, lsn(binary.BigEndian.Uint64(b[1:])), b[dataHeader:])
	case b[0] == frameKeepalive && len(b) >= keepaliveSize:
		st.figures.sawFrame(b)
		if end := lsn(binary.BigEndian.Uint64(b[1:])); !st.open {
			st.next = max(st.next, end)
			c.keepalive(end)
		}
		if b[keepaliveSize-1] != 0 {
			return st.pinged()
		}
		return nil
	}
	return fmt.Errorf("read replication stream: frame %q of %d bytes is not known or too short", b[0], len(b))
}

// data takes one message of the output plugin.
func (st *stream) data(ctx context.Context, c *chunk, at lsn, message []byte) error {
	if st.inProgress != nil {
		if taken, err := st.streamed(ctx, c, at, message); taken || err != nil {
			return err
		}
	}
	st.follow(message)
	return st.add(ctx, c, at, message)
}

// pingsToLeave is how many answers the server may want within a second.
const pingsToLeave = 200

// pinged answers the server. One that is shutting down asks again and again until
// everything it has sent is committed, and does not end before; then the connection is
// given up, and the next one goes on from where the offsets are.
func (st *stream) pinged() error {
	if now := time.Now(); now.Sub(st.pingStart) > time.Second {
		st.pings, st.pingStart = 0, now
	}
	if st.pings++; st.pings > pingsToLeave {
		return errServerLeaves
	}
	return st.report()
}

// keepalive adds a keepalive, or moves the one that is the last item.
func (c *chunk) keepalive(end lsn) {
	if n := len(c.items); n > 0 && c.items[n-1].kind == itemKeepalive {
		c.items[n-1].at = end
		return
	}
	c.add(itemKeepalive, end, nil)
}

// Places in a COMMIT message: type, flags, commit LSN, end LSN.
const (
	commitEndAt   = 1 + 1 + 8
	commitMinimum = commitEndAt + 8
)

// follow keeps the place at which the next session has to start: behind the newest
// transaction that was read as a whole.
func (st *stream) follow(message []byte) {
	switch message[0] {
	case 'B':
		st.open = true
	case 'C':
		st.open = false
		st.figures.sawCommit(message)
		if len(message) >= commitMinimum {
			st.next = lsn(binary.BigEndian.Uint64(message[commitEndAt:]))
		}
	}
}

// report tells the server how far whole transactions have been read, and how far the
// offsets have been committed: only the latter moves the slot. All three positions are
// said explicitly.
func (st *stream) report() error {
	to := lsn(st.acknowledged.Load())
	err := pglogrepl.SendStandbyStatusUpdate(context.Background(), st.conn, pglogrepl.StandbyStatusUpdate{
		WALWritePosition: max(to, st.next), WALFlushPosition: to, WALApplyPosition: to, ReplyRequested: st.reply.Swap(false),
	})
	if err != nil {
		return fmt.Errorf("report position %s: %w", to, err)
	}
	st.due = time.Now().Add(min(ackPause, st.s.Slot.StatusInterval))
	return st.conn.Conn().SetReadDeadline(st.due)
}

// leave ends the session: the newest position is reported once more, and the server
// is told that the stream ends, so that the slot is free at once.
func (st *stream) leave() {
	defer func() {
		ctx, cancel := context.WithTimeout(context.Background(), leavePatience)
		_ = st.conn.Close(ctx)
		cancel()
	}()
	if st.conn.IsClosed() || st.due.IsZero() {
		return
	}
	_ = st.conn.Conn().SetDeadline(time.Now().Add(leavePatience))
	if st.report() != nil {
		return
	}
	_ = st.conn.Conn().SetDeadline(time.Now().Add(leavePatience))
	st.conn.Frontend().Send(&pgproto3.CopyDone{})
	_ = st.conn.Frontend().Flush()
	for {
		msg, err := st.conn.ReceiveMessage(context.Background())
		if err != nil {
			return
		}
		if _, ok := msg.(*pgproto3.CommandComplete); ok {
			return // the server has let go of the slot
		}
	}
}

func isTimeout(err error) bool {
	var n net.Error
	return errors.As(err, &n) && n.Timeout()
}
