// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/connectd/connectd/connect"
)

// minimal is the least that a configuration needs.
var minimal = map[string]string{
	"database.hostname": "127.0.0.1", "database.user": "postgres", "database.dbname": "postgres", "topic.prefix": "v",
}

// with returns minimal with further properties, name and value in turn; a value of "-"
// takes the property away.
func with(pairs ...string) map[string]string {
	props := maps.Clone(minimal)
	for i := 0; i < len(pairs); i += 2 {
		props[pairs[i]] = pairs[i+1]
		if pairs[i+1] == "-" {
			delete(props, pairs[i])
		}
	}
	return props
}

func mustParse(t testing.TB, pairs ...string) *settings {
	t.Helper()
	c, errs := declaration.Parse(with(pairs...))
	s, more := parseSettings(c)
	if errs = append(errs, more...); len(errs) > 0 {
		t.Fatalf("unexpected errors: %v", errs)
	}
	return s
}

func TestDefaults(t *testing.T) {
	s := mustParse(t)
	want := settings{
		Server: serverSettings{
			Host: "127.0.0.1", Port: 5432, User: "postgres", Database: "postgres", TLSMode: "prefer", ConnectTimeout: time.Minute, Silence: time.Minute, QueryTimeout: 10 * time.Minute,
		},
		Slot: slotSettings{
			Name: "debezium", MaxRetries: 6, RetryDelay: 10 * time.Second, LostPolicy: "fail", StatusInterval: 10 * time.Second,
			Flush: true, Mismatch: "no_validation", Streaming: "off",
		},
		Publication: publicationSettings{Name: "dbz_publication", Autocreate: "filtered"},
		Topics:      topicSettings{Prefix: "v", Delimiter: ".", Transaction: "transaction", HeartbeatPrefix: "__debezium-heartbeat"},
		Format: formatSettings{
			Tombstones: true, Binary: "bytes", Decimal: "precise", Time: "adaptive", Hstore: "json", Interval: "numeric", MoneyDigits: 2,
			Unavailable: "__debezium_unavailable_value", SchemaNames: "none", FieldNames: "none", ConvertFailure: "warn", ContextHeaders: true,
		},
		Snapshot: snapshotSettings{
			Mode: "initial", LockTimeout: 10 * time.Second, Statements: map[string]string{}, Order: "disabled", Threads: 1, ThreadParts: 1,
			ChunkSize: 1024,
		},
		Runtime: runtimeSettings{QueueBytes: 4 << 20, EventFailure: "fail", MaxRetries: -1, TooManyTables: "warn"},
		Signals: signalSettings{Source: true, PollInterval: 5 * time.Second},
	}
	s.filter, s.columns = nil, nil
	if diff := cmp.Diff(want, *s, cmp.AllowUnexported(settings{})); diff != "" {
		t.Error(diff)
	}
}

func TestAliases(t *testing.T) {
	for _, tc := range []struct{ key, value, want string }{
		{"snapshot.mode", "never", "no_data"},
		{"snapshot.mode", "Exported", "initial"},
		{"snapshot.mode", "INITIAL_ONLY", "initial_only"},
	} {
		if got := mustParse(t, tc.key, tc.value).Snapshot.Mode; got != tc.want {
			t.Errorf("%s=%s is %s, want %s", tc.key, tc.value, got, tc.want)
		}
	}
	if got := mustParse(t, "event.processing.failure.handling.mode", "ignore").Runtime.EventFailure; got != "skip" {
		t.Errorf("ignore is %s, want skip", got)
	}
	for _, pair := range [][2]string{{"lsn.flush.mode", "manual"}, {"flush.lsn.source", "false"}} {
		if mustParse(t, pair[0], pair[1]).Slot.Flush {
			t.Errorf("%s=%s moves the slot", pair[0], pair[1])
		}
	}
	if !mustParse(t, "lsn.flush.mode", "connector_and_driver").Slot.Flush {
		t.Error("connector_and_driver does not move the slot")
	}
}

