// SPDX-License-Identifier: Apache-2.0

package transforms

import (
	"fmt"

	"github.com/connectd/connectd/connect"
)

// valueToKeyPlugin introduces ValueToKey.
func valueToKeyPlugin() connect.TransformPlugin {
	return connect.TransformPlugin{
		PluginInfo: connect.PluginInfo{
			Class: smtPackage + "ValueToKey",
			Doc:   "Makes the key of fields of the value.",
			Config: connect.Define(
				connect.ConfigKey{Name: "fields", Type: connect.TypeConfigList, Required: true, Check: connect.NonEmpty, Importance: connect.ImportanceHigh,
					Doc: "The fields that the key is made of, in this order."},
				replaceNullKey(),
			),
		},
		New: func(t connect.TransformContext) (connect.Transform, error) {
			return &valueToKey{fields: t.Config.List("fields"), replaceNull: t.Config.Bool("replace.null.with.default")}, nil
		},
	}
}

// valueToKey is ValueToKey of Kafka Connect 4.
type valueToKey struct {
	fields      []string
	replaceNull bool
	known       schemaCache[*keyOfValue]
}

// keyOfValue is the schema of keys, and where their fields are in the value.
type keyOfValue struct {
	schema *connect.Schema
	from   []*connect.Field
}

const keyPurpose = "copying fields from value to key"

// Apply sets the key. A field that is not there is null without a schema, and an
// error with one; a null value is an error.
func (k *valueToKey) Apply(c *connect.Context, r *connect.Record, emit connect.Emit) error {
	if r.ValueSchema == nil {
		m, err := requireMap(r.Value, keyPurpose)
		if err != nil {
			return err
		}
		key := c.Arena.Entries(len(k.fields))[:0]
		for _, f := range k.fields {
			key = putMember(key, f, member(m, f))
		}
		r.KeySchema, r.Key = nil, connect.Map(key)
		emit(r)
		return nil
	}
	st, err := requireStruct(r.Value, keyPurpose)
	if err != nil {
		return err
	}
	plan, err := k.known.of(st.Schema, k.plan)
	if err != nil {
		return err
	}
	key := c.Arena.Struct(plan.schema)
	for i, f := range plan.from {
		key.Values[i] = orDefault(f, st.Values[f.Index], k.replaceNull)
	}
	r.KeySchema, r.Key = plan.schema, connect.StructValue(key)
	emit(r)
	return nil
}

func (k *valueToKey) plan(s *connect.Schema) (*keyOfValue, error) {
	b, plan := connect.NewStruct(""), &keyOfValue{}
	for _, name := range k.fields {
		f := s.Field(name)
		if f == nil {
			return nil, &connect.DataError{Field: name, Err: fmt.Errorf("field does not exist: %s", name)}
		}
		b.Field(name, f.Schema)
		plan.from = append(plan.from, f)
	}
	var err error
	plan.schema, err = buildSchema(b, "make key of value")
	return plan, err
}
