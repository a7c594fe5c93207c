// SPDX-License-Identifier: Apache-2.0

//go:build referee

package referee

import (
	"fmt"
	"regexp"
	"slices"
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
		if s := source.Get("table"); s != nil && strings.HasPrefix(s.Text, "signal_") {
			hide(source, ofSnapshots...)
		}
	}
	if event.Get("status") != nil && event.Get("event_count") != nil {
		hide(event, "ts_ms")
	}
	if len(event.Members) == 1 && event.Members[0].Name == "ts_ms" {
		hide(event, "ts_ms")
	}
	if strings.Contains(text, "io.debezium.connector.common.Notification") {
		hideNotification(event)
	}
	return v.String()
}

var uuidText = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

// hideNotification hides when a notification was made, and its identifier if no signal has
// given it. Java's sets, and its maps but those of incremental snapshots, have an order by
// chance: lists of tables and such data are sorted.
func hideNotification(event *avro.JSON) {
	if id := event.Get("id"); id != nil && uuidText.MatchString(id.Text) {
		hide(event, "id")
	}
	hide(event, "timestamp")
	data := event.Get("additional_data")
	if data == nil { // the key
		return
	}
	if kind := event.Get("aggregate_type"); kind == nil || kind.Text != "Incremental Snapshot" {
		slices.SortFunc(data.Members, func(a, b avro.Member) int { return strings.Compare(a.Name, b.Name) })
	}
	for i := range data.Members {
		if m := &data.Members[i]; m.Name == "data_collections" {
			tables := strings.Split(m.Value.Text, ",")
			slices.Sort(tables)
			m.Value = avro.StringJSON(strings.Join(tables, ","))
		}
	}
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

// ofSignals makes one name of those of the two tables of signals.
var ofSignals = strings.NewReplacer("signal_theirs", "signal_SIDE", "signal_ours", "signal_SIDE")

// isWatermark reports whether a record is of a row by which Debezium marks a chunk of an
// incremental snapshot in the table of signals.
func isWatermark(topic string, r harness.Record) bool {
	key := string(r.Key)
	return strings.Contains(topic, ".signal_") && (strings.Contains(key, "-open\"") || strings.Contains(key, "-close\""))
}

// lines are the records of each topic as text. Of heartbeats that follow each other
// only one stays: how many there are is a matter of time. Each side has a table of signals
// of its own, whose rows are compared but for their places.
func lines(topics map[string][]harness.Record) map[string][]string {
	out := map[string][]string{}
	for topic, records := range topics {
		all := make([]string, 0, len(records))
		for _, r := range records {
			if isWatermark(topic, r) {
				continue
			}
			l := ofSignals.Replace(line(r))
			if n := len(all); n > 0 && all[n-1] == l && strings.Contains(l, "Heartbeat") {
				continue
			}
			all = append(all, l)
		}
		out[ofSignals.Replace(topic)] = all
	}
	return out
}

// difference is what connectd does otherwise, on purpose.
type difference struct {
	// why says what and why; row is the first cell of the line in the table of
	// differences in connectors/postgrescdc/README.md, or "" for one of single values.
	why, row string
	// replace is pairs of regular expressions and replacements, as for
	// Regexp.ReplaceAllString: they make of each line of Debezium's the one that
	// connectd must write. A line that becomes empty must not be there.
	replace []string
}

// translate returns what connectd must write where Debezium has written this, and
// whether that is something else.
func (d *difference) translate(theirs map[string][]harness.Record) (want map[string][]string, translated bool) {
	want = lines(theirs)
	if d == nil {
		return want, false
	}
	for topic, all := range want {
		kept := make([]string, 0, len(all))
		for _, l := range all {
			was := l
			for i := 0; i < len(d.replace); i += 2 {
				l = regexp.MustCompile(d.replace[i]).ReplaceAllString(l, d.replace[i+1])
			}
			translated = translated || l != was
			if l != "" {
				kept = append(kept, l)
			}
		}
		if want[topic] = kept; len(kept) == 0 && len(all) > 0 {
			delete(want, topic)
		}
	}
	return want, translated
}

// differences are the first difference of each topic.
func differences(want, got map[string][]string) []string {
	var out []string
	for topic, w := range want {
		g := got[topic]
		if len(g) != len(w) {
			out = append(out, fmt.Sprintf("%s: %d records, want %d\n  want     %s\n  connectd %s", topic, len(g), len(w), outline(w), outline(g)))
		}
		for i := range min(len(g), len(w)) {
			if w[i] != g[i] {
				out = append(out, fmt.Sprintf("%s, record %d: %s", topic, i, around(w[i], g[i])))
				break
			}
		}
	}
	for topic, g := range got {
		if _, ok := want[topic]; !ok {
			out = append(out, fmt.Sprintf("%s has %d records, there must be no such topic", topic, len(g)))
		}
	}
	slices.Sort(out)
	return out
}

var (
	keyOf = regexp.MustCompile(`"payload":(\{[^}]*\})\}\n    value`)
	opOf  = regexp.MustCompile(`"op":"(\w)"`)
)

// outline is what happened, in few words: operation and key of each record.
func outline(lines []string) string {
	var b strings.Builder
	for i, l := range lines {
		if i == 40 {
			return b.String() + "…"
		}
		op, key := "-", ""
		if m := opOf.FindStringSubmatch(l); m != nil {
			op = m[1]
		}
		if m := keyOf.FindStringSubmatch(l); m != nil {
			key = m[1]
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
	return fmt.Sprintf("\n    want     …%s…\n    connectd …%s…", cut(a), cut(b))
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

func TestDifferences(t *testing.T) {
	want, got := map[string][]string{"a": {"1", "2"}, "b": {"1"}}, map[string][]string{"a": {"1", "3"}, "c": {"1"}}
	found := strings.Join(differences(want, got), "|")
	for _, part := range []string{"a, record 1:", "b: 0 records, want 1", "c has 1 records, there must be no such topic"} {
		if !strings.Contains(found, part) {
			t.Errorf("%q is not in %s", part, found)
		}
	}
	if d := differences(want, want); len(d) > 0 {
		t.Errorf("the same differs: %v", d)
	}
}
