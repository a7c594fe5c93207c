// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"context"
	"slices"

	"github.com/connectd/connectd/connect"
)

// openState restores what the task owns: what the connector says, or partition 0,
// which belongs to the first task.
func (r *sourceRoad) openState(ctx context.Context) error {
	var own []int32
	total := int32(1)
	if sp, ok := r.task.(connect.StatePartitioned); ok {
		own, total = sp.StatePartitions()
	} else if r.t.o.Task == 0 {
		own = []int32{0}
	}
	if len(own) == 0 {
		return nil
	}
	return r.restore(ctx, own, total)
}

func (r *sourceRoad) restore(ctx context.Context, own []int32, total int32) error {
	if err := r.keep.open(ctx, own, total); err != nil {
		return err
	}
	if !r.chain.timed() {
		return nil
	}
	b := r.free.batch(&r.t.o.Worker)
	defer r.free.release(b)
	r.unit.hold(b)
	r.w.ctx, r.w.wall = ctx, wall(r.t.o.Now)
	for _, p := range own {
		if err := r.fireDue(ctx, &b.Batch, p); err != nil {
			return err
		}
	}
	return nil
}

// prepare makes sure that the state of every partition in the batch is open: a
// connector that does not tell its partitions shows them by its records.
func (r *sourceRoad) prepare(ctx context.Context, b *held) error {
	if !r.chain.stateful() {
		return nil
	}
	var missing []int32
	for i := range b.Records {
		p := b.Records[i].StatePartition
		if r.tables != nil && r.chain.owns(p) || slices.Contains(missing, p) {
			continue
		}
		missing = append(missing, p)
	}
	if len(missing) == 0 {
		return nil
	}
	if err := r.drain(nil); err != nil {
		return err
	}
	return r.restore(ctx, append(missing, r.keep.owned...), 0)
}
