// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"encoding/binary"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// TestMain runs the tests, or is the child process that the kill tests end.
func TestMain(m *testing.M) {
	if role := os.Getenv(childRole); role != "" {
		os.Exit(runChild(role))
	}
	goleak.VerifyTestMain(m)
}

// clock is a settable Options.Now.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.UnixMilli(1_700_000_000_000)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// quiet is a store without background work in a directory.
func quiet(dir string) Options {
	return Options{Dir: dir, Now: newClock().Now, TickEvery: -1, SegmentBytes: 1 << 20}
}

func open(t testing.TB, o Options) *Store {
	t.Helper()
	if testing.Verbose() {
		o.Log = slog.New(slog.NewTextHandler(os.Stderr, nil))
	}
	s, err := Open(context.Background(), o)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// crash ends a store as a kill does: nothing is written any more, and the
// directory is free for the next.
func crash(t testing.TB, s *Store) {
	t.Helper()
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	for _, g := range s.wal.list() {
		must(t, g.close())
	}
	must(t, s.lock.Close())
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantCode(t testing.TB, err error, code Code) {
	t.Helper()
	if CodeOf(err) != code {
		t.Fatalf("error %v has code %d, want %d", err, CodeOf(err), code)
	}
}

func topicOf(t testing.TB, s *Store, name string, partitions int32, configs map[string]string) []*Log {
	t.Helper()
	if _, err := s.CreateTopic(context.Background(), name, partitions, configs); err != nil {
		t.Fatalf("create topic: %v", err)
	}
	return logsOf(t, s, name)
}

func logsOf(t testing.TB, s *Store, name string) []*Log {
	t.Helper()
	topic, ok := s.TopicByName(name)
	if !ok {
		t.Fatalf("topic %s does not exist", name)
	}
	logs := make([]*Log, topic.Partitions)
	for i := range logs {
		if logs[i], ok = s.Log(name, int32(i)); !ok {
			t.Fatalf("partition %s-%d does not exist", name, i)
		}
	}
	return logs
}

// rec is a record of a test batch; a nil value is a tombstone.
type rec struct {
	key   string
	value []byte
}

func kv(key, value string) rec { return rec{key, []byte(value)} }

// batchSpec describes a test batch; the zero value plus records is a plain one.
type batchSpec struct {
	producer Producer
	seq      int32
	txn      bool
	codec    int
	ts       int64
	recs     []rec
}

func (bs batchSpec) bytes() []byte {
	var body []byte
	for i, r := range bs.recs {
		one := []byte{0}
		one = binary.AppendVarint(one, int64(i)) // timestamp delta
		one = binary.AppendVarint(one, int64(i))
		one = binary.AppendVarint(one, int64(len(r.key)))
		one = append(one, r.key...)
		if r.value == nil {
			one = binary.AppendVarint(one, -1)
		} else {
			one = binary.AppendVarint(one, int64(len(r.value)))
			one = append(one, r.value...)
		}
		one = append(one, 0)
		body = binary.AppendVarint(body, int64(len(one)))
		body = append(body, one...)
	}
	body, err := deflate(bs.codec, nil, body)
	if err != nil {
		panic(err)
	}
	be := binary.BigEndian
	b := make([]byte, batchHeaderSize, batchHeaderSize+len(body))
	b = append(b, body...)
	be.PutUint32(b[8:], uint32(len(b)-batchLengthEnd))
	b[16] = 2
	attributes := uint16(bs.codec)
	if bs.txn {
		attributes |= attrTransactional
	}
	be.PutUint16(b[21:], attributes)
	be.PutUint32(b[23:], uint32(len(bs.recs)-1))
	be.PutUint64(b[27:], uint64(bs.ts))
	be.PutUint64(b[35:], uint64(bs.ts+int64(len(bs.recs)-1)))
	be.PutUint64(b[43:], uint64(bs.producer.ID))
	be.PutUint16(b[51:], uint16(bs.producer.Epoch))
	be.PutUint32(b[53:], uint32(bs.seq))
	be.PutUint32(b[57:], uint32(len(bs.recs)))
	sealBatch(b)
	return b
}

// plain is a batch without producer at the test clock's beginning.
func plain(recs ...rec) []byte {
	return batchSpec{producer: Producer{-1, -1}, seq: -1, ts: newClock().now.UnixMilli(), recs: recs}.bytes()
}

// producing is a transactional producer of the tests; seqs are per partition.
type producing struct {
	t    testing.TB
	s    *Store
	name string
	p    Producer
	seqs map[*Log]int32
	ts   int64
}

func transactional(t testing.TB, s *Store, name string) *producing {
	t.Helper()
	p, err := s.InitProducer(context.Background(), name, time.Minute, Producer{-1, -1})
	must(t, err)
	return &producing{t: t, s: s, name: name, p: p, seqs: map[*Log]int32{}, ts: newClock().now.UnixMilli()}
}

func (p *producing) batch(l *Log, recs ...rec) []byte {
	b := batchSpec{producer: p.p, seq: p.seqs[l], txn: true, ts: p.ts, recs: recs}.bytes()
	p.seqs[l] += int32(len(recs))
	return b
}

func (p *producing) send(l *Log, recs ...rec) int64 {
	p.t.Helper()
	must(p.t, p.s.AddPartitions(p.name, p.p, []TopicPartition{{l.Topic(), l.Partition()}}))
	base, err := l.Append(p.batch(l, recs...))
	must(p.t, err)
	return base
}

func (p *producing) offset(group, topic string, offset int64) {
	p.t.Helper()
	must(p.t, p.s.AddOffsets(p.name, p.p, group))
	must(p.t, p.s.TxnCommitOffsets(p.name, p.p, group, []GroupOffset{{Topic: topic, Offset: offset, LeaderEpoch: -1}}, nil))
}

func (p *producing) end(commit bool) {
	p.t.Helper()
	must(p.t, p.s.EndTxn(context.Background(), p.name, p.p, commit))
}

// seen is a record as a consumer sees it.
type seen struct {
	offset     int64
	key, value string
	tombstone  bool
}

func (r seen) String() string {
	if r.tombstone {
		return fmt.Sprintf("%d:%s=nil", r.offset, r.key)
	}
	return fmt.Sprintf("%d:%s=%s", r.offset, r.key, r.value)
}

// consume reads the partition from its start as a consumer does, and returns the
// records and the position it reached.
func consume(t testing.TB, l *Log, iso Isolation, maxBytes int) ([]seen, int64) {
	t.Helper()
	position, _, _ := l.Offsets()
	var all []seen
	for {
		f, err := l.Read(position, maxBytes, iso, nil)
		must(t, err)
		if len(f.Bytes) == 0 {
			return all, position
		}
		all, position = consumeBatches(t, f, all, position)
	}
}

// consumeBatches reads one answer as Java's consumer does: a producer is ignored
// from the first offset of its aborted transaction to the abort marker.
func consumeBatches(t testing.TB, f Fetched, all []seen, position int64) ([]seen, int64) {
	t.Helper()
	ignored := map[int64]bool{}
	aborted := f.Aborted
	for rest := f.Bytes; len(rest) > 0; {
		n := batchSize(rest)
		if n == 0 || !validBatch(rest[:n]) {
			t.Fatalf("read at %d gave bytes that are no batch", position)
		}
		b, p := parseBatch(rest), rest[:n]
		rest = rest[n:]
		if b.last() < position {
			t.Fatalf("read at %d gave a batch that ends at %d", position, b.last())
		}
		for len(aborted) > 0 && aborted[0].FirstOffset <= b.last() {
			ignored[aborted[0].ProducerID] = true
			aborted = aborted[1:]
		}
		from := position
		position = b.last() + 1
		if b.control() {
			delete(ignored, b.producer.ID)
			continue
		}
		if b.transactional() && ignored[b.producer.ID] {
			continue
		}
		must(t, eachRecord(b, p, func(r record) bool {
			if r.offset >= from {
				all = append(all, toSeen(r))
			}
			return true
		}))
	}
	return all, position
}

func toSeen(r record) seen {
	v := seen{offset: r.offset, key: string(r.key), tombstone: r.tombstone}
	_, n := binary.Varint(r.raw)
	d := varints{p: r.raw[n+1:]}
	d.next()
	d.next()
	d.bytes()
	value, _ := d.bytes()
	v.value = string(value)
	return v
}

func values(rs []seen) []string {
	var out []string
	for _, r := range rs {
		out = append(out, r.String())
	}
	return out
}
