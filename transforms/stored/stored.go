// SPDX-License-Identifier: Apache-2.0

package stored

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/connectd/connectd/connect"
)

// Tags of the encoding. They are on disk and in changelogs: a number is never
// given another meaning.
const (
	tagNull      = 0
	tagFalse     = 1
	tagTrue      = 2
	tagInt8      = 3
	tagInt16     = 4
	tagInt32     = 5
	tagInt64     = 6
	tagFloat32   = 7
	tagFloat64   = 8
	tagString    = 9
	tagBytes     = 10
	tagArray     = 11
	tagMap       = 12
	tagDecimal   = 13
	tagDate      = 14
	tagTime      = 15
	tagTimestamp = 16
)

// maxDepth is how deep arrays and maps may nest.
const maxDepth = 1000

var errDamaged = errors.New("the stored value is damaged")

var intTags = map[connect.Kind]byte{
	connect.KindInt8: tagInt8, connect.KindInt16: tagInt16, connect.KindInt32: tagInt32,
	connect.KindDate: tagDate, connect.KindTime: tagTime, connect.KindTimestamp: tagTimestamp,
}

// Append appends the encoding of v to dst. Equal values of one kind have equal
// bytes; a struct is written as the map of its fields.
func Append(dst []byte, v connect.Value) []byte {
	switch v.Kind() {
	case connect.KindNull:
		return append(dst, tagNull)
	case connect.KindBool:
		if v.Bool() {
			return append(dst, tagTrue)
		}
		return append(dst, tagFalse)
	case connect.KindInt64:
		return binary.AppendVarint(append(dst, tagInt64), v.Int())
	case connect.KindFloat32:
		return binary.BigEndian.AppendUint32(append(dst, tagFloat32), math.Float32bits(v.Float32()))
	case connect.KindFloat64:
		return binary.BigEndian.AppendUint64(append(dst, tagFloat64), math.Float64bits(v.Float()))
	case connect.KindString:
		return appendBytes(append(dst, tagString), v.Bytes())
	case connect.KindBytes:
		return appendBytes(append(dst, tagBytes), v.Bytes())
	case connect.KindDecimal:
		d := v.Decimal()
		return appendBytes(binary.AppendVarint(append(dst, tagDecimal), int64(d.Scale)), d.UnscaledBytes())
	case connect.KindArray, connect.KindMap, connect.KindStruct:
		return appendComposite(dst, v)
	default:
		return binary.AppendVarint(append(dst, intTags[v.Kind()]), v.Int())
	}
}

func appendComposite(dst []byte, v connect.Value) []byte {
	switch v.Kind() {
	case connect.KindArray:
		dst = binary.AppendUvarint(append(dst, tagArray), uint64(v.Len()))
		for _, e := range v.Array() {
			dst = Append(dst, e)
		}
	case connect.KindMap:
		dst = binary.AppendUvarint(append(dst, tagMap), uint64(v.Len()))
		for _, e := range v.Map() {
			dst = Append(Append(dst, e.Key), e.Value)
		}
	default:
		st := v.Struct()
		dst = binary.AppendUvarint(append(dst, tagMap), uint64(len(st.Values)))
		for i, f := range st.Schema.Fields() {
			dst = Append(Append(dst, connect.String(f.Name)), st.Values[i])
		}
	}
	return dst
}

func appendBytes(dst, b []byte) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(b))), b...)
}

// Read reads one value from the front of b and returns what follows it. Nothing of
// the value aliases b: composites and text live in the arena.
func Read(a *connect.Arena, b []byte) (connect.Value, []byte, error) { return read(a, b, 0) }

func read(a *connect.Arena, b []byte, depth int) (connect.Value, []byte, error) {
	if len(b) == 0 || depth > maxDepth {
		return connect.Value{}, nil, errDamaged
	}
	tag, rest := b[0], b[1:]
	switch tag {
	case tagNull:
		return connect.Null(), rest, nil
	case tagFalse, tagTrue:
		return connect.Bool(tag == tagTrue), rest, nil
	case tagFloat32:
		if len(rest) < 4 {
			return connect.Value{}, nil, errDamaged
		}
		return connect.Float32(math.Float32frombits(binary.BigEndian.Uint32(rest))), rest[4:], nil
	case tagFloat64:
		if len(rest) < 8 {
			return connect.Value{}, nil, errDamaged
		}
		return connect.Float64(math.Float64frombits(binary.BigEndian.Uint64(rest))), rest[8:], nil
	case tagString, tagBytes:
		text, rest, err := readBytes(rest)
		if err != nil || tag == tagBytes {
			return connect.Bytes(a.Copy(text)), rest, err
		}
		return a.CopyString(text), rest, nil
	case tagArray:
		return readArray(a, rest, depth)
	case tagMap:
		return readMap(a, rest, depth)
	case tagDecimal:
		return readDecimal(rest)
	default:
		return readInt(tag, rest)
	}
}

