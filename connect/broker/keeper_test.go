// SPDX-License-Identifier: Apache-2.0

package broker

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/connectd/connectd/connect/broker/group"
	"github.com/connectd/connectd/connect/broker/store"
)

// startAt starts a broker whose clock is the test's, in ms.
func startAt(t *testing.T, clock *atomic.Int64, o Options) *Broker {
	t.Helper()
	o.Dir, o.Listen = t.TempDir(), "127.0.0.1:0"
	o.Now = func() time.Time { return time.UnixMilli(clock.Load()) }
	b, err := Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() }) // checked where it matters
	return b
}

func TestOffsetsExpire(t *testing.T) {
	var clock atomic.Int64
	clock.Store(1_000_000_000)
	b := startAt(t, &clock, Options{})
	ctx := context.Background()
	if _, err := b.store.CreateTopic(ctx, "t", 1, nil); err != nil {
		t.Fatal(err)
	}
	commit := func(name string) {
		if err := b.store.CommitOffsets(ctx, name, []store.GroupOffset{{Topic: "t", Offset: 1, LeaderEpoch: -1}}); err != nil {
			t.Fatal(err)
		}
	}
	left := func() []string {
		if err := b.expireOffsets(ctx); err != nil {
			t.Fatal(err)
		}
		return b.store.Groups()
	}
	commit("busy")
	commit("idle")
	member := joinBusy(t, b)
	const day = 24 * 60 * 60 * 1000
	// Time passes for the expiry alone: the member sends its heartbeats.
	pass := func(days int64) {
		b.groups.Tick()
		for range 24 * 6 * days {
			clock.Add(day / 24 / 6)
			if len(b.groups.Describe("busy").Members) == 0 {
				continue
			}
			if err := b.groups.Heartbeat("busy", member.MemberID, nil, member.Generation); err != nil {
				t.Fatal(err)
			}
		}
	}
	pass(6)
	if got := left(); len(got) != 2 {
		t.Errorf("after 6 days %v are left", got)
	}
	commit("renewed")
	pass(2)
	if got := left(); len(got) != 2 || got[0] != "busy" || got[1] != "renewed" {
		t.Errorf("after 8 days %v are left", got)
	}
	errs, err := b.groups.Leave("busy", []group.Leaver{{MemberID: member.MemberID}})
	if err != nil || errs[0] != nil {
		t.Fatal(err, errs)
	}
	pass(6)
	if got := left(); len(got) != 1 || got[0] != "busy" {
		t.Errorf("six days after its last member left, of group busy and the others %v are left", got)
	}
	pass(2)
	left()
	if got := left(); len(got) != 0 || len(b.groups.List()) != 0 {
		t.Errorf("in the end %v and %v are left", got, b.groups.List())
	}
}

// joinBusy makes the one member of the group "busy".
func joinBusy(t *testing.T, b *Broker) group.JoinResult {
	t.Helper()
	joined := b.groups.Join(t.Context(), group.JoinRequest{
		Group: "busy", ProtocolType: "connect", Protocols: []group.Protocol{{Name: "p"}}, SessionTimeout: 30 * time.Minute,
	})
	if joined.Err != nil {
		t.Fatal(joined.Err)
	}
	synced := b.groups.Sync(t.Context(), group.SyncRequest{Group: "busy", MemberID: joined.MemberID, Generation: joined.Generation})
	if synced.Err != nil {
		t.Fatal(synced.Err)
	}
	return joined
}

// brittle is a file layer whose syncs fail on request.
type brittle struct {
	broken atomic.Bool
}

type brittleFile struct {
	*os.File
	fs *brittle
}

var errBroken = errors.New("no space left on device")

func (*brittle) MkdirAll(dir string) error    { return os.MkdirAll(dir, 0o755) }
func (*brittle) Remove(name string) error     { return os.Remove(name) }
func (*brittle) Rename(from, to string) error { return os.Rename(from, to) }
func (*brittle) SyncDir(string) error         { return nil }

func (fs *brittle) Open(name string, create bool) (store.File, error) {
	flag := os.O_RDWR
	if create {
		flag |= os.O_CREATE
	}
	f, err := os.OpenFile(name, flag, 0o644)
	if err != nil {
		return nil, err
	}
	return &brittleFile{f, fs}, nil
}

func (*brittle) List(dir string) ([]string, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*"))
	for i, p := range paths {
		paths[i] = filepath.Base(p)
	}
	return paths, err
}

func (f *brittleFile) Sync() error {
	if f.fs.broken.Load() {
		return errBroken
	}
	return f.File.Sync()
}

func (*brittleFile) WriteOut(int64, int64) {}

func (f *brittleFile) Size() (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

func TestFailedStoreIsTold(t *testing.T) {
	var clock atomic.Int64
	clock.Store(1_000_000_000)
	fs := &brittle{}
	b := startAt(t, &clock, Options{Store: store.Options{FS: fs}})
	ctx := context.Background()
	if _, err := b.store.CreateTopic(ctx, "t", 1, nil); err != nil {
		t.Fatal(err)
	}
	fs.broken.Store(true)
	_, err := b.store.CreateTopic(ctx, "u", 1, nil)
	if code(err) != kerr.KafkaStorageError.Code {
		t.Errorf("create on a broken disk: %v", err)
	}
	select {
	case <-b.Failed():
	case <-time.After(10 * time.Second):
		t.Fatal("the broker did not fail")
	}
	if !errors.Is(b.Err(), errBroken) {
		t.Errorf("reason %v", b.Err())
	}
	if err := b.Close(); !errors.Is(err, errBroken) {
		t.Errorf("closing told %v", err)
	}
}

func TestErrorCodes(t *testing.T) {
	fenced := &store.Error{Code: store.CodeProducerFenced, Err: errors.New("fenced")}
	cases := []struct {
		name string
		got  int16
		want *kerr.Error
	}{
		{"store", code(fenced), kerr.ProducerFenced},
		{"store, wrapped", code(errors.Join(errors.New("x"), fenced)), kerr.ProducerFenced},
		{"store, for old clients", fencedCode(fenced, 1, 2), kerr.InvalidProducerEpoch},
		{"store, for new clients", fencedCode(fenced, 2, 2), kerr.ProducerFenced},
		{"protocol", code(kerr.InvalidRequest), kerr.InvalidRequest},
		{"refusal", code(refuse(kerr.InvalidConfig, "x")), kerr.InvalidConfig},
		{"unknown", code(errors.New("x")), kerr.UnknownServerError},
	}
	for _, c := range cases {
		if c.got != c.want.Code {
			t.Errorf("%s: code %d, want %d", c.name, c.got, c.want.Code)
		}
	}
	if code(nil) != 0 || message(nil) != nil {
		t.Error("no error is told as one")
	}
	if got := message(refuse(kerr.InvalidConfig, "key %s", "k")); *got != "key k" {
		t.Errorf("message %q", *got)
	}
}
