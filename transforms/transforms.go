// SPDX-License-Identifier: Apache-2.0

package transforms

import (
	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/transforms/cartjoin"
	"github.com/connectd/connectd/transforms/window"
)

// Plugins returns all transforms, in the order in which they are listed to users.
func Plugins() []connect.TransformPlugin {
	list := []connect.TransformPlugin{
		cartjoin.Plugin(),
		filterPlugin(),
		mapPlugin(),
		regexRouterPlugin(),
		routePlugin(),
		statefulMapPlugin(),
		validatePlugin(),
		window.Plugin(),
	}
	return append(list, debeziumPlugins()...)
}

// debeziumPlugins are the transforms that Debezium brings. Its Filter comes behind the
// one that is called so without a package.
func debeziumPlugins() []connect.TransformPlugin {
	return append(byTablePlugins(), contentRouterPlugin(), debeziumFilterPlugin(), outboxPlugin(), unwrapPlugin())
}

// Predicates returns all predicates.
func Predicates() []connect.PredicatePlugin {
	return []connect.PredicatePlugin{
		hasHeaderKeyPlugin(),
		recordIsTombstonePlugin(),
		topicNameMatchesPlugin(),
	}
}
