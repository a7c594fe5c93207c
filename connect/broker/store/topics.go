// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"crypto/rand"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
)

// topic is the state of a topic. id and name never change; logs only grows; all
// are read under topicMu.
type topic struct {
	id      TopicID
	name    string
	configs map[string]string
	policy  atomic.Pointer[policy]
	logs    []*Log
}

func (t *topic) describe() Topic {
	return Topic{ID: t.id, Name: t.name, Partitions: int32(len(t.logs)), Configs: maps.Clone(t.configs)}
}

// validTopicName follows Kafka's rule.
func validTopicName(name string) bool {
	if name == "" || name == "." || name == ".." || len(name) > 249 {
		return false
	}
	for _, c := range []byte(name) {
		ok := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '.' || c == '_' || c == '-'
		if !ok {
			return false
		}
	}
	return true
}

// CheckTopic returns the error that CreateTopic would return, without creating.
func (s *Store) CheckTopic(name string, partitions int32, configs map[string]string) error {
	return s.update(func() error { return s.checkTopic(name, partitions, configs) })
}

func (s *Store) checkTopic(name string, partitions int32, configs map[string]string) error {
	if !validTopicName(name) {
		return errorf(CodeInvalidTopic, "invalid topic name %q: 1 to 249 of the characters a-z A-Z 0-9 . _ -, not . or .. alone", name)
	}
	if s.topics[name] != nil {
		return errorf(CodeTopicAlreadyExists, "topic %s already exists", name)
	}
	if partitions < 1 {
		return errorf(CodeInvalidPartitions, "topic %s: number of partitions must be at least 1, not %d", name, partitions)
	}
	if err := s.checkRoom(int(partitions)); err != nil {
		return err
	}
	return s.CheckConfigs(configs)
}

func (s *Store) checkRoom(partitions int) error {
	if len(s.logs)+partitions > min(s.o.MaxPartitions, partitionLimit) {
		return errorf(CodePolicyViolation, "%d partitions and %d more exceed the broker's limit of %d", len(s.logs), partitions, s.o.MaxPartitions)
	}
	return nil
}

// CreateTopic creates a topic and returns when it is durable. Errors:
// TopicAlreadyExists, InvalidTopic, InvalidPartitions, InvalidConfig,
// PolicyViolation (too many partitions).
func (s *Store) CreateTopic(ctx context.Context, name string, partitions int32, configs map[string]string) (Topic, error) {
	if err := ctx.Err(); err != nil {
		return Topic{}, err
	}
	var made Topic
	err := s.commit(func() error {
		if err := s.checkTopic(name, partitions, configs); err != nil {
			return err
		}
		rec := topicRecord{Name: name, Configs: maps.Clone(configs), First: s.nextLog, Added: uint32(partitions)}
		if _, err := rand.Read(rec.ID[:]); err != nil {
			return err
		}
		var err error
		made, err = s.putTopic(rec)
		return err
	})
	return made, err
}

// partitionLimit bounds the partitions that one entry is believed to add.
const partitionLimit = 100_000

// topicRecord is the body of a topic entry: the topic's id, name and configs, and
// the partitions it gained, whose logs are numbered from First on.
type topicRecord struct {
	ID           TopicID
	Name         string
	Configs      map[string]string
	First, Added uint32
}

func (r topicRecord) encode(e *encoder) {
	e.b = append(e.b, r.ID[:]...)
	e.str(r.Name)
	e.count(len(r.Configs))
	for _, k := range slices.Sorted(maps.Keys(r.Configs)) {
		e.str(k)
		e.str(r.Configs[k])
	}
	e.u32(r.First)
	e.u32(r.Added)
}

func decodeTopic(d *decoder) topicRecord {
	var r topicRecord
	copy(r.ID[:], d.take(len(r.ID)))
	r.Name = d.str()
	n := d.count(2)
	r.Configs = make(map[string]string, n)
	for range n {
		k := d.str()
		r.Configs[k] = d.str()
	}
	r.First, r.Added = d.u32(), d.u32()
	if r.Added > partitionLimit {
		d.bad, r.Added = true, 0
	}
	return r
}

func (s *Store) putTopic(r topicRecord) (Topic, error) {
	var e encoder
	r.encode(&e)
	if _, err := s.put(entryTopic, e.b); err != nil {
		return Topic{}, err
	}
	return s.applyTopic(r).describe(), nil
}

