// SPDX-License-Identifier: Apache-2.0

package types

import (
	"encoding/binary"
	"strconv"

	"github.com/connectd/connectd/connect"
)

// money is the form of money by decimal.handling.mode. Its precision is not declared, as in
// the original.
func (r resolver) money() form {
	switch r.modes.Decimal {
	case "double":
		return withoutDefaults(scalarForm(connect.TypeFloat64, money{as: numericDouble{}}, ""))
	case "string":
		return withoutDefaults(scalarForm(connect.TypeString, money{as: numericString{scale: -1}}, ""))
	}
	scale := r.modes.MoneyDigits
	f := withoutDefaults(scalarForm(connect.TypeBytes, money{as: newDecimal(scale)}, ""))
	f.begin = func() *connect.Builder { return connect.DecimalSchema(int32(scale)) }
	return f
}

// money reads money as a number.
type money struct{ as decoder }

// text reads -$92,233,720.08, the notation of lc_monetary=C. Others cannot be told apart: a
// comma may part thousands or fractions.
func (d money) text(a *connect.Arena, data []byte) (connect.Value, error) {
	plain := a.Bytes(len(data))[:0]
	for i, c := range data {
		switch {
		case c == '$' && i <= 1, c == ',':
		case c == '-' && i == 0, c == '.', c >= '0' && c <= '9':
			plain = append(plain, c)
		default:
			return connect.Null(), malformed("must be money as -$1,234.56, as lc_monetary=C writes it")
		}
	}
	return d.as.text(a, plain)
}

// binary reads the count of the smallest unit, a hundredth under lc_monetary=C.
func (d money) binary(a *connect.Arena, data []byte) (connect.Value, error) {
	if len(data) != 8 {
		return connect.Null(), errBinary
	}
	cents := int64(binary.BigEndian.Uint64(data))
	u := uint64(cents)
	plain := a.Bytes(24)[:0]
	if cents < 0 {
		u, plain = -u, append(plain, '-')
	}
	plain = append(strconv.AppendUint(plain, u/100, 10), '.')
	plain = append(plain, byte(u%100/10)+'0', byte(u%10)+'0')
	return d.as.text(a, plain)
}
