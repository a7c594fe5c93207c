// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/connectd/connectd/connect/worker"
)

// errorBody is the body of every error.
type errorBody struct {
	Code    int    `json:"error_code"`
	Message string `json:"message"`
}

// answer writes a result or an error. It is the only place that chooses a status for
// an error: a *worker.Problem has its own, everything else is 500, as in the original.
func answer(w http.ResponseWriter, result any, err error) {
	if err != nil {
		p := problem(err)
		write(w, p.Status, errorBody{p.Status, p.Message})
		return
	}
	r, ok := result.(*reply)
	if !ok {
		r = &reply{status: http.StatusOK, body: result}
	}
	if r.location != "" {
		w.Header().Set("Location", r.location)
	}
	write(w, r.status, r.body)
}

func problem(err error) *worker.Problem {
	var p *worker.Problem
	if errors.As(err, &p) {
		return p
	}
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return &worker.Problem{Status: http.StatusRequestEntityTooLarge, Message: fmt.Sprintf("The request is larger than %d bytes", tooLarge.Limit)}
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return &worker.Problem{Status: http.StatusInternalServerError, Message: "Request timed out. " + err.Error()}
	}
	return &worker.Problem{Status: http.StatusInternalServerError, Message: err.Error()}
}

func write(w http.ResponseWriter, status int, body any) {
	if body == nil {
		if status == http.StatusOK {
			w.Header().Set("Content-Type", "application/json")
		}
		w.WriteHeader(status)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	// The client is gone if this fails; there is nobody to tell.
	_ = enc.Encode(body)
}

func statusLine(status int) string { return fmt.Sprintf("%d %s", status, http.StatusText(status)) }
