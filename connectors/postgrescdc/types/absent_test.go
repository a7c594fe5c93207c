// SPDX-License-Identifier: Apache-2.0

package types

import "testing"

// TestAbsent: the values that the original has in the old rows of deletes.
func TestAbsent(t *testing.T) {
	const zeroPoint = `{"x":0.0,"y":0.0,"wkb":"AQEAAAAAAAAAAAAAAAAAAAAAAAAA","srid":null}`
	for _, c := range []struct {
		name string
		col  Column
		m    Modes
		want string
	}{
		{"optional", Column{Type: oidTimestamptz, TypMod: noMod}, Modes{}, "null"},
		{"with a default", Column{Type: oidInt4, TypMod: noMod, NotNull: true, Default: "5"}, Modes{}, "5"},
		{"integer", Column{Type: oidInt4, TypMod: noMod, NotNull: true}, Modes{}, "0"},
		{"text", Column{Type: oidText, TypMod: noMod, NotNull: true}, Modes{}, `""`},
		{"array", Column{Type: oidText + oidTestArrays, TypMod: noMod, NotNull: true}, Modes{}, `[]`},
		{"array that is added", Column{Type: oidMoney + oidTestArrays, TypMod: noMod, NotNull: true}, Modes{}, `null`},
		{"numeric", Column{Type: oidNumeric, TypMod: noMod, NotNull: true}, Modes{}, `{"scale":0,"value":"AA=="}`},
		{"numeric as text", Column{Type: oidNumeric, TypMod: decimalMod(10, 2), NotNull: true}, Modes{Decimal: "string"}, `"0.00"`},
		{"domain of numeric", Column{Type: oidTestDomainOfDomain, TypMod: noMod, NotNull: true}, Modes{Decimal: "string"}, `"0.0000"`},
		{"money as text", Column{Type: oidMoney, TypMod: noMod, NotNull: true}, Modes{Decimal: "string"}, `"0.00"`},
		{"timestamptz", Column{Type: oidTimestamptz, TypMod: 3, NotNull: true}, Modes{}, `"1970-01-01T00:00:00Z"`},
		{"timetz", Column{Type: oidTimetz, TypMod: noMod, NotNull: true}, Modes{}, `"00:00:00Z"`},
		{"timestamp", Column{Type: oidTimestamp, TypMod: noMod, NotNull: true}, Modes{Time: "nanoseconds"}, `0`},
		{"date as text", Column{Type: oidDate, TypMod: noMod, NotNull: true}, Modes{Time: "isostring"}, `"1970-01-01Z"`},
		{"timestamp as text", Column{Type: oidTimestamp, TypMod: noMod, NotNull: true}, Modes{Time: "isostring"}, `"1970-01-01T00:00:00Z"`},
		{"structured", Column{Type: oidTimestamptz, TypMod: noMod, NotNull: true}, Modes{Time: "structured"},
			`{"year":1970,"month":1,"day":1,"hour":0,"minute":0,"second":0,"nanos":0,"offsetSeconds":0,"zoneId":null,"specialValue":null,"precision":6}`},
		{"interval as text", Column{Type: oidInterval, TypMod: noMod, NotNull: true}, Modes{Interval: "string"}, `"P0Y0M0DT0H0M0S"`},
		{"point", Column{Type: oidPoint, TypMod: noMod, NotNull: true}, Modes{}, zeroPoint},
		{"line", Column{Type: oidLine, TypMod: noMod, NotNull: true}, Modes{}, `{"a":0.0,"b":1.0,"c":0.0}`},
		{"path", Column{Type: oidPath, TypMod: noMod, NotNull: true}, Modes{}, `{"wkb":"AQIAAAACAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAPA/AAAAAAAAAAA=","srid":null,"extensions":{"type":"path"}}`},
		{"circle", Column{Type: oidCircle, TypMod: noMod, NotNull: true}, Modes{}, `{"center":` + zeroPoint + `,"radius":0.0}`},
		{"geography", Column{Type: oidTestGeography, TypMod: noMod, NotNull: true}, Modes{}, `{"wkb":"AQcAAAAAAAAA","srid":null}`},
		{"vector", Column{Type: oidTestVector, TypMod: noMod, NotNull: true}, Modes{}, `[]`},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.m.MoneyDigits = 2
			checkSame(t, "absent", shown(mustPlan(t, c.col, c.m).Absent(), nil), c.want)
		})
	}
}
