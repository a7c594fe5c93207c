// SPDX-License-Identifier: Apache-2.0

package transforms

import (
	"fmt"
	"log/slog"
	"regexp"
	"slices"
	"strings"

	"github.com/connectd/connectd/connect"
)

// Where an additional field goes.
const (
	placeHeader    = "header"
	placeEnvelope  = "envelope"
	placePartition = "partition"
)

// outboxPlugin introduces EventRouter.
func outboxPlugin() connect.TransformPlugin {
	return connect.TransformPlugin{
		PluginInfo: connect.PluginInfo{
			Class:    "io.debezium.transforms.outbox.EventRouter",
			Doc:      "Makes messages of the rows that are inserted into an outbox table: payload, key, topic and headers come from its columns.",
			Config:   connect.Define(append(outboxTableKeys(), outboxRouteKeys()...)...),
			Validate: validateOutbox,
		},
		New: newOutbox,
	}
}

func outboxTableKeys() []connect.ConfigKey {
	const text, list, yes = connect.TypeConfigString, connect.TypeConfigList, connect.TypeConfigBoolean
	return []connect.ConfigKey{
		{Name: "table.field.event.id", Type: text, Check: connect.NonEmpty, Default: "id", Group: "Table", Doc: "Column of the event's id. It becomes the header id."},
		{Name: "table.field.event.key", Type: text, Check: connect.NonEmpty, Default: "aggregateid", Group: "Table", Doc: "Column of the message's key."},
		{Name: "table.field.event.type", Type: text, Default: "type", Group: "Table", Importance: connect.ImportanceLow,
			Doc: "Column of the event's type. As in Debezium, it is used where table.fields.additional.placement names it, and nowhere else."},
		{Name: "table.field.event.payload", Type: text, Check: connect.NonEmpty, Default: "payload", Group: "Table", Doc: "Column of the message's value."},
		{Name: "table.field.event.timestamp", Type: text, Null: true, Group: "Table",
			Doc: "Column of the message's timestamp. Not set, or null, it is the time at which the change was processed."},
		{Name: "table.field.event.schema.version", Type: text, Null: true, Group: "Table", Importance: connect.ImportanceLow,
			Doc: "Column of the version of the value's schema, for values that wrap their payload."},
		{Name: "table.fields.additional.placement", Type: list, Group: "Table", Importance: connect.ImportanceHigh, Check: checkPlacements,
			Doc: "More columns, each with its place and, if wanted, another name: type:header:eventType, tenant:envelope, shard:partition. With one in the envelope, the value is a struct around the payload."},
		{Name: "table.fields.additional.error.on.missing", Type: yes, Default: "true", Group: "Table",
			Doc: "Whether an additional column that the table does not have is an error, or skipped. Later versions of Debezium say table.field.additional.missing."},
		{Name: "table.field.additional.missing", Type: text, Null: true, Group: "Table", Check: connect.OneOf("error", "ignore"),
			Doc: "What an additional column that the table does not have leads to: error or ignore. It wins over table.fields.additional.error.on.missing."},
		{Name: "table.expand.json.payload", Type: yes, Default: "false", Group: "Table",
			Doc: "Whether a payload that is the text of a JSON object or array becomes a value with a schema made from it. Other texts stay as they are."},
		{Name: "table.json.payload.null.behavior", Type: text, Default: "ignore", Group: "Table", Check: connect.OneOf("ignore", "optional_bytes"),
			Doc: "What becomes of a member that is null in such a JSON text: it is left out, or becomes a null of optional bytes."},
		{Name: "table.json.payload.empty.array.behavior", Type: text, Default: "ignore", Group: "Table", Check: connect.OneOf("ignore", "optional_string"),
			Doc: "What becomes of a member that is an empty array: it is left out, or becomes an empty array of optional strings."},
		{Name: "table.op.invalid.behavior", Type: text, Default: "warn", Group: "Table", Check: connect.OneOf("warn", "error", "fatal"),
			Doc: "What an update of the table leads to: a line in the log at this level, or a record error."},
	}
}

