// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/topics"
	"github.com/connectd/connectd/connect/worker"
)

// Herder is what the API administrates; *worker.Worker is one.
type Herder interface {
	Names() []string
	Info(name string) (worker.Info, error)
	Create(ctx context.Context, name string, config map[string]string, target topics.Target) (worker.Info, error)
	Put(ctx context.Context, name string, config map[string]string) (info worker.Info, created bool, err error)
	Patch(ctx context.Context, name string, patch map[string]*string) (worker.Info, error)
	Delete(ctx context.Context, name string) error
	SetTarget(ctx context.Context, name string, target topics.Target) error
	Restart(ctx context.Context, r topics.Restart) (worker.Status, error)
	RestartTask(ctx context.Context, name string, task int) error
	Status(name string) (worker.Status, error)
	TaskStatus(name string, task int) (worker.TaskStatus, error)
	TaskConfigs(name string) ([]worker.TaskConfig, error)
	Topics(name string) ([]string, error)
	ResetTopics(ctx context.Context, name string) error
	Positions(ctx context.Context, name string) ([]connect.Position, error)
	AlterPositions(ctx context.Context, name string, ps []connect.Position) (string, error)
	ResetPositions(ctx context.Context, name string) (string, error)
	State(name, step, key string) (worker.StateEntry, error)
	Signal(ctx context.Context, name string, s connect.Signal) error
	Validate(ctx context.Context, plugin string, config map[string]string) (*worker.ConfigInfos, error)
}

// Options are what a Server is made of.
type Options struct {
	// Version, Commit and ClusterID are what GET / answers.
	Version, Commit, ClusterID string
	Plugins                    *connect.Plugins
	// Metrics serves /metrics; nil for none.
	Metrics http.Handler
	Levels  *Levels
	// AllowOrigin and AllowMethods are access.control.allow.origin and .methods.
	AllowOrigin, AllowMethods string
	// Headers are added to every answer; see ParseHeaders.
	Headers []HeaderRule
	Log     *slog.Logger
}

// Limits of requests, so that a client cannot hold the server.
const (
	maxBody        = 16 << 20
	requestTimeout = 90 * time.Second
	healthTimeout  = 10 * time.Second
)

// Part is what a listener serves.
type Part int

// The parts. Metrics are served by all of them.
const (
	// Whole is the whole API.
	Whole Part = iota
	// WithoutAdmin is the API without what is below /admin.
	WithoutAdmin
	// Admin is only what is below /admin.
	Admin
)

// Server answers the API. Until a Herder is set, /health says "starting" and the
// connectors' routes answer 503.
type Server struct {
	o      Options
	herder chan Herder // holds the Herder once there is one
	routes map[string]map[string]handler
	mux    *http.ServeMux

	mu      sync.Mutex
	closed  bool
	servers []*http.Server // one for each listener
}

// New makes a server that is not listening yet.
func New(o Options) *Server {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	o.Log = o.Log.With(ComponentKey, "rest")
	s := &Server{o: o, herder: make(chan Herder, 1)}
	s.route()
	return s
}

// SetHerder makes the server ready. It is called once.
func (s *Server) SetHerder(h Herder) { s.herder <- h }

// get returns the Herder, and nil before there is one.
func (s *Server) get() Herder {
	select {
	case h := <-s.herder:
		s.herder <- h
		return h
	default:
		return nil
	}
}

// SetClusterID completes what GET / answers; it is called before SetHerder.
func (s *Server) SetClusterID(id string) { s.o.ClusterID = id }

// Serve answers the whole API on the listener until Close.
func (s *Server) Serve(l net.Listener) error { return s.ServePart(l, Whole) }

// ServePart answers a part of the API on the listener until Close; it may be called
// for several listeners beside each other. On one that is bound to loopback it refuses
// requests that name another host, so that a web page cannot reach it by a name of its
// own.
func (s *Server) ServePart(l net.Listener, part Part) error {
	surface := surface{s: s, part: part}
	if addr, ok := l.Addr().(*net.TCPAddr); ok {
		surface.local = addr.IP.IsLoopback()
	}
	server := &http.Server{
		Handler: surface, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: requestTimeout, WriteTimeout: requestTimeout + 10*time.Second,
		IdleTimeout: 2 * time.Minute, ErrorLog: slog.NewLogLogger(s.o.Log.Handler(), slog.LevelDebug),
	}
	if !s.keep(server) {
		return l.Close()
	}
	err := server.Serve(l)
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// keep remembers a server for Close; false after Close.
func (s *Server) keep(server *http.Server) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.servers = append(s.servers, server)
	}
	return !s.closed
}

// Close ends the server in order on all listeners; requests under way may end until
// ctx does.
func (s *Server) Close(ctx context.Context) error {
	s.mu.Lock()
	servers := s.servers
	s.closed, s.servers = true, nil
	s.mu.Unlock()
	var errs []error
	for _, server := range servers {
		errs = append(errs, server.Shutdown(ctx))
	}
	return errors.Join(errs...)
}

// surface is the server as it is seen through one listener.
type surface struct {
	s     *Server
	part  Part
	local bool
}

// ServeHTTP checks the request and passes it to its route.
func (f surface) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s := f.s
	for i := range s.o.Headers {
		s.o.Headers[i].apply(w.Header(), time.Now())
	}
	if f.local && !localHost(r) {
		answer(w, nil, &worker.Problem{Status: http.StatusForbidden, Message: "This listener is for this machine only: the Host or Origin of the request is another one."})
		return
	}
	if s.o.AllowOrigin != "" {
		w.Header().Set("Access-Control-Allow-Origin", s.o.AllowOrigin)
		if s.o.AllowMethods != "" {
			w.Header().Set("Access-Control-Allow-Methods", s.o.AllowMethods)
		}
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	trimSlash(r.URL)
	if !f.part.serves(r.URL.Path) {
		answer(w, nil, frameworkError(http.StatusNotFound))
		return
	}
	s.mux.ServeHTTP(w, r)
}

func (p Part) serves(path string) bool {
	admin := strings.HasPrefix(path, "/admin/")
	return p == Whole || path == "/metrics" || admin == (p == Admin)
}

// trimSlash takes one slash off the end of a path: /connectors/ is what many guides
// tell people to post to. An encoded slash belongs to a name and stays.
func trimSlash(u *url.URL) {
	if escaped := u.EscapedPath(); len(escaped) > 1 && strings.HasSuffix(escaped, "/") {
		u.Path, u.RawPath = strings.TrimSuffix(u.Path, "/"), strings.TrimSuffix(u.RawPath, "/")
	}
}
