// SPDX-License-Identifier: Apache-2.0

package convert

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/connectd/connectd/connect"
)

var jsonSeeds = []string{
	`{"user_id":"a","type":"order","order_id":1}`, `[1,-2.5e3,true,false,null,"x"]`, `{"a":{"b":[{}]},"a":1}`,
	`"\ud83d\ude00\u00e9"`, `123456789012345678901234567890`, `1e400`, `007`, "\"\xff\"", `{"a":1`, ``, `"\u0000"`,
	`[[[[1]]]]`, `-0.0`, `9223372036854775808`, `{"":""}`, "\"\u2028\"", `"\ud800"`, `1 2`,
}

// FuzzParseJSON compares the decoder with encoding/json: they accept the same
// documents, but for what is allowed or refused on purpose, and mean the same by them.
func FuzzParseJSON(f *testing.F) {
	for _, s := range jsonSeeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		v, err := ParseJSON(new(connect.Arena), data)
		if err != nil {
			checkRefusal(t, data, err)
			return
		}
		written := AppendJSON(nil, v)
		again, err := ParseJSON(new(connect.Arena), written)
		if err != nil {
			t.Fatalf("cannot read what was written: %s: %v", written, err)
		}
		if second := AppendJSON(nil, again); !bytes.Equal(written, second) {
			t.Fatalf("wrote %s, then %s", written, second)
		}
		if !json.Valid(data) {
			return // leading zeros, a byte order mark, an empty text
		}
		var want, got any
		if json.Unmarshal(data, &want) != nil {
			return // a number beyond float64
		}
		if err := json.Unmarshal(written, &got); err != nil {
			t.Fatalf("encoding/json refuses %s: %v", written, err)
		}
		a, _ := json.Marshal(noMinusZero(want))
		b, _ := json.Marshal(got)
		if string(a) != string(b) {
			t.Fatalf("%q means %s, written again it means %s", data, a, b)
		}
	})
}

// noMinusZero replaces -0.0, a number that the original does not have.
func noMinusZero(v any) any {
	switch x := v.(type) {
	case float64:
		if x == 0 {
			return 0.0
		}
	case []any:
		for i := range x {
			x[i] = noMinusZero(x[i])
		}
	case map[string]any:
		for k := range x {
			x[k] = noMinusZero(x[k])
		}
	}
	return v
}

// checkRefusal fails if encoding/json accepts a document that was refused for
// another reason than depth, surrogates, encoding or the size of a number.
func checkRefusal(t *testing.T, data []byte, err error) {
	var syntax *SyntaxError
	if !errors.As(err, &syntax) {
		t.Fatalf("error of another type: %v", err)
	}
	if syntax.Offset < 0 || syntax.Offset > len(data) {
		t.Fatalf("offset %d in %d bytes", syntax.Offset, len(data))
	}
	if !json.Valid(data) || !utf8.Valid(data) {
		return
	}
	for _, reason := range []string{"surrogate", "nesting", "1000 characters", "parse decimal"} {
		if strings.Contains(syntax.Reason, reason) {
			return
		}
	}
	t.Fatalf("refused %q: %v", data, err)
}

// FuzzJSONConverter throws hostile messages at the envelope and schema readers.
func FuzzJSONConverter(f *testing.F) {
	for _, s := range jsonSeeds {
		f.Add([]byte(s))
		f.Add([]byte(`{"schema":{"type":"struct","fields":[{"type":"string","field":"a"}]},"payload":{"a":` + s + `}}`))
	}
	f.Add([]byte(`{"schema":{"type":"map","keys":{"type":"int32"},"values":{"type":"array","items":{"type":"bytes"}}},"payload":[[1,["AA=="]]]}`))
	f.Add([]byte(`{"schema":{"type":"bytes","name":"org.apache.kafka.connect.data.Decimal","parameters":{"scale":"2"}},"payload":"AA=="}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		j := newJSON(t, nil)
		s, v, err := j.ToConnect(new(connect.Arena), "t", data)
		if err != nil {
			return
		}
		if err := connect.Check(s, v); err != nil {
			t.Fatalf("value does not fit its schema: %v", err)
		}
		if _, _, err := j.FromConnect(nil, "t", s, v); err != nil && !strings.Contains(err.Error(), "scale") {
			t.Fatalf("cannot be written again: %v", err)
		}
	})
}

// FuzzHeader checks that no text of a header breaks the guess, and that a guess
// that fits its schema can be written.
func FuzzHeader(f *testing.F) {
	for _, s := range []string{"", "null", "[1,2,300]", `{"a":[1,{"b":2}]}`, "2020-01-01", "14:34:54.346Z", "1e99999", `["a\"b"]`, "[[[[", "[1,null]", "-", "\xff"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var c SimpleHeader
		s, v, err := c.ToConnectHeader(new(connect.Arena), "t", "h", data)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := c.FromConnectHeader(nil, "t", "h", s, v); err != nil {
			t.Fatal(err)
		}
	})
}
