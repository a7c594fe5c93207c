// SPDX-License-Identifier: Apache-2.0

package pgoutput

import "encoding/binary"

// wire builds messages by hand.
type wire []byte

func msg(kind byte) wire { return wire{kind} }

func (w wire) i8(v ...byte) wire { return append(w, v...) }
func (w wire) i16(v int16) wire  { return binary.BigEndian.AppendUint16(w, uint16(v)) }
func (w wire) i32(v ...int32) wire {
	for _, n := range v {
		w = binary.BigEndian.AppendUint32(w, uint32(n))
	}
	return w
}
func (w wire) i64(v ...int64) wire {
	for _, n := range v {
		w = binary.BigEndian.AppendUint64(w, uint64(n))
	}
	return w
}
func (w wire) str(s string) wire { return append(append(w, s...), 0) }
func (w wire) val(kind byte, s string) wire {
	return append(w.i8(kind).i32(int32(len(s))), s...)
}

// col adds a column of a relation.
func (w wire) col(key byte, name string, oid, mod int32) wire {
	return w.i8(key).str(name).i32(oid, mod)
}
