// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestTopics(t *testing.T) {
	ctx := context.Background()
	o := quiet(t.TempDir())
	o.MaxPartitions = 10
	s := open(t, o)
	for _, tt := range []struct {
		name       string
		partitions int32
		configs    map[string]string
		code       Code
		text       string
	}{
		{"", 1, nil, CodeInvalidTopic, `invalid topic name ""`},
		{"..", 1, nil, CodeInvalidTopic, "not . or .. alone"},
		{"a/b", 1, nil, CodeInvalidTopic, "a-z A-Z 0-9 . _ -"},
		{strings.Repeat("x", 250), 1, nil, CodeInvalidTopic, "1 to 249"},
		{"t", 0, nil, CodeInvalidPartitions, "at least 1, not 0"},
		{"t", 11, nil, CodePolicyViolation, "limit of 10"},
		{"t", 1, map[string]string{"retention.mss": "1"}, CodeInvalidConfig, "unknown topic config name: retention.mss (nearest: retention.ms)"},
		{"t", 1, map[string]string{"retention.ms": "soon"}, CodeInvalidConfig, "invalid value soon for configuration retention.ms: must be a whole number of at least -1"},
		{"t", 1, map[string]string{"cleanup.policy": "shrink"}, CodeInvalidConfig, "must be delete, compact or compact,delete"},
		{"t", 1, map[string]string{"message.timestamp.type": "LogAppendTime"}, CodeInvalidConfig, "must be CreateTime"},
		{"t", 3, map[string]string{"cleanup.policy": "compact", "segment.bytes": "1000", "min.insync.replicas": "2"}, 0, ""},
		{"t", 1, nil, CodeTopicAlreadyExists, "already exists"},
		{"u", 8, nil, CodePolicyViolation, "3 partitions and 8 more exceed"},
	} {
		checked := s.CheckTopic(tt.name, tt.partitions, tt.configs)
		_, err := s.CreateTopic(ctx, tt.name, tt.partitions, tt.configs)
		if CodeOf(err) != tt.code || CodeOf(checked) != tt.code || err != nil && !strings.Contains(err.Error(), tt.text) {
			t.Errorf("%q: %v, checked %v", tt.name, err, checked)
		}
	}
	wantCode(t, s.GrowTopic(ctx, "t", 3), CodeInvalidPartitions)
	wantCode(t, s.GrowTopic(ctx, "t", 11), CodePolicyViolation)
	wantCode(t, s.GrowTopic(ctx, "v", 3), CodeUnknownTopicOrPart)
	must(t, s.GrowTopic(ctx, "t", 5))
	wantCode(t, s.AlterConfigs(ctx, "t", map[string]string{"x": "y"}), CodeInvalidConfig)
	must(t, s.AlterConfigs(ctx, "t", map[string]string{"max.message.bytes": "200"}))
	before, _ := s.TopicByName("t")
	if before.Partitions != 5 || before.Configs["max.message.bytes"] != "200" || len(before.Configs) != 1 {
		t.Fatalf("topic: %+v", before)
	}
	l, ok := s.Log("t", 4)
	if _, none := s.Log("t", 5); !ok || none {
		t.Fatal("partitions are not 0 to 4")
	}
	_, err := l.Append(plain(kv("a", strings.Repeat("x", 200))))
	wantCode(t, err, CodeMessageTooLarge)
	for range 2 {
		crash(t, s)
		s = open(t, o)
		after, ok := s.TopicByID(before.ID)
		if diff := cmp.Diff([]Topic{before}, s.Topics()); diff != "" || !ok || after.Name != "t" {
			t.Fatal(diff)
		}
		must(t, s.update(s.roll))
	}
	wantCode(t, s.DeleteTopic(ctx, "v"), CodeUnknownTopicOrPart)
}

