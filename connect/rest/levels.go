// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/connectd/connectd/connect/worker"
)

// Levels is the level of the log, which can be changed at run time. There is one
// logger, root. It is safe for concurrent use.
type Levels struct {
	Root slog.LevelVar

	mu      sync.Mutex
	changed *int64
}

// rootLogger is the name of the only logger.
const rootLogger = "root"

// traceLevel and offLevel are levels that slog has no names for.
const (
	traceLevel = slog.LevelDebug - 4
	offLevel   = slog.LevelError + 4
)

var levelNames = map[string]slog.Level{
	"TRACE": traceLevel, "DEBUG": slog.LevelDebug, "INFO": slog.LevelInfo, "WARN": slog.LevelWarn, "ERROR": slog.LevelError,
	"FATAL": slog.LevelError, "OFF": offLevel,
}

// Set sets the level by its name, in any case, and reports whether there is such one.
func (l *Levels) Set(name string) bool {
	level, ok := levelNames[strings.ToUpper(name)]
	if ok {
		l.Root.Set(level)
	}
	return ok
}

func (l *Levels) name() string {
	switch level := l.Root.Level(); {
	case level <= traceLevel:
		return "TRACE"
	case level <= slog.LevelDebug:
		return "DEBUG"
	case level <= slog.LevelInfo:
		return "INFO"
	case level <= slog.LevelWarn:
		return "WARN"
	case level <= slog.LevelError:
		return "ERROR"
	default:
		return "OFF"
	}
}

// levelBody is what is told of a logger; last_modified is null if it never was.
type levelBody struct {
	Level    string `json:"level"`
	Modified *int64 `json:"last_modified"`
}

func (l *Levels) body() levelBody {
	l.mu.Lock()
	defer l.mu.Unlock()
	return levelBody{l.name(), l.changed}
}

func (s *Server) listLevels(context.Context, Herder, *http.Request) (any, error) {
	return map[string]levelBody{rootLogger: s.o.Levels.body()}, nil
}

func (s *Server) getLevel(_ context.Context, _ Herder, r *http.Request) (any, error) {
	if name := r.PathValue("logger"); name != rootLogger {
		return nil, &worker.Problem{Status: http.StatusNotFound, Message: "Logger " + name + " not found."}
	}
	return s.o.Levels.body(), nil
}

func (s *Server) setLevel(_ context.Context, _ Herder, r *http.Request) (any, error) {
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
	if _, ok := levelNames[strings.ToUpper(*body.Level)]; !ok {
		return nil, &worker.Problem{Status: http.StatusNotFound, Message: "invalid log level '" + *body.Level + "'."}
	}
	changed := []string{}
	if r.PathValue("logger") == rootLogger {
		s.o.Levels.Set(*body.Level)
		now := time.Now().UnixMilli()
		s.o.Levels.mu.Lock()
		s.o.Levels.changed = &now
		s.o.Levels.mu.Unlock()
		changed = append(changed, rootLogger)
	}
	if slices.Contains(r.URL.Query()["scope"], "cluster") {
		return &reply{status: http.StatusNoContent}, nil
	}
	return changed, nil
}
