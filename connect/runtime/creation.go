// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/kafka"
)

// topicCreation says how topics that do not exist are created: by the groups of
// topic.creation.*, or as the brokers do by themselves.
type topicCreation struct {
	groups []creationGroup // the default group is the last
}

type creationGroup struct {
	include, exclude []*regexp.Regexp
	partitions       int32
	replication      int16
	configs          map[string]string
}

// spec returns how a topic is to be created. The first group that includes and does
// not exclude it counts.
func (c *topicCreation) spec(name string) kafka.TopicSpec {
	for i := range c.groups {
		if g := &c.groups[i]; matchesAny(g.include, name) && !matchesAny(g.exclude, name) {
			return kafka.TopicSpec{Name: name, Partitions: g.partitions, Replication: g.replication, Configs: g.configs}
		}
	}
	return kafka.TopicSpec{Name: name, Partitions: -1, Replication: -1}
}

func matchesAny(list []*regexp.Regexp, name string) bool {
	for _, re := range list {
		if re.MatchString(name) {
			return true
		}
	}
	return false
}

const creationPrefix = "topic.creation."

// CheckTopicCreation returns the mistakes in the topic.creation.* keys of a source
// connector, named by their keys.
func CheckTopicCreation(props map[string]string) connect.ConfigErrors {
	_, errs := parseTopicCreation(props, true)
	return errs
}

// parseTopicCreation reads topic.creation.*. Without any such key, or when the
// worker has it switched off, the brokers' defaults decide.
func parseTopicCreation(props map[string]string, enabled bool) (*topicCreation, connect.ConfigErrors) {
	c := &topicCreation{}
	if !enabled || len(connect.WithPrefix(props, creationPrefix)) == 0 {
		return c, nil
	}
	var errs connect.ConfigErrors
	defaults, more := parseGroup(props, "default", nil)
	errs = append(errs, more...)
	for _, name := range strings.Split(props[keyCreationGroups], ",") {
		if name = strings.TrimSpace(name); name == "" {
			continue
		}
		g, more := parseGroup(props, name, &defaults)
		errs = append(errs, more...)
		c.groups = append(c.groups, g)
	}
	c.groups = append(c.groups, defaults)
	return c, errs
}

// TopicCreationKeys declares the keys of one group of topic.creation.groups by their
// full names; the group "default" is required as soon as any of them is used.
func TopicCreationKeys(group string) []connect.ConfigKey {
	p, title := creationPrefix+group+".", "Topic Creation: "+group
	key := func(name string, t connect.ConfigType, display, doc string, check func(any) (string, string)) connect.ConfigKey {
		return connect.ConfigKey{Name: p + name, Type: t, Null: true, Check: check, Importance: low, Group: title, Width: "LONG", DisplayName: display, Doc: doc}
	}
	replication := key("replication.factor", connect.TypeConfigShort, "Replication Factor for Topics in "+group,
		"The replication factor for new topics created for this connector using this group. This value may be -1 to use the broker's default replication factor, or may be a positive number not larger than the number of brokers in the Kafka cluster.", countOrDefault)
	partitions := key("partitions", connect.TypeConfigInt, "Partition Count for Topics in "+group,
		"The number of partitions new topics created for this connector. This value may be -1 to use the broker's default number of partitions, or a positive number representing the desired number of partitions.", countOrDefault)
	if group == "default" {
		replication.Null, replication.Required = false, true
		partitions.Null, partitions.Required = false, true
		return []connect.ConfigKey{replication, partitions}
	}
	return []connect.ConfigKey{
		key("include", connect.TypeConfigList, "Inclusion Topic Pattern for "+group, "A list of regular expression literals used to match the topic names used by the source connector to include topics that should be created using this group.", eachRegex),
		key("exclude", connect.TypeConfigList, "Exclusion Topic Pattern for "+group, "A list of regular expression literals used to match the topic names used by the source connector to exclude topics from being created using this group.", eachRegex),
		replication, partitions,
	}
}

func countOrDefault(v any) (rule, hint string) {
	if n, _ := v.(int64); n == -1 || n >= 1 {
		return "", ""
	}
	return "Value must be -1 for the broker's default, or at least 1", ""
}

func eachRegex(v any) (rule, hint string) {
	list, _ := v.([]string)
	for _, s := range list {
		if rule, hint := connect.IsRegex(s); rule != "" {
			return rule, hint
		}
	}
	return "", ""
}

func parseGroup(props map[string]string, name string, defaults *creationGroup) (creationGroup, connect.ConfigErrors) {
	def := connect.Define(TopicCreationKeys(name)...)
	config, errs := def.Parse(props)
	p := creationPrefix + name + "."
	g := creationGroup{partitions: -1, replication: -1, configs: map[string]string{}}
	if defaults != nil {
		g.partitions, g.replication = defaults.partitions, defaults.replication
		g.include, g.exclude = compileAll(config.List(p+"include")), compileAll(config.List(p+"exclude"))
	} else {
		g.include = compileAll([]string{".*"})
	}
	if !config.IsNull(p + "partitions") {
		g.partitions = int32(config.Int(p + "partitions"))
	}
	if !config.IsNull(p + "replication.factor") {
		g.replication = int16(config.Int(p + "replication.factor"))
	}
	for key, value := range connect.WithPrefix(props, p) {
		if def.Key(p+key) == nil {
			g.configs[key] = value
		}
	}
	return g, errs
}

// compileAll compiles expressions for whole names; mistakes have been reported by
// the check of the key.
func compileAll(list []string) []*regexp.Regexp {
	var out []*regexp.Regexp
	for _, s := range list {
		if re, err := regexp.Compile("^(?:" + s + ")$"); err == nil {
			out = append(out, re)
		}
	}
	return out
}

// ensureErrorTopic creates the error topic as the original does, with one partition,
// unless it exists. A replication that the user did not ask for gives way to the
// brokers' default where there are fewer brokers.
func ensureErrorTopic(ctx context.Context, cluster *kafka.Cluster, c connect.Config) error {
	spec := kafka.TopicSpec{Name: c.String(keyErrorTopic), Partitions: 1, Replication: int16(c.Int(keyErrorReplication))}
	_, err := cluster.EnsureTopic(ctx, spec)
	if err != nil && !c.Has(keyErrorReplication) {
		spec.Replication = -1
		_, err = cluster.EnsureTopic(ctx, spec)
	}
	if err != nil {
		return fmt.Errorf("create the error topic: %w", err)
	}
	return nil
}
