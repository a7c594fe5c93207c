// SPDX-License-Identifier: Apache-2.0

package window_test

import (
	"errors"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/connecttest"
	"github.com/connectd/connectd/transforms/window"
)

var update = flag.Bool("update", false, "write golden files")

func rec(t testing.TB, key string, ts int64, value string) connect.Record {
	t.Helper()
	return connect.Record{
		Topic: "tx", Partition: 1, Timestamp: ts, Key: connecttest.Parse(t, key), Value: connecttest.Parse(t, value),
		Headers: []connect.Header{{Key: "h", Value: connect.String("of one record")}},
	}
}

// apply runs a record and writes its rows, or its error.
func apply(step *connecttest.Step, r connect.Record) string {
	out, err := step.Apply(r)
	if err != nil {
		return "error: " + err.Error()
	}
	var lines []string
	for i := range out {
		lines = append(lines, connecttest.Text(out[i].Key)+" "+connecttest.Text(out[i].Value))
	}
	return strings.Join(lines, "; ")
}

func with(more props) props {
	p := props{"size.ms": "10", "by": "global", "aggregates": "n=count()"}
	for k, v := range more {
		p[k] = v
	}
	return p
}

func TestWindow(t *testing.T) {
	row := func(start, n int) string {
		return fmt.Sprintf(`%d {"window_start":%d,"window_end":%d,"n":%d}`, start, start, start+10, n)
	}
	type in struct {
		key   string
		ts    int64
		value string
		want  string
	}
	cases := []struct {
		name string
		p    props
		in   []in
	}{
		{"a window is half open", with(nil), []in{{`1`, 0, `1`, row(0, 1)}, {`1`, 9, `1`, row(0, 2)}, {`1`, 10, `1`, row(10, 1)}, {`1`, 9, `1`, ""}}},
		{"times before 1970", with(nil), []in{{`1`, -10, `1`, row(-10, 1)}, {`1`, -11, `1`, ""}, {`1`, 0, `1`, row(0, 1)}}},
		{"times before 1970, below a boundary", with(props{"grace.ms": "100"}), []in{{`1`, -11, `1`, row(-20, 1)}, {`1`, -2, `1`, row(-10, 1)}, {`1`, -20, `1`, row(-20, 2)}}},
		{"offset", with(props{"offset.ms": "3"}), []in{{`1`, 2, `1`, row(-7, 1)}, {`1`, 3, `1`, row(3, 1)}, {`1`, 12, `1`, row(3, 2)}}},
		{"negative offset", with(props{"offset.ms": "-7"}), []in{{`1`, 3, `1`, row(3, 1)}}},
		{"grace keeps a window open", with(props{"grace.ms": "5"}), []in{{`1`, 5, `1`, row(0, 1)}, {`1`, 14, `1`, row(10, 1)}, {`1`, 5, `1`, row(0, 2)}, {`1`, 15, `1`, row(10, 2)}, {`1`, 5, `1`, ""}}},
		{"final rows come with what releases them", with(props{"emit": "final", "grace.ms": "0"}), []in{{`1`, 5, `1`, ""}, {`1`, 6, `1`, ""}, {`1`, 30, `1`, row(0, 2)}, {`1`, 60, `1`, row(30, 1)}}},
		{"both, told apart", with(props{"emit": "both", "grace.ms": "0", "final.field": "done"}), []in{{`1`, 5, `1`, `0 {"window_start":0,"window_end":10,"n":1,"done":false}`},
			{`1`, 10, `1`, `0 {"window_start":0,"window_end":10,"n":1,"done":true}; 10 {"window_start":10,"window_end":20,"n":1,"done":false}`}}},
		{"by key", with(props{"by": "key"}), []in{{`"a"`, 1, `1`, `{"key":"a","window_start":0} {"window_start":0,"window_end":10,"n":1}`}, {`"b"`, 2, `1`, `{"key":"b","window_start":0} {"window_start":0,"window_end":10,"n":1}`},
			{`"a"`, 3, `1`, `{"key":"a","window_start":0} {"window_start":0,"window_end":10,"n":2}`}}},
		{"a key that is a map", with(props{"by": "key", "start.field": "from", "end.field": "to"}), []in{{`{"location":"Rimini"}`, 1, `1`, `{"location":"Rimini","from":0} {"from":0,"to":10,"n":1}`}}},
		{"a text and a number are two keys", with(props{"by": "key", "key.field": "k"}), []in{{`"1"`, 1, `1`, `{"k":"1","window_start":0} {"window_start":0,"window_end":10,"n":1}`}, {`1`, 1, `1`, `{"k":1,"window_start":0} {"window_start":0,"window_end":10,"n":1}`}}},
		{"no key", with(props{"by": "key"}), []in{{`null`, 100, `1`, ""}, {`"a"`, 1, `1`, `{"key":"a","window_start":0} {"window_start":0,"window_end":10,"n":1}`}}},
		{"no key is an error", with(props{"by": "key", "null.key": "error"}), []in{{`null`, 100, `1`, "error: window: the record has no key to group by"}}},
		{"late is an error", with(props{"late": "error"}), []in{{`1`, 12, `1`, row(10, 1)}, {`1`, 9, `1`, "error: window: the record of 9 is late: its window [0, 10) was over at 10, and stream time is 12"}}},
		{"no timestamp", with(nil), []in{{`1`, connect.NoTimestamp, `1`, "error: window: timestamp: the record has no timestamp"}}},
		{"a timestamp in nanoseconds", with(nil), []in{{`1`, 1700000000000000000, `1`, "error: window: timestamp: it is not between the years 1 and 9999: is the unit right?"}, {`1`, 5, `1`, row(0, 1)}}},
		{"an error moves nothing", with(props{"aggregates": "n=sum(value)", "emit": "final", "grace.ms": "0"}), []in{{`1`, 5, `1`, ""}, {`1`, 100, `"x"`, "error: window: n=sum(value): it is not a number"}, {`1`, 6, `2`, ""}, {`1`, 10, `1`, row(0, 3)}}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			step := connecttest.NewStep(build(t, "Window", c.p))
			for i, in := range c.in {
				if got := apply(step, rec(t, in.key, in.ts, in.value)); got != in.want {
					t.Errorf("record %d at %d: %s, want %s", i, in.ts, got, in.want)
				}
			}
		})
	}
}

