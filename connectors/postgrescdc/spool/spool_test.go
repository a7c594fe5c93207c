// SPDX-License-Identifier: Apache-2.0

package spool

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func open(t testing.TB, o Options) *Spool {
	t.Helper()
	if o.Dir == "" {
		o.Dir = t.TempDir()
	}
	s, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func begin(t testing.TB, s *Spool, xid uint32) {
	t.Helper()
	if err := s.Begin(xid); err != nil {
		t.Fatal(err)
	}
}

func add(t testing.TB, s *Spool, xid, sub uint32, lsn uint64, data []byte) {
	t.Helper()
	if err := s.Append(xid, Frame{Sub: sub, LSN: lsn, Data: data}); err != nil {
		t.Fatal(err)
	}
}

// frames are those of a transaction as text; aborted ones in parentheses.
func frames(t testing.TB, s *Spool, xid uint32) string {
	t.Helper()
	var out []string
	err := s.Replay(xid, func(f *Frame) error {
		text := fmt.Sprintf("%d:%d:%s", f.Sub, f.LSN, f.Data)
		if f.Aborted {
			text = "(" + text + ")"
		}
		out = append(out, text)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(out, " ")
}

// files are the names of the files of a spool but the lock.
func files(t testing.TB, s *Spool) []string {
	t.Helper()
	entries, err := os.ReadDir(s.folder.path)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range entries {
		if e.Name() != lockName {
			out = append(out, e.Name())
		}
	}
	return out
}

func TestAbortedSubtransactions(t *testing.T) {
	s := open(t, Options{})
	begin(t, s, 10)
	for i, sub := range []uint32{10, 11, 12, 12, 11, 13, 14, 10} { // 12 within 11
		add(t, s, 10, sub, uint64(i), []byte{byte('a' + i)})
	}
	s.Abort(10, 14)
	s.Abort(10, 12)
	s.Abort(10, 12) // told twice
	s.Abort(99, 98) // of nothing
	if got := frames(t, s, 10); got != "10:0:a 11:1:b (12:2:c) (12:3:d) 11:4:e 13:5:f (14:6:g) 10:7:h" {
		t.Errorf("after the rollback of the inner: %s", got)
	}
	s.Abort(10, 11) // with what it committed
	if got := frames(t, s, 10); got != "10:0:a (11:1:b) (12:2:c) (12:3:d) (11:4:e) 13:5:f (14:6:g) 10:7:h" {
		t.Errorf("after the rollback of the outer: %s", got)
	}
	if names := files(t, s); len(names) > 0 {
		t.Errorf("a small transaction has files %v", names)
	}
}

// TestInterleaved writes many transactions of random sizes in turn.
func TestInterleaved(t *testing.T) {
	for _, memory := range []int{1, 64 << 10, 1 << 20} {
		t.Run(fmt.Sprint(memory), func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(uint64(memory), 1))
			s := open(t, Options{Memory: memory})
			want := map[uint32]*bytes.Buffer{}
			total := int64(0)
			for i := range 3000 {
				xid := uint32(1 + rnd.IntN(40))
				if want[xid] == nil {
					begin(t, s, xid)
					want[xid] = &bytes.Buffer{}
				}
				size := rnd.IntN(600)
				if rnd.IntN(500) == 0 {
					size = tailMost - headerSize - 2 + rnd.IntN(5)
				}
				data := bytes.Repeat([]byte{byte(i)}, size)
				add(t, s, xid, xid, uint64(i), data)
				fmt.Fprintf(want[xid], "%d %x\n", i, data)
				total += headerSize + int64(size)
			}
			if s.Size() != total || s.Len() != len(want) {
				t.Errorf("%d bytes of %d transactions, want %d of %d", s.Size(), s.Len(), total, len(want))
			}
			if s.held > memory {
				t.Errorf("%d bytes in memory, allowed are %d", s.held, memory)
			}
			if n := openFiles(t, s); n > 2 {
				t.Errorf("%d files are open", n)
			}
			for xid, text := range want {
				var got bytes.Buffer
				err := s.Replay(xid, func(f *Frame) error {
					fmt.Fprintf(&got, "%d %x\n", f.LSN, f.Data)
					return nil
				})
				if err != nil || got.String() != text.String() {
					t.Fatalf("transaction %d is not what was written: %v", xid, err)
				}
				if err := s.Drop(xid); err != nil {
					t.Fatal(err)
				}
			}
			if names := files(t, s); len(names) > 0 || s.Size() != 0 || s.held != 0 {
				t.Errorf("in the end there are files %v, %d bytes, %d in memory", names, s.Size(), s.held)
			}
		})
	}
}

// openFiles counts the open files in the folder of a spool.
func openFiles(t *testing.T, s *Spool) int {
	t.Helper()
	const fds = "/proc/self/fd"
	entries, err := os.ReadDir(fds)
	if errors.Is(err, fs.ErrNotExist) {
		return 0 // not on this system
	}
	n := 0
	for _, e := range entries {
		if to, err := os.Readlink(filepath.Join(fds, e.Name())); err == nil && strings.HasPrefix(to, s.folder.path) {
			n++
		}
	}
	return n
}

func TestBeginAgain(t *testing.T) {
	s := open(t, Options{Memory: 1})
	begin(t, s, 7)
	add(t, s, 7, 7, 1, []byte("old"))
	s.Abort(7, 7)
	begin(t, s, 7)
	add(t, s, 7, 7, 2, []byte("new"))
	if got := frames(t, s, 7); got != "7:2:new" {
		t.Errorf("the transaction holds %s", got)
	}
	if err := s.Append(8, Frame{}); err == nil || !strings.Contains(err.Error(), "8") {
		t.Errorf("a transaction that has not begun takes a frame: %v", err)
	}
	if err := s.Replay(8, nil); err == nil {
		t.Error("a transaction that has not begun is replayed")
	}
	if err := s.Drop(8); err != nil {
		t.Error(err)
	}
}

func TestReset(t *testing.T) {
	s := open(t, Options{Memory: 1})
	for xid := uint32(1); xid < 4; xid++ {
		begin(t, s, xid)
		add(t, s, xid, xid, 1, []byte("x"))
	}
	if err := s.Reset(); err != nil {
		t.Fatal(err)
	}
	if names := files(t, s); len(names) > 0 || s.Len() != 0 || s.Has(1) {
		t.Errorf("there are files %v and %d transactions", names, s.Len())
	}
}

func TestFilesArePrivate(t *testing.T) {
	s := open(t, Options{Memory: 1})
	begin(t, s, 5)
	add(t, s, 5, 5, 1, []byte("x"))
	for path, want := range map[string]fs.FileMode{s.folder.path: 0o700, s.path(5): 0o600, filepath.Join(s.folder.path, lockName): 0o600} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != want {
			t.Errorf("%s has mode %o, want %o", path, info.Mode().Perm(), want)
		}
	}
}

