// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/broker/brokertest"
	"github.com/connectd/connectd/connect/convert"
	"github.com/connectd/connectd/connect/kafka"
	"github.com/connectd/connectd/connect/metrics"
)

const deadline = 20 * time.Second

// world is a broker with topics of one test, and the parts that tasks are made of.
type world struct {
	t        testing.TB
	addr     string
	clusters *kafka.Clusters
	cluster  *kafka.Cluster
	name     string // of the connector; also makes topics unique
	source   *memory
	batch    int
	decodes  bool
	// transforms by class name.
	transforms map[string]func() connect.Transform
	predicates map[string]func() connect.Predicate
	sink       func() connect.SinkTask
	config     map[string]string
	worker     WorkerSettings
	stateDir   string
	crash      func(string)
	atEnd      func() // before tasks are waited for
	number     int    // of the task
	metrics    *metrics.Task
	log        *slog.Logger
}

func newWorld(t testing.TB, config map[string]string) *world {
	t.Helper()
	w := &world{t: t, addr: brokertest.Start(t), clusters: &kafka.Clusters{}, name: brokertest.Name(t, "c"), source: newMemory(), config: map[string]string{}, metrics: &metrics.Task{}, log: slog.New(slog.DiscardHandler)}
	settings, errs := kafka.ParseSettings(w.props())
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	c, release, err := w.clusters.Get(t.Context(), settings)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(release)
	w.cluster = c
	for k, v := range config {
		w.config[k] = v
	}
	w.create("offsets", 1, map[string]string{"cleanup.policy": "compact"})
	return w
}

func (w *world) props() map[string]string { return map[string]string{"bootstrap.servers": w.addr} }

func (w *world) topic(name string) string { return w.name + "-" + name }

func (w *world) create(name string, partitions int32, configs map[string]string) string {
	w.t.Helper()
	if _, err := w.cluster.EnsureTopic(w.t.Context(), kafka.TopicSpec{Name: w.topic(name), Partitions: partitions, Replication: 1, Configs: configs}); err != nil {
		w.t.Fatal(err)
	}
	return w.topic(name)
}

func (w *world) plugins() *connect.Plugins {
	p := &connect.Plugins{Converters: convert.Plugins()}
	p.Sources = []connect.SourcePlugin{{
		PluginInfo: connect.PluginInfo{Class: "MemorySource", Config: connect.Define()}, Decodes: w.decodes,
		NewTask: func() connect.SourceTask { return &memoryTask{m: w.source, batch: w.batch} },
	}}
	if w.sink != nil {
		p.Sinks = []connect.SinkPlugin{{PluginInfo: connect.PluginInfo{Class: "MemorySink", Config: connect.Define()}, NewTask: w.sink}}
	}
	for class, make := range w.transforms {
		p.Transforms = append(p.Transforms, connect.TransformPlugin{
			PluginInfo: connect.PluginInfo{Class: class, Config: connect.Define()},
			New:        func(connect.TransformContext) (connect.Transform, error) { return make(), nil },
		})
	}
	for class, make := range w.predicates {
		p.Predicates = append(p.Predicates, connect.PredicatePlugin{
			PluginInfo: connect.PluginInfo{Class: class, Config: connect.Define()},
			New:        func(connect.TransformContext) (connect.Predicate, error) { return make(), nil },
		})
	}
	return p
}

const stringConverter = "org.apache.kafka.connect.storage.StringConverter"

func (w *world) options() TaskOptions {
	config := map[string]string{
		"name": w.name, "connector.class": "MemorySource", "key.converter": stringConverter, "value.converter": stringConverter,
		"errors.deadletterqueue.topic.replication.factor": "1",
	}
	if w.sink != nil {
		config["connector.class"] = "MemorySink"
	}
	for k, v := range w.config {
		config[k] = strings.ReplaceAll(v, "{}", w.name+"-")
	}
	worker := w.worker
	worker.Common = w.props()
	return TaskOptions{
		Connector: w.name, Task: w.number, Group: "g", Config: config, Plugins: w.plugins(), Clusters: w.clusters, Worker: worker, StateDir: w.stateDir,
		Offsets: &store{w.cluster, w.topic("offsets")}, Metrics: w.metrics, Crash: w.crash, Log: w.log,
	}
}

