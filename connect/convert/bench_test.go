// SPDX-License-Identifier: Apache-2.0

package convert

import (
	"testing"

	"github.com/connectd/connectd/connect"
)

var order = []byte(`{"user_id":"a","type":"order","order_id":1}`)

func BenchmarkDecode(b *testing.B) {
	var a connect.Arena
	var d Decoder
	b.ReportAllocs()
	b.SetBytes(int64(len(order)))
	for i := 0; b.Loop(); i++ {
		if i%1000 == 0 {
			a.Reset()
		}
		if _, err := d.Decode(&a, order); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParseJSONAndAppendJSON(b *testing.B) {
	var a connect.Arena
	var dst []byte
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if i%1000 == 0 {
			a.Reset()
		}
		v, err := ParseJSON(&a, order)
		if err != nil {
			b.Fatal(err)
		}
		dst = AppendJSON(dst[:0], v)
	}
}
