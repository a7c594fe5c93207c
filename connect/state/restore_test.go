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
	"strings"
	"testing"
	"time"

	"github.com/connectd/connectd/connect"
)

// history writes a first half of values, which the local copy has, and a second one
// that only the changelog has.
const half = 100

func history(t *testing.T, kind Kind, dir string, log *memoryLog) {
	t.Helper()
	tables := open(t, oneTable(kind, dir, log))
	table := tables.Table(0, 0)
	for i := range half {
		tables.Begin()
		table.Put(fmt.Appendf(nil, "first %d", i), []byte("1"))
		if i%10 == 9 {
			commit(t, tables, log)
		}
	}
	closeTables(t, tables)
	elsewhere := open(t, oneTable(Memory, "", log))
	for i := range half {
		elsewhere.Begin()
		elsewhere.Table(0, 0).Put(fmt.Appendf(nil, "second %d", i), []byte("2"))
	}
	elsewhere.Begin()
	elsewhere.Table(0, 0).Delete([]byte("first 0"))
	commit(t, elsewhere, log)
	closeTables(t, elsewhere)
	log.reads = 0
}

func oneTable(kind Kind, dir string, log Changelog) Options {
	return Options{
		Group: "g", Connector: "c", Changelog: log, Kind: kind, Dir: dir, Partitions: []int32{0},
		Steps: []Step{{Alias: "sum", Spec: connect.StateSpec{Version: "v1"}}},
	}
}

const oneTopic = "g-c-sum-changelog"

func TestLocalCopyIsUsedOrTheChangelogRead(t *testing.T) {
	whole := 2*half + 10 + 3 // values, heads, an owner, a deletion, a head
	tail := 1 + 1 + half + 2 // verified, then the last record and what follows it
	cases := map[string]struct {
		change func(t *testing.T, dir string, log *memoryLog, o *Options)
		reads  int
		warns  string
	}{
		"as it was left": {func(*testing.T, string, *memoryLog, *Options) {}, tail, ""},
		"missing": {func(t *testing.T, dir string, _ *memoryLog, _ *Options) {
			if err := os.RemoveAll(dir); err != nil {
				t.Fatal(err)
			}
		}, whole, ""},
		"older than the changelog's start": {func(_ *testing.T, _ string, log *memoryLog, _ *Options) {
			copyForward(log)
		}, 2*half - 1 + 2, "the changelog begins at"},
		"six days old": {func(_ *testing.T, _ string, _ *memoryLog, o *Options) {
			o.Now = func() time.Time { return time.Now().Add(8 * 24 * time.Hour) }
		}, whole, "it is 192h0m0s old"},
		"of another beginning of the changelog": {func(t *testing.T, dir string, log *memoryLog, _ *Options) {
			keep := filepath.Join(t.TempDir(), "kept")
			if err := os.Rename(dir, keep); err != nil {
				t.Fatal(err)
			}
			*log = *newMemoryLog()
			history(t, Memory, "", log)
			if err := os.Rename(keep, dir); err != nil {
				t.Fatal(err)
			}
		}, whole + 1, "the changelog goes on otherwise"},
		"compacted meanwhile": {func(_ *testing.T, _ string, log *memoryLog, _ *Options) {
			log.compact(false)
		}, half + 2 + half + 2, ""},
	}
	for name, c := range cases {
		for _, kind := range kinds {
			t.Run(name+"/"+string(kind), func(t *testing.T) {
				log, dir := newMemoryLog(), filepath.Join(t.TempDir(), "state")
				history(t, kind, dir, log)
				var out bytes.Buffer
				o := oneTable(kind, dir, log)
				o.HasOffsets = func(int32) bool { return true }
				o.Log = slog.New(slog.NewTextHandler(&out, nil))
				c.change(t, dir, log, &o)
				log.reads = 0
				tables := open(t, o)
				wantHistory(t, tables.Table(0, 0))
				if log.reads != c.reads {
					t.Errorf("%d records were read, want %d", log.reads, c.reads)
				}
				if got := out.String(); !strings.Contains(got, c.warns) || c.warns == "" && got != "" {
					t.Errorf("logged %q, want %q", got, c.warns)
				}
				wantGoesOn(t, tables, log, o)
			})
		}
	}
}

func wantHistory(t *testing.T, table *Table) {
	t.Helper()
	wantAbsent(t, table, "first 0")
	for i := 1; i < half; i++ {
		wantValue(t, table, fmt.Sprintf("first %d", i), "1")
	}
	for i := range half {
		wantValue(t, table, fmt.Sprintf("second %d", i), "2")
	}
}

// wantGoesOn commits once more and starts again.
func wantGoesOn(t *testing.T, tables *Tables, log *memoryLog, o Options) {
	t.Helper()
	tables.Begin()
	tables.Table(0, 0).Put([]byte("first 0"), []byte("3"))
	commit(t, tables, log)
	closeTables(t, tables)
	tables = open(t, o)
	wantValue(t, tables.Table(0, 0), "first 0", "3")
	wantValue(t, tables.Table(0, 0), "second 1", "2")
}

