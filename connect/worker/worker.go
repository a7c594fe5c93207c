// SPDX-License-Identifier: Apache-2.0

package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/connectd/connectd/connect/runtime"
	"github.com/connectd/connectd/connect/topics"
)

// Worker runs the connectors of the config topic. Its methods may be called from any
// goroutine after Start has returned.
type Worker struct {
	o       Options
	log     *slog.Logger // Options.Log, as the worker's own
	config  *topics.Config
	offsets Offsets
	status  Statuses
	closers []func()

	// changes serialises what reads the config topic and writes to it.
	changes sync.Mutex

	mu         sync.Mutex
	connectors map[string]*connector
	ready      bool // the topics have been read; before that nothing is started
	stopping   bool
	wg         sync.WaitGroup
}

// Start reads the internal topics and starts what ought to run. ctx bounds the
// reading; Stop ends the worker.
func Start(ctx context.Context, o Options) (*Worker, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.NewTask == nil {
		o.NewTask = func(t runtime.TaskOptions) (TaskRunner, error) { return runtime.NewTask(t) }
	}
	w := &Worker{o: o, log: o.Log.With("component", "worker"), connectors: map[string]*connector{}}
	if err := w.open(ctx); err != nil {
		w.close()
		return nil, err
	}
	w.mu.Lock()
	w.ready = true
	w.mu.Unlock()
	for _, name := range w.config.Names() {
		w.wake(name, nil)
	}
	return w, nil
}

// open reads the three topics beside each other.
func (w *Worker) open(ctx context.Context) error {
	w.o.Config.Lead = true // the only member of its group
	w.o.Config.Changed = func(name string) { w.wake(name, nil) }
	w.o.Config.Restart = func(r topics.Restart) { w.wake(r.Connector, &r) }
	var wg sync.WaitGroup
	errs := make([]error, 3)
	var offsets *topics.Offsets
	var status *topics.Status
	for i, read := range []func() error{
		func() (err error) { w.config, err = topics.OpenConfig(ctx, w.o.Config); return err },
		func() (err error) { offsets, err = topics.OpenOffsets(ctx, w.o.Offsets); return err },
		func() (err error) { status, err = topics.OpenStatus(ctx, w.o.Status); return err },
	} {
		wg.Add(1)
		go func() {
			defer wg.Done()
			errs[i] = read()
		}()
	}
	wg.Wait()
	if w.config != nil {
		w.closers = append(w.closers, w.config.Close)
	}
	if offsets != nil {
		w.offsets = offsets
		w.closers = append(w.closers, offsets.Close)
	}
	if status != nil {
		w.status = status
		w.closers = append(w.closers, status.Close)
	}
	return errors.Join(errs...)
}

// close ends the followers of the topics beside each other, since each may have to
// wait for an answer of a broker.
func (w *Worker) close() {
	var wg sync.WaitGroup
	for _, c := range w.closers {
		wg.Add(1)
		go func() {
			defer wg.Done()
			c()
		}()
	}
	wg.Wait()
	w.closers = nil
}

// wake makes the connector's goroutine look, and starts it if there is none.
func (w *Worker) wake(name string, restart *topics.Restart) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stopping || !w.ready {
		return
	}
	c := w.connectors[name]
	if c == nil {
		if _, exists := w.config.Connector(name); !exists {
			return
		}
		c = newConnector(w, name)
		w.connectors[name] = c
		w.wg.Add(1)
		go func() {
			defer w.wg.Done()
			c.run()
		}()
	}
	if restart != nil {
		c.restarts = append(c.restarts, *restart)
	}
	c.poke()
}

// gone is called by a connector's goroutine when its connector is deleted and all of
// it has ended. It reports false if the connector has been created again meanwhile.
func (w *Worker) gone(c *connector) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	close(c.removed)
	c.removed = make(chan struct{})
	if _, exists := w.config.Connector(c.name); exists && !w.stopping {
		return false
	}
	delete(w.connectors, c.name)
	c.cancel()
	return true
}

// takeRestarts returns the restart requests that have come in.
func (w *Worker) takeRestarts(c *connector) []topics.Restart {
	w.mu.Lock()
	defer w.mu.Unlock()
	rs := c.restarts
	c.restarts = nil
	return rs
}

// Stop ends all connectors in order, and returns when everything has ended.
func (w *Worker) Stop(ctx context.Context) error {
	w.mu.Lock()
	w.stopping = true
	for _, c := range w.connectors {
		c.cancel()
	}
	w.mu.Unlock()
	done := make(chan struct{})
	go func() {
		w.wg.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-ctx.Done():
		return fmt.Errorf("stop the connectors: %w", context.Cause(ctx))
	}
	w.close()
	return nil
}

// Plugin kinds as type members of answers name them.
const (
	typeSource  = "source"
	typeSink    = "sink"
	typeUnknown = "unknown"
)

// typeOf says whether a connector class is a source or a sink.
func (w *Worker) typeOf(class string) string {
	switch {
	case w.o.Plugins.Source(class) != nil:
		return typeSource
	case w.o.Plugins.Sink(class) != nil:
		return typeSink
	default:
		return typeUnknown
	}
}

// taskClass names the class of a connector's tasks as the original does, so that it
// could run the stored tasks.
func (w *Worker) taskClass(connector string) string {
	if _, info := findConnector(w.o.Plugins, connector); info != nil {
		connector = info.Class
	}
	if strings.HasPrefix(connector, "org.apache.kafka.connect.") {
		connector = strings.TrimSuffix(connector, "Connector")
	}
	return connector + "Task"
}

func (w *Worker) versionOf(class string) string {
	if p := w.o.Plugins.Source(class); p != nil {
		return p.Version
	}
	if p := w.o.Plugins.Sink(class); p != nil {
		return p.Version
	}
	return ""
}
