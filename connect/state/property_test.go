// SPDX-License-Identifier: Apache-2.0

package state

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"maps"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/connectd/connectd/connect"
	"pgregory.net/rapid"
)

// plain is what a table should be, without layers.
type plain struct {
	values map[string]string
	timers map[plainTimer]bool
	stream int64
	closed int64
}

type plainTimer struct {
	at  int64
	key string
}

func newPlain() plain {
	return plain{map[string]string{}, map[plainTimer]bool{}, math.MinInt64, math.MinInt64}
}

func (p plain) clone() plain {
	return plain{maps.Clone(p.values), maps.Clone(p.timers), p.stream, p.closed}
}

func (p plain) sortedTimers() []plainTimer {
	return slices.SortedFunc(maps.Keys(p.timers), func(a, b plainTimer) int {
		return cmp.Or(cmp.Compare(a.at, b.at), strings.Compare(a.key, b.key))
	})
}

func clonePlains(ps []plain) []plain {
	c := make([]plain, len(ps))
	for i, p := range ps {
		c[i] = p.clone()
	}
	return c
}

// machine drives tables and plain models with the same steps.
type machine struct {
	kind      Kind
	dir       string
	log       *memoryLog
	tables    *Tables
	handles   []*Table
	now       []plain // what the road sees
	frozen    []plain // what the unit under way makes of it
	committed []plain
	unit      *Unit
	marks     []mark
	fired     []string
	want      []string
}

type mark struct {
	mark Mark
	was  []plain
}

func testOptions(kind Kind, dir string, log Changelog) Options {
	return Options{
		Group: "g", Connector: "c", Changelog: log, Kind: kind, Dir: dir,
		Steps: []Step{
			{Alias: "sum", Spec: connect.StateSpec{Version: "1", Ordered: true}},
			{Alias: "cart", Spec: connect.StateSpec{Version: "1"}},
		},
		Partitions: []int32{0, 3},
	}
}

