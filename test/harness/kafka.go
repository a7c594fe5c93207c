// SPDX-License-Identifier: Apache-2.0

package harness

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Record is a committed record as a consumer sees it.
type Record struct {
	Topic     string
	Partition int32
	Offset    int64
	Key       string
	NullKey   bool
	Value     string
	NullValue bool
	Headers   [][2]string
	Timestamp time.Time
}

// Header returns the first header of this key, and whether there is one.
func (r Record) Header(key string) (string, bool) {
	for _, h := range r.Headers {
		if h[0] == key {
			return h[1], true
		}
	}
	return "", false
}

// uniqueName is short, valid in topic names, and not used by another test.
func uniqueName(t testing.TB) string {
	name := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, strings.ToLower(t.Name()))
	return fmt.Sprintf("%.24s-%06x", name, rand.Uint32()&0xffffff)
}

// Read returns all committed records of a topic, up to the last stable offset at
// the time of the call, partition by partition. A topic that does not exist is empty.
func (d *Daemon) Read(topic string) []Record {
	d.t.Helper()
	records, err := ReadCommitted(d.Kafka, topic)
	if err != nil {
		d.t.Fatalf("read %s: %v", topic, err)
	}
	return records
}

// Values returns the values of all committed records of a topic.
func (d *Daemon) Values(topic string) []string {
	d.t.Helper()
	var values []string
	for _, r := range d.Read(topic) {
		values = append(values, r.Value)
	}
	return values
}

// WaitCount waits until a topic holds n committed records and returns them.
func (d *Daemon) WaitCount(topic string, n int) []Record {
	d.t.Helper()
	var records []Record
	d.Eventually(fmt.Sprintf("%s holds %d records", topic, n), func() error {
		var err error
		if records, err = ReadCommitted(d.Kafka, topic); err != nil {
			return err
		}
		if len(records) < n {
			return fmt.Errorf("it holds %d", len(records))
		}
		return nil
	})
	if len(records) != n {
		d.t.Fatalf("%s holds %d records, want %d", topic, len(records), n)
	}
	return records
}

// ReadCommitted reads a topic to its last stable offset with a client of its own.
func ReadCommitted(kafka, topic string) ([]Record, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cl, err := kgo.NewClient(kgo.SeedBrokers(kafka), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords(),
		kgo.FetchMaxWait(50*time.Millisecond), kgo.MetadataMinAge(50*time.Millisecond))
	if err != nil {
		return nil, err
	}
	defer cl.Close()
	starts, ends, err := bounds(ctx, cl, topic)
	if err != nil || len(ends) == 0 {
		return nil, err
	}
	offsets := make(map[int32]kgo.Offset)
	for p, start := range starts {
		if start < ends[p] {
			offsets[p] = kgo.NewOffset().At(start)
		} else {
			delete(ends, p)
		}
	}
	if len(ends) == 0 {
		return nil, nil
	}
	cl.AddConsumePartitions(map[string]map[int32]kgo.Offset{topic: offsets})
	byPartition := make(map[int32][]Record)
	for len(ends) > 0 {
		fetches := cl.PollFetches(ctx)
		if err := fetches.Err0(); err != nil {
			return nil, err
		}
		if ctx.Err() != nil {
			return nil, fmt.Errorf("read %s: partitions with an end not reached: %v", topic, ends)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			end, open := ends[r.Partition]
			if !open {
				return
			}
			if !r.Attrs.IsControl() {
				byPartition[r.Partition] = append(byPartition[r.Partition], convert(r))
			}
			if r.Offset+1 >= end {
				delete(ends, r.Partition)
			}
		})
	}
	var all []Record
	for p := range int32(len(starts)) {
		all = append(all, byPartition[p]...)
	}
	return all, nil
}

func convert(r *kgo.Record) Record {
	out := Record{
		Topic: r.Topic, Partition: r.Partition, Offset: r.Offset, Key: string(r.Key), NullKey: r.Key == nil,
		Value: string(r.Value), NullValue: r.Value == nil, Timestamp: r.Timestamp,
	}
	for _, h := range r.Headers {
		out.Headers = append(out.Headers, [2]string{h.Key, string(h.Value)})
	}
	return out
}

// bounds returns first and last stable offset of each partition; nothing for a
// topic that does not exist.
func bounds(ctx context.Context, cl *kgo.Client, topic string) (starts, ends map[int32]int64, err error) {
	meta := kmsg.NewPtrMetadataRequest()
	mt := kmsg.NewMetadataRequestTopic()
	mt.Topic = kmsg.StringPtr(topic)
	meta.Topics = append(meta.Topics, mt)
	meta.AllowAutoTopicCreation = false
	resp, err := meta.RequestWith(ctx, cl)
	if err != nil {
		return nil, nil, err
	}
	if len(resp.Topics) != 1 || resp.Topics[0].ErrorCode == kerr.UnknownTopicOrPartition.Code {
		return nil, nil, nil
	}
	if err := kerr.ErrorForCode(resp.Topics[0].ErrorCode); err != nil {
		return nil, nil, err
	}
	var partitions []int32
	for _, p := range resp.Topics[0].Partitions {
		partitions = append(partitions, p.Partition)
	}
	if starts, err = listOffsets(ctx, cl, topic, partitions, -2); err != nil {
		return nil, nil, err
	}
	ends, err = listOffsets(ctx, cl, topic, partitions, -1)
	return starts, ends, err
}

