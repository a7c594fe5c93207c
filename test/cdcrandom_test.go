// SPDX-License-Identifier: Apache-2.0

package test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"runtime/debug"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pglogrepl"

	"github.com/connectd/connectd/connectors/postgrescdc/pgtest"
	"github.com/connectd/connectd/test/harness"
)

// cdcWorld is a daemon that captures a workload, and what is done to both.
type cdcWorld struct {
	t         *testing.T
	rnd       *rand.Rand
	pg        *harness.Postgres
	d         *harness.Daemon
	oracle    *cdcOracle
	work      *workload
	connector string
	// partitions is how many each topic has.
	partitions int32
}

// cdcVariant is a way to capture the workload.
type cdcVariant struct {
	name       string
	partitions int32
	config     harness.Config
}

var cdcVariants = []cdcVariant{
	{"one partition", 1, nil},
	{"transactions", 1, harness.Config{"provide.transaction.metadata": "true", "max.queue.size.in.bytes": "4000"}},
	{"partitions", 3, harness.Config{"snapshot.max.threads": "3", "max.queue.size.in.bytes": "20000"}},
}

// newCDCWorld creates the connector while the workload is under way, and returns when
// there is a slot: the snapshot has its place.
func newCDCWorld(t *testing.T, v cdcVariant) *cdcWorld {
	t.Helper()
	w := &cdcWorld{t: t, rnd: seeded(t), partitions: v.partitions}
	w.pg = harness.OwnPostgres(t, pgtest.Options{})
	w.pg.Do(workloadDDL)
	w.oracle = newCDCOracle(t, w.pg, workloadKeys)
	w.pg.Do(workloadRows)
	w.d = harness.Start(t, harness.Settings{})
	w.connector = w.d.Name("db")
	for table := range workloadKeys {
		w.d.CreateTopic(w.topic(table), v.partitions)
	}
	w.d.CreateTopic(w.topic(messages), 1)
	w.d.CreateTopic(w.connector+".transaction", 1)
	// A truncate has no order to the rows of other partitions.
	w.work = startWorkload(t, w.pg, w.rnd, 3, v.partitions == 1)
	w.work.turn(20)
	c := w.pg.Source(w.connector)
	c["table.exclude.list"], c["skipped.operations"] = "public.hidden", "none"
	maps.Copy(c, v.config)
	w.d.Create(w.connector, c)
	w.d.Eventually("there is a slot", func() error {
		if w.pg.One("SELECT count(*) FROM pg_replication_slots WHERE slot_name = '"+w.pg.Slot+"'") == "1" {
			return nil
		}
		w.work.turn(1)
		return fmt.Errorf("there is none")
	})
	return w
}

func (w *cdcWorld) topic(table string) string {
	if table == messages {
		return w.connector + "." + messages
	}
	return w.connector + ".public." + table
}

// round lets the workload go on, and something happens in the midst of it: at times while
// the connector is still busy with what happened before.
func (w *cdcWorld) round() string {
	w.t.Helper()
	if w.rnd.IntN(3) > 0 {
		w.captured()
	}
	n := 20 + w.rnd.IntN(40)
	at := w.rnd.IntN(n)
	w.work.turn(at)
	what := w.harm()
	w.work.turn(n - at)
	return what
}

// moveUp waits until the server would begin a new session later in its log. It moves that
// place only in sessions that see it write down which transactions are running, which it
// does now and then: those of a long run of kills are too short, and each takes longer than
// the one before.
func (w *cdcWorld) moveUp() {
	w.t.Helper()
	restart := func() string {
		return w.pg.One("SELECT restart_lsn FROM pg_replication_slots WHERE slot_name = '" + w.pg.Slot + "'")
	}
	before := restart()
	w.d.Eventually("the place where sessions begin moves up from "+before, func() error {
		w.pg.Do("CHECKPOINT")
		w.work.turn(1)
		if restart() == before {
			return errors.New("it has not moved")
		}
		return nil
	})
}

// captured waits until the tables are read, and everything that was changed before.
func (w *cdcWorld) captured() {
	w.t.Helper()
	waitCaptured(w.t, w.d, w.pg, w.connector)
}

