// SPDX-License-Identifier: Apache-2.0

package transforms

import (
	"errors"
	"fmt"
	"strings"

	"github.com/connectd/connectd/connect"
)

// castPlugins introduces Cast.
func castPlugins() []connect.TransformPlugin {
	return keyAndValue(connect.PluginInfo{
		Class: smtPackage + "Cast",
		Doc:   "Gives fields, or the whole key or value, another type.",
		Config: connect.Define(
			connect.ConfigKey{Name: "spec", Type: connect.TypeConfigList, Required: true, Importance: connect.ImportanceHigh, Check: checkCasts,
				Doc: "field:type for each field, or one type for the whole. Types are int8, int16, int32, int64, float32, float64, boolean and string; bytes can only become a string, in base64."},
			replaceNullKey(),
		),
	}, newCast)
}

// castTypes are the types that values can be cast to.
var castTypes = map[string]*connect.Schema{
	"int8": connect.Int8Schema, "int16": connect.Int16Schema, "int32": connect.Int32Schema, "int64": connect.Int64Schema,
	"float32": connect.Float32Schema, "float64": connect.Float64Schema, "boolean": connect.BooleanSchema, "string": connect.StringSchema,
}

// fieldCast is one element of spec.
type fieldCast struct {
	field string // "" is the whole part
	to    *connect.Schema
}

func parseCasts(list []string) ([]fieldCast, error) {
	if len(list) == 0 {
		return nil, errors.New("must specify at least one field to cast")
	}
	var out []fieldCast
	for _, text := range list {
		field, name, named := strings.Cut(text, ":")
		if !named {
			field, name = "", text
		}
		if strings.Contains(name, ":") {
			return nil, fmt.Errorf("invalid cast: %s; want field:type", text)
		}
		to := castTypes[strings.ToLower(strings.TrimSpace(name))]
		if to == nil {
			return nil, fmt.Errorf("invalid type found in casting spec: %s; supported are int8, int16, int32, int64, float32, float64, boolean, string", strings.TrimSpace(name))
		}
		if !named && len(list) > 1 {
			return nil, errors.New("a type for the whole value stands alone")
		}
		out = append(out, fieldCast{strings.TrimSpace(field), to})
	}
	return out, nil
}

func checkCasts(v any) (rule, hint string) {
	list, _ := v.([]string)
	if _, err := parseCasts(list); err != nil {
		return err.Error(), ""
	}
	return "", ""
}

// cast is Cast of Kafka Connect 4.
type cast struct {
	part        part
	casts       []fieldCast
	whole       *connect.Schema // nil casts fields
	replaceNull bool
	known       schemaCache[*castPlan]
}

// castPlan is the new schema, and what each field is cast to; nil leaves it.
type castPlan struct {
	schema *connect.Schema
	to     []*connect.Schema
}

func newCast(t connect.TransformContext, p part) (connect.Transform, error) {
	casts, err := parseCasts(t.Config.List("spec"))
	if err != nil {
		return nil, fmt.Errorf("configure spec: %w", err)
	}
	c := &cast{part: p, casts: casts, replaceNull: t.Config.Bool("replace.null.with.default")}
	if casts[0].field == "" && len(casts) == 1 {
		c.whole = casts[0].to
	}
	return c, nil
}

const castPurpose = "cast types"

// Apply casts; a null part stays. Without a schema, a field that is not there becomes
// a null member.
func (t *cast) Apply(c *connect.Context, r *connect.Record, emit connect.Emit) error {
	s, v := t.part.of(r)
	switch {
	case v.IsNull():
	case s == nil:
		out, err := t.schemaless(c.Arena, v)
		if err != nil {
			return err
		}
		t.part.set(r, nil, out)
	default:
		plan, err := t.known.of(s, t.plan)
		if err != nil {
			return err
		}
		out, err := t.withSchema(c.Arena, plan, v)
		if err != nil {
			return err
		}
		t.part.set(r, plan.schema, out)
	}
	emit(r)
	return nil
}

