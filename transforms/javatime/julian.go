// SPDX-License-Identifier: Apache-2.0

package javatime

import "time"

// cutover is 1582-10-15, the first day of the Gregorian calendar, in days since
// 1970-01-01. Java's SimpleDateFormat counts the days before it by the Julian one.
const cutover = -141427

const daySeconds = 86400

// civil is a day in the calendar of its time.
type civil struct {
	year, month, day, yearDay int
}

// civilOf returns the day of a time.
func civilOf(t time.Time) civil {
	days := floorDiv(t.Unix(), daySeconds)
	if days >= cutover {
		return civil{t.Year(), int(t.Month()), t.Day(), t.YearDay()}
	}
	// Years that begin in March have their leap day at the end.
	n := days + julianEpoch
	era := floorDiv(n, 1461)
	of := n - era*1461
	year := min(of/365, 3)
	day := of - year*365
	month := (5*day + 2) / 153
	c := civil{year: int(era*4 + year), month: int(month) + 3, day: int(day-(153*month+2)/5) + 1}
	if c.month > 12 {
		c.month -= 12
		c.year++
	}
	c.yearDay = int(days-julianDays(int64(c.year), 1, 1)) + 1
	return c
}

// julianEpoch is the 1st of March of the year 0 of the Julian calendar, in days before
// 1970-01-01.
const julianEpoch = 719470

// julianDays returns the days since 1970-01-01 of a day of the Julian calendar. The
// month is from 1 to 12; the day may be any.
func julianDays(year, month, day int64) int64 {
	if month <= 2 {
		year--
		month += 12
	}
	return floorDiv(year*1461, 4) + (153*(month-3)+2)/5 + day - 1 - julianEpoch
}

// dateOf returns the days since 1970-01-01 of a day, of which month and day may be
// beyond their ends.
func dateOf(year, month, day int) int64 {
	gregorian := floorDiv(time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC).Unix(), daySeconds)
	if gregorian >= cutover {
		return gregorian
	}
	months := int64(year)*12 + int64(month) - 1
	y := floorDiv(months, 12)
	return julianDays(y, months-y*12+1, int64(day))
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}
