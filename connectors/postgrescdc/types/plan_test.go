// SPDX-License-Identifier: Apache-2.0

package types

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/connectd/connectd/connect"
)

func TestSchemas(t *testing.T) {
	const data = "io.debezium.data."
	for _, c := range []struct {
		name   string
		column Column
		modes  Modes
		want   string
	}{
		{"required", Column{Type: oidInt4, TypMod: noMod, NotNull: true}, Modes{}, "INT32"},
		{"oid", Column{Type: oidOID, TypMod: noMod}, Modes{}, "INT64?"},
		{"char", Column{Type: oidChar, TypMod: noMod}, Modes{}, "STRING?"},
		{"bit without length", Column{Type: oidBit, TypMod: noMod}, Modes{}, "BOOLEAN?"},
		{"varbit without length", Column{Type: oidVarbit, TypMod: noMod}, Modes{}, "BYTES " + data + "Bits length=2147483647?"},
		{"numeric", Column{Type: oidNumeric, TypMod: noMod}, Modes{}, "STRUCT " + data + "VariableScaleDecimal .scale(INT32) .value(BYTES)?"},
		{"numeric(5,-2)", Column{Type: oidNumeric, TypMod: decimalMod(5, -2)}, Modes{}, "BYTES org.apache.kafka.connect.data.Decimal scale=0 connect.decimal.precision=7?"},
		{"numeric(3,5)", Column{Type: oidNumeric, TypMod: decimalMod(3, 5)}, Modes{}, "BYTES org.apache.kafka.connect.data.Decimal scale=5 connect.decimal.precision=3?"},
		{"numeric[]", Column{Type: oidNumeric + oidTestArrays, TypMod: decimalMod(6, 2)}, Modes{}, "ARRAY of (BYTES org.apache.kafka.connect.data.Decimal scale=2 connect.decimal.precision=6?)?"},
		{"money", Column{Type: oidMoney, TypMod: noMod}, Modes{MoneyDigits: 3}, "BYTES org.apache.kafka.connect.data.Decimal scale=3?"},
		{"domain", Column{Type: oidTestDomainOfDomain, TypMod: noMod}, Modes{}, "BYTES org.apache.kafka.connect.data.Decimal scale=4 connect.decimal.precision=12?"},
		{"enum", Column{Type: oidTestEnum, TypMod: noMod}, Modes{}, "STRING " + data + "Enum allowed=sad,ok?"},
		{"enums", Column{Type: oidTestEnum + oidTestArrays, TypMod: noMod}, Modes{}, "ARRAY of (STRING " + data + "Enum allowed=sad,ok)?"},
		{"nested", Column{Type: oidInt4 + oidTestArrays, TypMod: noMod, Dimensions: 3}, Modes{NestedArrays: true}, "ARRAY of (ARRAY of (ARRAY of (INT32?)?)?)?"},
		{"not nested", Column{Type: oidInt4 + oidTestArrays, TypMod: noMod, Dimensions: 3}, Modes{}, "ARRAY of (INT32?)?"},
		{"hstore map", Column{Type: oidTestHstore, TypMod: noMod}, Modes{Hstore: "map"}, "MAP of STRING to STRING??"},
		{"ltree", Column{Type: oidTestLtree, TypMod: noMod}, Modes{}, "STRING " + data + "Ltree?"},
		{"geometry", Column{Type: oidTestGeometry, TypMod: noMod}, Modes{}, "STRUCT " + data + "geometry.Geometry .wkb(BYTES) .srid(INT32?) .extensions(MAP of STRING to STRING?)?"},
		{"geography", Column{Type: oidTestGeography, TypMod: noMod}, Modes{}, "STRUCT " + data + "geometry.Geography .wkb(BYTES) .srid(INT32?)?"},
		{"line", Column{Type: oidLine, TypMod: noMod}, Modes{}, "STRUCT " + data + "geometry.Line .a(FLOAT64) .b(FLOAT64) .c(FLOAT64)?"},
		{"vector", Column{Type: oidTestVector, TypMod: noMod}, Modes{}, "ARRAY " + data + "DoubleVector of (FLOAT64)?"},
		{"halfvec", Column{Type: oidTestHalfvec, TypMod: noMod}, Modes{}, "ARRAY " + data + "FloatVector of (FLOAT32)?"},
		{"sparsevec", Column{Type: oidTestSparsevec, TypMod: noMod}, Modes{}, "STRUCT " + data + "SparseDoubleVector .dimensions(INT16) .vector(MAP of INT16 to FLOAT64)?"},
		{"range", Column{Type: oidTestRange, TypMod: noMod}, Modes{}, "STRING?"},
		{"multirange", Column{Type: oidTestMultirange, TypMod: noMod}, Modes{}, "STRING?"},
		{"unknown", Column{Type: oidTestUnknown, TypMod: noMod}, Modes{}, "dropped"},
		{"unknown array", Column{Type: oidTestUnknown + oidTestArrays, TypMod: noMod}, Modes{}, "dropped"},
		{"unknown in bytes", Column{Type: oidTestUnknown, TypMod: noMod}, Modes{UnknownTypes: true}, "BYTES?"},
		{"unknown array in text", Column{Type: oidTestUnknown + oidTestArrays, TypMod: noMod}, Modes{UnknownTypes: true, Binary: "hex"}, "ARRAY of (STRING?)?"},
		{"composite in bytes", Column{Type: oidTestComposite, TypMod: noMod}, Modes{UnknownTypes: true}, "BYTES?"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := mustPlan(t, c.column, c.modes)
			got := "dropped"
			if !p.Dropped {
				got = schemaText(p.Schema)
			}
			if got != c.want {
				t.Errorf("schema is %s, want %s", got, c.want)
			}
		})
	}
}