func listOffsets(ctx context.Context, cl *kgo.Client, topic string, partitions []int32, at int64) (map[int32]int64, error) {
	req := kmsg.NewPtrListOffsetsRequest()
	req.IsolationLevel = 1
	t := kmsg.NewListOffsetsRequestTopic()
	t.Topic = topic
	for _, p := range partitions {
		rp := kmsg.NewListOffsetsRequestTopicPartition()
		rp.Partition, rp.Timestamp = p, at
		t.Partitions = append(t.Partitions, rp)
	}
	req.Topics = append(req.Topics, t)
	out := make(map[int32]int64)
	for _, shard := range cl.RequestSharded(ctx, req) {
		if shard.Err != nil {
			return nil, shard.Err
		}
		for _, rt := range shard.Resp.(*kmsg.ListOffsetsResponse).Topics {
			for _, rp := range rt.Partitions {
				if err := kerr.ErrorForCode(rp.ErrorCode); err != nil {
					return nil, err
				}
				out[rp.Partition] = rp.Offset
			}
		}
	}
	return out, nil
}

// CreateTopic creates a topic with this many partitions.
func (d *Daemon) CreateTopic(topic string, partitions int32) {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	cl, err := kgo.NewClient(kgo.SeedBrokers(d.Kafka))
	if err != nil {
		d.t.Fatal(err)
	}
	defer cl.Close()
	req := kmsg.NewPtrCreateTopicsRequest()
	req.TimeoutMillis = 10_000
	t := kmsg.NewCreateTopicsRequestTopic()
	t.Topic, t.NumPartitions, t.ReplicationFactor = topic, partitions, 1
	req.Topics = append(req.Topics, t)
	resp, err := req.RequestWith(ctx, cl)
	if err != nil {
		d.t.Fatal(err)
	}
	if err := kerr.ErrorForCode(resp.Topics[0].ErrorCode); err != nil {
		d.t.Fatalf("create %s: %v", topic, err)
	}
}

// Produce writes records, in order, to the partitions of their keys.
func (d *Daemon) Produce(topic string, records ...Record) {
	d.t.Helper()
	if err := d.TryProduce(topic, records...); err != nil {
		d.t.Fatalf("produce to %s: %v", topic, err)
	}
}

// TryProduce is Produce for a broker that may be away; it gives up after seconds, or
// when the broker has died with the daemon.
func (d *Daemon) TryProduce(topic string, records ...Record) error {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	if d.embedded() {
		defer d.cancelAtExit(cancel)()
	}
	cl, err := kgo.NewClient(kgo.SeedBrokers(d.Kafka), kgo.AllowAutoTopicCreation(), kgo.AllowIdempotentProduceCancellation(),
		kgo.RecordPartitioner(kgo.StickyKeyPartitioner(nil)), kgo.MetadataMinAge(50*time.Millisecond))
	if err != nil {
		return err
	}
	defer cl.Close()
	out := make([]*kgo.Record, 0, len(records))
	for _, r := range records {
		kr := &kgo.Record{Topic: topic, Timestamp: r.Timestamp}
		if !r.NullKey {
			kr.Key = []byte(r.Key)
		}
		if !r.NullValue {
			kr.Value = []byte(r.Value)
		}
		for _, h := range r.Headers {
			kr.Headers = append(kr.Headers, kgo.RecordHeader{Key: h[0], Value: []byte(h[1])})
		}
		out = append(out, kr)
	}
	return cl.ProduceSync(ctx, out...).FirstErr()
}

// OpenTransaction writes a record to each partition of a topic in a transaction that
// stays open until the returned function aborts it, which must be called.
func (d *Daemon) OpenTransaction(id, topic string, partitions int32) (abort func()) {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	cl, err := kgo.NewClient(kgo.SeedBrokers(d.Kafka), kgo.TransactionalID(id), kgo.TransactionTimeout(10*time.Minute), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err == nil {
		err = cl.BeginTransaction()
	}
	for p := int32(0); err == nil && p < partitions; p++ {
		err = cl.ProduceSync(ctx, &kgo.Record{Topic: topic, Partition: p, Key: []byte(id)}).FirstErr()
	}
	if err != nil {
		d.t.Fatalf("open a transaction on %s: %v", topic, err)
	}
	return func() {
		d.t.Helper()
		ctx, cancel := context.WithTimeout(context.Background(), Patience)
		defer cancel()
		defer cl.Close()
		if err := cl.EndTransaction(ctx, kgo.TryAbort); err != nil {
			d.t.Fatalf("abort the transaction on %s: %v", topic, err)
		}
	}
}
