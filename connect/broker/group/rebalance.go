// SPDX-License-Identifier: Apache-2.0

package group

import (
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
)

// rebalance begins to prepare the next generation, or goes on with it.
func (g *group) rebalance(now time.Time) {
	if g.state != PreparingRebalance {
		for _, m := range g.members {
			m.answerSync(SyncResult{Err: kerr.RebalanceInProgress})
			m.assignment = nil
		}
		g.state = PreparingRebalance
		g.deadline = now.Add(g.patience())
	}
	g.tryBegin(now)
}

// patience is the longest rebalance time-out among the members.
func (g *group) patience() time.Duration {
	var d time.Duration
	for _, m := range g.members {
		d = max(d, m.rebalance)
	}
	return d
}

// tryBegin begins the generation if nobody is missing.
func (g *group) tryBegin(now time.Time) {
	if g.state != PreparingRebalance || len(g.pending) > 0 {
		return
	}
	if slices.ContainsFunc(g.members, func(m *member) bool { return m.join == nil }) {
		return
	}
	g.begin(now)
}

// begin removes the members that have not joined, unless they are static, and
// begins the next generation with the others.
func (g *group) begin(now time.Time) {
	g.members = slices.DeleteFunc(g.members, func(m *member) bool { return m.join == nil && m.instance == nil })
	if len(g.members) == 0 {
		g.generation++
		g.state, g.protocol, g.leader = Empty, "", ""
		g.deadline, g.emptySince = time.Time{}, now
		return
	}
	if !g.elect() {
		g.deadline = now.Add(g.patience())
		return
	}
	g.generation++
	g.protocol = g.choose()
	g.state = CompletingRebalance
	g.deadline = now.Add(g.patience())
	for _, m := range g.members {
		m.synced = false
		if m.join != nil {
			m.seen = now
		}
		m.answerJoin(g.joined(m))
	}
}

// elect keeps the leader if it has joined, else takes the first that has; false
// if nobody has.
func (g *group) elect() bool {
	if m := g.member(g.leader); m != nil && m.join != nil {
		return true
	}
	i := slices.IndexFunc(g.members, func(m *member) bool { return m.join != nil })
	if i < 0 {
		return false
	}
	g.leader = g.members[i].id
	return true
}

// choose selects the protocol that all members support and most prefer.
func (g *group) choose() string {
	votes := map[string]int{}
	best := ""
	for _, m := range g.members {
		i := slices.IndexFunc(m.protocols, func(p Protocol) bool { return g.supporters(p.Name, "") == len(g.members) })
		if i < 0 {
			continue
		}
		name := m.protocols[i].Name
		votes[name]++
		if best == "" || votes[name] > votes[best] {
			best = name
		}
	}
	return best
}

// take takes a member out of the group; the caller goes on with changed.
func (g *group) take(m *member) {
	m.dismiss(kerr.UnknownMemberID)
	g.members = slices.DeleteFunc(g.members, func(o *member) bool { return o == m })
}

// changed goes on after members have been taken out.
func (g *group) changed(now time.Time) {
	if g.state != Empty {
		g.rebalance(now)
	}
}

// expire lets time-outs take effect.
func (g *group) expire(now time.Time) {
	before := len(g.pending)
	for id, until := range g.pending {
		if now.After(until) {
			delete(g.pending, id)
		}
	}
	if len(g.pending) < before {
		g.tryBegin(now)
	}
	late := func(m *member) bool { return !m.waits() && now.Sub(m.seen) > m.session }
	if g.takeAll(late) {
		g.changed(now)
	}
	if g.deadline.IsZero() || now.Before(g.deadline) {
		return
	}
	if g.state == PreparingRebalance {
		g.begin(now)
		return
	}
	g.deadline = time.Time{}
	if g.takeAll(func(m *member) bool { return !m.synced }) {
		g.changed(now)
	}
}

// takeAll takes out the members that match and reports whether there were any.
func (g *group) takeAll(match func(*member) bool) bool {
	any := false
	for _, m := range slices.Clone(g.members) {
		if match(m) {
			g.take(m)
			any = true
		}
	}
	return any
}
