// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"github.com/connectd/connectd/connect/worker"
)

// loggers are the names of the loggers that there are.
func (s *Server) loggers(h Herder) []string {
	if h == nil {
		return s.o.Levels.names(nil)
	}
	return s.o.Levels.names(h.Names())
}

// listLevels tells of the loggers that have a level of their own.
func (s *Server) listLevels(_ context.Context, h Herder, _ *http.Request) (any, error) {
	out := map[string]levelBody{}
	for _, name := range s.loggers(h) {
		if s.o.Levels.hasOwn(name) {
			out[name] = s.o.Levels.body(name)
		}
	}
	return out, nil
}

func (s *Server) getLevel(_ context.Context, h Herder, r *http.Request) (any, error) {
	name := r.PathValue("logger")
	if !slices.Contains(s.loggers(h), name) {
		return nil, &worker.Problem{Status: http.StatusNotFound, Message: "Logger " + name + " not found."}
	}
	return s.o.Levels.body(name), nil
}

// setLevel changes nothing, and says so, for a logger that there is not.
func (s *Server) setLevel(_ context.Context, h Herder, r *http.Request) (any, error) {
	text, err := readBody(r)
	if err != nil {
		return nil, err
	}
	var body struct{ Level *string }
	if err := json.Unmarshal(text, &body); err != nil {
		return nil, err
	}
	if body.Level == nil {
		return nil, &worker.Problem{Status: http.StatusBadRequest, Message: "Desired 'level' parameter was not specified in request."}
	}
	level, ok := levelNames[strings.ToUpper(*body.Level)]
	if !ok {
		return nil, &worker.Problem{Status: http.StatusNotFound, Message: "invalid log level '" + *body.Level + "'."}
	}
	changed := s.o.Levels.change(r.PathValue("logger"), level, s.loggers(h))
	if slices.Contains(r.URL.Query()["scope"], "cluster") {
		return &reply{status: http.StatusNoContent}, nil
	}
	return changed, nil
}
