// SPDX-License-Identifier: Apache-2.0

package transforms

import (
	"slices"

	"github.com/connectd/connectd/connect"
)

// dropHeadersPlugin introduces DropHeaders.
func dropHeadersPlugin() connect.TransformPlugin {
	return connect.TransformPlugin{
		PluginInfo: connect.PluginInfo{
			Class: smtPackage + "DropHeaders",
			Doc:   "Removes headers by their names.",
			Config: connect.Define(connect.ConfigKey{
				Name: "headers", Type: connect.TypeConfigList, Required: true, Check: connect.NonEmpty, Importance: connect.ImportanceHigh,
				Doc: "The names of the headers to remove.",
			}),
		},
		New: func(t connect.TransformContext) (connect.Transform, error) {
			return &dropHeaders{names: t.Config.List("headers")}, nil
		},
	}
}

// dropHeaders is DropHeaders.
type dropHeaders struct{ names []string }

// Apply removes every header of these names.
func (d *dropHeaders) Apply(c *connect.Context, r *connect.Record, emit connect.Emit) error {
	named := func(h connect.Header) bool { return slices.Contains(d.names, h.Key) }
	if slices.ContainsFunc(r.Headers, named) {
		kept := c.Arena.Headers(len(r.Headers))[:0]
		for _, h := range r.Headers {
			if !named(h) {
				kept = append(kept, h)
			}
		}
		r.Headers = kept
	}
	emit(r)
	return nil
}
