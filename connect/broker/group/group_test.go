// SPDX-License-Identifier: Apache-2.0

package group_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"go.uber.org/goleak"

	"github.com/connectd/connectd/connect/broker/group"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bench is a coordinator with a clock that the test moves.
type bench struct {
	*group.Coordinator
	t   *testing.T
	mu  sync.Mutex
	now time.Time
	ids int
}

func newBench(t *testing.T, o group.Options) *bench {
	b := &bench{t: t, now: time.UnixMilli(1_000_000)}
	o.Now = func() time.Time { b.mu.Lock(); defer b.mu.Unlock(); return b.now }
	o.NewID = func() string { b.mu.Lock(); defer b.mu.Unlock(); b.ids++; return fmt.Sprint(b.ids) }
	b.Coordinator = group.New(o)
	return b
}

// pass moves the clock in steps, so that nothing is skipped.
func (b *bench) pass(d time.Duration) {
	const step = 100 * time.Millisecond
	for ; d > 0; d -= step {
		b.mu.Lock()
		b.now = b.now.Add(min(d, step))
		b.mu.Unlock()
		b.Tick()
	}
}

func protocols(names ...string) []group.Protocol {
	list := make([]group.Protocol, len(names))
	for i, n := range names {
		list[i] = group.Protocol{Name: n, Metadata: []byte("metadata of " + n)}
	}
	return list
}

func request(id string) group.JoinRequest {
	return group.JoinRequest{
		Group: "g", MemberID: id, ClientID: "c", ProtocolType: "connect", Protocols: protocols("compatible"),
		SessionTimeout: 10 * time.Second, RebalanceTimeout: 30 * time.Second,
	}
}

func (b *bench) join(r group.JoinRequest) <-chan group.JoinResult {
	ch := make(chan group.JoinResult, 1)
	ctx := b.t.Context()
	go func() { ch <- b.Join(ctx, r) }()
	return ch
}

func (b *bench) sync(r group.SyncRequest) <-chan group.SyncResult {
	ch := make(chan group.SyncResult, 1)
	ctx := b.t.Context()
	go func() { ch <- b.Sync(ctx, r) }()
	return ch
}

func get[T any](t *testing.T, ch <-chan T) T {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(10 * time.Second):
		t.Fatal("no answer within 10 s")
		panic("unreachable")
	}
}

// state waits until the group is in the state with so many members.
func (b *bench) state(s group.State, members int) {
	b.t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for {
		d := b.Describe("g")
		if d.State == s && len(d.Members) == members {
			return
		}
		if time.Now().After(deadline) {
			b.t.Fatalf("group is %s with %d members, want %s with %d", d.State, len(d.Members), s, members)
		}
		<-time.After(time.Millisecond)
	}
}

func want(t *testing.T, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Fatalf("got error %v, want %v", got, want)
	}
}

// form makes a stable group of n members and returns their ids, leader first,
// and the generation.
func (b *bench) form(n int) (ids []string, generation int32) {
	b.t.Helper()
	first := get(b.t, b.join(request("")))
	want(b.t, first.Err, nil)
	var waiting []<-chan group.JoinResult
	for i := 1; i < n; i++ {
		waiting = append(waiting, b.join(request("")))
		b.state(group.PreparingRebalance, i+1)
	}
	leader := first
	if n > 1 {
		leader = get(b.t, b.join(request(first.MemberID)))
	}
	ids = append(ids, leader.MemberID)
	for _, ch := range waiting {
		r := get(b.t, ch)
		want(b.t, r.Err, nil)
		if r.Generation != leader.Generation || r.Leader != leader.MemberID || r.Members != nil {
			b.t.Fatalf("follower was answered %+v, leader %+v", r, leader)
		}
		ids = append(ids, r.MemberID)
	}
	if len(leader.Members) != n {
		b.t.Fatalf("leader sees %d members, want %d", len(leader.Members), n)
	}
	b.settle(ids, leader.Generation)
	return ids, leader.Generation
}

