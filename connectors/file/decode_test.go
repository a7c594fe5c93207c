// SPDX-License-Identifier: Apache-2.0

package file

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/convert"
)

func jsonOf(v connect.Value) string { return string(convert.AppendJSON(nil, v)) }

func nowAt(at time.Time) func() time.Time { return func() time.Time { return at } }

// poll returns one batch of what is there.
func (t *testTask) poll() *connect.Batch {
	t.t.Helper()
	b := &connect.Batch{MaxRecords: 1000, MaxBytes: 1 << 20}
	if err := t.look(b, 1000); err != nil {
		t.t.Fatal(err)
	}
	return b
}

func TestLinesThatCannotBeDecoded(t *testing.T) {
	cases := []struct {
		name, text string
		more       []string
		rule       string // what the error says behind "line 2: "
		raw        string
	}{
		{"json", "{}\nFAIL HERE\n{}\n", []string{formatKey, "json"}, `invalid JSON at byte 0: unexpected 'F', expected a value: "FAIL HERE"`, "FAIL HERE"},
		{"two documents", "{}\n{} {}\n{}\n", []string{formatKey, "json"}, `invalid JSON at byte 3: unexpected '{' after the document: "{} {}"`, "{} {}"},
		{"not UTF-8", "a\nb\xff\nc\n", nil, `byte 0xff at 1 of the line is not UTF-8: "b\xff"`, "b\xff"},
		{"json not UTF-8", "{}\n{\"a\":\"\xff\"}\n{}\n", []string{formatKey, "json"}, `byte 0xff at 6 of the line is not UTF-8: "{\"a\":\"\xff\"}"`, "{\"a\":\"\xff\"}"},
		{"too long", "a\n123456\nc\n", []string{maxLineKey, "5"}, `the line has 6 bytes, max.line.bytes allows 5: "123456"`, "12345"},
		{"csv fields", "a,b\n1\n1,2\n", []string{formatKey, "csv"}, `the line has 1 fields, the header 2: "1"`, "1"},
		{"csv quote", "a,b\n1,\"2\n1,2\n", []string{formatKey, "csv"}, `a quoted field does not end in its line: "1,\"2"`, "1,\"2"},
		{"csv text behind a quote", "a,b\n\"1\"x,2\n1,2\n", []string{formatKey, "csv"}, `text follows a quoted field: "\"1\"x,2"`, "\"1\"x,2"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			path, p := props(t, c.more...)
			appendTo(t, path, c.text)
			task := startTask(t, p)
			defer task.stop()
			b := task.poll()
			var bad *connect.Record
			for i := range b.Records {
				if b.Records[i].Err != nil {
					bad = &b.Records[i]
				}
			}
			if bad == nil || len(b.Records) < 2 {
				t.Fatalf("%d records, no error among them", len(b.Records))
			}
			var data *connect.DataError
			want := fmt.Sprintf("read %s, line 2: %s", path, c.rule)
			if !errors.As(bad.Err, &data) || bad.Err.Error() != want {
				t.Errorf("got  %v\nwant %s", bad.Err, want)
			}
			if string(bad.RawValue) != c.raw || !bad.Value.IsNull() || bad.Topic != "t" {
				t.Errorf("raw %q, value %s, topic %s", bad.RawValue, jsonOf(bad.Value), bad.Topic)
			}
		})
	}
}

func TestReplaceKeepsLinesThatAreNotUTF8(t *testing.T) {
	path, p := props(t, invalidKey, "replace")
	appendTo(t, path, "a\xff\xfeb\xe2\x82\n")
	task := startTask(t, p)
	defer task.stop()
	task.want("a\ufffd\ufffdb\ufffd\ufffd")
}

func TestVeryLongLinesAreSkipped(t *testing.T) {
	for _, end := range []string{"\n", "\r\n", "\r"} {
		t.Run(fmt.Sprintf("%q", end), func(t *testing.T) {
			path, p := props(t, maxLineKey, "100")
			long := strings.Repeat("é", 200_000)
			appendTo(t, path, "a"+end+long+end+"b\n")
			task := startTask(t, p)
			defer task.stop()
			got := task.lines(3)
			if got[0] != "a" || got[2] != "b" || !strings.Contains(got[1], "line 2: the line has 400000 bytes") {
				t.Fatalf("got %.300q", got)
			}
			s, _ := readOffset(task.offsets[0])
			want := int64(1+200_000+1) + 2*int64(len(end)) + 1
			if s.at.chars != want || s.at.lines != 3 {
				t.Errorf("position %d, line %d, want %d and 3", s.at.chars, s.at.lines, want)
			}
		})
	}
}

