// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/kafka"
)

// pace is a transform whose timers release what it has kept: a record "at=v" sets a
// timer for at and advances stream time to it; a timer emits its key.
func pace(emitted func(string)) func() connect.Transform {
	return func() connect.Transform {
		apply := func(c *connect.Context, r *connect.Record, _ connect.Emit) error {
			var at int64
			if _, err := fmt.Sscan(r.Value.Str(), &at); err != nil {
				return connect.DataErrorf("not a time: %q", r.Value.Str())
			}
			c.State.SetTimer(at+10, []byte(r.Value.Str()))
			c.State.Advance(at)
			return nil
		}
		onTimer := func(c *connect.Context, at int64, key []byte, emit connect.Emit) error {
			if emitted != nil {
				emitted(string(key))
			}
			emit(&connect.Record{Topic: pacedTopic, Partition: connect.NoPartition, Timestamp: at, Value: c.Arena.CopyString(key)})
			return nil
		}
		return timed{stateful{apply, connect.StateSpec{Version: "pace/1", ByRecordKey: true}}, onTimer}
	}
}

const pacedTopic = "paced"

// paced is a world with pace, whose output is refused for the values in bad, and
// then renamed to the topic "out".
func paced(t *testing.T, config map[string]string, bad ...string) *world {
	t.Helper()
	w := newWorld(t, map[string]string{"transforms": "pace,check", "transforms.pace.type": "Pace", "transforms.check.type": "Check"})
	for k, v := range config {
		w.config[k] = v
	}
	out := w.topic("out")
	w.transforms = map[string]func() connect.Transform{"Pace": pace(nil), "Check": transform(func(_ *connect.Context, r *connect.Record, emit connect.Emit) error {
		if slices.Contains(bad, r.Value.Str()) {
			return connect.DataErrorf("%s is refused", r.Value.Str())
		}
		r.Topic = out
		emit(r)
		return nil
	})}
	return w
}

func TestTimersSurviveRestarts(t *testing.T) {
	w := paced(t, nil)
	w.source.add(lines("in", "1", "2")...)
	r := w.run()
	w.until("the offset is committed", func() bool { return w.offset() == 2 })
	r.stop()
	w.source.add(lines("in", "12", "30")...)
	w.run()
	if got := values(w.await(w.topic("out"), 3)); !slices.Equal(got, []string{"1", "2", "12"}) {
		t.Errorf("the timers released %q", got)
	}
}

func TestFailedTimerOutputIsAUnitOfItsOwn(t *testing.T) {
	w := paced(t, map[string]string{"errors.tolerance": "all", "errors.deadletterqueue.topic.name": "{}errors"}, "2")
	w.source.add(lines("in", "1", "2", "3", "50")...)
	w.run()
	if got := values(w.await(w.topic("out"), 2)); !slices.Equal(got, []string{"1", "3"}) {
		t.Errorf("the timers released %q", got)
	}
	e := w.await(w.topic("errors"), 1)[0]
	if string(e.Value) != "2" || header(e, "__connect.errors.stage") != "TRANSFORMATION" || header(e, "__connectd.source.offset") != `{"position":4}` {
		t.Errorf("the error topic holds %q with %v", e.Value, e.Headers)
	}
	w.until("the offset is committed", func() bool { return w.offset() == 4 })
}

func TestFailedTimerOutputUnderToleranceNone(t *testing.T) {
	w := paced(t, nil, "2")
	w.source.add(lines("in", "1", "2", "3", "50")...)
	re := w.run().recordError()
	if w.offset() != 3 || re.Text != `"2"` {
		t.Errorf("the offset is %d, the error %v", w.offset(), re)
	}
	w.transforms["Check"] = transform(func(_ *connect.Context, r *connect.Record, emit connect.Emit) error {
		r.Topic = w.topic("out")
		emit(r)
		return nil
	})
	w.run()
	if got := values(w.await(w.topic("out"), 3)); !slices.Equal(got, []string{"1", "2", "3"}) {
		t.Errorf("after the repair the timers released %q", got)
	}
}

func TestRawBytesPassThrough(t *testing.T) {
	const json = "org.apache.kafka.connect.json.JsonConverter"
	// JSON that the converter would write differently.
	const key, value = `{ "k" :1}`, `{"a" :  1.50, "b":"é"}`
	cases := []struct {
		name      string
		config    map[string]string
		change    bool
		key, text string
	}{
		{"equal converters", nil, false, key, value},
		{"changed value", nil, true, key, `"new"`},
		{"other converter", map[string]string{"source.value.converter": json, "source.value.converter.schemas.enable": "false", "value.converter.decimal.format": "NUMERIC"}, false, key, `{"a":1.5,"b":"é"}`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := withTransform(t, map[string]string{"key.converter": json, "key.converter.schemas.enable": "false", "value.converter": json, "value.converter.schemas.enable": "false"},
				transform(func(_ *connect.Context, r *connect.Record, emit connect.Emit) error {
					if c.change {
						r.Value = connect.String("new")
					}
					emit(r)
					return nil
				}))
			for k, v := range c.config {
				w.config[k] = v
			}
			w.decodes = true
			r := text(w.topic("out"), "")
			r.RawKey, r.RawValue = []byte(key), []byte(value)
			w.source.add(r)
			w.run()
			got := w.await(w.topic("out"), 1)[0]
			if string(got.Key) != c.key || string(got.Value) != c.text {
				t.Errorf("%q: %q went out, want %q: %q", got.Key, got.Value, c.key, c.text)
			}
		})
	}
}

