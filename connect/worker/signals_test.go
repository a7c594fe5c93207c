// SPDX-License-Identifier: Apache-2.0

package worker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/runtime"
	"github.com/connectd/connectd/connect/topics"
)

func TestSignal(t *testing.T) {
	s := newSetting(t)
	w := s.start(t)
	create(t, w, "c", source())
	eventuallyStates(t, w, "c", "RUNNING 0:RUNNING")
	must(t, w.Signal(deadline(t), "c", connect.Signal{Type: "log"}))
	s.world.set(func() {
		if !slices.Equal(s.world.signals, []string{"c-0 log"}) {
			t.Errorf("the tasks were told %q", s.world.signals)
		}
	})
	for _, c := range []struct {
		answer error
		status int
		says   string
	}{
		{runtime.ErrNoSignals, 400, "Connector c: the connector takes no signals"},
		{fmt.Errorf("wrapped: %w", &connect.SignalError{Reason: "did you mean log?"}), 400, "refuses the signal: did you mean log?"},
		{runtime.ErrNotStarted, 409, "takes no signals now: the task does not run"},
		{runtime.ErrPaused, 409, "takes no signals now: the connector is paused"},
		{connect.Retriable(errors.New("too early")), 409, "takes no signals now: too early"},
		{context.DeadlineExceeded, 500, "It is not known whether connector c has taken the signal"},
	} {
		s.world.set(func() { s.world.signalled = c.answer })
		if err := w.Signal(deadline(t), "c", connect.Signal{Type: "log"}); status(err) != c.status || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%v: %v, want %d %s", c.answer, err, c.status, c.says)
		}
	}
	if err := w.Signal(deadline(t), "d", connect.Signal{Type: "log"}); status(err) != 404 {
		t.Errorf("to nobody: %v", err)
	}
	must(t, w.SetTarget(deadline(t), "c", topics.Stopped))
	eventuallyStates(t, w, "c", "STOPPED")
	if err := w.Signal(deadline(t), "c", connect.Signal{Type: "log"}); status(err) != 409 {
		t.Errorf("to a connector that is stopped: %v", err)
	}
}
