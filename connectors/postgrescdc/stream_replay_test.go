// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/connectd/connectd/connectors/postgrescdc/pgoutput"
)

// spoolWire is a stream with a spool and no connection, which messages are given to.
type spoolWire struct {
	t  testing.TB
	st *stream
	c  *chunk
	at lsn
}

func newSpoolWire(t testing.TB, major int) *spoolWire {
	t.Helper()
	s := &settings{Slot: slotSettings{Streaming: streamingParallel, StreamingDir: t.TempDir()}}
	st := &stream{s: s, log: testLog(), queue: newQueue(1 << 30), figures: &figures{}, conn: &pgconn.PgConn{}}
	if err := st.openSpool(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(st.closeSpool)
	if err := st.inProgress.forget(major); err != nil {
		t.Fatal(err)
	}
	return &spoolWire{t: t, st: st, c: &chunk{}}
}

// try gives one message; its LSN is the number of the message.
func (w *spoolWire) try(kind byte, fields ...any) error {
	b := w.encode(kind, fields...)
	w.at++
	return w.st.data(context.Background(), w.c, w.at, b)
}

func (w *spoolWire) encode(kind byte, fields ...any) []byte {
	w.t.Helper()
	b := []byte{kind}
	for _, f := range fields {
		switch v := f.(type) {
		case string:
			b = append(b, v...)
		case int: // a byte
			b = append(b, byte(v))
		default:
			var err error
			if b, err = binary.Append(b, binary.BigEndian, v); err != nil {
				w.t.Fatal(err)
			}
		}
	}
	return b
}

// message is one of a block.
type message struct {
	kind   byte
	fields []any
}

// inserting is a message that inserts a row of one column.
func inserting(sub uint32, value string) message {
	return message{'I', []any{sub, uint32(7), "N", uint16(1), "t", uint32(len(value)), value}}
}

// describing is a message that describes the table, with one column of this name.
func describing(sub uint32, column string) message {
	return message{'R', []any{sub, uint32(7), "public\x00t\x00d", uint16(1), 0, column + "\x00", uint32(25), uint32(0)}}
}

func (w *spoolWire) send(kind byte, fields ...any) {
	w.t.Helper()
	if err := w.try(kind, fields...); err != nil {
		w.t.Fatal(err)
	}
}

// open begins a block, of a transaction that has had none if it is the first.
func (w *spoolWire) open(xid uint32, first bool, messages ...message) {
	w.t.Helper()
	flag := 0
	if first {
		flag = 1
	}
	w.send('S', xid, flag)
	for _, m := range messages {
		w.send(m.kind, m.fields...)
	}
}

// first sends the first block of a transaction, and more another.
func (w *spoolWire) first(xid uint32, messages ...message) {
	w.t.Helper()
	w.open(xid, true, messages...)
	w.send('E')
}

func (w *spoolWire) more(xid uint32, messages ...message) {
	w.t.Helper()
	w.open(xid, false, messages...)
	w.send('E')
}

// describe describes the table outside of all transactions.
func (w *spoolWire) describe(column string) {
	w.t.Helper()
	w.send('R', describing(0, column).fields[1:]...)
}

// abort rolls back a subtransaction, or the transaction if it names it again.
func (w *spoolWire) abort(xid, sub uint32) { w.send('A', xid, sub) }

func (w *spoolWire) commit(xid uint32, at uint64) { w.send('c', xid, 0, at, at+8, uint64(1)) }

// result decodes what has been handed over, and empties it.
func (w *spoolWire) result() string {
	w.t.Helper()
	var d pgoutput.Decoder
	var out []string
	for i := range w.c.items {
		it := &w.c.items[i]
		kind, err := d.Decode(w.c.bytes(it), false)
		if err != nil {
			w.t.Fatal(err)
		}
		text := string(rune(kind))
		switch kind {
		case pgoutput.KindBegin:
			text = fmt.Sprintf("B%d@%d", d.Begin.XID, d.Begin.FinalLSN)
		case pgoutput.KindCommit:
			text = fmt.Sprintf("C@%d", d.Commit.EndLSN)
		case pgoutput.KindRelation:
			text = fmt.Sprintf("R%d.%s", d.Relation.ID, d.Relation.Columns[0].Name)
		case pgoutput.KindInsert:
			text = fmt.Sprintf("I%d.%s", d.Change.RelationID, d.Change.New[0].Data)
		case pgoutput.KindTruncate:
			text = fmt.Sprintf("T%v", d.Truncate.RelationIDs)
		}
		out = append(out, fmt.Sprintf("%s/%d", text, it.at))
	}
	*w.c = chunk{}
	return strings.Join(out, " ")
}

func (w *spoolWire) want(text string) {
	w.t.Helper()
	if got := w.result(); got != text {
		w.t.Errorf("what comes out is\n%s, want\n%s", got, text)
	}
}

func TestReplay(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		do   func(w *spoolWire)
		want string
	}{
		{"blocks of two transactions", func(w *spoolWire) {
			w.first(1, describing(1, "v"), inserting(1, "a"))
			w.first(2, describing(2, "v"), inserting(2, "b"))
			w.more(1, inserting(1, "c"))
			w.commit(2, 100)
			w.commit(1, 200)
		}, "B2@100/7 R7.v/0 I7.b/7 C@108/12 B1@200/3 R7.v/0 I7.a/3 I7.c/10 C@208/13"},
		{"one that is described by a subtransaction that is rolled back", func(w *spoolWire) {
			w.first(1, describing(2, "v"), inserting(2, "gone"))
			w.send('A', uint32(1), uint32(2), uint64(5), uint64(6))
			w.more(1, inserting(1, "a"))
			w.commit(1, 100)
		}, "B1@100/7 R7.v/0 I7.a/7 C@108/9"},
		{"a change of the table that is rolled back", func(w *spoolWire) {
			w.first(1, describing(1, "v"), inserting(1, "a"), describing(2, "other"), inserting(2, "gone"))
			w.abort(1, 2)
			w.more(1, describing(1, "v"), message{'T', []any{uint32(1), uint32(2), 0, uint32(7), uint32(8)}})
			w.commit(1, 100)
		}, "B1@100/3 R7.v/0 I7.a/3 R7.v/0 T[7 8]/10 C@108/12"},
		{"nothing is left but what the server takes for known", func(w *spoolWire) {
			w.first(1, describing(2, "v"), inserting(2, "gone"))
			w.abort(1, 2)
			w.commit(1, 100)
		}, "R7.v/0"},
		{"aborted as a whole", func(w *spoolWire) {
			w.first(1, describing(1, "v"), inserting(1, "gone"))
			w.abort(1, 1)
		}, ""},
		{"begun again", func(w *spoolWire) {
			w.first(1, inserting(1, "gone"))
			w.first(1, inserting(1, "a"))
			w.commit(1, 100)
		}, "B1@100/5 I7.a/5 C@108/7"},
		{"from another server", func(w *spoolWire) {
			w.first(1, message{'O', []any{uint64(0), "there\x00"}}, inserting(2, "gone"), inserting(1, "a"))
			w.abort(1, 2)
			w.commit(1, 100)
		}, "B1@100/0 O/4 I7.a/4 C@108/7"},
		{"a newer description from outside", func(w *spoolWire) {
			w.first(1, describing(1, "old"), inserting(1, "a"))
			w.describe("new")
			w.commit(1, 100)
		}, "R7.new/5 B1@100/3 R7.old/0 I7.a/3 R7.new/0 C@108/6"},
		{"a newer description from outside, and then a newer one inside", func(w *spoolWire) {
			w.first(1, describing(1, "old"), inserting(1, "a"))
			w.describe("new")
			w.more(1, describing(1, "newest"), inserting(1, "b"))
			w.commit(1, 100)
		}, "R7.new/5 B1@100/3 R7.old/0 I7.a/3 R7.newest/0 I7.b/8 C@108/10"},
		{"a newer description from another that committed before", func(w *spoolWire) {
			w.first(1, describing(1, "old"), inserting(1, "a"))
			w.first(2, describing(2, "new"), inserting(2, "b"))
			w.commit(2, 100)
			w.commit(1, 200)
		}, "B2@100/7 R7.new/0 I7.b/7 C@108/9 B1@200/3 R7.old/0 I7.a/3 R7.new/0 C@208/10"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newSpoolWire(t, 16)
			c.do(w)
			w.want(c.want)
			if n := w.st.inProgress.spool.Len(); n != 0 {
				t.Errorf("%d transactions are left", n)
			}
			if w.st.open || w.st.figures.spooled.Load() != 0 {
				t.Errorf("in the end a transaction is open: %t, and %d bytes are in the spool", w.st.open, w.st.figures.spooled.Load())
			}
		})
	}
}

