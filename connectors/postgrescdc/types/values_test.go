// SPDX-License-Identifier: Apache-2.0

package types

import (
	"fmt"
	"sync"
	"testing"

	"github.com/connectd/connectd/connect"
)

func decimalMod(precision, scale int32) int32 { return precision<<16 | scale&0x7ff + 4 }

const noMod = -1

// TestText covers what the recordings do not have: values beyond them, and text that no server sends.
func TestText(t *testing.T) {
	for _, c := range []struct {
		name       string
		oid        uint32
		mod        int32
		modes      Modes
		text, want string
	}{
		{"true", oidBool, noMod, Modes{}, "t", "true"},
		{"bool in words", oidBool, noMod, Modes{}, "true", "malformed: must be t or f"},
		{"empty bool", oidBool, noMod, Modes{}, "", "malformed: must be t or f"},
		{"int2 beyond", oidInt2, noMod, Modes{}, "32768", "malformed: must be in the range of the type"},
		{"int4 beyond", oidInt4, noMod, Modes{}, "-2147483649", "malformed: must be in the range of the type"},
		{"int8 least", oidInt8, noMod, Modes{}, "-9223372036854775808", "-9223372036854775808"},
		{"int8 beyond", oidInt8, noMod, Modes{}, "9223372036854775808", "malformed: must be in the range of the type"},
		{"int8 far beyond", oidInt8, noMod, Modes{}, "99999999999999999999", "malformed: must be in the range of the type"},
		{"int with point", oidInt4, noMod, Modes{}, "1.5", "malformed: must be a number"},
		{"minus alone", oidInt4, noMod, Modes{}, "-", "malformed: must be a number"},
		{"empty int", oidInt4, noMod, Modes{}, "", "malformed: must be a number"},
		{"negative oid", oidOID, noMod, Modes{}, "-1", "malformed: must be in the range of the type"},
		{"minus zero", oidFloat8, noMod, Modes{}, "-0", "-0.0"},
		{"float in hexadecimal", oidFloat8, noMod, Modes{}, "0x1p4", "malformed: must be a number"},
		{"infinity by another name", oidFloat8, noMod, Modes{}, "inf", "malformed: must be a number"},
		{"uuid in upper case", oidUUID, noMod, Modes{}, "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11", `"A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11"`},
		{"uuid too short", oidUUID, noMod, Modes{}, "a0ee", "malformed: must have the length of the type"},
		{"uuid without a dash", oidUUID, noMod, Modes{}, "a0eebc9919c0b-4ef8-bb6d-6bb9bd380a11", "malformed: must be hexadecimal digits in groups of 8, 4, 4, 4 and 12"},
		{"bytea in escapes", oidBytea, noMod, Modes{Binary: "hex"}, `a\\b\336\000`, `"615c62de00"`},
		{"bytea with odd digits", oidBytea, noMod, Modes{}, `\xabc`, `malformed: must be bytea as \x and hexadecimal digits, or in the notation escape`},
		{"bytea with other digits", oidBytea, noMod, Modes{}, `\xzz`, `malformed: must be bytea as \x and hexadecimal digits, or in the notation escape`},
		{"bytea escape beyond", oidBytea, noMod, Modes{}, `\777`, `malformed: must be bytea as \x and hexadecimal digits, or in the notation escape`},
		{"bit by default", oidBit, 1, Modes{}, "1", "true"},
		{"varbit(1) empty", oidVarbit, 1, Modes{}, "", "false"},
		{"varbit without length", oidVarbit, noMod, Modes{}, "1000000000", `"AAI="`},
		{"bits of letters", oidBit, 4, Modes{}, "10x1", "malformed: must be bits"},
		{"interval in parts", oidInterval, noMod, Modes{Interval: "string"}, "-1 years -2 mons +3 days -04:05:06.7", `"P-1Y-2M3DT-4H-5M-6.7S"`},
		{"interval below a second", oidInterval, noMod, Modes{Interval: "string"}, "-00:00:00.5", `"P0Y0M0DT0H0M-0.5S"`},
		{"interval too long", oidInterval, noMod, Modes{}, "178000000 years", "unfit: " + errIntervalRange.Error()},
		{"interval too long in days", oidInterval, noMod, Modes{}, "2147483647 days", "unfit: " + errIntervalRange.Error()},
		{"infinite interval", oidInterval, noMod, Modes{}, "-infinity", "-9223372036854775808"},
		{"infinite interval as text", oidInterval, noMod, Modes{Interval: "string"}, "infinity", `"infinity"`},
		{"interval in another style", oidInterval, noMod, Modes{}, "P1Y", "malformed: " + errInterval.Error()},
		{"interval without unit", oidInterval, noMod, Modes{}, "1", "malformed: " + errInterval.Error()},
		{"hours beyond a day", oidInterval, noMod, Modes{}, "100:00:00", "360000000000"},
		{"empty interval", oidInterval, noMod, Modes{}, "", "malformed: " + errInterval.Error()},
		{"range of own type", oidTestRange, noMod, Modes{}, "[10:00:00,12:00:00)", `"[10:00:00,12:00:00)"`},
		{"multirange", 4451, noMod, Modes{}, "{[1,3),[5,8)}", `"{[1,3),[5,8)}"`},
		{"enum", oidTestEnum, noMod, Modes{}, "ok", `"ok"`},
		{"domain", oidTestDomain, noMod, Modes{}, "12.3456", "12.3456"},
		{"domain of a domain", oidTestDomainOfDomain, noMod, Modes{}, "-12.3456", "-12.3456"},
		{"domain of an array", oidTestArrayDomain, noMod, Modes{}, "{1,NULL}", "[1,null]"},
		{"citext", oidTestCitext, noMod, Modes{}, "CaSe", `"CaSe"`},
		{"ltree", oidTestLtree, noMod, Modes{}, "a.b", `"a.b"`},
		{"isbn", oidTestIsbn, noMod, Modes{}, "0-393-04002-X", `"0-393-04002-X"`},
		{"unknown", oidTestUnknown, noMod, Modes{UnknownTypes: true, Binary: "base64"}, "(1,2)", `"KDEsMik="`},
		{"vector", oidTestVector, noMod, Modes{}, "[1,-2.5,3e-05]", "[1.0,-2.5,3.0E-5]"},
		{"halfvec", oidTestHalfvec, noMod, Modes{}, "[1,0.1]", "[1.0,0.1]"},
		{"empty vector", oidTestVector, noMod, Modes{}, "[]", "malformed: " + errVector.Error()},
		{"vector of words", oidTestVector, noMod, Modes{}, "[a]", "malformed: must be a number"},
		{"sparsevec", oidTestSparsevec, noMod, Modes{}, "{1:1.5,3:2}/5", `{"dimensions":5,"vector":[[1,1.5],[3,2.0]]}`},
		{"empty sparsevec", oidTestSparsevec, noMod, Modes{}, "{}/5", `{"dimensions":5,"vector":{}}`},
		{"wide sparsevec", oidTestSparsevec, noMod, Modes{}, "{1:1.5}/40000", "unfit: " + errSparseIndex.Error()},
		{"sparsevec without dimensions", oidTestSparsevec, noMod, Modes{}, "{1:1.5}", "malformed: " + errSparseVector.Error()},
	} {
		t.Run(c.name, func(t *testing.T) {
			var a connect.Arena
			p := mustPlan(t, Column{Type: c.oid, TypMod: c.mod}, c.modes)
			if got := shown(p.Text(&a, []byte(c.text))); got != c.want {
				t.Errorf("%q is %s, want %s", c.text, got, c.want)
			}
		})
	}
}

