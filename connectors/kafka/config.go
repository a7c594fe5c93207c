// SPDX-License-Identifier: Apache-2.0

package kafka

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/kafka"
)

const (
	topicsKey      = "topics"
	regexKey       = "topics.regex"
	topicKey       = "topic"
	startKey       = "auto.offset.reset"
	preserveKey    = "preserve.partitions"
	aliasKey       = "source.cluster.alias"
	refreshKey     = "refresh.topics.interval.ms"
	isolationKey   = "isolation.level"
	sourceServers  = "source.cluster.bootstrap.servers"
	sourcePrefix   = "source.cluster."
	partitionsKey  = "task.assigned.partitions" // of task configurations only
	countKey       = "task.partition.count"     // of task configurations only
	targetServers  = "target.cluster.bootstrap.servers"
	targetPrefix   = "target.cluster."
	targetKeyConv  = "target.key.converter"
	targetValConv  = "target.value.converter"
	errorTopicKey  = "errors.deadletterqueue.topic.name" // the engine's
	byteArray      = "org.apache.kafka.connect.converters.ByteArrayConverter"
	topicReference = "${topic}"
)

var sourceConfig = connect.Define(
	connect.ConfigKey{Name: topicsKey, Type: connect.TypeConfigList, Importance: connect.ImportanceHigh, Check: connect.Unique,
		Doc: "Topics to read. Exactly one of topics and topics.regex is needed."},
	connect.ConfigKey{Name: regexKey, Type: connect.TypeConfigString, Importance: connect.ImportanceHigh, Check: connect.IsRegex,
		Doc: "Topics to read, as a regular expression for the whole name. New topics are picked up; topics that the job itself writes are left out."},
	connect.ConfigKey{Name: topicKey, Type: connect.TypeConfigString, Default: topicReference, Importance: connect.ImportanceHigh, Check: connect.NonEmpty,
		Doc: "Topic to write; ${topic} stands for the name of the topic that was read."},
	connect.ConfigKey{Name: startKey, Type: connect.TypeConfigString, Default: "earliest", Check: connect.OneOf("earliest", "latest", "none"),
		Doc: "Where to begin in a partition without a stored offset, and where to go on if the log no longer holds the offset; none fails the task."},
	connect.ConfigKey{Name: isolationKey, Type: connect.TypeConfigString, Default: "read_committed", Check: connect.OneOf("read_committed", "read_uncommitted"),
		Doc: "Whether records of open and aborted transactions are read."},
	connect.ConfigKey{Name: preserveKey, Type: connect.TypeConfigBoolean, Default: "false",
		Doc: "Whether a record goes to the partition number that it came from, instead of the one of its key."},
	connect.ConfigKey{Name: refreshKey, Type: connect.TypeConfigLong, Default: "30000", Check: connect.AtLeast(100),
		Doc: "How often new topics and partitions are looked for."},
	connect.ConfigKey{Name: aliasKey, Type: connect.TypeConfigString, Default: "source", Check: connect.NonEmpty,
		Doc: "Name of the cluster that is read, in the stored source partitions."},
	connect.ConfigKey{Name: sourceServers, Type: connect.TypeConfigList, Null: true,
		Doc: "Brokers of the cluster that is read; not set: the worker's own cluster. All client settings go under source.cluster."},
	connect.ConfigKey{Name: partitionsKey, Type: connect.TypeConfigString, Null: true, Importance: connect.ImportanceLow,
		Doc: "The partitions of a task. Set by the connector."},
	connect.ConfigKey{Name: countKey, Type: connect.TypeConfigInt, Default: "1", Importance: connect.ImportanceLow, Check: connect.AtLeast(1),
		Doc: "The number of partitions of the topic that has most. Set by the connector."},
)