func TestBadBatchesAreRefused(t *testing.T) {
	s := open(t, quiet(t.TempDir()))
	l := topicOf(t, s, "t", 1, nil)[0]
	good := batchSpec{producer: Producer{5, 0}, recs: []rec{kv("a", "1"), kv("b", "2")}}
	for _, tt := range []struct {
		name   string
		change func([]byte) []byte
		code   Code
	}{
		{"empty", func([]byte) []byte { return nil }, CodeCorruptMessage},
		{"short", func(b []byte) []byte { return b[:60] }, CodeCorruptMessage},
		{"magic 1", func(b []byte) []byte { b[16] = 1; return b }, CodeUnsupportedForFormat},
		{"cut", func(b []byte) []byte { return b[:len(b)-1] }, CodeInvalidRecord},
		{"two batches", func(b []byte) []byte { return append(b, b...) }, CodeInvalidRecord},
		{"negative length", func(b []byte) []byte { b[8] = 0xff; return b }, CodeInvalidRecord},
		{"flipped bit", func(b []byte) []byte { b[len(b)-2] ^= 1; return b }, CodeCorruptMessage},
		{"no records", func(b []byte) []byte { b[60] = 0; sealBatch(b); return b }, CodeInvalidRecord},
		{"wrong offset delta", func(b []byte) []byte { b[26] = 9; sealBatch(b); return b }, CodeInvalidRecord},
		{"control batch", func(b []byte) []byte { b[22] |= attrControl; sealBatch(b); return b }, CodeInvalidRecord},
		{"unknown compression", func(b []byte) []byte { b[22] |= 7; sealBatch(b); return b }, CodeCorruptMessage},
		{"log append time", func(b []byte) []byte { b[22] |= attrLogAppendTime; sealBatch(b); return b }, CodeInvalidRecord},
		{"producer without sequence", func(b []byte) []byte { b[53] = 0xff; sealBatch(b); return b }, CodeInvalidRecord},
		{"transactional without producer", func(b []byte) []byte { b[43] = 0xff; b[22] |= attrTransactional; sealBatch(b); return b }, CodeInvalidRecord},
	} {
		t.Run(tt.name, func(t *testing.T) {
			base, err := l.Append(tt.change(good.bytes()))
			wantCode(t, err, tt.code)
			if base != -1 {
				t.Fatalf("refused batch has offset %d", base)
			}
		})
	}
	if _, _, end := l.Offsets(); end != 0 {
		t.Fatalf("refused batches moved the end to %d", end)
	}
}

func TestGroupOffsets(t *testing.T) {
	ctx := context.Background()
	now := newClock()
	o := quiet(t.TempDir())
	o.Now, o.MaxGroups, o.MaxGroupOffsets = now.Now, 2, 5
	s := open(t, o)
	commit := func(group string, offsets ...GroupOffset) error { return s.CommitOffsets(ctx, group, offsets) }
	must(t, commit("g", GroupOffset{Topic: "b", Partition: 1, Offset: 5, LeaderEpoch: 3, Metadata: "m"}, GroupOffset{Topic: "a", Offset: 1, LeaderEpoch: -1}))
	now.Advance(time.Second)
	must(t, commit("g", GroupOffset{Topic: "a", Offset: 2, LeaderEpoch: -1}))
	must(t, commit("h", GroupOffset{Topic: "a", Offset: 7}))
	must(t, commit("nothing"))
	wantCode(t, commit("i", GroupOffset{Topic: "a"}), CodePolicyViolation)
	wantCode(t, commit("g", GroupOffset{Topic: "c"}, GroupOffset{Topic: "d"}, GroupOffset{Topic: "e"}), CodePolicyViolation)
	wantCode(t, commit("g", GroupOffset{Topic: "a", Metadata: strings.Repeat("x", 4097)}), CodeOffsetMetadataTooLarge)
	want := []GroupOffset{
		{Topic: "a", Offset: 2, LeaderEpoch: -1, Committed: now.Now()},
		{Topic: "b", Partition: 1, Offset: 5, LeaderEpoch: 3, Metadata: "m", Committed: newClock().Now()},
	}
	check := func(group string, want []GroupOffset) {
		t.Helper()
		got, err := s.Offsets(ctx, group)
		must(t, err)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatal(diff)
		}
	}
	check("g", want)
	crash(t, s)
	s = open(t, o)
	check("g", want)
	must(t, s.update(s.roll))
	crash(t, s)
	s = open(t, o)
	check("g", want)
	must(t, s.DeleteOffsets(ctx, "g", []TopicPartition{{"a", 0}, {"unknown", 3}}))
	check("g", want[1:])
	must(t, s.DeleteGroup(ctx, "h"))
	wantCode(t, s.DeleteGroup(ctx, "h"), CodeGroupIDNotFound)
	must(t, s.DeleteOffsets(ctx, "h", []TopicPartition{{"a", 0}}))
	must(t, s.DeleteOffsets(ctx, "g", []TopicPartition{{"b", 1}}))
	if groups := s.Groups(); len(groups) != 0 || s.offsets != 0 {
		t.Fatalf("groups %v with %d offsets", groups, s.offsets)
	}
}

