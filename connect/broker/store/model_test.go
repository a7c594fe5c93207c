// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// The model test does random things to a store with tiny segments, kills it
// (in process, at named points or anywhere) and compares what consumers see with
// what a plain model says they must.

// modelTxn is a transaction under way, or one whose end was interrupted.
type modelTxn struct {
	p       *producing
	records map[string][]seen // by partition
	offsets map[string]int64  // by group
}

type model struct {
	t     *testing.T
	r     *rand.Rand
	o     Options
	now   *clock
	s     *Store
	fs    *faultFS
	armed string // crash point

	committed map[string][]seen           // by partition, in offset order of their append
	offsets   map[string]map[string]int64 // group → topic → offset
	open      map[string]*modelTxn        // by transactional id
	starts    map[string]int64            // moved by DeleteBefore
	n         int
}

type modelCrash struct{ point string }

var modelTopics = []string{"plain", "compacted"}

func newModel(t *testing.T, seed uint64) *model {
	m := &model{
		t: t, r: rand.New(rand.NewPCG(seed, 1)), now: newClock(), fs: newFaultFS(),
		committed: map[string][]seen{}, offsets: map[string]map[string]int64{}, open: map[string]*modelTxn{}, starts: map[string]int64{},
	}
	m.o = quiet(t.TempDir())
	m.o.Now, m.o.FS = m.now.Now, m.fs
	m.o.SegmentBytes = int64(4<<10 + m.r.IntN(60<<10))
	m.o.Crash = func(point string) {
		if m.armed == point {
			m.armed = ""
			panic(modelCrash{point})
		}
	}
	m.s = open(t, m.o)
	topicOf(t, m.s, "plain", 2, map[string]string{"retention.bytes": "-1"})
	topicOf(t, m.s, "compacted", 2, map[string]string{"cleanup.policy": "compact", "delete.retention.ms": "100000"})
	return m
}

// try runs fn and reports whether it was interrupted by an armed crash point.
func (m *model) try(fn func()) (crashed bool) {
	defer func() {
		if p := recover(); p != nil {
			if _, ok := p.(modelCrash); !ok {
				panic(p)
			}
			crashed = true
		}
	}()
	fn()
	return false
}

func (m *model) log() (*Log, string) {
	topic, part := modelTopics[m.r.IntN(2)], m.r.IntN(2)
	l, _ := m.s.Log(topic, int32(part))
	return l, fmt.Sprintf("%s-%d", topic, part)
}

func (m *model) records() []rec {
	rs := make([]rec, 1+m.r.IntN(3))
	for i := range rs {
		m.n++
		key := fmt.Sprint("k", m.r.IntN(30))
		rs[i] = kv(key, fmt.Sprintf("%d%s", m.n, strings.Repeat(".", m.r.IntN(1+m.r.IntN(3000)))))
		if m.r.IntN(8) == 0 {
			rs[i].value = nil
		}
	}
	return rs
}

func sent(base int64, rs []rec) []seen {
	var out []seen
	for i, r := range rs {
		out = append(out, seen{base + int64(i), r.key, string(r.value), r.value == nil})
	}
	return out
}

func (m *model) produce() {
	l, name := m.log()
	rs := m.records()
	_, _, end := l.Offsets()
	var base int64
	crashed := m.try(func() {
		var err error
		codec := max(0, m.r.IntN(40)-35)
		base, err = l.Append(batchSpec{producer: Producer{-1, -1}, seq: -1, codec: codec, ts: m.now.Now().UnixMilli(), recs: rs}.bytes())
		must(m.t, err)
		must(m.t, m.s.Sync(context.Background()))
	})
	if !crashed {
		m.committed[name] = append(m.committed[name], sent(base, rs)...)
		return
	}
	// The answer was lost: the batch may be there or not.
	m.reopen()
	l, _ = m.s.Log(l.Topic(), l.Partition())
	got, _ := consume(m.t, l, ReadUncommitted, 1<<20)
	i := slices.IndexFunc(got, func(g seen) bool { return g.offset == end })
	if batch := sent(end, rs); i >= 0 && len(got[i:]) >= len(rs) && slices.Equal(got[i:i+len(rs)], batch) {
		m.committed[name] = append(m.committed[name], batch...)
	}
}