// harm kills something, and starts it again.
func (w *cdcWorld) harm() string {
	switch w.rnd.IntN(7) {
	case 0:
		w.pg.CutWalsender()
		return "connection of the stream"
	case 1:
		w.pg.Rows("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'connectd %'")
		return "all connections"
	case 2:
		w.crashPostgres()
		return "Postgres"
	case 3:
		w.d.Kill()
		w.crashPostgres()
		w.d.Start()
		return "daemon and Postgres"
	case 4:
		point := taskPoints[w.rnd.IntN(len(taskPoints))]
		w.killAt(point)
		return "daemon at " + point
	case 5:
		w.d.Must(202, "POST", "/connectors/"+w.connector+"/restart?includeTasks=true", nil)
		return "restart of the task"
	}
	w.d.Kill()
	w.work.turn(w.rnd.IntN(10))
	w.d.Start()
	return "daemon"
}

func (w *cdcWorld) crashPostgres() {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := w.pg.Stop(ctx, pgtest.Immediate); err != nil {
		w.t.Fatal(err)
	}
	if err := w.pg.Restart(ctx); err != nil {
		w.t.Fatal(err)
	}
}

// killAt has the daemon kill itself when it passes the point, and starts it again.
func (w *cdcWorld) killAt(point string) {
	w.t.Helper()
	w.d.Kill()
	w.d.SetCrash(point, 1+w.rnd.IntN(3))
	w.d.Launch()
	harness.Eventually(w.t, "the daemon kills itself at "+point, func() error {
		if !w.d.Running() {
			return nil
		}
		w.work.turn(1)
		return fmt.Errorf("it is still there")
	})
	w.d.SetEnv()
	w.d.Start()
}

// judging is held by who judges: the changes of a long run take gigabytes.
var judging sync.Mutex

// check waits until everything is captured, and judges it.
func (w *cdcWorld) check() {
	w.t.Helper()
	w.work.finish(w.t)
	w.pg.Do("INSERT INTO hidden VALUES (0)") // flushes what was committed asynchronously
	waitCaptured(w.t, w.d, w.pg, w.connector)
	judging.Lock()
	defer judging.Unlock()
	defer debug.SetGCPercent(debug.SetGCPercent(25))
	expected := w.oracle.events(w.t)
	var found []*captured
	start := pglogrepl.LSN(0)
	for _, table := range append(slices.Sorted(maps.Keys(workloadKeys)), messages) {
		c := capturedOf(w.t, table, w.d.Read(w.topic(table)))
		found = append(found, c)
		if len(c.readings) > 0 && (start == 0 || c.readings[0].at < start) {
			start = c.readings[0].at
		}
	}
	for _, c := range found {
		c.check(w.t, expected[c.table], start, w.partitions == 1)
		if c.table == messages {
			continue
		}
		if err := w.table(c.table).compare(c.state); err != nil {
			w.t.Errorf("%s as its records make it: %v", c.table, err)
		}
	}
	if found[0].metadata() {
		checkTransactions(w.t, w.d.Read(w.connector+".transaction"), found)
	}
}

// table reads a table as it is.
func (w *cdcWorld) table(name string) rows {
	w.t.Helper()
	out := newRows()
	for _, r := range w.pg.Rows("SELECT to_jsonb(t) FROM " + name + " t") {
		content := decodeRow(w.t, r[0], false)
		out.put(content.part(workloadKeys[name]), content)
	}
	return out
}

func TestCDCRandomWorkload(t *testing.T) {
	for _, v := range cdcVariants {
		t.Run(v.name, func(t *testing.T) {
			t.Parallel()
			w := newCDCWorld(t, v)
			w.work.turn(50)
			w.captured()
			w.work.turn(100)
			w.check()
		})
	}
}

func TestCDCRandomWorkloadIsKilled(t *testing.T) {
	for _, v := range cdcVariants {
		t.Run(v.name, func(t *testing.T) {
			t.Parallel()
			w := newCDCWorld(t, v)
			w.harm() // the snapshot is under way
			for i := range cdcRounds(t) {
				t.Logf("%d: %s", i+1, w.round())
				if i%25 == 24 {
					w.moveUp()
				}
			}
			w.check()
		})
	}
}
