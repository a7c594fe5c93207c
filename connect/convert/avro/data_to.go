// SPDX-License-Identifier: Apache-2.0

package avro

import (
	"strconv"
	"strings"

	"github.com/connectd/connectd/connect"
	schema "github.com/connectd/connectd/connect/avro"
)

// ToConnect makes the Connect schema of the values of an Avro schema; version is that
// of the subject, used where the text has no connect.version, and below 1 for none.
// The schema of values without one gives nil. A schema that contains itself and a
// null outside a union have no Connect form: both are data errors.
func (o DataOptions) ToConnect(a *schema.Schema, version int) (*connect.Schema, error) {
	if a.Type == schema.Record && a.FullName() == anythingName {
		return nil, nil
	}
	t := toConnect{DataOptions: o, open: map[*schema.Schema]bool{}}
	return t.schema(a, use{version: version})
}

// use is what the place of a schema says about it.
type use struct {
	optional bool
	deflt    *schema.JSON // of the field; nil for none
	doc      *string      // of the field
	version  int
}

type toConnect struct {
	DataOptions
	open   map[*schema.Schema]bool
	unions int
}

func (t *toConnect) schema(a *schema.Schema, u use) (*connect.Schema, error) {
	if a.Type == schema.Union {
		return t.union(a, u)
	}
	if t.open[a] {
		return nil, connect.DataErrorf("Avro schema %s contains itself, which Connect schemas cannot", a.FullName())
	}
	t.open[a] = true
	defer delete(t.open, a)
	b, err := t.base(a)
	if err != nil {
		return nil, err
	}
	return t.finish(b, a, u)
}

func (t *toConnect) base(a *schema.Schema) (*connect.Builder, error) {
	logical, _ := a.Logical()
	switch a.Type {
	case schema.Boolean:
		return connect.NewSchema(connect.TypeBoolean), nil
	case schema.Float:
		return connect.NewSchema(connect.TypeFloat32), nil
	case schema.Double:
		return connect.NewSchema(connect.TypeFloat64), nil
	case schema.Int:
		return intBase(a, logical)
	case schema.Long:
		if logical == "timestamp-millis" {
			return connect.NewSchema(connect.TypeInt64).Name(connect.TimestampName).Version(1), nil
		}
		return keepLogical(connect.NewSchema(connect.TypeInt64), a), nil
	case schema.String:
		return keepLogical(connect.NewSchema(connect.TypeString), a), nil
	case schema.Bytes, schema.Fixed:
		return bytesBase(a), nil
	case schema.Enum:
		return t.enum(a), nil
	case schema.Array:
		return t.array(a)
	case schema.Map:
		elem, err := t.schema(a.Elem, use{})
		if err != nil {
			return nil, err
		}
		return connect.NewMap(connect.StringSchema, elem), nil
	case schema.Record:
		return t.record(a)
	}
	return nil, connect.DataErrorf("Avro type null outside a union has no Connect form")
}

func intBase(a *schema.Schema, logical string) (*connect.Builder, error) {
	switch logical {
	case "date":
		return connect.NewSchema(connect.TypeInt32).Name(connect.DateName).Version(1), nil
	case "time-millis":
		return connect.NewSchema(connect.TypeInt32).Name(connect.TimeName).Version(1), nil
	}
	p := a.Prop("connect.type")
	if p == nil {
		return connect.NewSchema(connect.TypeInt32), nil
	}
	switch p.Text {
	case "int8":
		return connect.NewSchema(connect.TypeInt8), nil
	case "int16":
		return connect.NewSchema(connect.TypeInt16), nil
	}
	return nil, connect.DataErrorf("Avro int has connect.type %s, which is neither int8 nor int16", p)
}

// keepLogical remembers a logical type that is a plain type in Connect.
func keepLogical(b *connect.Builder, a *schema.Schema) *connect.Builder {
	if logical, ok := a.Logical(); ok {
		return b.Param(logicalParam, logical)
	}
	return b
}

