// SPDX-License-Identifier: Apache-2.0

package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/kafka"
)

// sourceTask reads its partitions with one fetcher.
type sourceTask struct {
	pool *kafka.Clusters

	t         connect.SourceTaskContext
	cluster   *kafka.Cluster
	release   func()
	fetcher   *kafka.Fetcher
	isolation kafka.Isolation
	own       bool // the topics are of the worker's cluster

	inputs  []input
	numbers map[kafka.TopicPartition]int32
	pending []kafka.Run        // runs that did not fit into the last batch
	begun   []connect.Position // where partitions without a stored offset begin, to be stored
}

// input is one partition that is read, with what is the same for all its records.
type input struct {
	kafka.TopicPartition
	partition connect.Value
	to        string // the topic that is written
	target    int32  // the partition that is written, or NoPartition
}

// Start seeks to the stored offsets. It may be called again after it failed.
func (s *sourceTask) Start(ctx context.Context, t connect.SourceTaskContext) error {
	if s.release != nil {
		s.release()
	}
	s.t, s.release, s.inputs, s.begun = t, nil, nil, nil
	settings, foreign, err := clientSettings(t.Config, sourcePrefix, t.Kafka)
	if err != nil {
		return err
	}
	s.own = !foreign
	if strings.EqualFold(t.Config.String(isolationKey), "read_uncommitted") {
		s.isolation = kafka.ReadUncommitted
	}
	if s.cluster, s.release, err = s.pool.Get(ctx, settings); err != nil {
		return connect.Retriable(err)
	}
	assigned, err := parseAssigned(t.Config.String(partitionsKey))
	if err != nil {
		return err
	}
	s.prepare(assigned)
	at, err := s.positions(ctx)
	if err != nil {
		return err
	}
	s.fetcher = s.cluster.NewFetcher(kafka.FetcherOptions{Isolation: s.isolation})
	s.fetcher.Assign(at...)
	return nil
}

func (s *sourceTask) prepare(assigned []kafka.TopicPartition) {
	cluster := s.t.Config.String(aliasKey)
	s.numbers = make(map[kafka.TopicPartition]int32, len(assigned))
	for i, tp := range assigned {
		in := input{TopicPartition: tp, partition: partitionOf(cluster, tp), target: connect.NoPartition}
		in.to = strings.ReplaceAll(s.t.Config.String(topicKey), topicReference, tp.Topic)
		if s.t.Config.Bool(preserveKey) {
			in.target = tp.Partition
		}
		s.inputs = append(s.inputs, in)
		s.numbers[tp] = int32(i)
	}
}

// StatePartitions are the numbers of the partitions that the task reads.
func (s *sourceTask) StatePartitions() (own []int32, total int32) {
	for i := range s.inputs {
		if p := s.inputs[i].Partition; !slices.Contains(own, p) {
			own = append(own, p)
		}
	}
	return own, int32(s.t.Config.Int(countKey))
}

// partitionOf is the source partition as MirrorMaker writes it.
func partitionOf(cluster string, tp kafka.TopicPartition) connect.Value {
	return connect.Map([]connect.MapEntry{
		{Key: connect.String("cluster"), Value: connect.String(cluster)},
		{Key: connect.String("partition"), Value: connect.Int64(int64(tp.Partition))},
		{Key: connect.String("topic"), Value: connect.String(tp.Topic)},
	})
}

// offsetOf is the stored offset: that of the last record that is done.
func offsetOf(last int64) connect.Value {
	return connect.Map([]connect.MapEntry{{Key: connect.String("offset"), Value: connect.Int64(last)}})
}

