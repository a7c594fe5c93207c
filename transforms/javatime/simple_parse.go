// SPDX-License-Identifier: Apache-2.0

package javatime

import (
	"fmt"
	"strconv"
	"strings"
)

// simpleFields is what a text says. What it does not say is that of 1970-01-01.
type simpleFields struct {
	year, month, day, yearDay    int
	hour, minute, second, millis int
	half, pm, bc                 bool
	offset                       int // seconds east of UTC
}

// Parse returns the milliseconds since 1970-01-01 UTC that a text begins with: as
// in Java, what follows is ignored, and a month 13 is the first of the next year. yy
// is a year from 2000 to 2099. The error names text and pattern.
func (f *Simple) Parse(text string) (int64, error) {
	v := simpleFields{year: 1970, month: 1, day: 1}
	rest := text
	for i := range f.parts {
		n, err := f.parts[i].readSimple(rest, &v)
		if err != nil {
			return 0, fmt.Errorf("could not parse timestamp: value (%s) does not match pattern (%s): %w at %q", text, f.pattern, err, rest)
		}
		rest = rest[n:]
	}
	return v.unixMilli(), nil
}

func (v *simpleFields) unixMilli() int64 {
	if v.half {
		v.hour %= 12
		if v.pm {
			v.hour += 12
		}
	}
	if v.yearDay > 0 {
		v.month, v.day = 1, v.yearDay
	}
	if v.bc {
		v.year = 1 - v.year
	}
	seconds := dateOf(v.year, v.month, v.day)*daySeconds + int64(v.hour)*3600 + int64(v.minute)*60 + int64(v.second) - int64(v.offset)
	return seconds*1000 + int64(v.millis)
}

// readSimple reads one part from the front of s and returns the bytes it takes.
func (p *part) readSimple(s string, v *simpleFields) (int, error) {
	if p.letter == 0 {
		if !strings.HasPrefix(s, p.literal) {
			return 0, fmt.Errorf("want %q", p.literal)
		}
		return len(p.literal), nil
	}
	blank := len(s) - len(strings.TrimLeft(s, " \t"))
	s = s[blank:]
	var n int
	var err error
	switch {
	case p.number():
		n, err = p.readDigits(s, v)
	case p.letter == 'z' || p.letter == 'Z' || p.letter == 'X':
		n, err = readOffset(s, v)
	default:
		n, err = p.readWord(s, v)
	}
	return blank + n, err
}

// mostDigits is how long a number may be that is surely an int.
const mostDigits = 9

func (p *part) readDigits(s string, v *simpleFields) (int, error) {
	most := mostDigits
	if p.fixed {
		most = min(most, p.width)
	}
	sign := 0
	if s != "" && s[0] == '-' && !p.fixed {
		sign = 1
	}
	n := sign
	for n < len(s) && n-sign < most && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	if n == sign {
		return 0, fmt.Errorf("want a number for %s", strings.Repeat(string(p.letter), p.width))
	}
	value, err := strconv.Atoi(s[:n])
	if err != nil {
		return 0, fmt.Errorf("read number: %w", err)
	}
	if p.letter == 'y' && p.width <= 2 && n == 2 && sign == 0 {
		value += 2000
	}
	p.setNumber(v, value)
	return n, nil
}

func (p *part) setNumber(v *simpleFields, n int) {
	switch p.letter {
	case 'y':
		v.year = n
	case 'M', 'L':
		v.month = n
	case 'd':
		v.day = n
	case 'D':
		v.yearDay = n
	case 'H':
		v.hour = n
	case 'k':
		v.hour = n % 24
	case 'K':
		v.hour, v.half = n, true
	case 'h':
		v.hour, v.half = n%12, true
	case 'm':
		v.minute = n
	case 's':
		v.second = n
	case 'S':
		v.millis = n
	}
}

// readWord reads a name, long or short, in any case. A day of the week says nothing
// about the date.
func (p *part) readWord(s string, v *simpleFields) (int, error) {
	switch p.letter {
	case 'G':
		return readAnyOf(s, []string{"BC", "AD"}, func(i int) { v.bc = i == 0 })
	case 'a':
		return readAnyOf(s, []string{"AM", "PM"}, func(i int) { v.pm = i == 1 })
	case 'E':
		return readAnyOf(s, days, func(int) {})
	}
	return readAnyOf(s, months, func(i int) { v.month = i + 1 })
}

func readAnyOf(s string, names []string, found func(i int)) (int, error) {
	for _, cut := range []int{0, 3} {
		for i, name := range names {
			if cut > 0 && len(name) > cut {
				name = name[:cut]
			}
			if len(s) >= len(name) && strings.EqualFold(s[:len(name)], name) {
				found(i)
				return len(name), nil
			}
		}
	}
	return 0, fmt.Errorf("want one of %s", strings.Join(names, ", "))
}

// readOffset reads Z, UTC, GMT, an offset such as +01, +0100 or +01:00, or GMT with an
// offset. Other names of zones are not supported: what they mean changes.
func readOffset(s string, v *simpleFields) (int, error) {
	n := 0
	switch {
	case strings.HasPrefix(s, "UTC"):
		return 3, nil
	case strings.HasPrefix(s, "GMT"):
		n = 3
	case strings.HasPrefix(s, "Z"):
		return 1, nil
	}
	rest := s[n:]
	if rest == "" || rest[0] != '+' && rest[0] != '-' {
		if n > 0 {
			return n, nil
		}
		return 0, fmt.Errorf("want an offset such as +0100, or Z, UTC, GMT")
	}
	hours, hourDigits := leadingDigits(rest[1:], 2)
	used := 1 + hourDigits
	colon := 0
	if strings.HasPrefix(rest[used:], ":") {
		colon = 1
	}
	minutes, minuteDigits := leadingDigits(rest[used+colon:], 2)
	if hourDigits == 0 || minuteDigits == 1 || hours > 23 || minutes > 59 {
		return 0, fmt.Errorf("want an offset such as +0100")
	}
	if minuteDigits == 2 {
		used += colon + 2
	}
	v.offset = hours*3600 + minutes*60
	if rest[0] == '-' {
		v.offset = -v.offset
	}
	return n + used, nil
}

func leadingDigits(s string, most int) (value, n int) {
	for n < len(s) && n < most && s[n] >= '0' && s[n] <= '9' {
		value = value*10 + int(s[n]-'0')
		n++
	}
	return value, n
}
