// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"errors"
	"fmt"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/convert"
	"github.com/connectd/connectd/connect/state"
)

// StateReader is implemented by stateful transforms that can tell what they keep for
// a key. ReadState is called beside Apply, from any goroutine: it must not touch what
// Apply changes. get returns the committed bytes of a key of the state; what it
// returns is the caller's. ok is false if nothing is kept for the key.
type StateReader interface {
	ReadState(a *connect.Arena, key connect.Value, get func(key []byte) ([]byte, bool)) (value connect.Value, ok bool, err error)
}

// Why ReadState of a task has no answer.
var (
	// ErrNoStep says that the chain has no stateful step of that name.
	ErrNoStep = errors.New("the chain has no stateful step of this name")
	// ErrNotReadable says that the step is no StateReader.
	ErrNotReadable = errors.New("the step cannot tell what it keeps")
	// ErrStateClosed says that the state is not open: the task is restoring it, or ends.
	ErrStateClosed = errors.New("the state is not open")
)

func (t *Task) setTables(tables *state.Tables) { t.tables.Store(tables) }

// State returns the committed value of a key in the state of a step, named by its
// alias or state.name. ok is false if the task has no such step, partition or key
// now. It may be called from any goroutine while Run runs.
func (t *Task) State(step string, partition int32, key []byte) (value []byte, ok bool, err error) {
	tables := t.tables.Load()
	if tables == nil {
		return nil, false, nil
	}
	return tables.Committed(step, partition, key)
}

// StateSteps returns the names of the stateful steps in order: alias and, where it is
// another, state.name. It may be called from any goroutine.
func (t *Task) StateSteps() []string {
	var names []string
	for _, s := range t.p.chain.stateSteps() {
		names = append(names, s.Alias)
		if s.Name != "" && s.Name != s.Alias {
			names = append(names, s.Name)
		}
	}
	return names
}

// ReadState returns, as JSON, what a step has committed for a key in a state
// partition of this task. The key is JSON, or the text of a string. ok is false if
// nothing is kept for it here. It may be called from any goroutine while Run runs.
func (t *Task) ReadState(name, key string) (json []byte, ok bool, err error) {
	s := t.p.chain.statefulStep(name)
	if s == nil {
		return nil, false, ErrNoStep
	}
	reader, able := s.transform.(StateReader)
	if !able {
		return nil, false, fmt.Errorf("%s: %w", s.class, ErrNotReadable)
	}
	tables := t.tables.Load()
	if tables == nil {
		return nil, false, ErrStateClosed
	}
	for _, candidate := range keysOf(key) {
		for _, p := range tables.Partitions() {
			if json, ok, err = readEntry(reader, tables, s.alias, p, candidate); ok || err != nil {
				return json, ok, err
			}
		}
	}
	return nil, false, nil
}

func readEntry(reader StateReader, tables *state.Tables, step string, partition int32, key connect.Value) (json []byte, ok bool, err error) {
	var failed error
	get := func(key []byte) ([]byte, bool) {
		value, ok, err := tables.Committed(step, partition, key)
		if err != nil && failed == nil {
			failed = err
		}
		return value, ok
	}
	var arena connect.Arena
	value, ok, err := reader.ReadState(&arena, key, get)
	switch {
	case errors.Is(failed, state.ErrClosed):
		return nil, false, ErrStateClosed
	case failed != nil:
		return nil, false, failed
	case err != nil || !ok:
		return nil, false, err
	}
	return convert.AppendJSON(nil, value), true, nil
}

// keysOf returns what a text may mean as a key, the likeliest first: JSON, an integer
// in each of the widths that a schema may have given it, and the text itself.
func keysOf(text string) []connect.Value {
	var keys []connect.Value
	v, err := convert.ParseJSON(&connect.Arena{}, []byte(text))
	if err == nil && !v.IsNull() {
		keys = append(keys, v)
		if n := v.Int(); v.Kind() == connect.KindInt64 {
			keys = append(keys, narrow(n)...)
		}
	}
	return append(keys, connect.String(text))
}

// narrow returns an integer in the smaller widths that can hold it.
func narrow(n int64) []connect.Value {
	var out []connect.Value
	if int64(int32(n)) == n {
		out = append(out, connect.Int32(int32(n)))
	}
	if int64(int16(n)) == n {
		out = append(out, connect.Int16(int16(n)))
	}
	if int64(int8(n)) == n {
		out = append(out, connect.Int8(int8(n)))
	}
	return out
}
