// SPDX-License-Identifier: Apache-2.0

package convert

import (
	"fmt"
	"strings"

	"github.com/connectd/connectd/connect"
)

// Keys of the JsonConverter.
const (
	schemasEnable   = "schemas.enable"
	schemasCache    = "schemas.cache.size"
	schemaContent   = "schema.content"
	decimalFormat   = "decimal.format"
	replaceNull     = "replace.null.with.default"
	formatBase64    = "BASE64"
	formatNumeric   = "NUMERIC"
	schemasGroup    = "Schemas"
	serializerGroup = "Serialization"
)

var jsonKeys = connect.Define(
	connect.ConfigKey{
		Name: schemasEnable, Type: connect.TypeConfigBoolean, Default: "true", Importance: connect.ImportanceHigh,
		Doc:   "Include schemas within each of the serialized values and keys.",
		Group: schemasGroup, Width: "MEDIUM", DisplayName: "Enable Schemas",
	},
	connect.ConfigKey{
		Name: schemasCache, Type: connect.TypeConfigInt, Default: "1000", Importance: connect.ImportanceHigh,
		Doc:   "The maximum number of schemas that can be cached in this converter instance.",
		Group: schemasGroup, Width: "MEDIUM", DisplayName: "Schema Cache Size",
	},
	connect.ConfigKey{
		Name: schemaContent, Type: connect.TypeConfigString, Null: true, Importance: connect.ImportanceHigh,
		Doc: "When set, this is used as the schema for all messages, and the schemas within each of the message will be ignored." +
			"Otherwise, the schema will be included in the content of each message. This configuration applies only 'schemas.enable' is true, " +
			"and it exclusively affects the sink connector.",
		Group: schemasGroup, Width: "MEDIUM", DisplayName: "Schema Content",
	},
	connect.ConfigKey{
		Name: decimalFormat, Type: connect.TypeConfigString, Default: formatBase64, Importance: connect.ImportanceLow,
		Check: connect.OneOf(formatNumeric, formatBase64),
		Doc: "Controls which format this converter will serialize decimals in. " +
			"This value is case insensitive and can be either 'BASE64' (default) or 'NUMERIC'",
		Group: serializerGroup, Width: "MEDIUM", DisplayName: "Decimal Format",
	},
	connect.ConfigKey{
		Name: replaceNull, Type: connect.TypeConfigBoolean, Default: "true", Importance: connect.ImportanceLow,
		Doc: "Whether to replace fields that have a default value and that are null to the default value. " +
			"When set to true, the default value is used, otherwise null is used.",
		Group: serializerGroup, Width: "MEDIUM", DisplayName: "Replace null with default",
	},
)

// JSON is the JsonConverter: JSON text, with the schema in an envelope around it
// if schemas.enable is true. It is for one goroutine at a time.
type JSON struct {
	envelope bool
	fixed    *connect.Schema // schema.content
	write    payloadWriter
	read     payloadReader
	decoder  Decoder
	texts    *lru[*connect.Schema, []byte]
	schemas  *lru[string, *connect.Schema]

	// The text and the schema that came last, before the caches are asked.
	lastWritten     *connect.Schema
	lastWrittenText []byte
	lastRead        *connect.Schema
	lastReadText    []byte
}

// NewJSON makes a JsonConverter of a configuration that jsonKeys declares.
func NewJSON(c connect.Config) (*JSON, error) {
	j := &JSON{
		envelope: c.Bool(schemasEnable),
		write: payloadWriter{
			numeric:  strings.EqualFold(c.String(decimalFormat), formatNumeric),
			defaults: c.Bool(replaceNull),
		},
		read:    payloadReader{defaults: c.Bool(replaceNull)},
		texts:   newLRU[*connect.Schema, []byte](c.Int(schemasCache)),
		schemas: newLRU[string, *connect.Schema](c.Int(schemasCache)),
	}
	j.decoder.rawNumbers = j.envelope
	text := c.String(schemaContent)
	if !j.envelope || text == "" {
		return j, nil
	}
	s, err := j.parseSchema([]byte(text))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", schemaContent, err)
	}
	j.fixed = s
	return j, nil
}

// FromConnect appends the JSON text of v. A null value without a schema has no
// bytes; with an optional schema it is the text null, in its envelope if there is one.
func (j *JSON) FromConnect(dst []byte, _ string, s *connect.Schema, v connect.Value) ([]byte, bool, error) {
	if s == nil && v.IsNull() {
		return dst, true, nil
	}
	start := len(dst)
	out := dst
	if j.envelope {
		var err error
		if out, err = j.open(dst, s); err != nil {
			return dst, false, err
		}
	}
	out, err := j.write.value(out, s, v)
	if err != nil {
		return out[:start], false, asDataError(err)
	}
	if j.envelope {
		out = append(out, '}')
	}
	return out, false, nil
}

// open appends the envelope up to the payload; its text is made once a schema.
func (j *JSON) open(dst []byte, s *connect.Schema) ([]byte, error) {
	if s != nil && s == j.lastWritten {
		return append(dst, j.lastWrittenText...), nil
	}
	if s == nil {
		return append(dst, `{"schema":null,"payload":`...), nil
	}
	text, ok := j.texts.get(s)
	if !ok {
		made, err := j.write.schema([]byte(`{"schema":`), s, nil)
		if err != nil {
			return dst, asDataError(err)
		}
		text = append(made, `,"payload":`...)
		j.texts.put(s, text)
	}
	j.lastWritten, j.lastWrittenText = s, text
	return append(dst, text...), nil
}

// ToConnect reads JSON text. Nil bytes are null. As in the original, what follows
// the first document is ignored, and an empty text is null where no schema is asked for.
func (j *JSON) ToConnect(a *connect.Arena, _ string, data []byte) (*connect.Schema, connect.Value, error) {
	switch {
	case data == nil:
		return nil, connect.Value{}, nil
	case !j.envelope:
		v, _, err := j.decoder.first(a, data)
		return nil, v, asReadError(err)
	case j.fixed != nil:
		v, _, err := j.decoder.first(a, data)
		if err != nil {
			return nil, connect.Value{}, asReadError(err)
		}
		v, err = j.read.value(a, j.fixed, v)
		return j.fixed, v, asDataError(err)
	default:
		return j.readEnvelope(a, data)
	}
}

const notEnvelope = `JsonConverter with schemas.enable requires "schema" and "payload" fields and may not contain additional fields. ` +
	`If you are trying to deserialize plain JSON data, set schemas.enable=false in your converter configuration.`

func (j *JSON) readEnvelope(a *connect.Arena, data []byte) (*connect.Schema, connect.Value, error) {
	e, err := j.parseEnvelope(a, data)
	if err != nil {
		return nil, connect.Value{}, asReadError(err)
	}
	if !e.complete {
		return nil, connect.Value{}, connect.DataErrorf(notEnvelope)
	}
	s, err := j.schemaOf(e)
	if err != nil {
		return nil, connect.Value{}, asDataError(err)
	}
	if s == nil {
		v, err := ParseJSON(a, e.payloadText) // numbers by the rules of schemaless data
		return nil, v, asReadError(err)
	}
	v, err := j.read.value(a, s, e.payload)
	return s, v, asDataError(err)
}

// asReadError gives a syntax error the words that users of the original search for.
func asReadError(err error) error {
	if err == nil {
		return nil
	}
	return connect.DataErrorf("Converting byte[] to Kafka Connect data failed due to serialization error: %w", err)
}