func TestAggregates(t *testing.T) {
	const most = "9223372036854775807"
	cases := []struct {
		aggregate string
		values    []string
		want      string // the last row's column
	}{
		{"count()", []string{`{"a":1}`, `{}`, `null`}, "3"},
		{"count(a)", []string{`{"a":1}`, `{}`, `null`, `{"a":null}`, `{"a":0}`}, "2"},
		{"count(a > 1)", []string{`{"a":1}`, `{"a":2}`}, "2"},
		{"count(a > 1 ? a : nil)", []string{`{"a":1}`, `{"a":2}`}, "1"},
		{"sum(a)", []string{`{"a":1}`, `{"a":-3}`}, "-2"},
		{"sum(a)", []string{`{}`}, "0"},
		{"sum(a)", []string{`{"a":1}`, `{"a":0.5}`, `{"a":2}`}, "3.5"},
		{"sum(a)", []string{`{"a":` + most + `}`, `{"a":1}`}, "error: window: x=sum(a): the sum does not fit a 64-bit integer; sum(decimal(…)) is exact at any size"},
		{"sum(a)", []string{`{"a":-` + most + `}`, `{"a":-2}`}, "error: window: x=sum(a): the sum does not fit a 64-bit integer; sum(decimal(…)) is exact at any size"},
		{"sum(decimal(a))", []string{`{"a":` + most + `}`, `{"a":1}`}, "9223372036854775808"},
		{"sum(decimal(a))", []string{`{"a":"0.1"}`, `{"a":"0.2"}`}, "0.3"},
		{"sum(a * b)", []string{`{"a":2,"b":3}`, `{"a":4,"b":5}`}, "26"},
		{"sum(a)", []string{`{"a":"1"}`}, "error: window: x=sum(a): it is not a number"},
		{"avg(a)", []string{`{"a":1}`, `{"a":2}`}, "1.5"},
		{"avg(a)", []string{`{"a":1}`, `{}`}, "1"},
		{"avg(a)", []string{`{"a":1}`, `null`}, "0.5"},
		{"avg(a)", []string{`{}`}, "null"},
		{"avg(a)", []string{`{"a":-1}`, `{"a":` + most + `}`}, "4.611686018427388e+18"},
		{"avg(a)", []string{`{"a":` + most + `}`, `{"a":` + most + `}`, `{"a":` + most + `}`}, "9.223372036854775807e+18"},
		{"min(a)", []string{`{"a":3}`, `{"a":1}`, `{"a":2}`, `{}`, `null`}, "1"},
		{"max(a)", []string{`{"a":3}`, `{"a":5.5}`, `{"a":2}`}, "5.5"},
		{"max(a)", []string{`{"a":"b"}`, `{"a":"c"}`, `{"a":"a"}`}, `"c"`},
		{"min(a)", []string{`{}`}, "null"},
		{"min(a)", []string{`{"a":1}`, `{"a":"x"}`}, "error: window: x=min(a): string and int64 have no order"},
		{"max(a)", []string{`{"a":true}`}, "error: window: x=max(a): boolean and boolean have no order"},
	}
	for _, c := range cases {
		step := connecttest.NewStep(build(t, "Window", with(props{"aggregates": "x=" + c.aggregate})))
		var got string
		for _, v := range c.values {
			out, err := step.Apply(rec(t, `1`, 5, v))
			if err != nil {
				got = "error: " + err.Error()
				continue
			}
			x, _ := out[0].Value.Get("x")
			got = connecttest.Text(x)
		}
		if want := strings.Replace(c.want, "9.223372036854775807e+18", "9.223372036854776e+18", 1); got != want {
			t.Errorf("%s of %v: %s, want %s", c.aggregate, c.values, got, want)
		}
	}
}

