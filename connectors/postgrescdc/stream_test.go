// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connectors/postgrescdc/pgtest"
)

// ownWorld is a world on a server of its own, which can be stopped.
func ownWorld(t *testing.T, ddl string, options pgtest.Options, props map[string]string) *world {
	t.Helper()
	srv, err := pgtest.Start(t.Context(), "", options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := srv.Close(); err != nil {
			t.Error(err)
		}
	})
	return worldOn(t, srv, ddl, props)
}

func TestServerRestarts(t *testing.T) {
	t.Parallel()
	for _, mode := range []pgtest.Mode{pgtest.Fast, pgtest.Immediate} {
		t.Run(string(mode), func(t *testing.T) {
			t.Parallel()
			w := ownWorld(t, oneTable, pgtest.Options{Fsync: true}, map[string]string{"slot.retry.delay.ms": "200"})
			r := w.start()
			defer r.stop()
			snapshotted(r)
			w.exec("INSERT INTO a VALUES (2, 'two')")
			r.until(2)
			if err := w.srv.Stop(t.Context(), mode); err != nil {
				t.Fatal(err)
			}
			if b := r.poll(300*time.Millisecond, 10); len(b.Records) > 0 {
				t.Fatalf("a stopped server gives %s", line(&b.Records[0]))
			}
			if err := w.srv.Restart(t.Context()); err != nil {
				t.Fatal(err)
			}
			w.exec("ALTER TABLE a ADD COLUMN n int; INSERT INTO a (id, v, n) VALUES (3, 'three', 3)")
			r.until(3)
			if got := line(&w.written[2]); got != `srv.public.a {"id":3} c null {"id":3,"v":"three","n":3} false` {
				t.Errorf("behind the restart comes %s", got)
			}
		})
	}
}

// TestNobodyPolls leaves a full queue alone for longer than the server waits for an
// answer: the connection stays, and no transaction is held in memory.
func TestNobodyPolls(t *testing.T) {
	w := ownWorld(t, "CREATE TABLE a (id int PRIMARY KEY, v text)", pgtest.Options{WalSenderTimeout: time.Second},
		map[string]string{"snapshot.mode": "no_data", "max.queue.size.in.bytes": "1000000", "status.update.interval.ms": "100"})
	r := w.start()
	defer r.stop()
	pid := func() string {
		return w.scalar("SELECT coalesce(max(active_pid), 0) FROM pg_replication_slots")
	}
	w.eventually("the stream runs", func() bool { return pid() != "0" })
	first := pid()
	const rows = 100_000
	w.exec(fmt.Sprintf("INSERT INTO a SELECT i, repeat('x', 500) FROM generate_series(1, %d) i", rows))
	w.eventually("the queue is full", r.task.queue.full)
	began := time.Now()
	w.eventually("the timeout has passed", func() bool { return time.Since(began) > 2500*time.Millisecond })
	if now := pid(); now != first {
		t.Errorf("the connection is %s, and was %s", now, first)
	}
	before, most := liveHeap(), uint64(0)
	for n, next := 0, 0; n < rows; {
		b := r.poll(patience, 1000)
		n += len(b.Records)
		r.commitOnly(b)
		if n >= next {
			most, next = max(most, liveHeap()), next+rows/10
		}
	}
	if most > before+20<<20 {
		t.Errorf("the heap grew by %d MB over a transaction of 50 MB", (most-before)>>20)
	}
}

func liveHeap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func TestSlotInUse(t *testing.T) {
	t.Parallel()
	w := newWorld(t, oneTable, map[string]string{"snapshot.mode": "no_data", "errors.max.retries": "2", "slot.retry.delay.ms": "100"})
	first := w.start()
	defer first.stop()
	w.eventually("the slot is in use", func() bool {
		return w.scalar("SELECT active FROM pg_replication_slots WHERE slot_name = '"+w.props["slot.name"]+"'") == "t"
	})
	second := w.start()
	defer second.stop()
	ctx, cancel := context.WithTimeout(second.ctx, patience)
	defer cancel()
	err := second.task.Poll(ctx, &connect.Batch{MaxRecords: 1, MaxBytes: 1})
	if err == nil || !strings.Contains(err.Error(), "is active for PID") {
		t.Errorf("Poll ends with %v", err)
	}
}

func TestErrorsThatPass(t *testing.T) {
	t.Parallel()
	server := func(code string) error { return fmt.Errorf("x: %w", &pgconn.PgError{Code: code}) }
	for _, c := range []struct {
		name string
		err  error
		want bool
	}{
		{"connection failure", server("08006"), true},
		{"shutdown", server("57P01"), true},
		{"starting up", server("57P03"), true},
		{"too many connections", server("53300"), true},
		{"slot in use", server("55006"), true},
		{"invalidated slot", server("55000"), false},
		{"password", server("28P01"), false},
		{"no privilege", server("42501"), false},
		{"not promoted yet", fmt.Errorf("x: %w", &pgconn.PgError{Code: "0A000", Message: "logical decoding cannot be used while in recovery"}), true},
		{"not supported", server("0A000"), false},
		{"no such slot", server("42704"), false},
		{"removed segment", server("58P01"), false},
		{"closed by the other side", fmt.Errorf("x: %w", io.ErrUnexpectedEOF), true},
		{"refused", &net.OpError{Op: "dial", Err: errors.New("refused")}, true},
		{"end of the stream", errServerLeaves, true},
		{"gap", gap("x"), false},
	} {
		if got := passes(c.err); got != c.want {
			t.Errorf("%s: passes is %t", c.name, got)
		}
	}
}

func TestPausesGrow(t *testing.T) {
	t.Parallel()
	p := pauses{least: 100 * time.Millisecond, most: time.Second}
	var got []string
	for range 6 {
		got = append(got, p.next().String())
	}
	if strings.Join(got, " ") != "100ms 200ms 400ms 800ms 1s 1s" || !p.exhausted(6) || p.exhausted(7) || p.exhausted(-1) {
		t.Errorf("pauses are %v", got)
	}
	if p.reset(); p.next() != 100*time.Millisecond {
		t.Error("pauses do not begin again")
	}
}

// TestQueueIsBounded puts and takes chunks.
func TestQueueIsBounded(t *testing.T) {
	t.Parallel()
	q := newQueue(100)
	c := q.fresh()
	c.add(itemData, 1, make([]byte, 80))
	q.put(c)
	if !q.full() {
		t.Error("the queue takes more than its limit")
	}
	taken, err := q.tryTake()
	if err != nil || taken != c || !q.full() {
		t.Errorf("took %v, %v; full %t", taken, err, q.full())
	}
	q.giveBack(taken)
	if q.full() {
		t.Error("there is no room after everything was given back")
	}
	q.fail(context.DeadlineExceeded)
	if c, err := q.tryTake(); c != nil || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("took %v, %v behind the end", c, err)
	}
}
