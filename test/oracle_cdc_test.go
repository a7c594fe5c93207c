// SPDX-License-Identifier: Apache-2.0

package test

import (
	"fmt"
	"hash/crc32"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unique"

	"github.com/jackc/pglogrepl"

	"github.com/connectd/connectd/connectors/postgrescdc/pgtest"
	"github.com/connectd/connectd/test/harness"
)

// unavailable stands for a large value that the server's log does not have.
const unavailable = `"__debezium_unavailable_value"`

// tuple is a row by its columns. Texts are quoted, numbers are not, null is null.
type tuple map[string]string

// set keeps one copy of each text, however many rows have it: long runs have a million.
func (r tuple) set(name, value string) {
	r[unique.Make(name).Value()] = unique.Make(value).Value()
}

func (r tuple) String() string {
	if r == nil {
		return "-"
	}
	parts := make([]string, 0, len(r))
	for _, name := range slices.Sorted(maps.Keys(r)) {
		parts = append(parts, name+"="+brief(r[name]))
	}
	return "{" + strings.Join(parts, " ") + "}"
}

// brief shortens a large value to what still tells it from others.
func brief(v string) string {
	if len(v) <= 64 {
		return v
	}
	return fmt.Sprintf("%.12s…%d#%x", v, len(v), crc32.ChecksumIEEE([]byte(v)))
}

// part is a row with these columns only; nil for none.
func (r tuple) part(columns []string) tuple {
	if len(columns) == 0 {
		return nil
	}
	out := tuple{}
	for _, c := range columns {
		out[c] = r[c]
	}
	return out
}

// rowEvent is a change of a table, as it should be captured or as it was.
type rowEvent struct {
	op          string
	key         tuple
	before      tuple
	after       tuple
	lsn         pglogrepl.LSN
	transaction int64
	// end is where its transaction ends, which is known to the oracle only.
	end pglogrepl.LSN
	// chunk says that the row was read by its key, beside the stream, and last that it is
	// the last of its table in a snapshot.
	chunk, last bool
	// place is what the record says of its place in the transaction.
	place *eventPlace
}

// eventPlace is the block "transaction" of an event.
type eventPlace struct {
	ID         string
	Total      int `json:"total_order"`
	Collection int `json:"data_collection_order"`
}

func (e *rowEvent) String() string {
	if e == nil {
		return "nothing"
	}
	return fmt.Sprintf("%s at %s of %d, key %s, after %s", e.op, e.lsn, e.transaction, e.key, e.after)
}

// cdcOracle tells what has to be captured. It asks the server's own test_decoding, on a
// slot that is older than all rows: this shares neither code nor format with the
// connector.
type cdcOracle struct {
	pg   *harness.Postgres
	slot string
	// keys are the key columns of each table; the tables are those to be captured.
	keys map[string][]string
}

// newCDCOracle has to be made before there are rows.
func newCDCOracle(t *testing.T, pg *harness.Postgres, keys map[string][]string) *cdcOracle {
	t.Helper()
	o := &cdcOracle{pg: pg, slot: pgtest.Name(t, "oracle"), keys: keys}
	pg.Do("SELECT pg_create_logical_replication_slot('" + o.slot + "', 'test_decoding')")
	return o
}

// events returns all changes of each table in the order of their commits. It can be
// asked once.
func (o *cdcOracle) events(t *testing.T) map[string][]rowEvent {
	t.Helper()
	lines := o.pg.Rows("SELECT lsn, data FROM pg_logical_slot_get_changes('" + o.slot + "', NULL, NULL, 'include-xids', '1', 'skip-empty-xacts', '0')")
	out := map[string][]rowEvent{}
	sent := o.pg.Major(t) >= 14 // messages are in the stream
	transaction, begun := int64(0), map[string]int{}
	for _, l := range lines {
		at, err := pglogrepl.ParseLSN(l[0])
		if err != nil {
			t.Fatal(err)
		}
		kind, rest, _ := strings.Cut(l[1], " ")
		switch kind {
		case "BEGIN":
			if transaction, err = strconv.ParseInt(rest, 10, 64); err != nil {
				t.Fatalf("line %q: %v", l[1], err)
			}
			for table := range o.keys {
				begun[table] = len(out[table])
			}
			begun[messages] = len(out[messages])
		case "COMMIT":
			for table, from := range begun {
				for i := range out[table][from:] {
					out[table][from+i].end = at
				}
			}
		case "message:":
			if !sent {
				continue
			}
			e := decodeMessage(rest)
			if e.lsn, e.end, e.transaction = at, at+1, 0; strings.HasPrefix(rest, "transactional: 1") {
				e.transaction = transaction
			}
			out[messages] = append(out[messages], e)
		case "table":
			if err := o.table(out, rest, at, transaction); err != nil {
				t.Fatalf("line %q: %v", l[1], err)
			}
		}
	}
	return out
}

// messages stands for the topic of logical messages among the tables.
const messages = "message"

// decodeMessage reads "transactional: 1 prefix: app, sz: 2 content:hi".
func decodeMessage(line string) rowEvent {
	_, rest, _ := strings.Cut(line, " prefix: ")
	prefix, rest, _ := strings.Cut(rest, ", sz: ")
	_, content, _ := strings.Cut(rest, " content:")
	return rowEvent{op: "m", key: tuple{"prefix": strconv.Quote(prefix)}, after: tuple{"content": strconv.Quote(content)}}
}

