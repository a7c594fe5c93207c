// SPDX-License-Identifier: Apache-2.0

package worker

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/connectd/connectd/connect/runtime"
	"github.com/connectd/connectd/connect/topics"
)

// A task is RUNNING when its plugin has been started, not before.
func TestATaskRunsWhenItsPluginHasBeenStarted(t *testing.T) {
	s := newSetting(t)
	s.world.silent = true
	w := s.start(t)
	create(t, w, "c", source())
	eventually(t, "the task is at work", func() bool { return len(s.world.live()) == 1 })
	eventuallyStates(t, w, "c", "RUNNING 0:UNASSIGNED")
	s.world.runs["c-0"][0].o.OnRunning()
	eventuallyStates(t, w, "c", "RUNNING 0:RUNNING")
	must(t, w.RestartTask(deadline(t), "c", 0))
	eventuallyStates(t, w, "c", "RUNNING 0:RESTARTING")
	eventually(t, "the task is at work again", func() bool { return s.world.runsOf("c-0") == 2 })
	s.world.runs["c-0"][0].o.OnRunning() // of a task that has ended
	must(t, w.SetTarget(deadline(t), "c", topics.Paused))
	eventuallyStates(t, w, "c", "PAUSED 0:PAUSED")
	must(t, w.SetTarget(deadline(t), "c", topics.Started))
	eventuallyStates(t, w, "c", "RUNNING 0:RESTARTING")
	s.world.runs["c-0"][1].o.OnRunning()
	eventuallyStates(t, w, "c", "RUNNING 0:RUNNING")
}

// deaf is a status topic that cannot be written to until it hears.
type deaf struct {
	Statuses
	mu    sync.Mutex
	hears bool
	tried map[string]int
}

func (d *deaf) attempt(what string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.tried[what]++
	if !d.hears {
		return errors.New("the broker is away")
	}
	return nil
}

func (d *deaf) times(what string) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.tried[what]
}

func (d *deaf) hear() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.hears = true
}

func (d *deaf) PutConnector(ctx context.Context, name string, st topics.InstanceStatus) error {
	if err := d.attempt("connector"); err != nil {
		return err
	}
	return d.Statuses.PutConnector(ctx, name, st)
}

func (d *deaf) PutTask(ctx context.Context, name string, task int, st topics.InstanceStatus) error {
	if err := d.attempt(fmt.Sprint("task ", task)); err != nil {
		return err
	}
	return d.Statuses.PutTask(ctx, name, task, st)
}

func (d *deaf) PutTopic(ctx context.Context, u topics.TopicUse) error {
	if err := d.attempt(u.Topic); err != nil {
		return err
	}
	return d.Statuses.PutTopic(ctx, u)
}

func TestStatusesThatCannotBeWrittenAreTriedAgain(t *testing.T) {
	s := newSetting(t)
	w := s.start(t)
	status := &deaf{tried: map[string]int{}}
	w.mu.Lock()
	status.Statuses, w.status = w.status, status
	w.mu.Unlock()
	create(t, w, "c", source("tasks.max", "2"))
	eventually(t, "the tasks are at work", func() bool { return len(s.world.live()) == 2 })
	s.world.runs["c-1"][0].o.OnTopic("t")
	for _, what := range []string{"connector", "task 0", "task 1", "t"} {
		eventually(t, what+" is tried again", func() bool { return status.times(what) > 1 })
	}
	status.hear()
	eventuallyStates(t, w, "c", "RUNNING 0:RUNNING 1:RUNNING")
	eventually(t, "the use of a topic is known", func() bool { return len(w.status.Topics("c")) == 1 })
	again, err := topics.OpenStatus(deadline(t), s.o.Status)
	must(t, err)
	defer again.Close()
	if got := again.Tasks("c"); len(got) != 2 || got[1].State != topics.StateRunning || len(again.Topics("c")) != 1 {
		t.Errorf("the topic holds %+v", got)
	}
}

// A task that another worker has taken over does not hide the state of the new one.
func TestTheLastWordOfATaskThatWasTakenOver(t *testing.T) {
	s := newSetting(t)
	lost := make(chan struct{})
	s.world.run = func(ctx context.Context, _ string) error {
		select {
		case <-lost:
			return fmt.Errorf("commit: %w", runtime.ErrFenced)
		case <-ctx.Done():
			return nil
		}
	}
	w := s.start(t)
	create(t, w, "c", source())
	eventuallyStates(t, w, "c", "RUNNING 0:RUNNING")
	other, err := topics.OpenStatus(deadline(t), s.o.Status)
	must(t, err)
	defer other.Close()
	must(t, other.PutTask(deadline(t), "c", 0, topics.InstanceStatus{State: topics.StateRunning, WorkerID: "other:1"}))
	close(lost)
	eventually(t, "the task has ended", func() bool { return len(s.world.live()) == 0 })
	must(t, w.SetTarget(deadline(t), "c", topics.Paused)) // comes after the end
	eventually(t, "the pause is told", func() bool { st, err := w.Status("c"); return err == nil && st.Connector.State == "PAUSED" })
	if st, _ := w.TaskStatus("c", 0); st.State != "RUNNING" || st.WorkerID != "other:1" {
		t.Errorf("the status is %+v", st)
	}
}

func TestUnwrittenStatusesAreDue(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	c := &connector{w: &Worker{o: Options{Now: func() time.Time { return now }}}, tasks: map[int]*task{}}
	if got := c.nextDue(); !got.IsZero() {
		t.Errorf("with nothing to do, %v is due", got)
	}
	c.later("x", nil)
	if got := c.nextDue(); !got.Equal(now.Add(rewriteEvery)) {
		t.Errorf("a status that could not be written is due at %v", got)
	}
	c.retryAt = now.Add(rewriteEvery / 2)
	if got := c.nextDue(); !got.Equal(c.retryAt) {
		t.Errorf("a restart before that is due at %v", got)
	}
}
