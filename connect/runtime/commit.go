// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"context"
	"errors"
	"fmt"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/kafka"
	"github.com/connectd/connectd/connect/metrics"
)

// errTimedOut says that the coordinator gave up on the transaction although nobody
// else has taken over: the task goes on from the committed offset.
var errTimedOut = errors.New("the transaction timed out")

// producer is what a commit needs of kafka.Producer.
type producer interface {
	Send(tp kafka.TopicPartition, rs []kafka.Record)
	Flush(ctx context.Context) error
	SendOffsets(ctx context.Context, g kafka.GroupMetadata, offsets []kafka.TopicOffset) error
	Commit(ctx context.Context) error
	Abort(ctx context.Context) error
	Reinit(ctx context.Context) error
	LastOffset(tp kafka.TopicPartition) int64
}

// committer commits the units of a source task, one at a time. Its methods run on a
// goroutine beside the road.
type committer struct {
	o             *TaskOptions
	producer      producer
	transactional bool
	task          connect.SourceTask
	known         *offsets
	position      func(b *connect.Batch, i int) connect.Position
	crash         func(point string)

	parts   int            // of the connector's transaction that were sent already
	changes []kafka.Record // for the changelog; memory is used again
	stored  []kafka.Record // for the offsets topic
}

// commit writes the unit and returns when it is known to be committed, the state has
// taken it over, and the connector has been told. After an error nothing of it is
// visible, or nobody knows.
func (c *committer) commit(ctx context.Context, u *unit) error {
	start := c.o.Now()
	if err := c.write(ctx, u); err != nil {
		c.o.Metrics.CommitFailures.Add(1)
		return err
	}
	c.parts = 0
	c.crash("after-commit")
	if err := c.applyState(u); err != nil {
		return err
	}
	c.known.set(u.positions)
	c.count(u)
	metrics.Observe(&c.o.Metrics.Commits, &c.o.Metrics.CommitNanos, &c.o.Metrics.CommitMaxNanos, int64(c.o.Now().Sub(start)))
	c.crash("before-source-commit")
	if len(u.positions) == 0 {
		return nil
	}
	if err := c.task.Commit(ctx, u.positions); err != nil {
		c.o.Log.Warn("the connector could not take in committed positions; the next commit carries newer ones", "error", err)
	}
	return nil
}

// sendPart brings the outputs of a part of the connector's transaction to the
// brokers, and leaves the transaction open.
func (c *committer) sendPart(ctx context.Context, u *unit) error {
	c.parts++
	return c.flushOutputs(ctx, u)
}

// abortParts throws away what sendPart has sent of a transaction that will not end.
func (c *committer) abortParts(ctx context.Context) error {
	if c.parts == 0 || !c.transactional {
		return nil
	}
	c.parts = 0
	if err := c.producer.Abort(ctx); err != nil {
		return fmt.Errorf("abort the connector's unfinished transaction: %w", err)
	}
	return nil
}

// write brings the unit to the brokers in one transaction: outputs, errors and
// changelog, then the offsets, then its end.
func (c *committer) write(ctx context.Context, u *unit) error {
	if err := c.flushOutputs(ctx, u); err != nil {
		return err
	}
	c.crash("after-produce")
	u.settle(c.position)
	if err := c.sendPositions(ctx, u.positions); err != nil {
		return fmt.Errorf("write offsets: %w", err)
	}
	c.crash("before-endtxn")
	if !c.transactional {
		return nil
	}
	if c.o.Crash != nil {
		go c.o.Crash("during-endtxn")
	}
	return c.producer.Commit(ctx)
}

func (c *committer) flushOutputs(ctx context.Context, u *unit) error {
	for target, rs := range u.records {
		if len(rs) > 0 {
			c.producer.Send(u.targets[target], rs)
		}
	}
	if u.state != nil {
		c.changes = sendChanges(c.producer, u.state, c.changes[:0], wall(c.o.Now))
	}
	return c.producer.Flush(ctx)
}

func (c *committer) sendPositions(ctx context.Context, ps []connect.Position) error {
	if len(ps) == 0 {
		return nil
	}
	records, err := c.o.Offsets.Records(c.o.Connector, ps)
	if err != nil {
		return err
	}
	topic, now := c.o.Offsets.Topic(), wall(c.o.Now)
	c.stored = c.stored[:0]
	for _, r := range records {
		c.stored = append(c.stored, kafka.Record{Key: r.Key, Value: r.Value, Timestamp: now})
	}
	for i, r := range records {
		c.producer.Send(kafka.TopicPartition{Topic: topic, Partition: r.Partition}, c.stored[i:i+1:i+1])
	}
	if err := c.producer.Flush(ctx); err != nil {
		return err
	}
	var group []kafka.TopicOffset
	for i := range ps {
		if ps[i].Group.Topic != "" {
			group = append(group, ps[i].Group)
		}
	}
	if len(group) == 0 || !c.transactional {
		return nil
	}
	return c.producer.SendOffsets(ctx, kafka.Memberless("connect-"+c.o.Connector), group)
}

// applyState hands a committed unit over to the local store.
func (c *committer) applyState(u *unit) error {
	if u.state == nil {
		return nil
	}
	if err := u.state.Committed(changelogOffsets(c.producer, u.state)); err != nil {
		return fmt.Errorf("apply committed state: %w", err)
	}
	return nil
}

func (c *committer) count(u *unit) {
	m := c.o.Metrics
	m.Written.Add(int64(u.written))
	m.Active.Add(int64(-u.inputs))
	n := int64(u.inputs)
	if n > m.UnitRecordsMax.Load() {
		m.UnitRecordsMax.Store(n)
	}
	if least := m.UnitRecordsMin.Load(); n > 0 && (least == 0 || n < least) {
		m.UnitRecordsMin.Store(n)
	}
}

// failed says what a failed commit means for the task, and throws away what may
// still be open, so that it does not hold up readers until it times out.
func (c *committer) failed(ctx context.Context, u *unit, err error) error {
	if !c.transactional {
		return err
	}
	if errors.Is(err, kafka.ErrFenced) {
		if again := c.producer.Reinit(ctx); again != nil {
			return fmt.Errorf("%w: %w", ErrFenced, err)
		}
		return fmt.Errorf("%w: %w", errTimedOut, err)
	}
	if abort := c.producer.Abort(ctx); errors.Is(abort, kafka.ErrFenced) {
		return fmt.Errorf("%w: %w", ErrFenced, err)
	} else if abort != nil {
		return fmt.Errorf("%w (the transaction could not be aborted: %w)", err, abort)
	}
	var refused *kafka.RecordError
	if errors.As(err, &refused) && c.parts == 0 {
		if r := refusedRecord(u, refused); r != nil {
			return &refusedError{refusalOf(refused.Topic, r), refused}
		}
	}
	return err
}

// refusedError says that one record was refused by a broker, which the task finds
// again from the committed offset.
type refusedError struct {
	refusal refusal
	err     error
}

func (e *refusedError) Error() string { return e.err.Error() }
func (e *refusedError) Unwrap() error { return e.err }

// refusedRecord finds the record in the unit; nil if it is one of the task's own.
func refusedRecord(u *unit, e *kafka.RecordError) *kafka.Record {
	for target, rs := range u.records {
		if u.targets[target] == e.TopicPartition && e.Index < len(rs) {
			return &rs[e.Index]
		}
		if target == len(u.targets)-1 {
			break
		}
	}
	return nil
}
