// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"fmt"

	"github.com/connectd/connectd/connect"
)

// Names of the framework keys that more than one place reads.
const (
	keyName             = "name"
	keyClass            = "connector.class"
	keyTasksMax         = "tasks.max"
	keyConverter        = "key.converter"
	valueConverter      = "value.converter"
	headerConverter     = "header.converter"
	sourceKeyConverter  = "source.key.converter"
	sourceValConverter  = "source.value.converter"
	keyTransforms       = "transforms"
	keyPredicates       = "predicates"
	keyRetryTimeout     = "errors.retry.timeout"
	keyRetryDelayMax    = "errors.retry.delay.max.ms"
	keyTolerance        = "errors.tolerance"
	keyLogEnable        = "errors.log.enable"
	keyLogMessages      = "errors.log.include.messages"
	keyErrorTopic       = "errors.deadletterqueue.topic.name"
	keyErrorReplication = "errors.deadletterqueue.topic.replication.factor"
	keyErrorHeaders     = "errors.deadletterqueue.context.headers.enable"
	keyTopics           = "topics"
	keyTopicsRegex      = "topics.regex"
	keyCreationGroups   = "topic.creation.groups"
	keyBoundary         = "transaction.boundary"
	keyBoundaryInterval = "transaction.boundary.interval.ms"
	keyDelivery         = "delivery"
	keyStateStore       = "state.store"
)

// StateMissing is the key of a stateful step, behind transforms.<alias>., that says
// whether it may begin without state although its connector has offsets.
const StateMissing = "state.missing"

// The values of transaction.boundary, delivery, state.store and state.missing.
const (
	boundaryPoll      = "poll"
	boundaryInterval  = "interval"
	boundaryConnector = "connector"
	exactlyOnce       = "exactly-once"
	atLeastOnce       = "at-least-once"
	stateMemory       = "memory"
	stateDisk         = "disk"
	stateFail         = "fail"
	stateEmpty        = "empty"
)

const (
	converterDoc = "Converter class used to convert between Kafka Connect format and the serialized form that is written to Kafka. This controls the format of the %s in messages written to or read from Kafka, and since this is independent of connectors it allows any connector to work with any serialization format. Examples of common formats include JSON and Avro."
	groupCommon  = "Common"
	groupErrors  = "Error Handling"
	groupState   = "State"
	groupRestart = "Automatic Restart"
	groupExactly = "Exactly Once Support"
	high         = connect.ImportanceHigh
	medium       = connect.ImportanceMedium
	low          = connect.ImportanceLow
)

// ConnectorKeys declares the framework keys of a connector of this kind,
// connect.KindSource or connect.KindSink: those of the original, in its groups and
// order, and those that are only here. The keys of the connector itself, of
// transforms, converters, topic creation and client overrides are not among them.
func ConnectorKeys(kind connect.PluginKind) *connect.ConfigDef {
	keys := append(commonKeys(), errorKeys(kind)...)
	if kind == connect.KindSink {
		keys = append(keys, sinkKeys()...)
	} else {
		keys = append(keys, sourceKeys()...)
	}
	return connect.Define(append(keys, ownKeys()...)...)
}

