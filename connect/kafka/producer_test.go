// SPDX-License-Identifier: Apache-2.0

package kafka

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/connectd/connectd/connect/broker/brokertest"
)

func TestTransactionIsVisibleOnlyAfterCommit(t *testing.T) {
	c := openCluster(t)
	topic := newTopic(t, c, 2)
	p := newProducer(t, c, brokertest.Name(t, "txn"))
	ctx := within(t)
	for i, part := range []int32{0, 1} {
		p.Send(TopicPartition{Topic: topic, Partition: part}, texts(fmt.Sprint("committed ", i)))
	}
	if err := p.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	ends, err := c.ListOffsets(ctx, topic, []int32{0, 1}, Latest, ReadCommitted)
	if err != nil || ends[0] != 0 || ends[1] != 0 {
		t.Fatalf("stable ends before the commit: %v, %v", ends, err)
	}
	if err := p.Commit(ctx); err != nil {
		t.Fatal(err)
	}
	for part := range int32(2) {
		if got := replayed(t, c, topic, part); !slices.Equal(got, []string{fmt.Sprint("committed ", part)}) {
			t.Errorf("partition %d holds %q", part, got)
		}
	}
}

func TestAbortHidesRecordsAndTheProducerGoesOn(t *testing.T) {
	c := openCluster(t)
	topic := newTopic(t, c, 1)
	tp := TopicPartition{Topic: topic}
	p := newProducer(t, c, brokertest.Name(t, "txn"))
	ctx := within(t)
	p.Send(tp, texts("aborted"))
	if err := p.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	if err := p.Abort(ctx); err != nil {
		t.Fatal(err)
	}
	p.Send(tp, texts("committed"))
	if err := errors.Join(p.Flush(ctx), p.Commit(ctx)); err != nil {
		t.Fatal(err)
	}
	if got := replayed(t, c, topic, 0); !slices.Equal(got, []string{"committed"}) {
		t.Errorf("visible: %q", got)
	}
}

func TestSuccessorFencesForGood(t *testing.T) {
	c := openCluster(t)
	topic := newTopic(t, c, 1)
	id := brokertest.Name(t, "txn")
	ctx := within(t)
	old := newProducer(t, c, id)
	old.Send(TopicPartition{Topic: topic}, texts("of the old one"))
	if err := old.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	if err := c.Fence(ctx, []string{id}); err != nil {
		t.Fatal(err)
	}
	if err := old.Commit(ctx); !errors.Is(err, ErrFenced) {
		t.Errorf("commit of the fenced producer: %v", err)
	}
	if err := old.Reinit(ctx); !errors.Is(err, ErrFenced) {
		t.Errorf("a successor has the id, and Reinit says %v", err)
	}
	if got := replayed(t, c, topic, 0); len(got) > 0 {
		t.Errorf("visible: %q", got)
	}
}

func TestCommitTakesRecordsThatWereNotFlushed(t *testing.T) {
	c := openCluster(t)
	topic := newTopic(t, c, 1)
	p := newProducer(t, c, brokertest.Name(t, "txn"))
	p.Send(TopicPartition{Topic: topic}, texts("noted only"))
	if err := p.Commit(within(t)); err != nil {
		t.Fatal(err)
	}
	if got := replayed(t, c, topic, 0); !slices.Equal(got, []string{"noted only"}) {
		t.Errorf("visible after a commit that returned nil: %q", got)
	}
}

func TestTooLargeRecordIsNamedByItsIndex(t *testing.T) {
	c := openCluster(t, "max.request.size", "8388608")
	topic := brokertest.Topic(t, "kafka")
	ctx := within(t)
	spec := TopicSpec{Name: topic, Partitions: 1, Replication: 1, Configs: map[string]string{"max.message.bytes": "4096"}}
	if _, err := c.EnsureTopic(ctx, spec); err != nil {
		t.Fatal(err)
	}
	p := newProducer(t, c, brokertest.Name(t, "txn"))
	rs := texts("a", "b", "c", strings.Repeat("x", 10_000), "e")
	p.Send(TopicPartition{Topic: topic}, rs)
	var refused *RecordError
	if err := p.Flush(ctx); !errors.As(err, &refused) || refused.Index != 3 || !IsTooLarge(err) {
		t.Fatalf("flush: %v", err)
	}
	if err := p.Abort(ctx); err != nil {
		t.Fatal(err)
	}
	p.Send(TopicPartition{Topic: topic}, slices.Delete(rs, 3, 4))
	if err := errors.Join(p.Flush(ctx), p.Commit(ctx)); err != nil {
		t.Fatal(err)
	}
	if got := replayed(t, c, topic, 0); !slices.Equal(got, []string{"a", "b", "c", "e"}) {
		t.Errorf("visible: %q", got)
	}
}

func TestFlushNamesAnUnknownTopic(t *testing.T) {
	c := openCluster(t)
	p := newProducer(t, c, "")
	p.Send(TopicPartition{Topic: brokertest.Topic(t, "nowhere")}, texts("lost"))
	start := time.Now()
	if err := p.Flush(within(t)); !errors.Is(err, ErrUnknownTopic) {
		t.Errorf("after %v: %v", time.Since(start), err)
	}
}

func TestOffsetsOfAGroupLandWithTheTransaction(t *testing.T) {
	c := openCluster(t)
	topic, group := newTopic(t, c, 1), brokertest.Name(t, "group")
	tp := TopicPartition{Topic: topic}
	p := newProducer(t, c, brokertest.Name(t, "txn"))
	ctx := within(t)
	send := func(offset int64) {
		t.Helper()
		if err := p.SendOffsets(ctx, Memberless(group), []TopicOffset{{TopicPartition: tp, Offset: offset, Metadata: "m"}}); err != nil {
			t.Fatal(err)
		}
	}
	send(7)
	if err := p.Commit(ctx); err != nil {
		t.Fatal(err)
	}
	send(99)
	if err := p.Abort(ctx); err != nil {
		t.Fatal(err)
	}
	got, err := c.GroupOffsets(ctx, group, nil)
	if err != nil || len(got) != 1 || got[0] != (TopicOffset{TopicPartition: tp, Offset: 7, Metadata: "m"}) {
		t.Errorf("committed: %v, %v", got, err)
	}
}
