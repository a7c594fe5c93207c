// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/connectd/connectd/connect"
)

func TestColumnMasks(t *testing.T) {
	text := connect.String("grüße 😀!")
	for _, tc := range []struct {
		name     string
		pairs    []string
		typeName string
		length   int
		in, want connect.Value
	}{
		{"stars", []string{"column.mask.with.3.chars", "s.t.c"}, "text", 2147483647, text, connect.String("***")},
		{"stars for null", []string{"column.mask.with.3.chars", "s.t.c"}, "text", 2147483647, connect.Null(), connect.String("***")},
		{"no stars", []string{"column.mask.with.0.chars", "s.t.c"}, "varchar", 20, text, connect.String("")},
		{"stars not for numbers", []string{"column.mask.with.3.chars", "s.t.*"}, "int4", 10, connect.Int32(7), connect.Int32(7)},
		{"stars not for time as text", []string{"column.mask.with.3.chars", "s.t.*"}, "timestamptz", 35, connect.String("2026-01-02T03:04:05Z"), connect.String("2026-01-02T03:04:05Z")},
		{"stars for json", []string{"column.mask.with.3.chars", "s.t.*"}, "jsonb", 2147483647, connect.String(`{"a":1}`), connect.String("***")},
		{"truncate", []string{"column.truncate.to.2.chars", "S.T.C"}, "text", 2147483647, text, connect.String("gr")},
		{"truncate counts characters", []string{"column.truncate.to.5.chars", "s.t.c"}, "text", -1, text, connect.String("grüße")},
		{"truncate does not divide a pair", []string{"column.truncate.to.7.chars", "s.t.c"}, "text", -1, text, connect.String("grüße ")},
		{"truncate counts a pair as two", []string{"column.truncate.to.8.chars", "s.t.c"}, "text", -1, text, connect.String("grüße 😀")},
		{"truncate to nothing", []string{"column.truncate.to.0.chars", "s.t.c"}, "text", -1, text, connect.String("")},
		{"truncate what is short enough", []string{"column.truncate.to.50.chars", "s.t.c"}, "text", -1, text, text},
		{"truncate a column that is short enough", []string{"column.truncate.to.20.chars", "s.t.c"}, "varchar", 20, text, text},
		{"truncate bytes", []string{"column.truncate.to.2.chars", "s.t.c"}, "bytea", -1, connect.Bytes([]byte{1, 2, 3}), connect.Bytes([]byte{1, 2})},
		{"truncate null", []string{"column.truncate.to.2.chars", "s.t.c"}, "text", -1, connect.Null(), connect.Null()},
		{"hash v2", []string{"column.mask.hash.v2.SHA-256.with.salt.abc", "s.t.c"}, "text", 2147483647, text, connect.String(sha("abc", "grüße 😀!"))},
		// Computed by Java: MessageDigest over the salt and ObjectOutputStream.writeObject.
		{"hash v1", []string{"column.mask.hash.SHA-256.with.salt.abc", "s.t.c"}, "text", 2147483647, connect.String("alice"), connect.String("bdcea2652b4a8e4b5849b0bd2ea92a3a668504a2ca08bb190706a9ffff7663e9")},
		{"hash v1 beyond the basic plane", []string{"column.mask.hash.SHA-256.with.salt.abc", "s.t.c"}, "text", -1, connect.String("é😀"), connect.String("eb3551aecf31389e639c499f6f99f1cc7fc306ac8ea7da9b2e5d39ca62cc4c1e")},
		{"hash v1 of long text", []string{"column.mask.hash.SHA-256.with.salt.abc", "s.t.c"}, "text", -1, connect.String(strings.Repeat("x", 70000)), connect.String("a206a612cb063a66418f8687c67ed8b3b7bc36a597ff70479d8b6eccef6815d8")},
		{"hash v1 of the longest short text", []string{"column.mask.hash.MD5.with.salt.s", "s.t.c"}, "text", -1, connect.String(strings.Repeat("x", 65535)), connect.String("a6e163b7fc9840323b47bf8139e03504")},
		{"hash v1 SHA-512/256", []string{"column.mask.hash.sha-512/256.with.salt.s", "s.t.c"}, "text", -1, connect.String("x"), connect.String("b701e6b0cb8b275e23acb74f76d872e1c5a06e71fc1c77b806d9931b700069f2")},
		{"hash v1 SHA3", []string{"column.mask.hash.SHA3-256.with.salt.s", "s.t.c"}, "text", -1, connect.String("x"), connect.String("f6a63a8aa15c7b821134da9c82d352c60980915c45518e2851379eef6a5064ea")},
		{"hash is cut to the column", []string{"column.mask.hash.v2.SHA-256.with.salt.abc", "s.t.c"}, "varchar", 10, connect.String("alice"), connect.String(sha("abc", "alice")[:10])},
		{"hash of null", []string{"column.mask.hash.SHA-256.with.salt.abc", "s.t.c"}, "text", -1, connect.Null(), connect.Null()},
		{"salt with dots", []string{"column.mask.hash.v2.SHA-256.with.salt.a.b c", "s.t.c"}, "text", -1, connect.String("x"), connect.String(sha("a.b c", "x"))},
		{"known digest", []string{"column.mask.hash.v2.MD5.with.salt.a", "s.t.c"}, "text", -1, connect.String("bc"), connect.String("900150983cd24fb0d6963f7d28e17f72")},
		{"what hides more wins", []string{"column.truncate.to.2.chars", ".*", "column.mask.hash.v2.MD5.with.salt.a", "s.t.*", "column.mask.with.2.chars", "s.t.c"}, "text", -1, text, connect.String("**")},
		{"hash before truncation and propagation", []string{"column.truncate.to.2.chars", ".*", "column.propagate.source.type", ".*", "column.mask.hash.v2.MD5.with.salt.a", "s.t.c"}, "text", -1, connect.String("bc"), connect.String("900150983cd24fb0d6963f7d28e17f72")},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var a connect.Arena
			mask, propagate := mustParse(t, tc.pairs...).columns.forColumn("s", "t", "c", tc.typeName, tc.length)
			got := tc.in
			if mask != nil {
				got = mask(&a, tc.in)
				if again := mask(&a, tc.in); !connect.Equal(got, again) {
					t.Errorf("the second time it is %v, not %v", again, got)
				}
			}
			if !connect.Equal(got, tc.want) {
				t.Errorf("%q, want %q", got.Str(), tc.want.Str())
			}
			if propagate {
				t.Error("a masked column propagates its type")
			}
		})
	}
}

