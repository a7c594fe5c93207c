// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/broker/brokertest"
	"github.com/connectd/connectd/connect/kafka"
)

// box is a sink in memory, shared by the tasks of a test.
type box struct {
	mu      sync.Mutex
	values  []string
	flushes int
	opened  []connect.TopicOffset
	closed  int
	stops   int
	starts  int
	twice   bool         // Start or Stop was called twice on one task
	start   func() error // nil always works
	put     func(b *connect.Batch, t connect.SinkTaskContext) error
	flush   func(offsets []connect.TopicOffset) []connect.TopicOffset
}

func (b *box) got() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.values)
}

// boxTask is one task that writes into a box.
type boxTask struct {
	b                *box
	c                connect.SinkTaskContext
	started, stopped bool
}

func (t *boxTask) Start(_ context.Context, c connect.SinkTaskContext) error {
	t.b.mu.Lock()
	defer t.b.mu.Unlock()
	t.b.starts++
	t.b.twice, t.started, t.c = t.b.twice || t.started, true, c
	if t.b.start != nil {
		return t.b.start()
	}
	return nil
}

func (t *boxTask) Open(_ context.Context, at []connect.TopicOffset) error {
	t.b.mu.Lock()
	defer t.b.mu.Unlock()
	t.b.opened = append(t.b.opened, at...)
	return nil
}

func (t *boxTask) Put(_ context.Context, b *connect.Batch) error {
	t.b.mu.Lock()
	defer t.b.mu.Unlock()
	if t.b.put != nil {
		if err := t.b.put(b, t.c); err != nil {
			return err
		}
	}
	for i := range b.Records {
		t.b.values = append(t.b.values, string(b.Records[i].Value.Bytes()))
	}
	return nil
}

func (t *boxTask) Flush(_ context.Context, offsets []connect.TopicOffset) ([]connect.TopicOffset, error) {
	t.b.mu.Lock()
	defer t.b.mu.Unlock()
	t.b.flushes++
	if t.b.flush != nil {
		return t.b.flush(offsets), nil
	}
	return offsets, nil
}

func (t *boxTask) Close(context.Context, []connect.TopicPartition) error {
	t.b.mu.Lock()
	defer t.b.mu.Unlock()
	t.b.closed++
	return nil
}

func (t *boxTask) Stop(context.Context) error {
	t.b.mu.Lock()
	defer t.b.mu.Unlock()
	t.b.stops++
	t.b.twice, t.stopped = t.b.twice || t.stopped, true
	return nil
}

// sinkWorld is a world with a sink on the topic "in".
func sinkWorld(t *testing.T, partitions int32, config map[string]string) (*world, *box, string) {
	t.Helper()
	b := &box{}
	w := newWorld(t, config)
	w.sink = func() connect.SinkTask { return &boxTask{b: b} }
	if w.config["topics"] == "" && w.config["topics.regex"] == "" {
		w.config["topics"] = "{}in"
	}
	w.worker.RefreshInterval = 200 * time.Millisecond
	return w, b, w.create("in", partitions, nil)
}

