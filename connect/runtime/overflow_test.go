// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/connectd/connectd/connect"
)

func TestScratchOfManyChunks(t *testing.T) {
	var s scratch
	text := bytes.Repeat([]byte("x"), 1000)
	large := bytes.Repeat([]byte("y"), 3*scratchMost)
	var kept [][]byte
	for i := range 100_000 { // some 100 chunks
		if i%10_000 == 5_000 {
			kept = append(kept, s.keep(append(s.tail(), large...)))
		}
		kept = append(kept, s.keep(append(s.tail(), text...)))
	}
	if len(s.chunks) < 80 || len(s.chunks) > 120 {
		t.Errorf("there are %d chunks", len(s.chunks))
	}
	for i, b := range kept {
		if !bytes.Equal(b, text) && !bytes.Equal(b, large) {
			t.Fatalf("encoding %d has changed: %.20q", i, b)
		}
	}
	s.reset()
	size := 0
	for _, c := range s.chunks {
		size += len(c)
	}
	if size > scratchKeep || s.total != 0 {
		t.Errorf("after the reset %d bytes are kept, %d of them used", size, s.total)
	}
}

// grown is a world whose step makes 20 KB of each record, and refuses bad ones.
func grown(t *testing.T, config map[string]string) (w *world, out string) {
	padding := strings.Repeat(".", 20_000)
	w = withTransform(t, config, transform(func(c *connect.Context, r *connect.Record, emit connect.Emit) error {
		if strings.HasPrefix(r.Value.Str(), "bad") {
			return connect.DataErrorf("refused")
		}
		r.Value = c.Arena.CopyString([]byte(r.Value.Str() + padding))
		emit(r)
		return nil
	}))
	w.worker.UnitBytes = 200_000
	return w, w.topic("out")
}

// numbersOf are the values without their padding.
func numbersOf(values []string) []string {
	var out []string
	for _, v := range values {
		out = append(out, strings.TrimRight(v, "."))
	}
	return out
}

func TestAUnitEndsWithinABatchThatGrows(t *testing.T) {
	for _, boundary := range []string{boundaryPoll, boundaryInterval} {
		t.Run(boundary, func(t *testing.T) {
			w, out := grown(t, map[string]string{keyBoundary: boundary})
			w.source.add(texts(out, 0, 100)...)
			r := w.run()
			var want []string
			for i := range 100 {
				want = append(want, fmt.Sprint(i))
			}
			if got := numbersOf(values(w.await(out, 100))); !slices.Equal(got, want) {
				t.Errorf("the output is %q", got)
			}
			w.until("the last offset is committed", func() bool { return w.offset() == 100 })
			r.stop()
			if n := w.metrics.Commits.Load(); n < 9 {
				t.Errorf("2 MB were committed in %d transactions of about 200 KB", n)
			}
			if c := w.source.committed(); !slices.IsSorted(c) {
				t.Errorf("the connector was told %v", c)
			}
		})
	}
}

func TestABatchThatGrowsEndsAtABadRecord(t *testing.T) {
	w, out := grown(t, nil)
	w.source.add(texts(out, 0, 55)...)
	w.source.add(text(out, "bad"))
	w.source.add(texts(out, 56, 60)...)
	w.run().recordError()
	if got := w.read(out); len(got) != 55 || w.offset() != 55 {
		t.Errorf("%d records and the offset %d are committed", len(got), w.offset())
	}
}

// The parts of a transaction of the connector are still one transaction.
func TestATransactionOfTheConnectorThatGrows(t *testing.T) {
	w, out := grown(t, map[string]string{keyBoundary: boundaryConnector})
	w.source.ends[50] = true
	w.source.add(texts(out, 0, 90)...)
	r := w.run()
	w.await(out, 50)
	w.until("the offset is committed", func() bool { return w.offset() == 50 })
	w.source.mu.Lock()
	w.source.ends[100] = true
	w.source.mu.Unlock()
	w.source.add(texts(out, 90, 100)...)
	w.await(out, 100)
	w.until("the offset is committed", func() bool { return w.offset() == 100 })
	r.stop()
	if got := w.metrics.Commits.Load(); got != 2 {
		t.Errorf("there were %d transactions", got)
	}
}

// A transaction of the connector that does not end in time is committed in parts, before
// the brokers give up on it.
func TestATransactionOfTheConnectorThatLasts(t *testing.T) {
	w, out := grown(t, map[string]string{keyBoundary: boundaryConnector, "producer.override.transaction.timeout.ms": "600"})
	r := w.run()
	n := 0
	for began := time.Now(); time.Since(began) < 2*time.Second; n += 20 { // without a rest
		w.source.add(texts(out, n, n+20)...)
		w.until("there are more", func() bool { return time.Since(began) > time.Duration(n)*time.Millisecond })
	}
	w.until("the offset is committed", func() bool { return w.offset() == int64(n) }) // after a rest
	r.stop()
	if got := len(w.read(out)); got != n {
		t.Errorf("%d records are committed of %d", got, n)
	}
	if got := w.metrics.Commits.Load(); got < 4 {
		t.Errorf("there were %d transactions", got)
	}
	if n := w.metrics.CommitFailures.Load(); n != 0 {
		t.Errorf("%d commits failed", n)
	}
}

func TestAPanicFailsTheTask(t *testing.T) {
	cases := map[string]func(w *world){
		"of Start": func(w *world) { w.source.start = func() error { panic("oops") } },
		"of Poll": func(w *world) {
			w.source.poll = func(int) error {
				w.source.mu.Unlock() // which Poll would leave locked
				panic("oops")
			}
		},
		"of Commit": func(w *world) { w.source.commit = func() { panic("oops") } },
	}
	for name, set := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, nil)
			set(w)
			w.source.add(text(w.topic("out"), "a"))
			err := w.run().wait()
			if err == nil || !strings.Contains(err.Error(), "panic: oops") || !strings.Contains(err.Error(), "fakes_test.go") && name != "of Start" {
				t.Errorf("Run returned %v", err)
			}
		})
	}
}
