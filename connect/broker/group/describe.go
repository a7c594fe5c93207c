// SPDX-License-Identifier: Apache-2.0

package group

import (
	"slices"
	"strings"
	"time"
)

// Description is a group at one moment.
type Description struct {
	Name         string
	State        State
	ProtocolType string
	Protocol     string
	Generation   int32
	Members      []MemberDescription
	// EmptySince is the clock when the last member left; zero while the group
	// has members.
	EmptySince time.Time
}

// MemberDescription describes a member. Metadata and Assignment are set only
// when the generation is stable; they must not be changed.
type MemberDescription struct {
	ID             string
	InstanceID     *string
	ClientID, Host string
	Metadata       []byte
	Assignment     []byte
}

// Describe describes a group, whose state is Dead if it does not exist.
func (c *Coordinator) Describe(name string) Description {
	g, err := c.enter(name, false)
	if err != nil {
		return Description{Name: name, State: Dead}
	}
	defer g.mu.Unlock()
	return g.describe()
}

// List describes all groups, sorted by name.
func (c *Coordinator) List() []Description {
	var list []Description
	for _, g := range c.all() {
		g.mu.Lock()
		if !g.dead {
			list = append(list, g.describe())
		}
		g.mu.Unlock()
	}
	slices.SortFunc(list, func(a, b Description) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// Exclusive calls fn with the group's description and returns its error; the
// group's membership does not change while fn runs.
func (c *Coordinator) Exclusive(name string, fn func(Description) error) error {
	g, err := c.enter(name, false)
	if err != nil {
		return fn(Description{Name: name, State: Dead})
	}
	defer g.mu.Unlock()
	return fn(g.describe())
}

func (g *group) describe() Description {
	d := Description{Name: g.name, State: g.state, ProtocolType: g.protocolType, Generation: g.generation}
	if len(g.members) == 0 {
		d.EmptySince = g.emptySince
	}
	if g.state == Stable {
		d.Protocol = g.protocol
	}
	for _, m := range g.members {
		md := MemberDescription{ID: m.id, InstanceID: m.instance, ClientID: m.clientID, Host: m.host}
		if g.state == Stable {
			md.Metadata, md.Assignment = m.metadata(g.protocol), m.assignment
		}
		d.Members = append(d.Members, md)
	}
	return d
}
