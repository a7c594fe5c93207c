// SPDX-License-Identifier: Apache-2.0

package transforms

import (
	"fmt"
	"slices"
	"strings"

	"github.com/connectd/connectd/connect"
)

// replaceFieldPlugins introduces ReplaceField.
func replaceFieldPlugins() []connect.TransformPlugin {
	return keyAndValue(connect.PluginInfo{
		Class: smtPackage + "ReplaceField",
		Doc:   "Removes or renames fields.",
		Config: connect.Define(
			connect.ConfigKey{Name: "exclude", Type: connect.TypeConfigList, Doc: "Fields to remove. This wins over include."},
			connect.ConfigKey{Name: "include", Type: connect.TypeConfigList, Doc: "Fields to keep. Empty keeps all."},
			connect.ConfigKey{Name: "renames", Type: connect.TypeConfigList, Check: checkRenames, Doc: "New names of fields: old:new, …"},
			replaceNullKey(),
			removedKey("blacklist", "was removed in Kafka 4.0", "use exclude"),
			removedKey("whitelist", "was removed in Kafka 4.0", "use include"),
		),
	}, newReplaceField)
}

func parseRenames(list []string) (map[string]string, error) {
	renames := map[string]string{}
	for _, text := range list {
		from, to, ok := strings.Cut(text, ":")
		if !ok || from == "" || to == "" || strings.Contains(to, ":") {
			return nil, fmt.Errorf("invalid rename mapping: %s; want old:new", text)
		}
		renames[from] = to
	}
	return renames, nil
}

func checkRenames(v any) (rule, hint string) {
	list, _ := v.([]string)
	if _, err := parseRenames(list); err != nil {
		return err.Error(), ""
	}
	return "", ""
}

// replaceField is ReplaceField of Kafka Connect 4.
type replaceField struct {
	part             part
	exclude, include []string
	renames          map[string]string
	replaceNull      bool
	known            schemaCache[*keptFields]
}

func newReplaceField(t connect.TransformContext, p part) (connect.Transform, error) {
	renames, err := parseRenames(t.Config.List("renames"))
	if err != nil {
		return nil, fmt.Errorf("configure renames: %w", err)
	}
	return &replaceField{
		part: p, exclude: t.Config.List("exclude"), include: t.Config.List("include"), renames: renames,
		replaceNull: t.Config.Bool("replace.null.with.default"),
	}, nil
}

// name returns the new name of a field, and whether it is kept.
func (f *replaceField) name(old string) (string, bool) {
	if slices.Contains(f.exclude, old) || len(f.include) > 0 && !slices.Contains(f.include, old) {
		return "", false
	}
	if renamed, ok := f.renames[old]; ok {
		return renamed, true
	}
	return old, true
}

// Apply keeps and renames fields; a null part stays.
func (f *replaceField) Apply(c *connect.Context, r *connect.Record, emit connect.Emit) error {
	s, v := f.part.of(r)
	if v.IsNull() {
		emit(r)
		return nil
	}
	if s == nil {
		m, err := requireMap(v, "field replacement")
		if err != nil {
			return err
		}
		f.part.set(r, nil, f.entries(c.Arena, m))
		emit(r)
		return nil
	}
	st, err := requireStruct(v, "field replacement")
	if err != nil {
		return err
	}
	kept, err := f.known.of(st.Schema, f.kept)
	if err != nil {
		return err
	}
	out := kept.of(c.Arena, st, f.replaceNull)
	f.part.set(r, out.Schema, connect.StructValue(out))
	emit(r)
	return nil
}

func (f *replaceField) entries(a *connect.Arena, m []connect.MapEntry) connect.Value {
	out := a.Entries(len(m))[:0]
	for _, e := range m {
		name, keep := f.name(e.Key.Str())
		switch {
		case !keep:
		case len(f.renames) == 0:
			out = append(out, e)
		default:
			out = putMember(out, name, e.Value)
		}
	}
	return connect.Map(out)
}

// keptFields is a schema made of some fields of another.
type keptFields struct {
	schema *connect.Schema
	from   []connect.Field // of the old schema, in the order of the new
}

func (f *replaceField) kept(s *connect.Schema) (*keptFields, error) { return keepFields(s, f.name) }

// keepFields makes a schema of the fields that choose keeps, under the names that it
// gives them. Name, version, doc and parameters stay, as in the original.
func keepFields(s *connect.Schema, choose func(name string) (string, bool)) (*keptFields, error) {
	b, kept := basics(s), &keptFields{}
	for _, f := range s.Fields() {
		if name, keep := choose(f.Name); keep {
			b.Field(name, f.Schema)
			kept.from = append(kept.from, f)
		}
	}
	var err error
	if kept.schema, err = buildSchema(b, "choose fields"); err != nil {
		return nil, err
	}
	return kept, nil
}

// of copies the fields of a struct that are kept.
func (k *keptFields) of(a *connect.Arena, st *connect.Struct, replaceNull bool) *connect.Struct {
	out := a.Struct(k.schema)
	for i := range k.from {
		f := &k.from[i]
		out.Values[i] = orDefault(f, st.Values[f.Index], replaceNull)
	}
	return out
}
