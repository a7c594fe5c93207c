// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"bytes"
	"encoding/json"
	"os"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/worker"
)

// otherErrors are texts that differ from the original's: here a value that is not
// available is not offered.
var otherErrors = map[string]string{
	"The 'snapshot.mode' value is invalid: Value must be one of always, initial_only, configuration_based, when_needed, initial, custom, no_data":    "The 'snapshot.mode' value is invalid: Value must be one of always, initial_only, configuration_based, when_needed, initial, no_data",
	"The 'slot.name' value is invalid: Valid replication slot name must contain only digits, lowercase characters and underscores with length <= 63": "The 'slot.name' value is invalid: Valid replication slot name must contain only digits, lowercase characters and underscores with length <= 63 (such as bad_slot)",
}

// TestValidateAnswersAsTheOriginal sends recorded requests for validation and compares
// the errors, and the values that are recommended, with those of Debezium 3.7.0.Final.
func TestValidateAnswersAsTheOriginal(t *testing.T) {
	data, err := os.ReadFile("testdata/config/validate.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	plugins := &connect.Plugins{Sources: []connect.SourcePlugin{Plugin()}}
	for _, line := range bytes.Split(bytes.TrimSpace(data), []byte("\n")) {
		var want struct {
			Name        string
			Config      map[string]string
			Errors      [][2]string
			Recommended map[string][]string
		}
		if err := json.Unmarshal(line, &want); err != nil {
			t.Fatal(err)
		}
		t.Run(want.Name, func(t *testing.T) {
			infos, err := worker.Validate(plugins, worker.OverridePolicy{Name: "All"}, want.Config)
			if err != nil {
				t.Fatal(err)
			}
			got := map[string][]string{}
			for _, c := range infos.Configs {
				if len(c.Value.Errors) > 0 {
					got[c.Value.Name] = c.Value.Errors
				}
				if values, ok := want.Recommended[c.Value.Name]; ok {
					checkRecommended(t, c.Value.Name, c.Value.Recommended, values)
				}
			}
			expected := map[string][]string{}
			for _, e := range want.Errors {
				text := e[1]
				if other, ok := otherErrors[text]; ok {
					text = other
				}
				expected[e[0]] = append(expected[e[0]], text)
			}
			if diff := cmp.Diff(expected, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// checkRecommended compares sets; what is refused here is not recommended.
func checkRecommended(t *testing.T, key string, got, want []string) {
	t.Helper()
	i := slices.IndexFunc(choices, func(ch choice) bool { return ch.key == key })
	if i < 0 {
		t.Errorf("%s has recommended values in the original, and no choice here", key)
		return
	}
	ch := choices[i]
	want = slices.DeleteFunc(want, func(v string) bool { return ch.refused[v] != "" || ch.aliases[v] != "" })
	got = slices.Sorted(slices.Values(got))
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s: %s", key, diff)
	}
}
