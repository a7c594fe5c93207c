// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	mrand "math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/connectd/connectd/connect/backoff"
	"github.com/connectd/connectd/connect/kafka"
)

// KafkaOptions say where a KafkaStore keeps the log.
type KafkaOptions struct {
	Cluster *kafka.Cluster
	// Topic is created if need be, with one partition, compacted; "" is _schemas.
	Topic string
	// Replication of a topic that is created; 0 is 1.
	Replication int16
	// Log gets what nobody is told; nil discards it.
	Log *slog.Logger
}

// transactionTimeout is after how long a server that was killed in the middle of a write
// holds up nobody any more, if none starts in its place.
const transactionTimeout = 10 * time.Second

// writeHeader marks the records of one write, so that a writer whose commit got no answer
// can see whether it took place.
const writeHeader = "connectd.write"

// KafkaStore is a Store in one partition of a topic. Any number of processes may have one
// on the same topic: whoever writes holds the transactional id "<topic>-writer", and is
// fenced when another one takes it.
type KafkaStore struct {
	o         KafkaOptions
	partition kafka.TopicPartition

	writing  sync.Mutex // held by the one write of this process
	producer *kafka.Producer
	checked  int64 // below it nothing is left of aborted transactions

	mu      sync.Mutex
	apply   func(Record)
	reached int64         // offset behind the last record that was applied
	moved   chan struct{} // closed and replaced when reached moves
	token   string        // of the write under way
	seen    bool          // its records were applied

	cancel  context.CancelFunc
	done    chan struct{}
	wg      sync.WaitGroup
	closing sync.Once
}

var _ Store = (*KafkaStore)(nil)

