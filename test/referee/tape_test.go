// SPDX-License-Identifier: Apache-2.0

//go:build referee

package referee

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/connectd/connectd/test/harness"
)

// event is a record of the workload as it came out: its change and its LSN.
type event struct {
	change string
	lsn    int64
}

// tape reads a topic of one partition as it grows. It belongs to one goroutine.
type tape struct {
	topic  string
	client *kgo.Client
	next   int64
	events []event
}

func newTape(t *testing.T, kafka, topic string) *tape {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(kafka), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords(),
		kgo.FetchMaxWait(100*time.Millisecond), kgo.MetadataMinAge(100*time.Millisecond),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {0: kgo.NewOffset().At(0)}}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return &tape{topic: topic, client: client}
}

// read takes what there is, and waits a moment if there is nothing.
func (p *tape) read(t *testing.T) int {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	p.client.PollFetches(ctx).EachRecord(func(r *kgo.Record) {
		p.next = r.Offset + 1
		if !r.Attrs.IsControl() {
			p.events = append(p.events, eventOf(t, r.Value))
		}
	})
	return len(p.events)
}

func eventOf(t *testing.T, text []byte) event {
	t.Helper()
	var v struct {
		Op            string
		Before, After struct{ Seq int64 }
		Source        struct{ LSN int64 }
	}
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	n := v.After.Seq
	if v.Op == "d" {
		n = v.Before.Seq
	}
	return event{fmt.Sprint(v.Op, " ", n), v.Source.LSN}
}

// rest reads until the topic holds nothing more, and returns how many there are. Nobody
// writes there: a transaction that seems to be open has ended, and does not show yet.
func (p *tape) rest(t *testing.T) int {
	t.Helper()
	harness.Eventually(t, p.topic+" is read to its end", func() error {
		end, err := p.end(readUncommitted)
		if err != nil {
			return err
		}
		stable, err := p.end(readCommitted)
		if err != nil {
			return err
		}
		if stable < end {
			return fmt.Errorf("%d of %d are stable", stable, end)
		}
		if p.read(t); p.next < end {
			return fmt.Errorf("at %d of %d", p.next, end)
		}
		return nil
	})
	return len(p.events)
}

// Isolation levels of the protocol.
const (
	readUncommitted int8 = 0
	readCommitted   int8 = 1
)

// end is the end of the topic, or of what is open in no transaction.
func (p *tape) end(isolation int8) (int64, error) {
	ctx, cancel := context.WithTimeout(context.Background(), harness.Patience)
	defer cancel()
	req := kmsg.NewPtrListOffsetsRequest()
	req.ReplicaID, req.IsolationLevel = -1, isolation
	topic, partition := kmsg.NewListOffsetsRequestTopic(), kmsg.NewListOffsetsRequestTopicPartition()
	partition.Timestamp = -1
	topic.Topic, topic.Partitions = p.topic, append(topic.Partitions, partition)
	req.Topics = append(req.Topics, topic)
	resp, err := req.RequestWith(ctx, p.client)
	if err != nil {
		return 0, err
	}
	if code := resp.Topics[0].Partitions[0].ErrorCode; code != 0 {
		return 0, fmt.Errorf("list offsets: error code %d", code)
	}
	return resp.Topics[0].Partitions[0].Offset, nil
}
