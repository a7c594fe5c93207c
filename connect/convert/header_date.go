// SPDX-License-Identifier: Apache-2.0

package convert

import (
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/connectd/connectd/connect"
)

// parseISO reads 2006-01-02, 15:04:05.000Z or 2006-01-02T15:04:05.000Z. The
// original parses leniently: fields may be short or beyond their range, and what
// follows them is ignored; only the length of the text decides which form it is.
func parseISO(text string) (typed, bool) {
	text = strings.ReplaceAll(text, `\:`, ":")
	switch len(text) {
	case len("15:04:05.000Z"):
		if t, ok := lenient(text, "::.Z"); ok {
			ms := t[0]*3_600_000 + t[1]*60_000 + t[2]*1000 + t[3]
			return typed{connect.TimeSchema, connect.Time(int32(ms))}, true
		}
	case len("2006-01-02"):
		if t, ok := lenient(text, "--$"); ok {
			ms := date(t).UnixMilli()
			return typed{connect.DateSchema, connect.Date(int32(ms / millisPerDay))}, true
		}
	case len("2006-01-02T15:04:05.000Z"):
		if t, ok := lenient(text, "--T::.Z"); ok {
			ms := date(t).UnixMilli() + t[3]*3_600_000 + t[4]*60_000 + t[5]*1000 + t[6]
			return typed{connect.TimestampSchema, connect.Timestamp(ms)}, true
		}
	}
	return typed{}, false
}

func date(t [7]int64) time.Time {
	return time.Date(int(t[0]), time.Month(t[1]), int(t[2]), 0, 0, 0, 0, time.UTC)
}

// lenient reads one number before each of the separators; $ stands for the end of
// the form, behind which anything may follow.
func lenient(text, separators string) ([7]int64, bool) {
	var out [7]int64
	for i, sep := range []byte(separators) {
		text = strings.TrimLeft(text, " \t")
		end := 0
		for end < len(text) && text[end] >= '0' && text[end] <= '9' {
			end++
		}
		n, err := strconv.ParseInt(text[:end], 10, 64)
		if err != nil {
			return out, false
		}
		out[i] = n
		text = text[end:]
		if sep == '$' {
			return out, true
		}
		if text == "" || text[0] != sep {
			return out, false
		}
		text = text[1:]
	}
	return out, true
}

// exactInt returns a decimal that is an int64.
func exactInt(d *connect.Decimal) (int64, bool) {
	if d.Unscaled.Sign() == 0 {
		return 0, true
	}
	digits := len(strings.TrimPrefix(d.Unscaled.String(), "-"))
	if whole := int64(digits) - int64(d.Scale); whole > 19 || whole <= 0 {
		return 0, false
	}
	text := d.String()
	if point := strings.IndexByte(text, '.'); point >= 0 {
		if strings.Trim(text[point+1:], "0") != "" {
			return 0, false
		}
		text = text[:point]
	}
	n, err := strconv.ParseInt(text, 10, 64)
	return n, err == nil
}

func toFloat32(d *connect.Decimal) float32 {
	f, err := strconv.ParseFloat(string(AppendDecimal(nil, d)), 32)
	if err != nil && !math.IsInf(f, 0) {
		return float32(math.NaN())
	}
	return float32(f)
}
