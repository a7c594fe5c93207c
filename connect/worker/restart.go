// SPDX-License-Identifier: Apache-2.0

package worker

import (
	"strconv"
	"time"

	"github.com/connectd/connectd/connect/runtime"
	"github.com/connectd/connectd/connect/topics"
)

// restartRule is what the configuration says of automatic restarts.
type restartRule struct {
	first, most      time.Duration
	tries, forRecord int // -1 for ever
}

// restartRule reads the rule; a configuration that cannot be read has the defaults.
func (c *connector) restartRule() restartRule {
	number := func(key string, def int64) int64 {
		if n, err := strconv.ParseInt(c.resolved[key], 10, 64); err == nil {
			return n
		}
		return def
	}
	return restartRule{
		first: time.Duration(number(runtime.RestartBackoff, 1000)) * time.Millisecond,
		most:  time.Duration(number(runtime.RestartBackoffMax, 300_000)) * time.Millisecond,
		tries: int(number(runtime.RestartMaxAttempts, -1)), forRecord: int(number(runtime.RestartRecordMaxAttempts, 0)),
	}
}

// backoff counts automatic restarts in a row.
type backoff struct {
	count int
	pause time.Duration
}

// next returns when to restart; the zero time if a person has to.
func (b *backoff) next(now time.Time, r restartRule, record bool) time.Time {
	tries := r.tries
	if record {
		tries = r.forRecord
	}
	if tries >= 0 && b.count >= tries {
		return time.Time{}
	}
	b.pause = min(max(r.first, 2*b.pause), r.most)
	b.count++
	return now.Add(b.pause)
}

// nextDue is when the next automatic restart, or the next attempt to write a status,
// is due; zero for none.
func (c *connector) nextDue() time.Time {
	soonest := c.retryAt
	if len(c.unwritten.writes) > 0 && (soonest.IsZero() || c.unwritten.due.Before(soonest)) {
		soonest = c.unwritten.due
	}
	for _, t := range c.tasks {
		if t.failed != nil && !t.retryAt.IsZero() && (soonest.IsZero() || t.retryAt.Before(soonest)) {
			soonest = t.retryAt
		}
	}
	return soonest
}

// restartDue restarts the failed tasks whose time has come.
func (c *connector) restartDue() {
	for _, id := range c.all() {
		t := c.tasks[id]
		if t.failed != nil && !t.retryAt.IsZero() && !c.w.o.Now().Before(t.retryAt) {
			c.log.Info("the task is restarted", "task", id, "attempt", t.back.count)
			t.again = true
			c.launch(t)
		}
	}
}

// restart carries out a request of an operator.
func (c *connector) restart(r topics.Restart) {
	if s, ok := c.w.config.Connector(c.name); !ok || s.Target == topics.Stopped {
		return
	}
	if !r.OnlyFailed || c.failed != nil {
		failed := c.failed
		c.stopInstance()
		c.failed, c.retryAt, c.back, c.config = nil, time.Time{}, backoff{}, nil
		if failed == nil {
			c.log.Info("the connector is restarted")
		}
	}
	if !r.IncludeTasks {
		return
	}
	for _, id := range c.all() {
		if t := c.tasks[id]; !r.OnlyFailed || t.failed != nil {
			c.relaunch(t)
		}
	}
}

// relaunch ends a task if it runs and starts it again.
func (c *connector) relaunch(t *task) {
	if t.cancel != nil {
		t.cancel()
		c.awaitTask(t)
		t.cancel = nil
	}
	t.back = backoff{}
	fresh := &task{id: t.id, config: t.config, again: true}
	c.tasks[t.id] = fresh
	c.launch(fresh)
}
