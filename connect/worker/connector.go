// SPDX-License-Identifier: Apache-2.0

package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"time"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/runtime"
	"github.com/connectd/connectd/connect/topics"
)

// connector is one connector with its goroutine. All fields below ctx belong to the
// goroutine; restarts belongs to the worker's lock.
type connector struct {
	w        *Worker
	name     string
	log      *slog.Logger
	restarts []topics.Restart
	// taskRestarts are requests for single tasks; they belong to the worker's lock.
	taskRestarts []int
	// uses are uses of topics that could not be written; they belong to the worker's lock.
	uses []topics.TopicUse
	// holders are the tasks that can tell of their state, by number; they belong to the
	// worker's lock.
	holders map[int]StateHolder
	// signallers are the tasks that signals can be given to; they belong to the worker's lock.
	signallers map[int]Signaller
	pokes      chan struct{}
	ends       chan taskEnd
	// removed is closed, and replaced, when the connector is deleted and all of it has
	// ended; it belongs to the worker's lock.
	removed chan struct{}

	ctx    context.Context
	cancel context.CancelFunc

	instance  connect.Connector
	config    map[string]string // what the instance was started with, placeholders in
	resolved  map[string]string // the same with placeholders resolved
	replan    bool              // the instance asked for new tasks
	replanned chan struct{}
	failed    error // why the connector is FAILED
	failures  chan error
	back      backoff
	retryAt   time.Time
	tasks     map[int]*task
	paused    bool
	unwritten unwritten
}

func newConnector(w *Worker, name string) *connector {
	c := &connector{
		w: w, name: name, log: w.log.With("connector", name), pokes: make(chan struct{}, 1), ends: make(chan taskEnd, 16), removed: make(chan struct{}),
		replanned: make(chan struct{}, 1), failures: make(chan error, 1), tasks: map[int]*task{},
	}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	return c
}

// poke makes the goroutine look; it never blocks.
func (c *connector) poke() {
	select {
	case c.pokes <- struct{}{}:
	default:
	}
}

// run compares what ought to be with what is until the connector is deleted or the
// worker stops.
func (c *connector) run() {
	for c.ctx.Err() == nil {
		for _, r := range c.w.takeRestarts(c) {
			c.restart(r)
		}
		for _, id := range c.w.takeTaskRestarts(c) {
			if t := c.tasks[id]; t != nil {
				c.relaunch(t)
			}
		}
		state, exists := c.w.config.Connector(c.name)
		if !exists {
			c.remove()
			if len(c.unwritten.writes) > 0 {
				c.await()
				continue
			}
			if c.w.gone(c) {
				return
			}
			continue
		}
		c.reconcile(state)
		c.tellStarted()
		c.rewrite()
		c.await()
	}
	c.shutdown()
}

// await returns when there is something to look at.
func (c *connector) await() {
	var due <-chan time.Time
	if at := c.nextDue(); !at.IsZero() {
		t := time.NewTimer(max(0, at.Sub(c.w.o.Now())))
		defer t.Stop()
		due = t.C
	}
	select {
	case <-c.pokes:
	case e := <-c.ends:
		c.taskEnded(e)
	case <-c.replanned:
		c.replan = true
	case err := <-c.failures:
		c.fail(err)
	case <-due:
	case <-c.ctx.Done():
	}
}

// reconcile makes one step towards what the config topic asks for.
func (c *connector) reconcile(s topics.ConnectorState) {
	switch s.Target {
	case topics.Stopped:
		c.toStopped(s)
		return
	case topics.Paused:
		c.setPaused(true)
	default:
		c.setPaused(false)
	}
	if c.instance != nil && !maps.Equal(c.config, s.Config) {
		c.stopTasks(c.all())
		c.stopInstance()
		c.failed, c.back = nil, backoff{}
	}
	if c.failed != nil && (c.retryAt.IsZero() || c.w.o.Now().Before(c.retryAt)) && maps.Equal(c.config, s.Config) {
		return
	}
	if err := c.start(s); err != nil {
		c.fail(err)
		return
	}
	c.failed, c.retryAt = nil, time.Time{}
	if c.paused && s.Tasks == nil {
		c.tell() // created as paused: it is planned when it is resumed
		return
	}
	if err := c.plan(s); err != nil {
		c.fail(err)
		return
	}
	c.restartDue()
	c.tell()
}

