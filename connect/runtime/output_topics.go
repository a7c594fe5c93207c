// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/kafka"
)

// Classes that run at stages without a plugin of their own, as the original names them.
const (
	classProducer     = "org.apache.kafka.clients.producer.KafkaProducer"
	classTooLarge     = "org.apache.kafka.common.errors.RecordTooLargeException"
	classData         = "org.apache.kafka.connect.errors.DataException"
	classConnect      = "org.apache.kafka.connect.errors.ConnectException"
	classUnknownTopic = "org.apache.kafka.common.errors.UnknownTopicOrPartitionException"
)

// topicWriter encodes records for topics into the open unit.
type topicWriter struct {
	ctx    context.Context // of the batch under way
	now    func() time.Time
	key    codec
	value  codec
	header headerCodec
	shared sharedHeaders
	dir    directory
	maxAge time.Duration // of what is known of topics
	admit  func(ctx context.Context, topic string) (*outputTopic, error)
	wall   int64 // milliseconds, taken once a batch
	// poison are records that the broker has refused; nil for none. See refusal.
	poison map[refusal]error

	// in is the input record as it was decoded, when its bytes may pass as they are.
	in               *connect.Record
	passKey, passVal bool
}

// write encodes r and appends it to the unit.
func (w *topicWriter) write(u *unit, r *connect.Record) *failure {
	out := kafka.Record{Timestamp: r.Timestamp}
	if out.Timestamp == connect.NoTimestamp {
		out.Timestamp = w.wall
	}
	if len(r.Headers) > 0 {
		hs, f := w.headers(u, r)
		if f != nil {
			return f
		}
		out.Headers = hs
	}
	var f *failure
	if w.passKey && r.KeySchema == w.in.KeySchema && same(r.Key, w.in.Key) {
		out.Key = w.in.RawKey
	} else if out.Key, f = encode(&w.key, u, r.Topic, r.KeySchema, r.Key, connect.StageKeyConverter); f != nil {
		return f
	}
	if w.passVal && r.ValueSchema == w.in.ValueSchema && same(r.Value, w.in.Value) {
		out.Value = w.in.RawValue
	} else if out.Value, f = encode(&w.value, u, r.Topic, r.ValueSchema, r.Value, connect.StageValueConverter); f != nil {
		return f
	}
	return w.append(u, r.Topic, r.Partition, out)
}

func encode(c *codec, u *unit, topic string, s *connect.Schema, v connect.Value, stage connect.Stage) ([]byte, *failure) {
	out, null, err := c.FromConnect(u.scratch.tail(), topic, s, v)
	if err != nil {
		return nil, &failure{stage: stage, class: c.class, err: err}
	}
	if null {
		return nil, nil
	}
	return u.scratch.keep(out), nil
}

// append checks an encoded record against what is known of its topic, so that one
// bad record does not fail the whole transaction, and adds it to the unit.
func (w *topicWriter) append(u *unit, topic string, partition int32, out kafka.Record) *failure {
	t := w.dir.last
	if t == nil || t.name != topic {
		if t = w.dir.topics[topic]; t == nil {
			var err error
			// The name may lie in the batch, and is needed for longer.
			if t, err = w.admit(w.ctx, strings.Clone(topic)); err != nil {
				return produceFailure(err)
			}
		}
		w.dir.last = t
	}
	if size := out.Size(); size > t.limit {
		return produceFailure(&connect.DataError{Class: classTooLarge,
			Err: fmt.Errorf("the record takes %d bytes, more than topic %s (max.message.bytes) or the producer (max.request.size) allows: %d", size, topic, t.limit)})
	}
	if w.poison != nil {
		if err := w.poison[refusalOf(topic, &out)]; err != nil {
			return produceFailure(err)
		}
	}
	p, ok := t.partition(partition, out.Key)
	if !ok {
		return produceFailure(&connect.DataError{Class: classConnect, Err: fmt.Errorf("topic %s has no partition %d: it has %d", topic, partition, len(t.targets))})
	}
	u.add(w.dir.target(t, p), out)
	return nil
}

// refusal identifies a record that a broker refused although all checks had let it
// pass: the transaction was aborted, and when the same record comes again from the
// committed offset, it alone goes to the error road.
type refusal struct {
	topic string
	hash  [sha256.Size]byte
}

func refusalOf(topic string, r *kafka.Record) refusal {
	h := sha256.New()
	for _, part := range [][]byte{r.Key, r.Value} {
		// Writing to a hash does not fail.
		_, _ = fmt.Fprintf(h, "%d:", len(part))
		_, _ = h.Write(part)
	}
	return refusal{topic, [sha256.Size]byte(h.Sum(nil))}
}

func produceFailure(err error) *failure {
	return &failure{stage: connect.StageKafkaProduce, class: classProducer, err: err}
}

// topics admits the topics that a task may write to, and creates them by the rules
// of the connector.
type topics struct {
	cluster  *kafka.Cluster
	creation *topicCreation
	limit    int // max.request.size
	refused  map[string]string
	seen     func(topic string)
}

// batchOverhead is what a batch takes besides its records.
const batchOverhead = 61

// admit looks a topic up, and creates it if need be.
func (t *topics) admit(ctx context.Context, name string) (partitions int32, limit int, err error) {
	if why := t.refused[name]; why != "" {
		return 0, 0, connect.DataErrorf("records must not go to topic %s: %s", name, why)
	}
	if name == "" {
		return 0, 0, connect.DataErrorf("the record names no topic")
	}
	partitions, err = t.cluster.Refresh(ctx, name)
	if errors.Is(err, kafka.ErrUnknownTopic) {
		if _, err = t.cluster.EnsureTopic(ctx, t.creation.spec(name)); err == nil {
			partitions, err = t.cluster.Partitions(ctx, name)
		}
	}
	if err != nil {
		return 0, 0, err
	}
	if t.seen != nil {
		t.seen(name)
	}
	return partitions, min(t.limit, t.messageLimit(ctx, name)) - batchOverhead, nil
}

// messageLimit is the topic's max.message.bytes. Who may write need not be allowed
// to read settings: then the broker has the last word.
func (t *topics) messageLimit(ctx context.Context, name string) int {
	configs, err := t.cluster.TopicConfigs(ctx, name)
	if err != nil {
		return t.limit
	}
	var n int
	if _, err := fmt.Sscan(configs["max.message.bytes"], &n); err != nil || n <= 0 {
		return t.limit
	}
	return n
}