// settle syncs all members; each is assigned its own id.
func (b *bench) settle(ids []string, generation int32) {
	b.t.Helper()
	var waiting []<-chan group.SyncResult
	for _, id := range ids[1:] {
		waiting = append(waiting, b.sync(group.SyncRequest{Group: "g", MemberID: id, Generation: generation}))
	}
	r := group.SyncRequest{Group: "g", MemberID: ids[0], Generation: generation}
	for _, id := range ids {
		r.Assignments = append(r.Assignments, group.Assignment{MemberID: id, Bytes: []byte(id)})
	}
	waiting = append([]<-chan group.SyncResult{b.sync(r)}, waiting...)
	for i, ch := range waiting {
		res := get(b.t, ch)
		want(b.t, res.Err, nil)
		if string(res.Assignment) != ids[i] || res.Protocol != "compatible" {
			b.t.Fatalf("member %s was assigned %q by protocol %q", ids[i], res.Assignment, res.Protocol)
		}
	}
	b.state(group.Stable, len(ids))
}

func TestGenerations(t *testing.T) {
	b := newBench(t, group.Options{})
	ids, gen := b.form(3)
	for _, id := range ids {
		want(t, b.Heartbeat("g", id, nil, gen), nil)
	}
	want(t, b.Heartbeat("g", ids[0], nil, gen-1), kerr.IllegalGeneration)
	want(t, b.Heartbeat("g", "nobody", nil, gen), kerr.UnknownMemberID)
	want(t, b.Heartbeat("other", ids[0], nil, gen), kerr.UnknownMemberID)
	want(t, b.Heartbeat("", ids[0], nil, gen), kerr.InvalidGroupID)

	// The leader leaves: the others rejoin, one of them leads.
	errs, err := b.Leave("g", []group.Leaver{{MemberID: ids[0]}, {MemberID: "nobody"}})
	want(t, err, nil)
	want(t, errs[0], nil)
	want(t, errs[1], kerr.UnknownMemberID)
	want(t, b.Heartbeat("g", ids[1], nil, gen), kerr.RebalanceInProgress)
	one, two := b.join(request(ids[1])), b.join(request(ids[2]))
	r1, r2 := get(t, one), get(t, two)
	if r1.Generation != gen+1 || r2.Generation != gen+1 || r1.Leader != r2.Leader {
		t.Errorf("answers %+v and %+v differ, or are not of generation %d", r1, r2, gen+1)
	}
	leave := []group.Leaver{{MemberID: ids[1]}, {MemberID: ids[2]}}
	_, err = b.Leave("g", leave)
	want(t, err, nil)
	b.state(group.Empty, 0)
}

func TestFirstJoinNeedsID(t *testing.T) {
	b := newBench(t, group.Options{})
	r := request("")
	r.NeedID = true
	first := get(t, b.join(r))
	want(t, first.Err, kerr.MemberIDRequired)
	if first.MemberID == "" {
		t.Fatal("no member id was handed out")
	}
	r.MemberID = first.MemberID
	second := get(t, b.join(r))
	want(t, second.Err, nil)
	if second.MemberID != first.MemberID || second.Generation != 1 {
		t.Errorf("joined as %s in generation %d", second.MemberID, second.Generation)
	}
}

func TestUnusedIDExpires(t *testing.T) {
	b := newBench(t, group.Options{})
	r := request("")
	r.NeedID = true
	first := get(t, b.join(r))
	b.pass(11 * time.Second)
	r.MemberID = first.MemberID
	want(t, get(t, b.join(r)).Err, kerr.UnknownMemberID)
}