// start makes and starts the instance if there is none.
func (c *connector) start(s topics.ConnectorState) error {
	if c.instance != nil {
		return nil
	}
	c.config, c.replan = s.Config, true
	resolved, err := c.w.o.Providers.Resolve(s.Config)
	if err != nil {
		return err
	}
	c.resolved = resolved
	instance, cfg, err := c.w.instantiate(c.name, resolved)
	if err != nil {
		return err
	}
	c.instance = instance
	return instance.Start(c.ctx, connect.ConnectorContext{
		Name: c.name, Config: cfg, Log: c.log, Kafka: c.w.o.Settings.Common,
		Reconfigure: func() {
			select {
			case c.replanned <- struct{}{}:
			default:
			}
		},
		Fail: func(err error) {
			select {
			case c.failures <- err:
			default:
			}
		},
	})
}

// instantiate makes the connector of a configuration and decodes the plugin's keys.
func (w *Worker) instantiate(name string, props map[string]string) (connect.Connector, connect.Config, error) {
	class := props["connector.class"]
	if p := w.o.Plugins.Source(class); p != nil {
		cfg, errs := p.Config.Parse(props)
		return p.New(), cfg, errs.OrNil()
	}
	if p := w.o.Plugins.Sink(class); p != nil {
		cfg, errs := p.Config.Parse(props)
		return p.New(), cfg, errs.OrNil()
	}
	return nil, connect.Config{}, fmt.Errorf("connector %s: %w", name, w.unknownClass(class))
}

// plan asks the instance for tasks, stores them if they changed, and starts them.
func (c *connector) plan(s topics.ConnectorState) error {
	applied := maps.Equal(s.AppliedConfig, s.Config) && !s.Inconsistent && s.Tasks != nil
	if !c.replan && applied {
		return nil
	}
	tasks, err := c.taskConfigs()
	if err != nil {
		return err
	}
	c.replan = false
	if applied && equalTasks(tasks, s.Tasks) && len(c.tasks) == len(tasks) {
		return nil
	}
	c.stopTasks(c.all())
	if !applied || !equalTasks(tasks, s.Tasks) {
		if err := c.w.config.PutTasks(c.ctx, c.name, tasks); err != nil {
			return err
		}
	}
	if err := c.fence(s, len(tasks)); err != nil {
		return err
	}
	for i := range s.Tasks {
		if i >= len(tasks) {
			c.forgetTask(i)
		}
	}
	for i, t := range tasks {
		c.tasks[i] = &task{id: i, config: t}
		c.launch(c.tasks[i])
	}
	return nil
}

// taskConfigs asks for at most tasks.max tasks, and adds what the framework adds.
func (c *connector) taskConfigs() ([]map[string]string, error) {
	kind := connect.KindSource
	if c.w.typeOf(c.config["connector.class"]) == typeSink {
		kind = connect.KindSink
	}
	framework, errs := runtime.ConnectorKeys(kind).Parse(c.resolved)
	if len(errs) > 0 {
		return nil, errs
	}
	most := framework.Int("tasks.max")
	tasks, err := c.instance.Tasks(c.ctx, most)
	if err != nil {
		return nil, err
	}
	if len(tasks) > most && framework.Bool("tasks.max.enforce") {
		return nil, fmt.Errorf("the connector %s has generated %d tasks, which is greater than %d, the maximum number of tasks it is configured to create", c.name, len(tasks), most)
	}
	for i := range tasks {
		tasks[i] = c.w.o.Providers.Unresolve(tasks[i], c.config, c.resolved)
		tasks[i]["task.class"] = c.w.taskClass(c.config["connector.class"])
	}
	return tasks, nil
}

