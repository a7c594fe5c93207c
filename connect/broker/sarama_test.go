// SPDX-License-Identifier: Apache-2.0

package broker_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/connectd/connectd/connect/broker/brokertest"
)

func TestSaramaSyncProducer(t *testing.T) {
	codecs := map[string]sarama.CompressionCodec{
		"none": sarama.CompressionNone, "gzip": sarama.CompressionGZIP, "snappy": sarama.CompressionSnappy,
		"lz4": sarama.CompressionLZ4, "zstd": sarama.CompressionZSTD,
	}
	addr := brokertest.Start(t)
	for name, codec := range codecs {
		t.Run(name, func(t *testing.T) {
			topic := brokertest.Topic(t, "sync")
			cfg := saramaConfig()
			cfg.Producer.Compression = codec
			cfg.Producer.Idempotent = true
			cfg.Net.MaxOpenRequests = 1
			p, err := sarama.NewSyncProducer([]string{addr}, cfg)
			must(t, err)
			defer p.Close()
			for i := range 3 {
				_, offset, err := p.SendMessage(&sarama.ProducerMessage{Topic: topic, Value: sarama.StringEncoder(fmt.Sprint(i))})
				must(t, err)
				if offset != int64(i) {
					t.Errorf("offset of record %d is %d", i, offset)
				}
			}
			if got := values(t, addr, topic, 3); !slices.Equal(got, []string{"0/0", "0/1", "0/2"}) {
				t.Errorf("read %v", got)
			}
		})
	}
}

func TestSaramaAcks(t *testing.T) {
	addr := brokertest.Start(t)
	for _, acks := range []sarama.RequiredAcks{sarama.NoResponse, sarama.WaitForLocal, sarama.WaitForAll} {
		t.Run(fmt.Sprint(acks), func(t *testing.T) {
			topic := brokertest.Topic(t, "acks")
			createTopic(t, newKgo(t, addr), topic, 1)
			cfg := saramaConfig()
			cfg.Producer.RequiredAcks = acks
			p, err := sarama.NewSyncProducer([]string{addr}, cfg)
			must(t, err)
			defer p.Close()
			_, _, err = p.SendMessage(&sarama.ProducerMessage{Topic: topic, Value: sarama.StringEncoder("x")})
			must(t, err)
			if got := values(t, addr, topic, 1); got[0] != "0/x" {
				t.Errorf("read %v", got)
			}
		})
	}
}

func TestSaramaTransactions(t *testing.T) {
	addr := brokertest.Start(t)
	topic := brokertest.Topic(t, "txn")
	createTopic(t, newKgo(t, addr), topic, 3)
	cfg := saramaConfig()
	cfg.Producer.Idempotent = true
	cfg.Producer.Transaction.ID = brokertest.Name(t, "sarama-txn")
	cfg.Net.MaxOpenRequests = 1
	cfg.Producer.Partitioner = sarama.NewManualPartitioner
	p, err := sarama.NewAsyncProducer([]string{addr}, cfg)
	must(t, err)
	defer p.Close()
	var want []string
	for round := range 6 {
		must(t, p.BeginTxn())
		for part := range int32(3) {
			v := fmt.Sprintf("%d-%d", round, part)
			p.Input() <- &sarama.ProducerMessage{Topic: topic, Partition: part, Value: sarama.StringEncoder(v)}
		}
		for range 3 {
			select {
			case <-p.Successes():
			case err := <-p.Errors():
				t.Fatal(err)
			}
		}
		if round%2 == 1 {
			must(t, p.AbortTxn())
			continue
		}
		must(t, p.CommitTxn())
		for part := range 3 {
			want = append(want, fmt.Sprintf("%d/%d-%d", part, round, part))
		}
	}
	got := values(t, addr, topic, len(want))
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("read committed %v, want %v", got, want)
	}
	if got := values(t, addr, topic, 18, kgo.FetchIsolationLevel(kgo.ReadUncommitted())); len(got) != 18 {
		t.Errorf("read uncommitted %d records, want 18", len(got))
	}
}

// groupHandler collects what a sarama consumer group is given.
type groupHandler struct {
	mu     sync.Mutex
	claims map[int32]bool
	values []string
	limit  int
	enough chan struct{}
}

func newGroupHandler(limit int) *groupHandler {
	return &groupHandler{limit: limit, enough: make(chan struct{}), claims: map[int32]bool{}}
}

func (h *groupHandler) Setup(s sarama.ConsumerGroupSession) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	clear(h.claims)
	for _, parts := range s.Claims() {
		for _, p := range parts {
			h.claims[p] = true
		}
	}
	return nil
}

func (h *groupHandler) Cleanup(sarama.ConsumerGroupSession) error { return nil }

func (h *groupHandler) ConsumeClaim(s sarama.ConsumerGroupSession, c sarama.ConsumerGroupClaim) error {
	for {
		select {
		case m, ok := <-c.Messages():
			if !ok {
				return nil
			}
			h.take(string(m.Value))
			s.MarkMessage(m, "")
		case <-s.Context().Done():
			return nil
		}
	}
}

