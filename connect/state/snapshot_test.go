// SPDX-License-Identifier: Apache-2.0

package state

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// snapshotBytes returns a snapshot of several frames.
func snapshotBytes(t *testing.T) ([]byte, *Table) {
	t.Helper()
	log, dir := newMemoryLog(), t.TempDir()
	tables := open(t, oneTable(Memory, dir, log))
	for i := range 3 {
		tables.Begin()
		tables.Table(0, 0).Put([]byte{byte(i)}, bytes.Repeat([]byte{'v'}, frameBytes/2))
	}
	tables.Table(0, 0).SetTimer(5, []byte("t"))
	commit(t, tables, log)
	closeTables(t, tables)
	b, err := os.ReadFile(tables.Table(0, 0).path(snapshotEnding))
	if err != nil {
		t.Fatal(err)
	}
	return b, tables.Table(0, 0)
}

func read(b []byte, table *Table) (*memoryStore, error) {
	s := newMemoryStore(newHasher(), false)
	_, err := readSnapshot(bytes.NewReader(b), s, table.label())
	return s, err
}

func TestSnapshotCutAtEachByteIsRefused(t *testing.T) {
	b, table := snapshotBytes(t)
	s, err := read(b, table)
	if err != nil || s.data.index.count != 4 || s.pos.last != 5 || s.pos.commits != 1 {
		t.Fatalf("%d entries at %+v, %v", s.data.index.count, s.pos, err)
	}
	for n := range len(b) {
		if n > 300 && n < len(b)-1500 && n%499 != 0 {
			continue // each byte of the header, the footer and the end of the entries
		}
		if _, err := read(b[:n], table); err == nil {
			t.Fatalf("a snapshot cut at byte %d of %d is taken", n, len(b))
		}
	}
}

func TestSnapshotWithAFlippedBitIsRefused(t *testing.T) {
	b, table := snapshotBytes(t)
	for n := range len(b) {
		if n > 300 && n < len(b)-600 && n%499 != 0 {
			continue
		}
		spoiled := bytes.Clone(b)
		spoiled[n] ^= 1 << (n % 8)
		if _, err := read(spoiled, table); err == nil {
			t.Fatalf("a snapshot with another byte %d is taken", n)
		}
	}
}

func TestSnapshotOfSomethingElseIsRefused(t *testing.T) {
	b, table := snapshotBytes(t)
	for name, change := range map[string]func(*label){
		"connector": func(l *label) { l.Owner.Connector = "other" },
		"version":   func(l *label) { l.Owner.Version = "v2" },
		"topic":     func(l *label) { l.Topic = "other" },
		"partition": func(l *label) { l.Partition = 1 },
	} {
		want := table.label()
		change(&want)
		_, err := readSnapshot(bytes.NewReader(b), newMemoryStore(newHasher(), false), want)
		if !errors.Is(err, errLocal) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestSnapshotsAreWrittenWhileTheRoadGoesOn kills nothing, but restores from what the
// background has written while units were applied.
func TestSnapshotsAreWrittenWhileTheRoadGoesOn(t *testing.T) {
	log, dir := newMemoryLog(), t.TempDir()
	o := oneTable(Memory, dir, log)
	o.SnapshotBytes = 1
	tables := open(t, o)
	table := tables.Table(0, 0)
	path := table.path(snapshotEnding)
	value := make([]byte, 100)
	deadline := time.Now().Add(time.Minute)
	restored, before := 0, os.FileInfo(nil)
	for n := 0; restored < 5; n++ {
		if time.Now().After(deadline) {
			t.Fatalf("%d snapshots were restored in a minute", restored)
		}
		tables.Begin()
		for i := range 500 {
			table.Put(fmt.Appendf(nil, "%d", (n*37+i)%5000), fmt.Appendf(value[:0], "%d", n))
			table.Delete(fmt.Appendf(nil, "%d", (n*91+i)%5000))
		}
		commit(t, tables, log)
		now, err := os.Stat(path)
		if err != nil || before != nil && os.SameFile(before, now) {
			continue
		}
		before = now
		restored++
		checkCopy(t, path, log, tables)
	}
}

// checkCopy restores the snapshot elsewhere, with the changelog as it is.
func checkCopy(t *testing.T, path string, log *memoryLog, want *Tables) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, filepath.Base(path)), b, 0o644); err != nil {
		t.Fatal(err)
	}
	o := oneTable(Memory, dir, log)
	log.reads = 0
	got := open(t, o)
	if total := len(log.partition(oneTopic, 0).records); log.reads >= total {
		t.Fatalf("%d records of %d were read: the snapshot was not used", log.reads, total)
	}
	wantSame(t, got.Table(0, 0), want.Table(0, 0))
	closeTables(t, got)
}

