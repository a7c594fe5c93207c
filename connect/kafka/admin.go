// SPDX-License-Identifier: Apache-2.0

package kafka

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/IBM/sarama"
)

// TopicSpec says how a topic is to be created. -1 leaves a number to the broker.
type TopicSpec struct {
	Name        string
	Partitions  int32
	Replication int16
	Configs     map[string]string
}

// admin runs one administrative operation, again while the cause of a failure may pass.
func (c *Cluster) admin(ctx context.Context, op func(sarama.ClusterAdmin) error) error {
	c.adminOne.Lock()
	defer c.adminOne.Unlock()
	for attempt := 0; ; attempt++ {
		a, err := sarama.NewClusterAdminFromClient(c.client)
		if err == nil {
			err = op(a)
		}
		if err == nil || !isRetriable(err) || errors.Is(err, sarama.ErrUnknownTopicOrPartition) {
			return err
		}
		if !pause(ctx, attempt) {
			return fmt.Errorf("%w (%w)", err, context.Cause(ctx))
		}
	}
}

// EnsureTopic creates the topic unless it exists, and returns when its leaders are known.
func (c *Cluster) EnsureTopic(ctx context.Context, s TopicSpec) (created bool, err error) {
	if _, err := c.Refresh(ctx, s.Name); err == nil {
		return false, nil
	} else if !errors.Is(err, ErrUnknownTopic) {
		return false, err
	}
	detail := &sarama.TopicDetail{NumPartitions: s.Partitions, ReplicationFactor: s.Replication, ConfigEntries: map[string]*string{}}
	for k, v := range s.Configs {
		detail.ConfigEntries[k] = &v
	}
	err = c.admin(ctx, func(a sarama.ClusterAdmin) error { return a.CreateTopic(s.Name, detail, false) })
	if err != nil && !errors.Is(err, sarama.ErrTopicAlreadyExists) {
		return false, fmt.Errorf("create topic %s: %w", s.Name, err)
	}
	return err == nil, c.awaitTopic(ctx, s.Name)
}

// awaitTopic waits until every partition has a leader, since a new topic is not
// known to all at once.
func (c *Cluster) awaitTopic(ctx context.Context, topic string) error {
	for attempt := 0; ; attempt++ {
		n, err := c.Refresh(ctx, topic)
		for p := int32(0); err == nil && p < n; p++ {
			_, err = c.leader(TopicPartition{Topic: topic, Partition: p}, p == 0)
		}
		if err == nil {
			return nil
		}
		if !errors.Is(err, ErrUnknownTopic) && !isRetriable(err) {
			return err
		}
		if !pause(ctx, attempt) {
			return fmt.Errorf("wait for the leaders of %s: %w", topic, err)
		}
	}
}

// DeleteTopic removes a topic; one that does not exist is fine.
func (c *Cluster) DeleteTopic(ctx context.Context, topic string) error {
	c.forget(topic)
	err := c.admin(ctx, func(a sarama.ClusterAdmin) error { return a.DeleteTopic(topic) })
	if err != nil && !errors.Is(err, sarama.ErrUnknownTopicOrPartition) {
		return fmt.Errorf("delete topic %s: %w", topic, err)
	}
	return nil
}

// GrowTopic raises the number of partitions.
func (c *Cluster) GrowTopic(ctx context.Context, topic string, partitions int32) error {
	c.forget(topic)
	if err := c.admin(ctx, func(a sarama.ClusterAdmin) error { return a.CreatePartitions(topic, partitions, nil, false) }); err != nil {
		return fmt.Errorf("grow topic %s to %d partitions: %w", topic, partitions, err)
	}
	return c.awaitTopic(ctx, topic)
}

