// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/connectd/connectd/connect"
)

// parser makes settings of a configuration and collects what is wrong with it.
type parser struct {
	c      connect.Config
	chosen map[string]string
	errs   connect.ConfigErrors
}

func (p *parser) fail(key, rule, hint string) {
	value := ""
	if k := declaration.Key(key); k == nil || k.Type != connect.TypeConfigPassword {
		value = p.c.Raw()[key]
	}
	p.errs = append(p.errs, *invalid(key, value, rule, hint))
}

// sorted returns the mistakes in the order of the declaration, others behind it.
func (p *parser) sorted() connect.ConfigErrors {
	names := declaration.Names()
	place := func(key string) int {
		if i := slices.Index(names, key); i >= 0 {
			return i
		}
		return len(names)
	}
	slices.SortStableFunc(p.errs, func(a, b connect.ConfigError) int {
		return cmp.Or(cmp.Compare(place(a.Key), place(b.Key)), strings.Compare(a.Key, b.Key))
	})
	return p.errs
}

func (p *parser) choices() {
	for _, ch := range choices {
		v, err := ch.of(p.c)
		if err != nil {
			p.errs = append(p.errs, *err)
		}
		p.chosen[ch.key] = v
	}
}

func (p *parser) choice(ch choice) string { return p.chosen[ch.key] }

const tooShort = "Must be larger than the maximum batch size"

// crossKey checks what concerns several keys.
func (p *parser) crossKey() {
	c := p.c
	for _, name := range []string{"database.hostname", "database.user", "database.dbname", "topic.prefix"} {
		if c.String(name) == "" {
			p.fail(name, "A value is required", "")
		}
	}
	if c.Int("max.queue.size") <= c.Int("max.batch.size") {
		p.fail("max.queue.size", tooShort, "")
	}
	for _, what := range []string{"schema", "table", "column", "message.prefix"} {
		if listText(c, what+".include.list") != "" && listText(c, what+".exclude.list") != "" {
			p.fail(what+".exclude.list", `"`+what+`.include.list" is already specified`, "")
		}
	}
	if !c.Bool("table.ignore.builtin") {
		p.fail("table.ignore.builtin", "system schemas cannot be captured: the server does not replicate them", "remove the key")
	}
	if c.Has("lsn.flush.mode") && c.Has("flush.lsn.source") && c.Bool("flush.lsn.source") == (p.choice(flushModes) == "manual") {
		p.fail("flush.lsn.source", "contradicts lsn.flush.mode", "remove this older key")
	}
	if c.String("topic.heartbeat.name") != "" && c.String("topic.heartbeat.name") == c.String("topic.prefix") {
		p.fail("topic.heartbeat.name", "must not be the topic prefix", "")
	}
}

func (p *parser) server() serverSettings {
	c := p.c
	if (c.String("database.sslcert") == "") != (c.String("database.sslkey") == "") {
		p.fail("database.sslcert", "database.sslcert and database.sslkey need each other", "")
	}
	if mode := p.choice(sslModes); strings.HasPrefix(mode, "verify-") && c.String("database.sslrootcert") == "" {
		p.fail("database.sslrootcert", "is needed with database.sslmode="+mode, "name the file of the certificate authority")
	}
	return serverSettings{
		Host: c.String("database.hostname"), Port: c.Int("database.port"), User: c.String("database.user"),
		Password: c.String("database.password"), Database: c.String("database.dbname"),
		TLSMode: p.choice(sslModes), Cert: c.String("database.sslcert"), Key: c.String("database.sslkey"),
		KeyPassword: c.String("database.sslpassword"), RootCert: c.String("database.sslrootcert"),
		InitialStatements: splitStatements(c.String("database.initial.statements")), ConnectTimeout: c.Millis("connection.validation.timeout.ms"),
		QueryTimeout: c.Millis("database.query.timeout.ms"), Silence: c.Millis(keySilence),
	}
}

var slotName = regexp.MustCompile(`^[a-z0-9_]{1,63}$`)

func (p *parser) slot() slotSettings {
	c := p.c
	if !slotName.MatchString(c.String("slot.name")) {
		p.fail("slot.name", "Valid replication slot name must contain only digits, lowercase characters and underscores with length <= 63", slotHint(c.String("slot.name")))
	}
	params, err := parsePluginOptions(c.String("slot.stream.params"))
	if err != nil {
		p.fail("slot.stream.params", err.Error(), "write name=value;name=value")
	}
	flush := p.choice(flushModes) != "manual"
	if c.Has("flush.lsn.source") && !c.Bool("flush.lsn.source") {
		flush = false
	}
	return slotSettings{
		Name: c.String("slot.name"), DropOnStop: c.Bool("slot.drop.on.stop"), Failover: c.Bool("slot.failover"), Params: params,
		MaxRetries: c.Int("slot.max.retries"), RetryDelay: c.Millis("slot.retry.delay.ms"), LostPolicy: p.choice(lostPolicies),
		StatusInterval: c.Millis("status.update.interval.ms"), Flush: flush, Mismatch: p.choice(mismatchStrategies),
		Streaming: p.choice(slotStreaming), StreamingDir: c.String(keyStreamingDir), StreamingMost: c.Int64(keyStreamingMost),
		Lifetime: c.Millis(keyLifetime),
	}
}

