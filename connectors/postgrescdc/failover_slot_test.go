// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"context"
	"strings"
	"testing"

	"github.com/connectd/connectd/connectors/postgrescdc/pgtest"
)

// standbyOf makes a standby of the world's server.
func (w *world) standbyOf(settings map[string]string) *pgtest.Server {
	w.t.Helper()
	standby, err := w.srv.Standby(w.t.Context(), settings)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		if err := standby.Close(); err != nil {
			w.t.Error(err)
		}
	})
	return standby
}

// crashed stops the server of a world as a crash does, until the test is over: its database
// is dropped then.
func (w *world) crashed() {
	w.t.Helper()
	primary := w.srv
	if err := primary.Stop(w.t.Context(), pgtest.Immediate); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		if err := primary.Restart(context.Background()); err != nil {
			w.t.Error(err)
		}
	})
}

// leadsTo lets the connector's address lead to another server.
func (w *world) leadsTo(srv *pgtest.Server) {
	w.props["database.hostname"], w.props["database.port"], _ = strings.Cut(srv.Addr(), ":")
}

// slotIs asks for a column of the slot.
func (w *world) slotIs(column string) string {
	return w.scalar("SELECT coalesce((SELECT " + column + "::text FROM pg_replication_slots WHERE slot_name = '" + w.props["slot.name"] + "'), '')")
}

// TestFailoverSlots: the slot is made for failover where the server knows that, and the
// slot that exports a snapshot is not. One that was made without is changed.
func TestFailoverSlots(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		temporary, failover bool
		want                string
	}{
		{false, true, `CREATE_REPLICATION_SLOT "s" LOGICAL pgoutput (SNAPSHOT 'export', FAILOVER)`},
		{true, true, `CREATE_REPLICATION_SLOT "s" TEMPORARY LOGICAL pgoutput EXPORT_SNAPSHOT`},
		{false, false, `CREATE_REPLICATION_SLOT "s" LOGICAL pgoutput EXPORT_SNAPSHOT`},
	} {
		if got := createStatement("s", c.temporary, c.failover); got != c.want {
			t.Errorf("temporary %t, failover %t: %s", c.temporary, c.failover, got)
		}
	}
	for _, there := range []bool{false, true} {
		w := newWorld(t, oneTable, map[string]string{"slot.failover": "true"})
		log := w.logged()
		if there {
			w.exec("SELECT pg_create_logical_replication_slot('" + w.props["slot.name"] + "', 'pgoutput')")
		}
		r := w.start()
		snapshotted(r)
		r.stop()
		if w.srv.Major(t) < failoverSince {
			if want := "slots survive a failover from version 17 on; the setting has no effect"; !strings.Contains(log.text(), want) {
				t.Errorf("the log lacks %q:\n%s", want, log.text())
			}
			continue
		}
		if got := w.slotIs("failover"); got != "true" {
			t.Errorf("with a slot that is there %t, failover is %s", there, got)
		}
		if got := strings.Contains(log.text(), "now survives a failover"); got != there || !strings.Contains(log.text(), "synchronized_standby_slots is empty") {
			t.Errorf("with a slot that is there %t, the log tells\n%s", there, log.text())
		}
	}
}

