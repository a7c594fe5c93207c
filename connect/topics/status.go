// SPDX-License-Identifier: Apache-2.0

package topics

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/connectd/connectd/connect/kafka"
)

// State is a visible state of a connector or a task.
type State string

// The visible states.
const (
	StateUnassigned State = "UNASSIGNED"
	StateRunning    State = "RUNNING"
	StatePaused     State = "PAUSED"
	StateStopped    State = "STOPPED"
	StateFailed     State = "FAILED"
	StateRestarting State = "RESTARTING"
)

// InstanceStatus is the status of a connector or a task.
type InstanceStatus struct {
	State      State
	Trace      string
	WorkerID   string
	Generation int
	// Version is that of the plugin; "" if it is not known, as after the end of a task.
	Version string
	// Restarts and NextRestart tell of automatic restarts: how many there have been
	// since it last ran well, and when the next is due in milliseconds since the epoch;
	// both 0 for none. The original does not know them and passes them over.
	Restarts    int
	NextRestart int64
}

// statusJSON is the form in the topic.
type statusJSON struct {
	State       string  `json:"state"`
	Trace       *string `json:"trace"`
	WorkerID    string  `json:"worker_id"`
	Generation  int     `json:"generation"`
	Version     *string `json:"version"`
	Restarts    int     `json:"connectd_restarts,omitempty"`
	NextRestart int64   `json:"connectd_next_restart,omitempty"`
}

// TopicUse says that a connector uses a topic.
type TopicUse struct {
	Topic, Connector string
	Task             int
	// Discovered is in milliseconds since the epoch.
	Discovered int64
}

const (
	statusConnector = "status-connector-"
	statusTask      = "status-task-"
	statusTopic     = "status-topic-"
	topicInfix      = ":connector-"
)

// Status is the status topic. It is safe for concurrent use. A write is visible to
// readers of the same Status at once.
type Status struct {
	warnings
	log    *topicLog
	writer *writer

	mu         sync.RWMutex
	connectors map[string]InstanceStatus
	tasks      map[string]map[int]InstanceStatus
	topics     map[string]map[string]TopicUse // by connector, by topic
	// own holds, by key, the offset of the newest record that this process wrote; while
	// it is being written, the largest number there is. What is read up to there is an
	// echo of something older.
	own map[string]int64
}

// OpenStatus reads the status topic, creating it if need be, and follows it.
func OpenStatus(ctx context.Context, o Options) (*Status, error) {
	s := &Status{connectors: map[string]InstanceStatus{}, tasks: map[string]map[int]InstanceStatus{}, topics: map[string]map[string]TopicUse{}, own: map[string]int64{}}
	s.warnings = warningsOf(o)
	var err error
	if s.log, err = openLog(ctx, o, s.apply); err != nil {
		return nil, err
	}
	s.writer = &writer{log: s.log}
	return s, nil
}

// Close stops following.
func (s *Status) Close() { s.log.close() }

// Connector returns the status of a connector, and whether there is one.
func (s *Status) Connector(name string) (InstanceStatus, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	st, ok := s.connectors[name]
	return st, ok
}

// Tasks returns the status of a connector's tasks by number; the map is a copy.
func (s *Status) Tasks(name string) map[int]InstanceStatus {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return maps.Clone(s.tasks[name])
}

// Topics returns the topics that a connector uses, sorted.
func (s *Status) Topics(connector string) []string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return slices.Sorted(maps.Keys(s.topics[connector]))
}

// PutConnector writes a connector's status.
func (s *Status) PutConnector(ctx context.Context, name string, st InstanceStatus) error {
	return s.put(ctx, statusConnector+name, &st)
}

// PutTask writes a task's status.
func (s *Status) PutTask(ctx context.Context, name string, task int, st InstanceStatus) error {
	return s.put(ctx, fmt.Sprintf("%s%s-%d", statusTask, name, task), &st)
}

// PutTaskSafely writes a task's status unless another worker has the task by now, as
// far as the topic tells: what the last owner has to say would hide the state of the
// new one. It is putSafe of the original, for workers that have no generation.
func (s *Status) PutTaskSafely(ctx context.Context, name string, task int, st InstanceStatus) error {
	if err := s.log.readToEnd(ctx); err != nil {
		return err
	}
	if last, ok := s.Tasks(name)[task]; ok && last.WorkerID != st.WorkerID && last.State != StateUnassigned {
		return nil
	}
	return s.PutTask(ctx, name, task, st)
}

// DeleteConnector removes the status of a connector and of its tasks.
func (s *Status) DeleteConnector(ctx context.Context, name string) error {
	for task := range s.Tasks(name) {
		if err := s.DeleteTask(ctx, name, task); err != nil {
			return err
		}
	}
	return s.put(ctx, statusConnector+name, nil)
}

// DeleteTask removes the status of a task.
func (s *Status) DeleteTask(ctx context.Context, name string, task int) error {
	return s.put(ctx, fmt.Sprintf("%s%s-%d", statusTask, name, task), nil)
}

