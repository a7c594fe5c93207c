// SPDX-License-Identifier: Apache-2.0

package broker_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		// sarama's metrics keep a ticker for the life of the process.
		goleak.IgnoreTopFunction("github.com/rcrowley/go-metrics.(*meterArbiter).tick"))
}

const patience = 20 * time.Second

func testContext(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// await returns when cond holds.
func await(t testing.TB, what string, cond func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for !cond() {
		if time.Now().After(deadline) {
			t.Fatalf("waited %v for %s", patience, what)
		}
		<-time.After(2 * time.Millisecond)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func saramaConfig() *sarama.Config {
	cfg := sarama.NewConfig()
	cfg.Version = sarama.V2_8_0_0
	cfg.ClientID = "broker-test"
	cfg.Producer.Return.Successes = true
	cfg.Producer.RequiredAcks = sarama.WaitForAll
	cfg.Consumer.Return.Errors = true
	cfg.Consumer.MaxWaitTime = 100 * time.Millisecond
	cfg.Consumer.Offsets.Initial = sarama.OffsetOldest
	return cfg
}

func newKgo(t testing.TB, addr string, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	cl, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(addr), kgo.FetchMaxWait(100 * time.Millisecond)}, opts...)...)
	must(t, err)
	t.Cleanup(cl.Close)
	return cl
}

// createTopic creates a topic; configs are key, value, key, value.
func createTopic(t testing.TB, cl *kgo.Client, topic string, partitions int32, configs ...string) {
	t.Helper()
	r := kmsg.NewPtrCreateTopicsRequest()
	rt := kmsg.NewCreateTopicsRequestTopic()
	rt.Topic, rt.NumPartitions, rt.ReplicationFactor = topic, partitions, 1
	for i := 0; i+1 < len(configs); i += 2 {
		c := kmsg.NewCreateTopicsRequestTopicConfig()
		c.Name, c.Value = configs[i], &configs[i+1]
		rt.Configs = append(rt.Configs, c)
	}
	r.Topics = append(r.Topics, rt)
	res, err := r.RequestWith(testContext(t), cl)
	must(t, err)
	must(t, kerr.ErrorForCode(res.Topics[0].ErrorCode))
	await(t, "the topic's leaders", func() bool { return leaders(t, cl, topic) == int(partitions) })
	for p := range partitions {
		// A real broker tells of leaders a moment before they lead.
		await(t, "the leader to lead", func() bool { return endOffset(t, cl, topic, p, 0, -1).ErrorCode == 0 })
	}
}

func leaders(t testing.TB, cl *kgo.Client, topic string) int {
	m := kmsg.NewPtrMetadataRequest()
	mt := kmsg.NewMetadataRequestTopic()
	mt.Topic = kmsg.StringPtr(topic)
	m.Topics = append(m.Topics, mt)
	res, err := m.RequestWith(testContext(t), cl)
	must(t, err)
	n := 0
	for _, p := range res.Topics[0].Partitions {
		if p.ErrorCode == 0 && p.Leader >= 0 {
			n++
		}
	}
	return n
}

// values reads n records of all partitions and returns their values as
// "partition/value", in the order of each partition.
func values(t testing.TB, addr, topic string, n int, opts ...kgo.Opt) []string {
	t.Helper()
	opts = append([]kgo.Opt{
		kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
	}, opts...)
	cl := newKgo(t, addr, opts...)
	defer cl.Close()
	var got []string
	ctx := testContext(t)
	for len(got) < n {
		fs := cl.PollFetches(ctx)
		must(t, errors.Join(fetchErrors(fs)...))
		fs.EachRecord(func(r *kgo.Record) { got = append(got, fmt.Sprintf("%d/%s", r.Partition, r.Value)) })
	}
	return got
}

func fetchErrors(fs kgo.Fetches) []error {
	var errs []error
	for _, e := range fs.Errors() {
		errs = append(errs, e.Err)
	}
	return errs
}

// endOffset asks ListOffsets for one partition; ts -1 asks for the end.
func endOffset(t testing.TB, cl *kgo.Client, topic string, partition int32, iso int8, ts int64) kmsg.ListOffsetsResponseTopicPartition {
	t.Helper()
	r := kmsg.NewPtrListOffsetsRequest()
	r.IsolationLevel = iso
	rt := kmsg.NewListOffsetsRequestTopic()
	rt.Topic = topic
	rp := kmsg.NewListOffsetsRequestTopicPartition()
	rp.Partition, rp.Timestamp = partition, ts
	rt.Partitions = append(rt.Partitions, rp)
	r.Topics = append(r.Topics, rt)
	res, err := r.RequestWith(testContext(t), cl)
	must(t, err)
	return res.Topics[0].Partitions[0]
}

// coordinated reports whether the broker answers as the group's coordinator; a
// real one takes a moment to make its internal topic.
func coordinated(t testing.TB, cl *kgo.Client, group string) bool {
	t.Helper()
	r := kmsg.NewPtrFindCoordinatorRequest()
	r.CoordinatorKeys = []string{group}
	res, err := r.RequestWith(testContext(t), cl)
	must(t, err)
	return len(res.Coordinators) == 1 && res.Coordinators[0].ErrorCode == 0
}
