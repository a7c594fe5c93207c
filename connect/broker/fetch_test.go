// SPDX-License-Identifier: Apache-2.0

package broker_test

import (
	"encoding/binary"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/connectd/connectd/connect/broker/brokertest"
)

// fetchRequest wants 1 MiB of each of the partitions, at once.
func fetchRequest(topic string, partitions int32) *kmsg.FetchRequest {
	r := kmsg.NewPtrFetchRequest()
	r.SetVersion(12)
	r.MinBytes, r.MaxBytes, r.SessionEpoch = 1, 10<<20, -1
	rt := kmsg.NewFetchRequestTopic()
	rt.Topic = topic
	for p := range partitions {
		rp := kmsg.NewFetchRequestTopicPartition()
		rp.Partition, rp.PartitionMaxBytes, rp.CurrentLeaderEpoch = p, 1<<20, -1
		rt.Partitions = append(rt.Partitions, rp)
	}
	r.Topics = append(r.Topics, rt)
	return r
}

func TestFetchErrors(t *testing.T) {
	addr := brokertest.Start(t)
	cl := newKgo(t, addr)
	topic := brokertest.Topic(t, "fetch")
	createTopic(t, cl, topic, 1)
	must(t, kerr.ErrorForCode(produceRaw(t, cl, topic, 0, nil, batch(batchSpec{values: []string{"a", "b"}, plain: true})).ErrorCode))
	cases := []struct {
		name   string
		change func(*kmsg.FetchRequest)
		want   error
	}{
		{"unknown topic", func(r *kmsg.FetchRequest) { r.Topics[0].Topic += "x" }, kerr.UnknownTopicOrPartition},
		{"unknown topic id", func(r *kmsg.FetchRequest) { r.SetVersion(13); r.Topics[0].TopicID = [16]byte{9} }, kerr.UnknownTopicID},
		{"unknown partition", func(r *kmsg.FetchRequest) { r.Topics[0].Partitions[0].Partition = 7 }, kerr.UnknownTopicOrPartition},
		{"beyond the end", func(r *kmsg.FetchRequest) { r.Topics[0].Partitions[0].FetchOffset = 3 }, kerr.OffsetOutOfRange},
		{"below the start", func(r *kmsg.FetchRequest) { r.Topics[0].Partitions[0].FetchOffset = -5 }, kerr.OffsetOutOfRange},
		{"future leader epoch", func(r *kmsg.FetchRequest) { r.Topics[0].Partitions[0].CurrentLeaderEpoch = 99 }, kerr.UnknownLeaderEpoch},
		{"at the end", func(r *kmsg.FetchRequest) { r.Topics[0].Partitions[0].FetchOffset = 2 }, nil},
		{"within a batch", func(r *kmsg.FetchRequest) { r.Topics[0].Partitions[0].FetchOffset = 1 }, nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := fetchRequest(topic, 1)
			// An error is answered at once, however long the client would wait.
			r.MaxWaitMillis = 50
			if c.want != nil {
				r.MaxWaitMillis = 60_000
			}
			c.change(r)
			res := dial(t, addr).call(t, r).(*kmsg.FetchResponse)
			wantErr(t, "fetch", kerr.ErrorForCode(res.Topics[0].Partitions[0].ErrorCode), c.want)
		})
	}
	r := fetchRequest(topic, 1)
	r.SessionID, r.SessionEpoch = 12345, 3
	res := dial(t, addr).call(t, r).(*kmsg.FetchResponse)
	wantErr(t, "session that was never made", kerr.ErrorForCode(res.ErrorCode), kerr.FetchSessionIDNotFound)
}