func TestTimestampField(t *testing.T) {
	cases := []struct{ field, format, zone, value, want string }{
		{"t", "epoch_ms", "UTC", `{"t":1700000000123}`, "1700000000120"},
		{"t", "epoch_ms", "UTC", `{"t":"1700000000123"}`, "1700000000120"},
		{"t", "epoch_s", "UTC", `{"t":1700000000}`, "1700000000000"},
		{"t", "epoch_s", "UTC", `{"t":1700000000.125}`, "1700000000120"},
		{"t", "epoch_s", "UTC", `{"t":-1.5}`, "-1500"},
		{"e.t", "epoch_ms", "UTC", `{"e":{"t":7}}`, "0"},
		{"e.t", "epoch_ms", "UTC", `{"e.t":17}`, "10"},
		{"t", "yyyy-MM-dd HH:mm:ss.SSS", "UTC", `{"t":"2023-02-28 23:59:59.123"}`, "1677628799120"},
		{"t", "yyyy-MM-dd HH:mm:ss.SSS", "America/Sao_Paulo", `{"t":"2023-02-28 20:59:59.123"}`, "1677628799120"},
		{"t", "epoch_ms", "UTC", `{}`, "error: window: timestamp field t: the field is null or missing"},
		{"t", "epoch_ms", "UTC", `null`, "error: window: timestamp field t: the field is null or missing"},
		{"t", "epoch_ms", "UTC", `{"t":"x"}`, `error: window: timestamp field t: "x" is not a number; timestamp.format names a pattern for texts`},
		{"t", "epoch_ms", "UTC", `{"t":true}`, `error: window: timestamp field t: boolean is not a time`},
		{"t", "epoch_s", "UTC", `{"t":1700000000000}`, "error: window: timestamp field t: it is not between the years 1 and 9999: is the unit right?"},
		{"t", "yyyy-MM-dd", "UTC", `{"t":"2023-02-30"}`, `error: window: timestamp field t: "2023-02-30" is not a time of the pattern "yyyy-MM-dd": there is no such day`},
		{"t", "yyyy-MM-dd", "UTC", `{"t":5}`, `error: window: timestamp field t: int64 is not a text to be read by a pattern`},
	}
	for _, c := range cases {
		step := connecttest.NewStep(build(t, "Window", with(props{"timestamp.field": c.field, "timestamp.format": c.format, "timestamp.zone": c.zone})))
		got := apply(step, rec(t, `1`, 0, c.value))
		if start, _, found := strings.Cut(got, " {"); found {
			got = start
		}
		if got != c.want {
			t.Errorf("%s as %s: %s, want %s", c.value, c.format, got, c.want)
		}
	}
	step := connecttest.NewStep(build(t, "Window", with(props{"timestamp.field": "t"})))
	r := rec(t, `1`, 0, `null`)
	r.Value = connect.Map([]connect.MapEntry{{Key: connect.String("t"), Value: connect.Timestamp(25)}})
	if got := apply(step, r); !strings.HasPrefix(got, "20 ") {
		t.Error(got)
	}
}

