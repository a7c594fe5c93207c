// SPDX-License-Identifier: Apache-2.0

package server_test

import (
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/connectd/connectd/connect/schemaregistry/server"
)

var update = flag.Bool("update", false, "write the golden files")

func TestMain(m *testing.M) {
	// The client library's metrics have a goroutine for the whole process.
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("github.com/rcrowley/go-metrics.(*meterArbiter).tick"))
}

// open starts a registry on a store and closes it with the test.
func open(t testing.TB, store server.Store) *server.Server {
	t.Helper()
	s, err := server.New(t.Context(), server.Options{Store: store, ClusterID: "cluster", Log: slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelError}))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// exchange is one request and its answer in a golden file: lines that begin with ">" are
// the method and path, headers, and the body; lines with "<" the answer, whose media type
// is given where it is not the usual one. Other lines are comments.
type exchange struct {
	comment, request []string
	want             []string
}

func readExchanges(t *testing.T, path string) []exchange {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var list []exchange
	var e exchange
	for _, line := range strings.Split(strings.TrimRight(string(data), "\n"), "\n") {
		rest, asks := strings.CutPrefix(line, "> ")
		if len(e.request) > 0 && (line == "" || asks && begins(rest)) {
			list = append(list, e)
			e = exchange{}
		}
		switch {
		case asks:
			e.request = append(e.request, rest)
		case strings.HasPrefix(line, "< "):
			e.want = append(e.want, line[2:])
		case line != "":
			e.comment = append(e.comment, line)
		}
	}
	if len(e.request) > 0 {
		list = append(list, e)
	}
	return list
}

// begins reports whether a line is the first one of a request.
func begins(line string) bool {
	method, path, _ := strings.Cut(line, " ")
	return strings.ToUpper(method) == method && strings.HasPrefix(path, "/")
}

func ask(h http.Handler, lines []string) []string {
	method, path, _ := strings.Cut(lines[0], " ")
	body := ""
	headers := lines[1:]
	if n := len(headers); n > 0 && !strings.HasPrefix(headers[n-1], "Accept:") && !strings.HasPrefix(headers[n-1], "Content-Type:") {
		body, headers = headers[n-1], headers[:n-1]
	}
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/vnd.schemaregistry.v1+json")
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	answer := w.Result()
	got, _ := io.ReadAll(answer.Body)
	status := fmt.Sprint(answer.StatusCode)
	if media := answer.Header.Get("Content-Type"); media != "application/vnd.schemaregistry.v1+json" {
		status += " " + media
	}
	if len(got) == 0 {
		return []string{status}
	}
	return []string{status, string(got)}
}

// TestRoutes runs the conversations of testdata/http, each on a registry of its own.
func TestRoutes(t *testing.T) {
	files, err := filepath.Glob("testdata/http/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no conversations", err)
	}
	for _, path := range files {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) {
			h := open(t, server.NewMemoryStore())
			var out strings.Builder
			for _, e := range readExchanges(t, path) {
				got := ask(h, e.request)
				if d := cmp.Diff(e.want, got); d != "" && !*update {
					t.Errorf("%s: (-want +got)\n%s", strings.Join(e.request, "\n"), d)
				}
				for _, line := range e.comment {
					out.WriteString(line + "\n")
				}
				out.WriteString("> " + strings.Join(e.request, "\n> ") + "\n< " + strings.Join(got, "\n< ") + "\n\n")
			}
			if *update {
				if err := os.WriteFile(path, []byte(strings.TrimRight(out.String(), "\n")+"\n"), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}
