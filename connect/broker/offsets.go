// SPDX-License-Identifier: Apache-2.0

package broker

import (
	"context"
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/connectd/connectd/connect/broker/group"
	"github.com/connectd/connectd/connect/broker/store"
)

func (c *conn) offsetCommit(ctx context.Context, r *kmsg.OffsetCommitRequest) (kmsg.Response, error) {
	var known []store.GroupOffset
	for _, t := range r.Topics {
		for _, p := range t.Partitions {
			if _, ok := c.b.store.Log(t.Topic, p.Partition); ok {
				known = append(known, groupOffset(t.Topic, p.Partition, p.Offset, p.LeaderEpoch, p.Metadata))
			}
		}
	}
	who := group.Committer{Group: r.Group, MemberID: r.MemberID, InstanceID: r.InstanceID, Generation: r.Generation}
	err := c.b.groups.Commit(who, func() error { return c.b.store.CommitOffsets(ctx, r.Group, known) })
	res := r.ResponseKind().(*kmsg.OffsetCommitResponse)
	for _, t := range r.Topics {
		rt := kmsg.NewOffsetCommitResponseTopic()
		rt.Topic = t.Topic
		for _, p := range t.Partitions {
			rt.Partitions = append(rt.Partitions, kmsg.OffsetCommitResponseTopicPartition{
				Partition: p.Partition, ErrorCode: c.b.offsetCode(t.Topic, p.Partition, err),
			})
		}
		res.Topics = append(res.Topics, rt)
	}
	return res, nil
}

func groupOffset(topic string, partition int32, offset int64, epoch int32, metadata *string) store.GroupOffset {
	o := store.GroupOffset{Topic: topic, Partition: partition, Offset: offset, LeaderEpoch: epoch}
	if metadata != nil {
		o.Metadata = *metadata
	}
	return o
}

// offsetCode is the code of one partition in a commit of several.
func (b *Broker) offsetCode(topic string, partition int32, err error) int16 {
	if err != nil {
		return code(err)
	}
	if _, ok := b.store.Log(topic, partition); !ok {
		return kerr.UnknownTopicOrPartition.Code
	}
	return 0
}

func (c *conn) txnOffsetCommit(_ context.Context, r *kmsg.TxnOffsetCommitRequest) (kmsg.Response, error) {
	var known []store.GroupOffset
	for _, t := range r.Topics {
		for _, p := range t.Partitions {
			if _, ok := c.b.store.Log(t.Topic, p.Partition); ok {
				known = append(known, groupOffset(t.Topic, p.Partition, p.Offset, p.LeaderEpoch, p.Metadata))
			}
		}
	}
	who := group.Committer{Group: r.Group, MemberID: r.MemberID, InstanceID: r.InstanceID, Generation: r.Generation, Transactional: true}
	producer := store.Producer{ID: r.ProducerID, Epoch: r.ProducerEpoch}
	err := c.b.groups.Commit(who, func() error {
		return c.b.store.TxnCommitOffsets(r.TransactionalID, producer, r.Group, known, nil)
	})
	res := r.ResponseKind().(*kmsg.TxnOffsetCommitResponse)
	for _, t := range r.Topics {
		rt := kmsg.NewTxnOffsetCommitResponseTopic()
		rt.Topic = t.Topic
		for _, p := range t.Partitions {
			rt.Partitions = append(rt.Partitions, kmsg.TxnOffsetCommitResponseTopicPartition{
				Partition: p.Partition, ErrorCode: c.b.offsetCode(t.Topic, p.Partition, err),
			})
		}
		res.Topics = append(res.Topics, rt)
	}
	return res, nil
}

// offsetFetch answers in the form for several groups and, for older versions,
// turns that into the form for one.
func (c *conn) offsetFetch(ctx context.Context, r *kmsg.OffsetFetchRequest) (kmsg.Response, error) {
	res := r.ResponseKind().(*kmsg.OffsetFetchResponse)
	if r.Version >= 8 {
		for _, g := range r.Groups {
			res.Groups = append(res.Groups, c.b.fetchOffsets(ctx, g, r.RequireStable))
		}
		return res, nil
	}
	want := kmsg.OffsetFetchRequestGroup{Group: r.Group}
	if r.Topics != nil {
		want.Topics = []kmsg.OffsetFetchRequestGroupTopic{}
	}
	for _, t := range r.Topics {
		want.Topics = append(want.Topics, kmsg.OffsetFetchRequestGroupTopic{Topic: t.Topic, Partitions: t.Partitions})
	}
	got := c.b.fetchOffsets(ctx, want, r.RequireStable)
	res.ErrorCode = got.ErrorCode
	for _, t := range got.Topics {
		rt := kmsg.NewOffsetFetchResponseTopic()
		rt.Topic = t.Topic
		for _, p := range t.Partitions {
			rt.Partitions = append(rt.Partitions, kmsg.OffsetFetchResponseTopicPartition{
				Partition: p.Partition, Offset: p.Offset, LeaderEpoch: p.LeaderEpoch, Metadata: p.Metadata, ErrorCode: p.ErrorCode,
			})
		}
		res.Topics = append(res.Topics, rt)
	}
	return res, nil
}

