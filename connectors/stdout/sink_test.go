// SPDX-License-Identifier: Apache-2.0

package stdout

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/connecttest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestSinkSuite(t *testing.T) {
	connecttest.Sink(t, func(t *testing.T) connecttest.SinkDriver {
		out := new(bytes.Buffer)
		plugin := Plugin()
		plugin.NewTask = func() connect.SinkTask { return &task{out: out} }
		return connecttest.SinkDriver{
			Plugin: plugin,
			Config: map[string]string{},
			Record: func(i int, r *connect.Record) { r.Value = connect.Int64(int64(i)) },
			Read: func(testing.TB) []string {
				return strings.FieldsFunc(out.String(), func(r rune) bool { return r == '\n' })
			},
			Want: func(i int) string { return fmt.Sprint(i) },
		}
	})
}

// printed returns what a task with these settings prints of the records.
func printed(t *testing.T, props map[string]string, records ...connect.Record) string {
	t.Helper()
	config, errs := keys.Parse(props)
	if errs = append(errs, check(config)...); errs != nil {
		t.Fatal(errs)
	}
	out := new(bytes.Buffer)
	k := &task{out: out}
	if err := k.Start(t.Context(), connect.SinkTaskContext{Config: config}); err != nil {
		t.Fatal(err)
	}
	b := &connect.Batch{Records: records}
	if err := k.Put(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func object(members ...connect.MapEntry) connect.Value { return connect.Map(members) }

func member(name string, v connect.Value) connect.MapEntry {
	return connect.MapEntry{Key: connect.String(name), Value: v}
}

func example() connect.Record {
	return connect.Record{
		Topic: "carts", Partition: 2, Offset: 7, Timestamp: 1700000000123,
		Key:   connect.String("a"),
		Value: object(member("n", connect.Int64(5)), member("s", connect.String("x\ny")), member("o", object(member("p", connect.Bool(true))))),
		Headers: []connect.Header{
			{Key: "h", Value: connect.String("first")}, {Key: "h", Value: connect.String("last")}, {Key: "b", Value: connect.Bytes([]byte{1})},
		},
	}
}

func TestFormats(t *testing.T) {
	st := connect.NewStruct("s").Field("f", connect.Int32Schema).MustBuild()
	cases := []struct {
		name   string
		props  map[string]string
		record connect.Record
		want   string
	}{
		{"json is the default", nil, example(), `{"n":5,"s":"x\ny","o":{"p":true}}`},
		{"no value", nil, connect.Record{Key: connect.String("k")}, "null"},
		{"string", nil, connect.Record{Value: connect.String("FAIL HERE")}, `"FAIL HERE"`},
		{"struct", nil, connect.Record{Value: connect.StructValue(&connect.Struct{Schema: st, Values: []connect.Value{connect.Int32(1)}})}, `{"f":1}`},
		{"pretty", map[string]string{formatKey: "Pretty"}, example(),
			`carts-2@7 2023-11-14T22:13:20.123Z key="a" value={"n":5,"s":"x\ny","o":{"p":true}} header.h="first" header.h="last" header.b="AQ=="`},
		{"pretty without a time", map[string]string{formatKey: "pretty"}, connect.Record{Topic: "t", Timestamp: connect.NoTimestamp}, "t-0@0 key=null value=null"},
		{"template", map[string]string{formatKey: "template", templateKey: `${topic}/${partition}/${offset}/${timestamp}\t${key} ${value.n} ${value.o.p} [${header.h}]`}, example(),
			"carts/2/7/1700000000123\ta 5 true [last]"},
		{"template, missing", map[string]string{formatKey: "template", templateKey: `${value.x}|${value.n.y}|${header.z}|${key.k}|$|{}`}, example(), "||||$|{}"},
		{"template, composites", map[string]string{formatKey: "template", templateKey: `${value}\\${value.o}`}, connect.Record{Value: object(member("o", object()))}, `{"o":{}}\{}`},
		{"template, field of a struct", map[string]string{formatKey: "template", templateKey: `${value.f}`},
			connect.Record{Value: connect.StructValue(&connect.Struct{Schema: st, Values: []connect.Value{connect.Int32(1)}})}, "1"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got := printed(t, c.props, c.record); got != c.want+"\n" {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestConfigMistakes(t *testing.T) {
	cases := []struct {
		props map[string]string
		want  string
	}{
		{map[string]string{formatKey: "jsn"}, "did you mean json?"},
		{map[string]string{formatKey: "template"}, "format=template needs one"},
		{map[string]string{templateKey: "${key}"}, "set format=template"},
		{map[string]string{formatKey: "template", templateKey: "${topik}"}, "did you mean ${topic}?"},
		{map[string]string{formatKey: "template", templateKey: "a ${key"}, "A placeholder is not closed: ${key"},
		{map[string]string{formatKey: "template", templateKey: "${header}"}, "Unknown placeholder ${header}"},
		{map[string]string{formatKey: "template", templateKey: "${topic.x}"}, "Unknown placeholder ${topic.x}"},
		{map[string]string{formatKey: "template", templateKey: "${value.}"}, "Unknown placeholder ${value.}"},
	}
	for _, c := range cases {
		t.Run(c.want, func(t *testing.T) {
			config, errs := keys.Parse(c.props)
			if errs == nil {
				errs = Plugin().Validate(config)
			}
			if len(errs) != 1 || !strings.Contains(errs.Error(), c.want) {
				t.Errorf("got %v", errs)
			}
		})
	}
}

func TestNamesOfThePlugin(t *testing.T) {
	p := Plugin()
	for _, name := range []string{"StdoutSink", "StdoutSinkConnector", "Stdout"} {
		if !p.Matches(connect.KindSink, name) {
			t.Errorf("%s does not name the connector", name)
		}
	}
}

// brokenPipe refuses everything.
type brokenPipe struct{}

var errBroken = errors.New("broken pipe")

func (brokenPipe) Write([]byte) (int, error) { return 0, errBroken }

func TestBrokenOutputFailsTheTask(t *testing.T) {
	k := &task{out: brokenPipe{}, line: appendPretty}
	err := k.Put(t.Context(), &connect.Batch{Records: []connect.Record{example()}})
	if !errors.Is(err, errBroken) || connect.IsRetriable(err) {
		t.Errorf("got %v", err)
	}
}

func TestABatchIsOneWrite(t *testing.T) {
	out := new(counter)
	k := &task{out: out, line: appendPretty}
	if err := k.Put(t.Context(), &connect.Batch{Records: make([]connect.Record, 100)}); err != nil || out.writes != 1 {
		t.Errorf("%d writes, %v", out.writes, err)
	}
	if err := k.Put(t.Context(), &connect.Batch{}); err != nil || out.writes != 1 {
		t.Errorf("nothing is written %d times, %v", out.writes-1, err)
	}
}

type counter struct{ writes int }

func (c *counter) Write(b []byte) (int, error) { c.writes++; return len(b), nil }

var update = flag.Bool("update", false, "write the table of options into README.md")

func TestReadmeHasTheOptions(t *testing.T) {
	connecttest.ReadmeTables(t, map[string]string{"options": connecttest.OptionTable(keys)}, *update)
}
