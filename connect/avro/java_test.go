// SPDX-License-Identifier: Apache-2.0

package avro_test

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/connectd/connectd/connect/avro"
)

// recorded is what Avro 1.12.0 for Java answered: Schema.toString for each text, and
// SchemaCompatibility for each pair.
type recorded struct {
	Print []struct {
		Name, Schema, Text, WithRefs, Error string
		Refs                                []string
	}
	Compat []struct {
		Name, Reader, Writer, Error string
		Found                       []struct{ Type, Path, Detail string }
	}
}

func java(t testing.TB) recorded {
	t.Helper()
	data, err := os.ReadFile("testdata/java.json")
	if err != nil {
		t.Fatal(err)
	}
	var r recorded
	if err := json.Unmarshal(data, &r); err != nil {
		t.Fatal(err)
	}
	return r
}

// stricter are texts that Java reads against the specification, and this package does
// not: names have ASCII letters only.
var stricter = map[string]bool{"letter names": true}

func TestTextIsThatOfJava(t *testing.T) {
	for _, c := range java(t).Print {
		t.Run(c.Name, func(t *testing.T) {
			var refs []*avro.Schema
			for _, text := range c.Refs {
				r, err := avro.Parse(text, refs...)
				if err != nil {
					t.Fatal(err)
				}
				refs = append(refs, r)
			}
			s, err := avro.Parse(c.Schema, refs...)
			if c.Error != "" || stricter[c.Name] {
				if err == nil {
					t.Fatalf("Parse(%s) = %s; Java says %s", c.Schema, s, c.Error)
				}
				return
			}
			if err != nil {
				t.Fatalf("Parse(%s): %v; Java reads %s", c.Schema, err, c.Text)
			}
			if got := s.String(); got != c.Text {
				t.Errorf("String\n got %s\nwant %s", got, c.Text)
			}
			if got := s.Text(refs...); c.WithRefs != "" && got != c.WithRefs {
				t.Errorf("Text with references\n got %s\nwant %s", got, c.WithRefs)
			}
		})
	}
}

func TestCanReadIsThatOfJava(t *testing.T) {
	for _, c := range java(t).Compat {
		t.Run(c.Name, func(t *testing.T) {
			reader, err := avro.Parse(c.Reader)
			if err != nil {
				t.Fatal(err)
			}
			writer, err := avro.Parse(c.Writer)
			if err != nil {
				t.Fatal(err)
			}
			found, err := avro.CanRead(reader, writer)
			if (err != nil) != (c.Error != "") {
				t.Fatalf("CanRead: error %v; Java says %q", err, c.Error)
			}
			var got, want []avro.Incompatibility
			if err == nil {
				got = append(got, found...)
			}
			for _, f := range c.Found {
				want = append(want, avro.Incompatibility{Type: avro.Mismatch(f.Type), Path: f.Path, Detail: f.Detail})
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("CanRead(%s, %s): (-Java +this)\n%s", c.Reader, c.Writer, d)
			}
		})
	}
}
