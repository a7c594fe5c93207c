// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/connectd/connectd/connectors/postgrescdc/pgtest"
	"github.com/connectd/connectd/connectors/postgrescdc/spool"
)

// lockedBuffer is a log that may be read while it is written.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// TestFullSpool: when there is no more room for transactions in progress, the task goes on
// without them, and every row comes once, in the order of the commits.
func TestFullSpool(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		props map[string]string
		// spoil is called with the number of a transaction before it has rows.
		spoil func(t *testing.T, dir, xid string)
		says  string
	}{
		{"by its bound", map[string]string{keyStreamingMost: "150000"}, func(*testing.T, string, string) {}, "may have 150000"},
		{"by the disk", nil, fullDisk, "no space left on device"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := streamedWorld(t, pgtest.Shared(t), c.props)
			if w.streamsNothing() {
				return
			}
			way := w.reads(streamingOn)[0]
			log := &lockedBuffer{}
			way.log = slog.New(slog.NewTextHandler(log, nil))
			r := way.start()
			defer r.stop()
			large := w.session()
			large.do("BEGIN; INSERT INTO a VALUES (100000, 'first')")
			way.eventually("the stream runs", func() bool { return r.task.stream.live.Load() != nil })
			c.spoil(t, way.props[keyStreamingDir], w.scalar("SELECT backend_xid FROM pg_stat_activity WHERE datname = current_database() AND backend_xid IS NOT NULL"))
			large.do(rows("a", 1, 3000))
			way.eventually("the log says that there is no room", func() bool {
				return strings.Contains(log.String(), "there is no more room") && strings.Contains(log.String(), c.says)
			})
			w.exec("INSERT INTO b VALUES (1, 'meanwhile', 0)")
			r.until(1)
			if n := r.task.figures.spooled.Load(); n != 0 {
				t.Errorf("the spool still has %d bytes", n)
			}
			large.do("COMMIT")
			r.until(1 + 1 + 3000)
			for i := range 3000 {
				if key := fmt.Sprintf(`{"id":%d}`, i+1); jsonText(way.written[2+i].Key) != key {
					t.Fatalf("record %d is %s", i, line(&way.written[2+i]))
				}
			}
			// The next connection has transactions in progress again.
			w.exec("SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = '" + way.props["slot.name"] + "'")
			again := w.session()
			again.do("BEGIN; " + rows("a", 3001, 3800))
			way.eventually("there is something in the spool", func() bool { return r.task.figures.spooled.Load() > 50_000 })
			again.do("COMMIT")
			r.until(2 + 3800)
		})
	}
}

// fullDisk lets the file of a transaction lie on a disk that is full.
func fullDisk(t *testing.T, dir, xid string) {
	t.Helper()
	folders, err := filepath.Glob(filepath.Join(dir, "connectd-spool-*"))
	if err != nil || len(folders) != 1 {
		t.Fatalf("the folders of the spool are %v, %v", folders, err)
	}
	if err := os.Symlink("/dev/full", filepath.Join(folders[0], xid)); err != nil {
		t.Fatal(err)
	}
}

// TestLeftoversWithoutStreaming: what a dead process has left in the spool is removed also
// when the next one has none.
func TestLeftoversWithoutStreaming(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, err := spool.Open(spool.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	dead := filepath.Join(dir, "connectd-spool-dead")
	if err := os.Mkdir(dead, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"lock", "77"} {
		if err := os.WriteFile(filepath.Join(dead, name), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	w := newWorld(t, oneTable, map[string]string{"snapshot.mode": "no_data", keyStreamingDir: dir})
	r := w.start()
	defer r.stop()
	w.eventually("the folder of the dead process is gone, and that of the living stays", func() bool {
		entries, err := os.ReadDir(dir)
		return err == nil && len(entries) == 1
	})
}
