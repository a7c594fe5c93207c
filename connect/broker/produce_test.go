// SPDX-License-Identifier: Apache-2.0

package broker_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/connectd/connectd/connect/broker/brokertest"
)

// batchSpec describes a record batch.
type batchSpec struct {
	values []string
	pid    int64 // with epoch and seq, unless plain
	epoch  int16
	seq    int32
	plain  bool
	txn    bool
	ts     int64
}

// batch encodes a record batch without compression.
func batch(b batchSpec) []byte {
	var records []byte
	for i, v := range b.values {
		var r []byte
		r = append(r, 0, 0)                       // attributes, timestamp delta
		r = binary.AppendVarint(r, int64(i))      // offset delta
		r = binary.AppendVarint(r, -1)            // no key
		r = binary.AppendVarint(r, int64(len(v))) // value
		r = append(append(r, v...), 0)            // no headers
		records = binary.AppendVarint(records, int64(len(r)))
		records = append(records, r...)
	}
	rb := kmsg.RecordBatch{
		Length: int32(49 + len(records)), PartitionLeaderEpoch: -1, Magic: 2, LastOffsetDelta: int32(len(b.values) - 1),
		FirstTimestamp: b.ts, MaxTimestamp: b.ts, ProducerID: b.pid, ProducerEpoch: b.epoch, FirstSequence: b.seq,
		NumRecords: int32(len(b.values)), Records: records,
	}
	if b.plain {
		rb.ProducerID, rb.ProducerEpoch, rb.FirstSequence = -1, -1, -1
	}
	if b.txn {
		rb.Attributes |= 0x10
	}
	p := rb.AppendTo(nil)
	seal(p)
	return p
}

func seal(p []byte) {
	binary.BigEndian.PutUint32(p[17:], crc32.Checksum(p[21:], crc32.MakeTable(crc32.Castagnoli)))
}

func produceRaw(t testing.TB, cl *kgo.Client, topic string, partition int32, txn *string, records []byte) kmsg.ProduceResponseTopicPartition {
	t.Helper()
	r := kmsg.NewPtrProduceRequest()
	r.TransactionID, r.Acks, r.TimeoutMillis = txn, -1, 10_000
	rt := kmsg.NewProduceRequestTopic()
	rt.Topic = topic
	rp := kmsg.NewProduceRequestTopicPartition()
	rp.Partition, rp.Records = partition, records
	rt.Partitions = append(rt.Partitions, rp)
	r.Topics = append(r.Topics, rt)
	// Version 12 and above belong to transactions without AddPartitionsToTxn.
	return ask[*kmsg.ProduceResponse](t, cl, r, 11).Topics[0].Partitions[0]
}

// capped limits the version that a client may choose.
type capped struct {
	kmsg.Request
	max int16
}

func (c capped) MaxVersion() int16 { return c.max }

// ask sends a request in a version of at most max.
func ask[R kmsg.Response](t testing.TB, cl *kgo.Client, r kmsg.Request, max int16) R {
	t.Helper()
	res, err := cl.SeedBrokers()[0].RetriableRequest(testContext(t), capped{r, max})
	must(t, err)
	return res.(R)
}

func TestProduceErrors(t *testing.T) {
	addr := brokertest.Start(t)
	cl := newKgo(t, addr)
	topic := brokertest.Topic(t, "errors")
	createTopic(t, cl, topic, 1, "max.message.bytes", "2000")
	good := func() []byte { return batch(batchSpec{values: []string{"a", "b"}, plain: true}) }
	cases := []struct {
		name      string
		topic     string
		partition int32
		records   func() []byte
		want      error
	}{
		{"unknown topic", topic + "x", 0, good, kerr.UnknownTopicOrPartition},
		{"unknown partition", topic, 1, good, kerr.UnknownTopicOrPartition},
		{"negative partition", topic, -1, good, kerr.UnknownTopicOrPartition},
		{"wrong checksum", topic, 0, func() []byte { p := good(); p[len(p)-1]++; return p }, kerr.CorruptMessage},
		{"cut short", topic, 0, func() []byte { p := good(); return p[:len(p)-1] }, kerr.InvalidRecord},
		{"two batches", topic, 0, func() []byte { return append(good(), good()...) }, kerr.InvalidRecord},
		{"control batch", topic, 0, func() []byte { p := good(); p[22] |= 0x20; seal(p); return p }, kerr.InvalidRecord},
		{"wrong count", topic, 0, func() []byte { p := good(); p[60]++; seal(p); return p }, kerr.InvalidRecord},
		{"too large", topic, 0, func() []byte { return batch(batchSpec{values: []string{string(make([]byte, 3000))}, plain: true}) }, kerr.MessageTooLarge},
		{"good", topic, 0, good, nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got := kerr.ErrorForCode(produceRaw(t, cl, c.topic, c.partition, nil, c.records()).ErrorCode)
			wantErr(t, "produce", got, c.want)
		})
	}
	if end := endOffset(t, cl, topic, 0, 0, -1); end.Offset != 2 {
		t.Errorf("refused batches left offset %d", end.Offset)
	}
}

