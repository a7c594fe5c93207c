// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAppendedBatchesAreReadBack(t *testing.T) {
	for _, tt := range []struct {
		name    string
		size    int
		count   int
		maxRead int
	}{
		{"small batches share spans", 20, 2000, 1 << 20},
		{"small reads", 20, 300, 1},
		{"batches larger than a span", 20_000, 100, 50_000},
		{"batches written past the buffer", 200_000, 30, 1 << 20},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := quiet(t.TempDir())
			s := open(t, o)
			logs := topicOf(t, s, "t", 3, nil)
			var want [3][]string
			for i := range tt.count {
				p := i % 3
				value := fmt.Sprintf("%0*d", tt.size, i)
				base, err := logs[p].Append(plain(kv("k", value), kv("l", "x")))
				must(t, err)
				want[p] = append(want[p], fmt.Sprintf("%d:k=%s", base, value), fmt.Sprintf("%d:l=x", base+1))
			}
			check := func(logs []*Log) {
				t.Helper()
				for p, l := range logs {
					got, position := consume(t, l, ReadCommitted, tt.maxRead)
					if diff := cmp.Diff(want[p], values(got)); diff != "" {
						t.Fatalf("partition %d: %s", p, diff)
					}
					if _, _, end := l.Offsets(); position != end {
						t.Fatalf("position %d, end %d", position, end)
					}
				}
			}
			check(logs)
			must(t, s.Close())
			s = open(t, o)
			check(logsOf(t, s, "t"))
			before := indexOf(s)
			must(t, s.Close())
			removeSidecars(t, o.Dir)
			s = open(t, o)
			check(logsOf(t, s, "t"))
			if diff := cmp.Diff(before, indexOf(s)); diff != "" {
				t.Fatalf("index without sidecars differs: %s", diff)
			}
		})
	}
}

// indexOf renders all spans of a store.
func indexOf(s *Store) []string {
	var all []string
	for _, t := range s.Topics() {
		for p := range t.Partitions {
			l, _ := s.Log(t.Name, p)
			for _, sp := range l.spans {
				all = append(all, fmt.Sprintf("%s-%d %+v", t.Name, p, sp))
			}
		}
	}
	return all
}

func removeSidecars(t *testing.T, dir string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*"+sidecarSuffix))
	must(t, err)
	for _, f := range files {
		must(t, os.Remove(f))
	}
}

func TestReadStartsAndEndsWhereAsked(t *testing.T) {
	s := open(t, quiet(t.TempDir()))
	l := topicOf(t, s, "t", 1, nil)[0]
	for i := range 10 {
		_, err := l.Append(plain(kv("a", fmt.Sprint(i)), kv("b", fmt.Sprint(i))))
		must(t, err)
	}
	size := len(plain(kv("a", "0"), kv("b", "0")))
	for _, tt := range []struct {
		offset  int64
		max     int
		first   int64
		batches int
	}{
		{0, 1, 0, 1}, {1, 1, 0, 1}, {2, 1, 2, 1}, {5, 2 * size, 4, 2}, {5, 2*size + 1, 4, 2}, {5, 3*size - 1, 4, 2}, {5, 3 * size, 4, 3},
		{18, 1 << 20, 18, 1}, {19, 1 << 20, 18, 1}, {20, 1 << 20, -1, 0}, {3, 0, -1, 0},
	} {
		f, err := l.Read(tt.offset, tt.max, ReadUncommitted, []byte("kept"))
		must(t, err)
		if string(f.Bytes[:4]) != "kept" {
			t.Fatalf("read does not append to the buffer")
		}
		first, n := int64(-1), 0
		for rest := f.Bytes[4:]; len(rest) > 0; n++ {
			b := parseBatch(rest)
			if n == 0 {
				first = b.base
			}
			rest = rest[b.size:]
		}
		if first != tt.first || n != tt.batches {
			t.Errorf("read(%d, %d) gave %d batches from %d, want %d from %d", tt.offset, tt.max, n, first, tt.batches, tt.first)
		}
	}
	for _, offset := range []int64{-1, 21} {
		f, err := l.Read(offset, 100, ReadUncommitted, nil)
		wantCode(t, err, CodeOffsetOutOfRange)
		if f.HighWatermark != 20 || f.LogStart != 0 {
			t.Errorf("out of range read tells %+v", f)
		}
	}
}

