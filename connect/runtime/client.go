// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/kafka"
)

// client is a task's way to write to the cluster.
type client struct {
	cluster       *kafka.Cluster
	release       func()
	producer      *kafka.Producer
	settings      kafka.Settings
	transactional bool
}

// transaction.timeout.ms is at least leastTimeout and three intervals, and at most
// what brokers allow by default.
const (
	leastTimeout = 60 * time.Second
	mostTimeout  = 15 * time.Minute
)

// openProducer connects, and takes over the transactional id: whatever an earlier
// instance of the task left open is aborted from here on, and the instance is fenced.
func (t *Task) openProducer(ctx context.Context) (*client, error) {
	id := "connector-producer-" + t.o.Connector + "-" + strconv.Itoa(t.o.Task)
	settings, err := t.clientSettings(t.o.Worker.Producer, "producer.override.", map[string]string{"client.id": t.clientID(id)})
	if err != nil {
		return nil, err
	}
	c := &client{settings: settings, transactional: t.transactional()}
	if c.cluster, c.release, err = t.o.Clusters.Get(ctx, settings); err != nil {
		return nil, err
	}
	opts := kafka.ProducerOptions{}
	if c.transactional {
		opts.TransactionalID = t.transactionalID()
		if opts.TransactionTimeout, err = t.transactionTimeout(); err != nil {
			c.release()
			return nil, err
		}
	}
	if c.producer, err = c.cluster.NewProducer(ctx, opts); err != nil {
		c.release()
		if opts.TransactionalID != "" {
			err = fmt.Errorf("%w; the cluster must allow the transactional id: kafka-acls --add --allow-principal User:<user> --operation Write --operation Describe --transactional-id %s, or set %s=%s", err, opts.TransactionalID, keyDelivery, atLeastOnce)
		}
		return nil, err
	}
	return c, nil
}

func (c *client) close() { c.release() }

// clientID is one for all tasks of a worker, so that they share connections, unless
// the user wants to tell them apart.
func (t *Task) clientID(string) string {
	if id := t.o.Worker.Common["client.id"]; id != "" {
		return id
	}
	return "connectd"
}

// transactional reports whether the task writes in transactions: sources, unless told
// otherwise, and sinks with state.
func (t *Task) transactional() bool {
	if t.p.sink != nil {
		return t.p.chain.stateful()
	}
	return t.p.framework.String(keyDelivery) != atLeastOnce
}

// transactionalID is the one of the original.
func (t *Task) transactionalID() string {
	return t.o.Group + "-" + t.o.Connector + "-" + strconv.Itoa(t.o.Task)
}

func (t *Task) transactionTimeout() (time.Duration, error) {
	const key = "transaction.timeout.ms"
	d := max(leastTimeout, 3*t.o.Worker.FlushInterval)
	text, set := t.p.props["producer.override."+key]
	if !set {
		text, set = t.o.Worker.Producer[key]
	}
	if set {
		ms, err := strconv.ParseInt(text, 10, 32)
		if err != nil || ms <= 0 {
			return 0, connect.ConfigErrors{{Key: "producer.override." + key, Value: text, Rule: "must be a number of milliseconds above 0"}}
		}
		return time.Duration(ms) * time.Millisecond, nil
	}
	return min(d, mostTimeout), nil
}

// newWriter makes the end of the road to topics.
func (t *Task) newWriter(c *client, poison map[refusal]error) (*topicWriter, error) {
	creation, errs := parseTopicCreation(t.p.props, !t.o.Worker.NoTopicCreation)
	if len(errs) > 0 {
		return nil, errs
	}
	errorTopic := t.p.framework.String(keyErrorTopic)
	seen := func(topic string) {
		if t.o.OnTopic != nil && topic != errorTopic {
			t.o.OnTopic(topic)
		}
	}
	all := topics{cluster: c.cluster, creation: creation, limit: c.settings.MaxRequestSize, seen: seen, refused: map[string]string{}}
	if t.o.Offsets != nil {
		all.refused[t.o.Offsets.Topic()] = "offsets are committed there in the same transaction"
	}
	for _, s := range t.p.chain.stateSteps() {
		all.refused[t.changelog(s)] = "it is a changelog of this connector"
	}
	w := &topicWriter{ctx: context.Background(), now: t.o.Now, key: t.p.key, value: t.p.value, header: t.p.header, poison: poison, maxAge: c.settings.MetadataMaxAge}
	w.dir.looked = t.o.Now()
	w.admit = func(ctx context.Context, name string) (*outputTopic, error) {
		n, limit, err := all.admit(ctx, name)
		if err != nil {
			return nil, err
		}
		return w.dir.add(name, n, limit), nil
	}
	return w, nil
}

// newStages makes the stages between input and output, which the caller sets.
func (t *Task) newStages(ctx context.Context, c *client, w *topicWriter) (*stages, error) {
	s := &stages{chain: t.p.chain, unit: &unit{}, errs: newErrorRoad(&t.o, t.p), retry: newRetry(t.p.framework, t.o.Now), m: t.o.Metrics, log: t.o.Log}
	if s.errs.topic != "" {
		if err := ensureErrorTopic(ctx, c.cluster, t.p.framework); err != nil {
			return nil, err
		}
		s.errs.write = func(u *unit, r kafka.Record) *failure { return w.append(u, s.errs.topic, connect.NoPartition, r) }
	}
	s.chain.begin(s)
	return s, nil
}
