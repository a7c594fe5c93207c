// SPDX-License-Identifier: Apache-2.0

package connecttest

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/connectd/connectd/connect"
)

func TestStateTimersFireInOrder(t *testing.T) {
	var got []string
	var s *State
	s = NewState(func(at int64, key []byte) {
		got = append(got, fmt.Sprintf("%d%s@%d", at, key, s.StreamTime()))
		if at == 5 {
			s.SetTimer(6, []byte("nested"))
			s.SetTimer(100, []byte("later"))
		}
	})
	for _, at := range []int64{7, 5, 5, math.MinInt64, math.MaxInt64} {
		s.SetTimer(at, []byte("b"))
		s.SetTimer(at, []byte("a"))
	}
	s.DeleteTimer(7, []byte("a"))
	s.DeleteTimer(9, []byte("absent"))
	s.Advance(7)
	s.Advance(3)
	if want := []string{"-9223372036854775808a@7", "-9223372036854775808b@7", "5a@7", "5b@7", "6nested@7", "7b@7"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if s.StreamTime() != 7 || s.Timers() != 3 {
		t.Errorf("stream time %d, %d timers", s.StreamTime(), s.Timers())
	}
}

func TestStateRollback(t *testing.T) {
	s := NewState(nil)
	s.Put([]byte("a"), []byte("1"))
	s.SetTimer(10, []byte("a"))
	s.Advance(5)
	before, savepoint := s.Restarted(nil), s.Savepoint()
	s.Put([]byte("a"), []byte("2"))
	s.Put([]byte("b"), nil)
	s.Delete([]byte("a"))
	s.SetTimer(7, []byte("b"))
	s.Advance(12)
	if s.Equal(before) {
		t.Fatal("nothing changed")
	}
	s.Rollback(savepoint)
	if !s.Equal(before) {
		t.Errorf("after the rollback: %v, %d timers, stream time %d", s.Keys(), s.Timers(), s.StreamTime())
	}
	var scanned []string
	s.Put([]byte("c"), nil)
	s.Put([]byte("b"), nil)
	s.Scan([]byte("b"), nil, func(k, _ []byte) bool { scanned = append(scanned, string(k)); return len(scanned) < 2 })
	s.Scan([]byte("a"), []byte("b"), func(k, _ []byte) bool { scanned = append(scanned, string(k)); return true })
	if !slices.Equal(scanned, []string{"b", "c", "a"}) {
		t.Errorf("scanned %v", scanned)
	}
}

// steps that break the contract, each in one way.
type counting struct{ n int64 } // keeps memory beside its state

func (c *counting) Apply(_ *connect.Context, r *connect.Record, emit connect.Emit) error {
	c.n++
	r.Value = connect.Int64(c.n)
	emit(r)
	return nil
}

type keeping struct{ last connect.Value } // keeps a value of the arena over its batch

func (k *keeping) Apply(c *connect.Context, r *connect.Record, emit connect.Emit) error {
	last := k.last
	k.last = c.Arena.CopyString([]byte(r.Value.Str()))
	r.Value = last
	emit(r)
	return nil
}

type remembering struct{ failed bool } // an error leaves a trace

func (m *remembering) Apply(_ *connect.Context, r *connect.Record, emit connect.Emit) error {
	if r.Value.Str() == "bad" {
		m.failed = true
		return errors.New("bad")
	}
	r.Key = connect.Bool(m.failed)
	emit(r)
	return nil
}

func TestSuiteFindsBrokenTransforms(t *testing.T) {
	texts := func(list ...string) (in []connect.Record) {
		for _, s := range list {
			in = append(in, connect.Record{Value: connect.String(s)})
		}
		return in
	}
	cases := []struct {
		name  string
		c     TransformCase
		batch int
		how   runKind
	}{
		{"memory, over a restart", TransformCase{func() connect.Transform { return &counting{} }, texts("a", "b")}, 1, restartRun},
		{"memory, of an undone record", TransformCase{func() connect.Transform { return &counting{} }, texts("a", "b")}, 9, undoRun},
		{"a value kept over its batch", TransformCase{func() connect.Transform { return &keeping{} }, texts("a", "b", "c")}, 1, plainRun},
		{"a trace of a refused record", TransformCase{func() connect.Transform { return &remembering{} }, texts("a", "bad", "b")}, 9, goodOnlyRun},
	}
	for _, c := range cases {
		want := c.c.run(t, len(c.c.Input), plainRun)
		want = slices.DeleteFunc(want, func(r result) bool { return r.err != "" })
		if diff := diffResults(want, c.c.run(t, c.batch, c.how)); diff == "" {
			t.Errorf("%s is not found", c.name)
		}
	}
}

func TestStepUndoesWhatFails(t *testing.T) {
	step := NewStep(failing{})
	if out, err := step.Apply(connect.Record{}); err == nil || len(out) != 0 || len(step.State.Keys()) != 0 || step.Late != 0 {
		t.Errorf("%d outputs, %v, %v, %d late", len(out), err, step.State.Keys(), step.Late)
	}
}

type failing struct{}

func (failing) StateSpec() connect.StateSpec { return connect.StateSpec{Version: "1"} }
func (failing) Apply(c *connect.Context, r *connect.Record, emit connect.Emit) error {
	c.State.Put([]byte("k"), []byte("v"))
	c.Late(1)
	emit(r)
	return errors.New("no")
}

func TestParseAndText(t *testing.T) {
	for _, text := range []string{`{"z":[1,-2,true,null,"x\"y"],"a":{"b":2.5}}`, `[]`, `"s"`, `9223372036854775807`} {
		if got := Text(Parse(t, text)); got != text {
			t.Errorf("%s becomes %s", text, got)
		}
	}
}
