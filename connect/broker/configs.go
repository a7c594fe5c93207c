// SPDX-License-Identifier: Apache-2.0

package broker

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/connectd/connectd/connect/broker/store"
)

// setting is a configuration as DescribeConfigs tells it.
type setting struct {
	name, value, kind, doc string
	source                 kmsg.ConfigSource
	fallback               string // value without the topic's own
	readOnly               bool
}

func (c *conn) describeConfigs(_ context.Context, r *kmsg.DescribeConfigsRequest) (kmsg.Response, error) {
	res := r.ResponseKind().(*kmsg.DescribeConfigsResponse)
	for _, want := range r.Resources {
		rr := kmsg.NewDescribeConfigsResponseResource()
		rr.ResourceType, rr.ResourceName = want.ResourceType, want.ResourceName
		settings, err := c.b.settings(want.ResourceType, want.ResourceName)
		rr.ErrorCode, rr.ErrorMessage = code(err), message(err)
		for _, s := range settings {
			if want.ConfigNames == nil || slices.Contains(want.ConfigNames, s.name) {
				rr.Configs = append(rr.Configs, s.describe(r))
			}
		}
		res.Resources = append(res.Resources, rr)
	}
	return res, nil
}

func (b *Broker) settings(kind kmsg.ConfigResourceType, name string) ([]setting, error) {
	switch kind {
	case kmsg.ConfigResourceTypeTopic:
		t, ok := b.store.TopicByName(name)
		if !ok {
			return nil, kerr.UnknownTopicOrPartition
		}
		return b.topicSettings(t), nil
	case kmsg.ConfigResourceTypeBroker:
		if name != "" && name != strconv.Itoa(nodeID) {
			return nil, refuse(kerr.InvalidRequest, "there is no broker %s: the only one is %d", name, nodeID)
		}
		return b.brokerSettings(), nil
	case kmsg.ConfigResourceTypeBrokerLogger, kmsg.ConfigResourceTypeClientMetrics, kmsg.ConfigResourceTypeGroupConfig:
		return nil, nil
	}
	return nil, refuse(kerr.InvalidRequest, "unknown resource type %d", kind)
}

func (b *Broker) topicSettings(t store.Topic) []setting {
	var list []setting
	for _, k := range b.store.ConfigKeys() {
		s := setting{name: k.Name, value: k.Default, kind: k.Type, doc: k.Doc, source: kmsg.ConfigSourceDefaultConfig, fallback: k.Default}
		if v, set := t.Configs[k.Name]; set {
			s.value, s.source = v, kmsg.ConfigSourceDynamicTopicConfig
		}
		list = append(list, s)
	}
	return list
}

// brokerSettings are those that tools look at.
func (b *Broker) brokerSettings() []setting {
	fixed := func(name, value, kind, doc string) setting {
		return setting{name: name, value: value, kind: kind, doc: doc, source: kmsg.ConfigSourceStaticBrokerConfig, fallback: value, readOnly: true}
	}
	minutes := strconv.FormatInt(int64(b.o.OffsetsRetention.Minutes()), 10)
	return []setting{
		fixed("auto.create.topics.enable", strconv.FormatBool(!b.o.NoAutoCreate), "boolean", "create topics that clients ask for"),
		fixed("broker.id", strconv.Itoa(nodeID), "int", "id of this broker"),
		fixed("default.replication.factor", "1", "int", "a single node has one replica"),
		fixed("log.dirs", b.o.Dir, "string", "data directory"),
		fixed("node.id", strconv.Itoa(nodeID), "int", "id of this broker"),
		fixed("num.partitions", strconv.Itoa(int(b.o.Partitions)), "int", "partitions of topics created without a number"),
		fixed("offsets.retention.minutes", minutes, "int", "how long offsets of groups without members are kept"),
	}
}

func (s setting) describe(r *kmsg.DescribeConfigsRequest) kmsg.DescribeConfigsResponseResourceConfig {
	cfg := kmsg.NewDescribeConfigsResponseResourceConfig()
	cfg.Name, cfg.Value, cfg.ReadOnly, cfg.Source = s.name, &s.value, s.readOnly, s.source
	cfg.ConfigType = configType(s.kind)
	if r.IncludeDocumentation {
		cfg.Documentation = &s.doc
	}
	if !r.IncludeSynonyms {
		return cfg
	}
	synonym := func(value string, source kmsg.ConfigSource) {
		y := kmsg.NewDescribeConfigsResponseResourceConfigConfigSynonym()
		y.Name, y.Value, y.Source = s.name, &value, source
		cfg.ConfigSynonyms = append(cfg.ConfigSynonyms, y)
	}
	synonym(s.value, s.source)
	if s.source == kmsg.ConfigSourceDynamicTopicConfig {
		synonym(s.fallback, kmsg.ConfigSourceDefaultConfig)
	}
	return cfg
}

