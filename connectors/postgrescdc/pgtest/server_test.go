// SPDX-License-Identifier: Apache-2.0

package pgtest

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

func start(t *testing.T, opts Options) *Server {
	t.Helper()
	srv, err := Start(t.Context(), "", opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := srv.Close(); err != nil {
			t.Errorf("close server: %v", err)
		}
	})
	return srv
}

func one(t *testing.T, s *Server, sql string) string {
	t.Helper()
	rows := s.MustQuery(t, "postgres", sql)
	if len(rows) != 1 || len(rows[0]) != 1 {
		t.Fatalf("%s returned %v, not one value", sql, rows)
	}
	return rows[0][0]
}

func TestSettings(t *testing.T) {
	srv := start(t, Options{
		User:             "admin",
		WalSenderTimeout: 1500 * time.Millisecond,
		Settings:         map[string]string{"application_name": "it's", "wal_keep_size": "16MB"},
	})
	want := map[string]string{
		"wal_level":             "logical",
		"max_wal_senders":       "40",
		"max_replication_slots": "40",
		"fsync":                 "off",
		"wal_sender_timeout":    "1500ms",
		"wal_keep_size":         "16MB",
		"listen_addresses":      "127.0.0.1",
		"server_encoding":       "UTF8",
	}
	for name, value := range want {
		if got := one(t, srv, "SHOW "+name); got != value {
			t.Errorf("%s is %q, want %q", name, got, value)
		}
	}
	if got := one(t, srv, "SELECT current_user"); got != "admin" {
		t.Errorf("user of the URL is %s", got)
	}
	// A setting of ALTER SYSTEM must take effect: tests change what they test.
	srv.MustExec(t, "postgres", "ALTER SYSTEM SET wal_sender_timeout = '7s'")
	if err := srv.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := one(t, srv, "SHOW wal_sender_timeout"); got != "7s" {
		t.Errorf("after ALTER SYSTEM and restart wal_sender_timeout is %s", got)
	}
}

func TestStopRestart(t *testing.T) {
	for _, mode := range []Mode{Fast, Immediate} {
		t.Run(string(mode), func(t *testing.T) {
			srv := start(t, Options{})
			addr, pid := srv.Addr(), srv.Pid()
			srv.MustExec(t, "postgres", "CREATE TABLE kept AS SELECT 42 AS v")
			if err := srv.Stop(t.Context(), mode); err != nil {
				t.Fatal(err)
			}
			if srv.Pid() != 0 {
				t.Errorf("stopped server has pid %d", srv.Pid())
			}
			if err := srv.Exec(t.Context(), "postgres", "SELECT 1"); err == nil {
				t.Error("stopped server answers")
			}
			if err := srv.Stop(t.Context(), mode); err != nil {
				t.Errorf("second stop: %v", err)
			}
			if err := srv.Restart(t.Context()); err != nil {
				t.Fatal(err)
			}
			if got := one(t, srv, "SELECT v FROM kept"); got != "42" {
				t.Errorf("table holds %s after the restart", got)
			}
			if srv.Addr() != addr || srv.Pid() == pid {
				t.Errorf("address %s before, %s after; pid %d and %d", addr, srv.Addr(), pid, srv.Pid())
			}
			log, err := os.ReadFile(srv.LogPath())
			if err != nil {
				t.Fatal(err)
			}
			if crashed := strings.Contains(string(log), "not properly shut down"); crashed != (mode == Immediate) {
				t.Errorf("mode %s, log says crash recovery: %v", mode, crashed)
			}
		})
	}
}

func TestStopRefusesUnknownMode(t *testing.T) {
	srv := &Server{launch: &native{}}
	err := srv.Stop(t.Context(), "smart")
	if err == nil || !strings.Contains(err.Error(), `"smart" must be "fast" or "immediate"`) {
		t.Errorf("error %v", err)
	}
}

func TestRestartAfterCrash(t *testing.T) {
	srv := start(t, Options{})
	proc, err := os.FindProcess(srv.Pid())
	if err != nil {
		t.Fatal(err)
	}
	if err := proc.Kill(); err != nil {
		t.Fatal(err)
	}
	<-srv.proc.done
	if err := srv.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := one(t, srv, "SELECT 1"); got != "1" {
		t.Errorf("server says %s", got)
	}
}

