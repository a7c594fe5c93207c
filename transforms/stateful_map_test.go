// SPDX-License-Identifier: Apache-2.0

package transforms

import (
	"fmt"
	"strings"
	"testing"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/connecttest"
)

// The running sum, as bytewax gives it: 0, 1, 3, then after a restart 6 and 10.
func TestRunningSum(t *testing.T) {
	p := props{"key": `"ALL"`, "initial": "0", "next": "state + value", "emit": "state"}
	step := connecttest.NewStep(mustBuild(t, "StatefulMap", p))
	var got []string
	for i := range 5 {
		if i == 3 {
			step.Restart(mustBuild(t, "StatefulMap", p))
		}
		got = append(got, apply(step, rec(t, `null`, fmt.Sprint(i))))
	}
	if want := `in "ALL" 0|in "ALL" 1|in "ALL" 3|in "ALL" 6|in "ALL" 10`; strings.Join(got, "|") != want {
		t.Errorf("got %s", strings.Join(got, "|"))
	}
}

func TestStatefulMap(t *testing.T) {
	cases := []struct {
		name string
		p    props
		in   []string // key and value
		want []string
	}{
		{"by the record's key", props{"initial": "0", "next": "state + value"}, []string{`"a" 1`, `"b" 10`, `"a" 2`}, []string{`in "a" 1`, `in "b" 10`, `in "a" 3`}},
		{"no initial state", props{"next": "state == nil ? value : state * value"}, []string{`"a" 2`, `"a" 5`}, []string{`in "a" 2`, `in "a" 10`}},
		{"null state is deleted", props{"next": "value == 0 ? nil : (state ?? 0) + value"}, []string{`"a" 2`, `"a" 0`, `"a" 3`}, []string{`in "a" 2`, ``, `in "a" 3`}},
		{"null output is dropped", props{"initial": "0", "next": "state + 1", "emit": "state % 2 == 0 ? state : nil"}, []string{`"a" 1`, `"a" 1`, `"a" 1`, `"a" 1`}, []string{``, `in "a" 2`, ``, `in "a" 4`}},
		{"emit sees old and new", props{"initial": "0", "next": "max(state, value)", "emit": `{"now": state, "was": previous, "in": value}`}, []string{`"a" 3`, `"a" 1`},
			[]string{`in "a" {"now":3,"was":0,"in":3}`, `in "a" {"now":3,"was":3,"in":1}`}},
		{"composite state", props{"initial": "{n: 0, all: []}", "next": "{n: state.n + 1, all: concat(state.all, [value])}"}, []string{`"a" "x"`, `"a" {"y":1}`},
			[]string{`in "a" {"n":1,"all":["x"]}`, `in "a" {"n":2,"all":["x",{"y":1}]}`}},
		{"key by field", props{"key": "value.u", "initial": "0", "next": "state + value.n"}, []string{`"a" {"u":7,"n":1}`, `"b" {"u":7,"n":2}`}, []string{`in 7 1`, `in 7 3`}},
		{"composite key", props{"initial": "0", "next": "state + 1"}, []string{`{"l":"x"} 1`, `{"l":"x"} 1`, `{"l":"y"} 1`}, []string{`in {"l":"x"} 1`, `in {"l":"x"} 2`, `in {"l":"y"} 1`}},
		{"null key", props{"next": "value"}, []string{`null 1`}, []string{`error: stateful map: the key "key" is null`}},
		{"error leaves the state", props{"initial": "0", "next": "state + value"}, []string{`"a" 1`, `"a" "x"`, `"a" 2`},
			[]string{`in "a" 1`, `error: stateful map: next: expression "state + value", column 7: int64 + string: string() makes a text of a value`, `in "a" 3`}},
		{"error of emit leaves the state", props{"initial": "0", "next": "state + value", "emit": "10 / (state - 3)"}, []string{`"a" 3`, `"a" 4`}, []string{`error: stateful map: emit: expression "10 / (state - 3)", column 4: division by zero`, `in "a" 10`}},
		{"overflow", props{"initial": "9223372036854775807", "next": "state + value"}, []string{`"a" 1`}, []string{`error: stateful map: next: expression "state + value", column 7: the result does not fit a 64-bit integer; decimal() makes exact numbers of any size`}},
		{"decimals are exact", props{"initial": `decimal("9223372036854775807")`, "next": "state + value"}, []string{`"a" 1`, `"a" 1`}, []string{`in "a" 9223372036854775808`, `in "a" 9223372036854775809`}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			step := connecttest.NewStep(mustBuild(t, "StatefulMap", c.p))
			for i, in := range c.in {
				key, value, _ := strings.Cut(in, " ")
				if got := apply(step, rec(t, key, value)); got != c.want[i] {
					t.Errorf("%s gives %s, want %s", in, got, c.want[i])
				}
			}
		})
	}
}

