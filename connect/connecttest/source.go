// SPDX-License-Identifier: Apache-2.0

package connecttest

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/connectd/connectd/connect"
)

// patience is how long a condition may take before a case fails.
const patience = 20 * time.Second

// SourceDriver tells the suite how to work one source connector and the world that
// it reads from. Records of the outside world are numbered from 0.
type SourceDriver struct {
	Plugin connect.SourcePlugin
	Config map[string]string
	// Write makes the next n records outside.
	Write func(n int)
	// Check compares a record with number i of the outside world.
	Check func(t testing.TB, i int, r *connect.Record)
	// Poison writes something outside that cannot be decoded; nil if there is no such
	// thing for this connector.
	Poison func()
}

// Source is the acceptance suite of source connectors. fresh makes a driver on a new
// and empty outside world; each case calls it once.
func Source(t *testing.T, fresh func(t *testing.T) SourceDriver) {
	runSuite(t, fresh, []suiteCase[SourceDriver]{
		{"Plugin_DeclaresItsConfiguration", sourceDeclares},
		{"Tasks_AreStable", sourceTasksStable},
		{"Start_ThenStop", sourceStartStop},
		{"Poll_ReadsEverythingInOrder", sourceReadsAll},
		{"Poll_KeepsToTheLimits", sourceKeepsLimits},
		{"Poll_WaitsUntilThereIsSomething", sourceWaits},
		{"Poll_ReturnsAtTheEndOfItsContext", sourcePollEnds},
		{"Position_DependsOnTheBatchAlone", sourcePositionStable},
		{"Position_IsPlain", sourcePositionPlain},
		{"Position_ResumesBehindEachRecord", sourceResumes},
		{"Poison_IsARecordError", sourcePoison},
	})
}

// sourceRun is one started task and a memory of committed positions.
type sourceRun struct {
	t      testing.TB
	task   connect.SourceTask
	cancel context.CancelFunc
	ctx    context.Context
}

// offsets is what survives a task, in the form that the offsets topic gives back.
type offsets []connect.Position

func (o offsets) lookup(_ context.Context, ps []connect.Value) ([]connect.Value, error) {
	out := make([]connect.Value, len(ps))
	for i, p := range ps {
		for _, stored := range o {
			if connect.Equal(stored.Partition, p) {
				out[i] = stored.Offset
			}
		}
	}
	return out, nil
}

func (o *offsets) store(p connect.Position) {
	p.Partition, p.Offset = connect.Clone(p.Partition), normalise(p.Offset)
	for i := range *o {
		if connect.Equal((*o)[i].Partition, p.Partition) {
			(*o)[i] = p
			return
		}
	}
	*o = append(*o, p)
}

// normalise does to an offset what its way through JSON does: integers become int64.
func normalise(v connect.Value) connect.Value {
	entries := connect.Clone(v).Map()
	for i := range entries {
		if entries[i].Value.IsInt() {
			entries[i].Value = connect.Int64(entries[i].Value.Int())
		}
	}
	return connect.Map(entries)
}

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

// taskConfig asks the connector for the configuration of its only task.
func taskConfig(t testing.TB, c connect.Connector, info *connect.PluginInfo, props map[string]string) connect.Config {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cfg, errs := info.Config.Parse(props)
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	err := c.Start(ctx, connect.ConnectorContext{Name: "test", Config: cfg, Log: discard(), Reconfigure: func() {}, Fail: func(err error) { t.Error(err) }})
	if err != nil {
		t.Fatal(err)
	}
	tasks, err := c.Tasks(ctx, 1)
	if err != nil {
		t.Fatal(err)
	}
	if len(tasks) != 1 {
		t.Fatalf("the connector plans %d tasks, want 1", len(tasks))
	}
	if err := c.Stop(ctx); err != nil {
		t.Fatal(err)
	}
	parsed, errs := info.Config.Parse(tasks[0])
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	return parsed
}

func startSource(t testing.TB, d SourceDriver, o offsets) *sourceRun {
	t.Helper()
	cfg := taskConfig(t, d.Plugin.New(), &d.Plugin.PluginInfo, d.Config)
	r := &sourceRun{t: t, task: d.Plugin.NewTask()}
	r.ctx, r.cancel = context.WithTimeout(context.Background(), patience)
	err := r.task.Start(r.ctx, connect.SourceTaskContext{
		Connector: "test", Config: cfg, Log: discard(), Offsets: o.lookup,
		AllOffsets: func(context.Context) ([]connect.Position, error) { return o, nil },
	})
	if err != nil {
		r.stop()
		t.Fatal(err)
	}
	return r
}

func (r *sourceRun) stop() {
	r.t.Helper()
	r.cancel()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := r.task.Stop(ctx); err != nil {
		r.t.Error(err)
	}
}

// poll returns the next batch that is not empty.
func (r *sourceRun) poll(maxRecords int) *connect.Batch {
	r.t.Helper()
	b := &connect.Batch{MaxRecords: maxRecords, MaxBytes: 1 << 20}
	for {
		if err := r.task.Poll(r.ctx, b); err != nil {
			r.t.Fatal(err)
		}
		if len(b.Records) > 0 {
			return b
		}
		if r.ctx.Err() != nil {
			r.t.Fatal("the source gives no records")
		}
		b.Reset()
	}
}

