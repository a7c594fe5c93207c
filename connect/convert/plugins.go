// SPDX-License-Identifier: Apache-2.0

package convert

import "github.com/connectd/connectd/connect"

var (
	_ connect.Converter       = (*JSON)(nil)
	_ connect.Converter       = (*String)(nil)
	_ connect.Converter       = ByteArray{}
	_ connect.Converter       = (*Number)(nil)
	_ connect.HeaderConverter = SimpleHeader{}
)

// version is the release of the original that the converters agree with.
const version = "4.3.1"

// Plugins introduces the converters of this package under their Java names, and
// under short ones (json, string, bytes, simple).
func Plugins() []connect.ConverterPlugin {
	return []connect.ConverterPlugin{
		plugin("org.apache.kafka.connect.json.JsonConverter", "json",
			"JSON text, with the schema in an envelope around it or without.", jsonKeys,
			func(c connect.ConverterContext) (connect.Converter, error) { return NewJSON(c.Config) }),
		plugin("org.apache.kafka.connect.storage.StringConverter", "string",
			"The text of a value, as Java's toString writes it.", textKeys,
			func(c connect.ConverterContext) (connect.Converter, error) { return NewString(c.Config), nil }),
		plugin("org.apache.kafka.connect.converters.ByteArrayConverter", "bytes",
			"Bytes as they are.", connect.Define(),
			func(connect.ConverterContext) (connect.Converter, error) { return ByteArray{}, nil }),
		number("Short", &shortNumber),
		number("Integer", &integerNumber),
		number("Long", &longNumber),
		number("Float", &floatNumber),
		number("Double", &doubleNumber),
		number("Boolean", &booleanNumber),
		{
			PluginInfo: connect.PluginInfo{
				Class:   "org.apache.kafka.connect.storage.SimpleHeaderConverter",
				Aliases: []string{"simple"},
				Version: version,
				Doc:     "Headers as text; on reading, the type is guessed from the text.",
				Config:  connect.Define(),
			},
			NewHeader: func(c connect.ConverterContext) (connect.HeaderConverter, error) {
				return SimpleHeader{Log: c.Log}, nil
			},
		},
	}
}

func number(name string, n *Number) connect.ConverterPlugin {
	return plugin("org.apache.kafka.connect.converters."+name+"Converter", "",
		"A value of type "+n.name+", big endian.", connect.Define(),
		func(connect.ConverterContext) (connect.Converter, error) { return n, nil })
}

// plugin introduces a converter that serves headers as well.
func plugin(class, alias, doc string, keys *connect.ConfigDef, create func(connect.ConverterContext) (connect.Converter, error)) connect.ConverterPlugin {
	p := connect.ConverterPlugin{
		PluginInfo: connect.PluginInfo{Class: class, Version: version, Doc: doc, Config: keys},
		New:        create,
		NewHeader: func(c connect.ConverterContext) (connect.HeaderConverter, error) {
			inner, err := create(c)
			return asHeader{inner}, err
		},
	}
	if alias != "" {
		p.Aliases = []string{alias}
	}
	return p
}

// asHeader uses a converter for headers, whatever their key.
type asHeader struct{ connect.Converter }

// FromConnectHeader is FromConnect.
func (h asHeader) FromConnectHeader(dst []byte, topic, _ string, s *connect.Schema, v connect.Value) ([]byte, bool, error) {
	return h.FromConnect(dst, topic, s, v)
}

// ToConnectHeader is ToConnect.
func (h asHeader) ToConnectHeader(a *connect.Arena, topic, _ string, data []byte) (*connect.Schema, connect.Value, error) {
	return h.ToConnect(a, topic, data)
}
