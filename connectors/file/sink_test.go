// SPDX-License-Identifier: Apache-2.0

package file

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/connectd/connectd/connect"
)

func startSinkTask(t *testing.T, props map[string]string, at ...connect.TopicOffset) *sinkTask {
	t.Helper()
	config, errs := sinkKeys.Parse(props)
	if errs != nil {
		t.Fatal(errs)
	}
	task := &sinkTask{stdout: new(bytes.Buffer)}
	err := task.Start(t.Context(), connect.SinkTaskContext{Config: config, Log: slog.New(slog.DiscardHandler)})
	if err == nil {
		err = task.Open(t.Context(), at)
	}
	if err != nil {
		t.Fatal(err)
	}
	return task
}

func put(t *testing.T, task *sinkTask, values ...connect.Value) {
	t.Helper()
	b := &connect.Batch{MaxRecords: len(values) + 1, MaxBytes: 1 << 20}
	for _, v := range values {
		b.Add(1).Value = v
	}
	if err := task.Put(t.Context(), b); err != nil {
		t.Fatal(err)
	}
}

func topicOffset(partition int32, offset int64) connect.TopicOffset {
	return connect.TopicOffset{TopicPartition: connect.TopicPartition{Topic: "t", Partition: partition}, Offset: offset}
}

func flush(t *testing.T, task *sinkTask, offsets ...connect.TopicOffset) []connect.TopicOffset {
	t.Helper()
	out, err := task.Flush(t.Context(), offsets)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func wantFile(t *testing.T, path, want string) {
	t.Helper()
	got, err := os.ReadFile(path)
	if err != nil || string(got) != want {
		t.Errorf("the file holds %q, %v, want %q", got, err, want)
	}
}

func TestSinkWritesTextAsJava(t *testing.T) {
	s := connect.NewStruct("s").Field("a", connect.Int8Schema).Field("b", connect.OptionalStringSchema).MustBuild()
	task := startSinkTask(t, map[string]string{})
	put(t, task, connect.String("plain"), connect.Null(), connect.Float64(1), connect.Bytes([]byte("raw\xff")),
		connect.Array([]connect.Value{connect.Int8(1), connect.Int8(2)}),
		connect.StructValue(&connect.Struct{Schema: s, Values: []connect.Value{connect.Int8(1), connect.Null()}}))
	want := "plain\nnull\n1.0\nraw\xff\n[1, 2]\nStruct{a=1}\n"
	if got := task.stdout.(*bytes.Buffer).String(); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := flush(t, task, topicOffset(0, 6)); len(got) != 1 || got[0].Metadata != "" {
		t.Errorf("flush returns %v", got)
	}
}

func TestSinkAppends(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out.txt")
	appendTo(t, path, "before\n")
	task := startSinkTask(t, map[string]string{fileKey: path})
	put(t, task, connect.String("a"))
	flush(t, task, topicOffset(0, 1))
	if err := errors.Join(task.Stop(t.Context()), task.Stop(t.Context())); err != nil {
		t.Error(err)
	}
	wantFile(t, path, "before\na\n")
}

func TestSinkCutsItsOwnTail(t *testing.T) {
	once := func(path string) map[string]string {
		return map[string]string{fileKey: path, exactlyOnceKey: "true"}
	}
	t.Run("before the first commit", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "out.txt")
		appendTo(t, path, "before\n")
		for range 3 {
			task := startSinkTask(t, once(path), topicOffset(0, -1))
			put(t, task, connect.String("a"))
			task.Stop(t.Context())
		}
		wantFile(t, path, "before\na\n")
	})
	t.Run("the first length is forgotten after a commit", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "out.txt")
		task := startSinkTask(t, once(path), topicOffset(0, -1))
		put(t, task, connect.String("a"))
		at := flush(t, task, topicOffset(0, 1))
		put(t, task, connect.String("b"))
		task.Stop(t.Context())
		task = startSinkTask(t, once(path), at...)
		wantFile(t, path, "a\n")
		if _, err := os.Stat(path + ".connectd-length"); err == nil {
			t.Error("the first length is still there")
		}
		task.Stop(t.Context())
	})
	t.Run("the greatest length of several partitions counts", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "out.txt")
		task := startSinkTask(t, once(path), topicOffset(0, -1), topicOffset(1, -1))
		put(t, task, connect.String("a"))
		at := flush(t, task, topicOffset(0, 1), topicOffset(1, 0))
		put(t, task, connect.String("b"))
		later := flush(t, task, topicOffset(1, 1))
		put(t, task, connect.String("c"))
		task.Stop(t.Context())
		task = startSinkTask(t, once(path), later[0], at[0])
		wantFile(t, path, "a\nb\n")
		task.Stop(t.Context())
	})
	t.Run("partitions that were lost and come back", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "out.txt")
		task := startSinkTask(t, once(path), topicOffset(0, -1))
		put(t, task, connect.String("a"))
		at := flush(t, task, topicOffset(0, 1))
		put(t, task, connect.String("b"))
		if err := task.Close(t.Context(), []connect.TopicPartition{at[0].TopicPartition}); err != nil {
			t.Fatal(err)
		}
		if err := task.Open(t.Context(), at); err != nil {
			t.Fatal(err)
		}
		put(t, task, connect.String("b"))
		wantFile(t, path, "a\nb\n")
		task.Stop(t.Context())
	})
	t.Run("metadata of another file does not count", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "out.txt")
		appendTo(t, path, "long before\n")
		at := topicOffset(0, 5)
		at.Metadata = lengthMetadata("/other/file", 3)
		task := startSinkTask(t, once(path), at)
		wantFile(t, path, "long before\n")
		task.Stop(t.Context())
	})
	t.Run("a file that became shorter", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "out.txt")
		at := topicOffset(0, 5)
		at.Metadata = lengthMetadata(path, 100)
		task := startSinkTask(t, once(path), at)
		put(t, task, connect.String("a"))
		wantFile(t, path, "a\n")
		task.Stop(t.Context())
	})
}

