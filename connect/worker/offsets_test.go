// SPDX-License-Identifier: Apache-2.0

package worker

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/broker/brokertest"
	"github.com/connectd/connectd/connect/convert"
	"github.com/connectd/connectd/connect/kafka"
	"github.com/connectd/connectd/connect/topics"
)

func parsed(t testing.TB, text string) connect.Value {
	t.Helper()
	var a connect.Arena
	v, err := convert.ParseJSON(&a, []byte(text))
	must(t, err)
	return connect.Clone(v)
}

func at(t testing.TB, partition, offset string) connect.Position {
	t.Helper()
	return connect.Position{Partition: parsed(t, partition), Offset: parsed(t, offset)}
}

func positions(t testing.TB, w *Worker, name string) []string {
	t.Helper()
	ps, err := w.Positions(deadline(t), name)
	must(t, err)
	out := []string{}
	for _, p := range ps {
		out = append(out, fmt.Sprintf("%s %s", convert.AppendJSON(nil, p.Partition), convert.AppendJSON(nil, p.Offset)))
	}
	slices.Sort(out)
	return out
}

func stoppedConnector(t *testing.T, w *Worker, name string, config map[string]string) {
	t.Helper()
	_, err := w.Create(deadline(t), name, config, topics.Stopped)
	must(t, err)
	eventuallyStates(t, w, name, "STOPPED")
}

func TestSourceOffsets(t *testing.T) {
	s := newSetting(t)
	w := s.start(t)
	ctx := deadline(t)
	stoppedConnector(t, w, "c", source())
	stoppedConnector(t, w, "other", source())
	ps := []connect.Position{at(t, `{"f":"1"}`, `{"position":1}`), at(t, `{"f":"2"}`, `{"position":2}`)}
	for _, name := range []string{"c", "other"} {
		if message, err := w.AlterPositions(ctx, name, ps); err != nil || !strings.Contains(message, "altered successfully") {
			t.Fatalf("%q, %v", message, err)
		}
	}
	_, err := w.AlterPositions(ctx, "c", []connect.Position{at(t, `{"f":"1"}`, `null`)})
	must(t, err)
	if got := positions(t, w, "c"); !slices.Equal(got, []string{`{"f":"2"} {"position":2}`}) {
		t.Errorf("after a reset of one partition: %v", got)
	}
	if _, err := w.AlterPositions(ctx, "c", []connect.Position{at(t, `{"f":"1"}`, `{"position":-1}`)}); status(err) != 500 || !strings.Contains(err.Error(), "negative") {
		t.Errorf("what the connector refuses: %v", err)
	}
	for range 2 {
		if message, err := w.ResetPositions(ctx, "c"); err != nil || !strings.Contains(message, "reset successfully") {
			t.Errorf("%q, %v", message, err)
		}
		if got := positions(t, w, "c"); len(got) != 0 {
			t.Errorf("after the reset: %v", got)
		}
	}
	if got := positions(t, w, "other"); len(got) != 2 {
		t.Errorf("the offsets of another connector are %v", got)
	}
	must(t, w.Delete(ctx, "other"))
	stoppedConnector(t, w, "other", source())
	if got := positions(t, w, "other"); len(got) != 2 {
		t.Errorf("offsets outlive their connector; there are %v", got)
	}
}

func TestOffsetsOfWhatRuns(t *testing.T) {
	s := newSetting(t)
	w := s.start(t)
	create(t, w, "c", source())
	eventuallyStates(t, w, "c", "RUNNING 0:RUNNING")
	ps := []connect.Position{at(t, `{"f":"1"}`, `{"position":1}`)}
	check := func(state string) {
		t.Helper()
		if _, err := w.AlterPositions(deadline(t), "c", ps); status(err) != 400 || !strings.Contains(err.Error(), "/connectors/c/stop") {
			t.Errorf("altered while %s: %v", state, err)
		}
		if _, err := w.ResetPositions(deadline(t), "c"); status(err) != 400 {
			t.Errorf("reset while %s: %v", state, err)
		}
	}
	check("running")
	must(t, w.SetTarget(deadline(t), "c", topics.Paused))
	eventuallyStates(t, w, "c", "PAUSED 0:PAUSED")
	check("paused")
	if _, err := w.AlterPositions(deadline(t), "c", nil); status(err) != 400 || !strings.Contains(err.Error(), "need to be provided") {
		t.Errorf("nothing: %v", err)
	}
	for _, err := range []error{second(w.AlterPositions(deadline(t), "nobody", ps)), second(w.ResetPositions(deadline(t), "nobody")), third(w.Positions(deadline(t), "nobody"))} {
		if status(err) != 404 {
			t.Errorf("nobody: %v", err)
		}
	}
}

