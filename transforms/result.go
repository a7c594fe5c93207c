// SPDX-License-Identifier: Apache-2.0

package transforms

import (
	"github.com/connectd/connectd/connect"
)

// schemaOf returns the schema that the result of an expression goes with. A struct
// brings its own; everything else is schemaless.
func schemaOf(v connect.Value) *connect.Schema {
	if st := v.Struct(); st != nil {
		return st.Schema
	}
	return nil
}

// plain makes maps of the structs within a map or array: what is schemaless holds
// nothing that has a schema. Other values come back as they are.
func plain(a *connect.Arena, v connect.Value) connect.Value {
	if k := v.Kind(); k != connect.KindMap && k != connect.KindArray || !holdsStruct(v) {
		return v
	}
	return withoutStructs(a, v)
}

func holdsStruct(v connect.Value) bool {
	switch v.Kind() {
	case connect.KindStruct:
		return true
	case connect.KindArray:
		for _, e := range v.Array() {
			if holdsStruct(e) {
				return true
			}
		}
	case connect.KindMap:
		for _, e := range v.Map() {
			if holdsStruct(e.Key) || holdsStruct(e.Value) {
				return true
			}
		}
	}
	return false
}

func withoutStructs(a *connect.Arena, v connect.Value) connect.Value {
	switch v.Kind() {
	case connect.KindStruct:
		st := v.Struct()
		out := a.Entries(len(st.Values))
		for i, f := range st.Schema.Fields() {
			out[i] = connect.MapEntry{Key: connect.String(f.Name), Value: withoutStructs(a, st.Values[i])}
		}
		return connect.Map(out)
	case connect.KindArray:
		out := a.Values(v.Len())
		for i, e := range v.Array() {
			out[i] = withoutStructs(a, e)
		}
		return connect.Array(out)
	case connect.KindMap:
		out := a.Entries(v.Len())
		for i, e := range v.Map() {
			out[i] = connect.MapEntry{Key: withoutStructs(a, e.Key), Value: withoutStructs(a, e.Value)}
		}
		return connect.Map(out)
	default:
		return v
	}
}