func TestRowsOfRecordAndTimer(t *testing.T) {
	step := connecttest.NewStep(build(t, "Window", with(props{"emit": "both", "grace.ms": "0"})))
	var rows []connect.Record
	for _, ts := range []int64{7, 3, 12} {
		out, err := step.Apply(rec(t, `1`, ts, `1`))
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, out...)
	}
	for i, ts := range []int64{7, 7, 7, 12} {
		r := rows[i]
		if r.Topic != "tx" || r.Timestamp != ts || r.Partition != connect.NoPartition || len(r.Headers) != 0 {
			t.Errorf("row %d: topic %q, time %d, partition %d, %d headers", i, r.Topic, r.Timestamp, r.Partition, len(r.Headers))
		}
	}
}

func TestLateHeaders(t *testing.T) {
	step := connecttest.NewStep(build(t, "Window", with(props{"late": "error"})))
	apply(step, rec(t, `1`, 25, `1`))
	_, err := step.Apply(rec(t, `1`, 3, `1`))
	var data *connect.DataError
	if !errors.As(err, &data) || data.Rule != "late" {
		t.Fatal(err)
	}
	var got []string
	for _, h := range data.Headers {
		got = append(got, h.Key+"="+h.Value.Str())
	}
	if want := "__connectd.late.window.start=0 __connectd.late.window.end=10 __connectd.late.stream.time=25"; strings.Join(got, " ") != want {
		t.Error(got)
	}
	if step.Late != 0 {
		t.Error("what is refused is not counted too")
	}
}

