// SPDX-License-Identifier: Apache-2.0

//go:build referee

package referee

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/connectd/connectd/test/harness"
)

// worker is a Kafka Connect worker with Debezium that belongs to one test, which may
// kill it. Its topics are on the broker of the other peers.
type worker struct {
	side
	dir, port string
}

func startWorker(t *testing.T) *worker {
	t.Helper()
	kafka := os.Getenv("CONNECTD_TEST_KAFKA_PEER")
	if kafka == "" {
		t.Fatal("CONNECTD_TEST_KAFKA_PEER names the broker: run make test-referee")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	l.Close()
	w := &worker{side: side{name: "Debezium", rest: "http://127.0.0.1:" + port, kafka: kafka}, dir: t.TempDir(), port: port}
	t.Cleanup(func() {
		w.script(t, "stop")
		if log, err := os.ReadFile(filepath.Join(w.dir, "worker.log")); err == nil && t.Failed() {
			for l := range strings.SplitSeq(string(log), "\n") {
				if strings.Contains(l, " ERROR ") || strings.HasPrefix(l, "Caused by") {
					t.Log(l)
				}
			}
		}
	})
	w.script(t, "start")
	return w
}

// offsets is the topic in which the worker stores offsets.
func (w *worker) offsets() string { return "debezium-peer-" + w.port + "-offsets" }

func (w *worker) script(t *testing.T, verb string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 3*harness.Patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "../peers/debezium.sh", verb)
	cmd.Env = append(os.Environ(), "DEBEZIUM_PORT="+w.port, "DEBEZIUM_DIR="+w.dir, "KAFKA_ADDR="+w.kafka)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("debezium.sh %s: %v: %s", verb, err, out)
	}
}

// kill ends the worker at once, as a lost machine does.
func (w *worker) kill(t *testing.T) {
	t.Helper()
	file := filepath.Join(w.dir, "pid")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(string(bytes.TrimSpace(text)))
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	harness.Eventually(t, "the worker is gone", func() error {
		conn, err := net.Dial("tcp", strings.TrimPrefix(w.rest, "http://"))
		if err != nil {
			return nil
		}
		conn.Close()
		return fmt.Errorf("port %s is open", w.port)
	})
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
}

// beside starts connectd as one more worker of the same cluster, which reads and
// writes the offsets of the other one.
func (w *worker) beside(t *testing.T) (*harness.Daemon, side) {
	t.Helper()
	d := harness.New(t, harness.Settings{Properties: map[string]string{
		"bootstrap.servers": w.kafka, "offset.storage.topic": w.offsets(), "offset.storage.partitions": "1",
	}})
	d.Unset("embedded.broker.listener")
	d.Start()
	return d, side{name: "connectd", rest: d.REST, kafka: w.kafka}
}
