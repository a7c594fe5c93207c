// SPDX-License-Identifier: Apache-2.0

package applyschema

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/connectd/connectd/connect"
	schema "github.com/connectd/connectd/connect/avro"
	"github.com/connectd/connectd/connect/convert/avro"
)

// lookupTime is how long the registry may take when the step is made.
const lookupTime = 30 * time.Second

// Subjects finds the newest schema text of a subject, or one version of it (-1 is the
// newest), with the schemas that it refers to.
type Subjects func(ctx context.Context, settings map[string]string, subject string, version int) (*schema.Schema, error)

// Plugins introduces ApplySchema, for values, with $Key and $Value as with the
// original's transforms. find may be nil: then schema.subject is refused.
func Plugins(find Subjects) []connect.TransformPlugin {
	return []connect.TransformPlugin{plugin("ApplySchema$Value", false, find, "ApplySchema"), plugin("ApplySchema$Key", true, find)}
}

func plugin(class string, key bool, find Subjects, aliases ...string) connect.TransformPlugin {
	return connect.TransformPlugin{
		PluginInfo: connect.PluginInfo{
			Class: class, Aliases: aliases,
			Doc:      "Gives values without a schema a declared Avro schema: fills defaults, converts where nothing is lost, and sends what does not fit to the error road.",
			Config:   config(),
			Validate: validate,
		},
		New: func(t connect.TransformContext) (connect.Transform, error) { return newStep(t, key, find) },
	}
}

func config() *connect.ConfigDef {
	text := func(name, doc string) connect.ConfigKey {
		return connect.ConfigKey{Name: name, Type: connect.TypeConfigString, Null: true, Importance: connect.ImportanceHigh, Doc: doc}
	}
	return connect.Define(
		text("schema", "The Avro schema, as JSON."),
		text("schema.file", "A file with the Avro schema."),
		text("schema.subject", "A subject of the schema registry that has the schema."),
		connect.ConfigKey{Name: "schema.version", Type: connect.TypeConfigString, Default: "latest", Check: checkVersion, Doc: "Version of that subject: a number, or latest, which is looked up when the task starts."},
		connect.ConfigKey{Name: "unknown.fields", Type: connect.TypeConfigString, Default: "fail", Check: connect.OneOf("fail", "drop"), Doc: "What happens to fields that the schema does not have: the record fails, or they are left out."},
		connect.ConfigKey{Name: "schema.registry.url", Type: connect.TypeConfigList, Null: true, Doc: "Where schema.subject is looked up; the worker's registry if it is not set. Further schema.registry.* and basic.auth.* settings as for the Avro converter."},
	)
}

func checkVersion(v any) (rule, hint string) {
	if _, err := versionOf(fmt.Sprint(v)); err != nil {
		return "must be latest or a number from 1", ""
	}
	return "", ""
}

func versionOf(text string) (int, error) {
	if text == "latest" {
		return -1, nil
	}
	var n int
	if _, err := fmt.Sscanf(text, "%d", &n); err != nil || n < 1 || fmt.Sprint(n) != text {
		return 0, fmt.Errorf("version %q is neither latest nor a number from 1", text)
	}
	return n, nil
}

// validate reads the schema as far as that needs no registry.
func validate(c connect.Config) connect.ConfigErrors {
	var given []string
	for _, key := range []string{"schema", "schema.file", "schema.subject"} {
		if c.String(key) != "" {
			given = append(given, key)
		}
	}
	if len(given) != 1 {
		return connect.ConfigErrors{{Key: "schema", Value: strings.Join(given, ", "), Rule: "one of schema, schema.file and schema.subject says which schema is applied"}}
	}
	if given[0] == "schema.subject" {
		return nil
	}
	if _, err := declared(context.Background(), c, nil); err != nil {
		return connect.ConfigErrors{{Key: given[0], Value: shorten(c.String(given[0])), Rule: err.Error()}}
	}
	return nil
}

// declared reads the schema that the configuration names.
func declared(ctx context.Context, c connect.Config, find Subjects) (*schema.Schema, error) {
	if subject := c.String("schema.subject"); subject != "" {
		if find == nil {
			return nil, fmt.Errorf("schema.subject %s: this binary has no schema registry", subject)
		}
		version, err := versionOf(c.String("schema.version"))
		if err != nil {
			return nil, err
		}
		return find(ctx, c.Raw(), subject, version)
	}
	text := c.String("schema")
	if file := c.String("schema.file"); file != "" {
		b, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("read schema: %w", err)
		}
		text = string(b)
	}
	return schema.Parse(text)
}

// step is ApplySchema.
type step struct {
	key    bool
	schema *connect.Schema
	root   node
	c      converter
}

func newStep(t connect.TransformContext, key bool, find Subjects) (connect.Transform, error) {
	ctx, cancel := context.WithTimeout(context.Background(), lookupTime)
	defer cancel()
	a, err := declared(ctx, t.Config, find)
	if err != nil {
		return nil, fmt.Errorf("apply schema: %w", err)
	}
	options := avro.DefaultDataOptions()
	s, err := options.ToConnect(a, 0)
	if err != nil {
		return nil, fmt.Errorf("apply schema: %w", err)
	}
	if s == nil {
		return nil, fmt.Errorf("apply schema: %s says nothing about the value", a.FullName())
	}
	root, err := compile(a, s)
	if err != nil {
		return nil, fmt.Errorf("apply schema: %w", err)
	}
	return &step{key: key, schema: s, root: root, c: converter{drop: t.Config.String("unknown.fields") == "drop"}}, nil
}

// Apply emits the record with its value under the schema; a null stays null.
func (s *step) Apply(c *connect.Context, r *connect.Record, emit connect.Emit) error {
	value, at := &r.Value, &r.ValueSchema
	if s.key {
		value, at = &r.Key, &r.KeySchema
	}
	if !value.IsNull() {
		s.c.arena, s.c.path = c.Arena, s.c.path[:0]
		v, err := s.c.convert(&s.root, *value)
		if err != nil {
			return err
		}
		*value, *at = v, s.schema
	}
	emit(r)
	return nil
}
