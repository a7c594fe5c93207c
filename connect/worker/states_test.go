// SPDX-License-Identifier: Apache-2.0

package worker

import (
	"strings"
	"testing"

	"github.com/connectd/connectd/connect/topics"
)

func TestStateOfAStep(t *testing.T) {
	s := newSetting(t)
	w := s.start(t)
	create(t, w, "c", source("tasks.max", "2"))
	eventuallyStates(t, w, "c", "RUNNING 0:RUNNING 1:RUNNING")
	if _, err := w.State("c", "sum", "k"); status(err) != 409 {
		t.Errorf("while it is not open: %v", err)
	}
	s.world.set(func() { s.world.states = map[string]string{"c-1 k": `{"n":3}`} })
	got, err := w.State("c", "sum", "k")
	must(t, err)
	if got.Step != "sum" || got.Key != "k" || got.Task != 1 || string(got.Value) != `{"n":3}` {
		t.Errorf("the entry is %+v", got)
	}
	for _, c := range []struct{ connector, step, key, says string }{
		{"d", "sum", "k", "Connector d not found"},
		{"c", "smu", "k", "did you mean sum?"},
		{"c", "entirely else", "k", "[sum]"},
		{"c", "sum", "other", "keeps nothing for the key other"},
	} {
		if _, err := w.State(c.connector, c.step, c.key); status(err) != 404 || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s %s %s: %v, want %s", c.connector, c.step, c.key, err, c.says)
		}
	}
	must(t, w.SetTarget(deadline(t), "c", topics.Stopped))
	eventuallyStates(t, w, "c", "STOPPED")
	if _, err := w.State("c", "sum", "k"); status(err) != 409 {
		t.Errorf("of a connector that is stopped: %v", err)
	}
}
