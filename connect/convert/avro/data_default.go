// SPDX-License-Identifier: Apache-2.0

package avro

import (
	"math"
	"strconv"

	"github.com/connectd/connectd/connect"
	schema "github.com/connectd/connectd/connect/avro"
	"github.com/connectd/connectd/connect/convert"
)

// defaultJSON writes a default of s as schema texts do.
func (o DataOptions) defaultJSON(s *connect.Schema, v connect.Value) (*schema.JSON, error) {
	if v.IsNull() {
		return schema.NullJSON(), nil
	}
	switch v.Kind() {
	case connect.KindBool:
		return schema.BoolJSON(v.Bool()), nil
	case connect.KindFloat32, connect.KindFloat64:
		return floatJSON(v), nil
	case connect.KindString:
		return schema.StringJSON(v.Str()), nil
	case connect.KindBytes:
		return bytesJSON(v.Bytes()), nil
	case connect.KindDecimal:
		return bytesJSON(v.Decimal().UnscaledBytes()), nil
	case connect.KindArray, connect.KindMap, connect.KindStruct:
		return o.nestedJSON(s, v)
	}
	return schema.IntJSON(v.Int()), nil
}

func floatJSON(v connect.Value) *schema.JSON {
	f := v.Float()
	var text []byte
	if v.Kind() == connect.KindFloat32 {
		text = convert.AppendFloat(nil, v.Float32())
	} else {
		text = convert.AppendDouble(nil, f)
	}
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return schema.StringJSON(string(text))
	}
	return schema.NumberJSON(string(text))
}

// bytesJSON writes each byte as the character of that number.
func bytesJSON(b []byte) *schema.JSON {
	runes := make([]rune, len(b))
	for i, c := range b {
		runes[i] = rune(c)
	}
	return schema.StringJSON(string(runes))
}

func (o DataOptions) nestedJSON(s *connect.Schema, v connect.Value) (*schema.JSON, error) {
	list := &schema.JSON{Kind: schema.JSONArray}
	object := &schema.JSON{Kind: schema.JSONObject}
	switch {
	case v.Kind() == connect.KindArray:
		for _, e := range v.Array() {
			d, err := o.defaultJSON(s.Elem(), e)
			if err != nil {
				return nil, err
			}
			list.Items = append(list.Items, d)
		}
		return list, nil
	case v.Kind() == connect.KindStruct:
		values := v.Struct().Values
		for i, f := range s.Fields() {
			d, err := o.defaultJSON(f.Schema, values[i])
			if err != nil {
				return nil, err
			}
			object.Members = append(object.Members, schema.Member{Name: o.scrub(f.Name), Value: d})
		}
		return object, nil
	}
	for _, e := range v.Map() {
		key, err := o.defaultJSON(s.Key(), e.Key)
		if err != nil {
			return nil, err
		}
		d, err := o.defaultJSON(s.Elem(), e.Value)
		if err != nil {
			return nil, err
		}
		object.Members = append(object.Members, schema.Member{Name: e.Key.Str(), Value: d})
		list.Items = append(list.Items, &schema.JSON{Kind: schema.JSONObject, Members: []schema.Member{{Name: "key", Value: key}, {Name: "value", Value: d}}})
	}
	if o.stringKeys(s) {
		return object, nil
	}
	return list, nil
}

// defaultValue reads a default of a schema text as a value of s; the error says what
// does not fit.
func (o DataOptions) defaultValue(a *schema.Schema, s *connect.Schema, d *schema.JSON) (connect.Value, error) {
	if d.Kind == schema.JSONNull {
		return connect.Null(), nil
	}
	wrong := connect.DataErrorf("default %s does not fit %s", d, s)
	switch a.Type {
	case schema.Union:
		if len(a.Union) == 0 || a.Union[0].Type == schema.Null {
			return connect.Null(), wrong
		}
		return o.unionDefault(a, s, d)
	case schema.Boolean:
		if d.Kind != schema.JSONBool {
			return connect.Null(), wrong
		}
		return connect.Bool(d.Bool), nil
	case schema.Int, schema.Long:
		n, ok := d.Int()
		if !ok {
			return connect.Null(), wrong
		}
		return convert.Integer(connect.KindOf(s), n), nil
	case schema.Float, schema.Double:
		f, err := strconv.ParseFloat(d.Text, 64)
		if err != nil {
			return connect.Null(), wrong
		}
		if a.Type == schema.Float {
			return connect.Float32(float32(f)), nil
		}
		return connect.Float64(f), nil
	case schema.String, schema.Enum:
		if d.Kind != schema.JSONString {
			return connect.Null(), wrong
		}
		return connect.String(d.Text), nil
	case schema.Bytes, schema.Fixed:
		return bytesDefault(s, d, wrong)
	}
	return o.nestedDefault(a, s, d, wrong)
}

