// SPDX-License-Identifier: Apache-2.0

package worker

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/connectd/connectd/connect/topics"
)

// rewriteEvery is the pause before statuses that could not be written are tried again.
// An attempt takes its own time to fail.
const rewriteEvery = time.Second

// unwritten are the statuses that could not be written, by what they are the status
// of. They are tried again until they succeed or a newer one takes their place.
type unwritten struct {
	writes map[string]func(context.Context) error
	due    time.Time
}

func taskKey(id int) string { return "task " + strconv.Itoa(id) }

// put writes a status, now or later.
func (c *connector) put(what string, write func(context.Context) error) {
	err := write(c.ctx)
	if err == nil || errors.Is(err, context.Canceled) {
		delete(c.unwritten.writes, what)
		return
	}
	c.log.Warn("the status could not be written; it will be tried again", "of", what, "error", err)
	c.later(what, write)
}

func (c *connector) later(what string, write func(context.Context) error) {
	if c.unwritten.writes == nil {
		c.unwritten.writes = map[string]func(context.Context) error{}
	}
	if len(c.unwritten.writes) == 0 {
		c.unwritten.due = c.w.o.Now().Add(rewriteEvery)
	}
	c.unwritten.writes[what] = write
}

// rewrite tries again what could not be written.
func (c *connector) rewrite() {
	for _, use := range c.w.takeUses(c) {
		c.later("topic "+use.Topic, func(ctx context.Context) error { return c.w.status.PutTopic(ctx, use) })
	}
	now := c.w.o.Now()
	if now.Before(c.unwritten.due) {
		return
	}
	c.unwritten.due = now.Add(rewriteEvery)
	for _, what := range slices.Sorted(maps.Keys(c.unwritten.writes)) {
		c.put(what, c.unwritten.writes[what])
	}
}

func (c *connector) putTask(id int, st topics.InstanceStatus) {
	c.put(taskKey(id), func(ctx context.Context) error { return c.w.status.PutTask(ctx, c.name, id, st) })
}

func (c *connector) forgetTask(id int) {
	c.put(taskKey(id), func(ctx context.Context) error { return c.w.status.DeleteTask(ctx, c.name, id) })
}

// writeLater leaves the use of a topic to the connector's goroutine. It may be called
// from any other.
func (c *connector) writeLater(use topics.TopicUse) {
	c.w.mu.Lock()
	c.uses = append(c.uses, use)
	c.w.mu.Unlock()
	c.poke()
}

// takeUses returns the uses of topics that could not be written.
func (w *Worker) takeUses(c *connector) []topics.TopicUse {
	w.mu.Lock()
	defer w.mu.Unlock()
	uses := c.uses
	c.uses = nil
	return uses
}
