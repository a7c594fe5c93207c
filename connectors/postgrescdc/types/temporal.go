// SPDX-License-Identifier: Apache-2.0

package types

import (
	"github.com/connectd/connectd/connect"
)

// temporal is the form of dates and times by time.precision.mode.
func (r resolver) temporal(oid uint32, typmod int32) (form, bool) {
	if r.modes.Time == "structured" {
		return r.structured(oid, typmod)
	}
	digits := 6
	if typmod >= 0 && typmod < 6 {
		digits = int(typmod)
	}
	switch oid {
	case oidDate:
		return r.date(), true
	case oidTime:
		return r.timeOfDay(digits), true
	case oidTimestamp:
		return r.timestamp(digits), true
	case oidTimestamptz:
		return semanticForm(connect.TypeString, "io.debezium.time.ZonedTimestamp", zonedTimestamp{digits: digits}, "1970-01-01 00:00:00+00"), true
	case oidTimetz:
		f := semanticForm(connect.TypeString, "io.debezium.time.ZonedTime", zonedTime{}, "")
		return withoutDefaults(f), true
	case oidInterval:
		if r.modes.Interval == "string" {
			return semanticForm(connect.TypeString, "io.debezium.time.Interval", intervalText{}, "00:00:00"), true
		}
		return semanticForm(connect.TypeInt64, "io.debezium.time.MicroDuration", intervalMicros{}, "00:00:00"), true
	}
	return form{}, false
}

// semanticForm is a form with a named schema of version 1, a binary form and defaults.
func semanticForm(t connect.Type, name string, d decoder, zero string) form {
	f := scalarForm(t, d, zero)
	f.begin = func() *connect.Builder { return named(t, name) }
	return f
}

func (r resolver) date() form {
	const zero = "1970-01-01"
	switch r.modes.Time {
	case "connect":
		return semanticForm(connect.TypeInt32, connect.DateName, date{as: connect.Date}, zero)
	case "isostring":
		return semanticForm(connect.TypeString, "io.debezium.time.IsoDate", date{}, zero)
	}
	return semanticForm(connect.TypeInt32, "io.debezium.time.Date", date{as: connect.Int32}, zero)
}

func (r resolver) timeOfDay(digits int) form {
	const zero = "00:00:00"
	switch r.modes.Time {
	case "connect":
		return semanticForm(connect.TypeInt32, connect.TimeName, timeOfDay{unit: inConnect}, zero)
	case "isostring":
		return semanticForm(connect.TypeString, "io.debezium.time.IsoTime", timeOfDay{unit: inText}, zero)
	case "nanoseconds":
		return semanticForm(connect.TypeInt64, "io.debezium.time.NanoTime", timeOfDay{unit: inNanos}, zero)
	case "adaptive":
		if digits <= 3 {
			return semanticForm(connect.TypeInt32, "io.debezium.time.Time", timeOfDay{unit: inMillis}, zero)
		}
	}
	return semanticForm(connect.TypeInt64, "io.debezium.time.MicroTime", timeOfDay{unit: inMicros}, zero)
}

func (r resolver) timestamp(digits int) form {
	const zero = "1970-01-01 00:00:00"
	switch r.modes.Time {
	case "connect":
		return semanticForm(connect.TypeInt64, connect.TimestampName, timestamp{unit: inConnect}, zero)
	case "isostring":
		return semanticForm(connect.TypeString, "io.debezium.time.IsoTimestamp", timestamp{unit: inText}, zero)
	case "nanoseconds":
		return semanticForm(connect.TypeInt64, "io.debezium.time.NanoTimestamp", timestamp{unit: inNanos}, zero)
	case "adaptive", "adaptive_time_microseconds":
		if digits <= 3 {
			return semanticForm(connect.TypeInt64, "io.debezium.time.Timestamp", timestamp{unit: inMillis}, zero)
		}
	}
	return semanticForm(connect.TypeInt64, "io.debezium.time.MicroTimestamp", timestamp{unit: inMicros}, zero)
}

// unit is what a time is counted in.
type unit uint8

const (
	inMillis unit = iota
	inMicros
	inNanos
	inText
	inConnect // milliseconds, as Kafka Connect's own types
)
