// SPDX-License-Identifier: Apache-2.0

package javatime

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Simple is a compiled pattern of Java's SimpleDateFormat, in UTC and in English, as
// the transforms of Kafka Connect use it. It differs from Format where that class
// does: it writes and reads, does not need a whole date, and is lenient. S counts
// milliseconds, however many letters there are. It is immutable.
type Simple struct {
	pattern string
	parts   []part
}

// simpleLetters are understood; E, M and others choose their form by the number of
// letters.
const simpleLetters = "GyMLdDEuaHkKhmsSzZX"

// CompileSimple reads a pattern. The error says what is not understood.
func CompileSimple(pattern string) (*Simple, error) {
	f := &Simple{pattern: pattern}
	for i := 0; i < len(pattern); {
		p, n, err := nextSimple(pattern[i:])
		if err != nil {
			return nil, fmt.Errorf("pattern %q: %w", pattern, err)
		}
		f.parts = append(f.parts, p)
		i += n
	}
	for i := 1; i < len(f.parts); i++ {
		f.parts[i-1].fixed = f.parts[i-1].number() && f.parts[i].number()
	}
	return f, nil
}

func nextSimple(s string) (part, int, error) {
	c := s[0]
	if c == '\'' {
		return quoted(s)
	}
	if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
		return part{literal: s[:1]}, 1, nil
	}
	n := 1
	for n < len(s) && s[n] == c {
		n++
	}
	if strings.IndexByte(simpleLetters, c) < 0 {
		return part{}, 0, fmt.Errorf("the letter %c is not supported; text stands in single quotes", c)
	}
	if c == 'X' && n > 3 || n > 20 {
		return part{}, 0, fmt.Errorf("%s is too long", s[:n])
	}
	return part{letter: c, width: n}, n, nil
}

// number reports whether a part is written in digits.
func (p *part) number() bool {
	switch p.letter {
	case 0, 'G', 'E', 'a', 'z', 'Z', 'X':
		return false
	case 'M', 'L':
		return p.width <= 2
	}
	return true
}

// Append writes milliseconds since 1970-01-01 UTC behind dst.
func (f *Simple) Append(dst []byte, millis int64) []byte {
	t := time.UnixMilli(millis).UTC()
	for i := range f.parts {
		p := &f.parts[i]
		switch {
		case p.letter == 0:
			dst = append(dst, p.literal...)
		case p.number():
			dst = p.appendNumber(dst, t)
		default:
			dst = append(dst, p.name(t)...)
		}
	}
	return dst
}

func (p *part) appendNumber(dst []byte, t time.Time) []byte {
	n := p.value(t)
	if p.letter == 'y' && p.width == 2 {
		n %= 100
	}
	var room [20]byte
	digits := strconv.AppendInt(room[:0], int64(n), 10)
	for range p.width - len(digits) {
		dst = append(dst, '0')
	}
	return append(dst, digits...)
}

func (p *part) value(t time.Time) int {
	switch p.letter {
	case 'y':
		if year := civilOf(t).year; year <= 0 {
			return 1 - year // of the era before
		}
		return civilOf(t).year
	case 'M', 'L':
		return civilOf(t).month
	case 'd':
		return civilOf(t).day
	case 'D':
		return civilOf(t).yearDay
	case 'u':
		return (int(t.Weekday())+6)%7 + 1
	case 'H':
		return t.Hour()
	case 'k':
		return (t.Hour()+23)%24 + 1
	case 'K':
		return t.Hour() % 12
	case 'h':
		return (t.Hour()+11)%12 + 1
	case 'm':
		return t.Minute()
	case 's':
		return t.Second()
	}
	return t.Nanosecond() / 1_000_000
}

// name is what stands for a part that is no number.
func (p *part) name(t time.Time) string {
	switch p.letter {
	case 'G':
		if civilOf(t).year <= 0 {
			return "BC"
		}
		return "AD"
	case 'M', 'L':
		return shortened(time.Month(civilOf(t).month).String(), p.width)
	case 'E':
		return shortened(t.Weekday().String(), p.width)
	case 'a':
		if t.Hour() >= 12 {
			return "PM"
		}
		return "AM"
	case 'z':
		if p.width >= 4 {
			return "Coordinated Universal Time"
		}
		return "UTC"
	case 'Z':
		return "+0000"
	}
	return "Z"
}

// shortened cuts a name to three letters where the pattern has fewer than four.
func shortened(name string, width int) string {
	if width < 4 {
		return name[:3]
	}
	return name
}
