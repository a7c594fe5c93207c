// SPDX-License-Identifier: Apache-2.0

package kafka

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/IBM/sarama"
)

// GroupMetadata proves membership in the commits of offsets. The zero value but for
// Group is that of a group without members; Generation must be -1 then.
type GroupMetadata struct {
	Group      string
	Member     string
	Generation int32
	Instance   *string
}

// Memberless is the metadata for commits to a group that nobody joins.
func Memberless(group string) GroupMetadata { return GroupMetadata{Group: group, Generation: -1} }

// Protocol is one way of assignment that a member supports, with its metadata at the
// time of joining.
type Protocol struct {
	Name     string
	Metadata func() []byte
}

// MemberOptions describe a member of a group.
type MemberOptions struct {
	Group, ProtocolType string
	// Protocols in order of preference.
	Protocols []Protocol
	// Instance makes the member static; "" does not.
	Instance                        string
	SessionTimeout, RebalanceWindow time.Duration
	Heartbeat                       time.Duration
	// Plan is called on the leader: it makes everyone's assignment of everyone's metadata.
	Plan func(protocol string, members map[string][]byte) (map[string][]byte, error)
}

// Generation is the outcome of one join.
type Generation struct {
	GroupMetadata
	Protocol   string
	Leader     bool
	Assignment []byte
	// Over is closed when this generation ends: a rebalance has begun, or the group
	// has lost the member. Lost tells which, once it is closed.
	Over <-chan struct{}
	over chan struct{}
	mu   sync.Mutex
	lost error
}

// Lost returns nil if the member may still commit what it did, because the group is
// only rebalancing, and otherwise why it may not. It may change from nil to an error
// until the member joins again.
func (g *Generation) Lost() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.lost
}

// Member is a member of a group, of any protocol type. The caller joins, works while
// the generation lasts, and joins again when it is over. Its methods are for one
// goroutine.
type Member struct {
	c    *Cluster
	o    MemberOptions
	id   string
	stop context.CancelFunc
	wg   sync.WaitGroup
}

// NewMember makes a member that has not joined yet.
func (c *Cluster) NewMember(o MemberOptions) *Member { return &Member{c: c, o: o} }

// Join enters the group, or the next generation of it, and returns with the
// assignment. It waits as long as ctx allows.
func (m *Member) Join(ctx context.Context) (*Generation, error) {
	m.endHeartbeat()
	for attempt := 0; ; attempt++ {
		g, err := m.join(ctx)
		if err == nil {
			m.beginHeartbeat(g)
			return g, nil
		}
		if forgotten(err) {
			if errors.Is(err, sarama.ErrUnknownMemberId) {
				m.id = "" // a generation that is over leaves the id valid
			}
		} else if !isRetriable(err) && !errors.Is(err, sarama.ErrRebalanceInProgress) {
			return nil, fmt.Errorf("join group %s: %w", m.o.Group, err)
		}
		if !pause(ctx, attempt) {
			return nil, fmt.Errorf("join group %s: %w (%w)", m.o.Group, err, context.Cause(ctx))
		}
	}
}

// forgotten reports that the group does not know the member, or not in this generation.
func forgotten(err error) bool {
	return errors.Is(err, sarama.ErrUnknownMemberId) || errors.Is(err, sarama.ErrIllegalGeneration)
}

func (m *Member) instance() *string {
	if m.o.Instance == "" {
		return nil
	}
	return &m.o.Instance
}

func (m *Member) join(ctx context.Context) (*Generation, error) {
	joined, err := m.joinRequest(ctx)
	if err != nil {
		return nil, err
	}
	g := &Generation{
		GroupMetadata: GroupMetadata{Group: m.o.Group, Member: joined.MemberId, Generation: joined.GenerationId, Instance: m.instance()},
		Protocol:      joined.GroupProtocol, Leader: joined.LeaderId == joined.MemberId,
	}
	sync := &sarama.SyncGroupRequest{Version: 3, GroupId: m.o.Group, GenerationId: g.Generation, MemberId: g.Member, GroupInstanceId: g.Instance}
	if g.Leader {
		if err := m.plan(joined, sync); err != nil {
			return nil, err
		}
	}
	// The coordinator holds a follower's request until the leader's has come: on a
	// shared connection the leader of this process would wait behind it.
	err = m.c.onGroupConn(ctx, m.o.Group, func(b *sarama.Broker) error {
		resp, err := b.SyncGroup(sync)
		if err != nil {
			return err
		}
		g.Assignment = resp.MemberAssignment
		return kerr(resp.Err)
	})
	if err != nil {
		return nil, err
	}
	g.over = make(chan struct{})
	g.Over = g.over
	return g, nil
}

