// SPDX-License-Identifier: Apache-2.0

package transforms

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/connecttest"
	"github.com/connectd/connectd/connect/convert"
)

// recordedLine is a line of a recording. There are three kinds: the text of a schema
// under a name; a record under a name; and what a transform of the original made of
// such a record: nothing, one record, or an error of a class.
type recordedLine struct {
	Schema, Text string

	Input   string
	Schemas bool
	recordedRecord

	Class  string
	Config map[string]string
	In     string
	Out    []recordedRecord
	Error  string
	// Want is the topic of each record, null if it was dropped, or error.
	Want map[string]*string
}

// recordedRecord has keys, values and headers as JsonConverter writes them.
type recordedRecord struct {
	Topic     string
	Partition *int32
	Timestamp *int64
	Key       recordedText
	Value     recordedText
	Headers   []recordedHeader
}

// recordedText is null, a text, or a pair of the name of a schema and a payload.
type recordedText struct {
	text            *string
	schema, payload string
}

func (r *recordedText) UnmarshalJSON(b []byte) error {
	if b[0] != '[' {
		return json.Unmarshal(b, &r.text)
	}
	var pair [2]string
	err := json.Unmarshal(b, &pair)
	r.schema, r.payload = pair[0], pair[1]
	return err
}

type recordedHeader struct {
	name string
	text recordedText
}

func (h *recordedHeader) UnmarshalJSON(b []byte) error {
	return json.Unmarshal(b, &[2]any{&h.name, &h.text})
}

// recording is a file of such lines.
type recording struct {
	schemas map[string]string
	inputs  map[string]recordedLine
	cases   []recordedLine

	with, without *convert.JSON
}

func readRecording(t *testing.T, name string) *recording {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	r := &recording{schemas: map[string]string{}, inputs: map[string]recordedLine{}, with: nullsConverter(t, "true"), without: nullsConverter(t, "false")}
	for d := json.NewDecoder(bytes.NewReader(text)); d.More(); {
		var line recordedLine
		if err := d.Decode(&line); err != nil {
			t.Fatal(err)
		}
		switch {
		case line.Schema != "":
			r.schemas[line.Schema] = line.Text
		case line.Input != "":
			r.inputs[line.Input] = line
		default:
			r.cases = append(r.cases, line)
		}
	}
	return r
}

