// SPDX-License-Identifier: Apache-2.0

package broker_test

import (
	"errors"
	"maps"
	"slices"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/connectd/connectd/connect/broker"
	"github.com/connectd/connectd/connect/broker/brokertest"
)

func TestCreateTopicErrors(t *testing.T) {
	addr := brokertest.Start(t)
	cl := newKgo(t, addr)
	there := brokertest.Topic(t, "there")
	createTopic(t, cl, there, 1)
	name := brokertest.Topic(t, "new")
	assign := func(partitions ...int32) []kmsg.CreateTopicsRequestTopicReplicaAssignment {
		var list []kmsg.CreateTopicsRequestTopicReplicaAssignment
		for _, p := range partitions {
			list = append(list, kmsg.CreateTopicsRequestTopicReplicaAssignment{Partition: p, Replicas: []int32{1}})
		}
		return list
	}
	config := func(k, v string) []kmsg.CreateTopicsRequestTopicConfig {
		return []kmsg.CreateTopicsRequestTopicConfig{{Name: k, Value: &v}}
	}
	cases := []struct {
		name  string
		topic kmsg.CreateTopicsRequestTopic
		want  error
	}{
		{"exists", kmsg.CreateTopicsRequestTopic{Topic: there, NumPartitions: 1, ReplicationFactor: 1}, kerr.TopicAlreadyExists},
		{"bad name", kmsg.CreateTopicsRequestTopic{Topic: "a/b", NumPartitions: 1, ReplicationFactor: 1}, kerr.InvalidTopicException},
		{"dots", kmsg.CreateTopicsRequestTopic{Topic: "..", NumPartitions: 1, ReplicationFactor: 1}, kerr.InvalidTopicException},
		{"no partitions", kmsg.CreateTopicsRequestTopic{Topic: name, NumPartitions: 0, ReplicationFactor: 1}, kerr.InvalidPartitions},
		{"three replicas", kmsg.CreateTopicsRequestTopic{Topic: name, NumPartitions: 1, ReplicationFactor: 3}, kerr.InvalidReplicationFactor},
		{"no replicas", kmsg.CreateTopicsRequestTopic{Topic: name, NumPartitions: 1, ReplicationFactor: 0}, kerr.InvalidReplicationFactor},
		{"unknown config", kmsg.CreateTopicsRequestTopic{Topic: name, NumPartitions: 1, ReplicationFactor: 1, Configs: config("retention.sm", "1")}, kerr.InvalidConfig},
		{"bad config", kmsg.CreateTopicsRequestTopic{Topic: name, NumPartitions: 1, ReplicationFactor: 1, Configs: config("retention.ms", "soon")}, kerr.InvalidConfig},
		{"null config", kmsg.CreateTopicsRequestTopic{Topic: name, NumPartitions: 1, ReplicationFactor: 1, Configs: []kmsg.CreateTopicsRequestTopicConfig{{Name: "retention.ms"}}}, kerr.InvalidConfig},
		{"gap in the assignment", kmsg.CreateTopicsRequestTopic{Topic: name, NumPartitions: -1, ReplicationFactor: -1, ReplicaAssignment: assign(0, 2)}, kerr.InvalidReplicaAssignment},
		{"assignment and number", kmsg.CreateTopicsRequestTopic{Topic: name, NumPartitions: 1, ReplicationFactor: 1, ReplicaAssignment: assign(0)}, kerr.InvalidRequest},
		{"assignment", kmsg.CreateTopicsRequestTopic{Topic: name, NumPartitions: -1, ReplicationFactor: -1, ReplicaAssignment: assign(0, 1)}, nil},
		{"defaults", kmsg.CreateTopicsRequestTopic{Topic: name, NumPartitions: -1, ReplicationFactor: -1}, nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := kmsg.NewPtrCreateTopicsRequest()
			r.ValidateOnly, r.Topics = true, []kmsg.CreateTopicsRequestTopic{c.topic}
			res, err := r.RequestWith(testContext(t), cl)
			must(t, err)
			got := res.Topics[0]
			wantErr(t, "validate", kerr.ErrorForCode(got.ErrorCode), c.want)
			if c.want != nil && (got.ErrorMessage == nil || *got.ErrorMessage == "") {
				t.Error("the error has no text")
			}
		})
	}
	if leaders(t, cl, name) != 0 {
		t.Error("validating created the topic")
	}
}