func checkOffset(p connect.Position) error {
	for _, name := range []string{"cluster", "topic"} {
		if v, _ := p.Partition.Get(name); v.Kind() != connect.KindString {
			return fmt.Errorf("the source partition needs %q, a string", name)
		}
	}
	if v, _ := p.Partition.Get("partition"); !v.IsInt() || v.Int() < 0 {
		return errors.New(`the source partition needs "partition", a number from 0`)
	}
	if p.Offset.IsNull() {
		return nil
	}
	if v, _ := p.Offset.Get("offset"); !v.IsInt() || v.Int() < -1 {
		return errors.New(`the source offset needs "offset", the offset of the last record that is done`)
	}
	return nil
}

// positions returns where to begin in each partition.
func (s *sourceTask) positions(ctx context.Context) ([]kafka.TopicOffset, error) {
	partitions := make([]connect.Value, len(s.inputs))
	for i := range s.inputs {
		partitions[i] = s.inputs[i].partition
	}
	stored, err := s.t.Offsets(ctx, partitions)
	if err != nil {
		return nil, err
	}
	var at []kafka.TopicOffset
	for i, in := range s.inputs {
		if last, ok := stored[i].Get("offset"); ok && last.IsInt() {
			at = append(at, kafka.TopicOffset{TopicPartition: in.TopicPartition, Offset: last.Int() + 1})
			continue
		}
		o, err := s.begin(ctx, in.TopicPartition)
		if err != nil {
			return nil, err
		}
		at = append(at, o)
		if strings.EqualFold(s.t.Config.String(startKey), "latest") {
			// The next start must not skip what arrives between the two.
			s.begun = append(s.begun, s.position(int32(i), o.Offset-1))
		}
	}
	return at, nil
}

// begin is where a partition is read from without a usable offset.
func (s *sourceTask) begin(ctx context.Context, tp kafka.TopicPartition) (kafka.TopicOffset, error) {
	when := kafka.Earliest
	switch strings.ToLower(s.t.Config.String(startKey)) {
	case "latest":
		when = kafka.Latest
	case "none":
		return kafka.TopicOffset{}, fmt.Errorf("%s-%d has no usable offset, and %s is none: store one with PATCH /connectors/%s/offsets, or choose earliest or latest",
			tp.Topic, tp.Partition, startKey, s.t.Connector)
	}
	found, err := s.cluster.ListOffsets(ctx, tp.Topic, []int32{tp.Partition}, when, s.isolation)
	if err != nil {
		return kafka.TopicOffset{}, connect.Retriable(err)
	}
	return kafka.TopicOffset{TopicPartition: tp, Offset: found[tp.Partition]}, nil
}

// Poll hands out what has been fetched.
func (s *sourceTask) Poll(ctx context.Context, b *connect.Batch) error {
	if len(s.begun) > 0 {
		b.Progress, s.begun = append(b.Progress, s.begun...), nil
		return nil
	}
	if len(s.inputs) == 0 {
		<-ctx.Done() // topics that appear lead to other tasks
		return nil
	}
	for b.Empty() && ctx.Err() == nil {
		if len(s.pending) == 0 {
			runs, err := s.fetcher.Poll(ctx)
			if err != nil {
				return connect.Retriable(err)
			}
			s.pending = runs
		}
		if err := s.fill(ctx, b); err != nil {
			return err
		}
	}
	return nil
}

// fill moves pending runs into the batch until it is full. An error comes with an
// empty batch only, since the engine throws the batch of an error away.
func (s *sourceTask) fill(ctx context.Context, b *connect.Batch) error {
	for len(s.pending) > 0 && !b.Full() {
		run := &s.pending[0]
		if run.Err == nil {
			if !s.take(b, run) {
				return nil
			}
		} else {
			if !b.Empty() {
				return nil
			}
			if err := s.recover(ctx, b, run); err != nil {
				return err
			}
		}
		s.pending = s.pending[1:]
	}
	if len(s.pending) == 0 {
		s.pending = nil
	}
	return nil
}

