// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
)

// The exit codes that the documentation promises.
const (
	exitFailure     = 1 // failed while running
	exitConfig      = 2 // invalid configuration
	exitEnvironment = 3 // a port taken, a broker unreachable, a disk full
)

// exitError is an error that knows the exit code it leads to.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string { return e.err.Error() }
func (e *exitError) Unwrap() error { return e.err }

func configError(format string, args ...any) error {
	return &exitError{exitConfig, fmt.Errorf(format, args...)}
}

func environmentError(format string, args ...any) error {
	return &exitError{exitEnvironment, fmt.Errorf(format, args...)}
}

func exitCode(err error) int {
	var e *exitError
	if errors.As(err, &e) {
		return e.code
	}
	return exitFailure
}
