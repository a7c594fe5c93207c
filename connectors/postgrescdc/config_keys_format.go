// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"math"

	"github.com/connectd/connectd/connect"
)

var formatKeys = []connect.ConfigKey{
	text(groupConnector, "topic.prefix", "", high, "Name of the source: the beginning of all topic names and of the stored offsets. Another prefix starts from the beginning. Letters, digits, hyphens, dots, underscores."),
	text(groupConnector, "topic.delimiter", ".", medium, "What stands between the parts of a topic name."),
	text(groupConnector, "topic.transaction", "transaction", low, "Last part of the name of the transaction topic."),
	text(groupConnector, "topic.heartbeat.name", "", low, "Name of the heartbeat topic, instead of the one made of heartbeat.topics.prefix and topic.prefix."),
	toggle(groupConnector, "tombstones.on.delete", "true", medium, "Whether a delete is followed by a record with the same key and no value, so that compaction removes the key."),
	oneOf(groupConnector, binaryModes, "bytes", low, "Form of bytea and of unknown types."),
	oneOf(groupConnector, schemaAdjustments, "none", low, "What to do with characters of schema names that Avro does not allow. avro: an underscore each. avro_unicode: _u and the code."),
	oneOf(groupConnector, fieldAdjustments, "none", low, "The same for names of fields."),
	oneOf(groupConnector, convertFailures, "warn", medium, "What to do with a column value that cannot be represented. fail: the record is an error. warn: null, or the type's zero, and a log line. skip: the same in silence."),
	oneOf(groupConnector, decimalModes, "precise", medium, "Form of numeric and money."),
	oneOf(groupConnector, timeModes, "adaptive", medium, "Form of date, time and timestamp."),
	oneOf(groupConnector, hstoreModes, "json", low, "Form of hstore."),
	oneOf(groupConnector, intervalModes, "numeric", low, "Form of interval. numeric counts microseconds, a month as 30.4375 days."),
	number(groupConnector, "money.fraction.digits", "2", 0, math.MaxInt16, low, "Digits after the point of money."),
	text(groupConnector, "unavailable.value.placeholder", "__debezium_unavailable_value", medium, "Stands for a large value that the server did not send because it has not changed; hex: begins bytes in hexadecimal."),
	toggle(groupAdvanced, "include.unknown.datatypes", "false", medium, "Whether columns of types without a mapping are sent as bytes of their text; false leaves them out."),
	toggle(groupConnector, "include.schema.comments", "false", medium, "Accepted for compatibility: Debezium's connector for PostgreSQL does not read comments either."),
	oneOf(groupAdvanced, refreshModes, "columns_diff", medium, "Accepted for compatibility: schemas follow the stream."),
	patterns(groupAdvanced, "column.propagate.source.type", medium, "Columns, as regular expressions for schema.table.column, whose schemas name the original type, length, scale and column."),
	patterns(groupAdvanced, "datatype.propagate.source.type", medium, "The same for types, as regular expressions for schema.table.type."),
	toggle(groupAdvanced, "provide.transaction.metadata", "false", low, "Whether begin and end of transactions are written to a topic, and records count within theirs."),
	text(groupAdvanced, schemaChangesTopic, "", low, "Topic for the forms of tables: a record, before the first change of rows that has it, for each new form that the stream tells. Not set: none. Only here."),
	text(groupAdvanced, postProcessors, "", low, "Names of post processors. io.debezium.processors.reselect.ReselectColumnsPostProcessor is built in, see below; post.processors.NAME.type names it, and its options begin with post.processors.NAME. or, as formerly, with NAME."),
	toggle(groupRuntime, "extended.headers.enabled", "true", low, "Whether records have the headers __debezium.context.*."),
}

