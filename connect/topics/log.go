// SPDX-License-Identifier: Apache-2.0

package topics

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"strings"
	"sync"
	"time"

	"github.com/connectd/connectd/connect/kafka"
)

// Options are what all three topics need.
type Options struct {
	Cluster *kafka.Cluster
	Topic   string
	// Partitions and Replication are used when the topic has to be created.
	Partitions  int32
	Replication int16
	// Configs are further settings of the topic; cleanup.policy is always compact.
	Configs map[string]string
	Log     *slog.Logger
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// topicLog reads a topic from its beginning and follows it.
type topicLog struct {
	o          Options
	partitions []int32
	apply      func(partition int32, r *kafka.Record)

	mu      sync.Mutex
	reached map[int32]int64
	moved   chan struct{} // closed and replaced when reached moves
	err     error

	fetcher *kafka.Fetcher
	cancel  context.CancelFunc
	wg      sync.WaitGroup
}

// warnings tells of records that cannot be understood. It stands beside the topicLog,
// which does not exist yet while the topic is replayed.
type warnings struct {
	topic string
	to    *slog.Logger
}

func warningsOf(o Options) warnings {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return warnings{o.Topic, o.Log}
}

// passedOver says that a record had no effect.
func (w warnings) passedOver(p int32, r *kafka.Record, err error) {
	w.to.Warn("a record of an internal topic is passed over", "topic", w.topic, "partition", p, "offset", r.Offset, "key", string(r.Key), "error", err)
}

// openLog makes sure of the topic, replays it, and begins to follow it. apply is
// called from one goroutine at a time. The replay ends at the last stable offset: a
// transaction that a killed task left open ends only when that task starts again, which
// needs this log. Who must not miss anything calls readToEnd when it has fenced its own
// predecessor.
func openLog(ctx context.Context, o Options, apply func(int32, *kafka.Record)) (*topicLog, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	l := &topicLog{o: o, apply: apply, moved: make(chan struct{})}
	if err := l.ensure(ctx); err != nil {
		return nil, err
	}
	var err error
	l.reached, err = o.Cluster.ReplayStable(ctx, o.Topic, l.partitions, nil, func(p int32, r *kafka.Record) error {
		apply(p, r)
		return nil
	})
	if err != nil {
		return nil, err
	}
	l.fetcher = o.Cluster.NewFetcher(kafka.FetcherOptions{Isolation: kafka.ReadCommitted})
	for p, at := range l.reached {
		l.fetcher.Assign(kafka.TopicOffset{TopicPartition: kafka.TopicPartition{Topic: o.Topic, Partition: p}, Offset: at})
	}
	following, cancel := context.WithCancel(context.Background())
	l.cancel = cancel
	l.wg.Add(1)
	go func() {
		defer l.wg.Done()
		l.follow(following)
	}()
	return l, nil
}

// ensure creates the topic if need be, and refuses one whose records could vanish.
func (l *topicLog) ensure(ctx context.Context) error {
	configs := maps.Clone(l.o.Configs)
	if configs == nil {
		configs = map[string]string{}
	}
	if v, ok := configs["cleanup.policy"]; ok && v != "compact" {
		l.o.Log.Warn("cleanup.policy of an internal topic is always compact", "topic", l.o.Topic, "ignored", v)
	}
	configs["cleanup.policy"] = "compact"
	_, err := l.o.Cluster.EnsureTopic(ctx, kafka.TopicSpec{Name: l.o.Topic, Partitions: l.o.Partitions, Replication: l.o.Replication, Configs: configs})
	if err != nil {
		return err
	}
	n, err := l.o.Cluster.Partitions(ctx, l.o.Topic)
	if err != nil {
		return err
	}
	for p := range n {
		l.partitions = append(l.partitions, p)
	}
	have, err := l.o.Cluster.TopicConfigs(ctx, l.o.Topic)
	if err != nil {
		return err
	}
	if policy := have["cleanup.policy"]; strings.Contains(policy, "delete") {
		return fmt.Errorf("topic %s has cleanup.policy=%s, so that its records would be deleted: set it to compact", l.o.Topic, policy)
	}
	return nil
}

// follow applies what arrives until ctx ends.
func (l *topicLog) follow(ctx context.Context) {
	for ctx.Err() == nil {
		runs, err := l.fetcher.Poll(ctx)
		for i := range runs {
			if runs[i].Err != nil {
				err = fmt.Errorf("%s-%d: %w", l.o.Topic, runs[i].Partition, runs[i].Err)
				continue
			}
			for j := range runs[i].Records {
				l.apply(runs[i].Partition, &runs[i].Records[j])
			}
			l.move(runs[i].Partition, runs[i].Next)
		}
		if err != nil && ctx.Err() == nil {
			l.fail(fmt.Errorf("follow %s: %w", l.o.Topic, err))
			return
		}
	}
}

func (l *topicLog) move(p int32, next int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.reached[p] = next
	close(l.moved)
	l.moved = make(chan struct{})
}

// fail makes every wait return err. Nobody may be waiting, so it is logged as well.
func (l *topicLog) fail(err error) {
	l.o.Log.Error("an internal topic cannot be followed any more", "topic", l.o.Topic, "error", err)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.err = err
	close(l.moved)
	l.moved = make(chan struct{})
}

// readToEnd returns when everything that was committed before the call has been
// applied. It waits for transactions that are open, as they may be about to commit.
func (l *topicLog) readToEnd(ctx context.Context) error {
	ends, err := l.o.Cluster.ListOffsets(ctx, l.o.Topic, l.partitions, kafka.Latest, kafka.ReadUncommitted)
	if err != nil {
		return err
	}
	return l.wait(ctx, ends)
}

// wait returns when these offsets have been reached.
func (l *topicLog) wait(ctx context.Context, ends map[int32]int64) error {
	for {
		l.mu.Lock()
		behind := false
		for p, end := range ends {
			behind = behind || l.reached[p] < end
		}
		err, moved := l.err, l.moved
		l.mu.Unlock()
		if err != nil || !behind {
			return err
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return fmt.Errorf("read %s to its end: %w", l.o.Topic, context.Cause(ctx))
		}
	}
}

func (l *topicLog) close() {
	l.cancel()
	l.wg.Wait()
	l.fetcher.Close()
}

// writer writes records of one topic, one call at a time, and tells where they are.
type writer struct {
	mu       sync.Mutex
	log      *topicLog
	producer *kafka.Producer
	options  kafka.ProducerOptions
}

// write writes records to partitions and returns when they have been read back.
func (w *writer) write(ctx context.Context, byPartition map[int32][]kafka.Record) error {
	ends, err := w.produce(ctx, byPartition)
	if err != nil {
		return fmt.Errorf("write to %s: %w", w.log.o.Topic, err)
	}
	return w.log.wait(ctx, ends)
}

// begin takes the transactional id over.
func (w *writer) begin(ctx context.Context) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.init(ctx)
}

func (w *writer) init(ctx context.Context) (err error) {
	if w.producer == nil {
		w.producer, err = w.log.o.Cluster.NewProducer(ctx, w.options)
	}
	return err
}

func (w *writer) produce(ctx context.Context, byPartition map[int32][]kafka.Record) (map[int32]int64, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.init(ctx); err != nil {
		return nil, err
	}
	now := w.log.o.Now().UnixMilli()
	for p, rs := range byPartition {
		for i := range rs {
			rs[i].Timestamp = now
		}
		w.producer.Send(kafka.TopicPartition{Topic: w.log.o.Topic, Partition: p}, rs)
	}
	err := w.producer.Flush(ctx)
	if err == nil && w.options.TransactionalID != "" {
		err = w.producer.Commit(ctx)
	}
	if err != nil {
		w.producer = nil // the next write takes the id over again
		return nil, err
	}
	ends := make(map[int32]int64, len(byPartition))
	for p := range byPartition {
		ends[p] = w.producer.LastOffset(kafka.TopicPartition{Topic: w.log.o.Topic, Partition: p}) + 1
	}
	return ends, nil
}

func (l *topicLog) partitionOf(key []byte) int32 {
	return kafka.PartitionFor(key, int32(len(l.partitions)))
}
