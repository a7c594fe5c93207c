// SPDX-License-Identifier: Apache-2.0

package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/IBM/sarama"

	"github.com/connectd/connectd/connect/backoff"
)

// Cluster is a connection to one Kafka cluster, shared by everything in the process
// that has equal settings. Metadata, coordinators and administration go over one
// connection a broker, produce requests over another; fetchers bring their own, so
// that no commit waits behind a long poll. A Cluster is safe for concurrent use.
type Cluster struct {
	settings Settings
	conf     *sarama.Config
	client   sarama.Client

	writers sync.Pool // of *requestWriter

	mu       sync.Mutex
	produce  map[int32]*produceLine
	counts   map[string]int32 // partitions by topic, as last seen
	closed   bool
	adminOne sync.Mutex
}

// Open connects to the cluster; it fails when no broker answers before ctx ends.
func Open(ctx context.Context, s Settings) (*Cluster, error) {
	conf, err := s.sarama()
	if err != nil {
		return nil, err
	}
	c := &Cluster{settings: s, conf: conf, produce: map[int32]*produceLine{}, counts: map[string]int32{}}
	var last error
	for attempt := 0; ; attempt++ {
		c.client, last = sarama.NewClient(s.Brokers, conf)
		if last == nil {
			return c, nil
		}
		if !isRetriable(last) || !pause(ctx, attempt) {
			return nil, fmt.Errorf("connect to bootstrap.servers %v: %w", s.Brokers, last)
		}
	}
}

// Close ends all connections. Producers and fetchers of the cluster fail afterwards.
func (c *Cluster) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil
	}
	c.closed = true
	var errs []error
	for _, b := range c.produce {
		b.end()
	}
	return errors.Join(append(errs, c.client.Close())...)
}

// ID returns the cluster id, as GET / shows it.
func (c *Cluster) ID(context.Context) (string, error) {
	b := c.client.LeastLoadedBroker()
	if b == nil {
		return "", sarama.ErrOutOfBrokers
	}
	resp, err := b.GetMetadata(&sarama.MetadataRequest{Version: 7, Topics: []string{}})
	if err != nil {
		return "", fmt.Errorf("ask for metadata: %w", err)
	}
	if resp.ClusterID == nil {
		return "", nil
	}
	return *resp.ClusterID, nil
}

// Partitions returns the number of partitions of a topic, ErrUnknownTopic if it does
// not exist. The answer may be as old as metadata.max.age.ms.
func (c *Cluster) Partitions(ctx context.Context, topic string) (int32, error) {
	c.mu.Lock()
	n, ok := c.counts[topic]
	c.mu.Unlock()
	if ok {
		return n, nil
	}
	return c.Refresh(ctx, topic)
}

// Refresh looks the partitions of a topic up anew.
func (c *Cluster) Refresh(ctx context.Context, topic string) (int32, error) {
	for attempt := 0; ; attempt++ {
		meta, err := c.metadata([]string{topic})
		if err == nil {
			err = kerr(meta[0].Err)
		}
		if err == nil {
			n := int32(len(meta[0].Partitions))
			c.mu.Lock()
			c.counts[topic] = n
			c.mu.Unlock()
			return n, nil
		}
		if errors.Is(err, sarama.ErrUnknownTopicOrPartition) {
			c.forget(topic)
			return 0, fmt.Errorf("%s: %w", topic, ErrUnknownTopic)
		}
		if !isRetriable(err) || !pause(ctx, attempt) {
			return 0, fmt.Errorf("ask for the partitions of %s: %w", topic, err)
		}
	}
}

func (c *Cluster) forget(topic string) {
	c.mu.Lock()
	delete(c.counts, topic)
	c.mu.Unlock()
}

// Topics returns the names of all topics, sorted, but those that are internal to Kafka.
func (c *Cluster) Topics(context.Context) ([]string, error) {
	meta, err := c.metadata(nil)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, t := range meta {
		if !t.IsInternal && t.Err == sarama.ErrNoError {
			names = append(names, t.Name)
		}
	}
	slices.Sort(names)
	return names, nil
}

// metadata asks without creating topics; nil asks for all of them.
func (c *Cluster) metadata(topics []string) ([]*sarama.TopicMetadata, error) {
	b := c.client.LeastLoadedBroker()
	if b == nil {
		return nil, sarama.ErrOutOfBrokers
	}
	if err := b.Open(c.conf); err != nil && !errors.Is(err, sarama.ErrAlreadyConnected) {
		return nil, err
	}
	resp, err := b.GetMetadata(&sarama.MetadataRequest{Version: 7, Topics: topics, AllowAutoTopicCreation: false})
	if err != nil {
		// The next attempt opens the connection again.
		_ = b.Close()
		return nil, err
	}
	return resp.Topics, nil
}

// leader returns id and address of a partition's leader.
func (c *Cluster) leader(tp TopicPartition, refresh bool) (*sarama.Broker, error) {
	if refresh {
		if err := c.client.RefreshMetadata(tp.Topic); err != nil {
			return nil, err
		}
	}
	return c.client.Leader(tp.Topic, tp.Partition)
}

// produceConn returns the shared connection for produce requests to a broker.
func (c *Cluster) produceConn(leader *sarama.Broker) (*produceLine, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, sarama.ErrClosedClient
	}
	b, ok := c.produce[leader.ID()]
	if ok && b.Addr() == leader.Addr() {
		return b, nil // if it has failed, the request tells, and it is dropped
	}
	b, err := c.newProduceLine(leader.Addr())
	if err != nil {
		return nil, err
	}
	c.produce[leader.ID()] = b
	return b, nil
}

// dropProduceConn closes a connection that failed, so that the next request opens
// a new one.
func (c *Cluster) dropProduceConn(b *produceLine) {
	b.end()
	c.mu.Lock()
	defer c.mu.Unlock()
	for id, other := range c.produce {
		if other == b {
			delete(c.produce, id)
		}
	}
}

// pause waits before attempt number n+1, and reports false when ctx ended first.
// The pauses grow from 2 ms, since most causes pass within milliseconds, to 1 s.
func pause(ctx context.Context, n int) bool {
	return backoff.Wait(ctx, min(2*time.Millisecond<<min(n, 10), time.Second))
}
