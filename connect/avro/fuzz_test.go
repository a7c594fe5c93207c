// SPDX-License-Identifier: Apache-2.0

package avro_test

import (
	"testing"

	"github.com/connectd/connectd/connect/avro"
)

// FuzzParse checks that what is read is written as the same schema, in its own form and
// in the normal one, and that a schema can read itself.
func FuzzParse(f *testing.F) {
	for _, c := range java(f).Print {
		f.Add(c.Schema)
	}
	for _, c := range java(f).Compat {
		f.Add(c.Reader)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := avro.Options{LaxDefaults: true}.Parse(text)
		if err != nil {
			return
		}
		again, err := avro.Options{LaxDefaults: true}.Parse(s.String())
		if err != nil {
			t.Fatalf("read %s again: %v", s, err)
		}
		if again.String() != s.String() || !avro.Equal(s, again) {
			t.Fatalf("%s became %s", s, again)
		}
		normal := avro.Normalize(s)
		if twice := avro.Normalize(normal); twice.String() != normal.String() {
			t.Fatalf("normalized twice:\n%s\n%s", normal, twice)
		}
		if found, err := avro.CanRead(s, again); err == nil && len(found) > 0 {
			t.Fatalf("%s cannot read itself: %v", s, found)
		}
	})
}

func FuzzParseJSON(f *testing.F) {
	f.Add(`{"a":[1,2.50,1e3,null,true,"\u0001é"],"a":{}}`)
	f.Add(`-0.0`)
	f.Fuzz(func(t *testing.T, text string) {
		v, err := avro.ParseJSON([]byte(text))
		if err != nil {
			return
		}
		again, err := avro.ParseJSON([]byte(v.String()))
		if err != nil {
			t.Fatalf("read %s again: %v", v, err)
		}
		if again.String() != v.String() {
			t.Fatalf("%s became %s", v, again)
		}
	})
}
