// SPDX-License-Identifier: Apache-2.0

package kafka

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/broker/brokertest"
	"github.com/connectd/connectd/connect/convert"
	"github.com/connectd/connectd/connect/kafka"
)

// writer is a started sink task.
type writer struct {
	w        *world
	task     *sinkTask
	reported []error
}

func (w *world) writer(props map[string]string) *writer {
	w.t.Helper()
	plugin := Sink(w.pool, convert.Plugins())
	cfg, errs := plugin.Config.Parse(props)
	if len(errs) > 0 {
		w.t.Fatal(errs)
	}
	out := &writer{w: w, task: plugin.NewTask().(*sinkTask)}
	w.t.Cleanup(func() {
		if err := out.task.Stop(context.Background()); err != nil {
			w.t.Error(err)
		}
	})
	err := out.task.Start(w.ctx, connect.SinkTaskContext{Connector: brokertest.Name(w.t, "sink"), Config: cfg, Log: quiet(), Kafka: w.props(),
		Report: func(_ context.Context, _ int, err error) error {
			out.reported = append(out.reported, err)
			return nil
		}})
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

func (o *writer) put(ctx context.Context, rs ...connect.Record) error {
	b := &connect.Batch{MaxRecords: len(rs), MaxBytes: 1 << 20}
	for _, r := range rs {
		*b.Add(1) = r
	}
	return o.task.Put(ctx, b)
}

func (o *writer) flush() {
	o.w.t.Helper()
	if _, err := o.task.Flush(o.w.ctx, nil); err != nil {
		o.w.t.Fatal(err)
	}
}

func TestSinkKeepsWhatRecordsAre(t *testing.T) {
	w := newWorld(t)
	topic := w.topic("in-copy", 3)
	from := strings.TrimPrefix(topic, "in-")
	o := w.writer(map[string]string{topicKey: "in-" + topicReference, preserveKey: "true"})
	err := o.put(w.ctx,
		connect.Record{Topic: from, Partition: 2, Timestamp: 1_700_000_000_123, Key: connect.Bytes([]byte{0, 0xff}), Value: connect.Bytes([]byte{}),
			Headers: []connect.Header{{Key: "h", Value: connect.Bytes([]byte{0xfe})}, {Key: "null"}}},
		connect.Record{Topic: from, Partition: 2, Timestamp: 1_700_000_000_000})
	if err != nil {
		t.Fatal(err)
	}
	o.flush()
	got := w.read(topic, 2)
	if len(got) != 2 {
		t.Fatalf("%d records have arrived", len(got))
	}
	first, second := got[0], got[1]
	if string(first.Key) != "\x00\xff" || first.Value == nil || len(first.Value) != 0 || first.Timestamp != 1_700_000_000_123 {
		t.Errorf("the first record is %q %q at %d", first.Key, first.Value, first.Timestamp)
	}
	if len(first.Headers) != 2 || string(first.Headers[0].Value) != "\xfe" || first.Headers[1].Value != nil {
		t.Errorf("the headers are %v", first.Headers)
	}
	if second.Key != nil || second.Value != nil {
		t.Errorf("the nulls are %q %q", second.Key, second.Value)
	}
}

func TestSinkPartitions(t *testing.T) {
	w := newWorld(t)
	key := []byte("user-17")
	home := kafka.PartitionFor(key, 5)
	cases := []struct {
		name     string
		preserve string
		r        connect.Record
		want     int32 // -1: any
	}{
		{"by key", "false", connect.Record{Partition: 4, Key: connect.Bytes(key)}, home},
		{"preserved", "true", connect.Record{Partition: (home + 1) % 5, Key: connect.Bytes(key)}, (home + 1) % 5},
		{"preserved, but there is no such partition", "true", connect.Record{Partition: 9, Key: connect.Bytes(key)}, home},
		{"no key", "false", connect.Record{Partition: 4}, -1},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			topic := w.topic("out", 5)
			o := w.writer(map[string]string{topicKey: topic, preserveKey: c.preserve})
			c.r.Value = connect.Bytes([]byte("v"))
			if err := o.put(w.ctx, c.r); err != nil {
				t.Fatal(err)
			}
			o.flush()
			var found []int32
			for p := range int32(5) {
				for range w.read(topic, p) {
					found = append(found, p)
				}
			}
			if len(found) != 1 || c.want >= 0 && found[0] != c.want {
				t.Errorf("the record is in %v, want %d", found, c.want)
			}
		})
	}
}

