// SPDX-License-Identifier: Apache-2.0

package worker

import (
	"slices"
	"strings"
	"testing"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/convert"
	"github.com/connectd/connectd/transforms"
)

// checked returns the messages and warnings of a configuration.
func checked(t *testing.T, policy OverridePolicy, config map[string]string) (errs, warnings []string) {
	t.Helper()
	plugins := newWorld().plugins()
	plugins.Transforms, plugins.Predicates, plugins.Converters = transforms.Plugins(), transforms.Predicates(), convert.Plugins()
	infos, err := Validate(plugins, policy, config)
	must(t, err)
	if got := infos.Errors(); infos.ErrorCount != len(got) {
		t.Errorf("error_count is %d for %d errors", infos.ErrorCount, len(got))
	}
	return infos.Errors(), infos.Warnings
}

func TestValidation(t *testing.T) {
	all := OverridePolicy{Name: "All"}
	isSink := []string{"connector.class", "FakeSink"}
	cases := []struct {
		name   string
		policy OverridePolicy
		config []string
		want   []string // part of each message, in order
	}{
		{"good", all, nil, nil},
		{"a number", all, []string{"tasks.max", "0"}, []string{"Invalid value 0 for configuration tasks.max: Value must be at least 1"}},
		{"an alias twice", all, []string{"transforms", "a,b,a", "transforms.a.type", "Filter", "transforms.b.type", "Filter"}, []string{"Invalid value [a, b, a] for configuration transforms: Duplicate alias provided."}},
		{"a transform's name", all, []string{"transforms", "a", "transforms.a.type", "RegexRoutr"}, []string{"Class RegexRoutr could not be found. (did you mean RegexRouter?)"}},
		{"a transform without a type", all, []string{"transforms", "a"}, []string{`Missing required configuration "transforms.a.type" which has no default value.`}},
		{"a transform's keys", all, []string{"transforms", "a", "transforms.a.type", "RegexRouter"}, []string{`"transforms.a.regex"`, `"transforms.a.replacement"`}},
		{"a predicate that is not there", all, []string{"transforms", "a", "transforms.a.type", "Filter", "transforms.a.predicate", "tomb", "predicates", "tombs", "predicates.tombs.type", "RecordIsTombstone"},
			[]string{"no predicate has this alias (did you mean tombs?)"}},
		{"negate alone", all, []string{"transforms", "a", "transforms.a.type", "Filter", "transforms.a.condition", "true", "transforms.a.negate", "true"}, []string{"has no meaning without"}},
		{"a converter", all, []string{"value.converter", "JsonConvertr"}, []string{"Class JsonConvertr could not be found. (did you mean JsonConverter?)"}},
		{"a converter's keys", all, []string{"value.converter", "JsonConverter", "value.converter.schemas.enable", "maybe"}, []string{"Invalid value maybe for configuration value.converter.schemas.enable"}},
		{"a header converter for values", all, []string{"value.converter", "SimpleHeaderConverter"}, []string{"is not a converter for this"}},
		{"no topics", all, isSink, []string{"Must configure one of", "Must configure one of"}},
		{"topics twice", all, append([]string{"topics", "a", "topics.regex", "b"}, isSink...), []string{"mutually exclusive", "mutually exclusive"}},
		{"the error topic is read", all, append([]string{"topics", "a, b", "errors.deadletterqueue.topic.name", "b"}, isSink...), []string{"The DLQ topic 'b' may not be included in the list of topics ('topics=[a, b]')"}},
		{"the error topic matches", all, append([]string{"topics.regex", "b.*", "errors.deadletterqueue.topic.name", "bad"}, isSink...), []string{"may not be matched by the regex"}},
		{"overrides", all, []string{"producer.override.linger.ms", "5"}, nil},
		{"no overrides", OverridePolicy{Name: "None"}, []string{"producer.override.linger.ms", "5"}, []string{"producer.override.linger.ms"}},
		{"the principal", OverridePolicy{Name: "Principal"}, []string{"producer.override.sasl.jaas.config", "x", "consumer.override.fetch.min.bytes", "5"}, []string{"consumer.override.fetch.min.bytes"}},
		{"a list", OverridePolicy{Name: "Allowlist", Allowed: []string{"linger.ms"}}, []string{"producer.override.linger.ms", "5", "admin.override.retries", "5"}, []string{"admin.override.retries"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			errs, _ := checked(t, c.policy, source(append([]string{"name", "n"}, c.config...)...))
			if len(errs) != len(c.want) {
				t.Fatalf("the mistakes are\n%s\nwant %d", strings.Join(errs, "\n"), len(c.want))
			}
			for i, part := range c.want {
				if !strings.Contains(errs[i], part) {
					t.Errorf("mistake %d is %q, want %q in it", i, errs[i], part)
				}
			}
		})
	}
}

