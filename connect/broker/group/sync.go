// SPDX-License-Identifier: Apache-2.0

package group

import (
	"bytes"
	"context"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
)

// SyncRequest asks for the member's assignment of a generation; the leader hands
// in everybody's. Byte slices are copied.
type SyncRequest struct {
	Group      string
	MemberID   string
	InstanceID *string
	Generation int32
	// ProtocolType and Protocol, when not nil, must be the generation's.
	ProtocolType, Protocol *string
	Assignments            []Assignment
}

// Assignment is what a member shall work on.
type Assignment struct {
	MemberID string
	Bytes    []byte
}

// SyncResult is the answer to a sync.
type SyncResult struct {
	Err          error
	ProtocolType string
	Protocol     string
	Assignment   []byte
}

// Sync returns the member's assignment when the leader has handed it in, or
// COORDINATOR_NOT_AVAILABLE when ctx ends.
func (c *Coordinator) Sync(ctx context.Context, r SyncRequest) SyncResult {
	if r.Group == "" {
		return SyncResult{Err: kerr.InvalidGroupID}
	}
	g, err := c.enter(r.Group, false)
	if err != nil {
		return SyncResult{Err: err}
	}
	wait, err := g.syncMember(&r, c.o.Now())
	g.mu.Unlock()
	if err != nil {
		return SyncResult{Err: err}
	}
	select {
	case res := <-wait:
		return res
	case <-ctx.Done():
		return SyncResult{Err: kerr.CoordinatorNotAvailable}
	}
}

func (g *group) syncMember(r *SyncRequest, now time.Time) (<-chan SyncResult, error) {
	m, err := g.verify(r.MemberID, r.InstanceID)
	if err != nil {
		return nil, err
	}
	if r.Generation != g.generation {
		return nil, kerr.IllegalGeneration
	}
	differs := func(want *string, have string) bool { return want != nil && *want != have }
	if differs(r.ProtocolType, g.protocolType) || differs(r.Protocol, g.protocol) {
		return nil, kerr.InconsistentGroupProtocol
	}
	if g.state == PreparingRebalance {
		return nil, kerr.RebalanceInProgress
	}
	m.answerSync(SyncResult{Err: kerr.RebalanceInProgress})
	m.sync = make(chan SyncResult, 1)
	m.synced, m.seen = true, now
	wait := m.sync
	switch {
	case g.state == Stable:
		m.answerSync(g.assigned(m))
	case m.id == g.leader:
		g.settle(r.Assignments, now)
	}
	if !slices.ContainsFunc(g.members, func(m *member) bool { return !m.synced }) {
		g.deadline = time.Time{}
	}
	return wait, nil
}

// settle hands the leader's assignments out.
func (g *group) settle(list []Assignment, now time.Time) {
	for _, a := range list {
		if m := g.member(a.MemberID); m != nil {
			m.assignment = bytes.Clone(a.Bytes)
		}
	}
	g.state = Stable
	for _, m := range g.members {
		if m.sync != nil {
			m.seen = now
		}
		m.answerSync(g.assigned(m))
	}
}

func (g *group) assigned(m *member) SyncResult {
	return SyncResult{ProtocolType: g.protocolType, Protocol: g.protocol, Assignment: m.assignment}
}