func (t *cast) schemaless(a *connect.Arena, v connect.Value) (connect.Value, error) {
	if t.whole != nil {
		return castValue(a, v, t.whole.Type())
	}
	m, err := requireMap(v, castPurpose)
	if err != nil {
		return v, err
	}
	out := copyEntries(a, m, len(t.casts))
	for _, one := range t.casts {
		to, err := castValue(a, member(m, one.field), one.to.Type())
		if err != nil {
			return v, &connect.DataError{Field: one.field, Err: fmt.Errorf("cast field %s: %w", one.field, err)}
		}
		out = putMember(out, one.field, to)
	}
	return connect.Map(out), nil
}

func (t *cast) withSchema(a *connect.Arena, plan *castPlan, v connect.Value) (connect.Value, error) {
	if t.whole != nil {
		return castValue(a, v, t.whole.Type())
	}
	st, err := requireStruct(v, castPurpose)
	if err != nil {
		return v, err
	}
	out, fields := a.Struct(plan.schema), st.Schema.Fields()
	for i := range fields {
		out.Values[i] = orDefault(&fields[i], st.Values[i], t.replaceNull)
		if plan.to[i] == nil {
			continue
		}
		if out.Values[i], err = castValue(a, out.Values[i], plan.to[i].Type()); err != nil {
			return v, &connect.DataError{Field: fields[i].Name, Err: fmt.Errorf("cast field %s: %w", fields[i].Name, err)}
		}
	}
	return connect.StructValue(out), nil
}

// plan makes the new schema. Fields that are cast keep whether they are optional and
// their default, and lose their name. A whole keeps its name, as in the original, but
// not that of a date, a time, a timestamp or a decimal, which it is no longer.
func (t *cast) plan(s *connect.Schema) (*castPlan, error) {
	plan, b := &castPlan{}, basics(s)
	switch {
	case t.whole != nil:
		b = wholeSchema(s, t.whole.Type())
		if err := castDefault(b, s, t.whole.Type()); err != nil {
			return nil, err
		}
	case s.Type() != connect.TypeStruct:
		return nil, connect.DataErrorf("only Struct objects supported for [%s], found: %s", castPurpose, s.Type())
	default:
		plan.to = make([]*connect.Schema, len(s.Fields()))
		for i, f := range s.Fields() {
			var err error
			if plan.to[i], err = t.field(b, &f); err != nil {
				return nil, err
			}
		}
	}
	if s.Optional() {
		b.Optional()
	}
	var err error
	plan.schema, err = buildSchema(b, castPurpose)
	return plan, err
}

// wholeSchema begins the schema of a whole that is cast.
func wholeSchema(s *connect.Schema, to connect.Type) *connect.Builder {
	b := connect.NewSchema(to).Doc(s.Doc())
	switch s.Name() {
	case connect.DateName, connect.TimeName, connect.TimestampName, connect.DecimalName:
		return b
	}
	b.Name(s.Name())
	if version, ok := s.Version(); ok {
		b.Version(version)
	}
	for _, p := range s.Params() {
		b.Param(p.Key, p.Value)
	}
	return b
}

// field adds a field to the new schema and returns what it is cast to.
func (t *cast) field(b *connect.Builder, f *connect.Field) (*connect.Schema, error) {
	var to *connect.Schema
	for _, one := range t.casts {
		if one.field == f.Name {
			to = one.to
		}
	}
	if to == nil {
		b.Field(f.Name, f.Schema)
		return nil, nil
	}
	schema := connect.NewSchema(to.Type())
	if f.Schema.Optional() {
		schema.Optional()
	}
	if err := castDefault(schema, f.Schema, to.Type()); err != nil {
		return nil, err
	}
	built, err := buildSchema(schema, castPurpose)
	if err != nil {
		return nil, err
	}
	b.Field(f.Name, built)
	return to, nil
}

func castDefault(b *connect.Builder, s *connect.Schema, to connect.Type) error {
	def, ok := s.Default()
	if !ok {
		return nil
	}
	var a connect.Arena
	v, err := castValue(&a, def, to)
	if err != nil {
		return fmt.Errorf("cast the default: %w", err)
	}
	b.Default(v)
	return nil
}
