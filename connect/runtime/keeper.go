// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"context"
	"fmt"
	"slices"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/kafka"
	"github.com/connectd/connectd/connect/state"
)

// keeper opens and closes the state of a task.
type keeper struct {
	t          *Task
	s          *stages
	cluster    *kafka.Cluster
	hasOffsets func(partition int32) bool
	owned      []int32
}

func (t *Task) changelog(s state.Step) string {
	name := s.Name
	if name == "" {
		name = s.Alias
	}
	return state.TopicName(t.o.Group, t.o.Connector, name)
}

// open restores the state of these partitions in place of what was open. total is the
// number of state partitions of the connector, as far as it is known. A chain without
// state needs none of it.
func (k *keeper) open(ctx context.Context, partitions []int32, total int32) error {
	steps := k.t.p.chain.stateSteps()
	if len(steps) == 0 {
		return nil
	}
	for _, p := range partitions {
		total = max(total, p+1)
	}
	if err := k.check(steps, total); err != nil {
		return err
	}
	for _, s := range steps {
		if err := k.ensureChangelog(ctx, k.t.changelog(s), total); err != nil {
			return err
		}
	}
	k.close(ctx)
	slices.Sort(partitions)
	tables, err := state.Open(ctx, state.Options{
		Group: k.t.o.Group, Connector: k.t.o.Connector, Steps: steps, Partitions: partitions, Changelog: changelog{k.cluster},
		HasOffsets: k.hasOffsets, Kind: state.Kind(k.t.p.framework.String(keyStateStore)), Dir: k.t.o.StateDir,
		Now: k.t.o.Now, Log: k.t.o.Log, Crash: k.t.o.Crash,
	})
	if err != nil {
		return fmt.Errorf("open state: %w", err)
	}
	k.s.tables, k.owned = tables, partitions
	k.t.setTables(tables)
	k.s.chain.attach(tables, partitions)
	return nil
}

// check refuses steps whose state would be spread by something else than its key.
func (k *keeper) check(steps []state.Step, total int32) error {
	if total <= 1 {
		return nil
	}
	for _, s := range steps {
		if !s.Spec.ByRecordKey {
			return connect.ConfigErrors{{
				Key: "transforms." + s.Alias + ".type", Value: k.t.p.props["transforms."+s.Alias+".type"],
				Rule: fmt.Sprintf("its state is not kept by the key of the record, but the input has %d partitions: one key could meet several states", total),
				Hint: "put a Repartition step by that key before " + s.Alias + ", or read a topic with one partition",
			}}
		}
	}
	return nil
}

// ensureChangelog creates the topic, or makes it grow with the input.
func (k *keeper) ensureChangelog(ctx context.Context, topic string, total int32) error {
	spec := kafka.TopicSpec{Name: topic, Partitions: total, Replication: k.t.o.Worker.Replication, Configs: state.TopicConfig()}
	if _, err := k.cluster.EnsureTopic(ctx, spec); err != nil {
		return fmt.Errorf("create the changelog: %w", err)
	}
	n, err := k.cluster.Partitions(ctx, topic)
	if err != nil || n >= total {
		return err
	}
	if err := k.cluster.GrowTopic(ctx, topic, total); err != nil {
		// Another task may have been faster.
		if n, again := k.cluster.Refresh(ctx, topic); again == nil && n >= total {
			return nil
		}
		return fmt.Errorf("grow the changelog: %w", err)
	}
	return nil
}

// close writes the local copies and releases them.
func (k *keeper) close(ctx context.Context) {
	if k.s.tables == nil {
		return
	}
	k.t.setTables(nil)
	if err := k.s.tables.Close(ctx); err != nil {
		k.s.log.Warn("the local copy of the state could not be written; the next start reads more of the changelog", "error", err)
	}
	k.s.tables, k.owned = nil, nil
}

// changelog is read access to changelog topics.
type changelog struct{ cluster *kafka.Cluster }

// Bounds implements state.Changelog.
func (c changelog) Bounds(ctx context.Context, topic string, partition int32) (start, end int64, err error) {
	ends, err := c.cluster.ListOffsets(ctx, topic, []int32{partition}, kafka.Latest, kafka.ReadUncommitted)
	if err != nil {
		return 0, 0, err
	}
	starts, err := c.cluster.ListOffsets(ctx, topic, []int32{partition}, kafka.Earliest, kafka.ReadUncommitted)
	if err != nil {
		return 0, 0, err
	}
	return starts[partition], ends[partition], nil
}

// Replay implements state.Changelog.
func (c changelog) Replay(ctx context.Context, topic string, partition int32, from int64, fn func(offset int64, key, value []byte) error) (int64, error) {
	ends, err := c.cluster.Replay(ctx, topic, []int32{partition}, map[int32]int64{partition: from}, func(_ int32, r *kafka.Record) error {
		return fn(r.Offset, r.Key, r.Value)
	})
	if err != nil {
		return 0, err
	}
	return ends[partition], nil
}