func TestSinkConvertsAndReports(t *testing.T) {
	w := newWorld(t)
	topic := brokertest.Topic(t, "created")
	o := w.writer(map[string]string{topicKey: topic, targetKeyConv: "StringConverter", targetValConv: "ByteArrayConverter"})
	err := o.put(w.ctx, connect.Record{Key: connect.String("good"), Value: connect.Bytes([]byte("1"))},
		connect.Record{Key: connect.String("bad"), Value: connect.Int64(1)},
		connect.Record{Key: connect.String("good too"), Value: connect.Bytes([]byte("2"))})
	if err != nil {
		t.Fatal(err)
	}
	o.flush()
	if got := w.read(topic, 0); len(got) != 2 || string(got[0].Key) != "good" || string(got[1].Key) != "good too" {
		t.Errorf("the topic holds %v", got)
	}
	if len(o.reported) != 1 || !strings.Contains(o.reported[0].Error(), topic) {
		t.Errorf("reported is %v", o.reported)
	}
}

// A Put that is repeated must not bring what the first attempt had gathered.
func TestSinkPutAgain(t *testing.T) {
	w := newWorld(t)
	topic := w.topic("out", 1)
	o := w.writer(map[string]string{topicKey: topicReference})
	good, bad := connect.Record{Topic: topic, Value: connect.Bytes([]byte("v"))}, connect.Record{Topic: "no such name!", Value: connect.Bytes([]byte("v"))}
	if err := o.put(w.ctx, good, bad); !connect.IsRetriable(err) {
		t.Fatalf("a topic that cannot be created gives %v", err)
	}
	if err := o.put(w.ctx, good); err != nil {
		t.Fatal(err)
	}
	o.flush()
	if got := w.read(topic, 0); len(got) != 1 {
		t.Errorf("the record is there %d times", len(got))
	}
}

func TestSinkCommitsWhereFlushesAreRare(t *testing.T) {
	w := newWorld(t)
	topic := w.topic("out", 1)
	o := w.writer(map[string]string{topicKey: topic})
	now := time.Now()
	o.task.now = func() time.Time { return now }
	put := func() {
		t.Helper()
		if err := o.put(w.ctx, connect.Record{Value: connect.Bytes([]byte("v"))}); err != nil {
			t.Fatal(err)
		}
	}
	ended := func() int64 {
		t.Helper()
		at, err := w.cluster.ListOffsets(w.ctx, topic, []int32{0}, kafka.Latest, kafka.ReadCommitted)
		if err != nil {
			t.Fatal(err)
		}
		return at[0]
	}
	put()
	now = now.Add(transactionTimeout / 2)
	put()
	if n := ended(); n != 0 {
		t.Errorf("the transaction ended too early, the last stable offset is %d", n)
	}
	now = now.Add(time.Second)
	put()
	if got := w.read(topic, 0); len(got) != 3 {
		t.Errorf("%d records are committed, want 3", len(got))
	}
	o.flush()
}

func TestSinkIsFencedByItsSuccessor(t *testing.T) {
	w := newWorld(t)
	topic := w.topic("out", 1)
	o := w.writer(map[string]string{topicKey: topic})
	if err := o.put(w.ctx, connect.Record{Value: connect.Bytes([]byte("old"))}); err != nil {
		t.Fatal(err)
	}
	next := Sink(w.pool, convert.Plugins()).NewTask()
	if err := next.Start(w.ctx, o.task.t); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := next.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	if _, err := o.task.Flush(w.ctx, nil); !errors.Is(err, kafka.ErrFenced) {
		t.Errorf("the flush of the task before gives %v", err)
	}
	if got := w.read(topic, 0); len(got) != 0 {
		t.Errorf("%d records of it are committed", len(got))
	}
}

func TestSinkTasksAreEqual(t *testing.T) {
	cfg, _ := sinkConfig.Parse(map[string]string{topicKey: "out", "x": "y"})
	c := Sink(&kafka.Clusters{}, nil).New()
	if err := c.Start(t.Context(), connect.ConnectorContext{Config: cfg}); err != nil {
		t.Fatal(err)
	}
	tasks, err := c.Tasks(t.Context(), 3)
	if err != nil || len(tasks) != 3 {
		t.Fatalf("%d tasks, %v", len(tasks), err)
	}
	for _, task := range tasks {
		if task["x"] != "y" || task[topicKey] != "out" {
			t.Errorf("a task has %v", task)
		}
	}
	if err := c.Stop(t.Context()); err != nil {
		t.Error(err)
	}
}
