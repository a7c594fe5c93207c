// SPDX-License-Identifier: Apache-2.0

package transforms

import (
	"errors"
	"strings"
	"testing"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/connecttest"
)

func TestFilter(t *testing.T) {
	cases := []struct {
		name, condition, value string
		want                   string
	}{
		{"true", `value.status == "Paid"`, `{"status":"Paid"}`, `in null {"status":"Paid"}`},
		{"false", `value.status == "Paid"`, `{"status":"Refused"}`, ``},
		{"a field that is missing", `value.status == "Paid"`, `{}`, ``},
		{"a tombstone", `value.status == "Paid"`, `null`, ``},
		{"no answer", `value.amount >= 0`, `{"status":"Paid"}`, `error: filter: expression "value.amount >= 0", column 14: null cannot be compared with int64: the field is null or missing; ?? gives it a value (field amount)`},
		{"not a condition", `value.status`, `{"status":"Paid"}`, `error: filter: expression "value.status": a condition gives true or false, this gave string`},
		{"by topic", `topic == "in" && partition == 1`, `1`, `in null 1`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			for _, name := range []string{"Filter", "org.apache.kafka.connect.transforms.Filter"} {
				step := connecttest.NewStep(mustBuild(t, name, props{"condition": c.condition}))
				if got := apply(step, rec(t, `null`, c.value)); got != c.want {
					t.Errorf("got %s, want %s", got, c.want)
				}
			}
		})
	}
}

func TestFilterWithoutConditionDropsAll(t *testing.T) {
	step := connecttest.NewStep(mustBuild(t, "Filter", nil))
	if got := apply(step, rec(t, `"k"`, `1`)); got != "" {
		t.Errorf("got %s", got)
	}
}

func TestFilterMistakes(t *testing.T) {
	for condition, want := range map[string]string{
		`value.status = "Paid"`: "Invalid value value.status = \"Paid\" for configuration condition: column 14: ",
		`value.amount * 2`:      "a condition gives true or false, this gives a number",
		`vlaue.status == "a"`:   "did you mean value?",
		``:                      "the expression is empty",
	} {
		if got := mistakes("Filter", props{"condition": condition}); !strings.Contains(got, want) {
			t.Errorf("%s: %q, want %q", condition, got, want)
		}
	}
}

func TestFilterErrorNamesTheField(t *testing.T) {
	step := connecttest.NewStep(mustBuild(t, "Filter", props{"condition": "value.a.b > 1"}))
	_, err := step.Apply(rec(t, `null`, `{"a":{"b":"x"}}`))
	var data *connect.DataError
	if !errors.As(err, &data) || data.Field != "a.b" {
		t.Errorf("%v", err)
	}
}
