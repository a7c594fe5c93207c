// SPDX-License-Identifier: Apache-2.0

package kafka

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/kafka"
)

// transactionTimeout is after how long an open transaction of a dead sink is aborted.
// It is well above the usual interval of flushes, a minute; where flushes are rarer, a
// transaction is committed at half of it.
const transactionTimeout = 5 * time.Minute

// Sink introduces the sink. Its connections come from the worker's pool; converters
// are those that target.key.converter and target.value.converter may name.
func Sink(pool *kafka.Clusters, converters []connect.ConverterPlugin) connect.SinkPlugin {
	plugins := &connect.Plugins{Converters: converters}
	return connect.SinkPlugin{
		PluginInfo: connect.PluginInfo{
			Class: "KafkaSink", Aliases: []string{"KafkaSinkConnector"}, Version: version,
			Doc: "Writes to another cluster, or back to the own one, in transactions.", Config: sinkConfig,
			Validate: func(c connect.Config) connect.ConfigErrors { return validateTarget(plugins, c) },
		},
		Defaults: map[string]string{"key.converter": byteArray, "value.converter": byteArray, "header.converter": byteArray},
		New:      func() connect.Connector { return &sink{} },
		NewTask:  func() connect.SinkTask { return &sinkTask{pool: pool, plugins: plugins, now: time.Now} },
	}
}

// sink plans as many tasks as are allowed: the group spreads the partitions.
type sink struct{ props map[string]string }

// Start remembers the configuration.
func (s *sink) Start(_ context.Context, c connect.ConnectorContext) error {
	s.props = c.Config.Raw()
	return nil
}

// Tasks gives every task the same configuration.
func (s *sink) Tasks(_ context.Context, most int) ([]map[string]string, error) {
	tasks := make([]map[string]string, most)
	for i := range tasks {
		tasks[i] = maps.Clone(s.props)
	}
	return tasks, nil
}

// Stop has nothing to end.
func (s *sink) Stop(context.Context) error { return nil }

// sinkTask writes with one transactional producer: what was put since the last flush
// is one transaction, which the flush commits.
type sinkTask struct {
	pool    *kafka.Clusters
	plugins *connect.Plugins
	now     func() time.Time

	t          connect.SinkTaskContext
	cluster    *kafka.Cluster
	release    func()
	producer   *kafka.Producer
	keys, vals connect.Converter
	preserve   bool
	template   string

	sets    map[kafka.TopicPartition][]kafka.Record
	sticky  int32
	counts  map[string]int32
	toNames map[string]string
	opened  time.Time // when the transaction began; zero without one
}

func validateTarget(plugins *connect.Plugins, c connect.Config) connect.ConfigErrors {
	errs := validateSink(c)
	for _, key := range []string{targetKeyConv, targetValConv} {
		if _, err := newConverter(plugins, c, key); err != nil {
			e := connect.ConfigError{Key: key, Value: c.String(key), Rule: err.Error()}
			var names []string
			for i := range plugins.Converters {
				names = append(names, connect.SimpleName(plugins.Converters[i].Class))
			}
			if near := connect.Nearest(connect.SimpleName(c.String(key)), names); near != "" {
				e.Hint = "did you mean " + near + "?"
			}
			errs = append(errs, e)
		}
	}
	return errs
}

func newConverter(plugins *connect.Plugins, c connect.Config, key string) (connect.Converter, error) {
	p := plugins.Converter(c.String(key))
	if p == nil || p.New == nil {
		return nil, fmt.Errorf("no converter has this name")
	}
	cfg, errs := p.Config.Parse(c.WithPrefix(key + "."))
	if len(errs) > 0 {
		return nil, errs
	}
	return p.New(connect.ConverterContext{Key: key == targetKeyConv, Config: cfg})
}

// Start takes over the transactional id of the task. It may be called again after it
// failed.
func (s *sinkTask) Start(ctx context.Context, t connect.SinkTaskContext) error {
	if s.release != nil {
		s.release()
	}
	s.release, s.producer = nil, nil
	s.t, s.preserve, s.template = t, t.Config.Bool(preserveKey), t.Config.String(topicKey)
	s.sets, s.counts, s.toNames = map[kafka.TopicPartition][]kafka.Record{}, map[string]int32{}, map[string]string{}
	var err error
	if s.keys, err = newConverter(s.plugins, t.Config, targetKeyConv); err != nil {
		return fmt.Errorf("%s: %w", targetKeyConv, err)
	}
	if s.vals, err = newConverter(s.plugins, t.Config, targetValConv); err != nil {
		return fmt.Errorf("%s: %w", targetValConv, err)
	}
	settings, _, err := clientSettings(t.Config, targetPrefix, t.Kafka)
	if err != nil {
		return err
	}
	if s.cluster, s.release, err = s.pool.Get(ctx, settings); err != nil {
		return connect.Retriable(err)
	}
	id, err := s.transactionalID(ctx)
	if err != nil {
		return connect.Retriable(err)
	}
	s.producer, err = s.cluster.NewProducer(ctx, kafka.ProducerOptions{TransactionalID: id, TransactionTimeout: transactionTimeout})
	return connect.Retriable(err)
}

