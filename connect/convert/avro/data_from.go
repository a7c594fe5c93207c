// SPDX-License-Identifier: Apache-2.0

package avro

import (
	"strconv"
	"strings"

	"github.com/connectd/connectd/connect"
	schema "github.com/connectd/connectd/connect/avro"
)

// AnythingSchema is the schema under which values without a schema are written.
func AnythingSchema() *schema.Schema {
	optional := func(name string, t *schema.Schema) schema.Field {
		return schema.Field{Name: name, Schema: nullable(t, false), Default: schema.NullJSON()}
	}
	any := &schema.Schema{Type: schema.Record, Name: "Anything", Namespace: connectNamespace}
	entry := &schema.Schema{Type: schema.Record, Name: mapEntryName, Namespace: connectNamespace, Fields: []schema.Field{
		{Name: "key", Schema: any}, {Name: "value", Schema: any},
	}}
	for _, t := range []schema.Type{schema.Boolean, schema.Bytes, schema.Double, schema.Float, schema.Int, schema.Long, schema.String} {
		any.Fields = append(any.Fields, optional(t.String(), &schema.Schema{Type: t}))
	}
	any.Fields = append(any.Fields,
		optional("array", &schema.Schema{Type: schema.Array, Elem: any}),
		optional("map", &schema.Schema{Type: schema.Array, Elem: entry}))
	return any
}

// FromConnect makes the Avro schema under which values of s are written; nil stands
// for values without a schema. A name that Avro does not allow, and one name for two
// different structs, are data errors.
func (o DataOptions) FromConnect(s *connect.Schema) (*schema.Schema, error) {
	if s == nil {
		return AnythingSchema(), nil
	}
	b := fromConnect{DataOptions: o, records: map[string]made{}}
	a, err := b.schema(s, false)
	if err != nil {
		return nil, err
	}
	if _, err := schema.Parse(a.String()); err != nil {
		hint := ""
		if !o.ScrubInvalidNames {
			hint = "; scrub.invalid.names=true makes names of what is not one"
		}
		return nil, connect.DataErrorf("schema %s has no Avro form: %w%s", s, err, hint)
	}
	return a, nil
}

// made is a record that exists already, with what it was made of.
type made struct {
	of   *connect.Schema
	avro *schema.Schema
}

type fromConnect struct {
	DataOptions
	records map[string]made
	unnamed int
}

// nullable makes a union with null; the branch of the default comes first.
func nullable(s *schema.Schema, hasDefault bool) *schema.Schema {
	null := &schema.Schema{Type: schema.Null}
	if hasDefault {
		return &schema.Schema{Type: schema.Union, Union: []*schema.Schema{s, null}}
	}
	return &schema.Schema{Type: schema.Union, Union: []*schema.Schema{null, s}}
}

// required is the schema without its optionality.
func required(s *connect.Schema) *connect.Schema {
	if !s.Optional() {
		return s
	}
	return connect.Like(s, false).Required().MustBuild()
}

// schema makes the Avro schema of s; bare leaves the union with null away.
func (b *fromConnect) schema(s *connect.Schema, bare bool) (*schema.Schema, error) {
	if isUnion(s) {
		return b.union(s)
	}
	a, err := b.base(required(s))
	if err != nil || bare || !s.Optional() {
		return a, err
	}
	_, hasDefault := s.Default()
	return nullable(a, hasDefault && s.Type() != connect.TypeStruct), nil
}

func (b *fromConnect) base(s *connect.Schema) (*schema.Schema, error) {
	var a *schema.Schema
	var err error
	switch s.Type() {
	case connect.TypeStruct:
		return b.record(s)
	case connect.TypeString:
		a = b.text(s)
	case connect.TypeBytes:
		a, err = b.bytes(s)
	case connect.TypeArray:
		var elem *schema.Schema
		elem, err = b.schema(s.Elem(), false)
		a = &schema.Schema{Type: schema.Array, Elem: elem}
	case connect.TypeMap:
		a, err = b.mapping(s)
	default:
		a = &schema.Schema{Type: primitives[s.Type()]}
	}
	if err != nil {
		return nil, err
	}
	return a, b.attributes(a, s)
}

