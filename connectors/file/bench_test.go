// SPDX-License-Identifier: Apache-2.0

package file

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/connectd/connectd/connect"
)

// BenchmarkSource reads a file of 100-byte lines over and over; an op is a line.
func BenchmarkSource(b *testing.B) {
	line := strings.Repeat("x", 99) + "\n"
	json := `{"user_id":"a","type":"order","order_id":1,"note":"` + strings.Repeat("n", 46) + "\"}\n"
	for _, c := range []struct{ format, line string }{{formatString, line}, {formatJSON, json}} {
		b.Run(c.format, func(b *testing.B) {
			const lines = 1_000_000
			path := filepath.Join(b.TempDir(), "in.txt")
			if err := os.WriteFile(path, []byte(strings.Repeat(c.line, lines)), 0o600); err != nil {
				b.Fatal(err)
			}
			batch := &connect.Batch{MaxRecords: 10_000, MaxBytes: 1 << 20}
			b.SetBytes(int64(len(c.line)))
			b.ReportAllocs()
			b.ResetTimer()
			for done := 0; done < b.N; {
				task := startTask(b, map[string]string{fileKey: path, topicKey: "t", formatKey: c.format})
				for n := 0; n < lines && done < b.N; {
					batch.Reset()
					if err := task.Poll(context.Background(), batch); err != nil {
						b.Fatal(err)
					}
					n += len(batch.Records)
					done += len(batch.Records)
				}
				if err := task.Stop(context.Background()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
