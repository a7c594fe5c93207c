// SPDX-License-Identifier: Apache-2.0

package store

import (
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// adviceFS notes what WriteOut was told, as positions of the log.
type adviceFS struct {
	osFS
	mu    sync.Mutex
	told  []string
	until int64
}

type adviceFile struct {
	File
	fs   *adviceFS
	base int64
}

func (f *adviceFS) Open(name string, create bool) (File, error) {
	file, err := f.osFS.Open(name, create)
	base, ok := parseSegmentName(filepath.Base(name))
	if err != nil || !ok {
		return file, err
	}
	return &adviceFile{file, f, base}, nil
}

func (f *adviceFile) WriteOut(off, n int64) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	from := f.base + off
	if n <= 0 || (off+n)%pageBytes != 0 || from < f.fs.until {
		f.fs.told = append(f.fs.told, fmt.Sprintf("%d bytes from %d of the segment at %d, after %d", n, off, f.base, f.fs.until))
	}
	f.fs.until = from + n
	f.File.WriteOut(off, n)
}

func (f *adviceFS) reached() (until int64, wrong []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.until, f.told
}

func TestTheDiskBeginsBeforeTheSync(t *testing.T) {
	fs := &adviceFS{}
	o := quiet(t.TempDir())
	o.FS, o.TickEvery, o.SegmentBytes = fs, time.Hour, 5<<20
	s := open(t, o)
	l := topicOf(t, s, "t", 1, nil)[0]
	syncs := s.Stats().Syncs
	for range 30 {
		_, err := l.Append(plain(kv("k", string(make([]byte, 300<<10)))))
		must(t, err)
		written := s.wal.written.Load()
		await(t, fmt.Sprintf("the disk to begin with what is before %d", written), func() bool {
			until, _ := fs.reached()
			return written-max(until, s.wal.durable.Load()) < writeOutBytes
		})
	}
	if _, wrong := fs.reached(); len(wrong) > 0 {
		t.Errorf("the disk was told: %q", wrong)
	}
	// Each of the segments that were begun meanwhile costs one sync for the end of
	// the old one, and two for the new one.
	st := s.Stats()
	if want := 3 * int64(st.Segments-1); st.Segments < 2 || st.Syncs-syncs != want {
		t.Errorf("%d segments took %d syncs, want %d", st.Segments, st.Syncs-syncs, want)
	}
}

func TestMuchThatIsNotDurableIsSynced(t *testing.T) {
	o := quiet(t.TempDir())
	o.TickEvery, o.SegmentBytes = time.Hour, 256<<20
	s := open(t, o)
	l := topicOf(t, s, "t", 1, nil)[0]
	began := s.wal.durable.Load()
	for range behindBytes>>20 + 1 {
		_, err := l.Append(plain(kv("k", string(make([]byte, 1<<20-100)))))
		must(t, err)
	}
	await(t, "a sync", func() bool { return s.wal.durable.Load()-began >= behindBytes-2<<20 })
}

// await waits for a condition.
func await(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline, tick := time.After(20*time.Second), time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-deadline:
			t.Fatalf("waited in vain for %s", what)
		case <-tick.C:
		}
	}
}
