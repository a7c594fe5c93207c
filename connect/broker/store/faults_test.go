// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// faultFS fails operations on demand, and can cut the power: what was written
// since the last sync of a file is then lost, wholly or in part and in any order.
type faultFS struct {
	osFS
	mu    sync.Mutex
	fail  func(op, name string) error
	space int64 // bytes left, when limited
	limit bool
	files map[string]*faultFile
}

func newFaultFS() *faultFS { return &faultFS{files: map[string]*faultFile{}} }

type faultFile struct {
	File
	fs     *faultFS
	name   string
	synced int64 // length that is durable
}

func (f *faultFS) check(op, name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fail == nil {
		return nil
	}
	return f.fail(op, filepath.Base(name))
}

func (f *faultFS) set(fail func(op, name string) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fail = fail
}

func (f *faultFS) Open(name string, create bool) (File, error) {
	if err := f.check("open", name); err != nil {
		return nil, err
	}
	inner, err := f.osFS.Open(name, create)
	if err != nil {
		return nil, err
	}
	size, err := inner.Size()
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	file := &faultFile{File: inner, fs: f, name: name, synced: size}
	if old := f.files[name]; old != nil {
		// Opened again without a sync: what was not durable still is not.
		file.synced = old.synced
	}
	f.files[name] = file
	return file, nil
}

func (f *faultFS) Remove(name string) error {
	if err := f.check("remove", name); err != nil {
		return err
	}
	f.mu.Lock()
	delete(f.files, name)
	f.mu.Unlock()
	return f.osFS.Remove(name)
}

func (f *faultFS) SyncDir(dir string) error {
	if err := f.check("syncdir", dir); err != nil {
		return err
	}
	return f.osFS.SyncDir(dir)
}

func (f *faultFile) WriteAt(p []byte, off int64) (int, error) {
	if err := f.fs.check("write", f.name); err != nil {
		return 0, err
	}
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if f.fs.limit && int64(len(p)) > f.fs.space {
		n, err := f.File.WriteAt(p[:f.fs.space], off)
		f.fs.space = 0
		return n, errors.Join(err, syscall.ENOSPC)
	}
	f.fs.space -= int64(len(p))
	return f.File.WriteAt(p, off)
}

func (f *faultFile) Truncate(size int64) error {
	f.fs.mu.Lock()
	f.synced = min(f.synced, size)
	f.fs.mu.Unlock()
	return f.File.Truncate(size)
}

func (f *faultFile) Sync() error {
	if err := f.fs.check("sync", f.name); err != nil {
		return err
	}
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	size, err := f.Size()
	f.synced = size
	return errors.Join(err, f.File.Sync())
}

// cutPower makes every file what it might be after a power failure.
func (f *faultFS) cutPower(t testing.TB, r *rand.Rand) {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	lossy := r.IntN(2) == 0
	for name, file := range f.files {
		if !strings.HasSuffix(name, segmentSuffix) {
			continue
		}
		out, err := os.OpenFile(name, os.O_RDWR, 0o644)
		must(t, err)
		info, err := out.Stat()
		must(t, err)
		for at := file.synced; at < info.Size(); at = (at/512 + 1) * 512 {
			if lossy && r.IntN(4) == 0 {
				_, err := out.WriteAt(make([]byte, min((at/512+1)*512, info.Size())-at), at)
				must(t, err)
			}
		}
		if lost := info.Size() - file.synced; lost > 0 && r.IntN(2) == 0 {
			must(t, out.Truncate(file.synced+r.Int64N(lost+1)))
		}
		must(t, out.Close())
	}
	f.files = map[string]*faultFile{}
}

// everyCall calls what changes the store, and returns the errors by name.
func everyCall(s *Store, l *Log, p *producing) map[string]error {
	ctx := context.Background()
	errs := map[string]error{}
	_, errs["Append"] = l.Append(plain(kv("a", "b")))
	_, errs["CreateTopic"] = s.CreateTopic(ctx, "other", 1, nil)
	errs["DeleteTopic"] = s.DeleteTopic(ctx, "other")
	errs["GrowTopic"] = s.GrowTopic(ctx, "t", 9)
	errs["AlterConfigs"] = s.AlterConfigs(ctx, "t", nil)
	_, errs["InitProducer"] = s.InitProducer(ctx, "tx", time.Minute, Producer{-1, -1})
	errs["AddPartitions"] = s.AddPartitions("tx", p.p, []TopicPartition{{"t", 0}})
	errs["AddOffsets"] = s.AddOffsets("tx", p.p, "g")
	errs["TxnCommitOffsets"] = s.TxnCommitOffsets("tx", p.p, "g", nil, nil)
	errs["EndTxn"] = s.EndTxn(ctx, "tx", p.p, true)
	errs["CommitOffsets"] = s.CommitOffsets(ctx, "g", []GroupOffset{{Topic: "t"}})
	_, errs["Offsets"] = s.Offsets(ctx, "g")
	errs["DeleteOffsets"] = s.DeleteOffsets(ctx, "g", []TopicPartition{{"t", 0}})
	errs["DeleteGroup"] = s.DeleteGroup(ctx, "g")
	_, errs["DeleteBefore"] = l.DeleteBefore(ctx, 0)
	_, errs["Read"] = l.Read(0, 1, ReadUncommitted, nil)
	errs["Sync"] = s.Sync(ctx)
	errs["Flush"] = s.Flush()
	errs["Clean"] = s.Clean(ctx)
	errs["Tick"] = s.Tick(ctx)
	return errs
}

