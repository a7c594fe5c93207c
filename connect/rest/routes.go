// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"context"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/connectd/connectd/connect/worker"
)

// handler does one request. The result becomes the body: nil is an empty one. A
// *reply carries a status of its own.
type handler func(ctx context.Context, h Herder, r *http.Request) (any, error)

// reply is a result with a status and, if it has a location, that header.
type reply struct {
	status   int
	location string
	body     any
}

// route fills the table: this is the whole API.
func (s *Server) route() {
	s.routes = map[string]map[string]handler{
		"/{$}":                                        {"GET": s.root},
		"/health":                                     {"GET": s.health},
		"/connectors":                                 {"GET": listConnectors, "POST": createConnector},
		"/connectors/{name}":                          {"GET": getConnector, "DELETE": deleteConnector},
		"/connectors/{name}/config":                   {"GET": getConfig, "PUT": putConfig, "PATCH": patchConfig},
		"/connectors/{name}/status":                   {"GET": getStatus},
		"/connectors/{name}/restart":                  {"POST": restartConnector},
		"/connectors/{name}/pause":                    {"PUT": setTarget("PAUSED", http.StatusAccepted)},
		"/connectors/{name}/resume":                   {"PUT": setTarget("STARTED", http.StatusAccepted)},
		"/connectors/{name}/stop":                     {"PUT": setTarget("STOPPED", http.StatusNoContent)},
		"/connectors/{name}/tasks":                    {"GET": getTasks},
		"/connectors/{name}/tasks/{task}/status":      {"GET": getTaskStatus},
		"/connectors/{name}/tasks/{task}/restart":     {"POST": restartTask},
		"/connectors/{name}/topics":                   {"GET": getTopics},
		"/connectors/{name}/topics/reset":             {"PUT": resetTopics},
		"/connectors/{name}/offsets":                  {"GET": getOffsets, "PATCH": alterOffsets, "DELETE": resetOffsets},
		"/connectors/{name}/signals":                  {"POST": postSignal},
		"/connectors/{name}/state/{step}/{key...}":    {"GET": getState},
		"/connector-plugins":                          {"GET": s.listPlugins},
		"/connector-plugins/{plugin}/config":          {"GET": s.pluginConfig},
		"/connector-plugins/{plugin}/config/validate": {"PUT": validate},
		"/admin/loggers":                              {"GET": s.listLevels},
		"/admin/loggers/{logger}":                     {"GET": s.getLevel, "PUT": s.setLevel},
	}
	s.mux = http.NewServeMux()
	for pattern, methods := range s.routes {
		s.mux.Handle(pattern, s.dispatch(pattern, methods))
	}
	if s.o.Metrics != nil {
		s.mux.Handle("/metrics", s.o.Metrics)
	}
	s.mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, nil, frameworkError(http.StatusNotFound))
	})
}

// withoutHerder are the routes that answer before the worker is ready.
var withoutHerder = []string{"/{$}", "/health", "/connector-plugins", "/connector-plugins/{plugin}/config", "/admin/loggers", "/admin/loggers/{logger}"}

// dispatch chooses the handler by method and checks the content types.
func (s *Server) dispatch(pattern string, methods map[string]handler) http.HandlerFunc {
	allow := slices.Sorted(maps.Keys(methods))
	if methods["GET"] != nil {
		allow = append([]string{"HEAD"}, allow...)
	}
	allow = append(allow, "OPTIONS")
	early := slices.Contains(withoutHerder, pattern)
	return func(w http.ResponseWriter, r *http.Request) {
		method := r.Method
		if method == "HEAD" {
			method = "GET"
		}
		if method == "OPTIONS" {
			w.Header().Set("Allow", strings.Join(allow, ","))
			answer(w, &reply{status: http.StatusOK}, nil)
			return
		}
		do := methods[method]
		if do == nil {
			answer(w, nil, frameworkError(http.StatusMethodNotAllowed))
			return
		}
		if err := contentTypes(r); err != nil {
			answer(w, nil, err)
			return
		}
		herder := s.get()
		if herder == nil && !early {
			answer(w, nil, &worker.Problem{Status: http.StatusServiceUnavailable, Message: "The worker is starting."})
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), requestTimeout)
		defer cancel()
		result, err := do(ctx, herder, r)
		answer(w, result, err)
	}
}

// contentTypes refuses bodies that are not JSON and clients that do not take it.
func contentTypes(r *http.Request) error {
	if accept := r.Header.Get("Accept"); accept != "" && !strings.Contains(accept, "*/*") &&
		!strings.Contains(accept, "application/*") && !strings.Contains(accept, "application/json") {
		return frameworkError(http.StatusNotAcceptable)
	}
	hasBody := r.ContentLength > 0 || r.ContentLength == -1 && len(r.TransferEncoding) > 0
	if ct := r.Header.Get("Content-Type"); hasBody && ct != "" && !strings.HasPrefix(strings.ToLower(ct), "application/json") {
		return frameworkError(http.StatusUnsupportedMediaType)
	}
	return nil
}

func frameworkError(status int) error {
	return &worker.Problem{Status: status, Message: "HTTP " + statusLine(status)}
}

// localHost reports whether the request is addressed to this machine, and does not
// come from a page of another one.
func localHost(r *http.Request) bool {
	if !isLocalName(r.Host) {
		return false
	}
	origin := r.Header.Get("Origin")
	if origin == "" {
		return true
	}
	u, err := url.Parse(origin)
	return err == nil && isLocalName(u.Host)
}

func isLocalName(hostport string) bool {
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		host = strings.Trim(hostport, "[]")
	}
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}
