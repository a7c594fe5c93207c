// SPDX-License-Identifier: Apache-2.0

package expr

import (
	"fmt"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // the same zones on every machine

	"github.com/connectd/connectd/connect"
)

// A point in time is a timestamp in milliseconds, a duration a number of
// milliseconds: timestamp plus integer is a timestamp, timestamp minus timestamp an
// integer.

var timeFunctions = map[string]function{
	"date":     {1, 3, timeType, date},
	"duration": {1, 1, numberType, duration},
}

// dateLayouts are tried in this order when no layout is given.
var dateLayouts = []string{
	"2006-01-02", "15:04:05", "2006-01-02 15:04:05", time.RFC3339Nano, "2006-01-02T15:04:05",
	time.RFC822, time.RFC822Z, time.RFC850, time.RFC1123, time.RFC1123Z,
}

// date reads a text, by a layout of Go's package time, in a time zone; or seconds
// since 1970.
func date(e *Env, args []connect.Value) (connect.Value, error) {
	if isTime(args[0]) && len(args) == 1 {
		return connect.Timestamp(args[0].GoTime().UnixMilli()), nil
	}
	if args[0].IsInt() && len(args) == 1 {
		millis, err := multiplyInts(args[0].Int(), 1000)
		return connect.Timestamp(millis.Int()), err
	}
	if err := wantTexts(args...); err != nil {
		return args[0], err
	}
	layouts, zone := dateLayouts, time.UTC
	if len(args) > 1 {
		layouts = []string{args[1].Str()}
	}
	if len(args) > 2 {
		var err error
		if zone, err = e.zone(args[2].Str()); err != nil {
			return args[2], err
		}
	}
	for _, layout := range layouts {
		if t, err := time.ParseInLocation(layout, args[0].Str(), zone); err == nil {
			return connect.Timestamp(t.UnixMilli()), nil
		}
	}
	if len(args) > 1 {
		return args[0], fmt.Errorf("%q is not a time of the layout %q", args[0].Str(), args[1].Str())
	}
	return args[0], fmt.Errorf("%q is not a time: name its layout in date(text, layout)", args[0].Str())
}

// zone finds a time zone, and keeps it, as finding one reads a file. "Local" differs
// from one machine to the next.
func (e *Env) zone(name string) (*time.Location, error) {
	if zone := e.zones[name]; zone != nil {
		return zone, nil
	}
	if name == "Local" {
		return nil, fmt.Errorf("the time zone Local differs between machines: name one, such as Europe/Berlin")
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return nil, fmt.Errorf("unknown time zone %q", name)
	}
	if e.zones == nil || len(e.zones) >= maxZones {
		e.zones = map[string]*time.Location{}
	}
	e.zones[strings.Clone(name)] = zone
	return zone, nil
}

// maxZones bounds what an Env keeps of zones that records name.
const maxZones = 64

func duration(_ *Env, args []connect.Value) (connect.Value, error) {
	if err := wantTexts(args[0]); err != nil {
		return args[0], err
	}
	d, err := time.ParseDuration(args[0].Str())
	if err != nil {
		return args[0], fmt.Errorf("%q is not a duration such as 1h30m or 250ms", args[0].Str())
	}
	return connect.Int64(d.Milliseconds()), nil
}

// methods are those of dates and timestamps; least counts arguments without the
// timestamp itself.
var methods = map[string]function{
	"Year":       ofTime(func(t time.Time) int64 { return int64(t.Year()) }),
	"Month":      ofTime(func(t time.Time) int64 { return int64(t.Month()) }),
	"Day":        ofTime(func(t time.Time) int64 { return int64(t.Day()) }),
	"Hour":       ofTime(func(t time.Time) int64 { return int64(t.Hour()) }),
	"Minute":     ofTime(func(t time.Time) int64 { return int64(t.Minute()) }),
	"Second":     ofTime(func(t time.Time) int64 { return int64(t.Second()) }),
	"Weekday":    ofTime(func(t time.Time) int64 { return int64(t.Weekday()) }),
	"YearDay":    ofTime(func(t time.Time) int64 { return int64(t.YearDay()) }),
	"Unix":       ofTime(time.Time.Unix),
	"UnixMilli":  ofTime(time.Time.UnixMilli),
	"Format":     {1, 1, textType, format},
	"FormatZone": {2, 2, textType, format},
}

func methodNames() []string {
	var all []string
	for name := range methods {
		all = append(all, name)
	}
	slices.Sort(all)
	return all
}

func ofTime(do func(time.Time) int64) function {
	return function{0, 0, numberType, func(_ *Env, args []connect.Value) (connect.Value, error) {
		if !isTime(args[0]) {
			return args[0], fmt.Errorf("a timestamp is needed, this is %s; date() makes one", args[0].Kind())
		}
		return connect.Int64(do(args[0].GoTime())), nil
	}}
}

// format writes a timestamp by a layout of Go's package time, in UTC or a named zone.
func format(e *Env, args []connect.Value) (connect.Value, error) {
	if !isTime(args[0]) {
		return args[0], fmt.Errorf("a timestamp is needed, this is %s; date() makes one", args[0].Kind())
	}
	if err := wantTexts(args[1:]...); err != nil {
		return args[0], err
	}
	t := args[0].GoTime()
	if len(args) > 2 {
		zone, err := e.zone(args[2].Str())
		if err != nil {
			return args[2], err
		}
		t = t.In(zone)
	}
	return e.text(t.Format(args[1].Str()))
}
