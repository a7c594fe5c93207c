// SPDX-License-Identifier: Apache-2.0

package connect

import (
	"bytes"
	"fmt"
	"math/big"
	"strings"
)

// Equal reports whether two values are of the same kind and content. Map
// entries are compared in order; NaN equals NaN.
func Equal(a, b Value) bool {
	if a.kind != b.kind {
		return false
	}
	switch a.kind {
	case KindNull:
		return true
	case KindFloat32, KindFloat64:
		x, y := a.Float(), b.Float()
		return x == y || (x != x && y != y)
	case KindString, KindBytes:
		return bytes.Equal(a.Bytes(), b.Bytes())
	case KindDecimal:
		return a.Decimal().Equal(b.Decimal())
	case KindArray:
		return equalValues(a.Array(), b.Array())
	case KindMap:
		x, y := a.Map(), b.Map()
		if len(x) != len(y) {
			return false
		}
		for i := range x {
			if !Equal(x[i].Key, y[i].Key) || !Equal(x[i].Value, y[i].Value) {
				return false
			}
		}
		return true
	case KindStruct:
		x, y := a.Struct(), b.Struct()
		return x.Schema.Equal(y.Schema) && equalValues(x.Values, y.Values)
	default:
		return a.num == b.num
	}
}

func equalValues(a, b []Value) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !Equal(a[i], b[i]) {
			return false
		}
	}
	return true
}

// Clone copies the value and all that it aliases, so that it may outlive its batch.
func Clone(v Value) Value {
	switch v.kind {
	case KindString:
		return String(strings.Clone(v.Str()))
	case KindBytes:
		return Bytes(append(make([]byte, 0, v.Len()), v.Bytes()...))
	case KindArray:
		return Array(cloneValues(v.Array()))
	case KindMap:
		in := v.Map()
		out := make([]MapEntry, len(in))
		for i, e := range in {
			out[i] = MapEntry{Clone(e.Key), Clone(e.Value)}
		}
		return Map(out)
	case KindStruct:
		s := v.Struct()
		return StructValue(&Struct{Schema: s.Schema, Values: cloneValues(s.Values)})
	case KindDecimal:
		d := v.Decimal()
		return DecimalValue(&Decimal{Unscaled: new(big.Int).Set(d.Unscaled), Scale: d.Scale})
	default:
		return v
	}
}

func cloneValues(in []Value) []Value {
	out := make([]Value, len(in))
	for i, e := range in {
		out[i] = Clone(e)
	}
	return out
}

// Check reports how a value breaks its schema, by the rules of the original's
// ConnectSchema.validateValue: null needs an optional schema or a default, and
// the kind must be the one of the type or of the named logical type. A nil
// schema allows everything.
func Check(s *Schema, v Value) error { return check(s, v, "") }

func check(s *Schema, v Value, at string) error {
	if s == nil {
		return nil
	}
	if v.IsNull() {
		if s.optional || s.hasDef {
			return nil
		}
		return DataErrorf("null used for required field%s of %s", named(at), s)
	}
	if want := KindOf(s); want != v.kind {
		return DataErrorf("%s does not hold %s%s: the value is %s", s, want, named(at), v.kind)
	}
	switch v.kind {
	case KindArray:
		for i, e := range v.Array() {
			if err := check(s.elem, e, fmt.Sprintf("%s[%d]", at, i)); err != nil {
				return err
			}
		}
	case KindMap:
		return checkMap(s, v, at)
	case KindStruct:
		return checkStruct(s, v.Struct(), at)
	}
	return nil
}

func checkMap(s *Schema, v Value, at string) error {
	for _, e := range v.Map() {
		if err := check(s.key, e.Key, at+"(key)"); err != nil {
			return err
		}
		if err := check(s.elem, e.Value, at+"(value)"); err != nil {
			return err
		}
	}
	return nil
}

func checkStruct(s *Schema, st *Struct, at string) error {
	if !st.Schema.Equal(s) {
		return DataErrorf("struct schemas do not match%s: %s is not %s", named(at), st.Schema, s)
	}
	if len(st.Values) != len(s.fields) {
		return DataErrorf("struct %s%s has %d values for %d fields", s, named(at), len(st.Values), len(s.fields))
	}
	for i := range s.fields {
		if err := check(s.fields[i].Schema, st.Values[i], at+"."+s.fields[i].Name); err != nil {
			return err
		}
	}
	return nil
}

func named(at string) string {
	if at == "" {
		return ""
	}
	return " " + strings.TrimPrefix(at, ".")
}

// KindOf returns the kind of the values of a schema: the kind of its type, or
// that of the four logical types which have one.
func KindOf(s *Schema) Kind {
	switch {
	case s.typ == TypeBytes && s.name == DecimalName:
		return KindDecimal
	case s.typ == TypeInt32 && s.name == DateName:
		return KindDate
	case s.typ == TypeInt32 && s.name == TimeName:
		return KindTime
	case s.typ == TypeInt64 && s.name == TimestampName:
		return KindTimestamp
	}
	return kindOfType[s.typ]
}

var kindOfType = [...]Kind{
	TypeInt8: KindInt8, TypeInt16: KindInt16, TypeInt32: KindInt32, TypeInt64: KindInt64,
	TypeFloat32: KindFloat32, TypeFloat64: KindFloat64, TypeBoolean: KindBool, TypeString: KindString,
	TypeBytes: KindBytes, TypeArray: KindArray, TypeMap: KindMap, TypeStruct: KindStruct,
}

// Get returns a field of the struct by name and whether the schema has it.
func (st *Struct) Get(name string) (Value, bool) {
	f := st.Schema.Field(name)
	if f == nil {
		return Value{}, false
	}
	return st.Values[f.Index], true
}

// Get returns a member of a struct, or of a map with string keys, by name. It
// reports false for a missing member and for any other kind of value.
func (v Value) Get(name string) (Value, bool) {
	switch v.kind {
	case KindStruct:
		return v.Struct().Get(name)
	case KindMap:
		for _, e := range v.Map() {
			if e.Key.kind == KindString && e.Key.Str() == name {
				return e.Value, true
			}
		}
	}
	return Value{}, false
}
