// SPDX-License-Identifier: Apache-2.0

package transforms

import (
	"fmt"
	"strings"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/transforms/javatime"
)

// timestampConverterPlugins introduces TimestampConverter.
func timestampConverterPlugins() []connect.TransformPlugin {
	return keyAndValue(connect.PluginInfo{
		Class: smtPackage + "TimestampConverter",
		Doc:   "Converts a field, or the whole key or value, between texts, numbers and dates.",
		Config: connect.Define(
			connect.ConfigKey{Name: "field", Type: connect.TypeConfigString, Importance: connect.ImportanceHigh, Doc: "The field with the time. Empty is the whole key or value."},
			connect.ConfigKey{Name: "target.type", Type: connect.TypeConfigString, Required: true, Importance: connect.ImportanceHigh,
				Check: connect.OneOf("string", "unix", "Date", "Time", "Timestamp"), Doc: "What it becomes: string, unix (a number), Date, Time or Timestamp."},
			connect.ConfigKey{Name: "format", Type: connect.TypeConfigString, Check: checkSimpleDate,
				Doc: "How texts are written, as a pattern of Java's SimpleDateFormat, in UTC. Needed for texts on either side."},
			connect.ConfigKey{Name: "unix.precision", Type: connect.TypeConfigString, Default: "milliseconds", Importance: connect.ImportanceLow,
				Check: connect.OneOf("nanoseconds", "microseconds", "milliseconds", "seconds"), Doc: "What numbers count since 1970. What is finer than milliseconds is lost."},
			replaceNullKey(),
		),
		Validate: func(c connect.Config) connect.ConfigErrors {
			if strings.EqualFold(c.String("target.type"), "string") && strings.TrimSpace(c.String("format")) == "" {
				return connect.ConfigErrors{{Key: "format", Text: "TimestampConverter requires format option to be specified when using string timestamps"}}
			}
			return nil
		},
	}, newTimestampConverter)
}

// timestampConverter is TimestampConverter of Kafka Connect 4.
type timestampConverter struct {
	part        part
	field       string // "" is the whole part
	to          timeForm
	format      *javatime.Simple // nil if there is none
	unit        unixUnit
	replaceNull bool
	known       schemaCache[*timePlan]
}

// timePlan is a new schema, and the field that is converted; at is -1 for none.
type timePlan struct {
	schema *connect.Schema
	at     int
	from   timeForm
}

func newTimestampConverter(t connect.TransformContext, p part) (connect.Transform, error) {
	c := &timestampConverter{
		part: p, field: t.Config.String("field"), to: timeForm(strings.ToLower(t.Config.String("target.type"))),
		unit: unixUnit(strings.ToLower(t.Config.String("unix.precision"))), replaceNull: t.Config.Bool("replace.null.with.default"),
	}
	pattern := t.Config.String("format")
	if strings.TrimSpace(pattern) == "" {
		return c, nil
	}
	var err error
	if c.format, err = javatime.CompileSimple(pattern); err != nil {
		return nil, fmt.Errorf("configure format: %w", err)
	}
	return c, nil
}

const timePurpose = "converting timestamp formats"

// Apply converts the time. A null stays one. Without a schema, a field that is not
// there becomes a null member; with a schema, nothing is converted then.
func (t *timestampConverter) Apply(c *connect.Context, r *connect.Record, emit connect.Emit) error {
	s, v := t.part.of(r)
	if s == nil {
		out, err := t.schemaless(c.Arena, v)
		if err != nil {
			return err
		}
		t.part.set(r, nil, out)
		emit(r)
		return nil
	}
	plan, err := t.known.of(s, t.plan)
	if err != nil {
		return err
	}
	out, err := t.withSchema(c.Arena, plan, v)
	if err != nil {
		return err
	}
	t.part.set(r, plan.schema, out)
	emit(r)
	return nil
}

func (t *timestampConverter) schemaless(a *connect.Arena, v connect.Value) (connect.Value, error) {
	if v.IsNull() || t.field == "" {
		return t.guess(a, v)
	}
	m, err := requireMap(v, timePurpose)
	if err != nil {
		return v, err
	}
	converted, err := t.guess(a, member(m, t.field))
	if err != nil {
		return v, err
	}
	return connect.Map(putMember(copyEntries(a, m, 1), t.field, converted)), nil
}

// guess converts a value of which only the kind is known.
func (t *timestampConverter) guess(a *connect.Arena, v connect.Value) (connect.Value, error) {
	switch v.Kind() {
	case connect.KindNull:
		return v, nil
	case connect.KindInt64:
		return t.convert(a, v, formUnix)
	case connect.KindString:
		return t.convert(a, v, formString)
	case connect.KindDate, connect.KindTime, connect.KindTimestamp:
		return t.convert(a, v, formTimestamp)
	}
	return v, connect.DataErrorf("convert timestamp: %s is not supported as a timestamp", v.Kind())
}

func (t *timestampConverter) withSchema(a *connect.Arena, plan *timePlan, v connect.Value) (connect.Value, error) {
	if v.IsNull() {
		return v, nil
	}
	if t.field == "" {
		return t.convert(a, v, plan.from)
	}
	st, err := requireStruct(v, timePurpose)
	if err != nil {
		return v, err
	}
	out, fields := a.Struct(plan.schema), st.Schema.Fields()
	for i := range fields {
		out.Values[i] = orDefault(&fields[i], st.Values[i], t.replaceNull)
	}
	if plan.at >= 0 {
		if out.Values[plan.at], err = t.convert(a, out.Values[plan.at], plan.from); err != nil {
			return v, err
		}
	}
	return connect.StructValue(out), nil
}

func (t *timestampConverter) plan(s *connect.Schema) (*timePlan, error) {
	if t.field == "" {
		from, err := formOf(s)
		return &timePlan{schema: t.to.schema(s.Optional()), at: -1, from: from}, err
	}
	if s.Type() != connect.TypeStruct {
		return nil, connect.DataErrorf("only Struct objects supported for [%s], found: %s", timePurpose, s.Type())
	}
	plan, b := &timePlan{at: -1}, basics(s)
	for _, f := range s.Fields() {
		if f.Name != t.field {
			b.Field(f.Name, f.Schema)
			continue
		}
		var err error
		if plan.from, err = formOf(f.Schema); err != nil {
			return nil, err
		}
		plan.at = f.Index
		b.Field(f.Name, t.to.schema(f.Schema.Optional()))
	}
	if s.Optional() {
		b.Optional()
	}
	var err error
	plan.schema, err = buildSchema(b, "convert timestamp")
	return plan, err
}
