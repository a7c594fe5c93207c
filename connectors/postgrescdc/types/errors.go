// SPDX-License-Identifier: Apache-2.0

package types

import (
	"errors"
	"fmt"
)

// ValueError says that one value could not be decoded.
type ValueError struct {
	Column, Type string
	// Text is the beginning of what the server sent; binary forms are shown in hexadecimal.
	Text string
	// Unfit says that the value is good, but has no place in the column's schema: NaN in a
	// decimal, a date beyond the range of its number. Debezium writes null and a warning
	// for these by default (event.converting.failure.handling.mode=warn).
	Unfit bool
	Err   error
}

// Error is one line: type, text, column, reason.
func (e *ValueError) Error() string {
	return fmt.Sprintf("decode %s %q of column %s: %v", e.Type, e.Text, e.Column, e.Err)
}

// Unwrap returns the reason.
func (e *ValueError) Unwrap() error { return e.Err }

// unfit is a reason for which a good value has no place in the schema.
type unfit string

func (u unfit) Error() string { return string(u) }

// malformed is a reason for which the bytes are no value of the type.
type malformed string

func (m malformed) Error() string { return string(m) }

const (
	errNotANumber  = malformed("must be a number")
	errIntRange    = malformed("must be in the range of the type")
	errLength      = malformed("must have the length of the type")
	errDate        = malformed("must be a date as YYYY-MM-DD")
	errClock       = malformed("must be a time of day as HH:MM:SS")
	errZone        = malformed("must end in an offset from UTC as +HH:MM")
	errTrailing    = malformed("must end here")
	errBinary      = malformed("must be a binary form of known length")
	errNoBinary    = malformed("has no binary form that is read here")
	errNoDecimal   = unfit("has no place in a decimal; decimal.handling.mode string or double has one")
	errMicros      = unfit("is beyond the range of microseconds in 64 bits")
	errNanos       = unfit("is beyond the range of nanoseconds in 64 bits, 1677 to 2262")
	errNullElement = unfit("has an element that is null, in an array whose elements are required")
)

// clipLength bounds how much of a value an error shows.
const clipLength = 64

func (p *ColumnPlan) fail(data []byte, binary bool, err error) error {
	clipped := data
	if len(clipped) > clipLength {
		clipped = clipped[:clipLength]
	}
	text := string(clipped)
	if binary {
		text = fmt.Sprintf("%x", clipped)
	}
	var u unfit
	return &ValueError{Column: p.Name, Type: p.typeName, Text: text, Unfit: errors.As(err, &u), Err: err}
}
