// SPDX-License-Identifier: Apache-2.0

package topics

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
	"github.com/connectd/connectd/connect/broker/brokertest"
	"github.com/connectd/connectd/connect/convert"
	"github.com/connectd/connectd/connect/kafka"
)

func openConfig(t testing.TB, o ConfigOptions) *Config {
	t.Helper()
	c, err := OpenConfig(deadline(t), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func openOffsets(t testing.TB, o Options) *Offsets {
	t.Helper()
	s, err := OpenOffsets(deadline(t), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func openStatus(t testing.TB, o Options) *Status {
	t.Helper()
	s, err := OpenStatus(deadline(t), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestTheConfigTopicSurvives(t *testing.T) {
	c := cluster(t)
	o := ConfigOptions{Options: Options{Cluster: c, Topic: brokertest.Topic(t, "configs"), Replication: 1}, TransactionalID: brokertest.Name(t, "connect-cluster")}
	ctx := deadline(t)
	a := openConfig(t, o)
	must(t, a.PutConnector(ctx, "x", map[string]string{"name": "x", "k": "<v>"}, Stopped))
	if s, ok := a.Connector("x"); !ok || s.Target != Stopped || s.Tasks != nil {
		t.Errorf("a write has been read back when it returns; it is %+v, %t", s, ok)
	}
	must(t, a.PutTarget(ctx, "x", Started))
	must(t, a.PutTasks(ctx, "x", []map[string]string{{"n": "0"}, {"n": "1"}}))
	must(t, a.PutFencingCount(ctx, "x", 2))
	must(t, a.PutConnector(ctx, "gone", map[string]string{"name": "gone"}, Paused))
	must(t, a.DeleteConnector(ctx, "gone"))
	must(t, a.PutLoggerLevel(ctx, "root", "DEBUG"))

	restarts := make(chan Restart, 8)
	changed := make(chan string, 16)
	o.Restart, o.Changed = func(r Restart) { restarts <- r }, func(name string) { changed <- name }
	o.Lead = true
	b := openConfig(t, o)
	if got := b.Names(); !slices.Equal(got, []string{"x"}) {
		t.Fatalf("the next reader knows of %v", got)
	}
	s, _ := b.Connector("x")
	if s.Config["k"] != "<v>" || s.Target != Started || len(s.Tasks) != 2 || s.Tasks[1]["n"] != "1" || s.FencingCount != 2 || !maps.Equal(s.AppliedConfig, s.Config) {
		t.Errorf("the next reader sees %+v", s)
	}
	// b has taken the transactional id over: a cannot write any more, b can.
	if err := a.PutRestart(ctx, Restart{"x", false, false}); !errors.Is(err, kafka.ErrFenced) {
		t.Errorf("a writer that was succeeded writes: %v", err)
	}
	must(t, b.PutRestart(ctx, Restart{"x", true, false}))
	if got := <-restarts; got != (Restart{"x", true, false}) {
		t.Errorf("the request to restart is %v", got)
	}
	if got := <-changed; got != "x" {
		t.Errorf("%s is said to have changed", got)
	}
	must(t, b.Sync(ctx))
}

func TestInternalTopicsAreCompacted(t *testing.T) {
	c := cluster(t)
	lines := &logged{}
	topic := brokertest.Topic(t, "status")
	openStatus(t, Options{Cluster: c, Topic: topic, Partitions: 5, Replication: 1, Configs: map[string]string{"cleanup.policy": "delete", "segment.bytes": "1048576"}, Log: lines.logger()})
	have, err := c.TopicConfigs(deadline(t), topic)
	must(t, err)
	if have["cleanup.policy"] != "compact" || have["segment.bytes"] != "1048576" {
		t.Errorf("the topic has cleanup.policy=%s, segment.bytes=%s", have["cleanup.policy"], have["segment.bytes"])
	}
	if n, err := c.Partitions(deadline(t), topic); n != 5 || err != nil {
		t.Errorf("the topic has %d partitions, %v", n, err)
	}
	if !strings.Contains(lines.String(), "cleanup.policy") {
		t.Error("that a setting is ignored is not logged")
	}
}

func TestTopicsThatAreRefused(t *testing.T) {
	c := cluster(t)
	ctx := deadline(t)
	two, deleted := brokertest.Topic(t, "two"), brokertest.Topic(t, "deleted")
	for _, s := range []kafka.TopicSpec{
		{Name: two, Partitions: 2, Replication: 1, Configs: map[string]string{"cleanup.policy": "compact"}},
		{Name: deleted, Partitions: 1, Replication: 1, Configs: map[string]string{"cleanup.policy": "delete"}},
	} {
		_, err := c.EnsureTopic(ctx, s)
		must(t, err)
	}
	if _, err := OpenConfig(ctx, ConfigOptions{Options: Options{Cluster: c, Topic: two}}); err == nil || !strings.Contains(err.Error(), "2 partitions") {
		t.Errorf("a config topic of two partitions: %v", err)
	}
	if _, err := OpenOffsets(ctx, Options{Cluster: c, Topic: deleted}); err == nil || !strings.Contains(err.Error(), "cleanup.policy") {
		t.Errorf("a topic that deletes: %v", err)
	}
}

// What others have left in the topics must not keep a worker from starting.
func TestRecordsOfOthersArePassedOverAtTheStart(t *testing.T) {
	c := cluster(t)
	lines := &logged{}
	names := map[string]string{}
	for _, kind := range []string{"configs", "offsets", "status"} {
		names[kind] = brokertest.Topic(t, kind)
		_, err := c.EnsureTopic(deadline(t), kafka.TopicSpec{Name: names[kind], Partitions: 1, Replication: 1, Configs: map[string]string{"cleanup.policy": "compact"}})
		must(t, err)
		produce(t, c, names[kind], 0, kafka.Record{Key: []byte("strange"), Value: []byte("{")}, kafka.Record{Key: []byte(`["c",{"a":1}]`), Value: []byte("{")}, kafka.Record{Key: []byte{0xff}})
	}
	o := func(kind string) Options {
		return Options{Cluster: c, Topic: names[kind], Partitions: 1, Replication: 1, Log: lines.logger()}
	}
	openConfig(t, ConfigOptions{Options: o("configs")}).Close()
	offsets := openOffsets(t, o("offsets"))
	if ps, err := offsets.Load(deadline(t), "c"); err != nil || len(ps) != 0 {
		t.Errorf("offsets that cannot be read are %v, %v", ps, err)
	}
	openStatus(t, o("status")).Close()
	for kind, name := range names {
		if got := strings.Count(lines.String(), "topic="+name); got != 3 {
			t.Errorf("%d warnings about the %s topic, want 3", got, kind)
		}
	}
}

func TestOffsetsAreWrittenAndRead(t *testing.T) {
	c := cluster(t)
	o := Options{Cluster: c, Topic: brokertest.Topic(t, "offsets"), Partitions: 25, Replication: 1}
	ctx := deadline(t)
	a, b := openOffsets(t, o), openOffsets(t, o)
	one, two := parsed(t, `{"filename":"1"}`), parsed(t, `{"filename":"2"}`)
	must(t, a.Write(ctx, brokertest.Name(t, "admin"), "c", []connect.Position{{Partition: one, Offset: parsed(t, `{"position":5}`)}, {Partition: two, Offset: parsed(t, `{"position":6}`)}}))
	must(t, a.Write(ctx, brokertest.Name(t, "admin"), "d", []connect.Position{{Partition: one, Offset: parsed(t, `{"position":7}`)}}))
	if got := loaded(t, b, "c"); !slices.Equal(got, []string{`{"filename":"1"} {"position":5}`, `{"filename":"2"} {"position":6}`}) {
		t.Errorf("another reader sees %v", got)
	}
	must(t, b.Write(ctx, brokertest.Name(t, "admin"), "c", []connect.Position{{Partition: one}}))
	if got := loaded(t, a, "c"); !slices.Equal(got, []string{`{"filename":"2"} {"position":6}`}) {
		t.Errorf("after a reset there is %v", got)
	}
	if a.Topic() != o.Topic {
		t.Errorf("the topic is %s", a.Topic())
	}
}

func loaded(t testing.TB, s *Offsets, connector string) []string {
	t.Helper()
	ps, err := s.Load(deadline(t), connector)
	must(t, err)
	var out []string
	for _, p := range ps {
		out = append(out, string(convert.AppendJSON(nil, p.Partition))+" "+string(convert.AppendJSON(nil, p.Offset)))
	}
	slices.Sort(out)
	return out
}

// A transaction that is about to commit may hold the newest offset: Load waits for it
// and passes over it if it is aborted.
func TestLoadWaitsForOpenTransactions(t *testing.T) {
	for name, commit := range map[string]bool{"committed": true, "aborted": false} {
		t.Run(name, func(t *testing.T) {
			c := cluster(t)
			s := openOffsets(t, Options{Cluster: c, Topic: brokertest.Topic(t, "offsets"), Partitions: 1, Replication: 1})
			ctx := deadline(t)
			rs, err := s.Records("c", []connect.Position{{Partition: parsed(t, `{"a":1}`), Offset: parsed(t, `{"n":1}`)}})
			must(t, err)
			p, err := c.NewProducer(ctx, kafka.ProducerOptions{TransactionalID: brokertest.Name(t, "task"), TransactionTimeout: time.Minute})
			must(t, err)
			p.Send(kafka.TopicPartition{Topic: s.Topic(), Partition: rs[0].Partition}, []kafka.Record{{Key: rs[0].Key, Value: rs[0].Value}})
			must(t, p.Flush(ctx))

			impatient, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
			defer cancel()
			if ps, err := s.Load(impatient, "c"); err == nil {
				t.Errorf("offsets are known while a transaction is open: %v", ps)
			}
			var wg sync.WaitGroup
			var ps []connect.Position
			var loadErr error
			wg.Add(1)
			go func() {
				defer wg.Done()
				ps, loadErr = s.Load(ctx, "c")
			}()
			if commit {
				must(t, p.Commit(ctx))
			} else {
				must(t, p.Abort(ctx))
			}
			wg.Wait()
			if loadErr != nil || (len(ps) == 1) != commit {
				t.Errorf("it is %v, %v", ps, loadErr)
			}
		})
	}
}

func TestStatusesAreWrittenAndRead(t *testing.T) {
	c := cluster(t)
	o := Options{Cluster: c, Topic: brokertest.Topic(t, "status"), Partitions: 5, Replication: 1}
	ctx := deadline(t)
	a, b := openStatus(t, o), openStatus(t, o)
	up := InstanceStatus{State: StateRunning, WorkerID: "w", Version: "1"}
	must(t, a.PutConnector(ctx, "c", up))
	must(t, a.PutTask(ctx, "c", 0, up))
	must(t, a.PutTask(ctx, "c", 1, up))
	must(t, a.PutTopic(ctx, TopicUse{Topic: "t", Connector: "c", Task: 1, Discovered: 9}))
	if st, ok := a.Connector("c"); !ok || st != up {
		t.Errorf("the writer sees %+v, %t", st, ok)
	}
	eventually(t, "another reader sees all", func() bool {
		st, _ := b.Connector("c")
		return st == up && len(b.Tasks("c")) == 2 && slices.Equal(b.Topics("c"), []string{"t"})
	})
	must(t, a.DeleteTask(ctx, "c", 1))
	must(t, a.DeleteConnector(ctx, "c"))
	must(t, a.DeleteTopics(ctx, "c"))
	if _, ok := a.Connector("c"); ok || len(a.Tasks("c"))+len(a.Topics("c")) != 0 {
		t.Error("the writer sees what it has removed")
	}
	eventually(t, "another reader sees nothing", func() bool {
		_, ok := b.Connector("c")
		return !ok && len(b.Tasks("c"))+len(b.Topics("c")) == 0
	})
}

// The writer hears its own records again. One that comes back late must not undo
// what was written after it.
func TestEchoesChangeNothing(t *testing.T) {
	c := cluster(t)
	s := openStatus(t, Options{Cluster: c, Topic: brokertest.Topic(t, "status"), Partitions: 1, Replication: 1})
	ctx := deadline(t)
	for i := range 50 {
		state := StateRunning
		if i%2 == 1 {
			state = StatePaused
		}
		must(t, s.PutTask(ctx, "c", 0, InstanceStatus{State: state, WorkerID: "w", Generation: i}))
		if got := s.Tasks("c")[0]; got.Generation != i {
			t.Fatalf("after write %d the status is that of write %d", i, got.Generation)
		}
	}
	must(t, s.log.readToEnd(ctx))
	if got := s.Tasks("c")[0]; got.Generation != 49 {
		t.Errorf("when all have come back the status is that of write %d", got.Generation)
	}
	produce(t, c, s.log.o.Topic, 0, kafka.Record{Key: []byte("status-task-c-0"), Value: []byte(`{"state":"FAILED","worker_id":"other","generation":60}`)})
	eventually(t, "a later record of another worker counts", func() bool { return s.Tasks("c")[0].Generation == 60 })
}

// A killed task leaves a transaction open, which only its next start ends, and that
// needs these topics. What the killed worker itself left open ends with the start.
func TestOpenTransactionsDoNotHoldTheStart(t *testing.T) {
	c := cluster(t)
	ctx := deadline(t)
	leaveOpen := func(id, topic, key, value string) {
		t.Helper()
		_, err := c.EnsureTopic(ctx, kafka.TopicSpec{Name: topic, Partitions: 1, Replication: 1, Configs: map[string]string{"cleanup.policy": "compact"}})
		must(t, err)
		p, err := c.NewProducer(ctx, kafka.ProducerOptions{TransactionalID: id, TransactionTimeout: time.Minute})
		must(t, err)
		p.Send(kafka.TopicPartition{Topic: topic}, []kafka.Record{{Key: []byte(key), Value: []byte(value)}})
		must(t, p.Flush(ctx))
	}
	task, offsets := brokertest.Name(t, "task"), brokertest.Topic(t, "offsets")
	writer, configs := brokertest.Name(t, "connect-cluster"), brokertest.Topic(t, "configs")
	leaveOpen(task, offsets, `["c",{"a":1}]`, `{"n":1}`)
	leaveOpen(writer, configs, "connector-x", `{"properties":{"name":"x"}}`)

	soon, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	s, err := OpenOffsets(soon, Options{Cluster: c, Topic: offsets, Partitions: 1, Replication: 1})
	must(t, err)
	t.Cleanup(s.Close)
	o, err := OpenConfig(soon, ConfigOptions{Options: Options{Cluster: c, Topic: configs, Replication: 1}, TransactionalID: writer, Lead: true})
	must(t, err)
	t.Cleanup(o.Close)
	if got := o.Names(); len(got) != 0 {
		t.Errorf("what was never committed is known: %v", got)
	}
	_, err = c.NewProducer(ctx, kafka.ProducerOptions{TransactionalID: task, TransactionTimeout: time.Minute})
	must(t, err)
	if got := loaded(t, s, "c"); len(got) != 0 {
		t.Errorf("an offset that was never committed is loaded: %v", got)
	}
}