func (m *Member) plan(joined *sarama.JoinGroupResponse, sync *sarama.SyncGroupRequest) error {
	members := make(map[string][]byte, len(joined.Members))
	for _, other := range joined.Members {
		members[other.MemberId] = other.Metadata
	}
	assignments, err := m.o.Plan(joined.GroupProtocol, members)
	if err != nil {
		return fmt.Errorf("plan the assignment of group %s: %w", m.o.Group, err)
	}
	for id, a := range assignments {
		sync.AddGroupAssignment(id, a)
	}
	return nil
}

// joinRequest joins, a second time with the id that the first answer gives.
func (m *Member) joinRequest(ctx context.Context) (*sarama.JoinGroupResponse, error) {
	var resp *sarama.JoinGroupResponse
	ask := func(b *sarama.Broker) (err error) {
		req := &sarama.JoinGroupRequest{
			Version: 5, GroupId: m.o.Group, SessionTimeout: int32(m.o.SessionTimeout / time.Millisecond),
			RebalanceTimeout: int32(m.o.RebalanceWindow / time.Millisecond), MemberId: m.id, GroupInstanceId: m.instance(), ProtocolType: m.o.ProtocolType,
		}
		for _, p := range m.o.Protocols {
			req.AddGroupProtocol(p.Name, p.Metadata())
		}
		if resp, err = b.JoinGroup(req); err != nil {
			return err
		}
		if resp.MemberId != "" {
			m.id = resp.MemberId
		}
		return kerr(resp.Err)
	}
	err := m.c.onGroupConn(ctx, m.o.Group, ask)
	if errors.Is(err, sarama.ErrMemberIdRequired) {
		err = m.c.onGroupConn(ctx, m.o.Group, ask)
	}
	return resp, err
}

// beginHeartbeat reports to the coordinator until the generation is over.
func (m *Member) beginHeartbeat(g *Generation) {
	ctx, cancel := context.WithCancel(context.Background())
	m.stop = cancel
	m.wg.Add(1)
	go func() {
		defer m.wg.Done()
		var once sync.Once
		over := func() { once.Do(func() { close(g.over) }) }
		defer over()
		err := m.heartbeats(ctx, g, over)
		g.mu.Lock()
		g.lost = err
		g.mu.Unlock()
	}()
}

// heartbeats goes on until ctx ends or the group has lost the member, also after a
// rebalance has begun: what was done before it takes its time to be committed.
func (m *Member) heartbeats(ctx context.Context, g *Generation, rebalancing func()) error {
	tick := time.NewTicker(m.o.Heartbeat)
	defer tick.Stop()
	answered := time.Now()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
		err := m.heartbeat(ctx, g)
		switch {
		case err == nil:
			answered = time.Now()
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, sarama.ErrRebalanceInProgress):
			answered = time.Now()
			rebalancing()
		case !isRetriable(err):
			return err
		case time.Since(answered) > m.o.SessionTimeout:
			return fmt.Errorf("no heartbeat was answered for %v: %w", m.o.SessionTimeout, err)
		}
	}
}

func (m *Member) heartbeat(ctx context.Context, g *Generation) error {
	within, cancel := context.WithTimeout(ctx, m.o.Heartbeat)
	defer cancel()
	return m.c.onGroupCoordinator(within, m.o.Group, func(b *sarama.Broker) error {
		resp, err := b.Heartbeat(&sarama.HeartbeatRequest{Version: 3, GroupId: g.Group, GenerationId: g.Generation, MemberId: g.Member, GroupInstanceId: g.Instance})
		if err != nil {
			return err
		}
		return kerr(resp.Err)
	})
}

func (m *Member) endHeartbeat() {
	if m.stop != nil {
		m.stop()
		m.wg.Wait()
		m.stop = nil
	}
}

// Leave ends the membership, so that the others need not wait for the session to
// time out. A static member stays.
func (m *Member) Leave(ctx context.Context) error {
	m.endHeartbeat()
	if m.id == "" || m.o.Instance != "" {
		return nil
	}
	id := m.id
	m.id = ""
	err := m.c.onGroupCoordinator(ctx, m.o.Group, func(b *sarama.Broker) error {
		resp, err := b.LeaveGroup(&sarama.LeaveGroupRequest{Version: 1, GroupId: m.o.Group, MemberId: id})
		if err != nil {
			return err
		}
		return kerr(resp.Err)
	})
	if err != nil && !forgotten(err) {
		return fmt.Errorf("leave group %s: %w", m.o.Group, err)
	}
	return nil
}
