// SPDX-License-Identifier: Apache-2.0

package worker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/broker/brokertest"
	"github.com/connectd/connectd/connect/kafka"
	"github.com/connectd/connectd/connect/runtime"
	"github.com/connectd/connectd/connect/topics"
)

func TestMain(m *testing.M) {
	// The client library's metrics have a goroutine for the whole process.
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("github.com/rcrowley/go-metrics.(*meterArbiter).tick"))
}

// world is what the connectors and tasks of a test do, and what became of them.
type world struct {
	mu sync.Mutex
	// start and run say what Start of a connector and Run of a task return; nil is
	// success, and running until the end of the context.
	start func(name string) error
	run   func(ctx context.Context, task string) error
	// silent tasks never say that their plugin has been started.
	silent bool
	// states is what the tasks keep, by task and key; nil is not open.
	states map[string]string
	// signals is what tasks were signalled, and signalled what they answer.
	signals   []string
	signalled error
	// tasks overrides how many tasks a connector plans.
	tasks int

	instances map[string]*fakeConnector
	runs      map[string][]*fakeTask // by connector-task, in order
	resolved  map[string]map[string]string
}

func newWorld() *world {
	return &world{instances: map[string]*fakeConnector{}, runs: map[string][]*fakeTask{}, resolved: map[string]map[string]string{}}
}

func (w *world) set(change func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change()
}

func (w *world) runsOf(task string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.runs[task])
}

// live returns the tasks that are running, sorted.
func (w *world) live() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := []string{}
	for name, runs := range w.runs {
		for _, r := range runs {
			if r.running() {
				out = append(out, name)
			}
		}
	}
	slices.Sort(out)
	return out
}

func (w *world) instance(name string) *fakeConnector {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.instances[name]
}

type fakeConnector struct {
	w *world
	c connect.ConnectorContext
}

func (f *fakeConnector) Start(_ context.Context, c connect.ConnectorContext) error {
	f.w.mu.Lock()
	defer f.w.mu.Unlock()
	f.c = c
	f.w.instances[c.Name] = f
	f.w.resolved[c.Name] = c.Config.Raw()
	if f.w.start == nil {
		return nil
	}
	return f.w.start(c.Name)
}

func (f *fakeConnector) Tasks(_ context.Context, most int) ([]map[string]string, error) {
	f.w.mu.Lock()
	defer f.w.mu.Unlock()
	n := most
	if f.w.tasks > 0 {
		n = f.w.tasks
	}
	out := make([]map[string]string, n)
	for i := range out {
		out[i] = maps.Clone(f.c.Config.Raw())
		out[i]["number"] = strconv.Itoa(i)
	}
	return out, nil
}

func (f *fakeConnector) Stop(context.Context) error { return nil }

type fakeTask struct {
	w    *world
	name string
	o    runtime.TaskOptions

	mu      sync.Mutex
	paused  bool
	started bool
	ended   bool
}

func (t *fakeTask) running() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.started && !t.ended
}

func (t *fakeTask) isPaused() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.paused
}

func (t *fakeTask) set(field *bool, v bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	*field = v
}

func (t *fakeTask) Run(ctx context.Context) error {
	t.set(&t.started, true)
	defer t.set(&t.ended, true)
	t.w.mu.Lock()
	run, silent := t.w.run, t.w.silent
	t.w.mu.Unlock()
	if !silent {
		t.o.OnRunning()
	}
	if run != nil {
		return run(ctx, t.name)
	}
	<-ctx.Done()
	return nil
}

func (t *fakeTask) StateSteps() []string { return []string{"sum"} }

func (t *fakeTask) ReadState(step, key string) (json []byte, ok bool, err error) {
	t.w.mu.Lock()
	defer t.w.mu.Unlock()
	if step != "sum" {
		return nil, false, runtime.ErrNoStep
	}
	if t.w.states == nil {
		return nil, false, runtime.ErrStateClosed
	}
	value, ok := t.w.states[t.name+" "+key]
	return []byte(value), ok, nil
}

// Signal answers what the world says, and notes what was asked.
func (t *fakeTask) Signal(_ context.Context, s connect.Signal) error {
	t.w.mu.Lock()
	defer t.w.mu.Unlock()
	t.w.signals = append(t.w.signals, t.name+" "+s.Type)
	return t.w.signalled
}

func (t *fakeTask) Pause()  { t.set(&t.paused, true) }
func (t *fakeTask) Resume() { t.set(&t.paused, false) }

