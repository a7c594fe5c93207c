// SPDX-License-Identifier: Apache-2.0

package kafka

import (
	"fmt"
	"testing"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/broker/brokertest"
	"github.com/connectd/connectd/connect/connecttest"
	"github.com/connectd/connectd/connect/convert"
	"github.com/connectd/connectd/connect/kafka"
)

// warmWorld has all the connections that a case needs to look at it: the suites count
// goroutines. What is tested must bring a pool of its own.
func warmWorld(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	topic := w.topic("warm", 1)
	w.write(topic, 0, value("x"))
	w.read(topic, 0)
	return w
}

func TestSourceSuite(t *testing.T) {
	w := warmWorld(t)
	connecttest.Source(t, func(t *testing.T) connecttest.SourceDriver {
		topic, next := w.topic("in", 1), 0
		return connecttest.SourceDriver{
			Plugin: Source(&kafka.Clusters{}),
			Config: map[string]string{topicsKey: topic, topicKey: "copy-" + topicReference, sourceServers: w.addr},
			Write: func(n int) {
				rs := make([]kafka.Record, n)
				for i := range rs {
					rs[i] = value(fmt.Sprintf("value %d", next))
					next++
				}
				w.write(topic, 0, rs...)
			},
			Check: func(t testing.TB, i int, r *connect.Record) {
				t.Helper()
				if want := fmt.Sprintf("value %d", i); string(r.Value.Bytes()) != want || string(r.RawValue) != want || r.Offset != int64(i) {
					t.Fatalf("record %d is %q at offset %d", i, r.RawValue, r.Offset)
				}
				if r.Topic != "copy-"+topic || r.Partition != connect.NoPartition || r.Err != nil {
					t.Fatalf("record %d: topic %s, partition %d, error %v", i, r.Topic, r.Partition, r.Err)
				}
			},
		}
	})
}

func TestSinkSuite(t *testing.T) {
	w := warmWorld(t)
	connecttest.Sink(t, func(*testing.T) connecttest.SinkDriver {
		topic := brokertest.Topic(t, "out")
		return connecttest.SinkDriver{
			Plugin: Sink(&kafka.Clusters{}, convert.Plugins()),
			Config: map[string]string{topicKey: topic, targetServers: w.addr},
			Record: func(i int, r *connect.Record) {
				r.Key = connect.Bytes([]byte("k"))
				r.Value = connect.Bytes([]byte(fmt.Sprintf("value %d", i)))
			},
			Read: func(testing.TB) []string {
				var out []string
				if _, err := w.cluster.Refresh(w.ctx, topic); err != nil {
					return nil // nothing was put
				}
				for _, r := range w.read(topic, 0) {
					out = append(out, string(r.Value))
				}
				return out
			},
			Want: func(i int) string { return fmt.Sprintf("value %d", i) },
			// The suite commits what Flush returned, so nothing comes between the two commits.
			ExactlyOnce: true,
		}
	})
}
