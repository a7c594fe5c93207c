// SPDX-License-Identifier: Apache-2.0

package worker

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/kafka"
	"github.com/connectd/connectd/connect/topics"
)

func create(t *testing.T, w *Worker, name string, config map[string]string) {
	t.Helper()
	_, err := w.Create(deadline(t), name, config, "")
	must(t, err)
}

func TestCreate(t *testing.T) {
	s := newSetting(t)
	w := s.start(t)
	info, err := w.Create(deadline(t), " c ", source("tasks.max", "2"), "")
	must(t, err)
	if info.Name != "c" || info.Config["name"] != "c" || len(info.Tasks) != 0 || info.Type != "source" {
		t.Errorf("the answer is %+v", info)
	}
	eventuallyStates(t, w, "c", "RUNNING 0:RUNNING 1:RUNNING")
	eventually(t, "both tasks run", func() bool { return slices.Equal(s.world.live(), []string{"c-0", "c-1"}) })
	tasks, err := w.TaskConfigs("c")
	must(t, err)
	if len(tasks) != 2 || tasks[1].ID != (TaskID{"c", 1}) || tasks[1].Config["number"] != "1" || tasks[1].Config["task.class"] == "" {
		t.Errorf("the tasks are %+v", tasks)
	}
	st, err := w.Status("c")
	must(t, err)
	if st.Connector.WorkerID != "w:8083" || st.Connector.Version != "7" || st.Tasks[0].Version != "7" {
		t.Errorf("the status is %+v", st)
	}
	if _, err := w.Create(deadline(t), "c", source(), ""); status(err) != 409 {
		t.Errorf("a second one of that name: %v", err)
	}
	if got := w.Names(); !slices.Equal(got, []string{"c"}) {
		t.Errorf("there are %v", got)
	}
}

func TestInitialStates(t *testing.T) {
	s := newSetting(t)
	w := s.start(t)
	for target, want := range map[topics.Target]string{topics.Paused: "PAUSED", topics.Stopped: "STOPPED"} {
		name := string(target)
		_, err := w.Create(deadline(t), name, source(), target)
		must(t, err)
		eventuallyStates(t, w, name, want)
	}
	if s.world.runsOf("STOPPED-0")+s.world.runsOf("PAUSED-0") != 0 {
		t.Error("a task of a connector that was created as paused or stopped has run")
	}
}

func TestPauseStopResume(t *testing.T) {
	s := newSetting(t)
	w := s.start(t)
	create(t, w, "c", source())
	eventuallyStates(t, w, "c", "RUNNING 0:RUNNING")
	for range 2 {
		must(t, w.SetTarget(deadline(t), "c", topics.Paused))
		eventuallyStates(t, w, "c", "PAUSED 0:PAUSED")
	}
	eventually(t, "the task is told", func() bool { return s.world.runs["c-0"][0].isPaused() })
	if got := s.world.runsOf("c-0"); got != 1 {
		t.Errorf("a pause made the task run %d times", got)
	}
	must(t, w.SetTarget(deadline(t), "c", topics.Started))
	eventuallyStates(t, w, "c", "RUNNING 0:RUNNING")
	if s.world.runs["c-0"][0].isPaused() {
		t.Error("the task is still paused")
	}
	must(t, w.SetTarget(deadline(t), "c", topics.Stopped))
	eventuallyStates(t, w, "c", "STOPPED")
	if got := s.world.live(); len(got) != 0 {
		t.Errorf("running after the stop: %v", got)
	}
	if tasks, err := w.TaskConfigs("c"); err != nil || len(tasks) != 0 {
		t.Errorf("tasks after the stop: %v, %v", tasks, err)
	}
	must(t, w.SetTarget(deadline(t), "c", topics.Started))
	eventuallyStates(t, w, "c", "RUNNING 0:RUNNING")
	if err := w.SetTarget(deadline(t), "nobody", topics.Paused); status(err) != 404 {
		t.Errorf("nobody: %v", err)
	}
}

