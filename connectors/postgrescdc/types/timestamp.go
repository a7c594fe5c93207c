// SPDX-License-Identifier: Apache-2.0

package types

import (
	"encoding/binary"
	"math"

	"github.com/connectd/connectd/connect"
)

// What the original shows for infinite timestamps in milliseconds. In microseconds and
// nanoseconds they are the largest and the smallest number.
const (
	infinityMillis      = 9_223_372_036_825_200_000
	minusInfinityMillis = -9_223_372_036_832_400_000
)

// timestamp reads timestamp.
type timestamp struct{ unit unit }

func (d timestamp) text(a *connect.Arena, data []byte) (connect.Value, error) {
	m, err := parseMoment(data, false)
	if err != nil {
		return connect.Null(), err
	}
	return d.value(a, m)
}

func (d timestamp) binary(a *connect.Arena, data []byte) (connect.Value, error) {
	m, err := binaryMoment(data)
	if err != nil {
		return connect.Null(), err
	}
	return d.value(a, m)
}

func (d timestamp) value(a *connect.Arena, m moment) (connect.Value, error) {
	if d.unit == inText {
		if m.infinite != 0 {
			return infinityText(m.infinite), nil
		}
		var short [48]byte
		return a.CopyString(appendMoment(short[:0], m, -1)), nil
	}
	n, err := m.count(d.unit)
	if err != nil {
		return connect.Null(), err
	}
	if d.unit == inConnect {
		return connect.Timestamp(n), nil
	}
	return connect.Int64(n), nil
}

// count is the moment in a unit since 1970, rounded down.
func (m moment) count(u unit) (int64, error) {
	switch u {
	case inMillis, inConnect:
		if m.infinite != 0 {
			return pick(m.infinite, infinityMillis, minusInfinityMillis), nil
		}
		return m.day*secondsPerDay*1000 + m.micros/1000, nil
	case inNanos:
		if m.infinite != 0 {
			return pick(m.infinite, math.MaxInt64, math.MinInt64), nil
		}
		return scaled(m, 1000, errNanos)
	}
	if m.infinite != 0 {
		return pick(m.infinite, math.MaxInt64, math.MinInt64), nil
	}
	return scaled(m, 1, errMicros)
}

// scaled is the moment in fractions of a microsecond.
func scaled(m moment, perMicro int64, beyond error) (int64, error) {
	unitsPerDay := microsPerDay * perMicro
	day, rest := m.day, m.micros*perMicro
	if day < 0 { // so that the sum is not below the range before rest is added
		day, rest = day+1, rest-unitsPerDay
	}
	if limit := math.MaxInt64 / unitsPerDay; day > limit || day < -limit {
		return 0, beyond
	}
	n := day * unitsPerDay
	if rest > 0 && n > math.MaxInt64-rest || rest < 0 && n < math.MinInt64-rest {
		return 0, beyond
	}
	return n + rest, nil
}

func pick(sign int, plus, minus int64) int64 {
	if sign < 0 {
		return minus
	}
	return plus
}

// binaryMoment reads microseconds since 2000-01-01.
func binaryMoment(data []byte) (moment, error) {
	if len(data) != 8 {
		return moment{}, errBinary
	}
	switch n := int64(binary.BigEndian.Uint64(data)); n {
	case math.MaxInt64:
		return moment{infinite: 1}, nil
	case math.MinInt64:
		return moment{infinite: -1}, nil
	default:
		return normal(daysTo2000, n), nil
	}
}

// appendMoment writes an instant in UTC as 2024-02-29T12:34:56.789Z.
func appendMoment(dst []byte, m moment, digits int) []byte {
	dst = append(appendDate(dst, m.day), 'T')
	return append(appendClock(dst, m.micros, digits), 'Z')
}

// zonedTimestamp reads timestamptz into text in UTC, with as many digits behind the point
// as the column has.
type zonedTimestamp struct{ digits int }

func (d zonedTimestamp) text(a *connect.Arena, data []byte) (connect.Value, error) {
	m, err := parseMoment(data, true)
	if err != nil {
		return connect.Null(), err
	}
	return d.value(a, m), nil
}

func (d zonedTimestamp) binary(a *connect.Arena, data []byte) (connect.Value, error) {
	m, err := binaryMoment(data)
	if err != nil {
		return connect.Null(), err
	}
	return d.value(a, m), nil
}

func (d zonedTimestamp) value(a *connect.Arena, m moment) connect.Value {
	if m.infinite != 0 {
		return infinityText(m.infinite)
	}
	var short [48]byte
	return a.CopyString(appendMoment(short[:0], m, d.digits))
}
