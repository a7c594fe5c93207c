// SPDX-License-Identifier: Apache-2.0

package file

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/connectd/connectd/connect"
)

func rename(t testing.TB, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

func overwrite(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// props returns the settings for a new file in a directory of its own.
func props(t testing.TB, more ...string) (path string, p map[string]string) {
	path = filepath.Join(t.TempDir(), "in.txt")
	p = map[string]string{fileKey: path, topicKey: "t"}
	for i := 0; i < len(more); i += 2 {
		p[more[i]] = more[i+1]
	}
	return path, p
}

func TestLineEnds(t *testing.T) {
	path, p := props(t)
	appendTo(t, path, "unix\nmac\rdos\r\n\r\n\n\rx\r\r\ny\n")
	task := startTask(t, p)
	defer task.stop()
	task.want("unix", "mac", "dos", "", "", "", "x", "", "y")
}

func TestPartialLinesWait(t *testing.T) {
	path, p := props(t)
	appendTo(t, path, "")
	task := startTask(t, p)
	defer task.stop()
	for _, piece := range []string{"a", "b", "", "c\r"} {
		appendTo(t, path, piece)
		task.nothing()
	}
	appendTo(t, path, "\nd")
	task.want("abc")
	task.nothing()
	appendTo(t, path, "\r")
	task.nothing()
	appendTo(t, path, "e\n")
	task.want("d", "e")
}

func TestEveryCutOfAFileGivesTheSameLines(t *testing.T) {
	text := "one\r\ntwo\rthré€😀\n\nfive\r\n"
	want := []string{"one", "two", "thré€😀", "", "five"}
	for cut := range len(text) {
		path, p := props(t)
		appendTo(t, path, text[:cut])
		task := startTask(t, p)
		b := &connect.Batch{MaxRecords: 100, MaxBytes: 1 << 20}
		if err := task.look(b, 100); err != nil {
			t.Fatal(err)
		}
		var got []string
		for i := range b.Records {
			got = append(got, strings.Clone(b.Records[i].Value.Str()))
			task.commit(task.Position(b, i))
		}
		appendTo(t, path, text[cut:])
		task = task.restart(p)
		got = append(got, task.lines(len(want)-len(got))...)
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("cut at %d: got %q", cut, got)
		}
		task.stop()
	}
}

func TestPositionCountsCharactersAndBytes(t *testing.T) {
	path, p := props(t)
	appendTo(t, path, "abc\né€\r\n😀\n")
	task := startTask(t, p)
	defer task.stop()
	b := &connect.Batch{MaxRecords: 10, MaxBytes: 1 << 20}
	if err := task.look(b, 10); err != nil {
		t.Fatal(err)
	}
	for i, want := range []place{{4, 4, 1}, {11, 8, 2}, {16, 11, 3}} {
		position := task.Position(b, i)
		s, ok := readOffset(position)
		if !ok || !s.known || s.at != want || s.path != path {
			t.Errorf("line %d: got %+v, want %+v", i, s, want)
		}
	}
	id, _, err := identify(task.tails[0].f)
	if err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf(`{"position":11,"connectd_bytes":16,"connectd_line":3,"connectd_file":"%s@11"}`, id)
	if got := jsonOf(task.Position(b, 2).Offset); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestRenamedFileIsFinishedFirst(t *testing.T) {
	path, p := props(t)
	appendTo(t, path, "1\n2\n")
	task := startTask(t, p)
	defer task.stop()
	task.want("1", "2")
	rename(t, path, path+".1")
	appendTo(t, path+".1", "3\n") // the writer has not noticed yet
	task.want("3")
	appendTo(t, path, "5\n")
	appendTo(t, path+".1", "4")
	task.want("4", "5")
	appendTo(t, path, "6\n")
	task.want("6")
	if got := task.lines(0); len(got) != 0 {
		t.Errorf("more lines: %q", got)
	}
}

func TestRenameWaitsForTheWriter(t *testing.T) {
	path, p := props(t, rotateWaitKey, "60000")
	appendTo(t, path, "1\n")
	task := startTask(t, p)
	defer task.stop()
	task.want("1")
	rename(t, path, path+".1")
	appendTo(t, path, "3\n")
	task.nothing()
	appendTo(t, path+".1", "2\n")
	task.want("2")
	task.nothing()
	later := task.now().Add(61e9)
	task.now = nowAt(later)
	task.want("3")
}

func TestPositionSurvivesRenameWhileStopped(t *testing.T) {
	path, p := props(t)
	appendTo(t, path, "1\n2\n")
	task := startTask(t, p)
	task.want("1", "2")
	task.stop()
	appendTo(t, path, "3\n4")
	rename(t, path, path+".2024-01-01")
	appendTo(t, path, "5\n")
	task = startTask(t, p, task.offsets...)
	task.want("3", "4", "5")
	task = task.restart(p)
	appendTo(t, path, "6\n")
	task.want("6")
	task.stop()
}

func TestRenamedFileWithoutSuccessorIsFollowed(t *testing.T) {
	path, p := props(t)
	appendTo(t, path, "1\n")
	task := startTask(t, p)
	defer task.stop()
	task.want("1")
	rename(t, path, path+".old")
	task.nothing()
	appendTo(t, path+".old", "2\n")
	task.want("2")
}

func TestDeletedFileStartsAgain(t *testing.T) {
	path, p := props(t)
	appendTo(t, path, "1\n2")
	task := startTask(t, p)
	defer task.stop()
	task.want("1")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	task.want("2") // nothing can be added to it any more
	task.nothing()
	appendTo(t, path, "3\n")
	task.want("3")
}

func TestTruncatedFileStartsAgain(t *testing.T) {
	cases := map[string]func(t *testing.T, path string){
		"to nothing": func(t *testing.T, path string) {
			if err := os.Truncate(path, 0); err != nil {
				t.Fatal(err)
			}
		},
		"and grown beyond": func(t *testing.T, path string) { overwrite(t, path, "") },
	}
	for name, truncate := range cases {
		t.Run(name, func(t *testing.T) {
			path, p := props(t)
			appendTo(t, path, "first\nsecond\n")
			task := startTask(t, p)
			defer task.stop()
			task.want("first", "second")
			truncate(t, path)
			if name == "to nothing" {
				task.nothing()
			}
			appendTo(t, path, "third line\nfourth line\n")
			task.want("third line", "fourth line")
			if !strings.Contains(task.log.String(), "truncated") {
				t.Error("no warning")
			}
		})
	}
}

func TestCopyTruncateWhileStopped(t *testing.T) {
	path, p := props(t)
	long := strings.Repeat("x", 300)
	appendTo(t, path, long+"\n")
	task := startTask(t, p)
	task.want(long)
	task.stop()
	appendTo(t, path, "rest\n")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	overwrite(t, path+".1", string(text))
	overwrite(t, path, "new\n")
	task = startTask(t, p, task.offsets...)
	defer task.stop()
	task.want("rest", "new")
}

func TestFileWrittenAnewGoesOn(t *testing.T) {
	path, p := props(t)
	appendTo(t, path, "1\n2\n")
	task := startTask(t, p)
	task.want("1", "2")
	task.stop()
	overwrite(t, path+".tmp", "1\n2\n3\n") // as an editor or a restore does
	rename(t, path+".tmp", path)
	task = startTask(t, p, task.offsets...)
	defer task.stop()
	task.want("3")
}

func TestReplacedFileIsReadFromItsBeginning(t *testing.T) {
	path, p := props(t)
	appendTo(t, path, "1\n2\n")
	task := startTask(t, p)
	task.want("1", "2")
	task.stop()
	overwrite(t, path+".tmp", "9\n2\n3\n")
	rename(t, path+".tmp", path)
	task = startTask(t, p, task.offsets...)
	defer task.stop()
	task.want("9", "2", "3")
	if !strings.Contains(task.log.String(), "gone") {
		t.Errorf("no warning: %s", task.log)
	}
}

func TestMissingFileIsAwaited(t *testing.T) {
	path, p := props(t)
	task := startTask(t, p)
	defer task.stop()
	task.nothing()
	task.nothing()
	if n := strings.Count(task.log.String(), "not there"); n != 1 {
		t.Errorf("%d warnings, want 1", n)
	}
	appendTo(t, path, "1\n")
	task.want("1")
}

func TestUnreadableFileIsAnError(t *testing.T) {
	path, p := props(t)
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	task := startTask(t, p)
	defer task.stop()
	err := task.look(&connect.Batch{MaxRecords: 1, MaxBytes: 1}, 1)
	if err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "directory") {
		t.Errorf("got %v", err)
	}
}
