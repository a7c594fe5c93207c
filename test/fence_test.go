// SPDX-License-Identifier: Apache-2.0

package test

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/connectd/connectd/test/harness"
)

// sharing starts a daemon, without connectors, that lives as long as the test and
// whose cluster the daemons of the test use.
func sharing(t *testing.T) (host *harness.Daemon, broker string) {
	t.Helper()
	host = harness.Start(t, harness.Settings{})
	return host, host.Kafka
}

// gate holds requests of one kind up, when it is told to.
type gate struct {
	key kmsg.Key
	// skip is how many of them pass before the first is held up.
	skip int
	held chan struct{} // closed when one is held up
	open chan struct{}

	mu   sync.Mutex
	shut bool
}

func newGate(t *testing.T, key kmsg.Key, skip int) *gate {
	g := &gate{key: key, skip: skip, held: make(chan struct{}), open: make(chan struct{})}
	t.Cleanup(g.release)
	return g
}

// close makes the gate hold up what comes from now on.
func (g *gate) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.shut = true
}

// release lets everything pass from now on.
func (g *gate) release() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.shut = false
	select {
	case <-g.open:
	default:
		close(g.open)
	}
}

func (g *gate) pass(key kmsg.Key) {
	if g.arrive(key) {
		<-g.open
	}
}

// arrive reports whether a request has to wait.
func (g *gate) arrive(key kmsg.Key) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.shut || key != g.key {
		return false
	}
	if g.skip > 0 {
		g.skip--
		return false
	}
	select {
	case <-g.held:
	default:
		close(g.held)
	}
	return true
}

// waitHeld waits until a request is held up.
func (g *gate) waitHeld(t *testing.T) {
	t.Helper()
	harness.Eventually(t, fmt.Sprintf("a request %s is held up", g.key.Name()), func() error {
		select {
		case <-g.held:
			return nil
		default:
			return fmt.Errorf("there was none")
		}
	})
}

// transactionState is the state of a transactional id as its coordinator tells it.
func transactionState(kafka, id string) (string, error) {
	req := kmsg.NewPtrDescribeTransactionsRequest()
	req.TransactionalIDs = []string{id}
	resp, err := request(kafka, req)
	if err != nil {
		return "", err
	}
	s := resp.(*kmsg.DescribeTransactionsResponse).TransactionStates[0]
	return s.State, kerr.ErrorForCode(s.ErrorCode)
}

// TestStoppedBeyondTheTransactionTimeout: a process that stands still, as a suspended
// machine does, finds its transaction aborted when it goes on.
func TestStoppedBeyondTheTransactionTimeout(t *testing.T) {
	cases := []struct {
		name string
		key  kmsg.Key
		skip int
	}{
		{"before the offsets are written", kmsg.Produce, 1},
		{"before the end of the transaction", kmsg.EndTxn, 0},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := seeded(t)
			host, broker := sharing(t)
			g := newGate(t, c.key, c.skip)
			proxy := harness.StartProxy(t, broker, g.pass)
			d := harness.Start(t, harness.Settings{Properties: map[string]string{"bootstrap.servers": proxy.Addr, "producer.transaction.timeout.ms": "1500"}})
			job := fileJob(t, d, r)
			job.feed(20)
			job.check()

			g.close()
			job.feed(20)
			g.waitHeld(t)
			d.Signal(syscall.SIGSTOP)
			id := d.Name("group") + "-" + d.Name("job") + "-0"
			harness.Eventually(t, "the coordinator gives up on the transaction", func() error {
				state, err := transactionState(host.Kafka, id)
				if err == nil && state != "CompleteAbort" {
					err = fmt.Errorf("it is %s", state)
				}
				return err
			})
			d.Signal(syscall.SIGCONT)
			g.release()
			job.feed(20)
			job.check()
			d.WaitTasks(d.Name("job"), 1, "RUNNING")
			d.Stop()
			d.Start()
			job.feed(20)
			job.check()
		})
	}
}

// TestTwoDaemonsOnOneConnector: of two daemons of one group the later one has the
// connector, and what the earlier one still does is not seen.
func TestTwoDaemonsOnOneConnector(t *testing.T) {
	t.Parallel()
	r := seeded(t)
	_, broker := sharing(t)
	first := harness.New(t, harness.Settings{Properties: map[string]string{"bootstrap.servers": broker}})
	second := harness.New(t, harness.Settings{Properties: map[string]string{
		"bootstrap.servers": broker, "group.id": first.Name("group"), "config.storage.topic": first.Name("configs"),
		"offset.storage.topic": first.Name("offsets"), "status.storage.topic": first.Name("status"),
	}})
	first.Start()
	job := fileJob(t, first, r)
	job.feed(50)
	job.check()
	for range 3 {
		second.Launch()
		feedUntil(t, job, r, second.Ready)
		second.WaitReady()
		waitFenced(t, first, job, r)
		job.feed(50)
		job.check()
		first.Kill()
		first, second = second, first
	}
	job.feed(50)
	job.check()
	first.WaitTasks(nameOf(t, first), 1, "RUNNING")
}

// feedUntil feeds a job until something holds.
func feedUntil(t *testing.T, j job, r *rand.Rand, holds func() bool) {
	t.Helper()
	harness.Eventually(t, "the job goes on", func() error {
		j.feed(1 + r.IntN(10))
		if !holds() {
			return fmt.Errorf("not yet")
		}
		return nil
	})
}

// waitFenced waits until the daemon has noticed that another one has its task.
func waitFenced(t *testing.T, d *harness.Daemon, j job, r *rand.Rand) {
	t.Helper()
	feedUntil(t, j, r, func() bool { return strings.Contains(d.Output(), "fenced") })
}

// nameOf is the only connector of a daemon.
func nameOf(t *testing.T, d *harness.Daemon) string {
	t.Helper()
	return strings.Trim(d.Must(200, "GET", "/connectors", nil), "[]\" \n")
}

// TestForeignTransactionOnTheOffsets: another worker's transaction is open on the
// partitions of the offsets topic while a worker starts: the connector's offsets
// behind it cannot be known yet, so that the task waits for it and loses nothing.
func TestForeignTransactionOnTheOffsets(t *testing.T) {
	t.Parallel()
	_, broker := sharing(t)
	d := harness.Start(t, harness.Settings{Properties: map[string]string{"bootstrap.servers": broker}})
	in, topic := filepath.Join(d.Dir, "in.txt"), d.Name("lines")
	writeFile(t, in, "")
	d.Create(d.Name("lines"), lineSource(in, topic))
	var want []string
	feed := func(n int) {
		for range n {
			line := fmt.Sprint("line ", len(want))
			want = append(want, line)
			appendFile(t, in, line+"\n")
		}
	}
	feed(10)
	d.WaitCount(topic, len(want))
	end := d.OpenTransaction(d.Name("foreign"), d.Name("offsets"), 3)
	feed(10) // committed behind the foreign transaction's first record
	d.WaitCount(topic, len(want))
	d.Kill()
	d.Start()
	feed(10)
	if got := d.Values(topic); len(got) < 20 {
		t.Errorf("%d records are left", len(got))
	}
	end()
	compareLists(t, "lines", want, valuesOf(d.WaitCount(topic, len(want))))
}
