// SPDX-License-Identifier: Apache-2.0

package state

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

func scan(table *Table, from, to []byte) []string {
	var got []string
	table.Scan(from, to, func(key, value []byte) bool {
		got = append(got, string(key)+"="+string(value))
		return true
	})
	return got
}

func TestScanThroughThreeLayers(t *testing.T) {
	for _, kind := range kinds {
		t.Run(string(kind), func(t *testing.T) {
			log := newMemoryLog()
			tables := open(t, testOptions(kind, t.TempDir(), log))
			table := tables.Table(0, 0)
			for _, key := range []string{"a", "b", "c", "d", "e"} {
				table.Put([]byte(key), []byte("store"))
			}
			table.SetTimer(1, []byte("b"))
			commit(t, tables, log)
			tables.Begin()
			table.Put([]byte("b"), []byte("frozen"))
			table.Delete([]byte("c"))
			table.Delete([]byte("d"))
			table.Put([]byte("bb"), []byte("frozen"))
			u, err := tables.Freeze()
			if err != nil {
				t.Fatal(err)
			}
			m := tables.Begin()
			table.Put([]byte("d"), []byte("filling"))
			table.Delete([]byte("b"))
			table.Put([]byte("bb"), nil)
			table.Put([]byte("f"), []byte("rolled back"))
			table.Delete([]byte("e"))
			table.Put([]byte("e"), []byte("filling"))
			wantScan(t, table, nil, nil, "a=store", "bb=", "d=filling", "e=filling", "f=rolled back")
			wantScan(t, table, []byte("b"), []byte("d"), "bb=")
			wantScan(t, table, []byte("bb"), []byte("bb"))
			wantScan(t, table, []byte("g"), nil)
			tables.Rollback(m)
			wantScan(t, table, nil, nil, "a=store", "b=frozen", "bb=frozen", "e=store")
			if err := u.Committed(log.commit(u)); err != nil {
				t.Fatal(err)
			}
			wantScan(t, table, nil, nil, "a=store", "b=frozen", "bb=frozen", "e=store")
			tables.Begin()
			wantScan(t, table, nil, nil, "a=store", "b=frozen", "bb=frozen", "e=store")
			wantScan(t, table, []byte("b"), nil, "b=frozen", "bb=frozen", "e=store")
		})
	}
}

func wantScan(t *testing.T, table *Table, from, to []byte, want ...string) {
	t.Helper()
	if got := scan(table, from, to); !slices.Equal(got, want) {
		t.Fatalf("Scan(%q, %q) = %q, want %q", from, to, got, want)
	}
}

func TestScanStops(t *testing.T) {
	tables := open(t, testOptions(Memory, "", newMemoryLog()))
	table := tables.Table(0, 0)
	table.Put([]byte("a"), nil)
	table.Put([]byte("b"), nil)
	n := 0
	table.Scan(nil, nil, func(_, _ []byte) bool { n++; return false })
	if n != 1 {
		t.Fatalf("%d keys after fn has returned false", n)
	}
	defer func() {
		if recover() == nil {
			t.Fatal("Scan of a step that did not declare Ordered does not panic")
		}
	}()
	tables.Table(1, 0).Scan(nil, nil, func(_, _ []byte) bool { return true })
}

