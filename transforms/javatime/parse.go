// SPDX-License-Identifier: Apache-2.0

package javatime

import (
	"fmt"
	"strings"
	"time"
)

// fields is what a text says, as far as it has been read.
type fields struct {
	year, month, day, yearDay    int
	hour, minute, second, millis int
	pm, half                     bool
	zone                         *time.Location
}

// Parse returns the milliseconds since 1970-01-01 UTC of a text. Digits beyond
// milliseconds are cut off. The error names text and pattern.
func (f *Format) Parse(text string) (int64, error) {
	v := fields{month: 1, day: 1, zone: f.zone}
	rest := text
	for i := range f.parts {
		n, err := f.parts[i].read(rest, &v)
		if err != nil {
			return 0, fmt.Errorf("%q is not a time of the pattern %q: %w at %q", text, f.pattern, err, rest)
		}
		rest = rest[n:]
	}
	if rest != "" {
		return 0, fmt.Errorf("%q is not a time of the pattern %q: %q is left over", text, f.pattern, rest)
	}
	if v.half {
		v.hour %= 12
		if v.pm {
			v.hour += 12
		}
	}
	if v.yearDay > 0 {
		v.month, v.day = 1, v.yearDay
	}
	t := time.Date(v.year, time.Month(v.month), v.day, v.hour, v.minute, v.second, 0, v.zone)
	if v.yearDay == 0 && v.day > 28 && time.Date(v.year, time.Month(v.month), v.day, 0, 0, 0, 0, time.UTC).Day() != v.day ||
		v.yearDay == 366 && time.Date(v.year, 12, 31, 0, 0, 0, 0, time.UTC).YearDay() != 366 {
		return 0, fmt.Errorf("%q is not a time of the pattern %q: there is no such day", text, f.pattern)
	}
	return t.UnixMilli() + int64(v.millis), nil
}

// read reads one part from the front of s and returns the bytes it takes.
func (p *part) read(s string, v *fields) (int, error) {
	switch p.letter {
	case 0:
		if !strings.HasPrefix(s, p.literal) {
			return 0, fmt.Errorf("want %q", p.literal)
		}
		return len(p.literal), nil
	case 'S':
		return p.readFraction(s, v)
	case 'y', 'u':
		return p.readYear(s, v)
	case 'a':
		v.half = true
		return readName(s, []string{"AM", "PM"}, 2, func(i int) { v.pm = i == 1 })
	case 'E':
		return readName(s, days, nameLength(p.width), func(int) {})
	case 'X', 'Z':
		return p.readZone(s, v)
	case 'M', 'L':
		if p.width > 2 {
			return readName(s, months, nameLength(p.width), func(i int) { v.month = i + 1 })
		}
	}
	b := bounds[p.letter]
	n, value, err := p.readNumber(s, b.digits, b.least, b.most)
	if err == nil {
		b.set(v, value)
	}
	return n, err
}

var bounds = map[byte]struct {
	digits, least, most int
	set                 func(v *fields, n int)
}{
	'M': {2, 1, 12, func(v *fields, n int) { v.month = n }},
	'L': {2, 1, 12, func(v *fields, n int) { v.month = n }},
	'd': {2, 1, 31, func(v *fields, n int) { v.day = n }},
	'D': {3, 1, 366, func(v *fields, n int) { v.yearDay = n }},
	'H': {2, 0, 23, func(v *fields, n int) { v.hour = n }},
	'k': {2, 1, 24, func(v *fields, n int) { v.hour = n % 24 }},
	'h': {2, 1, 12, func(v *fields, n int) { v.hour = n }},
	'K': {2, 0, 11, func(v *fields, n int) { v.hour = n }},
	'm': {2, 0, 59, func(v *fields, n int) { v.minute = n }},
	's': {2, 0, 59, func(v *fields, n int) { v.second = n }},
}

// readNumber reads at least width digits, and at most those that the field can have.
func (p *part) readNumber(s string, digits, least, most int) (n, value int, err error) {
	digits = max(digits, p.width)
	if p.fixed {
		digits = p.width
	}
	for n < len(s) && n < digits && s[n] >= '0' && s[n] <= '9' {
		value = value*10 + int(s[n]-'0')
		n++
	}
	if n < p.width {
		return 0, 0, fmt.Errorf("want %d digits for %s", p.width, strings.Repeat(string(p.letter), p.width))
	}
	if value < least || value > most {
		return 0, 0, fmt.Errorf("%s is not between %d and %d", s[:n], least, most)
	}
	return n, value, nil
}

// readYear reads a year; of yy the century is this one: 00 to 99 is 2000 to 2099.
func (p *part) readYear(s string, v *fields) (int, error) {
	if p.width == 2 {
		two := part{letter: p.letter, width: 2, fixed: true}
		n, year, err := two.readNumber(s, 2, 0, 99)
		v.year = 2000 + year
		return n, err
	}
	n, year, err := p.readNumber(s, 4, 0, 999_999_999)
	v.year = year
	return n, err
}

// readFraction reads the digits of a fraction of a second: as many as there are
// letters.
func (p *part) readFraction(s string, v *fields) (int, error) {
	millis := 0
	for i := range p.width {
		if i >= len(s) || s[i] < '0' || s[i] > '9' {
			return 0, fmt.Errorf("want %d digits for %s", p.width, strings.Repeat("S", p.width))
		}
		if i < 3 {
			millis = millis*10 + int(s[i]-'0')
		}
	}
	for i := p.width; i < 3; i++ {
		millis *= 10
	}
	v.millis = millis
	return p.width, nil
}

var (
	months = []string{"January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"}
	days   = []string{"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"}
)

// nameLength is how much of a name a pattern asks for; 0 is all.
func nameLength(width int) int {
	if width > 3 {
		return 0
	}
	return 3
}

func readName(s string, names []string, length int, set func(int)) (int, error) {
	for i, name := range names {
		if length > 0 {
			name = name[:min(length, len(name))]
		}
		if len(s) >= len(name) && strings.EqualFold(s[:len(name)], name) {
			set(i)
			return len(name), nil
		}
	}
	return 0, fmt.Errorf("want a name such as %s", names[0])
}

// readZone reads Z, +hh, +hhmm or +hh:mm by the pattern: X, XX, XXX, or Z for +hhmm.
func (p *part) readZone(s string, v *fields) (int, error) {
	if p.letter == 'X' && strings.HasPrefix(s, "Z") {
		v.zone = time.UTC
		return 1, nil
	}
	shape := "+hhmm"
	if p.letter == 'X' {
		shape = [...]string{"+hh", "+hhmm", "+hh:mm"}[p.width-1]
	}
	if len(s) < len(shape) || s[0] != '+' && s[0] != '-' {
		return 0, fmt.Errorf("want an offset such as %s", shape)
	}
	var digits []int
	for i := 1; i < len(shape); i++ {
		switch {
		case shape[i] == ':' && s[i] == ':':
		case shape[i] != ':' && s[i] >= '0' && s[i] <= '9':
			digits = append(digits, int(s[i]-'0'))
		default:
			return 0, fmt.Errorf("want an offset such as %s", shape)
		}
	}
	minutes := (digits[0]*10 + digits[1]) * 60
	if len(digits) == 4 {
		minutes += digits[2]*10 + digits[3]
	}
	if minutes > 18*60 || len(digits) == 4 && digits[2] > 5 {
		return 0, fmt.Errorf("the offset is out of range")
	}
	if s[0] == '-' {
		minutes = -minutes
	}
	v.zone = time.FixedZone("", minutes*60)
	return len(shape), nil
}