// PutTopic records that a connector uses a topic.
func (s *Status) PutTopic(ctx context.Context, u TopicUse) error {
	text, err := marshal(map[string]any{"topic": map[string]any{
		"name": u.Topic, "connector": u.Connector, "task": u.Task, "discoverTimestamp": u.Discovered,
	}})
	if err != nil {
		return err
	}
	return s.write(ctx, statusTopic+u.Topic+topicInfix+u.Connector, text)
}

// DeleteTopics forgets the topics that a connector uses.
func (s *Status) DeleteTopics(ctx context.Context, connector string) error {
	for _, topic := range s.Topics(connector) {
		if err := s.write(ctx, statusTopic+topic+topicInfix+connector, nil); err != nil {
			return err
		}
	}
	return nil
}

func (s *Status) put(ctx context.Context, key string, st *InstanceStatus) error {
	if st == nil {
		return s.write(ctx, key, nil)
	}
	text, err := statusText(*st)
	if err != nil {
		return err
	}
	return s.write(ctx, key, text)
}

// statusText is the value of a status record.
func statusText(st InstanceStatus) ([]byte, error) {
	j := statusJSON{State: string(st.State), WorkerID: st.WorkerID, Generation: st.Generation, Restarts: st.Restarts, NextRestart: st.NextRestart}
	if st.Trace != "" {
		j.Trace = &st.Trace
	}
	if st.Version != "" {
		j.Version = &st.Version
	}
	return marshal(j)
}

// write applies a record at once and brings it to the topic without waiting for it to
// come back: a status is news, and the newest wins.
func (s *Status) write(ctx context.Context, key string, value []byte) error {
	r := kafka.Record{Key: []byte(key), Value: value}
	p := s.log.partitionOf(r.Key)
	s.setOwn(key, math.MaxInt64)
	if err := s.applyKey(key, value); err != nil {
		return fmt.Errorf("write status %s: %w", key, err)
	}
	ends, err := s.writer.produce(ctx, map[int32][]kafka.Record{p: {r}})
	if err != nil {
		s.setOwn(key, -1)
		return fmt.Errorf("write status %s: %w", key, err)
	}
	s.setOwn(key, ends[p]-1)
	return nil
}

func (s *Status) setOwn(key string, offset int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.own[key] = offset
}

// apply takes in a record of the topic, unless it is an echo.
func (s *Status) apply(p int32, r *kafka.Record) {
	key := string(r.Key)
	s.mu.RLock()
	own, ours := s.own[key]
	s.mu.RUnlock()
	if ours && r.Offset <= own {
		return
	}
	if err := s.applyKey(key, r.Value); err != nil {
		s.passedOver(p, r, err)
	}
}

func (s *Status) applyKey(key string, value []byte) error {
	if name, ok := strings.CutPrefix(key, statusConnector); ok {
		return s.applyStatus(value, func(st InstanceStatus) { s.connectors[name] = st }, func() { delete(s.connectors, name) })
	}
	if rest, ok := strings.CutPrefix(key, statusTask); ok {
		return s.applyTask(rest, value)
	}
	if rest, ok := strings.CutPrefix(key, statusTopic); ok {
		return s.applyTopic(rest, value)
	}
	return fmt.Errorf("unknown key")
}

func (s *Status) applyTask(rest string, value []byte) error {
	i := strings.LastIndexByte(rest, '-')
	n, err := strconv.Atoi(rest[i+1:])
	if i < 0 || err != nil || n < 0 {
		return fmt.Errorf("the key has no task number")
	}
	name := rest[:i]
	return s.applyStatus(value, func(st InstanceStatus) {
		if s.tasks[name] == nil {
			s.tasks[name] = map[int]InstanceStatus{}
		}
		// A late farewell of the old owner does not hide that a new one runs.
		if old := s.tasks[name][n]; st.State == StateUnassigned && old.State == StateRunning && old.WorkerID != st.WorkerID && old.Generation >= st.Generation {
			return
		}
		s.tasks[name][n] = st
	}, func() { delete(s.tasks[name], n) })
}

func (s *Status) applyStatus(value []byte, set func(InstanceStatus), remove func()) error {
	if value == nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		remove()
		return nil
	}
	var j statusJSON
	if err := json.Unmarshal(value, &j); err != nil {
		return err
	}
	st := InstanceStatus{State: State(j.State), WorkerID: j.WorkerID, Generation: j.Generation, Restarts: j.Restarts, NextRestart: j.NextRestart}
	if j.Trace != nil {
		st.Trace = *j.Trace
	}
	if j.Version != nil {
		st.Version = *j.Version
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	set(st)
	return nil
}

func (s *Status) applyTopic(rest string, value []byte) error {
	topic, connector, ok := strings.Cut(rest, topicInfix)
	if !ok {
		return fmt.Errorf("the key names no connector")
	}
	var v struct {
		Topic struct {
			Task       int   `json:"task"`
			Discovered int64 `json:"discoverTimestamp"`
		} `json:"topic"`
	}
	if value != nil {
		if err := json.Unmarshal(value, &v); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if value == nil {
		delete(s.topics[connector], topic)
		return nil
	}
	if s.topics[connector] == nil {
		s.topics[connector] = map[string]TopicUse{}
	}
	s.topics[connector][topic] = TopicUse{Topic: topic, Connector: connector, Task: v.Topic.Task, Discovered: v.Topic.Discovered}
	return nil
}
