// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connectors/postgrescdc/pattern"
)

// The types of signals.
const (
	signalExecute = "execute-snapshot"
	signalStop    = "stop-snapshot"
	signalPause   = "pause-snapshot"
	signalResume  = "resume-snapshot"
	signalLog     = "log"
)

var signalTypes = []string{signalExecute, signalStop, signalPause, signalResume, signalLog}

// absentSignals are types that other connectors of the original have, or that it sends to
// itself.
var absentSignals = map[string]string{
	"schema-changes":        "there is no schema history: schemas follow the stream",
	"set-binlog-position":   "there is no binary log; alter the connector's offset while it is stopped",
	"set-offset":            "alter the connector's offset while it is stopped",
	"snapshot-window-open":  "chunks are compared with the stream without marks in it",
	"snapshot-window-close": "chunks are compared with the stream without marks in it",
}

// The types of snapshots that signalExecute asks for.
const (
	executeIncremental = "incremental"
	executeBlocking    = "blocking"
)

// signalBytes is how long the data of a signal may be. What is asked for becomes part of the
// offset, and that must stay a record of ordinary size.
const signalBytes = 64 << 10

// orders are what signals have asked for and what is not done. They are part of the place.
type orders struct {
	incremental *incremental
	blocking    *blocking
	// owed are notifications of what has been done that are still to be sent.
	owed *notices
}

// signalData is what the data of a signal can have.
type signalData struct {
	Type        string            `json:"type"`
	Collections []string          `json:"data-collections"`
	Condition   string            `json:"additional-condition"`
	Conditions  []signalCondition `json:"additional-conditions"`
	Surrogate   string            `json:"surrogate-key"`
	Message     string            `json:"message"`
}

// signalCondition restricts the rows of the tables that match.
type signalCondition struct {
	Collection string `json:"data-collection"`
	Filter     string `json:"filter"`
}

// filterOf returns the filter for a table.
func filterOf(conditions []signalCondition, table, otherwise string) string {
	for _, c := range conditions {
		if meansTable(c.Collection, table) {
			return c.Filter
		}
	}
	return otherwise
}

// meansTable reports whether an expression of a signal means a table.
func meansTable(expression, table string) bool {
	if strings.EqualFold(expression, table) {
		return true
	}
	re, err := pattern.Compile(expression)
	return err == nil && re.MatchString(table)
}

// parseSignal reads a signal. All that is wrong with it shows here.
func parseSignal(s connect.Signal) (*signalData, error) {
	d := &signalData{}
	if err := knownSignal(s.Type); err != nil {
		return d, err
	}
	if len(s.Data) > signalBytes {
		return d, fmt.Errorf("read data of signal %s: it has %d bytes, and may have %d", s.Type, len(s.Data), signalBytes)
	}
	if strings.TrimSpace(s.Data) != "" {
		if err := json.Unmarshal([]byte(s.Data), d); err != nil {
			return d, fmt.Errorf("read data of signal %s: %w", s.Type, err)
		}
	}
	if err := d.check(s.Type); err != nil {
		return d, fmt.Errorf("read data of signal %s: %w", s.Type, err)
	}
	return d, nil
}

func knownSignal(kind string) error {
	if slices.Contains(signalTypes, kind) {
		return nil
	}
	if reason, ok := absentSignals[kind]; ok {
		return fmt.Errorf("read signal: the type %q is not available here: %s", kind, reason)
	}
	near := ""
	if n := connect.Nearest(kind, signalTypes); n != "" {
		near = "; did you mean " + n + "?"
	}
	return fmt.Errorf("read signal: the type %q is not known; it is one of %s%s", kind, strings.Join(signalTypes, ", "), near)
}

// check looks at the members.
func (d *signalData) check(kind string) error {
	if kind != signalExecute && kind != signalStop {
		return nil
	}
	d.Type = strings.ToLower(strings.TrimSpace(d.Type))
	if d.Type == "" {
		d.Type = executeIncremental
	}
	if d.Type != executeIncremental && d.Type != executeBlocking {
		return fmt.Errorf("the type %q of a snapshot is not known; it is incremental or blocking", d.Type)
	}
	if kind == signalExecute && len(d.Collections) == 0 {
		return errors.New("data-collections is empty")
	}
	if d.Surrogate != "" && d.Type == executeIncremental {
		return errors.New("surrogate-key is not available here: tables are read by their primary key")
	}
	expressions := slices.Clone(d.Collections)
	for i, name := range d.Collections {
		d.Collections[i] = strings.TrimSpace(name)
	}
	for _, c := range d.Conditions {
		expressions = append(expressions, c.Collection)
	}
	for _, e := range expressions {
		if _, err := pattern.Compile(strings.TrimSpace(e)); err != nil {
			return err
		}
	}
	return nil
}

// obey returns the orders that a signal makes of these. message is what it wants to be
// logged. With an error the orders stay as they are.
func (o orders) obey(s connect.Signal) (next orders, message string, err error) {
	d, err := parseSignal(s)
	if err != nil {
		return o, "", err
	}
	next = o
	switch s.Type {
	case signalExecute:
		if d.Type == executeBlocking {
			next.blocking = o.blocking.add(s.ID, d)
			break
		}
		next.incremental = o.incremental.execute(d)
		next.incremental.ID = s.ID
	case signalStop:
		if d.Type == executeBlocking {
			next.blocking = o.blocking.stop(d)
			break
		}
		next.incremental = o.incremental.stop(d)
	case signalPause, signalResume:
		next.incremental = o.incremental.pause(s.Type == signalPause)
	case signalLog:
		message = d.Message
	}
	return next, message, err
}

// nearestTable is the captured table whose name is nearest to an expression that means none.
func nearestTable(expression string, tables []capturedTable) string {
	names := make([]string, len(tables))
	for i, t := range tables {
		names[i] = t.name.String()
	}
	return connect.Nearest(strings.NewReplacer("[.]", ".", `\.`, ".").Replace(expression), names)
}
