// SPDX-License-Identifier: Apache-2.0

package state

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/connectd/connectd/connect"
)

// benchTables opens one table with n keys of 16 bytes and values of 64.
func benchTables(b *testing.B, kind Kind, ordered bool, n int) (*Tables, *memoryLog) {
	b.Helper()
	log := newMemoryLog()
	tables := benchOpen(b, kind, ordered, log)
	table := tables.Table(0, 0)
	value := make([]byte, 64)
	for i := range n {
		tables.Begin()
		table.Put(benchKey(i), value)
		if i%10000 == 9999 || i == n-1 {
			commit(b, tables, log)
		}
	}
	return tables, log
}

func benchOpen(b *testing.B, kind Kind, ordered bool, log Changelog) *Tables {
	b.Helper()
	tables, err := Open(context.Background(), Options{
		Group: "g", Connector: "c", Changelog: log, Kind: kind, Dir: b.TempDir(), Partitions: []int32{0},
		Steps: []Step{{Alias: "step", Spec: connect.StateSpec{Ordered: ordered}}}, SnapshotBytes: 1 << 40,
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := tables.Close(context.Background()); err != nil {
			b.Fatal(err)
		}
	})
	return tables
}

func benchKey(i int) []byte {
	return binary.BigEndian.AppendUint64(make([]byte, 8, 16), uint64(i)*0x9e3779b97f4a7c15)
}

// benchKeys returns the keys in random order, one after the other in memory, as the
// records of a batch have them.
func benchKeys(n int) [][]byte {
	keys, all := make([][]byte, n), make([]byte, 0, 16*n)
	for i, k := range rand.New(rand.NewPCG(1, 2)).Perm(n) {
		all = append(all, benchKey(k)...)
		keys[i] = all[16*i : 16*i+16]
	}
	return keys
}

// BenchmarkReadModifyWrite is what a step does for each record: Begin, Get, Put, with
// a commit for each 5000 records, whose serialising, apply and all are counted in.
func BenchmarkReadModifyWrite(b *testing.B) {
	for _, c := range []struct {
		name    string
		kind    Kind
		ordered bool
		keys    int
	}{
		{"memory/1k", Memory, false, 1000},
		{"memory/100k", Memory, false, 100_000},
		{"memory/1M", Memory, false, 1_000_000},
		{"memory-ordered/100k", Memory, true, 100_000},
		{"disk/100k", Disk, false, 100_000},
	} {
		b.Run(c.name, func(b *testing.B) {
			tables, _ := benchTables(b, c.kind, c.ordered, c.keys)
			table := tables.Table(0, 0)
			keys := benchKeys(c.keys)
			b.ReportAllocs()
			b.ResetTimer()
			for i := range b.N {
				tables.Begin()
				v, ok := table.Get(keys[i%len(keys)])
				if !ok {
					b.Fatal("key is missing")
				}
				table.Put(keys[i%len(keys)], v)
				if i%5000 == 4999 {
					drain(b, tables)
				}
			}
		})
	}
}

// drain takes a unit through a commit without keeping it anywhere.
func drain(b *testing.B, tables *Tables) {
	u, err := tables.Freeze()
	if err != nil {
		b.Fatal(err)
	}
	err = u.Each(func(string, int32, []Change) error { return nil })
	if err != nil {
		b.Fatal(err)
	}
	if err := u.Committed([]Offset{{"g-c-step-changelog", 0, 1}}); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkGet reads committed keys, beside a bare Go map of the same.
func BenchmarkGet(b *testing.B) {
	for _, n := range []int{1000, 100_000, 1_000_000} {
		keys := benchKeys(n)
		b.Run(fmt.Sprintf("table/%d", n), func(b *testing.B) {
			tables, _ := benchTables(b, Memory, false, n)
			table := tables.Table(0, 0)
			b.ReportAllocs()
			b.ResetTimer()
			for i := range b.N {
				tables.Begin()
				if v, ok := table.Get(keys[i%len(keys)]); !ok || v[0] != 0 {
					b.Fatal("key is missing")
				}
			}
		})
		b.Run(fmt.Sprintf("map/%d", n), func(b *testing.B) {
			bare := map[string][]byte{}
			for i := range n {
				bare[string(benchKey(i))] = make([]byte, 64)
			}
			b.ResetTimer()
			for i := range b.N {
				if v, ok := bare[string(keys[i%len(keys)])]; !ok || v[0] != 0 {
					b.Fatal("key is missing")
				}
			}
		})
	}
}

// BenchmarkPut writes keys again that the filling unit has already, with undo.
func BenchmarkPut(b *testing.B) {
	tables, _ := benchTables(b, Memory, false, 100_000)
	table := tables.Table(0, 0)
	keys := benchKeys(5000)
	value := make([]byte, 64)
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		tables.Begin()
		table.Put(keys[i%len(keys)], value)
	}
}

