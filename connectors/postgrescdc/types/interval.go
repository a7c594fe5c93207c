// SPDX-License-Identifier: Apache-2.0

package types

import (
	"bytes"
	"encoding/binary"
	"math"
	"strconv"

	"github.com/connectd/connectd/connect"
)

// interval is what the server keeps of an interval. infinite as in moment.
type interval struct {
	months, days, micros int64
	infinite             int
}

const (
	errInterval      = malformed("must be an interval as 1 year 2 mons 3 days 04:05:06, as intervalstyle=postgres writes it")
	errIntervalRange = unfit("is beyond the range of microseconds in 64 bits; interval.handling.mode=string has no such bound")
	// microsPerMonth is a twelfth of 365.25 days.
	microsPerMonth = 2_629_800_000_000
)

// parseInterval reads the output of intervalstyle=postgres.
func parseInterval(data []byte) (interval, error) {
	var v interval
	switch string(data) {
	case "infinity":
		return interval{infinite: 1}, nil
	case "-infinity":
		return interval{infinite: -1}, nil
	case "":
		return v, errInterval
	}
	for len(data) > 0 {
		word, rest, _ := bytes.Cut(data, []byte(" "))
		if bytes.IndexByte(word, ':') >= 0 {
			micros, err := parseDuration(word)
			v.micros = micros
			if err == nil && len(rest) != 0 {
				err = errTrailing
			}
			return v, err
		}
		name, after, _ := bytes.Cut(rest, []byte(" "))
		if err := v.add(word, name); err != nil {
			return v, err
		}
		data = after
	}
	return v, nil
}

// add takes a count of years, months or days in.
func (v *interval) add(count, name []byte) error {
	if len(count) > 0 && count[0] == '+' {
		count = count[1:]
	}
	n, err := parseInt(count)
	if err != nil || n > math.MaxInt32 || n < math.MinInt32 {
		return errInterval
	}
	switch string(name) {
	case "year", "years":
		v.months += n * 12
	case "mon", "mons":
		v.months += n
	case "day", "days":
		v.days += n
	default:
		return errInterval
	}
	return nil
}

// parseDuration reads [+-]H:MM:SS with any number of digits in the hours.
func parseDuration(data []byte) (int64, error) {
	negative := data[0] == '-'
	if negative || data[0] == '+' {
		data = data[1:]
	}
	colon := bytes.IndexByte(data, ':')
	if colon < 1 || !isDigit(data[0]) {
		return 0, errInterval
	}
	hours, err := parseInt(data[:colon])
	rest := data[colon:]
	if err != nil || hours > math.MaxInt64/(3600*microsPerSecond) || len(rest) < 6 || rest[3] != ':' {
		return 0, errInterval
	}
	minutes, ok1 := twoDigits(rest[1:])
	seconds, ok2 := twoDigits(rest[4:])
	fraction, rest, err := parseFraction(rest[6:])
	if !ok1 || !ok2 || err != nil || len(rest) != 0 || minutes > 59 || seconds > 59 {
		return 0, errInterval
	}
	micros := uint64(hours*3600+minutes*60+seconds)*microsPerSecond + uint64(fraction)
	if negative && micros <= 1<<63 {
		return int64(-micros), nil
	}
	if micros > math.MaxInt64 {
		return 0, errInterval
	}
	return int64(micros), nil
}

// binaryInterval reads microseconds, days and months.
func binaryInterval(data []byte) (interval, error) {
	if len(data) != 16 {
		return interval{}, errBinary
	}
	v := interval{
		micros: int64(binary.BigEndian.Uint64(data)),
		days:   int64(int32(binary.BigEndian.Uint32(data[8:]))),
		months: int64(int32(binary.BigEndian.Uint32(data[12:]))),
	}
	if v == (interval{micros: math.MaxInt64, days: math.MaxInt32, months: math.MaxInt32}) {
		return interval{infinite: 1}, nil
	}
	if v == (interval{micros: math.MinInt64, days: math.MinInt32, months: math.MinInt32}) {
		return interval{infinite: -1}, nil
	}
	return v, nil
}

// intervalMicros reads interval into microseconds, with months of 30.4375 days.
type intervalMicros struct{}

func (d intervalMicros) text(_ *connect.Arena, data []byte) (connect.Value, error) {
	v, err := parseInterval(data)
	if err != nil {
		return connect.Null(), err
	}
	return d.value(v)
}

func (d intervalMicros) binary(_ *connect.Arena, data []byte) (connect.Value, error) {
	v, err := binaryInterval(data)
	if err != nil {
		return connect.Null(), err
	}
	return d.value(v)
}

func (intervalMicros) value(v interval) (connect.Value, error) {
	if v.infinite != 0 {
		return connect.Int64(pick(v.infinite, math.MaxInt64, math.MinInt64)), nil
	}
	const most = math.MaxInt64 / microsPerMonth
	if v.months > most || v.months < -most {
		return connect.Null(), errIntervalRange
	}
	n, ok1 := sum(v.months*microsPerMonth, v.micros)
	days, ok2 := product(v.days, microsPerDay)
	n, ok3 := sum(n, days)
	if !ok1 || !ok2 || !ok3 {
		return connect.Null(), errIntervalRange
	}
	return connect.Int64(n), nil
}

func sum(a, b int64) (int64, bool) {
	n := a + b
	return n, (n > a) == (b > 0)
}

func product(a, b int64) (int64, bool) {
	n := a * b
	return n, n/b == a
}

// intervalText reads interval into all parts of an ISO 8601 duration.
type intervalText struct{}

func (d intervalText) text(a *connect.Arena, data []byte) (connect.Value, error) {
	v, err := parseInterval(data)
	if err != nil {
		return connect.Null(), err
	}
	return d.value(a, v), nil
}

func (d intervalText) binary(a *connect.Arena, data []byte) (connect.Value, error) {
	v, err := binaryInterval(data)
	if err != nil {
		return connect.Null(), err
	}
	return d.value(a, v), nil
}

func (intervalText) value(a *connect.Arena, v interval) connect.Value {
	if v.infinite != 0 {
		return infinityText(v.infinite)
	}
	var short [96]byte
	out := append(short[:0], 'P')
	seconds, fraction := v.micros/microsPerSecond, v.micros%microsPerSecond
	for _, part := range []struct {
		n    int64
		mark string
	}{
		{v.months / 12, "Y"}, {v.months % 12, "M"}, {v.days, "DT"}, {seconds / 3600, "H"}, {seconds / 60 % 60, "M"},
	} {
		out = append(strconv.AppendInt(out, part.n, 10), part.mark...)
	}
	seconds %= 60
	if seconds < 0 || fraction < 0 {
		out, seconds, fraction = append(out, '-'), -seconds, -fraction
	}
	out = appendFraction(strconv.AppendInt(out, seconds, 10), fraction, -1)
	return a.CopyString(append(out, 'S'))
}
