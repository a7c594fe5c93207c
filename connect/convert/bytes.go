// SPDX-License-Identifier: Apache-2.0

package convert

import "github.com/connectd/connectd/connect"

// ByteArray is the ByteArrayConverter: bytes as they are. It is safe for
// concurrent use.
type ByteArray struct{}

// FromConnect appends bytes; anything else is refused. Null has no bytes.
func (ByteArray) FromConnect(dst []byte, _ string, s *connect.Schema, v connect.Value) ([]byte, bool, error) {
	switch {
	case s != nil && s.Type() != connect.TypeBytes:
		return dst, false, connect.DataErrorf("Invalid schema type for ByteArrayConverter: %s", s.Type())
	case v.IsNull():
		return dst, true, nil
	case v.Kind() != connect.KindBytes:
		return dst, false, connect.DataErrorf("ByteArrayConverter is not compatible with objects of type class %s", javaClasses[v.Kind()])
	}
	return append(dst, v.Bytes()...), false, nil
}

// ToConnect returns optional bytes that alias data; nil is null.
func (ByteArray) ToConnect(_ *connect.Arena, _ string, data []byte) (*connect.Schema, connect.Value, error) {
	if data == nil {
		return connect.OptionalBytesSchema, connect.Value{}, nil
	}
	return connect.OptionalBytesSchema, connect.Bytes(data), nil
}