func TestIdempotence(t *testing.T) {
	addr := brokertest.Start(t)
	cl := newKgo(t, addr)
	topic := brokertest.Topic(t, "idempotent")
	createTopic(t, cl, topic, 1)
	init := kmsg.NewPtrInitProducerIDRequest()
	init.ProducerID, init.ProducerEpoch = -1, -1
	init.TransactionTimeoutMillis = 1000
	made, err := init.RequestWith(testContext(t), cl)
	must(t, err)
	must(t, kerr.ErrorForCode(made.ErrorCode))
	send := func(seq int32, values ...string) (int64, error) {
		res := produceRaw(t, cl, topic, 0, nil, batch(batchSpec{values: values, pid: made.ProducerID, epoch: made.ProducerEpoch, seq: seq}))
		return res.BaseOffset, kerr.ErrorForCode(res.ErrorCode)
	}
	for i := range int32(6) {
		base, err := send(2*i, "a", "b")
		if must(t, err); base != int64(2*i) {
			t.Errorf("batch %d is at %d", i, base)
		}
	}
	base, err := send(8, "a", "b")
	if must(t, err); base != 8 {
		t.Errorf("repeated batch was answered with offset %d", base)
	}
	_, err = send(20, "gap")
	wantErr(t, "gap", err, kerr.OutOfOrderSequenceNumber)
	if end := endOffset(t, cl, topic, 0, 0, -1); end.Offset != 12 {
		t.Errorf("end offset %d, want 12", end.Offset)
	}
}

func TestLargeMessages(t *testing.T) {
	addr := brokertest.Start(t)
	topic := brokertest.Topic(t, "large")
	cl := newKgo(t, addr, kgo.ProducerBatchMaxBytes(20<<20), kgo.ProducerBatchCompression(kgo.NoCompression()), kgo.BrokerMaxWriteBytes(100<<20))
	createTopic(t, cl, topic, 1, "max.message.bytes", "20971520")
	want := bytes.Repeat([]byte("0123456789abcdef"), 1<<20) // 16 MiB
	must(t, cl.ProduceSync(testContext(t), &kgo.Record{Topic: topic, Value: want}, &kgo.Record{Topic: topic, Value: []byte("small")}).FirstErr())
	// The fetch limits are far smaller than the record.
	got := values(t, addr, topic, 2, kgo.FetchMaxPartitionBytes(1<<10), kgo.FetchMaxBytes(1<<10))
	if got[0] != "0/"+string(want) || got[1] != "0/small" {
		t.Errorf("read records of %d and %d bytes", len(got[0])-2, len(got[1])-2)
	}
}

func TestListOffsets(t *testing.T) {
	addr := brokertest.Start(t)
	cl := newKgo(t, addr)
	topic := brokertest.Topic(t, "list")
	createTopic(t, cl, topic, 1, "retention.ms", "-1")
	const base = int64(1_700_000_000_000)
	for i := range int64(4) {
		must(t, kerr.ErrorForCode(produceRaw(t, cl, topic, 0, nil, batch(batchSpec{values: []string{"a", "b"}, plain: true, ts: base + 1000*i})).ErrorCode))
	}
	cases := []struct {
		name       string
		ts         int64
		offset, at int64
	}{
		{"latest", -1, 8, -1},
		{"earliest", -2, 0, -1},
		{"greatest timestamp", -3, 6, base + 3000},
		{"earliest local", -4, 0, -1},
		{"exact", base + 1000, 2, base + 1000},
		{"between", base + 1001, 4, base + 2000},
		{"before all", 0, 0, base},
		{"after all", base + 3001, -1, -1},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got := endOffset(t, cl, topic, 0, 0, c.ts)
			if got.ErrorCode != 0 || got.Offset != c.offset || got.Timestamp != c.at {
				t.Errorf("got offset %d at %d (code %d), want %d at %d", got.Offset, got.Timestamp, got.ErrorCode, c.offset, c.at)
			}
		})
	}
}

