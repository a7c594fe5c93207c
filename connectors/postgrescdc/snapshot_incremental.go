// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"encoding/json"
	"slices"
)

// incremental is what is left of incremental snapshots. It is part of the place, and not
// changed after it was made; nil means nothing.
type incremental struct {
	Tables []incrementalTable `json:"tables"`
	// After is the key of the last row of the first table that is done, as text in the
	// order of the key; nil if there is none.
	After []string `json:"after,omitempty"`
	// Rows is how many rows of the first table are done.
	Rows   int64 `json:"rows,omitempty"`
	Paused bool  `json:"paused,omitempty"`
}

// incrementalTable is one table to be read, or, until it was looked up, a pattern that
// may mean several.
type incrementalTable struct {
	Name    string `json:"name"`
	Filter  string `json:"filter,omitempty"`
	Pattern bool   `json:"pattern,omitempty"`
	// Conditions are filters of single tables that a pattern means; Filter is for the others.
	Conditions []signalCondition `json:"conditions,omitempty"`
	// New says that the table is not in the publication before it is read.
	New bool `json:"new,omitempty"`
	// Begun says that it belongs to the snapshot that broke off: this is not complete
	// before the table is read, and no signal ends that.
	Begun bool `json:"begun,omitempty"`
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

// read returns what is left when that many rows, up to a key, have been read; end says
// that they were the last of their table.
func (n *incremental) read(last []string, rows int, end bool) *incremental {
	next := &incremental{Tables: n.Tables, After: last, Rows: n.Rows + int64(rows), Paused: n.Paused}
	if !end {
		return next
	}
	if next.Tables, next.After, next.Rows = n.Tables[1:], nil, 0; len(next.Tables) == 0 {
		return nil
	}
	return next
}

// resolved puts the tables that a pattern means in its place, but those that wait already.
func (n *incremental) resolved(found []incrementalTable) *incremental {
	next := &incremental{Paused: n.Paused}
	for _, t := range append(slices.Clone(found), n.Tables[1:]...) {
		if !slices.ContainsFunc(next.Tables, func(o incrementalTable) bool { return o.Name == t.Name && !o.Pattern && o.Begun == t.Begun }) {
			next.Tables = append(next.Tables, t)
		}
	}
	if len(next.Tables) == 0 {
		return nil
	}
	return next
}

// execute appends the tables that a signal names.
func (n *incremental) execute(d *signalData) *incremental {
	next := &incremental{}
	if n != nil {
		*next = *n
		next.Tables = slices.Clone(n.Tables)
	}
	for _, name := range d.Collections {
		next.Tables = append(next.Tables, incrementalTable{Name: name, Filter: d.Condition, Conditions: d.Conditions, Pattern: true})
	}
	return next
}

// pause stops the reading for now, or goes on with it.
func (n *incremental) pause(paused bool) *incremental {
	if n == nil {
		return nil
	}
	return &incremental{Tables: n.Tables, After: n.After, Rows: n.Rows, Paused: paused}
}

// stop takes tables out; no names mean all. Those of the snapshot that broke off stay.
func (n *incremental) stop(d *signalData) *incremental {
	if n == nil {
		return nil
	}
	stopped := func(t incrementalTable) bool {
		meant := len(d.Collections) == 0 || slices.ContainsFunc(d.Collections, func(c string) bool { return c == t.Name || meansTable(c, t.Name) })
		return meant && !t.Begun
	}
	next := &incremental{After: n.After, Rows: n.Rows, Paused: n.Paused, Tables: slices.DeleteFunc(slices.Clone(n.Tables), stopped)}
	if len(next.Tables) == 0 {
		return nil
	}
	if stopped(n.Tables[0]) {
		next.After, next.Rows = nil, 0
	}
	return next
}