func commonKeys() []connect.ConfigKey {
	version := func(name, of string, order int, imp connect.Importance, width, display string) connect.ConfigKey {
		return connect.ConfigKey{Name: name, Type: connect.TypeConfigString, Null: true, Importance: imp, Group: groupCommon, Order: order, Width: width,
			DisplayName: display, Doc: "Version of the " + of + "."}
	}
	converter := func(name, what string, order int, display, doc string) connect.ConfigKey {
		return connect.ConfigKey{Name: name, Type: connect.TypeConfigClass, Null: true, Importance: low, Group: groupCommon, Order: order, Width: "SHORT",
			DisplayName: display, Doc: fmt.Sprintf(converterDoc, what) + doc}
	}
	return []connect.ConfigKey{
		{Name: keyName, Type: connect.TypeConfigString, Required: true, Check: connect.NoControl, Importance: high, Group: groupCommon, Order: 1, Width: "MEDIUM",
			DisplayName: "Connector name", Doc: "Globally unique name to use for this connector."},
		{Name: keyClass, Type: connect.TypeConfigString, Required: true, Importance: high, Group: groupCommon, Order: 2, Width: "LONG", DisplayName: "Connector class",
			Doc: "Name or alias of the class for this connector. Must be a subclass of org.apache.kafka.connect.connector.Connector. If the connector is org.apache.kafka.connect.file.FileStreamSinkConnector, you can either specify this full name,  or use \"FileStreamSink\" or \"FileStreamSinkConnector\" to make the configuration a bit shorter"},
		version("connector.plugin.version", "connector", 3, medium, "MEDIUM", "Connector version"),
		{Name: keyTasksMax, Type: connect.TypeConfigInt, Default: "1", Check: connect.AtLeast(1), Importance: high, Group: groupCommon, Order: 4, Width: "SHORT",
			DisplayName: "Tasks max", Doc: "Maximum number of tasks to use for this connector."},
		{Name: "tasks.max.enforce", Type: connect.TypeConfigBoolean, Default: "true", Importance: low, Group: groupCommon, Order: 5, Width: "SHORT", DisplayName: "Enforce tasks max",
			Doc: "(Deprecated) Whether to enforce that the tasks.max property is respected by the connector. By default, connectors that generate too many tasks will fail, and existing sets of tasks that exceed the tasks.max property will also be failed. If this property is set to false, then connectors will be allowed to generate more than the maximum number of tasks, and existing sets of tasks that exceed the tasks.max property will be allowed to run. This property is deprecated and will be removed in an upcoming major release."},
		converter(keyConverter, "keys", 6, "Key converter class", ""),
		version("key.converter.plugin.version", "key converter", 7, low, "SHORT", "Key converter version"),
		converter(valueConverter, "values", 8, "Value converter class", ""),
		version("value.converter.plugin.version", "value converter", 9, low, "SHORT", "Value converter version"),
		{Name: headerConverter, Type: connect.TypeConfigClass, Null: true, Importance: low, Group: groupCommon, Order: 10, Width: "SHORT", DisplayName: "Header converter class",
			Doc: "HeaderConverter class used to convert between Kafka Connect format and the serialized form that is written to Kafka. This controls the format of the header values in messages written to or read from Kafka, and since this is independent of connectors it allows any connector to work with any serialization format. Examples of common formats include JSON and Avro. By default, the SimpleHeaderConverter is used to serialize header values to strings and deserialize them by inferring the schemas."},
		version("header.converter.plugin.version", "header converter", 11, low, "SHORT", "Header converter version"),
		{Name: keyTransforms, Type: connect.TypeConfigList, Check: uniqueAliases, Importance: low, Group: "Transforms", Order: 12, Width: "LONG", DisplayName: "Transforms",
			Doc: "Aliases for the transformations to be applied to records."},
		{Name: keyPredicates, Type: connect.TypeConfigList, Check: uniqueAliases, Importance: low, Group: "Predicates", Order: 13, Width: "LONG", DisplayName: "Predicates",
			Doc: "Aliases for the predicates used by transformations."},
		{Name: "config.action.reload", Type: connect.TypeConfigString, Default: "restart", Check: connect.OneOf("none", "restart"), Importance: low, Group: groupCommon, Order: 14, Width: "MEDIUM",
			DisplayName: "Reload Action", Doc: "The action that Connect should take on the connector when changes in external configuration providers result in a change in the connector's configuration properties. A value of 'none' indicates that Connect will do nothing. A value of 'restart' indicates that Connect should restart/reload the connector with the updated configuration properties.The restart may actually be scheduled in the future if the external configuration provider indicates that a configuration value will expire in the future."},
	}
}

func uniqueAliases(v any) (string, string) {
	if rule, _ := connect.Unique(v); rule != "" {
		return "Duplicate alias provided.", ""
	}
	return "", ""
}