func TestUnitHoldsEachChangedKeyOnce(t *testing.T) {
	log := newMemoryLog()
	tables := open(t, testOptions(Memory, "", log))
	commit(t, tables, log) // the owners
	table := tables.Table(0, 3)
	for i := range 3 {
		tables.Begin()
		table.Put([]byte("again"), []byte{byte('0' + i)})
	}
	m := tables.Begin()
	table.Put([]byte("rolled back"), []byte("x"))
	tables.Table(1, 0).Put([]byte("rolled back"), []byte("x"))
	table.Advance(5)
	tables.Rollback(m)
	table.Delete([]byte("never there"))
	table.DeleteTimer(9, []byte("never there"))
	table.Put([]byte("empty"), nil)
	table.SetTimer(-1, []byte("t"))
	wantUnit(t, tables, log,
		"g-c-sum-changelog/3 03again=2", "g-c-sum-changelog/3 03empty=",
		"g-c-sum-changelog/3 027fffffffffffffff t=", "g-c-sum-changelog/3 head")
	table.Delete([]byte("again"))
	table.DeleteTimer(-1, []byte("t"))
	wantUnit(t, tables, log,
		"g-c-sum-changelog/3 03again null", "g-c-sum-changelog/3 027fffffffffffffff t null", "g-c-sum-changelog/3 head")
	wantUnit(t, tables, log)
	tables.Table(1, 0).SetCloseTime(7)
	wantUnit(t, tables, log, "g-c-cart-changelog/0 head")
	tables.Table(1, 0).SetCloseTime(7)
	wantUnit(t, tables, log)
}

