// SPDX-License-Identifier: Apache-2.0

package broker

import (
	"context"
	"errors"
	"time"

	"github.com/connectd/connectd/connect/broker/group"
	"github.com/connectd/connectd/connect/broker/store"
)

const (
	// groupTick is how exactly the time-outs of groups are kept.
	groupTick = 50 * time.Millisecond
	// offsetsTick is the pause between looks for expired offsets.
	offsetsTick = time.Minute
)

// keepTime lets time-outs of groups take effect and expires offsets.
func (b *Broker) keepTime(ctx context.Context) {
	ticker := time.NewTicker(groupTick)
	defer ticker.Stop()
	next := b.o.Now().Add(offsetsTick)
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		b.groups.Tick()
		if b.o.Now().Before(next) {
			continue
		}
		next = b.o.Now().Add(offsetsTick)
		if err := b.expireOffsets(ctx); err != nil && ctx.Err() == nil && !errors.Is(err, b.store.Err()) {
			b.o.Log.Warn("expire group offsets", "err", err)
		}
	}
}

// expireOffsets deletes the offsets of groups that have been without members for
// the retention time, and were committed before it; then it forgets groups of
// which nothing is left.
func (b *Broker) expireOffsets(ctx context.Context) error {
	kept := map[string]bool{}
	for _, name := range b.store.Groups() {
		kept[name] = true
		err := b.groups.Exclusive(name, func(d group.Description) error { return b.expireGroup(ctx, name, d) })
		if err != nil {
			return err
		}
	}
	for _, d := range b.groups.List() {
		if len(d.Members) == 0 && !kept[d.Name] && b.o.Now().Sub(d.EmptySince) > offsetsTick {
			b.groups.Forget(d.Name)
		}
	}
	return nil
}

// expireGroup runs while the group's membership cannot change.
func (b *Broker) expireGroup(ctx context.Context, name string, d group.Description) error {
	// Who was a member before the broker started had no chance to say so yet.
	since := b.started
	if d.EmptySince.After(since) {
		since = d.EmptySince
	}
	before := b.o.Now().Add(-b.o.OffsetsRetention)
	if len(d.Members) > 0 || since.After(before) {
		return nil
	}
	offsets, err := b.store.Offsets(ctx, name)
	if err != nil {
		return err
	}
	var gone []store.TopicPartition
	for _, o := range offsets {
		if o.Offset >= 0 && !o.Pending && o.Committed.Before(before) {
			gone = append(gone, store.TopicPartition{Topic: o.Topic, Partition: o.Partition})
		}
	}
	if len(gone) == 0 {
		return nil
	}
	return b.store.DeleteOffsets(ctx, name, gone)
}