// nullsConverter is a JsonConverter that leaves nulls where there are defaults.
func nullsConverter(t *testing.T, schemas string) *convert.JSON {
	t.Helper()
	list := connect.Plugins{Converters: convert.Plugins()}
	c, errs := list.Converter("JsonConverter").Config.Parse(map[string]string{"schemas.enable": schemas, "replace.null.with.default": "false"})
	if err := errs.OrNil(); err != nil {
		t.Fatal(err)
	}
	j, err := convert.NewJSON(c)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

// full is the text with its schema; nil for null.
func (r *recording) full(text recordedText) *string {
	if text.schema == "" {
		return text.text
	}
	s := `{"schema":` + r.schemas[text.schema] + `,"payload":` + text.payload + `}`
	return &s
}

func (r *recording) read(t *testing.T, a *connect.Arena, text recordedText, schemas bool) (*connect.Schema, connect.Value) {
	t.Helper()
	full := r.full(text)
	if full == nil {
		return nil, connect.Null()
	}
	j := r.without
	if schemas {
		j = r.with
	}
	s, v, err := j.ToConnect(a, "t", []byte(*full))
	if err != nil {
		t.Fatal(err)
	}
	return s, v
}

// record makes the record of a case. Debezium's transforms got records on their way
// to topics, without a partition; the others records from topics.
func (r *recording) record(t *testing.T, a *connect.Arena, c *recordedLine) connect.Record {
	t.Helper()
	in, ok := r.inputs[c.In]
	if !ok {
		t.Fatalf("there is no record %s", c.In)
	}
	out := connect.Record{Topic: in.Topic, Partition: connect.NoPartition, Timestamp: connect.NoTimestamp, Offset: 7}
	if in.Partition != nil && !strings.HasPrefix(c.Class, "io.debezium.") {
		out.Partition = *in.Partition
	}
	if in.Timestamp != nil {
		out.Timestamp = *in.Timestamp
	}
	out.KeySchema, out.Key = r.read(t, a, in.Key, in.Schemas)
	out.ValueSchema, out.Value = r.read(t, a, in.Value, in.Schemas)
	for _, h := range in.Headers {
		s, v := r.read(t, a, h.text, true)
		out.Headers = append(out.Headers, connect.Header{Key: h.name, Schema: s, Value: v})
	}
	return out
}

// same compares a text with a value; without a schema by meaning, as Java's maps
// have no order.
func (r *recording) same(t *testing.T, what string, want recordedText, s *connect.Schema, v connect.Value) {
	t.Helper()
	j := r.without
	if s != nil {
		j = r.with
	}
	got, null, err := j.FromConnect(nil, "t", s, v)
	if err != nil {
		t.Errorf("%s: %v", what, err)
		return
	}
	text := r.full(want)
	switch {
	case null && text == nil:
		return
	case null || text == nil:
	case string(got) == *text:
		return
	case s == nil && want.schema == "":
		var x, y any
		if json.Unmarshal(got, &x) == nil && json.Unmarshal([]byte(*text), &y) == nil && reflect.DeepEqual(x, y) {
			return
		}
	}
	if text == nil {
		text = new(string)
	}
	t.Errorf("%s is\n%s\nwant\n%s", what, got, *text)
}

func (r *recording) compare(t *testing.T, want *recordedRecord, got *connect.Record) {
	t.Helper()
	partition, timestamp := connect.NoPartition, connect.NoTimestamp
	if want.Partition != nil {
		partition = *want.Partition
	}
	if want.Timestamp != nil {
		timestamp = *want.Timestamp
	}
	if got.Topic != want.Topic || got.Partition != partition || got.Timestamp != timestamp {
		t.Errorf("%s-%d at %d, want %s-%d at %d", got.Topic, got.Partition, got.Timestamp, want.Topic, partition, timestamp)
	}
	r.same(t, "key", want.Key, got.KeySchema, got.Key)
	r.same(t, "value", want.Value, got.ValueSchema, got.Value)
	if len(got.Headers) != len(want.Headers) {
		t.Fatalf("%d headers, want %d", len(got.Headers), len(want.Headers))
	}
	for i, h := range want.Headers {
		if got.Headers[i].Key != h.name {
			t.Errorf("header %s, want %s", got.Headers[i].Key, h.name)
		}
		r.same(t, "header "+h.name, h.text, got.Headers[i].Schema, got.Headers[i].Value)
	}
}

// classOf is the class of the original's error.
func classOf(err error) string {
	if data := (*connect.DataError)(nil); errors.As(err, &data) && data.Class != "" {
		return data.Class
	}
	return "org.apache.kafka.connect.errors.DataException"
}

func (r *recording) run(t *testing.T, c *recordedLine) {
	t.Helper()
	tr, err := build(c.Class, c.Config)
	if c.Error != "" && err != nil {
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	step := connecttest.NewStep(tr)
	for range 2 { // the second time with what has been kept of the schemas
		in := r.record(t, &step.Arena, c)
		// A tombstone that comes alone is one of a topic; one of a source shares the
		// headers of its delete.
		alone := c.Class == "io.debezium.transforms.ExtractChangedRecordState" && in.Value.IsNull()
		if alone {
			in.Partition = 0
		}
		out, err := step.Apply(in)
		switch {
		case c.Error != "" && err == nil:
			t.Fatalf("%d records, want the error %s", len(out), c.Error)
		case c.Error != "":
			if class := classOf(err); class != c.Error && c.Error != "java.lang.NullPointerException" {
				t.Fatalf("the error is a %s, want %s: %v", class, c.Error, err)
			}
			continue
		case err != nil:
			t.Fatal(err)
		case len(out) != len(c.Out):
			t.Fatalf("%d records, want %d", len(out), len(c.Out))
		}
		for i := range out {
			if alone {
				out[i].Partition = connect.NoPartition
			}
			r.compare(t, &c.Out[i], &out[i])
		}
	}
}

// TestRecorded compares with what the transforms of Kafka Connect 4.3.1 and Debezium
// 3.7.0 made of the same records: with schemas byte for byte.
func TestRecorded(t *testing.T) {
	for _, file := range []string{"smt-recorded.jsonl", "unwrap-recorded.jsonl", "outbox-recorded.jsonl", "bytable-recorded.jsonl", "debezium-recorded.jsonl"} {
		t.Run(file, func(t *testing.T) {
			r := readRecording(t, file)
			if len(r.cases) < 50 {
				t.Fatalf("the recording has %d cases", len(r.cases))
			}
			for i := range r.cases {
				c := &r.cases[i]
				t.Run(strings.TrimPrefix(strings.TrimPrefix(c.Class, smtPackage), "io.debezium.transforms."), func(t *testing.T) {
					r.run(t, c)
					if t.Failed() {
						t.Logf("%s with %v on %s", c.Class, c.Config, c.In)
					}
				})
			}
		})
	}
}