// fetchOffsets answers for one group; all of its offsets if no topics are named.
func (b *Broker) fetchOffsets(ctx context.Context, want kmsg.OffsetFetchRequestGroup, stable bool) kmsg.OffsetFetchResponseGroup {
	g := kmsg.NewOffsetFetchResponseGroup()
	g.Group = want.Group
	offsets, err := b.store.Offsets(ctx, want.Group)
	if err != nil {
		g.ErrorCode = code(err)
		return g
	}
	at := make(map[store.TopicPartition]store.GroupOffset, len(offsets))
	for _, o := range offsets {
		at[store.TopicPartition{Topic: o.Topic, Partition: o.Partition}] = o
	}
	topics := want.Topics
	if topics == nil {
		topics = offsetTopics(offsets, stable)
	}
	for _, t := range topics {
		rt := kmsg.NewOffsetFetchResponseGroupTopic()
		rt.Topic = t.Topic
		for _, p := range t.Partitions {
			o, ok := at[store.TopicPartition{Topic: t.Topic, Partition: p}]
			rt.Partitions = append(rt.Partitions, fetchedOffset(p, o, ok, stable))
		}
		g.Topics = append(g.Topics, rt)
	}
	return g
}

// offsetTopics names all partitions that have an offset, or will have one that a
// reader of stable offsets has to wait for.
func offsetTopics(offsets []store.GroupOffset, stable bool) []kmsg.OffsetFetchRequestGroupTopic {
	var topics []kmsg.OffsetFetchRequestGroupTopic
	for _, o := range offsets {
		if o.Offset < 0 && !stable {
			continue
		}
		if n := len(topics); n == 0 || topics[n-1].Topic != o.Topic {
			topics = append(topics, kmsg.OffsetFetchRequestGroupTopic{Topic: o.Topic})
		}
		t := &topics[len(topics)-1]
		t.Partitions = append(t.Partitions, o.Partition)
	}
	return topics
}

func fetchedOffset(partition int32, o store.GroupOffset, ok, stable bool) kmsg.OffsetFetchResponseGroupTopicPartition {
	p := kmsg.NewOffsetFetchResponseGroupTopicPartition()
	p.Partition, p.Offset, p.LeaderEpoch, p.Metadata = partition, -1, -1, new(string)
	if ok && o.Pending && stable {
		p.ErrorCode = kerr.UnstableOffsetCommit.Code
		return p
	}
	if ok && o.Offset >= 0 {
		p.Offset, p.LeaderEpoch, p.Metadata = o.Offset, o.LeaderEpoch, &o.Metadata
	}
	return p
}

func (c *conn) offsetDelete(ctx context.Context, r *kmsg.OffsetDeleteRequest) (kmsg.Response, error) {
	res := r.ResponseKind().(*kmsg.OffsetDeleteResponse)
	codes := map[store.TopicPartition]int16{}
	err := c.b.groups.Exclusive(r.Group, func(d group.Description) error { return c.b.deleteOffsets(ctx, r, d, codes) })
	if res.ErrorCode = code(err); err != nil {
		return res, nil
	}
	for _, t := range r.Topics {
		rt := kmsg.NewOffsetDeleteResponseTopic()
		rt.Topic = t.Topic
		for _, p := range t.Partitions {
			rt.Partitions = append(rt.Partitions, kmsg.OffsetDeleteResponseTopicPartition{
				Partition: p.Partition, ErrorCode: codes[store.TopicPartition{Topic: t.Topic, Partition: p.Partition}],
			})
		}
		res.Topics = append(res.Topics, rt)
	}
	return res, nil
}

// deleteOffsets runs while the group's membership cannot change. It enters into
// codes what cannot be deleted.
func (b *Broker) deleteOffsets(ctx context.Context, r *kmsg.OffsetDeleteRequest, d group.Description, codes map[store.TopicPartition]int16) error {
	if d.State == group.Dead && !slices.Contains(b.store.Groups(), r.Group) {
		return kerr.GroupIDNotFound
	}
	if len(d.Members) > 0 && d.ProtocolType != "consumer" {
		return kerr.NonEmptyGroup
	}
	subscribed := subscriptions(d)
	var gone []store.TopicPartition
	for _, t := range r.Topics {
		for _, p := range t.Partitions {
			tp := store.TopicPartition{Topic: t.Topic, Partition: p.Partition}
			if _, ok := b.store.Log(t.Topic, p.Partition); !ok {
				codes[tp] = kerr.UnknownTopicOrPartition.Code
				continue
			}
			if slices.Contains(subscribed, t.Topic) {
				codes[tp] = kerr.GroupSubscribedToTopic.Code
				continue
			}
			gone = append(gone, tp)
		}
	}
	return b.store.DeleteOffsets(ctx, r.Group, gone)
}

// subscriptions lists the topics that consumers of the group have subscribed to.
func subscriptions(d group.Description) []string {
	var topics []string
	for _, m := range d.Members {
		var meta kmsg.ConsumerMemberMetadata
		if err := meta.ReadFrom(m.Metadata); err != nil {
			continue // written by a client with metadata of its own kind
		}
		topics = append(topics, meta.Topics...)
	}
	return topics
}