// TestCompactedTopicsRefuseRecordsWithoutKey has what Kafka 4.3 answers, word by word.
func TestCompactedTopicsRefuseRecordsWithoutKey(t *testing.T) {
	addr := brokertest.Start(t)
	cl := newKgo(t, addr)
	topic := brokertest.Topic(t, "compacted")
	createTopic(t, cl, topic, 1, "cleanup.policy", "compact")
	res := produceRaw(t, cl, topic, 0, nil, batch(batchSpec{values: []string{"a", "b", "c", "d"}, plain: true}))
	wantErr(t, "produce", kerr.ErrorForCode(res.ErrorCode), kerr.InvalidRecord)
	fault := "Compacted topic cannot accept message without key in topic partition " + topic + "-0"
	if len(res.ErrorRecords) != 4 {
		t.Fatalf("%d record errors: %+v", len(res.ErrorRecords), res.ErrorRecords)
	}
	var first []string
	for i, r := range res.ErrorRecords {
		if int(r.RelativeOffset) != i || r.ErrorMessage == nil || *r.ErrorMessage != fault {
			t.Errorf("error %d is of record %d: %q, want %q", i, r.RelativeOffset, text(r.ErrorMessage), fault)
		}
		first = append(first, fmt.Sprintf("RecordError(batchIndex=%d, message='%s')", i, fault))
	}
	want := "One or more records have been rejected due to 4 record errors in total, and only showing the first three errors at most: [" +
		strings.Join(first[:3], ", ") + "]"
	if res.ErrorMessage == nil || *res.ErrorMessage != want {
		t.Errorf("the message is %q, want %q", text(res.ErrorMessage), want)
	}
	if end := endOffset(t, cl, topic, 0, 0, -1); end.Offset != 0 {
		t.Errorf("the refused batch left offset %d", end.Offset)
	}
}

func text(s *string) string {
	if s == nil {
		return "null"
	}
	return *s
}

// TestRecordsAreVerified sends batches whose checksum is right and whose second record is
// not, to a topic whose records all brokers look at.
func TestRecordsAreVerified(t *testing.T) {
	addr := brokertest.Start(t)
	cl := newKgo(t, addr)
	topic := brokertest.Topic(t, "verified")
	createTopic(t, cl, topic, 1, "cleanup.policy", "compact")
	first := "\x10\x00\x00\x00\x02k\x02v\x00"
	for _, c := range []struct {
		name, second string
		want         error
	}{
		{"good", "\x10\x00\x00\x02\x02k\x02v\x00", nil},
		{"value beyond the record", "\x10\x00\x00\x02\x02k\x20v\x00", kerr.InvalidRecord},
		{"null header key", "\x16\x00\x00\x02\x02k\x02v\x02\x01\x02h", kerr.InvalidRecord},
		{"negative number of headers", "\x10\x00\x00\x02\x02k\x02v\x01", kerr.InvalidRecord},
		{"bytes behind headers", "\x12\x00\x00\x02\x02k\x02v\x00\x00", kerr.InvalidRecord},
		{"bytes behind records", "\x10\x00\x00\x02\x02k\x02v\x00\x00", kerr.InvalidRecord},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := batch(batchSpec{values: []string{"", ""}, plain: true})[:61]
			p = append(p, first+c.second...)
			binary.BigEndian.PutUint32(p[8:], uint32(len(p)-12))
			seal(p)
			wantErr(t, "produce", kerr.ErrorForCode(produceRaw(t, cl, topic, 0, nil, p).ErrorCode), c.want)
		})
	}
}
