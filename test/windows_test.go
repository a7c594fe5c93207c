// SPDX-License-Identifier: Apache-2.0

package test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/connectd/connectd/connect/connecttest"
	"github.com/connectd/connectd/test/harness"
)

// windowConfig is the job of the transactions: by record time, over all keys.
func windowConfig(in, out, emit string) harness.Config {
	return harness.Config{
		"connector.class": "KafkaSource", "topics": in, "topic": out,
		"source.key.converter": "org.apache.kafka.connect.storage.StringConverter",
		"key.converter":        "org.apache.kafka.connect.json.JsonConverter", "key.converter.schemas.enable": "false",
		"value.converter": "org.apache.kafka.connect.json.JsonConverter", "value.converter.schemas.enable": "false",
		"transforms":           "paid,window",
		"transforms.paid.type": "Filter", "transforms.paid.condition": `value.status == "Paid"`,
		"transforms.window.type": "Window", "transforms.window.by": "global", "transforms.window.size.ms": "3000",
		"transforms.window.grace.ms": "2000", "transforms.window.emit": emit,
		"transforms.window.aggregates": "sum=sum(amount),count=count(),avg=avg(amount)",
	}
}

// byTextField makes the job read the time from a text of Berlin.
func byTextField(c harness.Config) harness.Config {
	c["transforms.window.timestamp.field"] = "event_timestamp"
	c["transforms.window.timestamp.format"] = "yyyy-MM-dd HH:mm:ss.SSS"
	c["transforms.window.timestamp.zone"] = "Europe/Berlin"
	return c
}

// row is one output of the window, as it is compared.
type row struct {
	Key        string
	Start, End int64
	Sum, Count int64
	Avg        float64
	Final      string // "true" and "false" with emit=both, otherwise empty
	TS         int64
}

func (r row) String() string {
	return fmt.Sprintf("%s [%d,%d) sum %d count %d avg %s final %q ts %d", r.Key, r.Start, r.End, r.Sum, r.Count,
		strconv.FormatFloat(r.Avg, 'g', -1, 64), r.Final, r.TS)
}

// parseRow reads a record of the output topic. The key is the start of the window, or
// for windows by key the object {"key":…,"window_start":…}.
func parseRow(t *testing.T, rec harness.Record) row {
	t.Helper()
	var v struct {
		Start int64 `json:"window_start"`
		End   int64 `json:"window_end"`
		Sum   int64
		Count int64
		Avg   float64
		Final *bool
	}
	d := json.NewDecoder(bytes.NewReader([]byte(rec.Value)))
	d.DisallowUnknownFields()
	if err := d.Decode(&v); err != nil {
		t.Fatalf("row %s: %v", rec.Value, err)
	}
	r := row{Key: "ALL", Start: v.Start, End: v.End, Sum: v.Sum, Count: v.Count, Avg: v.Avg, TS: rec.Timestamp.UnixMilli()}
	if v.Final != nil {
		r.Final = fmt.Sprint(*v.Final)
	}
	key := rec.Key
	var byKey struct {
		Key   string
		Start json.Number `json:"window_start"`
	}
	if json.Unmarshal([]byte(rec.Key), &byKey) == nil {
		r.Key, key = byKey.Key, byKey.Start.String()
	}
	if key != fmt.Sprint(v.Start) {
		t.Fatalf("a row has key %s and value %s", rec.Key, rec.Value)
	}
	return r
}

func rowTexts(t *testing.T, records []harness.Record) []string {
	t.Helper()
	out := make([]string, len(records))
	for i := range records {
		out[i] = parseRow(t, records[i]).String()
	}
	return out
}

// recording is one folder of testdata: what Kafka Streams made of an input.
type recording struct {
	input []harness.Record
	rows  map[string][]recordedRow // by mode
}

// recordedRow is a row and the number of the input record that released it.
type recordedRow struct {
	after int
	row
}

// readRecording gives each input the recorded time as its timestamp, or as a text in
// its value if it is to be read from there. All times are moved to today, by whole
// windows, since brokers delete what is older than some days.
func readRecording(t *testing.T, name string, asText bool) recording {
	t.Helper()
	r := recording{rows: map[string][]recordedRow{}}
	today := time.Now().Add(-time.Hour).Truncate(3 * time.Second).UnixMilli()
	for _, in := range connecttest.Lines[struct {
		Key   string
		TS    int64
		Value map[string]any
	}](t, filepath.Join("testdata", name, "input.jsonl")) {
		rec := harness.Record{Key: in.Key, Timestamp: time.UnixMilli(today + in.TS)}
		if asText {
			rec.Timestamp = time.Time{}
			in.Value["event_timestamp"] = berlin(t, today+in.TS)
		}
		rec.Value = marshal(t, in.Value)
		r.input = append(r.input, rec)
	}
	for _, mode := range []string{"every_change", "on_close"} {
		for _, out := range connecttest.Lines[struct {
			After       int
			Key         string
			WindowStart int64 `json:"window_start"`
			WindowEnd   int64 `json:"window_end"`
			Value       struct {
				Sum, Count int64
				Avg        float64
			}
			TS int64
		}](t, filepath.Join("testdata", name, "expected."+mode+".jsonl")) {
			r.rows[mode] = append(r.rows[mode], recordedRow{out.After, row{Key: out.Key, Start: today + out.WindowStart, End: today + out.WindowEnd,
				Sum: out.Value.Sum, Count: out.Value.Count, Avg: out.Value.Avg, TS: today + out.TS}})
		}
	}
	return r
}

