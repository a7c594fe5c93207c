// SPDX-License-Identifier: Apache-2.0

package schemaregistry

import (
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/connectd/connectd/connect"
)

// Error is an answer of the registry that is not a success.
type Error struct {
	// Status is the one of HTTP; 409 says that the schema is incompatible.
	Status int
	// Code is the registry's own, which tells failures of one status apart: 40401 for a
	// subject that does not exist, 40402 a version, 40403 a schema, 42201 an invalid schema.
	// It is Status if the answer has none.
	Code    int
	Message string
	// Request is the method and the path that failed, without the server.
	Request string
}

// Error tells what failed, and why in the registry's words.
func (e *Error) Error() string {
	return fmt.Sprintf("schema registry: %s: %s (error code %d)", e.Request, e.Message, e.Code)
}

// maxMessage bounds what is repeated of an answer that is not in the registry's form.
const maxMessage = 200

func answerError(request string, status int, body []byte) *Error {
	e := &Error{Status: status, Request: request}
	var answer struct {
		Code    int    `json:"error_code"`
		Message string `json:"message"`
	}
	if json.Unmarshal(body, &answer) == nil {
		e.Code, e.Message = answer.Code, answer.Message
	}
	if e.Code == 0 {
		e.Code = status
	}
	if e.Message == "" {
		e.Message = fmt.Sprintf("%d %s %.*q", status, http.StatusText(status), maxMessage, body[:min(len(body), maxMessage)])
	}
	return e
}

// classify lets the engine repeat what may pass by itself: a server that is overloaded or
// fails. What the registry refuses, an incompatible schema above all, stays refused.
func (e *Error) classify() error {
	if e.Status >= 500 || e.Status == http.StatusTooManyRequests || e.Status == http.StatusRequestTimeout {
		return connect.Retriable(e)
	}
	return e
}
