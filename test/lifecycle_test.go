// SPDX-License-Identifier: Apache-2.0

package test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/connectd/connectd/test/harness"
)

func lineSource(file, topic string) harness.Config {
	return harness.Config{
		"connector.class": "FileStreamSource", "file": file, "topic": topic,
		"key.converter":   "org.apache.kafka.connect.storage.StringConverter",
		"value.converter": "org.apache.kafka.connect.storage.StringConverter",
	}
}

func waitState(d *harness.Daemon, name, state string) {
	d.Eventually(name+" is "+state, func() error {
		s, err := d.Status(name)
		if err == nil && s.Connector.State != state {
			err = fmt.Errorf("it is %s", s.Connector.State)
		}
		return err
	})
}

func TestPauseResumeStopDeleteSurviveRestarts(t *testing.T) {
	t.Parallel()
	d := harness.Start(t, harness.Settings{})
	in, topic := filepath.Join(d.Dir, "in.txt"), d.Name("lines")
	writeFile(t, in, "1\n")
	d.Create(d.Name("lines"), lineSource(in, topic))
	d.WaitCount(topic, 1)

	d.Must(202, "PUT", d.Connector("lines")+"/pause", nil)
	waitState(d, d.Name("lines"), "PAUSED")
	d.WaitTasks(d.Name("lines"), 1, "PAUSED")
	appendFile(t, in, "2\n")
	d.Kill()
	d.Start()
	d.WaitTasks(d.Name("lines"), 1, "PAUSED")
	if n := len(d.Read(topic)); n != 1 {
		t.Errorf("a paused connector wrote: %d records", n)
	}
	d.Must(202, "PUT", d.Connector("lines")+"/resume", nil)
	d.WaitCount(topic, 2)

	d.Must(204, "PUT", d.Connector("lines")+"/stop", nil)
	waitState(d, d.Name("lines"), "STOPPED")
	d.WaitTasks(d.Name("lines"), 0, "")
	appendFile(t, in, "3\n")
	d.Stop()
	d.Start()
	waitState(d, d.Name("lines"), "STOPPED")
	d.Must(202, "PUT", d.Connector("lines")+"/resume", nil)
	d.WaitCount(topic, 3)

	d.Must(204, "DELETE", d.Connector("lines"), nil)
	d.Must(404, "GET", d.Connector("lines"), nil)
	appendFile(t, in, "4\n")
	d.Kill()
	d.Start()
	d.Must(404, "GET", d.Connector("lines")+"/status", nil)
	d.Create(d.Name("lines"), lineSource(in, topic)) // offsets outlive the connector
	d.WaitCount(topic, 4)
	if got := strings.Join(d.Values(topic), ""); got != "1234" {
		t.Errorf("the topic holds %s", got)
	}
}

func TestOffsetsAreReadChangedAndReset(t *testing.T) {
	t.Parallel()
	d := harness.Start(t, harness.Settings{})
	in, topic := filepath.Join(d.Dir, "in.txt"), d.Name("lines")
	writeFile(t, in, "one\ntwo\n")
	d.Create(d.Name("lines"), lineSource(in, topic))
	d.WaitCount(topic, 2)
	if got := d.Must(200, "GET", d.Connector("lines")+"/offsets", nil); !strings.Contains(got, `"position":8`) {
		t.Errorf("offsets are %s", got)
	}
	d.Must(400, "DELETE", d.Connector("lines")+"/offsets", nil)
	d.Must(204, "PUT", d.Connector("lines")+"/stop", nil)
	waitState(d, d.Name("lines"), "STOPPED")
	patch := fmt.Sprintf(`{"offsets":[{"partition":{"filename":%q},"offset":{"position":4}}]}`, in)
	d.Must(200, "PATCH", d.Connector("lines")+"/offsets", patch)
	d.Must(202, "PUT", d.Connector("lines")+"/resume", nil)
	if got := d.WaitCount(topic, 3)[2].Value; got != "two" {
		t.Errorf("after the change the task reads %q", got)
	}
	d.Must(204, "PUT", d.Connector("lines")+"/stop", nil)
	waitState(d, d.Name("lines"), "STOPPED")
	d.Must(200, "DELETE", d.Connector("lines")+"/offsets", nil)
	d.Must(202, "PUT", d.Connector("lines")+"/resume", nil)
	d.WaitCount(topic, 5)
}

func TestConfigurationChangeRestartsTheTask(t *testing.T) {
	t.Parallel()
	d := harness.Start(t, harness.Settings{})
	in, first, second := filepath.Join(d.Dir, "in.txt"), d.Name("first"), d.Name("second")
	writeFile(t, in, "1\n")
	d.Create(d.Name("lines"), lineSource(in, first))
	d.WaitCount(first, 1)
	d.Must(200, "PATCH", d.Connector("lines")+"/config", map[string]string{"topic": second})
	appendFile(t, in, "2\n")
	if got := d.WaitCount(second, 1)[0].Value; got != "2" {
		t.Errorf("the second topic holds %q", got)
	}
	if n := len(d.Read(first)); n != 1 {
		t.Errorf("the first topic holds %d records", n)
	}
}

func TestOneConnectorsFailureLeavesTheOthersAlone(t *testing.T) {
	t.Parallel()
	d := harness.Start(t, harness.Settings{})
	good, bad := filepath.Join(d.Dir, "good.txt"), filepath.Join(d.Dir, "bad.json")
	writeFile(t, good, "1\n")
	writeFile(t, bad, "{\n")
	d.Create(d.Name("good"), lineSource(good, d.Name("good")))
	config := lineSource(bad, d.Name("bad"))
	config["format"] = "json"
	d.Create(d.Name("bad"), config)
	d.WaitTasks(d.Name("bad"), 1, "FAILED")
	d.WaitCount(d.Name("good"), 1)
	appendFile(t, good, "2\n")
	d.WaitCount(d.Name("good"), 2)
	d.WaitTasks(d.Name("good"), 1, "RUNNING")
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	d := harness.Start(t, harness.Settings{})
	in := filepath.Join(d.Dir, "in.txt")
	writeFile(t, in, "1\n2\n3\n")
	d.Create(d.Name("lines"), lineSource(in, d.Name("lines")))
	d.WaitCount(d.Name("lines"), 3)
	d.Eventually("metrics count the records", func() error {
		text := d.Must(200, "GET", "/metrics", nil)
		for _, line := range strings.Split(text, "\n") {
			if strings.HasPrefix(line, "kafka_connect_source_task_metrics_source_record_write_total{") &&
				strings.Contains(line, fmt.Sprintf("connector=%q", d.Name("lines"))) && strings.HasSuffix(line, " 3") {
				return nil
			}
		}
		return fmt.Errorf("no such line in:\n%s", text)
	})
}
