// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"testing"
	"time"
)

func benchOptions(b *testing.B) Options {
	return Options{Dir: b.TempDir(), TickEvery: -1}
}

func BenchmarkAppend(b *testing.B) {
	for _, size := range []int{100, 10_000, 1 << 20} {
		b.Run(fmt.Sprint("value=", size), func(b *testing.B) {
			o := benchOptions(b)
			o.MaxBatchBytes = 2 << 20
			s := open(b, o)
			l := topicOf(b, s, "t", 1, map[string]string{"retention.bytes": "200000000"})[0]
			batch := plain(kv("", string(make([]byte, size))))
			b.SetBytes(int64(len(batch)))
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if _, err := l.Append(batch); err != nil {
					b.Fatal(err)
				}
				if i%1000 == 999 {
					b.StopTimer()
					must(b, s.maintain(context.Background(), false))
					b.StartTimer()
				}
			}
		})
	}
}

func BenchmarkOneRecordTransactions(b *testing.B) {
	s := open(b, benchOptions(b))
	logs := topicOf(b, s, "t", 2, nil)
	p := transactional(b, s, "tx")
	for b.Loop() {
		p.send(logs[0], kv("k", "v"))
		p.send(logs[1], kv("k", "v"))
		p.offset("g", "t", 1)
		p.end(true)
	}
	b.ReportMetric(float64(s.Stats().Syncs)/float64(b.N), "syncs/op")
}

func BenchmarkRead(b *testing.B) {
	for _, size := range []int{100, 1 << 20} {
		b.Run(fmt.Sprint("value=", size), func(b *testing.B) {
			o := benchOptions(b)
			o.MaxBatchBytes = 2 << 20
			s := open(b, o)
			l := topicOf(b, s, "t", 1, nil)[0]
			for range 64<<20/(size+100) + 1 {
				_, err := l.Append(plain(kv("k", string(make([]byte, size)))))
				must(b, err)
			}
			dst := make([]byte, 0, 4<<20)
			var position, n int64
			b.ReportAllocs()
			for b.Loop() {
				f, err := l.Read(position, 1<<20, ReadCommitted, dst)
				must(b, err)
				if len(f.Bytes) == 0 {
					position = 0
					continue
				}
				n += int64(len(f.Bytes))
				for rest := f.Bytes; len(rest) > 0; {
					h := parseBatch(rest)
					position = h.last() + 1
					rest = rest[h.size:]
				}
			}
			b.SetBytes(n / int64(b.N))
		})
	}
}

// BenchmarkOpen opens a log of 1 GB, of large and of small batches, after a kill.
func BenchmarkOpen(b *testing.B) {
	for _, size := range []int{500, 100_000} {
		b.Run(fmt.Sprint("value=", size), func(b *testing.B) {
			o := benchOptions(b)
			s := open(b, o)
			l := topicOf(b, s, "t", 1, nil)[0]
			for range 1 << 30 / (size + 100) {
				_, err := l.Append(plain(kv("k", string(make([]byte, size)))))
				must(b, err)
			}
			must(b, s.Sync(context.Background()))
			for b.Loop() {
				crash(b, s)
				s = open(b, o)
			}
			b.ReportMetric(float64(s.Stats().Spans), "spans")
		})
	}
}

// BenchmarkSoak commits one-record transactions to a log and a table, with
// retention and cleaning on, and reports what stays in memory. Run it with
// -benchtime=1x; CONNECTD_SOAK is the number of transactions, default 100,000.
func BenchmarkSoak(b *testing.B) {
	count := 100_000
	if text := os.Getenv("CONNECTD_SOAK"); text != "" {
		var err error
		count, err = strconv.Atoi(text)
		must(b, err)
	}
	for b.Loop() {
		s := open(b, Options{Dir: b.TempDir(), CleanEvery: 100 * time.Millisecond})
		log := topicOf(b, s, "log", 1, map[string]string{"retention.bytes": "67108864"})[0]
		table := topicOf(b, s, "table", 1, map[string]string{"cleanup.policy": "compact"})[0]
		p := transactional(b, s, "tx")
		p.ts = time.Now().UnixMilli()
		before := heap()
		for i := range count {
			p.send(log, kv("k", strconv.Itoa(i)))
			p.send(table, kv(strconv.Itoa(i%1000), strconv.Itoa(i)))
			p.offset("g", "log", int64(i))
			p.end(true)
		}
		after := heap()
		st := s.Stats()
		b.ReportMetric(float64(after-before)/1e6, "heap-MB")
		b.ReportMetric(float64(st.DiskBytes)/1e6, "disk-MB")
		b.ReportMetric(float64(st.LiveBytes)/1e6, "live-MB")
		b.ReportMetric(float64(st.Spans), "spans")
		b.ReportMetric(float64(st.Spans*40)/float64(4*count), "index-B/batch")
		b.ReportMetric(b.Elapsed().Seconds()/float64(count)*1e6, "µs/txn")
		must(b, s.Close())
	}
}

func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