// take moves records into the batch and reports whether the run is used up.
func (s *sourceTask) take(b *connect.Batch, run *kafka.Run) bool {
	number, last, n := s.numbers[run.TopicPartition], int64(-1), 0
	for ; n < len(run.Records) && !b.Full(); n++ {
		s.add(b, number, &run.Records[n])
		last = run.Records[n].Offset
	}
	if run.Records = run.Records[n:]; len(run.Records) > 0 {
		return false
	}
	if last < run.Next-1 { // markers of transactions, or records that were filtered
		b.Progress = append(b.Progress, s.position(number, run.Next-1))
	}
	return true
}

// recover goes on after a partition could not be read. When the log no longer holds
// the offset it goes on elsewhere; a topic that was deleted may come back.
func (s *sourceTask) recover(ctx context.Context, b *connect.Batch, run *kafka.Run) error {
	switch {
	case errors.Is(run.Err, kafka.ErrUnknownTopic):
		s.t.Log.Warn("the topic does not exist; it is looked for again", "topic", run.Topic, "partition", run.Partition)
	case !errors.Is(run.Err, kafka.ErrOffsetOutOfRange):
		err := connect.Retriable(fmt.Errorf("read %s-%d: %w", run.Topic, run.Partition, run.Err))
		s.fetcher.Assign(kafka.TopicOffset{TopicPartition: run.TopicPartition, Offset: run.Next})
		s.pending = s.pending[1:]
		return err
	default:
		o, err := s.begin(ctx, run.TopicPartition)
		if err != nil {
			return err
		}
		s.t.Log.Warn("the log does not hold the offset any more; records may have been missed",
			"topic", run.Topic, "partition", run.Partition, "offset", run.Next, "continued_at", o.Offset)
		run.Next = o.Offset
		b.Progress = append(b.Progress, s.position(s.numbers[run.TopicPartition], o.Offset-1))
	}
	s.fetcher.Assign(kafka.TopicOffset{TopicPartition: run.TopicPartition, Offset: run.Next})
	return nil
}

func (s *sourceTask) add(b *connect.Batch, number int32, r *kafka.Record) {
	in := &s.inputs[number]
	out := b.Add(len(r.Key) + len(r.Value))
	out.Topic, out.Partition, out.Source, out.StatePartition = in.to, in.target, number, in.Partition
	out.Timestamp, out.Pos[0], out.Offset = r.Timestamp, r.Offset, r.Offset
	if r.LogAppendTime {
		out.TimestampType = connect.LogAppendTime
	}
	out.RawKey, out.RawValue = r.Key, r.Value
	if r.Key != nil {
		out.Key = connect.Bytes(r.Key)
	}
	if r.Value != nil {
		out.Value = connect.Bytes(r.Value)
	}
	if len(r.Headers) > 0 {
		out.Headers = b.Arena.Headers(len(r.Headers))
		for i, h := range r.Headers {
			out.Headers[i].Key = h.Key
			if h.Value != nil {
				out.Headers[i].Schema, out.Headers[i].Value = connect.OptionalBytesSchema, connect.Bytes(h.Value)
			}
		}
	}
}

func (s *sourceTask) position(number int32, last int64) connect.Position {
	in := &s.inputs[number]
	p := connect.Position{Partition: in.partition, Offset: offsetOf(last)}
	if s.own {
		p.Group = connect.TopicOffset{TopicPartition: in.TopicPartition, Offset: last + 1}
	}
	return p
}

// Position is the offset of the record.
func (s *sourceTask) Position(b *connect.Batch, i int) connect.Position {
	r := &b.Records[i]
	return s.position(r.Source, r.Pos[0])
}

// Commit has nothing to do: the group's offsets are part of the transaction.
func (s *sourceTask) Commit(context.Context, []connect.Position) error { return nil }

// Stop ends the fetching.
func (s *sourceTask) Stop(context.Context) error {
	if s.fetcher != nil {
		s.fetcher.Close()
	}
	if s.release != nil {
		s.release()
	}
	return nil
}