func errorKeys(kind connect.PluginKind) []connect.ConfigKey {
	headers, origin := "true", "this source connector"
	if kind == connect.KindSink {
		headers, origin = "false", "this sink connector"
	}
	key := func(order int, name string, t connect.ConfigType, def, width, display, doc string) connect.ConfigKey {
		return connect.ConfigKey{Name: name, Type: t, Default: def, Importance: medium, Group: groupErrors, Order: order, Width: width, DisplayName: display, Doc: doc}
	}
	tolerance := key(3, keyTolerance, connect.TypeConfigString, "none", "SHORT", "Error Tolerance", "Behavior for tolerating errors during connector operation. 'none' is the default value and signals that any error will result in an immediate connector task failure; 'all' changes the behavior to skip over problematic records.")
	tolerance.Check = connect.OneOf("none", "all")
	return []connect.ConfigKey{
		key(1, keyRetryTimeout, connect.TypeConfigLong, "0", "MEDIUM", "Retry Timeout for Errors", "The maximum duration in milliseconds that a failed operation will be reattempted. The default is 0, which means no retries will be attempted. Use -1 for infinite retries."),
		key(2, keyRetryDelayMax, connect.TypeConfigLong, "60000", "MEDIUM", "Maximum Delay Between Retries for Errors", "The maximum duration in milliseconds between consecutive retry attempts. Jitter will be added to the delay once this limit is reached to prevent thundering herd issues."),
		tolerance,
		key(4, keyLogEnable, connect.TypeConfigBoolean, "false", "SHORT", "Log Errors", "If true, write each error and the details of the failed operation and problematic record to the Connect application log. This is 'false' by default, so that only errors that are not tolerated are reported."),
		key(5, keyLogMessages, connect.TypeConfigBoolean, "false", "SHORT", "Log Error Details", "Whether to include in the log the Connect record that resulted in a failure. For sink records, the topic, partition, offset, and timestamp will be logged. For source records, the key and value (and their schemas), all headers, and the timestamp, Kafka topic, Kafka partition, source partition, and source offset will be logged. This is 'false' by default, which will prevent record keys, values, and headers from being written to log files."),
		key(6, keyErrorTopic, connect.TypeConfigString, "", "MEDIUM", "Dead Letter Queue Topic Name", "The name of the topic to be used as the dead letter queue (DLQ) for messages that result in an error when processed by "+origin+", or its transformations or converters. The topic name is blank by default, which means that no messages are to be recorded in the DLQ."),
		key(7, keyErrorReplication, connect.TypeConfigShort, "3", "MEDIUM", "Dead Letter Queue Topic Replication Factor", "Replication factor used to create the dead letter queue topic when it doesn't already exist."),
		key(8, keyErrorHeaders, connect.TypeConfigBoolean, headers, "MEDIUM", "Enable Error Context Headers", "If true, add headers containing error context to the messages written to the dead letter queue. To avoid clashing with headers from the original record, all error context header keys, all error context header keys will start with <code>__connect.errors.</code>"),
	}
}

func sinkKeys() []connect.ConfigKey {
	return []connect.ConfigKey{
		{Name: keyTopics, Type: connect.TypeConfigList, Importance: high, Group: groupCommon, Order: 4, Width: "LONG", DisplayName: "Topics", Doc: "List of topics to consume, separated by commas"},
		{Name: keyTopicsRegex, Type: connect.TypeConfigString, Check: connect.IsRegex, Importance: high, Group: groupCommon, Order: 4, Width: "LONG", DisplayName: "Topics regex",
			Doc: "Regular expression giving topics to consume. Under the hood, the regex is compiled to a <code>java.util.regex.Pattern</code>. Only one of topics or topics.regex should be specified."},
	}
}

