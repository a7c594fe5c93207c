// SPDX-License-Identifier: Apache-2.0

package broker

import (
	"context"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/connectd/connectd/connect/broker/store"
)

func (c *conn) createTopics(ctx context.Context, r *kmsg.CreateTopicsRequest) (kmsg.Response, error) {
	res := r.ResponseKind().(*kmsg.CreateTopicsResponse)
	seen := map[string]int{}
	for _, t := range r.Topics {
		seen[t.Topic]++
	}
	for _, t := range r.Topics {
		rt := kmsg.NewCreateTopicsResponseTopic()
		rt.Topic = t.Topic
		made, err := c.b.createTopic(ctx, t, seen[t.Topic] > 1, r.ValidateOnly)
		rt.ErrorCode, rt.ErrorMessage = code(err), message(err)
		if err == nil {
			rt.TopicID, rt.NumPartitions, rt.ReplicationFactor = made.ID, made.Partitions, 1
			rt.Configs = c.b.createdConfigs(made)
		}
		res.Topics = append(res.Topics, rt)
	}
	return res, nil
}

func (b *Broker) createTopic(ctx context.Context, t kmsg.CreateTopicsRequestTopic, twice, checkOnly bool) (store.Topic, error) {
	if twice {
		return store.Topic{}, refuse(kerr.InvalidRequest, "topic %s occurs more than once in the request", t.Topic)
	}
	partitions, err := b.wantedPartitions(t)
	if err != nil {
		return store.Topic{}, err
	}
	configs := map[string]string{}
	for _, cfg := range t.Configs {
		if cfg.Value == nil {
			return store.Topic{}, refuse(kerr.InvalidConfig, "null value for configuration %s of topic %s", cfg.Name, t.Topic)
		}
		configs[cfg.Name] = *cfg.Value
	}
	if checkOnly {
		made := store.Topic{Name: t.Topic, Partitions: partitions, Configs: configs}
		return made, b.store.CheckTopic(t.Topic, partitions, configs)
	}
	return b.store.CreateTopic(ctx, t.Topic, partitions, configs)
}

// wantedPartitions verifies that the topic fits on one node and returns its
// number of partitions.
func (b *Broker) wantedPartitions(t kmsg.CreateTopicsRequestTopic) (int32, error) {
	if len(t.ReplicaAssignment) > 0 {
		return assignedPartitions(t)
	}
	if n := t.ReplicationFactor; n > 1 {
		return 0, refuse(kerr.InvalidReplicationFactor, "topic %s cannot have %d replicas: this broker is a single node, use 1 or -1", t.Topic, n)
	}
	if n := t.ReplicationFactor; n == 0 || n < -1 {
		return 0, refuse(kerr.InvalidReplicationFactor, "replication factor of topic %s must be 1 or -1, not %d", t.Topic, n)
	}
	if t.NumPartitions == -1 {
		return b.o.Partitions, nil
	}
	return t.NumPartitions, nil
}

func assignedPartitions(t kmsg.CreateTopicsRequestTopic) (int32, error) {
	if t.NumPartitions != -1 || t.ReplicationFactor != -1 {
		return 0, refuse(kerr.InvalidRequest, "topic %s has both a replica assignment and a number of partitions or replicas", t.Topic)
	}
	seen := make([]bool, len(t.ReplicaAssignment))
	for _, a := range t.ReplicaAssignment {
		if a.Partition < 0 || int(a.Partition) >= len(seen) || seen[a.Partition] {
			return 0, refuse(kerr.InvalidReplicaAssignment, "partitions of topic %s are not numbered from 0 without gaps", t.Topic)
		}
		seen[a.Partition] = true
		if len(a.Replicas) != 1 || a.Replicas[0] != nodeID {
			return 0, refuse(kerr.InvalidReplicaAssignment, "partition %d of topic %s must be assigned to broker %d alone", a.Partition, t.Topic, nodeID)
		}
	}
	return int32(len(seen)), nil
}