func TestStatefulMapSpec(t *testing.T) {
	for key, byKey := range map[string]bool{"key": true, "(key)": true, "key.id": false, `"ALL"`: false} {
		spec := mustBuild(t, "StatefulMap", props{"key": key, "next": "value"}).(connect.Stateful).StateSpec()
		if spec.ByRecordKey != byKey || spec.Version != "statefulmap/1 key="+key {
			t.Errorf("%s: %+v", key, spec)
		}
	}
}

func TestStatefulMapDamagedState(t *testing.T) {
	for _, b := range [][]byte{{}, {2, 6, 2}, {1}, {1, 99, 0}, {1, 6, 2, 6, 2}} {
		step := connecttest.NewStep(mustBuild(t, "StatefulMap", props{"next": "value"}))
		if _, err := step.Apply(rec(t, `"a"`, `1`)); err != nil {
			t.Fatal(err)
		}
		step.State.Put([]byte(step.State.Keys()[0]), b)
		if _, err := step.Apply(rec(t, `"a"`, `1`)); err == nil || !strings.Contains(err.Error(), "the stored state is damaged") {
			t.Errorf("%x: %v", b, err)
		}
	}
}

func TestAcceptance(t *testing.T) {
	var input []connect.Record
	for i := range 40 {
		value := fmt.Sprintf(`{"n":%d,"s":"t%d"}`, i, i%5)
		if i%11 == 4 {
			value = `{"s":"broken"}`
		}
		input = append(input, rec(t, fmt.Sprintf(`"k%d"`, i%3), value))
	}
	for name, p := range map[string]props{
		"Filter":      {"condition": "value.n % 2 == 0"},
		"Map":         {"value": `{"m": n + 1, "t": s + "x"}`, "key": "value.s"},
		"Route":       {"rules": "value.n > 20 -> big", "default.topic": "small"},
		"Validate":    {"rules": "n: value.n > 3"},
		"RegexRouter": {"regex": "(.).*", "replacement": "$1"},
		"StatefulMap": {"key": "value.s", "initial": `{"sum": 0, "last": ""}`, "next": `{"sum": state.sum + value.n, "last": key}`, "emit": "state.sum > 30 ? state : nil"},
	} {
		t.Run(name, func(t *testing.T) {
			connecttest.Transform(t, connecttest.TransformCase{New: func() connect.Transform { return mustBuild(t, name, p) }, Input: input})
		})
	}
}

func BenchmarkSteps(b *testing.B) {
	for _, c := range []struct {
		name string
		p    props
	}{
		{"Filter", props{"condition": `value.status == "Paid"`}},
		{"Map", props{"value": `{"id": value.id, "total": value.n * 2}`}},
		{"Route", props{"rules": "value.n > 20 -> big", "default.topic": "small"}},
		{"StatefulMap", props{"initial": "0", "next": "state + value.n"}},
	} {
		b.Run(c.name, func(b *testing.B) {
			tr := mustBuild(b, c.name, c.p)
			value, key := connecttest.Parse(b, `{"id":7,"status":"Paid","n":1}`), connecttest.Parse(b, `"k"`)
			state := &oneKey{}
			ctx := &connect.Context{Arena: new(connect.Arena), State: state}
			b.ReportAllocs()
			b.ResetTimer()
			var r connect.Record
			for i := range b.N {
				if i%1024 == 0 {
					ctx.Arena.Reset()
				}
				r.Topic, r.Key, r.Value = "in", key, value
				if err := tr.Apply(ctx, &r, func(*connect.Record) {}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// oneKey is a state that holds one key, so that the benchmark shows the step.
type oneKey struct {
	connect.State
	value []byte
}

func (s *oneKey) Get([]byte) ([]byte, bool) { return s.value, s.value != nil }
func (s *oneKey) Put(_, value []byte)       { s.value = append(s.value[:0], value...) }

// The bytes of a state outlive the program: this pins them.
func TestStatefulMapGoldenState(t *testing.T) {
	step := connecttest.NewStep(mustBuild(t, "StatefulMap", props{"initial": "{n: 0}", "next": "{n: state.n + value}"}))
	apply(step, rec(t, `"a"`, `5`))
	for _, k := range step.State.Keys() {
		v, _ := step.State.Get([]byte(k))
		if got := fmt.Sprintf("%x %x", k, v); got != "090161 010c0109016e060a" {
			t.Errorf("stored %s", got)
		}
	}
	if len(step.State.Keys()) != 1 {
		t.Error(step.State.Keys())
	}
}