func TestDeadProcessesAreSwept(t *testing.T) {
	dir := t.TempDir()
	alive := open(t, Options{Dir: dir, Memory: 1})
	begin(t, alive, 5)
	add(t, alive, 5, 5, 1, []byte("x"))
	dead := open(t, Options{Dir: dir, Memory: 1})
	begin(t, dead, 5)
	add(t, dead, 5, 5, 1, []byte("x"))
	if err := dead.folder.lock.Close(); err != nil { // as the kernel does
		t.Fatal(err)
	}
	dead.folder.lock, dead.open, dead.file = nil, nil, nil
	for _, other := range []string{"connectd-spool-empty", "connectd-spool-nolock", "something"} {
		if err := os.Mkdir(filepath.Join(dir, other), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "connectd-spool-nolock", "5"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	last := open(t, Options{Dir: dir})
	var got, want []string
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		got = append(got, e.Name())
	}
	want = append(want, filepath.Base(alive.folder.path), filepath.Base(last.folder.path), "connectd-spool-nolock", "something")
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("there are %v, want %v", got, want)
	}
	if frames(t, alive, 5) != "5:1:x" {
		t.Error("the living spool is damaged")
	}
}

// TestDamagedFiles changes a file behind the spool's back.
func TestDamagedFiles(t *testing.T) {
	const size = headerSize + 3
	for _, c := range []struct {
		name   string
		damage func(b []byte) []byte
		want   string
	}{
		{"cut off in the data", func(b []byte) []byte { return b[:len(b)-1] }, "the frame at offset 46 is cut off"},
		{"cut off in the header", func(b []byte) []byte { return b[:2*size+5] }, "the frame at offset 46 is cut off"},
		{"cut off between frames", func(b []byte) []byte { return b[:2*size] }, "the frame at offset 46 is cut off"},
		{"empty", func(b []byte) []byte { return nil }, "the frame at offset 0 is cut off"},
		{"length too long", func(b []byte) []byte {
			binary.BigEndian.PutUint32(b[size:], 100)
			return b
		}, "the frame at offset 23 announces 100 bytes, 26 follow"},
		{"hostile length", func(b []byte) []byte {
			binary.BigEndian.PutUint32(b, 1<<32-1)
			return b
		}, "the frame at offset 0 announces 4294967295 bytes, 49 follow"},
		{"length too short", func(b []byte) []byte {
			binary.BigEndian.PutUint32(b, 2)
			return b
		}, "the frame at offset 0 does not have its checksum"},
		{"one bit", func(b []byte) []byte {
			b[len(b)-1] ^= 1
			return b
		}, "the frame at offset 46 does not have its checksum"},
		{"another subtransaction", func(b []byte) []byte {
			b[7] ^= 1
			return b
		}, "the frame at offset 0 does not have its checksum"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := open(t, Options{Memory: 1})
			begin(t, s, 5)
			for i := range 3 {
				add(t, s, 5, 5, uint64(i), []byte("abc"))
			}
			b, err := os.ReadFile(s.path(5))
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(s.path(5), c.damage(b), 0o600); err != nil {
				t.Fatal(err)
			}
			err = s.Replay(5, func(*Frame) error { return nil })
			var corrupt *CorruptError
			if !errors.As(err, &corrupt) || corrupt.Error() != c.want || !strings.Contains(err.Error(), s.path(5)) {
				t.Errorf("Replay returns %v, want %s", err, c.want)
			}
		})
	}
}

