// SPDX-License-Identifier: Apache-2.0

package transforms

import (
	"strings"
	"testing"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/connecttest"
)

func TestRoute(t *testing.T) {
	sales := `value.product != nil && (quantity ?? 0) > 0 -> sales_validated`
	cases := []struct {
		name  string
		p     props
		value string
		want  string
	}{
		{"first rule", props{"rules": sales, "default.topic": "sales_error"}, `{"product":"Pizza","quantity":3}`, `sales_validated "k" {"product":"Pizza","quantity":3}`},
		{"default", props{"rules": sales, "default.topic": "sales_error"}, `{"product":"Pizza","quantity":0}`, `sales_error "k" {"product":"Pizza","quantity":0}`},
		{"missing field", props{"rules": sales, "default.topic": "sales_error"}, `{"quantity":3}`, `sales_error "k" {"quantity":3}`},
		{"no rule and no default", props{"rules": `value > 5 -> big`}, `1`, `in "k" 1`},
		{"the first rule that is true", props{"rules": "value > 5 -> big\nvalue > 1 -> mid;\n value > 0 -> small\n"}, `3`, `mid "k" 3`},
		{"separators within expressions", props{"rules": `(let x = "a;->b"; value == x) -> semi; true -> other`}, `"a;->b"`, `semi "k" "a;->b"`},
		{"by expression", props{"topic": `topic + "-" + lower(value)`}, `"IT"`, `in-it "k" "IT"`},
		{"no answer", props{"rules": `value.n > 1 -> a`}, `{}`, `error: route: expression "value.n > 1", column 9: null cannot be compared with int64: the field is null or missing; ?? gives it a value (field n)`},
		{"empty topic", props{"topic": `value`}, `""`, `error: route: expression "value": a topic is a text, this gave string of length 0`},
		{"topic of another kind", props{"topic": `value`}, `5`, `error: route: expression "value": a topic is a text, this gave int64 of length 0`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			step := connecttest.NewStep(mustBuild(t, "Route", c.p))
			if got := apply(step, rec(t, `"k"`, c.value)); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestRouteKeepsWhatItDoesNotChange(t *testing.T) {
	r := rec(t, `"k"`, `1`)
	r.RawKey, r.RawValue = []byte("k"), []byte("1")
	step := connecttest.NewStep(mustBuild(t, "Route", props{"rules": "value == 1 -> one"}))
	out, err := step.Apply(r)
	if err != nil || len(out) != 1 {
		t.Fatal(err)
	}
	if string(out[0].RawValue) != "1" || out[0].Partition != connect.NoPartition || out[0].Timestamp != 1000 {
		t.Errorf("%+v", out[0])
	}
}

func TestRouteMistakes(t *testing.T) {
	for want, p := range map[string]props{
		`One of the configurations "topic" and "rules" is needed`:         {},
		`cannot stand beside topic`:                                       {"topic": "topic", "rules": "true -> a"},
		`belongs to rules, not to topic`:                                  {"topic": "topic", "default.topic": "a"},
		`rule 2: want condition -> topic, have "value > 2"`:               {"rules": "value > 1 -> a; value > 2"},
		`rule 1: expression "value * 2": a condition gives true or false`: {"rules": "value * 2 -> a"},
		`at least one rule is needed`:                                     {"rules": " ; "},
	} {
		got := mistakes("Route", p)
		if !strings.Contains(got, want) {
			t.Errorf("%v: %q, want %q", p, got, want)
		}
	}
}
