// SPDX-License-Identifier: Apache-2.0

package avro

import (
	"fmt"

	"github.com/connectd/connectd/connect"
)

var (
	_ connect.Converter = (*Converter)(nil)
	_ connect.Closer    = (*Converter)(nil)
)

// version is the release of the original whose source the converter follows.
const version = "8.5.0"

// PluginOptions say how converters come by their registry.
type PluginOptions struct {
	// Open makes a registry of the converter's properties, which always name a
	// schema.registry.url. It must not wait for the registry.
	Open func(settings map[string]string) (Registry, error)
	// DefaultURL is the registry of the worker; with it schema.registry.url need not be
	// set.
	DefaultURL string
}

// Plugin introduces the AvroConverter.
func Plugin(o PluginOptions) connect.ConverterPlugin {
	return connect.ConverterPlugin{
		PluginInfo: connect.PluginInfo{
			Class:    "io.confluent.connect.avro.AvroConverter",
			Aliases:  []string{"avro"},
			Version:  version,
			Doc:      "Avro, under schemas of a schema registry.",
			Config:   keysOf(o.DefaultURL != ""),
			Validate: validate,
		},
		New: func(c connect.ConverterContext) (connect.Converter, error) { return o.converter(c) },
	}
}

func (o PluginOptions) converter(c connect.ConverterContext) (*Converter, error) {
	if errs := validate(c.Config); len(errs) > 0 {
		return nil, errs
	}
	s, err := newSettings(c.Config, c.Key)
	if err != nil {
		return nil, err
	}
	props := make(map[string]string, len(c.Config.Raw())+1)
	for key, value := range c.Config.Raw() {
		props[key] = value
	}
	if props[keyURL] == "" {
		props[keyURL] = o.DefaultURL
	}
	r, err := o.Open(props)
	if err != nil {
		return nil, fmt.Errorf("open schema registry: %w", err)
	}
	return newConverter(r, s), nil
}