var sinkConfig = connect.Define(
	connect.ConfigKey{Name: topicKey, Type: connect.TypeConfigString, Default: topicReference, Importance: connect.ImportanceHigh, Check: connect.NonEmpty,
		Doc: "Topic to write; ${topic} stands for the name of the topic that was read."},
	connect.ConfigKey{Name: preserveKey, Type: connect.TypeConfigBoolean, Default: "false",
		Doc: "Whether a record goes to the partition number that it came from, instead of the one of its key."},
	connect.ConfigKey{Name: targetKeyConv, Type: connect.TypeConfigClass, Default: byteArray,
		Doc: "Converter that writes keys; its settings follow under target.key.converter."},
	connect.ConfigKey{Name: targetValConv, Type: connect.TypeConfigClass, Default: byteArray,
		Doc: "Converter that writes values; its settings follow under target.value.converter."},
	connect.ConfigKey{Name: targetServers, Type: connect.TypeConfigList, Null: true,
		Doc: "Brokers of the cluster that is written; not set: the worker's own cluster. All client settings go under target.cluster."},
)

// validateSource checks what concerns several keys.
func validateSource(c connect.Config) connect.ConfigErrors {
	var errs connect.ConfigErrors
	topics, regex := c.List(topicsKey), c.String(regexKey)
	if (len(topics) == 0) == (regex == "") {
		rule := "one of topics and topics.regex is needed"
		if regex != "" {
			rule = "only one of topics and topics.regex may be set"
		}
		errs = append(errs, connect.ConfigError{Key: topicsKey, Value: strings.Join(topics, ","), Rule: rule},
			connect.ConfigError{Key: regexKey, Value: regex, Rule: rule})
	}
	if c.Has(sourceServers) {
		errs = append(errs, prefixed(sourcePrefix, c.WithPrefix(sourcePrefix))...)
		return errs
	}
	return append(errs, noLoop(c, topics, regex)...)
}

// noLoop refuses a job that would read what it writes.
func noLoop(c connect.Config, topics []string, regex string) connect.ConfigErrors {
	to := c.String(topicKey)
	hint := "choose another name, such as " + topicReference + "-copy"
	if to == topicReference {
		return connect.ConfigErrors{{Key: topicKey, Value: to, Rule: "a job on its own cluster must not write to the topic that it reads", Hint: hint}}
	}
	loops := slices.ContainsFunc(topics, func(t string) bool { return slices.Contains(topics, strings.ReplaceAll(to, topicReference, t)) })
	if re, err := regexp.Compile("^(?:" + regex + ")$"); regex != "" && err == nil {
		loops = re.MatchString(to)
	}
	if loops {
		return connect.ConfigErrors{{Key: topicKey, Value: to, Rule: "a job on its own cluster must not write to a topic that it reads", Hint: hint}}
	}
	return nil
}

func validateSink(c connect.Config) connect.ConfigErrors {
	if c.Has(targetServers) {
		return prefixed(targetPrefix, c.WithPrefix(targetPrefix))
	}
	if c.String(topicKey) == topicReference {
		return connect.ConfigErrors{{Key: topicKey, Value: topicReference, Rule: "a sink to its own cluster must not write to the topic that it reads",
			Hint: "choose another name, such as " + topicReference + "-copy"}}
	}
	return nil
}

// prefixed checks client settings and names their mistakes as the user wrote them.
func prefixed(prefix string, props map[string]string) connect.ConfigErrors {
	delete(props, "alias")
	_, errs := kafka.ParseSettings(props)
	for i := range errs {
		errs[i].Key = prefix + errs[i].Key
	}
	return errs
}

// clientSettings are those under prefix if they name brokers, else the worker's own.
func clientSettings(c connect.Config, prefix string, own map[string]string) (s kafka.Settings, foreign bool, err error) {
	props := maps.Clone(own)
	if c.Has(prefix + "bootstrap.servers") {
		props, foreign = c.WithPrefix(prefix), true
		delete(props, "alias")
	}
	s, errs := kafka.ParseSettings(props)
	if len(errs) > 0 {
		return s, foreign, fmt.Errorf("client settings under %s: %w", prefix, errs)
	}
	return s, foreign, nil
}
