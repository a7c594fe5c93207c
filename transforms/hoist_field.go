// SPDX-License-Identifier: Apache-2.0

package transforms

import (
	"github.com/connectd/connectd/connect"
)

// hoistFieldPlugins introduces HoistField.
func hoistFieldPlugins() []connect.TransformPlugin {
	return keyAndValue(connect.PluginInfo{
		Class: smtPackage + "HoistField",
		Doc:   "Wraps the whole key or value in a struct or map with one field.",
		Config: connect.Define(
			connect.ConfigKey{Name: "field", Type: connect.TypeConfigString, Required: true, Doc: "The name of the field."},
		),
	}, func(t connect.TransformContext, p part) (connect.Transform, error) {
		return &hoistField{part: p, field: t.Config.String("field")}, nil
	})
}

// hoistField is HoistField of Kafka Connect 4.
type hoistField struct {
	part  part
	field string
	known schemaCache[*connect.Schema]
}

// Apply wraps the part. A null that its schema does not allow is refused.
func (h *hoistField) Apply(c *connect.Context, r *connect.Record, emit connect.Emit) error {
	s, v := h.part.of(r)
	if s == nil {
		m := c.Arena.Entries(1)
		m[0] = connect.MapEntry{Key: connect.String(h.field), Value: v}
		h.part.set(r, nil, connect.Map(m))
		emit(r)
		return nil
	}
	if v.IsNull() && !s.Optional() {
		return connect.DataErrorf("hoist field: null used for required field: %q, schema type: %s", h.field, s.Type())
	}
	outer, ok := h.known.get(s)
	if !ok {
		outer = connect.NewStruct("").Field(h.field, s).MustBuild()
		h.known.put(s, outer)
	}
	st := c.Arena.Struct(outer)
	st.Values[0] = v
	h.part.set(r, outer, connect.StructValue(st))
	emit(r)
	return nil
}