func TestSinkRefusesADamagedFirstLength(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out.txt")
	overwrite(t, path+".connectd-length", "x\n")
	config, _ := sinkKeys.Parse(map[string]string{fileKey: path, exactlyOnceKey: "true"})
	task := &sinkTask{}
	if err := task.Start(t.Context(), connect.SinkTaskContext{Config: config, Log: slog.New(slog.DiscardHandler)}); err != nil {
		t.Fatal(err)
	}
	defer task.Stop(t.Context())
	if err := task.Open(t.Context(), []connect.TopicOffset{topicOffset(0, -1)}); err == nil || !strings.Contains(err.Error(), "not a length") {
		t.Errorf("got %v", err)
	}
}

func TestSinkTakesBackWhatWasWrittenInPart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out.txt")
	task := startSinkTask(t, map[string]string{fileKey: path})
	defer task.Stop(t.Context())
	put(t, task, connect.String("whole"))
	if _, err := task.f.WriteString("torn li"); err != nil {
		t.Fatal(err)
	}
	task.length += 7
	if err := task.takeBack(7); err != nil {
		t.Fatal(err)
	}
	put(t, task, connect.String("next"))
	wantFile(t, path, "whole\nnext\n")
}

func TestSinkErrorIsRetriable(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Logf("no /dev/full here: %v", err)
		return
	}
	task := startSinkTask(t, map[string]string{fileKey: "/dev/full"})
	defer task.Stop(t.Context())
	b := &connect.Batch{MaxRecords: 2, MaxBytes: 10}
	b.Add(1).Value = connect.String("x")
	if err := task.Put(t.Context(), b); !connect.IsRetriable(err) || !strings.Contains(err.Error(), "/dev/full") {
		t.Errorf("got %v", err)
	}
	flush(t, task)
}

func TestSinkStartErrors(t *testing.T) {
	cases := map[string]map[string]string{
		"no such":        {fileKey: filepath.Join(t.TempDir(), "none", "out.txt")},
		"is a directory": {fileKey: t.TempDir()},
		"not a regular":  {fileKey: "/dev/null", exactlyOnceKey: "true"},
	}
	for want, props := range cases {
		config, _ := sinkKeys.Parse(props)
		task := &sinkTask{}
		err := task.Start(t.Context(), connect.SinkTaskContext{Config: config, Log: slog.New(slog.DiscardHandler)})
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), props[fileKey]) {
			t.Errorf("%s: got %v", want, err)
		}
		task.Stop(t.Context())
	}
}

func TestExactlyOnceHasOneTask(t *testing.T) {
	for once, want := range map[string]int{"true": 1, "false": 3} {
		p := SinkPlugin()
		config, _ := p.Config.Parse(map[string]string{fileKey: "f", exactlyOnceKey: once})
		c := p.New()
		if err := c.Start(context.Background(), connect.ConnectorContext{Config: config}); err != nil {
			t.Fatal(err)
		}
		if tasks, err := c.Tasks(context.Background(), 3); err != nil || len(tasks) != want {
			t.Errorf("exactly.once=%s: %d tasks, %v", once, len(tasks), err)
		}
	}
	config, _ := sinkKeys.Parse(map[string]string{exactlyOnceKey: "true"})
	if errs := SinkPlugin().Validate(config); len(errs) != 1 || errs[0].Key != exactlyOnceKey {
		t.Errorf("exactly once to the standard output: %v", errs)
	}
}

func TestConfigMistakesNameTheKey(t *testing.T) {
	cases := []struct{ key, value string }{
		{topicKey, ""}, {batchSizeKey, "0"}, {formatKey, "jsn"}, {startKey, "middle"}, {maxLineKey, "0"},
		{invalidKey, "x"}, {separatorKey, "ab"}, {separatorKey, `"`}, {rotateWaitKey, "-1"}, {intervalKey, "0"}, {fileKey, "a[b"},
	}
	for _, c := range cases {
		t.Run(fmt.Sprintf("%s=%s", c.key, c.value), func(t *testing.T) {
			props := map[string]string{topicKey: "t", c.key: c.value}
			if _, errs := sourceKeys.Parse(props); len(errs) != 1 || errs[0].Key != c.key {
				t.Errorf("got %v", errs)
			}
		})
	}
	if _, errs := sourceKeys.Parse(map[string]string{topicKey: "t", formatKey: "jsn"}); !strings.Contains(errs.Error(), "did you mean json?") {
		t.Errorf("got %v", errs)
	}
}
