// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"net"
	"net/http"
	"strings"
	"testing"
)

func TestPartsOfTheAPI(t *testing.T) {
	s := server(&herder{})
	for path, want := range map[string][3]int{
		"/": {200, 200, 404}, "/connectors": {200, 200, 404}, "/health": {200, 200, 404}, "/metrics": {200, 200, 200},
		"/admin/loggers": {200, 404, 200}, "/admin/loggers/root": {200, 404, 200}, "/administrators": {404, 404, 404},
	} {
		for i, part := range []Part{Whole, WithoutAdmin, Admin} {
			if w := (surface{s: s, part: part}).ask("GET", path, ""); w.Code != want[i] {
				t.Errorf("part %d answers %s with %d, want %d", part, path, w.Code, want[i])
			}
		}
	}
}

func TestSeveralListeners(t *testing.T) {
	s := server(&herder{})
	paths := map[Part]string{Whole: "/connectors", WithoutAdmin: "/connectors", Admin: "/admin/loggers"}
	ended := make(chan error, len(paths))
	for part, path := range paths {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		must(t, err)
		go func() { ended <- s.ServePart(l, part) }()
		resp, err := http.Get("http://" + l.Addr().String() + path)
		must(t, err)
		must(t, resp.Body.Close())
		if resp.StatusCode != 200 {
			t.Errorf("part %d is answered %d", part, resp.StatusCode)
		}
	}
	http.DefaultClient.CloseIdleConnections()
	must(t, s.Close(deadline(t)))
	for range paths {
		must(t, <-ended)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	must(t, s.Serve(l)) // after the end it ends at once
	if _, err := net.Dial("tcp", l.Addr().String()); err == nil {
		t.Error("a closed server listens")
	}
}

// TestEveryEndpointOfTheOriginal: the routes of Kafka Connect 4.x for clients, but for
// those between workers. None of them is unknown, and none has another method.
func TestEveryEndpointOfTheOriginal(t *testing.T) {
	s := server(nil)
	for _, endpoint := range []string{
		"GET /", "GET /health", "GET /connectors", "GET /connectors?expand=status&expand=info", "POST /connectors", "GET /connectors/c", "DELETE /connectors/c",
		"GET /connectors/c/config", "PUT /connectors/c/config", "PATCH /connectors/c/config", "GET /connectors/c/status", "POST /connectors/c/restart",
		"PUT /connectors/c/pause", "PUT /connectors/c/resume", "PUT /connectors/c/stop", "GET /connectors/c/tasks", "GET /connectors/c/tasks/0/status",
		"POST /connectors/c/tasks/0/restart", "GET /connectors/c/topics", "PUT /connectors/c/topics/reset", "GET /connectors/c/offsets",
		"PATCH /connectors/c/offsets", "DELETE /connectors/c/offsets", "GET /connector-plugins", "GET /connector-plugins?connectorsOnly=false",
		"GET /connector-plugins/p/config", "PUT /connector-plugins/p/config/validate", "GET /admin/loggers", "GET /admin/loggers/root", "PUT /admin/loggers/root",
	} {
		method, path, _ := strings.Cut(endpoint, " ")
		w := ask(s, method, path, "")
		if unknown := strings.Contains(w.Body.String(), "HTTP 404"); unknown || w.Code == http.StatusMethodNotAllowed {
			t.Errorf("%s is answered %d %s", endpoint, w.Code, w.Body)
		}
	}
}
