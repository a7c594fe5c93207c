// SPDX-License-Identifier: Apache-2.0

package group_test

import (
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/connectd/connectd/connect/broker/group"
)

func static(id, instance string) group.JoinRequest {
	r := request(id)
	r.InstanceID = &instance
	return r
}

func TestStaticMemberComesBack(t *testing.T) {
	for _, skip := range []bool{true, false} {
		b := newBench(t, group.Options{})
		former := get(t, b.join(static("", "i")))
		b.settle([]string{former.MemberID}, former.Generation)
		back := static("", "i")
		back.MaySkipAssignment = skip
		r := get(t, b.join(back))
		want(t, r.Err, nil)
		if r.Generation != former.Generation || r.MemberID == former.MemberID {
			t.Errorf("came back as %s in generation %d", r.MemberID, r.Generation)
		}
		if r.SkipAssignment != skip || (r.Leader == r.MemberID) != skip {
			t.Errorf("SkipAssignment is %v and leader %s for member %s", r.SkipAssignment, r.Leader, r.MemberID)
		}
		instance := "i"
		got := get(t, b.sync(group.SyncRequest{Group: "g", MemberID: r.MemberID, InstanceID: &instance, Generation: r.Generation}))
		if want(t, got.Err, nil); string(got.Assignment) != former.MemberID {
			t.Errorf("assignment %q was not kept", got.Assignment)
		}
		want(t, b.Heartbeat("g", former.MemberID, &instance, r.Generation), kerr.FencedInstanceID)
		want(t, b.Heartbeat("g", r.MemberID, &instance, r.Generation), nil)
	}
}

func TestStaticMemberWithOtherMetadataRebalances(t *testing.T) {
	b := newBench(t, group.Options{})
	former := get(t, b.join(static("", "i")))
	b.settle([]string{former.MemberID}, former.Generation)
	changed := static("", "i")
	changed.Protocols[0].Metadata = []byte("changed")
	r := get(t, b.join(changed))
	if want(t, r.Err, nil); r.Generation != former.Generation+1 || r.Leader != r.MemberID {
		t.Errorf("answered %+v", r)
	}
}

func TestFormerStaticClientIsFencedWhileItWaits(t *testing.T) {
	b := newBench(t, group.Options{})
	ids, _ := b.form(1)
	first := b.join(static("", "i"))
	b.state(group.PreparingRebalance, 2)
	second := b.join(static("", "i"))
	want(t, get(t, first).Err, kerr.FencedInstanceID)
	want(t, get(t, b.join(request(ids[0]))).Err, nil)
	want(t, get(t, second).Err, nil)
}

func TestStaticMemberLeaves(t *testing.T) {
	i, other := "i", "other"
	cases := []struct {
		name   string
		leaver func(id string) group.Leaver
		want   error
	}{
		{"by instance", func(string) group.Leaver { return group.Leaver{InstanceID: &i} }, nil},
		{"by id", func(id string) group.Leaver { return group.Leaver{MemberID: id} }, nil},
		{"by both", func(id string) group.Leaver { return group.Leaver{MemberID: id, InstanceID: &i} }, nil},
		{"by a wrong id", func(string) group.Leaver { return group.Leaver{MemberID: "x", InstanceID: &i} }, kerr.FencedInstanceID},
		{"by a wrong instance", func(string) group.Leaver { return group.Leaver{InstanceID: &other} }, kerr.UnknownMemberID},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, group.Options{})
			r := get(t, b.join(static("", "i")))
			errs, err := b.Leave("g", []group.Leaver{c.leaver(r.MemberID)})
			want(t, err, nil)
			want(t, errs[0], c.want)
			if left := len(b.Describe("g").Members) == 0; left != (c.want == nil) {
				t.Errorf("member has left: %v", left)
			}
		})
	}
}

