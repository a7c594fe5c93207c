// SPDX-License-Identifier: Apache-2.0

package test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/connectd/connectd/test/harness"
)

// waitLines wants these lines once there are as many. What is not committed yet may be
// cut off again by a later daemon: one reading decides.
func waitLines(t *testing.T, path string, want []string) {
	t.Helper()
	var text []byte
	harness.Eventually(t, fmt.Sprintf("%s holds %d lines", path, len(want)), func() error {
		var err error
		if text, err = os.ReadFile(path); err != nil {
			return err
		}
		if n := strings.Count(string(text), "\n"); n < len(want) {
			return fmt.Errorf("it holds %d", n)
		}
		return nil
	})
	compareLists(t, path, want, strings.Split(strings.TrimSuffix(string(text), "\n"), "\n"))
}

func lineRecords(from, to int) (records []harness.Record, lines []string) {
	for i := from; i < to; i++ {
		line := fmt.Sprintf("line %d", i)
		records = append(records, harness.Record{Key: "k", Value: line})
		lines = append(lines, line)
	}
	return records, lines
}

func TestTopicToFileExactlyOnceAcrossKills(t *testing.T) {
	t.Parallel()
	r := seeded(t)
	d := harness.Start(t, harness.Settings{})
	in, path := d.Name("lines"), filepath.Join(d.Dir, "out.txt")
	d.CreateTopic(in, 1)
	d.Create(d.Name("out"), harness.Config{
		"connector.class": "FileStreamSink", "topics": in, "file": path, "exactly.once": "true",
		"value.converter": "org.apache.kafka.connect.storage.StringConverter", "key.converter": "org.apache.kafka.connect.storage.StringConverter",
	})
	var all []string
	for i := range 6 {
		records, lines := lineRecords(i*200, (i+1)*200)
		d.Produce(in, records...)
		all = append(all, lines...)
		if r.IntN(2) == 0 {
			waitLines(t, path, all)
		}
		d.Kill()
		d.Start()
	}
	waitDone(d, d.Name("out"), in)
	waitLines(t, path, all)
}

func TestTopicToStdout(t *testing.T) {
	t.Parallel()
	d := harness.Start(t, harness.Settings{})
	in := d.Name("lines")
	d.CreateTopic(in, 1)
	d.Produce(in, harness.Record{Key: "k1", Value: `{"n":1,"s":"marker one"}`})
	d.Create(d.Name("print"), harness.Config{
		"connector.class": "StdoutSink", "topics": in, "key.converter": "org.apache.kafka.connect.storage.StringConverter",
		"value.converter": "org.apache.kafka.connect.json.JsonConverter", "value.converter.schemas.enable": "false",
	})
	d.Eventually("the record is printed", func() error {
		if !strings.Contains(d.Output(), `{"n":1,"s":"marker one"}`+"\n") {
			return fmt.Errorf("output: %s", d.Output())
		}
		return nil
	})
}

func TestSinkErrorsGoToTheErrorTopicWithTheirBytes(t *testing.T) {
	t.Parallel()
	d := harness.Start(t, harness.Settings{})
	in, path, dead := d.Name("in"), filepath.Join(d.Dir, "out.txt"), d.Name("dead")
	d.CreateTopic(in, 1)
	d.Create(d.Name("out"), harness.Config{
		"connector.class": "FileStreamSink", "topics": in, "file": path, "key.converter": "org.apache.kafka.connect.storage.StringConverter",
		"value.converter": "org.apache.kafka.connect.json.JsonConverter", "value.converter.schemas.enable": "false",
		"errors.tolerance": "all", "errors.deadletterqueue.topic.name": dead, "errors.deadletterqueue.topic.replication.factor": "1",
		"errors.deadletterqueue.context.headers.enable": "true",
	})
	d.Produce(in, harness.Record{Key: "a", Value: `"good"`}, harness.Record{Key: "b", Value: "{bad", Headers: [][2]string{{"h", "1"}}},
		harness.Record{Key: "c", Value: `"fine"`})
	waitLines(t, path, []string{"good", "fine"})
	r := d.WaitCount(dead, 1)[0]
	if r.Key != "b" || r.Value != "{bad" {
		t.Errorf("the error topic holds key %q, value %q", r.Key, r.Value)
	}
	for key, want := range map[string]string{
		"h": "1", "__connect.errors.topic": in, "__connect.errors.partition": "0", "__connect.errors.offset": "1",
		"__connect.errors.connector.name": d.Name("out"), "__connect.errors.task.id": "0", "__connect.errors.stage": "VALUE_CONVERTER",
		"__connect.errors.class.name": "org.apache.kafka.connect.json.JsonConverter",
	} {
		if got, _ := r.Header(key); got != want {
			t.Errorf("header %s is %q, want %q", key, got, want)
		}
	}
}
