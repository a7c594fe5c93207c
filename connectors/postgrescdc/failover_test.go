// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/connectd/connectd/connectors/postgrescdc/pgtest"
)

// TestFailoverWithoutTheSlot promotes a standby that does not have the slot, and lets the
// connector's address lead to it: the task says which timeline it has come to, and what
// slot.lost.policy is for; with resnapshot the tables are read again.
func TestFailoverWithoutTheSlot(t *testing.T) {
	t.Parallel()
	w := ownWorld(t, oneTable, pgtest.Options{}, nil)
	r := w.start()
	snapshotted(r)
	w.exec("INSERT INTO a VALUES (2, 'two')")
	r.until(2)
	standby, err := w.srv.Standby(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := standby.Close(); err != nil {
			t.Error(err)
		}
	})
	r.stop()
	w.exec("INSERT INTO a VALUES (3, 'three')")
	w.eventually("the standby has everything", func() bool {
		rows := standby.MustQuery(t, w.db, "SELECT count(*) FROM a")
		return rows[0][0] == "3"
	})
	primary, major := w.srv, w.srv.Major(t)
	if err := primary.Stop(t.Context(), pgtest.Immediate); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // its database is dropped
		if err := primary.Restart(context.Background()); err != nil {
			t.Error(err)
		}
	})
	w.props["database.hostname"], w.props["database.port"], _ = strings.Cut(standby.Addr(), ":")

	r, err = w.tryStart()
	r.stop()
	refusal := "the server is a standby of version"
	if major >= 16 { // such standbys decode
		refusal = "the replication slot \"" + w.props["slot.name"] + "\" does not exist any more"
	}
	if err == nil || !strings.Contains(err.Error(), refusal) {
		t.Fatalf("the start on a standby ends with %v", err)
	}
	if err := standby.Promote(t.Context()); err != nil {
		t.Fatal(err)
	}
	r, err = w.tryStart()
	r.stop()
	for _, want := range []string{"the server is on timeline 2, and the offset was stored on timeline 1", w.props["slot.name"], "slot.lost.policy=resnapshot"} {
		if err == nil || !isGap(err) || !strings.Contains(err.Error(), want) {
			t.Fatalf("the start ends with %v, want %s", err, want)
		}
	}
	w.props["slot.lost.policy"] = policyResnapshot
	w.srv, w.written = standby, nil
	r = w.start()
	defer r.stop()
	snapshotted(r)
	w.exec("INSERT INTO a VALUES (4, 'four')")
	r.until(4)
	w.checkState("a")
}

// timeline is that of the newest stored offset.
func (w *world) timeline() int64 {
	w.t.Helper()
	p, err := parseOffset(w.stored)
	if err != nil {
		w.t.Fatal(err)
	}
	return p.timeline
}

// more writes a row and reads it.
func (w *world) more(r *taskRun) {
	w.t.Helper()
	w.exec("INSERT INTO a SELECT max(id) + 1, 'more' FROM a")
	r.until(len(w.written) + 1)
}

// TestAnotherTimelineOfTheSameSlot: a server that ends recovery keeps its slots, and is on
// another timeline. The running task goes on, says so, and stores places on the new one.
// From version 16 on it may come to the server before recovery has ended.
func TestAnotherTimelineOfTheSameSlot(t *testing.T) {
	t.Parallel()
	w := ownWorld(t, oneTable, pgtest.Options{Settings: map[string]string{"restore_command": "false"}}, map[string]string{"slot.retry.delay.ms": "200"})
	log := w.logged()
	r := w.watched()
	snapshotted(r)
	w.more(r)
	if got := w.timeline(); got != 1 {
		t.Fatalf("the place is on the timeline %d", got)
	}
	for want := int64(2); want <= 3; want++ { // a second time, from places on the new one
		if err := w.srv.Recover(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.eventually("the server takes writes", func() bool { return w.scalar("SELECT pg_is_in_recovery()") == "f" })
		w.eventually("places are on the new timeline", func() bool {
			w.more(r)
			got := w.timeline()
			if got != 0 && got != want-1 && got != want {
				t.Fatalf("a place is on the timeline %d, want %d", got, want)
			}
			return got == want
		})
	}
	if n := strings.Count(log.text(), "it is on another timeline"); n != 2 {
		t.Errorf("the log tells it %d times:\n%s", n, log.text())
	}
	r.stop()
	w.exec("INSERT INTO a VALUES (10000, 'end')")
	r = w.start()
	defer r.stop()
	r.until(len(w.written) + 1)
	w.checkState("a")
}

// TestServerOfAnotherIdentity: replication and SQL that reach different servers are told
// apart before anything is made.
func TestServerOfAnotherIdentity(t *testing.T) {
	t.Parallel()
	w := newWorld(t, oneTable, nil)
	other := ownWorld(t, oneTable, pgtest.Options{}, nil)
	conn, err := pgx.Connect(t.Context(), w.srv.URL(w.db))
	if err != nil {
		t.Fatal(err)
	}
	defer hangUp(conn.PgConn())
	repl, err := other.settings().dialReplication(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer hangUp(repl)
	f, err := sameServer(t.Context(), conn.PgConn(), repl)
	if err != nil || f == nil || !f.Fatal || !strings.Contains(f.What, "different servers") {
		t.Errorf("the finding is %+v, %v", f, err)
	}
}

// TestReconnectPauses counts the attempts at a server that is away: they become rare.
func TestReconnectPauses(t *testing.T) {
	t.Parallel()
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, oneTable, map[string]string{"slot.retry.delay.ms": "400", "errors.max.retries": "5"})
	s := w.settings()
	s.Server.Host, s.Server.TLSMode = "127.0.0.1", "disable"
	s.Server.Port = l.Addr().(*net.TCPAddr).Port
	_ = l.Close() // nobody listens there
	log := w.logged()
	st := &stream{s: s, log: w.log, queue: newQueue(1), figures: &figures{}}
	began := time.Now()
	st.run(t.Context())
	if took := time.Since(began); took < 1500*time.Millisecond {
		t.Errorf("five pauses took %v", took)
	}
	for _, pause := range []string{"pause=100ms", "pause=200ms", "pause=400ms"} {
		if !strings.Contains(log.text(), pause) {
			t.Errorf("the log lacks %s:\n%s", pause, log.text())
		}
	}
	if err := st.queue.failure(); err == nil || !strings.Contains(err.Error(), "refused") {
		t.Errorf("the stream ends with %v", err)
	}
}
