// SPDX-License-Identifier: Apache-2.0

package transforms

import (
	"fmt"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/convert"
)

// insertHeaderPlugin introduces InsertHeader.
func insertHeaderPlugin() connect.TransformPlugin {
	return connect.TransformPlugin{
		PluginInfo: connect.PluginInfo{
			Class: smtPackage + "InsertHeader",
			Doc:   "Adds a header to each record.",
			Config: connect.Define(
				connect.ConfigKey{Name: "header", Type: connect.TypeConfigString, Required: true, Importance: connect.ImportanceHigh,
					Doc: "The name of the header."},
				connect.ConfigKey{Name: "value.literal", Type: connect.TypeConfigString, Required: true, Importance: connect.ImportanceHigh,
					Doc: "Its value. The type is guessed: 1 is an int8, true a boolean, 2024-01-31 a date, [1,2] a list, anything else a string."},
			),
		},
		New: newInsertHeader,
	}
}

// insertHeader is InsertHeader. The value is made once and lives as long as the step.
type insertHeader struct{ header connect.Header }

func newInsertHeader(t connect.TransformContext) (connect.Transform, error) {
	var a connect.Arena
	name := t.Config.String("header")
	s, v, err := convert.SimpleHeader{Log: t.Log}.ToConnectHeader(&a, "", name, []byte(t.Config.String("value.literal")))
	if err != nil {
		return nil, fmt.Errorf("configure value.literal: %w", err)
	}
	return &insertHeader{connect.Header{Key: name, Schema: s, Value: connect.Clone(v)}}, nil
}

// Apply appends the header; others of the same name stay.
func (i *insertHeader) Apply(c *connect.Context, r *connect.Record, emit connect.Emit) error {
	r.Headers = append(appendHeaders(c.Arena, r.Headers, 1), i.header)
	emit(r)
	return nil
}