func (m *model) transact() {
	id := fmt.Sprint("tx", m.r.IntN(3))
	x := m.open[id]
	crashed := m.try(func() {
		if x == nil || x.p == nil {
			x = &modelTxn{p: transactional(m.t, m.s, id), records: map[string][]seen{}, offsets: map[string]int64{}}
			m.open[id] = x
		}
		for range 1 + m.r.IntN(3) {
			l, name := m.log()
			rs := m.records()
			x.records[name] = append(x.records[name], sent(x.p.send(l, rs...), rs)...)
		}
		if m.r.IntN(2) == 0 {
			m.n++
			group := fmt.Sprint("g", m.r.IntN(2))
			x.p.offset(group, "plain", int64(m.n))
			x.offsets[group] = int64(m.n)
		}
	})
	if crashed {
		m.reopen()
	}
}

func (m *model) endTxn() {
	for _, id := range slices.Sorted(maps.Keys(m.open)) {
		if m.r.IntN(2) == 0 || len(m.open[id].records) == 0 {
			continue
		}
		x, commit := m.open[id], m.r.IntN(4) > 0
		delete(m.open, id)
		if !m.try(func() { x.p.end(commit) }) {
			if commit {
				m.commit(x)
			}
			m.open[id] = &modelTxn{p: x.p, records: map[string][]seen{}, offsets: map[string]int64{}}
			continue
		}
		m.reopen()
		if info, err := m.s.DescribeTxn(id); err == nil && info.State == TxnCompleteCommit && commit && m.holds(x) {
			m.commit(x)
		}
		return
	}
}

// holds reports whether the first record of the transaction is visible.
func (m *model) holds(x *modelTxn) bool {
	for name, rs := range x.records {
		topic, part, _ := strings.Cut(name, "-")
		l, _ := m.s.Log(topic, int32(part[0]-'0'))
		got, _ := consume(m.t, l, ReadCommitted, 1<<20)
		return slices.Contains(got, rs[0])
	}
	return true
}

func (m *model) commit(x *modelTxn) {
	for name, rs := range x.records {
		m.committed[name] = append(m.committed[name], rs...)
	}
	for group, offset := range x.offsets {
		if m.offsets[group] == nil {
			m.offsets[group] = map[string]int64{}
		}
		m.offsets[group]["plain"] = offset
	}
}

func (m *model) maintain() {
	if m.try(func() {
		if m.r.IntN(2) == 0 {
			clean(m.t, m.s)
			return
		}
		must(m.t, m.s.maintain(context.Background(), false))
	}) {
		m.reopen()
	}
}

func (m *model) deleteRecords() {
	part := m.r.IntN(2)
	l, _ := m.s.Log("plain", int32(part))
	start, stable, _ := l.Offsets()
	if stable == start {
		return
	}
	to := start + m.r.Int64N(stable-start+1)
	if m.try(func() {
		if _, err := l.DeleteBefore(context.Background(), to); err != nil {
			m.t.Fatal(err)
		}
	}) {
		m.reopen()
		l, _ = m.s.Log("plain", int32(part))
	}
	start, _, _ = l.Offsets()
	m.starts[fmt.Sprint("plain-", part)] = start
}

// reopen kills the store and opens it again, perhaps killing that too.
func (m *model) reopen() {
	crash(m.t, m.s)
	if m.r.IntN(2) == 0 {
		m.fs.cutPower(m.t, m.r)
	}
	for {
		if m.r.IntN(4) == 0 {
			removeSidecars(m.t, m.o.Dir)
		}
		if !m.try(func() { m.s = open(m.t, m.o) }) {
			break
		}
	}
	m.open = map[string]*modelTxn{}
}

