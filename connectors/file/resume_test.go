// SPDX-License-Identifier: Apache-2.0

package file

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/connectd/connectd/connect"
)

// fromOriginal is an offset as the original stores it.
func fromOriginal(path string, position int64) connect.Position {
	return connect.Position{
		Partition: partitionOf(path),
		Offset:    connect.Map([]connect.MapEntry{{Key: connect.String(positionField), Value: connect.Int64(position)}}),
	}
}

func TestTakeOverCountsCharacters(t *testing.T) {
	cases := []struct {
		name, text string
		position   int64
		next       string
		line       int64
	}{
		{"ascii", "one\ntwo\nthree\n", 8, "three", 2},
		{"beginning", "one\ntwo\n", 0, "one", 0},
		{"two bytes a character", "é\né\nthree\n", 4, "three", 2},
		{"surrogate pairs count twice", "😀\n€\nthree\n", 5, "three", 2},
		{"dos line ends", "é\r\ntwo\r\nthree\n", 8, "three", 2},
		{"in the middle of a line", "one\ntwo\n", 5, "wo", 1},
		{"beyond the first buffer", strings.Repeat("é\n", 200_000) + "last\n", 400_000, "last", 200_000},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			path, p := props(t)
			appendTo(t, path, c.text)
			task := startTask(t, p, fromOriginal(path, c.position))
			defer task.stop()
			b := task.poll()
			if got := b.Records[0].Value.Str(); got != c.next {
				t.Errorf("goes on with %q, want %q", got, c.next)
			}
			s, _ := readOffset(task.Position(b, 0))
			if s.at.chars != c.position+int64(len(c.next))+1 || s.at.lines != c.line+1 {
				t.Errorf("then stands at %+v", s.at)
			}
		})
	}
}

func TestTakeOverOfAShorterFile(t *testing.T) {
	path, p := props(t)
	appendTo(t, path, "one\n")
	task := startTask(t, p, fromOriginal(path, 100))
	defer task.stop()
	task.want("one")
	if !strings.Contains(task.log.String(), "shorter") {
		t.Error("no warning")
	}
}

func TestPositionSetByHandCounts(t *testing.T) {
	path, p := props(t)
	appendTo(t, path, "é\ntwo\nthree\n")
	task := startTask(t, p)
	task.want("é", "two", "three")
	task.stop()
	m := connect.Clone(task.offsets[0].Offset).Map()
	m[0].Value = connect.Int64(2) // only the original's member was changed
	task = startTask(t, p, connect.Position{Partition: task.offsets[0].Partition, Offset: connect.Map(m)})
	defer task.stop()
	task.want("two", "three")
}

func TestStartAtTheEnd(t *testing.T) {
	for _, end := range []string{"", "half"} {
		t.Run("last line "+end, func(t *testing.T) {
			path, p := props(t, startKey, "end")
			appendTo(t, path, "1\r\n2\n"+end)
			task := startTask(t, p)
			task.nothing()
			if len(task.offsets) != 1 {
				t.Fatal("the place was not committed")
			}
			task = task.restart(p)
			defer task.stop()
			appendTo(t, path, "3\n")
			task.want(end + "3")
			if s, _ := readOffset(task.offsets[0]); s.at.lines != -1 {
				t.Errorf("line %d was counted", s.at.lines)
			}
		})
	}
}

func TestErrorsOfUncountedLinesNameTheByte(t *testing.T) {
	path, p := props(t, startKey, "end", formatKey, "json")
	appendTo(t, path, "{}\n")
	task := startTask(t, p)
	defer task.stop()
	task.nothing()
	appendTo(t, path, "bad\n")
	if got := task.lines(1)[0]; !strings.Contains(got, "the line at byte 3") {
		t.Errorf("got %s", got)
	}
}

func TestLongFileIsScannedForItsLastLine(t *testing.T) {
	path, p := props(t, startKey, "end")
	appendTo(t, path, "1\n"+strings.Repeat("x", 200_000))
	task := startTask(t, p)
	defer task.stop()
	task.nothing()
	appendTo(t, path, "\n2\n")
	if got := task.lines(2); len(got[0]) != 200_000 || got[1] != "2" {
		t.Errorf("got %d bytes and %q", len(got[0]), got[1])
	}
}

