// SPDX-License-Identifier: Apache-2.0

package worker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/runtime"
	"github.com/connectd/connectd/connect/topics"
)

func TestBackoff(t *testing.T) {
	rule := restartRule{first: time.Second, most: 5 * time.Second, tries: -1, forRecord: 1}
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	cases := []struct {
		name   string
		rule   restartRule
		record bool
		want   []time.Duration // -1 for "a person has to"
	}{
		{"grows to the most", rule, false, []time.Duration{1, 2, 4, 5, 5}},
		{"record errors have a count of their own", rule, true, []time.Duration{1, -1}},
		{"never", restartRule{first: time.Second, most: time.Minute}, false, []time.Duration{-1}},
		{"twice", restartRule{first: 3 * time.Second, most: time.Minute, tries: 2}, false, []time.Duration{3, 6, -1}},
		{"at once", restartRule{most: time.Minute, tries: -1}, false, []time.Duration{0, 0}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var b backoff
			for i, want := range c.want {
				at := b.next(now, c.rule, c.record)
				if want < 0 {
					if !at.IsZero() {
						t.Errorf("restart %d is due at %v", i+1, at)
					}
					continue
				}
				if got := at.Sub(now); got != want*time.Second || b.count != i+1 {
					t.Errorf("restart %d is due after %v, counted as %d; want %v", i+1, got, b.count, want*time.Second)
				}
			}
		})
	}
}

// failTimes makes the tasks of a test fail that often before they run.
func (w *world) failTimes(n int, err error) {
	left := n
	w.run = func(ctx context.Context, _ string) error {
		w.mu.Lock()
		fails := left > 0
		left--
		w.mu.Unlock()
		if fails {
			return err
		}
		<-ctx.Done()
		return nil
	}
}

func TestFailedTasksAreRestarted(t *testing.T) {
	s := newSetting(t)
	s.world.failTimes(3, errors.New("the server is away"))
	w := s.start(t)
	create(t, w, "c", source())
	eventually(t, "the task runs at the fourth time", func() bool { return s.world.runsOf("c-0") == 4 && slices.Equal(s.world.live(), []string{"c-0"}) })
	eventuallyStates(t, w, "c", "RUNNING 0:RUNNING")
	if st, _ := w.Status("c"); st.Tasks[0].Trace != "" || st.Tasks[0].NextRestart != 0 {
		t.Errorf("the status of a task that runs is %+v", st.Tasks[0])
	}
}

func TestWhatWaitsForAPerson(t *testing.T) {
	record := &runtime.RecordError{Connector: "c", Stage: connect.StageTransformation, Class: "X", Position: "line 6", Text: "FAIL HERE", Err: errors.New("bad")}
	cases := []struct {
		name   string
		err    error
		config []string
		runs   int
	}{
		{"a record error", record, nil, 1},
		{"a record error with a try", fmt.Errorf("wrapped: %w", record), []string{runtime.RestartRecordMaxAttempts, "1"}, 2},
		{"fenced", fmt.Errorf("commit: %w", runtime.ErrFenced), nil, 1},
		{"no tries", errors.New("x"), []string{runtime.RestartMaxAttempts, "0"}, 1},
		{"two tries", errors.New("x"), []string{runtime.RestartMaxAttempts, "2"}, 3},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := newSetting(t)
			s.world.failTimes(100, c.err)
			w := s.start(t)
			create(t, w, "c", source(c.config...))
			eventually(t, "the task waits", func() bool {
				st, err := w.Status("c")
				return err == nil && s.world.runsOf("c-0") == c.runs && len(st.Tasks) == 1 && st.Tasks[0].State == "FAILED" && st.Tasks[0].NextRestart == 0
			})
			if st, _ := w.Status("c"); !strings.Contains(st.Tasks[0].Trace, c.err.Error()) || st.Connector.State != "RUNNING" {
				t.Errorf("the status is %+v", st)
			}
			s.world.set(func() { s.world.run = nil })
			must(t, w.RestartTask(deadline(t), "c", 0))
			eventuallyStates(t, w, "c", "RUNNING 0:RUNNING")
		})
	}
}

// A task that takes long to fail, longer than its pause, has not run well.
func TestSlowFailuresAreCounted(t *testing.T) {
	for name, c := range map[string]struct {
		lasts time.Duration
		waits bool
	}{"a time-out": {30 * time.Second, true}, "a good run": {time.Hour, false}} {
		t.Run(name, func(t *testing.T) {
			s := newSetting(t)
			var ahead atomic.Int64
			s.o.Now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
			s.world.run = func(context.Context, string) error {
				ahead.Add(int64(c.lasts))
				return errors.New("timed out")
			}
			w := s.start(t)
			create(t, w, "c", source(runtime.RestartMaxAttempts, "2"))
			if c.waits {
				eventually(t, "the task waits after two restarts", func() bool {
					st, err := w.Status("c")
					return err == nil && s.world.runsOf("c-0") == 3 && st.Tasks[0].State == "FAILED" && st.Tasks[0].NextRestart == 0
				})
				return
			}
			eventually(t, "the task is restarted again and again", func() bool { return s.world.runsOf("c-0") > 10 })
		})
	}
}