var primitives = map[connect.Type]schema.Type{
	connect.TypeInt8: schema.Int, connect.TypeInt16: schema.Int, connect.TypeInt32: schema.Int, connect.TypeInt64: schema.Long,
	connect.TypeFloat32: schema.Float, connect.TypeFloat64: schema.Double, connect.TypeBoolean: schema.Boolean,
}

func (b *fromConnect) names(name string) (string, string) {
	if name != "" {
		return b.splitName(name)
	}
	b.unnamed++
	if b.unnamed > 1 {
		return defaultRecordName + strconv.Itoa(b.unnamed), connectNamespace
	}
	return defaultRecordName, connectNamespace
}

func (b *fromConnect) union(s *connect.Schema) (*schema.Schema, error) {
	u := &schema.Schema{Type: schema.Union}
	if s.Optional() {
		u.Union = append(u.Union, &schema.Schema{Type: schema.Null})
	}
	for _, f := range s.Fields() {
		branch, err := b.schema(required(f.Schema), true)
		if err != nil {
			return nil, err
		}
		u.Union = append(u.Union, branch)
	}
	return u, nil
}

func (b *fromConnect) record(s *connect.Schema) (*schema.Schema, error) {
	name, namespace := b.names(s.Name())
	a := &schema.Schema{Type: schema.Record, Name: name, Namespace: namespace}
	if have, ok := b.records[a.FullName()]; ok {
		if have.of.Equal(s) {
			return have.avro, nil
		}
		return nil, connect.DataErrorf("schema %s: two different structs have this name, and Avro allows one", s)
	}
	b.records[a.FullName()] = made{s, a}
	param := recordDocParam
	if b.DiscardTypeDocDefault {
		param = connectRecordDocParam
	}
	a.Doc = paramDoc(s, param)
	for _, f := range s.Fields() {
		var doc *string
		if b.DiscardTypeDocDefault {
			doc = nonEmpty(f.Schema.Doc())
		} else {
			doc = paramDoc(s, fieldDocParam+f.Name)
		}
		field, err := b.field(b.scrub(f.Name), f.Schema, doc)
		if err != nil {
			return nil, err
		}
		a.Fields = append(a.Fields, field)
	}
	return a, b.attributes(a, s)
}

func (b *fromConnect) field(name string, s *connect.Schema, doc *string) (schema.Field, error) {
	f := schema.Field{Name: name, Doc: doc}
	var err error
	if f.Schema, err = b.schema(s, false); err != nil {
		return f, err
	}
	if v, ok := s.Default(); ok {
		f.Default, err = b.defaultJSON(s, v)
	} else if s.Optional() {
		f.Default = schema.NullJSON()
	}
	return f, err
}

func (b *fromConnect) text(s *connect.Schema) *schema.Schema {
	if !isEnum(s) || !b.Enhanced && !b.GeneralizedSumType {
		return &schema.Schema{Type: schema.String}
	}
	param := b.enumParam()
	full, _ := s.Param(param)
	a := &schema.Schema{Type: schema.Enum}
	a.Name, a.Namespace = b.splitName(full)
	for _, p := range s.Params() {
		if symbol, ok := strings.CutPrefix(p.Key, param+"."); ok {
			a.Symbols = append(a.Symbols, symbol)
		}
	}
	if b.DiscardTypeDocDefault {
		a.Doc = paramDoc(s, connectEnumDocParam)
		return a
	}
	a.Doc = paramDoc(s, enumDocParam+a.Name)
	if d, ok := s.Param(enumDefaultParam + a.Name); ok {
		a.Default = schema.StringJSON(d)
	}
	return a
}

func (b *fromConnect) bytes(s *connect.Schema) (*schema.Schema, error) {
	a := &schema.Schema{Type: schema.Bytes}
	if isFixed(s) {
		size, _ := s.Param(fixedSizeParam)
		n, err := strconv.Atoi(size)
		if err != nil || n < 0 {
			return nil, connect.DataErrorf("schema %s: parameter %s is no size: %q", s, fixedSizeParam, size)
		}
		a.Type, a.Size = schema.Fixed, n
		name := s.Name()
		if own, ok := s.Param(fixedNameParam); ok {
			name = own
		}
		a.Name, a.Namespace = b.splitName(name)
	}
	if s.Name() != connect.DecimalName {
		return a, nil
	}
	precision, scale, err := decimalParams(s)
	if err != nil {
		return nil, err
	}
	a.SetProp("scale", schema.IntJSON(int64(scale)))
	a.SetProp("precision", schema.IntJSON(int64(precision)))
	return a, nil
}

