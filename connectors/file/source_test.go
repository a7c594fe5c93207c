// SPDX-License-Identifier: Apache-2.0

package file

import (
	"bytes"
	"context"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/connectd/connectd/connect"
)

const patience = 20 * time.Second

// logBuffer keeps what a task logs.
type logBuffer struct{ bytes.Buffer }

// testTask is a started source task with the offsets that were committed.
type testTask struct {
	*sourceTask
	t       testing.TB
	log     *logBuffer
	offsets []connect.Position
}

func startTask(t testing.TB, props map[string]string, offsets ...connect.Position) *testTask {
	t.Helper()
	if props[rotateWaitKey] == "" {
		props[rotateWaitKey] = "0"
	}
	config, errs := sourceKeys.Parse(props)
	if errs != nil {
		t.Fatal(errs)
	}
	task := &testTask{sourceTask: newSourceTask(time.Now), t: t, log: new(logBuffer), offsets: offsets}
	err := task.Start(context.Background(), connect.SourceTaskContext{
		Connector: "test", Config: config, Log: slog.New(slog.NewTextHandler(task.log, nil)),
		AllOffsets: func(context.Context) ([]connect.Position, error) { return offsets, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	return task
}

func (t *testTask) stop() {
	t.t.Helper()
	if err := t.Stop(context.Background()); err != nil {
		t.t.Error(err)
	}
}

// commit remembers a position as the offsets topic would.
func (t *testTask) commit(p connect.Position) {
	p.Partition, p.Offset = connect.Clone(p.Partition), connect.Clone(p.Offset)
	for i := range t.offsets {
		if connect.Equal(t.offsets[i].Partition, p.Partition) {
			t.offsets[i] = p
			return
		}
	}
	t.offsets = append(t.offsets, p)
}

// lines polls until n records came, commits each, and returns their texts.
func (t *testTask) lines(n int) []string {
	t.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var got []string
	for len(got) < n {
		b := &connect.Batch{MaxRecords: 1000, MaxBytes: 1 << 20}
		if err := t.Poll(ctx, b); err != nil {
			t.t.Fatal(err)
		}
		if ctx.Err() != nil {
			t.t.Fatalf("only %d of %d lines came: %q\n%s", len(got), n, got, t.log)
		}
		for i := range b.Records {
			r := &b.Records[i]
			text := strings.Clone(r.Value.Str())
			if r.Err != nil {
				text = "error: " + r.Err.Error()
			}
			got = append(got, text)
			t.commit(t.Position(b, i))
		}
		for _, p := range b.Progress {
			t.commit(p)
		}
	}
	return got
}

// nothing checks that a look at the files finds no records; progress is committed.
func (t *testTask) nothing() {
	t.t.Helper()
	b := &connect.Batch{MaxRecords: 1000, MaxBytes: 1 << 20}
	if err := t.look(b, 1000); err != nil {
		t.t.Fatal(err)
	}
	for i := range b.Records {
		t.t.Errorf("unexpected record %q %v", b.Records[i].Value.Str(), b.Records[i].Err)
	}
	for _, p := range b.Progress {
		t.commit(p)
	}
}

func (t *testTask) want(lines ...string) {
	t.t.Helper()
	if got := t.lines(len(lines)); !slices.Equal(got, lines) {
		t.t.Fatalf("got %q, want %q\n%s", got, lines, t.log)
	}
}

// restart stops the task and starts another one on the committed offsets.
func (t *testTask) restart(props map[string]string) *testTask {
	t.t.Helper()
	t.stop()
	return startTask(t.t, props, t.offsets...)
}
