// SPDX-License-Identifier: Apache-2.0

package pgoutput

import "strconv"

// Error is input that is not a message of the protocol.
type Error struct {
	// What names the message or frame.
	What string
	// Offset is where the rule is broken, in bytes from the type byte of the message.
	Offset int
	// Rule says what is wrong.
	Rule string
}

// Error names the message, the offset and the rule.
func (e *Error) Error() string {
	return "decode " + e.What + ": at offset " + strconv.Itoa(e.Offset) + ": " + e.Rule
}

func truncated(what string, offset int, part string) *Error {
	return &Error{What: what, Offset: offset, Rule: "ends within " + part}
}

func trailing(what string, end, length int) *Error {
	return &Error{What: what, Offset: end, Rule: "has " + strconv.Itoa(length-end) + " bytes after its end"}
}

// quote returns a type byte in quotes, whatever it is.
func quote(b byte) string { return strconv.QuoteToASCII(string([]byte{b})) }
