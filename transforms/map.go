// SPDX-License-Identifier: Apache-2.0

package transforms

import (
	"fmt"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/expr"
)

// mapPlugin introduces Map.
func mapPlugin() connect.TransformPlugin {
	return connect.TransformPlugin{
		PluginInfo: connect.PluginInfo{
			Class: "Map",
			Doc:   "Makes a new value, a new key, or both, by expression.",
			Config: connect.Define(
				connect.ConfigKey{Name: "value", Type: connect.TypeConfigString, Null: true, Check: expr.Check(), Importance: connect.ImportanceHigh,
					Doc: "Expression for the new value, such as {\"id\": id, \"total\": quantity * price}. Not set, the value stays."},
				connect.ConfigKey{Name: "key", Type: connect.TypeConfigString, Null: true, Check: expr.Check(), Importance: connect.ImportanceHigh,
					Doc: "Expression for the new key. It sees the old value. Not set, the key stays."},
			),
			Validate: func(c connect.Config) connect.ConfigErrors {
				if !c.IsNull("value") || !c.IsNull("key") || c.Has("value") || c.Has("key") {
					return nil
				}
				return connect.ConfigErrors{{Key: "value", Text: `One of the configurations "value" and "key" is needed`}}
			},
		},
		New: newMap,
	}
}

// mapper is Map.
type mapper struct {
	value, key *expr.Program // nil leaves it
	env        expr.Env
}

func newMap(t connect.TransformContext) (connect.Transform, error) {
	m := &mapper{}
	for name, p := range map[string]**expr.Program{"value": &m.value, "key": &m.key} {
		if t.Config.IsNull(name) {
			continue
		}
		var err error
		if *p, err = expr.Compile(t.Config.String(name)); err != nil {
			return nil, fmt.Errorf("configure %s: %w", name, err)
		}
	}
	return m, nil
}

// Apply works out both expressions on the record as it came, then sets them.
func (m *mapper) Apply(c *connect.Context, r *connect.Record, emit connect.Emit) error {
	m.env.Record, m.env.Arena = r, c.Arena
	value, key := r.Value, r.Key
	var err error
	if m.value != nil {
		if value, err = m.value.Eval(&m.env); err != nil {
			return fmt.Errorf("map value: %w", err)
		}
	}
	if m.key != nil {
		if key, err = m.key.Eval(&m.env); err != nil {
			return fmt.Errorf("map key: %w", err)
		}
	}
	if m.value != nil && m.value.Name() != "value" {
		r.Value, r.ValueSchema = plain(c.Arena, value), schemaOf(value)
	}
	if m.key != nil && m.key.Name() != "key" {
		r.Key, r.KeySchema = plain(c.Arena, key), schemaOf(key)
		r.Partition = connect.NoPartition
	}
	emit(r)
	return nil
}
