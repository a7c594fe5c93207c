// SPDX-License-Identifier: Apache-2.0

package worker

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/runtime"
)

// Signaller is a task that can be given signals; *runtime.Task is one.
type Signaller interface {
	Signal(ctx context.Context, s connect.Signal) error
}

// Signal gives a signal to the tasks of a connector, and returns when it is part of a
// committed offset: no crash loses it then. It is 404 for an unknown connector, 400 for a
// connector that takes no signals and for a signal that its task refuses, with the reason,
// and 409 while no task runs, or while a task cannot take signals yet.
func (w *Worker) Signal(ctx context.Context, name string, s connect.Signal) error {
	if _, ok := w.config.Connector(name); !ok {
		return notFound("Connector %s not found", name)
	}
	tasks := w.signallers(name)
	if len(tasks) == 0 {
		return conflict("Connector %s takes no signals now: %v", name, runtime.ErrNotStarted)
	}
	for _, id := range slices.Sorted(maps.Keys(tasks)) {
		if err := tasks[id].Signal(ctx, s); err != nil {
			return signalProblem(name, err)
		}
	}
	return nil
}

func signalProblem(name string, err error) error {
	var refused *connect.SignalError
	var later *connect.RetriableError
	switch {
	case errors.Is(err, runtime.ErrNoSignals):
		return badRequest("Connector %s: %v", name, err)
	case errors.As(err, &refused):
		return badRequest("Connector %s refuses the signal: %v", name, refused)
	case errors.Is(err, runtime.ErrNotStarted), errors.Is(err, runtime.ErrPaused), errors.As(err, &later):
		return conflict("Connector %s takes no signals now: %v", name, err)
	default:
		return internal("It is not known whether connector %s has taken the signal: %v", name, err)
	}
}

// signallers returns the tasks of a connector that have been launched here.
func (w *Worker) signallers(name string) map[int]Signaller {
	w.mu.Lock()
	defer w.mu.Unlock()
	c := w.connectors[name]
	if c == nil {
		return nil
	}
	return maps.Clone(c.signallers)
}

// reach lets signals get to a task, or no longer. The worker's lock is held.
func (c *connector) reach(id int, runner TaskRunner) {
	s, able := runner.(Signaller)
	if !able {
		delete(c.signallers, id)
		return
	}
	if c.signallers == nil {
		c.signallers = map[int]Signaller{}
	}
	c.signallers[id] = s
}
