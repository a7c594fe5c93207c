// SPDX-License-Identifier: Apache-2.0

package transforms

import (
	"fmt"
	"slices"
	"strings"

	"github.com/connectd/connectd/connect"
)

// headerFromPlugins introduces HeaderFrom.
func headerFromPlugins() []connect.TransformPlugin {
	return keyAndValue(connect.PluginInfo{
		Class: smtPackage + "HeaderFrom",
		Doc:   "Copies or moves fields of the key or value into headers.",
		Config: connect.Define(
			connect.ConfigKey{Name: "fields", Type: connect.TypeConfigList, Required: true, Check: connect.NonEmpty, Importance: connect.ImportanceHigh,
				Doc: "The names of the fields."},
			connect.ConfigKey{Name: "headers", Type: connect.TypeConfigList, Required: true, Check: connect.NonEmpty, Importance: connect.ImportanceHigh,
				Doc: "The names of the headers, in the order of the fields."},
			connect.ConfigKey{Name: "operation", Type: connect.TypeConfigString, Required: true, Check: connect.OneOf("move", "copy"), Importance: connect.ImportanceHigh,
				Doc: "move removes the fields, copy leaves them."},
			replaceNullKey(),
		),
		Validate: func(c connect.Config) connect.ConfigErrors {
			if len(c.List("fields")) != len(c.List("headers")) {
				return connect.ConfigErrors{{Key: "headers", Text: "'fields' config must have the same number of elements as 'headers' config."}}
			}
			return nil
		},
	}, func(t connect.TransformContext, p part) (connect.Transform, error) {
		return &headerFrom{
			part: p, fields: t.Config.List("fields"), headers: t.Config.List("headers"),
			move: strings.EqualFold(t.Config.String("operation"), "move"), replaceNull: t.Config.Bool("replace.null.with.default"),
		}, nil
	})
}

// headerFrom is HeaderFrom of Kafka Connect 4.
type headerFrom struct {
	part              part
	fields, headers   []string
	move, replaceNull bool
	known             schemaCache[*headerPlan]
}

// headerPlan is where the fields are in the structs of one schema, and what is left.
type headerPlan struct {
	from []*connect.Field
	rest *keptFields
}

const headerPurpose = "header from field"

// Apply appends one header for each field. Without a schema a field that is not
// there makes a null header; with a schema it is an error, as is a null part.
func (h *headerFrom) Apply(c *connect.Context, r *connect.Record, emit connect.Emit) error {
	s, v := h.part.of(r)
	apply := h.schemaless
	if s != nil {
		apply = h.withSchema
	}
	if err := apply(c, r, v); err != nil {
		return err
	}
	emit(r)
	return nil
}

func (h *headerFrom) schemaless(c *connect.Context, r *connect.Record, v connect.Value) error {
	m, err := requireMap(v, headerPurpose)
	if err != nil {
		return err
	}
	r.Headers = appendHeaders(c.Arena, r.Headers, len(h.fields))
	for i, f := range h.fields {
		r.Headers = append(r.Headers, connect.Header{Key: h.headers[i], Value: member(m, f)})
	}
	if !h.move {
		return nil
	}
	rest := c.Arena.Entries(len(m))[:0]
	for _, e := range m {
		if !slices.Contains(h.fields, e.Key.Str()) {
			rest = append(rest, e)
		}
	}
	h.part.set(r, nil, connect.Map(rest))
	return nil
}

func (h *headerFrom) withSchema(c *connect.Context, r *connect.Record, v connect.Value) error {
	st, err := requireStruct(v, headerPurpose)
	if err != nil {
		return err
	}
	plan, err := h.known.of(st.Schema, h.plan)
	if err != nil {
		return err
	}
	r.Headers = appendHeaders(c.Arena, r.Headers, len(h.fields))
	for i, f := range plan.from {
		r.Headers = append(r.Headers, connect.Header{Key: h.headers[i], Schema: f.Schema, Value: orDefault(f, st.Values[f.Index], h.replaceNull)})
	}
	if h.move {
		out := plan.rest.of(c.Arena, st, h.replaceNull)
		h.part.set(r, out.Schema, connect.StructValue(out))
	}
	return nil
}

func (h *headerFrom) plan(s *connect.Schema) (*headerPlan, error) {
	plan := &headerPlan{}
	for _, name := range h.fields {
		f := s.Field(name)
		if f == nil {
			return nil, &connect.DataError{Field: name, Err: fmt.Errorf("unknown field: %s", name)}
		}
		plan.from = append(plan.from, f)
	}
	var err error
	plan.rest, err = keepFields(s, func(name string) (string, bool) { return name, !slices.Contains(h.fields, name) })
	return plan, err
}
