// SPDX-License-Identifier: Apache-2.0

package worker

import (
	"context"

	"github.com/connectd/connectd/connect/metrics"
	"github.com/connectd/connectd/connect/topics"
)

func (c *connector) instanceStatus(state topics.State, trace string) topics.InstanceStatus {
	st := topics.InstanceStatus{State: state, Trace: trace, WorkerID: c.w.o.ID}
	if state != topics.StateUnassigned {
		st.Version = c.w.versionOf(c.class())
	}
	return st
}

// tell writes the connector's status if it changed.
func (c *connector) tell() {
	switch {
	case c.failed != nil:
		c.tellConnector(topics.StateFailed, trace(c.failed))
	case c.paused:
		c.tellConnector(topics.StatePaused, "")
	default:
		c.tellConnector(topics.StateRunning, "")
	}
}

func (c *connector) tellConnector(state topics.State, trace string) {
	st := c.instanceStatus(state, trace)
	st.Restarts = c.back.count
	if !c.retryAt.IsZero() {
		st.NextRestart = c.retryAt.UnixMilli()
	}
	if old, ok := c.w.status.Connector(c.name); ok && old == st {
		return
	}
	c.put("connector", func(ctx context.Context) error { return c.w.status.PutConnector(ctx, c.name, st) })
}

// tellTask writes a task's status.
func (c *connector) tellTask(t *task) {
	state, text := topics.StateUnassigned, ""
	switch {
	case t.failed != nil:
		state, text = topics.StateFailed, trace(t.failed)
	case c.paused:
		state = topics.StatePaused
	case t.up.Load():
		state, t.told = topics.StateRunning, true
	case t.again:
		state = topics.StateRestarting
	}
	st := c.instanceStatus(state, text)
	st.Restarts = t.back.count
	if !t.retryAt.IsZero() {
		st.NextRestart = t.retryAt.UnixMilli()
	}
	if c.w.o.Metrics != nil {
		c.w.o.Metrics.Task(c.name, t.id).SetState(metricState[state])
	}
	if t.fenced {
		c.put(taskKey(t.id), func(ctx context.Context) error { return c.w.status.PutTaskSafely(ctx, c.name, t.id, st) })
		return
	}
	c.putTask(t.id, st)
}

// tellStarted says of tasks whose plugins have been started since that they run.
func (c *connector) tellStarted() {
	for _, id := range c.running() {
		if t := c.tasks[id]; t.up.Load() && !t.told && !c.paused {
			c.tellTask(t)
		}
	}
}

var metricState = map[topics.State]metrics.State{
	topics.StateRunning: metrics.Running, topics.StatePaused: metrics.Paused, topics.StateFailed: metrics.Failed,
	topics.StateUnassigned: metrics.Unassigned, topics.StateRestarting: metrics.Restarting,
}

// trace is what status answers show of an error. It begins with the class that the
// original names, since tools look for it.
func trace(err error) string {
	return "org.apache.kafka.connect.errors.ConnectException: " + err.Error()
}

// class is the connector's class as it is configured; "" if it is deleted.
func (c *connector) class() string {
	s, _ := c.w.config.Connector(c.name)
	return s.Config["connector.class"]
}
