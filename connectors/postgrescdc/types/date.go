// SPDX-License-Identifier: Apache-2.0

package types

import (
	"encoding/binary"
	"math"

	"github.com/connectd/connectd/connect"
)

// What the original shows for infinite dates, as days.
const (
	infinityDays      = 2_146_033_979
	minusInfinityDays = -2_147_472_691
)

// date reads date into days, or into ISO 8601 text if as is nil.
type date struct{ as func(int32) connect.Value }

func (d date) text(a *connect.Arena, data []byte) (connect.Value, error) {
	m, err := parseDay(data)
	if err != nil {
		return connect.Null(), err
	}
	return d.value(a, m), nil
}

func (d date) binary(a *connect.Arena, data []byte) (connect.Value, error) {
	m, err := binaryDay(data)
	if err != nil {
		return connect.Null(), err
	}
	return d.value(a, m), nil
}

func (d date) value(a *connect.Arena, m moment) connect.Value {
	if d.as == nil {
		if m.infinite != 0 {
			return infinityText(m.infinite)
		}
		var short [24]byte
		return a.CopyString(append(appendDate(short[:0], m.day), 'Z'))
	}
	switch m.infinite {
	case 1:
		return d.as(infinityDays)
	case -1:
		return d.as(minusInfinityDays)
	}
	return d.as(int32(m.day))
}

func parseDay(data []byte) (moment, error) {
	m, rest, err := parseDatePart(data)
	if err != nil || m.infinite != 0 {
		return m, err
	}
	if len(rest) != 0 {
		return moment{}, errTrailing
	}
	if m.day > math.MaxInt32 || m.day < math.MinInt32 {
		return moment{}, errDate
	}
	return m, nil
}

func binaryDay(data []byte) (moment, error) {
	if len(data) != 4 {
		return moment{}, errBinary
	}
	switch days := int32(binary.BigEndian.Uint32(data)); days {
	case math.MaxInt32:
		return moment{infinite: 1}, nil
	case math.MinInt32:
		return moment{infinite: -1}, nil
	default:
		day := int64(days) + daysTo2000
		if day > math.MaxInt32 {
			return moment{}, errBinary
		}
		return moment{day: day}, nil
	}
}

func infinityText(sign int) connect.Value {
	if sign < 0 {
		return connect.String("-infinity")
	}
	return connect.String("infinity")
}
