// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"slices"
	"strings"

	"github.com/connectd/connectd/connect"
)

// refusal is a key of the original that does not exist here. It may be there with a
// value that asks for nothing else than what happens anyway.
type refusal struct {
	key     string // ends with "*" if it is the beginning of names
	allowed []string
	reason  string
	instead string
}

// refusals are looked through in this order.
var refusals = []refusal{
	{"converters", []string{""}, noJava, "use a transform, which sees the columns as well"},
	{"topic.naming.strategy", []string{"", "io.debezium.schema.SchemaTopicNamingStrategy"}, noJava, "use topic.delimiter, or a transform that routes"},
	{"transaction.metadata.factory", []string{"", "io.debezium.pipeline.txmetadata.DefaultTransactionMetadataFactory"}, noJava, ""},
	{"sourceinfo.struct.maker", []string{"", "io.debezium.connector.postgresql.PostgresSourceInfoStructMaker"}, noJava, ""},
	{"memory.management.schemas.class", []string{"", tableMappingStorage}, noJava, ""},
	{"memory.management.tables.class", []string{"", tableMappingStorage}, noJava, ""},
	{"snapshot.mode.custom.name", []string{""}, noJava, "use snapshot.mode=configuration_based"},
	{"snapshot.query.mode.custom.name", []string{""}, noJava, "use snapshot.select.statement.overrides"},
	{"snapshot.locking.mode.custom.name", []string{""}, noJava, ""},
	{"xmin.fetch.interval.ms", []string{"", "0"}, "source.xmin is always null", "remove the key"},
	{"database.sslfactory", []string{""}, noJava, "use database.sslmode=require for encryption without verification"},
	{"driver.*", nil, "there is no JDBC driver between this connector and the server", "use the database. keys, or database.initial.statements"},
	{"custom.metric.tags", []string{""}, "metrics are not MBeans", "set labels where the metrics are collected"},
	{"custom.sanitize.pattern", nil, "what is secret is declared with each key and never shown", ""},
	{"openlineage.integration.enabled", []string{"", "false"}, "lineage events are not sent", ""},
	{"database.include.list", []string{""}, "a slot belongs to one database", "use database.dbname, and one connector for each database"},
	{"database.exclude.list", []string{""}, "a slot belongs to one database", "use database.dbname, and one connector for each database"},
	{"internal.*", nil, "internal keys of the original have no counterpart", "remove the key"},
}

const tableMappingStorage = "io.debezium.relational.ConcurrentMapTableMappingStorage"

// refused returns an error for each key of props that does not exist here, sorted by key.
func refused(props map[string]string) connect.ConfigErrors {
	var errs connect.ConfigErrors
	for name, value := range props {
		if r := refusalOf(name); r != nil && !slices.Contains(r.allowed, strings.TrimSpace(value)) {
			errs = append(errs, connect.ConfigError{
				Key: name, Value: connect.Hidden, Rule: r.reason, Hint: r.instead,
				Text: "The '" + name + "' value is invalid: the key is not available here: " + r.reason,
			})
		}
	}
	slices.SortFunc(errs, func(a, b connect.ConfigError) int { return strings.Compare(a.Key, b.Key) })
	return errs
}

func refusalOf(name string) *refusal {
	for i, r := range refusals {
		prefix, family := strings.CutSuffix(r.key, "*")
		if name == r.key || family && strings.HasPrefix(name, prefix) {
			return &refusals[i]
		}
	}
	return nil
}
