// SPDX-License-Identifier: Apache-2.0

package transforms

import (
	"errors"
	"strings"
	"testing"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/connecttest"
)

const salesRules = `product: value.product != nil && value.product != ""; quantity: value.quantity > 0
	both: value.quantity < 1000 || value.product == "Rice"`

func TestValidate(t *testing.T) {
	cases := []struct{ name, value, rule, field, text string }{
		{"good", `{"product":"Pizza","quantity":3}`, "", "", ""},
		{"breaks the first", `{"quantity":3}`, "product", "product", `validate: rule product is broken: value.product != nil && value.product != ""`},
		{"breaks the second", `{"product":"Pizza","quantity":0}`, "quantity", "quantity", "validate: rule quantity is broken: value.quantity > 0"},
		{"reads two fields", `{"product":"Pizza","quantity":1000}`, "both", "quantity,product", "rule both is broken"},
		{"no answer", `{"product":"Pizza"}`, "quantity", "quantity", `validate: rule quantity is broken: expression "value.quantity > 0", column 16: null cannot be compared with int64`},
		{"another kind", `{"product":"Pizza","quantity":"3"}`, "quantity", "quantity", "string cannot be compared with int64"},
		{"tombstone", `null`, "product", "product", "rule product is broken"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			step := connecttest.NewStep(mustBuild(t, "Validate", props{"rules": salesRules}))
			out, err := step.Apply(rec(t, `"k"`, c.value))
			if c.rule == "" {
				if err != nil || len(out) != 1 || connecttest.Text(out[0].Value) != c.value {
					t.Errorf("%d outputs, %v", len(out), err)
				}
				return
			}
			var data *connect.DataError
			if !errors.As(err, &data) || data.Rule != c.rule || data.Field != c.field || !strings.Contains(err.Error(), c.text) {
				t.Fatalf("%+v", err)
			}
			var headers []string
			for _, h := range data.Headers {
				headers = append(headers, h.Key+"="+h.Value.Str())
			}
			if got, want := strings.Join(headers, " "), "__connectd.validate.rule="+c.rule+" __connectd.validate.field="+c.field; got != want {
				t.Errorf("headers %s, want %s", got, want)
			}
		})
	}
}

func TestValidateMistakes(t *testing.T) {
	for want, rules := range map[string]string{
		`rule 1: want name: condition, have "value > 1"`: `value > 1`,
		`rule a is there twice`:                          `a: true; a: false`,
		`rule b: expression "uper(x)", column 1`:         `a: true; b: uper(x)`,
		`at least one rule is needed`:                    ``,
		`a condition gives true or false`:                `a: "text"`,
	} {
		if got := mistakes("Validate", props{"rules": rules}); !strings.Contains(got, want) {
			t.Errorf("%q: %q, want %q", rules, got, want)
		}
	}
	if got := mistakes("Validate", props{}); !strings.Contains(got, `Missing required configuration "rules"`) {
		t.Error(got)
	}
}