func TestCloseRemovesOnlyWhatItMade(t *testing.T) {
	srv, err := Start(t.Context(), "", Options{})
	if err != nil {
		t.Fatal(err)
	}
	dir := srv.dir
	for range 2 {
		if err := srv.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("directory is still there: %v", err)
	}
}

func TestNamedDirKeepsItsData(t *testing.T) {
	// t.TempDir is below a directory that only this user may enter.
	parent, err := os.MkdirTemp("", "pgtest-named-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(parent); err != nil {
			t.Error(err)
		}
	})
	if err := os.Chmod(parent, 0o755); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(parent, "shop")
	for _, sql := range []string{"CREATE TABLE kept (v int)", "INSERT INTO kept VALUES (1)"} {
		srv, err := Start(t.Context(), dir, Options{})
		if err != nil {
			t.Fatal(err)
		}
		srv.MustExec(t, "postgres", sql)
		if err := srv.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "data", "PG_VERSION")); err != nil {
		t.Errorf("cluster in a directory that was named: %v", err)
	}
}

func TestFixedPortInUse(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, err = Start(t.Context(), "", Options{Port: l.Addr().(*net.TCPAddr).Port})
	if err == nil || !strings.Contains(err.Error(), "Address already in use") {
		t.Errorf("start on a used port: %v", err)
	}
}

func TestSocketAndPrograms(t *testing.T) {
	srv := start(t, Options{})
	initdb, err := srv.Bin("initdb")
	if err != nil || !executable(initdb) {
		t.Errorf("initdb at %s: %v", initdb, err)
	}
	if _, err := srv.Bin("nonsense"); err == nil {
		t.Error("there is a program nonsense")
	}
	if dir := srv.SocketDir(); filepath.Dir(dir) != srv.dir {
		t.Fatalf("socket in %q, not below %s", dir, srv.dir)
	}
	conn, err := pgconn.Connect(t.Context(), "host="+srv.SocketDir()+" port="+strconv.Itoa(srv.Port())+" user="+srv.User()+" dbname=postgres sslmode=disable")
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.Close(t.Context()); err != nil {
		t.Error(err)
	}
	long := &native{dir: "/" + strings.Repeat("d", 100)}
	if got := long.sockets(); got != "" {
		t.Errorf("socket directory of a long path is %s", got)
	}
}

// TestExistingServerIsNotTouched has a server where clients look by default, and all
// variables that lead there.
func TestExistingServerIsNotTouched(t *testing.T) {
	existing := start(t, Options{Port: defaultPortIfFree(t)})
	before := footprint(t, existing)
	t.Setenv("PGHOST", existing.Host())
	t.Setenv("PGPORT", strconv.Itoa(existing.Port()))
	t.Setenv("PGDATA", filepath.Join(existing.dir, "data"))
	t.Setenv("PGDATABASE", "template1")
	t.Setenv("PGUSER", "nobody_at_all")

	private := start(t, Options{})
	private.MustExec(t, "postgres", "CREATE DATABASE elsewhere")
	if err := private.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := private.Stop(t.Context(), Immediate); err != nil {
		t.Fatal(err)
	}
	if err := private.Close(); err != nil {
		t.Fatal(err)
	}
	if after := footprint(t, existing); after != before {
		t.Errorf("the existing server changed:\nbefore %s\nafter  %s", before, after)
	}
}

// defaultPortIfFree is 0 where a server is at the default port already: that one is
// left alone.
func defaultPortIfFree(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:5432")
	if err != nil {
		t.Logf("the default port is taken, its place takes another: %v", err)
		return 0
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return 5432
}

// footprint is what a visitor would change: when the server started, its databases,
// its settings, the files of its cluster that are no statistics.
func footprint(t *testing.T, s *Server) string {
	t.Helper()
	// A session of ours that has been closed is there for a moment more.
	deadline := time.Now().Add(time.Minute)
	for one(t, s, "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()") != "0" {
		if time.Now().After(deadline) {
			t.Fatal("somebody else is connected to the existing server")
		}
	}
	state := one(t, s, "SELECT concat_ws(' ', pg_postmaster_start_time(), (SELECT string_agg(datname, ',' ORDER BY datname) FROM pg_database))")
	for _, name := range []string{"postgresql.conf", "connectd.conf", "postmaster.pid", "PG_VERSION"} {
		info, err := os.Stat(filepath.Join(s.dir, "data", name))
		if err != nil {
			t.Fatal(err)
		}
		state += " " + name + "@" + info.ModTime().String()
	}
	return state
}

func TestStartEndsWithContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Start(ctx, "", Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}
