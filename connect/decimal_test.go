// SPDX-License-Identifier: Apache-2.0

package connect

import (
	"encoding/hex"
	"math"
	"math/big"
	"testing"

	"pgregory.net/rapid"
)

func TestParseDecimal(t *testing.T) {
	cases := []struct {
		in       string
		unscaled int64
		scale    int32
		plain    string
	}{
		{"0", 0, 0, "0"}, {"-0", 0, 0, "0"}, {"12.50", 1250, 2, "12.50"}, {"-12.50", -1250, 2, "-12.50"}, {"+5", 5, 0, "5"},
		{".5", 5, 1, "0.5"}, {"-.5", -5, 1, "-0.5"}, {"5.", 5, 0, "5"}, {"1e3", 1, -3, "1000"}, {"1E+3", 1, -3, "1000"}, {"15e-1", 15, 1, "1.5"},
		{"0.000", 0, 3, "0.000"}, {"0e5", 0, -5, "0"}, {"007", 7, 0, "7"}, {"-1.5e2", -15, -1, "-150"}, {"1e-3", 1, 3, "0.001"},
	}
	for _, c := range cases {
		t.Run(c.in, func(t *testing.T) {
			d, err := ParseDecimal(c.in)
			if err != nil || d.Unscaled.Int64() != c.unscaled || d.Scale != c.scale || d.String() != c.plain {
				t.Errorf("got %v, %v", d, err)
			}
		})
	}
	bad := []string{
		"", ".", "-", "+", "e", "1e", "e1", "1e+", "1e++5", "1e1.5", ".-5", "1.-5", "--1", "+-1", "1_000", "0x10", " 1", "1 ", "1.2.3", "NaN", "Infinity",
		"1e100001", "1e-100001", "1e99999999999999999999", "١", "1e5e5",
	}
	for _, in := range bad {
		if d, err := ParseDecimal(in); err == nil {
			t.Errorf("%q is read as %s", in, d)
		}
	}
	if _, err := ParseDecimal(string(make([]byte, maxDecimalDigits+1))); err == nil {
		t.Error("a text without a bound is read")
	}
}

func TestDecimalsThatWouldBeHuge(t *testing.T) {
	for _, scale := range []int32{math.MaxInt32, math.MinInt32, maxDecimalDigits + 1} {
		d := &Decimal{Unscaled: big.NewInt(-15), Scale: scale}
		if n := len(d.String()); n > 40 {
			t.Errorf("scale %d: a text of %d bytes", scale, n)
		}
		want := 0.0
		if scale < 0 {
			want = math.Inf(-1)
		}
		if f := d.Float(); f != want {
			t.Errorf("scale %d: as a float %v, want %v", scale, f, want)
		}
	}
}

func TestUnscaledBytesAsJava(t *testing.T) {
	for n, want := range map[int64]string{
		0: "00", 1: "01", 127: "7f", 128: "0080", 255: "00ff", 256: "0100", -1: "ff", -128: "80", -129: "ff7f", -255: "ff01", -256: "ff00",
		-32768: "8000", 32767: "7fff", math.MinInt64: "8000000000000000", math.MaxInt64: "7fffffffffffffff",
	} {
		d := &Decimal{Unscaled: big.NewInt(n), Scale: 2}
		if got := hex.EncodeToString(d.UnscaledBytes()); got != want {
			t.Errorf("%d: got %s, want %s", n, got, want)
		}
	}
	if d := DecimalFromBytes(nil, 3); d.Unscaled.Sign() != 0 || d.Scale != 3 {
		t.Errorf("no bytes are %s", d)
	}
}

func anyDecimal() *rapid.Generator[*Decimal] {
	return rapid.Custom(func(t *rapid.T) *Decimal {
		b := rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(t, "bytes")
		return DecimalFromBytes(b, rapid.Int32Range(-300, 300).Draw(t, "scale"))
	})
}

func TestDecimalProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := anyDecimal().Draw(t, "decimal")
		b := d.UnscaledBytes()
		if again := DecimalFromBytes(b, d.Scale); !again.Equal(d) {
			t.Fatalf("%s comes back as %s", d, again)
		}
		if len(b) > 1 && (b[0] == 0 && b[1] < 0x80 || b[0] == 0xff && b[1] >= 0x80) {
			t.Fatalf("%x is not the shortest", b)
		}
		text, err := ParseDecimal(d.String())
		if err != nil {
			t.Fatal(err)
		}
		if d.Scale >= 0 && !text.Equal(d) {
			t.Fatalf("%s is read as %s", d, text)
		}
		exact, _ := new(big.Rat).SetString(d.scientific())
		if value, _ := new(big.Rat).SetString(text.String()); value.Cmp(exact) != 0 {
			t.Fatalf("%s is another number than %s", text, d.scientific())
		}
		if want, _ := exact.Float64(); d.Float() != want {
			t.Fatalf("%s as a float is %v, want %v", d, d.Float(), want)
		}
	})
}

func FuzzParseDecimal(f *testing.F) {
	for _, s := range []string{"0", "-12.50", "1e3", ".5", "5.", "1e-99999", "++1", "e"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, err := ParseDecimal(s)
		if err != nil {
			return
		}
		again, err := ParseDecimal(d.scientific())
		if err != nil && d.Scale > -maxDecimalDigits && d.Scale < maxDecimalDigits {
			t.Fatalf("%q: %v", s, err)
		}
		if err == nil && !again.Equal(d) {
			t.Fatalf("%q is %s, then %s", s, d.scientific(), again.scientific())
		}
	})
}