// Final rows against an oracle: each window once, complete, in order of its end,
// whatever the jumps of time and the restarts; nothing stays behind in state.
func TestFinalRowsAreCompleteAndInOrder(t *testing.T) {
	const size, grace = 50, 20
	p := props{"size.ms": fmt.Sprint(size), "grace.ms": fmt.Sprint(grace), "emit": "final", "aggregates": "n=count(),total=sum(v)"}
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 1))
		step := connecttest.NewStep(build(t, "Window", p))
		type id struct {
			key   string
			start int64
		}
		want, got := map[id][2]int64{}, map[id][2]int64{}
		now, stream, lastEnd, late := int64(-500), int64(math.MinInt64), int64(math.MinInt64), 0
		feed := func(key string, ts, v int64) {
			start := ts - ((ts%size)+size)%size
			now, stream = max(now, ts), max(stream, ts)
			if start+size+grace > stream {
				sums := want[id{key, start}]
				want[id{key, start}] = [2]int64{sums[0] + 1, sums[1] + v}
			} else {
				late++
			}
			out, err := step.Apply(rec(t, fmt.Sprintf("%q", key), ts, fmt.Sprintf(`{"v":%d}`, v)))
			if err != nil {
				t.Fatal(err)
			}
			for _, row := range out {
				k, _ := row.Key.Get("key")
				field := func(name string) int64 { v, _ := row.Value.Get(name); return v.Int() }
				at := id{k.Str(), field("window_start")}
				if _, twice := got[at]; twice {
					t.Fatalf("seed %d: %v comes out twice", seed, at)
				}
				if field("window_end") < lastEnd {
					t.Fatalf("seed %d: %v comes out of order", seed, at)
				}
				lastEnd = field("window_end")
				got[at] = [2]int64{field("n"), field("total")}
			}
		}
		for range 400 {
			ts := now - r.Int64N(120) + r.Int64N(150)
			if r.IntN(40) == 0 {
				ts = now + r.Int64N(5000)
			}
			feed(fmt.Sprintf("k%d", r.IntN(4)), ts, r.Int64N(100))
			if r.IntN(30) == 0 {
				step.Restart(build(t, "Window", p))
			}
		}
		feed("end", now+10_000, 0)
		delete(want, id{"end", now - ((now%size)+size)%size})
		if len(got) != len(want) || late != step.Late || late == 0 {
			t.Fatalf("seed %d: %d windows, want %d; %d late, want %d", seed, len(got), len(want), step.Late, late)
		}
		for at, sums := range want {
			if got[at] != sums {
				t.Fatalf("seed %d: %v has %v, want %v", seed, at, got[at], sums)
			}
		}
		if keys := step.State.Keys(); len(keys) != 1 || step.State.Timers() != 1 {
			t.Fatalf("seed %d: %d windows and %d timers stay behind, want those of the last record", seed, len(keys), step.State.Timers())
		}
	}
}

func TestAcceptance(t *testing.T) {
	var input []connect.Record
	r := rand.New(rand.NewPCG(7, 7))
	for i := range int64(80) {
		value := fmt.Sprintf(`{"amount":%d,"who":"w%d"}`, r.IntN(100), r.IntN(5))
		if i%13 == 6 {
			value = `{"amount":"broken"}`
		}
		input = append(input, rec(t, fmt.Sprintf(`"k%d"`, i%3), i*700-r.Int64N(4000), value))
	}
	for _, emit := range []string{"update", "final", "both"} {
		for _, by := range []string{"key", "global"} {
			for _, late := range []string{"drop", "error"} {
				p := props{"size.ms": "3000", "grace.ms": "1000", "emit": emit, "by": by, "late": late, "aggregates": "n=count(),s=sum(amount),a=avg(amount),lo=min(who),hi=max(amount)"}
				t.Run(emit+"/"+by+"/"+late, func(t *testing.T) {
					connecttest.Transform(t, connecttest.TransformCase{New: func() connect.Transform { return build(t, "Window", p) }, Input: input})
				})
			}
		}
	}
}

func TestStateSpec(t *testing.T) {
	spec := func(p props) connect.StateSpec { return build(t, "Window", p).(connect.Stateful).StateSpec() }
	global := spec(with(props{"aggregates": "a=sum( x ), n=count()"}))
	if want := "window/1 tumbling size=10 offset=0 grace=0 by=global aggregates=sum( x ),count()"; global.Version != want || global.ByRecordKey {
		t.Errorf("%+v", global)
	}
	if other := spec(with(props{"aggregates": "b=sum( x ),m=count()"})); other != global {
		t.Error("the names of columns are not in the state")
	}
	if byKey := spec(with(props{"by": "key"})); !byKey.ByRecordKey {
		t.Errorf("%+v", byKey)
	}
	for name, v := range map[string]string{"size.ms": "11", "offset.ms": "1", "grace.ms": "1", "by": "key", "aggregates": "n=count(x)"} {
		if spec(with(props{name: v})).Version == spec(with(nil)).Version {
			t.Errorf("%s is not in the version", name)
		}
	}
}

