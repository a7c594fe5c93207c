// SPDX-License-Identifier: Apache-2.0

package transforms

import (
	"fmt"
	"math"

	"github.com/connectd/connectd/connect"
)

// timeForm is how a time is represented.
type timeForm string

const (
	formString    timeForm = "string"
	formUnix      timeForm = "unix"
	formDate      timeForm = "date"
	formTime      timeForm = "time"
	formTimestamp timeForm = "timestamp"
)

const millisPerDay = 86_400_000

var (
	optionalDate      = connect.Like(connect.DateSchema, false).Optional().MustBuild()
	optionalTime      = connect.Like(connect.TimeSchema, false).Optional().MustBuild()
	optionalTimestamp = connect.Like(connect.TimestampSchema, false).Optional().MustBuild()
)

// schema is that of values in this form.
func (f timeForm) schema(optional bool) *connect.Schema {
	pair := [2]*connect.Schema{connect.TimestampSchema, optionalTimestamp}
	switch f {
	case formString:
		pair = [2]*connect.Schema{connect.StringSchema, connect.OptionalStringSchema}
	case formUnix:
		pair = [2]*connect.Schema{connect.Int64Schema, connect.OptionalInt64Schema}
	case formDate:
		pair = [2]*connect.Schema{connect.DateSchema, optionalDate}
	case formTime:
		pair = [2]*connect.Schema{connect.TimeSchema, optionalTime}
	}
	if optional {
		return pair[1]
	}
	return pair[0]
}

// formOf is the form of the values of a schema.
func formOf(s *connect.Schema) (timeForm, error) {
	switch s.Name() {
	case connect.TimestampName:
		return formTimestamp, nil
	case connect.DateName:
		return formDate, nil
	case connect.TimeName:
		return formTime, nil
	}
	switch s.Type() {
	case connect.TypeString:
		return formString, nil
	case connect.TypeInt64:
		return formUnix, nil
	}
	return "", &connect.DataError{Class: connectException, Err: fmt.Errorf("schema %s does not correspond to a known timestamp type format", s)}
}

// convert goes by way of milliseconds, as the original: what is finer is lost.
func (t *timestampConverter) convert(a *connect.Arena, v connect.Value, from timeForm) (connect.Value, error) {
	if v.IsNull() {
		return v, nil
	}
	millis, err := t.millis(v, from)
	if err != nil {
		return v, err
	}
	switch t.to {
	case formString:
		var room [64]byte
		return a.CopyString(t.format.Append(room[:0], millis)), nil
	case formUnix:
		return connect.Int64(t.unit.fromMillis(millis)), nil
	case formDate:
		days := floorDiv(millis, millisPerDay)
		if days != int64(int32(days)) {
			return v, connect.DataErrorf("convert timestamp: %d milliseconds are beyond the days that a date can hold", millis)
		}
		return connect.Date(int32(days)), nil
	case formTime:
		return connect.Time(int32(millis - floorDiv(millis, millisPerDay)*millisPerDay)), nil
	}
	return connect.Timestamp(millis), nil
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

func (t *timestampConverter) millis(v connect.Value, from timeForm) (int64, error) {
	switch {
	case v.Kind() == connect.KindDate:
		return v.Int() * millisPerDay, nil
	case v.Kind() == connect.KindTime || v.Kind() == connect.KindTimestamp:
		return v.Int(), nil
	case from == formUnix && v.Kind() == connect.KindInt64:
		return t.unit.toMillis(v.Int()), nil
	case from == formString && v.Kind() == connect.KindString && t.format == nil:
		return 0, connect.DataErrorf("convert timestamp: a text needs the setting format")
	case from == formString && v.Kind() == connect.KindString:
		millis, err := t.format.Parse(v.Str())
		if err != nil {
			return 0, connect.DataErrorf("convert timestamp: %w", err)
		}
		return millis, nil
	}
	return 0, connect.DataErrorf("convert timestamp: expected a %s, but found %s", from, v.Kind())
}

// unixUnit is what a number of time counts.
type unixUnit string

// toMillis cuts off what is finer, towards zero; seconds that are too many stop at
// the end of int64, as Java's TimeUnit does.
func (u unixUnit) toMillis(n int64) int64 {
	switch u {
	case "seconds":
		return times(n, 1000)
	case "microseconds":
		return n / 1000
	case "nanoseconds":
		return n / 1_000_000
	}
	return n
}

func (u unixUnit) fromMillis(n int64) int64 {
	switch u {
	case "seconds":
		return n / 1000
	case "microseconds":
		return times(n, 1000)
	case "nanoseconds":
		return times(n, 1_000_000)
	}
	return n
}

// times multiplies, and stops at the ends of int64.
func times(n, by int64) int64 {
	switch {
	case n > math.MaxInt64/by:
		return math.MaxInt64
	case n < math.MinInt64/by:
		return math.MinInt64
	}
	return n * by
}