func TestDecimals(t *testing.T) {
	for _, c := range []struct {
		name       string
		mod        int32
		mode       string
		text, want string
	}{
		{"scale of the column", decimalMod(10, 2), "", "1.10", "1.10"},
		{"38 digits", decimalMod(38, 10), "", "-9999999999999999999999999999.9999999999", "-9999999999999999999999999999.9999999999"},
		{"39 digits", decimalMod(39, 10), "", "10000000000000000000000000000.0000000000", "10000000000000000000000000000.0000000000"},
		{"200 digits", decimalMod(200, 0), "", "1" + zeros(199), "1" + zeros(199)},
		{"fewer digits", decimalMod(10, 4), "", "1.5", "1.5000"},
		{"more digits round away", decimalMod(10, 1), "", "-1.25", "-1.3"},
		{"more digits round down", decimalMod(10, 1), "", "1.249", "1.2"},
		{"negative scale", decimalMod(5, -2), "", "12300", "12300"},
		{"scale beyond precision", decimalMod(3, 5), "", "0.00123", "0.00123"},
		{"leading zeros", decimalMod(5, 0), "", "000000000000000000000000000000000000000000007", "7"},
		{"only a fraction", decimalMod(5, 2), "", ".5", "0.50"},
		{"NaN", decimalMod(5, 2), "", "NaN", "unfit: " + errNoDecimal.Error()},
		{"infinity", noMod, "", "-Infinity", "unfit: " + errNoDecimal.Error()},
		{"exponent", noMod, "", "1e5", "malformed: must be a number"},
		{"nothing", noMod, "", "", "malformed: must be a number"},
		{"a point", noMod, "", ".", "malformed: must be a number"},
		{"two points", noMod, "", "1.2.3", "malformed: must be a number"},
		{"variable", noMod, "", "-12.3400", `{"scale":2,"value":"+y4="}`},
		{"variable zero", noMod, "", "-0.00", `{"scale":0,"value":"AA=="}`},
		{"variable -128", noMod, "", "-128", `{"scale":0,"value":"gA=="}`},
		{"variable 128", noMod, "", "128", `{"scale":0,"value":"AIA="}`},
		{"variable hundred digits", noMod, "", "1" + zeros(50), `{"scale":0,"value":"RGw7FfmSZofSxAU0/bVkAAAAAAAA"}`},
		{"double beyond", noMod, "double", "-1" + zeros(400), `"-Infinity"`},
		{"double infinity", noMod, "double", "Infinity", `"Infinity"`},
		{"string infinity", noMod, "string", "Infinity", `"POSITIVE_INFINITY"`},
		{"string minus infinity", noMod, "string", "-Infinity", `"NEGATIVE_INFINITY"`},
		{"string with scale", decimalMod(6, 2), "string", "1.5", `"1.50"`},
		{"string of words", noMod, "string", "one", "malformed: must be a number"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var a connect.Arena
			p := mustPlan(t, Column{Type: oidNumeric, TypMod: c.mod}, Modes{Decimal: c.mode})
			got := shown(p.Text(&a, []byte(c.text)))
			if v, err := p.Text(&a, []byte(c.text)); err == nil && v.Decimal() != nil {
				got = v.Decimal().String()
			}
			if got != c.want {
				t.Errorf("%q is %s, want %s", c.text, got, c.want)
			}
		})
	}
}

