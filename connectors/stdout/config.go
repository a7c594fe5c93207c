// SPDX-License-Identifier: Apache-2.0

package stdout

import (
	"context"
	"os"
	"strings"

	"github.com/connectd/connectd/connect"
)

const (
	formatKey   = "format"
	templateKey = "template"
)

const (
	formatJSON     = "json"
	formatPretty   = "pretty"
	formatTemplate = "template"
)

var keys = connect.Define(
	connect.ConfigKey{
		Name: formatKey, Type: connect.TypeConfigString, Default: formatJSON, Importance: connect.ImportanceHigh,
		Doc:         "What is printed of a record: json is the value, pretty has topic, partition, offset, time, key and headers too, template is as the template says.",
		Check:       connect.OneOf(formatJSON, formatPretty, formatTemplate),
		Recommended: []string{formatJSON, formatPretty, formatTemplate},
	},
	connect.ConfigKey{
		Name: templateKey, Type: connect.TypeConfigString, Null: true, Importance: connect.ImportanceMedium,
		Doc: "The line of a record for format=template, with ${topic}, ${partition}, ${offset}, ${timestamp}, ${key}, ${value}, ${key.FIELD}, ${value.FIELD} and ${header.NAME}. " +
			"Strings stand without quotes, everything else as JSON; what is missing is empty. \\t is a tab, \\n a line end, \\\\ a backslash.",
		Check: isTemplate,
	},
)

// Plugin introduces the sink.
func Plugin() connect.SinkPlugin {
	return connect.SinkPlugin{
		PluginInfo: connect.PluginInfo{
			Class:    "StdoutSink",
			Aliases:  []string{"StdoutSinkConnector", "Stdout"},
			Version:  "1.0.0",
			Doc:      "Prints each record as a line.",
			Config:   keys,
			Validate: check,
		},
		New:     func() connect.Connector { return new(planner) },
		NewTask: func() connect.SinkTask { return &task{out: os.Stdout} },
	}
}

func isTemplate(v any) (rule, hint string) {
	s, _ := v.(string)
	_, rule, hint = parseTemplate(s)
	return rule, hint
}

// check holds format and template together.
func check(c connect.Config) connect.ConfigErrors {
	wanted := strings.EqualFold(c.String(formatKey), formatTemplate)
	switch {
	case wanted && c.IsNull(templateKey):
		return connect.ConfigErrors{{Key: templateKey, Text: "Missing configuration \"template\"", Hint: "format=template needs one"}}
	case !wanted && !c.IsNull(templateKey):
		return connect.ConfigErrors{{Key: formatKey, Value: c.String(formatKey), Rule: "does not use the template", Hint: "set format=template"}}
	}
	return nil
}

// planner gives each task the connector's own configuration.
type planner struct{ props map[string]string }

// Start remembers the configuration.
func (p *planner) Start(_ context.Context, c connect.ConnectorContext) error {
	p.props = c.Config.Raw()
	return nil
}

// Tasks returns as many configurations as are allowed.
func (p *planner) Tasks(_ context.Context, most int) ([]map[string]string, error) {
	tasks := make([]map[string]string, most)
	for i := range tasks {
		tasks[i] = p.props
	}
	return tasks, nil
}

// Stop has nothing to do.
func (p *planner) Stop(context.Context) error { return nil }