func (b *Broker) createdConfigs(t store.Topic) []kmsg.CreateTopicsResponseTopicConfig {
	var list []kmsg.CreateTopicsResponseTopicConfig
	for _, k := range b.store.ConfigKeys() {
		cfg := kmsg.NewCreateTopicsResponseTopicConfig()
		value, set := t.Configs[k.Name]
		cfg.Name, cfg.Source = k.Name, int8(kmsg.ConfigSourceDynamicTopicConfig)
		if !set {
			value, cfg.Source = k.Default, int8(kmsg.ConfigSourceDefaultConfig)
		}
		cfg.Value = &value
		list = append(list, cfg)
	}
	return list
}

func (c *conn) deleteTopics(ctx context.Context, r *kmsg.DeleteTopicsRequest) (kmsg.Response, error) {
	res := r.ResponseKind().(*kmsg.DeleteTopicsResponse)
	list := r.Topics
	for _, name := range r.TopicNames {
		list = append(list, kmsg.DeleteTopicsRequestTopic{Topic: &name})
	}
	for _, t := range list {
		rt := kmsg.NewDeleteTopicsResponseTopic()
		rt.Topic, rt.TopicID = t.Topic, t.TopicID
		err := c.b.deleteTopic(ctx, &rt)
		rt.ErrorCode, rt.ErrorMessage = code(err), message(err)
		res.Topics = append(res.Topics, rt)
	}
	return res, nil
}

// deleteTopic deletes the topic that t names by name or by id, and fills in the
// other.
func (b *Broker) deleteTopic(ctx context.Context, t *kmsg.DeleteTopicsResponseTopic) error {
	if t.Topic == nil {
		found, ok := b.store.TopicByID(t.TopicID)
		if !ok {
			return kerr.UnknownTopicID
		}
		t.Topic = &found.Name
	} else if found, ok := b.store.TopicByName(*t.Topic); ok {
		t.TopicID = found.ID
	}
	return b.store.DeleteTopic(ctx, *t.Topic)
}

func (c *conn) createPartitions(ctx context.Context, r *kmsg.CreatePartitionsRequest) (kmsg.Response, error) {
	res := r.ResponseKind().(*kmsg.CreatePartitionsResponse)
	for _, t := range r.Topics {
		rt := kmsg.NewCreatePartitionsResponseTopic()
		rt.Topic = t.Topic
		err := c.b.growTopic(ctx, t, r.ValidateOnly)
		rt.ErrorCode, rt.ErrorMessage = code(err), message(err)
		res.Topics = append(res.Topics, rt)
	}
	return res, nil
}

func (b *Broker) growTopic(ctx context.Context, t kmsg.CreatePartitionsRequestTopic, checkOnly bool) error {
	for _, a := range t.Assignment {
		if len(a.Replicas) != 1 || a.Replicas[0] != nodeID {
			return refuse(kerr.InvalidReplicaAssignment, "new partitions of topic %s must be assigned to broker %d alone", t.Topic, nodeID)
		}
	}
	if !checkOnly {
		return b.store.GrowTopic(ctx, t.Topic, t.Count)
	}
	have, ok := b.store.TopicByName(t.Topic)
	if !ok {
		return kerr.UnknownTopicOrPartition
	}
	if t.Count <= have.Partitions {
		return refuse(kerr.InvalidPartitions, "topic %s has %d partitions: the new number must be greater, not %d", t.Topic, have.Partitions, t.Count)
	}
	return nil
}

func (c *conn) deleteRecords(ctx context.Context, r *kmsg.DeleteRecordsRequest) (kmsg.Response, error) {
	res := r.ResponseKind().(*kmsg.DeleteRecordsResponse)
	for _, t := range r.Topics {
		rt := kmsg.NewDeleteRecordsResponseTopic()
		rt.Topic = t.Topic
		for _, p := range t.Partitions {
			rp := kmsg.NewDeleteRecordsResponseTopicPartition()
			rp.Partition, rp.LowWatermark, rp.ErrorCode = p.Partition, -1, kerr.UnknownTopicOrPartition.Code
			if l, ok := c.b.store.Log(t.Topic, p.Partition); ok {
				start, err := l.DeleteBefore(ctx, p.Offset)
				rp.LowWatermark, rp.ErrorCode = start, code(err)
			}
			rt.Partitions = append(rt.Partitions, rp)
		}
		res.Topics = append(res.Topics, rt)
	}
	return res, nil
}