func TestUndecodableRawValue(t *testing.T) {
	w := newWorld(t, map[string]string{"value.converter": "org.apache.kafka.connect.json.JsonConverter", "value.converter.schemas.enable": "false", "errors.tolerance": "all", "errors.deadletterqueue.topic.name": "{}errors"})
	w.decodes = true
	r := text(w.topic("out"), "")
	r.RawKey, r.RawValue = []byte("k"), []byte("{bad")
	w.source.add(r)
	w.run()
	e := w.await(w.topic("errors"), 1)[0]
	if string(e.Key) != "k" || string(e.Value) != "{bad" || header(e, "__connect.errors.stage") != "VALUE_CONVERTER" {
		t.Errorf("the error topic holds %q: %q with %v", e.Key, e.Value, e.Headers)
	}
}

func TestErrorPayloads(t *testing.T) {
	const json = "org.apache.kafka.connect.json.JsonConverter"
	m := connect.Map([]connect.MapEntry{{Key: connect.String("a"), Value: connect.Int64(1)}})
	cases := []struct {
		name, converter, want string
		record                func(r *connect.Record)
	}{
		{"raw bytes win", json, "as it was", func(r *connect.Record) { r.RawValue = []byte("as it was") }},
		{"by the converter", json, `{"schema":null,"payload":{"a":1}}`, func(*connect.Record) {}},
		{"as JSON where the converter fails", "org.apache.kafka.connect.converters.IntegerConverter", `{"a":1}`, func(*connect.Record) {}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := withTransform(t, map[string]string{"value.converter": c.converter, "errors.tolerance": "all", "errors.deadletterqueue.topic.name": "{}errors"},
				transform(func(*connect.Context, *connect.Record, connect.Emit) error {
					return &connect.DataError{Rule: "a > 1", Field: "a", Class: "com.example.Broken", Err: errors.New("no"), Headers: []connect.Header{{Key: "more", Value: connect.Int64(7)}}}
				}))
			r := text(w.topic("out"), "")
			r.Value = m
			c.record(&r)
			w.source.add(r)
			w.run()
			e := w.await(w.topic("errors"), 1)[0]
			if string(e.Value) != c.want {
				t.Errorf("the error topic holds %q, want %q", e.Value, c.want)
			}
			for name, want := range map[string]string{"more": "7", headerRule: "a > 1", headerField: "a", "__connect.errors.exception.class.name": "com.example.Broken"} {
				if got := header(e, name); got != want {
					t.Errorf("header %s is %q, want %q", name, got, want)
				}
			}
		})
	}
}

func TestRecordsThatTheTopicCannotTake(t *testing.T) {
	cases := []struct {
		name, says string
		record     func(w *world, r *connect.Record)
	}{
		{"too large", "max.message.bytes", func(_ *world, r *connect.Record) { r.Value = connect.String(strings.Repeat("x", 2000)) }},
		{"no such partition", "no partition 9", func(_ *world, r *connect.Record) { r.Partition = 9 }},
		{"invalid topic name", "topic", func(_ *world, r *connect.Record) { r.Topic = "not a topic!" }},
		{"the offsets topic", "offsets", func(w *world, r *connect.Record) { r.Topic = w.topic("offsets") }},
		{"no topic", "names no topic", func(_ *world, r *connect.Record) { r.Topic = "" }},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, map[string]string{"errors.tolerance": "all", "errors.deadletterqueue.topic.name": "{}errors"})
			out := w.create("out", 1, map[string]string{"max.message.bytes": "1000"})
			bad := text(out, "bad")
			c.record(w, &bad)
			w.source.add(text(out, "a"), bad, text(out, "b"))
			w.run()
			if got := values(w.await(out, 2)); !slices.Equal(got, []string{"a", "b"}) {
				t.Errorf("the output is %q", got)
			}
			e := w.await(w.topic("errors"), 1)[0]
			if header(e, "__connect.errors.stage") != "KAFKA_PRODUCE" || !strings.Contains(header(e, "__connect.errors.exception.message"), c.says) {
				t.Errorf("the error record's headers are %v", e.Headers)
			}
		})
	}
}

