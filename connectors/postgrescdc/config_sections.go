// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"slices"
	"strings"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connectors/postgrescdc/pattern"
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
		ChunkSize: c.Int("incremental.snapshot.chunk.size"), ChunkSizeSet: c.Has("incremental.snapshot.chunk.size"),
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
	for _, table := range pattern.Split(p.c.String(statementPrefix)) {
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
		QueueBytes: queue, EventFailure: p.choice(eventFailures), MaxRetries: c.Int("errors.max.retries"),
		MaxTables: c.Int("guardrail.collections.max"), TooManyTables: p.choice(guardrailActions),
	}
}

func (p *parser) signals() signalSettings {
	c := p.c
	channels := p.channels("signal.enabled.channels", "source", "kafka", "file")
	s := signalSettings{Table: listText(c, "signal.data.collection"), Source: slices.Contains(channels, "source"), PollInterval: c.Millis("signal.poll.interval.ms")}
	if slices.Contains(channels, "kafka") {
		p.signalTopic(&s)
	}
	if slices.Contains(channels, "file") {
		if s.File = c.String("signal.file"); s.File == "" {
			p.fail("signal.file", "must name a file, as signal.enabled.channels has file", "")
		}
	}
	if s.Table != "" && (strings.Count(s.Table, ".") != 1 || strings.Contains(s.Table, ",")) {
		p.fail("signal.data.collection", "must be one table as schema.table", "")
	}
	return s
}

// absentChannels are channels of the original that do not exist here.
var absentChannels = map[string]string{
	"jmx":        "there is no Java virtual machine, and so no MBean; figures are at /metrics and in the status",
	"in-process": "there is no process around the connector",
	"http":       "the connector calls no addresses of its own; have notifications written to a topic",
}

// consumerPrefix begins the names of client properties of the topic of signals.
const consumerPrefix = "signal.consumer."

// signalTopic reads where the topic of signals is, and checks the client's properties.
func (p *parser) signalTopic(s *signalSettings) {
	c := p.c
	if s.Topic = c.String("signal.kafka.topic"); s.Topic == "" {
		s.Topic = legalTopic(c.String("topic.prefix") + "-signal")
	}
	s.Brokers, s.Group, s.Consumer = strings.Join(c.List("signal.kafka.bootstrap.servers"), ","), c.String("signal.kafka.groupId"), c.WithPrefix(consumerPrefix)
	_, errs := s.client(map[string]string{"bootstrap.servers": "localhost:9092"}, "")
	for _, e := range errs {
		if e.Key == "bootstrap.servers" && s.Consumer[e.Key] == "" {
			e.Key = "signal.kafka." + e.Key
		} else {
			e.Key = consumerPrefix + e.Key
		}
		p.errs = append(p.errs, e)
	}
}

// channels checks a list of channel names, and returns it in lower case.
func (p *parser) channels(key string, valid ...string) []string {
	var out []string
	for _, name := range p.c.List(key) {
		name = strings.ToLower(name)
		out = append(out, name)
		if slices.Contains(valid, name) {
			continue
		}
		reason, absent := absentChannels[name]
		hint := "leave it out"
		if near := connect.Nearest(name, valid); near != "" {
			hint = "did you mean " + near + "?"
		}
		if absent {
			p.fail(key, "the channel "+name+" is not available here: "+reason, hint)
			continue
		}
		p.fail(key, "there is no channel "+name, hint)
	}
	return out
}
