// SPDX-License-Identifier: Apache-2.0

package avro

import (
	"github.com/connectd/connectd/connect"
	schema "github.com/connectd/connectd/connect/avro"
)

// subjectStrategy says under which subject a schema is registered.
type subjectStrategy string

// The strategies by their simple names.
const (
	byTopic       subjectStrategy = "TopicNameStrategy"
	byRecord      subjectStrategy = "RecordNameStrategy"
	byTopicRecord subjectStrategy = "TopicRecordNameStrategy"

	strategyPackage = "io.confluent.kafka.serializers.subject."
)

// strategyNames are the accepted values, full and simple.
func strategyNames() []string {
	var names []string
	for _, s := range []subjectStrategy{byTopic, byRecord, byTopicRecord} {
		names = append(names, strategyPackage+string(s), string(s))
	}
	return names
}

func strategyOf(value string) subjectStrategy { return subjectStrategy(connect.SimpleName(value)) }

// subject is the subject of a schema for a topic. Only records have a name to go by.
func (s subjectStrategy) subject(topic string, key bool, a *schema.Schema) (string, error) {
	what := "value"
	if key {
		what = "key"
	}
	if s == byTopic {
		return topic + "-" + what, nil
	}
	if a.Type != schema.Record {
		return "", javaErrorf("In configuration %s.subject.name.strategy = %s%s, the message %s must only be a record schema", what, strategyPackage, s, what)
	}
	if s == byRecord {
		return a.FullName(), nil
	}
	return topic + "-" + a.FullName(), nil
}
