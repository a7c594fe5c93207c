// SPDX-License-Identifier: Apache-2.0

package broker

import (
	"context"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/connectd/connectd/connect/broker/store"
)

// Timestamps of ListOffsets with a meaning of their own.
const (
	latestOffset        = -1
	earliestOffset      = -2
	maxTimestampOffset  = -3
	earliestLocalOffset = -4
	latestTieredOffset  = -5
)

func (c *conn) listOffsets(_ context.Context, r *kmsg.ListOffsetsRequest) (kmsg.Response, error) {
	res := r.ResponseKind().(*kmsg.ListOffsetsResponse)
	for _, t := range r.Topics {
		rt := kmsg.NewListOffsetsResponseTopic()
		rt.Topic = t.Topic
		for _, p := range t.Partitions {
			rp := kmsg.NewListOffsetsResponseTopicPartition()
			rp.Partition = p.Partition
			offset, ts, err := c.b.listOffset(t.Topic, p, isolation(r.IsolationLevel))
			rp.Offset, rp.Timestamp, rp.ErrorCode = offset, ts, code(err)
			if offset >= 0 {
				rp.LeaderEpoch = 0
			}
			rt.Partitions = append(rt.Partitions, rp)
		}
		res.Topics = append(res.Topics, rt)
	}
	return res, nil
}

// listOffset answers for one partition; offset and timestamp are -1 where there
// is none.
func (b *Broker) listOffset(topic string, p kmsg.ListOffsetsRequestTopicPartition, iso store.Isolation) (offset, ts int64, err error) {
	l, ok := b.store.Log(topic, p.Partition)
	if !ok {
		return -1, -1, kerr.UnknownTopicOrPartition
	}
	if err := checkEpoch(p.CurrentLeaderEpoch); err != nil {
		return -1, -1, err
	}
	start, end, high := l.Offsets()
	if iso == store.ReadUncommitted {
		end = high
	}
	switch p.Timestamp {
	case latestOffset:
		return end, -1, nil
	case earliestOffset, earliestLocalOffset:
		return start, -1, nil
	case latestTieredOffset:
		return -1, -1, nil
	case maxTimestampOffset:
		offset, ts, err = l.OffsetOfMaxTime()
	default:
		offset, ts, err = l.OffsetForTime(p.Timestamp)
	}
	if err != nil || offset >= end {
		return -1, -1, err
	}
	return offset, ts, nil
}

// offsetForLeaderEpoch tells where a leader epoch ended. There is only epoch 0,
// which goes on.
func (c *conn) offsetForLeaderEpoch(_ context.Context, r *kmsg.OffsetForLeaderEpochRequest) (kmsg.Response, error) {
	res := r.ResponseKind().(*kmsg.OffsetForLeaderEpochResponse)
	for _, t := range r.Topics {
		rt := kmsg.NewOffsetForLeaderEpochResponseTopic()
		rt.Topic = t.Topic
		for _, p := range t.Partitions {
			rt.Partitions = append(rt.Partitions, c.b.epochEnd(t.Topic, p))
		}
		res.Topics = append(res.Topics, rt)
	}
	return res, nil
}

func (b *Broker) epochEnd(topic string, p kmsg.OffsetForLeaderEpochRequestTopicPartition) kmsg.OffsetForLeaderEpochResponseTopicPartition {
	rp := kmsg.NewOffsetForLeaderEpochResponseTopicPartition()
	rp.Partition, rp.LeaderEpoch, rp.EndOffset = p.Partition, -1, -1
	l, ok := b.store.Log(topic, p.Partition)
	if !ok {
		rp.ErrorCode = kerr.UnknownTopicOrPartition.Code
		return rp
	}
	if rp.ErrorCode = code(checkEpoch(p.CurrentLeaderEpoch)); rp.ErrorCode != 0 || p.LeaderEpoch != 0 {
		return rp
	}
	rp.LeaderEpoch = 0
	_, _, rp.EndOffset = l.Offsets()
	return rp
}
