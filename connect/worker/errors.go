// SPDX-License-Identifier: Apache-2.0

package worker

import "fmt"

// Problem is an error that REST answers with a status of its own.
type Problem struct {
	Status  int
	Message string
}

// Error returns the message.
func (p *Problem) Error() string { return p.Message }

func notFound(format string, args ...any) error {
	return &Problem{404, fmt.Sprintf(format, args...)}
}

func badRequest(format string, args ...any) error {
	return &Problem{400, fmt.Sprintf(format, args...)}
}

func conflict(format string, args ...any) error {
	return &Problem{409, fmt.Sprintf(format, args...)}
}

func internal(format string, args ...any) error {
	return &Problem{500, fmt.Sprintf(format, args...)}
}
