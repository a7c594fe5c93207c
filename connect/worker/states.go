// SPDX-License-Identifier: Apache-2.0

package worker

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/runtime"
)

// StateHolder is a task whose state can be read from outside; *runtime.Task is one.
type StateHolder interface {
	StateSteps() []string
	ReadState(step, key string) (json []byte, ok bool, err error)
}

// StateEntry is what a stateful step keeps for a key. Only what is committed is told.
type StateEntry struct {
	Step  string          `json:"step"`
	Key   string          `json:"key"`
	Task  int             `json:"task"`
	Value json.RawMessage `json:"value"`
}

// State returns what a step of a connector keeps for a key, which is JSON or the text
// of a string. The tasks are asked one after the other: a key is in the state
// partition of one of them. It is 404 for an unknown connector or step, with the
// nearest step, and for a key that nothing is kept for; 409 while no task of the
// connector has its state open.
func (w *Worker) State(name, step, key string) (StateEntry, error) {
	if _, ok := w.config.Connector(name); !ok {
		return StateEntry{}, notFound("Connector %s not found", name)
	}
	holders := w.holders(name)
	closed := len(holders) == 0
	for _, id := range slices.Sorted(maps.Keys(holders)) {
		value, ok, err := holders[id].ReadState(step, key)
		switch {
		case errors.Is(err, runtime.ErrNoStep):
			return StateEntry{}, noStep(name, step, holders[id].StateSteps())
		case errors.Is(err, runtime.ErrNotReadable):
			return StateEntry{}, badRequest("The state of step %s of connector %s cannot be read: %v", step, name, err)
		case errors.Is(err, runtime.ErrStateClosed):
			closed = true
		case err != nil:
			return StateEntry{}, internal("The state of step %s of connector %s cannot be read: %v", step, name, err)
		case ok:
			return StateEntry{step, key, id, value}, nil
		}
	}
	if closed {
		return StateEntry{}, conflict("The state of connector %s is not open: its tasks do not run, or are restoring it", name)
	}
	return StateEntry{}, notFound("Step %s of connector %s keeps nothing for the key %s", step, name, key)
}

func noStep(name, step string, steps []string) error {
	text := fmt.Sprintf("Connector %s has no stateful step %s", name, step)
	if near := connect.Nearest(step, steps); near != "" {
		text += fmt.Sprintf(": did you mean %s?", near)
	} else if len(steps) > 0 {
		text += fmt.Sprintf("; there is %v", steps)
	}
	return notFound("%s", text)
}

// holders returns the tasks of a connector that have been launched here and whose
// state can be read.
func (w *Worker) holders(name string) map[int]StateHolder {
	w.mu.Lock()
	defer w.mu.Unlock()
	c := w.connectors[name]
	if c == nil {
		return nil
	}
	return maps.Clone(c.holders)
}

// hold lets a task be reached from outside: its state be read if it has one, and signals
// be given to it. With nil it is reached no longer.
func (c *connector) hold(id int, runner TaskRunner) {
	holder, able := runner.(StateHolder)
	c.w.mu.Lock()
	defer c.w.mu.Unlock()
	c.reach(id, runner)
	if !able {
		delete(c.holders, id)
		return
	}
	if c.holders == nil {
		c.holders = map[int]StateHolder{}
	}
	c.holders[id] = holder
}
