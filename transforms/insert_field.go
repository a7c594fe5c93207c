// SPDX-License-Identifier: Apache-2.0

package transforms

import (
	"strings"

	"github.com/connectd/connectd/connect"
)

// insertFieldPlugins introduces InsertField.
func insertFieldPlugins() []connect.TransformPlugin {
	key := func(name, doc string) connect.ConfigKey {
		return connect.ConfigKey{Name: name, Type: connect.TypeConfigString, Null: true, Doc: doc}
	}
	return keyAndValue(connect.PluginInfo{
		Class: smtPackage + "InsertField",
		Doc:   "Adds fields that hold where the record comes from, or a fixed text.",
		Config: connect.Define(
			key("topic.field", "The field for the topic. An ! behind the name makes the field required; a ?, or nothing, optional."),
			key("partition.field", "The field for the partition, named as topic.field."),
			key("offset.field", "The field for the offset, named as topic.field. Only on the way from topics."),
			key("timestamp.field", "The field for the timestamp, named as topic.field."),
			key("static.field", "The field for a fixed text, named as topic.field."),
			key("static.value", "This text."),
			replaceNullKey(),
		),
		Validate: func(c connect.Config) connect.ConfigErrors {
			if len(parseInsertions(c)) == 0 {
				return connect.ConfigErrors{{Key: "topic.field", Text: "No field insertion configured"}}
			}
			if !c.IsNull("static.field") && c.IsNull("static.value") {
				return connect.ConfigErrors{{Key: "static.value", Text: "No value specified for static field: " + c.String("static.field")}}
			}
			return nil
		},
	}, func(t connect.TransformContext, p part) (connect.Transform, error) {
		return &insertField{part: p, fields: parseInsertions(t.Config), static: t.Config.String("static.value"), replaceNull: t.Config.Bool("replace.null.with.default")}, nil
	})
}

// insertion is one field to add.
type insertion struct {
	of     insertedPart
	name   string
	schema *connect.Schema
}

// insertedPart says what a field holds.
type insertedPart uint8

const (
	insertTopic insertedPart = iota
	insertPartition
	insertOffset
	insertTimestamp
	insertStatic
)

// parseInsertions returns the fields in the order in which the original adds them.
func parseInsertions(c connect.Config) []insertion {
	var out []insertion
	for _, one := range []struct {
		key  string
		of   insertedPart
		base *connect.Schema
	}{
		{"topic.field", insertTopic, connect.StringSchema}, {"partition.field", insertPartition, connect.Int32Schema},
		{"offset.field", insertOffset, connect.Int64Schema}, {"timestamp.field", insertTimestamp, connect.TimestampSchema},
		{"static.field", insertStatic, connect.StringSchema},
	} {
		if c.IsNull(one.key) {
			continue
		}
		name, required := strings.CutSuffix(c.String(one.key), "!")
		schema := one.base
		if !required {
			name = strings.TrimSuffix(name, "?")
			schema = connect.Like(one.base, false).Optional().MustBuild()
		}
		out = append(out, insertion{one.of, name, schema})
	}
	return out
}

// insertField is InsertField of Kafka Connect 4.
type insertField struct {
	part        part
	fields      []insertion
	static      string
	replaceNull bool
	known       schemaCache[*connect.Schema]
}

const insertPurpose = "field insertion"

// Apply adds the fields; a null part stays. What the record does not have, its
// partition or timestamp, is left out without a schema and null with one.
func (f *insertField) Apply(c *connect.Context, r *connect.Record, emit connect.Emit) error {
	s, v := f.part.of(r)
	if v.IsNull() {
		emit(r)
		return nil
	}
	apply := f.schemaless
	if s != nil {
		apply = f.withSchema
	}
	if err := apply(c, r, v); err != nil {
		return err
	}
	emit(r)
	return nil
}

func (f *insertField) schemaless(c *connect.Context, r *connect.Record, v connect.Value) error {
	m, err := requireMap(v, insertPurpose)
	if err != nil {
		return err
	}
	out := copyEntries(c.Arena, m, len(f.fields))
	for i := range f.fields {
		in, err := f.value(&f.fields[i], r, false)
		if err != nil {
			return err
		}
		if !in.IsNull() {
			out = putMember(out, f.fields[i].name, in)
		}
	}
	f.part.set(r, nil, connect.Map(out))
	return nil
}

func (f *insertField) withSchema(c *connect.Context, r *connect.Record, v connect.Value) error {
	st, err := requireStruct(v, insertPurpose)
	if err != nil {
		return err
	}
	schema, err := f.known.of(st.Schema, f.schema)
	if err != nil {
		return err
	}
	out, fields := c.Arena.Struct(schema), st.Schema.Fields()
	for i := range fields {
		out.Values[i] = orDefault(&fields[i], st.Values[i], f.replaceNull)
	}
	for i := range f.fields {
		if out.Values[len(fields)+i], err = f.value(&f.fields[i], r, true); err != nil {
			return err
		}
	}
	f.part.set(r, schema, connect.StructValue(out))
	return nil
}

func (f *insertField) schema(s *connect.Schema) (*connect.Schema, error) {
	b := basics(s)
	for _, old := range s.Fields() {
		b.Field(old.Name, old.Schema)
	}
	for _, in := range f.fields {
		b.Field(in.name, in.schema)
	}
	return buildSchema(b, "insert field")
}

func (f *insertField) value(in *insertion, r *connect.Record, typed bool) (connect.Value, error) {
	switch in.of {
	case insertTopic:
		return connect.String(r.Topic), nil
	case insertPartition:
		if r.Partition != connect.NoPartition {
			return connect.Int32(r.Partition), nil
		}
	case insertOffset:
		if r.Partition == connect.NoPartition {
			return connect.Null(), connect.DataErrorf("insert field: %s is for records that come from a topic", "offset.field")
		}
		return connect.Int64(r.Offset), nil
	case insertTimestamp:
		switch {
		case r.Timestamp == connect.NoTimestamp:
		case typed:
			return connect.Timestamp(r.Timestamp), nil
		default:
			return connect.Int64(r.Timestamp), nil
		}
	case insertStatic:
		return connect.String(f.static), nil
	}
	return connect.Null(), nil
}