func sourceDeclares(t *testing.T, d SourceDriver) {
	if d.Plugin.Class == "" || d.Plugin.Doc == "" || d.Plugin.Version == "" {
		t.Errorf("class %q, doc %q or version %q is missing", d.Plugin.Class, d.Plugin.Doc, d.Plugin.Version)
	}
	for _, k := range d.Plugin.Config.Keys() {
		if k.Doc == "" {
			t.Errorf("key %s has no doc", k.Name)
		}
	}
	if d.Plugin.Validate != nil {
		cfg, _ := d.Plugin.Config.Parse(d.Config)
		if errs := d.Plugin.Validate(cfg); len(errs) > 0 {
			t.Errorf("the driver's configuration is refused: %v", errs)
		}
	}
}

func sourceTasksStable(t *testing.T, d SourceDriver) {
	a := taskConfig(t, d.Plugin.New(), &d.Plugin.PluginInfo, d.Config).Raw()
	b := taskConfig(t, d.Plugin.New(), &d.Plugin.PluginInfo, d.Config).Raw()
	if len(a) != len(b) {
		t.Fatalf("two plans differ: %v, %v", a, b)
	}
	for k := range a {
		if a[k] != b[k] {
			t.Errorf("two plans differ in %s: %q, %q", k, a[k], b[k])
		}
	}
}

func sourceStartStop(t *testing.T, d SourceDriver) { startSource(t, d, nil).stop() }

func sourceReadsAll(t *testing.T, d SourceDriver) {
	const n = 250
	d.Write(n / 2)
	r := startSource(t, d, nil)
	defer r.stop()
	for i := 0; i < n; {
		for _, rec := range r.poll(100).Records {
			d.Check(t, i, &rec)
			i++
		}
		if i == n/2 {
			d.Write(n - n/2)
		}
	}
}

func sourceKeepsLimits(t *testing.T, d SourceDriver) {
	d.Write(20)
	r := startSource(t, d, nil)
	defer r.stop()
	for i := range 20 {
		b := r.poll(1)
		if len(b.Records) != 1 {
			t.Fatalf("a batch of at most 1 holds %d", len(b.Records))
		}
		d.Check(t, i, &b.Records[0])
	}
}

func sourceWaits(t *testing.T, d SourceDriver) {
	r := startSource(t, d, nil)
	defer r.stop()
	got := make(chan *connect.Batch)
	go func() { got <- r.poll(10) }()
	d.Write(1)
	select {
	case b := <-got:
		d.Check(t, 0, &b.Records[0])
	case <-time.After(patience):
		t.Fatal("a record that was written during Poll does not arrive")
	}
}

func sourcePollEnds(t *testing.T, d SourceDriver) {
	r := startSource(t, d, nil)
	defer r.stop()
	ctx, cancel := context.WithCancel(r.ctx)
	done := make(chan error)
	go func() { done <- r.task.Poll(ctx, &connect.Batch{MaxRecords: 10, MaxBytes: 1 << 20}) }()
	cancel()
	select {
	case err := <-done:
		if err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("Poll ends with %v, want nil", err)
		}
	case <-time.After(patience):
		t.Fatal("Poll does not end with its context")
	}
}

func sourcePositionStable(t *testing.T, d SourceDriver) {
	d.Write(10)
	r := startSource(t, d, nil)
	defer r.stop()
	b := r.poll(5)
	before := normalise(r.task.Position(b, 0).Offset)
	r.poll(1)
	if after := normalise(r.task.Position(b, 0).Offset); !connect.Equal(before, after) {
		t.Error("the position of a record changed with the next Poll")
	}
}

func sourcePositionPlain(t *testing.T, d SourceDriver) {
	d.Write(1)
	r := startSource(t, d, nil)
	defer r.stop()
	p := r.task.Position(r.poll(1), 0)
	for _, m := range []connect.Value{p.Partition, p.Offset} {
		if m.Kind() != connect.KindMap {
			t.Fatalf("partition and offset must be maps, one is %s", m.Kind())
		}
		for _, e := range m.Map() {
			if k := e.Value.Kind(); e.Key.Kind() != connect.KindString || k > connect.KindString {
				t.Errorf("member %q is %s; members are strings, numbers, booleans or null", e.Key.Str(), k)
			}
		}
	}
}

// sourceResumes stops behind each record in turn and goes on with a new task.
func sourceResumes(t *testing.T, d SourceDriver) {
	const n = 12
	d.Write(n)
	var stored offsets
	for i := range n {
		r := startSource(t, d, stored)
		b := r.poll(1 + i%3)
		d.Check(t, i, &b.Records[0])
		p := r.task.Position(b, 0)
		if err := r.task.Commit(r.ctx, []connect.Position{p}); err != nil {
			t.Error(err)
		}
		stored.store(p)
		r.stop()
	}
}

func sourcePoison(t *testing.T, d SourceDriver) {
	if d.Poison == nil {
		return
	}
	d.Write(1)
	d.Poison()
	d.Write(1)
	r := startSource(t, d, nil)
	defer r.stop()
	var records []connect.Record
	for len(records) < 3 {
		records = append(records, r.poll(10).Records...)
	}
	d.Check(t, 0, &records[0])
	if records[1].Err == nil {
		t.Error("what cannot be decoded is not a record error")
	}
	if len(records[1].RawValue) == 0 {
		t.Error("the record error does not carry its bytes")
	}
	d.Check(t, 1, &records[2])
}
