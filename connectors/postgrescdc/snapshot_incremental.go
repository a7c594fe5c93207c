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
	// ID is that of the newest signal that has asked for tables; "" for none.
	ID string `json:"id,omitempty"`
	// Maximum is the largest key of the first table, as notifications show it; nil if it is
	// not known.
	Maximum []string `json:"maximum,omitempty"`
	// Total is how many rows of the first table are to be read, as notifications show it; 0
	// if it is not known.
	Total int64 `json:"total,omitempty"`
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

// active reports whether there is something to read, or to look up, now.
func (n *incremental) active() bool { return n != nil && (!n.Paused || n.unresolved() >= 0) }

// read returns what is left when that many rows, up to a key, have been read; end says
// that they were the last of their table.
func (n *incremental) read(last []string, rows int, end bool) *incremental {
	next := *n
	if next.After, next.Rows = last, n.Rows+int64(rows); !end {
		return &next
	}
	if next.Tables = n.Tables[1:]; len(next.Tables) == 0 {
		return nil
	}
	next.fromBeginning()
	return &next
}

// fromBeginning forgets how far another first table is.
func (n *incremental) fromBeginning() { n.After, n.Rows, n.Maximum, n.Total = nil, 0, nil, 0 }

// resolved puts the tables that the first pattern means in its place, but those that wait
// already.
func (n *incremental) resolved(found []incrementalTable) *incremental {
	next, at := *n, n.unresolved()
	if next.Tables = nil; at == 0 {
		next.fromBeginning()
	}
	for _, t := range slices.Concat(n.Tables[:at], found, n.Tables[at+1:]) {
		if !slices.ContainsFunc(next.Tables, func(o incrementalTable) bool { return o.Name == t.Name && !o.Pattern && o.Begun == t.Begun }) {
			next.Tables = append(next.Tables, t)
		}
	}
	if len(next.Tables) == 0 {
		return nil
	}
	return &next
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
	next := *n
	next.Paused = paused
	return &next
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
	next := *n
	if next.Tables = slices.DeleteFunc(slices.Clone(n.Tables), stopped); len(next.Tables) == 0 {
		return nil
	}
	if stopped(n.Tables[0]) {
		next.fromBeginning()
	}
	return &next
}