// slotHint is the name that was probably meant.
func slotHint(name string) string {
	b := []byte(strings.ToLower(name))
	for i, ch := range b {
		if !(ch >= 'a' && ch <= 'z' || ch >= '0' && ch <= '9') {
			b[i] = '_'
		}
	}
	if len(b) == 0 || len(b) > 63 {
		return ""
	}
	return "such as " + string(b)
}

// reservedOptions are set by the connector; the server refuses an option that comes twice.
var reservedOptions = []string{"proto_version", "publication_names", "messages", "binary", "streaming", "two_phase"}

func parsePluginOptions(list string) ([]pluginOption, error) {
	var out []pluginOption
	for _, part := range strings.Split(list, ";") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		name, value, ok := strings.Cut(part, "=")
		name = strings.TrimSpace(name)
		if !ok || name == "" {
			return nil, fmt.Errorf("'%s' is not of the form name=value", part)
		}
		if slices.Contains(reservedOptions, name) {
			return nil, fmt.Errorf("the option %s is set by the connector", name)
		}
		if slices.ContainsFunc(out, func(o pluginOption) bool { return o.Name == name }) {
			return nil, fmt.Errorf("the option %s is given twice", name)
		}
		out = append(out, pluginOption{name, strings.TrimSpace(value)})
	}
	return out, nil
}

// splitStatements splits at semicolons; a doubled one stands for itself.
func splitStatements(list string) []string {
	var out []string
	for _, s := range strings.Split(strings.ReplaceAll(list, ";;", "\x00"), ";") {
		if s = strings.TrimSpace(strings.ReplaceAll(s, "\x00", ";")); s != "" {
			out = append(out, s)
		}
	}
	return out
}

func (p *parser) publication() publicationSettings {
	c := p.c
	if name := c.String("publication.name"); name == "" || len(name) > 63 {
		p.fail("publication.name", "must have 1 to 63 bytes", "")
	}
	identities, err := parseIdentities(c.String("replica.identity.autoset.values"))
	if err != nil {
		p.fail("replica.identity.autoset.values", err.Error(), "write schema.table:FULL,schema.other:INDEX name")
	}
	return publicationSettings{
		Name: c.String("publication.name"), Autocreate: p.choice(autocreateModes),
		ViaRoot: c.Bool("publish.via.partition.root"), Identities: identities,
	}
}

var topicName = regexp.MustCompile(`^[a-zA-Z0-9._-]+$`)

const topicRule = " has invalid format (only the underscore, hyphen, dot and alphanumeric characters are allowed)"

func (p *parser) topics() topicSettings {
	c := p.c
	for _, name := range []string{"topic.prefix", "topic.delimiter", "topic.transaction", "topic.heartbeat.name", "heartbeat.topics.prefix", schemaChangesTopic} {
		if v := c.String(name); v != "" && !topicName.MatchString(v) {
			p.fail(name, v+topicRule, "")
		}
	}
	return topicSettings{
		Prefix: c.String("topic.prefix"), Delimiter: c.String("topic.delimiter"), Transaction: c.String("topic.transaction"),
		SchemaChanges: c.String(schemaChangesTopic),
		HeartbeatName: c.String("topic.heartbeat.name"), HeartbeatPrefix: c.String("heartbeat.topics.prefix"),
		HeartbeatInterval: c.Millis("heartbeat.interval.ms"), HeartbeatSQL: c.String("heartbeat.action.query"),
	}
}

func (p *parser) format() formatSettings {
	c := p.c
	placeholder := c.String("unavailable.value.placeholder")
	if digits, ok := strings.CutPrefix(placeholder, "hex:"); ok {
		if _, err := hex.DecodeString(digits); err != nil {
			p.fail("unavailable.value.placeholder", "what follows hex: must be pairs of hexadecimal digits", "")
		}
	}
	return formatSettings{
		Tombstones: c.Bool("tombstones.on.delete"), Binary: p.choice(binaryModes), Decimal: p.choice(decimalModes),
		Time: p.choice(timeModes), Hstore: p.choice(hstoreModes), Interval: p.choice(intervalModes),
		MoneyDigits: c.Int("money.fraction.digits"), Unavailable: placeholder, UnknownTypes: c.Bool("include.unknown.datatypes"),
		SchemaNames: adjustment(p.choice(schemaAdjustments)),
		FieldNames:  adjustment(p.choice(fieldAdjustments)), ConvertFailure: p.choice(convertFailures),
		Transactions: c.Bool("provide.transaction.metadata"), ContextHeaders: c.Bool("extended.headers.enabled"),
		SkipUnchangedUpdate: c.Bool("skip.messages.without.change"),
	}
}