func TestRefusedJoins(t *testing.T) {
	cases := []struct {
		name   string
		change func(*group.JoinRequest)
		want   error
	}{
		{"no group", func(r *group.JoinRequest) { r.Group = "" }, kerr.InvalidGroupID},
		{"session too short", func(r *group.JoinRequest) { r.SessionTimeout = time.Millisecond }, kerr.InvalidSessionTimeout},
		{"session too long", func(r *group.JoinRequest) { r.SessionTimeout = time.Hour }, kerr.InvalidSessionTimeout},
		{"unknown member", func(r *group.JoinRequest) { r.MemberID = "nobody" }, kerr.UnknownMemberID},
		{"unknown member of an unknown group", func(r *group.JoinRequest) { r.Group, r.MemberID = "new", "nobody" }, kerr.UnknownMemberID},
		{"no protocol", func(r *group.JoinRequest) { r.Protocols = nil }, kerr.InconsistentGroupProtocol},
		{"no protocol in a new group", func(r *group.JoinRequest) { r.Group, r.Protocols = "new", nil }, kerr.InconsistentGroupProtocol},
		{"other protocol type", func(r *group.JoinRequest) { r.ProtocolType = "consumer" }, kerr.InconsistentGroupProtocol},
		{"no common protocol", func(r *group.JoinRequest) { r.Protocols = protocols("eager") }, kerr.InconsistentGroupProtocol},
		{"too many members", func(*group.JoinRequest) {}, kerr.GroupMaxSizeReached},
	}
	b := newBench(t, group.Options{MaxMembers: 2})
	b.form(2)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := request("")
			c.change(&r)
			want(t, get(t, b.join(r)).Err, c.want)
		})
	}
	if got := len(b.List()); got != 1 {
		t.Errorf("refused joins left %d groups behind", got-1)
	}
}

func TestTooManyGroups(t *testing.T) {
	b := newBench(t, group.Options{MaxGroups: 1})
	b.form(1)
	r := request("")
	r.Group = "another"
	want(t, get(t, b.join(r)).Err, kerr.GroupMaxSizeReached)
}

func TestProtocolWithMostVotes(t *testing.T) {
	b := newBench(t, group.Options{})
	first := request("")
	first.Protocols = protocols("a", "b", "c")
	r := get(t, b.join(first))
	var waiting []<-chan group.JoinResult
	for i := range 2 {
		q := request("")
		q.Protocols = protocols("x", "c", "b")
		waiting = append(waiting, b.join(q))
		b.state(group.PreparingRebalance, 2+i)
	}
	first.MemberID = r.MemberID
	leader := get(t, b.join(first))
	if leader.Protocol != "c" {
		t.Errorf("protocol %s was chosen: all support b and c, two of three prefer c", leader.Protocol)
	}
	for _, m := range leader.Members {
		if string(m.Metadata) != "metadata of c" {
			t.Errorf("leader was given %q", m.Metadata)
		}
	}
	for _, ch := range waiting {
		if got := get(t, ch); got.Protocol != "c" {
			t.Errorf("follower was told %s", got.Protocol)
		}
	}
}

func TestSilentMemberIsRemoved(t *testing.T) {
	b := newBench(t, group.Options{})
	ids, gen := b.form(2)
	for range 3 {
		b.pass(4 * time.Second)
		err := b.Heartbeat("g", ids[0], nil, gen)
		if err != nil && !errors.Is(err, kerr.RebalanceInProgress) {
			t.Fatal(err)
		}
	}
	want(t, b.Heartbeat("g", ids[0], nil, gen), kerr.RebalanceInProgress)
	want(t, b.Heartbeat("g", ids[1], nil, gen), kerr.UnknownMemberID)
	r := get(t, b.join(request(ids[0])))
	if len(r.Members) != 1 || r.Generation != gen+1 {
		t.Errorf("generation %d of %d members", r.Generation, len(r.Members))
	}
}

func TestRebalanceTimeout(t *testing.T) {
	b := newBench(t, group.Options{})
	ids, gen := b.form(2)
	joining := b.join(request(""))
	b.state(group.PreparingRebalance, 3)
	for range 5 {
		// The first member goes on sending heartbeats but does not join.
		want(t, b.Heartbeat("g", ids[0], nil, gen), kerr.RebalanceInProgress)
		want(t, b.Heartbeat("g", ids[1], nil, gen), kerr.RebalanceInProgress)
		b.pass(6 * time.Second)
	}
	r := get(t, joining)
	want(t, r.Err, nil)
	if len(r.Members) != 1 || r.Leader != r.MemberID {
		t.Errorf("after the time-out: %+v", r)
	}
	want(t, b.Heartbeat("g", ids[0], nil, gen), kerr.UnknownMemberID)
}

