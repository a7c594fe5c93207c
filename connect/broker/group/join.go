// SPDX-License-Identifier: Apache-2.0

package group

import (
	"context"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
)

// JoinRequest asks to become or stay a member. Byte slices are copied.
type JoinRequest struct {
	Group string
	// MemberID is empty at the first join.
	MemberID string
	// InstanceID makes the member static.
	InstanceID       *string
	ClientID, Host   string
	ProtocolType     string
	Protocols        []Protocol // most preferred first
	SessionTimeout   time.Duration
	RebalanceTimeout time.Duration
	// NeedID sends a first join back with MEMBER_ID_REQUIRED and an id to join
	// with, so that a client that gives up waiting leaves no member behind.
	NeedID bool
	// MaySkipAssignment says that the client understands
	// JoinResult.SkipAssignment.
	MaySkipAssignment bool
}

// JoinResult is the answer to a join. With Err set only MemberID may be
// meaningful.
type JoinResult struct {
	Err          error
	MemberID     string
	Generation   int32
	ProtocolType string
	Protocol     string
	Leader       string
	// SkipAssignment tells a leader that came back that nothing has changed.
	SkipAssignment bool
	// Members are told to the leader only.
	Members []JoinedMember
}

// JoinedMember is a member as the leader sees it.
type JoinedMember struct {
	ID         string
	InstanceID *string
	Metadata   []byte
}

// Join makes the client a member of the group's next generation and returns when
// that begins, or when ctx ends with COORDINATOR_NOT_AVAILABLE.
func (c *Coordinator) Join(ctx context.Context, r JoinRequest) JoinResult {
	failed := func(err error) JoinResult { return JoinResult{Err: err, MemberID: r.MemberID, Generation: -1} }
	if r.Group == "" {
		return failed(kerr.InvalidGroupID)
	}
	if r.SessionTimeout < c.o.MinSession || r.SessionTimeout > c.o.MaxSession {
		return failed(kerr.InvalidSessionTimeout)
	}
	if r.RebalanceTimeout <= 0 {
		r.RebalanceTimeout = r.SessionTimeout
	}
	g, err := c.enter(r.Group, r.MemberID == "")
	if err != nil {
		return failed(err)
	}
	wait, err := c.join(g, &r)
	if err != nil && g.idle() && g.generation == 0 {
		c.drop(g)
	}
	g.mu.Unlock()
	if err != nil {
		return failed(err)
	}
	select {
	case res := <-wait:
		return res
	case <-ctx.Done():
		return failed(kerr.CoordinatorNotAvailable)
	}
}

// join registers the request and returns where its answer will come. The caller
// holds the group's lock.
func (c *Coordinator) join(g *group, r *JoinRequest) (<-chan JoinResult, error) {
	if !g.accepts(r) {
		return nil, kerr.InconsistentGroupProtocol
	}
	now := c.o.Now()
	if r.MemberID == "" {
		return c.joinFirst(g, r, now)
	}
	if _, known := g.pending[r.MemberID]; known {
		delete(g.pending, r.MemberID)
		return g.add(r, now), nil
	}
	m, err := g.verify(r.MemberID, r.InstanceID)
	if err != nil {
		return nil, err
	}
	return g.rejoin(m, r, now), nil
}

// accepts reports whether the member could work with all others.
func (g *group) accepts(r *JoinRequest) bool {
	if r.ProtocolType == "" || len(r.Protocols) == 0 {
		return false
	}
	others := 0
	for _, m := range g.members {
		if m.id != r.MemberID && (r.InstanceID == nil || m.instance == nil || *m.instance != *r.InstanceID) {
			others++
		}
	}
	if others == 0 {
		return len(g.members) == 0 || r.ProtocolType == g.protocolType
	}
	if r.ProtocolType != g.protocolType {
		return false
	}
	for _, p := range r.Protocols {
		if g.supporters(p.Name, r.MemberID) >= others {
			return true
		}
	}
	return false
}

// supporters counts the members, but for one, that know the protocol.
func (g *group) supporters(protocol, except string) int {
	n := 0
	for _, m := range g.members {
		if m.id != except && m.supports(protocol) {
			n++
		}
	}
	return n
}

func (c *Coordinator) joinFirst(g *group, r *JoinRequest, now time.Time) (<-chan JoinResult, error) {
	prefix := r.ClientID
	if r.InstanceID != nil {
		prefix = *r.InstanceID
	}
	r.MemberID = prefix + "-" + c.o.NewID()
	if r.InstanceID != nil {
		if m := g.static(*r.InstanceID); m != nil {
			return g.replace(m, r, now), nil
		}
	}
	if len(g.members)+len(g.pending) >= c.o.MaxMembers {
		return nil, kerr.GroupMaxSizeReached
	}
	if r.InstanceID == nil && r.NeedID {
		g.pending[r.MemberID] = now.Add(r.SessionTimeout)
		return nil, kerr.MemberIDRequired
	}
	return g.add(r, now), nil
}

// add makes a new member, which begins a rebalance.
func (g *group) add(r *JoinRequest, now time.Time) <-chan JoinResult {
	m := &member{id: r.MemberID}
	g.members = append(g.members, m)
	if len(g.members) == 1 {
		g.protocolType, g.leader = r.ProtocolType, m.id
	}
	wait := m.update(r, now)
	g.rebalance(now)
	return wait
}

// update takes over what the member says of itself now and lets its join wait.
func (m *member) update(r *JoinRequest, now time.Time) <-chan JoinResult {
	m.dismiss(kerr.RebalanceInProgress)
	m.instance, m.clientID, m.host = r.InstanceID, r.ClientID, r.Host
	m.session, m.rebalance = r.SessionTimeout, r.RebalanceTimeout
	m.protocols, m.seen = cloneProtocols(r.Protocols), now
	m.join = make(chan JoinResult, 1)
	return m.join
}

// rejoin answers a member that repeats its join with the current generation, or
// begins the next one.
func (g *group) rejoin(m *member, r *JoinRequest, now time.Time) <-chan JoinResult {
	same := equalProtocols(m.protocols, r.Protocols)
	repeated := g.state == CompletingRebalance && same
	unchanged := g.state == Stable && same && m.id != g.leader
	wait := m.update(r, now)
	if repeated || unchanged {
		m.answerJoin(g.joined(m))
		return wait
	}
	g.rebalance(now)
	return wait
}

// replace gives the place of a static member to its new client.
func (g *group) replace(m *member, r *JoinRequest, now time.Time) <-chan JoinResult {
	m.dismiss(kerr.FencedInstanceID)
	former := m.id
	led := g.leader == former
	if led {
		g.leader = r.MemberID
	}
	m.id = r.MemberID
	keep := g.state == Stable && equalProtocols(m.protocols, r.Protocols)
	wait := m.update(r, now)
	if !keep {
		g.rebalance(now)
		return wait
	}
	res := g.joined(m)
	if led && r.MaySkipAssignment {
		res.SkipAssignment = true
	}
	if led && !r.MaySkipAssignment {
		// Told that another one leads, the client does not assign anew.
		res.Leader, res.Members = former, nil
	}
	m.answerJoin(res)
	return wait
}

// joined is the answer to a join in the current generation.
func (g *group) joined(m *member) JoinResult {
	r := JoinResult{
		MemberID: m.id, Generation: g.generation, ProtocolType: g.protocolType, Protocol: g.protocol, Leader: g.leader,
	}
	if m.id != g.leader {
		return r
	}
	for _, o := range g.members {
		r.Members = append(r.Members, JoinedMember{ID: o.id, InstanceID: o.instance, Metadata: o.metadata(g.protocol)})
	}
	return r
}