var errBroken = errors.New("the disk is broken")

func commitOf(s *Store, p *producing) error {
	return s.EndTxn(context.Background(), "tx", p.p, true)
}

func sealOf(s *Store, _ *producing) error { return s.update(s.roll) }

var failureCases = []struct {
	name, op string
	suffix   string
	do       func(*Store, *producing) error
	durable  bool // the transaction may be committed after all
}{
	{"write of a commit", "write", segmentSuffix, commitOf, false},
	{"sync of a commit", "sync", segmentSuffix, commitOf, true},
	{"sync when sealing", "sync", segmentSuffix, sealOf, false},
	{"new segment", "open", segmentSuffix, sealOf, false},
	{"directory of a new segment", "syncdir", "", sealOf, false},
	{"sidecar", "write", sidecarSuffix, sealOf, false},
	{"removal of a segment", "remove", segmentSuffix, func(s *Store, _ *producing) error {
		return errors.Join(s.DeleteTopic(context.Background(), "garbage"), s.update(s.roll), s.Clean(context.Background()))
	}, false},
}

func TestFailuresEndTheStore(t *testing.T) {
	for _, tt := range failureCases {
		t.Run(tt.name, func(t *testing.T) {
			fs := newFaultFS()
			o := quiet(t.TempDir())
			o.FS = fs
			s := open(t, o)
			l := topicOf(t, s, "t", 1, nil)[0]
			must(t, s.CommitOffsets(context.Background(), "g", []GroupOffset{{Topic: "t", Offset: 1}}))
			_, err := l.Append(plain(kv("before", "1")))
			must(t, err)
			must(t, s.Sync(context.Background()))
			topicOf(t, s, "garbage", 1, nil)
			p := transactional(t, s, "tx")
			p.send(l, kv("a", "1"))
			fs.set(func(op, name string) error {
				if op == tt.op && strings.HasSuffix(name, tt.suffix) {
					return errBroken
				}
				return nil
			})
			err = tt.do(s, p)
			if !errors.Is(err, errBroken) || CodeOf(err) != CodeStorage {
				t.Fatalf("error: %v", err)
			}
			select {
			case <-s.Failed():
			default:
				t.Fatal("Failed is not closed")
			}
			fs.set(nil)
			for name, err := range everyCall(s, l, p) {
				if !errors.Is(err, errBroken) || CodeOf(err) != CodeStorage {
					t.Errorf("%s after the failure: %v", name, err)
				}
			}
			if err := s.Close(); !errors.Is(err, errBroken) {
				t.Fatalf("close: %v", err)
			}
			s = open(t, o)
			got, _ := consume(t, logsOf(t, s, "t")[0], ReadCommitted, 1<<20)
			if n := len(got); n != 1 && !(tt.durable && n == 2) {
				t.Fatalf("after the failure: %v", values(got))
			}
		})
	}
}

func TestFullDisk(t *testing.T) {
	for _, left := range []int64{0, 1, 30, 100, 200, 1000, 20_000, 300_000} {
		t.Run(fmt.Sprint(left), func(t *testing.T) {
			fs := newFaultFS()
			o := quiet(t.TempDir())
			o.FS = fs
			o.SegmentBytes = 50_000
			s := open(t, o)
			l := topicOf(t, s, "t", 1, nil)[0]
			p := transactional(t, s, "tx")
			fs.mu.Lock()
			fs.limit, fs.space = true, left
			fs.mu.Unlock()
			acked := 0
			for {
				if err := p.s.AddPartitions("tx", p.p, []TopicPartition{{"t", 0}}); err != nil {
					break
				}
				if _, err := l.Append(p.batch(l, kv("a", strings.Repeat("x", 5000)))); err != nil {
					break
				}
				if err := s.EndTxn(context.Background(), "tx", p.p, true); err != nil {
					break
				}
				acked++
			}
			if !errors.Is(s.Err(), syscall.ENOSPC) {
				t.Fatalf("store ended by %v", s.Err())
			}
			if err := s.Close(); !errors.Is(err, syscall.ENOSPC) {
				t.Fatalf("close: %v", err)
			}
			fs.mu.Lock()
			fs.limit = false
			fs.mu.Unlock()
			s = open(t, o)
			got, _ := consume(t, logsOf(t, s, "t")[0], ReadCommitted, 1<<20)
			if len(got) != acked && len(got) != acked+1 {
				t.Fatalf("%d transactions, %d acknowledged", len(got), acked)
			}
		})
	}
}

func TestFailedReadsAreTold(t *testing.T) {
	s := open(t, quiet(t.TempDir()))
	l := topicOf(t, s, "t", 1, nil)[0]
	_, err := l.Append(plain(kv("a", "1")))
	must(t, err)
	must(t, s.Flush())
	must(t, os.Truncate(s.wal.active.path, 10))
	_, err = l.Read(0, 100, ReadUncommitted, nil)
	wantCode(t, err, CodeStorage)
	if s.Err() == nil {
		t.Fatal("the store goes on after its log could not be read")
	}
}