func sourceKeys() []connect.ConfigKey {
	return []connect.ConfigKey{
		{Name: keyCreationGroups, Type: connect.TypeConfigList, Check: connect.Unique, Importance: low, Group: "Topic Creation", Order: 1, Width: "LONG", DisplayName: "Topic Creation Groups",
			Doc: "Groups of configurations for topics created by source connectors"},
		{Name: "exactly.once.support", Type: connect.TypeConfigString, Default: "requested", Check: connect.OneOf("requested", "required"), Importance: medium, Group: groupExactly, Order: 2, Width: "SHORT",
			DisplayName: "Exactly once support", Doc: "Permitted values are requested, required. If set to \"required\", forces a preflight check for the connector to ensure that it can provide exactly-once semantics with the given configuration. Some connectors may be capable of providing exactly-once semantics but not signal to Connect that they support this; in that case, documentation for the connector should be consulted carefully before creating it, and the value for this property should be set to \"requested\". Additionally, if the value is set to \"required\" but the worker that performs preflight validation does not have exactly-once support enabled for source connectors, requests to create or validate the connector will fail."},
		{Name: keyBoundary, Type: connect.TypeConfigString, Default: boundaryPoll, Check: connect.OneOf(boundaryPoll, boundaryInterval, boundaryConnector), Importance: medium, Group: groupExactly, Order: 3, Width: "SHORT",
			DisplayName: "Transaction Boundary", Doc: "Permitted values are: poll, interval, connector. If set to 'poll', a new producer transaction will be started and committed for every batch of records that each task from this connector provides to Connect. If set to 'connector', relies on connector-defined transaction boundaries; note that not all connectors are capable of defining their own transaction boundaries, and in that case, attempts to instantiate a connector with this value will fail. Finally, if set to 'interval', commits transactions only after a user-defined time interval has passed."},
		{Name: keyBoundaryInterval, Type: connect.TypeConfigLong, Null: true, Check: connect.AtLeast(0), Importance: low, Group: groupExactly, Order: 4, Width: "SHORT",
			DisplayName: "Transaction boundary interval", Doc: "If 'transaction.boundary' is set to 'interval', determines the interval for producer transaction commits by connector tasks. If unset, defaults to the value of the worker-level 'offset.flush.interval.ms' property. It has no effect if a different transaction.boundary is specified."},
		{Name: "offsets.storage.topic", Type: connect.TypeConfigString, Null: true, Check: connect.NonEmpty, Importance: low, Group: "offsets.topic", Order: 1, Width: "LONG", DisplayName: "Offsets topic",
			Doc: "The name of a separate offsets topic to use for this connector. If empty or not specified, the worker’s global offsets topic name will be used. If specified, the offsets topic will be created if it does not already exist on the Kafka cluster targeted by this connector (which may be different from the one used for the worker's global offsets topic if the bootstrap.servers property of the connector's producer has been overridden from the worker's). Only applicable in distributed mode; in standalone mode, setting this property will have no effect."},
		{Name: keyDelivery, Type: connect.TypeConfigString, Default: exactlyOnce, Check: connect.OneOf(exactlyOnce, atLeastOnce), Importance: low, Group: groupExactly, Order: 5, Width: "SHORT", DisplayName: "Delivery",
			Doc: "exactly-once commits records, offsets, state and errors in one transaction. at-least-once is for clusters that refuse transactional ids: records are flushed, then offsets; chains with state are refused."},
		{Name: sourceKeyConverter, Type: connect.TypeConfigClass, Null: true, Importance: low, Group: groupCommon, Order: 15, Width: "SHORT", DisplayName: "Source key converter class",
			Doc: "Converter of the raw keys that the connector reads, if it leaves decoding to converters. Default: the connector's key.converter."},
		{Name: sourceValConverter, Type: connect.TypeConfigClass, Null: true, Importance: low, Group: groupCommon, Order: 16, Width: "SHORT", DisplayName: "Source value converter class",
			Doc: "Converter of the raw values that the connector reads, if it leaves decoding to converters. Default: the connector's value.converter."},
	}
}

