// SPDX-License-Identifier: Apache-2.0

package window

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/expr"
	"github.com/connectd/connectd/transforms/javatime"
)

// Formats of the time field that are not patterns.
const (
	epochMillis  = "epoch_ms"
	epochSeconds = "epoch_s"
)

// The years 1 and 9999 bound what is taken for a time: a number in micro- or
// nanoseconds would close every window of this age at once.
const (
	earliest = -62135596800000
	latest   = 253402300799999
)

// clock reads the time of a record: its timestamp, or a field.
type clock struct {
	field   string // "" is the record's timestamp
	path    []string
	seconds bool
	format  *javatime.Format // nil for numbers
}

func newClock(field, format, zone string) (*clock, error) {
	c := &clock{field: field, path: strings.Split(field, ".")}
	switch format {
	case epochMillis:
	case epochSeconds:
		c.seconds = true
	default:
		var err error
		if c.format, err = javatime.Compile(format, zone); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// read returns the time in milliseconds.
func (c *clock) read(r *connect.Record) (int64, error) {
	if c.field == "" {
		if r.Timestamp == connect.NoTimestamp {
			return 0, c.refuse(errors.New("the record has no timestamp"))
		}
		return c.within(r.Timestamp)
	}
	v, ok := c.find(r.Value)
	if !ok || v.IsNull() {
		return 0, c.refuse(errors.New("the field is null or missing"))
	}
	ts, err := c.millis(v)
	if err != nil {
		return 0, c.refuse(err)
	}
	return c.within(ts)
}

// find takes the field by its whole name, or by the steps of its path.
func (c *clock) find(v connect.Value) (connect.Value, bool) {
	if f, ok := v.Get(c.field); ok || len(c.path) == 1 {
		return f, ok
	}
	for _, step := range c.path {
		var ok bool
		if v, ok = v.Get(step); !ok {
			return v, false
		}
	}
	return v, true
}

func (c *clock) millis(v connect.Value) (int64, error) {
	switch {
	case v.Kind() == connect.KindTimestamp || v.Kind() == connect.KindDate:
		return v.GoTime().UnixMilli(), nil
	case c.format != nil && v.Kind() == connect.KindString:
		return c.format.Parse(v.Str())
	case c.format != nil:
		return 0, fmt.Errorf("%s is not a text to be read by a pattern", v.Kind())
	case v.Kind() == connect.KindString:
		n, err := strconv.ParseInt(v.Str(), 10, 64)
		if err != nil {
			return 0, fmt.Errorf("%q is not a number; timestamp.format names a pattern for texts", v.Str())
		}
		return c.scale(float64(n), n)
	case v.IsInt():
		return c.scale(float64(v.Int()), v.Int())
	case isNumber(v):
		f := expr.Float(v)
		if c.seconds {
			f *= 1000
		}
		if !(f >= earliest && f <= latest) {
			return 0, errRange
		}
		return int64(math.Floor(f)), nil
	}
	return 0, fmt.Errorf("%s is not a time", v.Kind())
}

var errRange = errors.New("it is not between the years 1 and 9999: is the unit right?")

func (c *clock) scale(f float64, n int64) (int64, error) {
	if !c.seconds {
		return n, nil
	}
	if f*1000 < earliest || f*1000 > latest {
		return 0, errRange
	}
	return n * 1000, nil
}

func (c *clock) within(ts int64) (int64, error) {
	if ts < earliest || ts > latest {
		return 0, c.refuse(errRange)
	}
	return ts, nil
}

func (c *clock) refuse(err error) error {
	what := "timestamp"
	if c.field != "" {
		what = "timestamp field " + c.field
	}
	return &connect.DataError{Rule: "timestamp", Field: c.field, Err: fmt.Errorf("window: %s: %w", what, err)}
}