// TopicConfigs returns the effective settings of a topic.
func (c *Cluster) TopicConfigs(ctx context.Context, topic string) (map[string]string, error) {
	var out map[string]string
	err := c.admin(ctx, func(a sarama.ClusterAdmin) error {
		results, err := a.DescribeConfigs([]*sarama.ConfigResource{{Type: sarama.TopicResource, Name: topic}}, sarama.DescribeConfigsOptions{})
		if err != nil {
			return err
		}
		out = make(map[string]string)
		for _, r := range results {
			if err := kerr(r.ErrorCode); err != nil {
				return err
			}
			for _, e := range r.Configs {
				out[e.Name] = e.Value
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the settings of topic %s: %w", topic, err)
	}
	return out, nil
}

// DeleteRecords moves the start of partitions forward.
func (c *Cluster) DeleteRecords(ctx context.Context, topic string, before map[int32]int64) error {
	if err := c.admin(ctx, func(a sarama.ClusterAdmin) error { return a.DeleteRecords(topic, before) }); err != nil {
		return fmt.Errorf("delete records of %s: %w", topic, err)
	}
	return nil
}

// Special times for ListOffsets.
const (
	Latest   int64 = -1
	Earliest int64 = -2
)

// ListOffsets returns the offset at a time in each partition: Earliest, Latest (the
// last stable offset for ReadCommitted), or the first offset at or after a time in
// milliseconds, -1 if there is none.
func (c *Cluster) ListOffsets(ctx context.Context, topic string, partitions []int32, at int64, iso Isolation) (map[int32]int64, error) {
	out := make(map[int32]int64, len(partitions))
	missing := partitions
	for attempt := 0; ; attempt++ {
		var err error
		if missing, err = c.listOnce(topic, missing, at, iso, attempt > 0, out); err == nil && len(missing) == 0 {
			return out, nil
		}
		if !isRetriable(err) || !pause(ctx, attempt) {
			return nil, fmt.Errorf("list offsets of %s: %w", topic, err)
		}
		if errors.Is(err, sarama.ErrUnknownTopicOrPartition) && attempt > 10 {
			return nil, fmt.Errorf("list offsets of %s: %w", topic, ErrUnknownTopic)
		}
	}
}

func (c *Cluster) listOnce(topic string, partitions []int32, at int64, iso Isolation, refresh bool, out map[int32]int64) (missing []int32, last error) {
	byBroker := map[*sarama.Broker][]int32{}
	for i, p := range partitions {
		b, err := c.leader(TopicPartition{Topic: topic, Partition: p}, refresh && i == 0)
		if err != nil {
			missing, last = append(missing, p), err
			continue
		}
		byBroker[b] = append(byBroker[b], p)
	}
	for b, ps := range byBroker {
		req := &sarama.OffsetRequest{Version: 5}
		if iso == ReadCommitted {
			req.IsolationLevel = sarama.ReadCommitted
		}
		for _, p := range ps {
			req.AddBlock(topic, p, at, 1)
		}
		resp, err := b.GetAvailableOffsets(req)
		if err != nil {
			_ = b.Close()
			missing, last = append(missing, ps...), err
			continue
		}
		for _, p := range ps {
			block := resp.GetBlock(topic, p)
			if block == nil || block.Err != sarama.ErrNoError {
				missing, last = append(missing, p), sarama.ErrUnknownTopicOrPartition
				if block != nil {
					last = block.Err
				}
				continue
			}
			out[p] = block.Offset
		}
	}
	return missing, last
}

// Fence ends whatever producers use these transactional ids: open transactions are
// aborted, and the producers get ErrFenced.
func (c *Cluster) Fence(ctx context.Context, ids []string) error {
	for _, id := range ids {
		if _, err := c.NewProducer(ctx, ProducerOptions{TransactionalID: id, TransactionTimeout: c.settings.RequestTimeout}); err != nil {
			return fmt.Errorf("fence %s: %w", id, err)
		}
	}
	return nil
}

// Clusters is the worker's pool: whoever asks with equal settings shares a Cluster.
// It is safe for concurrent use.
type Clusters struct {
	mu   sync.Mutex
	open map[string]*shared
}

type shared struct {
	once    sync.Mutex
	cluster *Cluster
	users   int
}

// Get returns the cluster for these settings, opened if need be; release must be
// called once, and closes it after the last user.
func (cs *Clusters) Get(ctx context.Context, s Settings) (c *Cluster, release func(), err error) {
	key := s.Fingerprint()
	cs.mu.Lock()
	if cs.open == nil {
		cs.open = map[string]*shared{}
	}
	sh := cs.open[key]
	if sh == nil {
		sh = &shared{}
		cs.open[key] = sh
	}
	sh.users++
	cs.mu.Unlock()
	var once sync.Once
	release = func() { once.Do(func() { cs.release(key, sh) }) }
	sh.once.Lock()
	defer sh.once.Unlock()
	if sh.cluster == nil {
		if sh.cluster, err = Open(ctx, s); err != nil {
			release()
			return nil, nil, err
		}
	}
	return sh.cluster, release, nil
}

func (cs *Clusters) release(key string, sh *shared) {
	cs.mu.Lock()
	sh.users--
	last := sh.users == 0
	if last && cs.open[key] == sh {
		delete(cs.open, key)
	}
	cs.mu.Unlock()
	if last && sh.cluster != nil {
		// What is left on the connections has failed or been answered.
		_ = sh.cluster.Close()
	}
}
