// SPDX-License-Identifier: Apache-2.0

package types

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/connectd/connectd/connect"
)

func TestTemporal(t *testing.T) {
	const beyondNanos = "unfit: is beyond the range of nanoseconds in 64 bits, 1677 to 2262"
	for _, c := range []struct {
		name       string
		oid        uint32
		mod        int32
		mode       string
		text, want string
	}{
		{"first day of the server", oidDate, noMod, "", "4714-11-24 BC", "-2440588"},
		{"last day of the server", oidDate, noMod, "", "5874897-12-31", "2145042905"},
		{"leap day", oidDate, noMod, "", "2000-02-29", "11016"},
		{"no leap day", oidDate, noMod, "", "1900-02-29", "malformed: must be a date as YYYY-MM-DD"},
		{"leap day of 1 BC", oidDate, noMod, "", "0001-02-29 BC", "-719469"},
		{"month 13", oidDate, noMod, "", "2000-13-01", "malformed: must be a date as YYYY-MM-DD"},
		{"year 0", oidDate, noMod, "", "0000-01-01", "malformed: must be a date as YYYY-MM-DD"},
		{"short date", oidDate, noMod, "", "2000-1-1", "malformed: must be a date as YYYY-MM-DD"},
		{"date in another style", oidDate, noMod, "", "01/02/2000", "malformed: must be a date as YYYY-MM-DD"},
		{"date with time", oidDate, noMod, "", "2000-01-01 00:00:00", "malformed: must end here"},
		{"date beyond 32 bits", oidDate, noMod, "", "9999999-01-01", "malformed: must be a date as YYYY-MM-DD"},
		{"infinite date", oidDate, noMod, "nanoseconds", "infinity", "2146033979"},
		{"infinite date in Kafka's type", oidDate, noMod, "connect", "-infinity", "-2147472691"},
		{"infinite date as text", oidDate, noMod, "isostring", "infinity", `"infinity"`},
		{"date before 0 as text", oidDate, noMod, "isostring", "0044-03-15 BC", `"-0043-03-15Z"`},
		{"date beyond 9999 as text", oidDate, noMod, "isostring", "12345-01-01", `"+12345-01-01Z"`},
		{"time of 25 hours", oidTime, noMod, "", "25:00:00", "malformed: must be a time of day as HH:MM:SS"},
		{"time past the end of a day", oidTime, noMod, "", "24:00:01", "malformed: must be a time of day as HH:MM:SS"},
		{"time of 60 seconds", oidTime, noMod, "", "00:00:60", "malformed: must be a time of day as HH:MM:SS"},
		{"time of seven digits", oidTime, noMod, "", "00:00:00.1234567", "malformed: must be a time of day as HH:MM:SS"},
		{"time with a point", oidTime, noMod, "", "00:00:00.", "malformed: must be a time of day as HH:MM:SS"},
		{"time(4)", oidTime, 4, "", "00:00:00.1234", "123400"},
		{"end of day in nanoseconds", oidTime, noMod, "nanoseconds", "24:00:00", "86400000000000"},
		{"end of day in Kafka's type", oidTime, noMod, "connect", "24:00:00", "86400000"},
		{"timetz with seconds in the offset", oidTimetz, noMod, "", "12:00:00-00:00:30", `"12:00:30Z"`},
		{"timetz at the end of the day", oidTimetz, noMod, "", "24:00:00+00", `"24:00:00Z"`},
		{"timetz at the end of a day elsewhere", oidTimetz, noMod, "", "24:00:00+02", `"22:00:00Z"`},
		{"timetz without offset", oidTimetz, noMod, "", "12:00:00", "malformed: must end in an offset from UTC as +HH:MM"},
		{"timetz with a name", oidTimetz, noMod, "", "12:00:00 UTC", "malformed: must end in an offset from UTC as +HH:MM"},
		{"timestamp without time", oidTimestamp, noMod, "", "2000-01-01", "malformed: must be a time of day as HH:MM:SS"},
		{"timestamp with offset", oidTimestamp, noMod, "", "2000-01-01 00:00:00+00", "malformed: must end here"},
		{"timestamp(2)", oidTimestamp, 2, "", "2000-01-01 00:00:00.12", "946684800120"},
		{"timestamp(2) in microseconds", oidTimestamp, 2, "microseconds", "2000-01-01 00:00:00.12", "946684800120000"},
		{"infinite timestamp(2)", oidTimestamp, 2, "", "infinity", "9223372036825200000"},
		{"infinite timestamp in nanoseconds", oidTimestamp, noMod, "nanoseconds", "-infinity", "-9223372036854775808"},
		{"infinite timestamp as text", oidTimestamp, noMod, "isostring", "-infinity", `"-infinity"`},
		{"last microsecond", oidTimestamp, noMod, "", "294247-01-10 04:00:54.775807", "9223372036854775807"},
		{"beyond the last microsecond", oidTimestamp, noMod, "", "294247-01-10 04:00:54.775808", "unfit: is beyond the range of microseconds in 64 bits"},
		{"last timestamp of the server", oidTimestamp, noMod, "connect", "294276-12-31 23:59:59.999999", "9224318015999999"},
		{"last nanoseconds", oidTimestamp, noMod, "nanoseconds", "2262-04-11 23:47:16.854775", "9223372036854775000"},
		{"beyond the last nanosecond", oidTimestamp, noMod, "nanoseconds", "2262-04-11 23:47:16.854776", beyondNanos},
		{"first nanoseconds", oidTimestamp, noMod, "nanoseconds", "1677-09-21 00:12:43.145225", "-9223372036854775000"},
		{"before the first nanosecond", oidTimestamp, noMod, "nanoseconds", "1677-09-21 00:12:43.145224", beyondNanos},
		{"timestamptz(0)", oidTimestamptz, 0, "", "2000-01-01 00:00:00+05:30", `"1999-12-31T18:30:00Z"`},
		{"timestamptz(1)", oidTimestamptz, 1, "", "2000-01-01 00:00:00.9-00:00:01", `"2000-01-01T00:00:01.9Z"`},
		{"timestamptz BC", oidTimestamptz, noMod, "", "0001-12-31 23:30:00-01 BC", `"0001-01-01T00:30:00.000000Z"`},
		{"timestamptz with a name", oidTimestamptz, noMod, "", "2000-01-01 00:00:00 IST", "malformed: must end in an offset from UTC as +HH:MM"},
		{"structured date", oidDate, noMod, "structured", "0044-03-15 BC", `{"year":-43,"month":3,"day":15,"specialValue":null}`},
		{"structured infinite date", oidDate, noMod, "structured", "infinity", `{"year":null,"month":null,"day":null,"specialValue":"POSITIVE_INFINITY"}`},
		{"structured time", oidTime, 3, "structured", "24:00:00", `{"hour":24,"minute":0,"second":0,"nanos":0,"precision":3}`},
		{"structured timetz", oidTimetz, noMod, "structured", "12:34:56.7-05:30", `{"hour":12,"minute":34,"second":56,"nanos":700000000,"offsetSeconds":-19800,"precision":6}`},
		{"structured timestamp", oidTimestamp, noMod, "structured", "2024-02-29 12:34:56.000001", `{"year":2024,"month":2,"day":29,"hour":12,"minute":34,"second":56,"nanos":1000,"specialValue":null,"precision":6}`},
		{"structured timestamptz", oidTimestamptz, 0, "structured", "2024-02-29 12:34:56+02", `{"year":2024,"month":2,"day":29,"hour":10,"minute":34,"second":56,"nanos":0,"offsetSeconds":0,"zoneId":"Z","specialValue":null,"precision":0}`},
		{"structured infinite timestamptz", oidTimestamptz, noMod, "structured", "-infinity", `{"year":null,"month":null,"day":null,"hour":null,"minute":null,"second":null,"nanos":null,"offsetSeconds":null,"zoneId":null,"specialValue":"NEGATIVE_INFINITY","precision":6}`},
		{"structured interval", oidInterval, noMod, "structured", "-1 years -2 mons +3 days -04:05:06.7", `{"years":-1,"months":-2,"days":3,"hours":-4,"minutes":-5,"seconds":-6,"nanos":-700000000,"precision":6}`},
		{"structured infinite interval", oidInterval, noMod, "structured", "infinity", "unfit: has no place in StructuredDuration, which knows no infinity"},
		{"structured time of words", oidTime, noMod, "structured", "noon", "malformed: must be a time of day as HH:MM:SS"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var a connect.Arena
			p := mustPlan(t, Column{Type: c.oid, TypMod: c.mod}, Modes{Time: c.mode})
			v, err := p.Text(&a, []byte(c.text))
			if got := shown(v, err); got != c.want {
				t.Errorf("%q is %s, want %s", c.text, got, c.want)
			}
			if err := connect.Check(p.Schema, v); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestTemporalSchemas has each of the seven modes.
func TestTemporalSchemas(t *testing.T) {
	const kafka, debezium = "org.apache.kafka.connect.data.", "io.debezium.time."
	for mode, want := range map[string][]string{
		"adaptive":                   {"INT32 " + debezium + "Date?", "INT32 " + debezium + "Time?", "INT64 " + debezium + "MicroTime?", "INT64 " + debezium + "Timestamp?", "INT64 " + debezium + "MicroTimestamp?"},
		"adaptive_time_microseconds": {"INT32 " + debezium + "Date?", "INT64 " + debezium + "MicroTime?", "INT64 " + debezium + "MicroTime?", "INT64 " + debezium + "Timestamp?", "INT64 " + debezium + "MicroTimestamp?"},
		"connect":                    {"INT32 " + kafka + "Date?", "INT32 " + kafka + "Time?", "INT32 " + kafka + "Time?", "INT64 " + kafka + "Timestamp?", "INT64 " + kafka + "Timestamp?"},
		"isostring":                  {"STRING " + debezium + "IsoDate?", "STRING " + debezium + "IsoTime?", "STRING " + debezium + "IsoTime?", "STRING " + debezium + "IsoTimestamp?", "STRING " + debezium + "IsoTimestamp?"},
		"microseconds":               {"INT32 " + debezium + "Date?", "INT64 " + debezium + "MicroTime?", "INT64 " + debezium + "MicroTime?", "INT64 " + debezium + "MicroTimestamp?", "INT64 " + debezium + "MicroTimestamp?"},
		"nanoseconds":                {"INT32 " + debezium + "Date?", "INT64 " + debezium + "NanoTime?", "INT64 " + debezium + "NanoTime?", "INT64 " + debezium + "NanoTimestamp?", "INT64 " + debezium + "NanoTimestamp?"},
	} {
		for i, c := range []Column{{Type: oidDate, TypMod: noMod}, {Type: oidTime, TypMod: 3}, {Type: oidTime, TypMod: 4}, {Type: oidTimestamp, TypMod: 3}, {Type: oidTimestamp, TypMod: noMod}} {
			if got := schemaText(mustPlan(t, c, Modes{Time: mode}).Schema); got != want[i] {
				t.Errorf("%s: %+v is %s, want %s", mode, c, got, want[i])
			}
		}
	}
	got := schemaText(mustPlan(t, Column{Type: oidDate, TypMod: noMod, NotNull: true}, Modes{Time: "structured"}).Schema)
	if want := "STRUCT io.debezium.time.StructuredDate .year(INT32?) .month(INT8?) .day(INT8?) .specialValue(STRING?)"; got != want {
		t.Errorf("structured date is %s, want %s", got, want)
	}
}

// TestAnyMoment writes moments with Go's formatter and reads them back.
func TestAnyMoment(t *testing.T) {
	micros := mustPlan(t, Column{Type: oidTimestamp, TypMod: noMod}, Modes{})
	zoned := mustPlan(t, Column{Type: oidTimestamptz, TypMod: noMod}, Modes{})
	days := mustPlan(t, Column{Type: oidDate, TypMod: noMod}, Modes{})
	rapid.Check(t, func(r *rapid.T) {
		var a connect.Arena
		offset := rapid.IntRange(-15*60, 15*60).Draw(r, "offset")
		at := time.UnixMicro(rapid.Int64Range(-62135596800e6, 253402300799e6-86400e6).Draw(r, "micros")).UTC()
		v, err := micros.Text(&a, []byte(at.Format("2006-01-02 15:04:05.999999")))
		if err != nil || v.Int() != at.UnixMicro() {
			r.Fatalf("%s: %s, %v", at, shown(v, err), err)
		}
		local := at.In(time.FixedZone("", offset*60))
		if local.Year() < 1 {
			return
		}
		v, err = zoned.Text(&a, []byte(local.Format("2006-01-02 15:04:05.999999-07:00")))
		if want := at.Format("2006-01-02T15:04:05.000000Z"); err != nil || v.Str() != want {
			r.Fatalf("%s: %s, want %s", local, shown(v, err), want)
		}
		v, err = days.Text(&a, []byte(at.Format("2006-01-02")))
		if want := floorDiv(at.Unix(), secondsPerDay); err != nil || v.Int() != want {
			r.Fatalf("%s: %s, want %d", at, shown(v, err), want)
		}
	})
}

// TestCalendar goes there and back over the server's whole range.
func TestCalendar(t *testing.T) {
	for day := int64(-2_440_588); day <= 2_145_042_905; day += 10_007 {
		year, month, dayOfMonth := dateOf(day)
		if month < 1 || month > 12 || dayOfMonth < 1 || dayOfMonth > daysIn(year, month) || daysFrom(year, month, dayOfMonth) != day {
			t.Fatalf("day %d is %d-%d-%d", day, year, month, dayOfMonth)
		}
	}
}
