// SPDX-License-Identifier: Apache-2.0

package kafka

import (
	"context"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/connectd/connectd/connect/broker/brokertest"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("github.com/rcrowley/go-metrics.(*meterArbiter).tick"))
}

// within bounds a test's waiting.
func within(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func openCluster(t testing.TB, props ...string) *Cluster {
	t.Helper()
	all := map[string]string{"bootstrap.servers": brokertest.Start(t)}
	for i := 0; i < len(props); i += 2 {
		all[props[i]] = props[i+1]
	}
	s, errs := ParseSettings(all)
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	c, err := Open(within(t), s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func newTopic(t testing.TB, c *Cluster, partitions int32) string {
	t.Helper()
	name := brokertest.Topic(t, "kafka")
	if _, err := c.EnsureTopic(within(t), TopicSpec{Name: name, Partitions: partitions, Replication: 1}); err != nil {
		t.Fatal(err)
	}
	return name
}

func newProducer(t testing.TB, c *Cluster, id string) *Producer {
	t.Helper()
	p, err := c.NewProducer(within(t), ProducerOptions{TransactionalID: id, TransactionTimeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func texts(values ...string) []Record {
	rs := make([]Record, len(values))
	for i, v := range values {
		rs[i] = Record{Value: []byte(v), Timestamp: 1_700_000_000_000 + int64(i)}
	}
	return rs
}

// replayed returns the committed values of a partition.
func replayed(t testing.TB, c *Cluster, topic string, partition int32) []string {
	t.Helper()
	var out []string
	_, err := c.Replay(within(t), topic, []int32{partition}, nil, func(_ int32, r *Record) error {
		out = append(out, string(r.Value))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}
