// SPDX-License-Identifier: Apache-2.0

package test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/connectd/connectd/test/harness"
)

// content is what a copy of a record must keep.
func content(r harness.Record) harness.Record {
	r.Topic, r.Partition, r.Offset = "", 0, 0
	r.Timestamp = r.Timestamp.UTC().Truncate(time.Millisecond)
	return r
}

func contents(rs []harness.Record) []harness.Record {
	out := make([]harness.Record, len(rs))
	for i := range rs {
		out[i] = content(rs[i])
	}
	return out
}

// oddRecords are records that a careless copy would change.
func oddRecords() []harness.Record {
	at := time.Now().Add(-time.Hour).Truncate(time.Millisecond)
	return []harness.Record{
		{Key: "k", Value: `{ "odd" : 1.0,"x":"\u0020" }`, Timestamp: at, Headers: [][2]string{{"a", "1"}, {"b", ""}, {"a", "\xff\x00"}}},
		{Key: "k", NullValue: true, Timestamp: at.Add(time.Second)},
		{NullKey: true, Value: "\x00\xff not UTF-8", Timestamp: at.Add(-time.Minute)},
		{Key: "", Value: "", Timestamp: at.Add(time.Millisecond)},
		{NullKey: true, NullValue: true, Timestamp: at, Headers: [][2]string{{"", "empty key"}}},
	}
}

func TestTopicToTopicKeepsRecordsAsTheyAre(t *testing.T) {
	t.Parallel()
	d := harness.Start(t, harness.Settings{})
	in, sunk := d.Name("in"), d.Name("in-sunk")
	copied := d.Name("in-copied")
	for _, topic := range []string{in, copied, sunk} {
		d.CreateTopic(topic, 1)
	}
	d.Create(d.Name("source"), harness.Config{"connector.class": "KafkaSource", "topics": in, "topic": "${topic}-copied"})
	d.Create(d.Name("sink"), harness.Config{"connector.class": "KafkaSink", "topics": in, "topic": "${topic}-sunk"})
	want := oddRecords()
	d.Produce(in, want...)
	for _, topic := range []string{copied, sunk} {
		if diff := cmp.Diff(contents(want), contents(d.WaitCount(topic, len(want)))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", topic, diff)
		}
	}
}

func TestLagShowsInTheGroup(t *testing.T) {
	t.Parallel()
	d := harness.Start(t, harness.Settings{})
	in, again, job, second := d.Name("in"), d.Name("again"), d.Name("job"), d.Name("second")
	d.CreateTopic(in, 3)
	d.CreateTopic(again, 1)
	d.Create(job, harness.Config{"connector.class": "KafkaSource", "topics": in, "topic": again})
	// The second job reads what transactions wrote; their markers are no lag either.
	d.Create(second, harness.Config{"connector.class": "KafkaSource", "topics": again, "topic": d.Name("end")})
	var records []harness.Record
	for i := range 60 {
		records = append(records, harness.Record{Key: fmt.Sprint(i), Value: "v"})
	}
	d.Produce(in, records...)
	want := map[int32]int64{}
	for _, r := range d.Read(in) {
		want[r.Partition] = max(want[r.Partition], r.Offset+1)
	}
	d.Eventually("the group has the ends of the topic", func() error {
		got, err := groupOffsets(d.Kafka, "connect-"+job, in, 3)
		if err == nil && !maps.Equal(got, want) {
			err = fmt.Errorf("it has %v, want %v", got, want)
		}
		return err
	})
	d.WaitCount(d.Name("end"), len(records))
	waitDone(d, second, again)

	d.Must(204, "PUT", "/connectors/"+job+"/stop", nil)
	waitState(d, job, "STOPPED")
	d.Produce(in, records...)
	if got, err := groupOffsets(d.Kafka, "connect-"+job, in, 3); err != nil || !maps.Equal(got, want) {
		t.Errorf("while the job is stopped the group has %v, want %v (%v)", got, want, err)
	}
}

