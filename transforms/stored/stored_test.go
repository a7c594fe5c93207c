// SPDX-License-Identifier: Apache-2.0

package stored

import (
	"bytes"
	"encoding/hex"
	"flag"
	"fmt"
	"math"
	"math/big"
	"path/filepath"
	"strings"
	"testing"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/connecttest"
)

var update = flag.Bool("update", false, "write golden files")

func samples(t testing.TB) []connect.Value {
	large, ok := new(big.Int).SetString("-123456789012345678901234567890", 10)
	if !ok {
		t.Fatal("number")
	}
	return []connect.Value{
		connect.Null(), connect.Bool(true), connect.Bool(false),
		connect.Int8(-5), connect.Int16(300), connect.Int32(-70000), connect.Int64(0), connect.Int64(math.MaxInt64), connect.Int64(math.MinInt64),
		connect.Float32(1.5), connect.Float64(-2.25), connect.Float64(math.NaN()), connect.Float64(math.Inf(1)),
		connect.String(""), connect.String("Ünal"), connect.Bytes(nil), connect.Bytes([]byte{0, 255}),
		connect.DecimalValue(&connect.Decimal{Unscaled: large, Scale: 3}), connect.DecimalValue(&connect.Decimal{Unscaled: new(big.Int), Scale: -2}),
		connect.Date(19000), connect.Time(1), connect.Timestamp(-1),
		connect.Array(nil), connect.Map(nil),
		connecttest.Parse(t, `{"z":[1,"a",{"b":null}],"a":{"x":2.5}}`),
	}
}

func TestRoundTrip(t *testing.T) {
	var all []byte
	for _, v := range samples(t) {
		all = Append(all, v)
	}
	var a connect.Arena
	rest := all
	for _, want := range samples(t) {
		size, sizeErr := Size(rest)
		v, after, err := Read(&a, rest)
		if err != nil || !connect.Equal(v, want) {
			t.Fatalf("%s comes back as %s (%v)", connecttest.Text(want), connecttest.Text(v), err)
		}
		composite := want.Kind() == connect.KindArray || want.Kind() == connect.KindMap
		if composite != (sizeErr != nil) || !composite && size != len(rest)-len(after) {
			t.Errorf("%s: size %d of %d (%v)", connecttest.Text(want), size, len(rest)-len(after), sizeErr)
		}
		rest = after
	}
	if len(rest) != 0 {
		t.Errorf("%d bytes are left", len(rest))
	}
}

func TestNothingAliasesTheInput(t *testing.T) {
	b := Append(nil, connecttest.Parse(t, `{"a":["text"]}`))
	var a connect.Arena
	v, _, err := Read(&a, b)
	if err != nil {
		t.Fatal(err)
	}
	clear(b)
	if got := connecttest.Text(v); got != `{"a":["text"]}` {
		t.Error(got)
	}
}

func TestStructIsStoredAsMap(t *testing.T) {
	s := connect.NewStruct("S").Field("n", connect.Int32Schema).Field("t", connect.StringSchema).MustBuild()
	st := connect.StructValue(&connect.Struct{Schema: s, Values: []connect.Value{connect.Int32(1), connect.String("x")}})
	m := connect.Map([]connect.MapEntry{{Key: connect.String("n"), Value: connect.Int32(1)}, {Key: connect.String("t"), Value: connect.String("x")}})
	if !bytes.Equal(Append(nil, st), Append(nil, m)) {
		t.Errorf("%x is not %x", Append(nil, st), Append(nil, m))
	}
}

func TestDamage(t *testing.T) {
	var a connect.Arena
	for _, v := range samples(t) {
		whole := Append(nil, v)
		for n := range whole {
			if _, _, err := Read(&a, whole[:n]); err == nil {
				t.Errorf("%s: %d of %d bytes are read without an error", connecttest.Text(v), n, len(whole))
			}
		}
	}
	deep := append(bytes.Repeat([]byte{tagArray, 1}, 2000), tagNull)
	for name, b := range map[string][]byte{"unknown tag": {99, 0}, "huge array": {tagArray, 255, 255, 255, 255, 15}, "huge text": {tagString, 255, 255, 255, 255, 15}, "deep": deep} {
		if _, _, err := Read(&a, b); err == nil || !strings.Contains(err.Error(), "the stored value is damaged") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestGolden(t *testing.T) {
	var got strings.Builder
	for _, v := range samples(t) {
		fmt.Fprintf(&got, "%s %s %s\n", v.Kind(), connecttest.Text(v), hex.EncodeToString(Append(nil, v)))
	}
	connecttest.Golden(t, filepath.Join("testdata", "values.golden"), got.String(), *update)
}

func FuzzRead(f *testing.F) {
	for _, v := range samples(f) {
		f.Add(Append(nil, v))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var a connect.Arena
		v, rest, err := Read(&a, b)
		if err != nil {
			return
		}
		again, left, err := Read(&a, Append(nil, v))
		if err != nil || len(left) != 0 || !connect.Equal(again, v) {
			t.Fatalf("%x is %s, then %s (%v)", b, connecttest.Text(v), connecttest.Text(again), err)
		}
		if size, err := Size(b); err == nil && size != len(b)-len(rest) {
			t.Fatalf("%x has size %d, and %d were read", b, size, len(b)-len(rest))
		}
	})
}
