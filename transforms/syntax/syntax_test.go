// SPDX-License-Identifier: Apache-2.0

package syntax

import (
	"slices"
	"testing"
)

func TestSplit(t *testing.T) {
	for text, want := range map[string][]string{
		"a; b\n c;;":              {"a", "b", "c"},
		`x == ";" ; y == "\";" `:  {`x == ";"`, `y == "\";"`},
		"f(a;b); {c;d}; [e;f]":    {"f(a;b)", "{c;d}", "[e;f]"},
		"`a\\`; 'b;c'":            {"`a\\`", "'b;c'"},
		"":                        {},
		`unclosed "quote; and on`: {`unclosed "quote; and on`},
	} {
		if got := Split(text, ";\n"); !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestCutLast(t *testing.T) {
	for text, want := range map[string][2]string{
		"a -> b":                {"a", "b"},
		`x == "->" -> b`:        {`x == "->"`, "b"},
		"f(a -> b)":             {"f(a -> b)", ""},
		"a -> b -> c":           {"a -> b", "c"},
		`none`:                  {"none", ""},
		"{a: [1, 2 -> 3]} -> d": {"{a: [1, 2 -> 3]}", "d"},
	} {
		before, after, found := CutLast(text, "->")
		if before != want[0] || after != want[1] || found != (want[1] != "") {
			t.Errorf("%q: %q, %q, %v", text, before, after, found)
		}
	}
}
