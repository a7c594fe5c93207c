// SPDX-License-Identifier: Apache-2.0

package state

import (
	"fmt"
	"math"
	"slices"
	"testing"
)

// timerTable opens tables and one handle that lists what fires.
func timerTable(t *testing.T, kind Kind, dir string, log *memoryLog) (*Tables, *Table, *[]string) {
	t.Helper()
	tables := open(t, testOptions(kind, dir, log))
	table := tables.Table(1, 0)
	fired := &[]string{}
	table.OnTimer(func(at int64, key []byte) { *fired = append(*fired, fmt.Sprintf("%d%s", at, key)) })
	return tables, table, fired
}

func wantFired(t *testing.T, fired *[]string, want ...string) {
	t.Helper()
	if !slices.Equal(*fired, want) {
		t.Fatalf("fired %q, want %q", *fired, want)
	}
	*fired = nil
}

func TestTimersFireInTheOrderOfTimeThenKey(t *testing.T) {
	for _, kind := range kinds {
		t.Run(string(kind), func(t *testing.T) {
			_, table, fired := timerTable(t, kind, t.TempDir(), newMemoryLog())
			for _, key := range []string{"b", "a", "", "ab"} {
				for _, at := range []int64{7, -3, 100, 7} {
					table.SetTimer(at, []byte(key))
				}
			}
			table.DeleteTimer(7, []byte("ab"))
			table.DeleteTimer(8, []byte("ab"))
			wantFired(t, fired)
			table.Advance(6)
			wantFired(t, fired, "-3", "-3a", "-3ab", "-3b")
			table.Advance(5)
			wantFired(t, fired)
			table.SetTimer(2, []byte("late"))
			wantFired(t, fired)
			table.Advance(1)
			wantFired(t, fired, "2late")
			table.Advance(math.MaxInt64)
			wantFired(t, fired, "7", "7a", "7b", "100", "100a", "100ab", "100b")
			table.Advance(math.MaxInt64)
			wantFired(t, fired)
		})
	}
}

func TestTimersSetByATimer(t *testing.T) {
	_, table, fired := timerTable(t, Memory, "", newMemoryLog())
	table.OnTimer(func(at int64, key []byte) {
		*fired = append(*fired, fmt.Sprintf("%d%s", at, key))
		switch string(key) {
		case "tick":
			table.SetTimer(at+10, key) // the very bytes that were handed in
		case "again":
			table.SetTimer(at, key)
			table.SetTimer(at-1, []byte("before"))
		}
	})
	table.SetTimer(10, []byte("tick"))
	table.SetTimer(15, []byte("again"))
	table.Advance(35)
	wantFired(t, fired, "10tick", "15again", "20tick", "30tick")
	table.Advance(0)
	wantFired(t, fired, "14before", "15again")
	table.Advance(40)
	wantFired(t, fired, "14before", "15again", "40tick")
}

func TestAdvanceWithinATimerPanics(t *testing.T) {
	_, table, _ := timerTable(t, Memory, "", newMemoryLog())
	table.OnTimer(func(int64, []byte) { table.Advance(9) })
	table.SetTimer(1, nil)
	defer func() {
		if recover() == nil {
			t.Fatal("no panic")
		}
	}()
	table.Advance(2)
}

func TestTimersAreRolledBackWithTheRecord(t *testing.T) {
	tables, table, fired := timerTable(t, Memory, "", newMemoryLog())
	table.SetTimer(5, []byte("kept"))
	m := tables.Begin()
	table.Advance(10)
	table.SetTimer(20, []byte("undone"))
	wantFired(t, fired, "5kept")
	tables.Rollback(m)
	if table.StreamTime() != math.MinInt64 {
		t.Fatalf("stream time %d after the rollback", table.StreamTime())
	}
	table.Advance(30)
	wantFired(t, fired, "5kept")
}

func TestTimerStaysDoneWhenItsOutputFails(t *testing.T) {
	tables, table, fired := timerTable(t, Memory, "", newMemoryLog())
	table.OnTimer(func(at int64, key []byte) {
		m := tables.Mark()
		*fired = append(*fired, fmt.Sprintf("%d%s", at, key))
		table.Put([]byte("closed"), key)
		table.SetTimer(50, key)
		tables.Rollback(m)
	})
	table.SetTimer(5, []byte("a"))
	table.SetTimer(6, []byte("b"))
	tables.Begin()
	table.Advance(10)
	table.Advance(60)
	wantFired(t, fired, "5a", "6b")
	wantAbsent(t, table, "closed")
	if table.StreamTime() != 60 {
		t.Fatalf("stream time %d", table.StreamTime())
	}
}

func TestOverdueTimersFireOnceAfterARestart(t *testing.T) {
	for _, kind := range kinds {
		for _, local := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s/local %v", kind, local), func(t *testing.T) {
				log, dir := newMemoryLog(), t.TempDir()
				tables, table, fired := timerTable(t, kind, dir, log)
				table.Advance(10)
				table.SetTimer(9, []byte("overdue"))
				table.SetTimer(8, []byte("first"))
				table.SetTimer(11, []byte("later"))
				commit(t, tables, log)
				tables.Begin()
				table.Advance(12) // lost
				wantFired(t, fired, "8first", "9overdue", "11later")
				closeTables(t, tables)
				if !local {
					dir = t.TempDir()
				}
				tables, table, fired = timerTable(t, kind, dir, log)
				tables.Begin()
				if table.StreamTime() != 10 {
					t.Fatalf("stream time %d after the restart", table.StreamTime())
				}
				table.FireDue()
				wantFired(t, fired, "8first", "9overdue")
				table.FireDue()
				table.Advance(10)
				wantFired(t, fired)
				commit(t, tables, log)
				closeTables(t, tables)
				_, table, fired = timerTable(t, kind, dir, log)
				table.FireDue()
				wantFired(t, fired)
				table.Advance(11)
				wantFired(t, fired, "11later")
			})
		}
	}
}

func TestManyTimersFireInOneAdvance(t *testing.T) {
	log := newMemoryLog()
	tables, table, fired := timerTable(t, Memory, "", log)
	const n = 20_000
	for i := range n {
		tables.Begin()
		table.SetTimer(int64(i*7919%n), benchKey(i))
		if i == n/2 {
			commit(t, tables, log)
		}
	}
	last := int64(-1)
	count := 0
	table.OnTimer(func(at int64, _ []byte) {
		if at <= last {
			t.Fatalf("timer at %d after %d", at, last)
		}
		last = at
		count++
	})
	tables.Begin()
	table.Advance(n)
	if count != n {
		t.Fatalf("%d timers fired of %d", count, n)
	}
	wantFired(t, fired)
}
