// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
)

func TestLevels(t *testing.T) {
	s := server(&herder{})
	if w := ask(s, "GET", "/admin/loggers", ""); strings.TrimSpace(w.Body.String()) != `{"root":{"level":"INFO","last_modified":null}}` {
		t.Errorf("the loggers are %s", w.Body)
	}
	for _, name := range []string{"TRACE", "debug", "Info", "WARN", "ERROR", "OFF"} {
		w := ask(s, "PUT", "/admin/loggers/root", `{"level":"`+name+`"}`)
		if w.Code != 200 || !strings.HasSuffix(strings.TrimSpace(w.Body.String()), `"root"]`) {
			t.Errorf("%s is answered %d %s", name, w.Code, w.Body)
		}
		if got := ask(s, "GET", "/admin/loggers/root", "").Body.String(); !strings.Contains(got, `"level":"`+strings.ToUpper(name)+`"`) || strings.Contains(got, "null") {
			t.Errorf("after %s the level is %s", name, got)
		}
	}
	if w := ask(s, "PUT", "/admin/loggers/root?scope=cluster", `{"level":"INFO"}`); w.Code != 204 {
		t.Errorf("for the cluster: %d", w.Code)
	}
	if w := ask(s, "GET", "/admin/loggers/nobody", ""); w.Code != 404 {
		t.Errorf("nobody: %d", w.Code)
	}
}

// TestLevelsOfComponentsAndConnectors sets levels, and sees which records come through.
func TestLevelsOfComponentsAndConnectors(t *testing.T) {
	s := server(&herder{}) // with the connectors a and b
	var out bytes.Buffer
	log := slog.New(s.o.Levels.Handler(slog.NewJSONHandler(&out, &slog.HandlerOptions{Level: Everything})))
	broker := log.With(ComponentKey, "broker")
	task := log.With(ComponentKey, "worker").With("connector", "a").With(ComponentKey, "runtime")
	type set struct{ logger, level, changed string }
	cases := []struct {
		name string
		sets []set
		want string // the debug records that come through
	}{
		{"nothing is set", nil, ""},
		{"a component", []set{{"runtime", "DEBUG", `["runtime"]`}}, "task"},
		{"another component", []set{{"runtime", "INFO", `["runtime"]`}, {"broker", "TRACE", `["broker"]`}}, "broker"},
		{"a connector wins over its component", []set{{"connector.a", "debug", `["connector.a"]`}}, "broker task"},
		{"another connector", []set{{"connector.a", "WARN", `["connector.a"]`}, {"connector.b", "DEBUG", `["connector.b"]`}}, "broker"},
		{"all connectors", []set{{"connector", "DEBUG", `["connector","connector.a","connector.b"]`}}, "broker task"},
		{"root is over all", []set{{"root", "ERROR", `["broker","connector","connector.a","connector.b","root","runtime","worker"]`}}, ""},
		{"what nobody knows", []set{{"org.apache.kafka", "DEBUG", `[]`}, {"connector.c", "DEBUG", `[]`}}, ""},
		{"root again", []set{{"root", "DEBUG", `["broker","connector","connector.a","connector.b","root","runtime","worker"]`}}, "bare broker task"},
	}
	for _, c := range cases {
		for _, x := range c.sets {
			w := ask(s, "PUT", "/admin/loggers/"+x.logger, `{"level":"`+x.level+`"}`)
			if got := strings.TrimSpace(w.Body.String()); w.Code != 200 || got != x.changed {
				t.Errorf("%s: %s is answered %d %s, want %s", c.name, x.logger, w.Code, got, x.changed)
			}
		}
		out.Reset()
		log.Debug("bare")
		broker.Debug("broker")
		task.Debug("task")
		var got []string
		for _, line := range strings.Fields(out.String()) {
			var r struct{ Msg string }
			if err := json.Unmarshal([]byte(line), &r); err != nil {
				t.Fatalf("%s: %v", line, err)
			}
			got = append(got, r.Msg)
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: %q comes through, want %q", c.name, got, c.want)
		}
	}
	if n := strings.Count(out.String(), `"component":"runtime"`); n != 1 || strings.Contains(out.String(), `"component":"worker"`) {
		t.Errorf("the component is told otherwise than once: %s", out.String())
	}
}

func TestLoggersAreListed(t *testing.T) {
	s := server(&herder{})
	s.o.Levels.Handler(slog.DiscardHandler).WithAttrs([]slog.Attr{slog.String(ComponentKey, "broker")})
	ask(s, "PUT", "/admin/loggers/connector.a", `{"level":"DEBUG"}`)
	var list map[string]levelBody
	must(t, json.Unmarshal(ask(s, "GET", "/admin/loggers", "").Body.Bytes(), &list))
	if len(list) != 2 || list["connector.a"].Level != "DEBUG" || list["connector.a"].Modified == nil || list["root"].Level != "INFO" || list["root"].Modified != nil {
		t.Errorf("the list is %v", list)
	}
	for logger, want := range map[string]string{"broker": `{"level":"INFO","last_modified":null}`, "connector.b": `{"level":"INFO","last_modified":null}`} {
		if w := ask(s, "GET", "/admin/loggers/"+logger, ""); w.Code != 200 || strings.TrimSpace(w.Body.String()) != want {
			t.Errorf("%s is answered %d %s", logger, w.Code, w.Body)
		}
	}
}