// TestMistakes compares with the answers of Debezium 3.7.0.Final, as recorded, where
// it refuses the same.
func TestMistakes(t *testing.T) {
	for _, tc := range []struct {
		name  string
		pairs []string
		want  []string // key: beginning of the text
	}{
		{"missing all", []string{"database.hostname", "-", "database.user", "-", "database.dbname", "-", "topic.prefix", "-"}, []string{
			"database.hostname: The 'database.hostname' value is invalid: A value is required",
			"database.user: The 'database.user' value is invalid: A value is required",
			"database.dbname: The 'database.dbname' value is invalid: A value is required",
			"topic.prefix: The 'topic.prefix' value is invalid: A value is required",
		}},
		{"bad values", []string{"topic.prefix", "a b", "decimal.handling.mode", "bogus", "slot.name", "Bad-Slot", "max.queue.size", "10", "max.batch.size", "20"}, []string{
			"slot.name: The 'slot.name' value is invalid: Valid replication slot name must contain only digits, lowercase characters and underscores with length <= 63",
			"topic.prefix: The 'topic.prefix' value is invalid: a b has invalid format (only the underscore, hyphen, dot and alphanumeric characters are allowed)",
			"decimal.handling.mode: The 'decimal.handling.mode' value is invalid: Value must be one of string, double, precise",
			"max.queue.size: The 'max.queue.size' value is invalid: Must be larger than the maximum batch size",
		}},
		{"include and exclude", []string{"table.include.list", "a", "table.exclude.list", "b"}, []string{
			`table.exclude.list: The 'table.exclude.list' value is invalid: "table.include.list" is already specified`}},
		{"slip", []string{"snapshot.mode", "inital"}, []string{"snapshot.mode: The 'snapshot.mode' value is invalid: Value must be one of always, initial_only, configuration_based, when_needed, initial, no_data (did you mean initial?)"}},
		{"decoderbufs", []string{"plugin.name", "decoderbufs"}, []string{"plugin.name: The 'plugin.name' value is invalid: 'decoderbufs' is not available here: the output plugin decoderbufs has to be installed"}},
		{"trust_slot", []string{"offset.mismatch.strategy", "trust_slot"}, []string{"offset.mismatch.strategy: The 'offset.mismatch.strategy' value is invalid: 'trust_slot' is not available here: moving the offset"}},
		{"isolation", []string{"snapshot.isolation.mode", "read_committed"}, []string{"snapshot.isolation.mode: The 'snapshot.isolation.mode' value is invalid: 'read_committed' is not available here: a snapshot that sees"}},
		{"converters", []string{"converters", "isbn"}, []string{"converters: The 'converters' value is invalid: the key is not available here: there is no Java"}},
		{"post processor", []string{"post.processors", "a, b,c", "post.processors.a.type", "org.example.Mine", "c.type", reselectorType, "c.reselect.null.value", "true", "c.reselect.unavailable.values", "no",
			"c.reselect.error.handling.mode", "skip", "c.reselect.columns.include.list", "(?!x)"}, []string{
			"post.processors: The 'post.processors' value is invalid: the post processor a is a org.example.Mine: there is no Java",
			"post.processors: The 'post.processors' value is invalid: the post processor b has no type (set post.processors.b.type=" + reselectorType,
			"c.reselect.columns.include.list: The 'c.reselect.columns.include.list' value is invalid: '(?!x)' is not a valid regular expression",
			"c.reselect.error.handling.mode: The 'c.reselect.error.handling.mode' value is invalid: Value must be one of warn, fail",
			"c.reselect.null.value: The 'c.reselect.null.value' value is invalid: there is no such option (did you mean reselect.null.values?)",
			"c.reselect.unavailable.values: The 'c.reselect.unavailable.values' value is invalid: must be true or false"}},
		{"post processor twice", []string{"post.processors", "a,b", "a.type", reselectorType, "b.type", reselectorType}, []string{"post.processors: The 'post.processors' value is invalid: " + reselectorType + " is named twice"}},
		{"naming", []string{"topic.naming.strategy", "org.example.Mine"}, []string{"topic.naming.strategy: The 'topic.naming.strategy' value is invalid: the key is not available here: there is no Java"}},
		{"jmx", []string{"signal.enabled.channels", "source,jmx"}, []string{"signal.enabled.channels: The 'signal.enabled.channels' value is invalid: the channel jmx is not available here"}},
		{"driver", []string{"driver.foo", "1", "custom.metric.tags", "a=b"}, []string{"custom.metric.tags: ", "driver.foo: "}},
		{"plugin options", []string{"slot.stream.params", "origin=none;proto_version=4"}, []string{"slot.stream.params: The 'slot.stream.params' value is invalid: the option proto_version is set by the connector"}},
		{"tls", []string{"database.sslmode", "verify-full", "database.sslcert", "c.pem"}, []string{
			"database.sslcert: The 'database.sslcert' value is invalid: database.sslcert and database.sslkey need each other",
			"database.sslrootcert: The 'database.sslrootcert' value is invalid: is needed with database.sslmode=verify-full"}},
		{"identity", []string{"replica.identity.autoset.values", "public.a:SOME"}, []string{"replica.identity.autoset.values: "}},
		{"statement missing", []string{"snapshot.select.statement.overrides", "public.a", "snapshot.select.statement.overrides.public.b", "select 1"}, []string{
			"snapshot.select.statement.overrides: The 'snapshot.select.statement.overrides' value is invalid: the table public.a has no statement",
			"snapshot.select.statement.overrides.public.b: "}},
		{"placeholder", []string{"unavailable.value.placeholder", "hex:0"}, []string{"unavailable.value.placeholder: "}},
		{"flush contradiction", []string{"flush.lsn.source", "true", "lsn.flush.mode", "manual"}, []string{"flush.lsn.source: "}},
		{"channel slip", []string{"signal.enabled.channels", "sorce"}, []string{"signal.enabled.channels: The 'signal.enabled.channels' value is invalid: there is no channel sorce (did you mean source?)"}},
		{"no topic of notifications", []string{notificationChannels, "log,sink"}, []string{"notification.sink.topic.name: The 'notification.sink.topic.name' value is invalid: Notification topic name must be provided when kafka notification channel is enabled"}},
		{"topic of notifications", []string{notificationChannels, "sink", notificationTopic, "my notes"}, []string{"notification.sink.topic.name: The 'notification.sink.topic.name' value is invalid: no topic can have this name (did you mean my_notes?)"}},
		{"notifications to jmx", []string{notificationChannels, "jmx, lgo"}, []string{
			"notification.enabled.channels: The 'notification.enabled.channels' value is invalid: the channel jmx is not available here: there is no Java virtual machine, and so no MBean; figures are at /metrics and in the status (leave it out)",
			"notification.enabled.channels: The 'notification.enabled.channels' value is invalid: there is no channel lgo (did you mean log?)"}},
		{"notifications by http", []string{notificationChannels, "http"}, []string{"notification.enabled.channels: The 'notification.enabled.channels' value is invalid: the channel http is not available here: the connector calls no addresses"}},
		{"xmin", []string{"xmin.fetch.interval.ms", "5"}, []string{"xmin.fetch.interval.ms: "}},
		{"no file of signals", []string{"signal.enabled.channels", "file", "signal.file", " "}, []string{"signal.file: The 'signal.file' value is invalid: must name a file"}},
		{"no brokers of signals", []string{"signal.enabled.channels", "kafka", "signal.consumer.bootstrap.servers", ""}, []string{"signal.kafka.bootstrap.servers: "}},
		{"client of signals", []string{"signal.enabled.channels", "kafka", "signal.consumer.security.protocol", "TLS"}, []string{"signal.consumer.security.protocol: "}},
		{"two signal tables", []string{"signal.data.collection", "public.a,public.b"}, []string{"signal.data.collection: "}},
		{"builtin", []string{"table.ignore.builtin", "false"}, []string{"table.ignore.builtin: "}},
		{"publication name", []string{"publication.name", ""}, []string{"publication.name: "}},
		{"long slot name", []string{"slot.name", strings.Repeat("a", 64)}, []string{"slot.name: "}},
		{"option without value", []string{"slot.stream.params", "origin"}, []string{"slot.stream.params: The 'slot.stream.params' value is invalid: 'origin' is not of the form name=value"}},
		{"option twice", []string{"slot.stream.params", "a=1;a=2"}, []string{"slot.stream.params: The 'slot.stream.params' value is invalid: the option a is given twice"}},
		{"algorithm far off", []string{"column.mask.hash.whirlpool.with.salt.pepper", "a"}, []string{"column.mask.hash.whirlpool.with.salt.[hidden]: The 'column.mask.hash.whirlpool.with.salt.[hidden]' value is invalid: there is no algorithm 'whirlpool'; the algorithms are MD5, SHA, "}},
		{"mask number", []string{"column.mask.with.x.chars", "a"}, []string{"column.mask.with.x.chars: The 'column.mask.with.x.chars' value is invalid: 'x' in the key must be a number"}},
		{"mask algorithm", []string{"column.mask.hash.SHA256.with.salt.pepper", "a"}, []string{"column.mask.hash.SHA256.with.salt.[hidden]: The 'column.mask.hash.SHA256.with.salt.[hidden]' value is invalid: there is no algorithm 'SHA256' (did you mean SHA-256?)"}},
		{"mask form", []string{"column.mask.hash.SHA-256.salt.pepper", "a"}, []string{"column.mask.hash.[hidden]: "}},
		{"large regex", []string{"table.include.list", strings.Repeat("(ab|cde){1000}", 40)}, []string{"table.include.list: The 'table.include.list' value is invalid: '(ab|cde){1000}(ab|cde){1000}"}},
		{"regex", []string{"table.include.list", "public.(?!x).*"}, []string{"table.include.list: The 'table.include.list' value is invalid: 'public.(?!x).*' is not a valid regular expression: "}},
		{"key columns", []string{"message.key.columns", "public.a"}, []string{"message.key.columns: "}},
		{"operations", []string{"skipped.operations", "t,x"}, []string{"skipped.operations: "}},
		{"operations none", []string{"skipped.operations", "none,t"}, []string{"skipped.operations: "}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c, errs := declaration.Parse(with(tc.pairs...))
			if len(errs) > 0 {
				t.Fatal(errs)
			}
			_, errs = parseSettings(c)
			checkErrors(t, errs, tc.want)
		})
	}
}

