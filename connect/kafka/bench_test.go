// SPDX-License-Identifier: Apache-2.0

package kafka

import (
	"bytes"
	"errors"
	"testing"

	"github.com/IBM/sarama"

	"github.com/connectd/connectd/connect/broker/brokertest"
)

const perTransaction = 5000

func benchRecords() []Record {
	rs := make([]Record, perTransaction)
	for i := range rs {
		rs[i] = Record{Value: bytes.Repeat([]byte("v"), 100), Timestamp: 1_700_000_000_000}
	}
	return rs
}

// BenchmarkProduce writes transactions of 5000 records of 100 bytes; one op is a record.
func BenchmarkProduce(b *testing.B) {
	c := openCluster(b)
	tp := TopicPartition{Topic: newTopic(b, c, 1)}
	p := newProducer(b, c, brokertest.Name(b, "txn"))
	rs, ctx := benchRecords(), b.Context()
	b.ReportAllocs()
	b.ResetTimer()
	for done := 0; done < b.N; done += perTransaction {
		p.Send(tp, rs)
		if err := errors.Join(p.Flush(ctx), p.Commit(ctx)); err != nil {
			b.Fatal(err)
		}
	}
}

func fill(b *testing.B, c *Cluster, tp TopicPartition, n int) {
	b.Helper()
	p := newProducer(b, c, "")
	rs := benchRecords()
	for range n/perTransaction + 1 {
		p.Send(tp, rs)
		if err := p.Flush(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkFetch reads records of 100 bytes; one op is a record.
func BenchmarkFetch(b *testing.B) {
	c := openCluster(b)
	tp := TopicPartition{Topic: newTopic(b, c, 1)}
	fill(b, c, tp, b.N)
	f := c.NewFetcher(FetcherOptions{})
	defer f.Close()
	f.Assign(TopicOffset{TopicPartition: tp})
	b.ReportAllocs()
	b.ResetTimer()
	for got := 0; got < b.N; {
		runs, err := f.Poll(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		for i := range runs {
			got += len(runs[i].Records)
		}
	}
}

// BenchmarkFetchByPartitionConsumer is the library's own consumer on the same data.
func BenchmarkFetchByPartitionConsumer(b *testing.B) {
	c := openCluster(b)
	tp := TopicPartition{Topic: newTopic(b, c, 1)}
	fill(b, c, tp, b.N)
	consumer, err := sarama.NewConsumerFromClient(c.client)
	if err != nil {
		b.Fatal(err)
	}
	pc, err := consumer.ConsumePartition(tp.Topic, 0, sarama.OffsetOldest)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		<-pc.Messages()
	}
	b.StopTimer()
	if err := errors.Join(pc.Close(), consumer.Close()); err != nil {
		b.Fatal(err)
	}
}