func TestDuplicateTopicInRequest(t *testing.T) {
	cl := newKgo(t, brokertest.Start(t))
	one := kmsg.CreateTopicsRequestTopic{Topic: brokertest.Topic(t, "twice"), NumPartitions: 1, ReplicationFactor: 1}
	r := kmsg.NewPtrCreateTopicsRequest()
	r.Topics = []kmsg.CreateTopicsRequestTopic{one, one}
	res, err := r.RequestWith(testContext(t), cl)
	must(t, err)
	for _, rt := range res.Topics {
		wantErr(t, "create twice", kerr.ErrorForCode(rt.ErrorCode), kerr.InvalidRequest)
	}
}

func TestMetadataOfUnknownTopics(t *testing.T) {
	b := brokertest.StartEmbedded(t, broker.Options{NoAutoCreate: true})
	created := brokertest.StartEmbedded(t, broker.Options{Partitions: 3})
	ask := func(addr, topic string, version int16, allow bool) kmsg.MetadataResponseTopic {
		r := kmsg.NewPtrMetadataRequest()
		r.SetVersion(version)
		r.AllowAutoTopicCreation = allow
		r.Topics = []kmsg.MetadataRequestTopic{{Topic: &topic}}
		return dial(t, addr).call(t, r).(*kmsg.MetadataResponse).Topics[0]
	}
	cases := []struct {
		name    string
		addr    string
		topic   string
		version int16
		allow   bool
		want    error
	}{
		{"not allowed by the broker", b.Addr(), "t", 9, true, kerr.UnknownTopicOrPartition},
		{"bad name", b.Addr(), "a b", 9, true, kerr.InvalidTopicException},
		{"not allowed by the client", created.Addr(), "t", 9, false, kerr.UnknownTopicOrPartition},
		{"bad name to create", created.Addr(), "a b", 9, true, kerr.InvalidTopicException},
		{"created", created.Addr(), "t", 9, true, nil},
		{"created for old clients", created.Addr(), "u", 1, false, nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got := ask(c.addr, c.topic, c.version, c.allow)
			wantErr(t, "metadata", kerr.ErrorForCode(got.ErrorCode), c.want)
			if c.want == nil && len(got.Partitions) != 3 {
				t.Errorf("created with %d partitions, want 3", len(got.Partitions))
			}
		})
	}
	byID := kmsg.NewPtrMetadataRequest()
	byID.SetVersion(12)
	byID.Topics = []kmsg.MetadataRequestTopic{{TopicID: [16]byte{1}}, {TopicID: ask(created.Addr(), "t", 10, false).TopicID}}
	got := dial(t, created.Addr()).call(t, byID).(*kmsg.MetadataResponse).Topics
	wantErr(t, "unknown id", kerr.ErrorForCode(got[0].ErrorCode), kerr.UnknownTopicID)
	if got[1].Topic == nil || *got[1].Topic != "t" {
		t.Errorf("by id: %+v", got[1])
	}
}

func TestConfigs(t *testing.T) {
	addr := brokertest.Start(t)
	cl := newKgo(t, addr)
	topic := brokertest.Topic(t, "configs")
	createTopic(t, cl, topic, 1, "retention.ms", "1000")
	alter := func(name string, op kmsg.IncrementalAlterConfigOp, value string) error {
		r := kmsg.NewPtrIncrementalAlterConfigsRequest()
		rr := kmsg.NewIncrementalAlterConfigsRequestResource()
		rr.ResourceType, rr.ResourceName = kmsg.ConfigResourceTypeTopic, topic
		rr.Configs = []kmsg.IncrementalAlterConfigsRequestResourceConfig{{Name: name, Op: op, Value: &value}}
		r.Resources = append(r.Resources, rr)
		res, err := r.RequestWith(testContext(t), cl)
		must(t, err)
		return kerr.ErrorForCode(res.Resources[0].ErrorCode)
	}
	must(t, alter("max.message.bytes", kmsg.IncrementalAlterConfigOpSet, "5000"))
	must(t, alter("retention.ms", kmsg.IncrementalAlterConfigOpDelete, ""))
	must(t, alter("cleanup.policy", kmsg.IncrementalAlterConfigOpAppend, "compact"))
	wantErr(t, "append to a number", alter("retention.ms", kmsg.IncrementalAlterConfigOpAppend, "1"), kerr.InvalidConfig)
	wantErr(t, "bad value", alter("retention.ms", kmsg.IncrementalAlterConfigOpSet, "x"), kerr.InvalidConfig)
	want := map[string]string{"max.message.bytes": "5000", "cleanup.policy": "delete,compact"}
	await(t, "the changed configs", func() bool { return maps.Equal(ownConfigs(t, cl, topic), want) })
	must(t, alter("cleanup.policy", kmsg.IncrementalAlterConfigOpSubtract, "delete"))

	r := kmsg.NewPtrAlterConfigsRequest()
	rr := kmsg.NewAlterConfigsRequestResource()
	rr.ResourceType, rr.ResourceName = kmsg.ConfigResourceTypeTopic, topic
	rr.Configs = []kmsg.AlterConfigsRequestResourceConfig{{Name: "segment.bytes", Value: kmsg.StringPtr("2097152")}}
	r.Resources = append(r.Resources, rr)
	res, err := r.RequestWith(testContext(t), cl)
	must(t, err)
	must(t, kerr.ErrorForCode(res.Resources[0].ErrorCode))
	want = map[string]string{"segment.bytes": "2097152"}
	await(t, "the replaced configs", func() bool { return maps.Equal(ownConfigs(t, cl, topic), want) })
}