func decimalParams(s *connect.Schema) (precision, scale int, err error) {
	text, _ := s.Param(connect.DecimalScale)
	if scale, err = strconv.Atoi(text); err != nil {
		return 0, 0, connect.DataErrorf("schema %s: parameter %s is no number: %q", s, connect.DecimalScale, text)
	}
	precision = defaultPrecision
	if text, ok := s.Param(decimalPrecisionParam); ok {
		if precision, err = strconv.Atoi(text); err != nil {
			return 0, 0, connect.DataErrorf("schema %s: parameter %s is no number: %q", s, decimalPrecisionParam, text)
		}
	}
	return precision, scale, nil
}

func (b *fromConnect) mapping(s *connect.Schema) (*schema.Schema, error) {
	if b.stringKeys(s) {
		elem, err := b.schema(s.Elem(), false)
		return &schema.Schema{Type: schema.Map, Elem: elem}, err
	}
	entry := &schema.Schema{Type: schema.Record, Name: mapEntryName, Namespace: connectNamespace}
	if s.Name() != "" {
		entry.Name, entry.Namespace = b.splitName(s.Name())
		entry.SetProp("connect.internal.type", schema.StringJSON(mapEntryName))
	}
	key, err := b.field("key", s.Key(), nil)
	if err != nil {
		return nil, err
	}
	value, err := b.field("value", s.Elem(), nil)
	entry.Fields = []schema.Field{key, value}
	return &schema.Schema{Type: schema.Array, Elem: entry}, err
}

// attributes writes what Avro has no place for, in the order of the original.
func (b *fromConnect) attributes(a *schema.Schema, s *connect.Schema) error {
	if b.ConnectMetaData {
		if err := b.metaData(a, s); err != nil {
			return err
		}
	}
	switch s.Name() {
	case connect.DecimalName:
		a.SetProp("logicalType", schema.StringJSON("decimal"))
	case connect.TimeName:
		a.SetProp("logicalType", schema.StringJSON("time-millis"))
	case connect.TimestampName:
		a.SetProp("logicalType", schema.StringJSON("timestamp-millis"))
	case connect.DateName:
		a.SetProp("logicalType", schema.StringJSON("date"))
	}
	for _, p := range s.Params() {
		switch {
		case p.Key == logicalParam:
			a.SetProp("logicalType", schema.StringJSON(p.Value))
		case p.Key == fixedNameParam:
		case strings.HasPrefix(p.Key, avroPrefix):
			a.SetProp(p.Key, schema.StringJSON(p.Value))
		}
	}
	return nil
}

func (b *fromConnect) metaData(a *schema.Schema, s *connect.Schema) error {
	if s.Doc() != "" {
		a.SetProp("connect.doc", schema.StringJSON(s.Doc()))
	}
	if v, ok := s.Version(); ok {
		a.SetProp("connect.version", schema.IntJSON(int64(v)))
	}
	params := &schema.JSON{Kind: schema.JSONObject}
	for _, p := range s.Params() {
		if p.Key != fieldDefaultParam && p.Key != logicalParam && p.Key != fixedNameParam {
			params.Members = append(params.Members, schema.Member{Name: p.Key, Value: schema.StringJSON(p.Value)})
		}
	}
	if len(params.Members) > 0 {
		a.SetProp("connect.parameters", params)
	}
	if v, ok := s.Default(); ok {
		if _, own := s.Param(fieldDefaultParam); !own || b.DiscardTypeDocDefault {
			d, err := b.defaultJSON(s, v)
			if err != nil {
				return err
			}
			a.SetProp("connect.default", d)
		}
	}
	if s.Name() != "" {
		a.SetProp("connect.name", schema.StringJSON(s.Name()))
	}
	switch s.Type() {
	case connect.TypeInt8:
		a.SetProp("connect.type", schema.StringJSON("int8"))
	case connect.TypeInt16:
		a.SetProp("connect.type", schema.StringJSON("int16"))
	}
	return nil
}

func paramDoc(s *connect.Schema, key string) *string {
	if d, ok := s.Param(key); ok {
		return &d
	}
	return nil
}

func nonEmpty(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
