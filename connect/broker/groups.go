// SPDX-License-Identifier: Apache-2.0

package broker

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/connectd/connectd/connect/broker/group"
)

// Types of coordinators in FindCoordinator.
const (
	coordinatesGroups = 0
	coordinatesTxns   = 1
)

func (c *conn) findCoordinator(_ context.Context, r *kmsg.FindCoordinatorRequest) (kmsg.Response, error) {
	res := r.ResponseKind().(*kmsg.FindCoordinatorResponse)
	host, port := c.b.endpoint(c)
	res.NodeID, res.Host, res.Port = nodeID, host, port
	var err error
	if r.CoordinatorType != coordinatesGroups && r.CoordinatorType != coordinatesTxns {
		err = refuse(kerr.InvalidRequest, "coordinators of type %d are not known", r.CoordinatorType)
		res.ErrorCode, res.ErrorMessage = code(err), message(err)
		res.NodeID, res.Host, res.Port = -1, "", -1
	}
	for _, key := range r.CoordinatorKeys {
		k := kmsg.NewFindCoordinatorResponseCoordinator()
		k.Key, k.NodeID, k.Host, k.Port = key, res.NodeID, res.Host, res.Port
		k.ErrorCode, k.ErrorMessage = code(err), message(err)
		res.Coordinators = append(res.Coordinators, k)
	}
	return res, nil
}

func (c *conn) joinGroup(ctx context.Context, r *kmsg.JoinGroupRequest) (kmsg.Response, error) {
	q := group.JoinRequest{
		Group: r.Group, MemberID: r.MemberID, InstanceID: r.InstanceID, ClientID: c.clientID, Host: "/" + c.host,
		ProtocolType:      r.ProtocolType,
		SessionTimeout:    time.Duration(r.SessionTimeoutMillis) * time.Millisecond,
		RebalanceTimeout:  time.Duration(r.RebalanceTimeoutMillis) * time.Millisecond,
		NeedID:            r.Version >= 4,
		MaySkipAssignment: r.Version >= 9,
	}
	if r.Version == 0 {
		q.RebalanceTimeout = q.SessionTimeout
	}
	for _, p := range r.Protocols {
		q.Protocols = append(q.Protocols, group.Protocol{Name: p.Name, Metadata: p.Metadata})
	}
	got := c.b.groups.Join(ctx, q)
	res := r.ResponseKind().(*kmsg.JoinGroupResponse)
	res.ErrorCode, res.MemberID, res.Generation = code(got.Err), got.MemberID, got.Generation
	if got.Err != nil {
		if r.Version < 7 {
			res.Protocol = new(string)
		}
		return res, nil
	}
	res.ProtocolType, res.Protocol = &got.ProtocolType, &got.Protocol
	res.LeaderID, res.SkipAssignment = got.Leader, got.SkipAssignment
	for _, m := range got.Members {
		res.Members = append(res.Members, kmsg.JoinGroupResponseMember{MemberID: m.ID, InstanceID: m.InstanceID, ProtocolMetadata: m.Metadata})
	}
	return res, nil
}

func (c *conn) syncGroup(ctx context.Context, r *kmsg.SyncGroupRequest) (kmsg.Response, error) {
	q := group.SyncRequest{
		Group: r.Group, MemberID: r.MemberID, InstanceID: r.InstanceID, Generation: r.Generation,
		ProtocolType: r.ProtocolType, Protocol: r.Protocol,
	}
	for _, a := range r.GroupAssignment {
		q.Assignments = append(q.Assignments, group.Assignment{MemberID: a.MemberID, Bytes: a.MemberAssignment})
	}
	got := c.b.groups.Sync(ctx, q)
	res := r.ResponseKind().(*kmsg.SyncGroupResponse)
	res.ErrorCode, res.MemberAssignment = code(got.Err), got.Assignment
	if got.Err == nil {
		res.ProtocolType, res.Protocol = &got.ProtocolType, &got.Protocol
	}
	return res, nil
}

func (c *conn) heartbeat(_ context.Context, r *kmsg.HeartbeatRequest) (kmsg.Response, error) {
	res := r.ResponseKind().(*kmsg.HeartbeatResponse)
	res.ErrorCode = code(c.b.groups.Heartbeat(r.Group, r.MemberID, r.InstanceID, r.Generation))
	return res, nil
}