// transactionalID names the task among all that write to the target cluster: sinks of
// equal names on several clusters must not fence each other.
func (s *sinkTask) transactionalID(ctx context.Context) (string, error) {
	from := ""
	if len(s.t.Kafka) > 0 {
		settings, errs := kafka.ParseSettings(s.t.Kafka)
		if len(errs) > 0 {
			return "", errs
		}
		own, release, err := s.pool.Get(ctx, settings)
		if err != nil {
			return "", err
		}
		defer release()
		if from, err = own.ID(ctx); err != nil {
			return "", fmt.Errorf("ask for the id of the own cluster: %w", err)
		}
		from += "-"
	}
	return fmt.Sprintf("connectd-sink-%s%s-%d", from, s.t.Connector, s.t.Task), nil
}

// Open has nothing to do: the positions are the group's.
func (s *sinkTask) Open(context.Context, []connect.TopicOffset) error { return nil }

// Put converts the batch and sends it within the open transaction.
func (s *sinkTask) Put(ctx context.Context, b *connect.Batch) error {
	clear(s.sets) // what an attempt that failed has left
	for i := range b.Records {
		if err := s.add(ctx, &b.Records[i]); err != nil {
			if connect.IsRetriable(err) {
				return err
			}
			if err := s.t.Report(ctx, i, err); err != nil {
				return err
			}
		}
	}
	for tp, rs := range s.sets {
		s.producer.Send(tp, rs)
	}
	if s.opened.IsZero() {
		s.opened = s.now()
	}
	err := s.producer.Flush(ctx)
	clear(s.sets)
	if err != nil {
		// Fenced or refused: the task begins again at the committed offsets.
		return err
	}
	if s.now().Sub(s.opened) > transactionTimeout/2 {
		return s.commit(ctx)
	}
	return nil
}

func (s *sinkTask) commit(ctx context.Context) error {
	s.opened = time.Time{}
	return s.producer.Commit(ctx)
}

func (s *sinkTask) add(ctx context.Context, r *connect.Record) error {
	topic := s.target(r.Topic)
	n, err := s.partitions(ctx, topic)
	if err != nil {
		return err
	}
	out := kafka.Record{Timestamp: r.Timestamp}
	if out.Key, err = bytesOf(s.keys, topic, r.KeySchema, r.Key); err != nil {
		return fmt.Errorf("convert the key for %s: %w", topic, err)
	}
	if out.Value, err = bytesOf(s.vals, topic, r.ValueSchema, r.Value); err != nil {
		return fmt.Errorf("convert the value for %s: %w", topic, err)
	}
	for _, h := range r.Headers {
		out.Headers = append(out.Headers, kafka.Header{Key: strings.Clone(h.Key), Value: headerBytes(h.Value)})
	}
	tp := kafka.TopicPartition{Topic: topic, Partition: s.partition(r, out.Key, n)}
	s.sets[tp] = append(s.sets[tp], out)
	return nil
}

func headerBytes(v connect.Value) []byte {
	if v.IsNull() {
		return nil
	}
	return append([]byte{}, v.Bytes()...)
}

func bytesOf(c connect.Converter, topic string, s *connect.Schema, v connect.Value) ([]byte, error) {
	out, null, err := c.FromConnect(nil, topic, s, v)
	if err != nil || null {
		return nil, err
	}
	if out == nil {
		out = []byte{}
	}
	return out, nil
}

func (s *sinkTask) target(from string) string {
	to, ok := s.toNames[from]
	if !ok {
		to = strings.ReplaceAll(s.template, topicReference, from)
		s.toNames[from] = to
	}
	return to
}

// partitions creates the topic if it does not exist.
func (s *sinkTask) partitions(ctx context.Context, topic string) (int32, error) {
	if n, ok := s.counts[topic]; ok {
		return n, nil
	}
	n, err := s.cluster.Partitions(ctx, topic)
	if errors.Is(err, kafka.ErrUnknownTopic) {
		if _, err = s.cluster.EnsureTopic(ctx, kafka.TopicSpec{Name: topic, Partitions: -1, Replication: -1}); err == nil {
			n, err = s.cluster.Partitions(ctx, topic)
		}
	}
	if err != nil {
		return 0, connect.Retriable(err)
	}
	s.counts[topic] = n
	return n, nil
}

func (s *sinkTask) partition(r *connect.Record, key []byte, n int32) int32 {
	switch {
	case s.preserve && r.Partition >= 0 && r.Partition < n:
		return r.Partition
	case key != nil:
		return kafka.PartitionFor(key, n)
	default:
		s.sticky++
		return s.sticky % n
	}
}

// Flush commits the transaction; only then may the offsets be committed.
func (s *sinkTask) Flush(ctx context.Context, offsets []connect.TopicOffset) ([]connect.TopicOffset, error) {
	if err := s.commit(ctx); err != nil {
		return nil, err
	}
	return offsets, nil
}

// Close has nothing to do: what was put has been flushed.
func (s *sinkTask) Close(context.Context, []connect.TopicPartition) error { return nil }

// Stop aborts what was put but not flushed.
func (s *sinkTask) Stop(ctx context.Context) error {
	var err error
	if s.producer != nil {
		err = s.producer.Abort(ctx)
		if errors.Is(err, kafka.ErrFenced) {
			err = nil // the successor has begun
		}
	}
	if s.release != nil {
		s.release()
	}
	return err
}