func equalTasks(a, b []map[string]string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !maps.Equal(a[i], b[i]) {
			return false
		}
	}
	return true
}

// fence ends whatever still produces under the ids of the set before, all of them
// before the first task of the new set reads offsets: work may have moved from one
// task to another. It records how many ids there are now; at-least-once has none.
func (c *connector) fence(s topics.ConnectorState, tasks int) error {
	if c.w.typeOf(c.config["connector.class"]) != typeSource {
		return nil
	}
	if s.FencingCount > 0 {
		if err := c.w.fenceTasks(c.ctx, c.name, s); err != nil {
			return err
		}
	}
	if c.resolved["delivery"] == "at-least-once" {
		tasks = 0
	}
	if s.FencingCount == tasks {
		return nil
	}
	return c.w.config.PutFencingCount(c.ctx, c.name, tasks)
}

// fail marks the connector FAILED and plans an automatic restart.
func (c *connector) fail(err error) {
	if c.ctx.Err() != nil {
		return
	}
	err = c.hidden().hideIn(err)
	c.log.Error("the connector has failed", "error", err)
	ended := c.all()
	c.stopTasks(ended)
	c.stopInstance()
	for _, id := range ended {
		c.putTask(id, c.instanceStatus(topics.StateUnassigned, ""))
	}
	c.failed = err
	c.retryAt = c.back.next(c.w.o.Now(), c.restartRule(), false)
	c.tell()
}

func (c *connector) stopInstance() {
	if c.instance == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.ctx), c.w.o.GracefulStop)
	defer cancel()
	if err := c.instance.Stop(ctx); err != nil {
		c.log.Warn("the connector did not stop in order", "error", err)
	}
	c.instance = nil
}

// toStopped ends everything but keeps the connector known.
func (c *connector) toStopped(s topics.ConnectorState) {
	c.stopTasks(c.all())
	c.stopInstance()
	c.config, c.failed, c.retryAt, c.back = nil, nil, time.Time{}, backoff{}
	if len(s.Tasks) > 0 {
		if err := c.w.config.PutTasks(c.ctx, c.name, nil); err != nil {
			c.log.Warn("the task set could not be emptied, it is tried again", "error", err)
			c.retryAt = c.w.o.Now().Add(time.Second)
			return
		}
	}
	for id := range c.w.status.Tasks(c.name) {
		c.forgetTask(id)
	}
	c.tellConnector(topics.StateStopped, "")
}

// remove ends everything of a deleted connector. Its offsets stay.
func (c *connector) remove() {
	c.stopTasks(c.all())
	c.stopInstance()
	c.unwritten = unwritten{}
	c.put("connector", func(ctx context.Context) error { return c.w.status.DeleteConnector(ctx, c.name) })
	c.put("topics", func(ctx context.Context) error { return c.w.status.DeleteTopics(ctx, c.name) })
	if c.w.o.Metrics != nil {
		c.w.o.Metrics.Remove(c.name)
	}
}

// shutdown ends everything because the worker stops.
func (c *connector) shutdown() {
	running := c.running()
	c.stopTasks(c.all())
	c.stopInstance()
	ctx, cancel := context.WithTimeout(context.Background(), c.w.o.GracefulStop)
	defer cancel()
	for _, id := range running {
		c.report(c.w.status.PutTask(ctx, c.name, id, c.instanceStatus(topics.StateUnassigned, "")))
	}
	if st, ok := c.w.status.Connector(c.name); ok && st.State == topics.StateRunning {
		c.report(c.w.status.PutConnector(ctx, c.name, c.instanceStatus(topics.StateUnassigned, "")))
	}
}

// report logs an error that nobody waits for.
func (c *connector) report(err error) {
	if err != nil && !errors.Is(err, context.Canceled) {
		c.log.Warn("the status could not be written", "error", err)
	}
}