// table adds what a line about tables means.
func (o *cdcOracle) table(out map[string][]rowEvent, line string, at pglogrepl.LSN, transaction int64) error {
	names, rest, ok := strings.Cut(line, ": ")
	what, data, ok2 := strings.Cut(rest, ":")
	if !ok || !ok2 {
		return fmt.Errorf("it is not understood")
	}
	for name := range strings.SplitSeq(names, ", ") {
		table := strings.TrimPrefix(name, "public.")
		keys, captured := o.keys[table]
		if !captured {
			continue
		}
		events, err := decodeLine(what, strings.TrimPrefix(data, " "), keys)
		if err != nil {
			return err
		}
		for _, e := range events {
			e.lsn, e.transaction = at, transaction
			out[table] = append(out[table], e)
		}
	}
	return nil
}

// decodeLine returns the events that a change becomes: a changed key is a delete and an
// insert.
func decodeLine(what, data string, keys []string) ([]rowEvent, error) {
	if what == "TRUNCATE" {
		return []rowEvent{{op: "t"}}, nil
	}
	old, rest, err := decodeColumns(strings.TrimPrefix(data, "old-key: "))
	if err != nil {
		return nil, err
	}
	switch {
	case what == "INSERT":
		return []rowEvent{{op: "c", key: old.part(keys), after: old}}, nil
	case what == "DELETE":
		return []rowEvent{{op: "d", key: old.part(keys), before: old}}, nil
	case what != "UPDATE":
		return nil, fmt.Errorf("the operation %s is not known", what)
	case !strings.HasPrefix(data, "old-key: "):
		return []rowEvent{{op: "u", key: old.part(keys), after: old}}, nil
	}
	after, _, err := decodeColumns(rest)
	if err != nil {
		return nil, err
	}
	for c, v := range after {
		if v == unavailable && old[c] != "" {
			after[c] = old[c]
		}
	}
	if keys == nil || maps.Equal(old.part(keys), after.part(keys)) {
		return []rowEvent{{op: "u", key: after.part(keys), before: old, after: after}}, nil
	}
	return []rowEvent{{op: "d", key: old.part(keys), before: old}, {op: "c", key: after.part(keys), after: after}}, nil
}

// decodeColumns reads name[type]:value, separated by blanks, up to the end or to the new
// tuple of an update.
func decodeColumns(s string) (r tuple, newTuple string, err error) {
	r = tuple{}
	for s != "" {
		if rest, ok := strings.CutPrefix(s, "new-tuple: "); ok {
			return r, rest, nil
		}
		name, rest, ok := strings.Cut(s, "[")
		_, value, ok2 := strings.Cut(rest, "]:")
		if !ok || !ok2 {
			return nil, "", fmt.Errorf("no column at %q", s)
		}
		value, s = decodeValue(value)
		r.set(name, value)
	}
	return r, "", nil
}

func decodeValue(s string) (value, rest string) {
	if !strings.HasPrefix(s, "'") {
		value, rest, _ = strings.Cut(s, " ")
		if value == "unchanged-toast-datum" {
			value = unavailable
		}
		return value, rest
	}
	var text strings.Builder
	for i := 1; i < len(s); i++ {
		if s[i] != '\'' {
			text.WriteByte(s[i])
			continue
		}
		if i+1 < len(s) && s[i+1] == '\'' {
			text.WriteByte('\'')
			i++
			continue
		}
		return strconv.Quote(text.String()), strings.TrimPrefix(s[i+1:], " ")
	}
	return strconv.Quote(text.String()), ""
}

func TestOracleUnderstandsTestDecoding(t *testing.T) {
	for _, c := range []struct {
		line string
		keys []string
		want []string
	}{
		{"table public.t: INSERT: id[integer]:1 v[text]:'it''s' n[character varying]:null", []string{"id"},
			[]string{`c at 0/7 of 5, key {id=1}, after {id=1 n=null v="it's"}`}},
		{"table public.t: UPDATE: id[integer]:1 v[text]:unchanged-toast-datum", []string{"id"},
			[]string{`u at 0/7 of 5, key {id=1}, after {id=1 v="__debezium_unavailable_value"}`}},
		{"table public.t: UPDATE: old-key: id[integer]:1 v[text]:'a b' new-tuple: id[integer]:1 v[text]:unchanged-toast-datum", []string{"id"},
			[]string{`u at 0/7 of 5, key {id=1}, after {id=1 v="a b"}`}},
		{"table public.t: UPDATE: old-key: id[integer]:1 new-tuple: id[integer]:2 v[boolean]:true", []string{"id"},
			[]string{"d at 0/7 of 5, key {id=1}, after -", "c at 0/7 of 5, key {id=2}, after {id=2 v=true}"}},
		{"table public.t: UPDATE: old-key: id[integer]:1 new-tuple: id[integer]:2", nil,
			[]string{"u at 0/7 of 5, key -, after {id=2}"}},
		{"table public.t: DELETE: id[integer]:1", []string{"id"}, []string{"d at 0/7 of 5, key {id=1}, after -"}},
		{"table public.other, public.t: TRUNCATE: restart_seqs cascade", nil, []string{"t at 0/7 of 5, key -, after -"}},
		{"table public.other: INSERT: id[integer]:1", nil, nil},
	} {
		o, out := &cdcOracle{keys: map[string][]string{"t": c.keys}}, map[string][]rowEvent{}
		if err := o.table(out, strings.TrimPrefix(c.line, "table "), 7, 5); err != nil {
			t.Errorf("%s: %v", c.line, err)
		}
		var got []string
		for _, e := range out["t"] {
			got = append(got, e.String())
		}
		compareLists(t, c.line, c.want, got)
	}
}
