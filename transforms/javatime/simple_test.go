// SPDX-License-Identifier: Apache-2.0

package javatime

import (
	"strings"
	"testing"
	"time"
)

func at(text string) int64 {
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		panic(err)
	}
	return t.UnixMilli()
}

func TestSimpleAppend(t *testing.T) {
	moment := at("2024-03-05T13:04:09.007Z") // a Tuesday
	for pattern, want := range map[string]string{
		"yyyyMMdd": "20240305", "yyyy-MM-dd'T'HH:mm:ss.SSS'Z'": "2024-03-05T13:04:09.007Z", "yy": "24", "y": "2024", "yyyyy": "02024",
		"M/d": "3/5", "MMM": "Mar", "MMMM LLL": "March Mar", "E EEEE u": "Tue Tuesday 2", "D DDD": "65 065", "H k K h a": "13 13 1 1 PM",
		"SSSSSS": "000007", "S": "7", "z zzzz Z X XXX": "UTC Coordinated Universal Time +0000 Z Z", "G": "AD", "'o''clock' ''": "o'clock '", "HH[]": "13[]",
	} {
		f, err := CompileSimple(pattern)
		if err != nil {
			t.Fatal(err)
		}
		if got := string(f.Append(nil, moment)); got != want {
			t.Errorf("%s: %s, want %s", pattern, got, want)
		}
	}
	f, err := CompileSimple("G y k h a")
	if err != nil {
		t.Fatal(err)
	}
	if got := string(f.Append(nil, at("0000-01-01T00:00:00Z"))); got != "BC 1 24 12 AM" {
		t.Error(got)
	}
	if back, err := f.Parse("BC 1 24 12 AM"); err != nil || back != -62167392000000 {
		t.Error(back, err)
	}
}

func TestSimpleParse(t *testing.T) {
	cases := []struct{ pattern, text, want string }{
		{"yyyy-MM-dd HH:mm:ss.SSS", "2024-03-05 13:04:09.007", "2024-03-05T13:04:09.007Z"},
		{"yyyyMMddHHmmss", "20240305130409", "2024-03-05T13:04:09Z"},
		{"yyyy-MM", "2024-03", "2024-03-01T00:00:00Z"},
		{"HH:mm", "13:04", "1970-01-01T13:04:00Z"},
		{"yyyy-MM-dd", "2024-13-32", "2025-02-01T00:00:00Z"},
		{"yyyy-MM-dd", "2024-03-05 and more", "2024-03-05T00:00:00Z"},
		{"yy-M-d", "24-3-5", "2024-03-05T00:00:00Z"},
		{"yy-M-d", "1999-3-5", "1999-03-05T00:00:00Z"},
		{"d MMM yyyy", "5 mar 2024", "2024-03-05T00:00:00Z"},
		{"d MMM yyyy", "5 March 2024", "2024-03-05T00:00:00Z"},
		{"E, d MMM yyyy HH:mm:ss Z", "Tue, 05 Mar 2024 13:04:09 +0130", "2024-03-05T11:34:09Z"},
		{"yyyy-MM-dd'T'HH:mm:ssX", "2024-03-05T13:04:09-08", "2024-03-05T21:04:09Z"},
		{"yyyy-MM-dd'T'HH:mm:ssXXX", "2024-03-05T13:04:09+01:00", "2024-03-05T12:04:09Z"},
		{"yyyy-MM-dd HH:mm z", "2024-03-05 13:04 GMT+01:00", "2024-03-05T12:04:00Z"},
		{"yyyy-MM-dd HH:mm z", "2024-03-05 13:04 UTC", "2024-03-05T13:04:00Z"},
		{"yyyy hh:mm a", "2024 12:04 PM", "2024-01-01T12:04:00Z"},
		{"yyyy KK:mm a", "2024 00:04 PM", "2024-01-01T12:04:00Z"},
		{"yyyy kk", "2024 24", "2024-01-01T00:00:00Z"},
		{"yyyy D", "2024 65", "2024-03-05T00:00:00Z"},
		{"ss.SSSSSS", "1.678901", "1970-01-01T00:11:19.901Z"},
	}
	for _, c := range cases {
		f, err := CompileSimple(c.pattern)
		if err != nil {
			t.Fatal(err)
		}
		got, err := f.Parse(c.text)
		if err != nil || got != at(c.want) {
			t.Errorf("%s as %s: %s, %v; want %s", c.text, c.pattern, time.UnixMilli(got).UTC().Format(time.RFC3339Nano), err, c.want)
		}
	}
}

