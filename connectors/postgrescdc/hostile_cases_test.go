// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/connectd/connectd/connect"
)

func fatalAnswer(code string) []byte {
	return mustEncode(&pgproto3.ErrorResponse{Severity: "FATAL", Code: code, Message: "no"})
}

var hostileCases = []struct {
	name   string
	script func(p *play)
	want   string
}{
	{"an empty frame", func(p *play) { p.copyData(nil) }, "empty frame"},
	{"a frame of an unknown kind", func(p *play) { p.copyData([]byte("zzzz")) }, `frame 'z' of 4 bytes is not known`},
	{"data without a message", func(p *play) { p.copyData(append([]byte{'w'}, make([]byte, 24)...)) }, `frame 'w' of 25 bytes is not known or too short`},
	{"a keepalive of 17 bytes", func(p *play) { p.copyData(append([]byte{'k'}, make([]byte, 16)...)) }, `frame 'k' of 17 bytes is not known or too short`},
	{"a length that is less than its own", func(p *play) { p.send([]byte{'d', 0, 0, 0, 3, 0}) }, "invalid message length"},
	{"a length of 1 GiB", func(p *play) { p.send([]byte{'d', 0x40, 0, 0, 4, 'w'}) }, "expected at most 1073741822, but got 1073741824"},
	{"nearly 1 GiB that does not come", func(p *play) {
		p.send(append([]byte{'d', 0x3f, 0xff, 0xff, 0xf0}, make([]byte, 1<<20)...))
		_ = p.conn.Close()
	}, "EOF"},
	{"an error that announces 1 GiB", func(p *play) { p.send([]byte{'E', 0x3f, 0xff, 0xff, 0xf0}) }, `type 'E' announces 1073741808 bytes`},
	{"a negative length", func(p *play) { p.send([]byte{'d', 0xff, 0xff, 0xff, 0xff, 'w'}) }, ""},
	{"an unknown type of message", func(p *play) { p.send([]byte{0x01, 0, 0, 0, 4}) }, "unknown message type"},
	{"a message of another place", func(p *play) { p.send(mustEncode(&pgproto3.AuthenticationOk{})) }, "unexpected message"},
	{"an unknown message of the plugin", func(p *play) { p.message([]byte{'z'}) }, `unknown kind`},
	{"a message that ends too early", func(p *play) { p.message([]byte{'B', 0}) }, "ends within final LSN"},
	{"a message that goes on too long", func(p *play) { p.begin(1); p.message([]byte("O\x00\x00\x00\x00\x00\x00\x00\x00x\x00more")) }, "has 4 bytes after its end"},
	{"INSERT before RELATION", func(p *play) { p.begin(1); p.insert("1", "x") }, "the stream has not described the table"},
	{"INSERT without BEGIN", func(p *play) { p.relation(2); p.insert("1", "x") }, "Insert outside of a transaction"},
	{"COMMIT without BEGIN", func(p *play) { p.commit() }, "without BEGIN"},
	{"BEGIN in BEGIN", func(p *play) { p.begin(7); p.begin(8) }, "BEGIN inside of transaction 7"},
	{"a relation of more columns than there can be", func(p *play) { p.begin(1); p.relation(1601) }, "has 1601 columns, and a table can have 1600"},
	{"a relation of 65535 columns", func(p *play) { p.begin(1); p.relation(65535) }, "decode Relation message: at offset 15: announces -1 columns"},
	{"a relation that announces more than it has", func(p *play) { p.begin(1); p.message([]byte("R\x00\x00\x00\x01public\x00a\x00d\x06\x00")) }, "announces 1536 columns, 0 bytes follow"},
	{"a row of more columns than the table", func(p *play) { p.begin(1); p.relation(2); p.insert("1", "x", "y") }, "a row of public.a has 3 columns, and the table 2"},
	{"a relation with a column twice", func(p *play) { p.begin(1); p.relation(3) }, `there are two columns "v"`},
	{"a relation with a column without a name", func(p *play) {
		p.begin(1)
		p.message([]byte("R\x00\x00\x00\x01public\x00a\x00d\x00\x02\x01id\x00\x00\x00\x00\x17\xff\xff\xff\xff\x00\x00\x00\x00\x00\x00\xff\xff\xff\xff"))
		p.insert("1", "x")
	}, `column 2 has no name; the stream describes it as ("id" of type 23, "" of type 0)`},
	{"a server that has misread its catalogs", func(p *play) {
		p.send(mustEncode(&pgproto3.ErrorResponse{Severity: "ERROR", Code: "XX000", Message: `invalid attribute number 3 for relation "a"`}))
	}, `invalid attribute number 3 for relation "a" (SQLSTATE XX000). The server has read its catalogs wrongly`},
	{"a column of 2 GB in a small message", func(p *play) {
		p.begin(1)
		p.relation(2)
		p.message([]byte("I\x00\x00\x00\x01N\x00\x01t\x7f\xff\xff\xff1"))
	}, "column length 2147483647 is more than"},
	{"a stream that was not asked for", func(p *play) { p.message([]byte{'S', 0, 0, 0, 1, 1}) }, "was not asked for"},
	{"an error without end", func(p *play) {
		for !p.gone {
			p.send(fatalAnswer("XX000"))
		}
	}, "no (SQLSTATE XX000)"},
	{"an error without end that may pass", func(p *play) {
		for !p.gone {
			p.send(fatalAnswer("57P01"))
		}
	}, "no (SQLSTATE 57P01)"},
	{"questions without end", func(p *play) {
		for !p.gone {
			p.copyData(append(append([]byte{'k'}, make([]byte, 16)...), 1))
		}
	}, errServerLeaves.Error()},
	{"an end at once", func(p *play) { p.send(mustEncode(&pgproto3.CopyDone{})) }, errServerLeaves.Error()},
	{"a connection that is cut", func(p *play) { p.begin(1); p.gone = true; _ = p.conn.Close() }, "EOF"},
}

