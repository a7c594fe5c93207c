// SPDX-License-Identifier: Apache-2.0

package transforms

import (
	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/transforms/cartjoin"
	"github.com/connectd/connectd/transforms/window"
)

// Plugins returns all transforms, in the order in which they are listed to users.
func Plugins() []connect.TransformPlugin {
	return []connect.TransformPlugin{
		cartjoin.Plugin(),
		filterPlugin(),
		mapPlugin(),
		outboxPlugin(),
		regexRouterPlugin(),
		routePlugin(),
		statefulMapPlugin(),
		unwrapPlugin(),
		validatePlugin(),
		window.Plugin(),
	}
}

// Predicates returns all predicates.
func Predicates() []connect.PredicatePlugin {
	return []connect.PredicatePlugin{
		hasHeaderKeyPlugin(),
		recordIsTombstonePlugin(),
		topicNameMatchesPlugin(),
	}
}