func TestTransactionIsVisibleAsAWhole(t *testing.T) {
	for _, commit := range []bool{true, false} {
		t.Run(fmt.Sprintf("commit=%v", commit), func(t *testing.T) {
			o := quiet(t.TempDir())
			s := open(t, o)
			logs := topicOf(t, s, "t", 2, nil)
			p := transactional(t, s, "tx")
			p.send(logs[0], kv("a", "1"))
			p.send(logs[1], kv("b", "1"))
			p.offset("g", "t", 7)
			_, err := logs[0].Append(plain(kv("other", "1")))
			must(t, err)
			if _, stable, end := logs[0].Offsets(); stable != 0 || end != 2 {
				t.Fatalf("stable %d, end %d", stable, end)
			}
			if got, _ := consume(t, logs[0], ReadCommitted, 1000); len(got) != 0 {
				t.Fatalf("open transaction is visible: %v", got)
			}
			if got, _ := consume(t, logs[0], ReadUncommitted, 1000); len(got) != 2 {
				t.Fatalf("read uncommitted sees %v", got)
			}
			offsets, err := s.Offsets(context.Background(), "g")
			must(t, err)
			if len(offsets) != 1 || !offsets[0].Pending || offsets[0].Offset != -1 {
				t.Fatalf("pending offsets: %+v", offsets)
			}
			p.end(commit)
			check := func(s *Store, logs []*Log) {
				t.Helper()
				want := [][]string{{"0:a=1", "1:other=1"}, {"0:b=1"}}
				if !commit {
					want = [][]string{{"1:other=1"}, nil}
				}
				for i, l := range logs {
					got, position := consume(t, l, ReadCommitted, 1000)
					if diff := cmp.Diff(want[i], values(got)); diff != "" {
						t.Fatal(diff)
					}
					if _, stable, end := l.Offsets(); position != end || stable != end {
						t.Fatalf("position %d, stable %d, end %d", position, stable, end)
					}
				}
				offsets, err := s.Offsets(context.Background(), "g")
				must(t, err)
				if has := len(offsets) == 1 && offsets[0].Offset == 7 && !offsets[0].Pending; has != commit {
					t.Fatalf("offsets after the end: %+v", offsets)
				}
			}
			check(s, logs)
			must(t, s.EndTxn(context.Background(), "tx", p.p, commit))
			wantCode(t, s.EndTxn(context.Background(), "tx", p.p, !commit), CodeInvalidTxnState)
			crash(t, s)
			s = open(t, o)
			check(s, logsOf(t, s, "t"))
		})
	}
}

func TestKillAbortsOpenTransactions(t *testing.T) {
	o := quiet(t.TempDir())
	s := open(t, o)
	logs := topicOf(t, s, "t", 2, nil)
	p := transactional(t, s, "tx")
	p.send(logs[0], kv("a", "lost"))
	p.send(logs[1], kv("a", "lost"))
	p.offset("g", "t", 1)
	must(t, s.Sync(context.Background()))
	for range 3 {
		crash(t, s)
		s = open(t, o)
		logs = logsOf(t, s, "t")
		wantCode(t, s.EndTxn(context.Background(), "tx", p.p, true), CodeProducerFenced)
		wantCode(t, s.AddPartitions("tx", p.p, []TopicPartition{{"t", 0}}), CodeProducerFenced)
		_, err := logs[0].Append(p.batch(logs[0], kv("a", "late")))
		wantCode(t, err, CodeInvalidProducerEpoch)
	}
	next, err := s.InitProducer(context.Background(), "tx", 1e9, p.p)
	must(t, err)
	again, err := s.InitProducer(context.Background(), "tx", 1e9, p.p)
	must(t, err)
	if next.ID != p.p.ID || next.Epoch <= p.p.Epoch || again != next {
		t.Fatalf("continued as %v, then %v, was %v", next, again, p.p)
	}
	p = &producing{t: t, s: s, name: "tx", p: next, seqs: map[*Log]int32{}, ts: p.ts}
	p.send(logs[0], kv("a", "new"))
	p.end(true)
	crash(t, s)
	s = open(t, o)
	for i, want := range [][]string{{"2:a=new"}, nil} {
		got, _ := consume(t, logsOf(t, s, "t")[i], ReadCommitted, 1000)
		if diff := cmp.Diff(want, values(got)); diff != "" {
			t.Fatal(diff)
		}
	}
	if offsets, err := s.Offsets(context.Background(), "g"); err != nil || len(offsets) != 0 {
		t.Fatalf("offsets of the lost transaction: %v, %v", offsets, err)
	}
}

func TestCleanStopFencesNobody(t *testing.T) {
	o := quiet(t.TempDir())
	s := open(t, o)
	l := topicOf(t, s, "t", 1, nil)[0]
	p := transactional(t, s, "tx")
	p.send(l, kv("a", "1"))
	p.end(true)
	must(t, s.Close())
	must(t, s.Close())
	s = open(t, o)
	p.s, l = s, logsOf(t, s, "t")[0]
	p.seqs = map[*Log]int32{l: 1}
	p.send(l, kv("a", "2"))
	p.end(true)
	got, _ := consume(t, l, ReadCommitted, 1000)
	if diff := cmp.Diff([]string{"0:a=1", "2:a=2"}, values(got)); diff != "" {
		t.Fatal(diff)
	}
}

func TestDirectoryIsLocked(t *testing.T) {
	o := quiet(t.TempDir())
	open(t, o)
	_, err := Open(context.Background(), o)
	var used *InUseError
	if !errors.As(err, &used) || used.PID != os.Getpid() {
		t.Fatalf("second open: %v", err)
	}
}

func TestNewerFormatIsRefused(t *testing.T) {
	o := quiet(t.TempDir())
	must(t, open(t, o).Close())
	must(t, os.WriteFile(filepath.Join(o.Dir, formatFile), []byte("connectd broker log 2\n"), 0o644))
	if _, err := Open(context.Background(), o); err == nil || !slices.Contains([]string{err.Error()}, "open broker log in "+o.Dir+": broker log has format 2, this version reads formats up to 1: use a newer version") {
		t.Fatalf("open: %v", err)
	}
}