// ownConfigs returns the configs that were set for the topic.
func ownConfigs(t *testing.T, cl *kgo.Client, topic string) map[string]string {
	t.Helper()
	r := kmsg.NewPtrDescribeConfigsRequest()
	rr := kmsg.NewDescribeConfigsRequestResource()
	rr.ResourceType, rr.ResourceName = kmsg.ConfigResourceTypeTopic, topic
	r.Resources = append(r.Resources, rr)
	res, err := r.RequestWith(testContext(t), cl)
	must(t, err)
	must(t, kerr.ErrorForCode(res.Resources[0].ErrorCode))
	set := map[string]string{}
	for _, c := range res.Resources[0].Configs {
		if c.Source == kmsg.ConfigSourceDynamicTopicConfig {
			set[c.Name] = *c.Value
		}
	}
	return set
}

func TestDescribeConfigErrors(t *testing.T) {
	cl := newKgo(t, brokertest.StartEmbedded(t, broker.Options{}).Addr())
	cases := []struct {
		name     string
		kind     kmsg.ConfigResourceType
		resource string
		want     error
	}{
		{"unknown topic", kmsg.ConfigResourceTypeTopic, "none", kerr.UnknownTopicOrPartition},
		{"unknown broker", kmsg.ConfigResourceTypeBroker, "7", kerr.InvalidRequest},
		{"unknown kind", 99, "x", kerr.InvalidRequest},
		{"broker", kmsg.ConfigResourceTypeBroker, "1", nil},
		{"loggers", kmsg.ConfigResourceTypeBrokerLogger, "1", nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := kmsg.NewPtrDescribeConfigsRequest()
			r.IncludeSynonyms, r.IncludeDocumentation = true, true
			rr := kmsg.NewDescribeConfigsRequestResource()
			rr.ResourceType, rr.ResourceName = c.kind, c.resource
			r.Resources = append(r.Resources, rr)
			res := ask[*kmsg.DescribeConfigsResponse](t, cl, r, 4)
			wantErr(t, "describe", kerr.ErrorForCode(res.Resources[0].ErrorCode), c.want)
		})
	}
}

func TestDeleteRecords(t *testing.T) {
	addr := brokertest.Start(t)
	cl := newKgo(t, addr)
	topic := brokertest.Topic(t, "deleted")
	createTopic(t, cl, topic, 1)
	for _, v := range []string{"a", "b", "c"} {
		must(t, cl.ProduceSync(testContext(t), &kgo.Record{Topic: topic, Value: []byte(v)}).FirstErr())
	}
	remove := func(offset int64) (int64, error) {
		r := kmsg.NewPtrDeleteRecordsRequest()
		r.TimeoutMillis = 5000
		r.Topics = []kmsg.DeleteRecordsRequestTopic{{Topic: topic, Partitions: []kmsg.DeleteRecordsRequestTopicPartition{{Offset: offset}}}}
		res, err := r.RequestWith(testContext(t), cl)
		must(t, err)
		p := res.Topics[0].Partitions[0]
		return p.LowWatermark, kerr.ErrorForCode(p.ErrorCode)
	}
	low, err := remove(2)
	if must(t, err); low != 2 {
		t.Errorf("low watermark %d", low)
	}
	_, err = remove(4)
	wantErr(t, "beyond the end", err, kerr.OffsetOutOfRange)
	if got := values(t, addr, topic, 1); got[0] != "0/c" {
		t.Errorf("read %v", got)
	}
}

