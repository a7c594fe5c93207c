// SPDX-License-Identifier: Apache-2.0

package javatime

import (
	"strings"
	"testing"
	"time"
)

func TestParse(t *testing.T) {
	cases := []struct{ pattern, zone, text, want string }{
		{"yyyy-MM-dd HH:mm:ss.SSS", "UTC", "2023-02-28 23:59:59.123", "2023-02-28T23:59:59.123Z"},
		{"yyyy-MM-dd HH:mm:ss.SSS", "Europe/Berlin", "2023-07-01 12:00:00.000", "2023-07-01T10:00:00Z"},
		{"yyyy-MM-dd HH:mm:ss.SSS", "America/Sao_Paulo", "1969-12-31 21:00:00.001", "1970-01-01T00:00:00.001Z"},
		{"yyyy-MM-dd", "UTC", "1969-12-31", "1969-12-31T00:00:00Z"},
		{"yyyyMMddHHmmssSSS", "UTC", "20230228235959123", "2023-02-28T23:59:59.123Z"},
		{"d.M.yyyy H:m", "UTC", "1.2.2023 3:4", "2023-02-01T03:04:00Z"},
		{"d.M.yyyy H:m", "UTC", "11.12.2023 13:14", "2023-12-11T13:14:00Z"},
		{"dd MMM yyyy", "UTC", "05 Mar 2024", "2024-03-05T00:00:00Z"},
		{"EEE, d MMMM yyyy h:mm a", "UTC", "Tue, 5 March 2024 12:05 AM", "2024-03-05T00:05:00Z"},
		{"MM/dd/yy hh:mm a", "UTC", "03/05/24 12:05 pm", "2024-03-05T12:05:00Z"},
		{"yyyy-MM-dd'T'HH:mm:ssXXX", "UTC", "2024-02-29T12:00:00+02:00", "2024-02-29T10:00:00Z"},
		{"yyyy-MM-dd'T'HH:mm:ssXXX", "Europe/Berlin", "2024-02-29T12:00:00Z", "2024-02-29T12:00:00Z"},
		{"yyyy-MM-dd HH:mm:ssZ", "UTC", "2024-02-29 12:00:00-0330", "2024-02-29T15:30:00Z"},
		{"yyyy-MM-dd HHX", "UTC", "2024-02-29 12+01", "2024-02-29T11:00:00Z"},
		{"yyyy-MM-dd'T'HH:mm:ss.SSSSSS", "UTC", "2024-02-29T12:00:00.123999", "2024-02-29T12:00:00.123Z"},
		{"yyyy-MM-dd HH:mm:ss.S", "UTC", "2024-02-29 12:00:00.5", "2024-02-29T12:00:00.5Z"},
		{"uuuu-DDD", "UTC", "2024-366", "2024-12-31T00:00:00Z"},
		{"yyyy-MM-dd kk", "UTC", "2024-01-01 24", "2024-01-01T00:00:00Z"},
		{"''yyyy'' MM 'o''clock' dd", "UTC", "'2024' 01 o'clock 02", "2024-01-02T00:00:00Z"},
	}
	for _, c := range cases {
		f, err := Compile(c.pattern, c.zone)
		if err != nil {
			t.Errorf("%s: %v", c.pattern, err)
			continue
		}
		want, err := time.Parse(time.RFC3339Nano, c.want)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := f.Parse(c.text); err != nil || got != want.UnixMilli() {
			t.Errorf("%s by %s: %s, want %s (%v)", c.text, c.pattern, time.UnixMilli(got).UTC(), c.want, err)
		}
	}
}

func TestParseErrors(t *testing.T) {
	cases := []struct{ pattern, text, want string }{
		{"yyyy-MM-dd", "2023-02-29", "there is no such day"},
		{"yyyy-MM-dd", "2023-04-31", "there is no such day"},
		{"yyyy-DDD", "2023-366", "there is no such day"},
		{"yyyy-MM-dd", "2023-13-01", "13 is not between 1 and 12"},
		{"yyyy-MM-dd", "2023-1-01", `want 2 digits for MM at "1-01"`},
		{"yyyy-MM-dd", "2023-01-01 ", `" " is left over`},
		{"yyyy-MM-dd", "2023/01-01", `want "-" at "/01-01"`},
		{"yyyy-MM-dd", "", `"" is not a time of the pattern "yyyy-MM-dd": want 4 digits for yyyy at ""`},
		{"yyyy-MM-dd HH", "2023-01-01 24", "24 is not between 0 and 23"},
		{"yyyy-MM-dd ss.SSS", "2023-01-01 01.12", "want 3 digits for SSS"},
		{"dd MMM yyyy", "01 Foo 2023", "want a name such as January"},
		{"yyyy-MM-ddXXX", "2023-01-01+0100", "want an offset such as +hh:mm"},
		{"yyyy-MM-ddXX", "2023-01-01+1960", "the offset is out of range"},
	}
	for _, c := range cases {
		f, err := Compile(c.pattern, "UTC")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Parse(c.text); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s by %s: %v, want %q", c.text, c.pattern, err, c.want)
		}
	}
}

func TestCompileErrors(t *testing.T) {
	for _, c := range []struct{ pattern, zone, want string }{
		{"yyyy-MM-dd'T", "UTC", "a quote is not closed"},
		{"yyyy-MM-ddTHH", "UTC", "the letter T is not supported; text stands in single quotes"},
		{"yyyy-MM-dddd", "UTC", "dddd is not supported: at most 2 of d"},
		{"HH:mm", "UTC", "the year is missing (yyyy)"},
		{"yyyy-mm-dd", "UTC", "month and day are missing (MM and dd)"},
		{"yyyy-MM-dd hh:mm", "UTC", "HH is from 0 to 23"},
		{"yyyy-MM-dd", "Mars/Base", `unknown time zone "Mars/Base"`},
		{"yyyy-MM-dd", "Local", `time zone "Local": want a name`},
	} {
		if _, err := Compile(c.pattern, c.zone); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s in %s: %v, want %q", c.pattern, c.zone, err, c.want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("yyyy-MM-dd HH:mm:ss.SSS", "2023-02-28 23:59:59.123")
	f.Add("EEE, d MMMM yy h:mm aXXX", "Tue, 5 March 24 12:05 AM+01:00")
	f.Add("''yyyyDDD'o''clock'", "'2024366o'clock")
	f.Fuzz(func(t *testing.T, pattern, text string) {
		format, err := Compile(pattern, "UTC")
		if err != nil {
			return
		}
		a, errA := format.Parse(text)
		b, errB := format.Parse(text)
		if a != b || (errA == nil) != (errB == nil) {
			t.Fatalf("%q by %q: %d, then %d", text, pattern, a, b)
		}
	})
}

func BenchmarkParse(b *testing.B) {
	f, err := Compile("yyyy-MM-dd HH:mm:ss.SSS", "Europe/Berlin")
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := f.Parse("2023-02-28 23:59:59.123"); err != nil {
			b.Fatal(err)
		}
	}
}
