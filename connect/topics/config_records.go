// SPDX-License-Identifier: Apache-2.0

package topics

import (
	"encoding/json"
	"fmt"
	"maps"
	"strconv"
	"strings"

	"github.com/connectd/connectd/connect/kafka"
)

// The prefixes of keys in the config topic.
const (
	connectorPrefix = "connector-"
	taskPrefix      = "task-"
	commitPrefix    = "commit-"
	targetPrefix    = "target-state-"
	fencingPrefix   = "tasks-fencing-"
	restartPrefix   = "restart-connector-"
	loggerPrefix    = "logger-cluster-"
	sessionKey      = "session-key"
)

// propertiesJSON is the value of connector and task records.
func propertiesJSON(props map[string]string) []byte {
	if props == nil {
		props = map[string]string{}
	}
	text, err := marshal(map[string]map[string]string{"properties": props})
	if err != nil {
		panic(fmt.Sprintf("strings cannot fail to become JSON: %v", err))
	}
	return text
}

// marshal writes JSON as the original does, without escapes for HTML.
func marshal(v any) ([]byte, error) {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return []byte(strings.TrimSuffix(b.String(), "\n")), nil
}

// targetRecord names a stopped connector PAUSED in the member that old workers read.
func targetRecord(name string, t Target) kafka.Record {
	old := t
	if t == Stopped {
		old = Paused
	}
	return kafka.Record{Key: []byte(targetPrefix + name), Value: fmt.Appendf(nil, `{"state":%q,"state.v2":%q}`, old, t)}
}

// apply takes in one record. What cannot be understood is passed over with a warning,
// since another version may have written it.
func (c *Config) apply(p int32, r *kafka.Record) {
	notify, err := c.applyKey(string(r.Key), r.Value)
	if err != nil {
		c.passedOver(p, r, err)
		return
	}
	if notify != "" && c.isReplayed() && c.changed != nil {
		c.changed(notify)
	}
}

func (c *Config) isReplayed() bool {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.replayed
}

// applyKey changes what is known, and returns the connector that is concerned.
func (c *Config) applyKey(key string, value []byte) (connector string, err error) {
	type rule struct {
		prefix string
		apply  func(name string, value []byte) error
	}
	for _, k := range []rule{
		{restartPrefix, c.applyRestart}, {loggerPrefix, func(string, []byte) error { return nil }},
		{connectorPrefix, c.applyConnector}, {commitPrefix, c.applyCommit}, {targetPrefix, c.applyTarget},
		{fencingPrefix, c.applyFencing},
	} {
		if name, ok := strings.CutPrefix(key, k.prefix); ok {
			return name, k.apply(name, value)
		}
	}
	if rest, ok := strings.CutPrefix(key, taskPrefix); ok {
		return "", c.applyTask(rest, value)
	}
	if key == sessionKey {
		return "", nil
	}
	return "", fmt.Errorf("unknown key")
}

func parseProperties(value []byte) (map[string]string, error) {
	var v struct{ Properties map[string]*string }
	if err := json.Unmarshal(value, &v); err != nil {
		return nil, err
	}
	if v.Properties == nil {
		return nil, fmt.Errorf(`the value has no "properties"`)
	}
	out := make(map[string]string, len(v.Properties))
	for k, p := range v.Properties {
		if p != nil {
			out[k] = *p
		}
	}
	return out, nil
}

func (c *Config) applyConnector(name string, value []byte) error {
	var props map[string]string
	if value != nil {
		var err error
		if props, err = parseProperties(value); err != nil {
			return err
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if value == nil {
		delete(c.connectors, name)
		delete(c.deferred, name)
		return nil
	}
	s := c.connectors[name]
	if s == nil {
		s = &ConnectorState{}
		c.connectors[name] = s
	}
	s.Config = props
	return nil
}

func (c *Config) applyTarget(name string, value []byte) error {
	target := Started
	if value != nil {
		var v struct {
			State string `json:"state"`
			V2    string `json:"state.v2"`
		}
		if err := json.Unmarshal(value, &v); err != nil {
			return err
		}
		target = Target(v.State)
		if v.V2 != "" {
			target = Target(v.V2)
		}
		if target != Started && target != Paused && target != Stopped {
			return fmt.Errorf("unknown target state %q", target)
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if value == nil {
		delete(c.targets, name)
	} else {
		c.targets[name] = target
	}
	return nil
}

// applyTask keeps a task's configuration until the commit. The number is behind the
// last dash, since names may have dashes.
func (c *Config) applyTask(rest string, value []byte) error {
	i := strings.LastIndexByte(rest, '-')
	if i < 0 {
		return fmt.Errorf("the key has no task number")
	}
	n, err := strconv.Atoi(rest[i+1:])
	if err != nil || n < 0 {
		return fmt.Errorf("the key has no task number")
	}
	props, err := parseProperties(value)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	name := rest[:i]
	if c.deferred[name] == nil {
		c.deferred[name] = map[int]map[string]string{}
	}
	c.deferred[name][n] = props
	return nil
}

// applyCommit makes the task set valid if all of it was written. Configurations from
// before stay candidates: compaction may have kept them from an older set.
func (c *Config) applyCommit(name string, value []byte) error {
	var v struct{ Tasks *int }
	if err := json.Unmarshal(value, &v); err != nil {
		return err
	}
	if v.Tasks == nil || *v.Tasks < 0 {
		return fmt.Errorf(`the value has no number "tasks"`)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.connectors[name]
	if s == nil {
		return nil // deleted meanwhile
	}
	tasks := make([]map[string]string, 0, min(*v.Tasks, len(c.deferred[name])))
	for i := range *v.Tasks {
		t, ok := c.deferred[name][i]
		if !ok {
			s.Inconsistent = true
			return nil
		}
		tasks = append(tasks, t)
	}
	s.Tasks, s.Inconsistent, s.AppliedConfig = tasks, false, maps.Clone(s.Config)
	return nil
}

func (c *Config) applyFencing(name string, value []byte) error {
	var v struct {
		Count *int `json:"task-count"`
	}
	if err := json.Unmarshal(value, &v); err != nil {
		return err
	}
	if v.Count == nil {
		return fmt.Errorf(`the value has no number "task-count"`)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.counts[name] = *v.Count
	return nil
}

// applyRestart acts only on requests that are read after the start: older ones have
// been acted on, or do not matter any more.
func (c *Config) applyRestart(name string, value []byte) error {
	if value == nil || !c.isReplayed() || c.restart == nil {
		return nil
	}
	var v map[string]any
	if err := json.Unmarshal(value, &v); err != nil {
		return err
	}
	include, _ := v["include-tasks"].(bool)
	only, _ := v["only-failed"].(bool)
	c.restart(Restart{Connector: name, IncludeTasks: include, OnlyFailed: only})
	return nil
}