func TestSecretsAreNotInMessages(t *testing.T) {
	errs, warnings := checked(t, OverridePolicy{Name: "None"}, source("name", "n", "producer.override.ssl.key.password", "s3cret", "db.pasword", "s3cret", "tasks.max", "x"))
	if len(errs) != 2 || strings.Contains(strings.Join(append(errs, warnings...), "\n"), "s3cret") {
		t.Errorf("mistakes %v, warnings %v", errs, warnings)
	}
}

func TestUnknownKeysAreWarnings(t *testing.T) {
	errs, warnings := checked(t, OverridePolicy{Name: "All"}, source("name", "n", "task.max", "3", "key.converter.x", "1", "topic.creation.default.partitions", "1", "topic.creation.default.replication.factor", "1"))
	if len(errs) != 0 {
		t.Errorf("the mistakes are %v", errs)
	}
	if len(warnings) != 1 || !strings.Contains(warnings[0], `"task.max"`) || !strings.Contains(warnings[0], "did you mean tasks.max?") {
		t.Errorf("the warnings are %v", warnings)
	}
}

func TestConnectorClasses(t *testing.T) {
	p := newWorld().plugins()
	for _, class := range []string{"test.FakeSourceConnector", "FakeSourceConnector", "FakeSource"} {
		if infos, err := Validate(p, OverridePolicy{}, map[string]string{"connector.class": class, "name": "n", "file": "f"}); err != nil || infos.Name != class || infos.ErrorCount != 0 {
			t.Errorf("%s: %v, %v", class, infos, err)
		}
	}
	_, err := Validate(p, OverridePolicy{}, map[string]string{"connector.class": "FakeSorce"})
	if status(err) != 400 || !strings.Contains(err.Error(), "did you mean FakeSource?") || !strings.Contains(err.Error(), "test.FakeSinkConnector") {
		t.Errorf("a slip of the hand: %v", err)
	}
	if _, err := Validate(p, OverridePolicy{}, map[string]string{"name": "n"}); status(err) != 400 || !strings.Contains(err.Error(), "{name=n} contains no connector type") {
		t.Errorf("no class: %v", err)
	}
}

func TestPlaceInTheGroup(t *testing.T) {
	keys := []connect.ConfigKey{{Name: "a", Group: "x"}, {Name: "b"}, {Name: "c", Group: "x"}, {Name: "d", Group: "y"}, {Name: "e", Group: "x", Order: 9}}
	var got []int
	for _, d := range Describe(keys) {
		got = append(got, d.Order)
	}
	if want := []int{0, -1, 1, 0, 9}; !slices.Equal(got, want) {
		t.Errorf("the places are %v, want %v", got, want)
	}
}

func TestTheWorkersConvertersAreTheDefaults(t *testing.T) {
	p := newWorld().plugins()
	p.Converters = convert.Plugins()
	infos, err := validate(p, OverridePolicy{}, map[string]string{"key.converter": "StringConverter"}, source("name", "n"))
	must(t, err)
	for key, want := range map[string]string{
		"key.converter": "org.apache.kafka.connect.storage.StringConverter", "header.converter": simpleHeaders, "connector.plugin.version": "7",
	} {
		i := slices.IndexFunc(infos.Configs, func(c ConfigInfo) bool { return c.Value.Name == key })
		if got := infos.Configs[i].Definition.Default; got == nil || *got != want {
			t.Errorf("the default of %s is %v, want %s", key, got, want)
		}
	}
}

func TestGroupsOfSinks(t *testing.T) {
	s := newSetting(t)
	w := s.start(t)
	for key, config := range map[string]map[string]string{
		"name":                       source("connector.class", "FakeSink", "topics", "t", "name", strings.TrimPrefix(s.o.Group, "connect-")),
		"consumer.override.group.id": source("connector.class", "FakeSink", "topics", "t", "name", "n", "consumer.override.group.id", s.o.Group),
	} {
		w.o.Group = s.o.Group
		if key == "name" {
			w.o.Group = "connect-" + s.o.Group
			config["name"] = s.o.Group
		}
		_, err := w.Create(deadline(t), config["name"], config, "")
		if status(err) != 400 || !strings.Contains(err.Error(), "onnect worker group") {
			t.Errorf("%s: %v", key, err)
		}
	}
}