func TestDelete(t *testing.T) {
	s := newSetting(t)
	w := s.start(t)
	create(t, w, "c", source())
	eventuallyStates(t, w, "c", "RUNNING 0:RUNNING")
	must(t, w.Delete(deadline(t), "c"))
	if got := s.world.live(); len(got) != 0 {
		t.Errorf("running after the deletion: %v", got)
	}
	if _, err := w.Info("c"); status(err) != 404 {
		t.Errorf("the connector: %v", err)
	}
	if _, err := w.Status("c"); status(err) != 404 {
		t.Errorf("the status: %v", err)
	}
	if err := w.Delete(deadline(t), "c"); status(err) != 404 {
		t.Errorf("again: %v", err)
	}
	create(t, w, "c", source())
	eventuallyStates(t, w, "c", "RUNNING 0:RUNNING")
}

// A task that does not end must not keep anybody from the other connectors.
func TestASlowTaskHoldsOnlyItsConnector(t *testing.T) {
	s := newSetting(t)
	s.o.GracefulStop = 10 * time.Millisecond
	release := make(chan struct{})
	var once sync.Once
	t.Cleanup(func() { once.Do(func() { close(release) }) })
	s.world.run = func(ctx context.Context, task string) error {
		<-ctx.Done()
		if task == "slow-0" {
			<-release
		}
		return nil
	}
	w := s.start(t)
	t.Cleanup(func() { once.Do(func() { close(release) }) }) // before the worker stops
	create(t, w, "slow", source())
	create(t, w, "other", source())
	eventuallyStates(t, w, "slow", "RUNNING 0:RUNNING")
	eventuallyStates(t, w, "other", "RUNNING 0:RUNNING")
	deleted := make(chan error, 1)
	go func() { deleted <- w.Delete(deadline(t), "slow") }()
	eventually(t, "the connector is gone", func() bool { _, err := w.Info("slow"); return err != nil })

	quick, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	done := make(chan error, 1)
	go func() {
		_, err := w.Create(quick, "third", source(), "")
		if err == nil {
			err = w.SetTarget(quick, "other", topics.Paused)
		}
		done <- err
	}()
	select {
	case err := <-done:
		must(t, err)
	case <-quick.Done():
		t.Error("the other connectors cannot be administrated while one ends")
	}
	once.Do(func() { close(release) })
	must(t, <-deleted)
	eventuallyStates(t, w, "other", "PAUSED 0:PAUSED")
	eventuallyStates(t, w, "third", "RUNNING 0:RUNNING")
}

