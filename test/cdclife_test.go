// SPDX-License-Identifier: Apache-2.0

package test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/connectd/connectd/connectors/postgrescdc/pgtest"
	"github.com/connectd/connectd/test/harness"
)

// itemsWorld is a daemon that captures a small table of numbers.
type itemsWorld struct {
	t         *testing.T
	pg        *harness.Postgres
	d         *harness.Daemon
	connector string
	topic     string
}

const itemsDDL = `CREATE TABLE items (id int PRIMARY KEY); CREATE TABLE other (id int, v text);
INSERT INTO items VALUES (1), (2), (3)`

// captureItems creates the connector and returns when it has read the table.
func captureItems(t *testing.T, pg *harness.Postgres, extra harness.Config) *itemsWorld {
	t.Helper()
	pg.Do(itemsDDL)
	w := &itemsWorld{t: t, pg: pg, d: harness.Start(t, harness.Settings{})}
	w.connector = w.d.Name("items")
	w.topic = w.connector + ".public.items"
	w.d.CreateTopic(w.topic, 1)
	w.d.Create(w.connector, w.config(extra))
	waitCaptured(t, w.d, pg, w.connector)
	return w
}

func (w *itemsWorld) config(extra harness.Config) harness.Config {
	c := w.pg.Source(w.connector)
	c["table.include.list"] = "public.items"
	maps.Copy(c, extra)
	return c
}

func (w *itemsWorld) insert(ids ...int) {
	w.t.Helper()
	for _, id := range ids {
		w.pg.Do(fmt.Sprintf("INSERT INTO items VALUES (%d)", id))
	}
}

// events are the operations and ids of all records so far.
func (w *itemsWorld) events() string {
	w.t.Helper()
	var out []string
	for _, r := range w.d.Read(w.topic) {
		var v struct {
			Op    string
			After struct{ ID int }
		}
		if err := json.Unmarshal([]byte(r.Value), &v); err != nil {
			w.t.Fatalf("%v: %s", err, r.Value)
		}
		out = append(out, fmt.Sprintf("%s%d", v.Op, v.After.ID))
	}
	return strings.Join(out, " ")
}

// want waits until these are the records.
func (w *itemsWorld) want(events string) {
	w.t.Helper()
	w.d.WaitCount(w.topic, len(strings.Fields(events)))
	if got := w.events(); got != events {
		w.t.Fatalf("the records are %s, want %s", got, events)
	}
}

func (w *itemsWorld) put(action string, status int) {
	w.t.Helper()
	w.d.Must(status, "PUT", "/connectors/"+w.connector+"/"+action, nil)
}

// stop stops the connector and waits until its connections are gone.
func (w *itemsWorld) stop() {
	w.t.Helper()
	w.put("stop", 204)
	waitState(w.d, w.connector, "STOPPED")
	w.d.WaitTasks(w.connector, 0, "")
	// The server takes a moment to end a session that its client has left.
	w.d.Eventually("the connector has no connections", func() error {
		if n := w.pg.One("SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'connectd %' AND datname = '" + w.pg.DB + "'"); n != "0" {
			return fmt.Errorf("the connector is stopped and has %s connections", n)
		}
		return nil
	})
}

// waitFailed waits until the task has failed for this reason.
func (w *itemsWorld) waitFailed(reason string) {
	w.t.Helper()
	w.d.Eventually("the task fails: "+reason, func() error {
		s, err := w.d.Status(w.connector)
		if err != nil || len(s.Tasks) != 1 {
			return fmt.Errorf("status %+v: %v", s, err)
		}
		if t := s.Tasks[0]; t.State != "FAILED" || !strings.Contains(t.Trace, reason) {
			return fmt.Errorf("it is %s %s", t.State, t.Trace)
		}
		return nil
	})
}

func TestCDCIdleSlotMoves(t *testing.T) {
	t.Parallel()
	pg := harness.SharedPostgres(t)
	w := captureItems(t, pg, nil)
	elsewhere := pg.Database(t)
	for i := range 3 {
		pg.Do("INSERT INTO other SELECT g, repeat('x', 500) FROM generate_series(1, 200) g")
		pg.WaitConfirmed(pg.LSN())
		pg.MustExec(t, elsewhere, fmt.Sprintf("CREATE TABLE t%d AS SELECT g FROM generate_series(1, 1000) g", i))
		pg.WaitConfirmed(pg.LSN())
	}
	w.want("r1 r2 r3")

	// What was confirmed is in a committed offset: nothing is lost by a kill.
	w.d.Kill()
	w.insert(4)
	w.d.Start()
	w.want("r1 r2 r3 c4")
}