func checkErrors(t *testing.T, errs connect.ConfigErrors, want []string) {
	t.Helper()
	if len(errs) != len(want) {
		t.Fatalf("%d errors, want %d:\n%v", len(errs), len(want), errs)
	}
	for i, e := range errs {
		if got := e.Key + ": " + e.Error(); !strings.HasPrefix(got, want[i]) {
			t.Errorf("error %d\n got %s\nwant %s", i, got, want[i])
		}
	}
}

func TestHarmlessValuesOfRefusedKeys(t *testing.T) {
	mustParse(t, "topic.naming.strategy", "io.debezium.schema.SchemaTopicNamingStrategy", "converters", "", "openlineage.integration.enabled", "false",
		"plugin.name", "pgoutput", "table.ignore.builtin", "true", "snapshot.isolation.mode", "repeatable_read")
}

func TestPasswordsAreSecret(t *testing.T) {
	for _, k := range declaration.Keys() {
		if strings.Contains(k.Name, "password") != (k.Type == connect.TypeConfigPassword) {
			t.Errorf("%s is of type %s", k.Name, k.Type)
		}
	}
}

func TestListsOfStatementsAndOptions(t *testing.T) {
	s := mustParse(t, "database.initial.statements", "set a = 1; select ';;' ;;; ", "slot.stream.params", "origin = none ; x=a=b",
		"snapshot.select.statement.overrides", "Public.A", "snapshot.select.statement.overrides.Public.A", "select * from a where b, c")
	if diff := cmp.Diff([]string{"set a = 1", "select ';' ;"}, s.Server.InitialStatements); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]pluginOption{{"origin", "none"}, {"x", "a=b"}}, s.Slot.Params); diff != "" {
		t.Error(diff)
	}
	if q, ok := s.statement("public", "a"); !ok || q != "select * from a where b, c" {
		t.Errorf("statement of public.a is %q, %t", q, ok)
	}
}

func TestPluginInfo(t *testing.T) {
	info := pluginInfo()
	for _, name := range []string{"io.debezium.connector.postgresql.PostgresConnector", "PostgresConnector", "Postgres", "postgrescdc"} {
		if !info.Matches(connect.KindSource, name) {
			t.Errorf("the plugin does not answer to %s", name)
		}
	}
	c, errs := info.Config.Parse(with("snapshot.mode", "bogus"))
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	checkErrors(t, info.Validate(c), []string{"snapshot.mode: "})
}
