// SPDX-License-Identifier: Apache-2.0

package transforms

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/connecttest"
	"github.com/connectd/connectd/connect/convert"
)

// event is a record as the recordings hold it: keys and values are the bytes of
// JsonConverter, null stands for no bytes, headers are texts.
type event struct {
	Topic   string      `json:"topic"`
	Key     *string     `json:"key"`
	Value   *string     `json:"value"`
	Headers [][2]string `json:"headers"`
}

func readEvents(t testing.TB, name string) []event {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	var out []event
	for d := json.NewDecoder(bytes.NewReader(text)); d.More(); {
		var e event
		if err := d.Decode(&e); err != nil {
			t.Fatal(err)
		}
		out = append(out, e)
	}
	if len(out) == 0 {
		t.Fatalf("%s is empty", name)
	}
	return out
}

func jsonConverter(t testing.TB, schemas string) *convert.JSON {
	t.Helper()
	list := connect.Plugins{Converters: convert.Plugins()}
	c, errs := list.Converter("JsonConverter").Config.Parse(map[string]string{"schemas.enable": schemas})
	if err := errs.OrNil(); err != nil {
		t.Fatal(err)
	}
	j, err := convert.NewJSON(c)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

// record reads an event whose key and value are in their envelopes of schema and
// payload.
func (e *event) record(t testing.TB, j *convert.JSON, a *connect.Arena) connect.Record {
	t.Helper()
	r := connect.Record{Topic: e.Topic, Partition: connect.NoPartition, Timestamp: 1000}
	read := func(text *string) (*connect.Schema, connect.Value) {
		if text == nil {
			return nil, connect.Null()
		}
		s, v, err := j.ToConnect(a, e.Topic, []byte(*text))
		if err != nil {
			t.Fatal(err)
		}
		return s, v
	}
	r.KeySchema, r.Key = read(e.Key)
	r.ValueSchema, r.Value = read(e.Value)
	for _, h := range e.Headers {
		r.Headers = append(r.Headers, connect.Header{Key: h[0], Schema: connect.StringSchema, Value: connect.String(h[1])})
	}
	return r
}

// eventOf writes a record as the recordings hold it.
func eventOf(t testing.TB, j *convert.JSON, r *connect.Record) event {
	t.Helper()
	write := func(s *connect.Schema, v connect.Value) *string {
		if err := connect.Check(s, v); err != nil {
			t.Fatal(err)
		}
		out, null, err := j.FromConnect(nil, r.Topic, s, v)
		if err != nil {
			t.Fatal(err)
		}
		if null {
			return nil
		}
		text := string(out)
		return &text
	}
	e := event{Topic: r.Topic, Key: write(r.KeySchema, r.Key), Value: write(r.ValueSchema, r.Value), Headers: [][2]string{}}
	for _, h := range r.Headers {
		text, _, err := convert.SimpleHeader{}.FromConnectHeader(nil, r.Topic, h.Key, h.Schema, h.Value)
		if err != nil {
			t.Fatal(err)
		}
		e.Headers = append(e.Headers, [2]string{h.Key, string(text)})
	}
	return e
}

func (e event) String() string {
	text, _ := json.Marshal(e)
	return string(text)
}

// runEvents takes events through a transform and back.
func runEvents(t *testing.T, tr connect.Transform, in []event, schemas string) []event {
	t.Helper()
	reader, writer, step := jsonConverter(t, "true"), jsonConverter(t, schemas), connecttest.NewStep(tr)
	var out []event
	for i := range in {
		records, err := step.Apply(in[i].record(t, reader, &step.Arena))
		if err != nil {
			t.Fatalf("record %d: %v", i, err)
		}
		for k := range records {
			out = append(out, eventOf(t, writer, &records[k]))
		}
	}
	return out
}

// volatile are values that differ between two recordings of the same statements.
var volatile = regexp.MustCompile(`(\\"__(?:lsn|source_ts_ms)\\":)\d+`)

func sameEvents(t *testing.T, got, want []event) {
	t.Helper()
	for i := range max(len(got), len(want)) {
		g, w := "nothing", "nothing"
		if i < len(got) {
			g = volatile.ReplaceAllString(got[i].String(), "${1}0")
		}
		if i < len(want) {
			w = volatile.ReplaceAllString(want[i].String(), "${1}0")
		}
		if g != w {
			t.Fatalf("output %d is\n%s\nwant\n%s", i, g, w)
		}
	}
}

// TestUnwrapGolden compares with what Debezium 3.7.0 wrote for the same statements.
func TestUnwrapGolden(t *testing.T) {
	cases := []struct {
		file, schemas string
		p             props
	}{
		{"unwrap-default.jsonl", "true", props{}},
		{"unwrap-drop.jsonl", "false", props{"delete.tombstone.handling.mode": "drop"}},
		{"unwrap-rewrite.jsonl", "true", props{
			"delete.tombstone.handling.mode": "rewrite", "add.fields": "op,table,lsn,source.ts_ms", "add.headers": "db,op",
		}},
	}
	in := readEvents(t, "unwrap-events.jsonl")
	for _, c := range cases {
		t.Run(c.file, func(t *testing.T) {
			got := runEvents(t, mustBuild(t, "ExtractNewRecordState", c.p), in, c.schemas)
			sameEvents(t, got, readEvents(t, c.file))
		})
	}
}

// TestRouteChainGolden is the chain RegexRouter, InsertHeader as it was recorded: the
// header comes behind those of the connector, keys and values stay to the byte.
func TestRouteChainGolden(t *testing.T) {
	in := readEvents(t, "unwrap-events.jsonl")
	routed := runEvents(t, mustBuild(t, "RegexRouter", props{"regex": `([^.]+)\.([^.]+)\.([^.]+)`, "replacement": "$1-$2-$3"}), in, "true")
	got := runEvents(t, mustBuild(t, "InsertHeader", props{"header": "h", "value.literal": "42"}), routed, "true")
	want := make([]event, len(in))
	for i, e := range in {
		e.Topic = strings.ReplaceAll(e.Topic, ".", "-")
		e.Headers = append(slices.Clone(e.Headers), [2]string{"h", "42"})
		want[i] = e
	}
	sameEvents(t, got, want)
}