// TestFailoverWithTheSlot: from version 17 on the slot comes along to the standby that is
// promoted, and the stream goes on there with each change once. TestFailoverWithoutTheSlot
// has what older versions do.
func TestFailoverWithTheSlot(t *testing.T) {
	t.Parallel()
	w := ownWorld(t, oneTable, pgtest.Options{}, map[string]string{"slot.failover": "true"})
	standby := w.standbyOf(map[string]string{"hot_standby_feedback": "on"})
	r := w.start()
	snapshotted(r)
	w.more(r)
	r.stop()
	if w.srv.Major(t) < failoverSince {
		if w.scalar("SELECT count(*) FROM pg_settings WHERE name = 'sync_replication_slots'") != "0" {
			t.Error("the server could keep slots")
		}
		return
	}
	w.exec("ALTER SYSTEM SET synchronized_standby_slots = '" + standby.StandbySlot() + "'")
	w.exec("SELECT pg_reload_conf()")
	standby.MustExec(t, "postgres", "ALTER SYSTEM SET sync_replication_slots = on")
	standby.MustExec(t, "postgres", "SELECT pg_reload_conf()")
	r = w.start()
	w.more(r)
	w.eventually("the slot is copied", func() bool {
		w.more(r) // so that it moves
		rows := standby.MustQuery(t, "postgres", "SELECT count(*) FROM pg_replication_slots WHERE synced AND NOT temporary AND invalidation_reason IS NULL")
		return rows[0][0] == "1"
	})
	w.exec("INSERT INTO a SELECT max(id) + 1, 'unread' FROM a")
	read := len(w.written)
	r.stop()
	w.eventually("the standby has everything", func() bool {
		return standby.MustQuery(t, w.db, "SELECT v FROM a ORDER BY id DESC LIMIT 1")[0][0] == "unread"
	})
	w.crashed()
	if err := standby.Promote(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.leadsTo(standby)
	w.srv = standby
	log := w.logged()
	r = w.start()
	defer r.stop()
	w.more(r)
	w.eventually("all is read", func() bool {
		b := r.poll(patience/50, 100)
		r.commit(b, len(b.Records))
		return len(w.written) >= read+2
	})
	if got := w.timeline(); got != 2 {
		t.Errorf("places are on the timeline %d", got)
	}
	if !strings.Contains(log.text(), "it is on another timeline") {
		t.Errorf("the log does not tell it:\n%s", log.text())
	}
	w.checkState("a")
}

// TestStandbyIsPromotedWhileItIsRead: from version 16 on a standby can be read, from the
// snapshot on. When it is promoted the same session goes on on another timeline: no place
// says a timeline that it is not on, and soon all say the new one. TestFailoverWithoutTheSlot
// has what older versions do.
func TestStandbyIsPromotedWhileItIsRead(t *testing.T) {
	t.Parallel()
	w := ownWorld(t, oneTable, pgtest.Options{}, map[string]string{"slot.retry.delay.ms": "200"})
	standby := w.standbyOf(map[string]string{"hot_standby_feedback": "on"})
	if w.srv.Major(t) < 16 {
		if _, err := standby.Query(t.Context(), w.db, "SELECT pg_create_logical_replication_slot('s', 'pgoutput')"); err == nil || !strings.Contains(err.Error(), "while in recovery") {
			t.Errorf("a standby makes slots: %v", err)
		}
		return
	}
	w.exec("CREATE PUBLICATION dbz_publication FOR ALL TABLES")
	w.eventually("the standby has everything", func() bool {
		return standby.MustQuery(t, w.db, "SELECT count(*) FROM pg_publication")[0][0] == "1"
	})
	w.leadsTo(standby)
	r := w.readsStandby()
	snapshotted(r)
	w.more(r)
	if got := w.timeline(); got != 0 {
		t.Errorf("a place of a standby is on the timeline %d", got)
	}
	r.stop() // and goes on there
	log := w.logged()
	r = w.watched()
	w.more(r)
	w.crashed()
	if err := standby.Promote(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.srv = standby
	w.eventually("places are on the new timeline", func() bool {
		w.more(r)
		got := w.timeline()
		if got != 0 && got != 2 {
			t.Fatalf("a place is on the timeline %d", got)
		}
		return got == 2
	})
	if !strings.Contains(log.text(), errPromoted.Error()) {
		t.Errorf("the log does not tell it:\n%s", log.text())
	}
	r.stop()
	r = w.start()
	defer r.stop()
	w.more(r)
	w.checkState("a")
}

// readsStandby starts a task on a standby, whose slot can only be made when the primary has
// told which transactions are running.
func (w *world) readsStandby() *taskRun {
	w.t.Helper()
	done, stopped := make(chan struct{}), make(chan error)
	go func() {
		for {
			select {
			case <-done:
				stopped <- nil
				return
			default:
			}
			if err := w.srv.Exec(context.Background(), w.db, "SELECT pg_log_standby_snapshot()"); err != nil {
				stopped <- err
				return
			}
		}
	}()
	r, err := w.tryStart()
	close(done)
	if told := <-stopped; told != nil {
		w.t.Error(told)
	}
	if err != nil {
		r.stop()
		w.t.Fatal(err)
	}
	return r
}
