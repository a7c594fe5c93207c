// SPDX-License-Identifier: Apache-2.0

package test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/connectd/connectd/test/harness"
)

// crashPoints are the places of the road at which the process is killed.
var crashPoints = []string{
	"after-read", "after-transform", "after-produce", "before-endtxn", "during-endtxn", "after-commit",
	"in-apply", "before-source-commit", "during-restore", "first-record",
}

// kills is how often each case is killed: few in the usual run, CONNECTD_KILLS in
// the torture run.
func kills(t *testing.T) int {
	t.Helper()
	text, ok := os.LookupEnv("CONNECTD_KILLS")
	if !ok {
		return 10
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("CONNECTD_KILLS: %v", err)
	}
	return n
}

func seeded(t *testing.T) *rand.Rand {
	t.Helper()
	seed := rand.Uint64()
	if text, ok := os.LookupEnv("CONNECTD_SEED"); ok {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("CONNECTD_SEED: %v", err)
		}
	}
	t.Logf("CONNECTD_SEED=%d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// job is a running connector whose input can be fed and whose output is judged.
type job struct {
	feed  func(n int) // adds n inputs
	check func()      // waits for the output of all inputs and judges it
}

func fileJob(t *testing.T, d *harness.Daemon, r *rand.Rand) job {
	path, carts, errorTopic := filepath.Join(d.Dir, "carts.json"), d.Name("carts"), d.Name("errors")
	writeFile(t, path, "")
	config := cartConfig(path, carts)
	config["errors.tolerance"] = "all"
	config["errors.deadletterqueue.topic.name"] = errorTopic
	config["errors.deadletterqueue.topic.replication.factor"] = "1"
	d.Create(d.Name("job"), config)
	oracle := newCartOracle()
	return job{
		feed: func(n int) { appendFile(t, path, oracle.lines(r, n)) },
		check: func() {
			t.Helper()
			outputs := d.WaitCount(carts, oracle.count)
			oracle.check(t, outputs, d.WaitCount(errorTopic, len(oracle.errors)))
		},
	}
}

// topicJob is judged by what its input topic really holds, since a produce that the
// broker's death interrupted may or may not have arrived.
func topicJob(t *testing.T, d *harness.Daemon, r *rand.Rand) job {
	in, out := d.Name("amounts"), d.Name("sums")
	d.CreateTopic(in, 3)
	d.Create(d.Name("job"), harness.Config{
		"connector.class": "KafkaSource", "topics": in, "topic": out, "tasks.max": "2",
		"key.converter": "org.apache.kafka.connect.storage.StringConverter", "value.converter.schemas.enable": "false",
		"value.converter":          "org.apache.kafka.connect.json.JsonConverter",
		"transforms":               "positive,sum",
		"transforms.positive.type": "Filter", "transforms.positive.condition": "value.amount >= 0",
		"transforms.sum.type": "StatefulMap", "transforms.sum.key": "key",
		"transforms.sum.initial": "0", "transforms.sum.next": "state + value.amount", "transforms.sum.emit": "state",
	})
	return job{
		feed: func(n int) {
			if d.Running() {
				// An error means that the daemon died meanwhile; see above.
				_ = d.TryProduce(in, amounts(r, n)...)
			}
		},
		check: func() {
			t.Helper()
			want, count := sums(t, d.Read(in))
			checkSums(t, want, d.WaitCount(out, count))
		},
	}
}

var jobs = []struct {
	name  string
	start func(*testing.T, *harness.Daemon, *rand.Rand) job
}{
	{"file to topic with state", fileJob},
	{"topic to topic with state", topicJob},
}

func TestKilledAtNamedPoints(t *testing.T) {
	for _, j := range jobs {
		for _, point := range crashPoints {
			t.Run(j.name+"/"+point, func(t *testing.T) {
				t.Parallel()
				r := seeded(t)
				d := harness.Start(t, harness.Settings{})
				killAndCheck(t, d, j.start(t, d, r), r, point, kills(t))
			})
		}
	}
}

// killAndCheck kills a job this often at a point, and judges what it left.
func killAndCheck(t *testing.T, d *harness.Daemon, j job, rnd *rand.Rand, point string, times int) {
	t.Helper()
	for range times {
		killAt(t, d, j, rnd, point)
	}
	d.SetEnv()
	d.Start()
	j.feed(20)
	j.check()
}

// killAt starts the daemon so that it kills itself at the point, and feeds it until
// it does. A daemon that is still alive from before is killed first.
func killAt(t *testing.T, d *harness.Daemon, j job, r *rand.Rand, point string) {
	t.Helper()
	nth := 1 + r.IntN(4)
	switch {
	case point == "during-restore":
		prepareRestore(d, j)
		nth = 1 + r.IntN(3) // one key leaves no more than three records behind
	case point == "first-record":
		nth = 1 // it is passed once in the life of a task
	}
	if d.Running() {
		j.feed(5)
		d.Kill()
	}
	d.SetCrash(point, nth)
	d.Launch()
	feedAt := time.Now()
	harness.Eventually(t, "the daemon kills itself at "+point, func() error {
		if !d.Running() {
			return nil
		}
		if d.Ready() && time.Now().After(feedAt) {
			j.feed(1 + r.IntN(10))
			feedAt = time.Now().Add(50 * time.Millisecond)
		}
		return fmt.Errorf("it is still there")
	})
}

// prepareRestore leaves state behind that has to be restored.
func prepareRestore(d *harness.Daemon, j job) {
	if !d.Running() {
		d.SetEnv()
		d.Start()
	}
	j.feed(20)
	j.check()
}

func TestKilledAtRandom(t *testing.T) {
	for _, j := range jobs {
		t.Run(j.name, func(t *testing.T) {
			t.Parallel()
			r := seeded(t)
			d := harness.Start(t, harness.Settings{})
			job := j.start(t, d, r)
			for range 2 * kills(t) {
				if !d.Running() {
					d.Start()
				}
				kill, more := time.After(time.Duration(r.IntN(400))*time.Millisecond), time.NewTicker(10*time.Millisecond)
				for killed := false; !killed; {
					select {
					case <-kill:
						d.Kill()
						killed = true
					case <-more.C: // paced, so that the inputs do not depend on the machine
						job.feed(1 + r.IntN(30))
					}
				}
				more.Stop()
			}
			d.Start()
			job.feed(20)
			job.check()
		})
	}
}
