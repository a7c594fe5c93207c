// SPDX-License-Identifier: Apache-2.0

package types

import (
	"encoding/base64"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/connectd/connectd/connect"
)

func TestArrays(t *testing.T) {
	nested := Modes{NestedArrays: true}
	for _, c := range []struct {
		name       string
		elem       uint32
		dims       int
		modes      Modes
		text, want string
	}{
		{"numbers", oidInt4, 1, Modes{}, "{1,NULL,-3}", "[1,null,-3]"},
		{"null in lower case", oidInt4, 1, Modes{}, "{null}", "[null]"},
		{"the word NULL", oidText, 1, Modes{}, `{"NULL",NULL}`, `["NULL",null]`},
		{"quotes", oidText, 1, Modes{}, `{"a\"b","c\\d","{,}","",x y}`, `["a\"b","c\\d","{,}","","x y"]`},
		{"bounds", oidInt4, 1, Modes{}, "[2:3]={1,2}", "[1,2]"},
		{"empty", oidInt4, 1, Modes{}, "{}", "[]"},
		{"inner arrays are null", oidInt4, 2, Modes{}, "{{1,2},{3,4}}", "[null,null]"},
		{"inner quotes", oidText, 2, Modes{}, `{{"}","\"}"},{a,b}}`, "[null,null]"},
		{"nested", oidInt4, 2, nested, "{{1,2},{3,NULL}}", "[[1,2],[3,null]]"},
		{"nested in three", oidText, 3, nested, `{{{a},{"b,c"}}}`, `[[["a"],["b,c"]]]`},
		{"nested and empty", oidInt4, 2, nested, "{}", "[]"},
		{"too few dimensions", oidInt4, 2, nested, "{1,2}", "unfit: " + errDimensions.Error()},
		{"too many dimensions", oidInt4, 1, nested, "{{1}}", "unfit: " + errDimensions.Error()},
		{"boxes have a delimiter of their own", oidBox, 1, Modes{}, "{(1,1),(0,0);(2,2),(1,1)}", "2 of STRUCT"},
		{"points", oidPoint, 1, Modes{}, `{"(1,2)",NULL}`, "2 of STRUCT"},
		{"money", oidMoney, 1, Modes{Decimal: "string"}, `{$1.50,"$1,000.00"}`, `["1.50","1000.00"]`},
		{"intervals", oidInterval, 1, Modes{}, `{"1 day",00:00:01}`, "[86400000000,1000000]"},
		{"names", oidName, 1, Modes{}, `{a,b}`, `["a","b"]`},
		{"xml", oidXML, 1, Modes{}, `{<a/>}`, `["<a/>"]`},
		{"bits", oidVarbit, 1, Modes{}, `{101,1}`, `["BQ==","AQ=="]`},
		{"domains", oidTestDomain, 1, Modes{Decimal: "string"}, `{1.5000,NULL}`, `["1.5000",null]`},
		{"multiranges", 4451, 1, Modes{}, `{"{[1,3),[5,8)}"}`, `["{[1,3),[5,8)}"]`},
		{"arrays of a domain of arrays", oidTestArrayDomain, 1, Modes{}, `{"{1,2}","{3}"}`, "[[1,2],[3]]"},
		{"hstores", oidTestHstore, 1, Modes{}, `{"\"a\"=>\"1\""}`, `["{\"a\":\"1\"}"]`},
		{"ltree", oidTestLtree, 1, Modes{}, `{a.b,c}`, `["a.b","c"]`},
		{"uuid", oidUUID, 1, Modes{}, `{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}`, `["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"]`},
		{"bytea", oidBytea, 1, Modes{Binary: "hex"}, `{"\\xdead"}`, `["dead"]`},
		{"unknown", oidTestUnknown, 1, Modes{UnknownTypes: true, Binary: "base64"}, `{"(1,2)"}`, `["KDEsMik="]`},
		{"null among enums", oidTestEnum, 1, Modes{}, "{sad,NULL}", "unfit: " + errNullElement.Error()},
		{"arrays of enums in arrays", oidTestEnum, 2, Modes{}, "{{sad}}", "unfit: " + errNullElement.Error()},
		{"element that is none", oidInt4, 1, Modes{}, "{1,x}", "malformed: must be a number"},
		{"open", oidInt4, 1, Modes{}, "{1,2", "malformed: " + errArray.Error()},
		{"open quotes", oidText, 1, Modes{}, `{"a}`, "malformed: " + errArray.Error()},
		{"nothing", oidInt4, 1, Modes{}, "", "malformed: " + errArray.Error()},
		{"comma at the end", oidInt4, 1, Modes{}, "{1,}", "malformed: " + errArray.Error()},
		{"text behind", oidInt4, 1, Modes{}, "{1}2", "malformed: must end here"},
		{"text behind quotes", oidText, 1, Modes{}, `{"a"b}`, "malformed: " + errArray.Error()},
		{"text behind braces", oidInt4, 2, nested, "{{1}x,{2}}", "malformed: " + errArray.Error()},
		{"bounds alone", oidInt4, 1, Modes{}, "[1:2]", "malformed: " + errArray.Error()},
	} {
		t.Run(c.name, func(t *testing.T) {
			var a connect.Arena
			p := mustPlan(t, Column{Type: c.elem + oidTestArrays, TypMod: noMod, Dimensions: c.dims}, c.modes)
			v, err := p.Text(&a, []byte(c.text))
			got := shown(v, err)
			if n, ok := strings.CutSuffix(c.want, " of STRUCT"); ok {
				if n != string('0'+rune(v.Len())) || p.Schema.Elem().Type() != connect.TypeStruct {
					t.Errorf("%q is %s, want %s", c.text, got, c.want)
				}
			} else if got != c.want {
				t.Errorf("%q is %s, want %s", c.text, got, c.want)
			}
			if err := connect.Check(p.Schema, v); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestHstore(t *testing.T) {
	for _, c := range []struct{ name, mode, text, want string }{
		{"json", "", `"a"=>"1", "b"=>NULL`, `"{\"a\":\"1\",\"b\":null}"`},
		{"map", "map", `"a"=>"1", "b"=>NULL`, `{"a":"1","b":null}`},
		{"arrow in a key", "map", `"=>"=>"=>"`, `{"=>":"=>"}`},
		{"quotes", "map", `"a\"b"=>"c\\d"`, `{"a\"b":"c\\d"}`},
		{"control characters", "", "\"\x01\"=>\"\t\n\"", `"{\"\\u0001\":\"\\t\\n\"}"`},
		{"the word NULL", "map", `"a"=>"NULL"`, `{"a":"NULL"}`},
		{"order of Java", "map", `"é"=>"1", "a b"=>"2"`, `{"a b":"2","é":"1"}`},
		{"empty", "", "", `"{}"`},
		{"empty map", "map", "", `{}`},
		{"null key", "", `NULL=>"a"`, "malformed: " + errHstore.Error()},
		{"no value", "", `"a"=>`, "malformed: " + errHstore.Error()},
		{"no arrow", "", `"a""b"`, "malformed: " + errHstore.Error()},
		{"comma at the end", "", `"a"=>"b", `, "malformed: " + errHstore.Error()},
		{"words", "", `a=>b`, "malformed: " + errHstore.Error()},
	} {
		t.Run(c.name, func(t *testing.T) {
			var a connect.Arena
			p := mustPlan(t, Column{Type: oidTestHstore, TypMod: noMod}, Modes{Hstore: c.mode})
			v, err := p.Text(&a, []byte(c.text))
			if got := shown(v, err); got != c.want {
				t.Errorf("%q is %s, want %s", c.text, got, c.want)
			}
			if err := connect.Check(p.Schema, v); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestGeometry(t *testing.T) {
	const open, closed = `"extensions":{"type":"path","closed":"false"}`, `"extensions":{"type":"path","closed":"true"}`
	ring := "01020000000200000000000000000000000000000000000000000000000000f03f000000000000f03f"
	for _, c := range []struct {
		name       string
		oid        uint32
		text, want string
	}{
		{"point", oidPoint, "(1.5,-2.5)", `{"x":1.5,"y":-2.5,"wkb":"AQEAAAAAAAAAAAD4PwAAAAAAAATA","srid":null}`},
		{"infinite point", oidPoint, "(Infinity,NaN)", `{"x":"Infinity","y":"NaN","wkb":"AQEAAAAAAAAAAADwfwEAAAAAAPh/","srid":null}`},
		{"line", oidLine, "{1,-1,0.5}", `{"a":1.0,"b":-1.0,"c":0.5}`},
		{"circle", oidCircle, "<(1,2),3>", `{"center":{"x":1.0,"y":2.0,"wkb":"AQEAAAAAAAAAAADwPwAAAAAAAABA","srid":null},"radius":3.0}`},
		{"segment", oidLseg, "[(0,0),(1,1)]", `{"wkb":"` + base64Of(t, ring) + `","srid":null,"extensions":{"type":"lseg"}}`},
		{"open path", oidPath, "[(0,0),(1,1)]", `{"wkb":"` + base64Of(t, ring) + `","srid":null,` + open + `}`},
		{"closed path", oidPath, "((0,0),(1,1))", `{"wkb":"` + base64Of(t, ring) + `","srid":null,` + closed + `}`},
		{"polygon", oidPolygon, "((0,0),(1,1),(1,0))", `{"wkb":"` + base64Of(t, "01030000000100000004000000"+
			"00000000000000000000000000000000000000000000f03f000000000000f03f000000000000f03f000000000000000000000000000000000000000000000000") + `","srid":null,"extensions":{"type":"polygon"}}`},
		{"closed polygon", oidPolygon, "((0,0),(0,0))", `{"wkb":"` + base64Of(t, "01030000000100000002000000"+zeros(64)) + `","srid":null,"extensions":{"type":"polygon"}}`},
		{"geometry", oidTestGeometry, "0101000000000000000000F03F0000000000000040", `{"wkb":"AQEAAAAAAAAAAADwPwAAAAAAAABA","srid":null,"extensions":null}`},
		{"geometry with SRID", oidTestGeometry, "0101000020E6100000000000000000F03F0000000000000040", `{"wkb":"AQEAACDmEAAAAAAAAAAA8D8AAAAAAAAAQA==","srid":4326,"extensions":null}`},
		{"geography, big endian", oidTestGeography, "0020000001000010E63FF00000000000004000000000000000", `{"wkb":"ACAAAAEAABDmP/AAAAAAAABAAAAAAAAAAA==","srid":4326}`},
		{"short geometry", oidTestGeometry, "0101", "malformed: " + errEWKB.Error()},
		{"geometry without its SRID", oidTestGeometry, "0101000020", "malformed: " + errEWKB.Error()},
		{"geometry of letters", oidTestGeometry, "POINT(1 2)", "malformed: " + errEWKB.Error()},
		{"point of one", oidPoint, "(1)", "malformed: must be a number"},
		{"point of three", oidPoint, "(1,2,3)", "malformed: must end here"},
		{"no point", oidPoint, "", "malformed: must be a number"},
		{"no path", oidPath, "", "malformed: must be a number"},
		{"path of three numbers", oidPath, "((0,0),(1))", "malformed: must end here"},
		{"no polygon", oidPolygon, "()", "malformed: must be a number"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var a connect.Arena
			p := mustPlan(t, Column{Type: c.oid, TypMod: noMod}, Modes{})
			v, err := p.Text(&a, []byte(c.text))
			if got := shown(v, err); got != c.want {
				t.Errorf("%q is %s, want %s", c.text, got, c.want)
			}
			if err := connect.Check(p.Schema, v); err != nil {
				t.Error(err)
			}
		})
	}
}

func base64Of(t *testing.T, digits string) string {
	t.Helper()
	raw, err := hex.DecodeString(digits)
	if err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(raw)
}

func TestComposite(t *testing.T) {
	column := Column{Type: oidTestComposite, TypMod: noMod}
	p := mustPlan(t, column, Modes{CompositeStructs: true})
	if got, want := schemaText(p.Schema), "STRUCT public.addr .street(STRING?) .zip(INT32?) .inner(STRUCT public.inner .n(INT32?)?) .tags(ARRAY of (STRING?)?)?"; got != want {
		t.Errorf("schema is %s, want %s", got, want)
	}
	for _, c := range []struct{ name, text, want string }{
		{"all fields", `("1 Main, St",12345,'a',(7),"{x,""y z""}")`, `{"street":"1 Main, St","zip":12345,"inner":{"n":7},"tags":["x","y z"]}`},
		{"nothing", `(,,,,)`, `{"street":null,"zip":null,"inner":null,"tags":null}`},
		{"empty text", `("",,,,)`, `{"street":"","zip":null,"inner":null,"tags":null}`},
		{"quotes", `("a""b\\c",,,,)`, `{"street":"a\"b\\c","zip":null,"inner":null,"tags":null}`},
		{"too few fields", `(a,1)`, "malformed: " + errComposite.Error()},
		{"too many fields", `(a,1,,,,)`, "malformed: " + errComposite.Error()},
		{"field that is none", `(a,x,,,)`, "malformed: must be a number"},
		{"open", `(a,1`, "malformed: " + errComposite.Error()},
		{"open quotes", `("a`, "malformed: " + errComposite.Error()},
		{"text behind", `(a,1,,,)x`, "malformed: must end here"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var a connect.Arena
			text := strings.Replace(c.text, "(7)", `"(7)"`, 1)
			v, err := p.Text(&a, []byte(text))
			if got := shown(v, err); got != c.want {
				t.Errorf("%q is %s, want %s", text, got, c.want)
			}
			if err := connect.Check(p.Schema, v); err != nil {
				t.Error(err)
			}
		})
	}
	if !mustPlan(t, column, Modes{}).Dropped {
		t.Error("a composite type is not left out")
	}
}
