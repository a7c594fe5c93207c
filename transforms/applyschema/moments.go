// SPDX-License-Identifier: Apache-2.0

package applyschema

import (
	"math"
	"time"

	"github.com/connectd/connectd/connect"
)

const day = 24 * time.Hour

// toMoment reads dates and times as numbers of their unit, or as ISO 8601 texts that
// the unit can hold exactly.
func toMoment(n *node, v connect.Value) (connect.Value, bool) {
	i, ok := int64(0), false
	if v.Kind() == connect.KindString {
		i, ok = momentOf(n.unit, v.Str())
	}
	if !ok {
		switch v.Kind() {
		case n.kind:
			return v, true
		case connect.KindDate, connect.KindTime, connect.KindTimestamp:
			return v, false
		}
		i, ok = integer(v)
	}
	switch {
	case !ok:
		return v, false
	case n.kind == connect.KindDate:
		return connect.Date(int32(i)), i == int64(int32(i))
	case n.kind == connect.KindTime:
		return connect.Time(int32(i)), i >= 0 && i < day.Milliseconds()
	}
	return connect.Timestamp(i), true
}

// momentOf reads a text in the unit of an Avro logical type.
func momentOf(logical, text string) (int64, bool) {
	switch logical {
	case "date":
		t, err := time.Parse(time.DateOnly, text)
		return t.Unix() / int64(day/time.Second), err == nil
	case "time-millis":
		return timeOfDay(text, time.Millisecond)
	case "time-micros":
		return timeOfDay(text, time.Microsecond)
	case "timestamp-millis":
		return instant(text, time.RFC3339Nano, time.Millisecond)
	case "timestamp-micros":
		return instant(text, time.RFC3339Nano, time.Microsecond)
	case "timestamp-nanos":
		return instant(text, time.RFC3339Nano, time.Nanosecond)
	case "local-timestamp-millis":
		return instant(text, "2006-01-02T15:04:05.999999999", time.Millisecond)
	case "local-timestamp-micros":
		return instant(text, "2006-01-02T15:04:05.999999999", time.Microsecond)
	case "local-timestamp-nanos":
		return instant(text, "2006-01-02T15:04:05.999999999", time.Nanosecond)
	}
	return 0, false
}

func timeOfDay(text string, unit time.Duration) (int64, bool) {
	t, err := time.Parse("15:04:05.999999999", text)
	if err != nil {
		return 0, false
	}
	since := t.Sub(t.Truncate(day))
	return int64(since / unit), since%unit == 0
}

func instant(text, layout string, unit time.Duration) (int64, bool) {
	t, err := time.Parse(layout, text)
	if err != nil {
		return 0, false
	}
	perSecond, fraction := int64(time.Second/unit), int64(t.Nanosecond())
	if fraction%int64(unit) != 0 {
		return 0, false
	}
	s := t.Unix()
	if s > math.MaxInt64/perSecond-1 || s < math.MinInt64/perSecond+1 {
		return 0, false
	}
	return s*perSecond + fraction/int64(unit), true
}
