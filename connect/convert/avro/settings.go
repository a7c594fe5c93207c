// SPDX-License-Identifier: Apache-2.0

package avro

import (
	"time"

	"github.com/connectd/connectd/connect"
)

// Keys of the AvroConverter, beside those of the registry's client.
const (
	keyURL              = "schema.registry.url"
	keyConnectTime      = "http.connect.timeout.ms"
	keyReadTime         = "http.read.timeout.ms"
	keyAutoRegister     = "auto.register.schemas"
	keyUseLatest        = "use.latest.version"
	keyLatestStrict     = "latest.compatibility.strict"
	keyNormalize        = "normalize.schemas"
	keyUseID            = "use.schema.id"
	keyIDStrict         = "id.compatibility.strict"
	keyMaxSchemas       = "max.schemas.per.subject"
	keyLatestTTL        = "latest.cache.ttl.sec"
	keyLatestSize       = "latest.cache.size"
	keyKeyStrategy      = "key.subject.name.strategy"
	keyValueStrategy    = "value.subject.name.strategy"
	keyReaderSchema     = "reader.schema"
	keyTrailing         = "avro.fail.on.trailing.data"
	keyMetaData         = "connect.meta.data"
	keyEnhanced         = "enhanced.avro.schema.support"
	keyScrub            = "scrub.invalid.names"
	keyOptionalMapKeys  = "allow.optional.map.keys"
	keyFlattenSingleton = "flatten.singleton.unions"
	keyDiscardDoc       = "discard.type.doc.default"
	keyGeneralized      = "generalized.sum.type.support"
	keyIgnoreDefault    = "ignore.default.for.nullables"
	keySchemasCache     = "schemas.cache.config"
	keyMaxDepth         = "decode.max.depth"
	keyMaxBytes         = "decode.max.bytes"
	keyMaxEmpty         = "decode.max.empty.elements"

	groupRegistry = "Schema Registry"
	groupData     = "Data"
)

// settings are what a converter is configured with.
type settings struct {
	data           DataOptions
	key            bool
	autoRegister   bool
	useLatest      bool
	latestStrict   bool
	normalize      bool
	useID          int
	idStrict       bool
	strategy       subjectStrategy
	reader         readerSchema
	failOnTrailing bool
	limits         Limits
	cacheSize      int
	latestSize     int
	latestTTL      time.Duration // negative for ever
	// registryTime is how long a question to the registry, which may be several requests,
	// may take. The client, which has the time-outs for one, gives up earlier.
	registryTime time.Duration
}

// newSettings reads a configuration that keysOf declares.
func newSettings(c connect.Config, key bool) (settings, error) {
	reader, err := parseReaderSchema(c.String(keyReaderSchema))
	if err != nil {
		return settings{}, connect.ConfigError{Key: keyReaderSchema, Value: c.String(keyReaderSchema), Rule: err.Error()}
	}
	s := settings{
		data: DataOptions{
			ConnectMetaData: c.Bool(keyMetaData), Enhanced: c.Bool(keyEnhanced), ScrubInvalidNames: c.Bool(keyScrub),
			AllowOptionalMapKeys: c.Bool(keyOptionalMapKeys), FlattenSingletonUnions: c.Bool(keyFlattenSingleton),
			DiscardTypeDocDefault: c.Bool(keyDiscardDoc), GeneralizedSumType: c.Bool(keyGeneralized),
			IgnoreDefaultForNullables: c.Bool(keyIgnoreDefault),
		},
		key:          key,
		autoRegister: c.Bool(keyAutoRegister), useLatest: c.Bool(keyUseLatest), latestStrict: c.Bool(keyLatestStrict),
		normalize: c.Bool(keyNormalize), useID: c.Int(keyUseID), idStrict: c.Bool(keyIDStrict),
		strategy: strategyOf(c.String(keyValueStrategy)), reader: reader, failOnTrailing: c.Bool(keyTrailing),
		limits:    Limits{Depth: c.Int(keyMaxDepth), Bytes: c.Int(keyMaxBytes), Empty: c.Int(keyMaxEmpty)}.withDefaults(),
		cacheSize: min(c.Int(keySchemasCache), c.Int(keyMaxSchemas)), latestSize: c.Int(keyLatestSize), latestTTL: -1,
		registryTime: 2 * (c.Millis(keyConnectTime) + c.Millis(keyReadTime)),
	}
	if key {
		s.strategy = strategyOf(c.String(keyKeyStrategy))
	}
	if n := c.Int64(keyLatestTTL); n >= 0 {
		s.latestTTL = time.Duration(n) * time.Second
	}
	if s.useLatest && c.String(keyReaderSchema) == "" {
		s.reader.latest = true // as the original's deserializer does
	}
	return s, nil
}

// readsLatest reports whether the reader's schema may change while the task runs.
func (s *settings) readsLatest() bool { return s.reader.latest && s.reader.fixed == nil }