func TestCDCPausedConnectorKeepsItsConnection(t *testing.T) {
	t.Parallel()
	const timeout = 2 * time.Second
	pg := harness.OwnPostgres(t, pgtest.Options{WalSenderTimeout: timeout})
	w := captureItems(t, pg, harness.Config{"max.queue.size.in.bytes": "65536"})
	w.put("pause", 202)
	w.d.WaitTasks(w.connector, 1, "PAUSED")
	pid := pg.WaitWalsender(0)
	// What is committed is still confirmed in a pause.
	end, err := committedEnd(w.d, w.connector)
	if err != nil {
		t.Fatal(err)
	}
	pg.WaitConfirmed(end)
	stood := pg.Confirmed()
	began := pg.One("SELECT clock_timestamp()")
	pg.Do("INSERT INTO items SELECT g FROM generate_series(4, 20003) g") // more than the queue holds
	w.d.Eventually("twice the server's timeout is over", func() error {
		if pg.One(fmt.Sprintf("SELECT clock_timestamp() > '%s'::timestamptz + interval '%d ms'", began, 2*timeout.Milliseconds()+500)) != "t" {
			return fmt.Errorf("not yet")
		}
		return nil
	})
	if now := pg.Walsender(); now != pid {
		t.Errorf("the connection of the paused connector was %d and is %d: the server has dropped it", pid, now)
	}
	if now := pg.Confirmed(); now != stood {
		t.Errorf("the slot of the paused connector moved from %s to %s", stood, now)
	}
	w.want("r1 r2 r3")
	w.d.Kill()
	w.d.Start()
	w.d.WaitTasks(w.connector, 1, "PAUSED")
	w.want("r1 r2 r3")
	w.put("resume", 202)
	w.wantUpTo(20003)
	pg.WaitConfirmed(pg.LSN())
}

// wantUpTo waits for n records, of the items 1 to n in order.
func (w *itemsWorld) wantUpTo(n int) {
	w.t.Helper()
	for i, r := range w.d.WaitCount(w.topic, n) {
		if key := fmt.Sprintf(`{"id":%d}`, i+1); r.Key != key {
			w.t.Fatalf("record %d has the key %s, want %s", i, r.Key, key)
		}
	}
}

// killedInLargeTransactions kills the daemon at random points, each time in a transaction
// of many of Kafka's, and wants each row once and in order.
func (w *itemsWorld) killedInLargeTransactions(rnd *rand.Rand) {
	w.t.Helper()
	const step = 10_000
	w.d.Kill()
	w.d.Set("task.transaction.max.bytes", "65536") // some hundred rows
	rows := 3
	for range cdcKills(w.t) {
		w.pg.Do(fmt.Sprintf("INSERT INTO items SELECT generate_series(%d, %d)", rows+1, rows+step))
		rows += step
		point, nth := taskPoints[rnd.IntN(len(taskPoints))], 1+rnd.IntN(2)
		w.t.Logf("killed at %s:%d", point, nth)
		w.d.SetCrash(point, nth)
		w.d.Launch()
		w.d.WaitExit()
	}
	w.d.SetEnv()
	w.d.Start()
	waitCaptured(w.t, w.d, w.pg, w.connector)
	w.wantUpTo(rows)
}

func TestCDCKilledInALargeTransaction(t *testing.T) {
	t.Parallel()
	rnd := seeded(t)
	pg := harness.SharedPostgres(t)
	w := captureItems(t, pg, harness.Config{"max.queue.size.in.bytes": "65536"})
	w.killedInLargeTransactions(rnd)
}

