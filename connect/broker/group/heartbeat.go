// SPDX-License-Identifier: Apache-2.0

package group

import (
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
)

// Heartbeat keeps a member alive. REBALANCE_IN_PROGRESS asks it to join again.
func (c *Coordinator) Heartbeat(name, memberID string, instance *string, generation int32) error {
	if name == "" {
		return kerr.InvalidGroupID
	}
	g, err := c.enter(name, false)
	if err != nil {
		return err
	}
	defer g.mu.Unlock()
	m, err := g.verify(memberID, instance)
	if err != nil {
		return err
	}
	if generation != g.generation {
		return kerr.IllegalGeneration
	}
	m.seen = c.o.Now()
	if g.state == PreparingRebalance {
		return kerr.RebalanceInProgress
	}
	return nil
}

// Leaver names a member that leaves, by id, by instance id, or both.
type Leaver struct {
	MemberID   string
	InstanceID *string
}

// Leave takes members out of the group. It returns an error for each of them, in
// order, and one for the request as a whole.
func (c *Coordinator) Leave(name string, leavers []Leaver) ([]error, error) {
	errs := make([]error, len(leavers))
	if name == "" {
		return errs, kerr.InvalidGroupID
	}
	g, err := c.enter(name, false)
	if err != nil {
		for i := range errs {
			errs[i] = err
		}
		return errs, nil
	}
	defer g.mu.Unlock()
	now, before := c.o.Now(), len(g.members)
	for i, l := range leavers {
		errs[i] = g.leave(l, now)
	}
	if len(g.members) < before {
		g.changed(now)
	}
	return errs, nil
}

// leave takes one member out; the caller goes on with changed.
func (g *group) leave(l Leaver, now time.Time) error {
	if _, expected := g.pending[l.MemberID]; expected && l.InstanceID == nil {
		delete(g.pending, l.MemberID)
		g.tryBegin(now)
		return nil
	}
	id := l.MemberID
	if l.InstanceID != nil && id == "" {
		m := g.static(*l.InstanceID)
		if m == nil {
			return kerr.UnknownMemberID
		}
		// An administrator removes a static member by its instance id alone.
		id = m.id
	}
	m, err := g.verify(id, l.InstanceID)
	if err != nil {
		return err
	}
	g.take(m)
	return nil
}
