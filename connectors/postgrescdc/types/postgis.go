// SPDX-License-Identifier: Apache-2.0

package types

import (
	"encoding/binary"

	"github.com/connectd/connectd/connect"
)

// postgisForm is the form of geometry and geography of PostGIS.
func postgisForm(schema func() *connect.Builder) form {
	return structForm(schema(), func(s *connect.Schema) decoder { return postgis{schema: s} })
}

// postgis reads EWKB, in text as hexadecimal digits. The bytes go out as they are, with the
// SRID in them and beside them.
type postgis struct{ schema *connect.Schema }

const errEWKB = malformed("must be EWKB in hexadecimal digits")

// ewkbHasSRID is the flag in the type of an EWKB.
const ewkbHasSRID = 0x20000000

func (d postgis) text(a *connect.Arena, data []byte) (connect.Value, error) {
	if len(data)%2 != 0 {
		return connect.Null(), errEWKB
	}
	raw := a.Bytes(len(data) / 2)
	for i := range raw {
		high, low := hexValue(data[2*i]), hexValue(data[2*i+1])
		if high > 15 || low > 15 {
			return connect.Null(), errEWKB
		}
		raw[i] = high<<4 | low
	}
	return d.value(a, raw)
}

func (d postgis) binary(a *connect.Arena, data []byte) (connect.Value, error) {
	return d.value(a, a.Copy(data))
}

func (d postgis) value(a *connect.Arena, raw []byte) (connect.Value, error) {
	if len(raw) < 5 || raw[0] > 1 {
		return connect.Null(), errEWKB
	}
	order := binary.ByteOrder(binary.BigEndian)
	if raw[0] == 1 {
		order = binary.LittleEndian
	}
	st := a.Struct(d.schema)
	st.Values[0] = connect.Bytes(raw)
	if order.Uint32(raw[1:])&ewkbHasSRID != 0 {
		if len(raw) < 9 {
			return connect.Null(), errEWKB
		}
		st.Values[1] = connect.Int32(int32(order.Uint32(raw[5:])))
	}
	return connect.StructValue(st), nil
}
