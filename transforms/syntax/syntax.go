// SPDX-License-Identifier: Apache-2.0

// Package syntax splits settings that hold several expressions. Separators within
// quotes and brackets belong to the expressions; everything else does not need
// quoting.
package syntax

import "strings"

// Split splits a text at the separators, which are single characters. Parts come
// without white space around them, and empty ones are left out.
func Split(text, separators string) []string {
	var parts []string
	from := 0
	scan(text, func(at int) {
		if strings.IndexByte(separators, text[at]) >= 0 {
			parts = append(parts, text[from:at])
			from = at + 1
		}
	})
	parts = append(parts, text[from:])
	kept := parts[:0]
	for _, p := range parts {
		if p = strings.TrimSpace(p); p != "" {
			kept = append(kept, p)
		}
	}
	return kept
}

// CutLast cuts a text at the last sep that is outside quotes and brackets.
func CutLast(text, sep string) (before, after string, found bool) {
	last := -1
	scan(text, func(at int) {
		if strings.HasPrefix(text[at:], sep) {
			last = at
		}
	})
	if last < 0 {
		return text, "", false
	}
	return strings.TrimSpace(text[:last]), strings.TrimSpace(text[last+len(sep):]), true
}

// scan calls fn with the place of each byte that is outside quotes and brackets.
func scan(text string, fn func(at int)) {
	depth := 0
	var quote byte
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case quote != 0:
			if c == '\\' && quote != '`' {
				i++
			} else if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'' || c == '`':
			quote = c
		case c == '(' || c == '[' || c == '{':
			depth++
		case c == ')' || c == ']' || c == '}':
			depth--
		case depth == 0:
			fn(i)
		}
	}
}