// applyTopic enters a topic or its change into the state. The caller holds mu.
func (s *Store) applyTopic(r topicRecord) *topic {
	s.topicMu.Lock()
	defer s.topicMu.Unlock()
	t := s.topicIDs[r.ID]
	if t == nil {
		t = &topic{id: r.ID, name: r.Name}
		s.topics[r.Name], s.topicIDs[r.ID] = t, t
	}
	t.configs = r.Configs
	pol := s.parsePolicy(r.Configs)
	t.policy.Store(&pol)
	for i := range r.Added {
		l := newLog(s, t, r.First+i, int32(len(t.logs)))
		t.logs = append(t.logs, l)
		s.logs[l.id] = l
	}
	s.nextLog = max(s.nextLog, r.First+r.Added)
	return t
}

// DeleteTopic removes a topic, its data and the offsets that groups have in it.
func (s *Store) DeleteTopic(ctx context.Context, name string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return s.commit(func() error {
		t := s.topics[name]
		if t == nil {
			return unknownTopic(name)
		}
		if _, err := s.put(entryTopicDeleted, t.id[:]); err != nil {
			return err
		}
		s.applyTopicDeleted(t.id)
		return nil
	})
}

func unknownTopic(name string) error {
	return errorf(CodeUnknownTopicOrPart, "topic %s does not exist", name)
}

// applyTopicDeleted forgets a topic. The caller holds mu.
func (s *Store) applyTopicDeleted(id TopicID) {
	s.topicMu.Lock()
	t := s.topicIDs[id]
	if t == nil {
		s.topicMu.Unlock()
		return
	}
	delete(s.topicIDs, id)
	delete(s.topics, t.name)
	s.topicMu.Unlock()
	for _, l := range t.logs {
		delete(s.logs, l.id)
		s.sessions -= len(l.sessions)
		for _, x := range s.txns {
			delete(x.parts, l)
		}
		l.abandon()
	}
	for name, g := range s.groups {
		s.dropOffsets(name, g, func(tp TopicPartition) bool { return tp.Topic == t.name })
	}
}

// GrowTopic raises the number of partitions to total. Errors:
// UnknownTopicOrPart, InvalidPartitions, PolicyViolation.
func (s *Store) GrowTopic(ctx context.Context, name string, total int32) error {
	return s.changeTopic(ctx, name, func(t *topic, r *topicRecord) error {
		if have := int32(len(t.logs)); total <= have {
			return errorf(CodeInvalidPartitions, "topic %s has %d partitions: the new number must be greater, not %d", name, have, total)
		}
		r.First, r.Added = s.nextLog, uint32(total)-uint32(len(t.logs))
		return s.checkRoom(int(r.Added))
	})
}

// AlterConfigs replaces all configs of a topic. Errors: UnknownTopicOrPart,
// InvalidConfig.
func (s *Store) AlterConfigs(ctx context.Context, name string, configs map[string]string) error {
	return s.changeTopic(ctx, name, func(_ *topic, r *topicRecord) error {
		r.Configs = maps.Clone(configs)
		return s.CheckConfigs(configs)
	})
}

func (s *Store) changeTopic(ctx context.Context, name string, change func(*topic, *topicRecord) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return s.commit(func() error {
		t := s.topics[name]
		if t == nil {
			return unknownTopic(name)
		}
		r := topicRecord{ID: t.id, Name: t.name, Configs: t.configs}
		if err := change(t, &r); err != nil {
			return err
		}
		_, err := s.putTopic(r)
		return err
	})
}

// Topics lists all topics sorted by name.
func (s *Store) Topics() []Topic {
	s.topicMu.RLock()
	defer s.topicMu.RUnlock()
	list := make([]Topic, 0, len(s.topics))
	for _, t := range s.topics {
		list = append(list, t.describe())
	}
	slices.SortFunc(list, func(a, b Topic) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// TopicByName finds a topic.
func (s *Store) TopicByName(name string) (Topic, bool) {
	s.topicMu.RLock()
	defer s.topicMu.RUnlock()
	if t := s.topics[name]; t != nil {
		return t.describe(), true
	}
	return Topic{}, false
}

// TopicByID finds a topic.
func (s *Store) TopicByID(id TopicID) (Topic, bool) {
	s.topicMu.RLock()
	defer s.topicMu.RUnlock()
	if t := s.topicIDs[id]; t != nil {
		return t.describe(), true
	}
	return Topic{}, false
}

// Log returns the handle of a partition; get it once and keep it. It turns
// invalid (UnknownTopicOrPart) when the topic is deleted.
func (s *Store) Log(topic string, partition int32) (*Log, bool) {
	s.topicMu.RLock()
	defer s.topicMu.RUnlock()
	t := s.topics[topic]
	if t == nil || partition < 0 || int(partition) >= len(t.logs) {
		return nil, false
	}
	return t.logs[partition], true
}
