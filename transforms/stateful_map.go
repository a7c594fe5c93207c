// SPDX-License-Identifier: Apache-2.0

package transforms

import (
	"errors"
	"fmt"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/expr"
	"github.com/connectd/connectd/transforms/stored"
)

// statefulMapVersion is the first byte of a stored state.
const statefulMapVersion = 1

// statefulMapPlugin introduces StatefulMap.
func statefulMapPlugin() connect.TransformPlugin {
	return connect.TransformPlugin{
		PluginInfo: connect.PluginInfo{
			Class: "StatefulMap",
			Doc:   "Keeps a state for each key, changes it with each record, and emits what an expression makes of it.",
			Config: connect.Define(
				connect.ConfigKey{Name: "key", Type: connect.TypeConfigString, Default: "key", Check: expr.Check(), Importance: connect.ImportanceHigh,
					Doc: "Expression for the key of the state. Anything but key also becomes the key of the output. A null key is a record error."},
				connect.ConfigKey{Name: "initial", Type: connect.TypeConfigString, Default: "nil", Check: expr.Check(),
					Doc: "Expression for the state of a key that has none."},
				connect.ConfigKey{Name: "next", Type: connect.TypeConfigString, Required: true, Check: expr.Check("state"), Importance: connect.ImportanceHigh,
					Doc: "Expression for the new state; it sees the old one as state. Null deletes the state."},
				connect.ConfigKey{Name: "emit", Type: connect.TypeConfigString, Default: "state", Check: expr.Check("state", "previous"), Importance: connect.ImportanceHigh,
					Doc: "Expression for the value of the output; it sees the new state as state and the old one as previous. Null emits nothing."},
			),
		},
		New: newStatefulMap,
	}
}

// statefulMap is StatefulMap.
type statefulMap struct {
	key, initial, next, emit *expr.Program

	env  expr.Env
	vars [2]connect.Value // state, previous
	id   []byte
	buf  []byte
}

var _ connect.Stateful = (*statefulMap)(nil)

func newStatefulMap(t connect.TransformContext) (connect.Transform, error) {
	m := &statefulMap{}
	for _, p := range []struct {
		name  string
		to    **expr.Program
		extra []string
	}{{"key", &m.key, nil}, {"initial", &m.initial, nil}, {"next", &m.next, []string{"state"}}, {"emit", &m.emit, []string{"state", "previous"}}} {
		var err error
		if *p.to, err = expr.Compile(t.Config.String(p.name), p.extra...); err != nil {
			return nil, fmt.Errorf("configure %s: %w", p.name, err)
		}
	}
	return m, nil
}

// StateSpec depends on the key alone: next and emit may be mended over the same state.
func (m *statefulMap) StateSpec() connect.StateSpec {
	return connect.StateSpec{
		Version:     fmt.Sprintf("statefulmap/%d key=%s", statefulMapVersion, m.key.Source()),
		ByRecordKey: m.key.Name() == "key",
	}
}

// Apply changes the state of the record's key, and emits.
func (m *statefulMap) Apply(c *connect.Context, r *connect.Record, emit connect.Emit) error {
	m.env.Record, m.env.Arena, m.env.Extra = r, c.Arena, m.vars[:]
	key, err := m.key.Eval(&m.env)
	if err != nil {
		return fmt.Errorf("stateful map: key: %w", err)
	}
	if key.IsNull() {
		return &connect.DataError{Rule: m.key.Source(), Err: fmt.Errorf("stateful map: the key %q is null", m.key.Source())}
	}
	m.id = stored.Append(m.id[:0], key)
	old, err := m.load(c)
	if err != nil {
		return err
	}
	m.vars[0], m.vars[1] = old, old
	state, err := m.next.Eval(&m.env)
	if err != nil {
		return fmt.Errorf("stateful map: next: %w", err)
	}
	m.vars[0] = state
	out, err := m.emit.Eval(&m.env)
	if err != nil {
		return fmt.Errorf("stateful map: emit: %w", err)
	}
	m.store(c.State, state)
	if out.IsNull() {
		return nil
	}
	if m.emit.Name() != "value" {
		r.Value, r.ValueSchema = plain(c.Arena, out), schemaOf(out)
	}
	if m.key.Name() != "key" {
		r.Key, r.KeySchema, r.Partition = plain(c.Arena, key), schemaOf(key), connect.NoPartition
	}
	emit(r)
	return nil
}

var errState = errors.New("stateful map: the stored state is damaged")

// load reads the state, or works out the initial one.
func (m *statefulMap) load(c *connect.Context) (connect.Value, error) {
	b, ok := c.State.Get(m.id)
	if !ok {
		v, err := m.initial.Eval(&m.env)
		if err != nil {
			return v, fmt.Errorf("stateful map: initial: %w", err)
		}
		return v, nil
	}
	return unpack(c.Arena, b)
}

func (m *statefulMap) store(s connect.State, state connect.Value) {
	if state.IsNull() {
		s.Delete(m.id)
		return
	}
	m.buf = stored.Append(append(m.buf[:0], statefulMapVersion), state)
	s.Put(m.id, m.buf)
}

// ReadState tells the committed state of a key. It may be called from any goroutine,
// beside Apply.
func (m *statefulMap) ReadState(a *connect.Arena, key connect.Value, get func(key []byte) ([]byte, bool)) (connect.Value, bool, error) {
	b, ok := get(stored.Append(nil, key))
	if !ok {
		return connect.Value{}, false, nil
	}
	v, err := unpack(a, b)
	return v, err == nil, err
}

// unpack reads the stored form of a state.
func unpack(a *connect.Arena, b []byte) (connect.Value, error) {
	if len(b) == 0 || b[0] != statefulMapVersion {
		return connect.Value{}, errState
	}
	v, rest, err := stored.Read(a, b[1:])
	if err != nil || len(rest) != 0 {
		return v, errors.Join(errState, err)
	}
	return v, nil
}
