// SPDX-License-Identifier: Apache-2.0

package convert

import "strings"

// tokens splits a header's text at its delimiters, with one token of look-ahead.
type tokens struct {
	text string
	pos  int    // behind the look-ahead
	next string // the look-ahead, if held
	held bool
	prev string
}

// mark is the place of the next token, for rewind.
func (t *tokens) mark() int {
	if t.held {
		return t.pos - len(t.next)
	}
	return t.pos
}

func (t *tokens) rewind(pos int) { t.pos, t.held, t.prev = pos, false, "" }

func (t *tokens) more() bool { return t.held || t.pos < len(t.text) }

func (t *tokens) take() string {
	if t.held {
		t.prev, t.held = t.next, false
	} else {
		t.prev = t.scan()
	}
	return t.prev
}

// takeN returns the text of n tokens; if there are fewer, nothing is taken.
func (t *tokens) takeN(n int) (string, bool) {
	start := t.mark()
	for range n {
		if !t.more() {
			t.rewind(start)
			return "", false
		}
		t.take()
	}
	return t.text[start:t.pos], true
}

// scan returns the next delimiter, or the text before it. A delimiter behind a
// backslash is text.
func (t *tokens) scan() string {
	start, escaped := t.pos, false
	for ; t.pos < len(t.text); t.pos++ {
		switch t.text[t.pos] {
		case '\\':
			escaped = !escaped
		case ':', ',', '{', '}', '[', ']', '"':
			if !escaped {
				if start == t.pos {
					t.pos++
				}
				return t.text[start:t.pos]
			}
			escaped = false
		default:
			escaped = false
		}
	}
	return t.text[start:]
}

// accept takes the next token if, without the blanks around it, it is want.
// Blank tokens before it are skipped.
func (t *tokens) accept(want string) bool {
	if !t.held {
		if t.pos >= len(t.text) {
			return false
		}
		t.next, t.held = t.scan(), true
	}
	for blank(t.next) && t.pos < len(t.text) {
		t.next = t.scan()
	}
	if trim(t.next) != want {
		return false
	}
	t.held = false
	return true
}

// trim removes blanks and controls at both ends, as Java's String.trim.
func trim(s string) string { return strings.TrimFunc(s, func(r rune) bool { return r <= ' ' }) }

func blank(s string) bool { return trim(s) == "" }