func zeros(n int) string {
	out := make([]byte, n)
	for i := range out {
		out[i] = '0'
	}
	return string(out)
}

func TestMoney(t *testing.T) {
	for _, c := range []struct {
		name, mode string
		digits     int
		text, want string
	}{
		{"cents", "", 2, "-$92,233,720,368,547,758.08", "-92233720368547758.08"},
		{"more digits", "", 4, "$1.50", "1.5000"},
		{"fewer digits round", "", 0, "$1.50", "2"},
		{"double", "double", 2, "-$1,234.56", "-1234.56"},
		{"string", "string", 2, "-$1,234.56", `"-1234.56"`},
		{"other money", "", 2, "1.234,56 €", "malformed: must be money as -$1,234.56, as lc_monetary=C writes it"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var a connect.Arena
			p := mustPlan(t, Column{Type: oidMoney, TypMod: noMod}, Modes{Decimal: c.mode, MoneyDigits: c.digits})
			v, err := p.Text(&a, []byte(c.text))
			got := shown(v, err)
			if v.Decimal() != nil {
				got = v.Decimal().String()
			}
			if got != c.want {
				t.Errorf("%q is %s, want %s", c.text, got, c.want)
			}
		})
	}
}

// TestConcurrentDecimals decodes with one plan in several goroutines: no decimal may be
// handed out twice.
func TestConcurrentDecimals(t *testing.T) {
	p := mustPlan(t, Column{Type: oidNumeric, TypMod: decimalMod(10, 2)}, Modes{})
	var all sync.WaitGroup
	for worker := range 4 {
		all.Go(func() {
			var a connect.Arena
			values := make([]connect.Value, 500)
			for i := range values {
				v, err := p.Text(&a, fmt.Appendf(nil, "%d%04d.50", worker+1, i))
				if err != nil {
					t.Error(err)
				}
				values[i] = v
			}
			for i, v := range values {
				if got, want := v.Decimal().String(), fmt.Sprintf("%d%04d.50", worker+1, i); got != want {
					t.Errorf("decimal is %s, want %s", got, want)
				}
			}
		})
	}
	all.Wait()
}

func TestDropped(t *testing.T) {
	p := mustPlan(t, Column{Type: oidTestUnknown, TypMod: noMod, Default: "'a'"}, Modes{})
	var a connect.Arena
	if got := shown(p.Text(&a, []byte("x"))); !p.Dropped || p.Schema != nil || !p.Unavailable().IsNull() || got != "unfit: has no mapping: the column is left out" {
		t.Errorf("dropped column is %s with schema %v", got, p.Schema)
	}
}
