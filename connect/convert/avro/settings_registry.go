// SPDX-License-Identifier: Apache-2.0

package avro

import (
	"slices"
	"sort"

	"github.com/connectd/connectd/connect"
)

// registryKeys are the keys that the registry's client reads.
func registryKeys() []connect.ConfigKey {
	text := func(name, deflt, doc string) connect.ConfigKey {
		return connect.ConfigKey{Name: name, Type: connect.TypeConfigString, Default: deflt, Null: deflt == "", Importance: connect.ImportanceMedium, Group: groupRegistry, Doc: doc}
	}
	secret := func(name, doc string) connect.ConfigKey {
		return connect.ConfigKey{Name: name, Type: connect.TypeConfigPassword, Null: true, Importance: connect.ImportanceMedium, Group: groupRegistry, Doc: doc}
	}
	keys := []connect.ConfigKey{
		text("basic.auth.credentials.source", "URL", "Specify how to pick the credentials for Basic Auth header. The supported values are URL and USER_INFO"),
		secret("basic.auth.user.info", "Specify the user info for Basic Auth in the form of {username}:{password}"),
		secret("schema.registry.basic.auth.user.info", "The older name of basic.auth.user.info"),
		text("bearer.auth.credentials.source", "STATIC_TOKEN", "Specify how to pick the credentials for Bearer Auth header."),
		secret("bearer.auth.token", "Specify the Bearer token to be used for authentication"),
		number(keyConnectTime, "60000", 1, groupRegistry, "Specify the http connection timeout in milliseconds for schema registry client"),
		number(keyReadTime, "60000", 1, groupRegistry, "Specify the http read timeout in milliseconds for schema registry client"),
	}
	const ssl = "schema.registry.ssl."
	return append(keys,
		text(ssl+"protocol", "", "The newest TLS version"),
		text(ssl+"endpoint.identification.algorithm", "https", "Empty to accept a certificate under another host's name"),
		text(ssl+"truststore.type", "", "The type of the trust store: PEM"),
		text(ssl+"truststore.location", "", "The file with the certificates that are trusted"),
		secret(ssl+"truststore.password", "The password of the trust store"),
		text(ssl+"truststore.certificates", "", "Trusted certificates in PEM"),
		text(ssl+"keystore.type", "", "The type of the key store: PEM"),
		text(ssl+"keystore.location", "", "The file with the client's key and certificate"),
		secret(ssl+"keystore.password", "The password of the key store"),
		text(ssl+"keystore.certificate.chain", "", "The client's certificate chain in PEM"),
		secret(ssl+"keystore.key", "The client's private key in PEM"),
		secret(ssl+"key.password", "The password of the client's private key"),
	)
}

const idPackage = "io.confluent.kafka.serializers.schema.id."

// unsupported are keys of the original that change what is written or read and are not
// available here, each with the values that change nothing.
var unsupported = map[string][]string{
	"use.latest.with.metadata":     nil,
	"use.schema.guid":              nil,
	"propagate.schema.tags":        {"false"},
	"schema.format":                nil,
	"rule.executors":               nil,
	"rule.actions":                 nil,
	"schema.backup.enabled":        {"false"},
	"context.name.strategy":        {"io.confluent.kafka.serializers.context.NullContextNameStrategy"},
	"key.schema.id.serializer":     {idPackage + "PrefixSchemaIdSerializer"},
	"value.schema.id.serializer":   {idPackage + "PrefixSchemaIdSerializer"},
	"key.schema.id.deserializer":   {idPackage + "DualSchemaIdDeserializer", idPackage + "PrefixSchemaIdDeserializer"},
	"value.schema.id.deserializer": {idPackage + "DualSchemaIdDeserializer", idPackage + "PrefixSchemaIdDeserializer"},
}

// validate refuses keys that would have no effect where the user counts on one.
func validate(c connect.Config) connect.ConfigErrors {
	var errs connect.ConfigErrors
	for key, value := range c.Raw() {
		harmless, listed := unsupported[key]
		if !listed || value == "" || slices.Contains(harmless, value) {
			continue
		}
		errs = append(errs, connect.ConfigError{Key: key, Value: value, Rule: "this key is not supported", Hint: "leave it away"})
	}
	sort.Slice(errs, func(i, j int) bool { return errs[i].Key < errs[j].Key })
	return errs
}