func TestFetchLimits(t *testing.T) {
	addr := brokertest.Start(t)
	cl := newKgo(t, addr)
	topic := brokertest.Topic(t, "limits")
	createTopic(t, cl, topic, 3)
	one := batch(batchSpec{values: []string{string(make([]byte, 1000))}, plain: true})
	for p := range int32(3) {
		for range 4 {
			must(t, kerr.ErrorForCode(produceRaw(t, cl, topic, p, nil, one).ErrorCode))
		}
	}
	size := int32(len(one))
	cases := []struct {
		name      string
		part, all int32
		want      [3]int32 // batches of each partition
	}{
		{"everything", 1 << 20, 1 << 20, [3]int32{4, 4, 4}},
		{"two of each partition", 2 * size, 1 << 20, [3]int32{2, 2, 2}},
		{"five in all", 1 << 20, 5 * size, [3]int32{4, 1, 0}},
		{"at least one", 1, 1, [3]int32{1, 0, 0}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := fetchRequest(topic, 3)
			r.MaxBytes = c.all
			for i := range r.Topics[0].Partitions {
				r.Topics[0].Partitions[i].PartitionMaxBytes = c.part
			}
			res := dial(t, addr).call(t, r).(*kmsg.FetchResponse)
			for i, p := range res.Topics[0].Partitions {
				// A real broker may end with a part of a batch.
				if got := int32(len(p.RecordBatches)) / size; got != c.want[i] {
					t.Errorf("partition %d: %d batches, want %d", i, got, c.want[i])
				}
				if p.HighWatermark != 4 || p.LastStableOffset != 4 || p.LogStartOffset != 0 {
					t.Errorf("partition %d: offsets %+v", i, p)
				}
			}
		})
	}
}

func TestFetchTellsAborted(t *testing.T) {
	addr := brokertest.Start(t)
	topic := brokertest.Topic(t, "aborted")
	s := newSession(t, addr, brokertest.Name(t, "aborted"))
	createTopic(t, s.cl, topic, 1)
	for _, commit := range []bool{false, true, false} {
		must(t, s.add(topic, 0))
		must(t, s.produce(topic, "x"))
		must(t, s.end(commit))
	}
	await(t, "the markers", func() bool { return endOffset(t, s.cl, topic, 0, 1, -1).Offset == 6 })
	r := fetchRequest(topic, 1)
	r.IsolationLevel = 1
	// A real broker may need several answers for what this one tells at once.
	var aborted []int64
	for next := int64(0); next < 6; {
		r.Topics[0].Partitions[0].FetchOffset = next
		p := dial(t, addr).call(t, r).(*kmsg.FetchResponse).Topics[0].Partitions[0]
		must(t, kerr.ErrorForCode(p.ErrorCode))
		for _, a := range p.AbortedTransactions {
			if !slices.Contains(aborted, a.FirstOffset) {
				aborted = append(aborted, a.FirstOffset)
			}
		}
		for rest := p.RecordBatches; len(rest) > 0; rest = rest[12+binary.BigEndian.Uint32(rest[8:]):] {
			next = int64(binary.BigEndian.Uint64(rest)) + 1
		}
	}
	if !slices.Equal(aborted, []int64{0, 4}) {
		t.Errorf("aborted transactions begin at %v, want 0 and 4", aborted)
	}
	r.Topics[0].Partitions[0].FetchOffset = 0
	r.IsolationLevel = 0
	if got := dial(t, addr).call(t, r).(*kmsg.FetchResponse).Topics[0].Partitions[0].AbortedTransactions; len(got) != 0 {
		t.Errorf("a reader of everything was told %+v", got)
	}
}

// TestDeletedTopicEndsWaiting deletes a topic on which a fetch waits.
func TestDeletedTopicEndsWaiting(t *testing.T) {
	addr := brokertest.Start(t)
	cl := newKgo(t, addr)
	topic := brokertest.Topic(t, "gone")
	createTopic(t, cl, topic, 1)
	w := dial(t, addr)
	r := fetchRequest(topic, 1)
	r.MaxWaitMillis = 15_000
	_, err := w.Write(w.frame(r))
	must(t, err)
	d := kmsg.NewPtrDeleteTopicsRequest()
	d.TimeoutMillis = 5000
	d.Topics = []kmsg.DeleteTopicsRequestTopic{{Topic: &topic}}
	deleted, err := d.RequestWith(testContext(t), cl)
	must(t, err)
	must(t, kerr.ErrorForCode(deleted.Topics[0].ErrorCode))
	begun := time.Now()
	body, err := w.read(true)
	must(t, err)
	res := r.ResponseKind().(*kmsg.FetchResponse)
	must(t, res.ReadFrom(body))
	if res.Topics[0].Partitions[0].ErrorCode == 0 || time.Since(begun) > 5*time.Second {
		t.Errorf("answered %+v after %v", res.Topics[0].Partitions[0], time.Since(begun))
	}
}