func outboxRouteKeys() []connect.ConfigKey {
	const text, yes = connect.TypeConfigString, connect.TypeConfigBoolean
	return []connect.ConfigKey{
		{Name: "route.by.field", Type: text, Check: connect.NonEmpty, Default: "aggregatetype", Group: "Router", Importance: connect.ImportanceHigh,
			Doc: "Column whose text the topic is made of."},
		{Name: "route.topic.regex", Type: text, Default: "(?<routedByValue>.*)", Group: "Router", Check: connect.IsRegex,
			Doc: "Regular expression that the text must match as a whole; others are the topic as they are."},
		{Name: "route.topic.replacement", Type: text, Default: "outbox.event.${routedByValue}", Group: "Router", Importance: connect.ImportanceHigh,
			Doc: "The topic of what matches: $1 or ${name} stands for a group."},
		{Name: "route.tombstone.on.empty.payload", Type: yes, Default: "false", Group: "Router",
			Doc: "Whether a payload that is null or blank makes a tombstone."},
	}
}

func validateOutbox(c connect.Config) connect.ConfigErrors {
	re, err := regexp.Compile(c.String("route.topic.regex"))
	if err != nil {
		return nil // the key's own check has said so
	}
	if _, err := parseReplacement(re, c.String("route.topic.replacement")); err != nil {
		return connect.ConfigErrors{{Key: "route.topic.replacement", Value: c.String("route.topic.replacement"), Rule: err.Error()}}
	}
	return nil
}

func parsePlacements(list []string) ([]outboxExtra, error) {
	var out []outboxExtra
	for _, text := range list {
		parts := strings.Split(text, ":")
		if len(parts) != 2 && len(parts) != 3 {
			return nil, fmt.Errorf("%q: want column:placement or column:placement:alias", text)
		}
		e := outboxExtra{field: strings.TrimSpace(parts[0]), placement: strings.ToLower(strings.TrimSpace(parts[1]))}
		e.alias = e.field
		if len(parts) == 3 {
			e.alias = strings.TrimSpace(parts[2])
		}
		if !slices.Contains([]string{placeHeader, placeEnvelope, placePartition}, e.placement) {
			return nil, fmt.Errorf("%q: the placement is one of header, envelope, partition", text)
		}
		out = append(out, e)
	}
	return out, nil
}

func checkPlacements(v any) (rule, hint string) {
	list, _ := v.([]string)
	if _, err := parsePlacements(list); err != nil {
		return err.Error(), ""
	}
	return "", ""
}

func newOutbox(t connect.TransformContext) (connect.Transform, error) {
	c := t.Config
	o := &outbox{
		invalid: strings.ToLower(c.String("table.op.invalid.behavior")),
		columns: outboxColumns{
			id: c.String("table.field.event.id"), key: c.String("table.field.event.key"), payload: c.String("table.field.event.payload"),
			route: c.String("route.by.field"), timestamp: c.String("table.field.event.timestamp"), version: c.String("table.field.event.schema.version"),
		},
		skipAbsent: !c.Bool("table.fields.additional.error.on.missing"), emptyIsEnd: c.Bool("route.tombstone.on.empty.payload"), log: t.Log,
	}
	if o.log == nil {
		o.log = slog.New(slog.DiscardHandler)
	}
	if !c.IsNull("table.field.additional.missing") {
		o.skipAbsent = strings.EqualFold(c.String("table.field.additional.missing"), "ignore")
	}
	var err error
	if o.extra, err = parsePlacements(c.List("table.fields.additional.placement")); err != nil {
		return nil, fmt.Errorf("configure table.fields.additional.placement: %w", err)
	}
	o.envelope = slices.ContainsFunc(o.extra, func(e outboxExtra) bool { return e.placement == placeEnvelope })
	if c.Bool("table.expand.json.payload") {
		o.json = &outboxJSON{
			log: o.log, name: o.columns.payload,
			nulls:  strings.EqualFold(c.String("table.json.payload.null.behavior"), "optional_bytes"),
			empty:  strings.EqualFold(c.String("table.json.payload.empty.array.behavior"), "optional_string"),
			shapes: map[string]*connect.Schema{},
		}
	}
	o.route, err = compileRegexRouter("route.topic.regex", c.String("route.topic.regex"), "route.topic.replacement", c.String("route.topic.replacement"))
	return o, err
}
