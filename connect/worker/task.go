// SPDX-License-Identifier: Apache-2.0

package worker

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"sync/atomic"
	"time"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/runtime"
	"github.com/connectd/connectd/connect/topics"
)

// task is one task of a connector and what has become of it.
type task struct {
	id      int
	config  map[string]string
	runner  TaskRunner
	cancel  context.CancelFunc
	done    chan struct{}
	failed  error
	fenced  bool         // another worker has taken it over
	again   bool         // it has run before
	up      *atomic.Bool // set by the task when its plugin has been started
	told    bool         // that it is up
	back    backoff
	retryAt time.Time
	began   time.Time
}

// taskEnd is what a task's goroutine says when Run has returned.
type taskEnd struct {
	t   *task
	err error
}

// all returns the numbers of all tasks in order.
func (c *connector) all() []int { return slices.Sorted(maps.Keys(c.tasks)) }

// running returns the numbers of the tasks that have not failed.
func (c *connector) running() []int {
	return slices.DeleteFunc(c.all(), func(i int) bool { return c.tasks[i].failed != nil })
}

// launch makes and runs a task. A task that cannot be made is FAILED.
func (c *connector) launch(t *task) {
	t.failed, t.fenced, t.retryAt, t.began = nil, false, time.Time{}, c.w.o.Now()
	t.up, t.told = &atomic.Bool{}, false
	runner, err := c.makeTask(t)
	if err != nil {
		c.taskEnded(taskEnd{t, err})
		return
	}
	t.runner = runner
	c.hold(t.id, runner)
	if c.paused {
		runner.Pause()
	}
	ctx, cancel := context.WithCancel(c.ctx)
	t.cancel, t.done = cancel, make(chan struct{})
	c.tellTask(t)
	go func(t *task, done chan struct{}) {
		err := runner.Run(ctx)
		close(done)
		if ctx.Err() != nil {
			return // it was told to end
		}
		select {
		case c.ends <- taskEnd{t, err}:
		case <-ctx.Done():
		}
	}(t, t.done)
}

func (c *connector) makeTask(t *task) (TaskRunner, error) {
	resolved, err := c.w.o.Providers.Resolve(t.config)
	if err != nil {
		return nil, err
	}
	up := t.up
	o := runtime.TaskOptions{
		Connector: c.name, Task: t.id, Group: c.w.o.Group, Config: c.resolved, TaskConfig: resolved, Plugins: c.w.o.Plugins, Clusters: c.w.o.Clusters,
		Worker: c.w.o.Settings, Offsets: offsetStore{c.w.offsets}, StateDir: filepath.Join(c.w.o.StateDir, stateName(c.name)),
		Log: c.w.o.Log, Now: c.w.o.Now, Crash: c.w.o.Crash, OnTopic: func(topic string) { c.useTopic(topic, t.id) }, OnRunning: func() {
			up.Store(true)
			c.poke()
		},
	}
	if c.w.o.Metrics != nil {
		o.Metrics = c.w.o.Metrics.Task(c.name, t.id)
	}
	return c.w.o.NewTask(o)
}

// stateName makes a directory name of a connector's name.
func stateName(connector string) string {
	out := make([]byte, 0, len(connector))
	for i := range len(connector) {
		b := connector[i]
		if b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= '0' && b <= '9' || b == '-' || b == '.' && i > 0 {
			out = append(out, b)
			continue
		}
		out = append(out, fmt.Sprintf("_x%02X", b)...)
	}
	return string(out)
}

// useTopic records that the connector uses a topic, unless that is known.
func (c *connector) useTopic(topic string, id int) {
	if !c.w.o.Tracking || slices.Contains(c.w.status.Topics(c.name), topic) {
		return
	}
	use := topics.TopicUse{Topic: topic, Connector: c.name, Task: id, Discovered: c.w.o.Now().UnixMilli()}
	if err := c.w.status.PutTopic(c.ctx, use); err != nil {
		c.writeLater(use)
	}
}

// stopTasks ends tasks in order, each within the time that the settings allow, and
// forgets them.
func (c *connector) stopTasks(ids []int) {
	for _, id := range ids {
		if t := c.tasks[id]; t.cancel != nil {
			t.cancel()
		}
	}
	for _, id := range ids {
		c.awaitTask(c.tasks[id])
		delete(c.tasks, id)
		c.hold(id, nil)
	}
}

// awaitTask waits until a task that was told to end has ended. A task that holds on to
// something is waited for, since a second one must not run beside it; the wait is logged.
func (c *connector) awaitTask(t *task) {
	if t.done == nil {
		return
	}
	slow := time.NewTimer(c.w.o.GracefulStop)
	defer slow.Stop()
	select {
	case <-t.done:
		return
	case <-slow.C:
		c.log.Warn("the task does not end in the time that it has; it is waited for", "task", t.id, "time", c.w.o.GracefulStop)
	}
	<-t.done
}

// taskEnded takes in that a task has ended by itself.
func (c *connector) taskEnded(e taskEnd) {
	t := e.t
	if c.tasks[t.id] != t || c.ctx.Err() != nil {
		return // stopped meanwhile
	}
	if t.cancel != nil {
		t.cancel()
		t.cancel = nil
	}
	if e.err == nil {
		e.err = errors.New("the task ended without being told to")
	}
	t.failed = c.hidden().hideIn(e.err)
	c.log.Error("the task has failed", "task", t.id, "error", t.failed)
	now := c.w.o.Now()
	rule := c.restartRule()
	if now.Sub(t.began) > rule.most {
		t.back = backoff{} // it ran well; a slow failure, such as a time-out, is no such run
	}
	if t.fenced = errors.Is(e.err, runtime.ErrFenced); !t.fenced {
		var record *runtime.RecordError
		t.retryAt = t.back.next(now, rule, errors.As(e.err, &record))
	}
	c.tellTask(t)
}

// setPaused pauses or resumes all tasks.
func (c *connector) setPaused(paused bool) {
	if c.paused == paused {
		return
	}
	c.paused = paused
	for _, id := range c.running() {
		if r := c.tasks[id].runner; r != nil && paused {
			r.Pause()
		} else if r != nil {
			r.Resume()
		}
		c.tellTask(c.tasks[id])
	}
}

// offsetStore gives tasks the offsets topic in the form they know.
type offsetStore struct{ Offsets }

// Records is as topics.Offsets.Records.
func (s offsetStore) Records(connector string, ps []connect.Position) ([]runtime.OffsetRecord, error) {
	rs, err := s.Offsets.Records(connector, ps)
	out := make([]runtime.OffsetRecord, len(rs))
	for i, r := range rs {
		out[i] = runtime.OffsetRecord(r)
	}
	return out, err
}