func bytesDefault(s *connect.Schema, d *schema.JSON, wrong error) (connect.Value, error) {
	if d.Kind != schema.JSONString {
		return connect.Null(), wrong
	}
	var b []byte
	for _, r := range d.Text {
		if r > 0xff {
			return connect.Null(), wrong
		}
		b = append(b, byte(r))
	}
	if connect.KindOf(s) != connect.KindDecimal {
		return connect.Bytes(b), nil
	}
	_, scale, err := decimalParams(s)
	if err != nil {
		return connect.Null(), err
	}
	return connect.DecimalValue(connect.DecimalFromBytes(b, int32(scale))), nil
}

func (o DataOptions) nestedDefault(a *schema.Schema, s *connect.Schema, d *schema.JSON, wrong error) (connect.Value, error) {
	switch {
	case a.Type == schema.Array && d.Kind == schema.JSONArray && s.Type() == connect.TypeArray:
		list := make([]connect.Value, len(d.Items))
		for i, item := range d.Items {
			v, err := o.defaultValue(a.Elem, s.Elem(), item)
			if err != nil {
				return v, err
			}
			list[i] = v
		}
		return connect.Array(list), nil
	case a.Type == schema.Array && d.Kind == schema.JSONArray && s.Type() == connect.TypeMap:
		return o.entriesDefault(a, s, d)
	case a.Type == schema.Map && d.Kind == schema.JSONObject:
		entries := make([]connect.MapEntry, len(d.Members))
		for i, m := range d.Members {
			v, err := o.defaultValue(a.Elem, s.Elem(), m.Value)
			if err != nil {
				return v, err
			}
			entries[i] = connect.MapEntry{Key: connect.String(m.Name), Value: v}
		}
		return connect.Map(entries), nil
	case a.Type == schema.Record && d.Kind == schema.JSONObject:
		return o.recordDefault(a, s, d)
	}
	return connect.Null(), wrong
}

func (o DataOptions) entriesDefault(a *schema.Schema, s *connect.Schema, d *schema.JSON) (connect.Value, error) {
	entries := make([]connect.MapEntry, len(d.Items))
	for i, item := range d.Items {
		for j, part := range []struct {
			name string
			s    *connect.Schema
			to   *connect.Value
		}{{"key", s.Key(), &entries[i].Key}, {"value", s.Elem(), &entries[i].Value}} {
			json := item.Get(part.name)
			if json == nil {
				return connect.Null(), connect.DataErrorf("default %s has no %s", item, part.name)
			}
			v, err := o.defaultValue(a.Elem.Fields[j].Schema, part.s, json)
			if err != nil {
				return v, err
			}
			*part.to = v
		}
	}
	return connect.Map(entries), nil
}

func (o DataOptions) recordDefault(a *schema.Schema, s *connect.Schema, d *schema.JSON) (connect.Value, error) {
	st := &connect.Struct{Schema: s, Values: make([]connect.Value, len(s.Fields()))}
	for i := range a.Fields {
		f := &a.Fields[i]
		json := d.Get(f.Name)
		if json == nil {
			json = f.Default
		}
		if json == nil {
			return connect.Null(), connect.DataErrorf("default %s has no %s", d, f.Name)
		}
		v, err := o.defaultValue(f.Schema, s.Fields()[i].Schema, json)
		if err != nil {
			return v, err
		}
		st.Values[i] = v
	}
	return connect.StructValue(st), nil
}

// unionDefault reads the default of a union, which is one of its first branch.
func (o DataOptions) unionDefault(a *schema.Schema, s *connect.Schema, d *schema.JSON) (connect.Value, error) {
	if !isUnion(s) {
		return o.defaultValue(a.Union[0], s, d)
	}
	v, err := o.defaultValue(a.Union[0], s.Fields()[0].Schema, d)
	if err != nil {
		return v, err
	}
	st := &connect.Struct{Schema: s, Values: make([]connect.Value, len(s.Fields()))}
	st.Values[0] = v
	return connect.StructValue(st), nil
}