func TestMissingSync(t *testing.T) { synctest.Test(t, testMissingSync) }

func testMissingSync(t *testing.T) {
	b := newBench(t, group.Options{})
	r := request("")
	r.SessionTimeout = 20 * time.Minute
	lead := get(t, b.join(r))
	other := b.join(r)
	synctest.Wait()
	r.MemberID = lead.MemberID
	lead = get(t, b.join(r))
	follower := get(t, other)
	waiting := b.sync(group.SyncRequest{Group: "g", MemberID: follower.MemberID, Generation: lead.Generation})
	synctest.Wait()
	b.pass(31 * time.Second)
	// The leader never handed the assignments in: it is out, the other rejoins.
	want(t, get(t, waiting).Err, kerr.RebalanceInProgress)
	r.MemberID = follower.MemberID
	again := get(t, b.join(r))
	if again.Leader != follower.MemberID || len(again.Members) != 1 {
		t.Errorf("new generation %+v", again)
	}
}

func TestSyncErrors(t *testing.T) {
	b := newBench(t, group.Options{})
	ids, gen := b.form(2)
	other := "other"
	cases := []struct {
		name string
		r    group.SyncRequest
		want error
	}{
		{"no group", group.SyncRequest{MemberID: ids[0], Generation: gen}, kerr.InvalidGroupID},
		{"unknown group", group.SyncRequest{Group: "x", MemberID: ids[0], Generation: gen}, kerr.UnknownMemberID},
		{"unknown member", group.SyncRequest{Group: "g", MemberID: "x", Generation: gen}, kerr.UnknownMemberID},
		{"old generation", group.SyncRequest{Group: "g", MemberID: ids[0], Generation: gen - 1}, kerr.IllegalGeneration},
		{"other protocol", group.SyncRequest{Group: "g", MemberID: ids[0], Generation: gen, Protocol: &other}, kerr.InconsistentGroupProtocol},
		{"other type", group.SyncRequest{Group: "g", MemberID: ids[0], Generation: gen, ProtocolType: &other}, kerr.InconsistentGroupProtocol},
		{"repeated", group.SyncRequest{Group: "g", MemberID: ids[1], Generation: gen}, nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got := get(t, b.sync(c.r))
			want(t, got.Err, c.want)
			if c.want == nil && string(got.Assignment) != ids[1] {
				t.Errorf("assigned %q", got.Assignment)
			}
		})
	}
}

func TestUnchangedFollowerDoesNotRebalance(t *testing.T) {
	b := newBench(t, group.Options{})
	ids, gen := b.form(2)
	if r := get(t, b.join(request(ids[1]))); r.Err != nil || r.Generation != gen {
		t.Fatalf("repeated join was answered %+v", r)
	}
	changed := request(ids[1])
	changed.Protocols[0].Metadata = []byte("new")
	joining := b.join(changed)
	b.state(group.PreparingRebalance, 2)
	lead := get(t, b.join(request(ids[0])))
	if lead.Generation != gen+1 || !slices.ContainsFunc(lead.Members, func(m group.JoinedMember) bool { return string(m.Metadata) == "new" }) {
		t.Errorf("leader was told %+v", lead)
	}
	want(t, get(t, joining).Err, nil)
}

func TestJoinEndsWithContext(t *testing.T) {
	b := newBench(t, group.Options{})
	b.form(1)
	ctx, cancel := context.WithCancel(t.Context())
	ch := make(chan group.JoinResult, 1)
	go func() { ch <- b.Join(ctx, request("")) }()
	b.state(group.PreparingRebalance, 2)
	cancel()
	want(t, get(t, ch).Err, kerr.CoordinatorNotAvailable)
}

func TestRepeatedJoinReplacesTheWaitingOne(t *testing.T) {
	b := newBench(t, group.Options{})
	ids, _ := b.form(2)
	leader := request(ids[0])
	first := b.join(leader)
	b.state(group.PreparingRebalance, 2)
	second := b.join(leader)
	want(t, get(t, first).Err, kerr.RebalanceInProgress)
	want(t, get(t, b.join(request(ids[1]))).Err, nil)
	want(t, get(t, second).Err, nil)
}
