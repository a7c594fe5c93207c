// SPDX-License-Identifier: Apache-2.0

package connecttest

import (
	"bytes"
	"cmp"
	"math"
	"slices"
	"sort"
	"strings"
)

// State is a connect.State in memory, with savepoints, timers and stream time: what
// the engine gives a step, without the engine. It is for one goroutine.
type State struct {
	values map[string][]byte
	timers []timer // by time, then key
	stream int64
	fire   func(at int64, key []byte)

	undo   []func()
	firing bool
}

type timer struct {
	at  int64
	key string
}

// NewState returns an empty state. Its timers fire into fire; nil for none.
func NewState(fire func(at int64, key []byte)) *State {
	return &State{values: map[string][]byte{}, stream: math.MinInt64, fire: fire}
}

// Get returns a copy of the value of a key, so that a step that changes the bytes
// or keeps them is found out.
func (s *State) Get(key []byte) ([]byte, bool) {
	v, ok := s.values[string(key)]
	return bytes.Clone(v), ok
}

// Put sets the value of a key.
func (s *State) Put(key, value []byte) {
	s.remember(string(key))
	s.values[string(key)] = append([]byte{}, value...)
}

// Delete removes a key.
func (s *State) Delete(key []byte) {
	s.remember(string(key))
	delete(s.values, string(key))
}

func (s *State) remember(key string) {
	old, had := s.values[key]
	s.undo = append(s.undo, func() {
		if had {
			s.values[key] = old
		} else {
			delete(s.values, key)
		}
	})
}

// Scan calls fn with each key in [from, to) in byte order.
func (s *State) Scan(from, to []byte, fn func(key, value []byte) bool) {
	for _, k := range s.Keys() {
		if k < string(from) || to != nil && k >= string(to) {
			continue
		}
		if !fn([]byte(k), bytes.Clone(s.values[k])) {
			return
		}
	}
}

// Keys returns all keys in byte order.
func (s *State) Keys() []string {
	keys := make([]string, 0, len(s.values))
	for k := range s.values {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}

// Timers returns how many timers are set.
func (s *State) Timers() int { return len(s.timers) }

// StreamTime returns the largest time given to Advance.
func (s *State) StreamTime() int64 { return s.stream }

// Advance raises stream time and fires what is due. It panics within OnTimer, as
// the contract forbids it there.
func (s *State) Advance(ts int64) {
	if s.firing {
		panic("Advance is called within OnTimer")
	}
	if ts > s.stream {
		old := s.stream
		s.undo = append(s.undo, func() { s.stream = old })
		s.stream = ts
	}
	s.firing = true
	defer func() { s.firing = false }()
	for len(s.timers) > 0 && s.timers[0].at <= s.stream {
		due := s.timers[0]
		s.setTimers(s.timers[1:])
		if s.fire != nil {
			s.fire(due.at, []byte(due.key))
		}
	}
}

// SetTimer sets a timer; the same time and key is one timer.
func (s *State) SetTimer(at int64, key []byte) {
	i, found := s.find(at, key)
	if !found {
		s.setTimers(slices.Insert(slices.Clone(s.timers), i, timer{at, string(key)}))
	}
}

// DeleteTimer removes a timer, if it is set.
func (s *State) DeleteTimer(at int64, key []byte) {
	if i, found := s.find(at, key); found {
		s.setTimers(slices.Delete(slices.Clone(s.timers), i, i+1))
	}
}

func (s *State) find(at int64, key []byte) (int, bool) {
	return slices.BinarySearchFunc(s.timers, timer{at, string(key)}, func(a, b timer) int {
		return cmp.Or(cmp.Compare(a.at, b.at), strings.Compare(a.key, b.key))
	})
}

func (s *State) setTimers(next []timer) {
	old := s.timers
	s.undo = append(s.undo, func() { s.timers = old })
	s.timers = next
}

// Savepoint returns a mark to roll back to.
func (s *State) Savepoint() int { return len(s.undo) }

// Rollback undoes what was done since the savepoint.
func (s *State) Rollback(savepoint int) {
	for i := len(s.undo) - 1; i >= savepoint; i-- {
		s.undo[i]()
	}
	s.undo = s.undo[:savepoint]
}

// Restarted returns a state with the same content and nothing else in common: what
// another process would restore.
func (s *State) Restarted(fire func(at int64, key []byte)) *State {
	n := NewState(fire)
	for k, v := range s.values {
		n.values[k] = bytes.Clone(v)
	}
	n.timers, n.stream = slices.Clone(s.timers), s.stream
	return n
}

// Equal reports whether both hold the same values, timers and stream time.
func (s *State) Equal(o *State) bool {
	if s.stream != o.stream || len(s.values) != len(o.values) || !slices.Equal(s.timers, o.timers) {
		return false
	}
	for k, v := range s.values {
		if w, ok := o.values[k]; !ok || !bytes.Equal(v, w) {
			return false
		}
	}
	return true
}