// TestJulian: before 1582-10-15 the days are those of the Julian calendar, as in Java.
func TestJulian(t *testing.T) {
	f, err := CompileSimple("yyyy-MM-dd")
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]int64{
		"1582-10-15": -12219292800000, "1582-10-04": -12219379200000, "0001-01-01": -62135769600000, "0024-01-01": -61410009600000, "-5-01-01": -62325158400000,
	} {
		got, err := f.Parse(text)
		if err != nil || got != want {
			t.Errorf("%s is %d, want %d (%v)", text, got, want, err)
		}
		if back := string(f.Append(nil, want)); back != text && text[0] != '-' {
			t.Errorf("%d is %s, want %s", want, back, text)
		}
	}
	last := civil{}
	for days := int64(cutover - 800_000); days < cutover+1000; days++ {
		c := civilOf(time.Unix(days*daySeconds, 0).UTC())
		if back := dateOf(c.year, c.month, c.day); back != days {
			t.Fatalf("day %d is %v, which is day %d", days, c, back)
		}
		if c.year == last.year && c.month == last.month && c.day <= last.day || c.yearDay != last.yearDay+1 && c.yearDay != 1 && days > cutover+1 {
			t.Fatalf("day %d is %v, the day before %v", days, c, last)
		}
		last = c
	}
	if got := dateOf(1500, 14, 29); got != dateOf(1501, 3, 1) {
		t.Errorf("the 29th of the month 14 is day %d", got)
	}
}

func TestSimpleMistakes(t *testing.T) {
	for pattern, want := range map[string]string{
		"yyyy Q": "the letter Q is not supported", "'x": "a quote is not closed", "XXXX": "XXXX is too long", "YYYY": "the letter Y is not supported",
		strings.Repeat("S", 21): "is too long",
	} {
		if _, err := CompileSimple(pattern); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", pattern, err, want)
		}
	}
	for _, c := range []struct{ pattern, text, want string }{
		{"yyyy-MM", "2024/03", `want "-" at "/03"`}, {"yyyy", "", "want a number for yyyy"}, {"MMM", "Foo", "want one of January"},
		{"Z", "PST", "want an offset"}, {"Z", "+1:5", "want an offset"}, {"X", "+99", "want an offset"}, {"a", "x", "want one of AM, PM"},
	} {
		f, err := CompileSimple(c.pattern)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Parse(c.text); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s as %s: %v, want %s", c.text, c.pattern, err, c.want)
		}
	}
}

// FuzzSimple: what is written of a time is read back as it.
func FuzzSimple(f *testing.F) {
	f.Add("yyyy-MM-dd'T'HH:mm:ss.SSSZ", int64(1_700_000_000_123))
	f.Add("G y MMM d h:mm:ss.SSS a", int64(-62_200_000_000_000))
	f.Add("yyyyMMddHHmmssSSS", int64(0))
	f.Fuzz(func(t *testing.T, pattern string, millis int64) {
		p, err := CompileSimple(pattern)
		if err != nil || millis < -60_000_000_000_000 || millis > 250_000_000_000_000 {
			return
		}
		text := string(p.Append(nil, millis))
		back, err := p.Parse(text)
		if err != nil {
			return // the same field twice, or letters that run together
		}
		if whole := strings.Contains(pattern, "yyyy-MM-dd'T'HH:mm:ss.SSSZ") && len(pattern) == 26; whole && back != millis {
			t.Fatalf("%d is written as %s and read as %d", millis, text, back)
		}
	})
}
