// SPDX-License-Identifier: Apache-2.0

package pattern

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"
)

// List is a list of regular expressions, each for the whole of a name. It is immutable
// and safe for concurrent use.
type List []*regexp.Regexp

// Match reports whether one of the expressions matches the whole name; an empty list
// matches none.
func (l List) Match(name string) bool {
	for _, re := range l {
		if re.MatchString(name) {
			return true
		}
	}
	return false
}

// ParseList reads a comma-separated list of Java regular expressions, as Split and
// Compile do. An error names the expression.
func ParseList(list string) (List, error) {
	var out List
	for _, expr := range Split(list) {
		re, err := Compile(expr)
		if err != nil {
			return nil, err
		}
		out = append(out, re)
	}
	return out, nil
}

// Split splits a list at its commas as Debezium 3.7 does: a backslash keeps the next
// character from separating, and \, stands for a comma. Blanks around an element, and
// elements that are empty, are left out.
func Split(list string) []string {
	var out []string
	add := func(part string) {
		if part = strings.TrimSpace(part); part != "" {
			out = append(out, strings.ReplaceAll(part, `\,`, ","))
		}
	}
	start := 0
	for i := 0; i < len(list); i++ {
		switch list[i] {
		case '\\':
			i++
		case ',':
			add(list[start:i])
			start = i + 1
		}
	}
	add(list[start:])
	return out
}

// maxSteps bounds the program that an expression becomes. Matching takes time in
// proportion to its steps, whatever the name is, and a counted repetition needs few
// letters for many of them: (.{0,1000}){0,1000} is refused by the compiler, a hundred
// times .{0,1000} side by side is not. A list of a thousand names as alternatives has
// some 30000 steps.
const maxSteps = 1 << 17

// Compile compiles a Java regular expression that must match a whole name, without
// regard to case. What Go reads in another way than Java is refused, not misunderstood,
// and so is what would take long to match. An error names the expression.
func Compile(expr string) (*regexp.Regexp, error) {
	translated, err := translate(expr)
	if err != nil {
		return nil, refuse(expr, err)
	}
	translated = "(?i)^(?:" + translated + ")$"
	steps, err := stepsOf(translated)
	if err != nil {
		return nil, refuse(expr, err)
	}
	if steps > maxSteps {
		return nil, fmt.Errorf("'%s' is too large a regular expression: it takes %d steps to match, and may take %d; use smaller or fewer counted repetitions", shortened(expr), steps, maxSteps)
	}
	re, err := regexp.Compile(translated)
	if err != nil {
		return nil, refuse(expr, err)
	}
	return re, nil
}

// Written is the expression of a compiled one nearly as the user wrote it.
func Written(re *regexp.Regexp) string {
	return strings.TrimSuffix(strings.TrimPrefix(re.String(), "(?i)^(?:"), ")$")
}

// stepsOf is the size of the program of an expression of Go.
func stepsOf(translated string) (int, error) {
	tree, err := syntax.Parse(translated, syntax.Perl)
	if err != nil {
		return 0, err
	}
	prog, err := syntax.Compile(tree.Simplify())
	if err != nil {
		return 0, err
	}
	return len(prog.Inst), nil
}

func refuse(expr string, err error) error {
	reason := strings.TrimPrefix(err.Error(), "error parsing regexp: ")
	return fmt.Errorf("'%s' is not a valid regular expression: %s; look-around, back-references, possessive quantifiers and operations on classes are not available", expr, reason)
}

// shortened keeps the beginning of an expression that is too long to be read.
func shortened(expr string) string {
	const most = 200
	if len(expr) <= most {
		return expr
	}
	return strings.ToValidUTF8(expr[:most], "") + "…"
}

// posixClasses are Java's names of classes that Go knows in brackets.
var posixClasses = map[string]string{
	"Lower": "[:lower:]", "Upper": "[:upper:]", "Alpha": "[:alpha:]", "Digit": "[:digit:]", "Alnum": "[:alnum:]",
	"Punct": "[:punct:]", "Graph": "[:graph:]", "Print": "[:print:]", "Blank": "[:blank:]", "Cntrl": "[:cntrl:]",
	"XDigit": "[:xdigit:]", "Space": "[:space:]", "ASCII": "[:ascii:]",
}

var (
	errNested    = errors.New("a class inside of a class")
	errIntersect = errors.New("an intersection of classes")
	errEscape    = errors.New("a trailing backslash")
)

// translate rewrites the escapes that both dialects have under other names.
func translate(expr string) (string, error) {
	var b strings.Builder
	inClass := false
	for i := 0; i < len(expr); i++ {
		switch ch := expr[i]; {
		case ch == '\\':
			n, err := translateEscape(&b, expr[i:], inClass)
			if err != nil {
				return "", err
			}
			i += n - 1
			continue
		case inClass && ch == '[':
			return "", errNested
		case inClass && strings.HasPrefix(expr[i:], "&&"):
			return "", errIntersect
		case inClass && ch == ']':
			inClass = false
		case !inClass && ch == '[':
			inClass = true
			i += classStart(&b, expr[i:])
			continue
		}
		b.WriteByte(expr[i])
	}
	return b.String(), nil
}

// classStart copies the bracket, a following ^ and a literal ] at the first place, and
// returns how many bytes it took beyond the bracket.
func classStart(b *strings.Builder, s string) int {
	n := 1
	if strings.HasPrefix(s[n:], "^") {
		n++
	}
	b.WriteString(s[:n])
	return n - 1
}

// translateEscape writes the escape that s begins with and returns its length in s.
func translateEscape(b *strings.Builder, s string, inClass bool) (int, error) {
	if len(s) < 2 {
		return 0, errEscape
	}
	switch s[1] {
	case 'Q':
		literal, _, _ := strings.Cut(s[2:], `\E`)
		b.WriteString(regexp.QuoteMeta(literal))
		return min(len(s), 2+len(literal)+2), nil
	case 'u':
		if len(s) >= 6 {
			b.WriteString(`\x{` + s[2:6] + "}")
			return 6, nil
		}
	case 'p', 'P':
		if n := posixEscape(b, s, inClass); n > 0 {
			return n, nil
		}
	}
	b.WriteString(s[:2])
	return 2, nil
}

// posixEscape writes \p{Alpha} and the like as a bracket class; 0 if it is none.
func posixEscape(b *strings.Builder, s string, inClass bool) int {
	name, _, ok := strings.Cut(strings.TrimPrefix(s[2:], "{"), "}")
	class, known := posixClasses[name]
	if !ok || !known || s[2] != '{' {
		return 0
	}
	if s[1] == 'P' {
		class = "[:^" + class[2:]
	}
	if !inClass {
		class = "[" + class + "]"
	}
	b.WriteString(class)
	return len(name) + 4
}