func TestFileIsGone(t *testing.T) {
	s := open(t, Options{Memory: 1})
	begin(t, s, 5)
	add(t, s, 5, 5, 1, []byte("x"))
	if err := os.Remove(s.path(5)); err != nil {
		t.Fatal(err)
	}
	if err := s.Replay(5, func(*Frame) error { return nil }); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Replay returns %v", err)
	}
	if err := s.Drop(5); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Drop returns %v", err)
	}
}

func TestReplayStops(t *testing.T) {
	s := open(t, Options{})
	begin(t, s, 5)
	add(t, s, 5, 5, 1, nil)
	add(t, s, 5, 5, 2, nil)
	stop := errors.New("stop")
	n := 0
	if err := s.Replay(5, func(*Frame) error { n++; return stop }); !errors.Is(err, stop) || n != 1 {
		t.Errorf("Replay returns %v after %d frames", err, n)
	}
}

func TestOpenFails(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(Options{Dir: file}); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("Open in a file returns %v", err)
	}
	s := open(t, Options{Dir: filepath.Join(t.TempDir(), "new", "folder")})
	if err := errors.Join(s.Close(), s.Close()); err != nil {
		t.Error(err)
	}
}

// TestFull: a frame that does not fit is refused, and what was dropped makes room.
func TestFull(t *testing.T) {
	for _, memory := range []int{1, 0} {
		s := open(t, Options{Memory: memory, Most: 3 * (headerSize + 10)})
		begin(t, s, 5)
		begin(t, s, 6)
		for i := range 3 {
			add(t, s, 5+uint32(i)%2, 5, 1, make([]byte, 10))
		}
		err := s.Append(6, Frame{Sub: 6})
		if !errors.Is(err, ErrFull) || !IsFull(err) || s.Size() != 3*(headerSize+10) {
			t.Errorf("the spool has %d bytes, and Append returns %v", s.Size(), err)
		}
		if err := s.Drop(5); err != nil {
			t.Fatal(err)
		}
		add(t, s, 6, 6, 1, make([]byte, 30))
		if err := s.Append(6, Frame{Data: make([]byte, 11)}); !errors.Is(err, ErrFull) {
			t.Errorf("Append returns %v", err)
		}
	}
}

// TestDiskFull: a write that fails for want of space is told apart from others.
func TestDiskFull(t *testing.T) {
	s := open(t, Options{Memory: 1})
	if err := os.Symlink("/dev/full", s.path(5)); err != nil {
		t.Fatal(err)
	}
	begin(t, s, 5)
	if err := s.Append(5, Frame{Data: make([]byte, 10)}); !IsFull(err) || errors.Is(err, ErrFull) {
		t.Errorf("Append returns %v", err)
	}
	// Begun anew, it has nothing of the file that could not be written as a whole.
	begin(t, s, 5)
	add(t, s, 5, 5, 1, []byte("x"))
	if got := frames(t, s, 5); got != "5:1:x" {
		t.Errorf("the transaction has %s", got)
	}
	if info, err := os.Lstat(s.path(5)); err != nil || !info.Mode().IsRegular() {
		t.Errorf("its file is %v, %v", info, err)
	}
	if IsFull(fs.ErrPermission) {
		t.Error("any error says that there is no room")
	}
}
