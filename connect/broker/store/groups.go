// SPDX-License-Identifier: Apache-2.0

package store

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"
)

// maxOffsetMetadata is Kafka's default of offset.metadata.max.bytes.
const maxOffsetMetadata = 4096

// group holds the offsets of a consumer group.
type group struct {
	offsets map[TopicPartition]GroupOffset
	changed int64 // position after the last entry that changed them
}

func (o GroupOffset) key() TopicPartition { return TopicPartition{o.Topic, o.Partition} }

func comparePartitions(a, b TopicPartition) int {
	return cmp.Or(strings.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition))
}

// groupRecord is the body of an offsets entry: offsets set and offsets removed.
type groupRecord struct {
	Group  string
	Set    []GroupOffset
	Remove []TopicPartition
}

func (r groupRecord) encode(e *encoder) {
	e.str(r.Group)
	e.count(len(r.Set))
	for _, o := range r.Set {
		e.str(o.Topic)
		e.i32(o.Partition)
		e.i64(o.Offset)
		e.i32(o.LeaderEpoch)
		e.str(o.Metadata)
		e.i64(o.Committed.UnixMilli())
	}
	e.count(len(r.Remove))
	for _, tp := range r.Remove {
		e.str(tp.Topic)
		e.i32(tp.Partition)
	}
}

func decodeGroup(d *decoder) groupRecord {
	r := groupRecord{Group: d.str()}
	r.Set = make([]GroupOffset, d.count(26))
	for i := range r.Set {
		r.Set[i] = GroupOffset{
			Topic: d.str(), Partition: d.i32(), Offset: d.i64(), LeaderEpoch: d.i32(),
			Metadata: d.str(), Committed: time.UnixMilli(d.i64()),
		}
	}
	r.Remove = make([]TopicPartition, d.count(5))
	for i := range r.Remove {
		r.Remove[i] = TopicPartition{d.str(), d.i32()}
	}
	return r
}

// checkOffsets verifies offsets that a client wants to commit in addition to
// those that wait in its transaction. The caller holds mu.
func (s *Store) checkOffsets(name string, offsets, pending []GroupOffset) error {
	if len(offsets) == 0 {
		return nil
	}
	for _, o := range offsets {
		if len(o.Metadata) > maxOffsetMetadata {
			return errorf(CodeOffsetMetadataTooLarge, "metadata of %d bytes for %s-%d is longer than %d", len(o.Metadata), o.Topic, o.Partition, maxOffsetMetadata)
		}
	}
	g := s.groups[name]
	if g == nil && len(s.groups) >= s.o.MaxGroups {
		return errorf(CodePolicyViolation, "%d groups with offsets are the broker's limit", len(s.groups))
	}
	added := len(pending)
	for _, o := range offsets {
		if g == nil {
			added++
			continue
		}
		if _, known := g.offsets[o.key()]; !known {
			added++
		}
	}
	if s.offsets+added > s.o.MaxGroupOffsets && added > 0 {
		return errorf(CodePolicyViolation, "%d group offsets and %d more exceed the broker's limit of %d", s.offsets, added, s.o.MaxGroupOffsets)
	}
	return nil
}

// CommitOffsets stores offsets of a group and returns when they are durable.
// Errors: OffsetMetadataTooLarge, PolicyViolation.
func (s *Store) CommitOffsets(ctx context.Context, group string, offsets []GroupOffset) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return s.commit(func() error {
		if err := s.checkOffsets(group, offsets, nil); err != nil || len(offsets) == 0 {
			return err
		}
		r := groupRecord{Group: group, Set: slices.Clone(offsets)}
		for i := range r.Set {
			r.Set[i].Committed = s.o.Now()
		}
		return s.putGroup(r)
	})
}

// putGroup appends and applies an offsets entry. The caller holds mu.
func (s *Store) putGroup(r groupRecord) error {
	var e encoder
	r.encode(&e)
	if _, err := s.put(entryOffsets, e.b); err != nil {
		return err
	}
	s.applyGroup(r, s.wal.end)
	return nil
}

// applyGroup enters a change of offsets, made by the entry before pos, into the
// state. The caller holds mu.
func (s *Store) applyGroup(r groupRecord, pos int64) {
	g := s.groups[r.Group]
	if g == nil && len(r.Set) > 0 {
		g = &group{offsets: map[TopicPartition]GroupOffset{}}
		s.groups[r.Group] = g
	}
	if g == nil {
		return
	}
	before := len(g.offsets)
	for _, o := range r.Set {
		o.Pending = false
		g.offsets[o.key()] = o
	}
	g.changed = max(g.changed, pos)
	s.offsets += len(g.offsets) - before
	if len(r.Remove) == 0 {
		return
	}
	gone := make(map[TopicPartition]bool, len(r.Remove))
	for _, tp := range r.Remove {
		gone[tp] = true
	}
	s.dropOffsets(r.Group, g, func(tp TopicPartition) bool { return gone[tp] })
}

// dropOffsets removes the offsets that gone names, and the group with the last.
// The caller holds mu.
func (s *Store) dropOffsets(name string, g *group, gone func(TopicPartition) bool) {
	for tp := range g.offsets {
		if gone(tp) {
			delete(g.offsets, tp)
			s.offsets--
		}
	}
	if len(g.offsets) == 0 {
		delete(s.groups, name)
	}
}

// Offsets returns the durable offsets of a group, sorted by topic and
// partition, and marks those for which an open transaction holds a newer one;
// an offset that only such a transaction holds is listed as -1. The list is
// empty if the group has none.
func (s *Store) Offsets(ctx context.Context, group string) ([]GroupOffset, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	var list []GroupOffset
	var changed int64
	err := s.update(func() error {
		at := map[TopicPartition]GroupOffset{}
		if g := s.groups[group]; g != nil {
			changed = g.changed
			for tp, o := range g.offsets {
				at[tp] = o
			}
		}
		s.markPending(group, at)
		for _, o := range at {
			list = append(list, o)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(list, func(a, b GroupOffset) int { return comparePartitions(a.key(), b.key()) })
	return list, s.syncTo(changed)
}

func (s *Store) markPending(group string, at map[TopicPartition]GroupOffset) {
	for _, t := range s.txns {
		if !t.open() {
			continue
		}
		for _, p := range t.groups[group] {
			o, known := at[p.key()]
			if !known {
				o = GroupOffset{Topic: p.Topic, Partition: p.Partition, Offset: -1, LeaderEpoch: -1}
			}
			o.Pending = true
			at[p.key()] = o
		}
	}
}

// DeleteOffsets forgets offsets of a group; unknown ones are no error.
func (s *Store) DeleteOffsets(ctx context.Context, group string, parts []TopicPartition) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return s.commit(func() error {
		if s.groups[group] == nil || len(parts) == 0 {
			return nil
		}
		return s.putGroup(groupRecord{Group: group, Remove: parts})
	})
}

// DeleteGroup forgets all offsets of a group; GroupIDNotFound if it has none.
func (s *Store) DeleteGroup(ctx context.Context, group string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return s.commit(func() error {
		g := s.groups[group]
		if g == nil {
			return errorf(CodeGroupIDNotFound, "group %s has no offsets", group)
		}
		r := groupRecord{Group: group}
		for tp := range g.offsets {
			r.Remove = append(r.Remove, tp)
		}
		slices.SortFunc(r.Remove, comparePartitions)
		return s.putGroup(r)
	})
}

// Groups lists the groups with offsets, sorted.
func (s *Store) Groups() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	names := make([]string, 0, len(s.groups))
	for name := range s.groups {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
