// SPDX-License-Identifier: Apache-2.0

package file

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/connectd/connectd/connect"
)

// startStdin makes a task that reads a pipe instead of the standard input.
func startStdin(t *testing.T, props map[string]string) (*testTask, *os.File) {
	t.Helper()
	in, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close() })
	props[topicKey] = "t"
	task := startTask(t, props)
	task.stdin = newStdinReader(&task.set, in, time.Now)
	return task, out
}

func TestStdin(t *testing.T) {
	task, out := startStdin(t, map[string]string{})
	defer task.stop()
	send := func(text string) {
		if _, err := out.WriteString(text); err != nil {
			t.Fatal(err)
		}
	}
	send("one\r\ntwo\nthr")
	task.want("one", "two")
	send("ee\n")
	task.want("three")
	send("last")
	out.Close()
	task.want("last")
	p := task.offsets[0]
	if len(task.offsets) != 1 || jsonOf(p.Partition) != `{"filename":null}` || jsonOf(p.Offset) != `{"position":null}` {
		t.Errorf("position %s %s", jsonOf(p.Partition), jsonOf(p.Offset))
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	b := &connect.Batch{MaxRecords: 10, MaxBytes: 100}
	if err := task.Poll(ctx, b); err != nil || !b.Empty() {
		t.Errorf("behind the end: %v, %d records", err, len(b.Records))
	}
}

func TestStdinWaitsWithItsContext(t *testing.T) {
	task, out := startStdin(t, map[string]string{})
	defer task.stop()
	defer out.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	b := &connect.Batch{MaxRecords: 10, MaxBytes: 100}
	if err := task.Poll(ctx, b); err != nil || !b.Empty() {
		t.Errorf("got %v, %d records", err, len(b.Records))
	}
}

func TestStdinLongLinesAndErrors(t *testing.T) {
	task, out := startStdin(t, map[string]string{maxLineKey: "10", formatKey: "json"})
	defer task.stop()
	go func() {
		defer out.Close()
		if _, err := out.WriteString("{\n" + strings.Repeat("x", 300_000) + "\n\n12\n"); err != nil {
			t.Error(err)
		}
	}()
	got := task.lines(3)
	if !strings.Contains(got[0], "standard input, line 1: invalid JSON") || !strings.Contains(got[1], "line 2: the line has 300000 bytes") {
		t.Errorf("got %.200q", got)
	}
}
