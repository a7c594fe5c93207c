// SPDX-License-Identifier: Apache-2.0

package file

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/connectd/connectd/connect"
)

// globProps follows all .log files, numbered ones too.
func globProps(t *testing.T, more ...string) (dir string, p map[string]string) {
	dir = t.TempDir()
	p = map[string]string{fileKey: filepath.Join(dir, "*.log*"), topicKey: "t", intervalKey: "1"}
	for i := 0; i < len(more); i += 2 {
		p[more[i]] = more[i+1]
	}
	return dir, p
}

func (t *testTask) wantAnyOrder(lines ...string) {
	t.t.Helper()
	got := t.lines(len(lines))
	slices.Sort(got)
	slices.Sort(lines)
	if !slices.Equal(got, lines) {
		t.t.Fatalf("got %q, want %q\n%s", got, lines, t.log)
	}
}

func TestGlobFollowsFilesThatComeLater(t *testing.T) {
	dir, p := globProps(t)
	a, b := filepath.Join(dir, "a.log"), filepath.Join(dir, "b.log")
	appendTo(t, a, "a1\n")
	appendTo(t, filepath.Join(dir, "other.txt"), "no\n")
	task := startTask(t, p)
	task.want("a1")
	appendTo(t, b, "b1\n")
	task.want("b1")
	appendTo(t, a, "a2\n")
	appendTo(t, b, "b2\n")
	task.wantAnyOrder("a2", "b2")
	task = task.restart(p)
	defer task.stop()
	appendTo(t, a, "a3\n")
	task.want("a3")
	if len(task.offsets) != 2 {
		t.Errorf("%d partitions, want 2", len(task.offsets))
	}
}

func TestGlobDoesNotReadARotatedFileAgain(t *testing.T) {
	dir, p := globProps(t)
	path := filepath.Join(dir, "a.log")
	appendTo(t, path, "1\n")
	task := startTask(t, p)
	task.want("1")
	rename(t, path, path+".1")
	appendTo(t, path, "2\n")
	task.want("2")
	rename(t, path+".1", path+".2")
	rename(t, path, path+".1")
	appendTo(t, path, "3\n")
	task.want("3")
	for range 3 {
		task.rescan = time.Time{}
		task.nothing()
	}
	task = task.restart(p)
	task.nothing()
	task.stop()
	// And once more while it is stopped.
	appendTo(t, path, "4\n")
	rename(t, path+".2", path+".3")
	rename(t, path+".1", path+".2")
	rename(t, path, path+".1")
	appendTo(t, path, "5\n")
	task = startTask(t, p, task.offsets...)
	task.wantAnyOrder("4", "5")
	task = task.restart(p)
	defer task.stop()
	task.nothing()
}

func TestGlobStartsAtTheEndOnlyOnce(t *testing.T) {
	dir, p := globProps(t, startKey, "end")
	appendTo(t, filepath.Join(dir, "a.log"), "old\n")
	task := startTask(t, p)
	task.nothing()
	appendTo(t, filepath.Join(dir, "b.log"), "b1\n")
	task = task.restart(p)
	defer task.stop()
	task.want("b1")
	appendTo(t, filepath.Join(dir, "a.log"), "a1\n")
	task.want("a1")
}

func TestNameWithWildcardsIsAFileIfItIsThere(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a[1].log")
	appendTo(t, path, "x\n")
	task := startTask(t, map[string]string{fileKey: path, topicKey: "t"})
	defer task.stop()
	task.want("x")
}

func TestFilesTakeTurns(t *testing.T) {
	dir, p := globProps(t, batchSizeKey, "1")
	for _, name := range []string{"a.log", "b.log", "c.log"} {
		appendTo(t, filepath.Join(dir, name), name+"\n"+name+"\n")
	}
	task := startTask(t, p)
	defer task.stop()
	got := task.lines(6)
	slices.Sort(got)
	want := []string{"a.log", "a.log", "b.log", "b.log", "c.log", "c.log"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

// TestAppendedLineWakesPoll appends lines one by one while Poll waits; each must wake it.
func TestAppendedLineWakesPoll(t *testing.T) {
	path, p := props(t, intervalKey, "60000")
	appendTo(t, path, "first\n")
	task := startTask(t, p)
	defer task.stop()
	task.want("first")
	if !task.watch.reports() {
		t.Log("this system does not report changes")
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var waits []time.Duration
	for range 50 {
		got := make(chan time.Time, 1)
		go func() {
			b := &connect.Batch{MaxRecords: 10, MaxBytes: 1 << 20}
			if err := task.Poll(ctx, b); err != nil || len(b.Records) != 1 {
				t.Errorf("got %d records, %v", len(b.Records), err)
			}
			got <- time.Now()
		}()
		before := time.Now()
		appendTo(t, path, "line\n")
		waits = append(waits, (<-got).Sub(before))
	}
	slices.Sort(waits)
	t.Logf("p50 %s, worst %s", waits[len(waits)/2], waits[len(waits)-1])
	if p50 := waits[len(waits)/2]; p50 > time.Second {
		t.Errorf("a line waits %s", p50)
	}
}

func TestNewFileWakesPoll(t *testing.T) {
	path, p := props(t, intervalKey, "60000")
	task := startTask(t, p)
	defer task.stop()
	task.nothing()
	appendTo(t, path, "1\n")
	task.want("1")
	rename(t, path, path+".1")
	appendTo(t, path, "2\n")
	task.want("2")
}

func TestSleeperFindsLinesToo(t *testing.T) {
	path, p := props(t)
	appendTo(t, path, "1\n")
	task := startTask(t, p)
	if err := task.watch.close(); err != nil {
		t.Fatal(err)
	}
	task.watch = sleeper{}
	defer task.stop()
	task.want("1")
	time.AfterFunc(5*time.Millisecond, func() {
		f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			t.Error(err)
			return
		}
		defer f.Close()
		if _, err := f.WriteString("2\n"); err != nil {
			t.Error(err)
		}
	})
	task.want("2")
}