func TestRegexPicksUpTopicsAndPartitions(t *testing.T) {
	t.Parallel()
	d := harness.Start(t, harness.Settings{})
	early, late, out := d.Name("in-early"), d.Name("in-late"), d.Name("out")
	d.CreateTopic(early, 1)
	d.CreateTopic(out, 1)
	d.Create(d.Name("job"), harness.Config{"connector.class": "KafkaSource", "topics.regex": d.Name("in-.*"), "topic": out,
		"refresh.topics.interval.ms": "100", "tasks.max": "4"})
	d.Produce(early, harness.Record{Key: "k", Value: "early"})
	d.WaitCount(out, 1)
	d.CreateTopic(late, 2)
	var records []harness.Record
	for i := range 20 {
		records = append(records, harness.Record{Key: fmt.Sprint(i), Value: fmt.Sprint("late ", i)})
	}
	d.Produce(late, records...)
	d.WaitCount(out, 21)
	d.WaitTasks(d.Name("job"), 2, "RUNNING")
	setTopicPartitions(t, d.Kafka, early, 3)
	d.WaitTasks(d.Name("job"), 3, "RUNNING")
	d.Produce(early, records...)
	got := slices.Sorted(slices.Values(valuesOf(d.WaitCount(out, 41))))
	want := slices.Sorted(slices.Values(append(append(valuesOf(records), valuesOf(records)...), "early")))
	compareLists(t, "records of all topics", want, got)
}

func valuesOf(rs []harness.Record) []string {
	out := make([]string, len(rs))
	for i := range rs {
		out[i] = rs[i].Value
	}
	return out
}

// otherCluster is a cluster that is not the daemon's own: a daemon without connectors
// on its embedded broker, which lives as long as the test.
func otherCluster(t *testing.T) *harness.Daemon {
	t.Helper()
	d := harness.New(t, harness.Settings{Properties: map[string]string{"embedded.broker.listener": "127.0.0.1:0"}})
	if os.Getenv("CONNECTD_TEST_KAFKA") != "" {
		d.Unset("bootstrap.servers")
	}
	d.Start()
	return d
}

// feedAcrossKills produces to a topic while the victim is killed again and again.
func feedAcrossKills(t *testing.T, r *rand.Rand, victim *harness.Daemon, feed func(n int)) {
	t.Helper()
	for range kills(t) {
		kill := time.After(time.Duration(r.IntN(300)) * time.Millisecond)
		for killed := false; !killed; {
			select {
			case <-kill:
				victim.Kill()
				killed = true
			default:
				feed(1 + r.IntN(50))
			}
		}
		feed(1 + r.IntN(50)) // while the daemon is away
		victim.Start()
	}
	feed(20)
}

func TestFromAnotherClusterExactlyOnceAcrossKills(t *testing.T) {
	t.Parallel()
	r := seeded(t)
	other, d := otherCluster(t), harness.Start(t, harness.Settings{})
	in, out := other.Name("in"), d.Name("out")
	other.CreateTopic(in, 3)
	d.CreateTopic(out, 3)
	d.Create(d.Name("job"), harness.Config{"connector.class": "KafkaSource", "topics": in, "topic": out, "tasks.max": "2",
		"source.cluster.bootstrap.servers": other.Kafka, "source.cluster.alias": "other"})
	var fed []harness.Record
	feedAcrossKills(t, r, d, func(n int) {
		var records []harness.Record
		for range n {
			records = append(records, harness.Record{Key: fmt.Sprint("k", r.IntN(9)), Value: fmt.Sprint(len(fed) + len(records))})
		}
		other.Produce(in, records...)
		fed = append(fed, records...)
	})
	d.WaitCount(out, len(fed))
	d.Kill()
	d.Start() // what would be there twice comes now, before the next record
	last := harness.Record{Key: "k0", Value: "last"}
	for k := range 9 {
		last.Key = fmt.Sprint("k", k)
		fed = append(fed, last)
		other.Produce(in, last)
	}
	compareByKey(t, "records", fed, d.WaitCount(out, len(fed)))
}

func TestToAnotherClusterLosesNothingAcrossKills(t *testing.T) {
	t.Parallel()
	r := seeded(t)
	other, d := otherCluster(t), harness.Start(t, harness.Settings{})
	in, out := d.Name("in"), other.Name("out")
	d.CreateTopic(in, 1)
	other.CreateTopic(out, 1)
	d.Create(d.Name("job"), harness.Config{"connector.class": "KafkaSink", "topics": in, "topic": out, "target.cluster.bootstrap.servers": other.Kafka})
	fed := 0
	feedAcrossKills(t, r, d, func(n int) {
		if !d.Running() {
			return // the topic is away with the daemon
		}
		var records []harness.Record
		for range n {
			records = append(records, harness.Record{Key: "k", Value: fmt.Sprint(fed)})
			fed++
		}
		d.Produce(in, records...)
	})
	waitDone(d, d.Name("job"), in)
	next := 0
	for _, value := range valuesOf(other.Read(out)) {
		// A flush that was not acknowledged may come again, as a whole and in order.
		if value == fmt.Sprint(next) {
			next++
		}
	}
	if next != fed {
		t.Errorf("%d of %d records have arrived", next, fed)
	}
}