// wantUnit commits what is filling and compares its changes.
func wantUnit(t *testing.T, tables *Tables, log *memoryLog, want ...string) {
	t.Helper()
	u, err := tables.Freeze()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	err = u.Each(func(topic string, partition int32, changes []Change) error {
		for _, c := range changes {
			got = append(got, fmt.Sprintf("%s/%d %s", topic, partition, changeText(c)))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got, want) {
		t.Fatalf("changes\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if u.Empty() != (len(want) == 0) {
		t.Fatalf("Empty is %v with %d changes", u.Empty(), len(want))
	}
	if err := u.Committed(log.commit(u)); err != nil {
		t.Fatal(err)
	}
}

func changeText(c Change) string {
	if c.Key[0] == tagHead {
		return "head"
	}
	key := fmt.Sprintf("%02x%s", c.Key[0], c.Key[1:])
	if c.Key[0] == tagTimer {
		key = fmt.Sprintf("%02x%x %s", c.Key[0], c.Key[1:9], c.Key[9:])
	}
	if c.Value == nil {
		return key + " null"
	}
	return key + "=" + string(c.Value)
}

func TestFirstUnitNamesTheOwnerInEachPartition(t *testing.T) {
	log := newMemoryLog()
	tables := open(t, testOptions(Memory, "", log))
	if !tables.Empty() {
		t.Fatal("tables without a changelog are not empty")
	}
	tables.Table(0, 0).Put([]byte("k"), []byte("v"))
	commit(t, tables, log)
	for _, topic := range []string{"g-c-sum-changelog", "g-c-cart-changelog"} {
		for _, p := range []int32{0, 3} {
			if r := log.partition(topic, p).records; !slices.ContainsFunc(r, func(r logRecord) bool { return r.key[0] == tagOwner }) {
				t.Errorf("no owner in %s, partition %d", topic, p)
			}
		}
	}
	if tables.Empty() {
		t.Fatal("tables are empty after a commit")
	}
	for _, p := range tables.Positions() {
		next := int64(2)
		if p.Step == "sum" && p.Partition == 0 {
			next = 3
		}
		if p.Next != next || p.Commits != 1 {
			t.Errorf("position %+v, want next %d after commit 1", p, next)
		}
	}
}

func TestManyChangesComeInSeveralCalls(t *testing.T) {
	log := newMemoryLog()
	tables := open(t, testOptions(Memory, "", log))
	for i := range 3 * changesAtOnce {
		tables.Begin()
		tables.Table(0, 0).Put(benchKey(i), nil)
	}
	u, err := tables.Freeze()
	if err != nil {
		t.Fatal(err)
	}
	calls, changes := 0, 0
	err = u.Each(func(topic string, partition int32, c []Change) error {
		if topic == "g-c-sum-changelog" && partition == 0 {
			calls++
			changes += len(c)
		}
		return nil
	})
	if err != nil || calls != 4 || changes != 3*changesAtOnce+2 {
		t.Fatalf("%d changes in %d calls, %v", changes, calls, err)
	}
	stop := fmt.Errorf("stop")
	if err := u.Each(func(string, int32, []Change) error { return stop }); err != stop {
		t.Fatalf("Each returns %v, want the error of fn", err)
	}
	tables.Abort()
}

func TestFreezeBeforeTheUnitIsCommittedPanics(t *testing.T) {
	tables := open(t, testOptions(Memory, "", newMemoryLog()))
	if _, err := tables.Freeze(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if recover() == nil {
			t.Fatal("no panic")
		}
	}()
	tables.Freeze()
}

func TestPendingFollowsWhatAFreezeGives(t *testing.T) {
	log := newMemoryLog()
	tables := open(t, testOptions(Memory, "", log))
	table := tables.Table(0, 0)
	tables.Begin()
	table.Put([]byte("key"), make([]byte, 100))
	first := tables.Pending()
	m := tables.Begin()
	table.Put([]byte("key"), make([]byte, 100))
	if tables.Pending() != first || first < 100 {
		t.Fatalf("%d bytes are pending after the same write again, %d after the first", tables.Pending(), first)
	}
	table.Put([]byte("other"), make([]byte, 50))
	table.Delete([]byte("key"))
	tables.Rollback(m)
	if tables.Pending() != first {
		t.Fatalf("%d bytes are pending after a rollback, %d before", tables.Pending(), first)
	}
	commit(t, tables, log)
	if tables.Pending() != 0 {
		t.Fatalf("%d bytes are pending after a freeze", tables.Pending())
	}
}

func TestCommittedIsReadableBesideTheRoad(t *testing.T) {
	for _, kind := range kinds {
		t.Run(string(kind), func(t *testing.T) {
			log := newMemoryLog()
			tables := open(t, testOptions(kind, t.TempDir(), log))
			table := tables.Table(0, 0)
			stop, done := make(chan struct{}), make(chan error, 1)
			go func() { done <- readAlong(tables, stop) }()
			for n := range 300 {
				tables.Begin()
				for _, key := range []string{"a", "b"} {
					table.Put([]byte(key), fmt.Appendf(nil, "%06d", n))
				}
				commit(t, tables, log)
			}
			close(stop)
			if err := <-done; err != nil {
				t.Fatal(err)
			}
			got, ok, err := tables.Committed("sum", 0, []byte("a"))
			if err != nil || !ok || string(got) != "000299" {
				t.Fatalf("Committed = %q, %v, %v", got, ok, err)
			}
			for _, unknown := range []struct {
				step      string
				partition int32
			}{{"none", 0}, {"sum", 1}} {
				if _, ok, err := tables.Committed(unknown.step, unknown.partition, []byte("a")); ok || err != nil {
					t.Fatalf("Committed of %v = %v, %v", unknown, ok, err)
				}
			}
			closeTables(t, tables)
			if _, _, err := tables.Committed("sum", 0, []byte("a")); err != ErrClosed {
				t.Fatalf("Committed after Close = %v", err)
			}
			if err := tables.Close(context.Background()); err != nil {
				t.Fatalf("second Close = %v", err)
			}
		})
	}
}

// readAlong checks that committed values never go back.
func readAlong(tables *Tables, stop chan struct{}) error {
	last := ""
	for {
		select {
		case <-stop:
			return nil
		default:
		}
		v, ok, err := tables.Committed("sum", 0, []byte("a"))
		if err != nil {
			return err
		}
		if ok && string(v) < last {
			return fmt.Errorf("read %q after %q", v, last)
		}
		last = string(v)
	}
}

func TestDiskThatFailsFailsTheTask(t *testing.T) {
	log := newMemoryLog()
	tables := open(t, oneTable(Disk, t.TempDir(), log))
	table := tables.Table(0, 0)
	table.Put([]byte("k"), []byte("old"))
	commit(t, tables, log)
	tables.Begin()
	table.Put([]byte("k"), []byte("new"))
	u, err := tables.Freeze()
	if err != nil {
		t.Fatal(err)
	}
	full := errors.New("no space left on device")
	table.store.(*diskStore).failed.Store(&full)
	if err := u.Committed(log.commit(u)); !errors.Is(err, full) {
		t.Fatalf("Committed = %v", err)
	}
	wantValue(t, table, "k", "new") // what is frozen still hides what is below
	if _, err := tables.Freeze(); !errors.Is(err, full) || !errors.Is(tables.Err(), full) {
		t.Fatalf("Freeze = %v, Err = %v", err, tables.Err())
	}
}

func TestDiskThatCannotBeReadIsRebuilt(t *testing.T) {
	log, dir := newMemoryLog(), t.TempDir()
	history(t, Disk, dir, log)
	tables, err := Open(context.Background(), oneTable(Disk, dir, log))
	if err != nil {
		t.Fatal(err)
	}
	tables.Table(0, 0).store.(*diskStore).damaged.Store(true)
	closeTables(t, tables)
	log.reads = 0
	tables = open(t, oneTable(Disk, dir, log))
	wantHistory(t, tables.Table(0, 0))
	if all := len(log.partition(oneTopic, 0).records); log.reads != all {
		t.Fatalf("%d records of %d were read", log.reads, all)
	}
}

func TestReadsOfAUnitStayValidOnDisk(t *testing.T) {
	log := newMemoryLog()
	tables := open(t, oneTable(Disk, t.TempDir(), log))
	table := tables.Table(0, 0)
	for i := range 200 {
		table.Put(benchKey(i), fmt.Appendf(nil, "%0200d", i))
	}
	commit(t, tables, log)
	for range 3 {
		tables.Begin()
		got := make([][]byte, 200)
		for i := range got {
			got[i], _ = table.Get(benchKey(i))
		}
		for i, v := range got {
			if want := fmt.Sprintf("%0200d", i); string(v) != want {
				t.Fatalf("value %d is %q", i, v)
			}
		}
	}
}

func TestHotKeysTakeNoMoreRoomThanTheirValues(t *testing.T) {
	tables := open(t, oneTable(Memory, "", newMemoryLog()))
	table := tables.Table(0, 0)
	value := make([]byte, 100)
	for i := range 100_000 {
		tables.Begin()
		table.Put([]byte{byte(i % 10)}, value)
		table.Put([]byte{byte(i % 10)}, value[:50])
	}
	if held := table.filling.mem.held(); held > 64<<10 {
		t.Fatalf("%d bytes are held for ten keys", held)
	}
}

func TestUnitWhoseOffsetsAreNotKnown(t *testing.T) {
	for _, kind := range kinds {
		t.Run(string(kind), func(t *testing.T) {
			log, dir := newMemoryLog(), t.TempDir()
			tables := open(t, oneTable(kind, dir, log))
			for i := range 3 {
				tables.Begin()
				tables.Table(0, 0).Put([]byte("k"), []byte{byte('0' + i)})
				if i == 0 {
					commit(t, tables, log)
					continue
				}
				u, err := tables.Freeze()
				if err != nil {
					t.Fatal(err)
				}
				log.commit(u)
				if err := u.Committed(nil); err != nil {
					t.Fatal(err)
				}
			}
			if err := tables.Apply(); err != nil {
				t.Fatal(err)
			}
			if got := tables.Positions(); got[0].Next != 3 || got[0].Commits != 3 {
				t.Fatalf("positions %+v", got)
			}
			closeTables(t, tables)
			log.reads = 0
			tables = open(t, oneTable(kind, dir, log))
			if log.reads != 10 {
				t.Fatalf("%d records were read, want five, once to verify the local copy", log.reads)
			}
			wantValue(t, tables.Table(0, 0), "k", "2")
			if got := tables.Positions(); got[0].Next != 9 || got[0].Commits != 3 {
				t.Fatalf("positions %+v after a restart", got)
			}
		})
	}
}
