// SPDX-License-Identifier: Apache-2.0

package worker

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/convert"
	"github.com/connectd/connectd/connect/kafka"
	"github.com/connectd/connectd/connect/topics"
)

// The messages of the original.
const (
	mustBeStopped  = "Connectors must be in the STOPPED state before their offsets can be modified. This can be done for the specified connector by issuing a 'PUT' request to the '/connectors/%s/stop' endpoint"
	offsetsNeeded  = "Partitions / offsets need to be provided for an alter offsets request"
	offsetsAltered = "The offsets for this connector have been altered successfully"
	offsetsReset   = "The offsets for this connector have been reset successfully"
)

// Positions returns the stored offsets of a connector.
func (w *Worker) Positions(ctx context.Context, name string) ([]connect.Position, error) {
	s, ok := w.config.Connector(name)
	if !ok {
		return nil, notFound("Connector %s not found", name)
	}
	if w.typeOf(s.Config["connector.class"]) != typeSink {
		ps, err := w.offsets.Load(ctx, name)
		if err != nil {
			return nil, internal("%v", err)
		}
		return ps, nil
	}
	found, err := w.o.Cluster.GroupOffsets(ctx, groupOf(s), nil)
	if err != nil {
		return nil, internal("%v", err)
	}
	out := make([]connect.Position, len(found))
	for i, o := range found {
		out[i] = connect.Position{
			Partition: object("kafka_partition", connect.Int64(int64(o.Partition)), "kafka_topic", connect.String(o.Topic)),
			Offset:    object("kafka_offset", connect.Int64(o.Offset)),
		}
	}
	return out, nil
}

// object makes a map of names and values.
func object(members ...any) connect.Value {
	var entries []connect.MapEntry
	for i := 0; i+1 < len(members); i += 2 {
		entries = append(entries, connect.MapEntry{Key: connect.String(members[i].(string)), Value: members[i+1].(connect.Value)})
	}
	return connect.Map(entries)
}

func groupOf(s topics.ConnectorState) string {
	if g := s.Config["consumer.override.group.id"]; g != "" {
		return g
	}
	return "connect-" + s.Config["name"]
}

// stopped returns the state of a connector whose offsets may be changed.
func (w *Worker) stopped(name string) (topics.ConnectorState, error) {
	s, ok := w.config.Connector(name)
	if !ok {
		return s, notFound("Connector %s not found", name)
	}
	st, _ := w.status.Connector(name)
	if s.Target != topics.Stopped || len(s.Tasks) > 0 || st.State != topics.StateStopped {
		return s, badRequest(mustBeStopped, name)
	}
	return s, nil
}

// AlterPositions stores offsets; a null offset resets its partition.
func (w *Worker) AlterPositions(ctx context.Context, name string, ps []connect.Position) (string, error) {
	if len(ps) == 0 {
		return "", badRequest(offsetsNeeded)
	}
	w.changes.Lock()
	defer w.changes.Unlock()
	s, err := w.stopped(name)
	if err != nil {
		return "", err
	}
	if w.typeOf(s.Config["connector.class"]) == typeSink {
		return offsetsAltered, w.alterGroup(ctx, s, ps)
	}
	for _, p := range ps {
		if p.Partition.IsNull() {
			return "", internal("Partition objects cannot be null")
		}
		if check := w.o.Plugins.Source(s.Config["connector.class"]).CheckOffset; check != nil {
			if err := check(p); err != nil {
				return "", internal("%v", err)
			}
		}
	}
	if err := w.fenceTasks(ctx, name, s); err != nil {
		return "", internal("%v", err)
	}
	if err := w.offsets.Write(ctx, w.adminID(name), name, ps); err != nil {
		return "", internal("%v", err)
	}
	return offsetsAltered, nil
}

// ResetPositions forgets all offsets of a connector.
func (w *Worker) ResetPositions(ctx context.Context, name string) (string, error) {
	w.changes.Lock()
	defer w.changes.Unlock()
	s, err := w.stopped(name)
	if err != nil {
		return "", err
	}
	if w.typeOf(s.Config["connector.class"]) == typeSink {
		if err := w.o.Cluster.DeleteGroup(ctx, groupOf(s)); err != nil {
			return "", internal("Failed to reset consumer group offsets for connector %s; tasks may not have stopped, or there are zombie sink tasks: %v", name, err)
		}
		return offsetsReset, nil
	}
	ps, err := w.offsets.Load(ctx, name)
	if err != nil {
		return "", internal("%v", err)
	}
	for i := range ps {
		ps[i].Offset = connect.Null()
	}
	if len(ps) == 0 {
		return offsetsReset, nil
	}
	if err := w.fenceTasks(ctx, name, s); err != nil {
		return "", internal("%v", err)
	}
	if err := w.offsets.Write(ctx, w.adminID(name), name, ps); err != nil {
		return "", internal("%v", err)
	}
	return offsetsReset, nil
}

