// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var compacted = map[string]string{"cleanup.policy": "compact", "delete.retention.ms": "60000"}

func clean(t testing.TB, s *Store) {
	t.Helper()
	must(t, s.Clean(context.Background()))
}

// wantRecords compares what a read-committed consumer sees, and that it reaches
// the end of the partition.
func wantRecords(t testing.TB, l *Log, want ...string) {
	t.Helper()
	got, position := consume(t, l, ReadCommitted, 1<<20)
	if diff := cmp.Diff(want, values(got)); diff != "" {
		t.Fatal(diff)
	}
	if _, stable, _ := l.Offsets(); position != stable {
		t.Fatalf("a consumer ends at %d, not at the last stable offset %d", position, stable)
	}
}

func TestCleaningKeepsTheNewestOfEachKey(t *testing.T) {
	for codec, name := range []string{"none", "gzip", "snappy", "lz4", "zstd"} {
		t.Run(name, func(t *testing.T) {
			o := quiet(t.TempDir())
			s := open(t, o)
			l := topicOf(t, s, "t", 1, compacted)[0]
			for i := range 4 {
				b := batchSpec{producer: Producer{-1, -1}, seq: -1, codec: codec, ts: int64(1000 * i), recs: []rec{
					kv("a", fmt.Sprint(i)), kv(fmt.Sprint("own", i), "v"), kv("b", fmt.Sprint(i)),
				}}
				_, err := l.Append(b.bytes())
				must(t, err)
			}
			want := []string{"1:own0=v", "4:own1=v", "7:own2=v", "9:a=3", "10:own3=v", "11:b=3"}
			clean(t, s)
			wantRecords(t, l, want...)
			clean(t, s)
			wantRecords(t, l, want...)
			if n := s.Stats().CleanedRecords; n != 6 {
				t.Fatalf("cleaned %d records, want 6", n)
			}
			crash(t, s)
			s = open(t, o)
			wantRecords(t, logsOf(t, s, "t")[0], want...)
		})
	}
}

func TestCleaningIgnoresOpenAndAbortedTransactions(t *testing.T) {
	o := quiet(t.TempDir())
	s := open(t, o)
	l := topicOf(t, s, "t", 1, compacted)[0]
	committed := transactional(t, s, "committed")
	aborted := transactional(t, s, "aborted")
	open1 := transactional(t, s, "open")
	// Large enough that no two batches share a span.
	far := strings.Repeat("x", spanWindow)
	send := func(p *producing, rs ...rec) {
		t.Helper()
		p.send(l, append(rs, kv(fmt.Sprint("own", l.end), far))...)
	}
	view := func(l *Log) []string {
		t.Helper()
		got, _ := consume(t, l, ReadCommitted, 1<<20)
		return values(slices.DeleteFunc(got, func(r seen) bool { return strings.HasPrefix(r.key, "own") }))
	}
	send(committed, kv("a", "old"), kv("b", "old"))
	committed.end(true)
	send(committed, kv("a", "new"))
	committed.end(true)
	send(aborted, kv("a", "aborted"), kv("b", "aborted"))
	aborted.end(false)
	send(open1, kv("a", "open"), kv("b", "open"))
	send(committed, kv("b", "behind the open one"))
	committed.end(true)
	clean(t, s)
	if diff := cmp.Diff([]string{"1:b=old", "4:a=new"}, view(l)); diff != "" {
		t.Fatal(diff)
	}
	if f, err := l.Read(0, 1<<20, ReadCommitted, nil); err != nil || len(f.Aborted) != 1 {
		t.Fatalf("the last batch below the open transaction is the abort marker, which stays: %+v, %v", f.Aborted, err)
	}
	crash(t, s)
	s = open(t, o)
	l = logsOf(t, s, "t")[0]
	if diff := cmp.Diff([]string{"1:b=old", "4:a=new", "14:b=behind the open one"}, view(l)); diff != "" {
		t.Fatal(diff)
	}
	clean(t, s)
	if diff := cmp.Diff([]string{"4:a=new", "14:b=behind the open one"}, view(l)); diff != "" {
		t.Fatal(diff)
	}
	for range 2 {
		_, err := l.Append(plain(kv("last", far)))
		must(t, err)
		clean(t, s)
	}
	if f, err := l.Read(0, 1<<20, ReadCommitted, nil); err != nil || len(f.Aborted) != 0 {
		t.Fatalf("aborted transactions remain listed: %+v, %v", f.Aborted, err)
	}
}

func TestAbortedProducerContinuesAfterCleaning(t *testing.T) {
	s := open(t, quiet(t.TempDir()))
	l := topicOf(t, s, "t", 1, compacted)[0]
	p := transactional(t, s, "tx")
	p.send(l, kv("a", "aborted"))
	p.end(false)
	p.send(l, kv("a", "committed"))
	p.end(true)
	p.send(l, kv("z", "last"))
	p.end(true)
	clean(t, s)
	wantRecords(t, l, "2:a=committed", "4:z=last")
}