// produce writes values to a partition, each with its text as the key.
func (w *world) produce(topic string, partition int32, vs ...string) {
	w.t.Helper()
	p, err := w.cluster.NewProducer(w.t.Context(), kafka.ProducerOptions{})
	if err != nil {
		w.t.Fatal(err)
	}
	var rs []kafka.Record
	for _, v := range vs {
		rs = append(rs, kafka.Record{Key: []byte("k" + v), Value: []byte(v), Timestamp: 1000, Headers: []kafka.Header{{Key: "h", Value: []byte("1")}}})
	}
	p.Send(kafka.TopicPartition{Topic: topic, Partition: partition}, rs)
	if err := p.Flush(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) awaitBox(b *box, n int) []string {
	w.t.Helper()
	w.until(fmt.Sprintf("%d records in the sink", n), func() bool { return len(b.got()) >= n })
	return b.got()
}

// groupOffset is what the sink's group has committed for a partition; -1 for nothing.
func (w *world) groupOffset(topic string, partition int32) connect.TopicOffset {
	w.t.Helper()
	tp := kafka.TopicPartition{Topic: topic, Partition: partition}
	found, err := w.cluster.GroupOffsets(w.t.Context(), "connect-"+w.name, []kafka.TopicPartition{tp})
	if err != nil {
		w.t.Fatal(err)
	}
	if len(found) == 0 {
		return connect.TopicOffset{TopicPartition: tp, Offset: -1}
	}
	return found[0]
}

func TestSinkPutsAndCommits(t *testing.T) {
	w, b, in := sinkWorld(t, 1, nil)
	w.produce(in, 0, "a", "b", "c")
	r := w.run()
	if got := w.awaitBox(b, 3); !slices.Equal(got, []string{"a", "b", "c"}) {
		t.Fatalf("the sink got %q", got)
	}
	r.stop()
	if o := w.groupOffset(in, 0); o.Offset != 3 {
		t.Errorf("the group is at %d, want 3", o.Offset)
	}
	if b.closed != 1 || b.stops != 1 || len(b.opened) != 1 || b.opened[0].Offset != -1 {
		t.Errorf("closed %d, stops %d, opened %v", b.closed, b.stops, b.opened)
	}
	w.produce(in, 0, "d")
	w.run()
	if got := w.awaitBox(b, 4); got[3] != "d" || b.opened[1].Offset != 3 {
		t.Errorf("after a restart the sink got %q, opened at %v", got, b.opened)
	}
}

func TestSinkKeepsMetadataOfFlush(t *testing.T) {
	w, b, in := sinkWorld(t, 1, nil)
	b.flush = func(offsets []connect.TopicOffset) []connect.TopicOffset {
		for i := range offsets {
			offsets[i].Metadata = "length=7"
		}
		return offsets
	}
	w.produce(in, 0, "a")
	r := w.run()
	w.awaitBox(b, 1)
	r.stop()
	if o := w.groupOffset(in, 0); o.Metadata != "length=7" {
		t.Errorf("the group has %+v", o)
	}
	w.run()
	w.until("the partition is opened again", func() bool { b.mu.Lock(); defer b.mu.Unlock(); return len(b.opened) == 2 })
	if b.opened[1].Metadata != "length=7" {
		t.Errorf("opened with %+v", b.opened[1])
	}
}

func TestSinkRepeatsTheSameBatch(t *testing.T) {
	w, b, in := sinkWorld(t, 1, nil)
	tries := 0
	b.put = func(batch *connect.Batch, _ connect.SinkTaskContext) error {
		if tries++; tries < 3 {
			return &connect.RetriableError{Err: errors.New("away"), After: time.Millisecond}
		}
		return nil
	}
	w.produce(in, 0, "a", "b")
	w.run()
	if got := w.awaitBox(b, 2); !slices.Equal(got, []string{"a", "b"}) || tries != 3 {
		t.Errorf("after %d tries the sink got %q", tries, got)
	}
}

func TestSinkErrorTopic(t *testing.T) {
	for _, withHeaders := range []bool{false, true} {
		t.Run(fmt.Sprintf("headers %t", withHeaders), func(t *testing.T) {
			w, b, in := sinkWorld(t, 1, map[string]string{
				"errors.tolerance": "all", "errors.deadletterqueue.topic.name": "{}dead", "value.converter": "org.apache.kafka.connect.json.JsonConverter",
				"value.converter.schemas.enable": "false", "errors.deadletterqueue.context.headers.enable": fmt.Sprint(withHeaders),
			})
			w.produce(in, 0, `"a"`, "{bad", `"c"`)
			r := w.run()
			if got := w.awaitBox(b, 2); !slices.Equal(got, []string{"a", "c"}) {
				t.Fatalf("the sink got %q", got)
			}
			r.stop()
			d := w.await(w.topic("dead"), 1)[0]
			if string(d.Key) != "k{bad" || string(d.Value) != "{bad" || d.Timestamp != 1000 || header(d, "h") != "1" {
				t.Errorf("the error topic holds %+v", d)
			}
			want := map[string]string{}
			if withHeaders {
				want = map[string]string{"__connect.errors.topic": in, "__connect.errors.partition": "0", "__connect.errors.offset": "1",
					"__connect.errors.stage": "VALUE_CONVERTER", "__connect.errors.class.name": "org.apache.kafka.connect.json.JsonConverter"}
			} else if len(d.Headers) != 1 {
				t.Errorf("the headers are %v", d.Headers)
			}
			for name, v := range want {
				if got := header(d, name); got != v {
					t.Errorf("header %s is %q, want %q", name, got, v)
				}
			}
			if o := w.groupOffset(in, 0); o.Offset != 3 {
				t.Errorf("the group is at %d, want 3", o.Offset)
			}
		})
	}
}

func TestSinkReportsRecords(t *testing.T) {
	w, b, in := sinkWorld(t, 1, map[string]string{
		"errors.tolerance": "all", "errors.deadletterqueue.topic.name": "{}dead", "errors.deadletterqueue.context.headers.enable": "true",
	})
	w.produce(in, 0, "a", "b", "c")
	b.put = func(batch *connect.Batch, c connect.SinkTaskContext) error {
		for i := range batch.Records {
			if batch.Records[i].Value.Str() == "b" {
				return c.Report(t.Context(), i, errors.New("no room for b"))
			}
		}
		return nil
	}
	r := w.run()
	w.awaitBox(b, 3)
	r.stop()
	d := w.await(w.topic("dead"), 1)[0]
	if string(d.Value) != "b" || header(d, "__connect.errors.stage") != "TASK_PUT" || header(d, "__connect.errors.class.name") != classSinkTask {
		t.Errorf("the error topic holds %+v", d)
	}
}

func TestSinkStopsAtABadRecord(t *testing.T) {
	w, b, in := sinkWorld(t, 1, map[string]string{"value.converter": "org.apache.kafka.connect.json.JsonConverter", "value.converter.schemas.enable": "false"})
	w.produce(in, 0, `"a"`, `"b"`, "{bad", `"c"`)
	re := w.run().recordError()
	if re.Stage != connect.StageValueConverter || re.Text != "{bad" || re.Position != in+"-0@2" {
		t.Errorf("the error is %+v", re)
	}
	if got := b.got(); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("the sink got %q", got)
	}
	if o := w.groupOffset(in, 0); o.Offset != 2 {
		t.Errorf("the group is at %d, want 2", o.Offset)
	}
}

