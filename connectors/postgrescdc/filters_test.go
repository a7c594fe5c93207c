// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestFilterTable(t *testing.T) {
	for _, tc := range []struct {
		name  string
		pairs []string
		in    []string
		out   []string
	}{
		{"all", nil, []string{"public.orders", "other.orders", "Public.Orders"}, []string{
			"pg_catalog.pg_class", "information_schema.tables", "pg_toast.pg_toast_1", "pg_temp_3.t", "pg_toast_temp_3.t"}},
		{"whole name", []string{"table.include.list", "public.order"}, []string{"public.order", "PUBLIC.ORDER", "public.Order"}, []string{"public.orders", "xpublic.order", "public.order.x"}},
		{"alternatives", []string{"table.include.list", "public.(orders|lines),other.*"}, []string{"public.orders", "public.lines", "other.a", "other_too.a"}, []string{"public.order", "third.a"}},
		{"top-level alternative", []string{"table.include.list", `public\.a|public\.b`}, []string{"public.a", "public.b"}, []string{"public.ab", "xpublic.b"}},
		{"blanks", []string{"table.include.list", " public.a , public.b ,"}, []string{"public.a", "public.b"}, []string{"public.c"}},
		{"escaped comma", []string{"table.include.list", `public.a{1\,2}`}, []string{"public.a", "public.aa"}, []string{"public.aaa", "public.2}"}},
		{"exclude", []string{"table.exclude.list", ".*_log"}, []string{"public.orders"}, []string{"public.orders_log", "public.Orders_LOG"}},
		{"schema in", []string{"schema.include.list", "public|app_.*"}, []string{"public.a", "app_1.a"}, []string{"other.a", "xpublic.a"}},
		{"schema out", []string{"schema.exclude.list", "audit"}, []string{"public.a", "audits.a"}, []string{"audit.a"}},
		{"both levels", []string{"schema.exclude.list", "audit", "table.include.list", ".*[.]a"}, []string{"public.a"}, []string{"audit.a", "public.b"}},
		{"system by name", []string{"table.include.list", "pg_catalog.pg_class"}, nil, []string{"pg_catalog.pg_class"}},
		{"signals", []string{"table.include.list", "public.a", "signal.data.collection", "Public.Signals"}, []string{"public.a", "public.signals"}, []string{"public.b"}},
		{"java escapes", []string{"table.include.list", `\Qpublic.a+b\E,public\.\p{Alpha}\p{Digit},public.\u0078y,public.[\p{Alpha}_]c`}, []string{"public.a+b", "public.a1", "public.xy", "public._c"}, []string{"public.aab", "public.11"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := mustParse(t, tc.pairs...).filter
			check := func(names []string, want bool) {
				for _, n := range names {
					schema, table, _ := strings.Cut(n, ".")
					if got := f.table(schema, table); got != want {
						t.Errorf("table %s captured: %t", n, got)
					}
				}
			}
			check(tc.in, true)
			check(tc.out, false)
		})
	}
}

func TestFilterColumnsMessagesOperationsSnapshot(t *testing.T) {
	f := mustParse(t, "column.exclude.list", "public.orders.note,.*[.]secret_.*", "message.prefix.include.list", "app.*", "skipped.operations", "t, D",
		"table.include.list", "public.*", "snapshot.include.collection.list", "public.a,other.b").filter
	for _, tc := range []struct {
		what      string
		got, want bool
	}{
		{"orders.note", f.column("public", "orders", "note"), false},
		{"orders.Note", f.column("public", "orders", "Note"), false},
		{"orders.notes", f.column("public", "orders", "notes"), true},
		{"x.secret_a", f.column("s", "x", "secret_a"), false},
		{"prefix app", f.message("app"), true},
		{"prefix appendix", f.message("appendix"), true},
		{"prefix my.app", f.message("my.app"), false},
		{"c", f.skips('c'), false},
		{"u", f.skips('u'), false},
		{"d", f.skips('d'), true},
		{"t", f.skips('t'), true},
		{"snapshot a", f.snapshot("public", "a"), true},
		{"snapshot c", f.snapshot("public", "c"), false},
		{"snapshot of a table that is not captured", f.snapshot("other", "b"), false},
	} {
		if tc.got != tc.want {
			t.Errorf("%s: %t, want %t", tc.what, tc.got, tc.want)
		}
	}
	if in := mustParse(t, "column.include.list", "public.a.(x|y)").filter; !in.column("public", "a", "x") || in.column("public", "a", "z") || in.column("public", "b", "x") {
		t.Error("column.include.list is not applied")
	}
	if mustParse(t, "skipped.operations", "none").filter.skips('t') {
		t.Error("none skips t")
	}
	if !mustParse(t).filter.skips('t') {
		t.Error("truncates are not skipped by default")
	}
}

func TestKeyColumns(t *testing.T) {
	columns := []string{"id", "region", "pk1", "pk2", "Name"}
	for _, tc := range []struct {
		name, setting, table string
		want                 []string
	}{
		{"none", "", "a", nil},
		{"other table", "public.b:id", "a", nil},
		{"order of the setting", "public.a:region,id", "a", []string{"region", "id"}},
		{"regex table", "public.b:id;(.*).a:pk1,pk2", "a", []string{"pk1", "pk2"}},
		{"regex column", "public.a:pk.*", "a", []string{"pk1", "pk2"}},
		{"case", "PUBLIC.A:NAME", "a", []string{"Name"}},
		{"blanks", " public.a: region , id ; ", "a", []string{"region", "id"}},
		{"twice", "public.a:id;public.*:id,region", "a", []string{"id", "region"}},
		{"missing column", "public.a:nosuch", "a", nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := mustParse(t, "message.key.columns", tc.setting).filter.keyColumns("public", tc.table, columns)
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestReplicaIdentityRules(t *testing.T) {
	p := mustParse(t, "replica.identity.autoset.values", `public.(a|b):full, other.*:INDEX My_Idx,public.c:INDEX "Odd"`).Publication
	for _, tc := range []struct{ schema, table, identity, index string }{
		{"public", "a", "FULL", ""}, {"other", "x", "INDEX", "My_Idx"}, {"public", "c", "INDEX", "Odd"},
	} {
		r, err := p.identity(tc.schema, tc.table)
		if err != nil || r == nil || r.Identity != tc.identity || r.Index != tc.index {
			t.Errorf("%s.%s: %+v, %v", tc.schema, tc.table, r, err)
		}
	}
	if r, err := p.identity("public", "d"); r != nil || err != nil {
		t.Errorf("public.d: %+v, %v", r, err)
	}
	p = mustParse(t, "replica.identity.autoset.values", "public.a:FULL,public.*:DEFAULT").Publication
	if _, err := p.identity("public", "a"); err == nil || !strings.Contains(err.Error(), "more than one rule matches the table public.a") {
		t.Errorf("two rules: %v", err)
	}
}
