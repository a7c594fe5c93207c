// SPDX-License-Identifier: Apache-2.0

package main

import (
	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/convert"
	"github.com/connectd/connectd/connect/convert/avro"
	"github.com/connectd/connectd/connect/kafka"
	filec "github.com/connectd/connectd/connectors/file"
	kafkac "github.com/connectd/connectd/connectors/kafka"
	"github.com/connectd/connectd/connectors/postgrescdc"
	"github.com/connectd/connectd/connectors/stdout"
	"github.com/connectd/connectd/transforms"
	"github.com/connectd/connectd/transforms/applyschema"
)

// builtIn is everything that this binary can run. A binary of one's own has another
// list. Connectors of Kafka topics share the worker's connections, and what needs
// schemas its registry.
func builtIn(pool *kafka.Clusters, schemas *registry) *connect.Plugins {
	converters := append(convert.Plugins(), avro.Plugin(avro.PluginOptions{Open: schemas.converter, DefaultURL: schemas.url}))
	return &connect.Plugins{
		Sources:    []connect.SourcePlugin{filec.SourcePlugin(), kafkac.Source(pool), postgrescdc.Plugin()},
		Sinks:      []connect.SinkPlugin{filec.SinkPlugin(), kafkac.Sink(pool, converters), stdout.Plugin()},
		Transforms: append(transforms.Plugins(), applyschema.Plugins(schemas.find)...),
		Predicates: transforms.Predicates(),
		Converters: converters,
	}
}
