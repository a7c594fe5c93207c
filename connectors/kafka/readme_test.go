// SPDX-License-Identifier: Apache-2.0

package kafka

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/connectd/connectd/connect"
)

var update = flag.Bool("update", false, "write the tables of options into README.md")

func TestReadmeHasTheOptions(t *testing.T) {
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	want := withTable(t, string(text), "source options", sourceConfig)
	want = withTable(t, want, "sink options", sinkConfig)
	if *update {
		if err := os.WriteFile("README.md", []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if string(text) != want {
		t.Error("README.md does not agree with the declaration; run this test with -update")
	}
}

// withTable puts the table of options behind its mark.
func withTable(t *testing.T, text, mark string, keys *connect.ConfigDef) string {
	t.Helper()
	before, rest, ok := strings.Cut(text, "<!-- "+mark+" -->\n")
	_, after, found := strings.Cut(rest, "<!-- end -->\n")
	if !ok || !found {
		t.Fatalf("README.md has no place for the %s", mark)
	}
	var b strings.Builder
	b.WriteString("| Option | Type | Default | |\n|---|---|---|---|\n")
	for _, k := range keys.Keys() {
		def := "`" + k.Default + "`"
		if k.Null || k.Default == "" {
			def = "not set"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", k.Name, k.Type, def, k.Doc)
	}
	return before + "<!-- " + mark + " -->\n" + b.String() + "<!-- end -->\n" + after
}