// running is a task at work.
type running struct {
	*Task
	t      testing.TB
	cancel context.CancelFunc
	done   chan struct{}
	err    error
}

func (w *world) run() *running {
	w.t.Helper()
	task, err := NewTask(w.options())
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	r := &running{Task: task, t: w.t, cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(r.done)
		r.err = task.Run(ctx)
	}()
	w.t.Cleanup(func() {
		cancel()
		if w.atEnd != nil {
			w.atEnd()
		}
		<-r.done
	})
	return r
}

// stop ends the task in order.
func (r *running) stop() {
	r.t.Helper()
	r.cancel()
	if err := r.wait(); err != nil {
		r.t.Fatalf("stopped task: %v", err)
	}
}

// wait returns what Run returned.
func (r *running) wait() error {
	r.t.Helper()
	select {
	case <-r.done:
		return r.err
	case <-time.After(deadline):
		r.t.Fatal("the task did not end")
		return nil
	}
}

// recordError waits for the task to fail at a record.
func (r *running) recordError() *RecordError {
	r.t.Helper()
	var re *RecordError
	if err := r.wait(); !errors.As(err, &re) {
		r.t.Fatalf("Run returned %v, want a RecordError", err)
	}
	return re
}

// read returns the committed records of all partitions of a topic, by partition.
func (w *world) read(topic string) []kafka.Record {
	w.t.Helper()
	n, err := w.cluster.Refresh(w.t.Context(), topic)
	if errors.Is(err, kafka.ErrUnknownTopic) {
		return nil
	}
	if err != nil {
		w.t.Fatal(err)
	}
	var all []int32
	for p := range n {
		all = append(all, p)
	}
	ctx, cancel := context.WithTimeout(w.t.Context(), deadline)
	defer cancel()
	byPartition := make([][]kafka.Record, n)
	if _, err = w.cluster.Replay(ctx, topic, all, nil, func(p int32, r *kafka.Record) error {
		byPartition[p] = append(byPartition[p], *r)
		return nil
	}); err != nil {
		w.t.Fatal(err)
	}
	var out []kafka.Record
	for _, rs := range byPartition {
		out = append(out, rs...)
	}
	return out
}

func values(rs []kafka.Record) []string {
	var out []string
	for i := range rs {
		if rs[i].Value == nil {
			out = append(out, "<null>")
			continue
		}
		out = append(out, string(rs[i].Value))
	}
	return out
}

// await reads a topic until it holds n records.
func (w *world) await(topic string, n int) []kafka.Record {
	w.t.Helper()
	var rs []kafka.Record
	w.until(fmt.Sprintf("%d records in %s", n, topic), func() bool {
		rs = w.read(topic)
		return len(rs) >= n
	})
	if len(rs) > n {
		w.t.Fatalf("%s holds %d records, want %d: %q", topic, len(rs), n, values(rs))
	}
	return rs
}

// until waits for a condition.
func (w *world) until(what string, holds func() bool) {
	w.t.Helper()
	for end := time.Now().Add(deadline); !holds(); {
		if time.Now().After(end) {
			w.t.Fatalf("waited in vain for %s", what)
		}
		<-time.After(2 * time.Millisecond)
	}
}

// offset returns the committed position of the memory source; -1 for none.
func (w *world) offset() int64 {
	w.t.Helper()
	ps, err := (&store{w.cluster, w.topic("offsets")}).Load(w.t.Context(), w.name)
	if err != nil {
		w.t.Fatal(err)
	}
	if len(ps) == 0 {
		return -1
	}
	v, _ := ps[0].Offset.Get("position")
	return v.Int()
}

func header(r kafka.Record, name string) string {
	for _, h := range r.Headers {
		if h.Key == name {
			return string(h.Value)
		}
	}
	return "<none>"
}

func after(d time.Duration) <-chan time.Time { return time.After(d) }

// localCopy is where the next task keeps its local copy of the state: a copy of what
// the last one left, as a killed process would have, or nothing.
func (w *world) localCopy(t *testing.T, r *rand.Rand) string {
	t.Helper()
	dir := t.TempDir()
	if r.IntN(3) == 0 {
		return dir
	}
	if err := os.CopyFS(dir, os.DirFS(w.stateDir)); err != nil {
		t.Fatal(err)
	}
	return dir
}
