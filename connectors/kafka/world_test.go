// SPDX-License-Identifier: Apache-2.0

package kafka

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/broker/brokertest"
	"github.com/connectd/connectd/connect/kafka"
)

func TestMain(m *testing.M) {
	// The client library's clock of rates is one for the process and never ends.
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("github.com/rcrowley/go-metrics.(*meterArbiter).tick"))
}

// world is a broker, and a client to look at it and to write to it.
type world struct {
	t       testing.TB
	addr    string
	pool    *kafka.Clusters
	cluster *kafka.Cluster
	ctx     context.Context
}

func newWorld(t testing.TB) *world {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	w := &world{t: t, addr: brokertest.Start(t), pool: &kafka.Clusters{}, ctx: ctx}
	settings, errs := kafka.ParseSettings(w.props())
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	var release func()
	var err error
	if w.cluster, release, err = w.pool.Get(ctx, settings); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { release(); cancel() })
	return w
}

// props are the client properties of the cluster.
func (w *world) props() map[string]string {
	return map[string]string{"bootstrap.servers": w.addr}
}

func (w *world) topic(name string, partitions int32) string {
	w.t.Helper()
	name = brokertest.Topic(w.t, name)
	w.create(name, partitions)
	return name
}

func (w *world) create(name string, partitions int32) {
	w.t.Helper()
	if _, err := w.cluster.EnsureTopic(w.ctx, kafka.TopicSpec{Name: name, Partitions: partitions, Replication: 1}); err != nil {
		w.t.Fatal(err)
	}
}

// write writes records to a partition, without a transaction.
func (w *world) write(topic string, partition int32, rs ...kafka.Record) {
	w.t.Helper()
	p, err := w.cluster.NewProducer(w.ctx, kafka.ProducerOptions{})
	if err != nil {
		w.t.Fatal(err)
	}
	p.Send(kafka.TopicPartition{Topic: topic, Partition: partition}, rs)
	if err := p.Flush(w.ctx); err != nil {
		w.t.Fatal(err)
	}
}

// transaction writes records and commits or aborts them.
func (w *world) transaction(topic string, commit bool, rs ...kafka.Record) {
	w.t.Helper()
	p, err := w.cluster.NewProducer(w.ctx, kafka.ProducerOptions{TransactionalID: brokertest.Name(w.t, "txn"), TransactionTimeout: time.Minute})
	if err != nil {
		w.t.Fatal(err)
	}
	p.Send(kafka.TopicPartition{Topic: topic}, rs)
	if err = p.Flush(w.ctx); err == nil && commit {
		err = p.Commit(w.ctx)
	} else if err == nil {
		err = p.Abort(w.ctx)
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

// read returns the committed records of one partition.
func (w *world) read(topic string, partition int32) []kafka.Record {
	w.t.Helper()
	var out []kafka.Record
	_, err := w.cluster.Replay(w.ctx, topic, []int32{partition}, nil, func(_ int32, r *kafka.Record) error {
		out = append(out, *r)
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

func value(text string) kafka.Record {
	return kafka.Record{Value: []byte(text), Timestamp: time.Now().UnixMilli()}
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// planner starts a source connector; the channel gets an entry for each Reconfigure.
func (w *world) planner(props map[string]string) (connect.Connector, chan struct{}) {
	w.t.Helper()
	plugin := Source(w.pool)
	cfg, errs := plugin.Config.Parse(props)
	if len(errs) > 0 {
		w.t.Fatal(errs)
	}
	asked := make(chan struct{}, 100)
	c := plugin.New()
	err := c.Start(w.ctx, connect.ConnectorContext{Name: "test", Config: cfg, Log: quiet(), Kafka: w.props(),
		Reconfigure: func() {
			select {
			case asked <- struct{}{}:
			default:
			}
		}, Fail: func(err error) { w.t.Error(err) }})
	w.t.Cleanup(func() {
		if err := c.Stop(context.Background()); err != nil {
			w.t.Error(err)
		}
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return c, asked
}

// assigned returns the planned partitions of each task.
func (w *world) assigned(c connect.Connector, most int) []string {
	w.t.Helper()
	tasks, err := c.Tasks(w.ctx, most)
	if err != nil {
		w.t.Fatal(err)
	}
	out := make([]string, len(tasks))
	for i := range tasks {
		out[i] = tasks[i][partitionsKey]
	}
	return out
}

// reader is a started source task.
type reader struct {
	w    *world
	task connect.SourceTask
}

// reader starts a task with stored offsets by "topic:partition".
func (w *world) reader(props map[string]string, stored map[string]connect.Value) (*reader, error) {
	w.t.Helper()
	plugin := Source(w.pool)
	cfg, errs := plugin.Config.Parse(props)
	if len(errs) > 0 {
		w.t.Fatal(errs)
	}
	r := &reader{w, plugin.NewTask()}
	w.t.Cleanup(r.stop)
	return r, r.task.Start(w.ctx, connect.SourceTaskContext{Connector: "test", Config: cfg, Log: quiet(), Kafka: w.props(),
		Offsets: func(_ context.Context, ps []connect.Value) ([]connect.Value, error) {
			out := make([]connect.Value, len(ps))
			for i, p := range ps {
				topic, _ := p.Get("topic")
				number, _ := p.Get("partition")
				out[i] = stored[topic.Str()+":"+string(rune('0'+number.Int()))]
			}
			return out, nil
		}})
}

func (r *reader) stop() {
	if err := r.task.Stop(context.Background()); err != nil {
		r.w.t.Error(err)
	}
}

// poll returns the next batch with something in it.
func (r *reader) poll() *connect.Batch {
	r.w.t.Helper()
	b := &connect.Batch{MaxRecords: 100, MaxBytes: 1 << 20}
	for b.Empty() {
		err := r.task.Poll(r.w.ctx, b)
		if err != nil && !connect.IsRetriable(err) || r.w.ctx.Err() != nil {
			r.w.t.Fatalf("poll: %v", err)
		}
	}
	return b
}

// values polls until n records have come, and returns their values.
func (r *reader) values(n int) []string {
	r.w.t.Helper()
	var out []string
	for len(out) < n {
		b := r.poll()
		for i := range b.Records {
			out = append(out, string(b.Records[i].RawValue))
		}
	}
	return out
}
