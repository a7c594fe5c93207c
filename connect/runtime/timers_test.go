// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"slices"
	"testing"

	"github.com/connectd/connectd/connect"
)

// overdue advances stream time to 100 with each record, and then sets a timer for 50,
// which has passed already: nothing but another record, or a start, fires it.
func overdue(out string) func() connect.Transform {
	return func() connect.Transform {
		apply := func(c *connect.Context, r *connect.Record, _ connect.Emit) error {
			c.State.Advance(100)
			c.State.SetTimer(50, append([]byte(nil), textOf(r.Value)...))
			return nil
		}
		onTimer := func(c *connect.Context, at int64, key []byte, emit connect.Emit) error {
			emit(&connect.Record{Topic: out, Partition: connect.NoPartition, Timestamp: at, Value: c.Arena.CopyString(key)})
			return nil
		}
		return timed{stateful{apply, connect.StateSpec{Version: "overdue/1", ByRecordKey: true}}, onTimer}
	}
}

// textOf is the text of a string or of bytes.
func textOf(v connect.Value) string {
	if v.Kind() == connect.KindString {
		return v.Str()
	}
	return string(v.Bytes())
}

func TestOverdueTimersFireBeforeTheFirstInput(t *testing.T) {
	config := map[string]string{"transforms": "late", "transforms.late.type": "Overdue"}
	w := newWorld(t, config)
	out := w.topic("out")
	w.transforms = map[string]func() connect.Transform{"Overdue": overdue(out)}
	w.stateDir = t.TempDir()
	w.source.add(text("in", "a"))
	r := w.run()
	w.until("the offset is committed", func() bool { return w.offset() == 1 })
	r.stop()
	if got := values(w.read(out)); len(got) > 0 {
		t.Fatalf("before the restart the timers released %q", got)
	}

	r = w.run() // no input comes
	if got := w.await(out, 1)[0]; string(got.Value) != "a" || got.Timestamp != 50 {
		t.Errorf("the timer released %q at %d", got.Value, got.Timestamp)
	}
	r.stop()

	w.source.add(text("in", "b"), text("in", "c"))
	r = w.run()
	// The second record fires the timer of the first; that of a is done.
	if got := values(w.await(out, 2)); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("the timers released %q", got)
	}
	r.stop()
	w.stateDir = t.TempDir() // the state comes from its changelog
	w.run()
	if got := values(w.await(out, 3)); !slices.Equal(got, []string{"a", "b", "c"}) {
		t.Errorf("the timers released %q", got)
	}
}

func TestOverdueTimersOfASinkFireBeforeTheFirstInput(t *testing.T) {
	w, b, in := sinkWorld(t, 2, map[string]string{"transforms": "late", "transforms.late.type": "Overdue"})
	w.transforms = map[string]func() connect.Transform{"Overdue": overdue("out")}
	w.produce(in, 0, "a")
	w.produce(in, 1, "b")
	r := w.run()
	w.until("both are read", func() bool { return w.metrics.Polled.Load() == 2 })
	r.stop()
	if got := b.got(); len(got) > 0 {
		t.Fatalf("before the restart the timers released %q", got)
	}
	r = w.run()
	got := w.awaitBox(b, 2)
	slices.Sort(got)
	if !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("the timers released %q", got)
	}
	r.stop()
	w.produce(in, 0, "c", "d")
	w.run()
	if got := w.awaitBox(b, 3); got[2] != "c" {
		t.Errorf("the timers released %q", got)
	}
}
