// SPDX-License-Identifier: Apache-2.0

package topics

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

func (c *Config) mustApply(t *testing.T, key, value string) {
	t.Helper()
	var v []byte
	if value != "" {
		v = []byte(value)
	}
	if _, err := c.applyKey(key, v); err != nil {
		t.Fatalf("%s: %v", key, err)
	}
}

func TestTaskSets(t *testing.T) {
	const task = `{"properties":{"n":"%"}}`
	n := func(v string) string { return strings.ReplaceAll(task, "%", v) }
	cases := []struct {
		name         string
		records      [][2]string
		tasks        []string
		inconsistent bool
	}{
		{"before the commit", [][2]string{{"task-a-0", n("1")}}, nil, false},
		{"committed", [][2]string{{"task-a-0", n("1")}, {"task-a-1", n("2")}, {"commit-a", `{"tasks":2}`}}, []string{"1", "2"}, false},
		{"one is missing", [][2]string{{"task-a-0", n("1")}, {"commit-a", `{"tasks":2}`}}, nil, true},
		{"the last set stays when one is missing", [][2]string{{"task-a-0", n("1")}, {"commit-a", `{"tasks":1}`}, {"commit-a", `{"tasks":2}`}}, []string{"1"}, true},
		{"complete again", [][2]string{{"commit-a", `{"tasks":1}`}, {"task-a-0", n("1")}, {"commit-a", `{"tasks":1}`}}, []string{"1"}, false},
		{"compaction kept an older task", [][2]string{{"task-a-1", n("9")}, {"task-a-0", n("1")}, {"commit-a", `{"tasks":1}`}}, []string{"1"}, false},
		{"none", [][2]string{{"commit-a", `{"tasks":0}`}}, []string{}, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			topic := newConfig()
			topic.mustApply(t, "connector-a", `{"properties":{"name":"a"}}`)
			for _, r := range c.records {
				topic.mustApply(t, r[0], r[1])
			}
			s, _ := topic.Connector("a")
			var got []string
			if s.Tasks != nil {
				got = []string{}
			}
			for _, p := range s.Tasks {
				got = append(got, p["n"])
			}
			if !slices.Equal(got, c.tasks) || (got == nil) != (c.tasks == nil) || s.Inconsistent != c.inconsistent {
				t.Errorf("tasks %v, inconsistent %t; want %v, %t", got, s.Inconsistent, c.tasks, c.inconsistent)
			}
		})
	}
}

func TestNamesWithDashes(t *testing.T) {
	c := newConfig()
	c.mustApply(t, "connector-a-1", `{"properties":{}}`)
	c.mustApply(t, "task-a-1-0", `{"properties":{"x":"y"}}`)
	c.mustApply(t, "commit-a-1", `{"tasks":1}`)
	if s, ok := c.Connector("a-1"); !ok || len(s.Tasks) != 1 || s.Tasks[0]["x"] != "y" {
		t.Errorf("the connector a-1 is %v, %t", s, ok)
	}
}

func TestAppliedConfigIsThatOfTheCommit(t *testing.T) {
	c := newConfig()
	c.mustApply(t, "connector-a", `{"properties":{"v":"1"}}`)
	c.mustApply(t, "commit-a", `{"tasks":0}`)
	c.mustApply(t, "connector-a", `{"properties":{"v":"2"}}`)
	if s, _ := c.Connector("a"); s.AppliedConfig["v"] != "1" || s.Config["v"] != "2" {
		t.Errorf("applied is %v, the configuration %v", s.AppliedConfig, s.Config)
	}
}