func sha(salt, text string) string {
	sum := sha256.Sum256([]byte(salt + text))
	return hex.EncodeToString(sum[:])
}

// TestColumnParameters has the parameters that Debezium 3.7.0.Final wrote in the
// recordings dml-filters and dml-propagate.
func TestColumnParameters(t *testing.T) {
	r := mustParse(t, "column.propagate.source.type", ".*", "column.truncate.to.2.chars", "public.lines.sku", "column.mask.with.3.chars", "public.orders.customer,public.orders.id").columns
	for _, tc := range []struct {
		table, column, typeName string
		length                  int
		name, value             string
		propagate               bool
	}{
		{"lines", "sku", "varchar", 20, "truncateLength", "2", false},
		{"orders", "customer", "text", 2147483647, "masked", "true", false},
		{"orders", "note", "text", 2147483647, "", "", true},
		{"orders", "id", "int8", 19, "", "", false}, // Debezium says masked, and does not mask
	} {
		name, value, ok := r.parameter("public", tc.table, tc.column, tc.typeName, tc.length)
		if name != tc.name || value != tc.value || ok != (tc.name != "") {
			t.Errorf("%s.%s: parameter %s=%s %t, want %s=%s", tc.table, tc.column, name, value, ok, tc.name, tc.value)
		}
		if _, propagate := r.forColumn("public", tc.table, tc.column, tc.typeName, tc.length); propagate != tc.propagate {
			t.Errorf("%s.%s: propagate %t", tc.table, tc.column, propagate)
		}
	}
	types := mustParse(t, "datatype.propagate.source.type", ".+[.]int8,public[.]orders[.]numeric").columns
	for typeName, want := range map[string]bool{"int8": true, "numeric": true, "int4": false} {
		if _, got := types.forColumn("public", "orders", "x", typeName, 10); got != want {
			t.Errorf("datatype %s propagates: %t", typeName, got)
		}
	}
}

func TestMasksDoNotAllocateBeyondTheArena(t *testing.T) {
	var a connect.Arena
	v := connect.String("alice")
	for _, key := range []string{"column.mask.with.3.chars", "column.truncate.to.2.chars", "column.mask.hash.SHA-256.with.salt.abc", "column.mask.hash.v2.SHA-256.with.salt.abc"} {
		mask, _ := mustParse(t, key, ".*").columns.forColumn("s", "t", "c", "text", -1)
		mask(&a, v)
		if n := testing.AllocsPerRun(100, func() { a.Reset(); mask(&a, v) }); n > 0 {
			t.Errorf("%s: %v allocations", key, n)
		}
	}
}

func TestNameAdjustment(t *testing.T) {
	for _, tc := range []struct {
		mode                adjustment
		name, schema, field string
	}{
		{adjustNone, "a-b.1 c", "a-b.1 c", "a-b.1 c"},
		{adjustAvro, "a-b.c", "a_b.c", "a_b_c"},
		{adjustAvro, "1st", "_1st", "_1st"},
		{adjustAvro, ".a", "_a", "_a"},
		{adjustAvro, "_ok9", "_ok9", "_ok9"},
		{adjustAvro, "größe", "gr__e", "gr__e"},
		{adjustAvro, "a😀", "a__", "a__"},
		{adjustAvro, "٣a", "_٣a", "_٣a"}, // as the original: digits of all scripts are kept behind the underscore
		{adjustAvro, "", "", ""},
		{adjustUnicode, "a-b.c", "a_u002db.c", "a_u002db_u002ec"},
		{adjustUnicode, "a_b", "a_u005fb", "a_u005fb"},
		{adjustUnicode, "1st", "_u0031st", "_u0031st"},
		{adjustUnicode, "ā", "_u101", "_u101"}, // as the original: three digits are not padded
		{adjustUnicode, "😀", "_ud83d_ude00", "_ud83d_ude00"},
		{adjustUnicode, "\t", "_u009", "_u009"},
	} {
		if got := tc.mode.schemaName(tc.name); got != tc.schema {
			t.Errorf("%s: schema %q becomes %q, want %q", tc.mode, tc.name, got, tc.schema)
		}
		if got := tc.mode.fieldName(tc.name); got != tc.field {
			t.Errorf("%s: field %q becomes %q, want %q", tc.mode, tc.name, got, tc.field)
		}
	}
}