func BenchmarkRollback(b *testing.B) {
	tables, _ := benchTables(b, Memory, false, 1000)
	table := tables.Table(0, 0)
	keys := benchKeys(1000)
	value := make([]byte, 64)
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		m := tables.Begin()
		table.Put(keys[i%len(keys)], value)
		tables.Rollback(m)
	}
}

// BenchmarkTimers sets a timer for each record and fires one.
func BenchmarkTimers(b *testing.B) {
	for _, kind := range kinds {
		b.Run(string(kind), func(b *testing.B) {
			tables, _ := benchTables(b, kind, false, 1)
			table := tables.Table(0, 0)
			fired := 0
			table.OnTimer(func(int64, []byte) { fired++ })
			b.ReportAllocs()
			b.ResetTimer()
			for i := range b.N {
				tables.Begin()
				table.Advance(int64(i))
				table.SetTimer(int64(i)+1000, benchKey(i))
				if i%5000 == 4999 {
					drain(b, tables)
				}
			}
			if b.N > 1000 && fired < b.N-1001 {
				b.Fatalf("%d timers fired of %d", fired, b.N)
			}
		})
	}
}

func BenchmarkScan(b *testing.B) {
	tables, _ := benchTables(b, Memory, true, 100_000)
	table := tables.Table(0, 0)
	b.ReportAllocs()
	b.ResetTimer()
	for i := 0; i < b.N; {
		table.Scan(nil, nil, func(_, _ []byte) bool { i++; return i < b.N })
	}
}

// BenchmarkRestore reads a changelog of a million keys, and a snapshot of them.
func BenchmarkRestore(b *testing.B) {
	const keys = 1_000_000
	for _, kind := range kinds {
		_, log := benchTables(b, kind, false, keys)
		b.Run(string(kind)+"/changelog", func(b *testing.B) {
			for range b.N {
				benchOpen(b, kind, false, log)
			}
			b.ReportMetric(float64(keys)*float64(b.N)/b.Elapsed().Seconds(), "keys/s")
		})
	}
	b.Run("memory/snapshot", func(b *testing.B) {
		_, log := benchTables(b, Memory, false, keys)
		o := Options{
			Group: "g", Connector: "c", Changelog: log, Dir: b.TempDir(), Partitions: []int32{0},
			Steps: []Step{{Alias: "step"}},
		}
		for range b.N {
			tables, err := Open(context.Background(), o)
			if err != nil {
				b.Fatal(err)
			}
			b.StopTimer()
			if err := tables.Close(context.Background()); err != nil {
				b.Fatal(err)
			}
			b.StartTimer()
		}
		b.ReportMetric(float64(keys)*float64(b.N)/b.Elapsed().Seconds(), "keys/s")
	})
}

// BenchmarkBytesPerKey reports what a key of 16 bytes with a value of 64 takes.
func BenchmarkBytesPerKey(b *testing.B) {
	const keys = 1_000_000
	for range b.N {
		before := heap()
		s := newMemoryStore(newHasher(), false)
		value := make([]byte, 64)
		for i := range keys {
			s.put(append([]byte{tagValue}, benchKey(i)...), value)
		}
		b.ReportMetric(float64(heap()-before)/keys, "B/key")
		runtime.KeepAlive(s)
	}
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
