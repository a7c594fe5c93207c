// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/kafka"
	"github.com/connectd/connectd/connect/metrics"
	"github.com/connectd/connectd/connect/state"
)

// Task is one task of a connector. Run is called once; Pause and Resume may be
// called from any goroutine at any time.
type Task struct {
	o       TaskOptions
	p       *parts
	paused  atomic.Bool
	waker   waker
	told    bool // OnRunning has been called
	tables  atomic.Pointer[state.Tables]
	signals signals
}

// NewTask makes a task: it checks the configuration and instantiates the plugin,
// the converters and the chain, but talks to nobody. Mistakes are
// connect.ConfigErrors that name key, value and rule. A task that is never run holds
// nothing.
func NewTask(o TaskOptions) (*Task, error) {
	o.setDefaults()
	p, err := build(&o)
	if err != nil {
		return nil, err
	}
	kind := metrics.Source
	if p.sink != nil {
		kind = metrics.Sink
	}
	o.Metrics.SetKind(kind)
	return &Task{o: o, p: p}, nil
}

// The defaults of WorkerSettings.
const (
	defaultFlush   = 60 * time.Second
	defaultStop    = 5 * time.Second
	defaultRefresh = 5 * time.Second
	defaultBatch   = 512 << 10
	defaultRecords = 8192
	defaultUnit    = 8 << 20
)

func (o *TaskOptions) setDefaults() {
	if o.Metrics == nil {
		o.Metrics = &metrics.Task{}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	o.Log = o.Log.With("component", "runtime", "connector", o.Connector, "task", o.Task)
	if o.Now == nil {
		o.Now = time.Now
	}
	w := &o.Worker
	w.FlushInterval = orElse(w.FlushInterval, defaultFlush)
	w.StopTimeout = orElse(w.StopTimeout, defaultStop)
	w.RefreshInterval = orElse(w.RefreshInterval, defaultRefresh)
	w.BatchBytes = orElse(w.BatchBytes, defaultBatch)
	w.BatchRecords = orElse(w.BatchRecords, defaultRecords)
	if w.Replication == 0 {
		w.Replication = -1
	}
	w.UnitBytes = orElse(w.UnitBytes, defaultUnit)
}

func orElse[T int | time.Duration](v, otherwise T) T {
	if v == 0 {
		return otherwise
	}
	return v
}

// Run works until ctx ends, and then returns nil after the open unit has been
// committed in order; or until it fails. All goroutines of the task have ended and
// everything is released when it returns. The error is a *RecordError for a record
// under tolerance none, wraps ErrFenced if another instance has taken over, and is
// worth a restart otherwise. A panic of the plugin, on a goroutine of the task, is such
// an error too, with its stack: it ends this task and not the others.
func (t *Task) Run(ctx context.Context) error {
	defer t.p.chain.close(t.o.Log)
	hard, release := t.afterStop(ctx)
	defer release()
	return guarded(func() error {
		if t.p.source != nil {
			return t.runSource(ctx, hard)
		}
		return t.runSink(ctx, hard)
	})
}

// guarded makes an error of a panic.
func guarded(do func() error) (err error) {
	defer func() {
		if x := recover(); x != nil {
			err = fmt.Errorf("panic: %v\n%s", x, debug.Stack())
		}
	}()
	return do()
}

// afterStop returns the context of commits: it goes on for a while when ctx has
// ended, so that the open unit can be committed.
func (t *Task) afterStop(ctx context.Context) (hard context.Context, release func()) {
	hard, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		timer := time.AfterFunc(t.o.Worker.StopTimeout, cancel)
		context.AfterFunc(hard, func() { timer.Stop() })
	})
	return hard, func() {
		stop()
		cancel()
	}
}

// Pause makes the task stop polling and commit what is open; connections stay. It
// returns at once. A task may be paused before Run.
func (t *Task) Pause() {
	t.paused.Store(true)
	t.waker.wake()
}

// Resume undoes Pause. It returns at once.
func (t *Task) Resume() {
	t.paused.Store(false)
	t.waker.wake()
}

// clientSettings are the Kafka client settings of a role: the worker's, those of
// the worker for the role, the connector's overrides.
func (t *Task) clientSettings(role map[string]string, override string, more map[string]string) (kafka.Settings, error) {
	props := maps.Clone(t.o.Worker.Common)
	if props == nil {
		props = map[string]string{}
	}
	maps.Copy(props, role)
	maps.Copy(props, more)
	maps.Copy(props, connect.WithPrefix(t.p.props, override))
	settings, errs := kafka.ParseSettings(props)
	for i := range errs {
		if connect.WithPrefix(t.p.props, override)[errs[i].Key] != "" {
			errs[i].Key = override + errs[i].Key
		}
	}
	return settings, errs.OrNil()
}

// running says, the first time, that the plugin has been started.
func (t *Task) running() {
	if t.told || t.o.OnRunning == nil {
		return
	}
	t.told = true
	t.o.OnRunning()
}

// crash passes a named point of the road.
func (t *Task) crash(point string) {
	if t.o.Crash != nil {
		t.o.Crash(point)
	}
}