func readInt(tag byte, b []byte) (connect.Value, []byte, error) {
	n, size := binary.Varint(b)
	if size <= 0 {
		return connect.Value{}, nil, errDamaged
	}
	rest := b[size:]
	switch tag {
	case tagInt8:
		return connect.Int8(int8(n)), rest, nil
	case tagInt16:
		return connect.Int16(int16(n)), rest, nil
	case tagInt32:
		return connect.Int32(int32(n)), rest, nil
	case tagInt64:
		return connect.Int64(n), rest, nil
	case tagDate:
		return connect.Date(int32(n)), rest, nil
	case tagTime:
		return connect.Time(int32(n)), rest, nil
	case tagTimestamp:
		return connect.Timestamp(n), rest, nil
	}
	return connect.Value{}, nil, fmt.Errorf("%w: tag %d is unknown to this version", errDamaged, tag)
}

func readBytes(b []byte) (text, rest []byte, err error) {
	n, size := binary.Uvarint(b)
	if size <= 0 || n > uint64(len(b)-size) {
		return nil, nil, errDamaged
	}
	return b[size : size+int(n)], b[size+int(n):], nil
}

// readCount reads a number of elements, each of which takes least bytes or more.
func readCount(b []byte, least int) (int, []byte, error) {
	n, size := binary.Uvarint(b)
	if size <= 0 || n > uint64((len(b)-size)/least) {
		return 0, nil, errDamaged
	}
	return int(n), b[size:], nil
}

func readArray(a *connect.Arena, b []byte, depth int) (connect.Value, []byte, error) {
	n, b, err := readCount(b, 1)
	if err != nil {
		return connect.Value{}, nil, err
	}
	out := a.Values(n)
	for i := range out {
		if out[i], b, err = read(a, b, depth+1); err != nil {
			return connect.Value{}, nil, err
		}
	}
	return connect.Array(out), b, nil
}

func readMap(a *connect.Arena, b []byte, depth int) (connect.Value, []byte, error) {
	n, b, err := readCount(b, 2)
	if err != nil {
		return connect.Value{}, nil, err
	}
	out := a.Entries(n)
	for i := range out {
		if out[i].Key, b, err = read(a, b, depth+1); err != nil {
			return connect.Value{}, nil, err
		}
		if out[i].Value, b, err = read(a, b, depth+1); err != nil {
			return connect.Value{}, nil, err
		}
	}
	return connect.Map(out), b, nil
}

func readDecimal(b []byte) (connect.Value, []byte, error) {
	scale, size := binary.Varint(b)
	if size <= 0 || scale != int64(int32(scale)) {
		return connect.Value{}, nil, errDamaged
	}
	unscaled, rest, err := readBytes(b[size:])
	if err != nil {
		return connect.Value{}, nil, err
	}
	return connect.DecimalValue(connect.DecimalFromBytes(unscaled, int32(scale))), rest, nil
}

// Size returns how many bytes of b the first value takes, without making it, for
// values that are not composites.
func Size(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, errDamaged
	}
	switch b[0] {
	case tagInt64, tagInt8, tagInt16, tagInt32, tagDate, tagTime, tagTimestamp:
		_, n := binary.Varint(b[1:])
		return within(b, 1+n, n > 0)
	case tagNull, tagFalse, tagTrue:
		return 1, nil
	case tagFloat32:
		return within(b, 5, true)
	case tagFloat64:
		return within(b, 9, true)
	case tagString, tagBytes:
		_, rest, err := readBytes(b[1:])
		return len(b) - len(rest), err
	case tagDecimal:
		_, n := binary.Varint(b[1:])
		if n <= 0 {
			return 0, errDamaged
		}
		_, rest, err := readBytes(b[1+n:])
		return len(b) - len(rest), err
	}
	return 0, errDamaged
}

func within(b []byte, n int, ok bool) (int, error) {
	if !ok || n > len(b) {
		return 0, errDamaged
	}
	return n, nil
}
