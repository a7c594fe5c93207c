// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"fmt"
	"syscall"
	"testing"
	"time"
)

// BenchmarkAppendRecords appends batches of about 500 kB of records of one size.
func BenchmarkAppendRecords(b *testing.B) {
	for _, policy := range []string{"delete", "compact"} {
		for _, size := range []int{100, 700} {
			b.Run(fmt.Sprintf("%s/value=%d", policy, size), func(b *testing.B) {
				s := open(b, benchOptions(b))
				l := topicOf(b, s, "t", 1, map[string]string{"cleanup.policy": policy, "retention.bytes": "200000000"})[0]
				recs := make([]rec, 500_000/size)
				for i := range recs {
					recs[i] = kv("key", string(make([]byte, size)))
				}
				batch := plain(recs...)
				b.SetBytes(int64(len(batch)))
				var spent time.Duration
				before := cpuTime(b)
				for i := 0; b.Loop(); i++ {
					if _, err := l.Append(batch); err != nil {
						b.Fatal(err)
					}
					if i%400 == 399 {
						b.StopTimer()
						spent += cpuTime(b) - before
						must(b, s.maintain(context.Background(), false))
						before = cpuTime(b)
						b.StartTimer()
					}
				}
				spent += cpuTime(b) - before
				b.ReportMetric(float64(spent)/float64(b.N*len(recs)), "cpu-ns/record")
			})
		}
	}
}

// BenchmarkCheckRecords walks batches of 5000 records, and reads them for the checksum,
// which there is anyhow; one op is a record.
func BenchmarkCheckRecords(b *testing.B) {
	for _, size := range []int{100, 700} {
		rs := make([]rec, 5000)
		for i := range rs {
			rs[i] = kv("key", string(make([]byte, size)))
		}
		p := plain(rs...)
		head := parseBatch(p)
		for name, pass := range map[string]func() error{
			"walk": func() error {
				w := walker{p: p[batchHeaderSize:]}
				_, err := w.walk(head)
				return err
			},
			"checksum": func() error { batchCRC(p); return nil },
		} {
			b.Run(fmt.Sprintf("%s/value=%d", name, size), func(b *testing.B) {
				before := cpuTime(b)
				done := 0
				for ; done < b.N; done += len(rs) {
					if err := pass(); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(cpuTime(b)-before)/float64(done), "cpu-ns/record")
			})
		}
	}
}

// cpuTime is what the process has computed, in user space and in the kernel, which a
// loaded machine stretches less than the time on the wall.
func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	must(b, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
