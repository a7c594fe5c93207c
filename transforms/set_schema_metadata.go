// SPDX-License-Identifier: Apache-2.0

package transforms

import (
	"github.com/connectd/connectd/connect"
)

// setSchemaMetadataPlugins introduces SetSchemaMetadata.
func setSchemaMetadataPlugins() []connect.TransformPlugin {
	return keyAndValue(connect.PluginInfo{
		Class: smtPackage + "SetSchemaMetadata",
		Doc:   "Sets name, version or both of the schema of the key or value.",
		Config: connect.Define(
			connect.ConfigKey{Name: "schema.name", Type: connect.TypeConfigString, Null: true, Importance: connect.ImportanceHigh, Doc: "The name to set."},
			connect.ConfigKey{Name: "schema.version", Type: connect.TypeConfigInt, Null: true, Importance: connect.ImportanceHigh, Doc: "The version to set."},
			replaceNullKey(),
		),
		Validate: func(c connect.Config) connect.ConfigErrors {
			if c.IsNull("schema.name") && c.IsNull("schema.version") {
				return connect.ConfigErrors{{Key: "schema.name", Text: "Neither schema name nor version configured"}}
			}
			return nil
		},
	}, func(t connect.TransformContext, p part) (connect.Transform, error) {
		return &setSchemaMetadata{part: p, config: t.Config, replaceNull: t.Config.Bool("replace.null.with.default")}, nil
	})
}

// setSchemaMetadata is SetSchemaMetadata of Kafka Connect 4.
type setSchemaMetadata struct {
	part        part
	config      connect.Config
	replaceNull bool
	known       schemaCache[*connect.Schema]
}

// Apply sets the schema, and moves a struct into it. A null without a schema stays; a
// value without a schema is refused.
func (m *setSchemaMetadata) Apply(c *connect.Context, r *connect.Record, emit connect.Emit) error {
	s, v := m.part.of(r)
	if s == nil && v.IsNull() {
		emit(r)
		return nil
	}
	if s == nil {
		return connect.DataErrorf("schema required for [updating schema metadata]")
	}
	updated, err := m.known.of(s, m.schema)
	if err != nil {
		return err
	}
	if st := v.Struct(); st != nil {
		out, fields := c.Arena.Struct(updated), st.Schema.Fields()
		for i := range fields {
			out.Values[i] = orDefault(&fields[i], st.Values[i], m.replaceNull)
		}
		v = connect.StructValue(out)
	}
	m.part.set(r, updated, v)
	emit(r)
	return nil
}

func (m *setSchemaMetadata) schema(s *connect.Schema) (*connect.Schema, error) {
	b := connect.Like(s, false)
	if !m.config.IsNull("schema.name") {
		b.Name(m.config.String("schema.name"))
	}
	if !m.config.IsNull("schema.version") {
		b.Version(int32(m.config.Int("schema.version")))
	}
	return buildSchema(b, "set schema metadata")
}
