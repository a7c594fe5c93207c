// SPDX-License-Identifier: Apache-2.0

package cartjoin

import "github.com/connectd/connectd/connect"

// Values of payment.before.order.
const (
	ignorePayment = "ignore"
	keepPayment   = "keep"
)

var config = connect.Define(
	connect.ConfigKey{Name: "key.field", Type: connect.TypeConfigString, Default: "user_id", Check: connect.NonEmpty, Importance: connect.ImportanceHigh,
		Doc: "Field that holds whose cart it is. It is also the name of the output's first field, and its value becomes the key of the output."},
	connect.ConfigKey{Name: "type.field", Type: connect.TypeConfigString, Default: "type", Check: connect.NonEmpty, Importance: connect.ImportanceHigh,
		Doc: "Field that tells orders from payments."},
	connect.ConfigKey{Name: "id.field", Type: connect.TypeConfigString, Default: "order_id", Check: connect.NonEmpty, Importance: connect.ImportanceHigh,
		Doc: "Field that holds the id of the order. The lists in the output are named after it: paid_order_ids and unpaid_order_ids for order_id."},
	connect.ConfigKey{Name: "order.type", Type: connect.TypeConfigString, Default: "order", Check: connect.NonEmpty,
		Doc: "What the type field says of an order."},
	connect.ConfigKey{Name: "payment.type", Type: connect.TypeConfigString, Default: "payment", Check: connect.NonEmpty,
		Doc: "What the type field says of a payment."},
	connect.ConfigKey{Name: "payment.before.order", Type: connect.TypeConfigString, Default: ignorePayment, Check: connect.OneOf(ignorePayment, keepPayment),
		Doc: "What becomes of a payment whose order has not come. ignore: it is counted in the state, and the order will be unpaid when it comes. keep: it is remembered, and the order is paid as soon as it comes. Either way the unchanged cart goes out."},
)

// Plugin introduces the transform.
func Plugin() connect.TransformPlugin {
	return connect.TransformPlugin{
		PluginInfo: connect.PluginInfo{
			Class:    "CartJoin",
			Doc:      "Joins orders and payments into one cart per user, and emits the cart after each event.",
			Config:   config,
			Validate: validate,
		},
		New: func(t connect.TransformContext) (connect.Transform, error) { return newJoin(t.Config), nil },
	}
}

func validate(c connect.Config) connect.ConfigErrors {
	var errs connect.ConfigErrors
	if order := c.String("order.type"); order != "" && order == c.String("payment.type") {
		errs = append(errs, connect.ConfigError{Key: "payment.type", Value: order, Rule: "must differ from order.type"})
	}
	seen := map[string]string{}
	for _, key := range []string{"key.field", "type.field", "id.field"} {
		field := c.String(key)
		if other := seen[field]; other != "" && field != "" {
			errs = append(errs, connect.ConfigError{Key: key, Value: field, Rule: "must differ from " + other})
		}
		seen[field] = key
	}
	return errs
}