// RestartKeys are the keys of automatic restart; who runs tasks reads them.
const (
	RestartBackoff           = "restart.backoff.ms"
	RestartBackoffMax        = "restart.backoff.max.ms"
	RestartMaxAttempts       = "restart.max.attempts"
	RestartRecordMaxAttempts = "restart.record.errors.max.attempts"
)

func ownKeys() []connect.ConfigKey {
	restart := func(order int, name string, t connect.ConfigType, def string, least int64, display, doc string) connect.ConfigKey {
		return connect.ConfigKey{Name: name, Type: t, Default: def, Check: connect.AtLeast(least), Importance: low, Group: groupRestart, Order: order, Width: "SHORT", DisplayName: display, Doc: doc}
	}
	return []connect.ConfigKey{
		{Name: keyStateStore, Type: connect.TypeConfigString, Default: stateMemory, Check: connect.OneOf(stateMemory, stateDisk), Importance: low, Group: groupState, Order: 1, Width: "SHORT", DisplayName: "State store",
			Doc: "Where the local copy of the state of stateful transforms lives: memory, with a snapshot file, or disk. Both are rebuilt from the changelog topic."},
		restart(1, RestartBackoff, connect.TypeConfigLong, "1000", 0, "Restart pause", "Pause in milliseconds before a failed connector or task is restarted for the first time; it doubles with each further restart."),
		restart(2, RestartBackoffMax, connect.TypeConfigLong, "300000", 0, "Longest restart pause", "Longest pause in milliseconds between automatic restarts."),
		restart(3, RestartMaxAttempts, connect.TypeConfigInt, "-1", -1, "Restarts", "How often a failed connector or task is restarted before it waits for a person; -1 for ever, 0 never. Running well for longer than the pause begins the count anew."),
		restart(4, RestartRecordMaxAttempts, connect.TypeConfigInt, "0", -1, "Restarts after record errors", "The same for a task that failed because of a record, under errors.tolerance=none: such a record usually fails again."),
	}
}

// TransformKeys declares the framework's keys of one transform by their full names:
// transforms.<alias>.type, .predicate, .negate, .state.name and .state.missing.
func TransformKeys(alias string) []connect.ConfigKey {
	p, group := "transforms."+alias+".", "Transforms: "+alias
	return []connect.ConfigKey{
		{Name: p + "type", Type: connect.TypeConfigClass, Required: true, Importance: high, Group: group, Width: "LONG", DisplayName: "Transformation type for " + alias,
			Doc: "Class for the '" + alias + "' transformation."},
		{Name: p + "negate", Type: connect.TypeConfigBoolean, Default: "false", Importance: medium, Group: group, DisplayName: "negate",
			Doc: "Whether the configured predicate should be negated."},
		{Name: p + "predicate", Type: connect.TypeConfigString, Null: true, Importance: medium, Group: group, DisplayName: "predicate",
			Doc: "The alias of a predicate used to determine whether to apply this transformation."},
		{Name: p + "state.name", Type: connect.TypeConfigString, Null: true, Check: connect.NonEmpty, Importance: low, Group: group, DisplayName: "state.name",
			Doc: "Name of the step's state, part of the name of its changelog topic. Default: the alias. Set it to the old alias when a stateful step is renamed."},
		{Name: p + StateMissing, Type: connect.TypeConfigString, Default: stateFail, Check: connect.OneOf(stateFail, stateEmpty), Importance: low, Group: group, DisplayName: StateMissing,
			Doc: "What to do when the connector has offsets and the step's state is not there, because the step is new or its changelog was deleted: fail, or begin with empty state behind the offsets. Remove it when the step has begun, so that lost state does not go unnoticed."},
	}
}

// PredicateKeys declares the framework's key of one predicate by its full name.
func PredicateKeys(alias string) []connect.ConfigKey {
	return []connect.ConfigKey{{Name: "predicates." + alias + ".type", Type: connect.TypeConfigClass, Required: true, Importance: high,
		Group: "Predicates: " + alias, Width: "LONG", DisplayName: "Predicate type for " + alias, Doc: "Class for the '" + alias + "' predicate."}}
}
