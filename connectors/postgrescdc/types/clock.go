// SPDX-License-Identifier: Apache-2.0

package types

import (
	"encoding/binary"

	"github.com/connectd/connectd/connect"
)

// timeOfDay reads time.
type timeOfDay struct{ unit unit }

func (d timeOfDay) text(a *connect.Arena, data []byte) (connect.Value, error) {
	micros, err := wholeClock(data)
	if err != nil {
		return connect.Null(), err
	}
	return d.value(a, micros), nil
}

func (d timeOfDay) binary(a *connect.Arena, data []byte) (connect.Value, error) {
	if len(data) != 8 {
		return connect.Null(), errBinary
	}
	micros, err := checkClock(int64(binary.BigEndian.Uint64(data)))
	if err != nil {
		return connect.Null(), err
	}
	return d.value(a, micros), nil
}

// value shows 24:00:00 as a full day of units; in text it is 00:00:00, as in the original.
func (d timeOfDay) value(a *connect.Arena, micros int64) connect.Value {
	switch d.unit {
	case inMillis:
		return connect.Int32(int32(micros / 1000))
	case inConnect:
		return connect.Time(int32(micros / 1000))
	case inNanos:
		return connect.Int64(micros * 1000)
	case inText:
		var short [24]byte
		return a.CopyString(append(appendClock(short[:0], micros%microsPerDay, -1), 'Z'))
	}
	return connect.Int64(micros)
}

func wholeClock(data []byte) (int64, error) {
	micros, rest, err := parseClock(data)
	if err == nil && len(rest) != 0 {
		err = errTrailing
	}
	return micros, err
}

func checkClock(micros int64) (int64, error) {
	if micros < 0 || micros > microsPerDay {
		return 0, errClock
	}
	return micros, nil
}

// clockWithZone is a time of day and its offset in seconds east of UTC.
type clockWithZone struct{ micros, offset int64 }

func parseClockWithZone(data []byte) (clockWithZone, error) {
	micros, rest, err := parseClock(data)
	if err != nil {
		return clockWithZone{}, err
	}
	offset, rest, err := parseZone(rest)
	if err == nil && len(rest) != 0 {
		err = errTrailing
	}
	return clockWithZone{micros: micros, offset: offset}, err
}

// binaryClockWithZone reads microseconds, and seconds west of UTC.
func binaryClockWithZone(data []byte) (clockWithZone, error) {
	if len(data) != 12 {
		return clockWithZone{}, errBinary
	}
	micros, err := checkClock(int64(binary.BigEndian.Uint64(data)))
	return clockWithZone{micros: micros, offset: -int64(int32(binary.BigEndian.Uint32(data[8:])))}, err
}

// zonedTime reads timetz into text in UTC.
type zonedTime struct{}

func (d zonedTime) text(a *connect.Arena, data []byte) (connect.Value, error) {
	c, err := parseClockWithZone(data)
	if err != nil {
		return connect.Null(), err
	}
	return d.value(a, c), nil
}

func (d zonedTime) binary(a *connect.Arena, data []byte) (connect.Value, error) {
	c, err := binaryClockWithZone(data)
	if err != nil {
		return connect.Null(), err
	}
	return d.value(a, c), nil
}

// value keeps 24:00:00 only where it needs no shift to UTC.
func (zonedTime) value(a *connect.Arena, c clockWithZone) connect.Value {
	var short [24]byte
	if c.micros == microsPerDay && c.offset == 0 {
		return connect.String("24:00:00Z")
	}
	inUTC := normal(0, c.micros-c.offset*microsPerSecond).micros
	return a.CopyString(append(appendClock(short[:0], inUTC, -1), 'Z'))
}