func TestTombstones(t *testing.T) {
	c := newConfig()
	c.mustApply(t, "target-state-a", `{"state":"PAUSED","state.v2":"STOPPED"}`)
	c.mustApply(t, "task-a-0", `{"properties":{"old":"1"}}`)
	c.mustApply(t, "connector-a", `{"properties":{}}`)
	c.mustApply(t, "connector-a", "")
	if _, ok := c.Connector("a"); ok {
		t.Error("a deleted connector is still there")
	}
	c.mustApply(t, "connector-a", `{"properties":{}}`)
	c.mustApply(t, "commit-a", `{"tasks":1}`)
	s, _ := c.Connector("a")
	if s.Target != Stopped {
		t.Errorf("the target is %s: only its own tombstone removes it", s.Target)
	}
	if !s.Inconsistent {
		t.Error("a task from before the deletion belongs to the connector that was created after it")
	}
	c.mustApply(t, "target-state-a", "")
	if s, _ = c.Connector("a"); s.Target != Started {
		t.Errorf("without a target it is %s", s.Target)
	}
}

func TestTargets(t *testing.T) {
	cases := map[string]Target{
		`{"state":"STARTED"}`: Started, `{"state":"PAUSED"}`: Paused,
		`{"state":"PAUSED","state.v2":"STOPPED"}`: Stopped, `{"state":"PAUSED","state.v2":"PAUSED","more":1}`: Paused,
	}
	for value, want := range cases {
		c := newConfig()
		c.mustApply(t, "connector-a", `{"properties":{}}`)
		c.mustApply(t, "target-state-a", value)
		if s, _ := c.Connector("a"); s.Target != want {
			t.Errorf("%s is %s, want %s", value, s.Target, want)
		}
	}
}

func TestConfigRecordsThatArePassedOver(t *testing.T) {
	cases := [][2]string{
		{"connector-a", `{`}, {"connector-a", `{}`}, {"connector-a", `{"properties":[]}`}, {"connector-a", `{"properties":{"a":{}}}`},
		{"task-a", `{"properties":{}}`}, {"task-a-", `{"properties":{}}`}, {"task-a-x", `{"properties":{}}`}, {"task-a-0", ""},
		{"commit-a", `{}`}, {"commit-a", `{"tasks":-1}`}, {"commit-a", `{"tasks":"x"}`}, {"commit-a", ""},
		{"target-state-a", `{"state":"NONE"}`}, {"target-state-a", `[]`}, {"tasks-fencing-a", `{}`}, {"nobody-knows", "1"}, {"", ""},
	}
	for _, r := range cases {
		c := newConfig()
		c.mustApply(t, "connector-a", `{"properties":{"v":"1"}}`)
		before := maps.Clone(c.connectors["a"].Config)
		var value []byte
		if r[1] != "" {
			value = []byte(r[1])
		}
		if _, err := c.applyKey(r[0], value); err == nil {
			t.Errorf("%s %s is taken in", r[0], r[1])
		}
		if s, ok := c.Connector("a"); !ok || !maps.Equal(s.Config, before) || s.Target != Started || s.Tasks != nil {
			t.Errorf("%s %s has changed the connector to %v", r[0], r[1], s)
		}
	}
}

func TestRestartsAreHeardAfterTheStartOnly(t *testing.T) {
	var heard []Restart
	c := newConfig()
	c.restart = func(r Restart) { heard = append(heard, r) }
	c.mustApply(t, "restart-connector-a", `{"include-tasks":true,"only-failed":true}`)
	c.replayed = true
	c.mustApply(t, "restart-connector-a", `{"include-tasks":true,"only-failed":"true"}`)
	c.mustApply(t, "restart-connector-b", `{}`)
	want := []Restart{{"a", true, false}, {"b", false, false}}
	if !slices.Equal(heard, want) {
		t.Errorf("heard %v, want %v", heard, want)
	}
}

func TestFencingCounts(t *testing.T) {
	c := newConfig()
	c.mustApply(t, "connector-a", `{"properties":{}}`)
	if s, _ := c.Connector("a"); s.FencingCount != -1 {
		t.Errorf("without a record the count is %d", s.FencingCount)
	}
	c.mustApply(t, "tasks-fencing-a", `{"task-count":3}`)
	if s, _ := c.Connector("a"); s.FencingCount != 3 {
		t.Errorf("the count is %d, want 3", s.FencingCount)
	}
}
