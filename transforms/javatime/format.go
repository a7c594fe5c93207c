// SPDX-License-Identifier: Apache-2.0

package javatime

import (
	"fmt"
	"strings"
	"time"
	_ "time/tzdata" // the same zones on every machine
)

// Format is a compiled pattern with its time zone. It is immutable.
type Format struct {
	pattern string
	zone    *time.Location
	parts   []part
}

// part is a field of the pattern, or a literal.
type part struct {
	letter  byte // 0 for a literal
	width   int  // how often the letter stands there
	fixed   bool // another number follows at once: exactly width digits
	literal string
}

// letters that are understood, and how often each may stand at most.
var letters = map[byte]int{
	'y': 9, 'u': 9, 'M': 4, 'L': 4, 'd': 2, 'D': 3, 'H': 2, 'k': 2, 'h': 2, 'K': 2, 'm': 2, 's': 2, 'S': 9, 'a': 1, 'E': 4, 'X': 3, 'Z': 1,
}

// Compile reads a pattern. zone is the time zone of texts that name none, such as
// UTC or Europe/Berlin. The error says what is not understood.
func Compile(pattern, zone string) (*Format, error) {
	loc, err := Zone(zone)
	if err != nil {
		return nil, err
	}
	f := &Format{pattern: pattern, zone: loc}
	for i := 0; i < len(pattern); {
		p, n, err := next(pattern[i:])
		if err != nil {
			return nil, fmt.Errorf("pattern %q: %w", pattern, err)
		}
		if last := len(f.parts) - 1; p.letter == 0 && last >= 0 && f.parts[last].letter == 0 {
			f.parts[last].literal += p.literal
		} else {
			f.parts = append(f.parts, p)
		}
		i += n
	}
	for i := 1; i < len(f.parts); i++ {
		f.parts[i-1].fixed = f.parts[i-1].numeric() && f.parts[i].numeric()
	}
	if err := f.complete(); err != nil {
		return nil, fmt.Errorf("pattern %q: %w", pattern, err)
	}
	return f, nil
}

// Zone finds a time zone by its name. Local is refused: it differs between machines.
func Zone(name string) (*time.Location, error) {
	if name == "Local" || name == "" {
		return nil, fmt.Errorf("time zone %q: want a name such as UTC or Europe/Berlin", name)
	}
	loc, err := time.LoadLocation(name)
	if err != nil {
		return nil, fmt.Errorf("unknown time zone %q: want a name such as UTC or Europe/Berlin", name)
	}
	return loc, nil
}

// next reads one part and returns the bytes it takes.
func next(s string) (part, int, error) {
	c := s[0]
	switch {
	case c == '\'':
		return quoted(s)
	case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z':
		n := 1
		for n < len(s) && s[n] == c {
			n++
		}
		most, known := letters[c]
		if !known {
			return part{}, 0, fmt.Errorf("the letter %c is not supported; text stands in single quotes", c)
		}
		if n > most {
			return part{}, 0, fmt.Errorf("%s is not supported: at most %d of %c", s[:n], most, c)
		}
		return part{letter: c, width: n}, n, nil
	}
	return part{literal: s[:1]}, 1, nil
}

// quoted reads text in single quotes, in which two stand for one.
func quoted(s string) (part, int, error) {
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		if s[i] != '\'' {
			b.WriteByte(s[i])
			continue
		}
		if i+1 < len(s) && s[i+1] == '\'' {
			b.WriteByte('\'')
			i++
			continue
		}
		if i == 1 {
			return part{literal: "'"}, 2, nil
		}
		return part{literal: b.String()}, i + 1, nil
	}
	return part{}, 0, fmt.Errorf("a quote is not closed")
}

func (p *part) numeric() bool {
	switch p.letter {
	case 0, 'a', 'E', 'X', 'Z':
		return false
	case 'M', 'L':
		return p.width <= 2
	}
	return true
}

// complete refuses patterns that name no day: a point in time could not be told.
func (f *Format) complete() error {
	var has [256]bool
	for _, p := range f.parts {
		has[p.letter] = true
	}
	year, day := has['y'] || has['u'], has['D'] || (has['M'] || has['L']) && has['d']
	switch {
	case !year:
		return fmt.Errorf("the year is missing (yyyy)")
	case !day:
		return fmt.Errorf("month and day are missing (MM and dd)")
	case (has['h'] || has['K']) && !has['a']:
		return fmt.Errorf("hours from 1 to 12 need the half of the day (a); HH is from 0 to 23")
	}
	return nil
}
