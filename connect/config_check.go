// SPDX-License-Identifier: Apache-2.0

package connect

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
)

// Between checks a number: from least to most, both included. Without a bound use
// math.MinInt64 or math.MaxInt64.
func Between(least, most int64) func(any) (string, string) {
	return func(v any) (string, string) {
		n, _ := v.(int64)
		switch {
		case n < least:
			return fmt.Sprintf("Value must be at least %d", least), ""
		case n > most:
			return fmt.Sprintf("Value must be no more than %d", most), ""
		}
		return "", ""
	}
}

// AtLeast checks a number against a lower bound.
func AtLeast(least int64) func(any) (string, string) { return Between(least, 1<<63-1) }

// OneOf checks a string, or each element of a list, against the valid ones,
// without regard to case, and hints at the nearest.
func OneOf(valid ...string) func(any) (string, string) {
	return func(v any) (string, string) {
		list, isList := v.([]string)
		if !isList {
			s, _ := v.(string)
			list = []string{s}
		}
		for _, s := range list {
			if containsFold(valid, s) {
				continue
			}
			hint := ""
			if near := Nearest(s, valid); near != "" {
				hint = "did you mean " + near + "?"
			}
			return "String must be one of: " + strings.Join(valid, ", "), hint
		}
		return "", ""
	}
}

func containsFold(list []string, s string) bool {
	for _, e := range list {
		if strings.EqualFold(e, s) {
			return true
		}
	}
	return false
}

// NonEmpty refuses an empty string or list.
func NonEmpty(v any) (string, string) {
	switch x := v.(type) {
	case string:
		if x == "" {
			return "String must be non-empty", ""
		}
	case []string:
		if len(x) == 0 {
			return "List must have at least one element", ""
		}
	}
	return "", ""
}

// NoControl refuses empty strings and ISO control characters, as for connector names.
func NoControl(v any) (string, string) {
	s, _ := v.(string)
	if strings.TrimSpace(s) == "" {
		return "String must be non-empty", ""
	}
	for i, r := range s {
		if unicode.IsControl(r) {
			return fmt.Sprintf("String may not contain control sequences but had the character U+%04X at %d", r, i), ""
		}
	}
	return "", ""
}

// Unique refuses a list with the same element twice.
func Unique(v any) (string, string) {
	list, _ := v.([]string)
	seen := make(map[string]bool, len(list))
	for _, e := range list {
		if seen[e] {
			return "Duplicate alias provided: " + e, ""
		}
		seen[e] = true
	}
	return "", ""
}

// IsRegex refuses what regexp does not compile. Look-around and back-references
// of Java's dialect are not available, and the rule says so.
func IsRegex(v any) (string, string) {
	s, _ := v.(string)
	if _, err := regexp.Compile(s); err != nil {
		return "Invalid regex: " + strings.TrimPrefix(err.Error(), "error parsing regexp: "), ""
	}
	return "", ""
}

// All runs several checks and returns the first broken rule.
func All(checks ...func(any) (string, string)) func(any) (string, string) {
	return func(v any) (string, string) {
		for _, c := range checks {
			if rule, hint := c(v); rule != "" {
				return rule, hint
			}
		}
		return "", ""
	}
}

// Nearest returns the candidate with the smallest edit distance to name, and ""
// if none is near enough to be a slip of the hand.
func Nearest(name string, candidates []string) string {
	best, bestAt := "", len(name)/3+2
	for _, c := range candidates {
		if d := distance(strings.ToLower(name), strings.ToLower(c), bestAt); d < bestAt {
			best, bestAt = c, d
		}
	}
	return best
}

// distance is Levenshtein's, cut off at most.
func distance(a, b string, most int) int {
	if len(a)-len(b) >= most || len(b)-len(a) >= most {
		return most
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		prev := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			prev, row[j] = row[j], min(row[j]+1, row[j-1]+1, prev+cost)
		}
	}
	return row[len(b)]
}