func TestMistakes(t *testing.T) {
	for want, p := range map[string]props{
		`Missing required configuration "size.ms"`:                               {"aggregates": "n=count()"},
		`Missing required configuration "aggregates"`:                            {"size.ms": "10"},
		`size.ms: Value must be at least 1`:                                      with(props{"size.ms": "0"}),
		`grace.ms: Value must be at least 0`:                                     with(props{"grace.ms": "-1"}),
		`grace.ms: is needed for emit=final (final rows wait for it`:             with(props{"emit": "final"}),
		`grace.ms: is needed for emit=both`:                                      with(props{"emit": "BOTH"}),
		`did you mean final?`:                                                    with(props{"emit": "finale"}),
		`String must be one of: tumbling`:                                        with(props{"window": "hopping"}),
		`unknown aggregate summ(): did you mean sum()?`:                          with(props{"aggregates": "a=summ(x)"}),
		`unknown aggregate foo(): there are [avg count max min sum]`:             with(props{"aggregates": "a=foo(x)"}),
		`a: sum() needs a field or expression, such as sum(amount)`:              with(props{"aggregates": "a=sum()"}),
		`want name=function(expression), such as total=sum(amount), have "sum(`:  with(props{"aggregates": "sum(x)"}),
		`a is there twice`:                                                       with(props{"aggregates": "a=count(),a=sum(x)"}),
		`a: expression "1 +", column 3`:                                          with(props{"aggregates": "a=sum(1 +)"}),
		`start.field: is there twice in the output, see aggregates`:              with(props{"start.field": "n"}),
		`end.field: is there twice in the output, see start.field`:               with(props{"end.field": "window_start"}),
		`key.field: must differ from start.field`:                                with(props{"key.field": "window_start"}),
		`timestamp.format: needs timestamp.field`:                                with(props{"timestamp.format": "epoch_s"}),
		`timestamp.format: pattern "HH:mm": the year is missing (yyyy)`:          with(props{"timestamp.field": "t", "timestamp.format": "HH:mm"}),
		`timestamp.zone: unknown time zone "Berlin": want a name such as UTC or`: with(props{"timestamp.field": "t", "timestamp.zone": "Berlin"}),
	} {
		plugin := window.Plugin()
		c, errs := plugin.Config.Parse(p)
		errs = append(errs, plugin.Validate(c)...)
		if !strings.Contains(errs.Error(), want) {
			t.Errorf("%v: %q, want %q", p, errs.Error(), want)
		}
	}
}

// The bytes of windows outlive the program: this pins them.
func TestGoldenState(t *testing.T) {
	p := props{"size.ms": "3000", "grace.ms": "9000", "aggregates": "n=count(),s=sum(a),m=avg(a),lo=min(b),hi=max(b)"}
	step := connecttest.NewStep(build(t, "Window", p))
	for i, in := range []string{`{"a":1,"b":"x"}`, `{"a":2.5,"b":"y"}`, `{}`, `{"a":-7}`} {
		if got := apply(step, rec(t, []string{`"c1"`, `"c1"`, `{"l":1}`, `"c1"`}[i], int64(i)*1200-1500, in)); strings.HasPrefix(got, "error") {
			t.Fatal(got)
		}
	}
	connecttest.Golden(t, filepath.Join("testdata", "state.golden"), step.State.Text(), *update)
}