func TestStaticMemberSurvivesARebalance(t *testing.T) {
	b := newBench(t, group.Options{})
	r := static("", "i")
	r.SessionTimeout = 10 * time.Minute
	former := get(t, b.join(r))
	b.settle([]string{former.MemberID}, former.Generation)
	joining := b.join(request(""))
	b.state(group.PreparingRebalance, 2)
	b.pass(31 * time.Second)
	got := get(t, joining)
	if want(t, got.Err, nil); len(got.Members) != 2 || got.Leader != got.MemberID {
		t.Errorf("the new leader %s of %s sees %d members", got.Leader, got.MemberID, len(got.Members))
	}
}

func TestCommit(t *testing.T) {
	b := newBench(t, group.Options{})
	ids, gen := b.form(1)
	instance := "i"
	cases := []struct {
		name string
		r    group.Committer
		want error
	}{
		{"member", group.Committer{Group: "g", MemberID: ids[0], Generation: gen}, nil},
		{"member in a transaction", group.Committer{Group: "g", MemberID: ids[0], Generation: gen, Transactional: true}, nil},
		{"old generation", group.Committer{Group: "g", MemberID: ids[0], Generation: gen - 1}, kerr.IllegalGeneration},
		{"old generation in a transaction", group.Committer{Group: "g", MemberID: ids[0], Generation: gen - 1, Transactional: true}, kerr.IllegalGeneration},
		{"unknown member", group.Committer{Group: "g", MemberID: "x", Generation: gen}, kerr.UnknownMemberID},
		{"unknown member in a transaction", group.Committer{Group: "g", MemberID: "x", Generation: gen, Transactional: true}, kerr.UnknownMemberID},
		{"unknown instance", group.Committer{Group: "g", MemberID: ids[0], InstanceID: &instance, Generation: gen}, kerr.UnknownMemberID},
		{"nobody, beside members", group.Committer{Group: "g", Generation: -1}, kerr.UnknownMemberID},
		{"nobody, in a transaction", group.Committer{Group: "g", Generation: -1, Transactional: true}, nil},
		{"nobody, for a new group", group.Committer{Group: "new", Generation: -1}, nil},
		{"member of an unknown group", group.Committer{Group: "new", MemberID: "x", Generation: 1}, kerr.IllegalGeneration},
		{"no group", group.Committer{Generation: -1}, kerr.InvalidGroupID},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			called := false
			want(t, b.Commit(c.r, func() error { called = true; return nil }), c.want)
			if called != (c.want == nil) {
				t.Errorf("the commit ran: %v", called)
			}
		})
	}
}

func TestCommitDuringRebalance(t *testing.T) {
	b := newBench(t, group.Options{})
	ids, gen := b.form(1)
	joining := b.join(request(""))
	b.state(group.PreparingRebalance, 2)
	nothing := func() error { return nil }
	want(t, b.Commit(group.Committer{Group: "g", MemberID: ids[0], Generation: gen}, nothing), nil)
	lead := get(t, b.join(request(ids[0])))
	get(t, joining)
	b.state(group.CompletingRebalance, 2)
	want(t, b.Commit(group.Committer{Group: "g", MemberID: ids[0], Generation: gen}, nothing), kerr.IllegalGeneration)
	want(t, b.Commit(group.Committer{Group: "g", MemberID: ids[0], Generation: lead.Generation}, nothing), kerr.RebalanceInProgress)
	want(t, b.Commit(group.Committer{Group: "g", MemberID: ids[0], Generation: lead.Generation, Transactional: true}, nothing), nil)
}

func TestForget(t *testing.T) {
	b := newBench(t, group.Options{})
	ids, gen := b.form(1)
	if b.Forget("g") {
		t.Fatal("a group with a member was forgotten")
	}
	_, err := b.Leave("g", []group.Leaver{{MemberID: ids[0]}})
	want(t, err, nil)
	if d := b.Describe("g"); d.State != group.Empty || d.EmptySince.IsZero() || d.Generation != gen+1 {
		t.Errorf("empty group is described as %+v", d)
	}
	if !b.Forget("g") || b.Describe("g").State != group.Dead || len(b.List()) != 0 {
		t.Error("the empty group was not forgotten")
	}
	err = b.Exclusive("g", func(d group.Description) error {
		if d.State != group.Dead {
			t.Errorf("state %s", d.State)
		}
		return nil
	})
	want(t, err, nil)
}
