// SPDX-License-Identifier: Apache-2.0

package kafka

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/broker/brokertest"
	"github.com/connectd/connectd/connect/connecttest"
	"github.com/connectd/connectd/connect/kafka"
)

func TestPartitionNOfAllTopicsIsOfOneTask(t *testing.T) {
	w := newWorld(t)
	a, b := w.topic("a", 3), w.topic("b", 2)
	c, _ := w.planner(map[string]string{topicsKey: b + "," + a + ",absent-topic", topicKey: "out"})
	cases := []struct {
		most int
		want []string
	}{
		{1, []string{"a:0,a:1,a:2,b:0,b:1"}},
		{2, []string{"a:0,a:2,b:0", "a:1,b:1"}},
		{3, []string{"a:0,b:0", "a:1,b:1", "a:2"}},
		{9, []string{"a:0,b:0", "a:1,b:1", "a:2"}},
	}
	for _, c2 := range cases {
		got := w.assigned(c, c2.most)
		for i := range got {
			got[i] = strings.NewReplacer(a, "a", b, "b").Replace(got[i])
		}
		if diff := cmp.Diff(c2.want, got); diff != "" {
			t.Errorf("tasks.max=%d (-want +got):\n%s", c2.most, diff)
		}
	}
}

func TestNothingToReadIsOneTaskThatWaits(t *testing.T) {
	w := newWorld(t)
	c, _ := w.planner(map[string]string{topicsKey: brokertest.Topic(t, "absent"), topicKey: "out"})
	if got := w.assigned(c, 4); !slices.Equal(got, []string{""}) {
		t.Errorf("the tasks are %q", got)
	}
}

func TestNewTopicsAndPartitionsAskForNewTasks(t *testing.T) {
	w := newWorld(t)
	prefix := brokertest.Name(t, "re")
	w.create(prefix+"-a", 1)
	c, asked := w.planner(map[string]string{regexKey: prefix + "-.", topicKey: "out", refreshKey: "100"})
	wait := func(what, want string) {
		t.Helper()
		select {
		case <-asked:
		case <-w.ctx.Done():
			t.Fatalf("%s: no new tasks are asked for", what)
		}
		if got := strings.ReplaceAll(strings.Join(w.assigned(c, 1), " "), prefix, ""); got != want {
			t.Errorf("%s: the tasks are %q, want %q", what, got, want)
		}
	}
	if got := w.assigned(c, 1); !slices.Equal(got, []string{prefix + "-a:0"}) {
		t.Fatalf("the tasks are %q", got)
	}
	w.create(prefix+"-no-match", 1)
	w.create(prefix+"-b", 1)
	wait("a new topic", "-a:0,-b:0")
	for len(asked) > 0 {
		<-asked // what was asked before the new plan
	}
	if err := w.cluster.GrowTopic(w.ctx, prefix+"-a", 2); err != nil {
		t.Fatal(err)
	}
	wait("a new partition", "-a:0,-a:1,-b:0")
}

func TestRegexLeavesOutWhatTheJobWrites(t *testing.T) {
	w := newWorld(t)
	p := brokertest.Name(t, "re")
	for _, name := range []string{"-a", "-a-copy", "-b-copy", "-errors"} {
		w.create(p+name, 1)
	}
	props := map[string]string{regexKey: p + ".*", topicKey: topicReference + "-copy", errorTopicKey: p + "-errors"}
	c, _ := w.planner(props)
	if got := w.assigned(c, 1)[0]; strings.ReplaceAll(got, p, "") != "-a:0,-b-copy:0" {
		t.Errorf("own cluster: %s", got)
	}
	props[sourceServers] = w.addr
	c, _ = w.planner(props)
	if got := w.assigned(c, 1)[0]; strings.ReplaceAll(got, p, "") != "-a:0,-a-copy:0,-b-copy:0,-errors:0" {
		t.Errorf("another cluster: %s", got)
	}
}

