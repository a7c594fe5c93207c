// SPDX-License-Identifier: Apache-2.0

//go:build referee

package referee

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// section is the text of a file from one mark to the next.
func section(t *testing.T, file, from, to string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(text), from)
	part, _, end := strings.Cut(rest, to)
	if !ok || !end {
		t.Fatalf("%s has nothing between %q and %q", file, from, to)
	}
	return part
}

// cells are the rows of a table in Markdown, without its head.
func cells(text string) [][]string {
	var out [][]string
	for l := range strings.SplitSeq(text, "\n") {
		if !strings.HasPrefix(l, "| ") || strings.HasPrefix(l, "| What ") {
			continue
		}
		var row []string
		for c := range strings.SplitSeq(strings.Trim(l, "|"), " | ") {
			row = append(row, strings.TrimSpace(c))
		}
		out = append(out, row)
	}
	return out
}

func firsts(rows [][]string) []string {
	var out []string
	for _, r := range rows {
		out = append(out, r[0])
	}
	return out
}

// TestDocumentedDifferences holds docs/referee.md, the connector's README and the
// scenarios that differ to each other.
func TestDocumentedDifferences(t *testing.T) {
	readme := cells(section(t, "../../connectors/postgrescdc/README.md", "## Differences from Debezium 3.7", "Differences of single values"))
	judged := cells(section(t, "../../docs/referee.md", "<!-- differences -->", "<!-- end -->"))
	if want, got := firsts(readme), firsts(judged); !slices.Equal(want, got) {
		for _, w := range want {
			if !slices.Contains(got, w) {
				t.Errorf("docs/referee.md does not have %s", w)
			}
		}
		for _, g := range got {
			if !slices.Contains(want, g) {
				t.Errorf("README.md does not have %s", g)
			}
		}
		if !t.Failed() {
			t.Error("the lists have not the same order")
		}
	}
	values := section(t, "../../docs/referee.md", "\nFurther scenarios", "<!-- end of scenarios -->")
	for _, s := range differing() {
		name := "`" + s.name + "`"
		if row := s.differs.row; row == "" {
			if !strings.Contains(values, name) {
				t.Errorf("docs/referee.md does not have %s among the further scenarios", name)
			}
		} else if !slices.ContainsFunc(judged, func(r []string) bool { return r[0] == row && strings.Contains(r[1], name) }) {
			t.Errorf("docs/referee.md does not have %s at %q", name, row)
		}
	}
}
