// SPDX-License-Identifier: Apache-2.0

package pattern

import (
	"regexp"
	"strings"
	"testing"
)

func TestWhatGoReadsOtherwiseAreRefused(t *testing.T) {
	for _, tc := range []struct{ expr, reason string }{
		{`a(?!b)`, "invalid or unsupported Perl syntax"},
		{`(?<=a)b`, "invalid"},
		{`(a)\1`, "invalid escape sequence"},
		{`a++`, "invalid nested repetition operator"},
		{`[a-z&&[^b]]`, "an intersection of classes"},
		{`[a[bc]]`, "a class inside of a class"},
		{`a\`, "a trailing backslash"},
		{`(a`, "missing closing"},
		{`(?>a)`, "invalid"},
	} {
		_, err := Compile(tc.expr)
		if err == nil || !strings.Contains(err.Error(), tc.reason) || !strings.Contains(err.Error(), tc.expr) {
			t.Errorf("%s: %v, want an error with %q", tc.expr, err, tc.reason)
		}
	}
}

// TestLargeExpressions shows that an expression that would take seconds for each name is
// refused, and that long lists of names are not.
func TestLargeExpressions(t *testing.T) {
	for _, tc := range []struct{ name, expr, reason string }{
		{"side by side", strings.Repeat(".{0,1000}", 100), "steps to match, and may take 131072"},
		{"many rows", strings.Repeat("(ab|cde){1000}", 40), "use smaller or fewer counted repetitions"},
		{"one in another", "((a{1,30}){1,30}){1,30}", "invalid repeat count"},
		{"names", strings.Repeat("public[.]a_table_with_a_name|", 4000) + "x", ""},
		{"a long count", "(public|other)[.].{1,1000}", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			re, err := Compile(tc.expr)
			if tc.reason == "" {
				if err != nil || re.MatchString("nothing") {
					t.Errorf("error %v", err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), tc.reason) || !strings.HasPrefix(err.Error(), "'"+tc.expr[:20]) || len(err.Error()) > 500 {
				t.Errorf("error %v, want one with %q", err, tc.reason)
			}
		})
	}
}

// BenchmarkLargest matches a name with about the largest expression that is taken.
func BenchmarkLargest(b *testing.B) {
	re, err := Compile(strings.Repeat(".{0,1000}", 65))
	if err != nil {
		b.Fatal(err)
	}
	name := strings.Repeat("n", 63) + "." + strings.Repeat("n", 63) + "\n"
	for b.Loop() {
		if re.MatchString(name) {
			b.Fatal("the line end matches")
		}
	}
}

// FuzzPattern shows that a list is either refused or made of expressions that Go
// compiles, and that quoted text matches itself alone.
func FuzzPattern(f *testing.F) {
	for _, s := range []string{`a,b`, `\Qa,b\E`, `[a-z]+\.x`, `\p{Lower}*`, `[^]]`, `a\,b`, `\u00e9`, `\`, `[[:alpha:]]`, `(?i)x`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, list string) {
		if patterns, err := ParseList(list); err == nil {
			patterns.Match(list)
		}
		if strings.ContainsRune(list, '\n') || !isValidText(list) {
			return
		}
		re, err := Compile(regexp.QuoteMeta(list))
		if err != nil || !re.MatchString(list) || re.MatchString(list+"x") {
			t.Errorf("%q quoted does not match itself alone: %v", list, err)
		}
	})
}

func isValidText(s string) bool { return strings.ToValidUTF8(s, "") == s }
