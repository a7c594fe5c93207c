// SPDX-License-Identifier: Apache-2.0

package kafka

import (
	"context"
	"errors"
	"fmt"
)

// Replay reads partitions of a topic from these offsets (0 for a partition that is
// not named) up to the end that is there at the call, and calls fn with each committed
// record, in order within a partition. The end is the one that readers of uncommitted
// records see: a transaction that is still open at the call is waited for, so that
// nothing which was committed before the call can be missing. It returns the offsets
// behind what was read.
func (c *Cluster) Replay(ctx context.Context, topic string, partitions []int32, from map[int32]int64, fn func(p int32, r *Record) error) (map[int32]int64, error) {
	return c.replay(ctx, topic, partitions, from, replayMode{until: ReadUncommitted, read: ReadCommitted}, fn)
}

// ReplayStable is Replay up to the last stable offsets: it waits for nobody's
// transaction, and may miss what was committed behind one that is still open.
func (c *Cluster) ReplayStable(ctx context.Context, topic string, partitions []int32, from map[int32]int64, fn func(p int32, r *Record) error) (map[int32]int64, error) {
	return c.replay(ctx, topic, partitions, from, replayMode{until: ReadCommitted, read: ReadCommitted}, fn)
}

// ReplayUncommitted is Replay with the records of open and aborted transactions.
func (c *Cluster) ReplayUncommitted(ctx context.Context, topic string, partitions []int32, from map[int32]int64, fn func(p int32, r *Record) error) (map[int32]int64, error) {
	return c.replay(ctx, topic, partitions, from, replayMode{until: ReadUncommitted, read: ReadUncommitted}, fn)
}

// replayMode says which end a replay reads to, and which records it sees.
type replayMode struct{ until, read Isolation }

func (c *Cluster) replay(ctx context.Context, topic string, partitions []int32, from map[int32]int64, mode replayMode, fn func(p int32, r *Record) error) (map[int32]int64, error) {
	ends, err := c.ListOffsets(ctx, topic, partitions, Latest, mode.until)
	if err != nil {
		return nil, err
	}
	starts, err := c.ListOffsets(ctx, topic, partitions, Earliest, ReadUncommitted)
	if err != nil {
		return nil, err
	}
	f := c.NewFetcher(FetcherOptions{Isolation: mode.read})
	defer f.Close()
	open := 0
	reached := make(map[int32]int64, len(partitions))
	for _, p := range partitions {
		reached[p] = max(starts[p], from[p])
		if reached[p] < ends[p] {
			open++
			f.Assign(TopicOffset{TopicPartition: TopicPartition{Topic: topic, Partition: p}, Offset: reached[p]})
		}
	}
	for open > 0 {
		runs, err := f.Poll(ctx)
		if err != nil {
			return nil, fmt.Errorf("replay %s: %w", topic, err)
		}
		if ctx.Err() != nil {
			return nil, fmt.Errorf("replay %s: %w", topic, context.Cause(ctx))
		}
		for i := range runs {
			if errors.Is(runs[i].Err, ErrOffsetOutOfRange) {
				// Cleaning or retention has moved the start of the log meanwhile.
				if runs[i].Next, err = c.movedStart(ctx, &runs[i]); err != nil {
					return nil, err
				}
				f.Assign(TopicOffset{TopicPartition: runs[i].TopicPartition, Offset: runs[i].Next})
				runs[i].Err = nil
			}
			if runs[i].Err != nil {
				return nil, fmt.Errorf("replay %s-%d: %w", topic, runs[i].Partition, runs[i].Err)
			}
			for j := range runs[i].Records {
				if err := fn(runs[i].Partition, &runs[i].Records[j]); err != nil {
					return nil, err
				}
			}
			reached[runs[i].Partition] = runs[i].Next
			if runs[i].Next >= ends[runs[i].Partition] {
				f.Remove(runs[i].TopicPartition)
				open--
			}
		}
	}
	return reached, nil
}

// movedStart returns the start of the log of a partition, if it is behind where the
// run ended.
func (c *Cluster) movedStart(ctx context.Context, r *Run) (int64, error) {
	starts, err := c.ListOffsets(ctx, r.Topic, []int32{r.Partition}, Earliest, ReadUncommitted)
	if err != nil {
		return 0, err
	}
	if starts[r.Partition] <= r.Next {
		return 0, fmt.Errorf("replay %s-%d at %d: %w", r.Topic, r.Partition, r.Next, r.Err)
	}
	return starts[r.Partition], nil
}
