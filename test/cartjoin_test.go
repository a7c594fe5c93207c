// SPDX-License-Identifier: Apache-2.0

package test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/connectd/connectd/test/harness"
)

const cartLines = `{"user_id": "a", "type": "order", "order_id": 1}
{"user_id": "a", "type": "order", "order_id": 2}
{"user_id": "b", "type": "order", "order_id": 3}
{"user_id": "a", "type": "payment", "order_id": 2}
{"user_id": "b", "type": "order", "order_id": 4}
FAIL HERE
{"user_id": "a", "type": "payment", "order_id": 1}
{"user_id": "b", "type": "payment", "order_id": 4}
`

var (
	cartsBefore = []string{
		`{"user_id":"a","paid_order_ids":[],"unpaid_order_ids":[1]}`,
		`{"user_id":"a","paid_order_ids":[],"unpaid_order_ids":[1,2]}`,
		`{"user_id":"b","paid_order_ids":[],"unpaid_order_ids":[3]}`,
		`{"user_id":"a","paid_order_ids":[2],"unpaid_order_ids":[1]}`,
		`{"user_id":"b","paid_order_ids":[],"unpaid_order_ids":[3,4]}`,
	}
	cartsAfter = []string{
		`{"user_id":"a","paid_order_ids":[2,1],"unpaid_order_ids":[]}`,
		`{"user_id":"b","paid_order_ids":[4],"unpaid_order_ids":[3]}`,
	}
)

func cartConfig(file, topic string) harness.Config {
	return harness.Config{
		"connector.class":                "FileStreamSource",
		"file":                           file,
		"format":                         "json",
		"topic":                          topic,
		"key.converter":                  "org.apache.kafka.connect.storage.StringConverter",
		"value.converter":                "org.apache.kafka.connect.json.JsonConverter",
		"value.converter.schemas.enable": "false",
		"transforms":                     "join",
		"transforms.join.type":           "CartJoin",
	}
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func appendFile(t *testing.T, path, text string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(text); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestCartJoin(t *testing.T) {
	cases := []struct {
		name string
		feed func(t *testing.T, d *harness.Daemon, path string)
		more harness.Config
	}{
		{"file is there", func(t *testing.T, _ *harness.Daemon, path string) { writeFile(t, path, cartLines) }, nil},
		{"batches of one", func(t *testing.T, _ *harness.Daemon, path string) { writeFile(t, path, cartLines) }, harness.Config{"batch.size": "1"}},
		{"file grows by single bytes", func(t *testing.T, _ *harness.Daemon, path string) {
			writeFile(t, path, "")
			for i := range len(cartLines) {
				appendFile(t, path, cartLines[i:i+1])
			}
		}, nil},
		{"file grows line by line, each awaited", func(t *testing.T, d *harness.Daemon, path string) {
			writeFile(t, path, "")
			for i, line := range strings.SplitAfter(cartLines, "\n") {
				appendFile(t, path, line)
				if i < len(cartsBefore) {
					d.WaitCount(d.Name("carts"), i+1)
				}
			}
		}, nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			d := harness.Start(t, harness.Settings{})
			path := filepath.Join(d.Dir, "cart-join.json")
			config := cartConfig(path, d.Name("carts"))
			for k, v := range c.more {
				config[k] = v
			}
			d.Create(d.Name("carts"), config)
			c.feed(t, d, path)
			cartJoinFailsKilledAndRepaired(t, d, path)
		})
	}
}

// cartJoinFailsKilledAndRepaired is the story of the cart join from its failure on.
func cartJoinFailsKilledAndRepaired(t *testing.T, d *harness.Daemon, path string) {
	t.Helper()
	carts, errorTopic := d.Name("carts"), d.Name("carts-errors")
	s := d.WaitTasks(d.Name("carts"), 1, "FAILED")
	for _, want := range []string{path, "line 6", "FAIL HERE"} {
		if !strings.Contains(s.Tasks[0].Trace, want) {
			t.Errorf("the trace does not name %q: %s", want, s.Tasks[0].Trace)
		}
	}
	if diff := cmp.Diff(cartsBefore, d.Values(carts)); diff != "" {
		t.Fatalf("before the failure (-want +got):\n%s", diff)
	}
	d.Kill()
	d.Start()
	d.WaitTasks(d.Name("carts"), 1, "FAILED")
	d.Must(200, "PATCH", d.Connector("carts")+"/config", map[string]string{
		"errors.tolerance": "all", "errors.deadletterqueue.topic.name": errorTopic,
		"errors.deadletterqueue.topic.replication.factor": "1",
	})
	d.Call("POST", d.Connector("carts")+"/tasks/0/restart", nil)
	records := d.WaitCount(carts, len(cartsBefore)+len(cartsAfter))
	for i, want := range append(append([]string{}, cartsBefore...), cartsAfter...) {
		if records[i].Value != want {
			t.Errorf("record %d is %s, want %s", i, records[i].Value, want)
		}
		if user := fmt.Sprintf(`{"user_id":%q`, records[i].Key); !strings.HasPrefix(records[i].Value, user) {
			t.Errorf("record %d has key %s and value %s", i, records[i].Key, records[i].Value)
		}
	}
	checkCartError(t, d.Name("carts"), path, d.WaitCount(errorTopic, 1)[0])
}

func checkCartError(t *testing.T, connector, path string, r harness.Record) {
	t.Helper()
	if r.Value != "FAIL HERE" {
		t.Errorf("the error topic holds %q", r.Value)
	}
	for key, want := range map[string]string{
		"__connect.errors.connector.name":       connector,
		"__connect.errors.task.id":              "0",
		"__connect.errors.stage":                "TASK_POLL",
		"__connect.errors.exception.class.name": "org.apache.kafka.connect.errors.DataException",
		"__connectd.source.partition":           fmt.Sprintf(`{"filename":%q}`, path),
	} {
		if got, _ := r.Header(key); got != want {
			t.Errorf("header %s is %q, want %q", key, got, want)
		}
	}
	for _, key := range []string{
		"__connect.errors.topic", "__connect.errors.class.name", "__connect.errors.exception.message",
		"__connect.errors.exception.stacktrace", "__connectd.source.offset",
	} {
		if _, ok := r.Header(key); !ok {
			t.Errorf("header %s is missing in %v", key, r.Headers)
		}
	}
}

func TestRunningSumContinuesAfterStop(t *testing.T) {
	t.Parallel()
	d := harness.Start(t, harness.Settings{})
	path, sums := filepath.Join(d.Dir, "numbers.txt"), d.Name("sums")
	writeFile(t, path, "0\n1\n2\n")
	d.Create(d.Name("sum"), harness.Config{
		"connector.class": "FileStreamSource", "file": path, "format": "json", "topic": sums,
		"key.converter": "org.apache.kafka.connect.storage.StringConverter", "value.converter.schemas.enable": "false",
		"value.converter": "org.apache.kafka.connect.json.JsonConverter",
		"transforms":      "sum", "transforms.sum.type": "StatefulMap",
		"transforms.sum.key": `"ALL"`, "transforms.sum.initial": "0", "transforms.sum.next": "state + value", "transforms.sum.emit": "state",
	})
	d.WaitCount(sums, 3)
	d.Stop()
	appendFile(t, path, "3\n4\n")
	d.Start()
	d.WaitCount(sums, 5)
	d.Stop()
	d.Start()
	d.WaitTasks(d.Name("sum"), 1, "RUNNING")
	if diff := cmp.Diff([]string{"0", "1", "3", "6", "10"}, d.Values(sums)); diff != "" {
		t.Errorf("sums (-want +got):\n%s", diff)
	}
}
