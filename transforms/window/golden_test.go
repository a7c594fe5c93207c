// SPDX-License-Identifier: Apache-2.0

package window_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/connecttest"
	"github.com/connectd/connectd/transforms"
)

// The golden cases are recordings of Kafka Streams, and of Flink where it has the same.
var goldenCases = []string{"tumbling_3s_grace_0", "tumbling_3s_grace_2s", "tumbling_3s_nulls", "tumbling_3s_paid_global"}

type props map[string]string

func build(t testing.TB, name string, p props) connect.Transform {
	t.Helper()
	list := connect.Plugins{Transforms: transforms.Plugins()}
	plugin := list.Transform(name)
	c, errs := plugin.Config.Parse(p)
	if plugin.Validate != nil {
		errs = append(errs, plugin.Validate(c)...)
	}
	if err := errs.OrNil(); err != nil {
		t.Fatal(err)
	}
	tr, err := plugin.New(connect.TransformContext{Config: c})
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

type goldenInput struct {
	Seq   int
	Topic string
	Key   json.RawMessage
	TS    int64
	Value json.RawMessage
}

type goldenRow struct {
	After       int
	Key         string
	WindowStart int64 `json:"window_start"`
	WindowEnd   int64 `json:"window_end"`
	Value       struct {
		Sum, Count int64
		Avg        float64
	}
	TS int64
}

// text is what a row says, for comparison.
func (r *goldenRow) text() string {
	return fmt.Sprintf("after %d: %s [%d,%d) sum %d count %d avg %s ts %d", r.After, r.Key, r.WindowStart, r.WindowEnd,
		r.Value.Sum, r.Value.Count, strconv.FormatFloat(r.Value.Avg, 'g', -1, 64), r.TS)
}

func outputText(seq int, r *connect.Record) string {
	get := func(name string) connect.Value { v, _ := r.Value.Get(name); return v }
	key, start := "ALL", r.Key
	if k, ok := r.Key.Get("key"); ok {
		key = k.Str()
		start, _ = r.Key.Get("window_start")
	}
	if !connect.Equal(start, get("window_start")) {
		return fmt.Sprintf("the key %s is not that of %s", connecttest.Text(r.Key), connecttest.Text(r.Value))
	}
	return fmt.Sprintf("after %d: %s [%d,%d) sum %d count %d avg %s ts %d", seq, key, start.Int(), get("window_end").Int(),
		get("sum").Int(), get("count").Int(), strconv.FormatFloat(get("avg").Float(), 'g', -1, 64), r.Timestamp)
}

func TestGolden(t *testing.T) {
	for _, name := range goldenCases {
		for mode, emit := range map[string]string{"every_change": "update", "on_close": "final"} {
			t.Run(name+"/"+mode, func(t *testing.T) { runGolden(t, name, mode, emit) })
		}
	}
}

func runGolden(t *testing.T, name, mode, emit string) {
	var config struct {
		Size  int64 `json:"size_ms"`
		Grace int64 `json:"grace_ms"`
	}
	b, err := os.ReadFile(filepath.Join("testdata", name, "config.json"))
	if err == nil {
		err = json.Unmarshal(b, &config)
	}
	if err != nil {
		t.Fatal(err)
	}
	p := props{"size.ms": fmt.Sprint(config.Size), "grace.ms": fmt.Sprint(config.Grace), "emit": emit, "aggregates": "sum=sum(amount),count=count(),avg=avg(amount)"}
	var filter *connecttest.Step
	if strings.HasSuffix(name, "global") {
		p["by"] = "global"
		filter = connecttest.NewStep(build(t, "Filter", props{"condition": `value.status == "Paid"`}))
	}
	step := connecttest.NewStep(build(t, "Window", p))
	var got []string
	drops := map[int]int{}
	for _, in := range connecttest.Lines[goldenInput](t, filepath.Join("testdata", name, "input.jsonl")) {
		r := connect.Record{Topic: in.Topic, Timestamp: in.TS, Key: connecttest.Parse(t, string(in.Key)), Value: connecttest.Parse(t, string(in.Value))}
		if filter != nil {
			if out, err := filter.Apply(r); err != nil || len(out) == 0 {
				continue
			}
		}
		late := step.Late
		out, err := step.Apply(r)
		if err != nil {
			t.Fatalf("record %d: %v", in.Seq, err)
		}
		if step.Late > late || r.Key.IsNull() {
			drops[in.Seq]++
		}
		for i := range out {
			got = append(got, outputText(in.Seq, &out[i]))
		}
	}
	var want []string
	for _, row := range connecttest.Lines[goldenRow](t, filepath.Join("testdata", name, "expected."+mode+".jsonl")) {
		want = append(want, row.text())
	}
	slices.Sort(got) // within one record the order between keys is an engine's own
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	for _, d := range connecttest.Lines[struct{ Seq, Drops int }](t, filepath.Join("testdata", name, "dropped."+mode+".jsonl")) {
		if drops[d.Seq] != d.Drops {
			t.Errorf("record %d: %d dropped, want %d", d.Seq, drops[d.Seq], d.Drops)
		}
		delete(drops, d.Seq)
	}
	if len(drops) != 0 {
		t.Errorf("dropped too many: %v", drops)
	}
}
