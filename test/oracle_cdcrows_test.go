// SPDX-License-Identifier: Apache-2.0

package test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pglogrepl"

	"github.com/connectd/connectd/test/harness"
)

// captured is what a topic of a table holds.
type captured struct {
	table    string
	readings []reading
	stream   []rowEvent
	// changed says that a change has come in the present partition.
	changed bool
	// chunked counts the rows of a table that was begun and is read by key.
	chunked int
	// told are the keys that the stream has told of, and emptied says that it has told of all.
	told    map[string]bool
	emptied bool
	// state is what the records make of the table.
	state rows
}

// reading is the rows that were read in one snapshot.
type reading struct {
	at   pglogrepl.LSN
	rows rows
	// whole says that the last row has come.
	whole bool
}

// rows are the rows of a table by key. Rows without a key are counted by content.
type rows struct {
	keyed map[string]tuple
	bare  map[string]int
}

func newRows() rows { return rows{keyed: map[string]tuple{}, bare: map[string]int{}} }

func (s rows) put(key, r tuple) {
	if key == nil {
		s.bare[r.String()]++
		return
	}
	next := maps.Clone(r)
	for c, v := range next {
		if old, ok := s.keyed[key.String()][c]; ok && v == unavailable {
			next[c] = old
		}
	}
	s.keyed[key.String()] = next
}

// remove takes a row out, and reports whether it was there.
func (s rows) remove(key, r tuple) bool {
	if key != nil {
		_, ok := s.keyed[key.String()]
		delete(s.keyed, key.String())
		return ok
	}
	content := r.String()
	if s.bare[content] == 0 {
		return false
	}
	if s.bare[content]--; s.bare[content] == 0 {
		delete(s.bare, content)
	}
	return true
}

// apply makes the state after an event.
func (s rows) apply(e *rowEvent) {
	switch e.op {
	case "t":
		clear(s.keyed)
		clear(s.bare)
	case "d":
		s.remove(e.key, e.before)
	case "u":
		if e.key == nil {
			s.remove(nil, e.before)
		}
		s.put(e.key, e.after)
	default:
		s.put(e.key, e.after)
	}
}

// compare says what differs. Columns that only one side has are passed over, and so is
// whether a value is a text: a column that is added, dropped or changed in type does not
// show in rows that nobody touches.
func (s rows) compare(o rows) error {
	for key, r := range s.keyed {
		other, ok := o.keyed[key]
		if !ok {
			return fmt.Errorf("the row %s is missing", r)
		}
		for c, v := range r {
			if w, both := other[c]; both && strings.Trim(v, `"`) != strings.Trim(w, `"`) {
				return fmt.Errorf("%s of row %s is %s, want %s", c, key, brief(w), brief(v))
			}
		}
	}
	for key, r := range o.keyed {
		if _, ok := s.keyed[key]; !ok {
			return fmt.Errorf("the row %s is too many", r)
		}
	}
	if !maps.Equal(s.bare, o.bare) {
		return fmt.Errorf("rows without key: %v, want %v", o.bare, s.bare)
	}
	return nil
}

// capturedOf decodes the records of a topic, partition by partition.
func capturedOf(t testing.TB, table string, records []harness.Record) *captured {
	t.Helper()
	c := &captured{table: table, state: newRows(), told: map[string]bool{}}
	// deleted is the event before if it is a delete, whose tombstone has to come.
	var deleted *rowEvent
	partition := int32(0)
	for i, r := range records {
		if r.Partition != partition {
			partition, c.changed = r.Partition, false
		}
		key := decodeRow(t, r.Key, r.NullKey)
		if r.NullValue {
			if key != nil && (deleted == nil || !maps.Equal(deleted.key, key)) {
				t.Errorf("%s: record %d is a tombstone of %s, and before it there is %s", table, i, key, deleted)
			}
			deleted = nil
			continue
		}
		if deleted != nil {
			t.Errorf("%s: record %d follows %s without its tombstone", table, i, deleted)
			deleted = nil
		}
		e := decodeEvent(t, r.Value)
		e.key = key
		if e.op == "d" && key != nil { // else the tombstone may be in another partition
			deleted = &e
		}
		c.add(t, e)
	}
	return c
}

