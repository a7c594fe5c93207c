// SPDX-License-Identifier: Apache-2.0

package file

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/connecttest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func appendTo(t testing.TB, path, text string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err == nil {
		_, err = f.WriteString(text)
	}
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
}

// sourceDriver writes numbered lines in a format.
func sourceDriver(t *testing.T, format, poison string, line func(i int) string, check func(t testing.TB, i int, v connect.Value)) connecttest.SourceDriver {
	path := filepath.Join(t.TempDir(), "in.txt")
	if format == formatCSV {
		appendTo(t, path, "n,s\n")
	}
	next := 0
	return connecttest.SourceDriver{
		Plugin: SourcePlugin(),
		Config: map[string]string{fileKey: path, topicKey: "lines", formatKey: format},
		Write: func(n int) {
			var b strings.Builder
			for range n {
				b.WriteString(line(next) + "\n")
				next++
			}
			appendTo(t, path, b.String())
		},
		Check: func(t testing.TB, i int, r *connect.Record) {
			t.Helper()
			if r.Topic != "lines" || r.Err != nil || string(r.RawValue) != line(i) {
				t.Fatalf("record %d: topic %s, error %v, raw %q", i, r.Topic, r.Err, r.RawValue)
			}
			check(t, i, r.Value)
		},
		Poison: func() { appendTo(t, path, poison+"\n") },
	}
}

func TestSourceSuite(t *testing.T) {
	t.Run("string", func(t *testing.T) {
		connecttest.Source(t, func(t *testing.T) connecttest.SourceDriver {
			line := func(i int) string { return fmt.Sprintf("line %d é", i) }
			return sourceDriver(t, formatString, "bad \xff", line, func(t testing.TB, i int, v connect.Value) {
				if v.Str() != line(i) {
					t.Fatalf("line %d is %q", i, v.Str())
				}
			})
		})
	})
	t.Run("json", func(t *testing.T) {
		connecttest.Source(t, func(t *testing.T) connecttest.SourceDriver {
			line := func(i int) string { return fmt.Sprintf(`{"n":%d}`, i) }
			return sourceDriver(t, formatJSON, "{bad", line, func(t testing.TB, i int, v connect.Value) {
				if n, _ := v.Get("n"); n.Int() != int64(i) || n.Kind() != connect.KindInt64 {
					t.Fatalf("line %d holds %s %d", i, n.Kind(), n.Int())
				}
			})
		})
	})
	t.Run("csv", func(t *testing.T) {
		connecttest.Source(t, func(t *testing.T) connecttest.SourceDriver {
			line := func(i int) string { return fmt.Sprintf(`%d,"x, ""y"""`, i) }
			return sourceDriver(t, formatCSV, "1,2,3", line, func(t testing.TB, i int, v connect.Value) {
				n, _ := v.Get("n")
				s, _ := v.Get("s")
				if n.Str() != fmt.Sprint(i) || s.Str() != `x, "y"` {
					t.Fatalf("line %d holds %q and %q", i, n.Str(), s.Str())
				}
			})
		})
	})
}

func sinkDriver(t *testing.T, once bool) connecttest.SinkDriver {
	path := filepath.Join(t.TempDir(), "out.txt")
	return connecttest.SinkDriver{
		Plugin: SinkPlugin(),
		Config: map[string]string{fileKey: path, exactlyOnceKey: fmt.Sprint(once)},
		Record: func(i int, r *connect.Record) { r.Value = connect.String(fmt.Sprintf("value %d", i)) },
		Read: func(t testing.TB) []string {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			lines := strings.Split(string(text), "\n")
			return lines[:len(lines)-1]
		},
		Want:        func(i int) string { return fmt.Sprintf("value %d", i) },
		ExactlyOnce: once,
	}
}

func TestSinkSuite(t *testing.T) {
	for _, once := range []bool{false, true} {
		t.Run(fmt.Sprintf("exactly once %t", once), func(t *testing.T) {
			connecttest.Sink(t, func(t *testing.T) connecttest.SinkDriver { return sinkDriver(t, once) })
		})
	}
}