// NewKafkaStore makes a store; Open connects it.
func NewKafkaStore(o KafkaOptions) *KafkaStore {
	if o.Topic == "" {
		o.Topic = "_schemas"
	}
	if o.Replication == 0 {
		o.Replication = 1
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &KafkaStore{o: o, partition: kafka.TopicPartition{Topic: o.Topic}, moved: make(chan struct{}), done: make(chan struct{})}
}

// Open implements Store. It takes the right to write over, which ends what a predecessor
// left open.
func (k *KafkaStore) Open(ctx context.Context, apply func(Record)) error {
	k.apply = apply
	if err := k.ensure(ctx); err != nil {
		return fmt.Errorf("open topic %s: %w", k.o.Topic, err)
	}
	k.writing.Lock()
	defer k.writing.Unlock()
	if err := k.takeOver(ctx); err != nil {
		return fmt.Errorf("open topic %s: %w", k.o.Topic, err)
	}
	reached, err := k.o.Cluster.Replay(ctx, k.o.Topic, []int32{0}, nil, func(_ int32, r *kafka.Record) error {
		apply(Record{r.Key, r.Value})
		return nil
	})
	if err != nil {
		return fmt.Errorf("open topic %s: %w", k.o.Topic, err)
	}
	k.reached = reached[0]
	following, cancel := context.WithCancel(context.Background())
	k.cancel = cancel
	k.wg.Add(1)
	go func() {
		defer k.wg.Done()
		k.follow(following)
	}()
	return nil
}

// ensure creates the topic if need be, and refuses one whose records have no order or
// could vanish.
func (k *KafkaStore) ensure(ctx context.Context) error {
	spec := kafka.TopicSpec{Name: k.o.Topic, Partitions: 1, Replication: k.o.Replication, Configs: map[string]string{"cleanup.policy": "compact"}}
	if _, err := k.o.Cluster.EnsureTopic(ctx, spec); err != nil {
		return err
	}
	n, err := k.o.Cluster.Partitions(ctx, k.o.Topic)
	if err != nil {
		return err
	}
	if n != 1 {
		return fmt.Errorf("the topic has %d partitions: the log of a registry has one, or it has no order", n)
	}
	configs, err := k.o.Cluster.TopicConfigs(ctx, k.o.Topic)
	if err != nil {
		return err
	}
	if policy := configs["cleanup.policy"]; strings.Contains(policy, "delete") {
		return fmt.Errorf("the topic has cleanup.policy=%s, so that schemas would be deleted: set it to compact", policy)
	}
	return nil
}

// Close implements Store.
func (k *KafkaStore) Close() error {
	k.closing.Do(func() {
		close(k.done)
		if k.cancel != nil {
			k.cancel()
		}
		k.wg.Wait()
	})
	return nil
}

// followPause is how long following waits after an error.
const followPause = time.Second

// follow applies what is appended until ctx ends.
func (k *KafkaStore) follow(ctx context.Context) {
	for ctx.Err() == nil {
		err := k.followOnce(ctx)
		if err == nil || ctx.Err() != nil {
			continue
		}
		k.o.Log.Warn("the registry's log cannot be followed, and is tried again", "topic", k.o.Topic, "error", err)
		backoff.Wait(ctx, followPause)
	}
}

func (k *KafkaStore) followOnce(ctx context.Context) error {
	f := k.o.Cluster.NewFetcher(kafka.FetcherOptions{Isolation: kafka.ReadCommitted})
	defer f.Close()
	at := k.position()
	starts, err := k.o.Cluster.ListOffsets(ctx, k.o.Topic, []int32{0}, kafka.Earliest, kafka.ReadUncommitted)
	if err != nil {
		return err
	}
	f.Assign(kafka.TopicOffset{TopicPartition: k.partition, Offset: max(at, starts[0])})
	for ctx.Err() == nil {
		runs, err := f.Poll(ctx)
		for i := range runs {
			k.take(&runs[i])
			err = errors.Join(err, runs[i].Err)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (k *KafkaStore) position() int64 {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.reached
}

func (k *KafkaStore) take(run *kafka.Run) {
	if run.Err != nil {
		return
	}
	for i := range run.Records {
		k.apply(Record{run.Records[i].Key, run.Records[i].Value})
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	for i := range run.Records {
		k.seen = k.seen || k.token != "" && tokenOf(&run.Records[i]) == k.token
	}
	k.reached = run.Next
	close(k.moved)
	k.moved = make(chan struct{})
}

func tokenOf(r *kafka.Record) string {
	for _, h := range r.Headers {
		if h.Key == writeHeader {
			return string(h.Value)
		}
	}
	return ""
}

var errClosed = errors.New("the registry's log is closed")

// Sync implements Store.
func (k *KafkaStore) Sync(ctx context.Context) error {
	ends, err := k.o.Cluster.ListOffsets(ctx, k.o.Topic, []int32{0}, kafka.Latest, kafka.ReadCommitted)
	if err != nil {
		return err
	}
	return k.reach(ctx, ends[0])
}

// reach returns when everything before an offset has been applied.
func (k *KafkaStore) reach(ctx context.Context, end int64) error {
	for {
		k.mu.Lock()
		reached, moved := k.reached, k.moved
		k.mu.Unlock()
		if reached >= end {
			return nil
		}
		select {
		case <-moved:
		case <-k.done:
			return errClosed
		case <-ctx.Done():
			return fmt.Errorf("read %s up to %d, now at %d: %w", k.o.Topic, end, reached, context.Cause(ctx))
		}
	}
}

// fencedPause bounds the random pause of a writer that was fenced, so that two of them
// do not fence each other for long.
const fencedPause = 100 * time.Millisecond

// Write implements Store.
func (k *KafkaStore) Write(ctx context.Context, decide func() ([]Record, error)) error {
	k.writing.Lock()
	defer k.writing.Unlock()
	defer k.expect("")
	if k.isClosed() {
		return errClosed
	}
	for failures := 0; ; {
		token := rand.Text()
		k.expect(token)
		err := k.try(ctx, token, decide)
		fenced := errors.Is(err, kafka.ErrFenced)
		if err == nil || ctx.Err() != nil || !fenced && !errors.Is(err, errUncertain) {
			return err
		}
		if !fenced {
			failures++
		}
		if failures > uncertainAttempts {
			return err
		}
		if err := k.recover(ctx); err != nil {
			return err
		}
		if k.arrived() {
			return nil
		}
	}
}

// recover takes the right to write back after another process had it, and reads what
// that has written.
func (k *KafkaStore) recover(ctx context.Context) error {
	for failures := 0; ; {
		backoff.Wait(ctx, mrand.N(fencedPause))
		err := k.takeOver(ctx)
		if err == nil {
			err = k.Sync(ctx)
		}
		if !errors.Is(err, kafka.ErrFenced) {
			failures++
		}
		if err == nil || ctx.Err() != nil || failures > uncertainAttempts {
			return err
		}
	}
}

func (k *KafkaStore) isClosed() bool {
	select {
	case <-k.done:
		return true
	default:
		return false
	}
}

// expect begins to look for the records of one write.
func (k *KafkaStore) expect(token string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.token, k.seen = token, false
}

func (k *KafkaStore) arrived() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.seen
}

// errUncertain says that nothing was written, or that it is not known whether it was.
// Being fenced is one reason, and may come about any number of times. Others are tried
// again a few times: a broker also says that a transaction is in the wrong state, or must
// be aborted, when another writer has ended it.
var errUncertain = errors.New("the log was not written")

const uncertainAttempts = 5

// try makes one attempt.
func (k *KafkaStore) try(ctx context.Context, token string, decide func() ([]Record, error)) error {
	if k.producer == nil {
		if err := k.takeOver(ctx); err != nil {
			return fmt.Errorf("%w: %w", errUncertain, err)
		}
	}
	if err := k.Sync(ctx); err != nil {
		return fmt.Errorf("%w: %w", errUncertain, err)
	}
	records, err := decide()
	if err != nil || len(records) == 0 {
		return err
	}
	end, err := k.commit(ctx, token, records)
	if err != nil {
		return err
	}
	return k.reach(ctx, end)
}

// commit appends records in one transaction, marked with a token, and returns the offset
// behind them.
func (k *KafkaStore) commit(ctx context.Context, token string, records []Record) (int64, error) {
	now := time.Now().UnixMilli()
	out := make([]kafka.Record, len(records))
	for i, r := range records {
		out[i] = kafka.Record{Key: r.Key, Value: r.Value, Timestamp: now, Headers: []kafka.Header{{Key: writeHeader, Value: []byte(token)}}}
	}
	k.producer.Send(k.partition, out)
	err := k.producer.Commit(ctx)
	if err == nil {
		return k.producer.LastOffset(k.partition) + 1, nil
	}
	k.producer = nil // the next write takes the id over again, which ends this transaction
	if kafka.IsTooLarge(err) {
		return 0, fmt.Errorf("%w: %w", errTooLarge, err)
	}
	return 0, fmt.Errorf("write to %s: %w: %w", k.o.Topic, errUncertain, err)
}

// takeOver begins to hold the right to write: nobody else's records are added from now
// on until somebody takes it in turn.
func (k *KafkaStore) takeOver(ctx context.Context) error {
	k.producer = nil
	p, err := k.o.Cluster.NewProducer(ctx, kafka.ProducerOptions{TransactionalID: k.o.Topic + "-writer", TransactionTimeout: transactionTimeout})
	if err != nil {
		return fmt.Errorf("take over the writing of %s: %w", k.o.Topic, err)
	}
	k.producer = p
	return k.repair(ctx)
}