// adminID is the transactional id of changes by an operator.
func (w *Worker) adminID(name string) string { return w.o.Group + "-" + name + "-offsets" }

// fenceTasks makes sure that no task of the connector still writes offsets somewhere.
func (w *Worker) fenceTasks(ctx context.Context, name string, s topics.ConnectorState) error {
	var ids []string
	for i := range max(s.FencingCount, 0) {
		ids = append(ids, fmt.Sprintf("%s-%s-%d", w.o.Group, name, i))
	}
	return w.o.Cluster.Fence(ctx, ids)
}

// alterGroup changes the offsets of a sink's consumer group.
func (w *Worker) alterGroup(ctx context.Context, s topics.ConnectorState, ps []connect.Position) error {
	var set []kafka.TopicOffset
	var reset []kafka.TopicPartition
	for _, p := range ps {
		tp, err := sinkPartition(p.Partition)
		if err != nil {
			return err
		}
		if p.Offset.IsNull() {
			reset = append(reset, tp)
			continue
		}
		at, err := sinkOffset(p.Offset)
		if err != nil {
			return err
		}
		set = append(set, kafka.TopicOffset{TopicPartition: tp, Offset: at})
	}
	group := groupOf(s)
	var err error
	if len(set) > 0 {
		err = w.o.Cluster.CommitOffsets(ctx, kafka.Memberless(group), set)
	}
	if len(reset) > 0 {
		err = errors.Join(err, w.o.Cluster.DeleteGroupOffsets(ctx, group, reset))
	}
	if err != nil {
		return internal("Failed to alter consumer group offsets for connector %s; tasks may not have stopped, or there are zombie sink tasks: %v", s.Config["name"], err)
	}
	return nil
}

func sinkPartition(v connect.Value) (kafka.TopicPartition, error) {
	if v.IsNull() {
		return kafka.TopicPartition{}, badRequest("The partition for a sink connector offset cannot be null or missing")
	}
	topic, hasTopic := v.Get("kafka_topic")
	number, hasNumber := v.Get("kafka_partition")
	switch {
	case !hasTopic || !hasNumber:
		return kafka.TopicPartition{}, badRequest("The partition for a sink connector offset must contain the keys 'kafka_topic' and 'kafka_partition'")
	case topic.IsNull():
		return kafka.TopicPartition{}, badRequest("Kafka topic names must be valid strings and may not be null")
	case number.IsNull():
		return kafka.TopicPartition{}, badRequest("Kafka partitions must be valid numbers and may not be null")
	}
	p, ok := integer(number, 32)
	if !ok {
		return kafka.TopicPartition{}, badRequest("Failed to parse the following Kafka partition value in the provided offsets: '%s'. Partition values for sink connectors need to be integers.", shown(number))
	}
	return kafka.TopicPartition{Topic: topic.Str(), Partition: int32(p)}, nil
}

func sinkOffset(v connect.Value) (int64, error) {
	at, ok := v.Get("kafka_offset")
	if !ok {
		return 0, badRequest("The offset for a sink connector should either be null or contain the key 'kafka_offset'")
	}
	n, ok := integer(at, 64)
	if !ok {
		return 0, badRequest("Failed to parse the following Kafka offset value in the provided offsets: '%s'. Offset values for sink connectors need to be integers.", shown(at))
	}
	return n, nil
}

// integer reads a number of so many bits, also one that is given as a string.
func integer(v connect.Value, bits int) (int64, bool) {
	if v.IsInt() {
		return v.Int(), v.Int() >= 0 && v.Int() <= math.MaxInt64>>(64-bits)
	}
	n, err := strconv.ParseInt(v.Str(), 10, bits)
	return n, err == nil && n >= 0
}

// shown is a value as the user wrote it, a string without its quotes.
func shown(v connect.Value) string {
	if v.Kind() == connect.KindString {
		return v.Str()
	}
	return string(convert.AppendJSON(nil, v))
}
