// SPDX-License-Identifier: Apache-2.0

package transforms

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/connectd/connectd/connect"
)

// predicatePackage is where the original has its predicates.
const predicatePackage = "org.apache.kafka.connect.transforms.predicates."

// topicNameMatchesPlugin introduces TopicNameMatches.
func topicNameMatchesPlugin() connect.PredicatePlugin {
	return connect.PredicatePlugin{
		PluginInfo: connect.PluginInfo{
			Class: predicatePackage + "TopicNameMatches",
			Doc:   "Is true for records whose whole topic matches a regular expression.",
			Config: connect.Define(connect.ConfigKey{
				Name: "pattern", Type: connect.TypeConfigString, Required: true, Check: connect.All(connect.NonEmpty, connect.IsRegex),
				Doc: "Regular expression for the name of the topic.",
			}),
		},
		New: func(t connect.TransformContext) (connect.Predicate, error) {
			re, err := wholeMatch(t.Config.String("pattern"))
			if err != nil {
				return nil, fmt.Errorf("configure pattern: %w", err)
			}
			return &topicNameMatches{re: re}, nil
		},
	}
}

// topicNameMatches keeps its last answer: records come in runs of one topic.
type topicNameMatches struct {
	re    *regexp.Regexp
	topic string
	match bool
	asked bool
}

// Test looks at the topic alone.
func (p *topicNameMatches) Test(_ *connect.Context, r *connect.Record) (bool, error) {
	if !p.asked || r.Topic != p.topic {
		p.topic, p.match, p.asked = strings.Clone(r.Topic), p.re.MatchString(r.Topic), true
	}
	return p.match, nil
}

// hasHeaderKeyPlugin introduces HasHeaderKey.
func hasHeaderKeyPlugin() connect.PredicatePlugin {
	return connect.PredicatePlugin{
		PluginInfo: connect.PluginInfo{
			Class: predicatePackage + "HasHeaderKey",
			Doc:   "Is true for records with at least one header of a name.",
			Config: connect.Define(connect.ConfigKey{
				Name: "name", Type: connect.TypeConfigString, Required: true, Check: connect.NonEmpty, Doc: "The name of the header.",
			}),
		},
		New: func(t connect.TransformContext) (connect.Predicate, error) {
			return hasHeaderKey(t.Config.String("name")), nil
		},
	}
}

type hasHeaderKey string

// Test looks at the names of the headers alone.
func (p hasHeaderKey) Test(_ *connect.Context, r *connect.Record) (bool, error) {
	for i := range r.Headers {
		if r.Headers[i].Key == string(p) {
			return true, nil
		}
	}
	return false, nil
}

// recordIsTombstonePlugin introduces RecordIsTombstone.
func recordIsTombstonePlugin() connect.PredicatePlugin {
	return connect.PredicatePlugin{
		PluginInfo: connect.PluginInfo{
			Class:  predicatePackage + "RecordIsTombstone",
			Doc:    "Is true for records whose value is null.",
			Config: connect.Define(),
		},
		New: func(connect.TransformContext) (connect.Predicate, error) { return recordIsTombstone{}, nil },
	}
}

type recordIsTombstone struct{}

// Test looks at the value alone.
func (recordIsTombstone) Test(_ *connect.Context, r *connect.Record) (bool, error) {
	return r.Value.IsNull(), nil
}
