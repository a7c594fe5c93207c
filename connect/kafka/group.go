// SPDX-License-Identifier: Apache-2.0

package kafka

import (
	"context"
	"errors"
	"fmt"

	"github.com/IBM/sarama"
)

// onGroupCoordinator runs a short request against the coordinator of a group until
// it is answered with something that lasts, or ctx ends.
func (c *Cluster) onGroupCoordinator(ctx context.Context, group string, request func(*sarama.Broker) error) error {
	for attempt := 0; ; attempt++ {
		b, err := c.groupCoordinator(group, attempt > 0)
		if err == nil {
			err = request(b)
		}
		if err == nil || !isRetriable(err) {
			return err
		}
		if isConnection(err) && b != nil {
			_ = b.Close()
		}
		if !pause(ctx, attempt) {
			return fmt.Errorf("%w (%w)", err, context.Cause(ctx))
		}
	}
}

// onGroupConn is onGroupCoordinator on a connection of its own, for a request that the
// coordinator may hold: a join waits for the other members.
func (c *Cluster) onGroupConn(ctx context.Context, group string, request func(*sarama.Broker) error) error {
	return c.onGroupCoordinator(ctx, group, func(shared *sarama.Broker) error {
		own, err := c.newLine(shared.Addr())
		if err != nil {
			return err
		}
		stop := context.AfterFunc(ctx, own.end)
		defer stop()
		defer own.end()
		return request(own.Broker)
	})
}

func (c *Cluster) groupCoordinator(group string, refresh bool) (*sarama.Broker, error) {
	if refresh {
		if err := c.client.RefreshCoordinator(group); err != nil {
			return nil, err
		}
	}
	return c.client.Coordinator(group)
}

// CommitOffsets commits offsets of a group outside a transaction.
func (c *Cluster) CommitOffsets(ctx context.Context, g GroupMetadata, offsets []TopicOffset) error {
	req := &sarama.OffsetCommitRequest{Version: 7, ConsumerGroup: g.Group, ConsumerGroupGeneration: g.Generation, ConsumerID: g.Member, GroupInstanceId: g.Instance}
	for _, o := range offsets {
		req.AddBlockWithLeaderEpoch(o.Topic, o.Partition, o.Offset, -1, 0, o.Metadata)
	}
	err := c.onGroupCoordinator(ctx, g.Group, func(b *sarama.Broker) error {
		resp, err := b.CommitOffset(req)
		if err != nil {
			return err
		}
		for topic, partitions := range resp.Errors {
			for p, code := range partitions {
				if code != sarama.ErrNoError {
					return fmt.Errorf("%s-%d: %w", topic, p, code)
				}
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("commit offsets of group %s: %w", g.Group, err)
	}
	return nil
}

// GroupOffsets returns the committed offsets of a group: all of them if partitions
// is nil, else those of the partitions, without the ones that have none. Offsets that
// a transaction is about to change are waited for.
func (c *Cluster) GroupOffsets(ctx context.Context, group string, partitions []TopicPartition) ([]TopicOffset, error) {
	var out []TopicOffset
	err := c.onGroupCoordinator(ctx, group, func(b *sarama.Broker) error {
		req := &sarama.OffsetFetchRequest{Version: 7, ConsumerGroup: group, RequireStable: true}
		for _, tp := range partitions {
			req.AddPartition(tp.Topic, tp.Partition)
		}
		resp, err := b.FetchOffset(req)
		if err != nil {
			return err
		}
		out, err = committed(resp)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read offsets of group %s: %w", group, err)
	}
	return out, nil
}

func committed(resp *sarama.OffsetFetchResponse) ([]TopicOffset, error) {
	if err := kerr(resp.Err); err != nil {
		return nil, err
	}
	var out []TopicOffset
	for topic, blocks := range resp.Blocks {
		for p, block := range blocks {
			if errors.Is(block.Err, errUnstableOffset) {
				return nil, sarama.ErrRequestTimedOut // ask again
			}
			if err := kerr(block.Err); err != nil {
				return nil, fmt.Errorf("%s-%d: %w", topic, p, err)
			}
			if block.Offset >= 0 {
				out = append(out, TopicOffset{TopicPartition: TopicPartition{Topic: topic, Partition: p}, Offset: block.Offset, Metadata: block.Metadata})
			}
		}
	}
	return out, nil
}

// errUnstableOffset is UNSTABLE_OFFSET_COMMIT: a transaction with this offset is open.
const errUnstableOffset = sarama.KError(88)

// DeleteGroupOffsets removes offsets of partitions; the group must not read them.
func (c *Cluster) DeleteGroupOffsets(ctx context.Context, group string, partitions []TopicPartition) error {
	for _, tp := range partitions {
		if err := c.admin(ctx, func(a sarama.ClusterAdmin) error { return a.DeleteConsumerGroupOffset(group, tp.Topic, tp.Partition) }); err != nil {
			return fmt.Errorf("delete the offset of group %s for %s-%d: %w", group, tp.Topic, tp.Partition, err)
		}
	}
	return nil
}

// DeleteGroup removes a group and all its offsets; one that does not exist is fine.
func (c *Cluster) DeleteGroup(ctx context.Context, group string) error {
	err := c.admin(ctx, func(a sarama.ClusterAdmin) error { return a.DeleteConsumerGroup(group) })
	if err != nil && !errors.Is(err, sarama.ErrGroupIDNotFound) {
		return fmt.Errorf("delete group %s: %w", group, err)
	}
	return nil
}

// GroupHasMembers reports whether somebody is a member of the group now.
func (c *Cluster) GroupHasMembers(ctx context.Context, group string) (bool, error) {
	has := false
	err := c.admin(ctx, func(a sarama.ClusterAdmin) error {
		groups, err := a.DescribeConsumerGroups([]string{group})
		if err != nil {
			return err
		}
		has = len(groups) > 0 && len(groups[0].Members) > 0
		return nil
	})
	if err != nil {
		return false, fmt.Errorf("describe group %s: %w", group, err)
	}
	return has, nil
}
