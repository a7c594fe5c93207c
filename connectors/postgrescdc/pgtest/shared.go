// SPDX-License-Identifier: Apache-2.0

package pgtest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

// Env is the environment variable that names the server that Shared returns, by its
// postgres:// URL.
const Env = "CONNECTD_TEST_POSTGRES"

// shared is the one server of a test process: starting one takes a second or two,
// as much as all the tests of a package.
var shared struct {
	mu  sync.Mutex
	srv *Server
	err error
}

// Shared returns the server of this test process, which the first call starts. It
// fails the test if there is none. Tests must not stop it; they work in a Database
// of their own, with names of slots from Name. Main stops it at the end.
func Shared(t testing.TB) *Server {
	t.Helper()
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if shared.srv == nil && shared.err == nil {
		shared.srv, shared.err = startShared()
	}
	if shared.err != nil {
		t.Fatalf("tests need a PostgreSQL server: %v", shared.err)
	}
	return shared.srv
}

func startShared() (*Server, error) {
	if u := os.Getenv(Env); u != "" {
		return Connect(u)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	return Start(ctx, "", Options{})
}

func closeShared() error {
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if shared.srv == nil {
		return nil
	}
	err := shared.srv.Close()
	shared.srv = nil
	return err
}

// Main runs the tests, stops the shared server and ends the process: the body of
// TestMain. Without it the server ends with the process, on Linux, and its directory
// is left to the next process to remove.
func Main(m *testing.M) { os.Exit(Runner{m}.Run()) }

// Runner is Main for others that run tests, as
// goleak.VerifyTestMain(pgtest.Runner{M: m}) does.
type Runner struct {
	// M runs the tests, usually a *testing.M.
	M interface{ Run() int }
}

// Run runs the tests and stops the shared server. The code is that of the tests, or
// 1 if only stopping failed.
func (r Runner) Run() int {
	code := r.M.Run()
	if err := closeShared(); err != nil {
		fmt.Fprintln(os.Stderr, "stop shared PostgreSQL server:", err)
		code = max(code, 1)
	}
	return code
}

// Name returns a name of lower-case letters, digits and underscores that starts with
// prefix and that no other test uses: for slots, publications and roles, which are
// not part of a database or outlive it. It has at most 63 bytes.
func Name(t testing.TB, prefix string) string {
	t.Helper()
	clean := strings.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z', '0' <= r && r <= '9':
			return r
		case 'A' <= r && r <= 'Z':
			return r + 'a' - 'A'
		}
		return '_'
	}, prefix)
	return clean[:min(len(clean), 50)] + "_" + strings.ToLower(rand.Text()[:12])
}

// Database creates a database that is named after the test and is dropped with it,
// together with its replication slots; sessions that are still open are ended. It
// returns the name.
func (s *Server) Database(t testing.TB) string {
	t.Helper()
	name := Name(t, t.Name())
	s.MustExec(t, "postgres", "CREATE DATABASE "+name)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		if err := s.dropDatabase(ctx, name); err != nil {
			t.Errorf("drop database of the test: %v", err)
		}
	})
	return name
}

// dropDatabase tries again until ctx ends: a walsender that was told to end holds
// its slot for a moment.
func (s *Server) dropDatabase(ctx context.Context, name string) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := s.tryDrop(ctx, name)
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return errors.Join(err, ctx.Err())
		}
	}
}

// tryDrop removes what keeps a database from being dropped, then drops it.
func (s *Server) tryDrop(ctx context.Context, name string) error {
	slots, err := s.Query(ctx, "postgres", `SELECT quote_literal(slot_name), pg_terminate_backend(active_pid)
		FROM pg_replication_slots WHERE database = '`+name+`'`)
	if err != nil {
		return err
	}
	for _, slot := range slots {
		if err := s.Exec(ctx, "postgres", "SELECT pg_drop_replication_slot("+slot[0]+")"); err != nil {
			return err
		}
	}
	prepared, err := s.Query(ctx, "postgres", "SELECT quote_literal(gid) FROM pg_prepared_xacts WHERE database = '"+name+"'")
	if err != nil {
		return err
	}
	for _, xact := range prepared {
		if err := s.Exec(ctx, name, "ROLLBACK PREPARED "+xact[0]); err != nil {
			return err
		}
	}
	return s.Exec(ctx, "postgres", "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)")
}