func (m *model) arm() {
	m.armed = ""
	if m.r.IntN(4) == 0 {
		m.armed = CrashPoints[m.r.IntN(len(CrashPoints))]
	}
}

func (m *model) step() {
	m.now.Advance(time.Duration(m.r.IntN(2000)) * time.Millisecond)
	m.arm()
	switch n := m.r.IntN(100); {
	case n < 30:
		m.produce()
	case n < 60:
		m.transact()
	case n < 80:
		m.endTxn()
	case n < 88:
		m.maintain()
	case n < 92:
		m.deleteRecords()
	case n < 95:
		m.reopen()
	case n < 97:
		if m.try(func() { must(m.t, m.s.Tick(context.Background())) }) {
			m.reopen()
		}
		for id, x := range m.open {
			if info, err := m.s.DescribeTxn(id); err == nil && info.Producer != x.p.p {
				delete(m.open, id)
			}
		}
	default:
		if m.try(func() { must(m.t, m.s.Close()) }) {
			m.reopen()
			return
		}
		m.armed = ""
		m.s = open(m.t, m.o)
		m.open = map[string]*modelTxn{}
	}
}

func (m *model) check() {
	m.t.Helper()
	for _, topic := range modelTopics {
		for part := range int32(2) {
			name := fmt.Sprintf("%s-%d", topic, part)
			l, _ := m.s.Log(topic, part)
			_, stable, _ := l.Offsets()
			want := slices.DeleteFunc(slices.Clone(m.committed[name]), func(r seen) bool {
				return r.offset >= stable || r.offset < m.starts[name]
			})
			slices.SortFunc(want, func(a, b seen) int { return int(a.offset - b.offset) })
			got, position := consume(m.t, l, ReadCommitted, 1+m.r.IntN(20_000))
			if position != stable && len(m.open) == 0 {
				m.t.Fatalf("%s: consumer ends at %d of %d", name, position, stable)
			}
			if topic == "plain" {
				if diff := cmp.Diff(values(want), values(got)); diff != "" {
					m.t.Fatalf("%s: %s", name, diff)
				}
				continue
			}
			m.checkCompacted(name, want, got)
		}
	}
	for group, want := range m.offsets {
		offsets, err := m.s.Offsets(context.Background(), group)
		must(m.t, err)
		if len(offsets) != 1 || offsets[0].Offset != want["plain"] {
			m.t.Fatalf("group %s: %+v, want %v", group, offsets, want)
		}
	}
}

// checkCompacted verifies that got is want without records that a later one with
// the same key replaced, and without tombstones.
func (m *model) checkCompacted(name string, want, got []seen) {
	m.t.Helper()
	newest := map[string]seen{}
	for _, r := range want {
		newest[r.key] = r
	}
	last := int64(-1)
	for _, r := range got {
		if !slices.Contains(want, r) || r.offset <= last {
			m.t.Fatalf("%s: %v was never committed, or is out of order", name, r)
		}
		last = r.offset
		if n := newest[r.key]; n == r {
			delete(newest, r.key)
		}
	}
	for key, r := range newest {
		older := slices.ContainsFunc(got, func(g seen) bool { return g.key == key })
		if !r.tombstone || older {
			m.t.Fatalf("%s: %v is the newest of its key and is missing (older ones there: %v)", name, r, older)
		}
	}
}

// TestModel runs half as many seeds as there are to be kills, one after another from
// the seed printed.
func TestModel(t *testing.T) {
	first := seedOf(t)
	for i := range uint64(kills(t)+1) / 2 {
		seed := first + i
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			m := newModel(t, seed)
			for i := range 400 {
				m.step()
				if i%10 == 0 {
					m.check()
				}
			}
			m.armed = ""
			m.check()
			m.reopen()
			m.check()
		})
	}
}
