// SPDX-License-Identifier: Apache-2.0

package connecttest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/connectd/connectd/connect"
)

// Step runs one transform as the road does: with a state of its own, a savepoint
// around each record, and timers that fire into the transform. It is for one
// goroutine.
type Step struct {
	State *State
	Arena connect.Arena
	// Late is the sum of what the transform has counted as late.
	Late int
	// TimerErrors are the errors that OnTimer has returned, in order.
	TimerErrors []error

	transform connect.Transform
	out       []connect.Record
}

// NewStep makes a step around a transform, with empty state.
func NewStep(t connect.Transform) *Step {
	s := &Step{transform: t}
	s.State = NewState(s.onTimer)
	return s
}

// Apply runs one record and returns clones of what was emitted, timers first. If
// the transform fails, its writes are undone and nothing is returned but the error.
func (s *Step) Apply(r connect.Record) ([]connect.Record, error) {
	savepoint, late := s.State.Savepoint(), s.Late
	s.out = nil
	if err := s.transform.Apply(s.context(), &r, s.emit); err != nil {
		s.State.Rollback(savepoint)
		s.Late = late
		return nil, err
	}
	return s.out, nil
}

// Restart puts another instance of the transform in the place of the old one, over
// the same state: what a restart of the task does.
func (s *Step) Restart(t connect.Transform) {
	s.transform = t
	s.State = s.State.Restarted(s.onTimer)
}

func (s *Step) context() *connect.Context {
	c := &connect.Context{Arena: &s.Arena, Late: func(n int) { s.Late += n }}
	if _, stateful := s.transform.(connect.Stateful); stateful {
		c.State = s.State
	}
	return c
}

func (s *Step) emit(r *connect.Record) { s.out = append(s.out, CloneRecord(r)) }

func (s *Step) onTimer(at int64, key []byte) {
	timed, ok := s.transform.(connect.Timed)
	if !ok {
		panic("a transform that is not Timed has set a timer")
	}
	if err := timed.OnTimer(s.context(), at, key, s.emit); err != nil {
		s.TimerErrors = append(s.TimerErrors, err)
	}
}

// CloneRecord copies a record and all that it aliases.
func CloneRecord(r *connect.Record) connect.Record {
	out := *r
	out.Key, out.Value = connect.Clone(r.Key), connect.Clone(r.Value)
	out.RawKey, out.RawValue = bytes.Clone(r.RawKey), bytes.Clone(r.RawValue)
	out.Headers = nil
	for _, h := range r.Headers {
		h.Value = connect.Clone(h.Value)
		out.Headers = append(out.Headers, h)
	}
	return out
}

// SameRecord reports how two records differ, and "" if they do not.
func SameRecord(a, b *connect.Record) string {
	switch {
	case a.Topic != b.Topic || a.Partition != b.Partition:
		return fmt.Sprintf("%s-%d is not %s-%d", a.Topic, a.Partition, b.Topic, b.Partition)
	case a.Timestamp != b.Timestamp:
		return fmt.Sprintf("timestamp %d is not %d", a.Timestamp, b.Timestamp)
	case !a.KeySchema.Equal(b.KeySchema) || !a.ValueSchema.Equal(b.ValueSchema):
		return "the schemas differ"
	case !connect.Equal(a.Key, b.Key):
		return fmt.Sprintf("key %s is not %s", Text(a.Key), Text(b.Key))
	case !connect.Equal(a.Value, b.Value):
		return fmt.Sprintf("value %s is not %s", Text(a.Value), Text(b.Value))
	case len(a.Headers) != len(b.Headers):
		return fmt.Sprintf("%d headers are not %d", len(a.Headers), len(b.Headers))
	}
	for i, h := range a.Headers {
		if g := b.Headers[i]; h.Key != g.Key || !connect.Equal(h.Value, g.Value) {
			return fmt.Sprintf("header %s=%s is not %s=%s", h.Key, Text(h.Value), g.Key, Text(g.Value))
		}
	}
	return ""
}

// Text writes a value for error texts and comparisons in tests: JSON, as far as
// the kinds allow.
func Text(v connect.Value) string {
	switch v.Kind() {
	case connect.KindNull:
		return "null"
	case connect.KindBool:
		return fmt.Sprint(v.Bool())
	case connect.KindFloat32, connect.KindFloat64:
		return fmt.Sprint(v.Float())
	case connect.KindString:
		return fmt.Sprintf("%q", v.Str())
	case connect.KindBytes:
		return fmt.Sprintf("0x%x", v.Bytes())
	case connect.KindDecimal:
		return v.Decimal().String()
	case connect.KindArray:
		parts := make([]string, v.Len())
		for i, e := range v.Array() {
			parts[i] = Text(e)
		}
		return "[" + strings.Join(parts, ",") + "]"
	case connect.KindMap:
		parts := make([]string, v.Len())
		for i, e := range v.Map() {
			parts[i] = Text(e.Key) + ":" + Text(e.Value)
		}
		return "{" + strings.Join(parts, ",") + "}"
	case connect.KindStruct:
		st := v.Struct()
		parts := make([]string, len(st.Values))
		for i, f := range st.Schema.Fields() {
			parts[i] = fmt.Sprintf("%q:%s", f.Name, Text(st.Values[i]))
		}
		return "{" + strings.Join(parts, ",") + "}"
	default:
		return fmt.Sprint(v.Int())
	}
}

// Parse reads what Text writes of JSON kinds: objects become maps in the order of
// the text, integers int64, other numbers float64.
func Parse(t testing.TB, text string) connect.Value {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	v, err := parseNext(d)
	if err != nil {
		t.Fatalf("parse %s: %v", text, err)
	}
	return v
}

