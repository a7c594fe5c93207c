// SPDX-License-Identifier: Apache-2.0

package config

import (
	"math"

	"github.com/connectd/connectd/connect"
)

// The keys that are ours; all others are Kafka Connect's own.
const (
	DataDir        = "data.dir"
	BrokerListener = "embedded.broker.listener"
	// RegistryListener and RegistryURL say which schema registry converters use that
	// name none.
	RegistryListener = "embedded.registry.listener"
	RegistryTopic    = "embedded.registry.topic"
	RegistryURL      = "schema.registry.url"
	LogFormat        = "log.format"
	LogLevel         = "log.level"
	UnitBytes        = "task.transaction.max.bytes"
)

const (
	anyNumber = math.MaxInt64
	jsonConv  = "org.apache.kafka.connect.json.JsonConverter"
)

func str(name, def, doc string) connect.ConfigKey {
	return connect.ConfigKey{Name: name, Type: connect.TypeConfigString, Default: def, Doc: doc}
}

func null(name string, t connect.ConfigType, doc string) connect.ConfigKey {
	return connect.ConfigKey{Name: name, Type: t, Null: true, Doc: doc}
}

func num(name string, t connect.ConfigType, def string, least int64, doc string) connect.ConfigKey {
	return connect.ConfigKey{Name: name, Type: t, Default: def, Check: connect.Between(least, anyNumber), Doc: doc}
}

func flag(name, def, doc string) connect.ConfigKey {
	return connect.ConfigKey{Name: name, Type: connect.TypeConfigBoolean, Default: def, Doc: doc}
}

func choice(name, def, doc string, valid ...string) connect.ConfigKey {
	return connect.ConfigKey{Name: name, Type: connect.TypeConfigString, Default: def, Check: connect.OneOf(valid...), Doc: doc}
}

// Keys declares the settings of the worker.
var Keys = connect.Define(append(append(append(ownKeys(), clusterKeys()...), storageKeys()...), restKeys()...)...)

func ownKeys() []connect.ConfigKey {
	return []connect.ConfigKey{
		str(DataDir, "./connectd-data", "Where the embedded broker's log and local copies of state live. One daemon at a time."),
		str(BrokerListener, "127.0.0.1:9092", "Address of the embedded Kafka broker, which runs when bootstrap.servers is not set. Port 0 takes a free one."),
		str(RegistryListener, "127.0.0.1:8081", "Address of the embedded schema registry, which runs when schema.registry.url is not set. Port 0 takes a free one; empty runs none."),
		str(RegistryTopic, "_schemas", "Topic of the embedded schema registry."),
		null(RegistryURL, connect.TypeConfigList, "Schema registry of converters and transforms that name none. Not set: the embedded one, which keeps its schemas in embedded.registry.topic."),
		choice(LogFormat, "auto", "Form of the log: text, json, or auto (text on a terminal).", "auto", "text", "json"),
		choice(LogLevel, "INFO", "Least level that is logged; can be changed at run time.", "TRACE", "DEBUG", "INFO", "WARN", "ERROR"),
		num(UnitBytes, connect.TypeConfigInt, "8388608", 1<<16, "Bytes that a task gathers for one transaction at most; a task holds two at a time."),
	}
}

func clusterKeys() []connect.ConfigKey {
	return []connect.ConfigKey{
		null("bootstrap.servers", connect.TypeConfigList, "Brokers of the Kafka cluster. Not set: the embedded broker."),
		str("group.id", "connectd", "Name of the group of workers; prefix of transactional ids and changelog topics."),
		str("client.id", "", "Prefix of client ids."),
		{Name: "key.converter", Type: connect.TypeConfigClass, Default: jsonConv, Doc: "Converter of keys for connectors that set none."},
		{Name: "value.converter", Type: connect.TypeConfigClass, Default: jsonConv, Doc: "Converter of values for connectors that set none."},
		{Name: "header.converter", Type: connect.TypeConfigClass, Default: "org.apache.kafka.connect.storage.SimpleHeaderConverter", Doc: "Converter of headers for connectors that set none."},
		num("offset.flush.interval.ms", connect.TypeConfigLong, "60000", 0, "How often sinks commit, and offsets without records at most."),
		num("offset.flush.timeout.ms", connect.TypeConfigLong, "5000", 1, "How long a flush may take before it is reported."),
		num("task.shutdown.graceful.timeout.ms", connect.TypeConfigLong, "5000", 0, "How long a task may take to end in order."),
		choice("exactly.once.source.support", "enabled", "Accepted as in the original; sources are always transactional.", "disabled", "preparing", "enabled"),
		num("session.timeout.ms", connect.TypeConfigInt, "10000", 1, "Time without heartbeat after which a member of a group is out."),
		num("heartbeat.interval.ms", connect.TypeConfigInt, "3000", 1, "How often a member of a group reports."),
		num("rebalance.timeout.ms", connect.TypeConfigInt, "60000", 1, "How long members may take to join again."),
		num("request.timeout.ms", connect.TypeConfigInt, "40000", 1, "How long an answer of a broker may take."),
		num("retry.backoff.ms", connect.TypeConfigLong, "100", 0, "First pause before a request is repeated."),
		num("metadata.max.age.ms", connect.TypeConfigLong, "300000", 1, "How often topics and partitions are looked up anew."),
		flag("topic.creation.enable", "true", "Whether topic.creation.* of source connectors is followed."),
		flag("topic.tracking.enable", "true", "Whether the topics that a connector uses are recorded."),
		flag("topic.tracking.allow.reset", "true", "Whether that record may be emptied by REST."),
		choice("connector.client.config.override.policy", "All", "Which client settings a connector may override.", "All", "None", "Principal", "Allowlist"),
		{Name: "connector.client.config.override.allowlist", Type: connect.TypeConfigList, Doc: "Client settings that the policy Allowlist admits."},
		{Name: "config.providers", Type: connect.TypeConfigList, Doc: "Names of the providers that resolve ${name:…} in connector configurations."},
		null("plugin.path", connect.TypeConfigList, "Accepted as in the original; plugins are part of the binary."),
		choice("plugin.discovery", "hybrid_warn", "Accepted as in the original; plugins are part of the binary.", "only_scan", "hybrid_warn", "hybrid_fail", "service_load"),
	}
}

