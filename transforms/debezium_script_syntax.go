// SPDX-License-Identifier: Apache-2.0

package transforms

import (
	"errors"
	"fmt"
	"strings"
)

// translateScript turns what Groovy and JavaScript write otherwise into this program's
// expressions: ===, null, ==~ and the methods of texts and structs that conditions
// use. A text without any of them comes back as it is.
func translateScript(source string) (string, error) {
	trimmed := strings.TrimSuffix(strings.TrimSpace(source), ";")
	in, err := scriptTokens(trimmed)
	if err != nil {
		return "", err
	}
	t := translator{in: in}
	out, err := t.until("")
	if err != nil {
		return "", err
	}
	if !t.changed {
		return trimmed, nil
	}
	return strings.Join(out, " "), nil
}

// translator goes through the tokens of a script once.
type translator struct {
	in      []string
	pos     int
	changed bool
}

// scriptWords are written otherwise here.
var scriptWords = map[string]string{"===": "==", "!==": "!=", "null": "nil"}

// until translates up to the end, or up to the bracket that closes.
func (t *translator) until(closing string) ([]string, error) {
	var out []string
	for t.pos < len(t.in) {
		token := t.in[t.pos]
		t.pos++
		if token == closing {
			return out, nil
		}
		var err error
		switch {
		case closingOf(token) != "":
			var inner []string
			if inner, err = t.until(closingOf(token)); err == nil {
				out = append(append(append(out, token), inner...), closingOf(token))
			}
		case token == "==~":
			out, err = t.wholeMatch(out)
		case (token == "." || token == "?.") && t.isCall():
			out, err = t.method(out)
		case scriptWords[token] != "" && !isMember(out):
			t.changed = true
			out = append(out, scriptWords[token])
		default:
			out = append(out, token)
		}
		if err != nil {
			return nil, err
		}
	}
	if closing != "" {
		return nil, fmt.Errorf("%s is missing", closing)
	}
	return out, nil
}

func closingOf(token string) string {
	switch token {
	case "(":
		return ")"
	case "[":
		return "]"
	case "{":
		return "}"
	}
	return ""
}

// isMember reports whether the next word is the name of a member.
func isMember(out []string) bool {
	return len(out) > 0 && (out[len(out)-1] == "." || out[len(out)-1] == "?.")
}

// isCall reports whether a name with a bracket comes next.
func (t *translator) isCall() bool {
	return t.pos+1 < len(t.in) && t.in[t.pos+1] == "(" && isWord(t.in[t.pos])
}

// wholeMatch translates ==~ with a literal behind it.
func (t *translator) wholeMatch(out []string) ([]string, error) {
	if t.pos == len(t.in) || !isQuoted(t.in[t.pos]) {
		return nil, errors.New("behind ==~, want the text of a regular expression")
	}
	t.changed = true
	pattern := t.in[t.pos]
	t.pos++
	return append(out, "matches", wholePattern(pattern)), nil
}

// wholePattern puts anchors into a quoted text.
func wholePattern(quoted string) string {
	last := len(quoted) - 1
	return quoted[:1] + "^(?:" + quoted[1:last] + ")$" + quoted[last:]
}

// scriptFunctions are methods without arguments, and the functions that they are here.
var scriptFunctions = map[string]string{
	"size": "len", "length": "len", "toLowerCase": "lower", "toUpperCase": "upper", "trim": "trim", "toString": "string",
}

// scriptOperators are methods with one argument, and the operators that they are here.
var scriptOperators = map[string]string{
	"startsWith": "startsWith", "endsWith": "endsWith", "contains": "contains", "includes": "contains", "equals": "==",
}

// method translates a call of a method on what has been translated last. Methods
// that are not known are left for the expression language to judge.
func (t *translator) method(out []string) ([]string, error) {
	dot, name := t.in[t.pos-1], t.in[t.pos]
	function, operator := scriptFunctions[name], scriptOperators[name]
	isGet := name == "get" || strings.HasPrefix(name, "get") && isGetter(name[3:])
	if function == "" && operator == "" && !isGet && name != "matches" {
		return append(out, dot), nil
	}
	t.pos += 2
	arg, err := t.until(")")
	if err != nil {
		return nil, err
	}
	if (function == "") == (len(arg) == 0) {
		return nil, fmt.Errorf("the method %s has another number of arguments", name)
	}
	t.changed = true
	from := receiver(out)
	on := append([]string(nil), out[from:]...)
	if len(on) == 0 {
		return nil, fmt.Errorf("nothing stands before the method %s", name)
	}
	out = out[:from]
	switch {
	case isGet:
		out = append(append(append(out, on...), "["), arg...)
		return append(out, "]"), nil
	case function != "":
		out = append(append(out, function, "("), on...)
		return append(out, ")"), nil
	case name == "matches":
		if len(arg) != 1 || !isQuoted(arg[0]) {
			return nil, errors.New("the method matches needs the text of a regular expression")
		}
		out = append(append(out, "("), on...)
		return append(out, "matches", wholePattern(arg[0]), ")"), nil
	case operator == "contains" && on[0] == "[":
		out = append(append(append(out, "("), arg...), "in")
		return append(append(out, on...), ")"), nil
	}
	out = append(append(append(out, "("), on...), operator, "(")
	return append(append(out, arg...), ")", ")"), nil
}

// isGetter reports whether a method of Connect's Struct gets a field by its name.
func isGetter(rest string) bool {
	switch rest {
	case "String", "Int8", "Int16", "Int32", "Int64", "Float32", "Float64", "Boolean", "Bytes", "Struct", "Array", "Map", "WithoutDefault":
		return true
	}
	return false
}

// receiver finds where the operand begins that ends the tokens: names and brackets in
// a row.
func receiver(out []string) int {
	for i := len(out) - 1; i >= 0; i-- {
		if out[i] == ")" || out[i] == "]" {
			i = opening(out, i)
			if i > 0 && (isWord(out[i-1]) && !isOperatorWord(out[i-1]) || out[i-1] == ")" || out[i-1] == "]") {
				continue
			}
			return max(i, 0)
		}
		if i == 0 || out[i-1] != "." && out[i-1] != "?." {
			return i
		}
		i--
	}
	return 0
}

// opening finds the bracket that this one closes.
func opening(out []string, at int) int {
	depth := 0
	for i := at; i >= 0; i-- {
		switch out[i] {
		case ")", "]", "}":
			depth++
		case "(", "[", "{":
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return 0
}

func isOperatorWord(s string) bool {
	switch s {
	case "in", "not", "and", "or", "matches", "contains", "startsWith", "endsWith":
		return true
	}
	return false
}

func isQuoted(s string) bool { return s[0] == '\'' || s[0] == '"' || s[0] == '`' }

func isWord(s string) bool { return isLetter(s[0]) }

func isLetter(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c == '$' || c >= 0x80
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }
