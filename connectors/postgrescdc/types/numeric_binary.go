// SPDX-License-Identifier: Apache-2.0

package types

import (
	"encoding/binary"

	"github.com/connectd/connectd/connect"
)

// Signs of the binary form of numeric.
const (
	numericNegative = 0x4000
	numericNaN      = 0xc000
	numericPositive = 0xd000 // infinity
	numericMinusInf = 0xf000
)

// maxNumericScale is the largest display scale of the server.
const maxNumericScale = 0x3fff

// numericText writes the binary form of numeric as the text that the server would send.
func numericText(a *connect.Arena, data []byte) ([]byte, error) {
	return appendNumeric(a.Bytes(numericLength(data))[:0], data)
}

// numericLength is at least the length of the text, which a few bytes can make long.
func numericLength(data []byte) int {
	if len(data) < 8 {
		return 0
	}
	weight, scale := int(int16(binary.BigEndian.Uint16(data[2:]))), int(binary.BigEndian.Uint16(data[6:]))
	return 4*max(weight+1, 1) + min(scale, maxNumericScale) + 8
}

// appendNumeric writes the binary form of numeric as text: groups of four digits, the first
// of which stands for 10000^weight, cut at the display scale.
func appendNumeric(dst, data []byte) ([]byte, error) {
	if len(data) < 8 {
		return nil, errBinary
	}
	groups, weight := int(binary.BigEndian.Uint16(data)), int(int16(binary.BigEndian.Uint16(data[2:])))
	sign, scale := binary.BigEndian.Uint16(data[4:]), int(binary.BigEndian.Uint16(data[6:]))
	digits := data[8:]
	if len(digits) != 2*groups || scale > maxNumericScale {
		return nil, errBinary
	}
	switch sign {
	case numericNaN:
		return append(dst, "NaN"...), nil
	case numericPositive:
		return append(dst, "Infinity"...), nil
	case numericMinusInf:
		return append(dst, "-Infinity"...), nil
	case numericNegative:
		dst = append(dst, '-')
	case 0:
	default:
		return nil, errBinary
	}
	group := func(i int) (uint16, bool) {
		if i < 0 || i >= groups {
			return 0, true
		}
		g := binary.BigEndian.Uint16(digits[2*i:])
		return g, g < 10000
	}
	return appendGroups(dst, group, weight, scale)
}

func appendGroups(dst []byte, group func(int) (uint16, bool), weight, scale int) ([]byte, error) {
	start := len(dst)
	for i := range weight + 1 {
		g, ok := group(i)
		if !ok {
			return nil, errBinary
		}
		dst = append(dst, byte(g/1000)+'0', byte(g/100%10)+'0', byte(g/10%10)+'0', byte(g%10)+'0')
	}
	whole := trimLeadingZeros(dst[start:])
	dst = append(dst[:start], whole...)
	if len(whole) == 0 {
		dst = append(dst, '0')
	}
	if scale == 0 {
		return dst, nil
	}
	dst = append(dst, '.')
	end := len(dst) + scale
	for i := weight + 1; len(dst) < end; i++ {
		g, ok := group(i)
		if !ok {
			return nil, errBinary
		}
		dst = append(dst, byte(g/1000)+'0', byte(g/100%10)+'0', byte(g/10%10)+'0', byte(g%10)+'0')
	}
	return dst[:end], nil
}
