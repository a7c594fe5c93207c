// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// Options are what a Server needs.
type Options struct {
	// Store is the log; the Server opens it and closes it.
	Store Store
	// Log gets what cannot be answered to a client; nil discards it.
	Log *slog.Logger
	// Compatibility is the level where none is configured; "" is BACKWARD.
	Compatibility string
	// Timeout bounds a write; 0 is 30 s.
	Timeout time.Duration
	// ClusterID and GroupID are shown at /v1/metadata/id; GroupID "" is schema-registry.
	ClusterID, GroupID string
}

// Server is the registry, an http.Handler. It is safe for concurrent use.
type Server struct {
	o Options

	mu    sync.RWMutex // held for writing only while a record is applied
	state *state

	closing sync.Once
	closed  error
}

var _ http.Handler = (*Server)(nil)

// New opens the store, which replays the log, and returns a registry that answers from
// it. The caller owns the listener.
func New(ctx context.Context, o Options) (*Server, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Timeout == 0 {
		o.Timeout = 30 * time.Second
	}
	if o.GroupID == "" {
		o.GroupID = "schema-registry"
	}
	if o.Compatibility = strings.ToUpper(o.Compatibility); o.Compatibility == "" {
		o.Compatibility = levelBackward
	}
	if !slices.Contains(levels, o.Compatibility) {
		return nil, fmt.Errorf("open schema registry: compatibility %s: one of %s", o.Compatibility, strings.Join(levels, ", "))
	}
	s := &Server{o: o, state: newState()}
	if err := o.Store.Open(ctx, s.apply); err != nil {
		return nil, fmt.Errorf("open schema registry: %w", err)
	}
	return s, nil
}

// Close closes the store. Requests that are under way fail. It is idempotent.
func (s *Server) Close() error {
	s.closing.Do(func() { s.closed = s.o.Store.Close() })
	return s.closed
}

func (s *Server) apply(r Record) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.state.apply(r); err != nil {
		s.o.Log.Warn("a record of the registry's log has no effect", "key", string(r.Key), "error", err)
	}
}

// read runs a question on the state. One that finds nothing is asked again when the log
// has been read to its end: another server may have written it.
func read[T any](ctx context.Context, s *Server, question func(*state) (T, error)) (T, error) {
	ask := func() (T, error) {
		s.mu.RLock()
		defer s.mu.RUnlock()
		return question(s.state)
	}
	answer, err := ask()
	var f *failure
	if err == nil || !errors.As(err, &f) || f.status != http.StatusNotFound {
		return answer, err
	}
	ctx, cancel := context.WithTimeout(ctx, s.o.Timeout)
	defer cancel()
	if err := s.o.Store.Sync(ctx); err != nil {
		var none T
		s.o.Log.Error("the registry's log cannot be read to its end", "error", err)
		return none, storeFailed("Error while reading the Kafka store")
	}
	return ask()
}

// errTooLarge is what stores wrap when the log refuses a record for its size.
var errTooLarge = errors.New("the record is too large for the log")

// write runs a decision and stores what it returns. what begins the messages of failures
// of the store.
func (s *Server) write(ctx context.Context, what string, decide func(*state) ([]Record, error)) error {
	ctx, cancel := context.WithTimeout(ctx, s.o.Timeout)
	defer cancel()
	err := s.o.Store.Write(ctx, func() ([]Record, error) {
		s.mu.RLock()
		defer s.mu.RUnlock()
		return decide(s.state)
	})
	var f *failure
	switch {
	case err == nil || errors.As(err, &f):
		return err
	case errors.Is(err, errTooLarge):
		return tooLarge()
	}
	s.o.Log.Error("the registry's log cannot be written", "operation", what, "error", err)
	if errors.Is(err, context.DeadlineExceeded) {
		return timedOut(what + " operation timed out")
	}
	return storeFailed(what + " operation failed while writing to the Kafka store")
}
