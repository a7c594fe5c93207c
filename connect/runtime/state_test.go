// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/state"
)

// sum adds up numbers by key: "k=3" gives "k=<sum so far>". "k=drop" is dropped,
// anything that is not a number is refused, after it has been written to state.
func sum() connect.Transform {
	apply := func(c *connect.Context, r *connect.Record, emit connect.Emit) error {
		key, text, _ := strings.Cut(r.Value.Str(), "=")
		if text == "drop" {
			return nil
		}
		var total int64
		if b, ok := c.State.Get([]byte(key)); ok {
			total = int64(binary.BigEndian.Uint64(b))
		}
		n, err := strconv.ParseInt(text, 10, 64)
		total += n
		c.State.Put([]byte(key), binary.BigEndian.AppendUint64(nil, uint64(total)))
		if err != nil {
			c.State.Put([]byte(key), []byte("garbage that must be undone"))
			return connect.DataErrorf("%q is not a number", text)
		}
		r.Value = c.Arena.CopyString(fmt.Appendf(nil, "%s=%d", key, total))
		emit(r)
		return nil
	}
	return stateful{apply, connect.StateSpec{Version: "sum/1", ByRecordKey: true}}
}

// sums is the oracle of sum.
func sums(inputs []string) (outputs, errs []string) {
	totals := map[string]int64{}
	for _, in := range inputs {
		key, text, _ := strings.Cut(in, "=")
		n, err := strconv.ParseInt(text, 10, 64)
		switch {
		case text == "drop":
		case err != nil:
			errs = append(errs, in)
		default:
			totals[key] += n
			outputs = append(outputs, fmt.Sprintf("%s=%d", key, totals[key]))
		}
	}
	return outputs, errs
}

// sumWorld is a world with the chain sum; more are added to its configuration.
func sumWorld(t testing.TB, more map[string]string) *world {
	w := newWorld(t, map[string]string{"transforms": "sum", "transforms.sum.type": "Sum"})
	for k, v := range more {
		w.config[k] = v
	}
	w.transforms = map[string]func() connect.Transform{"Sum": sum}
	w.stateDir = t.TempDir()
	return w
}

func lines(topic string, vs ...string) []connect.Record {
	var rs []connect.Record
	for _, v := range vs {
		rs = append(rs, text(topic, v))
	}
	return rs
}

func TestStateSurvivesRestarts(t *testing.T) {
	for _, local := range []bool{true, false} {
		t.Run(fmt.Sprintf("local copy %t", local), func(t *testing.T) {
			w := sumWorld(t, nil)
			if !local {
				w.stateDir = ""
			}
			out := w.topic("out")
			w.source.add(lines(out, "a=0", "a=1", "a=2")...)
			r := w.run()
			w.await(out, 3)
			v, ok, err := r.State("sum", 0, []byte("a"))
			w.until("the state can be read", func() bool {
				v, ok, err = r.State("sum", 0, []byte("a"))
				return ok
			})
			if err != nil || binary.BigEndian.Uint64(v) != 3 {
				t.Errorf("the state of a is %v, %v", v, err)
			}
			r.stop()
			w.source.add(lines(out, "a=3", "a=4", "b=1")...)
			w.run()
			if got := values(w.await(out, 6)); !slices.Equal(got, []string{"a=0", "a=1", "a=3", "a=6", "a=10", "b=1"}) {
				t.Errorf("the output is %q", got)
			}
		})
	}
}

func TestFailedRecordLeavesNoTraceInState(t *testing.T) {
	w := sumWorld(t, map[string]string{"errors.tolerance": "all", "errors.deadletterqueue.topic.name": "{}errors"})
	out := w.topic("out")
	w.source.add(lines(out, "a=1", "a=x", "a=2", "a=drop", "b=y", "b=5")...)
	w.run()
	if got := values(w.await(out, 3)); !slices.Equal(got, []string{"a=1", "a=3", "b=5"}) {
		t.Errorf("the output is %q", got)
	}
	if got := values(w.await(w.topic("errors"), 2)); !slices.Equal(got, []string{"a=x", "b=y"}) {
		t.Errorf("the error topic holds %q", got)
	}
}

