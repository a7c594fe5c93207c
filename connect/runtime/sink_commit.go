// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/kafka"
	"github.com/connectd/connectd/connect/metrics"
	"github.com/connectd/connectd/connect/state"
)

// openState restores the state of the assigned partitions: the state partition of a
// record is the number of its partition, in all topics.
func (r *sinkRoad) openState(ctx context.Context, assigned []kafka.TopicPartition) error {
	if !r.chain.stateful() {
		return nil
	}
	total, equal := r.sub.most()
	if !equal {
		return connect.ConfigErrors{{Key: keyTopics, Value: fmt.Sprint(r.sub.topics()),
			Rule: "the chain keeps state, and the topics have different numbers of partitions, so that one key would meet several states"}}
	}
	var own []int32
	for _, tp := range assigned {
		if !slices.Contains(own, tp.Partition) {
			own = append(own, tp.Partition)
		}
	}
	if err := r.keep.open(ctx, own, total); err != nil || !r.chain.timed() {
		return err
	}
	r.load(kafka.TopicPartition{}, nil)
	r.w.ctx, r.w.wall = ctx, wall(r.t.o.Now)
	for _, p := range own {
		if err := r.fireDue(ctx, &r.in, p); err != nil {
			return err
		}
	}
	return r.putAll(ctx)
}

// hasOffsets reports whether the group has an offset in a state partition.
func (r *sinkRoad) hasOffsets(partition int32) bool {
	for tp := range r.stored {
		if tp.Partition == partition {
			return true
		}
	}
	return false
}

// flush makes what was put durable and commits the offsets behind it: with error
// records before it, or, for a chain with state, in one transaction with the
// changelog and the error records.
func (r *sinkRoad) flush(ctx context.Context) error {
	r.flushed = r.t.o.Now()
	var reached []connect.TopicOffset
	for tp, at := range r.next {
		if stored, ok := r.stored[tp]; !ok && at > 0 || ok && at != stored {
			reached = append(reached, connect.TopicOffset{TopicPartition: tp, Offset: at})
		}
	}
	if len(reached) == 0 && len(r.unit.journal) == 0 && (r.tables == nil || r.tables.Pending() == 0) {
		return nil
	}
	slices.SortFunc(reached, func(a, b connect.TopicOffset) int { return compareTopicPartitions(a.TopicPartition, b.TopicPartition) })
	durable, err := r.task.Flush(ctx, reached)
	if err != nil {
		return fmt.Errorf("flush: %w", err)
	}
	start := r.t.o.Now()
	if r.tables != nil {
		err = r.commitState(ctx, durable)
	} else {
		err = r.commitOffsets(ctx, durable)
	}
	if err != nil {
		r.m.CommitFailures.Add(1)
		return err
	}
	for _, o := range durable {
		r.stored[o.TopicPartition] = o.Offset
	}
	r.m.Written.Add(int64(r.unit.written))
	r.m.Active.Add(int64(-r.unit.inputs))
	r.unit.reset()
	metrics.Observe(&r.m.Commits, &r.m.CommitNanos, &r.m.CommitMaxNanos, int64(r.t.o.Now().Sub(start)))
	return nil
}

// commitOffsets commits for a chain without state: error records are acknowledged first.
func (r *sinkRoad) commitOffsets(ctx context.Context, offsets []connect.TopicOffset) error {
	if len(r.unit.journal) > 0 {
		r.sendUnit(r.unit)
		if err := r.out.producer.Flush(ctx); err != nil {
			return fmt.Errorf("write error records: %w", err)
		}
	}
	r.t.crash("before-source-commit")
	if len(offsets) == 0 {
		return nil
	}
	if err := r.cluster.CommitOffsets(ctx, r.gen.GroupMetadata, offsets); err != nil {
		// At least once: what is not committed is read again.
		r.log.Warn("offsets could not be committed", "error", err)
		return errRejoin
	}
	r.t.crash("after-commit")
	return nil
}

// commitState commits for a chain with state. After a failure the state is that of
// the last commit, and so are the offsets from which reading goes on.
func (r *sinkRoad) commitState(ctx context.Context, offsets []connect.TopicOffset) error {
	frozen, err := r.tables.Freeze()
	if err != nil {
		return err
	}
	r.sendUnit(r.unit)
	if err = r.writeState(ctx, frozen, offsets); err == nil {
		r.t.crash("after-commit")
		return r.applied(frozen)
	}
	// Abort takes a new epoch, unless a successor has the id.
	if abort := r.out.producer.Abort(ctx); errors.Is(abort, kafka.ErrFenced) {
		return fmt.Errorf("%w: %w", ErrFenced, err)
	} else if abort != nil {
		return fmt.Errorf("%w (the transaction could not be aborted: %w)", err, abort)
	}
	r.log.Warn("the transaction failed; going on from the committed offsets", "error", err)
	return errRejoin
}

func (r *sinkRoad) writeState(ctx context.Context, frozen *state.Unit, offsets []connect.TopicOffset) error {
	p := r.out.producer
	r.changes = sendChanges(p, frozen, r.changes[:0], wall(r.t.o.Now))
	if err := p.Flush(ctx); err != nil {
		return err
	}
	if len(offsets) > 0 {
		if err := p.SendOffsets(ctx, r.gen.GroupMetadata, offsets); err != nil {
			return err
		}
	}
	r.t.crash("before-endtxn")
	if r.t.o.Crash != nil {
		go r.t.o.Crash("during-endtxn")
	}
	return p.Commit(ctx)
}

func (r *sinkRoad) applied(frozen *state.Unit) error {
	if err := frozen.Committed(changelogOffsets(r.out.producer, frozen)); err != nil {
		return fmt.Errorf("apply committed state: %w", err)
	}
	return r.tables.Apply()
}

// sendUnit notes the unit's error records.
func (r *sinkRoad) sendUnit(u *unit) {
	for target, rs := range u.records {
		if len(rs) > 0 {
			r.out.producer.Send(r.w.dir.targets[target], rs)
		}
	}
}

// dropUnit throws away what was not committed.
func (r *sinkRoad) dropUnit() {
	if r.tables != nil {
		r.tables.Abort()
	}
	r.m.Active.Add(int64(-r.unit.inputs))
	r.unit.reset()
}

// sendChanges notes the changes of a frozen unit for its changelogs; memory is the
// place for the records, and returned for the next use.
func sendChanges(p producer, frozen *state.Unit, memory []kafka.Record, now int64) []kafka.Record {
	// The callback never fails, and nothing else can.
	_ = frozen.Each(func(topic string, partition int32, changes []state.Change) error {
		from := len(memory)
		for _, ch := range changes {
			memory = append(memory, kafka.Record{Key: ch.Key, Value: ch.Value, Timestamp: now})
		}
		p.Send(kafka.TopicPartition{Topic: topic, Partition: partition}, memory[from:])
		return nil
	})
	return memory
}

// changelogOffsets are the offsets that the changes of a unit got.
func changelogOffsets(p producer, frozen *state.Unit) []state.Offset {
	var at []state.Offset
	_ = frozen.Each(func(topic string, partition int32, _ []state.Change) error {
		tp := kafka.TopicPartition{Topic: topic, Partition: partition}
		if last := p.LastOffset(tp); last >= 0 && (len(at) == 0 || at[len(at)-1].Topic != topic || at[len(at)-1].Partition != partition) {
			at = append(at, state.Offset{Topic: topic, Partition: partition, Last: last})
		}
		return nil
	})
	return at
}