func second(_ string, err error) error            { return err }
func third(_ []connect.Position, err error) error { return err }

func sink(t *testing.T, s *setting, pairs ...string) (config map[string]string, topic string) {
	t.Helper()
	topic = brokertest.Topic(t, "in")
	_, err := s.cluster.EnsureTopic(deadline(t), kafka.TopicSpec{Name: topic, Partitions: 2, Replication: 1})
	must(t, err)
	return source(append([]string{"connector.class", "FakeSink", "topics", topic}, pairs...)...), topic
}

func TestSinkOffsets(t *testing.T) {
	s := newSetting(t)
	w := s.start(t)
	ctx := deadline(t)
	name := brokertest.Name(t, "sink")
	config, topic := sink(t, s)
	stoppedConnector(t, w, name, config)
	partition := func(n int) string { return fmt.Sprintf(`{"kafka_topic":%q,"kafka_partition":%d}`, topic, n) }
	_, err := w.AlterPositions(ctx, name, []connect.Position{at(t, partition(0), `{"kafka_offset":5}`), at(t, partition(1), `{"kafka_offset":"6"}`)})
	must(t, err)
	want := []string{fmt.Sprintf(`{"kafka_partition":0,"kafka_topic":%q} {"kafka_offset":5}`, topic), fmt.Sprintf(`{"kafka_partition":1,"kafka_topic":%q} {"kafka_offset":6}`, topic)}
	if got := positions(t, w, name); !slices.Equal(got, want) {
		t.Errorf("the offsets are %v, want %v", got, want)
	}
	stored, err := s.cluster.GroupOffsets(ctx, "connect-"+name, nil)
	must(t, err)
	if len(stored) != 2 {
		t.Errorf("the group has %v", stored)
	}
	_, err = w.AlterPositions(ctx, name, []connect.Position{at(t, partition(0), `null`)})
	must(t, err)
	if got := positions(t, w, name); !slices.Equal(got, want[1:]) {
		t.Errorf("after the reset of one: %v", got)
	}
	for range 2 {
		_, err = w.ResetPositions(ctx, name)
		must(t, err)
		if got := positions(t, w, name); len(got) != 0 {
			t.Errorf("after the reset: %v", got)
		}
	}
}

func TestSinkPositionsThatAreRefused(t *testing.T) {
	const good = `{"kafka_topic":"t","kafka_partition":0}`
	cases := [][3]string{
		{`null`, `null`, "null or missing"},
		{`{"kafka_topic":"t"}`, `null`, "must contain the keys"},
		{`{"kafka_partition":0}`, `null`, "must contain the keys"},
		{`{"kafka_topic":null,"kafka_partition":0}`, `null`, "topic names"},
		{`{"kafka_topic":"t","kafka_partition":null}`, `null`, "Kafka partitions must be"},
		{`{"kafka_topic":"t","kafka_partition":"x"}`, `null`, "'x'"},
		{`{"kafka_topic":"t","kafka_partition":4294967296}`, `null`, "partition value"},
		{good, `{}`, "kafka_offset"},
		{good, `{"kafka_offset":"x"}`, "'x'"},
		{good, `{"kafka_offset":1.5}`, "offset value"},
		{good, `{"kafka_offset":-1}`, "offset value"},
	}
	for _, c := range cases {
		_, err := sinkPartition(parsed(t, c[0]))
		if err == nil {
			_, err = sinkOffset(parsed(t, c[1]))
		}
		if status(err) != 400 || !strings.Contains(err.Error(), c[2]) {
			t.Errorf("%s %s: %v", c[0], c[1], err)
		}
	}
}
