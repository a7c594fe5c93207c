// SPDX-License-Identifier: Apache-2.0

package kafka

import (
	"testing"
	"time"

	"github.com/connectd/connectd/connect/broker/brokertest"
)

func newMember(c *Cluster, group string, session time.Duration) *Member {
	return c.NewMember(MemberOptions{
		Group: group, ProtocolType: "connect", SessionTimeout: session, RebalanceWindow: 10 * time.Second, Heartbeat: 100 * time.Millisecond,
		Protocols: []Protocol{{Name: "p", Metadata: func() []byte { return []byte("m") }}},
		Plan: func(_ string, members map[string][]byte) (map[string][]byte, error) {
			out := map[string][]byte{}
			for id := range members {
				out[id] = []byte("for " + id)
			}
			return out, nil
		},
	})
}

func TestTwoMembersOfOneProcess(t *testing.T) {
	c := openCluster(t)
	group := brokertest.Name(t, "group")
	a, b := newMember(c, group, 10*time.Second), newMember(c, group, 10*time.Second)
	ctx := within(t)
	first, err := a.Join(ctx)
	if err != nil || !first.Leader || string(first.Assignment) != "for "+first.Member {
		t.Fatalf("%+v, %v", first, err)
	}
	type outcome struct {
		g   *Generation
		err error
	}
	joined := make(chan outcome, 1)
	go func() {
		g, err := b.Join(ctx)
		joined <- outcome{g, err}
	}()
	select {
	case <-first.Over:
	case <-ctx.Done():
		t.Fatal("the first member was not told of the second")
	}
	if err := first.Lost(); err != nil {
		t.Errorf("a rebalance is no loss: %v", err)
	}
	if err := c.CommitOffsets(ctx, first.GroupMetadata, []TopicOffset{{TopicPartition: TopicPartition{Topic: newTopic(t, c, 1)}, Offset: 1}}); err != nil {
		t.Errorf("commit while the group rebalances: %v", err)
	}
	second, err := a.Join(ctx)
	if err != nil {
		t.Fatal(err)
	}
	other := <-joined
	if other.err != nil {
		t.Fatal(other.err)
	}
	if second.Generation != other.g.Generation || second.Leader == other.g.Leader || string(other.g.Assignment) != "for "+other.g.Member {
		t.Errorf("generations %+v and %+v", second, other.g)
	}
	if err := b.Leave(ctx); err != nil {
		t.Error(err)
	}
	if err := a.Leave(ctx); err != nil {
		t.Error(err)
	}
}

// Work is committed after a rebalance has begun. While that takes longer than the
// session, heartbeats must go on.
func TestMemberStaysWhileItCommits(t *testing.T) {
	c := openCluster(t)
	group := brokertest.Name(t, "group")
	const session = 6 * time.Second // the least that brokers allow by default
	a, b := newMember(c, group, session), newMember(c, group, session)
	ctx := within(t)
	g, err := a.Join(ctx)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		_, err := b.Join(ctx)
		done <- err
	}()
	<-g.Over
	working := time.NewTimer(session + 2*time.Second)
	select {
	case <-working.C:
	case err := <-done:
		t.Fatalf("the group went on without the first member: %v", err)
	}
	offset := []TopicOffset{{TopicPartition: TopicPartition{Topic: newTopic(t, c, 1)}, Offset: 1}}
	if err := c.CommitOffsets(ctx, g.GroupMetadata, offset); err != nil {
		t.Errorf("commit after %v of work: %v", session+2*time.Second, err)
	}
	if _, err := a.Join(ctx); err != nil {
		t.Error(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	_, _ = a.Leave(ctx), b.Leave(ctx)
}
