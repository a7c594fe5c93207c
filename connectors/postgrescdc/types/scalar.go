// SPDX-License-Identifier: Apache-2.0

package types

import (
	"encoding/binary"
	"math"
	"strconv"
	"unsafe"

	"github.com/connectd/connectd/connect"
)

// boolean reads t and f.
type boolean struct{}

func (boolean) text(_ *connect.Arena, data []byte) (connect.Value, error) {
	if len(data) != 1 || data[0] != 't' && data[0] != 'f' {
		return connect.Null(), malformed("must be t or f")
	}
	return connect.Bool(data[0] == 't'), nil
}

func (boolean) binary(_ *connect.Arena, data []byte) (connect.Value, error) {
	if len(data) != 1 {
		return connect.Null(), errBinary
	}
	return connect.Bool(data[0] != 0), nil
}

// integer reads int2, int4 and int8.
type integer struct{ bits uint8 }

func (d integer) text(_ *connect.Arena, data []byte) (connect.Value, error) {
	n, err := parseInt(data)
	if err != nil {
		return connect.Null(), err
	}
	return d.value(n)
}

func (d integer) binary(_ *connect.Arena, data []byte) (connect.Value, error) {
	if len(data) != int(d.bits/8) {
		return connect.Null(), errBinary
	}
	switch d.bits {
	case 16:
		return connect.Int16(int16(binary.BigEndian.Uint16(data))), nil
	case 32:
		return connect.Int32(int32(binary.BigEndian.Uint32(data))), nil
	}
	return connect.Int64(int64(binary.BigEndian.Uint64(data))), nil
}

func (d integer) value(n int64) (connect.Value, error) {
	switch d.bits {
	case 16:
		if int64(int16(n)) != n {
			return connect.Null(), errIntRange
		}
		return connect.Int16(int16(n)), nil
	case 32:
		if int64(int32(n)) != n {
			return connect.Null(), errIntRange
		}
		return connect.Int32(int32(n)), nil
	}
	return connect.Int64(n), nil
}

// objectID reads oid, which has 32 bits without a sign.
type objectID struct{}

func (objectID) text(_ *connect.Arena, data []byte) (connect.Value, error) {
	n, err := parseInt(data)
	if err != nil {
		return connect.Null(), err
	}
	if n < 0 || n > math.MaxUint32 {
		return connect.Null(), errIntRange
	}
	return connect.Int64(n), nil
}

func (objectID) binary(_ *connect.Arena, data []byte) (connect.Value, error) {
	if len(data) != 4 {
		return connect.Null(), errBinary
	}
	return connect.Int64(int64(binary.BigEndian.Uint32(data))), nil
}

// parseInt reads a decimal integer of 64 bits.
func parseInt(data []byte) (int64, error) {
	digits, negative := data, false
	if len(digits) > 0 && digits[0] == '-' {
		digits, negative = digits[1:], true
	}
	if len(digits) == 0 {
		return 0, errNotANumber
	}
	if len(digits) > 19 {
		return 0, errIntRange
	}
	u := uint64(0)
	for _, c := range digits {
		if c -= '0'; c > 9 {
			return 0, errNotANumber
		}
		u = u*10 + uint64(c)
	}
	if negative {
		if u > 1<<63 {
			return 0, errIntRange
		}
		return int64(-u), nil
	}
	if u > math.MaxInt64 {
		return 0, errIntRange
	}
	return int64(u), nil
}

// float reads float4 and float8.
type float struct{ bits uint8 }

func (d float) text(_ *connect.Arena, data []byte) (connect.Value, error) {
	f, err := parseFloat(data, int(d.bits))
	if err != nil {
		return connect.Null(), err
	}
	return d.value(f), nil
}

func (d float) binary(_ *connect.Arena, data []byte) (connect.Value, error) {
	if len(data) != int(d.bits/8) {
		return connect.Null(), errBinary
	}
	if d.bits == 32 {
		return connect.Float32(math.Float32frombits(binary.BigEndian.Uint32(data))), nil
	}
	return connect.Float64(math.Float64frombits(binary.BigEndian.Uint64(data))), nil
}

func (d float) value(f float64) connect.Value {
	if d.bits == 32 {
		return connect.Float32(float32(f))
	}
	return connect.Float64(f)
}

// parseFloat reads what the server writes for floats; more than that strconv would take.
func parseFloat(data []byte, bits int) (float64, error) {
	switch string(data) {
	case "NaN":
		return math.NaN(), nil
	case "Infinity":
		return math.Inf(1), nil
	case "-Infinity":
		return math.Inf(-1), nil
	}
	for _, c := range data {
		if (c < '0' || c > '9') && c != '-' && c != '.' && c != 'e' && c != '+' {
			return 0, errNotANumber
		}
	}
	f, err := strconv.ParseFloat(unsafe.String(unsafe.SliceData(data), len(data)), bits)
	if err != nil {
		return 0, errNotANumber
	}
	return f, nil
}

// plain reads a type whose text and binary forms are its value.
type plain struct{}

func (plain) text(a *connect.Arena, data []byte) (connect.Value, error) {
	return a.CopyString(data), nil
}

func (plain) binary(a *connect.Arena, data []byte) (connect.Value, error) {
	return a.CopyString(data), nil
}

// plainWithoutBinary is plain for types with a binary form of their own.
type plainWithoutBinary struct{ plain }

func (plainWithoutBinary) binary(*connect.Arena, []byte) (connect.Value, error) {
	return connect.Null(), errNoBinary
}

// jsonb is text in binary too, behind a version.
type jsonb struct{ plain }

func (jsonb) binary(a *connect.Arena, data []byte) (connect.Value, error) {
	if len(data) == 0 || data[0] != 1 {
		return connect.Null(), malformed("must be jsonb of version 1")
	}
	return a.CopyString(data[1:]), nil
}

// uuid reads uuid, whose text is in lower case.
type uuid struct{}

const uuidLength = 36

func (uuid) text(a *connect.Arena, data []byte) (connect.Value, error) {
	if len(data) != uuidLength {
		return connect.Null(), errLength
	}
	for i, c := range data {
		dash := i == 8 || i == 13 || i == 18 || i == 23
		if dash != (c == '-') || !dash && hexValue(c) > 15 {
			return connect.Null(), malformed("must be hexadecimal digits in groups of 8, 4, 4, 4 and 12")
		}
	}
	return a.CopyString(data), nil
}

func (uuid) binary(a *connect.Arena, data []byte) (connect.Value, error) {
	if len(data) != 16 {
		return connect.Null(), errBinary
	}
	return connect.StringOf(appendUUID(a.Bytes(uuidLength)[:0], data)), nil
}

func appendUUID(dst, data []byte) []byte {
	for i, b := range data {
		if i == 4 || i == 6 || i == 8 || i == 10 {
			dst = append(dst, '-')
		}
		dst = append(dst, hexDigits[b>>4], hexDigits[b&15])
	}
	return dst
}

const hexDigits = "0123456789abcdef"

// hexValue is the value of a hexadecimal digit, more than 15 for anything else.
func hexValue(c byte) byte { return hexValues[c] }

var hexValues = func() (values [256]byte) {
	for i := range values {
		values[i] = 0xff
	}
	for i := range byte(16) {
		values[hexDigits[i]] = i
	}
	for i := range byte(6) { // the server writes lower case, PostGIS upper case
		values['A'+i] = 10 + i
	}
	return values
}()
