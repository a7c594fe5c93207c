// SPDX-License-Identifier: Apache-2.0

package types

import (
	"bytes"
	"strconv"
)

const (
	microsPerSecond = 1_000_000
	microsPerDay    = 86_400 * microsPerSecond
	secondsPerDay   = 86_400
	// daysTo2000 is 2000-01-01, where the server's binary forms begin to count.
	daysTo2000 = 10_957
)

// moment is a point on the proleptic Gregorian calendar: a day since 1970-01-01 and the
// microseconds of the day. infinite is +1 or -1 for the two that no calendar has.
type moment struct {
	day      int64
	micros   int64
	infinite int
}

// daysFrom counts the days to a date. Years are astronomical: year 0 is 1 BC.
func daysFrom(year, month, day int64) int64 {
	if month <= 2 {
		year--
	}
	era := floorDiv(year, 400)
	yearOfEra := year - era*400
	dayOfYear := (153*((month+9)%12)+2)/5 + day - 1
	return era*146_097 + yearOfEra*365 + yearOfEra/4 - yearOfEra/100 + dayOfYear - 719_468
}

// dateOf is the inverse of daysFrom.
func dateOf(days int64) (year, month, day int64) {
	days += 719_468
	era := floorDiv(days, 146_097)
	dayOfEra := days - era*146_097
	yearOfEra := (dayOfEra - dayOfEra/1460 + dayOfEra/36_524 - dayOfEra/146_096) / 365
	dayOfYear := dayOfEra - (365*yearOfEra + yearOfEra/4 - yearOfEra/100)
	shifted := (5*dayOfYear + 2) / 153
	day = dayOfYear - (153*shifted+2)/5 + 1
	month = (shifted+2)%12 + 1
	year = yearOfEra + era*400
	if month <= 2 {
		year++
	}
	return year, month, day
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

func daysIn(year, month int64) int64 {
	switch month {
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	case 4, 6, 9, 11:
		return 30
	}
	return 31
}

// maxYearDigits is more than the server's last year, 5874897, has.
const maxYearDigits = 7

// parseDate reads YYYY-MM-DD, with more digits in the year if it needs them, at the
// beginning of data. bc says that the year counts backwards.
func parseDate(data []byte, bc bool) (days int64, rest []byte, err error) {
	n := 0
	year := int64(0)
	for n < len(data) && n < maxYearDigits && isDigit(data[n]) {
		year, n = year*10+int64(data[n]-'0'), n+1
	}
	data = data[n:]
	if n < 4 || year == 0 || len(data) < 6 || data[0] != '-' || data[3] != '-' {
		return 0, nil, errDate
	}
	month, ok1 := twoDigits(data[1:])
	day, ok2 := twoDigits(data[4:])
	if bc {
		year = 1 - year
	}
	if !ok1 || !ok2 || month < 1 || month > 12 || day < 1 || day > daysIn(year, month) {
		return 0, nil, errDate
	}
	return daysFrom(year, month, day), data[6:], nil
}

// parseClock reads HH:MM:SS with an optional fraction of up to six digits.
func parseClock(data []byte) (micros int64, rest []byte, err error) {
	if len(data) < 8 || data[2] != ':' || data[5] != ':' {
		return 0, nil, errClock
	}
	hour, ok1 := twoDigits(data)
	minute, ok2 := twoDigits(data[3:])
	second, ok3 := twoDigits(data[6:])
	if !ok1 || !ok2 || !ok3 || hour > 24 || minute > 59 || second > 59 {
		return 0, nil, errClock
	}
	fraction, rest, err := parseFraction(data[8:])
	micros = (hour*3600+minute*60+second)*microsPerSecond + fraction
	if err == nil && micros > microsPerDay {
		err = errClock
	}
	return micros, rest, err
}

// parseFraction reads a point and up to six digits, if there is a point.
func parseFraction(data []byte) (micros int64, rest []byte, err error) {
	if len(data) == 0 || data[0] != '.' {
		return 0, data, nil
	}
	n, unit := 1, int64(microsPerSecond)
	for n < len(data) && isDigit(data[n]) {
		if unit == 1 {
			return 0, nil, errClock
		}
		unit /= 10
		micros, n = micros+int64(data[n]-'0')*unit, n+1
	}
	if n == 1 {
		return 0, nil, errClock
	}
	return micros, data[n:], nil
}

// parseZone reads +HH, +HH:MM or +HH:MM:SS into seconds east of UTC.
func parseZone(data []byte) (seconds int64, rest []byte, err error) {
	if len(data) < 3 || data[0] != '+' && data[0] != '-' {
		return 0, nil, errZone
	}
	negative := data[0] == '-'
	rest = data[1:]
	for unit := int64(3600); unit > 0; unit /= 60 {
		if unit < 3600 {
			if len(rest) == 0 || rest[0] != ':' {
				break
			}
			rest = rest[1:]
		}
		part, ok := twoDigits(rest)
		if !ok {
			return 0, nil, errZone
		}
		seconds, rest = seconds+part*unit, rest[2:]
	}
	if negative {
		seconds = -seconds
	}
	return seconds, rest, nil
}

// parseDatePart reads the date that a text begins with, which may be infinite, with BC at the
// end of the text, and returns what is between.
func parseDatePart(data []byte) (moment, []byte, error) {
	switch string(data) {
	case "infinity":
		return moment{infinite: 1}, nil, nil
	case "-infinity":
		return moment{infinite: -1}, nil, nil
	}
	data, bc := cutBC(data)
	day, rest, err := parseDate(data, bc)
	if err != nil {
		return moment{}, nil, err
	}
	return moment{day: day}, rest, nil
}

// parseMoment reads a timestamp, with an offset from UTC if zoned, and BC at its end.
func parseMoment(data []byte, zoned bool) (moment, error) {
	m, rest, err := parseDatePart(data)
	if err != nil || m.infinite != 0 {
		return m, err
	}
	if len(rest) == 0 || rest[0] != ' ' {
		return moment{}, errClock
	}
	micros, rest, err := parseClock(rest[1:])
	if err != nil {
		return moment{}, err
	}
	if zoned {
		offset, after, err := parseZone(rest)
		if err != nil {
			return moment{}, err
		}
		rest, micros = after, micros-offset*microsPerSecond
	}
	if len(rest) != 0 {
		return moment{}, errTrailing
	}
	return normal(m.day, micros), nil
}

// normal brings microseconds outside of the day into it.
func normal(day, micros int64) moment {
	days := floorDiv(micros, microsPerDay)
	return moment{day: day + days, micros: micros - days*microsPerDay}
}

func cutBC(data []byte) ([]byte, bool) { return bytes.CutSuffix(data, []byte(" BC")) }

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func twoDigits(data []byte) (int64, bool) {
	if len(data) < 2 || !isDigit(data[0]) || !isDigit(data[1]) {
		return 0, false
	}
	return int64(data[0]-'0')*10 + int64(data[1]-'0'), true
}

// appendDate writes a date as ISO 8601 does: a sign for years beyond 9999 and before 0.
func appendDate(dst []byte, days int64) []byte {
	year, month, day := dateOf(days)
	if year > 9999 {
		dst = append(dst, '+')
	} else if year < 0 {
		dst, year = append(dst, '-'), -year
	}
	if year <= 9999 {
		dst = appendTwo(appendTwo(dst, year/100), year%100)
	} else {
		dst = strconv.AppendInt(dst, year, 10)
	}
	dst = appendTwo(append(dst, '-'), month)
	return appendTwo(append(dst, '-'), day)
}

// appendClock writes a time of day with this many digits behind the point; -1 means as many
// as are not zero.
func appendClock(dst []byte, micros int64, digits int) []byte {
	seconds, fraction := micros/microsPerSecond, micros%microsPerSecond
	dst = appendTwo(dst, seconds/3600)
	dst = appendTwo(append(dst, ':'), seconds/60%60)
	dst = appendTwo(append(dst, ':'), seconds%60)
	return appendFraction(dst, fraction, digits)
}

func appendFraction(dst []byte, fraction int64, digits int) []byte {
	if digits == 0 || digits < 0 && fraction == 0 {
		return dst
	}
	dst = appendTwo(append(dst, '.'), fraction/10_000)
	dst = appendTwo(appendTwo(dst, fraction/100%100), fraction%100)
	if digits > 0 {
		return dst[:len(dst)-6+digits]
	}
	for dst[len(dst)-1] == '0' {
		dst = dst[:len(dst)-1]
	}
	return dst
}

// appendTwo writes a number below 100 with two digits.
func appendTwo(dst []byte, n int64) []byte {
	return append(dst, byte(n/10)+'0', byte(n%10)+'0')
}
