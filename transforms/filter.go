// SPDX-License-Identifier: Apache-2.0

package transforms

import (
	"fmt"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/expr"
)

// filterPlugin introduces Filter.
func filterPlugin() connect.TransformPlugin {
	return connect.TransformPlugin{
		PluginInfo: connect.PluginInfo{
			Class: "org.apache.kafka.connect.transforms.Filter",
			Doc:   "Keeps the records for which a condition is true. Without a condition it drops every record that its predicate lets through to it.",
			Config: connect.Define(connect.ConfigKey{
				Name: "condition", Type: connect.TypeConfigString, Null: true, Check: expr.CheckCondition(), Importance: connect.ImportanceHigh,
				Doc: "Expression that is true for the records to keep, such as value.status == \"Paid\".",
			}),
		},
		New: newFilter,
	}
}

// filter drops records. What it drops is done: its offset is committed.
type filter struct {
	condition *expr.Program // nil drops everything
	env       expr.Env
}

func newFilter(t connect.TransformContext) (connect.Transform, error) {
	if t.Config.IsNull("condition") {
		return &filter{}, nil
	}
	p, err := expr.CompileCondition(t.Config.String("condition"))
	if err != nil {
		return nil, fmt.Errorf("configure condition: %w", err)
	}
	return &filter{condition: p}, nil
}

// Apply emits the record, or nothing.
func (f *filter) Apply(c *connect.Context, r *connect.Record, emit connect.Emit) error {
	if f.condition == nil {
		return nil
	}
	f.env.Record, f.env.Arena = r, c.Arena
	keep, err := f.condition.Test(&f.env)
	if err != nil {
		return fmt.Errorf("filter: %w", err)
	}
	if keep {
		emit(r)
	}
	return nil
}
