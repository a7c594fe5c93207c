// SPDX-License-Identifier: Apache-2.0

package convert

import (
	"encoding/binary"
	"math"

	"github.com/connectd/connectd/connect"
)

// Number is the converter of one type of number, or of booleans: big endian, of
// the type's own size. It is safe for concurrent use.
type Number struct {
	name   string // as errors print it
	kind   connect.Kind
	schema *connect.Schema
	size   int
}

var (
	shortNumber   = Number{"short", connect.KindInt16, connect.OptionalInt16Schema, 2}
	integerNumber = Number{"integer", connect.KindInt32, connect.OptionalInt32Schema, 4}
	longNumber    = Number{"long", connect.KindInt64, connect.OptionalInt64Schema, 8}
	floatNumber   = Number{"float", connect.KindFloat32, connect.OptionalFloat32Schema, 4}
	doubleNumber  = Number{"double", connect.KindFloat64, connect.OptionalFloat64Schema, 8}
	booleanNumber = Number{"boolean", connect.KindBool, connect.OptionalBooleanSchema, 1}
)

// FromConnect appends the number; a value of another type is refused. Null has no bytes.
func (n *Number) FromConnect(dst []byte, _ string, s *connect.Schema, v connect.Value) ([]byte, bool, error) {
	if n.kind == connect.KindBool && s != nil && s.Type() != connect.TypeBoolean {
		return dst, false, connect.DataErrorf("Invalid schema type for BooleanConverter: %s", s.Type())
	}
	if v.IsNull() {
		return dst, true, nil
	}
	if v.Kind() != n.kind {
		return dst, false, connect.DataErrorf("Failed to serialize to %s (was class %s): ", n.name, javaClasses[v.Kind()])
	}
	var bits uint64
	switch n.kind {
	case connect.KindBool:
		if v.Bool() {
			bits = 1
		}
	case connect.KindFloat32:
		bits = uint64(math.Float32bits(v.Float32()))
	case connect.KindFloat64:
		bits = math.Float64bits(v.Float())
	default:
		bits = uint64(v.Int())
	}
	var buf [8]byte
	binary.BigEndian.PutUint64(buf[:], bits)
	return append(dst, buf[8-n.size:]...), false, nil
}

// ToConnect reads a number of exactly the type's size; nil is null.
func (n *Number) ToConnect(_ *connect.Arena, _ string, data []byte) (*connect.Schema, connect.Value, error) {
	if data == nil {
		return n.schema, connect.Value{}, nil
	}
	if len(data) != n.size {
		return nil, connect.Value{}, connect.DataErrorf("Failed to deserialize %s: Size of data received is not %d but %d", n.name, n.size, len(data))
	}
	var buf [8]byte
	copy(buf[8-n.size:], data)
	bits := binary.BigEndian.Uint64(buf[:])
	switch n.kind {
	case connect.KindBool:
		if bits > 1 {
			return nil, connect.Value{}, connect.DataErrorf("Failed to deserialize boolean: Unexpected byte received by BooleanDeserializer: %d", bits)
		}
		return n.schema, connect.Bool(bits == 1), nil
	case connect.KindInt16:
		return n.schema, connect.Int16(int16(bits)), nil
	case connect.KindInt32:
		return n.schema, connect.Int32(int32(bits)), nil
	case connect.KindFloat32:
		return n.schema, connect.Float32(math.Float32frombits(uint32(bits))), nil
	case connect.KindFloat64:
		return n.schema, connect.Float64(math.Float64frombits(bits)), nil
	default:
		return n.schema, connect.Int64(int64(bits)), nil
	}
}
