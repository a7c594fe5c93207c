// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"unsafe"

	"github.com/connectd/connectd/connect"
)

// same reports whether two values are one: the same scalar, or the same memory. It
// never looks into composites. Values are not changed in place, so that what is
// the same still has the bytes that it was decoded from.
func same(a, b connect.Value) bool {
	if a.Kind() != b.Kind() {
		return false
	}
	switch a.Kind() {
	case connect.KindNull:
		return true
	case connect.KindBool:
		return a.Bool() == b.Bool()
	case connect.KindFloat32, connect.KindFloat64:
		// NaN differs from itself here, and is encoded anew.
		return a.Float() == b.Float()
	case connect.KindString, connect.KindBytes:
		return a.Len() == b.Len() && unsafe.SliceData(a.Bytes()) == unsafe.SliceData(b.Bytes())
	case connect.KindArray:
		return a.Len() == b.Len() && unsafe.SliceData(a.Array()) == unsafe.SliceData(b.Array())
	case connect.KindMap:
		return a.Len() == b.Len() && unsafe.SliceData(a.Map()) == unsafe.SliceData(b.Map())
	case connect.KindStruct:
		return a.Struct() == b.Struct()
	case connect.KindDecimal:
		return a.Decimal() == b.Decimal()
	default:
		return a.Int() == b.Int()
	}
}
