// SPDX-License-Identifier: Apache-2.0

package topics

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/connectd/connectd/connect/broker/brokertest"
	"github.com/connectd/connectd/connect/kafka"
)

func TestMain(m *testing.M) {
	// The client library's metrics have a goroutine for the whole process.
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("github.com/rcrowley/go-metrics.(*meterArbiter).tick"))
}

// recorded is one record of an internal topic of Kafka Connect 4.3.1.
type recorded struct {
	Topic     string
	Partition int32
	Offset    int64
	Key       string
	Value     *string
}

func (r recorded) record() *kafka.Record {
	out := &kafka.Record{Key: []byte(r.Key), Offset: r.Offset}
	if r.Value != nil {
		out.Value = []byte(*r.Value)
	}
	return out
}

// recording returns the records of one of the recorded topics, in order.
func recording(t testing.TB, topic string) []recorded {
	t.Helper()
	text, err := os.ReadFile("testdata/internal.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	var out []recorded
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var r recorded
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			t.Fatal(err)
		}
		if r.Topic == topic {
			out = append(out, r)
		}
	}
	if len(out) == 0 {
		t.Fatalf("the recording has no topic %s", topic)
	}
	return out
}

// logged is a logger whose lines a test can read. It is for one goroutine at a time.
type logged struct{ strings.Builder }

func (l *logged) logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }

// deadline is a context that ends before the test does.
func deadline(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// cluster opens a broker for the test.
func cluster(t testing.TB) *kafka.Cluster {
	t.Helper()
	s, errs := kafka.ParseSettings(map[string]string{"bootstrap.servers": brokertest.Start(t)})
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	c, err := kafka.Open(deadline(t), s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Errorf("close the cluster: %v", err)
		}
	})
	return c
}

// produce writes records past this package, as another worker would.
func produce(t testing.TB, c *kafka.Cluster, topic string, partition int32, rs ...kafka.Record) {
	t.Helper()
	p, err := c.NewProducer(deadline(t), kafka.ProducerOptions{})
	if err != nil {
		t.Fatal(err)
	}
	p.Send(kafka.TopicPartition{Topic: topic, Partition: partition}, rs)
	if err := p.Flush(deadline(t)); err != nil {
		t.Fatal(err)
	}
}

// eventually waits until ok holds.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for ctx := deadline(t); !ok(); {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("it did not come to this in time: %s", what)
		}
	}
}
