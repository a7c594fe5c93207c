// SPDX-License-Identifier: Apache-2.0

package types

import (
	"github.com/connectd/connectd/connect"
)

// structured is the form of dates and times under time.precision.mode=structured: structs
// with the parts of the calendar and the clock, as Debezium 3.7 defines them.
func (r resolver) structured(oid uint32, typmod int32) (form, bool) {
	precision := int32(6)
	if digits := typmod & 0xffff; typmod >= 0 && digits < 6 {
		precision = digits
	}
	at := func(read func([]byte) (moment, error), unpack func([]byte) (moment, error), zoned bool) func(*connect.Schema) decoder {
		return func(s *connect.Schema) decoder {
			return structuredMoment{schema: s, read: read, unpack: unpack, zoned: zoned, precision: connect.Int32(precision)}
		}
	}
	local := func(data []byte) (moment, error) { return parseMoment(data, false) }
	zoned := func(data []byte) (moment, error) { return parseMoment(data, true) }
	switch oid {
	case oidDate:
		return structForm(structure("StructuredDate", "year month day specialValue"), func(s *connect.Schema) decoder {
			return structuredDate{schema: s}
		}), true
	case oidTime:
		return structForm(structure("StructuredTime", "hour minute second nanos precision"), func(s *connect.Schema) decoder {
			return structuredTime{schema: s, precision: connect.Int32(precision)}
		}), true
	case oidTimetz:
		return structForm(structure("StructuredZonedTime", "hour minute second nanos offsetSeconds precision"), func(s *connect.Schema) decoder {
			return structuredZonedTime{schema: s, precision: connect.Int32(precision)}
		}), true
	case oidTimestamp:
		return structForm(structure("StructuredTimestamp", "year month day hour minute second nanos specialValue precision"),
			at(local, binaryMoment, false)), true
	case oidTimestamptz:
		return structForm(structure("StructuredZonedTimestamp", "year month day hour minute second nanos offsetSeconds zoneId specialValue precision"),
			at(zoned, binaryMoment, true)), true
	case oidInterval:
		return structForm(structure("StructuredDuration", "years months days hours minutes seconds nanos precision"), func(s *connect.Schema) decoder {
			return structuredDuration{schema: s, precision: connect.Int32(precision)}
		}), true
	}
	return form{}, false
}

// structure begins one of the structs: every part is optional.
func structure(name, fields string) *connect.Builder {
	b := connect.NewStruct("io.debezium.time." + name).Version(1)
	start := 0
	for i := 0; i <= len(fields); i++ {
		if i < len(fields) && fields[i] != ' ' {
			continue
		}
		b.Field(fields[start:i], partSchema(fields[start:i]))
		start = i + 1
	}
	return b
}

func partSchema(part string) *connect.Schema {
	switch part {
	case "month", "day", "hour", "minute", "second":
		return connect.OptionalInt8Schema
	case "seconds":
		return connect.OptionalInt64Schema
	case "specialValue", "zoneId":
		return connect.OptionalStringSchema
	}
	return connect.OptionalInt32Schema
}

// special names an infinity.
func special(sign int) connect.Value {
	if sign < 0 {
		return connect.String("NEGATIVE_INFINITY")
	}
	return connect.String("POSITIVE_INFINITY")
}

// fillDate sets year, month and day.
func fillDate(values []connect.Value, days int64) {
	year, month, day := dateOf(days)
	values[0], values[1], values[2] = connect.Int32(int32(year)), connect.Int8(int8(month)), connect.Int8(int8(day))
}

// fillClock sets hour, minute, second and nanoseconds.
func fillClock(values []connect.Value, micros int64) {
	seconds := micros / microsPerSecond
	values[0], values[1] = connect.Int8(int8(seconds/3600)), connect.Int8(int8(seconds/60%60))
	values[2], values[3] = connect.Int8(int8(seconds%60)), connect.Int32(int32(micros%microsPerSecond*1000))
}

type structuredDate struct{ schema *connect.Schema }

func (d structuredDate) text(a *connect.Arena, data []byte) (connect.Value, error) {
	return d.value(a, data, parseDay)
}

func (d structuredDate) binary(a *connect.Arena, data []byte) (connect.Value, error) {
	return d.value(a, data, binaryDay)
}

