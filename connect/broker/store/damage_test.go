// SPDX-License-Identifier: Apache-2.0

package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// entriesOf lists the entries of the newest segment, and its path.
func entriesOf(t testing.TB, dir string) ([]entry, string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*"+segmentSuffix))
	must(t, err)
	path := files[len(files)-1]
	b, err := os.ReadFile(path)
	must(t, err)
	base, _ := parseSegmentName(filepath.Base(path))
	var all []entry
	for pos := base; len(b) > 0; {
		e, ok := parseEntry(b, pos)
		if !ok {
			t.Fatalf("no entry at %d", pos)
		}
		all = append(all, e)
		b, pos = b[headerSize+len(e.body):], e.end()
	}
	return all, path
}

// twoTransactions leaves a directory with committed transactions over two
// partitions, as after a kill.
func twoTransactions(t testing.TB) Options {
	t.Helper()
	o := quiet(t.TempDir())
	s := open(t, o)
	logs := topicOf(t, s, "t", 2, nil)
	p := transactional(t, s, "tx")
	for i := range 2 {
		p.send(logs[0], kv("a", fmt.Sprint(i)))
		p.send(logs[1], kv("a", fmt.Sprint(i)))
		p.offset("g", "t", int64(i+1))
		p.end(true)
	}
	crash(t, s)
	return o
}

// wantWhole verifies that n transactions are visible, each as a whole.
func wantWhole(t testing.TB, s *Store, n int) {
	t.Helper()
	for _, l := range logsOf(t, s, "t") {
		if got, _ := consume(t, l, ReadCommitted, 1<<20); len(got) != n {
			t.Fatalf("%s-%d has %v, want %d", l.Topic(), l.Partition(), values(got), n)
		}
	}
	offsets, err := s.Offsets(context.Background(), "g")
	must(t, err)
	if n == 0 && len(offsets) == 0 {
		return
	}
	if len(offsets) != 1 || offsets[0].Offset != int64(n) {
		t.Fatalf("group is at %+v, want %d", offsets, n)
	}
}

func TestRemovedCommitIsNeverHalfACommit(t *testing.T) {
	t.Run("the last one", func(t *testing.T) {
		o := twoTransactions(t)
		entries, path := entriesOf(t, o.Dir)
		last := entries[len(entries)-1]
		if last.typ != entryEnd {
			t.Fatalf("the last entry has type %d", last.typ)
		}
		must(t, os.Truncate(path, last.pos))
		s := open(t, o)
		wantWhole(t, s, 1)
		crash(t, s)
		wantWhole(t, open(t, o), 1)
	})
	t.Run("one with data behind it", func(t *testing.T) {
		o := twoTransactions(t)
		entries, path := entriesOf(t, o.Dir)
		b, err := os.ReadFile(path)
		must(t, err)
		for _, e := range entries {
			if e.typ == entryEnd {
				must(t, os.WriteFile(path, append(b[:e.pos:e.pos], b[e.end():]...), 0o644))
				break
			}
		}
		wantDamage(t, o, path)
	})
	t.Run("one overwritten", func(t *testing.T) {
		o := twoTransactions(t)
		entries, path := entriesOf(t, o.Dir)
		b, err := os.ReadFile(path)
		must(t, err)
		for _, e := range entries {
			if e.typ == entryEnd {
				clear(b[e.pos:e.end()])
				must(t, os.WriteFile(path, b, 0o644))
				break
			}
		}
		wantDamage(t, o, path)
	})
}

func wantDamage(t testing.TB, o Options, path string) {
	t.Helper()
	s, err := Open(context.Background(), o)
	var damage *DamageError
	if !errors.As(err, &damage) || damage.File != path {
		t.Fatalf("open: %v", errors.Join(err, closeIfOpen(s)))
	}
	if !strings.Contains(err.Error(), filepath.Base(path)) {
		t.Fatalf("the error does not name the file: %v", err)
	}
}

func closeIfOpen(s *Store) error {
	if s == nil {
		return nil
	}
	return s.Close()
}

