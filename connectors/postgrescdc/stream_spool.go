// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/connectd/connectd/connectors/postgrescdc/pgoutput"
	"github.com/connectd/connectd/connectors/postgrescdc/spool"
)

// inProgress keeps what the server streams of transactions that have not committed, and
// makes of each that commits the messages that it would be under protocol version 1. It
// belongs to the goroutine of the stream.
//
// What may be acknowledged meanwhile is not changed by it. A keepalive says that every
// transaction whose commit lies before its LSN has been sent, and a transaction that is
// in the spool commits behind it, wherever its changes lie: asked to start there, the
// server sends all of it again, from its first block. So a position may pass changes in
// the spool, and never passes their commit, which comes in order behind the replay.
type inProgress struct {
	spool *spool.Spool
	m     pgoutput.Decoder
	// block is the transaction whose block is open, 0 for none.
	block uint32
	// described counts relations as they come; newest are those that came outside of
	// the spool while something was in it, by table.
	described uint64
	newest    map[uint32]description
	// empties says that the server sends transactions of which nothing is published.
	empties bool
}

// description is a Relation message, and when it came.
type description struct {
	at   uint64
	data []byte
}

// spoolError is a failure of the spool: no new connection mends it.
type spoolError struct{ err error }

func (e *spoolError) Error() string {
	return e.err.Error() + "; nothing is lost, the server still has it: make room or set " + keyStreamingDir + ", or set " + slotStreaming.key + "=off"
}

// withoutRoom is called when a connection has ended. If that is because the spool is full,
// the next has no transactions in progress, as if slot.streaming were off: the server
// keeps them until they commit. The one after that has them again.
func (st *stream) withoutRoom(err error) bool {
	if st.plainRan {
		st.plain, st.plainRan = false, false
	}
	var local *spoolError
	if !errors.As(err, &local) || !spool.IsFull(local.err) {
		return false
	}
	st.plain = true
	st.log.Warn("there is no more room for transactions in progress; until this connection ends the server keeps them until they commit",
		"error", local.err, "bound", keyStreamingMost, "folder", keyStreamingDir)
	return true
}

func (e *spoolError) Unwrap() error { return e.err }

// openSpool makes the spool if transactions in progress are wanted.
func (st *stream) openSpool() error {
	if st.s.Slot.Streaming == streamingOff {
		spool.Clean(st.s.Slot.StreamingDir)
		return nil
	}
	s, err := spool.Open(spool.Options{Dir: st.s.Slot.StreamingDir, Most: st.s.Slot.StreamingMost})
	if err != nil {
		return &spoolError{err}
	}
	st.inProgress = &inProgress{spool: s}
	return nil
}

func (st *stream) closeSpool() {
	if st.inProgress == nil {
		return
	}
	if err := st.inProgress.spool.Close(); err != nil {
		st.log.Warn("the spool of transactions in progress cannot be removed", "error", err)
	}
	st.inProgress = nil
	st.figures.spooled.Store(0)
}

// streamingOptions are the version of the protocol and what goes with it. A server that
// does not know what is asked for gets what it knows: the records are the same.
func (st *stream) streamingOptions(major int) []string {
	mode := st.s.Slot.Streaming
	if mode == streamingParallel && major < 16 {
		mode = streamingOn
	}
	if major < 14 {
		mode = streamingOff
	}
	if st.plain {
		return []string{"proto_version '1'"}
	}
	if mode != st.s.Slot.Streaming && !st.toldStreaming {
		st.toldStreaming = true
		st.log.Warn("the server does not know this way of streaming; another is used, with the same records", "version", major, slotStreaming.key, st.s.Slot.Streaming, "used", mode)
	}
	switch mode {
	case streamingOn:
		return []string{"proto_version '2'", "streaming 'on'"}
	case streamingParallel:
		return []string{"proto_version '4'", "streaming 'parallel'"}
	}
	return []string{"proto_version '1'"}
}

// forget empties the spool: a new connection brings everything again.
func (p *inProgress) forget(major int) error {
	p.block, p.newest, p.empties = 0, nil, major < 15
	if err := p.spool.Reset(); err != nil {
		return &spoolError{err}
	}
	return nil
}

