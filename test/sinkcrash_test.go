// SPDX-License-Identifier: Apache-2.0

package test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"github.com/connectd/connectd/test/harness"
)

// The places of a sink's road at which the process is killed: those of every sink,
// and those of one with state.
var (
	sinkPoints      = []string{"after-read", "after-transform", "after-produce", "before-source-commit", "after-commit", "first-record"}
	sinkStatePoints = []string{"after-produce", "before-endtxn", "after-commit", "in-apply", "during-restore"}
)

const stringConverter = "org.apache.kafka.connect.storage.StringConverter"

// numbers feeds a topic of one partition with records of one key, whose values are
// numbers, no two of them equal. What the topic really holds decides, since a produce that the broker's
// death interrupted may or may not have arrived.
func numbers(d *harness.Daemon, in string) (feed func(n int), held func() []string) {
	next := 0
	return func(n int) {
			if !d.Running() {
				return
			}
			var rs []harness.Record
			for range n {
				rs = append(rs, harness.Record{Key: "k", Value: strconv.Itoa(next)})
				next++
			}
			// An error means that the daemon died meanwhile; see above.
			_ = d.TryProduce(in, rs...)
		}, func() []string {
			return valuesOf(d.Read(in))
		}
}

// quickly makes a group notice soon that a member was killed, where the cluster is
// the daemon's own: others may not allow it.
func quickly(c harness.Config) harness.Config {
	if os.Getenv("CONNECTD_TEST_KAFKA") == "" {
		c["consumer.override.session.timeout.ms"], c["consumer.override.heartbeat.interval.ms"] = "500", "100"
	}
	return c
}

func fileSinkJob(t *testing.T, d *harness.Daemon, _ *rand.Rand) job {
	in, path := d.Name("in"), filepath.Join(d.Dir, "out.txt")
	d.CreateTopic(in, 1)
	d.Create(d.Name("job"), quickly(harness.Config{
		"connector.class": "FileStreamSink", "topics": in, "file": path, "exactly.once": "true",
		"key.converter": stringConverter, "value.converter": stringConverter,
	}))
	feed, held := numbers(d, in)
	return job{feed, func() {
		t.Helper()
		waitDone(d, d.Name("job"), in)
		waitLines(t, path, held())
	}}
}

// sumSinkJob writes the running sum of what it reads: state, offsets and the length
// of the file have to agree.
func sumSinkJob(t *testing.T, d *harness.Daemon, _ *rand.Rand) job {
	in, path := d.Name("in"), filepath.Join(d.Dir, "out.txt")
	d.CreateTopic(in, 1)
	d.Create(d.Name("job"), quickly(harness.Config{
		"connector.class": "FileStreamSink", "topics": in, "file": path, "exactly.once": "true", "key.converter": stringConverter,
		"value.converter": "org.apache.kafka.connect.json.JsonConverter", "value.converter.schemas.enable": "false",
		"transforms": "sum", "transforms.sum.type": "StatefulMap", "transforms.sum.key": "key",
		"transforms.sum.initial": "0", "transforms.sum.next": "state + value", "transforms.sum.emit": "state",
	}))
	feed, held := numbers(d, in)
	return job{feed, func() {
		t.Helper()
		var want []string
		sum := 0
		for _, v := range held() {
			n, err := strconv.Atoi(v)
			if err != nil {
				t.Fatal(err)
			}
			sum += n
			want = append(want, strconv.Itoa(sum))
		}
		waitDone(d, d.Name("job"), in)
		waitLines(t, path, want)
	}}
}

// kafkaSinkJob loses nothing; what was flushed but not committed comes again, as a
// whole and in order.
func kafkaSinkJob(t *testing.T, d *harness.Daemon, _ *rand.Rand) job {
	in, out := d.Name("in"), d.Name("out")
	d.CreateTopic(in, 1)
	d.CreateTopic(out, 1)
	d.Create(d.Name("job"), quickly(harness.Config{"connector.class": "KafkaSink", "topics": in, "topic": out}))
	feed, held := numbers(d, in)
	return job{feed, func() {
		t.Helper()
		waitDone(d, d.Name("job"), in)
		want := held()
		// The end of a transaction shows in its partitions a little after it is answered.
		d.Eventually("all records are there", func() error { return repeats(want, valuesOf(d.Read(out))) })
	}}
}

// repeats checks that got is want, except that it may go back, any number of times,
// to write a piece of what it has written once more. The elements of want differ.
func repeats(want, got []string) error {
	next, furthest := 0, 0
	for i, v := range got {
		if next >= len(want) || v != want[next] {
			next = slices.Index(want[:furthest], v)
		}
		if next < 0 {
			return fmt.Errorf("record %d is %s, which is neither the next one nor one of before", i, v)
		}
		next++
		furthest = max(furthest, next)
	}
	if next != len(want) {
		return fmt.Errorf("the last record is number %d of %d", next, len(want))
	}
	return nil
}

func TestSinksKilledAtNamedPoints(t *testing.T) {
	cases := []struct {
		name   string
		points []string
		start  func(*testing.T, *harness.Daemon, *rand.Rand) job
	}{
		{"topic to file", sinkPoints, fileSinkJob},
		{"topic to file with state", sinkStatePoints, sumSinkJob},
		{"topic to topic", sinkPoints, kafkaSinkJob},
	}
	for _, c := range cases {
		for _, point := range c.points {
			t.Run(c.name+"/"+point, func(t *testing.T) {
				t.Parallel()
				r := seeded(t)
				d := harness.Start(t, harness.Settings{})
				killAndCheck(t, d, c.start(t, d, r), r, point, kills(t))
			})
		}
	}
}