// TestReplayMovesTheStart looks at where a new session would start.
func TestReplayMovesTheStart(t *testing.T) {
	t.Parallel()
	w := newSpoolWire(t, 16)
	for i, want := range []lsn{0, 108, 208} {
		xid := uint32(i + 1)
		row := inserting(xid, "a")
		if i == 2 { // nothing is left of it
			row = inserting(99, "gone")
		}
		w.first(xid, row)
		w.abort(xid, 99)
		if i == 0 {
			w.abort(xid, xid)
			continue
		}
		w.commit(xid, uint64(i*100))
		if w.st.next != want {
			t.Errorf("behind transaction %d a session starts at %d, want %d", i, w.st.next, want)
		}
	}
}

// TestEmptyTransactionsOfOldServers: under protocol version 1 they send a pair of BEGIN
// and COMMIT.
func TestEmptyTransactionsOfOldServers(t *testing.T) {
	t.Parallel()
	w := newSpoolWire(t, 14)
	w.first(1)
	w.commit(1, 100)
	w.want("B1@100/3 C@108/3")
}

func TestStreamIsOutOfOrder(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		do   func(w *spoolWire) error
		want string
	}{
		{"block in a block", func(w *spoolWire) error {
			w.open(1, true)
			return w.try('S', uint32(2), 1)
		}, "read stream at 0/2: a Stream Start message while the block of transaction 1 is open"},
		{"end without a block", func(w *spoolWire) error { return w.try('E') }, "a Stream Stop message while"},
		{"commit in a block", func(w *spoolWire) error {
			w.open(1, true)
			return w.try('c', uint32(1), 0, uint64(1), uint64(2), uint64(3))
		}, "a Stream Commit message while the block of transaction 1 is open"},
		{"no first block", func(w *spoolWire) error { return w.try('S', uint32(5), 0) }, "the first block of transaction 5 is missing"},
		{"commit of nothing", func(w *spoolWire) error { return w.try('c', uint32(5), 0, uint64(1), uint64(2), uint64(3)) }, "the transaction 5 commits and has not begun"},
		{"short message in a block", func(w *spoolWire) error {
			w.open(1, true)
			return w.try('I', uint16(1))
		}, "a message of 3 bytes in a block"},
		{"short start", func(w *spoolWire) error { return w.try('S', uint16(1)) }, "read stream at 0/1: "},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			err := c.do(newSpoolWire(t, 16))
			if err == nil || !strings.Contains(err.Error(), c.want) || passes(err) {
				t.Errorf("the error is %v, want %s", err, c.want)
			}
		})
	}
}

