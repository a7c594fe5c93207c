// SPDX-License-Identifier: Apache-2.0

package window

import (
	"bytes"
	"math"
	"slices"
	"testing"

	"github.com/connectd/connectd/connect"
)

func TestKeysStandInOrderOfTime(t *testing.T) {
	group := []byte{9, 1, 'a'}
	var keys [][]byte
	for _, start := range []int64{math.MinInt64, -3000, -1, 0, 1, 3000, math.MaxInt64} {
		key := appendKey(nil, group, start)
		keys = append(keys, key)
		g, s, err := splitKey(key)
		if err != nil || s != start || !bytes.Equal(g, group) {
			t.Errorf("%d comes back as %d (%v)", start, s, err)
		}
	}
	if !slices.IsSortedFunc(keys, bytes.Compare) {
		t.Error("keys are not in the order of time")
	}
	if _, _, err := splitKey([]byte("short")); err == nil {
		t.Error("a short key is split")
	}
}

func TestFloorMod(t *testing.T) {
	for _, c := range [][3]int64{{7, 3, 1}, {-7, 3, 2}, {-6, 3, 0}, {0, 3, 0}, {-1, 3000, 2999}} {
		if got := floorMod(c[0], c[1]); got != c[2] {
			t.Errorf("%d mod %d is %d, want %d", c[0], c[1], got, c[2])
		}
	}
}

func FuzzParseEntry(f *testing.F) {
	e := entry{end: 3000, latest: -5, accs: []accumulator{{count: 2, value: connect.Int64(7)}, {value: connect.String("x")}}}
	f.Add(e.appendTo(nil, "topic"))
	f.Add([]byte{version, 0, 0, 0, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		var a connect.Arena
		e := entry{accs: make([]accumulator, 2)}
		topic, err := e.parse(&a, b)
		if err != nil {
			return
		}
		again := entry{accs: make([]accumulator, 2)}
		name, err := again.parse(&a, e.appendTo(nil, string(topic)))
		if err != nil || string(name) != string(topic) || again.end != e.end || again.latest != e.latest {
			t.Fatalf("%x does not survive a round trip: %v", b, err)
		}
		for i := range e.accs {
			if again.accs[i].count != e.accs[i].count || !connect.Equal(again.accs[i].value, e.accs[i].value) {
				t.Fatalf("%x: aggregate %d does not survive a round trip", b, i)
			}
		}
	})
}
