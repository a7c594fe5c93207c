// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/convert"
)

// shown is a key as a validate answer shows it.
type shown struct {
	Name       string `json:"name"`
	Type       string `json:"type"`
	Required   bool   `json:"required"`
	Default    any    `json:"default_value"`
	Importance string `json:"importance"`
	Doc        string `json:"documentation"`
	Group      string `json:"group"`
	Order      int    `json:"order_in_group"`
	Width      string `json:"width"`
	Display    string `json:"display_name"`
}

// The keys equal what a worker of Kafka Connect 4.3.1 answered for a source and for
// a sink, but for defaults that the worker fills in.
func TestKeysEqualTheOriginals(t *testing.T) {
	for kind, file := range map[connect.PluginKind]string{connect.KindSource: "source_keys.json", connect.KindSink: "sink_keys.json"} {
		t.Run(string(kind), func(t *testing.T) {
			text, err := os.ReadFile(filepath.Join("testdata", file))
			if err != nil {
				t.Fatal(err)
			}
			var want []shown
			if err := json.Unmarshal(text, &want); err != nil {
				t.Fatal(err)
			}
			def := ConnectorKeys(kind)
			for _, w := range want {
				k := def.Key(w.Name)
				if k == nil {
					t.Errorf("%s is missing", w.Name)
					continue
				}
				got := shown{w.Name, string(k.Type), k.Required, w.Default, string(k.Importance), k.Doc, k.Group, k.Order, k.Width, k.DisplayName}
				if text, isText := w.Default.(string); isText && !k.Null && text != k.Default {
					t.Errorf("%s: the default is %q, want %q", w.Name, k.Default, text)
				}
				if got != w {
					t.Errorf("%s: got\n%+v, want\n%+v", w.Name, got, w)
				}
			}
		})
	}
}

func TestConfigurationMistakes(t *testing.T) {
	const jsonConverter = "org.apache.kafka.connect.json.JsonConverter"
	plugins := &connect.Plugins{
		Converters: convert.Plugins(),
		Sources: []connect.SourcePlugin{{PluginInfo: connect.PluginInfo{Class: "org.example.FileSourceConnector",
			Config: connect.Define(connect.ConfigKey{Name: "file", Type: connect.TypeConfigString, Required: true})}, NewTask: func() connect.SourceTask { return nil }}},
		Transforms: []connect.TransformPlugin{{PluginInfo: connect.PluginInfo{Class: "Sum", Config: connect.Define()},
			New: func(connect.TransformContext) (connect.Transform, error) { return sum(), nil }},
			{PluginInfo: connect.PluginInfo{Class: "Broken", Config: connect.Define()},
				New: func(connect.TransformContext) (connect.Transform, error) { return nil, errors.New("it cannot be made") }}},
		Predicates: []connect.PredicatePlugin{{PluginInfo: connect.PluginInfo{Class: "IsOne", Config: connect.Define()},
			New: func(connect.TransformContext) (connect.Predicate, error) { return isOne{}, nil }}},
	}
	cases := []struct {
		name, key, says string
		config          map[string]string
	}{
		{"missing state misspelt", "transforms.x.state.missing", "did you mean empty?", map[string]string{"transforms": "x", "transforms.x.type": "Sum", "transforms.x.state.missing": "emty"}},
		{"connector misspelt", "connector.class", "did you mean FileSourceConnector?", map[string]string{"connector.class": "FileSorceConnector"}},
		{"plugin key missing", "file", "Missing required", map[string]string{"file": ""}},
		{"converter misspelt", "value.converter", "did you mean JsonConverter?", map[string]string{"value.converter": "JsonConvertor"}},
		{"converter setting", "value.converter.schemas.enable", "true or false", map[string]string{"value.converter": jsonConverter, "value.converter.schemas.enable": "maybe"}},
		{"transform misspelt", "transforms.a.type", "did you mean Sum?", map[string]string{"transforms": "a", "transforms.a.type": "Summ"}},
		{"transform without type", "transforms.a.type", "Missing required", map[string]string{"transforms": "a"}},
		{"transform that fails", "transforms.a.type", "it cannot be made", map[string]string{"transforms": "a", "transforms.a.type": "Broken"}},
		{"alias twice", "transforms", "Duplicate alias", map[string]string{"transforms": "a,a", "transforms.a.type": "Sum"}},
		{"negate alone", "transforms.a.type", "without a predicate", map[string]string{"transforms": "a", "transforms.a.type": "Sum", "transforms.a.negate": "true"}},
		{"predicate unknown", "transforms.a.predicate", "did you mean one?", map[string]string{"transforms": "a", "transforms.a.type": "Sum", "transforms.a.predicate": "onne", "predicates": "one", "predicates.one.type": "IsOne"}},
		{"predicate misspelt", "predicates.one.type", "did you mean IsOne?", map[string]string{"transforms": "a", "transforms.a.type": "Sum", "transforms.a.predicate": "one", "predicates": "one", "predicates.one.type": "IsOn"}},
		{"state without transactions", "delivery", "needs transactions", map[string]string{"transforms": "a", "transforms.a.type": "Sum", "delivery": "at-least-once"}},
		{"tolerance", "errors.tolerance", "did you mean none?", map[string]string{"errors.tolerance": "non"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			config := map[string]string{"name": "x", "connector.class": "FileSource", "file": "a", "key.converter": "String", "value.converter": "String"}
			for k, v := range c.config {
				if config[k] = v; v == "" {
					delete(config, k)
				}
			}
			_, err := NewTask(TaskOptions{Connector: "x", Config: config, Plugins: plugins})
			var errs connect.ConfigErrors
			if !errors.As(err, &errs) || len(errs) != 1 {
				t.Fatalf("NewTask returned %v, want one mistake", err)
			}
			if errs[0].Key != c.key || !strings.Contains(errs[0].Error(), c.says) {
				t.Errorf("the mistake is %+v: %v", errs[0], errs[0])
			}
		})
	}
}

