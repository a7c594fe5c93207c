// SPDX-License-Identifier: Apache-2.0

package convert

import (
	"bufio"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/connectd/connectd/connect"
)

// recorded is one answer of the original; see testdata/Record.java.
type recorded struct {
	Settings string  `json:"settings"`
	In       string  `json:"in"`
	Out      *string `json:"out"`
	Text     *string `json:"text"`
	Type     string  `json:"type"`
	Error    string  `json:"error"`
}

func readRecorded(t *testing.T, file string) []recorded {
	t.Helper()
	f, err := os.Open("testdata/" + file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var all []recorded
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		var r recorded
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			t.Fatal(err)
		}
		all = append(all, r)
	}
	if len(all) == 0 {
		t.Fatalf("%s is empty", file)
	}
	return all
}

func settings(text string) map[string]string {
	props := make(map[string]string)
	for _, s := range strings.Split(text, ";") {
		if key, value, ok := strings.Cut(s, "="); ok {
			props[key] = value
		}
	}
	return props
}

func newJSON(t testing.TB, props map[string]string) *JSON {
	t.Helper()
	c, errs := jsonKeys.Parse(props)
	if errs != nil {
		t.Fatal(errs)
	}
	j, err := NewJSON(c)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

// better lists the documents for which this converter differs on purpose, with
// what it writes, or the error: what the original changes silently is kept or refused.
var better = map[string]string{
	`123456789012345678901234567890`: `123456789012345678901234567890`,
	`1e400`:                          `1E+400`,
	`"\ud800"`:                       `error: half of a surrogate pair is not a character`,
	`{"schema":{"type":"int8","optional":false},"payload":300}`:                             `error: Invalid value for INT8: 300 is not an integer of its range`,
	`{"schema":{"type":"int32","optional":false},"payload":"x"}`:                            `error: Invalid type for INT32, found STRING`,
	`{"schema":{"type":"int32","optional":false},"payload":1.5}`:                            `error: Invalid value for INT32: 1.5 is not an integer of its range`,
	`{"schema":{"type":"int64","optional":false},"payload":123456789012345678901234567890}`: `error: Invalid value for INT64: 123456789012345678901234567890 is not an integer of its range`,
	`{"schema":{"type":"boolean","optional":false},"payload":1}`:                            `error: Invalid type for BOOLEAN, found NUMBER`,
	`{"schema":{"type":"string","optional":false},"payload":5}`:                             `error: Invalid type for STRING, found NUMBER`,
	`{"schema":{"type":"double","optional":false},"payload":"NaN"}`:                         `{"schema":{"type":"double","optional":false},"payload":"NaN"}`,
	`{"schema":{"type":"array","items":{"type":"int32"}},"payload":5}`:                      `error: Invalid type for ARRAY, found NUMBER`,
}

func TestJSONAgreesWithRecordings(t *testing.T) {
	for _, r := range readRecorded(t, "json.jsonl") {
		t.Run(r.Settings+" "+r.In, func(t *testing.T) {
			j := newJSON(t, settings(r.Settings))
			var a connect.Arena
			s, v, err := j.ToConnect(&a, "t", []byte(r.In))
			var out []byte
			var null bool
			if err == nil {
				out, null, err = j.FromConnect(nil, "t", s, v)
			}
			if want, ok := better[r.In]; ok {
				checkBetter(t, want, string(out), err)
				return
			}
			switch {
			case r.Error != "" && err == nil:
				t.Fatalf("got %s, the original refuses: %s", out, r.Error)
			case r.Error != "" && !strings.HasPrefix(err.Error(), r.Error):
				t.Fatalf("error %q does not begin with the original's %q", err, r.Error)
			case r.Error != "":
				return
			case err != nil:
				t.Fatalf("error %v, the original gives %s", err, text(r.Out))
			case null != (r.Out == nil) || !null && string(out) != *r.Out:
				t.Fatalf("got %s, the original gives %s", out, text(r.Out))
			}
			if asText, null, _ := (&String{}).FromConnect(nil, "t", s, v); !null && v.Kind() != connect.KindBytes && string(asText) != text(r.Text) {
				t.Errorf("as text %s, the original gives %s", asText, text(r.Text))
			}
		})
	}
}

func checkBetter(t *testing.T, want, out string, err error) {
	t.Helper()
	if rule, ok := strings.CutPrefix(want, "error: "); ok {
		if err == nil || !strings.HasSuffix(err.Error(), rule) {
			t.Fatalf("got %s and error %v, want %s", out, err, want)
		}
		return
	}
	if err != nil || out != want {
		t.Fatalf("got %s and error %v, want %s", out, err, want)
	}
}

func text(s *string) string {
	if s == nil {
		return "no bytes"
	}
	return *s
}

func TestHeadersAgreeWithRecordings(t *testing.T) {
	for _, r := range readRecorded(t, "headers.jsonl") {
		t.Run(r.In, func(t *testing.T) {
			var a connect.Arena
			var c SimpleHeader
			s, v, err := c.ToConnectHeader(&a, "t", "h", []byte(r.In))
			if err != nil {
				t.Fatal(err)
			}
			got := typeText(s)
			if v.IsNull() {
				got = "null"
			}
			want := r.Type
			if strings.Contains(want, "none") {
				want = "none" // a list of what has no type has no schema here
			}
			if got != want {
				t.Errorf("type %s, the original guesses %s", got, r.Type)
			}
			out, null, err := c.FromConnectHeader(nil, "t", "h", s, v)
			if err != nil || null != (r.Out == nil) || !null && string(out) != *r.Out {
				t.Errorf("written again %q, %v, the original gives %q", out, err, text(r.Out))
			}
		})
	}
}

func typeText(s *connect.Schema) string {
	switch {
	case s == nil:
		return "none"
	case s.Type() == connect.TypeArray:
		return "array(" + typeText(s.Elem()) + ")"
	case s.Type() == connect.TypeMap:
		return "map(" + typeText(s.Key()) + "," + typeText(s.Elem()) + ")"
	case s.Name() != "":
		return connect.SimpleName(s.Name())
	default:
		return s.Type().String()
	}
}
