// SPDX-License-Identifier: Apache-2.0

package transforms

import (
	"fmt"
	"strings"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/expr"
)

// scriptNames are what a script sees in Debezium besides key, value and topic.
var scriptNames = []string{"header", "keySchema", "valueSchema"}

// script is what Debezium's Filter and ContentBasedRouter have in common: an expression,
// and which records it sees.
type script struct {
	program *expr.Program
	env     expr.Env
	nulls   string        // keep, drop, evaluate
	topics  *topicMatcher // nil for all

	// reads says which of scriptNames the expression uses.
	reads   [3]bool
	schemas schemaCache[connect.Value]
}

// scriptKeys declares the keys of a transform with this expression.
func scriptKeys(expression connect.ConfigKey) *connect.ConfigDef {
	const text = connect.TypeConfigString
	return connect.Define(
		connect.ConfigKey{Name: "topic.regex", Type: text, Null: true, Check: connect.IsRegex, Importance: connect.ImportanceLow,
			Doc: "Regular expression that the whole topic must match; records of other topics pass."},
		connect.ConfigKey{Name: "language", Type: text, Required: true, Check: checkLanguage, Importance: connect.ImportanceHigh,
			Doc: "The name of the language, such as jsr223.groovy or jsr223.graal.js. Whatever it is, the expression is one of this program; what Groovy and JavaScript write otherwise in simple conditions is understood."},
		expression,
		connect.ConfigKey{Name: "null.handling.mode", Type: text, Default: "keep", Check: connect.OneOf("keep", "drop", "evaluate"), Importance: connect.ImportanceLow,
			Doc: "What becomes of records whose value is null: they pass, are dropped, or are treated as the others."},
	)
}

func checkLanguage(v any) (rule, hint string) {
	name, _ := v.(string)
	if !strings.HasPrefix(name, "jsr223.") {
		return "must begin with jsr223.", "such as jsr223.groovy or jsr223.graal.js"
	}
	return "", ""
}

func newScript(c connect.Config, program *expr.Program) (*script, error) {
	s := &script{program: program, nulls: strings.ToLower(c.String("null.handling.mode"))}
	for i, name := range scriptNames {
		s.reads[i] = usesName(program.Source(), name)
	}
	s.env.Extra = make([]connect.Value, len(scriptNames))
	if c.String("topic.regex") == "" {
		return s, nil
	}
	topics, err := newTopicMatcher("topic.regex", c.String("topic.regex"), "topic.replacement", "")
	if err != nil {
		return nil, err
	}
	s.topics = &topics
	return s, nil
}

// sees reports whether the expression decides about a record; if not, keep says
// whether it passes.
func (s *script) sees(r *connect.Record) (sees, keep bool) {
	if s.topics != nil {
		if _, matched := s.topics.match(r.Topic); !matched {
			return false, true
		}
	}
	if r.Value.IsNull() && s.nulls != "evaluate" {
		return false, s.nulls == "keep"
	}
	return true, true
}

// look prepares the names that the expression reads.
func (s *script) look(c *connect.Context, r *connect.Record) *expr.Env {
	s.env.Record, s.env.Arena = r, c.Arena
	if s.reads[0] {
		s.env.Extra[0] = headersForScript(c.Arena, r.Headers)
	}
	if s.reads[1] {
		s.env.Extra[1] = s.schemaForScript(r.KeySchema)
	}
	if s.reads[2] {
		s.env.Extra[2] = s.schemaForScript(r.ValueSchema)
	}
	return &s.env
}

// headersForScript makes a map of the headers: each has a value. The last of several
// with one name counts.
func headersForScript(a *connect.Arena, headers []connect.Header) connect.Value {
	m := a.Entries(len(headers))[:0]
	for i := range headers {
		one := a.Entries(1)
		one[0] = connect.MapEntry{Key: connect.String("value"), Value: headers[i].Value}
		m = putMember(m, headers[i].Key, connect.Map(one))
	}
	return connect.Map(m)
}

// schemaForScript makes a map of what scripts ask of a schema; null of none.
func (s *script) schemaForScript(schema *connect.Schema) connect.Value {
	if schema == nil {
		return connect.Null()
	}
	if v, ok := s.schemas.get(schema); ok {
		return v
	}
	m := []connect.MapEntry{
		{Key: connect.String("type"), Value: connect.String(schema.Type().String())},
		{Key: connect.String("name"), Value: textOrNull(schema.Name())},
		{Key: connect.String("doc"), Value: textOrNull(schema.Doc())},
		{Key: connect.String("optional"), Value: connect.Bool(schema.Optional())},
	}
	if version, ok := schema.Version(); ok {
		m = append(m, connect.MapEntry{Key: connect.String("version"), Value: connect.Int32(version)})
	}
	v := connect.Map(m)
	s.schemas.put(schema, v)
	return v
}

