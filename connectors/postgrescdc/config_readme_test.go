// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

var updateReadme = flag.Bool("update-readme", false, "write the tables of keys into README.md")

// TestReadmeHasTheKeys keeps the tables of README.md equal to the declaration.
func TestReadmeHasTheKeys(t *testing.T) {
	data, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	want := between(t, string(data), "keys", keyTable())
	want = between(t, want, "refused keys", refusedTable())
	want = between(t, want, "other values", valueTable())
	if *updateReadme {
		if err := os.WriteFile("README.md", []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if string(data) != want {
		t.Error("README.md does not agree with the declaration; run this test with -update-readme")
	}
}

// between replaces what stands behind a mark.
func between(t *testing.T, text, mark, table string) string {
	t.Helper()
	before, rest, ok := strings.Cut(text, "<!-- "+mark+" -->\n")
	_, after, found := strings.Cut(rest, "<!-- end -->\n")
	if !ok || !found {
		t.Fatalf("README.md has no place for the %s", mark)
	}
	return before + "<!-- " + mark + " -->\n" + table + "<!-- end -->\n" + after
}

func keyTable() string {
	var b strings.Builder
	b.WriteString("| Key | Default | Values | |\n|---|---|---|---|\n")
	for _, k := range declaration.Keys() {
		def := ""
		if !k.Null {
			def = "`" + k.Default + "`"
		}
		values := strings.ToLower(string(k.Type))
		if len(k.Recommended) > 0 {
			values = strings.Join(k.Recommended, ", ")
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", k.Name, def, values, k.Doc)
	}
	return b.String()
}

func refusedTable() string {
	var b strings.Builder
	b.WriteString("| Key | Reason | Instead |\n|---|---|---|\n")
	for _, r := range refusals {
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", r.key, r.reason, r.instead)
	}
	return b.String()
}

func valueTable() string {
	var b strings.Builder
	b.WriteString("| Key | Value | |\n|---|---|---|\n")
	for _, ch := range choices {
		for _, v := range sortedKeys(ch.aliases) {
			fmt.Fprintf(&b, "| `%s` | `%s` | the same as `%s` |\n", ch.key, v, ch.aliases[v])
		}
		for _, v := range sortedKeys(ch.refused) {
			fmt.Fprintf(&b, "| `%s` | `%s` | refused: %s |\n", ch.key, v, ch.refused[v])
		}
	}
	return b.String()
}

// TestEveryChoiceIsDeclared keeps a key of an enumeration from being declared and not
// checked, or checked and not declared.
func TestEveryChoiceIsDeclared(t *testing.T) {
	for _, ch := range choices {
		k := declaration.Key(ch.key)
		if k == nil || !slices.Equal(k.Recommended, ch.values) {
			t.Errorf("%s is not declared with its values", ch.key)
		}
	}
	for _, k := range declaration.Keys() {
		if len(k.Recommended) > 0 && !slices.ContainsFunc(choices, func(ch choice) bool { return ch.key == k.Name }) {
			t.Errorf("%s has recommended values that nothing checks", k.Name)
		}
	}
}
