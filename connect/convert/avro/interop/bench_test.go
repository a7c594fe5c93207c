// SPDX-License-Identifier: Apache-2.0

package interop

import (
	"encoding/hex"
	"os"
	"path/filepath"
	"testing"

	"github.com/connectd/connectd/connect"
)

// BenchmarkOrder reads and writes the record of the other benchmarks, and reports how
// many times as long fastavro takes for the same bytes, measured in the same run.
func BenchmarkOrder(b *testing.B) {
	text, err := os.ReadFile(filepath.Join("..", "testdata", "order.avsc"))
	if err != nil {
		b.Fatal(err)
	}
	v, m := message(b, string(text), 3)
	peer := ask(b, []request{{Schema: string(text), Data: hex.EncodeToString(m[5:]), Seconds: 1}})[0]
	if peer.Error != "" {
		b.Fatal(peer.Error)
	}
	s := v.Struct().Schema
	c := converter(b, string(text), nil)
	b.Run("read", func(b *testing.B) {
		arena := new(connect.Arena)
		for i := 0; b.Loop(); i++ {
			if i%1000 == 0 {
				arena.Reset()
			}
			if _, _, err := c.ToConnect(arena, "t", m); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(peer.ReadNS, "fastavro-ns/op")
		b.ReportMetric(peer.ReadNS/(float64(b.Elapsed().Nanoseconds())/float64(b.N)), "times-fastavro")
	})
	b.Run("write", func(b *testing.B) {
		var dst []byte
		for b.Loop() {
			if dst, _, err = c.FromConnect(dst[:0], "t", s, v); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(peer.WriteNS, "fastavro-ns/op")
		b.ReportMetric(peer.WriteNS/(float64(b.Elapsed().Nanoseconds())/float64(b.N)), "times-fastavro")
	})
}