func TestDefaults(t *testing.T) {
	for _, c := range []struct {
		name string
		oid  uint32
		mod  int32
		expr string
		want string
	}{
		{"number", oidInt4, noMod, "42", "42"},
		{"negative number", oidInt4, noMod, "'-1'::integer", "-1"},
		{"negative number in brackets", oidInt4, noMod, "(-1)", "-1"},
		{"number with a cast", oidNumeric, decimalMod(6, 2), "(0)::numeric", "0.00"},
		{"number of other scale", oidNumeric, decimalMod(6, 2), "1.5", "1.50"},
		{"number without scale is a struct", oidNumeric, noMod, "1.5", "none"},
		{"bigint", oidInt8, noMod, "'9223372036854775807'::bigint", "9223372036854775807"},
		{"true", oidBool, noMod, "true", "true"},
		{"false", oidBool, noMod, "false", "false"},
		{"text", oidText, noMod, "'abc'::text", `"abc"`},
		{"empty text", oidText, noMod, "''::text", `""`},
		{"quote in text", oidText, noMod, "'it''s'::text", `"it's"`},
		{"escape in text", oidText, noMod, `E'a\\b'::text`, `"a\\b"`},
		{"bracket in text", oidText, noMod, `'f(x)'::text`, `"f(x)"`},
		{"varchar", oidVarchar, 14, "'abc'::character varying", `"abc"`},
		{"varchar with length", oidVarchar, 14, "'abc'::character varying(10)", `"abc"`},
		{"char", oidBpchar, 7, "'x'::bpchar", `"x"`},
		{"timestamp with precision", oidTimestamp, 3, "'2020-01-02 03:04:05'::timestamp(3) without time zone", "1577934245000"},
		{"timestamptz", oidTimestamptz, noMod, "'2020-01-02 03:04:05+00'::timestamp with time zone", `"2020-01-02T03:04:05.000000Z"`},
		{"time", oidTime, noMod, "'03:04:05'::time without time zone", "11045000000"},
		{"interval", oidInterval, noMod, "'1 day'::interval", "86400000000"},
		{"bit", oidBit, 1, `B'1'::"bit"`, "true"},
		{"bits", oidBit, 4, `B'1010'::"bit"`, `"Cg=="`},
		{"json", oidJSONB, noMod, `'{"a": 1}'::jsonb`, `"{\"a\": 1}"`},
		{"xml", oidXML, noMod, `'<a/>'::xml`, `"<a/>"`},
		{"enum", oidTestEnum, noMod, "'ok'::mood", `"ok"`},
		{"enum of another schema", oidTestEnum, noMod, `'ok'::other."Mood"`, `"ok"`},
		{"sequence", oidInt4, noMod, "nextval('t_id_seq'::regclass)", "0"},
		{"now", oidTimestamptz, noMod, "now()", `"1970-01-01T00:00:00.000000Z"`},
		{"now and more", oidTimestamp, noMod, "(now() + '1 day'::interval)", "0"},
		{"function for a date", oidDate, noMod, "make_date(2020, 1, 2)", "0"},
		{"function for an interval", oidInterval, noMod, "age(now())", "0"},
		{"function for a uuid", oidUUID, noMod, "gen_random_uuid()", `"00000000-0000-0000-0000-000000000000"`},
		{"function for a text", oidText, noMod, "lower('ABC'::text)", `""`},
		{"function for a bool", oidBool, noMod, "random_bool()", "false"},
		{"function for json", oidJSON, noMod, "json_build_object()", `"{}"`},
		{"function for an enum", oidTestEnum, noMod, "pick()", "none"},
		{"function for a number", oidNumeric, decimalMod(6, 2), "random()", "0.00"},
		{"keyword", oidTimestamptz, noMod, "CURRENT_TIMESTAMP", "none"},
		{"null", oidVarchar, noMod, "NULL::character varying", "none"},
		{"expression of literals", oidText, noMod, "('a'::text || 'b'::text)", "none"},
		{"sum", oidInt4, noMod, "(1 + 2)", "none"},
		{"array", oidInt4 + oidTestArrays, noMod, "'{1,2}'::integer[]", "none"},
		{"bytea", oidBytea, noMod, `'\xab'::bytea`, "none"},
		{"inet", oidInet, noMod, "'127.0.0.1'::inet", "none"},
		{"name", oidName, noMod, "'a'::name", "none"},
		{"domain", oidTestDomain, noMod, "1.5", "none"},
		{"point", oidPoint, noMod, "'(1,2)'::point", "none"},
		{"hstore", oidTestHstore, noMod, `'"a"=>"1"'::hstore`, "none"},
		{"nothing", oidText, noMod, "", "none"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := mustPlan(t, Column{Type: c.oid, TypMod: c.mod, Default: c.expr, NotNull: true}, Modes{})
			got := "none"
			v, ok := p.Default(c.expr)
			if ok {
				got = shown(v, nil)
			}
			if got != c.want {
				t.Errorf("default of %s is %s, want %s", c.expr, got, c.want)
			}
			if in, has := p.Schema.Default(); has != ok || !connect.Equal(in, v) {
				t.Errorf("default of the schema is %s", shown(in, nil))
			}
		})
	}
}

