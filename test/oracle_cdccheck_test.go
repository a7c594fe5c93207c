// SPDX-License-Identifier: Apache-2.0

package test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/jackc/pglogrepl"

	"github.com/connectd/connectd/test/harness"
)

// listener counts what a check finds.
type listener struct {
	testing.TB
	found []string
}

func (l *listener) Errorf(format string, args ...any) {
	l.found = append(l.found, fmt.Sprintf(format, args...))
}

func (l *listener) Logf(string, ...any) {}

func (l *listener) Helper() {}

func TestOracleSeesWhatIsWrong(t *testing.T) {
	// Three rows are there at 30, then one comes, one changes and one goes.
	var all []rowEvent
	for i := 1; i <= 4; i++ {
		id := tuple{"id": fmt.Sprint(i)}
		all = append(all, rowEvent{op: "c", key: id, after: id, lsn: 9, transaction: int64(i), end: pglogrepl.LSN(10 * i)})
	}
	one, two := tuple{"id": "1"}, tuple{"id": "2"}
	all = append(all,
		rowEvent{op: "u", key: one, after: tuple{"id": "1", "v": `"x"`}, lsn: 45, transaction: 5, end: 50},
		rowEvent{op: "d", key: two, before: two, lsn: 55, transaction: 6, end: 60})
	chunked := func(id int, row string) harness.Record {
		return harness.Record{Key: fmt.Sprintf(`{"id":%d}`, id), Value: fmt.Sprintf(`{"op":"r","after":%s,"source":{"snapshot":"incremental"}}`, row)}
	}
	event := func(op string, id int, row string, at, transaction int) harness.Record {
		key := fmt.Sprintf(`{"id":%d}`, id)
		if op == "" {
			return harness.Record{Key: key, NullValue: true}
		}
		image := "after"
		if op == "d" {
			image = "before"
		}
		marker := "false"
		if op == "r" {
			marker = map[bool]string{true: "last", false: "true"}[id == 3]
		}
		return harness.Record{Key: key, Value: fmt.Sprintf(`{"op":%q,%q:%s,"source":{"lsn":%d,"txId":%d,"snapshot":%q}}`, op, image, row, at, transaction, marker)}
	}
	good := []harness.Record{
		event("r", 1, `{"id":1}`, 30, 0), event("r", 2, `{"id":2}`, 30, 0), event("r", 3, `{"id":3}`, 30, 0),
		event("c", 4, `{"id":4}`, 9, 4), event("u", 1, `{"id":1,"v":"x"}`, 45, 5), event("d", 2, `{"id":2}`, 55, 6), event("", 2, "", 0, 0),
	}
	for _, c := range []struct {
		name   string
		spoil  func(r []harness.Record) []harness.Record
		spoilt bool
	}{
		{"nothing", func(r []harness.Record) []harness.Record { return r }, false},
		{"reading begun before", func(r []harness.Record) []harness.Record {
			return append([]harness.Record{event("r", 1, `{"id":1}`, 30, 0), event("r", 1, `{"id":1}`, 35, 0), event("r", 2, `{"id":2}`, 35, 0), event("r", 3, `{"id":3}`, 35, 0)}, r[3:]...)
		}, false},
		{"the rest by key", func(r []harness.Record) []harness.Record {
			return slices.Concat(r[:1], r[3:5], []harness.Record{chunked(1, `{"id":1,"v":"x"}`), chunked(2, `{"id":2}`), chunked(3, `{"id":3}`)}, r[5:])
		}, false},
		{"row by key that the stream has changed", func(r []harness.Record) []harness.Record {
			return slices.Insert(r, 5, chunked(1, `{"id":1,"v":"w"}`))
		}, true},
		{"row by key that the stream has deleted", func(r []harness.Record) []harness.Record { return append(r, chunked(2, `{"id":2}`)) }, true},
		{"lost change", func(r []harness.Record) []harness.Record { return slices.Delete(r, 4, 5) }, true},
		{"lost last change", func(r []harness.Record) []harness.Record { return r[:5] }, true},
		{"repeated change", func(r []harness.Record) []harness.Record { return slices.Insert(r, 4, r[3]) }, true},
		{"swapped changes", func(r []harness.Record) []harness.Record { r[3], r[4] = r[4], r[3]; return r }, true},
		{"other value", func(r []harness.Record) []harness.Record { r[4] = event("u", 1, `{"id":1,"v":"y"}`, 45, 5); return r }, true},
		{"other transaction", func(r []harness.Record) []harness.Record { r[3] = event("c", 4, `{"id":4}`, 9, 5); return r }, true},
		{"other place", func(r []harness.Record) []harness.Record { r[3] = event("c", 4, `{"id":4}`, 8, 4); return r }, true},
		{"lost tombstone in between", func(r []harness.Record) []harness.Record { r[3], r[6] = r[6], r[3]; return r }, true},
		{"lost row of the snapshot", func(r []harness.Record) []harness.Record { return r[1:] }, true},
		{"repeated row of the snapshot", func(r []harness.Record) []harness.Record { return slices.Insert(r, 1, r[0]) }, true},
		{"row that was not there yet", func(r []harness.Record) []harness.Record {
			return slices.Insert(r, 1, event("r", 4, `{"id":4}`, 30, 0))
		}, true},
		{"row of the snapshot behind a change", func(r []harness.Record) []harness.Record { r[2], r[3] = r[3], r[2]; return r }, true},
	} {
		l := &listener{TB: t}
		capturedOf(l, "t", c.spoil(slices.Clone(good))).check(l, all, 0, true)
		if c.spoilt != (len(l.found) > 0) {
			t.Errorf("%s: the check finds %q", c.name, l.found)
		}
	}
}