func (w *world) newTask(o runtime.TaskOptions) (TaskRunner, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	t := &fakeTask{w: w, name: fmt.Sprintf("%s-%d", o.Connector, o.Task), o: o}
	w.runs[t.name] = append(w.runs[t.name], t)
	return t, nil
}

func (w *world) plugins() *connect.Plugins {
	keys := connect.Define(
		connect.ConfigKey{Name: "file", Type: connect.TypeConfigString, Required: true, Doc: "A file."},
		connect.ConfigKey{Name: "pass", Type: connect.TypeConfigPassword, Null: true, Doc: "A secret."},
	)
	connector := func() connect.Connector { return &fakeConnector{w: w} }
	return &connect.Plugins{
		Sources: []connect.SourcePlugin{{PluginInfo: connect.PluginInfo{Class: "test.FakeSourceConnector", Version: "7", Config: keys}, New: connector,
			CheckOffset: func(p connect.Position) error {
				if v, ok := p.Offset.Get("position"); ok && v.Int() < 0 {
					return errors.New("the position is negative")
				}
				return nil
			}}},
		Sinks: []connect.SinkPlugin{{PluginInfo: connect.PluginInfo{Class: "test.FakeSinkConnector", Version: "7", Config: keys}, New: connector}},
	}
}

// setting is where workers of a test run: one broker, one set of topics.
type setting struct {
	cluster *kafka.Cluster
	o       Options
	world   *world
}

func newSetting(t *testing.T) *setting {
	t.Helper()
	t.Parallel() // the end of a worker waits for answers of its broker
	addr := brokertest.Start(t)
	s, errs := kafka.ParseSettings(map[string]string{"bootstrap.servers": addr})
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	c, err := kafka.Open(deadline(t), s)
	must(t, err)
	t.Cleanup(func() { must(t, c.Close()) })
	w := newWorld()
	group := brokertest.Name(t, "workers")
	topic := func(kind string, n int32) topics.Options {
		return topics.Options{Cluster: c, Topic: brokertest.Topic(t, kind), Partitions: n, Replication: 1}
	}
	return &setting{cluster: c, world: w, o: Options{
		Group: group, ID: "w:8083", Plugins: w.plugins(), Settings: runtime.WorkerSettings{Common: map[string]string{"bootstrap.servers": addr}},
		Cluster: c, Clusters: &kafka.Clusters{}, Config: topics.ConfigOptions{Options: topic("configs", 1), TransactionalID: "connect-cluster-" + group},
		Offsets: topic("offsets", 5), Status: topic("status", 5), StateDir: t.TempDir(), Providers: Providers{}, Tracking: true, TrackingReset: true,
		GracefulStop: 2 * time.Second, Log: slog.New(slog.NewTextHandler(io.Discard, nil)), NewTask: w.newTask,
	}}
}

// start starts a worker, which is stopped with the test.
func (s *setting) start(t *testing.T) *Worker {
	t.Helper()
	w, err := Start(deadline(t), s.o)
	must(t, err)
	t.Cleanup(func() { must(t, w.Stop(deadline(t))) })
	return w
}

// deadline is a context that ends before the test does.
func deadline(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// eventually waits until ok holds.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for ctx := deadline(t); !ok(); {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("it did not come to this in time: %s", what)
		}
	}
}

// source is a configuration of the fake source; pairs of keys and values are added.
func source(pairs ...string) map[string]string {
	out := map[string]string{"connector.class": "FakeSource", "file": "f", "restart.backoff.ms": "1"}
	for i := 0; i < len(pairs); i += 2 {
		out[pairs[i]] = pairs[i+1]
	}
	return out
}

// states is the status in short: the connector's state, then those of its tasks.
func states(w *Worker, name string) string {
	s, err := w.Status(name)
	if err != nil {
		return err.Error()
	}
	out := s.Connector.State
	for _, t := range s.Tasks {
		out += fmt.Sprintf(" %d:%s", t.ID, t.State)
	}
	return out
}

func eventuallyStates(t testing.TB, w *Worker, name, want string) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for ctx := deadline(t); states(w, name) != want; {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("%s is %q, want %q", name, states(w, name), want)
		}
	}
}

// status is the HTTP status that an error is answered with; 0 for none.
func status(err error) int {
	var p *Problem
	if errors.As(err, &p) {
		return p.Status
	}
	if err != nil {
		return -1
	}
	return 0
}
