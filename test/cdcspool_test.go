// SPDX-License-Identifier: Apache-2.0

package test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/connectd/connectd/connectors/postgrescdc/pgtest"
	"github.com/connectd/connectd/test/harness"
)

// streamed makes the server send transactions while they are in progress, as early as it
// can, and returns the setting and the folder of the spool.
func streamed(t *testing.T, pg *harness.Postgres) (harness.Config, string) {
	t.Helper()
	pg.Do(fmt.Sprintf("ALTER DATABASE %q SET logical_decoding_work_mem = '64kB'", pg.DB))
	dir := t.TempDir()
	mode := "on"
	if pg.Major(t) >= 16 {
		mode = "parallel"
	}
	return harness.Config{"slot.streaming": mode, "slot.streaming.directory": dir}, dir
}

// streamingSince is the first version of a server that sends transactions in progress.
const streamingSince = 14

// waitSpooled waits until a transaction in progress has come to the daemon. From a server
// that cannot send it the daemon says so.
func (w *itemsWorld) waitSpooled() {
	w.t.Helper()
	if w.pg.Major(w.t) < streamingSince {
		w.d.Eventually("the log tells that the server does not stream", w.toldNotToStream)
		return
	}
	w.d.Eventually("a transaction is in the spool", func() error {
		s, err := w.d.Status(w.connector)
		if err != nil {
			return err
		}
		for _, task := range s.Tasks {
			if task.Figures["spool_bytes"] > 10_000 {
				return nil
			}
		}
		return fmt.Errorf("status %+v", s)
	})
}

func (w *itemsWorld) toldNotToStream() error {
	if !strings.Contains(w.d.Output(), "the server does not know this way of streaming") {
		return errors.New("the log does not tell so")
	}
	return nil
}

func openTransaction(t *testing.T, pg *harness.Postgres) func(sql string) {
	t.Helper()
	conn := pg.Connect()
	run := func(sql string) {
		t.Helper()
		if _, err := conn.Exec(context.Background(), sql, pgx.QueryExecModeSimpleProtocol); err != nil {
			t.Fatal(err)
		}
	}
	run("BEGIN")
	return run
}

// TestCDCKilledWithATransactionInTheSpool kills the daemon while a part of a transaction
// is in the spool and the slot has moved beyond its beginning. The server sends it again,
// and the files of the dead process are removed.
func TestCDCKilledWithATransactionInTheSpool(t *testing.T) {
	t.Parallel()
	pg := harness.SharedPostgres(t)
	config, dir := streamed(t, pg)
	w := captureItems(t, pg, config)
	run := openTransaction(t, pg)
	want := "r1 r2 r3"
	for i := range 3 {
		run(fmt.Sprintf("INSERT INTO items SELECT generate_series(%d, %d)", 1001+1000*i, 2000+1000*i))
		run(fmt.Sprintf("SAVEPOINT s; INSERT INTO items SELECT generate_series(%d, %d); ROLLBACK TO s", 100_001, 101_000))
		w.waitSpooled()
		pg.Do(fmt.Sprintf("INSERT INTO items VALUES (%d)", 4+i)) // on a connection of its own
		want += fmt.Sprintf(" c%d", 4+i)
		w.want(want)
		pg.WaitConfirmed(pg.LSN())
		w.d.Kill()
		w.d.Start()
	}
	run("COMMIT")
	for id := 1001; id <= 4000; id++ {
		want += " c" + strconv.Itoa(id)
	}
	w.want(want)
	folders, err := os.ReadDir(dir)
	if err != nil || len(folders) > 1 || len(folders) < 1 && pg.Major(t) >= streamingSince {
		t.Errorf("the folder of the spool holds %v, %v", folders, err)
	}
}

// TestCDCKilledInAStreamedTransaction is TestCDCKilledInALargeTransaction with transactions
// that come while they are in progress.
func TestCDCKilledInAStreamedTransaction(t *testing.T) {
	t.Parallel()
	rnd := seeded(t)
	pg := harness.SharedPostgres(t)
	config, _ := streamed(t, pg)
	config["max.queue.size.in.bytes"] = "65536"
	w := captureItems(t, pg, config)
	w.killedInLargeTransactions(rnd)
	if pg.Major(t) < streamingSince {
		if err := w.toldNotToStream(); err != nil {
			t.Error(err)
		}
		return
	}
	if n := pg.One("SELECT stream_txns > 0 FROM pg_stat_replication_slots WHERE slot_name = '" + pg.Slot + "'"); n != "t" {
		t.Error("the server has streamed nothing")
	}
}

// TestCDCTransactionOutlastsTheTimeout passes a transaction that takes longer than Kafka
// lets one be open: it is written in several, and nothing is missing or repeated, also if
// the daemon is killed in between.
func TestCDCTransactionOutlastsTheTimeout(t *testing.T) {
	t.Parallel()
	for _, boundary := range []string{"poll", "connector"} {
		t.Run(boundary, func(t *testing.T) {
			t.Parallel()
			const rows = 300_000 // more than is written in half of the time
			pg := harness.OwnPostgres(t, pgtest.Options{})
			w := captureItems(t, pg, harness.Config{
				"transaction.boundary": boundary, "producer.override.transaction.timeout.ms": "2000", "max.queue.size.in.bytes": "65536",
			})
			w.d.Stop()
			w.d.Set("task.transaction.max.bytes", "65536")
			pg.Do(fmt.Sprintf("INSERT INTO items SELECT generate_series(4, %d)", rows))
			w.d.Start()
			w.d.Eventually("a part of the transaction is committed", func() error {
				if n := len(w.d.Read(w.topic)); n < 1000 || n == rows {
					return fmt.Errorf("%d records", n)
				}
				return nil
			})
			w.d.Kill()
			out := w.d.Output()
			w.d.Start()
			waitCaptured(t, w.d, pg, w.connector)
			w.wantUpTo(rows)
			out += w.d.Output()
			if strings.Contains(out, "timed out") {
				t.Errorf("a transaction timed out:\n%s", out)
			}
			if boundary == "connector" && !strings.Contains(out, "lasts too long for one of Kafka") {
				t.Error("the transaction was written in one")
			}
		})
	}
}
