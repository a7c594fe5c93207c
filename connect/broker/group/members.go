// SPDX-License-Identifier: Apache-2.0

package group

import (
	"bytes"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
)

// State is the state of a group, named as Kafka's DescribeGroups names it.
type State string

// The states of a group.
const (
	Empty               State = "Empty"
	PreparingRebalance  State = "PreparingRebalance"
	CompletingRebalance State = "CompletingRebalance"
	Stable              State = "Stable"
	// Dead stands for a group that does not exist.
	Dead State = "Dead"
)

// Protocol is one that a member can work by, with the member's metadata for it.
type Protocol struct {
	Name     string
	Metadata []byte
}

// group is the membership of one group. All fields but name are guarded by mu.
type group struct {
	name string

	mu           sync.Mutex
	dead         bool // no longer in the coordinator's map
	state        State
	protocolType string
	protocol     string
	generation   int32
	leader       string
	members      []*member            // in the order they came
	pending      map[string]time.Time // ids handed out for the next join, until when
	deadline     time.Time            // of the joins or syncs that are waited for; zero if none
	emptySince   time.Time
}

type member struct {
	id       string
	instance *string
	clientID string
	host     string
	session  time.Duration
	// rebalance is how long the member may take to join again.
	rebalance  time.Duration
	protocols  []Protocol
	assignment []byte
	seen       time.Time // last sign of life
	synced     bool      // has asked for the assignment of this generation

	// join and sync, when set, are those that wait for an answer; they have
	// room for one.
	join chan JoinResult
	sync chan SyncResult
}

// idle reports whether the group has no member and expects none.
func (g *group) idle() bool { return len(g.members) == 0 && len(g.pending) == 0 }

func (g *group) member(id string) *member {
	for _, m := range g.members {
		if m.id == id {
			return m
		}
	}
	return nil
}

func (g *group) static(instance string) *member {
	for _, m := range g.members {
		if m.instance != nil && *m.instance == instance {
			return m
		}
	}
	return nil
}

// verify finds the member that a request names by id and, if it is static, by
// instance id.
func (g *group) verify(id string, instance *string) (*member, error) {
	if instance != nil {
		m := g.static(*instance)
		if m == nil {
			return nil, kerr.UnknownMemberID
		}
		if m.id != id {
			return nil, kerr.FencedInstanceID
		}
		return m, nil
	}
	if m := g.member(id); m != nil {
		return m, nil
	}
	return nil, kerr.UnknownMemberID
}

func (m *member) answerJoin(r JoinResult) {
	if m.join == nil {
		return
	}
	m.join <- r
	m.join = nil
}

func (m *member) answerSync(r SyncResult) {
	if m.sync == nil {
		return
	}
	m.sync <- r
	m.sync = nil
}

// dismiss answers what waits for the member with err.
func (m *member) dismiss(err error) {
	m.answerJoin(JoinResult{Err: err, MemberID: m.id, Generation: -1})
	m.answerSync(SyncResult{Err: err})
}

// waits reports whether a request of the member waits for an answer, so that it
// need not send heartbeats.
func (m *member) waits() bool { return m.join != nil || m.sync != nil }

func (m *member) metadata(protocol string) []byte {
	for _, p := range m.protocols {
		if p.Name == protocol {
			return p.Metadata
		}
	}
	return nil
}

func (m *member) supports(protocol string) bool {
	return slices.ContainsFunc(m.protocols, func(p Protocol) bool { return p.Name == protocol })
}

func equalProtocols(a, b []Protocol) bool {
	return slices.EqualFunc(a, b, func(a, b Protocol) bool {
		return a.Name == b.Name && bytes.Equal(a.Metadata, b.Metadata)
	})
}

// cloneProtocols copies what aliases the request's buffer.
func cloneProtocols(list []Protocol) []Protocol {
	own := make([]Protocol, len(list))
	for i, p := range list {
		own[i] = Protocol{Name: p.Name, Metadata: bytes.Clone(p.Metadata)}
	}
	return own
}