func TestGroupAdministration(t *testing.T) {
	addr := brokertest.Start(t)
	cl := newKgo(t, addr)
	topic, name := brokertest.Topic(t, "admin"), brokertest.Name(t, "admin")
	createTopic(t, cl, topic, 2)
	m := joinConnect(t, addr, name)
	must(t, commitOffset(t, cl, name, m.id, m.generation, topic, 3))
	wantErr(t, "commit of a stranger", commitOffset(t, cl, name, "nobody", m.generation, topic, 4), kerr.UnknownMemberID)
	wantErr(t, "commit of an old generation", commitOffset(t, cl, name, m.id, m.generation-1, topic, 4), kerr.IllegalGeneration)
	wantErr(t, "unknown topic", commitOffset(t, cl, name, m.id, m.generation, topic+"x", 4), kerr.UnknownTopicOrPartition)

	g := describeGroup(t, cl, name)
	if g.State != "Stable" || g.ProtocolType != "connect" || g.Protocol != "sessioned" || len(g.Members) != 1 || g.Members[0].ClientID != "broker-test" {
		t.Errorf("described as %+v", g)
	}
	if !listedGroup(t, cl, name, "Stable") || listedGroup(t, cl, name, "Empty") {
		t.Error("the list of stable groups is wrong")
	}
	wantErr(t, "delete a group with members", deleteGroup(t, cl, name), kerr.NonEmptyGroup)
	must(t, m.leave())
	if g := describeGroup(t, cl, name); g.State != "Empty" {
		t.Errorf("state %s without members", g.State)
	}
	must(t, commitOffset(t, cl, name, "", -1, topic, 5))
	d := kmsg.NewPtrOffsetDeleteRequest()
	d.Group = name
	d.Topics = []kmsg.OffsetDeleteRequestTopic{{Topic: topic, Partitions: []kmsg.OffsetDeleteRequestTopicPartition{{Partition: 0}}}}
	res, err := d.RequestWith(testContext(t), cl)
	must(t, err)
	must(t, errors.Join(kerr.ErrorForCode(res.ErrorCode), kerr.ErrorForCode(res.Topics[0].Partitions[0].ErrorCode)))
	if o := fetchOffset(t, cl, name, topic, false); o.Offset != -1 {
		t.Errorf("deleted offset is %d", o.Offset)
	}
	must(t, deleteGroup(t, cl, name))
	wantErr(t, "delete twice", deleteGroup(t, cl, name), kerr.GroupIDNotFound)
}

func commitOffset(t *testing.T, cl *kgo.Client, group, member string, generation int32, topic string, offset int64) error {
	t.Helper()
	r := kmsg.NewPtrOffsetCommitRequest()
	r.Group, r.MemberID, r.Generation = group, member, generation
	p := kmsg.NewOffsetCommitRequestTopicPartition()
	p.Offset = offset
	r.Topics = []kmsg.OffsetCommitRequestTopic{{Topic: topic, Partitions: []kmsg.OffsetCommitRequestTopicPartition{p}}}
	return kerr.ErrorForCode(ask[*kmsg.OffsetCommitResponse](t, cl, r, 9).Topics[0].Partitions[0].ErrorCode)
}

func describeGroup(t *testing.T, cl *kgo.Client, name string) kmsg.DescribeGroupsResponseGroup {
	t.Helper()
	r := kmsg.NewPtrDescribeGroupsRequest()
	r.Groups = []string{name}
	return ask[*kmsg.DescribeGroupsResponse](t, cl, r, 5).Groups[0]
}

func listedGroup(t *testing.T, cl *kgo.Client, name, state string) bool {
	t.Helper()
	r := kmsg.NewPtrListGroupsRequest()
	r.StatesFilter = []string{state}
	list := ask[*kmsg.ListGroupsResponse](t, cl, r, 4).Groups
	return slices.ContainsFunc(list, func(g kmsg.ListGroupsResponseGroup) bool { return g.Group == name })
}

func deleteGroup(t *testing.T, cl *kgo.Client, name string) error {
	t.Helper()
	r := kmsg.NewPtrDeleteGroupsRequest()
	r.Groups = []string{name}
	return kerr.ErrorForCode(ask[*kmsg.DeleteGroupsResponse](t, cl, r, 2).Groups[0].ErrorCode)
}
