// SPDX-License-Identifier: Apache-2.0

package transforms

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/expr"
	"github.com/connectd/connectd/transforms/syntax"
)

// The headers that a record which broke a rule has on the error topic.
const (
	validateRuleHeader  = "__connectd.validate.rule"
	validateFieldHeader = "__connectd.validate.field"
)

// validatePlugin introduces Validate.
func validatePlugin() connect.TransformPlugin {
	return connect.TransformPlugin{
		PluginInfo: connect.PluginInfo{
			Class: "Validate",
			Doc:   "Lets records through that keep all rules. One that breaks a rule goes to the error road, with the rule and the field in its headers.",
			Config: connect.Define(connect.ConfigKey{
				Name: "rules", Type: connect.TypeConfigString, Required: true, Check: checkValidation, Importance: connect.ImportanceHigh,
				Doc: "Named conditions: product: value.product != nil; quantity: value.quantity > 0. Rules end at a semicolon or at the end of the line; they are tried in this order.",
			}),
		},
		New: func(t connect.TransformContext) (connect.Transform, error) {
			rules, err := parseValidation(t.Config.String("rules"))
			if err != nil {
				return nil, fmt.Errorf("configure rules: %w", err)
			}
			return &validator{rules: rules}, nil
		},
	}
}

type validation struct {
	name, field string
	condition   *expr.Program
}

var ruleName = regexp.MustCompile(`^\s*([\pL\pN_.-]+)\s*:\s*(\S(?s:.*))$`)

func checkValidation(v any) (rule, hint string) {
	text, _ := v.(string)
	if _, err := parseValidation(text); err != nil {
		return err.Error(), ""
	}
	return "", ""
}

func parseValidation(text string) ([]validation, error) {
	var rules []validation
	seen := map[string]bool{}
	for i, part := range syntax.Split(text, ruleEnds) {
		m := ruleName.FindStringSubmatch(part)
		if m == nil {
			return nil, fmt.Errorf("rule %d: want name: condition, have %q", i+1, part)
		}
		if seen[m[1]] {
			return nil, fmt.Errorf("rule %s is there twice", m[1])
		}
		seen[m[1]] = true
		p, err := expr.CompileCondition(m[2])
		if err != nil {
			return nil, fmt.Errorf("rule %s: %w", m[1], err)
		}
		rules = append(rules, validation{m[1], strings.Join(p.Fields(), ","), p})
	}
	if len(rules) == 0 {
		return nil, errors.New("at least one rule is needed: name: condition")
	}
	return rules, nil
}

// validator is Validate.
type validator struct {
	rules []validation
	env   expr.Env
}

// Apply emits the record, or names the first rule that it breaks. A rule that has no
// answer, as a field is missing or of another kind, is broken.
func (v *validator) Apply(c *connect.Context, r *connect.Record, emit connect.Emit) error {
	v.env.Record, v.env.Arena = r, c.Arena
	for i := range v.rules {
		rule := &v.rules[i]
		ok, err := rule.condition.Test(&v.env)
		if err != nil {
			return rule.broken(err)
		}
		if !ok {
			return rule.broken(nil)
		}
	}
	emit(r)
	return nil
}

// broken makes the record error. Without a cause the fields are those that the rule
// reads.
func (v *validation) broken(cause error) error {
	field := v.field
	err := fmt.Errorf("validate: rule %s is broken: %s", v.name, v.condition.Source())
	if cause != nil {
		var data *connect.DataError
		if errors.As(cause, &data) && data.Field != "" {
			field = data.Field
		}
		err = fmt.Errorf("validate: rule %s is broken: %w", v.name, cause)
	}
	return &connect.DataError{
		Rule: v.name, Field: field, Err: err,
		Headers: []connect.Header{
			{Key: validateRuleHeader, Schema: connect.StringSchema, Value: connect.String(v.name)},
			{Key: validateFieldHeader, Schema: connect.StringSchema, Value: connect.String(field)},
		},
	}
}
