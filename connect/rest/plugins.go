// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"context"
	"net/http"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/worker"
)

// pluginEntry is one element of GET /connector-plugins.
type pluginEntry struct {
	Class   string             `json:"class"`
	Type    connect.PluginKind `json:"type"`
	Version string             `json:"version,omitempty"`
}

func (s *Server) root(context.Context, Herder, *http.Request) (any, error) {
	return struct {
		Version string `json:"version"`
		Commit  string `json:"commit"`
		Cluster string `json:"kafka_cluster_id"`
	}{s.o.Version, s.o.Commit, s.o.ClusterID}, nil
}

func (s *Server) health(_ context.Context, h Herder, _ *http.Request) (any, error) {
	type body struct {
		Status  string `json:"status"`
		Message string `json:"message"`
	}
	if h == nil {
		return &reply{status: http.StatusServiceUnavailable, body: body{"starting", "Worker is still starting up."}}, nil
	}
	return body{"healthy", "Worker has completed startup and is ready to handle requests."}, nil
}

// listPlugins lists sinks and sources, and with connectorsOnly=false all kinds, in the
// order of the original.
func (s *Server) listPlugins(_ context.Context, _ Herder, r *http.Request) (any, error) {
	p := s.o.Plugins
	out := []pluginEntry{}
	for i := range p.Sinks {
		out = append(out, pluginEntry{p.Sinks[i].Class, connect.KindSink, p.Sinks[i].Version})
	}
	for i := range p.Sources {
		out = append(out, pluginEntry{p.Sources[i].Class, connect.KindSource, p.Sources[i].Version})
	}
	if r.URL.Query().Get("connectorsOnly") != "false" {
		return out, nil
	}
	for i := range p.Transforms {
		out = append(out, pluginEntry{p.Transforms[i].Class, connect.KindTransformation, p.Transforms[i].Version})
	}
	for i := range p.Predicates {
		out = append(out, pluginEntry{p.Predicates[i].Class, connect.KindPredicate, p.Predicates[i].Version})
	}
	for i := range p.Converters {
		if p.Converters[i].New != nil {
			out = append(out, pluginEntry{p.Converters[i].Class, connect.KindConverter, p.Converters[i].Version})
		}
	}
	for i := range p.Converters {
		if p.Converters[i].NewHeader != nil {
			out = append(out, pluginEntry{p.Converters[i].Class, connect.KindHeaderConverter, p.Converters[i].Version})
		}
	}
	return out, nil
}

// pluginConfig describes the keys of a plugin: its own first, then the framework's.
func (s *Server) pluginConfig(_ context.Context, _ Herder, r *http.Request) (any, error) {
	name := r.PathValue("plugin")
	keys, ok := worker.PluginKeys(s.o.Plugins, name)
	if !ok {
		return nil, &worker.Problem{Status: http.StatusNotFound, Message: "Unknown plugin " + name + "."}
	}
	return worker.Describe(keys), nil
}