func (c *conn) leaveGroup(_ context.Context, r *kmsg.LeaveGroupRequest) (kmsg.Response, error) {
	res := r.ResponseKind().(*kmsg.LeaveGroupResponse)
	if r.Version < 3 {
		errs, err := c.b.groups.Leave(r.Group, []group.Leaver{{MemberID: r.MemberID}})
		if err == nil {
			err = errs[0]
		}
		res.ErrorCode = code(err)
		return res, nil
	}
	leavers := make([]group.Leaver, len(r.Members))
	for i, m := range r.Members {
		leavers[i] = group.Leaver{MemberID: m.MemberID, InstanceID: m.InstanceID}
	}
	errs, err := c.b.groups.Leave(r.Group, leavers)
	if res.ErrorCode = code(err); err != nil {
		return res, nil
	}
	for i, m := range r.Members {
		res.Members = append(res.Members, kmsg.LeaveGroupResponseMember{MemberID: m.MemberID, InstanceID: m.InstanceID, ErrorCode: code(errs[i])})
	}
	return res, nil
}

// describeGroup describes a group by its members, or by the offsets that it has
// left behind.
func (b *Broker) describeGroup(name string) group.Description {
	d := b.groups.Describe(name)
	if d.State != group.Dead {
		return d
	}
	if slices.Contains(b.store.Groups(), name) {
		d.State = group.Empty
	}
	return d
}

func (c *conn) describeGroups(_ context.Context, r *kmsg.DescribeGroupsRequest) (kmsg.Response, error) {
	res := r.ResponseKind().(*kmsg.DescribeGroupsResponse)
	for _, name := range r.Groups {
		d := c.b.describeGroup(name)
		g := kmsg.NewDescribeGroupsResponseGroup()
		g.Group, g.State, g.ProtocolType, g.Protocol = name, string(d.State), d.ProtocolType, d.Protocol
		if d.State == group.Dead && r.Version >= 6 {
			err := refuse(kerr.GroupIDNotFound, "Group %s not found.", name)
			g.ErrorCode, g.ErrorMessage = code(err), message(err)
		}
		for _, m := range d.Members {
			g.Members = append(g.Members, kmsg.DescribeGroupsResponseGroupMember{
				MemberID: m.ID, InstanceID: m.InstanceID, ClientID: m.ClientID, ClientHost: m.Host,
				ProtocolMetadata: m.Metadata, MemberAssignment: m.Assignment,
			})
		}
		res.Groups = append(res.Groups, g)
	}
	return res, nil
}

func (c *conn) listGroups(_ context.Context, r *kmsg.ListGroupsRequest) (kmsg.Response, error) {
	res := r.ResponseKind().(*kmsg.ListGroupsResponse)
	list := c.b.groups.List()
	for _, name := range c.b.store.Groups() {
		if !slices.ContainsFunc(list, func(d group.Description) bool { return d.Name == name }) {
			list = append(list, group.Description{Name: name, State: group.Empty})
		}
	}
	matches := func(filter []string, value string) bool {
		return len(filter) == 0 || slices.ContainsFunc(filter, func(f string) bool { return strings.EqualFold(f, value) })
	}
	for _, d := range list {
		if !matches(r.StatesFilter, string(d.State)) || !matches(r.TypesFilter, "classic") {
			continue
		}
		g := kmsg.NewListGroupsResponseGroup()
		g.Group, g.ProtocolType, g.GroupState, g.GroupType = d.Name, d.ProtocolType, string(d.State), "classic"
		res.Groups = append(res.Groups, g)
	}
	return res, nil
}

func (c *conn) deleteGroups(ctx context.Context, r *kmsg.DeleteGroupsRequest) (kmsg.Response, error) {
	res := r.ResponseKind().(*kmsg.DeleteGroupsResponse)
	for _, name := range r.Groups {
		g := kmsg.NewDeleteGroupsResponseGroup()
		g.Group, g.ErrorCode = name, code(c.b.deleteGroup(ctx, name))
		res.Groups = append(res.Groups, g)
	}
	return res, nil
}

func (b *Broker) deleteGroup(ctx context.Context, name string) error {
	if name == "" {
		return kerr.InvalidGroupID
	}
	err := b.groups.Exclusive(name, func(d group.Description) error {
		if len(d.Members) > 0 {
			return kerr.NonEmptyGroup
		}
		err := b.store.DeleteGroup(ctx, name)
		if code(err) == kerr.GroupIDNotFound.Code && d.State != group.Dead {
			return nil
		}
		return err
	})
	if err != nil {
		return err
	}
	b.groups.Forget(name)
	return nil
}