func marshal(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func berlin(t *testing.T, ms int64) string {
	t.Helper()
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	return time.UnixMilli(ms).In(zone).Format("2006-01-02 15:04:05.000")
}

// wanted is the rows of a recording in the form of rowTexts. Rows of different keys
// that one record releases may come in any order, so they are sorted, as by sortLike.
func wanted(rows []recordedRow) (texts []string, sizes []int) {
	for i, r := range rows {
		texts = append(texts, r.String())
		if i > 0 && rows[i-1].after == r.after && rows[i-1].End == r.End {
			sizes[len(sizes)-1]++
		} else {
			sizes = append(sizes, 1)
		}
	}
	sortLike(texts, sizes)
	return texts, sizes
}

func sortLike(texts []string, sizes []int) {
	for at, i := 0, 0; i < len(sizes) && at+sizes[i] <= len(texts); i++ {
		slices.Sort(texts[at : at+sizes[i]])
		at += sizes[i]
	}
}

func TestWindowsAgreeWithRecordings(t *testing.T) {
	t.Parallel()
	d := harness.Start(t, harness.Settings{})
	const global, byKey = "tumbling_3s_paid_global", "tumbling_3s_grace_2s"
	for i, c := range []struct {
		folder, mode, emit string
		asText             bool
	}{
		{global, "every_change", "update", false},
		{global, "every_change", "update", true},
		{global, "on_close", "final", false},
		{global, "on_close", "final", true},
		{byKey, "every_change", "update", false},
		{byKey, "every_change", "update", true},
		{byKey, "on_close", "final", false},
		{byKey, "on_close", "final", true},
	} {
		t.Run(fmt.Sprintf("%s/%s/text=%v", c.folder, c.emit, c.asText), func(t *testing.T) {
			job := d.Name(fmt.Sprint("windows", i))
			in, out := job+"-in", job+"-out"
			d.CreateTopic(in, 1)
			d.CreateTopic(out, 1)
			config := windowConfig(in, out, c.emit)
			if c.asText {
				config = byTextField(config)
			}
			if c.folder == byKey {
				config["transforms"], config["transforms.window.by"] = "window", "key"
				maps.DeleteFunc(config, func(k, _ string) bool { return strings.HasPrefix(k, "transforms.paid.") })
			}
			recorded := readRecording(t, c.folder, c.asText)
			d.Create(job, config)
			d.Produce(in, recorded.input...)
			waitDone(d, job, in)
			want, sizes := wanted(recorded.rows[c.mode])
			got := rowTexts(t, d.Read(out))
			sortLike(got, sizes)
			compareLists(t, "rows", want, got)
			d.Must(204, "DELETE", "/connectors/"+job, nil)
		})
	}
}

// payments makes transactions, one each 100 ms from a start on: a tenth not paid, some
// out of order but within the grace, some too late for their windows.
type payments struct {
	r    *rand.Rand
	next int64 // ms
}

func (p *payments) events(n int) []harness.Record {
	out := make([]harness.Record, n)
	for i := range out {
		at := p.next
		switch p.r.IntN(20) {
		case 0:
			at -= 6000 + p.r.Int64N(20_000)
		case 1, 2, 3, 4, 5:
			at -= p.r.Int64N(1900)
		}
		status := "Paid"
		if p.r.IntN(10) == 0 {
			status, at = "Canceled", at+p.r.Int64N(60_000)
		}
		out[i] = harness.Record{Key: fmt.Sprintf("t%d", p.r.IntN(1000)), Timestamp: time.UnixMilli(at),
			Value: fmt.Sprintf(`{"amount":%d,"status":%q}`, p.r.IntN(500), status)}
		p.next += 100
	}
	return out
}

// windowOracle computes the rows of 3-second windows with 2 s of grace as a pure
// function of the input topic; it shares no code with the transform.
func windowOracle(t *testing.T, input []harness.Record) (updates, finals, both []row) {
	t.Helper()
	open := map[int64]*row{}
	now := int64(-1)
	for _, in := range input {
		var v struct {
			Amount int64
			Status string
		}
		if err := json.Unmarshal([]byte(in.Value), &v); err != nil {
			t.Fatal(err)
		}
		if v.Status != "Paid" {
			continue
		}
		ts := in.Timestamp.UnixMilli()
		now = max(now, ts)
		for _, start := range slices.Sorted(maps.Keys(open)) {
			if w := open[start]; w.End+2000 <= now {
				finals = append(finals, *w)
				both = append(both, flagged(*w, "true"))
				delete(open, start)
			}
		}
		start := ts - ts%3000
		if start+3000+2000 <= now {
			continue // late
		}
		w := open[start]
		if w == nil {
			w = &row{Key: "ALL", Start: start, End: start + 3000}
			open[start] = w
		}
		w.Sum, w.Count, w.TS = w.Sum+v.Amount, w.Count+1, max(w.TS, ts)
		w.Avg = float64(w.Sum) / float64(w.Count)
		updates = append(updates, *w)
		both = append(both, flagged(*w, "false"))
	}
	return updates, finals, both
}

func flagged(r row, final string) row {
	r.Final = final
	return r
}

func texts(rows []row) []string {
	out := make([]string, len(rows))
	for i := range rows {
		out[i] = rows[i].String()
	}
	return out
}

func TestHoursOfWindowsAreReplayedAcrossKills(t *testing.T) {
	t.Parallel()
	const hours = 3
	r := seeded(t)
	d := harness.Start(t, harness.Settings{})
	in, out, job := d.Name("transactions"), d.Name("windows"), d.Name("job")
	d.CreateTopic(in, 1)
	d.CreateTopic(out, 1)
	p := &payments{r: r, next: time.Now().Add(-(hours + 1) * time.Hour).UnixMilli()}
	for range hours * 12 { // five minutes each
		d.Produce(in, p.events(3000)...)
	}
	_, finals, _ := windowOracle(t, d.Read(in))
	if len(finals) < hours*3600/3-10 {
		t.Fatalf("the input closes %d windows only", len(finals))
	}
	d.Set("max.partition.fetch.bytes", "8192") // many small transactions, so that there is time to kill
	d.Kill()
	d.SetCrash("after-commit", 3)
	d.Start()
	d.Create(job, windowConfig(in, out, "final"))
	midway := 0
	for range kills(t) {
		if midway > 0 {
			d.Kill()
			d.SetCrash(crashPoints[r.IntN(len(crashPoints))], 1+r.IntN(4))
			d.Launch()
		}
		harness.Eventually(t, "the daemon kills itself, or the replay is over", func() error {
			if !d.Running() {
				midway++
				return nil
			}
			if !d.Ready() {
				return errors.New("it starts")
			}
			return isDone(d, job, in)
		})
	}
	if midway == 0 {
		t.Error("the daemon was not killed within the replay")
	}
	t.Logf("%d kills within the replay", midway)
	d.SetEnv()
	d.Kill()
	d.Start()
	waitDone(d, job, in)
	compareLists(t, "final rows", texts(finals), rowTexts(t, d.Read(out)))
	if !slices.IsSortedFunc(finals, func(a, b row) int { return int(a.End - b.End) }) {
		t.Error("final rows are not in the order of the windows' ends")
	}
}

func TestWindowsWhileTransactionsArriveAcrossKills(t *testing.T) {
	t.Parallel()
	r := seeded(t)
	d := harness.Start(t, harness.Settings{})
	in := d.Name("transactions")
	d.CreateTopic(in, 1)
	outputs := map[string]string{}
	for _, emit := range []string{"update", "final", "both"} {
		outputs[emit] = d.Name(emit)
		d.CreateTopic(outputs[emit], 1)
		d.Create(d.Name(emit), windowConfig(in, outputs[emit], emit))
	}
	p := &payments{r: r, next: time.Now().Add(-5 * time.Hour).UnixMilli()}
	for range kills(t) {
		kill := time.After(time.Duration(r.IntN(300)) * time.Millisecond)
		for killed := false; !killed; {
			select {
			case <-kill:
				d.Kill()
				killed = true
			default:
				d.Produce(in, p.events(1+r.IntN(100))...)
			}
		}
		d.Start()
	}
	d.Produce(in, p.events(200)...)
	updates, finals, both := windowOracle(t, d.Read(in))
	if len(finals) == 0 {
		t.Fatal("no window is over")
	}
	for emit, want := range map[string][]row{"update": updates, "final": finals, "both": both} {
		waitDone(d, d.Name(emit), in)
		compareLists(t, emit+" rows", texts(want), rowTexts(t, d.Read(outputs[emit])))
	}
}