func TestSinkDroppedRecordsMoveTheOffset(t *testing.T) {
	w, b, in := sinkWorld(t, 1, map[string]string{"transforms": "x", "transforms.x.type": "Drop"})
	w.transforms = map[string]func() connect.Transform{"Drop": func() connect.Transform {
		return function(func(*connect.Context, *connect.Record, connect.Emit) error { return nil })
	}}
	w.worker.FlushInterval = 10 * time.Millisecond
	w.produce(in, 0, "a", "b")
	w.run()
	w.until("the offset moves", func() bool { return w.groupOffset(in, 0).Offset == 2 })
	if len(b.got()) != 0 {
		t.Errorf("the sink got %q", b.got())
	}
}

func TestSinkFollowsNewTopicsAndPartitions(t *testing.T) {
	w, b, in := sinkWorld(t, 1, map[string]string{"topics.regex": "{}in.*"})
	w.produce(in, 0, "a")
	w.run()
	w.awaitBox(b, 1)
	w.produce(w.create("in2", 1, nil), 0, "b")
	w.awaitBox(b, 2)
	if err := w.cluster.GrowTopic(t.Context(), in, 2); err != nil {
		t.Fatal(err)
	}
	w.produce(in, 1, "c")
	if got := w.awaitBox(b, 3); !slices.Contains(got, "c") || len(got) != 3 {
		t.Errorf("the sink got %q", got)
	}
}

func TestSinkTasksShareTheTopic(t *testing.T) {
	w, b, in := sinkWorld(t, 4, nil)
	w.config["consumer.override.heartbeat.interval.ms"] = "100"
	first := w.run()
	var want []string
	for i := range 40 {
		v := fmt.Sprint(i)
		want = append(want, v)
		w.produce(in, int32(i%4), v)
	}
	w.awaitBox(b, 40)
	w.number = 1
	w.run()
	w.until("the second task has partitions", func() bool { b.mu.Lock(); defer b.mu.Unlock(); return b.closed >= 1 && len(b.opened) == 8 })
	first.stop()
	for i := range 4 {
		w.produce(in, int32(i), fmt.Sprint(40+i))
		want = append(want, fmt.Sprint(40+i))
	}
	got := w.awaitBox(b, 44)
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("the sinks got %q", got)
	}
}

func TestSinkOverridesTheGroup(t *testing.T) {
	w, b, in := sinkWorld(t, 1, map[string]string{"consumer.override.auto.offset.reset": "latest"})
	group := brokertest.Name(t, "own")
	w.config["consumer.override.group.id"] = group
	w.produce(in, 0, "old")
	r := w.run()
	w.until("the partition is open", func() bool { b.mu.Lock(); defer b.mu.Unlock(); return len(b.opened) == 1 })
	w.produce(in, 0, "new")
	if got := w.awaitBox(b, 1); got[0] != "new" {
		t.Errorf("the sink got %q", got)
	}
	r.stop()
	found, err := w.cluster.GroupOffsets(t.Context(), group, nil)
	if err != nil || len(found) != 1 || found[0].Offset != 2 {
		t.Errorf("group %s has %v, %v", group, found, err)
	}
}

func TestSinkRewinds(t *testing.T) {
	w, b, in := sinkWorld(t, 1, nil)
	rewound := false
	b.put = func(batch *connect.Batch, c connect.SinkTaskContext) error {
		if !rewound {
			rewound = true
			c.Rewind([]connect.TopicOffset{{TopicPartition: connect.TopicPartition{Topic: in}, Offset: 1}})
		}
		return nil
	}
	w.produce(in, 0, "a", "b", "c")
	w.run()
	if got := w.awaitBox(b, 5); !slices.Equal(got, []string{"a", "b", "c", "b", "c"}) {
		t.Errorf("the sink got %q", got)
	}
}

func TestSinkStartIsRepeated(t *testing.T) {
	w, b, in := sinkWorld(t, 1, map[string]string{"errors.retry.timeout": "60000", "errors.retry.delay.max.ms": "1"})
	b.start = func() error {
		if b.starts < 3 {
			return connect.Retriable(errors.New("away"))
		}
		return nil
	}
	w.produce(in, 0, "a")
	r := w.run()
	w.awaitBox(b, 1)
	r.stop()
	if b.starts != 3 || b.stops != 3 || b.twice {
		t.Errorf("%d starts, %d stops, twice on one task: %t", b.starts, b.stops, b.twice)
	}
}
