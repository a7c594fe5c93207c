// SPDX-License-Identifier: Apache-2.0

//go:build referee

package referee

import (
	"fmt"
	"strings"
	"testing"

	"github.com/connectd/connectd/connect/avro"
	"github.com/connectd/connectd/test/harness"
)

const masked = "masked"

// always are members of an envelope that are the clock of the connector, or tell what
// it had seen before.
var always = []string{"ts_ms", "ts_us", "ts_ns"}

// ofSnapshots are members of the source block that say when and where the snapshot of
// this connector was taken.
var ofSnapshots = []string{"ts_ms", "ts_us", "ts_ns", "lsn", "txId", "xmin"}

// mask returns a JSON text with everything replaced that two runs cannot have in common.
func mask(text string) string {
	v, err := avro.ParseJSON([]byte(text))
	if err != nil {
		return text
	}
	event := v
	if p := v.Get("payload"); p != nil && v.Get("schema") != nil {
		event = p
	}
	if event.Kind != avro.JSONObject {
		return v.String()
	}
	source := event.Get("source")
	if source != nil {
		hide(event, always...)
		hide(source, "sequence")
		if s := source.Get("snapshot"); s != nil && s.Text != "false" {
			hide(source, ofSnapshots...)
		}
	}
	if event.Get("status") != nil && event.Get("event_count") != nil {
		hide(event, "ts_ms")
	}
	if len(event.Members) == 1 && event.Members[0].Name == "ts_ms" {
		hide(event, "ts_ms")
	}
	return v.String()
}

func hide(v *avro.JSON, names ...string) {
	for i := range v.Members {
		for _, name := range names {
			if m := &v.Members[i]; m.Name == name && m.Value.Kind != avro.JSONNull {
				m.Value = avro.StringJSON(masked)
			}
		}
	}
}

// line is one record as text.
func line(r harness.Record) string {
	part := func(text string, null bool) string {
		if null {
			return "null"
		}
		return mask(text)
	}
	var headers []string
	for _, h := range r.Headers {
		// Debezium does not tell which columns it had no value of.
		if h[0] == "__connectd.unavailable.columns" {
			continue
		}
		text := mask(h[1])
		if h[0] == "__debezium.context.runId" {
			text = masked
		}
		headers = append(headers, h[0]+"="+text)
	}
	return fmt.Sprintf("%d key %s\n    value %s\n    headers %s", r.Partition, part(r.Key, r.NullKey), part(r.Value, r.NullValue), strings.Join(headers, " "))
}

// compare fails the test with the first difference of each topic.
func compare(t *testing.T, theirs, ours map[string][]harness.Record) {
	t.Helper()
	for topic, want := range theirs {
		got := ours[topic]
		if len(got) != len(want) {
			t.Errorf("%s: %d records, Debezium has %d\n  Debezium %s\n  connectd %s", topic, len(got), len(want), outline(want), outline(got))
		}
		for i := range min(len(got), len(want)) {
			if w, g := line(want[i]), line(got[i]); w != g {
				t.Errorf("%s, record %d: %s", topic, i, around(w, g))
				break
			}
		}
	}
	for topic, got := range ours {
		if _, ok := theirs[topic]; !ok {
			t.Errorf("%s has %d records, Debezium has no such topic", topic, len(got))
		}
	}
}

// outline is what happened, in few words: operation and key of each record.
func outline(records []harness.Record) string {
	var b strings.Builder
	for i, r := range records {
		if i == 40 {
			return b.String() + "…"
		}
		key := r.Key
		if v, err := avro.ParseJSON([]byte(r.Key)); err == nil && v.Get("payload") != nil {
			key = v.Get("payload").String()
		}
		op := "tombstone"
		if v, err := avro.ParseJSON([]byte(r.Value)); err == nil && !r.NullValue {
			if p := v.Get("payload"); p != nil {
				v = p
			}
			op = "record"
			if o := v.Get("op"); o != nil {
				op = o.Text
			}
		}
		b.WriteString(op + key + " ")
	}
	return b.String()
}

// around shows both texts where they part.
func around(a, b string) string {
	i := 0
	for i < len(a) && i < len(b) && a[i] == b[i] {
		i++
	}
	cut := func(s string) string { return s[max(0, min(i-160, len(s))):min(len(s), i+160)] }
	return fmt.Sprintf("\n    Debezium …%s…\n    connectd …%s…", cut(a), cut(b))
}

func TestMasking(t *testing.T) {
	for name, c := range map[string]struct{ in, want string }{
		"a row":            {`{"before":null,"source":{"lsn":7,"snapshot":"false","sequence":"[]"},"ts_ms":5}`, `{"before":null,"source":{"lsn":7,"snapshot":"false","sequence":"masked"},"ts_ms":"masked"}`},
		"a snapshot's row": {`{"source":{"lsn":7,"snapshot":"true","xmin":null},"ts_ms":5}`, `{"source":{"lsn":"masked","snapshot":"true","xmin":null},"ts_ms":"masked"}`},
		"behind a schema":  {`{"schema":{"ts_ms":1},"payload":{"source":{"snapshot":"false"},"ts_us":1}}`, `{"schema":{"ts_ms":1},"payload":{"source":{"snapshot":"false"},"ts_us":"masked"}}`},
		"no envelope":      {`{"id":1,"ts_ms":5}`, `{"id":1,"ts_ms":5}`},
		"no JSON":          {`text`, `text`},
	} {
		if got := mask(c.in); got != c.want {
			t.Errorf("%s: %s", name, got)
		}
	}
}
