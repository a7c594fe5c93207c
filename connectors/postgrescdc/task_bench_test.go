// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"fmt"
	"os/exec"
	"runtime"
	"testing"

	"github.com/connectd/connectd/connect"
)

// drain polls n records into one batch that is used again, as the engine does, and
// returns how many objects were allocated for each.
func (r *taskRun) drain(n int) float64 {
	r.w.t.Helper()
	b := &connect.Batch{MaxRecords: 10000, MaxBytes: 4 << 20}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for got := 0; got < n; {
		b.Reset()
		if err := r.task.Poll(r.ctx, b); err != nil {
			r.w.t.Fatal(err)
		}
		got += len(b.Records)
	}
	runtime.ReadMemStats(&after)
	return float64(after.Mallocs-before.Mallocs) / float64(n)
}

const benchRows = 300_000

// BenchmarkStream reads a backlog: small rows, 20 000 in a transaction.
func BenchmarkStream(b *testing.B) {
	w := newWorld(b, "CREATE TABLE a (id bigint PRIMARY KEY, v text)", map[string]string{"snapshot.mode": "no_data", "publication.autocreate.mode": "disabled"})
	w.exec("CREATE PUBLICATION dbz_publication FOR TABLE a")
	for b.Loop() {
		b.StopTimer()
		w.props["slot.name"] += "x"
		w.exec("SELECT pg_create_logical_replication_slot('" + w.props["slot.name"] + "', 'pgoutput')")
		w.exec("TRUNCATE a")
		for i := 0; i < benchRows; i += 20_000 {
			w.exec(fmt.Sprintf("INSERT INTO a SELECT i, 'value of row ' || i FROM generate_series(%d, %d) i", i+1, i+20_000))
		}
		b.StartTimer()
		r := w.start()
		allocs := r.drain(benchRows)
		b.StopTimer()
		b.ReportMetric(allocs, "allocs/row")
		r.stop()
		b.StartTimer()
	}
	b.ReportMetric(float64(b.N)*benchRows/b.Elapsed().Seconds(), "rows/s")
}

// BenchmarkReceiver is what the server's own tool makes of the same.
func BenchmarkReceiver(b *testing.B) {
	w := newWorld(b, "CREATE TABLE a (id bigint PRIMARY KEY, v text)", nil)
	w.exec("CREATE PUBLICATION dbz_publication FOR TABLE a")
	bin, err := w.srv.Bin("pg_recvlogical")
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		b.StopTimer()
		slot := w.props["slot.name"] + "x"
		w.props["slot.name"] = slot
		w.exec("SELECT pg_create_logical_replication_slot('" + slot + "', 'pgoutput')")
		w.exec("TRUNCATE a")
		for i := 0; i < benchRows; i += 20_000 {
			w.exec(fmt.Sprintf("INSERT INTO a SELECT i, 'value of row ' || i FROM generate_series(%d, %d) i", i+1, i+20_000))
		}
		end := w.scalar("SELECT pg_current_wal_lsn()")
		b.StartTimer()
		cmd := exec.Command(bin, "-d", w.srv.URL(w.db), "-S", slot, "--start", "--endpos", end, "-f", "/dev/null", "-o", "proto_version=1", "-o", "publication_names=dbz_publication")
		if out, err := cmd.CombinedOutput(); err != nil {
			b.Fatalf("%v: %s", err, out)
		}
	}
	b.ReportMetric(float64(b.N)*benchRows/b.Elapsed().Seconds(), "rows/s")
}

// BenchmarkSnapshot reads a table.
func BenchmarkSnapshot(b *testing.B) {
	w := newWorld(b, fmt.Sprintf("CREATE TABLE a (id bigint PRIMARY KEY, v text); INSERT INTO a SELECT i, 'value of row ' || i FROM generate_series(1, %d) i", benchRows), nil)
	for b.Loop() {
		w.stored = connect.Null()
		r := w.start()
		allocs := r.drain(benchRows)
		b.StopTimer()
		b.ReportMetric(allocs, "allocs/row")
		r.stop()
		b.StartTimer()
	}
	b.ReportMetric(float64(b.N)*benchRows/b.Elapsed().Seconds(), "rows/s")
}
