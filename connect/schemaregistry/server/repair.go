// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"slices"

	"github.com/connectd/connectd/connect/avro"
	"github.com/connectd/connectd/connect/kafka"
)

// repair makes the log say the same to readers of uncommitted records, as the original
// is one: what an aborted transaction has left is written over, before anything else is
// written. The caller holds the right to write.
func (k *KafkaStore) repair(ctx context.Context) error {
	for {
		aborted, end, err := k.aborted(ctx)
		if err != nil {
			return err
		}
		if len(aborted) == 0 {
			k.checked = end
			return nil
		}
		committed := newState()
		_, err = k.o.Cluster.Replay(ctx, k.o.Topic, []int32{0}, nil, func(_ int32, r *kafka.Record) error {
			// What cannot be understood has no effect here either.
			_ = committed.apply(Record{r.Key, r.Value})
			return nil
		})
		if err != nil {
			return err
		}
		k.o.Log.Info("what an aborted write has left in the registry's log is written over", "topic", k.o.Topic, "records", len(aborted))
		var records []Record
		for _, r := range aborted {
			records = append(records, committed.undo(r)...)
		}
		if len(records) == 0 {
			k.checked = end
			return nil
		}
		if _, err := k.commit(ctx, "repair", records); err != nil {
			return err
		}
		k.checked = end
	}
}

// aborted returns the records behind checked that readers of committed records do not
// see, without those that a later record with the same key has written over, and the
// offset up to which it looked.
func (k *KafkaStore) aborted(ctx context.Context) ([]Record, int64, error) {
	from := map[int32]int64{0: k.checked}
	good := map[int64]bool{}
	_, err := k.o.Cluster.Replay(ctx, k.o.Topic, []int32{0}, from, func(_ int32, r *kafka.Record) error {
		good[r.Offset] = true
		return nil
	})
	if err != nil {
		return nil, 0, err
	}
	bad := map[string]Record{}
	ends, err := k.o.Cluster.ReplayUncommitted(ctx, k.o.Topic, []int32{0}, from, func(_ int32, r *kafka.Record) error {
		if good[r.Offset] {
			delete(bad, string(r.Key))
		} else {
			bad[string(r.Key)] = Record{slices.Clone(r.Key), slices.Clone(r.Value)}
		}
		return nil
	})
	if err != nil {
		return nil, 0, err
	}
	var list []Record
	for _, r := range bad {
		list = append(list, r)
	}
	return list, ends[0], nil
}

// undo returns records that make a reader who has applied r know what s knows.
func (s *state) undo(r Record) []Record {
	key, err := decodeKey(r.Key)
	if err != nil {
		return nil
	}
	tombstone := []Record{{r.Key, nil}}
	switch key.Type {
	case keySchema:
		if v := s.subjects[key.Subject][key.Version]; v != nil {
			return []Record{v.record()}
		}
		return tombstone
	case keyConfig:
		if c, ok := s.configs[key.Subject]; ok {
			return []Record{settingRecord(keyConfig, key.Subject, c...)}
		}
		return tombstone
	case keyMode:
		if m, ok := s.modes[key.Subject]; ok {
			return []Record{settingRecord(keyMode, key.Subject, member("mode", avro.StringJSON(m)))}
		}
		return tombstone
	case keyContext:
		if s.contexts[key.Context] {
			return []Record{contextRecord(key.Context)}
		}
		return tombstone
	case keyDeleteSubject:
		var records []Record
		for _, v := range s.versions(key.Subject, withDeleted) {
			records = append(records, v.record())
		}
		return append(records, tombstone...)
	}
	return nil
}