func TestTopicCreationMistakes(t *testing.T) {
	cases := []struct {
		name   string
		config map[string]string
		keys   []string
	}{
		{"none", nil, nil},
		{"complete", map[string]string{"topic.creation.default.partitions": "1", "topic.creation.default.replication.factor": "-1"}, nil},
		{"default is required", map[string]string{"topic.creation.groups": "a"}, []string{"topic.creation.default.replication.factor", "topic.creation.default.partitions"}},
		{"no partitions", map[string]string{"topic.creation.default.partitions": "0", "topic.creation.default.replication.factor": "1"}, []string{"topic.creation.default.partitions"}},
		{"bad expression", map[string]string{"topic.creation.default.partitions": "1", "topic.creation.default.replication.factor": "1", "topic.creation.groups": "a", "topic.creation.a.include": "("}, []string{"topic.creation.a.include"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			errs := CheckTopicCreation(c.config)
			var keys []string
			for _, e := range errs {
				keys = append(keys, e.Key)
			}
			if strings.Join(keys, " ") != strings.Join(c.keys, " ") {
				t.Errorf("mistakes %v, want %v", errs, c.keys)
			}
		})
	}
}

func TestTopicCreationGroups(t *testing.T) {
	c, errs := parseTopicCreation(map[string]string{
		"topic.creation.default.partitions": "1", "topic.creation.default.replication.factor": "2", "topic.creation.groups": "a,b",
		"topic.creation.a.include": "in.*", "topic.creation.a.exclude": "in-not", "topic.creation.a.partitions": "3",
		"topic.creation.b.include": ".*ot", "topic.creation.b.retention.ms": "5",
	}, true)
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	for topic, want := range map[string][3]int{"in1": {3, 2, 0}, "in-not": {1, 2, 1}, "other": {1, 2, 0}} {
		s := c.spec(topic)
		if got := [3]int{int(s.Partitions), int(s.Replication), len(s.Configs)}; got != want {
			t.Errorf("%s: %+v", topic, s)
		}
	}
	off, _ := parseTopicCreation(map[string]string{"topic.creation.default.partitions": "1"}, false)
	if s := off.spec("x"); s.Partitions != -1 || s.Replication != -1 {
		t.Errorf("switched off: %+v", s)
	}
}