// TestNewSessionForgets: what is in the spool comes again.
func TestNewSessionForgets(t *testing.T) {
	t.Parallel()
	w := newSpoolWire(t, 16)
	w.open(1, true, inserting(1, "a"))
	if err := w.st.inProgress.forget(16); err != nil {
		t.Fatal(err)
	}
	if n := w.st.inProgress.spool.Len(); n != 0 {
		t.Errorf("%d transactions of the session before are left", n)
	}
	w.first(1, inserting(1, "b"))
	w.commit(1, 100)
	w.want("B1@100/4 I7.b/4 C@108/6")
}

// TestDiskIsFull writes to a device that has no room.
func TestDiskIsFull(t *testing.T) {
	t.Parallel()
	w := newSpoolWire(t, 16)
	folders, err := filepath.Glob(filepath.Join(w.st.s.Slot.StreamingDir, "*"))
	if err != nil || len(folders) != 1 {
		t.Fatalf("%v, %v", folders, err)
	}
	if err := os.Symlink("/dev/full", filepath.Join(folders[0], "1")); err != nil {
		t.Fatal(err)
	}
	w.open(1, true)
	err = w.try('I', uint32(1), strings.Repeat("x", 1<<20))
	if !errors.Is(err, syscall.ENOSPC) || passes(err) {
		t.Fatalf("the error is %v", err)
	}
	for _, text := range []string{"spool transaction 1", folders[0], "no space left on device", "nothing is lost", keyStreamingDir} {
		if !strings.Contains(err.Error(), text) {
			t.Errorf("%v does not name %s", err, text)
		}
	}
}

func TestOlderServersStreamWhatTheyKnow(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		mode  string
		major int
		want  string
	}{
		{streamingOff, 18, "proto_version '1'"},
		{streamingOn, 13, "proto_version '1'"},
		{streamingOn, 14, "proto_version '2' streaming 'on'"},
		{streamingOn, 18, "proto_version '2' streaming 'on'"},
		{streamingParallel, 13, "proto_version '1'"},
		{streamingParallel, 15, "proto_version '2' streaming 'on'"},
		{streamingParallel, 16, "proto_version '4' streaming 'parallel'"},
	} {
		st := &stream{s: &settings{Slot: slotSettings{Streaming: c.mode}}, log: testLog()}
		if got := strings.Join(st.streamingOptions(c.major), " "); got != c.want {
			t.Errorf("%s on %d: %s, want %s", c.mode, c.major, got, c.want)
		}
	}
}
