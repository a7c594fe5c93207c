// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"time"

	"github.com/IBM/sarama"

	"github.com/connectd/connectd/connect/kafka"
)

// Records in a transaction of the bare clients: what is usual, and about what the road
// reaches when it has a backlog. Ratios are to be read beside both, as the end of a
// transaction costs the same for any size.
const (
	transactionSize      = 5_000
	largeTransactionSize = 40_000
)

// asyncProducer writes the values with sarama's AsyncProducer, in transactions. Each
// record is a message through its channels, as its users write it.
func asyncProducer(d *daemon, topic string, values [][]byte) (took time.Duration, err error) {
	conf := sarama.NewConfig()
	conf.Version = sarama.V2_8_0_0
	conf.Producer.Idempotent = true
	conf.Producer.RequiredAcks = sarama.WaitForAll
	conf.Producer.Transaction.ID = topic
	conf.Producer.Partitioner = sarama.NewManualPartitioner
	conf.Net.MaxOpenRequests = 1
	p, err := sarama.NewAsyncProducer([]string{d.kafka}, conf)
	if err != nil {
		return 0, fmt.Errorf("open AsyncProducer: %w", err)
	}
	refused := make(chan error, 1)
	go func() {
		defer close(refused)
		for err := range p.Errors() {
			select {
			case refused <- err:
			default: // the first one is enough
			}
		}
	}()
	began := time.Now()
	for rest := values; len(rest) > 0 && err == nil; {
		n := min(transactionSize, len(rest))
		err = asyncTransaction(p, topic, rest[:n])
		rest = rest[n:]
	}
	took = time.Since(began)
	p.AsyncClose()
	if first := <-refused; err == nil && first != nil {
		err = first
	}
	return took, err
}

func asyncTransaction(p sarama.AsyncProducer, topic string, values [][]byte) error {
	if err := p.BeginTxn(); err != nil {
		return err
	}
	for _, v := range values {
		p.Input() <- &sarama.ProducerMessage{Topic: topic, Value: sarama.ByteEncoder(v)}
	}
	return p.CommitTxn()
}

// bareBatches writes the values on the protocol layer: whole batches in
// transactions of this size, one after the other, and nothing around them.
func bareBatches(ctx context.Context, d *daemon, topic string, values [][]byte, size int) (time.Duration, error) {
	p, err := d.cluster.NewProducer(ctx, kafka.ProducerOptions{TransactionalID: topic, TransactionTimeout: time.Minute})
	if err != nil {
		return 0, err
	}
	tp := kafka.TopicPartition{Topic: topic}
	records := make([]kafka.Record, 0, size)
	began := time.Now()
	now := began.UnixMilli()
	for rest := values; len(rest) > 0; {
		n := min(size, len(rest))
		records = records[:0]
		for _, v := range rest[:n] {
			records = append(records, kafka.Record{Value: v, Timestamp: now})
		}
		p.Send(tp, records)
		if err := p.Flush(ctx); err != nil {
			return 0, err
		}
		if err := p.Commit(ctx); err != nil {
			return 0, err
		}
		rest = rest[n:]
	}
	return time.Since(began), nil
}