func storageKeys() []connect.ConfigKey {
	return []connect.ConfigKey{
		str("config.storage.topic", "connect-configs", "Topic of connector and task configurations."),
		num("config.storage.replication.factor", connect.TypeConfigShort, "3", -1, "Its replication; 1 on the embedded broker."),
		str("offset.storage.topic", "connect-offsets", "Topic of source offsets."),
		num("offset.storage.replication.factor", connect.TypeConfigShort, "3", -1, "Its replication; 1 on the embedded broker."),
		num("offset.storage.partitions", connect.TypeConfigInt, "25", -1, "Its partitions."),
		str("status.storage.topic", "connect-status", "Topic of connector and task states."),
		num("status.storage.replication.factor", connect.TypeConfigShort, "3", -1, "Its replication; 1 on the embedded broker."),
		num("status.storage.partitions", connect.TypeConfigInt, "5", -1, "Its partitions."),
		null("offset.storage.file.filename", connect.TypeConfigString, "Accepted from standalone worker files; offsets live in the offsets topic."),
		num("worker.sync.timeout.ms", connect.TypeConfigInt, "3000", 0, "How long a worker may take to catch up with the config topic."),
		num("worker.unsync.backoff.ms", connect.TypeConfigInt, "300000", 0, "Pause of a worker that could not."),
		choice("connect.protocol", "sessioned", "Protocol of the group of workers.", "eager", "compatible", "sessioned"),
		num("scheduled.rebalance.max.delay.ms", connect.TypeConfigInt, "300000", 0, "How long the work of a lost worker waits for its return."),
		num("inter.worker.key.ttl.ms", connect.TypeConfigInt, "3600000", 0, "How long a key between workers is used."),
		null("inter.worker.key.size", connect.TypeConfigInt, "Bits of that key."),
		str("inter.worker.key.generation.algorithm", "HmacSHA256", "Algorithm of that key."),
		str("inter.worker.signature.algorithm", "HmacSHA256", "Algorithm of signatures between workers."),
		{Name: "inter.worker.verification.algorithms", Type: connect.TypeConfigList, Default: "HmacSHA256", Doc: "Algorithms of signatures that are accepted."},
	}
}

func restKeys() []connect.ConfigKey {
	return []connect.ConfigKey{
		{Name: "listeners", Type: connect.TypeConfigList, Default: "http://127.0.0.1:8083", Doc: "Addresses of the REST admin. Port 0 takes a free one."},
		{Name: "admin.listeners", Type: connect.TypeConfigList, Null: true, Doc: "Addresses of /admin alone. Not set: it is on listeners too; empty: it is nowhere."},
		null("rest.advertised.host.name", connect.TypeConfigString, "Host under which other workers and status answers name this one."),
		null("rest.advertised.port", connect.TypeConfigInt, "Port of the same."),
		null("rest.advertised.listener", connect.TypeConfigString, "Which listener is advertised: http or https."),
		{Name: "rest.extension.classes", Type: connect.TypeConfigList, Doc: "REST extensions; none is part of this binary yet.", Check: refuseExtensions},
		str("access.control.allow.origin", "", "Origin that browsers may call from."),
		str("access.control.allow.methods", "", "Methods that browsers may call with."),
		str("response.http.headers.config", "", "Headers of answers: add, set, addDate or setDate, then name: value; several are separated by commas."),
		num("metrics.num.samples", connect.TypeConfigInt, "2", 1, "Accepted as in the original; metrics are counters and are not sampled."),
		num("metrics.sample.window.ms", connect.TypeConfigLong, "30000", 0, "Accepted as in the original; metrics are counters and are not sampled."),
		str("metrics.recording.level", "INFO", "Accepted as in the original."),
		{Name: "metric.reporters", Type: connect.TypeConfigList, Doc: "Accepted as in the original; metrics are served at /metrics."},
	}
}

// refuseExtensions: an extension that is named is usually the one that checks
// passwords; to run without it would open what the user believes to be closed.
func refuseExtensions(v any) (string, string) {
	if list, _ := v.([]string); len(list) > 0 {
		return "REST extensions are not available in this binary", "remove the key, and keep the listener on loopback or behind a proxy that checks access"
	}
	return "", ""
}

// Prefixes of the keys that belong to Kafka clients, internal topics and
// providers; they are checked where they are used.
var Prefixes = []string{
	"producer.", "consumer.", "admin.", "ssl.", "sasl.", "security.", "config.storage.", "offset.storage.", "status.storage.",
	"schema.registry.", "basic.auth.", "bearer.auth.",
	"config.providers.", "key.converter.", "value.converter.", "header.converter.", "listeners.https.", "metrics.context.",
	"topic.creation.", "reconnect.backoff", "connections.max.idle.ms", "send.buffer.bytes", "receive.buffer.bytes",
	"socket.connection.setup.timeout", "client.dns.lookup",
}