func (d structuredDate) value(a *connect.Arena, data []byte, read func([]byte) (moment, error)) (connect.Value, error) {
	m, err := read(data)
	if err != nil {
		return connect.Null(), err
	}
	st := a.Struct(d.schema)
	if m.infinite != 0 {
		st.Values[3] = special(m.infinite)
		return connect.StructValue(st), nil
	}
	fillDate(st.Values, m.day)
	return connect.StructValue(st), nil
}

type structuredTime struct {
	schema    *connect.Schema
	precision connect.Value
}

func (d structuredTime) text(a *connect.Arena, data []byte) (connect.Value, error) {
	micros, err := wholeClock(data)
	return d.value(a, micros, err)
}

func (d structuredTime) binary(a *connect.Arena, data []byte) (connect.Value, error) {
	v, err := timeOfDay{unit: inMicros}.binary(a, data)
	return d.value(a, v.Int(), err)
}

func (d structuredTime) value(a *connect.Arena, micros int64, err error) (connect.Value, error) {
	if err != nil {
		return connect.Null(), err
	}
	st := a.Struct(d.schema)
	fillClock(st.Values, micros)
	st.Values[4] = d.precision
	return connect.StructValue(st), nil
}

type structuredZonedTime struct {
	schema    *connect.Schema
	precision connect.Value
}

func (d structuredZonedTime) text(a *connect.Arena, data []byte) (connect.Value, error) {
	return d.value(a, data, parseClockWithZone)
}

func (d structuredZonedTime) binary(a *connect.Arena, data []byte) (connect.Value, error) {
	return d.value(a, data, binaryClockWithZone)
}

// value keeps the offset, which only this mode does.
func (d structuredZonedTime) value(a *connect.Arena, data []byte, read func([]byte) (clockWithZone, error)) (connect.Value, error) {
	c, err := read(data)
	if err != nil {
		return connect.Null(), err
	}
	st := a.Struct(d.schema)
	fillClock(st.Values, c.micros)
	st.Values[4], st.Values[5] = connect.Int32(int32(c.offset)), d.precision
	return connect.StructValue(st), nil
}

// structuredMoment reads timestamp and timestamptz; the latter in UTC.
type structuredMoment struct {
	schema       *connect.Schema
	read, unpack func([]byte) (moment, error)
	zoned        bool
	precision    connect.Value
}

func (d structuredMoment) text(a *connect.Arena, data []byte) (connect.Value, error) {
	m, err := d.read(data)
	return d.value(a, m, err)
}

func (d structuredMoment) binary(a *connect.Arena, data []byte) (connect.Value, error) {
	m, err := d.unpack(data)
	return d.value(a, m, err)
}

func (d structuredMoment) value(a *connect.Arena, m moment, err error) (connect.Value, error) {
	if err != nil {
		return connect.Null(), err
	}
	st := a.Struct(d.schema)
	last := len(st.Values) - 1
	st.Values[last] = d.precision
	if m.infinite != 0 {
		st.Values[last-1] = special(m.infinite)
		return connect.StructValue(st), nil
	}
	fillDate(st.Values, m.day)
	fillClock(st.Values[3:], m.micros)
	if d.zoned {
		st.Values[7], st.Values[8] = connect.Int32(0), connect.String("Z")
	}
	return connect.StructValue(st), nil
}

type structuredDuration struct {
	schema    *connect.Schema
	precision connect.Value
}

func (d structuredDuration) text(a *connect.Arena, data []byte) (connect.Value, error) {
	v, err := parseInterval(data)
	return d.value(a, v, err)
}

func (d structuredDuration) binary(a *connect.Arena, data []byte) (connect.Value, error) {
	v, err := binaryInterval(data)
	return d.value(a, v, err)
}

func (d structuredDuration) value(a *connect.Arena, v interval, err error) (connect.Value, error) {
	if err == nil && v.infinite != 0 {
		err = unfit("has no place in StructuredDuration, which knows no infinity")
	}
	if err != nil {
		return connect.Null(), err
	}
	seconds := v.micros / microsPerSecond
	st := a.Struct(d.schema)
	for i, n := range [...]int64{v.months / 12, v.months % 12, v.days, seconds / 3600, seconds / 60 % 60} {
		st.Values[i] = connect.Int32(int32(n))
	}
	st.Values[5] = connect.Int64(seconds % 60)
	st.Values[6] = connect.Int32(int32(v.micros % microsPerSecond * 1000))
	st.Values[7] = d.precision
	return connect.StructValue(st), nil
}
