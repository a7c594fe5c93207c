// SPDX-License-Identifier: Apache-2.0

package pgoutput

import (
	"encoding/binary"
	"time"

	"github.com/jackc/pglogrepl"
)

// LSN is a position in the write-ahead log, in bytes from its beginning. It is the
// type of pglogrepl, whose functions start and parse.
type LSN = pglogrepl.LSN

// Timestamp is a point in time as the server sends it: microseconds since
// 2000-01-01 00:00 UTC.
type Timestamp int64

// epochMicros is the zero Timestamp in microseconds since 1970.
const epochMicros = 946_684_800_000_000

// UnixMicro returns microseconds since 1970-01-01 00:00 UTC, as Debezium's ts_usec
// holds them.
func (t Timestamp) UnixMicro() int64 { return int64(t) + epochMicros }

// Time returns the point in time, in UTC.
func (t Timestamp) Time() time.Time { return time.UnixMicro(t.UnixMicro()).UTC() }

// TimestampOf returns at in the form of the server, without its nanoseconds.
func TimestampOf(at time.Time) Timestamp { return Timestamp(at.UnixMicro() - epochMicros) }

// FrameKind is the first byte of what the server sends in CopyData.
type FrameKind byte

const (
	// XLogData holds one message of the plugin.
	XLogData FrameKind = 'w'
	// Keepalive tells how far the server has read, and may ask for a status.
	Keepalive FrameKind = 'k'
)

// String returns the name that the documentation of PostgreSQL gives the frame.
func (k FrameKind) String() string {
	switch k {
	case XLogData:
		return "XLogData"
	case Keepalive:
		return "Primary keepalive"
	}
	return quote(byte(k))
}

const (
	xLogDataHeader = 1 + 8 + 8 + 8
	keepaliveSize  = 1 + 8 + 8 + 1
)

// Frame is one CopyData of the server.
type Frame struct {
	// Kind is what the frame is.
	Kind FrameKind
	// Start is the LSN of the message of XLogData; 0 for relations and types and in
	// a keepalive.
	Start LSN
	// End is the end of the log on the server as the walsender knows it. In a
	// keepalive it is how far the walsender has read: everything before it that
	// concerns the slot has been sent.
	End LSN
	// Time is the clock of the server when it sent the frame.
	Time Timestamp
	// ReplyRequested asks for a status at once, else the server may drop the
	// connection. Only in a keepalive.
	ReplyRequested bool
	// Data is the message of XLogData. It aliases the input.
	Data []byte
}

// Decode reads data, the content of a CopyData message, into f. After an error f is
// not to be used.
func (f *Frame) Decode(data []byte) error {
	if len(data) == 0 {
		return &Error{What: "frame", Rule: "is empty"}
	}
	*f = Frame{Kind: FrameKind(data[0])}
	switch f.Kind {
	case XLogData:
		if len(data) < xLogDataHeader {
			return truncated(f.Kind.String(), len(data), "header")
		}
		f.Start = LSN(binary.BigEndian.Uint64(data[1:]))
		f.End = LSN(binary.BigEndian.Uint64(data[9:]))
		f.Time = Timestamp(binary.BigEndian.Uint64(data[17:]))
		f.Data = data[xLogDataHeader:]
		return nil
	case Keepalive:
		if len(data) < keepaliveSize {
			return truncated(f.Kind.String(), len(data), "body")
		}
		if len(data) > keepaliveSize {
			return trailing(f.Kind.String(), keepaliveSize, len(data))
		}
		f.End = LSN(binary.BigEndian.Uint64(data[1:]))
		f.Time = Timestamp(binary.BigEndian.Uint64(data[9:]))
		f.ReplyRequested = data[17] != 0
		return nil
	}
	return &Error{What: "frame", Rule: "has unknown kind " + quote(data[0])}
}

// AppendStatus appends a standby status update, to be sent as the content of a
// CopyData message. write is how far the stream was received, flush how far it is
// durable: the server never sends again what is before flush, and removes it. Both
// are the LSN of the next byte wanted. apply is for the server's statistics, and is
// usually flush. All three are sent as they are; 0 confirms nothing. replyRequested
// asks the server for a keepalive.
func AppendStatus(dst []byte, write, flush, apply LSN, at time.Time, replyRequested bool) []byte {
	dst = append(dst, 'r')
	dst = binary.BigEndian.AppendUint64(dst, uint64(write))
	dst = binary.BigEndian.AppendUint64(dst, uint64(flush))
	dst = binary.BigEndian.AppendUint64(dst, uint64(apply))
	dst = binary.BigEndian.AppendUint64(dst, uint64(TimestampOf(at)))
	if replyRequested {
		return append(dst, 1)
	}
	return append(dst, 0)
}
