// SPDX-License-Identifier: Apache-2.0

package connecttest

import (
	"context"
	"testing"

	"github.com/connectd/connectd/connect"
)

// SinkDriver tells the suite how to work one sink connector and the world that it
// writes to.
type SinkDriver struct {
	Plugin connect.SinkPlugin
	Config map[string]string
	// Record fills in key and value of number i.
	Record func(i int, r *connect.Record)
	// Read returns what has arrived outside, in order, in the form that Want gives.
	Read func(t testing.TB) []string
	Want func(i int) string
	// ExactlyOnce says that what was put but not committed does not stay outside
	// when a new task begins at the committed offset.
	ExactlyOnce bool
}

const sinkTopic = "topic"

// Sink is the acceptance suite of sink connectors. fresh makes a driver on a new
// and empty outside world; each case calls it once.
func Sink(t *testing.T, fresh func(t *testing.T) SinkDriver) {
	runSuite(t, fresh, []suiteCase[SinkDriver]{
		{"Plugin_DeclaresItsConfiguration", sinkDeclares},
		{"Start_ThenStop", sinkStartStop},
		{"Put_WritesInOrder", sinkWrites},
		{"Put_OfNothing", sinkEmptyPut},
		{"Flush_ReturnsNoMoreThanWasPut", sinkFlush},
		{"Restart_ContinuesAtTheCommittedOffset", sinkRestart},
		{"Redelivery_LosesNothing", sinkRedelivery},
		{"Close_ThenOpenAgain", sinkReopen},
	})
}

type sinkRun struct {
	t    testing.TB
	d    SinkDriver
	task connect.SinkTask
	ctx  context.Context
	end  context.CancelFunc
}

func startSink(t testing.TB, d SinkDriver, at connect.TopicOffset) *sinkRun {
	t.Helper()
	cfg := taskConfig(t, d.Plugin.New(), &d.Plugin.PluginInfo, d.Config)
	r := &sinkRun{t: t, d: d, task: d.Plugin.NewTask()}
	r.ctx, r.end = context.WithTimeout(context.Background(), patience)
	err := r.task.Start(r.ctx, connect.SinkTaskContext{
		Connector: "test", Config: cfg, Log: discard(), Rewind: func([]connect.TopicOffset) {},
		Report: func(_ context.Context, i int, err error) error {
			t.Errorf("record %d is reported: %v", i, err)
			return nil
		},
	})
	if err == nil {
		err = r.task.Open(r.ctx, []connect.TopicOffset{at})
	}
	if err != nil {
		r.stop()
		t.Fatal(err)
	}
	return r
}

func (r *sinkRun) stop() {
	r.t.Helper()
	if err := r.task.Stop(r.ctx); err != nil {
		r.t.Error(err)
	}
	r.end()
}

func (r *sinkRun) put(from, to int) {
	r.t.Helper()
	b := &connect.Batch{MaxRecords: to - from + 1, MaxBytes: 1 << 20}
	for i := from; i < to; i++ {
		rec := b.Add(1)
		rec.Topic, rec.Partition, rec.Offset, rec.Timestamp = sinkTopic, 0, int64(i), 1000
		r.d.Record(i, rec)
	}
	if err := r.task.Put(r.ctx, b); err != nil {
		r.t.Fatal(err)
	}
	// The engine uses the batch again: a sink that kept a part of it is found out.
	b.Reset()
}

func offset(n int) connect.TopicOffset {
	return connect.TopicOffset{TopicPartition: connect.TopicPartition{Topic: sinkTopic}, Offset: int64(n)}
}

// flush flushes up to n and returns what would be committed.
func (r *sinkRun) flush(n int) connect.TopicOffset {
	r.t.Helper()
	got, err := r.task.Flush(r.ctx, []connect.TopicOffset{offset(n)})
	if err != nil {
		r.t.Fatal(err)
	}
	if len(got) != 1 || got[0].Offset > int64(n) || got[0].TopicPartition != offset(n).TopicPartition {
		r.t.Fatalf("flush of offset %d returns %v", n, got)
	}
	return got[0]
}

func (r *sinkRun) want(n int) {
	r.t.Helper()
	got := r.d.Read(r.t)
	if len(got) != n {
		r.t.Fatalf("%d records have arrived, want %d", len(got), n)
	}
	for i := range got {
		if got[i] != r.d.Want(i) {
			r.t.Fatalf("record %d arrived as %q, want %q", i, got[i], r.d.Want(i))
		}
	}
}

func sinkDeclares(t *testing.T, d SinkDriver) {
	if d.Plugin.Class == "" || d.Plugin.Doc == "" || d.Plugin.Version == "" {
		t.Errorf("class %q, doc %q or version %q is missing", d.Plugin.Class, d.Plugin.Doc, d.Plugin.Version)
	}
	for _, k := range d.Plugin.Config.Keys() {
		if k.Doc == "" {
			t.Errorf("key %s has no doc", k.Name)
		}
	}
}

func sinkStartStop(t *testing.T, d SinkDriver) { startSink(t, d, offset(-1)).stop() }

func sinkWrites(t *testing.T, d SinkDriver) {
	r := startSink(t, d, offset(-1))
	defer r.stop()
	r.put(0, 100)
	r.put(100, 101)
	r.flush(101)
	r.want(101)
}

func sinkEmptyPut(t *testing.T, d SinkDriver) {
	r := startSink(t, d, offset(-1))
	defer r.stop()
	r.put(0, 0)
	r.flush(0)
	r.want(0)
}

func sinkFlush(t *testing.T, d SinkDriver) {
	r := startSink(t, d, offset(-1))
	defer r.stop()
	r.put(0, 5)
	if got := r.flush(5); got.Offset != 5 {
		t.Errorf("after a flush of everything, %d may be committed, want 5", got.Offset)
	}
	r.put(5, 10)
	r.flush(10)
	r.want(10)
}

func sinkRestart(t *testing.T, d SinkDriver) {
	r := startSink(t, d, offset(-1))
	r.put(0, 5)
	at := r.flush(5)
	r.stop()
	r = startSink(t, d, at)
	defer r.stop()
	r.put(5, 10)
	r.flush(10)
	r.want(10)
}

// sinkRedelivery abandons a task after a Put that was never flushed.
func sinkRedelivery(t *testing.T, d SinkDriver) {
	r := startSink(t, d, offset(-1))
	r.put(0, 5)
	at := r.flush(5)
	r.put(5, 8)
	r.stop()
	r = startSink(t, d, at)
	defer r.stop()
	r.put(5, 10)
	r.flush(10)
	if d.ExactlyOnce {
		r.want(10)
		return
	}
	got := d.Read(t)
	for next, i := 0, 0; next < 10; i++ {
		if i == len(got) {
			t.Fatalf("record %d is lost: %q", next, got)
		}
		if got[i] == d.Want(next) {
			next++
		}
	}
}

func sinkReopen(t *testing.T, d SinkDriver) {
	r := startSink(t, d, offset(-1))
	defer r.stop()
	r.put(0, 5)
	at := r.flush(5)
	if err := r.task.Close(r.ctx, []connect.TopicPartition{at.TopicPartition}); err != nil {
		t.Fatal(err)
	}
	if err := r.task.Open(r.ctx, []connect.TopicOffset{at}); err != nil {
		t.Fatal(err)
	}
	r.put(5, 10)
	r.flush(10)
	r.want(10)
}
