// SPDX-License-Identifier: Apache-2.0

package window

import (
	"strings"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/transforms/javatime"
)

// Values of settings.
const (
	byKey      = "key"
	byGlobal   = "global"
	emitUpdate = "update"
	emitFinal  = "final"
	emitBoth   = "both"
	drop       = "drop"
	refuse     = "error"
)

// maxSize bounds sizes and graces, so that no time overflows: 1000 years.
const maxSize = 1000 * 366 * 24 * 3600 * 1000

var config = connect.Define(
	connect.ConfigKey{Name: "window", Type: connect.TypeConfigString, Default: "tumbling", Check: connect.OneOf("tumbling"),
		Doc: "Kind of window. tumbling: of one size, one after the other."},
	connect.ConfigKey{Name: "size.ms", Type: connect.TypeConfigLong, Required: true, Check: connect.Between(1, maxSize), Importance: connect.ImportanceHigh,
		Doc: "Size of the windows in milliseconds."},
	connect.ConfigKey{Name: "offset.ms", Type: connect.TypeConfigLong, Default: "0", Check: connect.Between(-maxSize, maxSize), Importance: connect.ImportanceLow,
		Doc: "Windows begin at multiples of size.ms from 1970-01-01 UTC plus this."},
	connect.ConfigKey{Name: "grace.ms", Type: connect.TypeConfigLong, Null: true, Check: connect.Between(0, maxSize), Importance: connect.ImportanceHigh,
		Doc: "How long after its end, in stream time, a window still takes records. Required for final rows, as these wait for it; otherwise 0 if not set."},
	connect.ConfigKey{Name: "by", Type: connect.TypeConfigString, Default: byKey, Check: connect.OneOf(byKey, byGlobal), Importance: connect.ImportanceHigh,
		Doc: "key: windows for each record key. global: windows over all records, with the start of the window as the key of the output; needs one state partition."},
	connect.ConfigKey{Name: "aggregates", Type: connect.TypeConfigString, Required: true, Check: checkAggregates, Importance: connect.ImportanceHigh,
		Doc: "Columns of the output: total=sum(amount),n=count(),mean=avg(amount). Functions are count, sum, avg, min and max; between the brackets stands a field or an expression."},
	connect.ConfigKey{Name: "emit", Type: connect.TypeConfigString, Default: emitUpdate, Check: connect.OneOf(emitUpdate, emitFinal, emitBoth), Importance: connect.ImportanceHigh,
		Doc: "update: a row for each record. final: one row for each window, when it is over. both: both, told apart by final.field."},
	connect.ConfigKey{Name: "late", Type: connect.TypeConfigString, Default: drop, Check: connect.OneOf(drop, refuse),
		Doc: "What becomes of records all of whose windows are over. drop: they are counted. error: they are record errors, with window and stream time in the headers."},
	connect.ConfigKey{Name: "null.key", Type: connect.TypeConfigString, Default: drop, Check: connect.OneOf(drop, refuse),
		Doc: "What becomes of records without a key, if by=key."},
	connect.ConfigKey{Name: "timestamp.field", Type: connect.TypeConfigString, Null: true, Check: connect.NonEmpty, Importance: connect.ImportanceHigh,
		Doc: "Field that holds the time, such as event_timestamp or event.time. Not set, it is the record's timestamp."},
	connect.ConfigKey{Name: "timestamp.format", Type: connect.TypeConfigString, Default: epochMillis, Check: connect.NonEmpty,
		Doc: "How the field holds it: epoch_ms, epoch_s, or a pattern of Java such as yyyy-MM-dd HH:mm:ss.SSS."},
	connect.ConfigKey{Name: "timestamp.zone", Type: connect.TypeConfigString, Default: "UTC", Check: checkZone,
		Doc: "Time zone of texts that name none, such as Europe/Berlin."},
	connect.ConfigKey{Name: "key.field", Type: connect.TypeConfigString, Default: "key", Check: connect.NonEmpty, Importance: connect.ImportanceLow,
		Doc: "Name of the record key in the key of the output, if by=key and the key is not a map or struct."},
	connect.ConfigKey{Name: "start.field", Type: connect.TypeConfigString, Default: "window_start", Check: connect.NonEmpty, Importance: connect.ImportanceLow,
		Doc: "Name of the start of the window, in milliseconds, in key and value of the output."},
	connect.ConfigKey{Name: "end.field", Type: connect.TypeConfigString, Default: "window_end", Check: connect.NonEmpty, Importance: connect.ImportanceLow,
		Doc: "Name of the end of the window, in milliseconds, in the value of the output."},
	connect.ConfigKey{Name: "final.field", Type: connect.TypeConfigString, Default: "final", Check: connect.NonEmpty, Importance: connect.ImportanceLow,
		Doc: "Name of the flag that tells final rows from updates, if emit=both."},
)

