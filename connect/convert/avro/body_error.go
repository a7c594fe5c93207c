// SPDX-License-Identifier: Apache-2.0

package avro

import (
	"errors"
	"fmt"
)

// bodyError is a message body that cannot be decoded, or a value that cannot be
// encoded, with the path of fields that leads to it.
type bodyError struct {
	text   string
	path   string
	offset int // in the body; -1 when encoding
	cause  error
}

// Unwrap returns what led to the error, if that was another one.
func (e *bodyError) Unwrap() error { return e.cause }

// Error names the rule, the field and, for bodies that were read, the byte.
func (e *bodyError) Error() string {
	s := e.text
	if e.path != "" {
		s += " (field " + e.path + ")"
	}
	if e.offset >= 0 {
		s += fmt.Sprintf(" at byte %d", e.offset)
	}
	return s
}

func valueErrorf(format string, args ...any) error {
	return &bodyError{offset: -1, text: fmt.Sprintf(format, args...)}
}

// inField puts the name of a field in front of the error's path.
func inField(err error, name string) error {
	var b *bodyError
	if !errors.As(err, &b) {
		return err
	}
	out := *b
	if out.path != "" && out.path[0] != '[' {
		name += "."
	}
	out.path = name + out.path
	return &out
}

// inElement puts the number of an element in front of the error's path.
func inElement(err error, i int) error {
	return inField(err, fmt.Sprintf("[%d]", i))
}

// fieldOf is the path of a bodyError; "" for other errors.
func fieldOf(err error) string {
	var b *bodyError
	if errors.As(err, &b) {
		return b.path
	}
	return ""
}

// javaErrorf is fmt.Errorf for the texts that users of the original search for, which
// begin with a capital.
func javaErrorf(format string, args ...any) error { return fmt.Errorf(format, args...) }