func TestUnfinishedWriteIsCutOff(t *testing.T) {
	o := twoTransactions(t)
	entries, path := entriesOf(t, o.Dir)
	whole, err := os.ReadFile(path)
	must(t, err)
	last := entries[len(entries)-1]
	for at := last.pos; at <= last.end(); at++ {
		for _, garbage := range []string{"", "cdL garbage", strings.Repeat("\x00", 100)} {
			b := append(whole[:at:at], garbage...)
			must(t, os.WriteFile(path, b, 0o644))
			s := open(t, o)
			n := 1
			if bytes.HasPrefix(b, whole) { // zeros may be what was missing
				n = 2
			}
			wantWhole(t, s, n)
			p := transactional(t, s, "tx")
			p.send(logsOf(t, s, "t")[0], kv("a", "z"))
			p.end(false)
			crash(t, s)
			s = open(t, o)
			wantWhole(t, s, n)
			must(t, s.Close())
		}
	}
}

// TestFlippedBytes damages every byte of the log in turn: the log opens as it
// was at some earlier moment, when the damage is at its end, or refuses.
func TestFlippedBytes(t *testing.T) {
	o := twoTransactions(t)
	entries, path := entriesOf(t, o.Dir)
	whole, err := os.ReadFile(path)
	must(t, err)
	lastCommit := entries[len(entries)-1].pos
	for at := range whole {
		b := append([]byte(nil), whole...)
		b[at] ^= 0x41
		must(t, os.WriteFile(path, b, 0o644))
		if int64(at) < lastCommit {
			wantDamage(t, o, path)
			continue
		}
		s := open(t, o)
		wantWhole(t, s, 1)
		must(t, s.Close())
	}
}

// severalSegments leaves a directory with 20 records in at least three segments.
func severalSegments(t *testing.T) (Options, []string) {
	t.Helper()
	o := quiet(t.TempDir())
	o.SegmentBytes = 10_000
	s := open(t, o)
	l := topicOf(t, s, "t", 1, nil)[0]
	for range 20 {
		_, err := l.Append(plain(kv("a", strings.Repeat("x", 2000))))
		must(t, err)
	}
	must(t, s.Close())
	files, err := filepath.Glob(filepath.Join(o.Dir, "*"+segmentSuffix))
	must(t, err)
	if len(files) < 3 {
		t.Fatalf("%d segments", len(files))
	}
	return o, files
}

func TestDamagedSealedSegments(t *testing.T) {
	t.Run("missing", func(t *testing.T) {
		o, files := severalSegments(t)
		must(t, os.Remove(files[1]))
		wantDamage(t, o, files[1])
	})
	t.Run("shortened", func(t *testing.T) {
		o, files := severalSegments(t)
		must(t, os.Truncate(files[1], 5000))
		wantDamage(t, o, files[1])
	})
	t.Run("changed, without sidecar", func(t *testing.T) {
		o, files := severalSegments(t)
		flip(t, files[1], 5000)
		removeSidecars(t, o.Dir)
		wantDamage(t, o, files[1])
	})
	t.Run("changed sidecar", func(t *testing.T) {
		o, files := severalSegments(t)
		for _, f := range files[:2] {
			flip(t, strings.TrimSuffix(f, segmentSuffix)+sidecarSuffix, 30)
		}
		s := open(t, o)
		if got, _ := consume(t, logsOf(t, s, "t")[0], ReadCommitted, 1<<20); len(got) != 20 {
			t.Fatalf("%d records", len(got))
		}
	})
	t.Run("format file missing", func(t *testing.T) {
		o, _ := severalSegments(t)
		path := filepath.Join(o.Dir, formatFile)
		must(t, os.Remove(path))
		wantDamage(t, o, path)
	})
	t.Run("newest segment without snapshot", func(t *testing.T) {
		o, files := severalSegments(t)
		flip(t, files[len(files)-1], 30)
		wantDamage(t, o, files[len(files)-1])
	})
	t.Run("interrupted roll", func(t *testing.T) {
		o, files := severalSegments(t)
		info, err := os.Stat(files[len(files)-1])
		must(t, err)
		base, _ := parseSegmentName(filepath.Base(files[len(files)-1]))
		must(t, os.WriteFile(filepath.Join(o.Dir, segmentName(base+info.Size())), []byte("cdL\x01half a snapshot"), 0o644))
		s := open(t, o)
		if got, _ := consume(t, logsOf(t, s, "t")[0], ReadCommitted, 1<<20); len(got) != 20 {
			t.Fatalf("%d records", len(got))
		}
	})
}

func flip(t testing.TB, path string, at int) {
	t.Helper()
	b, err := os.ReadFile(path)
	must(t, err)
	b[at] ^= 1
	must(t, os.WriteFile(path, b, 0o644))
}
