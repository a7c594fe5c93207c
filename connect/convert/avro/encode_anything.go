// SPDX-License-Identifier: Apache-2.0

package avro

import "github.com/connectd/connectd/connect"

// anythingEncoder writes a value without a schema as the record AnythingSchema: one of
// its nine members is set, none for null.
type anythingEncoder struct{}

// The members of the record, in their order.
const (
	anyBoolean = iota
	anyBytes
	anyDouble
	anyFloat
	anyInt
	anyLong
	anyString
	anyArray
	anyMap
	anyMembers
)

// maxAnything bounds the nesting of values without a schema.
const maxAnything = 512

func (anythingEncoder) encode(dst []byte, v connect.Value) ([]byte, error) {
	return appendAnything(dst, v, 0)
}

func appendAnything(dst []byte, v connect.Value, depth int) ([]byte, error) {
	if depth > maxAnything {
		return dst, valueErrorf("nested deeper than %d", maxAnything)
	}
	member, err := anyMember(v)
	if err != nil {
		return dst, err
	}
	for range member {
		dst = append(dst, 0)
	}
	if member == anyMembers {
		return dst, nil
	}
	dst = append(dst, 2)
	switch member {
	case anyBoolean:
		dst = appendBool(dst, v.Bool())
	case anyDouble:
		dst = appendDouble(dst, v.Float())
	case anyFloat:
		dst = appendFloat(dst, v.Float32())
	case anyInt, anyLong:
		dst = appendLong(dst, v.Int())
	case anyBytes, anyString:
		dst = append(appendLong(dst, int64(v.Len())), v.Bytes()...)
	default:
		if dst, err = appendAnyList(dst, v, depth); err != nil {
			return dst, err
		}
	}
	for range anyMembers - member - 1 {
		dst = append(dst, 0)
	}
	return dst, nil
}

func appendAnyList(dst []byte, v connect.Value, depth int) ([]byte, error) {
	var err error
	if n := v.Len(); n > 0 {
		dst = appendLong(dst, int64(n))
	}
	for i, e := range v.Array() {
		if dst, err = appendAnything(dst, e, depth+1); err != nil {
			return dst, inElement(err, i)
		}
	}
	for i, e := range v.Map() {
		if dst, err = appendAnything(dst, e.Key, depth+1); err != nil {
			return dst, inElement(inField(err, "key"), i)
		}
		if dst, err = appendAnything(dst, e.Value, depth+1); err != nil {
			if e.Key.Kind() == connect.KindString {
				return dst, inField(err, e.Key.Str())
			}
			return dst, inElement(err, i)
		}
	}
	return append(dst, 0), nil
}

// anyMember is the member that holds values of this kind.
func anyMember(v connect.Value) (int, error) {
	switch v.Kind() {
	case connect.KindNull:
		return anyMembers, nil
	case connect.KindBool:
		return anyBoolean, nil
	case connect.KindInt8, connect.KindInt16, connect.KindInt32:
		return anyInt, nil
	case connect.KindInt64:
		return anyLong, nil
	case connect.KindFloat32:
		return anyFloat, nil
	case connect.KindFloat64:
		return anyDouble, nil
	case connect.KindString:
		return anyString, nil
	case connect.KindBytes:
		return anyBytes, nil
	case connect.KindArray:
		return anyArray, nil
	case connect.KindMap:
		return anyMap, nil
	}
	return 0, valueErrorf("Unknown type for schemaless data: %s; the transform ApplySchema gives values a schema", v.Kind())
}
