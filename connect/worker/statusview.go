// SPDX-License-Identifier: Apache-2.0

package worker

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/connectd/connectd/connect/topics"
)

// Status is the answer of GET /connectors/{name}/status.
type Status struct {
	Name      string         `json:"name"`
	Connector InstanceStatus `json:"connector"`
	Tasks     []TaskStatus   `json:"tasks"`
	Type      string         `json:"type"`
}

// InstanceStatus is the state of a connector. Restarts and NextRestart tell of
// automatic restarts; the original does not have them.
type InstanceStatus struct {
	State       string `json:"state"`
	WorkerID    string `json:"worker_id"`
	Version     string `json:"version,omitempty"`
	Trace       string `json:"trace,omitempty"`
	Restarts    int    `json:"connectd_restarts,omitempty"`
	NextRestart int64  `json:"connectd_next_restart,omitempty"`
}

// TaskStatus is the state of a task.
type TaskStatus struct {
	ID int `json:"id"`
	InstanceStatus
	// Figures are what a running task shows of itself; the original has none.
	Figures map[string]float64 `json:"connectd_figures,omitempty"`
}

// TaskConfig is a task with its configuration; secrets are masked.
type TaskConfig struct {
	ID     TaskID            `json:"id"`
	Config map[string]string `json:"config"`
}

// Status returns what the status topic says of a connector.
func (w *Worker) Status(name string) (Status, error) {
	st, ok := w.status.Connector(name)
	s, exists := w.config.Connector(name)
	if !ok || !exists {
		return Status{}, notFound("No status found for connector %s", name)
	}
	class := s.Config["connector.class"]
	out := Status{Name: name, Connector: view(st, w.versionOf(class)), Tasks: []TaskStatus{}, Type: w.typeOf(class)}
	tasks := w.status.Tasks(name)
	for _, id := range slices.Sorted(maps.Keys(tasks)) {
		out.Tasks = append(out.Tasks, TaskStatus{id, view(tasks[id], w.versionOf(class)), w.figures(name, id)})
	}
	return out, nil
}

func view(st topics.InstanceStatus, version string) InstanceStatus {
	return InstanceStatus{State: string(st.State), WorkerID: st.WorkerID, Version: version, Trace: st.Trace, Restarts: st.Restarts, NextRestart: st.NextRestart}
}

// TaskStatus returns what the status topic says of one task.
func (w *Worker) TaskStatus(name string, task int) (TaskStatus, error) {
	st, ok := w.status.Tasks(name)[task]
	if !ok {
		return TaskStatus{}, notFound("No status found for task %s-%d", name, task)
	}
	s, _ := w.config.Connector(name)
	return TaskStatus{task, view(st, w.versionOf(s.Config["connector.class"])), w.figures(name, task)}, nil
}

// figures are those of a task that runs in this worker.
func (w *Worker) figures(name string, task int) map[string]float64 {
	if w.o.Metrics == nil {
		return nil
	}
	all := w.o.Metrics.Task(name, task).Figures()
	if len(all) == 0 {
		return nil
	}
	out := make(map[string]float64, len(all))
	for _, f := range all {
		out[f.Name] = f.Value
	}
	return out
}

// TaskConfigs returns the tasks of a connector with their configurations.
func (w *Worker) TaskConfigs(name string) ([]TaskConfig, error) {
	s, ok := w.config.Connector(name)
	if !ok {
		return nil, notFound("Connector %s not found", name)
	}
	out := []TaskConfig{}
	for i, t := range s.Tasks {
		out = append(out, TaskConfig{TaskID{name, i}, w.mask(t)})
	}
	return out, nil
}

func (s *Status) markRestarting(r topics.Restart) {
	if !r.OnlyFailed || s.Connector.State == string(topics.StateFailed) {
		s.Connector.State = string(topics.StateRestarting)
	}
	for i := range s.Tasks {
		if r.IncludeTasks && (!r.OnlyFailed || s.Tasks[i].State == string(topics.StateFailed)) {
			s.Tasks[i].State = string(topics.StateRestarting)
		}
	}
}

// wakeTask asks the connector's goroutine to restart a task.
func (w *Worker) wakeTask(name string, task int) {
	w.mu.Lock()
	if c := w.connectors[name]; c != nil {
		c.taskRestarts = append(c.taskRestarts, task)
	}
	w.mu.Unlock()
	w.wake(name, nil)
}

// takeTaskRestarts returns the requests to restart single tasks that have come in.
func (w *Worker) takeTaskRestarts(c *connector) []int {
	w.mu.Lock()
	defer w.mu.Unlock()
	ids := c.taskRestarts
	c.taskRestarts = nil
	return ids
}

// removal returns a function that waits until the goroutine of a connector, which is
// to be deleted after the call, has ended everything.
func (w *Worker) removal(name string) func(context.Context) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	c := w.connectors[name]
	if c == nil {
		return func(context.Context) error { return nil }
	}
	removed := c.removed
	return func(ctx context.Context) error {
		select {
		case <-removed:
			return nil
		case <-ctx.Done():
			return internal("%v", fmt.Errorf("the connector is deleted, but its tasks have not ended yet: %w", context.Cause(ctx)))
		}
	}
}
