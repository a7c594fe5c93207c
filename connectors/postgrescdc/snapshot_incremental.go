// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// incremental is what is left of incremental snapshots. It is part of the place, and not
// changed after it was made; nil means nothing.
type incremental struct {
	Tables []incrementalTable `json:"tables"`
	// After is the key of the last row of the first table that is done, as text in the
	// order of the key; nil if there is none.
	After  []string `json:"after,omitempty"`
	Paused bool     `json:"paused,omitempty"`
}

// incrementalTable is one table to be read, or, until it was looked up, a pattern that
// may mean several.
type incrementalTable struct {
	Name    string `json:"name"`
	Filter  string `json:"filter,omitempty"`
	Pattern bool   `json:"pattern,omitempty"`
	// New says that the table is not in the publication before it is read.
	New bool `json:"new,omitempty"`
}

// text is the member of the offset.
func (n *incremental) text() string {
	b, _ := json.Marshal(n) // strings and booleans always have a JSON form
	return string(b)
}

func parseIncremental(text string) (*incremental, error) {
	n := &incremental{}
	if err := json.Unmarshal([]byte(text), n); err != nil {
		return nil, err
	}
	if len(n.Tables) == 0 {
		return nil, nil
	}
	return n, nil
}

// active reports whether there is something to read now.
func (n *incremental) active() bool { return n != nil && !n.Paused }

// read returns what is left when rows up to a key have been read; end says that they
// were the last of their table.
func (n *incremental) read(last []string, end bool) *incremental {
	next := &incremental{Tables: n.Tables, After: last, Paused: n.Paused}
	if !end {
		return next
	}
	if next.Tables, next.After = n.Tables[1:], nil; len(next.Tables) == 0 {
		return nil
	}
	return next
}

// resolved puts the tables that a pattern means in its place, but those that wait already.
func (n *incremental) resolved(found []incrementalTable) *incremental {
	next := &incremental{Paused: n.Paused}
	for _, t := range append(slices.Clone(found), n.Tables[1:]...) {
		if !slices.ContainsFunc(next.Tables, func(o incrementalTable) bool { return o.Name == t.Name && !o.Pattern }) {
			next.Tables = append(next.Tables, t)
		}
	}
	if len(next.Tables) == 0 {
		return nil
	}
	return next
}

// signalData is the column data of a signal.
type signalData struct {
	Collections []string `json:"data-collections"`
	Condition   string   `json:"additional-condition"`
	Conditions  []struct {
		Collection string `json:"data-collection"`
		Filter     string `json:"filter"`
	} `json:"additional-conditions"`
	Message string `json:"message"`
}

// The types of signals.
const (
	signalExecute = "execute-snapshot"
	signalStop    = "stop-snapshot"
	signalPause   = "pause-snapshot"
	signalResume  = "resume-snapshot"
	signalLog     = "log"
)

// signal changes what is left of incremental snapshots as one signal says. A snapshot of
// type blocking is read like an incremental one.
func (n *incremental) signal(kind, data string) (next *incremental, message string, err error) {
	d := signalData{}
	if strings.TrimSpace(data) != "" {
		if err := json.Unmarshal([]byte(data), &d); err != nil {
			return n, "", fmt.Errorf("read data of signal %s: %w", kind, err)
		}
	}
	switch kind {
	case signalExecute:
		next, err = n.execute(&d)
		return next, "", err
	case signalStop:
		next, err = n.stop(&d)
		return next, "", err
	case signalPause, signalResume:
		if n == nil {
			return nil, "", nil
		}
		return &incremental{Tables: n.Tables, After: n.After, Paused: kind == signalPause}, "", nil
	case signalLog:
		return n, d.Message, nil
	}
	return n, "", fmt.Errorf("read signal: the type %q is not known; it is one of %s, %s, %s, %s, %s", kind, signalExecute, signalStop, signalPause, signalResume, signalLog)
}

func (n *incremental) execute(d *signalData) (*incremental, error) {
	if len(d.Collections) == 0 {
		return n, fmt.Errorf("read data of signal %s: data-collections is empty", signalExecute)
	}
	next := &incremental{}
	if n != nil {
		*next = incremental{Tables: slices.Clone(n.Tables), After: n.After, Paused: n.Paused}
	}
	for _, name := range d.Collections {
		if _, err := compilePattern(name); err != nil {
			return n, fmt.Errorf("read data of signal %s: %w", signalExecute, err)
		}
		filter := d.Condition
		for _, c := range d.Conditions {
			if strings.EqualFold(c.Collection, name) {
				filter = c.Filter
			}
		}
		next.Tables = append(next.Tables, incrementalTable{Name: name, Filter: filter, Pattern: true})
	}
	return next, nil
}

// stop takes tables out; no names mean all.
func (n *incremental) stop(d *signalData) (*incremental, error) {
	if n == nil || len(d.Collections) == 0 {
		return nil, nil
	}
	var patterns []*regexp.Regexp
	for _, name := range d.Collections {
		re, err := compilePattern(name)
		if err != nil {
			return n, fmt.Errorf("read data of signal %s: %w", signalStop, err)
		}
		patterns = append(patterns, re)
	}
	stopped := func(t incrementalTable) bool {
		return slices.Contains(d.Collections, t.Name) || slices.ContainsFunc(patterns, func(re *regexp.Regexp) bool { return re.MatchString(t.Name) })
	}
	next := &incremental{After: n.After, Paused: n.Paused, Tables: slices.DeleteFunc(slices.Clone(n.Tables), stopped)}
	if len(next.Tables) == 0 {
		return nil, nil
	}
	if stopped(n.Tables[0]) {
		next.After = nil
	}
	return next, nil
}