func TestTheNextRestartIsVisible(t *testing.T) {
	s := newSetting(t)
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	s.o.Now = func() time.Time { return now }
	s.world.failTimes(1, errors.New("x"))
	w := s.start(t)
	create(t, w, "c", source(runtime.RestartBackoff, "60000"))
	eventuallyStates(t, w, "c", "RUNNING 0:FAILED")
	if st, _ := w.Status("c"); st.Tasks[0].Restarts != 1 || st.Tasks[0].NextRestart != now.Add(time.Minute).UnixMilli() {
		t.Errorf("the status is %+v", st.Tasks[0])
	}
}

func TestFailedConnectorsAreRestarted(t *testing.T) {
	s := newSetting(t)
	starts := 0
	s.world.start = func(name string) error {
		if name != "bad" {
			return nil
		}
		if starts++; starts < 3 {
			return errors.New("no such server")
		}
		return nil
	}
	w := s.start(t)
	create(t, w, "good", source())
	create(t, w, "bad", source())
	eventuallyStates(t, w, "bad", "RUNNING 0:RUNNING")
	eventuallyStates(t, w, "good", "RUNNING 0:RUNNING")
	if got := s.world.runsOf("good-0"); got != 1 {
		t.Errorf("the task of the other connector has run %d times", got)
	}
}

func TestAFailedConnectorIsToldAndRepaired(t *testing.T) {
	s := newSetting(t)
	s.world.start = func(string) error { return errors.New("no such server") }
	w := s.start(t)
	create(t, w, "c", source(runtime.RestartMaxAttempts, "0"))
	eventuallyStates(t, w, "c", "FAILED")
	if st, _ := w.Status("c"); !strings.Contains(st.Connector.Trace, "no such server") {
		t.Errorf("the trace is %q", st.Connector.Trace)
	}
	s.world.set(func() { s.world.start = nil })
	_, _, err := w.Put(deadline(t), "c", source("file", "other"))
	must(t, err)
	eventuallyStates(t, w, "c", "RUNNING 0:RUNNING")
}

// A connector that fails while its tasks run must not leave them shown as running
// when they are not.
func TestFailWhileTasksRun(t *testing.T) {
	s := newSetting(t)
	w := s.start(t)
	create(t, w, "c", source(runtime.RestartMaxAttempts, "0"))
	eventuallyStates(t, w, "c", "RUNNING 0:RUNNING")
	s.world.instance("c").c.Fail(errors.New("the watcher broke"))
	eventually(t, "the connector is FAILED", func() bool { return strings.HasPrefix(states(w, "c"), "FAILED") })
	eventually(t, "the status tells of the task what is true", func() bool {
		st, _ := w.Status("c")
		return len(st.Tasks) == 1 && (st.Tasks[0].State == "RUNNING") == slices.Contains(s.world.live(), "c-0")
	})
}

func TestRestarts(t *testing.T) {
	cases := []struct {
		name              string
		tasks, onlyFailed bool
		answer            string
		runs              [2]int // of the task that runs, and of the one that failed
		instances         bool   // the instance is another one
	}{
		{"the connector", false, false, "RESTARTING 0:RUNNING 1:FAILED", [2]int{1, 1}, true},
		{"with tasks", true, false, "RESTARTING 0:RESTARTING 1:RESTARTING", [2]int{2, 2}, true},
		{"what failed", true, true, "RUNNING 0:RUNNING 1:RESTARTING", [2]int{1, 2}, false},
		{"the connector if it failed", false, true, "RUNNING 0:RUNNING 1:FAILED", [2]int{1, 1}, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := newSetting(t)
			s.world.run = func(ctx context.Context, task string) error {
				if task == "c-1" && s.world.runsOf(task) == 1 {
					return errors.New("x")
				}
				<-ctx.Done()
				return nil
			}
			w := s.start(t)
			create(t, w, "c", source("tasks.max", "2", runtime.RestartMaxAttempts, "0"))
			eventuallyStates(t, w, "c", "RUNNING 0:RUNNING 1:FAILED")
			before := s.world.instance("c")
			st, err := w.Restart(deadline(t), topics.Restart{Connector: "c", IncludeTasks: c.tasks, OnlyFailed: c.onlyFailed})
			must(t, err)
			got := st.Connector.State
			for _, task := range st.Tasks {
				got += fmt.Sprintf(" %d:%s", task.ID, task.State)
			}
			if got != c.answer {
				t.Errorf("the answer is %s, want %s", got, c.answer)
			}
			eventually(t, "it is done", func() bool {
				return s.world.runsOf("c-0") == c.runs[0] && s.world.runsOf("c-1") == c.runs[1] && (s.world.instance("c") != before) == c.instances
			})
			want := "RUNNING 0:RUNNING 1:FAILED"
			if c.runs[1] == 2 {
				want = "RUNNING 0:RUNNING 1:RUNNING"
			}
			eventuallyStates(t, w, "c", want)
		})
	}
}

func TestRestartsOfWhatIsNotThere(t *testing.T) {
	s := newSetting(t)
	w := s.start(t)
	create(t, w, "c", source())
	eventuallyStates(t, w, "c", "RUNNING 0:RUNNING")
	if _, err := w.Restart(deadline(t), topics.Restart{Connector: "nobody"}); status(err) != 404 {
		t.Errorf("nobody: %v", err)
	}
	for _, task := range []int{-1, 1} {
		if err := w.RestartTask(deadline(t), "c", task); status(err) != 404 {
			t.Errorf("task %d: %v", task, err)
		}
	}
}