func TestDamagedState(t *testing.T) {
	step := connecttest.NewStep(build(t, "Window", with(props{"by": "key", "emit": "final", "grace.ms": "0", "aggregates": "s=sum(value)"})))
	apply(step, rec(t, `"a"`, 5, `1`))
	key := []byte(step.State.Keys()[0])
	whole, _ := step.State.Get(key)
	for n := range whole {
		step.State.Put(key, whole[:n])
		if got := apply(step, rec(t, `"a"`, 5, `1`)); got != "error: window: the stored window is damaged" && !strings.HasPrefix(got, "error: window: the stored window is damaged: ") {
			t.Errorf("%d bytes: %s", n, got)
		}
	}
	savepoint := step.State.Savepoint()
	apply(step, rec(t, `"b"`, 15, `1`))
	if len(step.TimerErrors) != 1 || !strings.Contains(step.TimerErrors[0].Error(), "damaged") {
		t.Errorf("%v", step.TimerErrors)
	}
	step.State.Rollback(savepoint)
	step.State.Put(key, whole)
	if got := apply(step, rec(t, `"b"`, 15, `1`)); got != `{"key":"a","window_start":0} {"window_start":0,"window_end":10,"s":1}` {
		t.Error(got)
	}
}

func TestTimerOfAWindowThatIsGone(t *testing.T) {
	step := connecttest.NewStep(build(t, "Window", with(nil)))
	apply(step, rec(t, `1`, 5, `1`))
	step.State.Delete([]byte(step.State.Keys()[0]))
	if got := apply(step, rec(t, `1`, 15, `1`)); !strings.HasPrefix(got, "10 ") || len(step.TimerErrors) != 0 {
		t.Error(got, step.TimerErrors)
	}
}

// benchState keeps windows in a map and timers in a list, as cheaply as can be.
type benchState struct {
	connect.State
	m      map[string][]byte
	timers []string
	stream int64
	fire   func(at int64, key []byte)
}

func (s *benchState) Get(key []byte) ([]byte, bool) { v, ok := s.m[string(key)]; return v, ok }
func (s *benchState) Put(key, value []byte) {
	if old, ok := s.m[string(key)]; ok && cap(old) >= len(value) {
		s.m[string(key)] = append(old[:0], value...)
		return
	}
	s.m[string(key)] = slices.Clone(value)
}
func (s *benchState) Delete(key []byte)          { delete(s.m, string(key)) }
func (s *benchState) StreamTime() int64          { return s.stream }
func (s *benchState) SetTimer(_ int64, k []byte) { s.timers = append(s.timers, string(k)) }
func (s *benchState) Advance(ts int64) {
	if ts/3000 > s.stream/3000 {
		for _, k := range s.timers {
			s.fire(ts, []byte(k))
		}
		s.timers = s.timers[:0]
	}
	s.stream = max(s.stream, ts)
}

func BenchmarkApply(b *testing.B) {
	for _, emit := range []string{"update", "final"} {
		b.Run(emit, func(b *testing.B) {
			w := build(b, "Window", props{"size.ms": "3000", "grace.ms": "0", "emit": emit, "aggregates": "total=sum(amount),n=count(),mean=avg(amount)"}).(connect.Timed)
			state := &benchState{m: map[string][]byte{}}
			ctx := &connect.Context{Arena: new(connect.Arena), State: state, Late: func(int) {}}
			emitted := 0
			emit := func(*connect.Record) { emitted++ }
			state.fire = func(at int64, key []byte) {
				if err := w.OnTimer(ctx, at, key, emit); err != nil {
					b.Fatal(err)
				}
			}
			var records []connect.Record
			for i := range 1000 {
				records = append(records, rec(b, fmt.Sprintf(`"c%d"`, i), 0, `{"amount":7,"status":"Paid"}`))
			}
			b.ReportAllocs()
			b.ResetTimer()
			var r connect.Record
			for i := range b.N {
				if i%1024 == 0 {
					ctx.Arena.Reset()
				}
				r = records[i%1000]
				r.Timestamp = int64(i)
				if err := w.Apply(ctx, &r, emit); err != nil {
					b.Fatal(err)
				}
			}
			if emitted == 0 && b.N > 10_000 {
				b.Fatal("no row")
			}
		})
	}
}
