// SPDX-License-Identifier: Apache-2.0

package harness

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/connectd/connectd/cmd/connectd/process"
)

// Config is a connector configuration.
type Config map[string]string

// Status is the answer of GET /connectors/{name}/status.
type Status struct {
	Name      string      `json:"name"`
	Connector StatusState `json:"connector"`
	Tasks     []TaskState `json:"tasks"`
	Type      string      `json:"type"`
}

// StatusState is the state of a connector.
type StatusState struct {
	State    string `json:"state"`
	WorkerID string `json:"worker_id"`
	Trace    string `json:"trace"`
}

// TaskState is the state of one task.
type TaskState struct {
	ID int `json:"id"`
	StatusState
	// Figures are what the connector says of itself.
	Figures map[string]float64 `json:"connectd_figures"`
}

// callTime is how long a REST call may take.
const callTime = 30 * time.Second

// Call makes one REST call; body is nil, a string, or a value that becomes JSON.
func (d *Daemon) Call(method, path string, body any) (status int, answer string, err error) {
	var text []byte
	switch b := body.(type) {
	case nil:
	case string:
		text = []byte(b)
	default:
		if text, err = json.Marshal(b); err != nil {
			return 0, "", err
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), callTime)
	defer cancel()
	status, got, err := process.Do(ctx, method, d.REST+path, text)
	return status, string(got), err
}

// Must makes a call that has to answer with this status, and returns the body.
func (d *Daemon) Must(want int, method, path string, body any) string {
	d.t.Helper()
	status, answer, err := d.Call(method, path, body)
	if err != nil {
		d.t.Fatalf("%s %s: %v", method, path, err)
	}
	if status != want {
		d.t.Fatalf("%s %s answers %d, want %d: %s", method, path, status, want, answer)
	}
	return answer
}

// Connector is the path of a connector whose name was made by Name.
func (d *Daemon) Connector(name string) string { return "/connectors/" + d.Name(name) }

// Create posts a connector.
func (d *Daemon) Create(name string, c Config) {
	d.t.Helper()
	d.Must(201, "POST", "/connectors", map[string]any{"name": name, "config": c})
}

// Status asks for the status of a connector.
func (d *Daemon) Status(name string) (Status, error) {
	var s Status
	code, answer, err := d.Call("GET", "/connectors/"+name+"/status", nil)
	if err != nil {
		return s, err
	}
	if code != 200 {
		return s, fmt.Errorf("status of %s: %d %s", name, code, answer)
	}
	return s, json.Unmarshal([]byte(answer), &s)
}

// WaitTasks waits until the connector has n tasks and all are in this state, and
// returns the status.
func (d *Daemon) WaitTasks(name string, n int, state string) Status {
	d.t.Helper()
	var s Status
	d.Eventually(fmt.Sprintf("%d tasks of %s are %s", n, name, state), func() error {
		var err error
		if s, err = d.Status(name); err != nil {
			return err
		}
		if len(s.Tasks) != n {
			return fmt.Errorf("there are %d tasks: %+v", len(s.Tasks), s)
		}
		for _, task := range s.Tasks {
			if task.State != state {
				return fmt.Errorf("task %d is %s %s", task.ID, task.State, task.Trace)
			}
		}
		return nil
	})
	return s
}