func textOrNull(s string) connect.Value {
	if s == "" {
		return connect.Null()
	}
	return connect.String(s)
}

// usesName reports whether an expression has this name anywhere.
func usesName(source, name string) bool {
	tokens, err := scriptTokens(source)
	if err != nil {
		return true
	}
	for _, t := range tokens {
		if t == name {
			return true
		}
	}
	return false
}

func compileScript(source string, condition bool) (*expr.Program, error) {
	text, err := translateScript(source)
	if err != nil {
		return nil, err
	}
	if condition {
		return expr.CompileCondition(text, scriptNames...)
	}
	return expr.Compile(text, scriptNames...)
}

func checkScript(condition bool) func(any) (rule, hint string) {
	return func(v any) (string, string) {
		source, _ := v.(string)
		if _, err := compileScript(source, condition); err != nil {
			return err.Error(), ""
		}
		return "", ""
	}
}

// debeziumFilterPlugin introduces Debezium's Filter.
func debeziumFilterPlugin() connect.TransformPlugin {
	return connect.TransformPlugin{
		PluginInfo: connect.PluginInfo{
			Class: "io.debezium.transforms.Filter",
			Doc:   "Keeps the records for which a condition is true.",
			Config: scriptKeys(connect.ConfigKey{Name: "condition", Type: connect.TypeConfigString, Required: true, Check: checkScript(true), Importance: connect.ImportanceHigh,
				Doc: "Expression that is true for the records to keep, such as value.op == 'u' && value.before.id == 2."}),
		},
		New: func(t connect.TransformContext) (connect.Transform, error) {
			program, err := compileScript(t.Config.String("condition"), true)
			if err != nil {
				return nil, fmt.Errorf("configure condition: %w", err)
			}
			s, err := newScript(t.Config, program)
			return &debeziumFilter{s}, err
		},
	}
}

// debeziumFilter is Debezium's Filter.
type debeziumFilter struct{ script *script }

// Apply emits the record, or nothing.
func (f *debeziumFilter) Apply(c *connect.Context, r *connect.Record, emit connect.Emit) error {
	sees, keep := f.script.sees(r)
	if sees {
		var err error
		if keep, err = f.script.program.Test(f.script.look(c, r)); err != nil {
			return fmt.Errorf("filter: %w", err)
		}
	}
	if keep {
		emit(r)
	}
	return nil
}

// contentRouterPlugin introduces ContentBasedRouter.
func contentRouterPlugin() connect.TransformPlugin {
	return connect.TransformPlugin{
		PluginInfo: connect.PluginInfo{
			Class: "io.debezium.transforms.ContentBasedRouter",
			Doc:   "Gives a record another topic, by an expression on what it holds.",
			Config: scriptKeys(connect.ConfigKey{Name: "topic.expression", Type: connect.TypeConfigString, Required: true, Check: checkScript(false), Importance: connect.ImportanceHigh,
				Doc: "Expression that gives the topic, such as value.op == 'u' ? 'updates' : null. Null leaves the topic."}),
		},
		New: func(t connect.TransformContext) (connect.Transform, error) {
			program, err := compileScript(t.Config.String("topic.expression"), false)
			if err != nil {
				return nil, fmt.Errorf("configure topic.expression: %w", err)
			}
			s, err := newScript(t.Config, program)
			return &contentRouter{s}, err
		},
	}
}

// contentRouter is ContentBasedRouter.
type contentRouter struct{ script *script }

// Apply changes the topic. An expression that gives no text is a record error.
func (f *contentRouter) Apply(c *connect.Context, r *connect.Record, emit connect.Emit) error {
	sees, keep := f.script.sees(r)
	if sees {
		topic, err := f.script.program.Eval(f.script.look(c, r))
		if err != nil {
			return fmt.Errorf("route by content: %w", err)
		}
		switch {
		case topic.IsNull():
		case topic.Kind() != connect.KindString || topic.Len() == 0:
			return connect.DataErrorf("route by content: the expression gives no topic, but %s %q", topic.Kind(), topic.Str())
		default:
			r.Topic = topic.Str()
		}
	}
	if keep {
		emit(r)
	}
	return nil
}
