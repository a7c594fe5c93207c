// SPDX-License-Identifier: Apache-2.0

package connect

import (
	"strings"
	"testing"
)

func full() *Builder {
	return NewStruct("n").Version(2).Doc("d").Optional().Param("x", "1").Param("y", "2").
		Field("a", Int32Schema).Field("b", NewArray(StringSchema).MustBuild()).Field("c", NewMap(StringSchema, OptionalInt8Schema).MustBuild())
}

func TestSchemasEqualByContent(t *testing.T) {
	one, two := full().MustBuild(), full().MustBuild()
	if one == two || !one.Equal(two) || one.Hash() != two.Hash() {
		t.Error("two schemas of the same content differ")
	}
	swapped := NewStruct("n").Version(2).Doc("d").Optional().Param("y", "2").Param("x", "1").
		Field("a", Int32Schema).Field("b", NewArray(StringSchema).MustBuild()).Field("c", NewMap(StringSchema, OptionalInt8Schema).MustBuild()).MustBuild()
	if !one.Equal(swapped) {
		t.Error("the order of parameters counts")
	}
	var none *Schema
	if one.Equal(none) || none.Equal(one) || !none.Equal(nil) {
		t.Error("nil equals something else than nil")
	}
	others := map[string]*Schema{
		"name": full().Name("m").MustBuild(), "version": full().Version(3).MustBuild(), "no version": full().NoVersion().MustBuild(),
		"doc": full().Doc("e").MustBuild(), "required": full().Required().MustBuild(), "param": full().Param("x", "2").MustBuild(),
		"one more param": full().Param("z", "").MustBuild(), "field": full().Field("d", Int8Schema).MustBuild(),
		"other fields": Like(one, true).Field("a", Int64Schema).MustBuild(), "type": StringSchema,
	}
	for what, other := range others {
		if one.Equal(other) || other.Equal(one) {
			t.Errorf("a schema with another %s is equal", what)
		}
	}
	if NewSchema(TypeInt8).Default(Int8(1)).MustBuild().Equal(NewSchema(TypeInt8).Default(Int8(2)).MustBuild()) {
		t.Error("schemas with different defaults are equal")
	}
	if NewArray(Int8Schema).MustBuild().Equal(NewArray(Int16Schema).MustBuild()) {
		t.Error("arrays of different elements are equal")
	}
}

func TestLikeCopies(t *testing.T) {
	one := full().MustBuild()
	if same := Like(one, false).MustBuild(); !same.Equal(one) {
		t.Error("a copy differs")
	}
	changed := Like(one, true).Param("x", "9").Field("z", Int8Schema).MustBuild()
	if len(changed.Fields()) != 1 || changed.Field("z").Index != 0 || changed.Field("a") != nil {
		t.Errorf("fields %v", changed.Fields())
	}
	if p, _ := one.Param("x"); p != "1" || len(one.Fields()) != 3 {
		t.Error("the original was changed")
	}
}

func TestBuilderNamesTheMistake(t *testing.T) {
	cases := map[string]*Builder{
		`field "a" is there twice`:            NewStruct("s").Field("a", Int8Schema).Field("a", Int8Schema),
		`field "a" has no schema`:             NewStruct("s").Field("a", nil),
		`STRING has no fields, cannot add`:    NewSchema(TypeString).Field("a", Int8Schema),
		"an array needs the schema":           NewArray(nil),
		"a map needs the schemas":             NewMap(StringSchema, nil),
		"default: INT8 does not hold int8":    NewSchema(TypeInt8).Default(String("x")),
		"default: INT8 does not hold int8: t": NewSchema(TypeInt8).Default(Int16(1)),
	}
	for want, b := range cases {
		if _, err := b.Build(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func TestDefaultIsCopied(t *testing.T) {
	text := []byte("default")
	s := NewSchema(TypeString).Default(StringOf(text)).MustBuild()
	text[0] = 'X'
	if def, ok := s.Default(); !ok || def.Str() != "default" {
		t.Errorf("got %q", def.Str())
	}
	if _, ok := NewSchema(TypeString).Default(String("x")).Default(Null()).MustBuild().Default(); ok {
		t.Error("a null default is one")
	}
}

func TestCheck(t *testing.T) {
	inner := NewStruct("inner").Field("id", Int32Schema).MustBuild()
	outer := NewStruct("outer").Field("list", NewArray(inner).MustBuild()).Field("m", NewMap(StringSchema, OptionalInt8Schema).MustBuild()).MustBuild()
	value := func(id, element Value) Value {
		in := StructValue(&Struct{Schema: inner, Values: []Value{id}})
		return StructValue(&Struct{Schema: outer, Values: []Value{Array([]Value{in}), Map([]MapEntry{{String("k"), element}})}})
	}
	cases := []struct {
		name   string
		schema *Schema
		value  Value
		want   string
	}{
		{"schemaless", nil, String("x"), ""},
		{"good", outer, value(Int32(1), Null()), ""},
		{"null in a list", outer, value(Null(), Null()), "null used for required field list[0].id of INT32"},
		{"kind in a map", outer, value(Int32(1), String("x")), "INT8 does not hold int8 m(value): the value is string"},
		{"null", Int8Schema, Null(), "null used for required field of INT8"},
		{"null with a default", NewSchema(TypeInt8).Default(Int8(1)).MustBuild(), Null(), ""},
		{"optional", OptionalInt8Schema, Null(), ""},
		{"logical", DateSchema, Date(1), ""},
		{"plain under a logical type", DateSchema, Int32(1), "does not hold date"},
		{"decimal", DecimalSchema(2).MustBuild(), Bytes(nil), "does not hold decimal"},
		{"other struct", outer, StructValue(&Struct{Schema: inner, Values: []Value{Int32(1)}}), "struct schemas do not match"},
		{"values missing", inner, StructValue(&Struct{Schema: inner}), "has 0 values for 1 fields"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			err := Check(c.schema, c.value)
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestSchemaDescribesItself(t *testing.T) {
	var none *Schema
	for want, s := range map[string]*Schema{"no schema": none, "INT8": Int8Schema, "INT32 " + DateName: DateSchema} {
		if s.String() != want {
			t.Errorf("got %s, want %s", s, want)
		}
	}
	if Type(0).String() != "TYPE(0)" || Type(99).String() != "TYPE(99)" {
		t.Error("unknown types have no text")
	}
}
