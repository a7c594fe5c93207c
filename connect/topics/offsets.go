// SPDX-License-Identifier: Apache-2.0

package topics

import (
	"context"
	"fmt"
	"sync"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/convert"
	"github.com/connectd/connectd/connect/kafka"
)

// OffsetRecord is one record of the offsets topic; a nil Value is a tombstone.
type OffsetRecord struct {
	Partition  int32
	Key, Value []byte
}

// Offsets is the offsets topic: what sources have stored. It is safe for concurrent use.
type Offsets struct {
	warnings
	log *topicLog

	mu     sync.RWMutex
	stored map[string]map[string]*storedOffset // by connector, then by the partition's meaning
}

// storedOffset keeps the bytes and the place that a source partition was found with.
type storedOffset struct {
	key       []byte
	partition int32
	source    connect.Value
	offset    connect.Value // null after a tombstone
	at        int64         // where the record stands in its partition of the topic
}

// OpenOffsets reads the offsets topic, creating it if need be, and follows it.
func OpenOffsets(ctx context.Context, o Options) (*Offsets, error) {
	s := &Offsets{warnings: warningsOf(o), stored: map[string]map[string]*storedOffset{}}
	var err error
	s.log, err = openLog(ctx, o, s.apply)
	return s, err
}

// Close stops following.
func (s *Offsets) Close() { s.log.close() }

// Topic is the name of the topic.
func (s *Offsets) Topic() string { return s.log.o.Topic }

func (s *Offsets) apply(p int32, r *kafka.Record) {
	key, err := parseOffsetKey(r.Key)
	if err != nil {
		s.passedOver(p, r, err)
		return
	}
	var offset connect.Value
	if r.Value != nil {
		if offset, err = parseOwn(r.Value); err != nil {
			s.passedOver(p, r, err)
			return
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	of := s.stored[key.connector]
	if of == nil {
		of = map[string]*storedOffset{}
		s.stored[key.connector] = of
	}
	of[meaning(key.partition)] = &storedOffset{key: append([]byte(nil), r.Key...), partition: p, source: key.partition, offset: offset, at: r.Offset}
}

// Load returns every stored position of a connector, as of the end of the topic at
// the call.
func (s *Offsets) Load(ctx context.Context, connector string) ([]connect.Position, error) {
	if err := s.log.readToEnd(ctx); err != nil {
		return nil, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	var out []connect.Position
	for _, o := range s.stored[connector] {
		if !o.offset.IsNull() && !o.source.IsNull() {
			out = append(out, connect.Position{Partition: o.source, Offset: o.offset})
		}
	}
	return out, nil
}

// Records returns the bytes that store these positions, in order: a known source
// partition keeps its key's bytes and its place, a null offset gives a tombstone.
func (s *Offsets) Records(connector string, ps []connect.Position) ([]OffsetRecord, error) {
	out := make([]OffsetRecord, len(ps))
	s.mu.RLock()
	defer s.mu.RUnlock()
	for i, p := range ps {
		if err := checkPlain("the source partition", p.Partition); err != nil {
			return nil, fmt.Errorf("store the offset of %s: %w", connector, err)
		}
		if known := s.stored[connector][meaning(p.Partition)]; known != nil {
			out[i].Key, out[i].Partition = known.key, known.partition
		} else {
			out[i].Key = newOffsetKey(connector, p.Partition)
			out[i].Partition = s.log.partitionOf(out[i].Key)
		}
		if p.Offset.IsNull() {
			continue
		}
		if err := checkPlain("the source offset", p.Offset); err != nil {
			return nil, fmt.Errorf("store the offset of %s: %w", connector, err)
		}
		out[i].Value = convert.AppendJSON(nil, p.Offset)
	}
	return out, nil
}

// Write stores positions in one transaction of their own and returns when they have
// been read back. It is for the administration: tasks write within their transactions.
func (s *Offsets) Write(ctx context.Context, transactionalID string, connector string, ps []connect.Position) error {
	records, err := s.Records(connector, ps)
	if err != nil {
		return err
	}
	w := &writer{log: s.log, options: kafka.ProducerOptions{TransactionalID: transactionalID, TransactionTimeout: adminTransaction}}
	byPartition := map[int32][]kafka.Record{}
	for _, r := range records {
		byPartition[r.Partition] = append(byPartition[r.Partition], kafka.Record{Key: r.Key, Value: r.Value})
	}
	if err := w.write(ctx, byPartition); err != nil {
		return err
	}
	return s.log.readToEnd(ctx)
}