// copyForward cleans as a broker may: live records move to the end, the start with them.
func copyForward(log *memoryLog) {
	log.compact(true)
	p := log.partition(oneTopic, 0)
	p.start = p.end
	for i := range p.records {
		p.records[i].offset = p.end
		p.end++
	}
	p.end++
}

func TestDamagedLocalCopyIsRebuilt(t *testing.T) {
	cases := map[string]struct {
		kind  Kind
		glob  string
		spoil func(b []byte) []byte
	}{
		"no magic":        {Memory, "*.snapshot", func(b []byte) []byte { b[0]++; return b }},
		"a flipped bit":   {Memory, "*.snapshot", func(b []byte) []byte { b[len(b)/2] ^= 1; return b }},
		"bytes after":     {Memory, "*.snapshot", func(b []byte) []byte { return append(b, 0) }},
		"empty":           {Memory, "*.snapshot", func([]byte) []byte { return nil }},
		"no footer":       {Memory, "*.snapshot", func(b []byte) []byte { return b[:bytes.LastIndexByte(b, frameFooter)-frameHead] }},
		"a lost manifest": {Disk, "*/MANIFEST-*", func([]byte) []byte { return nil }},
		"a torn table":    {Disk, "*/*.sst", func(b []byte) []byte { return b[:len(b)/2] }},
		"marked":          {Disk, "*.db/" + damagedMark, nil},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			log, dir := newMemoryLog(), t.TempDir()
			history(t, c.kind, dir, log)
			spoil(t, filepath.Join(dir, c.glob), c.spoil)
			var out bytes.Buffer
			o := oneTable(c.kind, dir, log)
			o.Log = slog.New(slog.NewTextHandler(&out, nil))
			tables := open(t, o)
			wantHistory(t, tables.Table(0, 0))
			if !strings.Contains(out.String(), "state is rebuilt from its changelog") {
				t.Errorf("logged %q", out.String())
			}
			wantGoesOn(t, tables, log, o)
		})
	}
}

