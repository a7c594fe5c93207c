// SPDX-License-Identifier: Apache-2.0

package store

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares text with a file of testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		must(t, os.WriteFile(path, []byte(got), 0o644))
	}
	want, err := os.ReadFile(path)
	must(t, err)
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Fatalf("%s: the format on disk has changed: %s", path, diff)
	}
}

// goldenState is a store with something of everything in its state.
func goldenState(t testing.TB) *Store {
	t.Helper()
	s := open(t, quiet(t.TempDir()))
	s.clusterID = "golden-cluster-id-0123"
	id := TopicID{1, 2, 3, 15: 16}
	s.applyTopic(topicRecord{ID: id, Name: "topic", Configs: map[string]string{"cleanup.policy": "compact", "retention.ms": "5"}, First: 0, Added: 1})
	l := s.logs[0]
	l.start, l.end, l.cleaned = 3, 40, 20
	l.passes = []cleanPass{{10, 1000}, {20, 2000}}
	l.rules = []deadRule{{3, 9, 1 << 40}}
	l.aborted = []AbortedTxn{{7, 4, 6}}
	l.open[9] = 33
	l.sessions[9] = &session{epoch: 2, n: 1, touched: 5000, recent: [5]sentBatch{{0, 3, 33}}}
	s.sessions = 1
	s.applyProducer(producerRecord{Name: "tx", Producer: Producer{9, 2}, LastID: 9, LastEpoch: 1, Timeout: 60000, Updated: 7000, Fenced: true})
	s.txns["tx"].state = TxnCompleteAbort
	s.applyGroup(goldenGroup(), 0)
	s.pidLimit = 1000
	return s
}

func goldenGroup() groupRecord {
	return groupRecord{
		Group:  "group",
		Set:    []GroupOffset{{Topic: "topic", Partition: 3, Offset: 77, LeaderEpoch: -1, Metadata: "meta", Committed: time.UnixMilli(8000)}},
		Remove: []TopicPartition{{"gone", 1}},
	}
}

func goldenEnd() endRecord {
	return endRecord{
		Producer: Producer{9, 2}, Commit: true, Timestamp: 6000, Parts: []endPart{{1, 10, 12}, {2, -1, 5}},
		ID:     producerRecord{Name: "tx", Producer: Producer{9, 2}, LastID: -1, LastEpoch: -1, Timeout: 60000, Updated: 6000},
		Groups: []groupRecord{goldenGroup()},
	}
}

func TestGoldenFormats(t *testing.T) {
	encode := func(fn func(*encoder)) []byte {
		var e encoder
		fn(&e)
		return e.b
	}
	s := goldenState(t)
	s.wal.segments.Store(&[]*segment{{base: 0, size: 500, path: "x"}})
	snapshot := s.snapshot()
	s.wal.segments.Store(&[]*segment{s.wal.active})
	framed := make([]byte, headerSize)
	putHeader(framed, entryEnd, 1000, 900, 3, []byte("abc"))
	var out strings.Builder
	for _, part := range []struct {
		name string
		b    []byte
	}{
		{"entry header", framed},
		{"end", encode(goldenEnd().encode)},
		{"producer", encode(goldenEnd().ID.encode)},
		{"group", encode(goldenGroup().encode)},
		{"topic", encode(topicRecord{ID: TopicID{1}, Name: "t", Configs: map[string]string{"a": "b"}, First: 4, Added: 2}.encode)},
		{"rewrite", encode(rewriteRecord{Log: 1, From: 2, To: 3, Batches: []byte("batches")}.encode)},
		{"cleaned", encode(cleanedRecord{1, 2, 3, 4}.encode)},
		{"sidecar", encodeSidecar(500, []logSpan{{1, span{2, 3, 4, 5, 6, 7, spanRewrite}}})},
		{"snapshot", snapshot},
	} {
		fmt.Fprintf(&out, "%s\n%s\n", part.name, hex.Dump(part.b))
	}
	golden(t, "formats.golden", out.String())
}

func TestSnapshotIsRead(t *testing.T) {
	s := goldenState(t)
	want := s.snapshot()
	other := open(t, quiet(t.TempDir()))
	segments, err := other.loadSnapshot(want)
	must(t, err)
	if len(segments) != 1 || segments[0].base != 0 {
		t.Fatalf("segments: %+v", segments)
	}
	if got := other.snapshot(); !bytes.Equal(got, want) {
		t.Fatalf("a snapshot read and written again differs:\n%s\n%s", hex.Dump(want), hex.Dump(got))
	}
	for n := range want {
		empty := newStore(other.o, nil)
		if _, err := empty.loadSnapshot(want[:n]); err == nil {
			t.Fatalf("a snapshot cut to %d of %d bytes is accepted", n, len(want))
		}
	}
}

