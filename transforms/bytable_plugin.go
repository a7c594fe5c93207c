// SPDX-License-Identifier: Apache-2.0

package transforms

import (
	"regexp"
	"strings"

	"github.com/connectd/connectd/connect"
)

// byTablePlugins introduces ByLogicalTableRouter and its successor, which differ in
// the name of two keys and in one default.
func byTablePlugins() []connect.TransformPlugin {
	one := func(class, cacheKey, keyField string) connect.TransformPlugin {
		return connect.TransformPlugin{
			PluginInfo: connect.PluginInfo{
				Class:    "io.debezium.transforms." + class,
				Doc:      "Sends the events of several tables, such as the parts of one, to a topic that they share, by a regular expression on their topics. Schemas are renamed; the key may tell the table.",
				Config:   connect.Define(byTableKeys(cacheKey, keyField)...),
				Validate: validateByTable,
			},
			New: func(t connect.TransformContext) (connect.Transform, error) { return newByTable(t, keyField) },
		}
	}
	return []connect.TransformPlugin{
		one("ByLogicalTableRouter", "logical.table.cache.size", "__dbz__physicalTableIdentifier"),
		one("ToLogicalTopicRouter", "logical.destination.cache.size", "__dbz__sourceIdentifier"),
	}
}

func byTableKeys(cacheKey, keyField string) []connect.ConfigKey {
	const text = connect.TypeConfigString
	return []connect.ConfigKey{
		{Name: "topic.regex", Type: text, Required: true, Check: connect.All(connect.NonEmpty, connect.IsRegex), Importance: connect.ImportanceLow,
			Doc: "Regular expression that the whole topic must match; others are left alone."},
		{Name: "topic.replacement", Type: text, Required: true, Check: connect.NonEmpty, Importance: connect.ImportanceLow,
			Doc: "The new topic: $1 or ${name} stands for a group."},
		{Name: "key.enforce.uniqueness", Type: connect.TypeConfigBoolean, Default: "true", Importance: connect.ImportanceLow,
			Doc: "Whether a field with the name of the table is added to the key."},
		{Name: "key.field.name", Type: text, Default: keyField, Importance: connect.ImportanceLow,
			Doc: "The name of this field."},
		{Name: "key.field.regex", Type: text, Null: true, Check: connect.IsRegex, Importance: connect.ImportanceLow,
			Doc: "Regular expression that the whole old topic must match for key.field.replacement to make the name of the table. Not set or no match, the name is the old topic."},
		{Name: "key.field.replacement", Type: text, Null: true, Importance: connect.ImportanceLow,
			Doc: "The name of the table: $1 or ${name} stands for a group."},
		{Name: "schema.name.adjustment.mode", Type: text, Default: string(adjustNone), Importance: connect.ImportanceLow,
			Check: connect.OneOf(string(adjustNone), string(adjustAvro), string(adjustUnicode)),
			Doc:   "How the names of schemas are made valid for Avro."},
		{Name: cacheKey, Type: connect.TypeConfigInt, Default: "16", Check: connect.AtLeast(1), Importance: connect.ImportanceLow,
			Doc: "Accepted, and without effect: what is kept grows with the number of tables, up to a fixed bound."},
	}
}

func validateByTable(c connect.Config) connect.ConfigErrors {
	var errs connect.ConfigErrors
	keyed := strings.TrimSpace(c.String("key.field.regex")) != ""
	if keyed && strings.TrimSpace(c.String("key.field.replacement")) == "" {
		errs = append(errs, connect.ConfigError{Key: "key.field.replacement", Text: "key.field.replacement must be non-empty if key.field.regex is set."})
		keyed = false
	}
	check := func(regexKey, replacementKey string) {
		re, err := regexp.Compile(c.String(regexKey))
		if err != nil {
			return // the key's own check has said so
		}
		if _, err := parseReplacement(re, c.String(replacementKey)); err != nil {
			errs = append(errs, connect.ConfigError{Key: replacementKey, Value: c.String(replacementKey), Rule: err.Error()})
		}
	}
	check("topic.regex", "topic.replacement")
	if keyed {
		check("key.field.regex", "key.field.replacement")
	}
	return errs
}