// streamed takes a message that belongs to a transaction in progress, and reports
// whether it is one. The message may be changed.
func (st *stream) streamed(ctx context.Context, c *chunk, at lsn, message []byte) (bool, error) {
	p := st.inProgress
	kind := pgoutput.Kind(message[0])
	switch kind {
	case pgoutput.KindStreamStart, pgoutput.KindStreamStop, pgoutput.KindStreamAbort, pgoutput.KindStreamCommit:
	case pgoutput.KindRelation:
		if p.block == 0 {
			p.describe(message)
			return false, nil
		}
		return true, p.keep(at, message)
	default:
		if p.block == 0 {
			return false, nil
		}
		return true, p.keep(at, message)
	}
	if _, err := p.m.Decode(message, false); err != nil {
		return true, fmt.Errorf("read stream at %s: %w", at, err)
	}
	if (p.block != 0) != (kind == pgoutput.KindStreamStop) {
		return true, fmt.Errorf("read stream at %s: a %s message while the block of transaction %d is open", at, kind, p.block)
	}
	defer func() { st.figures.spooled.Store(p.spool.Size()) }()
	switch kind {
	case pgoutput.KindStreamStart:
		return true, p.start(at)
	case pgoutput.KindStreamAbort:
		return true, p.abort()
	case pgoutput.KindStreamCommit:
		return true, st.replay(ctx, c, at)
	}
	p.block = 0
	return true, nil
}

// start opens a block.
func (p *inProgress) start(at lsn) error {
	s := &p.m.StreamStart
	p.block = s.XID
	if !s.First {
		if !p.spool.Has(s.XID) {
			return fmt.Errorf("read stream at %s: the first block of transaction %d is missing", at, s.XID)
		}
		return nil
	}
	if err := p.spool.Begin(s.XID); err != nil {
		return &spoolError{err}
	}
	return nil
}

// abort takes a subtransaction, or all of a transaction, out of the spool.
func (p *inProgress) abort() error {
	a := &p.m.StreamAbort
	if a.XID != a.SubXID {
		p.spool.Abort(a.XID, a.SubXID)
		return nil
	}
	return p.drop(a.XID)
}

func (p *inProgress) drop(xid uint32) error {
	err := p.spool.Drop(xid)
	if p.spool.Len() == 0 {
		p.newest = nil // whatever is spooled from now on comes later
	}
	if err != nil {
		return &spoolError{err}
	}
	return nil
}

// keep puts a message of the open block into the spool, without the transaction id that
// stands behind its kind. In place of its LSN, which is always 0, a relation has the
// number by which it came.
func (p *inProgress) keep(at lsn, message []byte) error {
	f := spool.Frame{Sub: p.block, LSN: uint64(at), Data: message}
	if pgoutput.Kind(message[0]) != pgoutput.KindOrigin {
		if len(message) < 1+4 {
			return fmt.Errorf("read stream at %s: a message of %d bytes in a block", at, len(message))
		}
		f.Sub = binary.BigEndian.Uint32(message[1:])
		message[4] = message[0]
		f.Data = message[4:]
	}
	if pgoutput.Kind(message[0]) == pgoutput.KindRelation {
		p.described++
		f.LSN = p.described
	}
	if err := p.spool.Append(p.block, f); err != nil {
		return &spoolError{err}
	}
	return nil
}

// describe notes a relation that goes past the spool.
func (p *inProgress) describe(message []byte) {
	if p.spool.Len() == 0 || len(message) < relationMinimum {
		return
	}
	p.described++
	p.note(relationID(message), description{p.described, message})
}

// note keeps the newest description of a table.
func (p *inProgress) note(id uint32, d description) {
	if p.newest == nil {
		p.newest = map[uint32]description{}
	}
	if p.newest[id].at < d.at {
		d.data = append([]byte(nil), d.data...)
		p.newest[id] = d
	}
}

// relationMinimum is how long a message must be to have a table.
const relationMinimum = 1 + 4

// relationID is the table of a Relation, Insert, Update or Delete outside of a block.
func relationID(message []byte) uint32 { return binary.BigEndian.Uint32(message[1:]) }

// framesPerLook is how many frames are replayed between two looks at the clock.
const framesPerLook = 1 << 10

// replay hands the transaction of a Stream Commit over and takes it out of the spool.
// Nothing is read from the connection meanwhile, but positions are reported.
func (st *stream) replay(ctx context.Context, c *chunk, at lsn) error {
	p := st.inProgress
	commit := p.m.Commit
	if !p.spool.Has(commit.XID) {
		return fmt.Errorf("read stream at %s: the transaction %d commits and has not begun", at, commit.XID)
	}
	r := replay{st: st, c: c, commit: &commit, held: map[uint32]description{}, overtaken: map[uint32]bool{}}
	var stopped error
	frames := 0
	err := p.spool.Replay(commit.XID, func(f *spool.Frame) error {
		r.frame(f)
		stopped = st.makeRoom(ctx, c)
		if frames++; stopped == nil && frames%framesPerLook == 0 && !time.Now().Before(st.due) {
			stopped = st.tick(ctx)
		}
		return stopped
	})
	if stopped != nil {
		return stopped
	}
	if err != nil {
		return &spoolError{err}
	}
	r.end(at)
	return p.drop(commit.XID)
}

// makeRoom hands a chunk over that is large enough, and waits until the queue takes more.
// What c points to is empty then.
func (st *stream) makeRoom(ctx context.Context, c *chunk) error {
	if c.size() < chunkTarget {
		return nil
	}
	return st.handOver(ctx, c)
}
