// SPDX-License-Identifier: Apache-2.0

package topics

import (
	"encoding/json"
	"maps"
	"reflect"
	"strings"
	"testing"

	"github.com/connectd/connectd/connect/kafka"
)

func newConfig() *Config {
	return &Config{
		connectors: map[string]*ConnectorState{}, targets: map[string]Target{}, counts: map[string]int{},
		deferred: map[string]map[int]map[string]string{},
	}
}

func newStatus() *Status {
	return &Status{
		connectors: map[string]InstanceStatus{}, tasks: map[string]map[int]InstanceStatus{},
		topics: map[string]map[string]TopicUse{}, own: map[string]int64{},
	}
}

// The config topic of the original is read up to certain records, and what is known
// then is what its worker answered at that time.
func TestRecordedConfigTopic(t *testing.T) {
	steps := []struct {
		upTo      int64
		connector string
		exists    bool
		target    Target
		tasks     int
	}{
		{1, "r-src", true, Started, -1},
		{2, "r-src", true, Started, -1}, // the task waits for its commit
		{3, "r-src", true, Started, 1},
		{13, "r-stopped", false, "", 0}, // the target comes before the connector
		{14, "r-stopped", true, Stopped, -1},
		{16, "r-paused", true, Paused, -1},
		{19, "r one é", true, Started, 1},
		{20, "r-src", true, Paused, 1},
		{22, "r-src", true, Started, 1},
		{27, "r-src", true, Started, 0},
		{28, "r-src", true, Stopped, 0},
		{33, "r-src", true, Started, 1},
		{37, "r-sink", true, Started, 2},
		{45, "r-src", false, "", 0},
		{58, "r one é", false, "", 0},
	}
	records := recording(t, "connect-configs")
	c := newConfig()
	for _, step := range steps {
		for len(records) > 0 && records[0].Offset <= step.upTo {
			if _, err := c.applyKey(records[0].Key, records[0].record().Value); err != nil {
				t.Errorf("record %d, %s: %v", records[0].Offset, records[0].Key, err)
			}
			records = records[1:]
		}
		s, exists := c.Connector(step.connector)
		if exists != step.exists || exists && s.Target != step.target {
			t.Errorf("after record %d %s exists: %t with target %q, want %t with %q", step.upTo, step.connector, exists, s.Target, step.exists, step.target)
		}
		if got := tasksOf(s); exists && got != step.tasks {
			t.Errorf("after record %d %s has %d tasks, want %d", step.upTo, step.connector, got, step.tasks)
		}
	}
	if len(c.connectors) != 0 {
		t.Errorf("all connectors were deleted in the end, left are %v", c.connectors)
	}
}

// tasksOf is the number of tasks; -1 before the first commit.
func tasksOf(s ConnectorState) int {
	if s.Tasks == nil {
		return -1
	}
	return len(s.Tasks)
}

func TestConfigRecordsAreThoseOfTheOriginal(t *testing.T) {
	for _, r := range recording(t, "connect-configs") {
		if r.Value == nil {
			continue
		}
		var got []byte
		switch name, isTarget := strings.CutPrefix(r.Key, targetPrefix); {
		case isTarget:
			c := newConfig()
			if _, err := c.applyKey(r.Key, []byte(*r.Value)); err != nil {
				t.Fatal(err)
			}
			got = targetRecord(name, c.targets[name]).Value
		case strings.HasPrefix(r.Key, connectorPrefix), strings.HasPrefix(r.Key, taskPrefix):
			props, err := parseProperties([]byte(*r.Value))
			if err != nil {
				t.Fatal(err)
			}
			// The original writes members in the order of a hash map.
			sameJSON(t, r.Key, string(propertiesJSON(props)), *r.Value)
			continue
		default:
			continue
		}
		if string(got) != *r.Value {
			t.Errorf("%s: wrote %s, the original %s", r.Key, got, *r.Value)
		}
	}
}

func sameJSON(t *testing.T, what, got, want string) {
	t.Helper()
	var a, b any
	if err := json.Unmarshal([]byte(got), &a); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(want), &b); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(a, b) {
		t.Errorf("%s: wrote %s, the original %s", what, got, want)
	}
}

// The key of an offset has the original's bytes and goes to the original's partition.
func TestRecordedOffsetsTopic(t *testing.T) {
	for _, r := range recording(t, "connect-offsets") {
		key, err := parseOffsetKey([]byte(r.Key))
		if err != nil {
			t.Fatalf("%s: %v", r.Key, err)
		}
		if got := newOffsetKey(key.connector, key.partition); string(got) != r.Key {
			t.Errorf("wrote the key %s, the original %s", got, r.Key)
		}
	}
}

// The status topic's keys have not been changed in the recording: they tell that the
// partition is the original's.
func TestRecordedPartitions(t *testing.T) {
	for _, r := range recording(t, "connect-status") {
		if got := kafka.PartitionFor([]byte(r.Key), 5); got != r.Partition {
			t.Errorf("%s goes to partition %d, the original's is %d", r.Key, got, r.Partition)
		}
	}
}

func TestRecordedStatusTopic(t *testing.T) {
	s := newStatus()
	for _, r := range recording(t, "connect-status") {
		if err := s.applyKey(r.Key, r.record().Value); err != nil {
			t.Errorf("%s: %v", r.Key, err)
		}
		if r.Value == nil {
			continue
		}
		name, isConnector := strings.CutPrefix(r.Key, statusConnector)
		if !isConnector {
			continue
		}
		text, err := statusText(s.connectors[name])
		if err != nil {
			t.Fatal(err)
		}
		if string(text) != *r.Value {
			t.Errorf("%s: wrote %s, the original %s", r.Key, text, *r.Value)
		}
	}
	if len(s.connectors) != 0 || len(maps.Collect(nonEmpty(s.topics))) != 0 {
		t.Errorf("everything was removed in the end, left are %v and %v", s.connectors, s.topics)
	}
}

func nonEmpty[V any](m map[string]map[string]V) func(func(string, int) bool) {
	return func(yield func(string, int) bool) {
		for k, v := range m {
			if len(v) > 0 && !yield(k, len(v)) {
				return
			}
		}
	}
}
