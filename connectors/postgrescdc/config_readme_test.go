// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"flag"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/connectd/connectd/connect/connecttest"
)

var updateReadme = flag.Bool("update-readme", false, "write the tables of keys into README.md")

// TestReadmeHasTheKeys keeps the tables of README.md equal to the declaration.
func TestReadmeHasTheKeys(t *testing.T) {
	connecttest.ReadmeTables(t, map[string]string{
		"keys": keyTable(), "refused keys": refusedTable(), "other values": valueTable(),
	}, *updateReadme)
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
