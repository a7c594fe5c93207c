// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// The attributes that name the logger of a record: the component that logs, and the
// connector that it logs about.
const (
	ComponentKey = "component"
	connectorKey = "connector"
)

// The loggers that always have a level, and that all connectors are under: that of the
// connector c is connector.c.
const (
	rootLogger      = "root"
	connectorLogger = "connector"
)

// traceLevel and offLevel are levels that slog has no names for. Everything is below
// all of them: what a handler behind Levels.Handler lets through.
const (
	traceLevel = slog.LevelDebug - 4
	offLevel   = slog.LevelError + 4
	Everything = traceLevel - 4
)

var levelNames = map[string]slog.Level{
	"TRACE": traceLevel, "DEBUG": slog.LevelDebug, "INFO": slog.LevelInfo, "WARN": slog.LevelWarn, "ERROR": slog.LevelError,
	"FATAL": slog.LevelError, "OFF": offLevel,
}

// Levels are the levels of the log, which can be changed at run time: that of root,
// and those of components and connectors, which have root's unless they are given one.
// A connector's level wins over that of a component. Levels are safe for concurrent
// use; the zero value is ready.
type Levels struct {
	// Root is the level of root.
	Root slog.LevelVar

	// own are the levels of the other loggers; a map is never changed, but replaced.
	own atomic.Pointer[map[string]slog.Level]

	mu      sync.Mutex
	known   map[string]bool // that have logged
	changed map[string]int64
}

// Set sets the level of root by its name, in any case, and reports whether there is
// such one.
func (l *Levels) Set(name string) bool {
	level, ok := levelNames[strings.ToUpper(name)]
	if ok {
		l.Root.Set(level)
	}
	return ok
}

// Handler returns a handler that logs with next what the levels admit. next has to let
// everything through, see Everything. A logger belongs to the component and to the
// connector that its attributes "component" and "connector" name.
func (l *Levels) Handler(next slog.Handler) slog.Handler { return &leveled{levels: l, next: next} }

func (l *Levels) owned() map[string]slog.Level {
	if m := l.own.Load(); m != nil {
		return *m
	}
	return nil
}

// of is the level of a record.
func (l *Levels) of(component, connector string) slog.Level {
	own := l.owned()
	if len(own) == 0 {
		return l.Root.Level()
	}
	if connector != "" {
		if level, ok := own[connectorLogger+"."+connector]; ok {
			return level
		}
		if level, ok := own[connectorLogger]; ok {
			return level
		}
	}
	if level, ok := own[component]; ok && component != "" {
		return level
	}
	return l.Root.Level()
}

// level is the level of a logger by its name.
func (l *Levels) level(name string) slog.Level {
	if connector, ok := strings.CutPrefix(name, connectorLogger+"."); ok {
		return l.of("", connector)
	}
	return l.of(name, "")
}

func (l *Levels) know(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.known == nil {
		l.known = map[string]bool{}
	}
	l.known[name] = true
}

// names are the loggers that there are, sorted: root, those that have logged, and
// those of the connectors.
func (l *Levels) names(connectors []string) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := maps.Clone(l.known)
	if all == nil {
		all = map[string]bool{}
	}
	all[rootLogger] = true
	if len(connectors) > 0 {
		all[connectorLogger] = true
	}
	for _, c := range connectors {
		all[connectorLogger+"."+c] = true
	}
	return slices.Sorted(maps.Keys(all))
}

// change sets the level of a logger and of those of all under it, of which there are,
// and returns their names: under root are all.
func (l *Levels) change(logger string, level slog.Level, names []string) []string {
	changed := []string{}
	for _, name := range names {
		if logger == rootLogger || name == logger || strings.HasPrefix(name, logger+".") {
			changed = append(changed, name)
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	own := maps.Clone(l.owned())
	if own == nil {
		own = map[string]slog.Level{}
	}
	if l.changed == nil {
		l.changed = map[string]int64{}
	}
	now := time.Now().UnixMilli()
	for _, name := range changed {
		l.changed[name] = now
		own[name] = level
	}
	if logger == rootLogger {
		l.Root.Set(level)
		clear(own) // all have root's
	}
	l.own.Store(&own)
	return changed
}

// levelBody is what is told of a logger; last_modified is null if it never was.
type levelBody struct {
	Level    string `json:"level"`
	Modified *int64 `json:"last_modified"`
}

func (l *Levels) body(name string) levelBody {
	body := levelBody{Level: levelName(l.level(name))}
	l.mu.Lock()
	defer l.mu.Unlock()
	if at, ok := l.changed[name]; ok {
		body.Modified = &at
	}
	return body
}

// hasOwn reports whether a logger has a level of its own.
func (l *Levels) hasOwn(name string) bool {
	_, ok := l.owned()[name]
	return ok || name == rootLogger
}

func levelName(level slog.Level) string {
	switch {
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

// leveled is a handler that knows whose records it gets.
type leveled struct {
	levels               *Levels
	next                 slog.Handler
	component, connector string
}

// Enabled implements slog.Handler.
func (h *leveled) Enabled(_ context.Context, level slog.Level) bool {
	return level >= h.levels.of(h.component, h.connector)
}

// Handle implements slog.Handler. The component is told last, and once.
func (h *leveled) Handle(ctx context.Context, r slog.Record) error {
	if h.component != "" {
		r = r.Clone()
		r.AddAttrs(slog.String(ComponentKey, h.component))
	}
	return h.next.Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (h *leveled) WithAttrs(attrs []slog.Attr) slog.Handler {
	out := *h
	var rest []slog.Attr
	for _, a := range attrs {
		switch a.Key {
		case ComponentKey:
			out.component = a.Value.String()
			out.levels.know(out.component)
			continue
		case connectorKey:
			out.connector = a.Value.String()
		}
		rest = append(rest, a)
	}
	if len(rest) > 0 {
		out.next = h.next.WithAttrs(rest)
	}
	return &out
}

// WithGroup implements slog.Handler.
func (h *leveled) WithGroup(name string) slog.Handler {
	out := *h
	out.next = h.next.WithGroup(name)
	return &out
}
