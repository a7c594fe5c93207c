// SPDX-License-Identifier: Apache-2.0

package topics

import (
	"slices"
	"testing"
)

func (s *Status) mustApply(t *testing.T, key, value string) {
	t.Helper()
	var v []byte
	if value != "" {
		v = []byte(value)
	}
	if err := s.applyKey(key, v); err != nil {
		t.Fatalf("%s: %v", key, err)
	}
}

func TestStatusText(t *testing.T) {
	cases := map[string]InstanceStatus{
		`{"state":"RUNNING","trace":null,"worker_id":"w:1","generation":3,"version":"4.3.1"}`: {State: StateRunning, WorkerID: "w:1", Generation: 3, Version: "4.3.1"},
		`{"state":"UNASSIGNED","trace":null,"worker_id":"w:1","generation":0,"version":null}`: {State: StateUnassigned, WorkerID: "w:1"},
		`{"state":"FAILED","trace":"a <b> & c","worker_id":"w:1","generation":0,"version":null,"connectd_restarts":2,"connectd_next_restart":17}`: {
			State: StateFailed, Trace: "a <b> & c", WorkerID: "w:1", Restarts: 2, NextRestart: 17},
	}
	for want, st := range cases {
		got, err := statusText(st)
		if err != nil || string(got) != want {
			t.Errorf("wrote %s, %v; want %s", got, err, want)
		}
		s := newStatus()
		s.mustApply(t, "status-connector-c", want)
		if back, ok := s.Connector("c"); !ok || back != st {
			t.Errorf("%s was read as %+v", want, back)
		}
	}
}

func TestLateFarewells(t *testing.T) {
	const running = `{"state":"RUNNING","worker_id":"new","generation":5}`
	cases := []struct {
		name, farewell string
		want           State
	}{
		{"of an older generation", `{"state":"UNASSIGNED","worker_id":"old","generation":4}`, StateRunning},
		{"of the same generation", `{"state":"UNASSIGNED","worker_id":"old","generation":5}`, StateRunning},
		{"of a newer generation", `{"state":"UNASSIGNED","worker_id":"old","generation":6}`, StateUnassigned},
		{"of the worker itself", `{"state":"UNASSIGNED","worker_id":"new","generation":5}`, StateUnassigned},
		{"a failure is no farewell", `{"state":"FAILED","worker_id":"old","generation":4}`, StateFailed},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := newStatus()
			s.mustApply(t, "status-task-a-b-0", running)
			s.mustApply(t, "status-task-a-b-0", c.farewell)
			if got := s.Tasks("a-b")[0].State; got != c.want {
				t.Errorf("the task is %s, want %s", got, c.want)
			}
		})
	}
}

func TestTopicUse(t *testing.T) {
	s := newStatus()
	s.mustApply(t, "status-topic-b:connector-c", `{"topic":{"name":"b","connector":"c","task":1,"discoverTimestamp":5}}`)
	s.mustApply(t, "status-topic-a:connector-c", `{"topic":{"name":"a","connector":"c","task":0,"discoverTimestamp":6}}`)
	s.mustApply(t, "status-topic-a:connector-d", `{"topic":{"name":"a","connector":"d","task":0,"discoverTimestamp":7}}`)
	if got := s.Topics("c"); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("c uses %v", got)
	}
	if got := s.topics["c"]["b"]; got != (TopicUse{"b", "c", 1, 5}) {
		t.Errorf("the use is %+v", got)
	}
	s.mustApply(t, "status-topic-a:connector-c", "")
	if got := s.Topics("c"); !slices.Equal(got, []string{"b"}) {
		t.Errorf("after the tombstone c uses %v", got)
	}
	if got := s.Topics("nobody"); len(got) != 0 {
		t.Errorf("nobody uses %v", got)
	}
}

func TestStatusRecordsThatArePassedOver(t *testing.T) {
	for _, r := range [][2]string{
		{"status-connector-a", "{"}, {"status-task-a", "{}"}, {"status-task-a-x", "{}"}, {"status-task-a--1", "[]"},
		{"status-topic-a", "{}"}, {"else", "{}"}, {"", ""},
	} {
		s := newStatus()
		if err := s.applyKey(r[0], []byte(r[1])); err == nil {
			t.Errorf("%s %s is taken in", r[0], r[1])
		}
		if len(s.connectors)+len(s.tasks)+len(s.topics) != 0 {
			t.Errorf("%s %s has had an effect", r[0], r[1])
		}
	}
}
