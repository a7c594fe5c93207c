// SPDX-License-Identifier: Apache-2.0

package avro

import (
	"strconv"
	"strings"

	"github.com/connectd/connectd/connect"
)

// DataOptions say how Connect schemas and Avro schemas are made of each other. The
// names and defaults are those of the original's AvroData, whose rules (of Schema
// Registry 8) the mapping follows, so that the texts that are registered are the same.
// The zero value is not the default: see DefaultDataOptions.
type DataOptions struct {
	// ConnectMetaData writes what Avro has no place for as connect.* attributes, and
	// reads them (connect.meta.data).
	ConnectMetaData bool
	// Enhanced makes Avro enums again of strings that came from one, and full names of
	// the fields of unions (enhanced.avro.schema.support).
	Enhanced bool
	// ScrubInvalidNames replaces what Avro does not allow in names (scrub.invalid.names).
	ScrubInvalidNames bool
	// AllowOptionalMapKeys writes maps with optional string keys as Avro maps
	// (allow.optional.map.keys).
	AllowOptionalMapKeys bool
	// FlattenSingletonUnions reads a union of one as its branch (flatten.singleton.unions).
	FlattenSingletonUnions bool
	// DiscardTypeDocDefault takes docs from fields instead of types
	// (discard.type.doc.default).
	DiscardTypeDocDefault bool
	// GeneralizedSumType uses the parameters that all registry formats share for enums
	// and unions (generalized.sum.type.support).
	GeneralizedSumType bool
	// IgnoreDefaultForNullables writes null instead of the default for a null value of
	// an optional field (ignore.default.for.nullables).
	IgnoreDefaultForNullables bool
}

// DefaultDataOptions are the original's defaults.
func DefaultDataOptions() DataOptions {
	return DataOptions{ConnectMetaData: true, FlattenSingletonUnions: true}
}

// Names that the original gives to what Avro or Connect have no name for.
const (
	connectNamespace  = "io.confluent.connect.avro"
	defaultRecordName = "ConnectDefault"
	mapEntryName      = "MapEntry"
	unionName         = connectNamespace + ".Union"
	enumParam         = connectNamespace + ".Enum"
	anythingName      = connectNamespace + ".Anything"
	recordDocParam    = connectNamespace + ".record.doc"
	enumDocParam      = connectNamespace + ".enum.doc."
	enumDefaultParam  = connectNamespace + ".enum.default."
	fieldDocParam     = connectNamespace + ".field.doc."
	fieldDefaultParam = connectNamespace + ".field.default"

	connectRecordDocParam = "connect.record.doc"
	connectEnumDocParam   = "connect.enum.doc"
	generalUnionParam     = "org.apache.kafka.connect.data.Union"
	generalEnumParam      = "org.apache.kafka.connect.data.Enum"
	generalUnionPrefix    = "connect_union_"
	generalFieldPrefix    = generalUnionPrefix + "field_"

	fixedSizeParam        = "connect.fixed.size"
	decimalPrecisionParam = "connect.decimal.precision"
	defaultPrecision      = 64

	// avroPrefix marks parameters that are attributes of the Avro schema.
	avroPrefix = "avro"
	// logicalParam keeps an Avro logical type that Connect has no type for, and
	// fixedNameParam the name of a fixed whose Connect name is that of a logical type.
	// Both are our own: the original forgets the one and refuses the other.
	logicalParam   = "avro.logicalType"
	fixedNameParam = "avro.fixedName"
)

func isUnion(s *connect.Schema) bool {
	if s.Type() != connect.TypeStruct {
		return false
	}
	_, general := s.Param(generalUnionParam)
	return general || s.Name() == unionName
}

func isEnum(s *connect.Schema) bool {
	if s.Type() != connect.TypeString {
		return false
	}
	_, general := s.Param(generalEnumParam)
	_, own := s.Param(enumParam)
	return general || own
}

func isFixed(s *connect.Schema) bool {
	if s.Type() != connect.TypeBytes || s.Name() == "" {
		return false
	}
	_, ok := s.Param(fixedSizeParam)
	return ok
}

// stringKeys reports whether a map is an Avro map; others are arrays of entries.
func (o DataOptions) stringKeys(s *connect.Schema) bool {
	k := s.Key()
	return k.Type() == connect.TypeString && (!k.Optional() || o.AllowOptionalMapKeys)
}

func (o DataOptions) enumParam() string {
	if o.GeneralizedSumType {
		return generalEnumParam
	}
	return enumParam
}

// splitName takes a full name apart at its last dot, scrubbed if that is asked for.
func (o DataOptions) splitName(full string) (name, namespace string) {
	parts := strings.Split(full, ".")
	for i := range parts {
		parts[i] = o.scrub(parts[i])
	}
	last := len(parts) - 1
	return parts[last], strings.Join(parts[:last], ".")
}

// FieldName is the name of a Connect field in Avro.
func (o DataOptions) FieldName(name string) string { return o.scrub(name) }

// scrub makes a name of what is not one: each byte that Avro does not allow becomes
// _XX as in the encoding of URLs, blanks and .-* become _, and a digit in front gets
// an x.
func (o DataOptions) scrub(name string) string {
	if !o.ScrubInvalidNames || name == "" {
		return name
	}
	var b strings.Builder
	if name[0] >= '0' && name[0] <= '9' {
		b.WriteByte('x')
	}
	for i := 0; i < len(name); i++ {
		c := name[i]
		switch {
		case c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9':
			b.WriteByte(c)
		case c == ' ' || c == '.' || c == '-' || c == '*':
			b.WriteByte('_')
		default:
			b.WriteByte('_')
			b.WriteString(strings.ToUpper(strconv.FormatUint(uint64(c)|0x100, 16)[1:]))
		}
	}
	return b.String()
}