func TestCDCStopResumeAndRestart(t *testing.T) {
	t.Parallel()
	pg := harness.SharedPostgres(t)
	w := captureItems(t, pg, nil)
	w.insert(4)
	w.want("r1 r2 r3 c4")
	w.stop()
	if pid := pg.Walsender(); pid != 0 {
		t.Errorf("the connector is stopped, and process %d reads its slot", pid)
	}
	w.insert(5)
	w.put("resume", 202)
	w.want("r1 r2 r3 c4 c5")

	old := pg.WaitWalsender(0)
	w.d.Must(204, "POST", "/connectors/"+w.connector+"/tasks/0/restart", nil)
	pg.WaitWalsender(old)
	w.insert(6)
	w.want("r1 r2 r3 c4 c5 c6")

	w.d.Must(204, "DELETE", "/connectors/"+w.connector, nil)
	w.insert(7)
	w.d.Create(w.connector, w.config(nil)) // offsets and slot outlive the connector
	w.want("r1 r2 r3 c4 c5 c6 c7")
}

func TestCDCOffsetsAreDeleted(t *testing.T) {
	for _, c := range []struct {
		mode   string
		extra  harness.Config
		before string // what is there after id 4 was inserted
		after  string // what is added: 5 was inserted while the connector was stopped, and then 6
	}{
		{mode: "initial", before: "r1 r2 r3 c4", after: "r1 r2 r3 r4 r5 c6"},
		{mode: "always", before: "r1 r2 r3 c4", after: "r1 r2 r3 r4 r5 c6"},
		{mode: "when_needed", before: "r1 r2 r3 c4", after: "r1 r2 r3 r4 r5 c6"},
		{mode: "initial_only", before: "r1 r2 r3", after: "r1 r2 r3 r4 r5"},
		{mode: "no_data", before: "c4", after: "c5 c6"}, // from the slot on, which has not moved beyond 4
		{mode: "configuration_based", before: "c4", after: "c5 c6", extra: harness.Config{"snapshot.mode.configuration.based.start.stream": "true"}},
	} {
		t.Run(c.mode, func(t *testing.T) {
			t.Parallel()
			pg := harness.SharedPostgres(t)
			pg.Do(itemsDDL)
			w := &itemsWorld{t: t, pg: pg, d: harness.Start(t, harness.Settings{})}
			w.connector = w.d.Name("items")
			w.topic = w.connector + ".public.items"
			w.d.CreateTopic(w.topic, 1)
			config := w.config(c.extra)
			config["snapshot.mode"] = c.mode
			w.d.Create(w.connector, config)
			w.waitSnapshot(c.mode, "r1 r2 r3")
			w.insert(4)
			w.want(c.before)
			if c.mode != "initial_only" {
				pg.WaitConfirmed(pg.LSN())
			}
			w.stop()
			w.d.Must(200, "DELETE", "/connectors/"+w.connector+"/offsets", nil)
			w.insert(5)
			w.put("resume", 202)
			w.waitSnapshot(c.mode, c.before+" r1 r2 r3 r4 r5")
			w.insert(6)
			w.want(c.before + " " + c.after)
		})
	}
}

// waitSnapshot waits for the rows of a snapshot, in modes with one, or for the stream.
func (w *itemsWorld) waitSnapshot(mode, events string) {
	w.t.Helper()
	if mode == "no_data" || mode == "configuration_based" {
		// A slot is in use while it is being made, too: only a started task has it.
		w.d.WaitTasks(w.connector, 1, "RUNNING")
		w.pg.WaitWalsender(0)
		return
	}
	w.want(events)
}

func TestCDCLostSlot(t *testing.T) {
	for _, c := range []struct {
		name string
		lose func(w *itemsWorld)
	}{
		{"while the daemon is dead", func(w *itemsWorld) {
			w.d.Kill()
			w.dropSlot()
			w.d.Start()
		}},
		{"while it is read", func(w *itemsWorld) { w.dropSlot() }},
		{"made anew", func(w *itemsWorld) {
			w.d.Kill()
			w.dropSlot()
			w.insert(90)
			w.pg.Do("SELECT pg_create_logical_replication_slot('" + w.pg.Slot + "', 'pgoutput')")
			w.d.Start()
		}},
		{"advanced by hand", func(w *itemsWorld) {
			w.d.Kill()
			w.freeSlot()
			w.insert(90)
			w.pg.Do("SELECT pg_replication_slot_advance('" + w.pg.Slot + "', pg_current_wal_lsn())")
			w.d.Start()
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			pg := harness.SharedPostgres(t)
			w := captureItems(t, pg, nil)
			w.insert(4)
			w.want("r1 r2 r3 c4")
			waitCaptured(t, w.d, pg, w.connector)
			c.lose(w)
			w.waitFailed("replication slot \"" + pg.Slot + "\"")
			w.waitFailed("slot.lost.policy=resnapshot")
			w.insert(5)
			if got := w.events(); got != "r1 r2 r3 c4" {
				t.Fatalf("a connector without its slot has written %s", got)
			}
			w.d.Must(200, "PATCH", "/connectors/"+w.connector+"/config", map[string]string{"slot.lost.policy": "resnapshot"})
			want := "r1 r2 r3 c4 r1 r2 r3 r4 r5 c6"
			if strings.Contains(c.name, " by hand") || c.name == "made anew" {
				want = "r1 r2 r3 c4 r1 r2 r3 r4 r90 r5 c6"
			}
			w.want(strings.TrimSuffix(want, " c6"))
			w.insert(6)
			w.want(want)
			pg.WaitConfirmed(pg.LSN())
		})
	}
}