var snapshotKeys = []connect.ConfigKey{
	oneOf(groupSnapshot, snapshotModes, "initial", medium, "When tables are read as a whole. initial: if there is no offset. always: at each start. initial_only: as initial, and then stop. no_data: never. when_needed: if there is no offset, or the slot no longer has it. configuration_based: by the snapshot.mode.configuration.based keys."),
	toggle(groupSnapshot, "snapshot.mode.configuration.based.snapshot.data", "false", medium, "configuration_based: read the tables if there is no offset."),
	toggle(groupSnapshot, "snapshot.mode.configuration.based.snapshot.schema", "false", medium, "configuration_based: has no effect, schemas follow the stream."),
	toggle(groupSnapshot, "snapshot.mode.configuration.based.start.stream", "false", medium, "configuration_based: stream after the snapshot."),
	toggle(groupSnapshot, "snapshot.mode.configuration.based.snapshot.on.schema.error", "false", medium, "configuration_based: has no effect, there is no schema history."),
	toggle(groupSnapshot, "snapshot.mode.configuration.based.snapshot.on.data.error", "false", medium, "configuration_based: read the tables again if the slot no longer has the offset."),
	oneOf(groupSnapshot, isolationModes, "serializable", low, "Isolation of the snapshot. Tables are always read in one exported snapshot, repeatable read: serializable and repeatable_read say the same, the weaker ones are refused."),
	oneOf(groupSnapshot, lockingModes, "none", low, "shared locks the captured tables in ACCESS SHARE mode while the snapshot begins; none does not."),
	number(groupSnapshot, "snapshot.lock.timeout.ms", "10000", 0, anyNumber, medium, "How long to wait for these locks, in milliseconds."),
	oneOf(groupSnapshot, queryModes, "select_all", low, "How tables are read."),
	patterns(groupSnapshot, "snapshot.include.collection.list", medium, "Tables to read in the snapshot: regular expressions for schema.table. Not set: all captured ones."),
	text(groupSnapshot, "snapshot.select.statement.overrides", "", medium, "Tables, as schema.table separated by commas, that the snapshot reads by a statement of their own, given under snapshot.select.statement.overrides.schema.table."),
	oneOf(groupSnapshot, tableOrders, "disabled", medium, "Order of the tables by their estimated number of rows."),
	number(groupSnapshot, "snapshot.max.threads", "1", 1, 64, medium, "How many connections read the snapshot at the same time; a table is divided among them."),
	number(groupSnapshot, "snapshot.max.threads.multiplier", "1", 1, math.MaxInt32, medium, "How many parts a table is divided into, for each thread."),
	toggle(groupSnapshot, "legacy.snapshot.max.threads", "false", low, "true: a table is read by one thread."),
	number(groupSnapshot, "snapshot.fetch.size", "", 1, math.MaxInt32, medium, "Accepted for compatibility: rows are streamed by COPY, and the queue is bounded in bytes."),
	number(groupSnapshot, "query.fetch.size", "0", 0, math.MaxInt32, medium, "Accepted for compatibility, as snapshot.fetch.size."),
	number(groupSnapshot, "snapshot.delay.ms", "0", 0, anyNumber, low, "Pause before the snapshot, in milliseconds."),
	number(groupSnapshot, "streaming.delay.ms", "0", 0, anyNumber, low, "Pause between snapshot and stream, in milliseconds."),
	number(groupSnapshot, "incremental.snapshot.chunk.size", "1024", 1, math.MaxInt32, medium, "Rows of a chunk of an incremental snapshot."),
	oneOf(groupSnapshot, watermarkStrategies, "INSERT_INSERT", low, "Accepted for compatibility: chunks of an incremental snapshot are compared with the stream without marks in it, and nothing is written to the database."),
	toggle(groupAdvanced, "incremental.snapshot.allow.schema.changes", "false", low, "Accepted for compatibility: a chunk is read anew when the table has changed."),
	toggle(groupAdvanced, "read.only", "false", low, "Accepted for compatibility, as incremental.snapshot.watermarking.strategy: nothing is written to the database in any case."),
}

