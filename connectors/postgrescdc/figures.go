// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"encoding/binary"
	"sync/atomic"
	"time"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connectors/postgrescdc/pgoutput"
)

var _ connect.Observer = (*task)(nil)

// figures are what the goroutines of a task leave for those that look at it.
type figures struct {
	// end is how far the server's WAL had been written when it last said so.
	end atomic.Uint64
	// commit is the time of the newest transaction that was read as a whole, in
	// microseconds since 1970; 0 before the first.
	commit atomic.Int64
	// spooled are the bytes of transactions in progress.
	spooled atomic.Int64
	// slot is the newest look at the slot, nil before the first.
	slot atomic.Pointer[slotLook]
	// waiting is since when the task has waited for a slot that another connection has, in
	// microseconds since 1970; 0 if it does not.
	waiting atomic.Int64

	// began is when the snapshot began, in microseconds since 1970; 0 for none.
	began               atomic.Int64
	done                atomic.Bool
	rows, bytes         atomic.Int64
	estimated           atomic.Int64 // rows of all tables, by the server's statistics
	tables, tablesAhead atomic.Int64
	// finished counts tables, while chunks are read; both belong to Poll.
	finished int64
	chunking bool
}

// Figures implements connect.Observer.
func (t *task) Figures() []connect.Figure {
	f := &t.figures
	out := []connect.Figure{
		{Name: "queue_bytes", Help: "Bytes of the replication stream that were read and are not worked off yet.", Value: float64(t.queue.size())},
	}
	if t.s.Slot.Streaming != streamingOff {
		out = append(out, connect.Figure{Name: "spool_bytes", Help: "Bytes of transactions in progress that are kept until they commit.", Value: float64(f.spooled.Load())})
	}
	look := f.slot.Load()
	if end := f.logEnd(look); end > 0 {
		acknowledged := t.stream.acknowledged.Load()
		out = append(out, connect.Figure{Name: "slot_lag_bytes", Help: "Bytes of WAL that the server has written and that are not acknowledged yet.", Value: float64(end - min(end, acknowledged))})
	}
	if at := f.commit.Load(); at > 0 {
		out = append(out, connect.Figure{Name: "last_event_seconds", Help: "Time of the newest transaction that was read, in seconds since the epoch.", Value: float64(at) / 1e6})
	}
	if look != nil {
		out = append(out, look.shown()...)
	}
	now := time.Now()
	return append(append(out, f.waited(now)), f.snapshot(now)...)
}

// logEnd is the end of the server's log, by the stream or by the newest look at the slot.
func (f *figures) logEnd(look *slotLook) uint64 {
	end := f.end.Load()
	if look != nil && look.slot != nil {
		end = max(end, uint64(look.slot.End))
	}
	return end
}

func (f *figures) waited(now time.Time) connect.Figure {
	out := connect.Figure{Name: "slot_waiting_seconds", Help: "How long the task has waited for a replication slot that another connection has; 0 if it does not wait."}
	if since := f.waiting.Load(); since > 0 {
		out.Value = max(now.Sub(time.UnixMicro(since)).Seconds(), 1e-3)
	}
	return out
}

// snapshot is how far a snapshot is; nothing if there is none.
func (f *figures) snapshot(now time.Time) []connect.Figure {
	began := f.began.Load()
	if began == 0 {
		return nil
	}
	rows, total := f.rows.Load(), f.estimated.Load()
	out := []connect.Figure{
		{Name: "snapshot_running", Help: "1 while tables are read, 0 when all are.", Value: map[bool]float64{true: 0, false: 1}[f.done.Load()]},
		{Name: "snapshot_rows", Help: "Rows that the snapshot has read.", Value: float64(rows)},
		{Name: "snapshot_bytes", Help: "Bytes of rows that the snapshot has read.", Value: float64(f.bytes.Load())},
		{Name: "snapshot_tables", Help: "Tables of the snapshot.", Value: float64(f.tables.Load())},
		{Name: "snapshot_tables_remaining", Help: "Tables of the snapshot that are not read to the end.", Value: float64(f.tablesAhead.Load())},
	}
	if total > rows && rows > 0 && !f.done.Load() {
		took := float64(now.UnixMicro()-began) / 1e6
		out = append(out, connect.Figure{Name: "snapshot_remaining_seconds", Help: "Time that the snapshot will still take, by the server's estimate of its rows.",
			Value: took / float64(rows) * float64(total-rows)})
	}
	return out
}

// beginSnapshot notes what is to be read.
func (f *figures) beginSnapshot(tables []capturedTable, now time.Time) {
	total := int64(0)
	for _, t := range tables {
		total += max(t.rows, 0)
	}
	f.rows.Store(0)
	f.bytes.Store(0)
	f.done.Store(false)
	f.estimated.Store(total)
	f.tables.Store(int64(len(tables)))
	f.tablesAhead.Store(int64(len(tables)))
	f.began.Store(now.UnixMicro())
}

// Places in frames of the stream: the end of the server's WAL, and the time in a COMMIT
// message behind type, flags, commit LSN and end LSN.
const (
	dataEndAt    = 1 + 8
	commitTimeAt = commitEndAt + 8
)

// sawFrame notes the server's position.
func (f *figures) sawFrame(b []byte) {
	if b[0] == frameData {
		f.end.Store(binary.BigEndian.Uint64(b[dataEndAt:]))
		return
	}
	f.end.Store(binary.BigEndian.Uint64(b[1:]))
}

// sawCommit notes the time of a COMMIT message.
func (f *figures) sawCommit(message []byte) {
	if len(message) >= commitTimeAt+8 {
		f.commit.Store(pgoutput.Timestamp(binary.BigEndian.Uint64(message[commitTimeAt:])).UnixMicro())
	}
}