func TestLongLineThatGrows(t *testing.T) {
	path, p := props(t, maxLineKey, "10")
	task := startTask(t, p)
	defer task.stop()
	for range 50 {
		appendTo(t, path, "0123456789")
		task.nothing()
	}
	appendTo(t, path, "\r")
	task.nothing()
	appendTo(t, path, "\nnext\n")
	got := task.lines(2)
	if !strings.Contains(got[0], "line 1: the line has 500 bytes") || got[1] != "next" {
		t.Errorf("got %q", got)
	}
}

func TestLineUpToTheLimitIsWhole(t *testing.T) {
	path, p := props(t, maxLineKey, "600000")
	long := strings.Repeat("x", 600_000)
	appendTo(t, path, long+"\r\n"+long+"y\n"+long)
	task := startTask(t, p)
	defer task.stop()
	got := task.lines(2)
	if got[0] != long || !strings.HasPrefix(got[1], "error: ") {
		t.Errorf("got %d bytes, then %.80q", len(got[0]), got[1])
	}
	task.nothing()
	appendTo(t, path, "\n")
	task.want(long)
}

func TestJSONLinesKeepOrderAndNumbers(t *testing.T) {
	path, p := props(t, formatKey, "json")
	appendTo(t, path, `{"z":1,"a":123456789012345678901234567890,"m":[1.5,null]}`+"\n\n  \r\n"+`"x"`+"\n")
	task := startTask(t, p)
	defer task.stop()
	b := task.poll()
	if len(b.Records) != 2 {
		t.Fatalf("%d records: blank lines are no documents", len(b.Records))
	}
	if got := jsonOf(b.Records[0].Value); got != `{"z":1,"a":123456789012345678901234567890,"m":[1.5,null]}` {
		t.Errorf("got %s", got)
	}
	if b.Records[0].ValueSchema != nil {
		t.Error("a JSON document has a schema")
	}
}

func TestCSV(t *testing.T) {
	path, p := props(t, formatKey, "csv", separatorKey, `\t`)
	appendTo(t, path, "\ufeffid\t\"the name\"\tempty\r\n1\t\"a \"\"b\"\"\tc\"\t\r\n\r\n2\t\t\"\"\n")
	task := startTask(t, p)
	b := task.poll()
	want := []string{`{"id":"1","the name":"a \"b\"\tc","empty":""}`, `{"id":"2","the name":"","empty":""}`}
	for i := range want {
		if got := jsonOf(b.Records[i].Value); got != want[i] {
			t.Errorf("record %d is %s, want %s", i, got, want[i])
		}
	}
	task.commit(task.Position(b, 0))
	task = task.restart(p) // the header is behind the position
	defer task.stop()
	if got := jsonOf(task.poll().Records[0].Value); got != want[1] {
		t.Errorf("after a restart: %s", got)
	}
}

func TestCSVHeaderErrors(t *testing.T) {
	for text, want := range map[string]string{"a,b,a\n": `the field "a" is there twice`, "a,\"b\n": "does not end"} {
		path, p := props(t, formatKey, "csv")
		appendTo(t, path, text)
		task := startTask(t, p)
		err := task.look(&connect.Batch{MaxRecords: 1, MaxBytes: 100}, 1)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%q: got %v", text, err)
		}
		task.stop()
	}
}

func TestRecordsCarryTopicTimeAndSchema(t *testing.T) {
	path, p := props(t)
	appendTo(t, path, "a\n")
	task := startTask(t, p)
	defer task.stop()
	task.now = nowAt(time.UnixMilli(1234567))
	r := task.poll().Records[0]
	if r.Topic != "t" || r.Timestamp != 1234567 || r.ValueSchema != connect.StringSchema || !r.Key.IsNull() || r.KeySchema != nil ||
		r.Partition != connect.NoPartition || string(r.RawValue) != "a" {
		t.Errorf("got %+v", r)
	}
}

func TestBatchSizeLimitsAPoll(t *testing.T) {
	path, p := props(t, batchSizeKey, "3")
	appendTo(t, path, strings.Repeat("x\n", 10))
	task := startTask(t, p)
	defer task.stop()
	for _, want := range []int{3, 3, 3, 1} {
		b := &connect.Batch{MaxRecords: 1000, MaxBytes: 1 << 20}
		if err := task.Poll(t.Context(), b); err != nil || len(b.Records) != want {
			t.Fatalf("got %d records, %v, want %d", len(b.Records), err, want)
		}
	}
}
