// SPDX-License-Identifier: Apache-2.0

package transforms

import (
	"errors"
	"strings"
)

// scriptOperatorTokens are the operators of more than one character, longest first.
var scriptOperatorTokens = []string{"===", "!==", "==~", "==", "!=", "<=", ">=", "&&", "||", "?.", "??", "?:", "**", ".."}

// scriptTokens cuts a script into names, numbers, quoted texts and operators. Space
// between them is left out.
func scriptTokens(source string) ([]string, error) {
	var out []string
	for i := 0; i < len(source); {
		var end int
		switch c := source[i]; {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			i++
			continue
		case c == '\'' || c == '"' || c == '`':
			text, n, err := quotedToken(source[i:])
			if err != nil {
				return nil, err
			}
			out = append(out, text)
			i += n
			continue
		case c == '/' && len(out) > 0 && out[len(out)-1] == "==~":
			text, n, err := slashedToken(source[i:])
			if err != nil {
				return nil, err
			}
			out = append(out, text)
			i += n
			continue
		case isLetter(c):
			end = span(source, i, func(c byte) bool { return isLetter(c) || isDigit(c) })
		case isDigit(c):
			end = span(source, i, func(c byte) bool { return isDigit(c) || isLetter(c) || c == '.' })
		default:
			end = i + len(operatorToken(source[i:]))
		}
		out = append(out, source[i:end])
		i = end
	}
	return out, nil
}

func span(s string, from int, in func(byte) bool) int {
	end := from
	for end < len(s) && in(s[end]) {
		end++
	}
	return end
}

func operatorToken(s string) string {
	for _, op := range scriptOperatorTokens {
		if strings.HasPrefix(s, op) {
			return op
		}
	}
	return s[:1]
}

// quotedToken reads a text in quotes. Groovy and JavaScript put values into texts
// with ${…}; taken as it is, such a text would be wrong without a word.
func quotedToken(s string) (string, int, error) {
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '\\' && s[0] != '`':
			i++
		case s[i] == '$' && s[0] != '\'' && strings.HasPrefix(s[i:], "${"):
			return "", 0, errors.New("values in texts, as in \"a-${b}\", are not supported: write \"a-\" + b")
		case s[i] == s[0]:
			return s[:i+1], i + 1, nil
		}
	}
	return "", 0, errors.New("a quote is not closed")
}

// slashedToken reads a regular expression between slashes, as Groovy writes it.
func slashedToken(s string) (string, int, error) {
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '\\' && strings.HasPrefix(s[i:], `\/`):
			b.WriteByte('/')
			i++
		case s[i] == '/':
			return quoteText(b.String()), i + 1, nil
		default:
			b.WriteByte(s[i])
		}
	}
	return "", 0, errors.New("a slash is not closed")
}

// quoteText writes a text in double quotes.
func quoteText(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}
