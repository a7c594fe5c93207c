// SPDX-License-Identifier: Apache-2.0

package broker

import (
	"context"
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/connectd/connectd/connect/broker/store"
)

const (
	apiVersionsKey = 18
	// unknownVersion marks an ApiVersions request of a version not known here.
	unknownVersion = -1
)

func (c *conn) apiVersions(_ context.Context, r *kmsg.ApiVersionsRequest) (kmsg.Response, error) {
	res := r.ResponseKind().(*kmsg.ApiVersionsResponse)
	for _, a := range c.b.apis {
		if a.handle != nil || a.raw != nil {
			res.ApiKeys = append(res.ApiKeys, kmsg.ApiVersionsResponseApiKey{ApiKey: a.key, MinVersion: a.first, MaxVersion: a.last})
		}
	}
	return res, nil
}

// unsupportedVersion answers an ApiVersions request of a future version: the
// client asks again with the version it finds in there.
func (c *conn) unsupportedVersion() *kmsg.ApiVersionsResponse {
	a := c.b.apis[apiVersionsKey]
	return &kmsg.ApiVersionsResponse{
		ErrorCode: kerr.UnsupportedVersion.Code,
		ApiKeys:   []kmsg.ApiVersionsResponseApiKey{{ApiKey: a.key, MinVersion: a.first, MaxVersion: a.last}},
	}
}

// saslHandshake refuses: clients connect without authentication.
func (c *conn) saslHandshake(_ context.Context, r *kmsg.SASLHandshakeRequest) (kmsg.Response, error) {
	res := r.ResponseKind().(*kmsg.SASLHandshakeResponse)
	res.ErrorCode = kerr.IllegalSaslState.Code
	return res, nil
}

func (c *conn) metadata(ctx context.Context, r *kmsg.MetadataRequest) (kmsg.Response, error) {
	res := r.ResponseKind().(*kmsg.MetadataResponse)
	host, port := c.b.endpoint(c)
	broker := kmsg.NewMetadataResponseBroker()
	broker.NodeID, broker.Host, broker.Port = nodeID, host, port
	res.Brokers = append(res.Brokers, broker)
	id := c.b.store.ClusterID()
	res.ClusterID, res.ControllerID = &id, nodeID
	if everyTopic(r) {
		for _, t := range c.b.store.Topics() {
			res.Topics = append(res.Topics, describeTopic(t))
		}
		return res, nil
	}
	for _, t := range r.Topics {
		res.Topics = append(res.Topics, c.b.topicMetadata(ctx, r, t))
	}
	return res, nil
}

// everyTopic reports whether all topics are asked for; version 0 does so with an
// empty list, later ones with none.
func everyTopic(r *kmsg.MetadataRequest) bool {
	return r.Topics == nil || r.Version == 0 && len(r.Topics) == 0
}

func (b *Broker) topicMetadata(ctx context.Context, r *kmsg.MetadataRequest, want kmsg.MetadataRequestTopic) kmsg.MetadataResponseTopic {
	failed := func(err error) kmsg.MetadataResponseTopic {
		t := kmsg.NewMetadataResponseTopic()
		t.Topic, t.TopicID, t.ErrorCode = want.Topic, want.TopicID, code(err)
		return t
	}
	if want.Topic == nil {
		if t, ok := b.store.TopicByID(want.TopicID); ok {
			return describeTopic(t)
		}
		return failed(kerr.UnknownTopicID)
	}
	if t, ok := b.store.TopicByName(*want.Topic); ok {
		return describeTopic(t)
	}
	if b.o.NoAutoCreate || r.Version >= 4 && !r.AllowAutoTopicCreation {
		if err := b.store.CheckTopic(*want.Topic, 1, nil); code(err) == kerr.InvalidTopicException.Code {
			return failed(err)
		}
		return failed(kerr.UnknownTopicOrPartition)
	}
	t, err := b.store.CreateTopic(ctx, *want.Topic, b.o.Partitions, nil)
	if code(err) == kerr.TopicAlreadyExists.Code {
		// Another client has asked at the same time.
		if t, ok := b.store.TopicByName(*want.Topic); ok {
			return describeTopic(t)
		}
	}
	if err != nil {
		return failed(err)
	}
	return describeTopic(t)
}

func describeTopic(t store.Topic) kmsg.MetadataResponseTopic {
	m := kmsg.NewMetadataResponseTopic()
	m.Topic, m.TopicID = &t.Name, t.ID
	m.Partitions = make([]kmsg.MetadataResponseTopicPartition, t.Partitions)
	self := []int32{nodeID}
	for i := range m.Partitions {
		p := &m.Partitions[i]
		p.Default()
		p.Partition, p.Leader, p.LeaderEpoch = int32(i), nodeID, 0
		p.Replicas, p.ISR = self, self
	}
	return m
}

func (c *conn) describeCluster(_ context.Context, r *kmsg.DescribeClusterRequest) (kmsg.Response, error) {
	res := r.ResponseKind().(*kmsg.DescribeClusterResponse)
	if r.Version >= 1 && r.EndpointType != 1 {
		res.ErrorCode = kerr.MismatchedEndpointType.Code
		res.ErrorMessage = message(kerr.MismatchedEndpointType)
		return res, nil
	}
	host, port := c.b.endpoint(c)
	broker := kmsg.NewDescribeClusterResponseBroker()
	broker.NodeID, broker.Host, broker.Port = nodeID, host, port
	res.Brokers = append(res.Brokers, broker)
	res.ClusterID, res.ControllerID = c.b.store.ClusterID(), nodeID
	return res, nil
}

func (c *conn) describeLogDirs(_ context.Context, r *kmsg.DescribeLogDirsRequest) (kmsg.Response, error) {
	res := r.ResponseKind().(*kmsg.DescribeLogDirsResponse)
	dir := kmsg.NewDescribeLogDirsResponseDir()
	dir.Dir = c.b.o.Dir
	dir.TotalBytes, dir.UsableBytes = -1, -1
	if err := c.b.store.Err(); err != nil {
		dir.ErrorCode = code(err)
	}
	for _, t := range c.b.store.Topics() {
		wanted := func(p int32) bool {
			return r.Topics == nil || slices.ContainsFunc(r.Topics, func(w kmsg.DescribeLogDirsRequestTopic) bool {
				return w.Topic == t.Name && slices.Contains(w.Partitions, p)
			})
		}
		rt := kmsg.NewDescribeLogDirsResponseDirTopic()
		rt.Topic = t.Name
		for p := range t.Partitions {
			l, ok := c.b.store.Log(t.Name, p)
			if !ok || !wanted(p) {
				continue
			}
			rp := kmsg.NewDescribeLogDirsResponseDirTopicPartition()
			rp.Partition, rp.Size = p, l.Size()
			rt.Partitions = append(rt.Partitions, rp)
		}
		if len(rt.Partitions) > 0 {
			dir.Topics = append(dir.Topics, rt)
		}
	}
	res.Dirs = append(res.Dirs, dir)
	return res, nil
}
