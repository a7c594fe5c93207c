// SPDX-License-Identifier: Apache-2.0

package convert

import (
	"encoding/base64"
	"strconv"

	"github.com/connectd/connectd/connect"
)

// javaDate is the form of java.util.Date.toString.
const javaDate = "Mon Jan 02 15:04:05 UTC 2006"

// AppendText appends a value as Java's toString writes it: a string as it is,
// null as null, floats as 1.0, lists as [a, b], maps as {k=v}, structs as
// Struct{a=1,b=2} without their null fields, dates in UTC. Bytes, for which Java
// prints an address, are written as they are; inside of another value in base64.
func AppendText(dst []byte, v connect.Value) []byte {
	switch v.Kind() {
	case connect.KindString, connect.KindBytes:
		return append(dst, v.Bytes()...)
	case connect.KindArray:
		dst = append(dst, '[')
		for i, e := range v.Array() {
			if i > 0 {
				dst = append(dst, ", "...)
			}
			dst = appendInner(dst, e)
		}
		return append(dst, ']')
	case connect.KindMap:
		return appendTextMap(dst, v.Map())
	case connect.KindStruct:
		return appendTextStruct(dst, v.Struct())
	case connect.KindDate, connect.KindTime, connect.KindTimestamp:
		return v.GoTime().AppendFormat(dst, javaDate)
	default:
		return appendScalar(dst, v)
	}
}

func appendInner(dst []byte, v connect.Value) []byte {
	if v.Kind() == connect.KindBytes {
		return base64.StdEncoding.AppendEncode(dst, v.Bytes())
	}
	return AppendText(dst, v)
}

func appendTextMap(dst []byte, m []connect.MapEntry) []byte {
	dst = append(dst, '{')
	for i, e := range m {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		dst = append(appendInner(dst, e.Key), '=')
		dst = appendInner(dst, e.Value)
	}
	return append(dst, '}')
}

func appendTextStruct(dst []byte, st *connect.Struct) []byte {
	dst = append(dst, "Struct{"...)
	first := true
	for i, f := range st.Schema.Fields() {
		if st.Values[i].IsNull() {
			continue
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = append(append(dst, f.Name...), '=')
		dst = appendInner(dst, st.Values[i])
	}
	return append(dst, '}')
}

// appendScalar appends null, a boolean or a number as Java prints it.
func appendScalar(dst []byte, v connect.Value) []byte {
	switch v.Kind() {
	case connect.KindNull:
		return append(dst, "null"...)
	case connect.KindBool:
		return strconv.AppendBool(dst, v.Bool())
	case connect.KindFloat32:
		return AppendFloat(dst, v.Float32())
	case connect.KindFloat64:
		return AppendDouble(dst, v.Float())
	case connect.KindDecimal:
		return AppendDecimal(dst, v.Decimal())
	default:
		return strconv.AppendInt(dst, v.Int(), 10)
	}
}
