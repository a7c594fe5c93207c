// SPDX-License-Identifier: Apache-2.0

package group

import (
	"github.com/twmb/franz-go/pkg/kerr"
)

// Committer says who wants to commit offsets for a group.
type Committer struct {
	Group      string
	MemberID   string
	InstanceID *string
	// Generation is negative for clients that are no members.
	Generation int32
	// Transactional commits may come without a member, and while the
	// generation's assignments are still being worked out.
	Transactional bool
}

func (r Committer) anonymous() bool {
	return r.Generation < 0 && r.MemberID == "" && r.InstanceID == nil
}

// Commit calls fn if the committer may commit, and returns its error. The
// group's membership does not change while fn runs: no member of an older
// generation can write after a newer one has begun.
func (c *Coordinator) Commit(r Committer, fn func() error) error {
	if r.Group == "" {
		return kerr.InvalidGroupID
	}
	g, err := c.enter(r.Group, false)
	if err != nil {
		if r.Generation >= 0 {
			return kerr.IllegalGeneration
		}
		if !r.anonymous() && r.Transactional {
			return kerr.UnknownMemberID
		}
		return fn()
	}
	defer g.mu.Unlock()
	if err := g.admit(r); err != nil {
		return err
	}
	if m := g.member(r.MemberID); m != nil {
		m.seen = c.o.Now()
	}
	return fn()
}

func (g *group) admit(r Committer) error {
	if r.anonymous() && (r.Transactional || len(g.members) == 0) {
		return nil
	}
	if r.Generation < 0 && len(g.members) == 0 && !r.Transactional {
		return nil
	}
	if _, err := g.verify(r.MemberID, r.InstanceID); err != nil {
		return err
	}
	if r.Generation != g.generation {
		return kerr.IllegalGeneration
	}
	if g.state == CompletingRebalance && !r.Transactional {
		return kerr.RebalanceInProgress
	}
	return nil
}