// TestMarkersAreKafkas compares control batches, byte by byte, with what Kafka
// writes for the same transaction.
func TestMarkersAreKafkas(t *testing.T) {
	const want = "000000000000002a" + "00000042" + "00000000" + "02" + "%s" + "0030" + "00000000" +
		"0000018bcfe56800" + "0000018bcfe56800" + "0000000000000007" + "0003" + "ffffffff" + "00000001" +
		"20" + "00" + "00" + "00" + "08" + "0000" + "%s" + "0c" + "000000000000" + "00"
	for commit, kind := range map[bool]string{true: "0001", false: "0000"} {
		b := appendMarker(nil, 42, 1_700_000_000_000, Producer{7, 3}, commit)
		if got := hex.EncodeToString(b); got != fmt.Sprintf(want, hex.EncodeToString(b[17:21]), kind) {
			t.Errorf("commit=%v: %s", commit, got)
		}
		if h := parseBatch(b); !validBatch(b) || !h.control() || !h.transactional() || len(b) != markerSize || h.sequence != -1 {
			t.Errorf("commit=%v: %+v", commit, h)
		}
	}
}

func TestDeadRules(t *testing.T) {
	r := rand.New(rand.NewPCG(seedOf(t), 4))
	for range 300 {
		var rules []deadRule
		var oracle [100]int64
		for pos := int64(1); pos <= 30; pos++ {
			from := r.Int64N(100)
			to := from + 1 + r.Int64N(100-from)
			rules = addRule(rules, deadRule{from, to, pos})
			for i := from; i < to; i++ {
				oracle[i] = pos
			}
		}
		for i, pos := range oracle {
			if pos == 0 {
				continue
			}
			for _, at := range []int64{pos - 1, pos} {
				if got := dead(rules, span{base: int64(i), pos: at}); got != (at < pos) {
					t.Fatalf("offset %d at %d is dead: %v, newest rule %d; rules %v", i, at, got, pos, rules)
				}
			}
		}
		for i := 1; i < len(rules); i++ {
			if rules[i].from < rules[i-1].to || rules[i].from >= rules[i].to {
				t.Fatalf("rules are not disjoint: %v", rules)
			}
		}
	}
}

func TestJudgeTail(t *testing.T) {
	make1 := func(pos, durable int64, size int) []byte {
		body := bytes.Repeat([]byte{7}, size)
		b := append(make([]byte, headerSize), body...)
		putHeader(b, entryOffsets, pos, durable, size, body)
		return b
	}
	const base = 10_000
	first := make1(base, 0, 2000)
	next := base + int64(len(first))
	cut := func(b []byte, from, to int) []byte { b = bytes.Clone(b); clear(b[from:to]); return b }
	flipped := bytes.Clone(first)
	flipped[500] ^= 1
	for _, tt := range []struct {
		name string
		b    []byte
		want error
	}{
		{"nothing behind", flipped, nil},
		{"half", first[:700], nil},
		{"zeros", make([]byte, 5000), nil},
		{"magic only", []byte("cdLcdLcdL"), nil},
		{"a bit, with an entry behind", append(bytes.Clone(flipped), make1(next, 0, 10)...), errUnreadable},
		{"a lost sector, with an entry behind", append(cut(first, 512, 1024), make1(next, 0, 10)...), nil},
		{"less than a sector of zeros", append(cut(first, 513, 1024), make1(next, 0, 10)...), errUnreadable},
		{"a lost sector that was durable", append(cut(first, 512, 1024), make1(next, next, 10)...), errWasDurable},
		{"removed bytes", make1(next, next, 10), errWasDurable},
		{"an older entry inside a torn record", append(bytes.Clone(first[:300]), make1(300, 200, 10)...), nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if err := judgeTail(tt.b, base, 1024*3); !errors.Is(err, tt.want) {
				t.Fatalf("%v, want %v", err, tt.want)
			}
		})
	}
}