func TestSnapshotIsDue(t *testing.T) {
	const minute = 60_000
	tables := &Tables{o: Options{SnapshotBytes: 1000, SnapshotEvery: time.Minute}}
	for name, c := range map[string]struct {
		size, changed, begun int64
		want                 bool
	}{
		"nothing has changed":              {100, 0, 0, false},
		"little has changed":               {100, 999, 1, false},
		"much has changed":                 {100, 1000, 1, true},
		"much, but the table is larger":    {5000, 4999, 1, false},
		"as much as the table":             {5000, 5000, 1, true},
		"little, but long ago":             {100, 13, 0, true},
		"very little of a table, long ago": {1000, 124, 0, false},
	} {
		m := &memoryStore{size: c.size, changed: c.changed, begun: c.begun}
		if got := tables.due(m, minute); got != c.want {
			t.Errorf("%s: due is %v", name, got)
		}
	}
}

func TestSnapshotThatCannotBeWritten(t *testing.T) {
	log, dir := newMemoryLog(), filepath.Join(t.TempDir(), "gone")
	var out bytes.Buffer
	o := oneTable(Memory, dir, log)
	o.Log = slog.New(slog.NewTextHandler(&out, nil))
	o.SnapshotBytes = 1
	tables, err := Open(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	tables.Table(0, 0).Put([]byte("k"), []byte("v"))
	commit(t, tables, log)
	<-tables.snapshots.done
	if !bytes.Contains(out.Bytes(), []byte("a snapshot of state was not written")) {
		t.Errorf("logged %q", out.String())
	}
	wantValue(t, tables.Table(0, 0), "k", "v")
	if err := tables.Close(context.Background()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Close = %v", err)
	}
}

func TestCloseWithinItsContext(t *testing.T) {
	log, dir := newMemoryLog(), t.TempDir()
	history(t, Memory, dir, log)
	tables, err := Open(context.Background(), oneTable(Memory, dir, log))
	if err != nil {
		t.Fatal(err)
	}
	tables.Table(0, 0).Put([]byte("k"), []byte("v"))
	commit(t, tables, log)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := tables.Close(ctx); !errors.Is(err, context.Canceled) {
		t.Fatalf("Close = %v", err)
	}
	tables = open(t, oneTable(Memory, dir, log))
	wantValue(t, tables.Table(0, 0), "k", "v")
	wantHistory(t, tables.Table(0, 0))
	if names, _ := filepath.Glob(filepath.Join(dir, "*.new")); len(names) > 0 {
		t.Errorf("%v were left", names)
	}
}

func FuzzReadSnapshot(f *testing.F) {
	t := &Table{topic: oneTopic, tables: &Tables{o: oneTable(Memory, "", nil)}}
	var b bytes.Buffer
	s := newMemoryStore(newHasher(), true)
	s.put([]byte("\x03key"), []byte("value"))
	t.tables.o.Now = time.Now
	if _, err := t.writeFrames(context.Background(), s, &b); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Add(b.Bytes()[:40])
	f.Add([]byte(snapshotMagic))
	f.Fuzz(func(tt *testing.T, b []byte) {
		s := newMemoryStore(newHasher(), true)
		if _, err := readSnapshot(bytes.NewReader(b), s, t.label()); err != nil {
			return
		}
		var again bytes.Buffer
		if _, err := t.writeFrames(context.Background(), s, &again); err != nil {
			tt.Fatal(err)
		}
		r := newMemoryStore(newHasher(), true)
		if _, err := readSnapshot(&again, r, t.label()); err != nil || r.data.index.count != s.data.index.count {
			tt.Fatalf("%d entries of %d are read again, %v", r.data.index.count, s.data.index.count, err)
		}
	})
}