func TestDeleteBefore(t *testing.T) {
	ctx := context.Background()
	o := quiet(t.TempDir())
	s := open(t, o)
	l := topicOf(t, s, "t", 1, nil)[0]
	for i := range 10 {
		_, err := l.Append(plain(kv("a", string(rune('0'+i))), kv("b", "")))
		must(t, err)
	}
	for _, tt := range []struct {
		offset, start int64
		code          Code
	}{{5, 5, 0}, {3, 5, 0}, {21, 5, CodeOffsetOutOfRange}, {-2, 5, CodeOffsetOutOfRange}, {18, 18, 0}, {-1, 20, 0}} {
		start, err := l.DeleteBefore(ctx, tt.offset)
		wantCode(t, err, tt.code)
		if start != tt.start {
			t.Fatalf("delete before %d: start %d, want %d", tt.offset, start, tt.start)
		}
	}
	crash(t, s)
	s = open(t, o)
	if start, stable, end := logsOf(t, s, "t")[0].Offsets(); start != 20 || stable != 20 || end != 20 {
		t.Fatalf("after a kill: %d, %d, %d", start, stable, end)
	}
	_, err := topicOf(t, s, "c", 1, compacted)[0].DeleteBefore(ctx, 0)
	wantCode(t, err, CodePolicyViolation)
}

func TestOffsetForTime(t *testing.T) {
	s := open(t, quiet(t.TempDir()))
	l := topicOf(t, s, "t", 1, map[string]string{"retention.ms": "-1"})[0]
	if offset, ts, err := l.OffsetOfMaxTime(); offset != -1 || ts != -1 || err != nil {
		t.Fatalf("of an empty partition: %d, %d, %v", offset, ts, err)
	}
	for i, ts := range []int64{1000, 2000, 1500, 5000} {
		b := batchSpec{producer: fresh, seq: -1, ts: ts, codec: i % 5, recs: []rec{kv("a", ""), kv("b", ""), kv("c", strings.Repeat("x", i*6000))}}
		_, err := l.Append(b.bytes())
		must(t, err)
	}
	for _, tt := range []struct{ ts, offset, found int64 }{
		{0, 0, 1000}, {1001, 1, 1001}, {1003, 3, 2000}, {2002, 5, 2002}, {2003, 9, 5000}, {5002, 11, 5002}, {5003, -1, -1},
	} {
		if offset, ts, err := l.OffsetForTime(tt.ts); offset != tt.offset || ts != tt.found || err != nil {
			t.Errorf("time %d: %d at %d, %v; want %d at %d", tt.ts, offset, ts, err, tt.offset, tt.found)
		}
	}
	if offset, ts, err := l.OffsetOfMaxTime(); offset != 11 || ts != 5002 || err != nil {
		t.Errorf("greatest time: %d, %d, %v", offset, ts, err)
	}
	_, err := l.DeleteBefore(context.Background(), 4)
	must(t, err)
	if offset, _, _ := l.OffsetForTime(0); offset != 4 {
		t.Errorf("below the log start: %d", offset)
	}
}

func TestBackgroundWorkAndClose(t *testing.T) {
	now := newClock()
	o := Options{Dir: t.TempDir(), Now: now.Now, TickEvery: time.Millisecond, CleanEvery: time.Millisecond, SegmentBytes: 20_000}
	s := open(t, o)
	l := topicOf(t, s, "t", 1, map[string]string{"retention.bytes": "10000"})[0]
	p := transactional(t, s, "tx")
	p.send(l, kv("a", "1"))
	woken := make(chan struct{}, 1)
	defer l.Watch(woken)()
	now.Advance(2 * time.Minute)
	wait := func(what string, cond func() bool) {
		t.Helper()
		deadline := time.Now().Add(10 * time.Second)
		for !cond() {
			if time.Now().After(deadline) {
				t.Fatalf("%s did not happen", what)
			}
			<-time.After(time.Millisecond)
		}
	}
	wait("time-out", func() bool { _, stable, _ := l.Offsets(); return stable == 2 })
	for range 100 {
		_, err := l.Append(plain(kv("a", strings.Repeat("x", 1000))))
		must(t, err)
	}
	wait("retention", func() bool { return s.Stats().DiskBytes < 60_000 })
	wait("sync", func() bool { return s.wal.durable.Load() >= s.wal.written.Load() && s.wal.durable.Load() > 0 })
	must(t, s.Close())
	<-woken
	_, err := l.Append(plain(kv("a", "1")))
	wantCode(t, err, CodeStorage)
	if !errors.Is(err, ErrClosed) || s.Err() != nil {
		t.Fatalf("after close: %v, %v", err, s.Err())
	}
	if _, err := l.Read(0, 1, ReadUncommitted, nil); CodeOf(err) == 0 {
		t.Fatal("a closed store can be read")
	}
}
