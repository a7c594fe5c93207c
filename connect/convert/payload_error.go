// SPDX-License-Identifier: Apache-2.0

package convert

import (
	"errors"
	"fmt"

	"github.com/connectd/connectd/connect"
)

// payloadError is a value that does not fit its schema, with the path of fields
// that leads to it.
type payloadError struct {
	text string
	path string
}

func (e *payloadError) Error() string {
	if e.path == "" {
		return e.text
	}
	return e.text + " (field " + e.path + ")"
}

func payloadErrorf(format string, args ...any) error {
	return &payloadError{text: fmt.Sprintf(format, args...)}
}

// inField puts the name of a field in front of the error's path.
func inField(err error, name string) error {
	var p *payloadError
	if !errors.As(err, &p) {
		return err
	}
	if p.path == "" {
		return &payloadError{p.text, name}
	}
	return &payloadError{p.text, name + "." + p.path}
}

// asDataError makes a payloadError the record's error; nil stays nil.
func asDataError(err error) error {
	if err == nil {
		return nil
	}
	var p *payloadError
	if !errors.As(err, &p) {
		return err
	}
	return &connect.DataError{Field: p.path, Err: err}
}
