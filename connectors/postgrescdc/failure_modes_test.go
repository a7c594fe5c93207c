// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connectors/postgrescdc/pgtest"
)

// TestChangesThatAreLeftOutMoveTheSlot: a stream of which nothing becomes a record is done
// all the same.
func TestChangesThatAreLeftOutMoveTheSlot(t *testing.T) {
	t.Parallel()
	for name, props := range map[string]map[string]string{
		"by operation": {"skipped.operations": "c"},
		"by table":     {"table.exclude.list": "public.a"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, oneTable+"; CREATE TABLE b (id int PRIMARY KEY); CREATE PUBLICATION dbz_publication FOR ALL TABLES", props)
			w.props["snapshot.mode"], w.props["publication.autocreate.mode"], w.props["status.update.interval.ms"] = "no_data", "disabled", "50"
			r := w.start()
			defer r.stop()
			w.exec("INSERT INTO a SELECT i, 'x' FROM generate_series(10, 500) i")
			end := w.scalar("SELECT pg_current_wal_lsn()")
			w.eventually("the slot follows", func() bool {
				b := r.poll(50*time.Millisecond, 10)
				if len(b.Records) > 0 {
					t.Fatalf("there is a record: %s", line(&b.Records[0]))
				}
				r.commit(b, 0)
				for _, p := range b.Progress {
					r.store(p)
				}
				return w.scalar("SELECT confirmed_flush_lsn >= '"+end+"' FROM pg_replication_slots WHERE slot_name = '"+w.props["slot.name"]+"'") == "t"
			})
		})
	}
}

// TestThePositionNeverGoesBack: offsets that are committed late do not take back what the
// server was told.
func TestThePositionNeverGoesBack(t *testing.T) {
	t.Parallel()
	st := &stream{}
	for _, step := range []struct{ to, want lsn }{{100, 100}, {50, 100}, {0, 100}, {101, 101}} {
		st.acknowledge(step.to)
		if got := lsn(st.acknowledged.Load()); got != step.want {
			t.Errorf("behind %s the position is %s, want %s", step.to, got, step.want)
		}
	}
}

// TestSnapshotAndStreamSayTheSame: values at the edges look the same whether a row is read
// from the table or comes by the stream.
func TestSnapshotAndStreamSayTheSame(t *testing.T) {
	t.Parallel()
	const columns = "d date, t timestamp, tz timestamptz, f float8, n numeric"
	w := newWorld(t, "CREATE TABLE a (id int PRIMARY KEY, "+columns+`); INSERT INTO a VALUES
 (1, '1500-02-28', '1582-10-04 12:00', '1582-10-15 00:00+00', 'NaN', 1.50), (2, 'infinity', 'infinity', 'infinity', 'Infinity', -1e20),
 (3, '-infinity', '-infinity', '-infinity', '-Infinity', 0), (4, '0044-03-15 BC', '0044-03-15 BC', '1890-01-01 00:00:00+00:53:28', '-0', 1e-20),
 (5, '5874897-12-31', '294276-12-31 23:59:59.999999', '1900-01-01 00:00+00', 1e308, 'NaN')`, map[string]string{"decimal.handling.mode": "string", "slot.stream.params": ""})
	r := w.start()
	defer r.stop()
	snapshotted(r)
	w.exec("UPDATE a SET id = id + 10")
	r.until(5 + 15)
	after := func(i int) string {
		v, _ := w.written[i].Value.Get("after")
		_, rest, _ := strings.Cut(jsonText(v), ",")
		return rest
	}
	for i := range 5 {
		if read, streamed := after(i), after(5+3*i+2); read != streamed || read == "" {
			t.Errorf("row %d is %s in the snapshot, and %s in the stream", i+1, read, streamed)
		}
	}
}