func TestUnavailable(t *testing.T) {
	const ph = "__debezium_unavailable_value"
	codes := "[95,95,100,101,98,101,122,105,117,109,95,117,110,97,118,97,105,108,97,98,108,101,95,118,97,108,117,101]"
	for _, c := range []struct {
		name  string
		oid   uint32
		modes Modes
		shows bool
		want  string
	}{
		{"text", oidText, Modes{}, true, `"` + ph + `"`},
		{"jsonb", oidJSONB, Modes{}, true, `"` + ph + `"`},
		{"enum", oidTestEnum, Modes{}, true, `"` + ph + `"`},
		{"bytea", oidBytea, Modes{}, true, `"X19kZWJleml1bV91bmF2YWlsYWJsZV92YWx1ZQ=="`},
		{"bytea in hex", oidBytea, Modes{Binary: "hex"}, true, `"` + ph + `"`},
		{"other placeholder", oidText, Modes{Unavailable: "gone"}, true, `"gone"`},
		{"placeholder of bytes", oidBytea, Modes{Unavailable: "hex:00ff"}, true, `"AP8="`},
		{"placeholder of bytes in text", oidText, Modes{Unavailable: "hex:61ff"}, true, `"a` + "\ufffd" + `"`},
		{"text[]", oidText + oidTestArrays, Modes{}, true, `["` + ph + `"]`},
		{"bytea[]", oidBytea + oidTestArrays, Modes{}, true, `["X19kZWJleml1bV91bmF2YWlsYWJsZV92YWx1ZQ=="]`},
		{"int[]", oidInt4 + oidTestArrays, Modes{}, true, codes},
		{"bigint[]", oidInt8 + oidTestArrays, Modes{}, true, codes},
		{"date[]", oidDate + oidTestArrays, Modes{}, true, codes},
		{"date[] in Kafka's type", oidDate + oidTestArrays, Modes{Time: "connect"}, true, codes},
		{"date[] as text", oidDate + oidTestArrays, Modes{Time: "isostring"}, true, `["` + ph + `"]`},
		{"uuid[]", oidUUID + oidTestArrays, Modes{}, true, `["b68a35a7-17ad-35b3-af2a-ae46edb4545a"]`},
		{"int[] with codes of bytes", oidInt4 + oidTestArrays, Modes{Unavailable: "hex:00ff"}, true, "[0,-1]"},
		{"hstore", oidTestHstore, Modes{}, true, `"{\"` + ph + `\":\"` + ph + `\"}"`},
		{"hstore map", oidTestHstore, Modes{Hstore: "map"}, true, `{"` + ph + `":"` + ph + `"}`},
		{"numeric", oidNumeric, Modes{}, false, "null"},
		{"numeric as text", oidNumeric, Modes{Decimal: "string"}, true, `"` + ph + `"`},
		{"float8[]", oidFloat8 + oidTestArrays, Modes{}, false, "null"},
		{"polygon", oidPolygon, Modes{}, false, "null"},
		{"vector", oidTestVector, Modes{}, false, "null"},
		{"bits", oidVarbit, Modes{}, false, "null"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := mustPlan(t, Column{Type: c.oid, TypMod: noMod}, c.modes)
			if got := shown(p.Unavailable(), nil); got != c.want || p.ShowsUnavailable() != c.shows {
				t.Errorf("placeholder is %s (shown: %t), want %s", got, p.ShowsUnavailable(), c.want)
			}
			required := mustPlan(t, Column{Type: c.oid, TypMod: noMod, NotNull: true}, c.modes)
			for _, p := range []*ColumnPlan{p, required} {
				if err := connect.Check(p.Schema, p.Unavailable()); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// TestSourceType has what the driver of the original says; the first lines are recorded.
func TestSourceType(t *testing.T) {
	for _, c := range []struct {
		name   string
		column Column
		want   string
	}{
		{"bigserial", Column{Type: oidInt8, TypMod: noMod, NotNull: true, Default: "nextval('orders_id_seq'::regclass)"}, "BIGSERIAL 19 0"},
		{"bigint", Column{Type: oidInt8, TypMod: noMod}, "INT8 19 0"},
		{"int", Column{Type: oidInt4, TypMod: noMod}, "INT4 10 0"},
		{"text", Column{Type: oidText, TypMod: noMod}, "TEXT 2147483647 0"},
		{"numeric", Column{Type: oidNumeric, TypMod: decimalMod(10, 2)}, "NUMERIC 10 2"},
		{"timestamptz", Column{Type: oidTimestamptz, TypMod: noMod}, "TIMESTAMPTZ 35 6"},
		{"smallserial", Column{Type: oidInt2, TypMod: noMod, Default: "nextval('s'::regclass)"}, "SMALLSERIAL 5 0"},
		{"varchar", Column{Type: oidVarchar, TypMod: 24}, "VARCHAR 20 0"},
		{"varchar without length", Column{Type: oidVarchar, TypMod: noMod}, "VARCHAR 2147483647 0"},
		{"numeric without scale", Column{Type: oidNumeric, TypMod: noMod}, "NUMERIC 0 0"},
		{"timestamp(3)", Column{Type: oidTimestamp, TypMod: 3}, "TIMESTAMP 26 3"},
		{"time(0)", Column{Type: oidTime, TypMod: 0}, "TIME 8 0"},
		{"timetz(1)", Column{Type: oidTimetz, TypMod: 1}, "TIMETZ 17 1"},
		{"date", Column{Type: oidDate, TypMod: noMod}, "DATE 13 0"},
		{"interval", Column{Type: oidInterval, TypMod: noMod}, "INTERVAL 49 6"},
		{"float8", Column{Type: oidFloat8, TypMod: noMod}, "FLOAT8 17 17"},
		{"bit", Column{Type: oidBit, TypMod: 8}, "BIT 8 0"},
		{"bool", Column{Type: oidBool, TypMod: noMod}, "BOOL 1 0"},
		{"domain", Column{Type: oidTestDomainOfDomain, TypMod: noMod}, "PRICE 12 4"},
		{"array", Column{Type: oidInt4 + oidTestArrays, TypMod: noMod}, "_INT4 2147483647 0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.column.SourceType = true
			var got []string
			for _, param := range mustPlan(t, c.column, Modes{}).Schema.Params() {
				if short, ok := strings.CutPrefix(param.Key, "__debezium.source.column."); ok {
					got = append(got, short+"="+param.Value)
				}
			}
			want := strings.Fields(c.want)
			if all := "type=" + want[0] + " length=" + want[1] + " scale=" + want[2] + " name=c"; strings.Join(got, " ") != all {
				t.Errorf("parameters are %v, want %s", got, all)
			}
		})
	}
}

func TestPlanErrors(t *testing.T) {
	cat := NewCatalog([]Type{
		{OID: 1, Name: "a", Kind: 'd', Base: 2, TypMod: -1}, {OID: 2, Name: "b", Kind: 'd', Base: 1, TypMod: -1},
		{OID: oidText, Name: "text", Kind: 'b'},
	})
	for _, c := range []struct {
		name  string
		oid   uint32
		modes Modes
		want  string
	}{
		{"unknown OID", 99, Modes{}, "plan column c: the catalog has no type with OID 99; it is older than the column"},
		{"domains in a circle", 1, Modes{}, "plan column c: type b is nested more than 32 deep"},
		{"mode", oidText, Modes{Decimal: "strng"}, "plan column c: Invalid value strng for configuration decimal.handling.mode: must be one of precise, double, string (did you mean string?)"},
		{"placeholder", oidText, Modes{Unavailable: "hex:0"}, "what follows hex: must be pairs of hexadecimal digits"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Plan(Column{Name: "c", Type: c.oid, TypMod: noMod}, cat, c.modes)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error is %v, want %s", err, c.want)
			}
		})
	}
}

func TestValueError(t *testing.T) {
	var a connect.Arena
	p := mustPlan(t, Column{Name: "paid", Type: oidBool, TypMod: noMod}, Modes{})
	_, err := p.Text(&a, []byte(strings.Repeat("x", 100)))
	if want := `decode bool "` + strings.Repeat("x", 64) + `" of column paid: must be t or f`; err == nil || err.Error() != want {
		t.Errorf("error is %v, want %s", err, want)
	}
	_, err = p.Binary(&a, []byte{1, 2, 3})
	var e *ValueError
	if !errors.As(err, &e) || e.Text != "010203" || e.Unfit || e.Column != "paid" {
		t.Errorf("error is %#v", err)
	}
}

func TestLoadFails(t *testing.T) {
	broken := errors.New("connection lost")
	_, err := Load(context.Background(), func(context.Context, string, ...any) (Rows, error) { return nil, broken })
	if !errors.Is(err, broken) {
		t.Errorf("error is %v", err)
	}
}
