// SPDX-License-Identifier: Apache-2.0

package test

import (
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/connectd/connectd/test/harness"
)

// oneKeyJob is a job with state in which every input is of one key, so that each batch
// goes on from the state of the one that is still being committed.
func oneKeyJob(t *testing.T, d *harness.Daemon) (feed func(), check func()) {
	in, sums := d.Dir+"/in.txt", d.Name("sums")
	writeFile(t, in, "")
	d.Create(d.Name("job"), harness.Config{
		"connector.class": "FileStreamSource", "file": in, "format": "json", "topic": sums,
		"key.converter": stringConverter, "value.converter": "org.apache.kafka.connect.json.JsonConverter", "value.converter.schemas.enable": "false",
		"transforms": "sum", "transforms.sum.type": "StatefulMap", "transforms.sum.key": `"ALL"`,
		"transforms.sum.initial": "0", "transforms.sum.next": "state + value", "transforms.sum.emit": "state",
	})
	sum, want := 0, []string(nil)
	feed = func() {
		n := len(want) + 1
		sum += n
		want = append(want, fmt.Sprint(sum))
		appendFile(t, in, fmt.Sprintln(n))
	}
	return feed, func() {
		t.Helper()
		compareLists(t, "sums", want, valuesOf(d.WaitCount(sums, len(want))))
	}
}

// TestSlowEndOfTransactions: while the end of one transaction is on its way, the next
// fills with records of the same key.
func TestSlowEndOfTransactions(t *testing.T) {
	t.Parallel()
	_, broker := sharing(t)
	ends := make(chan struct{}, 1)
	proxy := harness.StartProxy(t, broker, func(key kmsg.Key) {
		if key != kmsg.EndTxn {
			return
		}
		select {
		case ends <- struct{}{}:
		default:
		}
		<-time.After(100 * time.Millisecond)
	})
	d := harness.Start(t, harness.Settings{Properties: map[string]string{"bootstrap.servers": proxy.Addr}})
	feed, check := oneKeyJob(t, d)
	for range 5 {
		for range 3 { // inputs before, during and after the end of a transaction
			feed()
			<-ends
			feed()
		}
		check()
		feed()
		<-ends // the kill meets a transaction whose end is on its way
		d.Kill()
		d.Start()
		feed()
	}
	check()
}

// TestEndOfATransactionThatComesLate: the request to commit is on its way when the
// process is killed, and arrives before the next life of the task begins, or after.
func TestEndOfATransactionThatComesLate(t *testing.T) {
	for _, c := range []struct {
		name  string
		after bool
	}{{"before the next life", false}, {"after the next life has begun", true}} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			host, broker := sharing(t)
			g := newGate(t, kmsg.EndTxn, 0)
			proxy := harness.StartProxy(t, broker, g.pass)
			d := harness.Start(t, harness.Settings{Properties: map[string]string{"bootstrap.servers": proxy.Addr}})
			feed, check := oneKeyJob(t, d)
			feed()
			check()
			g.close()
			feed()
			g.waitHeld(t)
			feed() // fills the next transaction
			d.Kill()
			d.Set("bootstrap.servers", host.Kafka) // the gate is shut
			if !c.after {
				g.release()
				harness.Eventually(t, "the transaction is committed", func() error {
					state, err := transactionState(broker, d.Name("group")+"-"+d.Name("job")+"-0")
					if err == nil && state != "CompleteCommit" {
						err = fmt.Errorf("it is %s", state)
					}
					return err
				})
			}
			d.Start()
			feed()
			check()
			g.release()
			feed()
			check()
		})
	}
}
