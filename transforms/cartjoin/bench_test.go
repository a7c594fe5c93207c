// SPDX-License-Identifier: Apache-2.0

package cartjoin

import (
	"fmt"
	"testing"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/connecttest"
)

// plainState is the least that a step needs, so that the benchmark shows the step.
type plainState struct {
	connect.State
	m map[string][]byte
}

func (s *plainState) Get(key []byte) ([]byte, bool) { v, ok := s.m[string(key)]; return v, ok }
func (s *plainState) Put(key, value []byte) {
	if old, ok := s.m[string(key)]; ok && cap(old) >= len(value) {
		s.m[string(key)] = append(old[:0], value...)
		return
	}
	s.m[string(key)] = append(make([]byte, 0, 2*len(value)), value...)
}

func benchmarkApply(b *testing.B, users, open int) {
	var events []connect.Value
	for i := range 2 * open { // fill each cart, then pay the oldest and order a new one
		for u := range users {
			if i >= open {
				events = append(events, connecttest.Parse(b, payment(fmt.Sprintf("u%d", u), i-open)))
			}
			events = append(events, connecttest.Parse(b, order(fmt.Sprintf("u%d", u), i)))
		}
	}
	j := newTransform(b, nil)
	state := &plainState{m: map[string][]byte{}}
	var arena connect.Arena
	c := &connect.Context{Arena: &arena, State: state}
	emit := func(*connect.Record) {}
	r := connect.Record{}
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		at := i % len(events)
		if at == 0 {
			clear(state.m)
		}
		if i%256 == 0 {
			arena.Reset()
		}
		r.Value = events[at]
		if err := j.Apply(c, &r, emit); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkApply(b *testing.B) {
	b.Run("1000 users with up to 4 ids", func(b *testing.B) { benchmarkApply(b, 1000, 2) })
	b.Run("10 users with up to 200 ids", func(b *testing.B) { benchmarkApply(b, 10, 100) })
	b.Run("1 user with up to 10000 ids", func(b *testing.B) { benchmarkApply(b, 1, 5000) })
}