func TestCheckOffset(t *testing.T) {
	str := func(name, v string) connect.Value {
		return connect.Map([]connect.MapEntry{{Key: connect.String(name), Value: connect.String(v)}})
	}
	cases := []struct {
		p    connect.Position
		want string
	}{
		{fromOriginal("f", 3), ""},
		{connect.Position{Partition: connect.Null(), Offset: connect.Null()}, ""},
		{connect.Position{Partition: partitionOf("f"), Offset: str("other", "x")}, "Offset objects should either be null or contain the key 'position'"},
		{connect.Position{Partition: partitionOf("f"), Offset: str("position", "x")}, "The value for the 'position' key in the offset is expected to be a Long value"},
		{fromOriginal("f", -1), "The value for the 'position' key in the offset should be a non-negative value"},
		{connect.Position{Offset: fromOriginal("f", 1).Offset}, "Partition objects cannot be null"},
		{connect.Position{Partition: str("file", "f"), Offset: fromOriginal("f", 1).Offset}, "Partition objects should contain the key 'filename'"},
	}
	for _, c := range cases {
		t.Run(c.want, func(t *testing.T) {
			err := SourcePlugin().CheckOffset(c.p)
			if (err == nil) != (c.want == "") || err != nil && err.Error() != c.want {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestForeignOffsetsAreLeftAlone(t *testing.T) {
	path, p := props(t)
	appendTo(t, path, "1\n")
	task := startTask(t, p,
		connect.Position{Partition: partitionOf(path), Offset: connect.Null()},
		connect.Position{Partition: connect.Null(), Offset: fromOriginal(path, 1).Offset},
		fromOriginal("other", 2))
	defer task.stop()
	task.want("1")
}

func TestIdentityHasAText(t *testing.T) {
	id := identity{dev: 0xfd01, ino: 1 << 60, head: 256, sum: 1<<64 - 1}
	got, ok := parseIdentity(id.String())
	if !ok || got != id {
		t.Errorf("%s reads as %+v", id, got)
	}
	for _, bad := range []string{"", "1-2-3", "x-2-3-4", "1-2-fff-4"} {
		if _, ok := parseIdentity(bad); ok {
			t.Errorf("%q is accepted", bad)
		}
	}
}

func FuzzReadOffset(f *testing.F) {
	f.Add("f", int64(3), int64(3), "1-2-3-4@3")
	f.Add("", int64(-1), int64(9), "@")
	f.Fuzz(func(t *testing.T, path string, position, bytes int64, id string) {
		p := connect.Position{Partition: partitionOf(path), Offset: connect.Map([]connect.MapEntry{
			{Key: connect.String(positionField), Value: connect.Int64(position)},
			{Key: connect.String(bytesField), Value: connect.Int64(bytes)},
			{Key: connect.String(fileField), Value: connect.String(id)},
		})}
		s, ok := readOffset(p)
		if ok && (s.at.chars < 0 || s.at.bytes < 0 || s.path != path) {
			t.Errorf("read as %+v", s)
		}
	})
}

// FuzzLines checks that lines and their ends make up the chunk, however it is cut.
func FuzzLines(f *testing.F) {
	f.Add([]byte("a\r\nb\rc\n\n\xff\r"), 3)
	f.Fuzz(func(t *testing.T, data []byte, cut int) {
		if len(data) == 0 {
			return
		}
		if cut = cut % len(data); cut < 0 {
			cut = -cut
		}
		whole := linesOf(data, true)
		s := newLineScanner(data[:cut], false)
		var pieces []string
		for line, _, ok := s.next(); ok; line, _, ok = s.next() {
			pieces = append(pieces, string(line))
		}
		pieces = append(pieces, linesOf(data[s.pos:], true)...)
		if fmt.Sprintf("%q", whole) != fmt.Sprintf("%q", pieces) {
			t.Errorf("cut at %d: %q, whole %q", cut, pieces, whole)
		}
	})
}

func linesOf(data []byte, final bool) []string {
	var lines []string
	s := newLineScanner(data, final)
	total := 0
	for line, end, ok := s.next(); ok; line, end, ok = s.next() {
		lines = append(lines, string(line))
		total += len(line) + end
	}
	if total != len(data) {
		lines = append(lines, fmt.Sprintf("%d bytes of %d", total, len(data)))
	}
	return lines
}

func TestSourceNeedsNoMoreThanAFileToStart(t *testing.T) {
	if _, err := os.Stat("/nonexistent"); err == nil {
		t.Fatal("the test needs a path that is not there")
	}
	task := startTask(t, map[string]string{fileKey: "/nonexistent/x", topicKey: "t"})
	task.nothing()
	task.stop()
	task.stop() // twice is allowed
}