func TestPutAndPatch(t *testing.T) {
	s := newSetting(t)
	w := s.start(t)
	ctx := deadline(t)
	info, created, err := w.Put(ctx, "c", source("a", "1", "b", "2"))
	must(t, err)
	if !created || info.Config["name"] != "c" {
		t.Errorf("created %t, %+v", created, info)
	}
	eventuallyStates(t, w, "c", "RUNNING 0:RUNNING")
	three := "3"
	if _, err = w.Patch(ctx, "c", map[string]*string{"a": nil, "b": &three}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the task runs with the new configuration", func() bool { return s.world.runsOf("c-0") == 2 })
	if c := s.world.runs["c-0"][1].o.Config; c["b"] != "3" || slices.Contains(slices.Collect(maps.Keys(c)), "a") {
		t.Errorf("the task's configuration is %v", c)
	}
	if _, created, err = w.Put(ctx, "c", source("b", "4")); err != nil || created {
		t.Errorf("an update: created %t, %v", created, err)
	}
	eventually(t, "the task runs again", func() bool { return s.world.runsOf("c-0") == 3 })
	if _, _, err := w.Put(ctx, "c", source("name", "d")); status(err) != 400 {
		t.Errorf("another name: %v", err)
	}
	if _, err := w.Patch(ctx, "c", map[string]*string{"file": nil}); status(err) != 400 || !strings.Contains(err.Error(), `"file"`) {
		t.Errorf("without a required key: %v", err)
	}
	if _, err := w.Patch(ctx, "nobody", nil); status(err) != 404 {
		t.Errorf("nobody: %v", err)
	}
	if info, _ := w.Info("c"); info.Config["b"] != "4" || info.Config["file"] != "f" {
		t.Errorf("what was refused has changed something: %v", info.Config)
	}
}

func TestSecretsAreMaskedAndKept(t *testing.T) {
	s := newSetting(t)
	w := s.start(t)
	ctx := deadline(t)
	info, err := w.Create(ctx, "c", source("pass", "s3cret", "producer.override.sasl.jaas.config", "jaas s3cret", "note", "plain"), "")
	must(t, err)
	eventuallyStates(t, w, "c", "RUNNING 0:RUNNING")
	got, _ := w.Info("c")
	tasks, _ := w.TaskConfigs("c")
	for where, c := range map[string]map[string]string{"the answer": info.Config, "info": got.Config, "tasks": tasks[0].Config} {
		for k, v := range c {
			if strings.Contains(v, "s3cret") {
				t.Errorf("%s shows %s=%s", where, k, v)
			}
		}
		if c["pass"] != connect.Hidden || c["note"] != "plain" {
			t.Errorf("%s is %v", where, c)
		}
	}
	masked := maps.Clone(got.Config)
	masked["note"] = "changed"
	_, _, err = w.Put(ctx, "c", masked)
	must(t, err)
	eventually(t, "the task runs again", func() bool { return s.world.runsOf("c-0") == 2 })
	if c := s.world.runs["c-0"][1].o.Config; c["pass"] != "s3cret" || c["producer.override.sasl.jaas.config"] != "jaas s3cret" || c["note"] != "changed" {
		t.Errorf("the task gets %v", c)
	}
}

func TestPlaceholdersAreNeverStored(t *testing.T) {
	s := newSetting(t)
	s.o.Providers = Providers{"p": func(_, key string) (string, bool, error) { return "value of " + key, key != "unknown", nil }}
	w := s.start(t)
	create(t, w, "c", source("file", "${p:one}", "more", "${p:a:two} and ${p:unknown} and ${q:x}"))
	eventuallyStates(t, w, "c", "RUNNING 0:RUNNING")
	const more = "value of two and ${p:unknown} and ${q:x}"
	for where, c := range map[string]map[string]string{"the connector": s.world.resolved["c"], "the task": s.world.runs["c-0"][0].o.TaskConfig} {
		if c["file"] != "value of one" || c["more"] != more {
			t.Errorf("%s gets %v", where, c)
		}
	}
	stored, _ := w.config.Connector("c")
	for where, c := range map[string]map[string]string{"connector": stored.Config, "task": stored.Tasks[0]} {
		if c["file"] != "${p:one}" || c["more"] != "${p:a:two} and ${p:unknown} and ${q:x}" {
			t.Errorf("the stored configuration of the %s is %v", where, c)
		}
	}
	if info, _ := w.Info("c"); info.Config["file"] != "${p:one}" {
		t.Errorf("the answer is %v", info.Config)
	}
}

func TestReconfigure(t *testing.T) {
	s := newSetting(t)
	w := s.start(t)
	create(t, w, "c", source("tasks.max", "3"))
	create(t, w, "other", source())
	eventuallyStates(t, w, "c", "RUNNING 0:RUNNING 1:RUNNING 2:RUNNING")
	eventuallyStates(t, w, "other", "RUNNING 0:RUNNING")
	s.world.instance("c").c.Reconfigure()
	s.world.set(func() { s.world.tasks = 2 })
	s.world.instance("c").c.Reconfigure()
	eventuallyStates(t, w, "c", "RUNNING 0:RUNNING 1:RUNNING")
	eventually(t, "two tasks run", func() bool { return slices.Equal(s.world.live(), []string{"c-0", "c-1", "other-0"}) })
	if got := s.world.runsOf("other-0"); got != 1 {
		t.Errorf("the task of another connector has run %d times", got)
	}
}

func TestTasksMaxIsEnforced(t *testing.T) {
	s := newSetting(t)
	s.world.tasks = 3
	w := s.start(t)
	create(t, w, "c", source("tasks.max", "2", "restart.max.attempts", "0"))
	eventuallyStates(t, w, "c", "FAILED")
	if st, _ := w.Status("c"); !strings.Contains(st.Connector.Trace, "3 tasks") || !strings.Contains(st.Connector.Trace, "2") {
		t.Errorf("the trace is %s", st.Connector.Trace)
	}
	create(t, w, "d", source("tasks.max", "2", "tasks.max.enforce", "false"))
	eventuallyStates(t, w, "d", "RUNNING 0:RUNNING 1:RUNNING 2:RUNNING")
}

func TestEverythingSurvivesTheWorker(t *testing.T) {
	s := newSetting(t)
	w, err := Start(deadline(t), s.o)
	must(t, err)
	create(t, w, "runs", source("tasks.max", "2"))
	create(t, w, "paused", source())
	create(t, w, "stopped", source())
	must(t, w.SetTarget(deadline(t), "paused", topics.Paused))
	must(t, w.SetTarget(deadline(t), "stopped", topics.Stopped))
	eventuallyStates(t, w, "runs", "RUNNING 0:RUNNING 1:RUNNING")
	eventuallyStates(t, w, "paused", "PAUSED 0:PAUSED")
	eventuallyStates(t, w, "stopped", "STOPPED")
	must(t, w.Stop(deadline(t)))
	if got := s.world.live(); len(got) != 0 {
		t.Errorf("running after the worker: %v", got)
	}
	st, err := topics.OpenStatus(deadline(t), s.o.Status)
	must(t, err)
	if got := st.Tasks("runs")[0].State; got != topics.StateUnassigned {
		t.Errorf("a worker that stops in order leaves its task %s", got)
	}
	st.Close()

	w = s.start(t)
	eventuallyStates(t, w, "runs", "RUNNING 0:RUNNING 1:RUNNING")
	eventuallyStates(t, w, "paused", "PAUSED 0:PAUSED")
	eventuallyStates(t, w, "stopped", "STOPPED")
	eventually(t, "the tasks run", func() bool { return slices.Equal(s.world.live(), []string{"paused-0", "runs-0", "runs-1"}) })
	if err := w.Stop(deadline(t)); err != nil {
		t.Error(err)
	}
	if err := w.Stop(deadline(t)); err != nil {
		t.Errorf("a second stop: %v", err)
	}
}

// A producer of the set before must not commit once a new set may have read offsets.
func TestTheSetBeforeIsFenced(t *testing.T) {
	for name, grown := range map[string]string{"as many tasks": "2", "fewer tasks": "1", "more tasks": "3"} {
		t.Run(name, func(t *testing.T) {
			s := newSetting(t)
			s.world.run = func(ctx context.Context, task string) error {
				<-ctx.Done()
				return nil
			}
			w := s.start(t)
			create(t, w, "c", source("tasks.max", "2"))
			eventuallyStates(t, w, "c", "RUNNING 0:RUNNING 1:RUNNING")
			ctx := deadline(t)
			var old []*kafka.Producer
			topic := s.o.Offsets.Topic
			for _, id := range []string{"-c-0", "-c-1"} {
				p, err := s.cluster.NewProducer(ctx, kafka.ProducerOptions{TransactionalID: s.o.Group + id, TransactionTimeout: time.Minute})
				must(t, err)
				p.Send(kafka.TopicPartition{Topic: topic}, []kafka.Record{{Key: []byte(`["z",{}]`), Value: []byte("{}")}})
				must(t, p.Flush(ctx))
				old = append(old, p)
			}
			_, _, err := w.Put(ctx, "c", source("tasks.max", grown, "changed", "yes"))
			must(t, err)
			eventually(t, "the new set runs", func() bool { return s.world.runsOf("c-0") == 2 })
			for i, p := range old {
				if err := p.Commit(ctx); !errors.Is(err, kafka.ErrFenced) {
					t.Errorf("the producer of task %d of the old set commits: %v", i, err)
				}
			}
		})
	}
}
