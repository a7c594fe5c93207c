// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"strings"
	"testing"
	"time"

	"github.com/connectd/connectd/connectors/postgrescdc/pgtest"
)

// watched starts a task that looks at its slot often.
func (w *world) watched() *taskRun {
	w.t.Helper()
	r := &taskRun{w: w, task: &task{watchEvery: 20 * time.Millisecond}}
	r.begin(w.t)
	return r
}

// TestFiguresOfTheSlot: what the server keeps for the slot is seen though nobody polls, as
// when a connector is paused.
func TestFiguresOfTheSlot(t *testing.T) {
	t.Parallel()
	w := newWorld(t, oneTable, map[string]string{"snapshot.mode": "no_data", "status.update.interval.ms": "50"})
	r := w.watched()
	defer r.stop()
	at := func(name string) float64 {
		v, _ := figure(r, name)
		return v
	}
	w.eventually("the slot is looked at", func() bool { return at("slot_seen_seconds") > 0 })
	if status, ok := figure(r, "slot_wal_status"); !ok || status != 0 {
		t.Errorf("the status is %v, %t", status, ok)
	}
	if v, ok := figure(r, "slot_waiting_seconds"); !ok || v != 0 {
		t.Errorf("the task waits for %v, %t", v, ok)
	}
	kept := at("slot_retained_bytes")
	w.exec("INSERT INTO a SELECT i, repeat('x', 1000) FROM generate_series(2, 3000) i")
	w.eventually("the log that is kept grows", func() bool { return at("slot_retained_bytes") > kept+2e6 && at("slot_lag_bytes") > 2e6 })
	w.eventually("the lag in time grows", func() bool { return at("slot_lag_seconds") > 0.2 })
	r.until(2999)
	w.eventually("the lag goes", func() bool {
		b := r.poll(20*time.Millisecond, 100)
		r.commit(b, len(b.Records))
		return at("slot_lag_seconds") < 0.2
	})
}

// TestTheLogTellsThatASlotIsInDanger drives a slot through its states. Between the second
// and the last a checkpoint may come at any time: that one is told of by itself.
func TestTheLogTellsThatASlotIsInDanger(t *testing.T) {
	t.Parallel()
	w := ownWorld(t, oneTable, pgtest.Options{Settings: map[string]string{"max_slot_wal_keep_size": "96MB", "min_wal_size": "32MB", "max_wal_size": "32MB", "checkpoint_timeout": "1h"}},
		map[string]string{"snapshot.mode": "no_data"})
	log := w.logged()
	r := w.watched()
	defer r.stop()
	w.eventually("the slot is looked at", func() bool { _, ok := figure(r, "slot_wal_status"); return ok })
	grow := func() {
		w.exec("CREATE TABLE IF NOT EXISTS other (a int); INSERT INTO other VALUES (1)")
		w.exec("SELECT pg_switch_wal()")
	}
	for _, c := range []struct{ status, level, text string }{
		{"extended", "WARN", "holds back more of the server's log than max_wal_size"},
		{"lost", "ERROR", "the replication slot is lost"},
	} {
		w.eventually("the slot is "+c.status, func() bool {
			if status, _ := figure(r, "slot_wal_status"); status >= slotStatusNumbers[c.status] {
				return true
			}
			grow()
			if c.status == "lost" {
				w.exec("CHECKPOINT")
			}
			return false
		})
		want := "level=" + c.level
		if at := strings.Index(log.text(), c.text); at < 0 || !strings.Contains(log.text()[:at], want) || !strings.Contains(log.text(), "wal_status="+c.status) {
			t.Errorf("the log does not tell that the slot is %s:\n%s", c.status, log.text())
		}
	}
	if n := strings.Count(log.text(), "holds back more"); n != 1 {
		t.Errorf("the log tells it %d times", n)
	}
	log = w.logged()
	alone := slotWatch{s: r.task.s, log: w.log, figures: &figures{}}
	alone.tell(&slotState{Status: slotUnreserved})
	alone.tell(&slotState{Status: slotUnreserved})
	if n := strings.Count(log.text(), "will be lost at the next checkpoint"); n != 1 || !strings.Contains(log.text(), "max_slot_wal_keep_size = -1") {
		t.Errorf("the log tells %d times that the slot is unreserved:\n%s", n, log.text())
	}
	if err := r.pollUntilError(); !strings.Contains(err.Error(), "is lost (lost") {
		t.Errorf("Poll ends with %v", err)
	}
}

// TestWaitsForTheSlot: while another task has the slot, a task says so, and by whom it is
// held; it takes over as soon as the other is gone.
func TestWaitsForTheSlot(t *testing.T) {
	t.Parallel()
	w := newWorld(t, oneTable, map[string]string{"snapshot.mode": "no_data", "slot.retry.delay.ms": "200"})
	first := w.start()
	pid := ""
	w.eventually("the slot is in use", func() bool {
		pid = w.scalar("SELECT coalesce(active_pid, 0) FROM pg_replication_slots WHERE slot_name = '" + w.props["slot.name"] + "'")
		return pid != "0"
	})
	log := w.logged()
	second := w.watched()
	defer second.stop()
	waiting := func() bool { v, _ := figure(second, "slot_waiting_seconds"); return v > 0 }
	w.eventually("the second waits", func() bool {
		return waiting() && strings.Contains(log.text(), "another connection has the replication slot")
	})
	for _, want := range []string{"process " + pid + ", application 'connectd srv stream', from 127.0.0.1:", "a task for the same topic.prefix", "pause="} {
		if !strings.Contains(log.text(), want) {
			t.Errorf("the log lacks %q:\n%s", want, log.text())
		}
	}
	w.exec("INSERT INTO a VALUES (2, 'two')")
	second.poll(300*time.Millisecond, 10)
	if n := strings.Count(log.text(), "another connection has"); n != 1 {
		t.Errorf("the log tells it %d times:\n%s", n, log.text())
	}
	first.stop()
	second.until(1)
	if waiting() || !strings.Contains(log.text(), "has become free") {
		t.Errorf("the second still waits:\n%s", log.text())
	}
}
