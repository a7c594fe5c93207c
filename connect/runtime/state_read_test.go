// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/connectd/connectd/connect"
)

// readable is sum that can tell its sums.
type readable struct{ stateful }

func (readable) ReadState(_ *connect.Arena, key connect.Value, get func([]byte) ([]byte, bool)) (connect.Value, bool, error) {
	if key.Kind() != connect.KindString {
		return connect.Null(), false, nil
	}
	if key.Str() == "broken" {
		return connect.Null(), false, errors.New("the entry is damaged")
	}
	b, ok := get(key.Bytes())
	if !ok {
		return connect.Null(), false, nil
	}
	return connect.Int64(int64(binary.BigEndian.Uint64(b))), true, nil
}

func TestReadState(t *testing.T) {
	w := newWorld(t, map[string]string{"transforms": "sum,other", "transforms.sum.type": "Sum", "transforms.sum.state.name": "total", "transforms.other.type": "Mute"})
	w.transforms = map[string]func() connect.Transform{
		"Sum": func() connect.Transform { return readable{sum().(stateful)} },
		"Mute": func() connect.Transform {
			return stateful{func(_ *connect.Context, r *connect.Record, emit connect.Emit) error {
				emit(r)
				return nil
			}, connect.StateSpec{Version: "mute/1", ByRecordKey: true}}
		},
	}
	out := w.topic("out")
	for i := range 4 {
		r := text(out, fmt.Sprintf("k%d=%d", i, i+5))
		r.StatePartition = int32(i)
		w.source.add(r)
	}
	r := w.run()
	w.await(out, 4)
	w.until("the state is committed", func() bool {
		_, ok, err := r.ReadState("sum", "k3")
		return ok && err == nil
	})
	cases := []struct {
		name, step, key, want string
		err                   error
	}{
		{"text", "sum", "k0", "5", nil},
		{"in another partition", "sum", "k2", "7", nil},
		{"by the state's name", "total", "k1", "6", nil},
		{"JSON", "sum", `"k1"`, "6", nil},
		{"nothing is kept", "sum", "k9", "", nil},
		{"a number is no key here, its text is not known", "sum", "17", "", nil},
		{"no such step", "smu", "k0", "", ErrNoStep},
		{"a step that cannot tell", "other", "k0", "", ErrNotReadable},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got, ok, err := r.ReadState(c.step, c.key)
			if string(got) != c.want || ok != (c.want != "") || !errors.Is(err, c.err) {
				t.Errorf("got %s, %t, %v", got, ok, err)
			}
		})
	}
	if _, _, err := r.ReadState("sum", "broken"); err == nil {
		t.Error("a damaged entry is no error")
	}
	if got := r.StateSteps(); !slices.Equal(got, []string{"sum", "total", "other"}) {
		t.Errorf("the steps are %q", got)
	}
	r.stop()
	if _, _, err := r.ReadState("sum", "k0"); !errors.Is(err, ErrStateClosed) {
		t.Errorf("after the end: %v", err)
	}
}

func TestMeaningsOfAKey(t *testing.T) {
	for in, want := range map[string][]connect.Value{
		"text":   {connect.String("text")},
		`"q"`:    {connect.String("q"), connect.String(`"q"`)},
		"7":      {connect.Int64(7), connect.Int32(7), connect.Int16(7), connect.Int8(7), connect.String("7")},
		"70000":  {connect.Int64(70000), connect.Int32(70000), connect.String("70000")},
		"1.5":    {connect.Float64(1.5), connect.String("1.5")},
		"null":   {connect.String("null")},
		`{"a":1`: {connect.String(`{"a":1`)},
	} {
		if got := keysOf(in); !slices.EqualFunc(got, want, connect.Equal) {
			t.Errorf("%s may mean %v, want %v", in, got, want)
		}
	}
}
