// SPDX-License-Identifier: Apache-2.0

package transforms

import (
	"fmt"
	"strings"

	"github.com/connectd/connectd/connect"
)

// extractFieldPlugins introduces ExtractField.
func extractFieldPlugins() []connect.TransformPlugin {
	return keyAndValue(connect.PluginInfo{
		Class: smtPackage + "ExtractField",
		Doc:   "Puts one field in the place of the key or value that it is in.",
		Config: connect.Define(
			connect.ConfigKey{Name: "field", Type: connect.TypeConfigString, Required: true, Doc: "The field to take out."},
			fieldSyntaxKey(), replaceNullKey(),
		),
		Validate: func(c connect.Config) connect.ConfigErrors {
			if _, err := parseFieldPath(c.String("field"), c.String("field.syntax.version")); err != nil {
				return connect.ConfigErrors{{Key: "field", Value: c.String("field"), Rule: err.Error()}}
			}
			return nil
		},
	}, newExtractField)
}

// extractField is ExtractField of Kafka Connect 4.
type extractField struct {
	part        part
	path        fieldPath
	replaceNull bool
	known       schemaCache[[]*connect.Field]
}

func newExtractField(t connect.TransformContext, p part) (connect.Transform, error) {
	path, err := parseFieldPath(t.Config.String("field"), t.Config.String("field.syntax.version"))
	if err != nil {
		return nil, fmt.Errorf("configure field: %w", err)
	}
	return &extractField{part: p, path: path, replaceNull: t.Config.Bool("replace.null.with.default")}, nil
}

// Apply sets the part to the field. Without a schema a field that is not there is
// null; with a schema it is an error.
func (e *extractField) Apply(_ *connect.Context, r *connect.Record, emit connect.Emit) error {
	s, v := e.part.of(r)
	if s == nil {
		out, err := e.schemaless(v)
		if err != nil {
			return err
		}
		e.part.set(r, nil, out)
		emit(r)
		return nil
	}
	fields, err := e.fields(s)
	if err != nil {
		return err
	}
	out, err := e.value(fields, v)
	if err != nil {
		return err
	}
	e.part.set(r, fields[len(fields)-1].Schema, out)
	emit(r)
	return nil
}

const extractPurpose = "field extraction"

func (e *extractField) schemaless(v connect.Value) (connect.Value, error) {
	if v.IsNull() {
		return v, nil
	}
	m, err := requireMap(v, extractPurpose)
	if err != nil {
		return v, err
	}
	return e.path.in(m)
}

func (e *extractField) fields(s *connect.Schema) ([]*connect.Field, error) {
	if fields, ok := e.known.get(s); ok {
		return fields, nil
	}
	fields, err := e.path.fields(s)
	if err != nil {
		return nil, err
	}
	if fields == nil {
		return nil, &connect.DataError{Class: illegalArgument, Field: strings.Join(e.path, "."),
			Err: fmt.Errorf("unknown field: %s", strings.Join(e.path, "."))}
	}
	e.known.put(s, fields)
	return fields, nil
}

// value goes down the path; a null on the way ends it.
func (e *extractField) value(fields []*connect.Field, v connect.Value) (connect.Value, error) {
	for i, f := range fields {
		if v.IsNull() {
			return v, nil
		}
		st, err := requireStruct(v, extractPurpose)
		if err != nil {
			return v, err
		}
		v = orDefault(f, st.Values[f.Index], e.replaceNull || i < len(fields)-1)
	}
	return v, nil
}