// FuzzEntries feeds the decoders of the log with arbitrary bodies under a right
// checksum: they must neither panic nor claim memory that the input does not pay.
func FuzzEntries(f *testing.F) {
	var e encoder
	goldenEnd().encode(&e)
	f.Add(byte(entryEnd), e.b)
	f.Add(byte(entrySnapshot), goldenState(f).snapshot())
	f.Add(byte(entryAppend), append([]byte{0, 0, 0, 0}, plain(kv("a", "b"))...))
	f.Add(byte(entryRewrite), append(make([]byte, rewriteHead), plain(kv("a", "b"))...))
	f.Add(byte(entryOffsets), []byte{1, 'g', 0xff, 0xff, 0xff, 0xff, 0x0f})
	f.Add(byte(entryTopic), make([]byte, 40))
	f.Fuzz(func(t *testing.T, typ byte, body []byte) {
		kind := entryType(typ)
		if kind < entrySnapshot || kind >= entryTypes || kind == entryAppend && len(body) <= appendPrefix {
			return
		}
		b := append(make([]byte, headerSize), body...)
		if kind == entryAppend && batchSize(body[4:]) == len(body)-4 {
			sealBatch(b[headerSize+4:])
			b[headerSize+4+16] = 2
		}
		putHeader(b, kind, 77, 0, len(body), summed(kind, b[headerSize:]))
		x, ok := parseEntry(b, 77)
		if !ok {
			return
		}
		decodeAny(x)
		judged := judgeTail(append([]byte("x"), b...), 76, 0)
		if judged != nil && !errors.Is(judged, errUnreadable) {
			t.Fatalf("an entry that was never durable proves damage: %v", judged)
		}
		_ = newSegmentIndex().enter(x)
		w := window{log: 0, to: math.MaxInt64, limit: 1 << 20, first: true}
		_, _ = pickFramed(&w, b, nil, 0)
	})
}

func decodeAny(x entry) {
	d := decoder{b: x.body}
	switch x.typ {
	case entryEnd:
		_, _ = decodeEnd(x.body)
	case entrySnapshot:
		o, _ := quiet("unused").withDefaults()
		s := newStore(o, nil)
		s.wal.active = &segment{}
		_, _ = s.loadSnapshot(x.body)
	case entryRewrite:
		_, _ = decodeRewrite(x.body)
	case entryOffsets:
		decodeGroup(&d)
	case entryTopic:
		decodeTopic(&d)
	case entryProducer:
		decodeProducer(&d)
	case entryCleaned:
		decodeCleaned(&d)
	}
}

// FuzzRecords feeds the record decoder and the filter of the cleaner.
func FuzzRecords(f *testing.F) {
	for codec := range 5 {
		f.Add(batchSpec{codec: codec, recs: []rec{kv("a", "b"), {key: "c"}, kv("d", "e")}}.bytes(), byte(2))
	}
	f.Fuzz(func(t *testing.T, p []byte, nth byte) {
		if len(p) < batchHeaderSize || batchSize(p) != len(p) || p[16] != 2 {
			return
		}
		sealBatch(p)
		b := parseBatch(p)
		if b.count <= 0 || b.count > 1000 || b.lastDelta != b.count-1 {
			return
		}
		n := byte(0)
		out, removed, err := filterBatch(b, p, func(record) bool { n++; return n != nth })
		if err != nil || removed == 0 || out == nil {
			return
		}
		h := parseBatch(out)
		if !validBatch(out) || h.count != b.count-1 || h.base != b.base || h.last() != b.last() || h.producer != b.producer || h.sequence != b.sequence {
			t.Fatalf("filtered %+v to %+v", b, h)
		}
		if err := eachRecord(h, out, func(record) bool { return true }); err != nil {
			t.Fatalf("filtered batch is not readable: %v", err)
		}
	})
}

func TestCompressionIsBounded(t *testing.T) {
	const limit = 1 << 20
	for codec := codecGzip; codec <= codecZstd; codec++ {
		for size, want := range map[int]error{limit: nil, limit + 1: errTooLarge} {
			small, err := deflate(codec, nil, make([]byte, size))
			must(t, err)
			if got, err := inflate(codec, small, limit); !errors.Is(err, want) || err == nil && len(got) != size {
				t.Errorf("codec %d: %d bytes unfold to %d, %v", codec, len(small), len(got), err)
			}
		}
	}
	if _, err := inflate(codecSnappy, append(append(bytes.Clone(xerialMagic), make([]byte, 8)...), 0xff, 0xff, 0xff, 0xff, 1), limit); err == nil {
		t.Error("a block longer than the input is accepted")
	}
	block, err := deflate(codecSnappy, nil, []byte("java"))
	must(t, err)
	framed := append(append(bytes.Clone(xerialMagic), 0, 0, 0, 1, 0, 0, 0, 1), 0, 0, 0, byte(len(block)))
	if got, err := inflate(codecSnappy, append(framed, block...), limit); err != nil || string(got) != "java" {
		t.Errorf("framing of the Java clients: %q, %v", got, err)
	}
}

func TestOpenRespectsItsContext(t *testing.T) {
	o := quiet(t.TempDir())
	o.SegmentBytes = 1000
	s := open(t, o)
	l := topicOf(t, s, "t", 1, nil)[0]
	for range 10 {
		_, err := l.Append(plain(kv("a", strings.Repeat("x", 500))))
		must(t, err)
	}
	must(t, s.Close())
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Open(ctx, o); !errors.Is(err, context.Canceled) {
		t.Fatalf("open: %v", err)
	}
	if _, err := Open(context.Background(), Options{}); err == nil {
		t.Fatal("a store without directory opens")
	}
}