func (c *captured) add(t testing.TB, e rowEvent) {
	t.Helper()
	if e.op != "r" {
		c.stream, c.changed = append(c.stream, e), true
		c.told[e.key.String()], c.emptied = true, c.emptied || e.op == "t"
		c.state.apply(&e)
		return
	}
	if e.chunk {
		c.addChunked(t, e)
		return
	}
	if c.changed {
		t.Errorf("%s: %s comes behind changes", c.table, &e)
	}
	n, found := slices.BinarySearchFunc(c.readings, e.lsn, func(r reading, at pglogrepl.LSN) int { return cmp.Compare(r.at, at) })
	if !found {
		c.readings = slices.Insert(c.readings, n, reading{at: e.lsn, rows: newRows()})
	}
	last := c.readings[n].rows
	if _, twice := last.keyed[e.key.String()]; twice && e.key != nil {
		t.Errorf("%s: %s is read twice", c.table, &e)
	}
	last.put(e.key, e.after)
	c.readings[n].whole = c.readings[n].whole || e.last
	c.state.put(e.key, e.after)
}

// addChunked takes a row that was read beside the stream. It must not undo what the stream
// has told before: then it is the row that the stream has left.
func (c *captured) addChunked(t testing.TB, e rowEvent) {
	t.Helper()
	c.chunked++
	key := e.key.String()
	if c.told[key] || c.emptied {
		was := newRows()
		if old, ok := c.state.keyed[key]; ok {
			was.keyed[key] = old
		}
		now := newRows()
		now.put(e.key, e.after)
		if err := was.compare(now); err != nil {
			t.Errorf("%s: %s is older than the stream: %v", c.table, &e, err)
		}
	}
	c.state.put(e.key, e.after)
}

func decodeEvent(t testing.TB, value string) rowEvent {
	t.Helper()
	var v struct {
		Op            string
		Before, After json.RawMessage
		Source        struct {
			LSN      int64
			TxID     int64
			Snapshot string
		}
		Transaction *eventPlace
		Message     *struct{ Content []byte }
	}
	if err := json.Unmarshal([]byte(value), &v); err != nil {
		t.Fatalf("%v: %s", err, value)
	}
	e := rowEvent{
		op: v.Op, before: decodeRow(t, string(v.Before), false), after: decodeRow(t, string(v.After), false),
		lsn: pglogrepl.LSN(v.Source.LSN), transaction: v.Source.TxID, chunk: v.Source.Snapshot == "incremental", last: strings.HasPrefix(v.Source.Snapshot, "last"), place: v.Transaction,
	}
	if v.Message != nil {
		e.after = tuple{"content": strconv.Quote(string(v.Message.Content))}
		if strings.HasPrefix(string(v.Message.Content), "out") {
			e.transaction = 0 // it belongs to none
		}
	}
	return e
}

func decodeRow(t testing.TB, text string, null bool) tuple {
	t.Helper()
	if null || text == "" || text == "null" {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader([]byte(text)))
	d.UseNumber()
	var m map[string]any
	if err := d.Decode(&m); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	r := tuple{}
	for name, v := range m {
		switch v := v.(type) {
		case nil:
			r.set(name, "null")
		case string:
			r.set(name, strconv.Quote(v))
		default:
			r.set(name, fmt.Sprint(v))
		}
	}
	return r
}