func bytesBase(a *schema.Schema) *connect.Builder {
	b := connect.NewSchema(connect.TypeBytes)
	decimal := false
	if p := a.Prop("logicalType"); p != nil && strings.EqualFold(p.Text, "decimal") {
		decimal = true
		scale, _ := a.Prop("scale").Int()
		b = connect.DecimalSchema(int32(scale))
		if precision, ok := a.Prop("precision").Int(); ok && precision != defaultPrecision {
			b.Param(decimalPrecisionParam, strconv.FormatInt(precision, 10))
		}
	}
	if a.Type == schema.Fixed {
		b.Param(fixedSizeParam, strconv.Itoa(a.Size))
		if decimal {
			b.Param(fixedNameParam, a.FullName())
		} else {
			keepLogical(b, a)
		}
	}
	return b
}

func (t *toConnect) enum(a *schema.Schema) *connect.Builder {
	b := connect.NewSchema(connect.TypeString)
	if t.ConnectMetaData {
		if a.Doc != nil && t.DiscardTypeDocDefault {
			b.Param(connectEnumDocParam, *a.Doc)
		} else if a.Doc != nil {
			b.Param(enumDocParam+a.Name, *a.Doc)
		}
		if a.Default != nil && !t.DiscardTypeDocDefault {
			b.Param(enumDefaultParam+a.Name, a.Default.Text)
		}
	}
	param := t.enumParam()
	b.Param(param, a.FullName())
	for i, symbol := range a.Symbols {
		if t.GeneralizedSumType {
			b.Param(param+"."+symbol, strconv.Itoa(i))
		} else {
			b.Param(param+"."+symbol, symbol)
		}
	}
	return b
}

// isMapEntry reports whether an array of this is a map with keys that are no strings.
func isMapEntry(a *schema.Schema) bool {
	if a.Type != schema.Record {
		return false
	}
	if a.Namespace == connectNamespace && a.Name == mapEntryName {
		return true
	}
	p := a.Prop("connect.internal.type")
	return p != nil && p.Text == mapEntryName
}

func (t *toConnect) array(a *schema.Schema) (*connect.Builder, error) {
	if !isMapEntry(a.Elem) {
		elem, err := t.schema(a.Elem, use{})
		if err != nil {
			return nil, err
		}
		return connect.NewArray(elem), nil
	}
	key, value := a.Elem.Field("key"), a.Elem.Field("value")
	if len(a.Elem.Fields) != 2 || key == nil || value == nil {
		return nil, connect.DataErrorf("Found map encoded as array of key-value pairs, but array elements do not match the expected format.")
	}
	k, err := t.schema(key.Schema, use{})
	if err != nil {
		return nil, err
	}
	v, err := t.schema(value.Schema, use{})
	if err != nil {
		return nil, err
	}
	return connect.NewMap(k, v), nil
}

func (t *toConnect) record(a *schema.Schema) (*connect.Builder, error) {
	b := connect.NewStruct("")
	docs := t.ConnectMetaData && !t.DiscardTypeDocDefault
	if docs && a.Doc != nil {
		b.Param(recordDocParam, *a.Doc)
	}
	for i := range a.Fields {
		f := &a.Fields[i]
		if docs && f.Doc != nil {
			b.Param(fieldDocParam+f.Name, *f.Doc)
		}
		s, err := t.schema(f.Schema, use{deflt: f.Default, doc: f.Doc})
		if err != nil {
			return nil, err
		}
		b.Field(f.Name, s)
	}
	return b, nil
}

func (t *toConnect) union(a *schema.Schema, u use) (*connect.Schema, error) {
	if len(a.Union) == 1 && t.FlattenSingletonUnions {
		return t.schema(a.Union[0], use{doc: u.doc})
	}
	if null := a.Nullable(); len(a.Union) == 2 && null >= 0 {
		return t.schema(a.Union[1-null], use{optional: true, doc: u.doc})
	}
	name := unionName
	if t.GeneralizedSumType {
		name = generalUnionPrefix + strconv.Itoa(t.unions)
		t.unions++
	}
	b := connect.NewStruct(name)
	if t.GeneralizedSumType {
		b.Param(generalUnionParam, name)
	}
	for i, branch := range a.Union {
		if branch.Type == schema.Null {
			b.Optional()
			continue
		}
		s, err := t.schema(branch, use{optional: true})
		if err != nil {
			return nil, err
		}
		b.Field(t.branchName(branch, i), s)
	}
	if u.optional {
		b.Optional()
	}
	s, err := b.Build()
	if err != nil {
		return nil, connect.DataErrorf("Multiple union schemas map to the Connect union field name: %w", err)
	}
	return s, nil
}

