// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
)

// grave takes goroutines of tasks that are to look dead: who calls dig at the n-th
// time with the point stays there until the end of the test. All that a task writes
// comes from one goroutine, so that nothing of it follows.
type grave struct {
	mu     sync.Mutex
	point  string
	left   int
	dead   chan struct{} // closed when the point is reached
	buried chan struct{} // closed at the end of the test
	raised bool
}

func newGrave() *grave { return &grave{buried: make(chan struct{})} }

// raise lets the dead go on, so that their goroutines end.
func (g *grave) raise() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.point = "none"; !g.raised {
		g.raised = true
		close(g.buried)
	}
}

func (g *grave) arm(point string, n int) <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.point, g.left, g.dead = point, n, make(chan struct{})
	return g.dead
}

func (g *grave) dig(point string) {
	g.mu.Lock()
	if point != g.point {
		g.mu.Unlock()
		return
	}
	g.left--
	if g.left != 0 {
		g.mu.Unlock()
		return
	}
	close(g.dead)
	g.mu.Unlock()
	<-g.buried
}

// randomInput makes inputs of sum for a few keys, some of which are dropped or bad.
func randomInput(r *rand.Rand, n int) []string {
	var out []string
	for range n {
		key := string(rune('a' + r.IntN(3)))
		switch r.IntN(10) {
		case 0:
			out = append(out, key+"=drop")
		case 1:
			out = append(out, key+"=bad")
		default:
			out = append(out, fmt.Sprintf("%s=%d", key, r.IntN(100)))
		}
	}
	return out
}

var crashPoints = []string{
	"after-read", "after-transform", "after-produce", "before-endtxn", "during-endtxn", "after-commit",
	"in-apply", "before-source-commit", "during-restore", "first-record",
}

func TestCrashAtNamedPoints(t *testing.T) {
	seed := rand.Uint64()
	for _, point := range crashPoints {
		t.Run(point, func(t *testing.T) {
			t.Logf("seed %d", seed)
			r := rand.New(rand.NewPCG(seed, 1))
			w := sumWorld(t, map[string]string{"errors.tolerance": "all", "errors.deadletterqueue.topic.name": "{}errors"})
			w.batch = 3
			g := newGrave()
			w.crash, w.atEnd = g.dig, g.raise
			out := w.topic("out")
			var inputs []string
			feed := func() {
				more := randomInput(r, 10)
				inputs = append(inputs, more...)
				w.source.add(lines(out, more...)...)
			}
			feed()
			if point == "during-restore" { // there must be something to be restored
				healthy := w.run()
				w.until("something is committed", func() bool { return w.offset() == int64(len(inputs)) })
				healthy.stop()
			}
			for range 4 {
				dead := g.arm(point, 1+r.IntN(2))
				if point == "first-record" || point == "during-restore" {
					dead = g.arm(point, 1)
				}
				if w.stateDir = w.localCopy(t, r); point == "during-restore" {
					w.stateDir = t.TempDir()
				}
				task := w.run()
				feed()
				select {
				case <-dead:
				case <-task.done:
					t.Fatalf("the task ended: %v", task.err)
				case <-after(deadline):
					t.Fatal("the point was not reached")
				}
			}
			g.arm("", 0)
			w.stateDir = w.localCopy(t, r)
			w.run()
			wantOut, wantErrs := sums(inputs)
			if got := values(w.await(out, len(wantOut))); !slices.Equal(got, wantOut) {
				t.Errorf("the output is\n%q, want\n%q", got, wantOut)
			}
			if got := values(w.await(w.topic("errors"), len(wantErrs))); !slices.Equal(got, wantErrs) {
				t.Errorf("the error topic holds\n%q, want\n%q", got, wantErrs)
			}
			w.until("the offset is committed", func() bool { return w.offset() == int64(len(inputs)) })
		})
	}
}

func TestZombieIsFenced(t *testing.T) {
	w := sumWorld(t, nil)
	out := w.topic("out")
	w.source.add(lines(out, "a=1")...)
	first := w.run()
	w.await(out, 1)
	w.stateDir = t.TempDir()
	started := make(chan struct{})
	w.source.start = func() error {
		close(started)
		return nil
	}
	w.run()
	<-started
	w.source.add(lines(out, "a=2")...)
	if err := first.wait(); !errors.Is(err, ErrFenced) {
		t.Errorf("the first task returned %v, want ErrFenced", err)
	}
	if got := values(w.await(out, 2)); got[1] != "a=3" {
		t.Errorf("the output is %q", got)
	}
}
