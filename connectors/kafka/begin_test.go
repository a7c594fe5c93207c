// SPDX-License-Identifier: Apache-2.0

package kafka

import (
	"slices"
	"strings"
	"testing"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/kafka"
)

func TestWhereAPartitionBegins(t *testing.T) {
	w := newWorld(t)
	topic := w.topic("in", 1)
	w.write(topic, 0, value("0"), value("1"), value("2"), value("3"))
	if err := w.cluster.DeleteRecords(w.ctx, topic, map[int32]int64{0: 2}); err != nil {
		t.Fatal(err)
	}
	cases := []struct {
		name   string
		start  string
		stored connect.Value
		want   string // the next value
	}{
		{"no offset, earliest", "earliest", connect.Null(), "2"},
		{"offset", "none", offsetOf(2), "3"},
		{"last record that is gone", "none", offsetOf(1), "2"},
		{"deleted, earliest", "earliest", offsetOf(0), "2"},
		{"behind the end, earliest", "EARLIEST", offsetOf(100), "2"},
		{"not a number", "earliest", connect.Map([]connect.MapEntry{{Key: connect.String("offset"), Value: connect.String("x")}}), "2"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r, err := w.reader(map[string]string{topicsKey: topic, topicKey: "out", partitionsKey: topic + ":0", startKey: c.start}, map[string]connect.Value{topic + ":0": c.stored})
			if err != nil {
				t.Fatal(err)
			}
			if got := r.values(1); got[0] != c.want {
				t.Errorf("it begins with %q, want %q", got[0], c.want)
			}
		})
	}
}

func TestLatestIsStoredAtOnce(t *testing.T) {
	w := newWorld(t)
	topic := w.topic("in", 1)
	w.write(topic, 0, value("old"))
	props := map[string]string{topicsKey: topic, topicKey: "out", partitionsKey: topic + ":0", startKey: "latest"}
	first, err := w.reader(props, nil)
	if err != nil {
		t.Fatal(err)
	}
	b := first.poll()
	if len(b.Records) != 0 || len(b.Progress) != 1 || b.Progress[0].Group.Offset != 1 {
		t.Fatalf("%d records, progress %v", len(b.Records), b.Progress)
	}
	w.write(topic, 0, value("between"))
	second, err := w.reader(props, map[string]connect.Value{topic + ":0": b.Progress[0].Offset})
	if err != nil {
		t.Fatal(err)
	}
	if got := second.values(1); got[0] != "between" {
		t.Errorf("the next task reads %q", got)
	}
}

func TestLatestAfterTheLogHasLostTheOffset(t *testing.T) {
	w := newWorld(t)
	topic := w.topic("in", 1)
	w.write(topic, 0, value("0"), value("1"))
	r, err := w.reader(map[string]string{topicsKey: topic, topicKey: "out", partitionsKey: topic + ":0", startKey: "latest"}, map[string]connect.Value{topic + ":0": offsetOf(100)})
	if err != nil {
		t.Fatal(err)
	}
	b := r.poll()
	if len(b.Records) != 0 || len(b.Progress) != 1 || b.Progress[0].Group.Offset != 2 {
		t.Fatalf("%d records, progress %v", len(b.Records), b.Progress)
	}
	w.write(topic, 0, value("new"))
	if got := r.values(1); got[0] != "new" {
		t.Errorf("it goes on with %q", got)
	}
}

func TestNoneFailsTheTask(t *testing.T) {
	w := newWorld(t)
	topic := w.topic("in", 1)
	props := map[string]string{topicsKey: topic, topicKey: "out", partitionsKey: topic + ":0", startKey: "none"}
	if _, err := w.reader(props, nil); err == nil || connect.IsRetriable(err) || !strings.Contains(err.Error(), topic+"-0") {
		t.Errorf("without an offset the error is %v", err)
	}
	r, err := w.reader(props, map[string]connect.Value{topic + ":0": offsetOf(100)})
	if err != nil {
		t.Fatal(err)
	}
	b := &connect.Batch{MaxRecords: 100, MaxBytes: 1 << 20}
	if err := r.task.Poll(w.ctx, b); err == nil || connect.IsRetriable(err) {
		t.Errorf("with an offset that the log does not hold the error is %v", err)
	}
}

func TestStartAgainAfterAFailure(t *testing.T) {
	w := newWorld(t)
	topic := w.topic("in", 1)
	w.write(topic, 0, value("a"))
	r, err := w.reader(map[string]string{topicsKey: topic, topicKey: "out", partitionsKey: topic + ":0"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	task := r.task.(*sourceTask)
	task.fetcher.Close()
	if err := task.Start(w.ctx, task.t); err != nil {
		t.Fatal(err)
	}
	if got := r.values(1); !slices.Equal(got, []string{"a"}) || len(task.inputs) != 1 {
		t.Errorf("it reads %q of %d inputs", got, len(task.inputs))
	}
}

// What stands before a failure in one answer must not be thrown away with it.
func TestAFailureWaitsUntilTheRecordsBeforeItAreOut(t *testing.T) {
	w := newWorld(t)
	topic := w.topic("in", 2)
	r, err := w.reader(map[string]string{topicsKey: topic, topicKey: "out", partitionsKey: topic + ":0," + topic + ":1"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	task := r.task.(*sourceTask)
	failure := kafka.ErrFenced // any that is not known
	task.pending = []kafka.Run{
		{TopicPartition: kafka.TopicPartition{Topic: topic}, Records: []kafka.Record{value("before")}, Next: 1},
		{TopicPartition: kafka.TopicPartition{Topic: topic, Partition: 1}, Err: failure},
		{TopicPartition: kafka.TopicPartition{Topic: topic}, Records: []kafka.Record{value("behind")}, Next: 2},
	}
	b := &connect.Batch{MaxRecords: 100, MaxBytes: 1 << 20}
	if err := task.Poll(w.ctx, b); err != nil || len(b.Records) != 1 {
		t.Fatalf("%d records, error %v", len(b.Records), err)
	}
	b.Reset()
	if err := task.Poll(w.ctx, b); !connect.IsRetriable(err) || !strings.Contains(err.Error(), failure.Error()) || !b.Empty() {
		t.Fatalf("%d records, error %v", len(b.Records), err)
	}
	if got := r.values(1); got[0] != "behind" {
		t.Errorf("behind the failure it reads %q", got)
	}
	w.write(topic, 1, value("repaired"))
	if got := r.values(1); got[0] != "repaired" {
		t.Errorf("after the repair it reads %q", got)
	}
}

func TestADeletedTopicComesBack(t *testing.T) {
	w := newWorld(t)
	gone, other := w.topic("gone", 1), w.topic("other", 1)
	r, err := w.reader(map[string]string{topicsKey: gone + "," + other, topicKey: "out", partitionsKey: gone + ":0," + other + ":0"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	w.write(gone, 0, value("before"))
	r.values(1)
	if err := w.cluster.DeleteTopic(w.ctx, gone); err != nil {
		t.Fatal(err)
	}
	w.write(other, 0, value("other"))
	if got := r.values(1); got[0] != "other" {
		t.Errorf("beside the deleted topic it reads %q", got)
	}
	w.create(gone, 1)
	w.write(gone, 0, value("again 0"), value("again 1"))
	if got := r.values(1); !strings.HasPrefix(got[0], "again") {
		t.Errorf("from the new topic it reads %q", got)
	}
}