// Plugin introduces the transform.
func Plugin() connect.TransformPlugin {
	return connect.TransformPlugin{
		PluginInfo: connect.PluginInfo{
			Class:    "Window",
			Doc:      "Aggregates records by windows of event time, and emits a row for each change, or for each window when it is over.",
			Config:   config,
			Validate: validate,
		},
		New: newWindow,
	}
}

func checkAggregates(v any) (rule, hint string) {
	text, _ := v.(string)
	if _, err := parseAggregates(text); err != nil {
		return err.Error(), ""
	}
	return "", ""
}

func checkZone(v any) (rule, hint string) {
	name, _ := v.(string)
	if _, err := javatime.Zone(name); err != nil {
		return err.Error(), ""
	}
	return "", ""
}

func validate(c connect.Config) connect.ConfigErrors {
	var errs connect.ConfigErrors
	emit := strings.ToLower(c.String("emit"))
	if (emit == emitFinal || emit == emitBoth) && !c.Has("grace.ms") {
		errs = append(errs, connect.ConfigError{Key: "grace.ms", Value: "null",
			Rule: "is needed for emit=" + emit, Hint: "final rows wait for it; 0 takes no record after the end of its window"})
	}
	if zone := c.String("timestamp.zone"); zone != "" {
		if _, err := newClock(c.String("timestamp.field"), c.String("timestamp.format"), zone); err != nil {
			if _, zoneErr := javatime.Zone(zone); zoneErr == nil {
				errs = append(errs, connect.ConfigError{Key: "timestamp.format", Value: c.String("timestamp.format"), Rule: err.Error()})
			}
		}
	}
	if c.Has("timestamp.format") && !c.Has("timestamp.field") {
		errs = append(errs, connect.ConfigError{Key: "timestamp.format", Value: c.String("timestamp.format"), Rule: "needs timestamp.field"})
	}
	return append(errs, clashes(c)...)
}

// clashes finds names that are there twice in the output.
func clashes(c connect.Config) connect.ConfigErrors {
	var errs connect.ConfigErrors
	aggregates, err := parseAggregates(c.String("aggregates"))
	if err != nil {
		return nil // the key's own check has said so
	}
	taken := map[string]string{}
	for _, a := range aggregates {
		taken[a.name] = "aggregates"
	}
	fields := []string{"start.field", "end.field"}
	if strings.EqualFold(c.String("emit"), emitBoth) {
		fields = append(fields, "final.field")
	}
	for _, key := range fields {
		name := c.String(key)
		if other, ok := taken[name]; ok {
			errs = append(errs, connect.ConfigError{Key: key, Value: name, Rule: "is there twice in the output, see " + other})
		}
		taken[name] = key
	}
	if c.String("key.field") == c.String("start.field") {
		errs = append(errs, connect.ConfigError{Key: "key.field", Value: c.String("key.field"), Rule: "must differ from start.field"})
	}
	return errs
}
