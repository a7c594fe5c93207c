// SPDX-License-Identifier: Apache-2.0

package topics

import (
	"testing"
	"time"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/broker/brokertest"
	"github.com/connectd/connectd/connect/kafka"
)

// TestAbortedOffsetsAreFound leaves the offset of one source partition behind an
// aborted record, and that of another one behind nothing.
func TestAbortedOffsetsAreFound(t *testing.T) {
	c, ctx := cluster(t), deadline(t)
	s := openOffsets(t, Options{Cluster: c, Topic: brokertest.Topic(t, "offsets"), Partitions: 3, Replication: 1})
	one, two := parsed(t, `{"filename":"one"}`), parsed(t, `{"filename":"two"}`)
	must(t, s.Write(ctx, brokertest.Name(t, "admin"), "x", []connect.Position{
		{Partition: one, Offset: parsed(t, `{"position":1}`)}, {Partition: two, Offset: parsed(t, `{"position":2}`)},
	}))
	if got, err := s.Aborted(ctx, "x", []connect.Value{one, two}); err != nil || len(got) != 0 {
		t.Fatalf("before anything was aborted: %v, %v", got, err)
	}
	p, err := c.NewProducer(ctx, kafka.ProducerOptions{TransactionalID: brokertest.Name(t, "task"), TransactionTimeout: time.Minute})
	must(t, err)
	rs, err := s.Records("x", []connect.Position{{Partition: one, Offset: parsed(t, `{"position":9}`)}})
	must(t, err)
	p.Send(kafka.TopicPartition{Topic: s.Topic(), Partition: rs[0].Partition}, []kafka.Record{{Key: rs[0].Key, Value: rs[0].Value, Timestamp: 1}})
	must(t, p.Flush(ctx))
	must(t, p.Abort(ctx))
	got, err := s.Aborted(ctx, "x", []connect.Value{one, two, parsed(t, `{"filename":"unknown"}`)})
	must(t, err)
	if len(got) != 1 || !connect.Equal(got[0].Partition, one) || !connect.Equal(got[0].Offset, parsed(t, `{"position":1}`)) {
		t.Errorf("the aborted positions are %v, want the committed one of one", got)
	}
}