// branchName is the name of the field that stands for a branch of a union.
func (o DataOptions) branchName(a *schema.Schema, i int) string {
	switch {
	case o.GeneralizedSumType:
		return generalFieldPrefix + strconv.Itoa(i)
	case !a.Type.Named():
		return a.Type.String()
	case o.Enhanced:
		return a.FullName()
	}
	return a.Name
}

// finish adds what the attributes and the place of the schema say.
func (t *toConnect) finish(b *connect.Builder, a *schema.Schema, u use) (*connect.Schema, error) {
	t.docs(b, a, u)
	if v := a.Prop("connect.version"); v != nil {
		n, ok := v.Int()
		if !ok {
			return nil, connect.DataErrorf("Invalid Connect version found: %s", v)
		}
		b.Version(int32(n))
	} else if u.version > 0 {
		b.Version(int32(u.version))
	}
	if err := t.params(b, a); err != nil {
		return nil, err
	}
	deflt := a.Prop("connect.default")
	if u.deflt != nil && u.deflt.Kind != schema.JSONNull {
		if deflt == nil && t.ConnectMetaData && !t.DiscardTypeDocDefault {
			b.Param(fieldDefaultParam, "true")
		}
		deflt = u.deflt
	}
	name, err := schemaName(a)
	if err != nil {
		return nil, err
	}
	if name != "" {
		b.Name(name)
	}
	if u.optional {
		b.Optional()
	}
	s, err := b.Build()
	if err != nil {
		return nil, connect.DataErrorf("Avro schema %s: %w", a.FullName(), err)
	}
	if deflt == nil {
		return s, nil
	}
	// A default that does not fit is ignored, as the original does: the value of the
	// record is there all the same.
	v, err := t.defaultValue(a, s, deflt)
	if err != nil || v.IsNull() {
		return s, nil
	}
	if with, err := connect.Like(s, false).Default(v).Build(); err == nil {
		return with, nil
	}
	return s, nil
}

func (t *toConnect) docs(b *connect.Builder, a *schema.Schema, u use) {
	p := a.Prop("connect.doc")
	if !t.DiscardTypeDocDefault {
		if t.ConnectMetaData && p != nil {
			b.Doc(p.Text)
		}
		return
	}
	switch {
	case u.doc != nil:
		b.Doc(*u.doc)
	case a.Doc != nil:
		b.Doc(*a.Doc)
	case p != nil:
		b.Doc(p.Text)
	}
	if t.ConnectMetaData && a.Doc != nil {
		b.Param(connectRecordDocParam, *a.Doc)
	}
}

func (t *toConnect) params(b *connect.Builder, a *schema.Schema) error {
	if p := a.Prop("connect.parameters"); p != nil && t.ConnectMetaData {
		if p.Kind != schema.JSONObject {
			return connect.DataErrorf("Expected JSON object for schema parameters but found: %s", p)
		}
		for _, m := range p.Members {
			if m.Value.Kind != schema.JSONString {
				return connect.DataErrorf("Expected schema parameter values to be strings but found: %s", m.Value)
			}
			b.Param(m.Name, m.Value.Text)
		}
	}
	for _, p := range a.Props {
		if !strings.HasPrefix(p.Name, avroPrefix) {
			continue
		}
		text := p.Value.Text
		if p.Value.Kind != schema.JSONString {
			text = p.Value.String()
		}
		b.Param(p.Name, text)
	}
	return nil
}

// schemaName is the Connect name: the attribute, else the name of a named type that
// is not the one of structs without a name.
func schemaName(a *schema.Schema) (string, error) {
	name := ""
	if p := a.Prop("connect.name"); p != nil {
		if p.Kind != schema.JSONString {
			return "", connect.DataErrorf("Invalid schema name: %s", p)
		}
		name = p.Text
	} else if logical, _ := a.Logical(); a.Type.Named() && logical != "decimal" {
		name = a.FullName()
	}
	if strings.HasPrefix(name, connectNamespace+"."+defaultRecordName) {
		return "", nil
	}
	return name, nil
}