// freeSlot ends the connection that reads the slot, and waits until it is gone.
func (w *itemsWorld) freeSlot() {
	w.t.Helper()
	w.d.Eventually("the slot is free", func() error {
		if rows := w.pg.Rows("SELECT active_pid, pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = '" + w.pg.Slot + "' AND active"); len(rows) > 0 {
			return fmt.Errorf("process %s has it", rows[0][0])
		}
		return nil
	})
}

// dropSlot drops the slot, also if a connection reads it.
func (w *itemsWorld) dropSlot() {
	w.t.Helper()
	w.d.Eventually("the slot is dropped", func() error {
		w.freeSlot()
		return w.pg.Exec(w.t.Context(), w.pg.DB, "SELECT pg_drop_replication_slot('"+w.pg.Slot+"')")
	})
}

// secondDaemon is another daemon with a connector on the slot of the first, which reads
// it. It has read the table and waits for the slot.
func secondDaemon(t *testing.T, pg *harness.Postgres, extra harness.Config) *itemsWorld {
	t.Helper()
	pid := pg.WaitWalsender(0)
	w := &itemsWorld{t: t, pg: pg, d: harness.Start(t, harness.Settings{})}
	w.connector = w.d.Name("items")
	w.topic = w.connector + ".public.items"
	w.d.CreateTopic(w.topic, 1)
	w.d.Create(w.connector, w.config(extra))
	w.want("r1 r2 r3")
	w.d.Eventually("the second daemon says who has the slot", func() error {
		if text := fmt.Sprintf(`replication slot \"%s\" is active for PID %d`, pg.Slot, pid); !strings.Contains(w.d.Output(), text) {
			return fmt.Errorf("its log does not say %s", text)
		}
		return nil
	})
	w.d.WaitTasks(w.connector, 1, "RUNNING")
	if now := pg.Walsender(); now != pid {
		t.Errorf("the slot was read by process %d, and is by %d", pid, now)
	}
	return w
}

func TestCDCSecondDaemonTakesTheSlotOver(t *testing.T) {
	t.Parallel()
	pg := harness.SharedPostgres(t)
	stays := harness.Config{"lsn.flush.mode": "manual"} // the slot stays where it is
	first := captureItems(t, pg, stays)
	second := secondDaemon(t, pg, stays)
	first.insert(4)
	first.want("r1 r2 r3 c4")
	if got := second.events(); got != "r1 r2 r3" {
		t.Errorf("the second daemon has %s while the first has the slot", got)
	}
	first.d.Kill()
	first.insert(5)
	second.want("r1 r2 r3 c4 c5")
	second.d.WaitTasks(second.connector, 1, "RUNNING")
}

func TestCDCSecondDaemonSeesThatItHasMissedChanges(t *testing.T) {
	t.Parallel()
	pg := harness.OwnPostgres(t, pgtest.Options{}) // the log of others would move the slot
	first := captureItems(t, pg, nil)
	second := secondDaemon(t, pg, nil)
	first.insert(4)
	first.want("r1 r2 r3 c4")
	pg.WaitConfirmed(pg.LSN())
	second.waitFailed("slot.lost.policy=resnapshot")
	first.insert(5)
	first.want("r1 r2 r3 c4 c5")
	if got := second.events(); got != "r1 r2 r3" {
		t.Errorf("the second daemon has %s, which may have gaps", got)
	}
}
