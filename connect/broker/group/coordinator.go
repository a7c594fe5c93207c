// SPDX-License-Identifier: Apache-2.0

package group

import (
	"crypto/rand"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
)

// Options configure a Coordinator. The zero value is usable.
type Options struct {
	// Now is the clock of all time-outs; time.Now when nil.
	Now func() time.Time
	// NewID makes the random part of member ids; a random UUID when nil.
	NewID func() string
	// MinSession and MaxSession bound the session time-outs that members may
	// ask for; default 100 ms and 30 minutes.
	MinSession, MaxSession time.Duration
	// MaxGroups (default 10,000) and MaxMembers (of one group, default 1,000)
	// bound the memory that clients can claim.
	MaxGroups, MaxMembers int
}

// Coordinator keeps the membership of all groups. Its methods may be called
// concurrently; errors are those of package kerr.
type Coordinator struct {
	o Options

	mu     sync.Mutex
	groups map[string]*group
}

// New returns a coordinator without groups.
func New(o Options) *Coordinator {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.NewID == nil {
		o.NewID = randomID
	}
	if o.MinSession == 0 {
		o.MinSession = 100 * time.Millisecond
	}
	if o.MaxSession == 0 {
		o.MaxSession = 30 * time.Minute
	}
	if o.MaxGroups == 0 {
		o.MaxGroups = 10_000
	}
	if o.MaxMembers == 0 {
		o.MaxMembers = 1_000
	}
	return &Coordinator{o: o, groups: map[string]*group{}}
}

func randomID() string {
	var b [16]byte
	// The reader of crypto/rand never fails: it ends the program instead.
	_, _ = rand.Read(b[:])
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// enter returns the group, locked. If it does not exist it is created or, if it
// must not be, UNKNOWN_MEMBER_ID is returned.
func (c *Coordinator) enter(name string, create bool) (*group, error) {
	for {
		g, err := c.find(name, create)
		if err != nil {
			return nil, err
		}
		if g == nil {
			return nil, kerr.UnknownMemberID
		}
		g.mu.Lock()
		if !g.dead {
			return g, nil
		}
		g.mu.Unlock()
	}
}

func (c *Coordinator) find(name string, create bool) (*group, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	g := c.groups[name]
	if g != nil || !create {
		return g, nil
	}
	if len(c.groups) >= c.o.MaxGroups {
		return nil, kerr.GroupMaxSizeReached
	}
	g = &group{name: name, state: Empty, emptySince: c.o.Now(), pending: map[string]time.Time{}}
	c.groups[name] = g
	return g, nil
}

func (c *Coordinator) all() []*group {
	c.mu.Lock()
	defer c.mu.Unlock()
	list := make([]*group, 0, len(c.groups))
	for _, g := range c.groups {
		list = append(list, g)
	}
	return list
}

// Tick lets the time-outs take effect that have passed by the clock. The owner
// calls it several times a second.
func (c *Coordinator) Tick() {
	now := c.o.Now()
	for _, g := range c.all() {
		g.mu.Lock()
		g.expire(now)
		g.mu.Unlock()
	}
}

// Forget drops a group without members and reports whether it is gone.
func (c *Coordinator) Forget(name string) bool {
	g, err := c.enter(name, false)
	if err != nil {
		return true
	}
	defer g.mu.Unlock()
	if !g.idle() {
		return false
	}
	c.drop(g)
	return true
}

// drop removes a group whose lock the caller holds.
func (c *Coordinator) drop(g *group) {
	g.dead = true
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.groups, g.name)
}
