// SPDX-License-Identifier: Apache-2.0

package state

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"github.com/connectd/connectd/connect"
)

// The kill tests run this test binary again as a child, which counts up values, with a
// changelog in a file, and kills itself at a crash point.
const (
	childDir   = "STATE_TEST_DIR"
	childKind  = "STATE_TEST_KIND"
	childPoint = "STATE_TEST_POINT"
	childAfter = "STATE_TEST_AFTER" // how often the point is passed before
	childUnits = "STATE_TEST_UNITS" // after how many units the child stops in order
	killUnits  = 40
	killKeys   = 50
)

// fileLog is a changelog in a file. A unit is one frame; a frame that is cut does not
// count, as a transaction that was not committed.
type fileLog struct {
	*memoryLog
	path string
}

func openFileLog(path string) (*fileLog, error) {
	l := &fileLog{newMemoryLog(), path}
	f, err := os.Open(path)
	if os.IsNotExist(err) {
		return l, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r := bufio.NewReader(f)
	for {
		var n uint32
		if err := binary.Read(r, binary.BigEndian, &n); err != nil {
			return l, nil
		}
		frame := make([]byte, n)
		if _, err := io.ReadFull(r, frame); err != nil {
			return l, nil
		}
		l.add(frame)
	}
}

func (l *fileLog) add(frame []byte) {
	for len(frame) > 0 {
		topic, rest, _ := cutBytes(frame)
		key, rest, _ := cutBytes(rest)
		value, rest, _ := cutBytes(rest)
		p := l.partition(string(topic), 0)
		if len(value) == 0 {
			value = nil
		} else {
			value = value[1:]
		}
		p.records = append(p.records, logRecord{p.end, key, value})
		p.end++
		frame = rest
	}
}

func (l *fileLog) write(u *Unit) ([]Offset, error) {
	var frame []byte
	err := u.Each(func(topic string, _ int32, changes []Change) error {
		for _, c := range changes {
			frame = appendEntry(frame, []byte(topic), c.Key)
			value := c.Value
			if value != nil {
				value = append([]byte{1}, value...)
			}
			frame = append(binary.AppendUvarint(frame, uint64(len(value))), value...)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	f, err := os.OpenFile(l.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if _, err := f.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(frame))), frame...)); err != nil {
		return nil, err
	}
	l.add(frame)
	var offsets []Offset
	for _, topic := range []string{"g-c-one-changelog", "g-c-two-changelog"} {
		offsets = append(offsets, Offset{topic, 0, l.partition(topic, 0).end - 1})
	}
	return offsets, nil
}

func killOptions(dir string, kind Kind, log Changelog) Options {
	return Options{
		Group: "g", Connector: "c", Partitions: []int32{0}, Changelog: log,
		Steps: []Step{
			{Alias: "one", Spec: connect.StateSpec{Ordered: true}},
			{Alias: "two", Spec: connect.StateSpec{}},
		},
		Kind: kind, Dir: filepath.Join(dir, "state"), SnapshotBytes: 1,
		Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	}
}

// child counts until it dies or is done.
func child(dir string) {
	if err := count(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func count(dir string) error {
	log, err := openFileLog(filepath.Join(dir, "log"))
	if err != nil {
		return err
	}
	after, err := strconv.Atoi(os.Getenv(childAfter))
	if err != nil {
		return err
	}
	units, err := strconv.ParseInt(os.Getenv(childUnits), 10, 64)
	if err != nil {
		return err
	}
	o := killOptions(dir, Kind(os.Getenv(childKind)), log)
	o.Crash = func(point string) {
		if point != os.Getenv(childPoint) {
			return
		}
		if after--; after < 0 {
			syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		}
	}
	tables, err := Open(context.Background(), o)
	if err != nil {
		return err
	}
	one, two := tables.Table(0, 0), tables.Table(1, 0)
	for done := counted(one); done < units; done++ {
		tables.Begin()
		countUnit(one, two, done)
		u, err := tables.Freeze()
		if err != nil {
			return err
		}
		offsets, err := log.write(u)
		if err != nil {
			return err
		}
		if err := u.Committed(offsets); err != nil {
			return err
		}
	}
	return tables.Close(context.Background())
}

func counted(one *Table) int64 { return max(one.StreamTime(), 0) }

// countUnit does what unit number n does: each key counts the units that touched it,
// and a timer per unit takes the place of the one before.
func countUnit(one, two *Table, n int64) {
	one.Advance(n + 1)
	one.DeleteTimer(1000+n-1, []byte("t"))
	one.SetTimer(1000+n, []byte("t"))
	for i := range int64(killKeys) {
		if i%(n%3+1) != 0 {
			continue
		}
		key := binary.BigEndian.AppendUint64(nil, uint64(i))
		for _, table := range []*Table{one, two} {
			v, _ := table.Get(key)
			table.Put(key, append(v[:len(v):len(v)], byte(n)))
			table.Put(append(key, byte(n)), nil)
			table.Delete(append(key, byte(n-1)))
		}
	}
}

func TestKillAtEachPoint(t *testing.T) {
	kills := 12
	if n, err := strconv.Atoi(os.Getenv("CONNECTD_KILLS")); err == nil {
		kills = n
	}
	for _, kind := range kinds {
		for _, point := range []string{CrashInApply, CrashDuringRestore} {
			t.Run(string(kind)+"/"+point, func(t *testing.T) { killAt(t, kind, point, kills) })
		}
	}
}

func killAt(t *testing.T, kind Kind, point string, kills int) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for range max(kills/3, 1) { // each round kills three times
		dir := t.TempDir()
		// A kill, an orderly stop that leaves a local copy, two kills in a row.
		runChild(t, dir, kind, CrashInApply, 5+random.IntN(20), killUnits)
		if !runChild(t, dir, kind, point, 1<<30, killUnits/2) {
			t.Fatal("the child was killed")
		}
		for range 2 {
			runChild(t, dir, kind, point, random.IntN(30), killUnits)
		}
		if !runChild(t, dir, kind, point, 1<<30, killUnits) {
			t.Fatal("the last child was killed")
		}
		checkCounted(t, dir, kind)
	}
}

// runChild reports whether the child ended by itself.
func runChild(t *testing.T, dir string, kind Kind, point string, after, units int) bool {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0", childDir+"="+dir, childKind+"="+string(kind), childPoint+"="+point,
		childAfter+"="+strconv.Itoa(after), childUnits+"="+strconv.Itoa(units))
	out, err := cmd.CombinedOutput()
	if err == nil {
		return true
	}
	if ws, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && ws.Signal() == syscall.SIGKILL {
		return false
	}
	t.Fatalf("%v\n%s", err, out)
	return false
}

// checkCounted compares the local copy, and what the changelog alone gives, with tables
// that have counted without being killed.
func checkCounted(t *testing.T, dir string, kind Kind) {
	t.Helper()
	plainLog := newMemoryLog()
	want := open(t, killOptions(t.TempDir(), Memory, plainLog))
	for n := range int64(killUnits) {
		want.Begin()
		countUnit(want.Table(0, 0), want.Table(1, 0), n)
		commit(t, want, plainLog)
	}
	log, err := openFileLog(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	local := open(t, killOptions(dir, kind, log))
	rebuilt := open(t, killOptions(t.TempDir(), kind, log))
	for step := range 2 {
		wantSame(t, local.Table(step, 0), want.Table(step, 0))
		wantSame(t, rebuilt.Table(step, 0), want.Table(step, 0))
	}
}

// wantSame compares all that two tables hold, timers and times included.
func wantSame(t *testing.T, got, want *Table) {
	t.Helper()
	g, w := dump(t, got), dump(t, want)
	if len(w) == 0 || len(g) != len(w) {
		t.Fatalf("%d entries, want %d", len(g), len(w))
	}
	for k, v := range w {
		if g[k] != v {
			t.Fatalf("key %x is %x, want %x", k, g[k], v)
		}
	}
	if got.StreamTime() != want.StreamTime() {
		t.Fatalf("stream time %d, want %d", got.StreamTime(), want.StreamTime())
	}
}

// dump reads a table's committed entries, timers included.
func dump(t *testing.T, table *Table) map[string]string {
	t.Helper()
	all := map[string]string{}
	if m, ok := table.store.(*memoryStore); ok {
		m.data.index.walk(0, func(k ref) bool {
			all[string(m.data.keyAt(k))] = string(m.data.valueAt(m.data.value(k)))
			return true
		})
		return all
	}
	c, err := table.store.cursor()
	if err != nil {
		t.Fatal(err)
	}
	for c.seek([]byte{tagTimer}); c.key() != nil; c.next() {
		all[string(c.key())] = string(c.value())
	}
	if err := c.close(); err != nil {
		t.Fatal(err)
	}
	return all
}