func (h *groupHandler) take(v string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.values = append(h.values, v)
	if len(h.values) == h.limit {
		close(h.enough)
	}
}

func (h *groupHandler) claimed() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.claims)
}

// runGroup consumes until the returned function is called.
func runGroup(t *testing.T, addr, name, topic string, h *groupHandler) (stop func()) {
	t.Helper()
	cfg := saramaConfig()
	cfg.Consumer.Group.Session.Timeout = 6 * time.Second
	cfg.Consumer.Group.Heartbeat.Interval = 50 * time.Millisecond
	g, err := sarama.NewConsumerGroup([]string{addr}, name, cfg)
	must(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		for ctx.Err() == nil {
			if err := g.Consume(ctx, []string{topic}, h); err != nil && ctx.Err() == nil {
				t.Errorf("consume: %v", err)
				return
			}
		}
	})
	wg.Go(func() {
		for err := range g.Errors() {
			t.Logf("group: %v", err)
		}
	})
	var once sync.Once
	return func() {
		once.Do(func() {
			cancel()
			if err := g.Close(); err != nil {
				t.Errorf("close group: %v", err)
			}
			wg.Wait()
		})
	}
}

func TestSaramaConsumerGroup(t *testing.T) {
	addr := brokertest.Start(t)
	topic, name := brokertest.Topic(t, "group"), brokertest.Name(t, "sarama-group")
	cl := newKgo(t, addr, kgo.RecordPartitioner(kgo.ManualPartitioner()))
	createTopic(t, cl, topic, 4)
	for i := range 40 {
		must(t, cl.ProduceSync(testContext(t), &kgo.Record{Topic: topic, Partition: int32(i % 4), Value: fmt.Append(nil, i)}).FirstErr())
	}
	one := newGroupHandler(40)
	stopOne := runGroup(t, addr, name, topic, one)
	defer stopOne()
	waitFor(t, one.enough)

	two := newGroupHandler(1)
	stopTwo := runGroup(t, addr, name, topic, two)
	defer stopTwo()
	await(t, "two members to share four partitions", func() bool { return one.claimed() == 2 && two.claimed() == 2 })

	stopOne()
	await(t, "the other member to take over", func() bool { return two.claimed() == 4 })
	must(t, cl.ProduceSync(testContext(t), &kgo.Record{Topic: topic, Value: []byte("last")}).FirstErr())
	waitFor(t, two.enough)
	if two.values[0] != "last" {
		t.Errorf("after the rebalance %q was read: the offsets of the first member were lost", two.values[0])
	}
}

func waitFor(t *testing.T, done <-chan struct{}) {
	t.Helper()
	select {
	case <-done:
	case <-time.After(patience):
		t.Fatalf("nothing within %v", patience)
	}
}

func TestSaramaAdmin(t *testing.T) {
	addr := brokertest.Start(t)
	admin, err := sarama.NewClusterAdmin([]string{addr}, saramaConfig())
	must(t, err)
	defer admin.Close()
	topic := brokertest.Topic(t, "admin")
	compact := "compact"
	must(t, admin.CreateTopic(topic, &sarama.TopicDetail{NumPartitions: 2, ReplicationFactor: 1, ConfigEntries: map[string]*string{"cleanup.policy": &compact}}, false))
	await(t, "the topic in the list", func() bool { l, err := admin.ListTopics(); must(t, err); return l[topic].NumPartitions == 2 })

	described, err := admin.DescribeConfigs([]*sarama.ConfigResource{{Type: sarama.TopicResource, Name: topic}}, sarama.DescribeConfigsOptions{})
	must(t, err)
	policy := ""
	for _, e := range described[0].Configs {
		if e.Name == "cleanup.policy" {
			policy = e.Value
		}
	}
	if policy != compact {
		t.Errorf("cleanup.policy is described as %q", policy)
	}
	must(t, admin.CreatePartitions(topic, 3, nil, false))
	value := "1000"
	must(t, admin.IncrementalAlterConfig(sarama.TopicResource, topic, map[string]sarama.IncrementalAlterConfigsEntry{
		"retention.ms": {Operation: sarama.IncrementalAlterConfigsOperationSet, Value: &value},
	}, false))
	await(t, "the third partition", func() bool {
		d, err := admin.DescribeTopics([]string{topic})
		must(t, err)
		return len(d[0].Partitions) == 3
	})
	brokers, controller, err := admin.DescribeCluster()
	must(t, err)
	if len(brokers) != 1 || brokers[0].ID() != controller {
		t.Errorf("cluster of %d brokers with controller %d", len(brokers), controller)
	}
	must(t, admin.DeleteTopic(topic))
	await(t, "the topic to go", func() bool { l, err := admin.ListTopics(); must(t, err); _, there := l[topic]; return !there })
	if err := admin.CreateTopic("a b", &sarama.TopicDetail{NumPartitions: 1, ReplicationFactor: 1}, false); err == nil {
		t.Error("a topic name with a space was accepted")
	}
}