func configType(kind string) kmsg.ConfigType {
	switch kind {
	case "boolean":
		return kmsg.ConfigTypeBoolean
	case "int":
		return kmsg.ConfigTypeInt
	case "long":
		return kmsg.ConfigTypeLong
	case "double":
		return kmsg.ConfigTypeDouble
	case "list":
		return kmsg.ConfigTypeList
	}
	return kmsg.ConfigTypeString
}

// alterConfigs replaces all configs of topics.
func (c *conn) alterConfigs(ctx context.Context, r *kmsg.AlterConfigsRequest) (kmsg.Response, error) {
	res := r.ResponseKind().(*kmsg.AlterConfigsResponse)
	for _, want := range r.Resources {
		err := c.b.changeConfigs(ctx, want.ResourceType, want.ResourceName, r.ValidateOnly, func(configs map[string]string) error {
			clear(configs)
			for _, cfg := range want.Configs {
				if cfg.Value == nil {
					return refuse(kerr.InvalidConfig, "null value for configuration %s of topic %s", cfg.Name, want.ResourceName)
				}
				configs[cfg.Name] = *cfg.Value
			}
			return nil
		})
		rr := kmsg.NewAlterConfigsResponseResource()
		rr.ResourceType, rr.ResourceName = want.ResourceType, want.ResourceName
		rr.ErrorCode, rr.ErrorMessage = code(err), message(err)
		res.Resources = append(res.Resources, rr)
	}
	return res, nil
}

// incrementalAlterConfigs changes single configs of topics.
func (c *conn) incrementalAlterConfigs(ctx context.Context, r *kmsg.IncrementalAlterConfigsRequest) (kmsg.Response, error) {
	res := r.ResponseKind().(*kmsg.IncrementalAlterConfigsResponse)
	for _, want := range r.Resources {
		err := c.b.changeConfigs(ctx, want.ResourceType, want.ResourceName, r.ValidateOnly, func(configs map[string]string) error {
			for _, cfg := range want.Configs {
				if err := c.b.changeConfig(configs, cfg); err != nil {
					return err
				}
			}
			return nil
		})
		rr := kmsg.NewIncrementalAlterConfigsResponseResource()
		rr.ResourceType, rr.ResourceName = want.ResourceType, want.ResourceName
		rr.ErrorCode, rr.ErrorMessage = code(err), message(err)
		res.Resources = append(res.Resources, rr)
	}
	return res, nil
}

// changeConfigs applies change to the configs of a topic.
func (b *Broker) changeConfigs(ctx context.Context, kind kmsg.ConfigResourceType, name string, checkOnly bool, change func(map[string]string) error) error {
	if kind != kmsg.ConfigResourceTypeTopic {
		return refuse(kerr.InvalidRequest, "only configurations of topics can be changed at run time")
	}
	b.configMu.Lock()
	defer b.configMu.Unlock()
	t, ok := b.store.TopicByName(name)
	if !ok {
		return kerr.UnknownTopicOrPartition
	}
	configs := maps.Clone(t.Configs)
	if configs == nil {
		configs = map[string]string{}
	}
	if err := change(configs); err != nil {
		return err
	}
	if checkOnly {
		return b.store.CheckConfigs(configs)
	}
	return b.store.AlterConfigs(ctx, name, configs)
}

func (b *Broker) changeConfig(configs map[string]string, c kmsg.IncrementalAlterConfigsRequestResourceConfig) error {
	if c.Op == kmsg.IncrementalAlterConfigOpDelete {
		delete(configs, c.Name)
		return nil
	}
	if c.Value == nil {
		return refuse(kerr.InvalidConfig, "null value for configuration %s", c.Name)
	}
	if c.Op == kmsg.IncrementalAlterConfigOpSet {
		configs[c.Name] = *c.Value
		return nil
	}
	keys := b.store.ConfigKeys()
	i := slices.IndexFunc(keys, func(k store.ConfigKey) bool { return k.Name == c.Name })
	if i >= 0 && keys[i].Type != "list" {
		return refuse(kerr.InvalidConfig, "configuration %s is no list: values cannot be added or taken away", c.Name)
	}
	have, set := configs[c.Name]
	if !set && i >= 0 {
		have = keys[i].Default
	}
	list := slices.DeleteFunc(strings.Split(have, ","), func(v string) bool { return v == "" })
	for v := range strings.SplitSeq(*c.Value, ",") {
		list = slices.DeleteFunc(list, func(o string) bool { return o == v })
		if c.Op == kmsg.IncrementalAlterConfigOpAppend {
			list = append(list, v)
		}
	}
	configs[c.Name] = strings.Join(list, ",")
	return nil
}
