// SPDX-License-Identifier: Apache-2.0

package broker_test

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/connectd/connectd/connect/broker/brokertest"
)

// BenchmarkProduce sends one batch of 100-byte records a request, over one
// connection, with the client's encoding done beforehand.
func BenchmarkProduce(b *testing.B) {
	for _, c := range []struct {
		name    string
		acks    int16
		records int
	}{{"acks=1/1", 1, 1}, {"acks=1/1000", 1, 1000}, {"acks=all/1", -1, 1}, {"acks=all/1000", -1, 1000}} {
		b.Run(c.name, func(b *testing.B) {
			addr := brokertest.Start(b)
			topic := brokertest.Topic(b, "bench")
			createTopic(b, newKgo(b, addr), topic, 1)
			values := strings.Split(strings.Repeat(strings.Repeat("x", 100)+",", c.records-1)+"x", ",")
			r := kmsg.NewPtrProduceRequest()
			r.SetVersion(9)
			r.Acks, r.TimeoutMillis = c.acks, 10_000
			r.Topics = []kmsg.ProduceRequestTopic{{Topic: topic, Partitions: []kmsg.ProduceRequestTopicPartition{
				{Records: batch(batchSpec{values: values, plain: true})},
			}}}
			w := dial(b, addr)
			p := w.frame(r)
			b.SetBytes(int64(len(p)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := w.Write(p); err != nil {
					b.Fatal(err)
				}
				if _, err := w.read(true); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkFetch reads 1 MiB a request.
func BenchmarkFetch(b *testing.B) {
	addr := brokertest.Start(b)
	topic := brokertest.Topic(b, "bench")
	cl := newKgo(b, addr)
	createTopic(b, cl, topic, 1)
	values := strings.Split(strings.Repeat(strings.Repeat("x", 100)+",", 999)+"x", ",")
	for range 20 {
		must(b, kerr.ErrorForCode(produceRaw(b, cl, topic, 0, nil, batch(batchSpec{values: values, plain: true})).ErrorCode))
	}
	r := kmsg.NewPtrFetchRequest()
	r.SetVersion(12)
	r.MaxWaitMillis, r.MinBytes, r.MaxBytes, r.SessionEpoch = 100, 1, 1<<20, -1
	part := kmsg.NewFetchRequestTopicPartition()
	part.PartitionMaxBytes = 1 << 20
	r.Topics = []kmsg.FetchRequestTopic{{Topic: topic, Partitions: []kmsg.FetchRequestTopicPartition{part}}}
	w := dial(b, addr)
	p := w.frame(r)
	b.ReportAllocs()
	var head [4]byte
	for b.Loop() {
		if _, err := w.Write(p); err != nil {
			b.Fatal(err)
		}
		if _, err := io.ReadFull(w, head[:]); err != nil {
			b.Fatal(err)
		}
		n := int64(head[0])<<24 | int64(head[1])<<16 | int64(head[2])<<8 | int64(head[3])
		if _, err := io.CopyN(io.Discard, w, n); err != nil {
			b.Fatal(err)
		}
		b.SetBytes(n)
	}
}

// BenchmarkTransaction commits one record a transaction, from
// AddPartitionsToTxn to EndTxn, over one connection.
func BenchmarkTransaction(b *testing.B) {
	addr := brokertest.Start(b)
	topic, id := brokertest.Topic(b, "bench"), brokertest.Name(b, "bench")
	createTopic(b, newKgo(b, addr), topic, 1)
	w := dial(b, addr)
	init := kmsg.NewPtrInitProducerIDRequest()
	init.SetVersion(2)
	init.TransactionalID, init.TransactionTimeoutMillis = &id, 60_000
	made := w.call(b, init).(*kmsg.InitProducerIDResponse)
	must(b, kerr.ErrorForCode(made.ErrorCode))
	add := kmsg.NewPtrAddPartitionsToTxnRequest()
	add.SetVersion(2)
	add.TransactionalID, add.ProducerID, add.ProducerEpoch = id, made.ProducerID, made.ProducerEpoch
	add.Topics = []kmsg.AddPartitionsToTxnRequestTopic{{Topic: topic, Partitions: []int32{0}}}
	end := kmsg.NewPtrEndTxnRequest()
	end.SetVersion(2)
	end.TransactionalID, end.ProducerID, end.ProducerEpoch, end.Commit = id, made.ProducerID, made.ProducerEpoch, true
	seq := int32(0)
	b.ReportAllocs()
	for b.Loop() {
		must(b, kerr.ErrorForCode(w.call(b, add).(*kmsg.AddPartitionsToTxnResponse).Topics[0].Partitions[0].ErrorCode))
		r := kmsg.NewPtrProduceRequest()
		r.SetVersion(7)
		r.TransactionID, r.Acks, r.TimeoutMillis = &id, -1, 10_000
		r.Topics = []kmsg.ProduceRequestTopic{{Topic: topic, Partitions: []kmsg.ProduceRequestTopicPartition{{Records: batch(batchSpec{
			values: []string{fmt.Sprint(seq)}, pid: made.ProducerID, epoch: made.ProducerEpoch, seq: seq, txn: true,
		})}}}}
		must(b, kerr.ErrorForCode(w.call(b, r).(*kmsg.ProduceResponse).Topics[0].Partitions[0].ErrorCode))
		seq++
		must(b, kerr.ErrorForCode(w.call(b, end).(*kmsg.EndTxnResponse).ErrorCode))
	}
}