func TestRecordsKeepWhatTheyAre(t *testing.T) {
	w := newWorld(t)
	topic := w.topic("in", 3)
	w.write(topic, 2,
		kafka.Record{Key: []byte{0, 0xff}, Value: []byte{}, Timestamp: 1_700_000_000_123,
			Headers: []kafka.Header{{Key: "h", Value: []byte{1, 0xfe}}, {Key: "h", Value: []byte{}}, {Key: "null"}}},
		kafka.Record{Timestamp: 1_700_000_000_000})
	for _, preserve := range []bool{false, true} {
		r, err := w.reader(map[string]string{topicsKey: topic, topicKey: "x-" + topicReference + "-y", partitionsKey: topic + ":2", preserveKey: fmt.Sprint(preserve)}, nil)
		if err != nil {
			t.Fatal(err)
		}
		b := r.poll()
		first, second := &b.Records[0], &b.Records[1]
		if want := map[bool]int32{false: connect.NoPartition, true: 2}[preserve]; first.Partition != want || first.StatePartition != 2 || first.Topic != "x-"+topic+"-y" {
			t.Errorf("the record goes to %s-%d, state partition %d", first.Topic, first.Partition, first.StatePartition)
		}
		if string(first.RawKey) != "\x00\xff" || first.RawValue == nil || len(first.RawValue) != 0 || string(first.Key.Bytes()) != "\x00\xff" || first.Timestamp != 1_700_000_000_123 {
			t.Errorf("the first record is %q %q at %d", first.RawKey, first.RawValue, first.Timestamp)
		}
		if len(first.Headers) != 3 || string(first.Headers[0].Value.Bytes()) != "\x01\xfe" || first.Headers[1].Value.IsNull() || !first.Headers[2].Value.IsNull() || first.Headers[2].Key != "null" {
			t.Errorf("the headers are %v", first.Headers)
		}
		if second.RawKey != nil || second.RawValue != nil || !second.Key.IsNull() || !second.Value.IsNull() || second.Headers != nil {
			t.Errorf("the record of nulls is %v", second)
		}
	}
}

func TestPositionsAreThoseOfMirrorMaker(t *testing.T) {
	w := newWorld(t)
	topic := w.topic("in", 1)
	w.write(topic, 0, value("a"), value("b"), value("c"))
	for _, foreign := range []bool{false, true} {
		props := map[string]string{topicsKey: topic, topicKey: "out", partitionsKey: topic + ":0"}
		if foreign {
			props[sourceServers], props[aliasKey] = w.addr, "west"
		}
		r, err := w.reader(props, nil)
		if err != nil {
			t.Fatal(err)
		}
		p := r.task.Position(r.poll(), 1)
		alias, group := "source", connect.TopicOffset{TopicPartition: connect.TopicPartition{Topic: topic}, Offset: 2}
		if foreign {
			alias, group = "west", connect.TopicOffset{}
		}
		if got, want := connecttest.Text(p.Partition), fmt.Sprintf(`{"cluster":%q,"partition":0,"topic":%q}`, alias, topic); got != want {
			t.Errorf("the source partition is %s, want %s", got, want)
		}
		if got := connecttest.Text(p.Offset); got != `{"offset":1}` {
			t.Errorf("the offset is %s", got)
		}
		if p.Group != group {
			t.Errorf("the offset of the group is %v", p.Group)
		}
		if err := checkOffset(p); err != nil {
			t.Error(err)
		}
		again, err := w.reader(props, map[string]connect.Value{topic + ":0": p.Offset})
		if err != nil {
			t.Fatal(err)
		}
		if got := again.values(1); got[0] != "c" {
			t.Errorf("behind b comes %q", got)
		}
	}
}

func TestIsolation(t *testing.T) {
	w := newWorld(t)
	topic := w.topic("in", 1)
	w.transaction(topic, true, value("a"))
	w.transaction(topic, false, value("aborted"))
	w.write(topic, 0, value("b"))
	for level, want := range map[string][]string{"read_committed": {"a", "b"}, "read_uncommitted": {"a", "aborted", "b"}, "READ_UNCOMMITTED": {"a", "aborted", "b"}} {
		r, err := w.reader(map[string]string{topicsKey: topic, topicKey: "out", partitionsKey: topic + ":0", isolationKey: level}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := r.values(len(want)); !slices.Equal(got, want) {
			t.Errorf("%s gives %q", level, got)
		}
	}
}

func TestProgressGoesOverMarkersOfTransactions(t *testing.T) {
	w := newWorld(t)
	topic := w.topic("in", 1)
	w.transaction(topic, true, value("a"))
	w.transaction(topic, false, value("aborted"))
	r, err := w.reader(map[string]string{topicsKey: topic, topicKey: "out", partitionsKey: topic + ":0"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	records := 0
	for last := (connect.Position{}); last.Group.Offset < 4; {
		b := r.poll()
		records += len(b.Records)
		if len(b.Progress) > 0 {
			last = b.Progress[len(b.Progress)-1]
		}
	}
	if records != 1 {
		t.Errorf("%d records, want 1", records)
	}
}