func TestTombstonesStayForTheirRetention(t *testing.T) {
	now := newClock()
	o := quiet(t.TempDir())
	o.Now = now.Now
	s := open(t, o)
	l := topicOf(t, s, "t", 1, compacted)[0]
	send := func(rs ...rec) {
		t.Helper()
		_, err := l.Append(plain(rs...))
		must(t, err)
	}
	send(kv("a", "1"), kv("b", "1"))
	send(rec{key: "a"})
	send(kv("end", "1"))
	now.Advance(time.Hour)
	clean(t, s)
	wantRecords(t, l, "1:b=1", "2:a=nil", "3:end=1")
	now.Advance(30 * time.Second)
	clean(t, s)
	wantRecords(t, l, "1:b=1", "2:a=nil", "3:end=1")
	crash(t, s)
	s = open(t, o)
	l = logsOf(t, s, "t")[0]
	now.Advance(40 * time.Second)
	send(kv("end", "2"))
	clean(t, s)
	wantRecords(t, l, "1:b=1", "4:end=2")
	send(kv("a", "again"))
	send(kv("end", "3"))
	clean(t, s)
	wantRecords(t, l, "1:b=1", "5:a=again", "6:end=3")
}

func TestTheLastBatchStays(t *testing.T) {
	now := newClock()
	o := quiet(t.TempDir())
	o.Now = now.Now
	s := open(t, o)
	l := topicOf(t, s, "t", 1, compacted)[0]
	p := transactional(t, s, "tx")
	p.send(l, kv("a", "1"))
	p.end(true)
	p.send(l, rec{key: "a"})
	p.end(true)
	p.send(l, kv("b", "aborted"))
	p.end(false)
	for range 5 {
		clean(t, s)
		now.Advance(time.Hour)
	}
	wantRecords(t, l)
	if _, position := consume(t, l, ReadUncommitted, 100); position != 6 {
		t.Fatalf("a consumer ends at %d, not 6", position)
	}
	if st := s.Stats(); st.LiveBytes > 2*markerSize {
		t.Fatalf("%d bytes live", st.LiveBytes)
	}
}

func TestCleaningInSeveralPasses(t *testing.T) {
	o := quiet(t.TempDir())
	o.SegmentBytes = 16 << 10
	o.CleanKeys = 50
	s := open(t, o)
	l := topicOf(t, s, "t", 1, compacted)[0]
	newest := map[string]string{}
	for i := range 4000 {
		key := fmt.Sprint(i * 7919 % 400)
		_, err := l.Append(plain(kv(key, fmt.Sprint(i))))
		must(t, err)
		newest[key] = fmt.Sprint(i)
	}
	for range 100 {
		clean(t, s)
	}
	got, _ := consume(t, l, ReadCommitted, 1<<20)
	for _, r := range got {
		if newest[r.key] == r.value {
			delete(newest, r.key)
		}
	}
	if len(newest) != 0 {
		t.Fatalf("lost the newest value of %d keys", len(newest))
	}
	if len(got) > 450 {
		t.Fatalf("%d records left of 400 keys", len(got))
	}
}

// TestUnreadableBatchesStay has what was written before the topic became compacted.
func TestUnreadableBatchesStay(t *testing.T) {
	s := open(t, quiet(t.TempDir()))
	l := topicOf(t, s, "t", 1, nil)[0]
	bad := plain(kv("a", "old"), kv("b", "old"))
	second := batchHeaderSize + 1 + int(bad[batchHeaderSize]>>1)
	bad[second] = 0x7f // a record length beyond the batch
	sealBatch(bad)
	_, err := l.Append(bad)
	must(t, err)
	must(t, s.AlterConfigs(context.Background(), "t", compacted))
	for i := range 2 {
		_, err = l.Append(plain(kv("a", fmt.Sprint(i))))
		must(t, err)
	}
	clean(t, s)
	f, err := l.Read(0, 1<<20, ReadCommitted, nil)
	must(t, err)
	if b := parseBatch(f.Bytes); b.base != 0 {
		t.Fatalf("the first batch is at %d", b.base)
	}
	var bases []int64
	for rest := f.Bytes; len(rest) > 0; rest = rest[parseBatch(rest).size:] {
		bases = append(bases, parseBatch(rest).base)
	}
	if diff := cmp.Diff([]int64{0, 3}, bases); diff != "" {
		t.Fatal(diff)
	}
}

const week = 7 * 24 * time.Hour

var retentionCases = []struct {
	name    string
	configs map[string]string
	advance time.Duration
	txn     bool
	left    int
}{
	{"nothing is old", nil, week - time.Hour, false, 20},
	{"clock eight days ahead", nil, 8 * 24 * time.Hour, false, 0},
	{"compacted topics have no retention", map[string]string{"cleanup.policy": "compact"}, 8 * 24 * time.Hour, false, 20},
	{"compact and delete", map[string]string{"cleanup.policy": "compact,delete"}, 8 * 24 * time.Hour, false, 0},
	{"own retention", map[string]string{"retention.ms": "1000"}, time.Minute, false, 0},
	{"no retention", map[string]string{"retention.ms": "-1"}, 80 * 24 * time.Hour, false, 20},
	{"by size", map[string]string{"retention.bytes": "55000"}, 0, false, 6},
	{"size does not touch compacted topics", map[string]string{"retention.bytes": "1", "cleanup.policy": "compact"}, 0, false, 20},
	{"open transaction holds it", nil, 8 * 24 * time.Hour, true, 20},
}

