// SPDX-License-Identifier: Apache-2.0

package transforms

import (
	"slices"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/transforms/cartjoin"
	"github.com/connectd/connectd/transforms/window"
)

// Plugins returns all transforms, in the order in which they are listed to users.
func Plugins() []connect.TransformPlugin {
	return slices.Concat([]connect.TransformPlugin{
		cartjoin.Plugin(),
		filterPlugin(),
		mapPlugin(),
		regexRouterPlugin(),
		routePlugin(),
		statefulMapPlugin(),
		validatePlugin(),
		window.Plugin(),
	}, kafkaPlugins(), debeziumPlugins())
}

// kafkaPlugins are the transforms that Kafka Connect brings, besides Filter and
// RegexRouter.
func kafkaPlugins() []connect.TransformPlugin {
	return slices.Concat(
		castPlugins(), extractFieldPlugins(), flattenPlugins(), headerFromPlugins(), hoistFieldPlugins(), insertFieldPlugins(), maskFieldPlugins(),
		replaceFieldPlugins(), setSchemaMetadataPlugins(), timestampConverterPlugins(),
		[]connect.TransformPlugin{dropHeadersPlugin(), insertHeaderPlugin(), timestampRouterPlugin(), valueToKeyPlugin()},
	)
}

// debeziumPlugins are the transforms that Debezium brings. Its Filter comes behind the
// one that is called so without a package.
func debeziumPlugins() []connect.TransformPlugin {
	return append(byTablePlugins(), changedFieldsPlugin(), contentRouterPlugin(), debeziumFilterPlugin(), decodeMessagePlugin(), headerToValuePlugin(), outboxPlugin(), unwrapPlugin())
}

// Predicates returns all predicates.
func Predicates() []connect.PredicatePlugin {
	return []connect.PredicatePlugin{
		hasHeaderKeyPlugin(),
		recordIsTombstonePlugin(),
		topicNameMatchesPlugin(),
	}
}