var runtimeKeys = []connect.ConfigKey{
	number(groupRuntime, "max.batch.size", "2048", 1, math.MaxInt32, medium, "Accepted for compatibility, and must be smaller than max.queue.size: the worker says how large a batch may be."),
	number(groupRuntime, "max.queue.size", "8192", 1, math.MaxInt32, medium, "Accepted for compatibility, and must be larger than max.batch.size: the queue is bounded in bytes."),
	number(groupRuntime, "max.queue.size.in.bytes", "0", 0, anyNumber, medium, "Bytes of the stream that wait in memory at most; 0 for 4 MiB."),
	number(groupRuntime, "poll.interval.ms", "500", 1, anyNumber, medium, "Accepted for compatibility: changes are handed over at once."),
	oneOf(groupRuntime, eventFailures, "fail", medium, "What to do with an event that cannot be decoded. fail: the record is an error, and errors.tolerance decides. warn: it is left out, with a log line. skip and ignore: left out in silence."),
	number(groupRuntime, "errors.max.retries", "-1", -1, math.MaxInt32, low, "How often a broken connection is made anew without success before the task fails; -1 for no limit."),
	number(groupRuntime, "retriable.restart.connector.wait.ms", "10000", 0, anyNumber, low, "Accepted for compatibility; see slot.retry.delay.ms."),
	number(groupRuntime, "executor.shutdown.timeout.ms", "4000", 0, anyNumber, medium, "Accepted for compatibility: the worker bounds the time of a stop."),
	number(groupRuntime, "guardrail.collections.max", "0", 0, math.MaxInt32, medium, "How many tables may be captured; 0 for any number. They are counted when a configuration is validated against the server, and by connectd doctor."),
	oneOf(groupRuntime, guardrailActions, "warn", medium, "What to do when there are more."),
	toggle(groupRuntime, "statistics.metrics.enabled", "true", medium, "Accepted for compatibility: the worker has the metrics."),
	number(groupHeartbeat, "heartbeat.interval.ms", "0", 0, math.MaxInt32, medium, "How often a heartbeat record is written, in milliseconds; 0 for never. Not needed to move the slot."),
	text(groupHeartbeat, "heartbeat.topics.prefix", "__debezium-heartbeat", low, "First part of the name of the heartbeat topic."),
	text(groupHeartbeat, "heartbeat.action.query", "", low, "SQL to run at each heartbeat, on a session of its own. A failure is logged, without values, and does not stop the stream. Not needed to move the slot."),
	patterns(groupAdvanced, "signal.data.collection", medium, "Table of signals, as schema.table."),
	declare(groupAdvanced, connect.TypeConfigList, "signal.enabled.channels", "source", medium, "Where signals come from: source, the table that signal.data.collection names; kafka, the topic signal.kafka.topic; file, the lines of signal.file. Signals by REST are taken in any case."),
	number(groupHeartbeat, "signal.poll.interval.ms", "5000", 1, anyNumber, medium, "How often signal.file is looked at, in milliseconds. Signals of the table and of the topic are seen at once."),
	text(groupAdvanced, "signal.kafka.topic", "", high, "Topic of signals; not set: topic.prefix and -signal. Only partition 0 is read."),
	declare(groupAdvanced, connect.TypeConfigList, "signal.kafka.bootstrap.servers", "", high, "Brokers that have the topic of signals; not set: the worker's own cluster, with the worker's client properties. Further client properties follow under signal.consumer."),
	text(groupAdvanced, "signal.kafka.groupId", "kafka-signal", low, "Group that the original reads the topic of signals with: where it has stopped, a connector without a place in the topic begins. It is told what is in a committed offset of the connector; what counts is that offset."),
	number(groupAdvanced, "signal.kafka.poll.timeout.ms", "100", 0, math.MaxInt32, low, "Accepted for compatibility: signals of the topic are seen at once."),
	text(groupAdvanced, "signal.file", "file-signals.txt", high, "File of signals, one JSON object with id, type and data in a line. It is not changed."),
	number(groupRuntime, "signal.emit.failure.max.retries", "0", -1, math.MaxInt32, medium, "Accepted for compatibility: nothing is written to the database."),
	number(groupRuntime, "signal.emit.failure.backoff.ms", "10000", 0, anyNumber, medium, "Accepted for compatibility, as signal.emit.failure.max.retries."),
	declare(groupAdvanced, connect.TypeConfigList, notificationChannels, "", medium, "Where notifications on the progress of snapshots go: sink, the topic notification.sink.topic.name; log, the log of the worker. Not set: nowhere."),
	text(groupAdvanced, notificationTopic, "", high, "Topic of notifications; has to be set if notification.enabled.channels has sink."),
}
