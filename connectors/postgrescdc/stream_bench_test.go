// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"fmt"
	"testing"
	"time"

	"github.com/connectd/connectd/connect"
)

// BenchmarkCommit is the time from the commit of a large transaction to its first and its
// last row, with a server that has had time to send what it does before.
func BenchmarkCommit(b *testing.B) {
	const rows = 500_000
	w := newWorld(b, "CREATE TABLE a (id bigint PRIMARY KEY, v text); CREATE TABLE other (id int); CREATE PUBLICATION dbz_publication FOR TABLE a",
		map[string]string{"snapshot.mode": "no_data", "publication.autocreate.mode": "disabled", keyStreamingDir: b.TempDir()})
	w.exec("ALTER DATABASE " + quoteIdent(w.db) + " SET logical_decoding_work_mem = '4MB'")
	for _, mode := range streamingModes(w) {
		b.Run(mode, func(b *testing.B) {
			first := time.Duration(0)
			for b.Loop() {
				b.StopTimer()
				w.exec("TRUNCATE a")
				way := w.reads(mode)[0]
				r := way.start()
				large := w.session()
				large.do("BEGIN")
				large.do(fmt.Sprintf("INSERT INTO a SELECT i, 'value of row ' || i FROM generate_series(1, %d) i", rows))
				end := w.position()
				way.eventually("the server has decoded it", func() bool {
					return w.scalar(fmt.Sprintf("SELECT sent_lsn >= '%s' FROM pg_stat_replication JOIN pg_replication_slots ON active_pid = pid WHERE slot_name = '%s'", end, way.props["slot.name"])) == "t"
				})
				b.StartTimer()
				began := time.Now()
				large.do("COMMIT")
				batch := &connect.Batch{MaxRecords: 10000, MaxBytes: 4 << 20}
				for got := 0; got < rows; {
					batch.Reset()
					if err := r.task.Poll(r.ctx, batch); err != nil {
						b.Fatal(err)
					}
					if got == 0 && len(batch.Records) > 0 {
						first += time.Since(began)
					}
					got += len(batch.Records)
				}
				b.StopTimer()
				r.stop()
				w.exec("SELECT pg_drop_replication_slot('" + way.props["slot.name"] + "')")
				b.StartTimer()
			}
			b.ReportMetric(float64(first.Milliseconds())/float64(b.N), "ms-to-first")
			b.ReportMetric(float64(b.N)*rows/b.Elapsed().Seconds(), "rows/s")
		})
	}
}
