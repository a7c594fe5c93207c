// SPDX-License-Identifier: Apache-2.0

package transforms

import (
	"fmt"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/expr"
	"github.com/connectd/connectd/transforms/syntax"
)

// ruleEnds separate the rules of one setting.
const ruleEnds = ";\n"

// routePlugin introduces Route.
func routePlugin() connect.TransformPlugin {
	return connect.TransformPlugin{
		PluginInfo: connect.PluginInfo{
			Class: "Route",
			Doc:   "Chooses the topic of each record, by an expression or by the first of several conditions that is true. Key and value stay as they are.",
			Config: connect.Define(
				connect.ConfigKey{Name: "topic", Type: connect.TypeConfigString, Null: true, Check: expr.Check(), Importance: connect.ImportanceHigh,
					Doc: "Expression that gives the topic, such as topic + \"-\" + value.country."},
				connect.ConfigKey{Name: "rules", Type: connect.TypeConfigString, Null: true, Check: checkRoutes, Importance: connect.ImportanceHigh,
					Doc: "Conditions with their topics: value.quantity > 0 -> sales_validated; value.quantity == 0 -> sales_empty. The first that is true decides. Rules end at a semicolon or at the end of the line."},
				connect.ConfigKey{Name: "default.topic", Type: connect.TypeConfigString, Null: true, Check: connect.NonEmpty,
					Doc: "The topic of records for which no rule is true. Not set, they keep their topic."},
			),
			Validate: validateRoute,
		},
		New: newRoute,
	}
}

func validateRoute(c connect.Config) connect.ConfigErrors {
	switch {
	case !c.Has("topic") && !c.Has("rules"):
		return connect.ConfigErrors{{Key: "rules", Text: `One of the configurations "topic" and "rules" is needed`}}
	case c.Has("topic") && c.Has("rules"):
		return connect.ConfigErrors{{Key: "rules", Value: c.String("rules"), Rule: "cannot stand beside topic"}}
	case c.Has("topic") && c.Has("default.topic"):
		return connect.ConfigErrors{{Key: "default.topic", Value: c.String("default.topic"), Rule: "belongs to rules, not to topic"}}
	}
	return nil
}

// route is one rule: where to go if a condition is true.
type route struct {
	condition *expr.Program
	topic     string
}

func checkRoutes(v any) (rule, hint string) {
	text, _ := v.(string)
	if _, err := parseRoutes(text); err != nil {
		return err.Error(), ""
	}
	return "", ""
}

func parseRoutes(text string) ([]route, error) {
	var routes []route
	for i, part := range syntax.Split(text, ruleEnds) {
		condition, topic, found := syntax.CutLast(part, "->")
		if !found || topic == "" {
			return nil, fmt.Errorf("rule %d: want condition -> topic, have %q", i+1, part)
		}
		p, err := expr.CompileCondition(condition)
		if err != nil {
			return nil, fmt.Errorf("rule %d: %w", i+1, err)
		}
		routes = append(routes, route{p, topic})
	}
	if len(routes) == 0 {
		return nil, fmt.Errorf("at least one rule is needed: condition -> topic")
	}
	return routes, nil
}

// router is Route.
type router struct {
	topic  *expr.Program
	routes []route
	other  string // "" keeps the topic
	env    expr.Env
	last   string // the topic that topic gave last: a run of records shares the text
}

func newRoute(t connect.TransformContext) (connect.Transform, error) {
	r := &router{other: t.Config.String("default.topic")}
	var err error
	if !t.Config.IsNull("topic") {
		if r.topic, err = expr.Compile(t.Config.String("topic")); err != nil {
			return nil, fmt.Errorf("configure topic: %w", err)
		}
		return r, nil
	}
	if r.routes, err = parseRoutes(t.Config.String("rules")); err != nil {
		return nil, fmt.Errorf("configure rules: %w", err)
	}
	return r, nil
}

// Apply sets the topic. A record that changes its topic leaves its partition to the
// key.
func (r *router) Apply(c *connect.Context, rec *connect.Record, emit connect.Emit) error {
	r.env.Record, r.env.Arena = rec, c.Arena
	topic, err := r.choose()
	if err != nil {
		return fmt.Errorf("route: %w", err)
	}
	if topic != "" && topic != rec.Topic {
		rec.Topic, rec.Partition = topic, connect.NoPartition
	}
	emit(rec)
	return nil
}

func (r *router) choose() (string, error) {
	if r.topic != nil {
		v, err := r.topic.Eval(&r.env)
		if err != nil {
			return "", err
		}
		if v.Kind() != connect.KindString || v.Len() == 0 {
			return "", &connect.DataError{Rule: r.topic.Source(), Err: fmt.Errorf("expression %q: a topic is a text, this gave %s of length %d", r.topic.Source(), v.Kind(), v.Len())}
		}
		if v.Str() != r.last {
			r.last = string(v.Bytes()) // outlives the batch, as Record.Topic may
		}
		return r.last, nil
	}
	for _, rule := range r.routes {
		yes, err := rule.condition.Test(&r.env)
		if err != nil {
			return "", err
		}
		if yes {
			return rule.topic, nil
		}
	}
	return r.other, nil
}
