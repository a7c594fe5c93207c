// SPDX-License-Identifier: Apache-2.0

package broker_test

import (
	"testing"
	"time"

	"github.com/IBM/sarama"

	"github.com/connectd/connectd/connect/broker/brokertest"
)

// connectMember is a member of a group of protocol type "connect", as workers
// form it, on a connection of its own.
type connectMember struct {
	t          *testing.T
	broker     *sarama.Broker
	group, id  string
	generation int32
	leader     string
	members    map[string][]byte
}

func dialSarama(t *testing.T, addr string) *sarama.Broker {
	t.Helper()
	b := sarama.NewBroker(addr)
	must(t, b.Open(saramaConfig()))
	t.Cleanup(func() { _ = b.Close() }) // closed twice by some tests
	return b
}

func (m *connectMember) join() error {
	r := &sarama.JoinGroupRequest{
		Version: 5, GroupId: m.group, MemberId: m.id, ProtocolType: "connect", SessionTimeout: 10_000, RebalanceTimeout: 10_000,
	}
	r.AddGroupProtocol("sessioned", []byte("state of "+m.id))
	r.AddGroupProtocol("compatible", []byte("state of "+m.id))
	res, err := m.broker.JoinGroup(r)
	if err != nil {
		return err
	}
	m.id = res.MemberId
	if res.Err == sarama.ErrMemberIdRequired {
		return m.join()
	}
	if res.Err != sarama.ErrNoError {
		return res.Err
	}
	m.generation, m.leader = res.GenerationId, res.LeaderId
	m.members = map[string][]byte{}
	for _, o := range res.Members {
		m.members[o.MemberId] = o.Metadata
	}
	return nil
}

func (m *connectMember) sync() (string, error) {
	r := &sarama.SyncGroupRequest{Version: 3, GroupId: m.group, MemberId: m.id, GenerationId: m.generation}
	if m.leader == m.id {
		for id := range m.members {
			r.GroupAssignments = append(r.GroupAssignments, sarama.SyncGroupRequestAssignment{MemberId: id, Assignment: []byte("tasks of " + id)})
		}
	}
	res, err := m.broker.SyncGroup(r)
	if err != nil {
		return "", err
	}
	if res.Err != sarama.ErrNoError {
		return "", res.Err
	}
	return string(res.MemberAssignment), nil
}

func (m *connectMember) heartbeat() error {
	res, err := m.broker.Heartbeat(&sarama.HeartbeatRequest{Version: 3, GroupId: m.group, MemberId: m.id, GenerationId: m.generation})
	if err != nil {
		return err
	}
	if res.Err != sarama.ErrNoError {
		return res.Err
	}
	return nil
}

func (m *connectMember) leave() error {
	res, err := m.broker.LeaveGroup(&sarama.LeaveGroupRequest{Version: 1, GroupId: m.group, MemberId: m.id})
	if err != nil {
		return err
	}
	if res.Err != sarama.ErrNoError {
		return res.Err
	}
	return nil
}

// joinConnect makes the first member of a stable group.
func joinConnect(t *testing.T, addr, group string) *connectMember {
	t.Helper()
	cl := newKgo(t, addr)
	await(t, "a coordinator of the group", func() bool { return coordinated(t, cl, group) })
	m := &connectMember{t: t, broker: dialSarama(t, addr), group: group}
	must(t, m.join())
	_, err := m.sync()
	must(t, err)
	return m
}

func TestConnectGroup(t *testing.T) {
	addr := brokertest.Start(t)
	group := brokertest.Name(t, "workers")
	one := joinConnect(t, addr, group)
	if one.leader != one.id || one.generation != 1 || len(one.members) != 1 {
		t.Fatalf("first member: %+v", one)
	}
	two := &connectMember{t: t, broker: dialSarama(t, addr), group: group}
	joined := make(chan error, 1)
	go func() { joined <- two.join() }()
	await(t, "the call to rejoin", func() bool { return one.heartbeat() == sarama.ErrRebalanceInProgress })
	must(t, one.join())
	must(t, receive(t, joined))
	if one.generation != 2 || two.generation != 2 || two.leader != one.id || len(one.members) != 2 || len(two.members) != 0 {
		t.Errorf("leader %+v, follower %+v", one, two)
	}
	if string(one.members[two.id]) != "state of "+two.id {
		t.Errorf("leader was given %q for %s", one.members[two.id], two.id)
	}
	assigned := make(chan string, 1)
	go func() { a, err := two.sync(); joined <- err; assigned <- a }()
	mine, err := one.sync()
	must(t, err)
	must(t, receive(t, joined))
	if theirs := <-assigned; mine != "tasks of "+one.id || theirs != "tasks of "+two.id {
		t.Errorf("assigned %q and %q", mine, theirs)
	}
	must(t, one.leave())
	if err := two.heartbeat(); err != sarama.ErrRebalanceInProgress {
		t.Errorf("heartbeat after the leader left: %v", err)
	}
	must(t, two.join())
	if two.leader != two.id || two.generation != 3 {
		t.Errorf("after the leader left: %+v", two)
	}
	if err := one.heartbeat(); err != sarama.ErrUnknownMemberId {
		t.Errorf("heartbeat of the member that left: %v", err)
	}
	must(t, two.leave())
}

// TestWaitingJoinHoldsUpNobody joins on one connection, which waits, while others
// are served.
func TestWaitingJoinHoldsUpNobody(t *testing.T) {
	addr := brokertest.Start(t)
	group := brokertest.Name(t, "waiting")
	one := joinConnect(t, addr, group)
	two := &connectMember{t: t, broker: dialSarama(t, addr), group: group}
	joined := make(chan error, 1)
	go func() { joined <- two.join() }()
	await(t, "the call to rejoin", func() bool { return one.heartbeat() == sarama.ErrRebalanceInProgress })
	for range 10 {
		_, err := dialSarama(t, addr).GetMetadata(sarama.NewMetadataRequest(sarama.V2_8_0_0, []string{}))
		must(t, err)
	}
	must(t, one.leave())
	must(t, receive(t, joined))
	must(t, two.leave())
}

func receive[T any](t *testing.T, ch <-chan T) T {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(patience):
		t.Fatalf("nothing within %v", patience)
		panic("unreachable")
	}
}