// TestAValueWithoutFormStopsNothing: NaN has no decimal. By the settings it is null, with
// a line in the log, or its record is an error, or is left out; all others come.
func TestAValueWithoutFormStopsNothing(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		converting, processing string
		want                   int
	}{{"warn", "fail", 3}, {"fail", "fail", 3}, {"fail", "skip", 2}} {
		t.Run(c.converting+" and "+c.processing, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, "CREATE TABLE a (id int PRIMARY KEY, n numeric(9,2))", map[string]string{"snapshot.mode": "no_data",
				"event.converting.failure.handling.mode": c.converting, "event.processing.failure.handling.mode": c.processing})
			log := w.logged()
			r := w.start()
			defer r.stop()
			w.exec("INSERT INTO a VALUES (1, 1), (2, 'NaN'), (3, 3)")
			r.until(c.want)
			for i := range w.written {
				if rec := &w.written[i]; (rec.Err != nil) != (c.converting == "fail" && c.want == 3 && i == 1) {
					t.Errorf("record %d is %s", i, line(rec))
				}
			}
			if told := strings.Contains(log.text(), "has no place in a decimal"); told != (c.converting == "warn" || c.processing == "skip") {
				t.Errorf("the log tells it: %t\n%s", told, log.text())
			}
		})
	}
}

// TestTheLogTellsWhatTheSlotWaitsFor: sessions and prepared transactions that hold up the
// making of the slot are named, with what ends them; there is no limit of time.
func TestTheLogTellsWhatTheSlotWaitsFor(t *testing.T) {
	t.Parallel()
	w := newWorld(t, oneTable, nil)
	gid := pgtest.Name(t, "gid")
	w.exec("BEGIN; INSERT INTO a VALUES (8, 'prepared'); PREPARE TRANSACTION '" + gid + "'")
	open := connectTo(t, w.srv.URL(w.db))
	if _, err := open.Exec(t.Context(), "BEGIN; INSERT INTO a VALUES (9, 'open')"); err != nil {
		t.Fatal(err)
	}
	log := w.logged()
	r := &taskRun{w: w, task: &task{}}
	done := make(chan error, 1)
	go func() { done <- r.tryBegin() }()
	for _, want := range []string{fmt.Sprintf("pid %d since ", open.PgConn().PID()), "COMMIT PREPARED '" + gid + "' or ROLLBACK PREPARED"} {
		w.eventually("the log names "+want, func() bool { return strings.Contains(log.text(), want) })
	}
	w.exec("COMMIT PREPARED '" + gid + "'")
	if _, err := open.Exec(t.Context(), "COMMIT"); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	defer r.stop()
	r.until(3)
	w.checkState("a")
}

// TestHeartbeatsHaveATopicOfTheirOwn: they never come between rows of a table's topic.
func TestHeartbeatsHaveATopicOfTheirOwn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, oneTable, map[string]string{"snapshot.mode": "no_data", "heartbeat.interval.ms": "20"})
	r := w.start()
	defer r.stop()
	w.exec("INSERT INTO a VALUES (2, 'two')")
	beats, rows := 0, 0
	w.eventually("a row and heartbeats come", func() bool {
		b := r.poll(time.Second, 10)
		for i := range b.Records {
			switch topic := b.Records[i].Topic; topic {
			case "__debezium-heartbeat.srv":
				beats++
			case "srv.public.a":
				rows++
			default:
				t.Fatalf("there is a record of the topic %s", topic)
			}
		}
		return beats > 2 && rows == 1
	})
}

// TestAConnectionThatIsCutLosesNothing: a walsender that is ended, as by somebody who wants
// its memory back, is followed by another.
func TestAConnectionThatIsCutLosesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, oneTable, map[string]string{"snapshot.mode": "no_data"})
	r := w.start()
	defer r.stop()
	ended := "SELECT count(pg_terminate_backend(active_pid)) FROM pg_replication_slots WHERE active AND slot_name = '" + w.props["slot.name"] + "'"
	for i := range 3 {
		w.eventually("the stream runs and is ended", func() bool { return w.scalar(ended) == "1" })
		w.exec(fmt.Sprintf("INSERT INTO a VALUES (%d, 'more')", i+2))
		r.until(i + 1)
	}
	ctx, cancel := context.WithTimeout(r.ctx, 200*time.Millisecond)
	defer cancel()
	b := &connect.Batch{MaxRecords: 10, MaxBytes: 1 << 20}
	if err := r.task.Poll(ctx, b); err != nil && !errors.Is(err, context.DeadlineExceeded) || len(b.Records) > 0 {
		t.Errorf("there are %d more records, %v", len(b.Records), err)
	}
}