func spoil(t *testing.T, glob string, change func([]byte) []byte) {
	t.Helper()
	if change == nil {
		names, _ := filepath.Glob(filepath.Dir(glob))
		if err := os.WriteFile(filepath.Join(names[0], filepath.Base(glob)), nil, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	names, err := filepath.Glob(glob)
	if err != nil || len(names) == 0 {
		t.Fatalf("files %v for %s, %v", names, glob, err)
	}
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, change(b), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	offsets := func(o *Options) { o.HasOffsets = func(p int32) bool { return p == 0 } }
	cases := map[string]struct {
		change func(log *memoryLog, o *Options)
		want   error
		text   string
	}{
		"offsets without a changelog": {func(log *memoryLog, o *Options) {
			*log = *newMemoryLog()
			offsets(o)
		}, ErrMissing, `state of step "sum" refused: the connector has offsets but its state is missing (changelog g-c-sum-changelog, partition 0): restore the topic, or reset the connector's offsets and state to begin anew; if the step is new, set transforms.sum.state.missing=empty to begin behind the offsets`},
		"offsets and aborted transactions only": {func(log *memoryLog, o *Options) {
			log.partition(oneTopic, 0).records = nil
			offsets(o)
		}, ErrMissing, ""},
		"a changelog that was cut": {func(log *memoryLog, o *Options) {
			p := log.partition(oneTopic, 0)
			p.records = p.records[:12] // one unit
			p.end = 12
			offsets(o)
		}, ErrShorter, "found commit 1, expected commit 10"},
		"an owner with another name": {func(log *memoryLog, _ *Options) {
			changeRecord(log, tagOwner, func(b []byte) []byte { return bytes.Replace(b, []byte(`"c"`), []byte(`"d"`), 1) })
		}, ErrOwner, `found group "g", connector "d", step "sum", expected group "g", connector "c", step "sum"`},
		"another version of the step": {func(_ *memoryLog, o *Options) {
			o.Steps[0].Spec.Version = "v2"
		}, ErrSpecVersion, `found "v1", expected "v2"`},
		"a newer owner": {func(log *memoryLog, _ *Options) {
			changeRecord(log, tagOwner, func(b []byte) []byte { return bytes.Replace(b, []byte(`"format":1`), []byte(`"format":2`), 1) })
		}, ErrFormat, "format 2"},
		"a newer head": {func(log *memoryLog, _ *Options) {
			changeRecord(log, tagHead, func(b []byte) []byte { b[0] = 2; return b })
		}, ErrFormat, "format 2"},
		"a head that is cut": {func(log *memoryLog, _ *Options) {
			changeRecord(log, tagHead, func(b []byte) []byte { return b[:20] })
		}, ErrCorrupt, "a head of 20 bytes"},
		"an owner that is no JSON": {func(log *memoryLog, _ *Options) {
			changeRecord(log, tagOwner, func([]byte) []byte { return []byte("{") })
		}, ErrCorrupt, "decode owner"},
		"a deleted owner": {func(log *memoryLog, _ *Options) {
			changeRecord(log, tagOwner, func([]byte) []byte { return nil })
		}, ErrCorrupt, ""},
		"a foreign topic": {func(log *memoryLog, _ *Options) {
			log.partition(oneTopic, 0).records[3].key = []byte("order-17")
		}, ErrCorrupt, `key "order-17"`},
		"no owner": {func(log *memoryLog, _ *Options) {
			p := log.partition(oneTopic, 0)
			p.records = p.records[len(p.records)-20:]
		}, ErrCorrupt, "records without an owner"},
		"heads of another beginning": {func(log *memoryLog, _ *Options) {
			changeRecord(log, tagHead, func(b []byte) []byte { b[5]++; return b })
		}, ErrCorrupt, "another beginning"},
	}
	for name, c := range cases {
		for _, kind := range kinds {
			t.Run(name+"/"+string(kind), func(t *testing.T) { wantRefused(t, kind, c.change, c.want, c.text) })
		}
	}
}

func wantRefused(t *testing.T, kind Kind, change func(*memoryLog, *Options), want error, text string) {
	log, dir := newMemoryLog(), t.TempDir()
	history(t, kind, dir, log)
	o := oneTable(kind, dir, log)
	o.Log = slog.New(slog.DiscardHandler)
	if want == ErrCorrupt || want == ErrFormat || want == ErrOwner {
		o.Dir = t.TempDir() // a local copy would be right
	}
	change(log, &o)
	for range 2 { // a second try must not be wiser
		tables, err := Open(context.Background(), o)
		if err == nil {
			closeTables(t, tables)
			t.Fatal("Open does not refuse")
		}
		var refused *RefusedError
		if !errors.Is(err, want) || !errors.As(err, &refused) || !strings.Contains(err.Error(), text) {
			t.Fatalf("Open = %v, want %v, with %q", err, want, text)
		}
		if refused.Hint == "" || refused.Step != "sum" || refused.Topic != oneTopic {
			t.Fatalf("refused %+v", refused)
		}
	}
}

func changeRecord(log *memoryLog, tag byte, change func([]byte) []byte) {
	records := log.partition(oneTopic, 0).records
	for i := range records {
		if records[i].key[0] == tag {
			records[i].value = change(bytes.Clone(records[i].value))
		}
	}
}

func TestAllowEmptyBeginsAnew(t *testing.T) {
	log := newMemoryLog()
	o := oneTable(Memory, t.TempDir(), log)
	o.HasOffsets = func(int32) bool { return true }
	o.Steps[0].AllowEmpty = true
	tables := open(t, o)
	wantGoesOn(t, withSecond(tables), log, o)
}

func withSecond(tables *Tables) *Tables {
	tables.Table(0, 0).Put([]byte("second 1"), []byte("2"))
	return tables
}

func TestShorterChangelogWithoutOffsetsIsTaken(t *testing.T) {
	for _, kind := range kinds {
		t.Run(string(kind), func(t *testing.T) {
			log, dir := newMemoryLog(), t.TempDir()
			history(t, kind, dir, log)
			p := log.partition(oneTopic, 0)
			p.records, p.end = p.records[:12], 12
			o := oneTable(kind, dir, log)
			o.Log = slog.New(slog.DiscardHandler)
			tables := open(t, o)
			wantValue(t, tables.Table(0, 0), "first 9", "1")
			wantAbsent(t, tables.Table(0, 0), "first 10")
		})
	}
}

func TestChangelogThatFailsFailsOpen(t *testing.T) {
	log := newMemoryLog()
	history(t, Memory, "", log)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for _, kind := range kinds {
		if _, err := Open(ctx, oneTable(kind, t.TempDir(), log)); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: Open = %v", kind, err)
		}
	}
}

func TestOptionsAreChecked(t *testing.T) {
	for name, o := range map[string]Options{
		"unknown kind":         {Kind: "tape", Dir: t.TempDir()},
		"disk without a place": {Kind: Disk},
	} {
		if _, err := Open(context.Background(), o); err == nil {
			t.Errorf("%s: Open takes it", name)
		}
	}
}

func TestDatabaseThatIsInUseIsAnError(t *testing.T) {
	log, dir := newMemoryLog(), t.TempDir()
	history(t, Disk, dir, log)
	open(t, oneTable(Disk, dir, log))
	_, err := Open(context.Background(), oneTable(Disk, dir, log))
	if err == nil || !strings.Contains(err.Error(), "lock") {
		t.Fatalf("Open = %v, want that the lock is held", err)
	}
}