// check compares with the oracle. start is the place at which the first snapshot was
// taken: that of a table which had no rows then.
func (c *captured) check(t testing.TB, all []rowEvent, start pglogrepl.LSN, ordered bool) {
	t.Helper()
	if len(c.readings) > 0 {
		start = c.readings[0].at
	}
	from := slices.IndexFunc(all, func(e rowEvent) bool { return e.end > start })
	if from < 0 {
		from = len(all)
	}
	if len(c.readings) == 0 && len(c.stream) > 0 {
		// A snapshot that broke off before its first row has left its place, and no reading.
		first := slices.IndexFunc(all, func(e rowEvent) bool { return e.lsn == c.stream[0].lsn })
		from = min(from, max(first, 0))
	}
	t.Logf("%s: %d readings, %d rows by key, %d changes in them, %d behind", c.table, len(c.readings), c.chunked, from, len(all)-from)
	want, got := all[from:], c.stream
	if !ordered {
		want, got = sortByKey(want), sortByKey(got)
	}
	c.compare(t, want, got)
	for i, r := range c.readings {
		want := newRows()
		for k := range all {
			if all[k].end <= r.at {
				want.apply(&all[k])
			}
		}
		c.checkReading(t, i, want)
	}
	c.countBare(all[from:], ordered)
}

// countBare counts the rows without a key anew if the table was read more than once: what
// changed between two readings is in the later one and in the changes, and a consumer
// cannot tell the one from the other. So it is if partitions have mixed their order.
func (c *captured) countBare(behind []rowEvent, ordered bool) {
	if len(c.readings) < 2 && ordered || len(c.state.keyed) > 0 {
		return
	}
	at := pglogrepl.LSN(0)
	c.state.bare = map[string]int{}
	if n := len(c.readings); n > 0 {
		at = c.readings[n-1].at
		c.state.bare = maps.Clone(c.readings[n-1].rows.bare)
	}
	for i := range behind {
		if behind[i].end > at {
			c.state.apply(&behind[i])
		}
	}
}

// sortByKey leaves the order of the changes of each key, which is all that partitions
// keep. Rows without a key have no order then.
func sortByKey(events []rowEvent) []rowEvent {
	out := slices.Clone(events)
	slices.SortStableFunc(out, func(a, b rowEvent) int {
		if a.key == nil && b.key == nil {
			return cmp.Compare(a.String(), b.String())
		}
		return cmp.Compare(a.key.String(), b.key.String())
	})
	return out
}

func (c *captured) compare(t testing.TB, want, got []rowEvent) {
	t.Helper()
	for i := range max(len(want), len(got)) {
		if w, g := at(want, i), at(got, i); w != g {
			t.Errorf("%s: %d changes, want %d; number %d is %s, want %s", c.table, len(got), len(want), i, g, w)
			break
		}
	}
	for i := range min(len(want), len(got)) {
		w, g := &want[i], &got[i]
		if w.before == nil && g.before != nil {
			t.Errorf("%s: %s has a row before, %s", c.table, g, g.before)
		}
		for column, v := range w.before {
			if g.before[column] != v {
				t.Errorf("%s: %s was %s, want %s", c.table, g, g.before, w.before)
				break
			}
		}
	}
}

// at is the event at a place as a text: all at once would take more than they themselves.
func at(events []rowEvent, i int) string {
	if i >= len(events) {
		return "nothing"
	}
	return events[i].String()
}

// checkReading compares the rows of one snapshot with the table at that time. Only one that
// was not interrupted has to be complete.
func (c *captured) checkReading(t testing.TB, i int, want rows) {
	t.Helper()
	got := c.readings[i].rows
	if !c.readings[i].whole {
		for key := range want.keyed {
			if _, ok := got.keyed[key]; !ok {
				delete(want.keyed, key)
			}
		}
		for content, n := range want.bare {
			if got.bare[content] < n {
				want.bare[content] = got.bare[content]
			}
		}
		maps.DeleteFunc(want.bare, func(_ string, n int) bool { return n == 0 })
	}
	if err := want.compare(got); err != nil {
		t.Errorf("%s: reading %d of %d at %s: %v", c.table, i+1, len(c.readings), c.readings[i].at, err)
	}
}