func parseNext(d *json.Decoder) (connect.Value, error) {
	token, err := d.Token()
	if err != nil {
		return connect.Value{}, err
	}
	switch x := token.(type) {
	case string:
		return connect.String(x), nil
	case bool:
		return connect.Bool(x), nil
	case json.Number:
		if n, err := x.Int64(); err == nil {
			return connect.Int64(n), nil
		}
		f, err := x.Float64()
		return connect.Float64(f), err
	case json.Delim:
		return parseOpen(d, x)
	}
	return connect.Null(), nil
}

func parseOpen(d *json.Decoder, open json.Delim) (connect.Value, error) {
	list, entries := []connect.Value{}, []connect.MapEntry{}
	for d.More() {
		v, err := parseNext(d)
		if err != nil {
			return v, err
		}
		if open == '[' {
			list = append(list, v)
			continue
		}
		member, err := parseNext(d)
		if err != nil {
			return v, err
		}
		entries = append(entries, connect.MapEntry{Key: v, Value: member})
	}
	if _, err := d.Token(); err != nil {
		return connect.Value{}, err
	}
	if open == '[' {
		return connect.Array(list), nil
	}
	return connect.Map(entries), nil
}

// TransformCase is what the acceptance suite needs of a transform.
type TransformCase struct {
	// New makes an instance; each task and each restart has its own.
	New func() connect.Transform
	// Input are records that the transform handles; some may be refused.
	Input []connect.Record
}

// Transform is the acceptance suite of transforms: equal output for equal input,
// whatever the batches and restarts; failed and undone records leave no trace; the
// input is not changed in place.
func Transform(t *testing.T, c TransformCase) {
	t.Helper()
	want := c.run(t, len(c.Input), plainRun)
	if len(want) == 0 {
		t.Fatal("the input leads to no output and no error: the suite would prove nothing")
	}
	for _, run := range []struct {
		name  string
		batch int
		how   runKind
	}{
		{"same input twice", len(c.Input), plainRun},
		{"batches of one", 1, plainRun},
		{"batches of three", 3, plainRun},
		{"restart after every record", 1, restartRun},
		{"every record undone once", len(c.Input), undoRun},
		{"refused records leave no trace", len(c.Input), goodOnlyRun},
	} {
		t.Run(run.name, func(t *testing.T) {
			expect := want
			if run.how == goodOnlyRun {
				expect = slices.DeleteFunc(slices.Clone(want), func(r result) bool { return r.err != "" })
			}
			if diff := diffResults(expect, c.run(t, run.batch, run.how)); diff != "" {
				t.Fatal(diff)
			}
		})
	}
}

type runKind int

const (
	plainRun runKind = iota
	restartRun
	undoRun
	goodOnlyRun
)

// result is one output, or one error, of the input record with this number.
type result struct {
	from int
	out  connect.Record
	err  string
}

func (c *TransformCase) run(t *testing.T, batch int, how runKind) []result {
	t.Helper()
	step := NewStep(c.New())
	var refused map[int]bool
	if how == goodOnlyRun {
		refused = c.refused()
	}
	var all []result
	for i := range c.Input {
		if refused[i] {
			continue
		}
		if i%max(batch, 1) == 0 {
			step.Arena.Reset() // whoever kept a value of the last batch now holds garbage
		}
		if how == undoRun {
			savepoint := step.State.Savepoint()
			before := step.State.Restarted(nil)
			_, _ = step.Apply(CloneRecord(&c.Input[i])) // judged below, when it is repeated
			step.State.Rollback(savepoint)
			if !step.State.Equal(before) {
				t.Fatalf("record %d: the state differs after its writes were undone", i)
			}
		}
		all = append(all, applyOne(t, step, i, &c.Input[i])...)
		if how == restartRun {
			step.Restart(c.New())
		}
	}
	for _, err := range step.TimerErrors {
		all = append(all, result{from: -1, err: err.Error()})
	}
	return all
}

func (c *TransformCase) refused() map[int]bool {
	step, refused := NewStep(c.New()), map[int]bool{}
	for i := range c.Input {
		if _, err := step.Apply(CloneRecord(&c.Input[i])); err != nil {
			refused[i] = true
		}
	}
	return refused
}

func applyOne(t *testing.T, step *Step, i int, r *connect.Record) []result {
	t.Helper()
	in := CloneRecord(r)
	key, value := in.Key, in.Value
	out, err := step.Apply(in)
	if !connect.Equal(key, r.Key) || !connect.Equal(value, r.Value) {
		t.Errorf("record %d: its key or value was changed in place", i)
	}
	if err != nil {
		return []result{{from: i, err: err.Error()}}
	}
	results := make([]result, len(out))
	for j := range out {
		results[j] = result{from: i, out: out[j]}
	}
	return results
}

// diffResults describes the first difference, and is "" if there is none.
func diffResults(want, got []result) string {
	for i := range min(len(want), len(got)) {
		if want[i].from != got[i].from || want[i].err != got[i].err {
			return fmt.Sprintf("result %d: record %d %q, want record %d %q", i, got[i].from, got[i].err, want[i].from, want[i].err)
		}
		if diff := SameRecord(&got[i].out, &want[i].out); diff != "" {
			return fmt.Sprintf("result %d of record %d: %s", i, want[i].from, diff)
		}
	}
	if len(want) != len(got) {
		return fmt.Sprintf("%d results, want %d", len(got), len(want))
	}
	return ""
}
