// SPDX-License-Identifier: Apache-2.0

package transforms

import (
	"fmt"

	"github.com/connectd/connectd/connect"
)

// smtPackage is where the original has its transforms.
const smtPackage = "org.apache.kafka.connect.transforms."

// The classes of the original's errors that are not DataException.
const (
	connectException       = "org.apache.kafka.connect.errors.ConnectException"
	schemaBuilderException = "org.apache.kafka.connect.errors.SchemaBuilderException"
	illegalArgument        = "java.lang.IllegalArgumentException"
	illegalState           = "java.lang.IllegalStateException"
)

// part is the side of a record that a transform with $Key and $Value works on.
type part uint8

const (
	keyPart part = iota
	valuePart
)

func (p part) of(r *connect.Record) (*connect.Schema, connect.Value) {
	if p == keyPart {
		return r.KeySchema, r.Key
	}
	return r.ValueSchema, r.Value
}

// set changes the part. The partition stays, as in the original.
func (p part) set(r *connect.Record, s *connect.Schema, v connect.Value) {
	if p == keyPart {
		r.KeySchema, r.Key = s, v
		return
	}
	r.ValueSchema, r.Value = s, v
}

// keyAndValue makes the two plugins of a class that has $Key and $Value.
func keyAndValue(info connect.PluginInfo, newPart func(t connect.TransformContext, p part) (connect.Transform, error)) []connect.TransformPlugin {
	one := func(suffix string, p part) connect.TransformPlugin {
		named := info
		named.Class += suffix
		return connect.TransformPlugin{PluginInfo: named, New: func(t connect.TransformContext) (connect.Transform, error) {
			return newPart(t, p)
		}}
	}
	return []connect.TransformPlugin{one("$Key", keyPart), one("$Value", valuePart)}
}

// requireStruct refuses what is no struct where a schema says that there is one.
func requireStruct(v connect.Value, purpose string) (*connect.Struct, error) {
	st := v.Struct()
	if st == nil {
		return nil, connect.DataErrorf("only Struct objects supported for [%s], found: %s", purpose, v.Kind())
	}
	return st, nil
}

// requireMap refuses what is no map where there is no schema.
func requireMap(v connect.Value, purpose string) ([]connect.MapEntry, error) {
	if v.Kind() != connect.KindMap {
		return nil, connect.DataErrorf("only Map objects supported in absence of schema for [%s], found: %s", purpose, v.Kind())
	}
	return v.Map(), nil
}

// orDefault is how the original reads a field: a null stands for the default, unless
// the setting replace.null.with.default is off.
func orDefault(f *connect.Field, v connect.Value, replace bool) connect.Value {
	if replace && v.IsNull() {
		v, _ = f.Schema.Default()
	}
	return v
}

// replaceNullKey declares the setting that most transforms of the original share.
func replaceNullKey() connect.ConfigKey {
	return connect.ConfigKey{
		Name: "replace.null.with.default", Type: connect.TypeConfigBoolean, Default: "true",
		Doc: "Whether a null in a field that has a default is read as the default. If false, it stays null.",
	}
}

// basics begins a schema with name, version, doc and parameters of another, but
// without fields, required and without a default: what the original copies.
func basics(s *connect.Schema) *connect.Builder {
	return connect.Like(s, true).Required().Default(connect.Null())
}

// buildSchema is Build with the error that the original has for a field twice.
func buildSchema(b *connect.Builder, purpose string) (*connect.Schema, error) {
	s, err := b.Build()
	if err != nil {
		return nil, &connect.DataError{Class: schemaBuilderException, Err: fmt.Errorf("%s: %w", purpose, err)}
	}
	return s, nil
}

// maxSchemas bounds what a schemaCache keeps.
const maxSchemas = 1024

// schemaCache keeps what was made of schemas. Records come in runs of one schema, so
// the last is found by one comparison; the others by their pointer. It is for one
// goroutine.
type schemaCache[T any] struct {
	last *connect.Schema
	was  T
	all  map[*connect.Schema]T
}

func (c *schemaCache[T]) get(s *connect.Schema) (T, bool) {
	if s == c.last && s != nil {
		return c.was, true
	}
	made, ok := c.all[s]
	if ok {
		c.last, c.was = s, made
	}
	return made, ok
}

// of returns what was made of a schema, and makes it if it is new.
func (c *schemaCache[T]) of(s *connect.Schema, plan func(*connect.Schema) (T, error)) (T, error) {
	made, ok := c.get(s)
	if ok {
		return made, nil
	}
	made, err := plan(s)
	if err == nil {
		c.put(s, made)
	}
	return made, err
}

func (c *schemaCache[T]) put(s *connect.Schema, made T) {
	if c.all == nil || len(c.all) >= maxSchemas {
		c.all = map[*connect.Schema]T{}
	}
	c.all[s] = made
	c.last, c.was = s, made
}

// entry finds a member of a schemaless map by name, or -1.
func entry(m []connect.MapEntry, name string) int {
	for i := range m {
		if m[i].Key.Kind() == connect.KindString && m[i].Key.Str() == name {
			return i
		}
	}
	return -1
}

// member returns a member of a schemaless map; null if there is none.
func member(m []connect.MapEntry, name string) connect.Value {
	if i := entry(m, name); i >= 0 {
		return m[i].Value
	}
	return connect.Null()
}

// copyEntries copies a map with room for more members.
func copyEntries(a *connect.Arena, m []connect.MapEntry, more int) []connect.MapEntry {
	out := a.Entries(len(m) + more)
	return out[:copy(out, m)]
}

// putMember sets a member in a map of copyEntries.
func putMember(m []connect.MapEntry, name string, v connect.Value) []connect.MapEntry {
	if i := entry(m, name); i >= 0 {
		m[i].Value = v
		return m
	}
	return append(m, connect.MapEntry{Key: connect.String(name), Value: v})
}

// appendHeaders returns the headers of a record with room for more.
func appendHeaders(a *connect.Arena, old []connect.Header, more int) []connect.Header {
	out := a.Headers(len(old) + more)
	return out[:copy(out, old)]
}