func TestTopicsAreCreatedByTheirGroup(t *testing.T) {
	w := newWorld(t, map[string]string{
		"topic.creation.default.partitions": "2", "topic.creation.default.replication.factor": "1",
		"topic.creation.groups": "wide", "topic.creation.wide.include": ".*wide", "topic.creation.wide.partitions": "5", "topic.creation.wide.cleanup.policy": "compact",
	})
	w.source.add(text(w.topic("a"), "1"), text(w.topic("wide"), "2"))
	w.source.records[1].Key = connect.String("key")
	w.run()
	w.await(w.topic("wide"), 1)
	w.await(w.topic("a"), 1)
	for name, want := range map[string]int32{"a": 2, "wide": 5} {
		if n, err := w.cluster.Refresh(t.Context(), w.topic(name)); err != nil || n != want {
			t.Errorf("topic %s has %d partitions, %v", name, n, err)
		}
	}
	configs, err := w.cluster.TopicConfigs(t.Context(), w.topic("wide"))
	if err != nil || configs["cleanup.policy"] != "compact" {
		t.Errorf("the settings are %v, %v", configs, err)
	}
}

func TestKeysChooseThePartition(t *testing.T) {
	w := newWorld(t, nil)
	out := w.create("out", 4, nil)
	for _, k := range []string{"a", "b", "c"} {
		r := text(out, k)
		r.Key = connect.String(k)
		w.source.add(r)
	}
	fixed := text(out, "fixed")
	fixed.Partition = 3
	w.source.add(fixed)
	w.run()
	w.await(out, 4)
	for p := range int32(4) {
		_, err := w.cluster.Replay(t.Context(), out, []int32{p}, nil, func(_ int32, r *kafka.Record) error {
			want := int32(3)
			if r.Key != nil {
				want = kafka.PartitionFor(r.Key, 4)
			}
			if p != want {
				t.Errorf("%q is in partition %d, want %d", r.Value, p, want)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestTopicThatGrows(t *testing.T) {
	w := newWorld(t, map[string]string{"producer.override.metadata.max.age.ms": "1"})
	out := w.create("out", 1, nil)
	add := func(key string) {
		r := text(out, key)
		r.Key = connect.String(key)
		w.source.add(r)
	}
	add("a")
	w.run()
	w.await(out, 1)
	if err := w.cluster.GrowTopic(t.Context(), out, 64); err != nil {
		t.Fatal(err)
	}
	var fresh []int32
	for p := int32(1); p < 64; p++ {
		fresh = append(fresh, p)
	}
	n := 0
	w.until("a key goes to a new partition", func() bool {
		add(fmt.Sprint("key", n))
		n++
		ends, err := w.cluster.ListOffsets(t.Context(), out, fresh, kafka.Latest, kafka.ReadUncommitted)
		if err != nil {
			t.Fatal(err)
		}
		for _, end := range ends {
			if end > 0 {
				return true
			}
		}
		return false
	})
}

// A transaction that the coordinator gives up on leads to the committed offset, and
// the task goes on.
func TestTransactionThatTimesOut(t *testing.T) {
	w := newWorld(t, map[string]string{"producer.override.transaction.timeout.ms": "1000"})
	out := w.create("out", 1, nil)
	var slow sync.Once
	w.crash = func(point string) {
		if point != "before-endtxn" {
			return
		}
		slow.Do(func() {
			w.until("the broker has aborted the transaction", func() bool {
				stable, err := w.cluster.ListOffsets(t.Context(), out, []int32{0}, kafka.Latest, kafka.ReadCommitted)
				return err == nil && stable[0] > 0
			})
		})
	}
	w.source.add(texts(out, 0, 3)...)
	r := w.run()
	if got := values(w.await(out, 3)); !slices.Equal(got, []string{"0", "1", "2"}) {
		t.Errorf("the output is %q", got)
	}
	r.stop()
	if w.source.stops != 2 {
		t.Errorf("%d plugin tasks have been stopped, want 2", w.source.stops)
	}
}

// repaired is a store that says that the committed offset is hidden by an aborted one.
type repaired struct {
	*store
	asked []connect.Value
}

func (s *repaired) Aborted(ctx context.Context, connector string, partitions []connect.Value) ([]connect.Position, error) {
	s.asked = append(s.asked, partitions...)
	return s.Load(ctx, connector)
}

func TestAbortedOffsetsAreWrittenAgain(t *testing.T) {
	w := newWorld(t, nil)
	w.source.add(text(w.topic("out"), "a"))
	r := w.run()
	w.await(w.topic("out"), 1)
	r.stop()
	before := len(w.read(w.topic("offsets")))
	o := w.options()
	s := &repaired{store: o.Offsets.(*store)}
	o.Offsets = s
	task, err := NewTask(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- task.Run(ctx) }()
	w.until("the offset is written again", func() bool { return len(w.read(w.topic("offsets"))) == before+1 })
	cancel()
	if err := <-done; err != nil || w.offset() != 1 || len(s.asked) != 1 {
		t.Errorf("Run returned %v, offset %d, asked for %v", err, w.offset(), s.asked)
	}
}