func (m *machine) open(t *rapid.T) {
	o := testOptions(m.kind, m.dir, m.log)
	if m.kind == Disk {
		o.Partitions = o.Partitions[:1] // databases take long to open
	}
	tables, err := Open(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	m.tables = tables
	m.handles = m.handles[:0]
	for step := range 2 {
		for _, p := range tables.o.Partitions {
			m.handles = append(m.handles, tables.Table(step, p))
		}
	}
	for i, h := range m.handles {
		h.OnTimer(func(at int64, key []byte) { m.fired = append(m.fired, fmt.Sprint(i, at, string(key))) })
	}
	m.marks = []mark{{tables.Begin(), clonePlains(m.now)}}
}

func (m *machine) pick(t *rapid.T) int { return rapid.IntRange(0, len(m.handles)-1).Draw(t, "table") }

func drawKey(t *rapid.T) string {
	return rapid.StringOfN(rapid.RuneFrom([]rune("ab")), 0, 3, -1).Draw(t, "key")
}

func (m *machine) put(t *rapid.T) {
	i, key := m.pick(t), drawKey(t)
	value := strings.Repeat("v", rapid.IntRange(0, 300).Draw(t, "length"))
	m.handles[i].Put([]byte(key), []byte(value))
	m.now[i].values[key] = value
}

func (m *machine) remove(t *rapid.T) {
	i, key := m.pick(t), drawKey(t)
	m.handles[i].Delete([]byte(key))
	delete(m.now[i].values, key)
}

func (m *machine) setTimer(t *rapid.T) {
	i, key, at := m.pick(t), drawKey(t), rapid.Int64Range(-20, 60).Draw(t, "at")
	m.handles[i].SetTimer(at, []byte(key))
	m.now[i].timers[plainTimer{at, key}] = true
}

func (m *machine) deleteTimer(t *rapid.T) {
	i := m.pick(t)
	for _, timer := range m.now[i].sortedTimers() {
		if rapid.Bool().Draw(t, "this") {
			m.handles[i].DeleteTimer(timer.at, []byte(timer.key))
			delete(m.now[i].timers, timer)
			return
		}
	}
	m.handles[i].DeleteTimer(1000, nil)
}

func (m *machine) advance(t *rapid.T) {
	i, ts := m.pick(t), rapid.Int64Range(-20, 60).Draw(t, "ts")
	m.now[i].stream = max(m.now[i].stream, ts)
	for _, timer := range m.now[i].sortedTimers() {
		if timer.at <= m.now[i].stream {
			m.want = append(m.want, fmt.Sprint(i, timer.at, timer.key))
			delete(m.now[i].timers, timer)
		}
	}
	m.handles[i].Advance(ts)
}

func (m *machine) closeTime(t *rapid.T) {
	i, at := m.pick(t), rapid.Int64Range(0, 9).Draw(t, "at")
	m.handles[i].SetCloseTime(at)
	m.now[i].closed = at
}

func (m *machine) begin(*rapid.T) {
	m.marks = []mark{{m.tables.Begin(), clonePlains(m.now)}}
}

func (m *machine) mark(*rapid.T) {
	m.marks = append(m.marks, mark{m.tables.Mark(), clonePlains(m.now)})
}

func (m *machine) rollback(t *rapid.T) {
	i := rapid.IntRange(0, len(m.marks)-1).Draw(t, "mark")
	m.tables.Rollback(m.marks[i].mark)
	m.now = clonePlains(m.marks[i].was)
	m.marks = m.marks[:i+1]
}

func (m *machine) freeze(t *rapid.T) {
	if m.unit != nil {
		return
	}
	u, err := m.tables.Freeze()
	if err != nil {
		t.Fatal(err)
	}
	m.unit, m.frozen = u, clonePlains(m.now)
	m.begin(t)
}

func (m *machine) commit(t *rapid.T) {
	if m.unit == nil {
		return
	}
	if err := m.unit.Committed(m.log.commit(m.unit)); err != nil {
		t.Fatal(err)
	}
	m.unit, m.committed = nil, m.frozen
}

// lose commits on the broker, and the process dies before it is told.
func (m *machine) lose(t *rapid.T) {
	if m.unit == nil || m.kind == Disk && rapid.IntRange(0, 9).Draw(t, "lose") > 0 {
		return
	}
	m.log.commit(m.unit)
	m.unit, m.committed = nil, m.frozen
	m.tables.unit = nil // it never hears of it
	m.reopen(t)
}

func (m *machine) abort(t *rapid.T) {
	m.tables.Abort()
	m.unit, m.now = nil, clonePlains(m.committed)
	m.begin(t)
}

func (m *machine) restart(t *rapid.T) {
	if m.kind == Disk && rapid.IntRange(0, 9).Draw(t, "restart") > 0 {
		return
	}
	m.reopen(t)
}

func (m *machine) reopen(t *rapid.T) {
	if err := m.tables.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	m.unit, m.now = nil, clonePlains(m.committed)
	m.open(t)
}

func (m *machine) restartElsewhere(t *rapid.T) {
	if m.kind == Disk && rapid.IntRange(0, 9).Draw(t, "restart") > 0 {
		return
	}
	if err := m.tables.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(m.dir); err != nil {
		t.Fatal(err)
	}
	m.log.compact(rapid.Bool().Draw(t, "drop tombstones"))
	m.unit, m.now = nil, clonePlains(m.committed)
	m.open(t)
}

func (m *machine) check(t *rapid.T) {
	if err := m.tables.Err(); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(m.fired, m.want) {
		t.Fatalf("fired %q, want %q", m.fired, m.want)
	}
	for i, h := range m.handles {
		m.checkTable(t, h, m.now[i], m.committed[i])
	}
}

func (m *machine) checkTable(t *rapid.T, h *Table, now, committed plain) {
	name := fmt.Sprintf("step %d, partition %d", h.step, h.partition)
	if h.StreamTime() != now.stream || h.CloseTime() != now.closed {
		t.Fatalf("%s: times %d %d, want %d %d", name, h.StreamTime(), h.CloseTime(), now.stream, now.closed)
	}
	for _, key := range []string{"", "a", "b", "ab", "ba", "aab", "zz"} {
		got, ok := h.Get([]byte(key))
		want, wantOK := now.values[key]
		if ok != wantOK || string(got) != want {
			t.Fatalf("%s: Get(%q) = %q, %v, want %q, %v", name, key, got, ok, want, wantOK)
		}
		got, ok, err := m.tables.Committed(m.tables.o.Steps[h.step].Alias, h.partition, []byte(key))
		want, wantOK = committed.values[key]
		if err != nil || ok != wantOK || string(got) != want {
			t.Fatalf("%s: Committed(%q) = %q, %v, %v, want %q, %v", name, key, got, ok, err, want, wantOK)
		}
	}
	if h.ordered {
		m.checkScan(t, h, now)
	}
}

func (m *machine) checkScan(t *rapid.T, h *Table, now plain) {
	from, to := []byte(drawKey(t)), []byte(drawKey(t))
	if len(to) == 0 {
		to = nil
	}
	var got, want []string
	h.Scan(from, to, func(key, value []byte) bool {
		got = append(got, string(key)+"="+string(value))
		return true
	})
	for _, key := range slices.Sorted(maps.Keys(now.values)) {
		if key >= string(from) && (to == nil || bytes.Compare([]byte(key), to) < 0) {
			want = append(want, key+"="+now.values[key])
		}
	}
	if !slices.Equal(got, want) {
		t.Fatalf("Scan(%q, %q) = %q, want %q", from, to, got, want)
	}
}

func TestTablesDoWhatAPlainModelDoes(t *testing.T) {
	for _, kind := range kinds {
		t.Run(string(kind), func(t *testing.T) {
			root := t.TempDir()
			rapid.Check(t, func(t *rapid.T) { runMachine(t, kind, root) })
		})
	}
}

func runMachine(t *rapid.T, kind Kind, root string) {
	dir, err := os.MkdirTemp(root, "")
	if err != nil {
		t.Fatal(err)
	}
	m := &machine{kind: kind, dir: dir, log: newMemoryLog()}
	m.now = []plain{newPlain(), newPlain(), newPlain(), newPlain()}
	m.committed = clonePlains(m.now)
	m.open(t)
	t.Repeat(map[string]func(*rapid.T){
		"put": m.put, "put again": m.put, "delete": m.remove,
		"set timer": m.setTimer, "delete timer": m.deleteTimer, "advance": m.advance, "close time": m.closeTime,
		"begin": m.begin, "mark": m.mark, "rollback": m.rollback,
		"freeze": m.freeze, "commit": m.commit, "abort": m.abort, "lose": m.lose,
		"restart": m.restart, "restart elsewhere": m.restartElsewhere,
		"": m.check,
	})
	if err := m.tables.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	os.RemoveAll(dir)
}
