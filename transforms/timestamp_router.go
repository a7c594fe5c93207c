// SPDX-License-Identifier: Apache-2.0

package transforms

import (
	"fmt"
	"strings"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/transforms/javatime"
)

// timestampRouterPlugin introduces TimestampRouter.
func timestampRouterPlugin() connect.TransformPlugin {
	return connect.TransformPlugin{
		PluginInfo: connect.PluginInfo{
			Class: smtPackage + "TimestampRouter",
			Doc:   "Gives a record another topic, by its topic and its timestamp.",
			Config: connect.Define(
				connect.ConfigKey{Name: "topic.format", Type: connect.TypeConfigString, Default: "${topic}-${timestamp}", Importance: connect.ImportanceHigh,
					Doc: "The new topic, in which ${topic} and ${timestamp} stand for the old one and the time."},
				connect.ConfigKey{Name: "timestamp.format", Type: connect.TypeConfigString, Default: "yyyyMMdd", Importance: connect.ImportanceHigh, Check: checkSimpleDate,
					Doc: "How the time is written, as a pattern of Java's SimpleDateFormat, in UTC."},
			),
		},
		New: newTimestampRouter,
	}
}

func checkSimpleDate(v any) (rule, hint string) {
	pattern, _ := v.(string)
	if _, err := javatime.CompileSimple(pattern); err != nil {
		return err.Error(), ""
	}
	return "", ""
}

// timestampRouter is TimestampRouter. Records come in runs of one topic and time: the
// last answer is kept.
type timestampRouter struct {
	format  string
	pattern *javatime.Simple

	text        []byte // the time of the record
	topic, time string
	routed      string
}

func newTimestampRouter(t connect.TransformContext) (connect.Transform, error) {
	pattern, err := javatime.CompileSimple(t.Config.String("timestamp.format"))
	if err != nil {
		return nil, fmt.Errorf("configure timestamp.format: %w", err)
	}
	return &timestampRouter{format: t.Config.String("topic.format"), pattern: pattern}, nil
}

// Apply renames the topic. A record without a timestamp is refused.
func (t *timestampRouter) Apply(_ *connect.Context, r *connect.Record, emit connect.Emit) error {
	if r.Timestamp == connect.NoTimestamp {
		return connect.DataErrorf("route by timestamp: timestamp missing on record of %s", r.Topic)
	}
	t.text = t.pattern.Append(t.text[:0], r.Timestamp)
	if t.routed == "" || r.Topic != t.topic || string(t.text) != t.time {
		t.topic, t.time = strings.Clone(r.Topic), string(t.text)
		t.routed = strings.NewReplacer("${topic}", t.topic, "${timestamp}", t.time).Replace(t.format)
	}
	if t.routed == "" {
		return connect.DataErrorf("route by timestamp: topic.format makes an empty topic of %q", r.Topic)
	}
	r.Topic = t.routed
	emit(r)
	return nil
}