// hostileWorld has a slot, and an offset to go on from.
func hostileWorld(t *testing.T) *world {
	t.Helper()
	w := newWorld(t, oneTable, map[string]string{
		"snapshot.mode": "no_data", "database.sslmode": "disable", "status.update.interval.ms": "50", "errors.max.retries": "1",
	})
	r := w.start()
	w.exec("INSERT INTO a VALUES (2, 'two')")
	r.until(1)
	r.stop()
	return w
}

// behind lets the connector of the world reach its server through a hostile one.
func (w *world) behind(t *testing.T, script func(p *play)) (restore func()) {
	t.Helper()
	host, port := w.props["database.hostname"], w.props["database.port"]
	at := startHostile(t, net.JoinHostPort(host, port), script)
	w.props["database.hostname"], w.props["database.port"], _ = strings.Cut(at, ":")
	return func() { w.props["database.hostname"], w.props["database.port"] = host, port }
}

// hostileTime is how long a task may take to end: two sessions, each of which is given
// time to end in order.
const hostileTime = 20 * time.Second

// pollHostile polls until the task fails. No record may come, and no progress.
func pollHostile(t *testing.T, r *taskRun) error {
	t.Helper()
	for began := time.Now(); time.Since(began) < hostileTime; {
		ctx, cancel := context.WithTimeout(r.ctx, time.Second)
		b := &connect.Batch{MaxRecords: 1000, MaxBytes: 1 << 20}
		err := r.task.Poll(ctx, b)
		cancel()
		if err != nil {
			return err
		}
		if !b.Empty() {
			t.Fatalf("there are %d records and %d positions", len(b.Records), len(b.Progress))
		}
	}
	t.Fatal("the task does not end")
	return nil
}

// TestHostileServer: whatever the server sends, the task ends with a clear error, within
// bounded time and memory, and goes on from the same place later.
func TestHostileServer(t *testing.T) {
	before := liveHeap()
	for _, c := range hostileCases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel() // with one another: nothing else runs meanwhile
			w := hostileWorld(t)
			confirmed := "SELECT confirmed_flush_lsn FROM pg_replication_slots WHERE slot_name = '" + w.props["slot.name"] + "'"
			at := w.scalar(confirmed)
			restore := w.behind(t, c.script)
			r := w.start()
			err := pollHostile(t, r)
			if after := liveHeap(); after > before+128<<20 {
				t.Errorf("the heap grew by %d MB", (after-before)>>20)
			}
			r.stop()
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("Poll ends with %v, want %q", err, c.want)
			}
			if now := w.scalar(confirmed); now != at {
				t.Errorf("the slot has moved from %s to %s", at, now)
			}
			restore()
			w.exec("INSERT INTO a VALUES (3, 'three')")
			r = w.start()
			defer r.stop()
			r.until(2)
			if got := line(&w.written[1]); got != `srv.public.a {"id":3} c null {"id":3,"v":"three"} false` {
				t.Errorf("behind that comes %s", got)
			}
		})
	}
}

// TestStreamWithoutEnd: a transaction that never ends is handed on in bounded memory, and
// a stop does not wait for it.
func TestStreamWithoutEnd(t *testing.T) {
	w := hostileWorld(t)
	text := strings.Repeat("x", 1000)
	restore := w.behind(t, func(p *play) {
		p.begin(1)
		p.relation(2)
		for !p.gone {
			p.insert("1", text)
		}
	})
	defer restore()
	before := liveHeap()
	r := w.start()
	for n := 0; n < 50_000; {
		n += len(r.poll(patience, 1000).Records)
	}
	if after := liveHeap(); after > before+64<<20 {
		t.Errorf("the heap grew by %d MB", (after-before)>>20)
	}
	began := time.Now()
	r.stop()
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("the stop took %v", took)
	}
}
