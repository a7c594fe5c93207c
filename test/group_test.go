// SPDX-License-Identifier: Apache-2.0

package test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/connectd/connectd/test/harness"
)

// request sends one request to the cluster and returns the answer.
func request(kafka string, req kmsg.Request) (kmsg.Response, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	cl, err := kgo.NewClient(kgo.SeedBrokers(kafka))
	if err != nil {
		return nil, err
	}
	defer cl.Close()
	return cl.Request(ctx, req)
}

// groupOffsets returns what a group has committed for a topic, by partition, as any
// Kafka tool sees it. A partition without an offset is left out.
func groupOffsets(kafka, group, topic string, partitions int32) (map[int32]int64, error) {
	req := kmsg.NewPtrOffsetFetchRequest()
	req.Group, req.RequireStable = group, true
	rt := kmsg.NewOffsetFetchRequestTopic()
	rt.Topic = topic
	for p := range partitions {
		rt.Partitions = append(rt.Partitions, p)
	}
	req.Topics = append(req.Topics, rt)
	resp, err := request(kafka, req)
	if err != nil {
		return nil, err
	}
	answer := resp.(*kmsg.OffsetFetchResponse)
	if err := kerr.ErrorForCode(answer.ErrorCode); err != nil {
		return nil, err
	}
	out := map[int32]int64{}
	for _, t := range answer.Topics {
		for _, p := range t.Partitions {
			if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
				return nil, err
			}
			if p.Offset >= 0 {
				out[p.Partition] = p.Offset
			}
		}
	}
	return out, nil
}

// endOffset returns the last stable offset of partition 0.
func endOffset(kafka, topic string) (int64, error) {
	req := kmsg.NewPtrListOffsetsRequest()
	req.IsolationLevel = 1
	rt := kmsg.NewListOffsetsRequestTopic()
	rp := kmsg.NewListOffsetsRequestTopicPartition()
	rt.Topic, rp.Timestamp = topic, -1
	rt.Partitions = append(rt.Partitions, rp)
	req.Topics = append(req.Topics, rt)
	resp, err := request(kafka, req)
	if err != nil {
		return 0, err
	}
	p := resp.(*kmsg.ListOffsetsResponse).Topics[0].Partitions[0]
	return p.Offset, kerr.ErrorForCode(p.ErrorCode)
}

// isDone says whether a job of the daemon's own cluster has committed everything
// that its input topic of one partition holds: nothing more will come of it.
func isDone(d *harness.Daemon, job, in string) error {
	end, err := endOffset(d.Kafka, in)
	if err != nil {
		return err
	}
	offsets, err := groupOffsets(d.Kafka, "connect-"+job, in, 1)
	if err == nil && offsets[0] < end {
		err = fmt.Errorf("%d of %d records are done", offsets[0], end)
	}
	return err
}

// waitDone waits until isDone.
func waitDone(d *harness.Daemon, job, in string) {
	d.Eventually(job+" has read all of "+in, func() error { return isDone(d, job, in) })
}

// setTopicPartitions grows a topic.
func setTopicPartitions(t *testing.T, kafka, topic string, partitions int32) {
	t.Helper()
	req := kmsg.NewPtrCreatePartitionsRequest()
	req.TimeoutMillis = 10_000
	rt := kmsg.NewCreatePartitionsRequestTopic()
	rt.Topic, rt.Count = topic, partitions
	req.Topics = append(req.Topics, rt)
	resp, err := request(kafka, req)
	if err == nil {
		err = kerr.ErrorForCode(resp.(*kmsg.CreatePartitionsResponse).Topics[0].ErrorCode)
	}
	if err != nil {
		t.Fatalf("grow %s: %v", topic, err)
	}
}