func TestRetention(t *testing.T) {
	for _, tt := range retentionCases {
		t.Run(tt.name, func(t *testing.T) {
			now := newClock()
			o := quiet(t.TempDir())
			o.Now = now.Now
			o.SegmentBytes = 32 << 10
			s := open(t, o)
			logs := topicOf(t, s, "t", 1, tt.configs)
			if tt.txn {
				transactional(t, s, "tx").send(logs[0], kv("open", "1"))
			}
			for i := range 20 {
				_, err := logs[0].Append(plain(kv(fmt.Sprint("key", i), string(make([]byte, 10_000)))))
				must(t, err)
			}
			now.Advance(tt.advance)
			clean(t, s)
			check := func(l *Log, s *Store) {
				t.Helper()
				got, _ := consume(t, l, ReadUncommitted, 1<<20)
				if tt.txn {
					got = got[1:]
				}
				if len(got) != tt.left {
					t.Fatalf("%d records left, want %d", len(got), tt.left)
				}
				start, _, end := l.Offsets()
				if end < 20 || tt.left == 0 && start != end {
					t.Fatalf("start %d, end %d", start, end)
				}
				if _, err := l.Read(start-1, 1, ReadUncommitted, nil); CodeOf(err) != CodeOffsetOutOfRange {
					t.Fatalf("read below the start: %v", err)
				}
			}
			check(logs[0], s)
			clean(t, s)
			if st := s.Stats(); tt.left <= 6 && st.DiskBytes > 150_000 {
				t.Fatalf("%d bytes on disk for %d bytes alive", st.DiskBytes, st.LiveBytes)
			}
			crash(t, s)
			s = open(t, o)
			check(logsOf(t, s, "t")[0], s)
		})
	}
}

func TestReclaimingCopiesWhatLives(t *testing.T) {
	o := quiet(t.TempDir())
	o.SegmentBytes = 64 << 10
	s := open(t, o)
	logs := topicOf(t, s, "short", 2, map[string]string{"retention.bytes": "20000"})
	kept := topicOf(t, s, "kept", 1, nil)[0]
	var want []string
	for i := range 2000 {
		_, err := logs[i%2].Append(plain(kv("k", fmt.Sprintf("%0500d", i))))
		must(t, err)
		if i%100 == 0 {
			base, err := kept.Append(plain(kv("kept", fmt.Sprint(i))))
			must(t, err)
			want = append(want, fmt.Sprintf("%d:kept=%d", base, i))
		}
	}
	for range 3 {
		clean(t, s)
	}
	st := s.Stats()
	if st.DiskBytes > 400_000 || st.RemovedBytes == 0 {
		t.Fatalf("%d bytes on disk, %d alive, %d removed", st.DiskBytes, st.LiveBytes, st.RemovedBytes)
	}
	wantRecords(t, kept, want...)
	for range 2 {
		crash(t, s)
		removeSidecars(t, o.Dir)
		s = open(t, o)
		wantRecords(t, logsOf(t, s, "kept")[0], want...)
		clean(t, s)
	}
}

func TestDeletedTopicsFreeTheDisk(t *testing.T) {
	o := quiet(t.TempDir())
	o.SegmentBytes = 64 << 10
	s := open(t, o)
	l := topicOf(t, s, "t", 1, nil)[0]
	must(t, s.CommitOffsets(context.Background(), "g", []GroupOffset{{Topic: "t", Offset: 1}, {Topic: "other", Offset: 2}}))
	for range 100 {
		_, err := l.Append(plain(kv("k", string(make([]byte, 10_000)))))
		must(t, err)
	}
	woken := make(chan struct{}, 1)
	defer l.Watch(woken)()
	must(t, s.DeleteTopic(context.Background(), "t"))
	<-woken
	_, err := l.Append(plain(kv("k", "v")))
	wantCode(t, err, CodeUnknownTopicOrPart)
	_, err = l.Read(0, 1, ReadCommitted, nil)
	wantCode(t, err, CodeUnknownTopicOrPart)
	clean(t, s)
	if st := s.Stats(); st.DiskBytes > 200_000 || st.LiveBytes != 0 {
		t.Fatalf("%d bytes on disk, %d alive", st.DiskBytes, st.LiveBytes)
	}
	again := topicOf(t, s, "t", 1, nil)[0]
	if _, _, end := again.Offsets(); end != 0 {
		t.Fatalf("a topic created again begins at %d", end)
	}
	crash(t, s)
	s = open(t, o)
	wantRecords(t, logsOf(t, s, "t")[0])
	offsets, err := s.Offsets(context.Background(), "g")
	must(t, err)
	if len(offsets) != 1 || offsets[0].Topic != "other" {
		t.Fatalf("group offsets after the deletion: %+v", offsets)
	}
}
