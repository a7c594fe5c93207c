// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"slices"
	"strings"

	"github.com/connectd/connectd/connect"
)

const statementPrefix = "snapshot.select.statement.overrides"

func (p *parser) snapshot() snapshotSettings {
	c := p.c
	return snapshotSettings{
		Mode: p.choice(snapshotModes), Data: c.Bool("snapshot.mode.configuration.based.snapshot.data"),
		Stream: c.Bool("snapshot.mode.configuration.based.start.stream"), DataOnLost: c.Bool("snapshot.mode.configuration.based.snapshot.on.data.error"),
		Lock: p.choice(lockingModes) == "shared", LockTimeout: c.Millis("snapshot.lock.timeout.ms"), Statements: p.statements(),
		Order: p.choice(tableOrders), Threads: c.Int("snapshot.max.threads"), ThreadParts: c.Int("snapshot.max.threads.multiplier"),
		WholeTables: c.Bool("legacy.snapshot.max.threads"), Delay: c.Millis("snapshot.delay.ms"), StreamDelay: c.Millis("streaming.delay.ms"),
		ChunkSize: c.Int("incremental.snapshot.chunk.size"), Watermarks: p.choice(watermarkStrategies), ReadOnly: c.Bool("read.only"),
	}
}

// statements returns the SELECT of each table that has one of its own, by schema.table
// in lower case. The list and the statements must name the same tables.
func (p *parser) statements() map[string]string {
	given := map[string]string{}
	for name, statement := range p.c.WithPrefix(statementPrefix + ".") {
		given[strings.ToLower(name)] = statement
	}
	out := map[string]string{}
	for _, table := range splitEscaped(p.c.String(statementPrefix)) {
		statement, ok := given[strings.ToLower(table)]
		if !ok || strings.TrimSpace(statement) == "" {
			p.fail(statementPrefix, "the table "+table+" has no statement", "set "+statementPrefix+"."+table)
			continue
		}
		out[strings.ToLower(table)] = statement
	}
	for table := range given {
		if _, ok := out[table]; !ok {
			p.fail(statementPrefix+"."+table, "the table is not in the list "+statementPrefix, "add it there")
		}
	}
	return out
}

func (p *parser) runtime() runtimeSettings {
	c := p.c
	queue := c.Int64("max.queue.size.in.bytes")
	if queue == 0 {
		queue = defaultQueueBytes
	}
	return runtimeSettings{
		MaxBatch: c.Int("max.batch.size"), QueueBytes: queue, EventFailure: p.choice(eventFailures),
		MaxRetries: c.Int("errors.max.retries"), MaxRetryWait: c.Millis("retriable.restart.connector.wait.ms"),
		MaxTables: c.Int("guardrail.collections.max"), TooManyTables: p.choice(guardrailActions),
	}
}

func (p *parser) signals() signalSettings {
	c := p.c
	p.channels("signal.enabled.channels", []string{"source", "kafka"}, map[string]string{
		"jmx": noJava, "file": "signals are not read from files", "in-process": "signals come through the table or a topic",
	})
	p.channels("notification.enabled.channels", []string{"sink", "log"}, map[string]string{
		"jmx": noJava, "http": "notifications over HTTP are not sent",
	})
	s := signalSettings{
		Table: listText(c, "signal.data.collection"), Source: contains(c, "signal.enabled.channels", "source"),
		Kafka: contains(c, "signal.enabled.channels", "kafka"), KafkaTopic: c.String("signal.kafka.topic"),
		NotifyTopic: c.String("notification.sink.topic.name"), NotifySink: contains(c, "notification.enabled.channels", "sink"),
		NotifyLog: contains(c, "notification.enabled.channels", "log"),
	}
	if s.KafkaTopic == "" {
		s.KafkaTopic = c.String("topic.prefix") + "-signal"
	}
	if s.Table != "" && (strings.Count(s.Table, ".") != 1 || strings.Contains(s.Table, ",")) {
		p.fail("signal.data.collection", "must be one table as schema.table", "")
	}
	if s.NotifySink && s.NotifyTopic == "" {
		p.fail("notification.sink.topic.name", "is needed with the notification channel sink", "")
	}
	return s
}

func contains(c connect.Config, key, value string) bool {
	return slices.ContainsFunc(c.List(key), func(s string) bool { return strings.EqualFold(s, value) })
}

// channels checks a list of channel names.
func (p *parser) channels(key string, valid []string, refused map[string]string) {
	for _, name := range p.c.List(key) {
		name = strings.ToLower(name)
		if slices.Contains(valid, name) {
			continue
		}
		if reason, ok := refused[name]; ok {
			p.fail(key, "the channel "+name+" is not available here: "+reason, "use "+strings.Join(valid, " or "))
			continue
		}
		hint := ""
		if near := connect.Nearest(name, valid); near != "" {
			hint = "did you mean " + near + "?"
		}
		p.fail(key, "each element must be one of "+strings.Join(valid, ", "), hint)
	}
}
