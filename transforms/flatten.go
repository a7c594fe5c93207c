// SPDX-License-Identifier: Apache-2.0

package transforms

import (
	"strings"

	"github.com/connectd/connectd/connect"
)

// flattenPlugins introduces Flatten.
func flattenPlugins() []connect.TransformPlugin {
	return keyAndValue(connect.PluginInfo{
		Class: smtPackage + "Flatten",
		Doc:   "Makes one level of nested structs or maps: the names of the levels are joined.",
		Config: connect.Define(
			connect.ConfigKey{Name: "delimiter", Type: connect.TypeConfigString, Default: ".", Doc: "What stands between the names of two levels."},
		),
	}, func(t connect.TransformContext, p part) (connect.Transform, error) {
		return &flatten{part: p, delimiter: t.Config.String("delimiter")}, nil
	})
}

// flatten is Flatten of Kafka Connect 4.
type flatten struct {
	part      part
	delimiter string
	known     schemaCache[*flatPlan]
	prefix    []byte
}

// flatPlan is the flat schema of a nested one.
type flatPlan struct {
	schema *connect.Schema
	root   *flatLevel
}

// flatLevel is one struct; leaves counts the flat fields that it becomes.
type flatLevel struct {
	fields []flatField
	leaves int
}

// flatField is a field of a struct; below is nil for one that stays as it is.
type flatField struct {
	def   connect.Value
	below *flatLevel
}

const flattenPurpose = "flattening"

// Apply flattens the part; a null stays. Arrays are left as they are. Maps within
// structs are an error.
func (f *flatten) Apply(c *connect.Context, r *connect.Record, emit connect.Emit) error {
	s, v := f.part.of(r)
	switch {
	case v.IsNull():
	case s == nil:
		m, err := requireMap(v, flattenPurpose)
		if err != nil {
			return err
		}
		f.prefix = f.prefix[:0]
		flat, err := f.entries(c.Arena, c.Arena.Entries(countLeaves(m))[:0], m, f.mayClash(m))
		if err != nil {
			return err
		}
		f.part.set(r, nil, connect.Map(flat))
	default:
		st, err := requireStruct(v, flattenPurpose)
		if err != nil {
			return err
		}
		plan, err := f.known.of(s, f.plan)
		if err != nil {
			return err
		}
		out := c.Arena.Struct(plan.schema)
		plan.root.fill(out.Values, st)
		f.part.set(r, plan.schema, connect.StructValue(out))
	}
	emit(r)
	return nil
}

func countLeaves(m []connect.MapEntry) int {
	n := 0
	for _, e := range m {
		if e.Value.Kind() == connect.KindMap {
			n += countLeaves(e.Value.Map())
			continue
		}
		n++
	}
	return n
}

// mayClash reports whether two members could get the same flat name: only if a name
// is empty or looks flat already.
func (f *flatten) mayClash(m []connect.MapEntry) bool {
	for _, e := range m {
		name := e.Key.Str()
		if name == "" || strings.Contains(name, f.delimiter) || e.Value.Kind() == connect.KindMap && f.mayClash(e.Value.Map()) {
			return true
		}
	}
	return false
}

// entries appends the members of a map under the names that f.prefix begins.
func (f *flatten) entries(a *connect.Arena, out, m []connect.MapEntry, clash bool) ([]connect.MapEntry, error) {
	top := len(f.prefix)
	defer func() { f.prefix = f.prefix[:top] }()
	for _, e := range m {
		if e.Key.Kind() != connect.KindString {
			return nil, connect.DataErrorf("flatten: the name of a member is not a string, but %s", e.Key.Kind())
		}
		f.prefix = f.prefix[:top]
		if top > 0 {
			f.prefix = append(f.prefix, f.delimiter...)
		}
		f.prefix = append(f.prefix, e.Key.Bytes()...)
		switch {
		case e.Value.Kind() == connect.KindMap:
			var err error
			if out, err = f.entries(a, out, e.Value.Map(), clash); err != nil {
				return nil, err
			}
			continue
		case e.Value.Kind() == connect.KindStruct:
			return nil, connect.DataErrorf("flatten: a struct is not supported for a record without schema (for field %s)", f.prefix)
		}
		name := e.Key
		if top > 0 {
			name = a.CopyString(f.prefix)
		}
		if clash {
			out = putMember(out, name.Str(), e.Value)
			continue
		}
		out = append(out, connect.MapEntry{Key: name, Value: e.Value})
	}
	return out, nil
}

// plan makes the flat schema. As in the original, what is below an optional struct is
// optional.
func (f *flatten) plan(s *connect.Schema) (*flatPlan, error) {
	b, root := basics(s), &flatLevel{}
	if err := f.level(b, root, s, "", s.Optional()); err != nil {
		return nil, err
	}
	schema, err := buildSchema(b, "flatten")
	if err != nil {
		return nil, err
	}
	return &flatPlan{schema, root}, nil
}

func (f *flatten) level(b *connect.Builder, to *flatLevel, s *connect.Schema, prefix string, optional bool) error {
	for _, field := range s.Fields() {
		name := field.Name
		if prefix != "" {
			name = prefix + f.delimiter + name
		}
		flat := flatField{}
		flat.def, _ = field.Schema.Default()
		switch field.Schema.Type() {
		case connect.TypeMap:
			return connect.DataErrorf("flatten: a map is not supported for a record with schema (for field %s)", name)
		case connect.TypeStruct:
			flat.below = &flatLevel{}
			if err := f.level(b, flat.below, field.Schema, name, optional || field.Schema.Optional()); err != nil {
				return err
			}
			to.leaves += flat.below.leaves
		default:
			leaf := connect.Like(field.Schema, false)
			if optional {
				leaf.Optional()
			}
			made, err := buildSchema(leaf, "flatten")
			if err != nil {
				return err
			}
			b.Field(name, made)
			to.leaves++
		}
		to.fields = append(to.fields, flat)
	}
	return nil
}

// fill sets the flat fields of a struct and returns how many they are. A struct that
// is null leaves its fields null.
func (l *flatLevel) fill(out []connect.Value, st *connect.Struct) int {
	n := 0
	for i := range l.fields {
		field, v := &l.fields[i], st.Values[i]
		switch {
		case field.below == nil && v.IsNull():
			out[n] = field.def
			n++
		case field.below == nil:
			out[n] = v
			n++
		case v.Struct() == nil:
			n += field.below.leaves
		default:
			n += field.below.fill(out[n:], v.Struct())
		}
	}
	return n
}