func TestOffsetsWithoutStateAreRefusedUnlessTheStepMayBegin(t *testing.T) {
	w := sumWorld(t, nil)
	out := w.topic("out")
	w.source.add(lines(out, "a=1")...)
	r := w.run()
	w.await(out, 1)
	r.stop()
	if err := w.cluster.DeleteTopic(t.Context(), state.TopicName("g", w.name, "sum")); err != nil {
		t.Fatal(err)
	}
	w.stateDir = t.TempDir()
	err := w.run().wait()
	for _, want := range []string{`state of step "sum" refused`, "transforms.sum.state.missing=empty"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Run returned %v, which does not say %s", err, want)
		}
	}
	w.config["transforms.sum.state.missing"] = "empty"
	w.source.add(lines(out, "a=2")...)
	r = w.run()
	w.await(out, 2)
	r.stop()
	w.source.add(lines(out, "a=3")...)
	w.run()
	if got := values(w.await(out, 3)); !slices.Equal(got, []string{"a=1", "a=2", "a=5"}) {
		t.Errorf("the output is %q", got)
	}
}

func TestANewStepOfAConnectorWithOffsets(t *testing.T) {
	w := newWorld(t, nil)
	w.transforms = map[string]func() connect.Transform{"Sum": sum}
	w.stateDir = t.TempDir()
	out := w.topic("out")
	w.source.add(lines(out, "a=1")...)
	r := w.run()
	w.await(out, 1)
	r.stop()
	w.config["transforms"], w.config["transforms.sum.type"] = "sum", "Sum"
	if err := w.run().wait(); err == nil || !strings.Contains(err.Error(), "transforms.sum.state.missing=empty") {
		t.Errorf("Run returned %v", err)
	}
	w.config["transforms.sum.state.missing"] = "empty"
	w.source.add(lines(out, "a=2", "a=3")...)
	w.run()
	if got := values(w.await(out, 3)); !slices.Equal(got, []string{"a=1", "a=2", "a=5"}) {
		t.Errorf("the output is %q", got)
	}
}

func TestManyStatePartitions(t *testing.T) {
	w := sumWorld(t, nil)
	out := w.topic("out")
	add := func(p int32, v string) {
		r := text(out, v)
		r.StatePartition = p
		w.source.add(r)
	}
	for i := range 9 {
		add(int32(i%3), "k=1")
	}
	r := w.run()
	w.await(out, 9)
	r.stop()
	add(2, "k=1")
	w.run()
	if got := values(w.await(out, 10)); got[9] != "k=4" || got[8] != "k=3" {
		t.Errorf("the output is %q", got)
	}
}

func TestStateNotByRecordKeyNeedsOnePartition(t *testing.T) {
	w := sumWorld(t, nil)
	w.transforms["Sum"] = func() connect.Transform {
		s := sum().(stateful)
		s.spec.ByRecordKey = false
		return s
	}
	r := text(w.topic("out"), "a=1")
	r.StatePartition = 1
	w.source.add(r)
	err := w.run().wait()
	if err == nil || !strings.Contains(err.Error(), "Repartition") || !strings.Contains(err.Error(), "transforms.sum.type") {
		t.Errorf("Run returned %v", err)
	}
}

func TestSinkWithState(t *testing.T) {
	w, b, in := sinkWorld(t, 2, map[string]string{"transforms": "sum", "transforms.sum.type": "Sum", "errors.tolerance": "all", "errors.deadletterqueue.topic.name": "{}dead"})
	w.transforms = map[string]func() connect.Transform{"Sum": sum}
	w.produce(in, 0, "a=1", "a=2", "a=bad")
	w.produce(in, 1, "a=10")
	r := w.run()
	w.awaitBox(b, 3)
	r.stop()
	if p0, p1 := w.groupOffset(in, 0), w.groupOffset(in, 1); p0.Offset != 3 || p1.Offset != 1 {
		t.Errorf("the group is at %v and %v", p0, p1)
	}
	w.await(w.topic("dead"), 1)
	w.produce(in, 0, "a=3")
	w.produce(in, 1, "a=20")
	w.run()
	got := w.awaitBox(b, 5)
	slices.Sort(got)
	if !slices.Equal(got, []string{"a=1", "a=10", "a=3", "a=30", "a=6"}) {
		t.Errorf("the sink got %q", got)
	}
}