// keysOf declares the keys; the registry's URL is required unless the worker has one.
func keysOf(hasDefaultURL bool) *connect.ConfigDef {
	url := connect.ConfigKey{
		Name: keyURL, Type: connect.TypeConfigList, Required: !hasDefaultURL, Null: hasDefaultURL, Importance: connect.ImportanceHigh, Group: groupRegistry,
		Doc: "Comma-separated list of URLs for schema registry instances that can be used to register or look up schemas.",
	}
	if hasDefaultURL {
		url.Doc += " Without it, the registry of the worker."
	}
	return connect.Define(url).And(registryKeys()...).And(schemaKeys()...).And(dataKeys()...).And(readKeys()...)
}

func boolean(name, deflt, group, doc string) connect.ConfigKey {
	return connect.ConfigKey{Name: name, Type: connect.TypeConfigBoolean, Default: deflt, Group: group, Doc: doc}
}

func number(name, deflt string, least int64, group, doc string) connect.ConfigKey {
	return connect.ConfigKey{Name: name, Type: connect.TypeConfigInt, Default: deflt, Check: connect.AtLeast(least),
		Importance: connect.ImportanceLow, Group: group, Doc: doc}
}

func schemaKeys() []connect.ConfigKey {
	strategy := func(name, what string) connect.ConfigKey {
		return connect.ConfigKey{Name: name, Type: connect.TypeConfigClass, Default: strategyPackage + string(byTopic),
			Check: connect.OneOf(strategyNames()...), Recommended: strategyNames(), Group: groupRegistry,
			Doc: "Determines how to construct the subject name under which the " + what + " schema is registered with the schema registry. By default, <topic>-" + what + " is used as subject."}
	}
	return []connect.ConfigKey{
		boolean(keyAutoRegister, "true", groupRegistry, "Specify if the Serializer should attempt to register the Schema with Schema Registry"),
		boolean(keyUseLatest, "false", groupRegistry, "Specify if the Serializer should use the latest subject version for serialization. Records are then read as the latest version of their subject, too."),
		boolean(keyLatestStrict, "true", groupRegistry, "Whether to check for backward compatibility between the latest subject version and the Schema of the object to be serialized"),
		boolean(keyNormalize, "false", groupRegistry, "Whether to normalize schemas, which generally ignores ordering when it is not significant"),
		number(keyUseID, "-1", -1, groupRegistry, "Schema ID to use for serialization"),
		boolean(keyIDStrict, "true", groupRegistry, "Whether to check for backward compatibility between the schema with the given ID and the schema of the object to be serialized"),
		number(keyMaxSchemas, "1000", 1, groupRegistry, "Maximum number of schemas to create or cache locally."),
		number(keyLatestTTL, "-1", -1, groupRegistry, "The TTL in seconds for caches holding latest schemas, or -1 for no TTL"),
		number(keyLatestSize, "1000", 0, groupRegistry, "The maximum size for caches holding latest schemas"),
		strategy(keyKeyStrategy, "key"),
		strategy(keyValueStrategy, "value"),
	}
}

func dataKeys() []connect.ConfigKey {
	return []connect.ConfigKey{
		boolean(keyMetaData, "true", groupData, "Toggle for enabling/disabling connect converter to add its meta data to the output schema or not"),
		boolean(keyEnhanced, "false", groupData, "Toggle for enabling/disabling enhanced avro schema support: Enum symbol preservation and Package Name awareness"),
		boolean(keyScrub, "false", groupData, "Whether to scrub invalid names by replacing invalid characters with valid ones"),
		boolean(keyOptionalMapKeys, "false", groupData, "Allow optional string map key when converting from Connect Schema to Avro Schema."),
		boolean(keyFlattenSingleton, "true", groupData, "Whether to flatten singleton unions"),
		boolean(keyDiscardDoc, "false", groupData, "Only Avro field doc and default will be retained during conversion of Avro and Connect schema."),
		boolean(keyGeneralized, "false", groupData, "Toggle for enabling/disabling generalized sum type support: interoperability of enum/union with other schema formats"),
		boolean(keyIgnoreDefault, "false", groupData, "Whether to ignore the default for nullable fields when the value is null"),
		number(keySchemasCache, "1000", 1, groupData, "Size of the converted schemas cache"),
	}
}

func readKeys() []connect.ConfigKey {
	return []connect.ConfigKey{
		{
			Name: keyReaderSchema, Type: connect.TypeConfigString, Default: "", Group: groupData, Check: checkReaderSchema,
			Doc: "The Avro schema as which records are read, whatever version they were written under: file:<path>, subject:<name>, subject:<name>:<version>, latest (of the record's own subject), or the text of a schema. Fields that a record does not have get the default. By default records are read as they were written.",
		},
		boolean(keyTrailing, "false", groupData, "Whether to fail when a message has bytes behind its Avro data"),
		number(keyMaxDepth, "64", 1, groupData, "How deep records, arrays, maps and unions of a message may be nested"),
		number(keyMaxBytes, "268435456", 1024, groupData, "How much memory, in bytes, the values of one message may take when they are decoded"),
		number(keyMaxEmpty, "65536", 0, groupData, "How many array elements that take no bytes one message may hold"),
	}
}

func checkReaderSchema(v any) (rule, hint string) {
	text, _ := v.(string)
	if _, err := parseReaderSchema(text); err != nil {
		return err.Error(), ""
	}
	return "", ""
}
