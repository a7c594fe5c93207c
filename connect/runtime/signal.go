// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/connectd/connectd/connect"
)

// Why a signal did not get to the connector's task. It has no effect then.
var (
	// ErrNoSignals says that the connector is of a kind that takes none.
	ErrNoSignals = errors.New("the connector takes no signals")
	// ErrNotStarted says that the task does not run, or has not been started yet.
	ErrNotStarted = errors.New("the task does not run")
	// ErrPaused says that the connector is paused.
	ErrPaused = errors.New("the connector is paused")
)

// signals is the way of signals to the connector's task.
type signals struct {
	// to is the task that has been started; nil for none.
	to atomic.Pointer[connect.SourceTask]
	// waiting counts signals that are not in a committed offset: as long as there are any,
	// offsets without records are committed at once.
	waiting atomic.Int32
}

// Signal hands a signal to the connector's task and returns when it is part of a committed
// offset. The error is ErrNoSignals, ErrNotStarted, ErrPaused, or that of connect.SignalTaker. It may be
// called from any goroutine at any time.
func (t *Task) Signal(ctx context.Context, s connect.Signal) error {
	if t.p.source == nil {
		return ErrNoSignals
	}
	to := t.signals.to.Load()
	if to == nil {
		return ErrNotStarted
	}
	if t.paused.Load() {
		return ErrPaused
	}
	taker, ok := (*to).(connect.SignalTaker)
	if !ok {
		return ErrNoSignals
	}
	t.signals.waiting.Add(1)
	defer t.signals.waiting.Add(-1)
	return taker.Signal(ctx, s)
}

// hurries reports whether somebody waits until what is known is committed.
func (r *sourceRoad) hurries() bool { return r.t.signals.waiting.Load() > 0 && r.onlyOffsets() }
